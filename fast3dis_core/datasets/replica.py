"""Replica: rooms as dense meshes, seen in the renderings that came with NICE-SLAM (paper 4.1: test scenes).

Renderings and labelled meshes are separate downloads, room0 of one being room_0 of the other; both have one world.
Trajectories are camera to world with OpenCV axes already. Ids of pixels are not part of the renderings: the labelled
mesh is rendered, a pixel has the id of the front-most face.
"""

import functools
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.datasets.annotated_scene import Annotation, ProtocolName
from fast3dis_core.datasets.mesh import Mesh
from fast3dis_core.datasets.mesh_rendering import NO_FACE, render_faces
from fast3dis_core.datasets.replica_labels import REPLICA, LabeledMesh, read_labeled_mesh
from fast3dis_core.preprocessing import Matrix, Pixels, Size

FRAMES, TRAJECTORY, CAMERA, HABITAT = "results", "traj.txt", "cam_params.json", "habitat"

# the published camera, whose center counts from that of the first pixel; scale = stored depth units of one meter
_CAMERA: Mapping[str, float] = {
    "w": 1200, "h": 680, "fx": 600.0, "fy": 600.0, "cx": 599.5, "cy": 339.5, "scale": 6553.5,
}  # fmt: skip
_POSES = "16 numbers per frame, row by row,"


class ReplicaScene:
    """One scene; an `AnnotatedScene`.

    Parameters
    ----------
    folder : Path or str
        ROOT/room0 of the renderings.
    labels : Path or str, optional
        Folder of the labelled scene, such as ROOT/room_0; by default looked for beside and in `folder`.

    Attributes
    ----------
    frames : tuple of str
        Names such as frame000012.jpg, in the order of their numbers.
    is_metric : bool
        Always: the unit is the meter.

    Raises
    ------
    DatasetError
        If files are missing or not as documented; the methods raise it as well.
    """

    is_metric = True

    def __init__(self, folder: Path | str, *, labels: Path | str | None = None) -> None:
        self.folder = Path(folder)
        self._labels = find_labels(self.folder) if labels is None else Path(labels)
        self._photos = REPLICA.numbered(self.folder / FRAMES, r"frame([0-9]+)\.(?:jpg|png)")
        path = self.folder / TRAJECTORY
        poses = REPLICA.numbers(path, _POSES)
        if poses.shape[1] != 16:
            raise REPLICA.refusal(path, _POSES, f"{poses.shape[1]}")
        self._poses = poses.reshape(-1, 4, 4)
        finite = [bool(np.isfinite(pose).all()) for pose in self._poses]
        self._numbers = tuple(number for number in self._photos if number < len(poses) and finite[number])
        if not self._numbers:
            raise REPLICA.refusal(
                self.folder,
                "photos with a pose",
                f"{len(self._photos)} photos and {sum(finite)} poses without a common number",
            )
        self.frames = tuple(self._photos[number].name for number in self._numbers)
        self._intrinsics, self._size, self._scale = _read_camera(self.folder)

    @property
    def scene_id(self) -> str:
        """Name of the scene, such as room0."""
        return self.folder.name

    def intrinsics(self, view: int) -> Matrix:
        """K, the same for all views, array (3, 3)."""
        del view
        return self._intrinsics

    def world_to_camera(self, view: int) -> Matrix:
        """World of the mesh to the camera, meters, array (4, 4)."""
        number = self._numbers[view]
        return REPLICA.to_camera(self._poses[number], f"{self.folder / TRAJECTORY}, line {number + 1}")

    def image(self, view: int) -> Pixels:
        """RGB photo (h, w, 3)."""
        return REPLICA.photo(self._photos[self._numbers[view]], self._size)

    def depth(self, view: int) -> NDArray[np.float32]:
        """Depth along z, 0 where unknown, array (h, w)."""
        path = self._photos[self._numbers[view]]
        path = path.with_name(path.stem.replace("frame", "depth") + ".png")
        depth = REPLICA.depth(path, 1 / self._scale)
        REPLICA.check_size(path, depth, self._size)
        return depth

    def valid(self, view: int) -> None:
        """Every pixel shows the scene."""
        del view

    def instance(self, view: int) -> NDArray[np.int32] | None:
        """Ids (h, w) of the front-most faces of the labelled mesh; None without one."""
        labeled = self._labeled
        if labeled is None:
            return None
        rendered = render_faces(labeled.mesh, self._intrinsics, self.world_to_camera(view), self._size).faces
        of_face = np.append(labeled.face_ids, np.int32(0))  # the last is that of no face
        return of_face[np.where(rendered == NO_FACE, len(labeled.face_ids), rendered)]

    def mesh(self) -> Mesh | None:
        """The labelled mesh in triangles; None where only the renderings are there."""
        return None if self._labeled is None else self._labeled.mesh

    def annotation(self) -> Annotation | None:
        """Labels of the vertices: instance = object id + 1."""
        return None if self._labeled is None else self._labeled.annotation

    def gt_vertex_ids(self, protocol: ProtocolName) -> NDArray[np.int32] | None:
        """Encoded ids of the vertices: (class id + 1) * 1000 + object id + 1, array (V,)."""
        return None if self._labeled is None else self._labeled.annotation.encoded(protocol)

    def scored_vertices(self, protocol: ProtocolName) -> None:
        """Every vertex counts."""
        del protocol

    @functools.cached_property
    def _labeled(self) -> LabeledMesh | None:
        return None if self._labels is None else read_labeled_mesh(self._labels / HABITAT)


def plain_name(name: str) -> str:
    """Name of a scene without the underline that only the labelled download has: room_0 is room0."""
    return re.sub(r"_([0-9]+)$", r"\1", name)


def find_labels(folder: Path) -> Path | None:
    """Folder of the labelled scene that belongs to the renderings in a folder: itself, or one beside it."""
    if (folder / HABITAT).is_dir():
        return folder
    beside = folder.absolute().parent.iterdir() if folder.absolute().parent.is_dir() else iter(())
    same = (place for place in sorted(beside) if plain_name(place.name) == plain_name(folder.absolute().name))
    return next((place for place in same if (place / HABITAT).is_dir()), None)


def _read_camera(folder: Path) -> tuple[Matrix, Size, float]:
    """K (3, 3) with pixel centers at +0.5, size, and stored depth units of one meter."""
    path = next((place / CAMERA for place in (folder, folder.absolute().parent) if (place / CAMERA).is_file()), None)
    values = _CAMERA
    if path is not None:
        stored = REPLICA.json(path).get("camera")
        read = {key: stored.get(key) for key in _CAMERA} if isinstance(stored, dict) else {}
        if not read or not all(isinstance(value, int | float) and value > 0 for value in read.values()):
            raise REPLICA.refusal(path, f"a camera of {', '.join(_CAMERA)}", f"{stored}", "remove it: it is optional")
        values = {key: float(value) for key, value in read.items() if value is not None}
    intrinsics = np.array(
        [[values["fx"], 0.0, values["cx"] + 0.5], [0.0, values["fy"], values["cy"] + 0.5], [0.0, 0.0, 1.0]]
    )
    return intrinsics, (round(values["h"]), round(values["w"])), values["scale"]
