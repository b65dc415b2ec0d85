"""Labels of a ScanNet V2 scene: segments and their groups to objects with NYU40 classes (paper 4.1: test scenes).

Instance = objectId + 1, as in the data set's own id images. A raw category becomes one of 40 classes by the table
that comes with the data set; what the table lacks is unlabelled.
"""

import csv
import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fast3dis_core.datasets.annotated_scene import Annotation, classes_of
from fast3dis_core.datasets.files import DataSetFiles
from fast3dis_core.datasets.mesh import Mesh, check_vertices
from fast3dis_core.datasets.segments import members, read_groups, read_segments

logger = logging.getLogger(__name__)

SCANNET = DataSetFiles(name="ScanNet", remedy="download the scene again with the data set's script")
LABEL_TABLE = "scannetv2-labels.combined.tsv"
# by their number, which starts at 1
NYU40 = (
    "wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf", "picture", "counter",
    "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror", "floor mat", "clothes", "ceiling", "books",
    "refrigerator", "television", "paper", "towel", "shower curtain", "box", "whiteboard", "person", "night stand",
    "toilet", "sink", "lamp", "bathtub", "bag", "other structure", "other furniture", "other prop",
)  # fmt: skip
# the benchmark's twenty classes without wall and floor
BENCHMARK = (3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 24, 28, 33, 34, 36, 39)

_CATEGORY, _NUMBER = "raw_category", "nyu40id"
_COARSE = "_vh_clean_2"  # the mesh that is labelled; annotations exist for a finer one too


def read_label_table(path: Path) -> Mapping[str, int]:
    """NYU40 number of every raw category, 0 for none.

    Raises
    ------
    DatasetError
        If the table is missing or lacks a column.
    """
    lines = SCANNET.lines(path, "the table of labels")
    rows = csv.DictReader(lines, delimiter="\t")
    if not {_CATEGORY, _NUMBER} <= set(rows.fieldnames or ()):
        raise SCANNET.refusal(path, f"columns {_CATEGORY} and {_NUMBER}", f"{lines[:1]}")
    table = {}
    for row in rows:
        number = row[_NUMBER] or "0"
        if not number.isdecimal() or int(number) > len(NYU40):
            raise SCANNET.refusal(path, f"numbers up to {len(NYU40)} in {_NUMBER}", f"{row[_CATEGORY]}: {number}")
        table[row[_CATEGORY].strip()] = int(number)
    return table


def read_annotation(scene: Path, mesh: Mesh, table: Mapping[str, int]) -> Annotation:
    """Labels of the vertices of a scene.

    Parameters
    ----------
    scene : Path
        Folder of the scene.
    mesh : Mesh
        Its labelled mesh.
    table : mapping of str to int
        See `read_label_table`.

    Raises
    ------
    DatasetError
        If segments or groups are missing, damaged, or belong to another mesh.
    """
    segments_path, groups_path = annotation_files(scene)
    segments = read_segments(segments_path, SCANNET)
    check_vertices(len(segments), mesh, segments_path, SCANNET)
    _check_mesh_of_groups(groups_path)
    groups = read_groups(groups_path, SCANNET)
    ids = np.zeros(len(segments), np.int32)
    class_ids = np.zeros(1 + max((group.number + 1 for group in groups), default=0), np.int64)
    unknown = set()
    for group, vertices in zip(groups, members(segments, groups), strict=True):
        ids[vertices] = group.number + 1  # of groups that share a segment the later one has it
        class_ids[group.number + 1] = table.get(group.label, 0)
        if group.label not in table:
            unknown.add(group.label)
    if unknown:
        logger.warning("%s: left unlabelled, since %s lacks them: %s.", scene, LABEL_TABLE, ", ".join(sorted(unknown)))
    names, labels = classes_of(NYU40)
    return Annotation(
        vertex_ids=ids,
        class_ids=class_ids,
        class_names=names,
        labels=labels,
        object_classes=frozenset(NYU40[number - 1] for number in BENCHMARK),
    )


def annotation_files(scene: Path) -> tuple[Path, Path]:
    """Files of the segments and of the groups of the labelled mesh."""
    return scene / f"{scene.name}{_COARSE}.0.010000.segs.json", scene / f"{scene.name}.aggregation.json"


def mesh_file(scene: Path) -> Path:
    """File of the labelled mesh."""
    return scene / f"{scene.name}{_COARSE}.ply"


def _check_mesh_of_groups(path: Path) -> None:
    """Refuse the groups of the finer mesh: their segments have other numbers."""
    named = SCANNET.json(path).get("segmentsFile", _COARSE)
    if _COARSE not in str(named):
        raise SCANNET.refusal(
            path, f"groups of the mesh {_COARSE}", f"those of {named}", "take <scene>.aggregation.json of the release"
        )
