"""Labels of a Replica scene: objects of the faces of a quad mesh, carried to its vertices (paper 4.1: test scenes).

Vertices are shared between objects: a vertex belongs to the object of most faces around it, of equals to the one with
the smaller id. Classes below 0 and those called undefined are no annotation. How ground truth is made of this data
set differs from paper to paper; here an instance is an object id plus 1, a label a class id plus 1.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.datasets.annotated_scene import Annotation
from fast3dis_core.datasets.files import DataSetFiles
from fast3dis_core.datasets.mesh import Mesh, read_polygons
from fast3dis_core.datasets.sample import UNLABELED

logger = logging.getLogger(__name__)

REPLICA = DataSetFiles(name="Replica", remedy="download the scene again")
MESH, INFORMATION = "mesh_semantic.ply", "info_semantic.json"  # in habitat/
STRUCTURE_CLASSES = frozenset(
    {"wall", "floor", "ceiling"}
)  # of no benchmark's: the objects of this data set are chosen
VOID_CLASSES = frozenset({"undefined", "unknown"})

_OBJECT_ID = "object_id"
_CLASSES = "classes, and id_to_label, the class of every object,"


class LabeledMesh(NamedTuple):
    """The mesh of a scene with its labels."""

    mesh: Mesh
    face_ids: NDArray[np.int32]  # instance of every triangle, 0 = none
    annotation: Annotation


def read_labeled_mesh(habitat: Path) -> LabeledMesh:
    """Read the mesh of a scene and the labels of its vertices.

    Parameters
    ----------
    habitat : Path
        Folder habitat/ of the scene.

    Raises
    ------
    DatasetError
        If mesh or classes are missing, damaged, or do not belong together.
    """
    path = habitat / MESH
    polygons = read_polygons(path, REPLICA)
    if _OBJECT_ID not in polygons.properties:
        found = ", ".join(polygons.properties) or "none"
        raise REPLICA.refusal(path, f"faces with an {_OBJECT_ID}", found, "take habitat/ of a scene")
    objects = polygons.properties[_OBJECT_ID].astype(np.int64)
    class_of_object, names = read_classes(habitat / INFORMATION)
    if objects.max(initial=-1) >= len(class_of_object):
        raise REPLICA.refusal(
            habitat / INFORMATION, f"a class for object {objects.max()} of {MESH}", f"{len(class_of_object)} classes"
        )
    face_ids = np.where(objects >= 0, objects + 1, 0).astype(np.int32)
    known = sorted(names)
    place = {number: index for index, number in enumerate(known, start=1)}
    classes = [place.get(number, 0) for number in class_of_object.tolist()]
    annotation = Annotation(
        vertex_ids=majority(polygons.corners, face_ids, len(polygons.vertices)),
        class_ids=np.array([0, *classes], np.int64),
        class_names=(UNLABELED, *(names[number] for number in known)),
        labels=np.array([0, *(number + 1 for number in known)], np.int64),
        object_classes=frozenset(names.values()) - STRUCTURE_CLASSES,
    )
    return LabeledMesh(polygons.triangulated(), face_ids.repeat(polygons.triangles_each), annotation)


def read_classes(path: Path) -> tuple[NDArray[np.int64], Mapping[int, str]]:
    """Class of every object, array (O,), and the names of the classes that mean something.

    Raises
    ------
    DatasetError
        If the file is missing or holds something else.
    """
    content = REPLICA.json(path, _CLASSES)
    labels = content.get("id_to_label")
    if not isinstance(labels, list) or not all(isinstance(label, int) for label in labels):
        raise REPLICA.refusal(path, _CLASSES, "no id_to_label")
    names = {
        **_named(content.get("objects"), "class_id", "class_name"),
        **_named(content.get("classes"), "id", "name"),
    }
    unnamed = sorted({label for label in labels if label >= 0} - names.keys())
    if unnamed:
        logger.warning("%s: left unlabelled, since they have no name: classes %s.", path, unnamed)
    meant = {number: name for number, name in names.items() if number >= 0 and name.lower() not in VOID_CLASSES}
    return np.array(labels, np.int64), meant


def majority(corners: NDArray[np.int32], face_ids: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    """Id of most faces around every vertex, of equals the smaller one.

    Parameters
    ----------
    corners : array (F, n)
    face_ids : array (F,)
    count : int
        Vertices V.

    Returns
    -------
    array (V,) int32
        0 for a vertex without a face.
    """
    step = int(face_ids.max(initial=0)) + 1
    pairs = corners.astype(np.int64).ravel() * step + face_ids.repeat(corners.shape[1])
    found, votes = np.unique(pairs, return_counts=True)
    vertices, ids = found // step, found % step
    order = np.lexsort((ids, -votes, vertices))
    firsts = order[np.unique(vertices[order], return_index=True)[1]]
    winners = np.zeros(count, np.int32)
    winners[vertices[firsts]] = ids[firsts]
    return winners


def _named(entries: Any, number: str, name: str) -> dict[int, str]:
    """Names by number of a list of records; records of another form are left out."""
    records = entries if isinstance(entries, list) else []
    return {
        record[number]: record[name]
        for record in records
        if isinstance(record, dict) and isinstance(record.get(number), int) and isinstance(record.get(name), str)
    }
