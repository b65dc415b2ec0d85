"""Labels of a ScanNet++ scene: segments and their groups to objects of benchmark classes (paper 4.1: test scenes).

Annotators wrote freely; the benchmark's table maps what they wrote to a class, or to none. Groups overlap: a vertex
belongs to the smallest of its groups that has a class, as in the data set's toolkit. Instances are numbered anew.
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.datasets.annotated_scene import Annotation, classes_of
from fast3dis_core.datasets.files import DataSetFiles
from fast3dis_core.datasets.mesh import Mesh, check_vertices
from fast3dis_core.datasets.segments import members, read_groups, read_segments

SCANNETPP = DataSetFiles(name="ScanNet++", remedy="download the scene again with the data set's script")
MESH, SEGMENTS, GROUPS = "mesh_aligned_0.05.ply", "segments.json", "segments_anno.json"  # in scans/
ANONYMIZED = "mesh_aligned_0.05_mask.txt"
CLASSES, OBJECT_CLASSES = "semantic_classes.txt", "instance_classes.txt"  # in metadata/
CLASS_TABLE = "semantic_benchmark/map_benchmark.csv"

_WRITTEN, _MAPPED, _NO_CLASS = "class", "semantic_map_to", "None"


class Metadata(NamedTuple):
    """What holds for all scenes."""

    classes: tuple[str, ...]
    object_classes: frozenset[str]  # of the instance benchmark
    table: Mapping[str, str | None]  # class of what annotators wrote; None for what is no class


def read_metadata(folder: Path) -> Metadata:
    """Class lists of the data set's metadata folder.

    Raises
    ------
    DatasetError
        If a file is missing or not as documented.
    """
    classes, objects = (SCANNETPP.lines(folder / name, "a list of classes") for name in (CLASSES, OBJECT_CLASSES))
    path = folder / CLASS_TABLE
    rows = csv.DictReader(SCANNETPP.lines(path, "the table of classes"))
    if not {_WRITTEN, _MAPPED} <= set(rows.fieldnames or ()):
        raise SCANNETPP.refusal(path, f"columns {_WRITTEN} and {_MAPPED}", f"{rows.fieldnames}")
    table: dict[str, str | None] = {}
    for row in rows:
        mapped = (row[_MAPPED] or "").strip() or row[_WRITTEN]
        table[row[_WRITTEN]] = None if mapped == _NO_CLASS else mapped
    return Metadata(tuple(dict.fromkeys(classes)), frozenset(objects), table)


def read_annotation(scans: Path, mesh: Mesh, metadata: Metadata) -> Annotation:
    """Labels of the vertices of a scene.

    Parameters
    ----------
    scans : Path
        Folder scans/ of the scene.
    mesh : Mesh
    metadata : Metadata

    Raises
    ------
    DatasetError
        If segments or groups are missing, damaged, or belong to another mesh.
    """
    segments = read_segments(scans / SEGMENTS, SCANNETPP)
    check_vertices(len(segments), mesh, scans / SEGMENTS, SCANNETPP)
    groups = read_groups(scans / GROUPS, SCANNETPP)
    classes = [metadata.table.get(group.label, group.label) for group in groups]
    names, labels = classes_of(metadata.classes)
    place = {name: number for number, name in enumerate(names) if number}
    kept = [(place[name], group) for name, group in zip(classes, groups, strict=True) if name in place]
    vertices = members(segments, [group for _, group in kept])
    ids = np.zeros(len(segments), np.int32)
    # the smallest is written last; of equals it is the first in the file
    for number in sorted(range(len(kept)), key=lambda number: (-len(vertices[number]), -number)):
        ids[vertices[number]] = number + 1
    return Annotation(
        vertex_ids=ids,
        class_ids=np.array([0, *(number for number, _ in kept)], np.int64),
        class_names=names,
        labels=labels,
        object_classes=metadata.object_classes,
    )


def read_anonymized(scans: Path, mesh: Mesh) -> NDArray[np.bool_]:
    """Vertices of regions that were made unrecognizable, bool (V,); the file lists their rows, and may be empty.

    Raises
    ------
    DatasetError
        If the file is missing or lists something else.
    """
    path = scans / ANONYMIZED
    words = " ".join(SCANNETPP.lines(path, "the list of anonymized vertices")).split()
    rows = np.array([int(word) if word.isdecimal() else -1 for word in words], np.int64)
    count = len(mesh.vertices)
    if rows.size and not 0 <= rows.min() <= rows.max() < count:
        wrong = words[int(((rows < 0) | (rows >= count)).argmax())]
        raise SCANNETPP.refusal(path, f"rows of the {count} vertices", f"{wrong:.80}")
    anonymized = np.zeros(count, np.bool_)
    anonymized[rows] = True
    return anonymized
