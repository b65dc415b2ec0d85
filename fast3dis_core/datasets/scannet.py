"""ScanNet V2: rooms recorded by a tablet with a depth sensor, and their labelled meshes (paper 4.1: test scenes).

Two layouts: one .sens file per scene, or folders color/, depth/, pose/ and intrinsic/ extracted from it. Poses are
camera to world in the world of the mesh; the axis alignment that comes with a scene moves both and is left alone.
Depth is brought to the pixels of the photo by both cameras' intrinsics. Frames where tracking was lost are left out.
"""

import functools
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.datasets.annotated_scene import Annotation, ProtocolName
from fast3dis_core.datasets.mesh import Mesh, read_triangles
from fast3dis_core.datasets.scannet_labels import LABEL_TABLE, SCANNET, mesh_file, read_annotation, read_label_table
from fast3dis_core.datasets.scannet_sens import SensRecording
from fast3dis_core.posed_input.lens import same_aspect
from fast3dis_core.preprocessing import Matrix, Pixels, Size

EXTRACTED = ("color", "depth", "pose", "intrinsic")  # folders of the second layout
SCENE_NAME = r"scene[0-9]{4}_[0-9]{2}"

_DEPTH_SHIFT = 1000.0  # stored units of one meter in extracted depth
_MOST_IDS = 255  # of id images, which have eight bits
_HALF = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])  # intrinsics count from the center of the first pixel


class _Recording(Protocol):
    """What both layouts offer, by the number of a frame; sizes are (height, width)."""

    numbers: tuple[int, ...]  # of the frames that have photo and pose
    color_size: Size
    color_intrinsics: Matrix  # pixel centers at +0.5
    depth_intrinsics: Matrix | None  # None where there is no depth

    def camera_to_world(self, number: int) -> Matrix: ...

    def image(self, number: int) -> Pixels: ...

    def depth(self, number: int) -> NDArray[np.float32]: ...


class ScanNetScene:
    """One scene; an `AnnotatedScene`.

    Parameters
    ----------
    folder : Path or str
        ROOT/scans/SCENE of the data set.
    label_table : Path or str, optional
        The table of labels; by default it is looked for in the folders above.

    Attributes
    ----------
    frames : tuple of str
        Names such as 12.jpg, in the order of their numbers; the same in both layouts.
    is_metric : bool
        Always: the unit is the meter.

    Raises
    ------
    DatasetError
        If files are missing or not as documented; the methods raise it as well.
    """

    is_metric = True

    def __init__(self, folder: Path | str, *, label_table: Path | str | None = None) -> None:
        self.folder = Path(folder)
        self._label_table = None if label_table is None else Path(label_table)
        self._recording = _open_recording(self.folder)
        poses = {number: self._recording.camera_to_world(number) for number in self._recording.numbers}
        self._poses = {number: pose for number, pose in poses.items() if np.isfinite(pose).all()}
        self._numbers = tuple(self._poses)
        self.frames = tuple(f"{number}.jpg" for number in self._numbers)
        if not self.frames:
            raise SCANNET.refusal(
                self.folder, "frames with a finite pose", f"none among {len(poses)}", "leave the scene out"
            )

    @property
    def scene_id(self) -> str:
        """Name of the scene, such as scene0011_00."""
        return self.folder.name

    def intrinsics(self, view: int) -> Matrix:
        """K of the color camera, the same for all views, array (3, 3)."""
        del view
        return self._recording.color_intrinsics

    def world_to_camera(self, view: int) -> Matrix:
        """World of the mesh to the color camera, meters, array (4, 4)."""
        number = self._numbers[view]
        return SCANNET.to_camera(self._poses[number], f"{self.folder}, frame {number}")

    def image(self, view: int) -> Pixels:
        """RGB photo (h, w, 3)."""
        return self._recording.image(self._numbers[view])

    def depth(self, view: int) -> NDArray[np.float32] | None:
        """Depth of the sensor at the pixels of the photo (h, w), each the nearest; None if it was not extracted."""
        recording = self._recording
        if recording.depth_intrinsics is None:
            return None
        depth = recording.depth(self._numbers[view])
        return to_photo(depth, recording.depth_intrinsics, recording.color_intrinsics, recording.color_size)

    def valid(self, view: int) -> None:
        """Every pixel shows the scene."""
        del view

    def instance(self, view: int) -> NDArray[np.int32] | None:
        """Ids (h, w) of the cleaned id images, as folder or archive; None where the scene came without them."""
        name = f"{self._numbers[view]}.png"
        size = self._recording.color_size
        folder, archive = self.folder / "instance-filt", self.folder / f"{self.scene_id}_2d-instance-filt.zip"
        if folder.is_dir():
            stored = SCANNET.gray(folder / name, 8, size=size)
        elif archive.is_file():
            place = archive / f"instance-filt/{name}"
            stored = SCANNET.gray(place, 8, size=size, file=io.BytesIO(_extracted(archive, f"instance-filt/{name}")))
        else:
            return None
        objects = len(self._annotation.class_ids) - 1
        if objects > _MOST_IDS:
            raise SCANNET.refusal(
                folder if folder.is_dir() else archive,
                f"at most {_MOST_IDS} objects in id images of 8 bits",
                f"{objects}, whose ids repeat",
                "remove the id images and score the mesh alone",
            )
        return stored.astype(np.int32)

    def mesh(self) -> Mesh:
        """The mesh that is labelled, in the world of the poses."""
        return self._mesh

    def annotation(self) -> Annotation:
        """Labels of the vertices: instance = objectId + 1, classes of NYU40."""
        return self._annotation

    def gt_vertex_ids(self, protocol: ProtocolName) -> NDArray[np.int32]:
        """Encoded ids of the vertices: NYU40 number * 1000 + objectId + 1, array (V,)."""
        return self._annotation.encoded(protocol)

    def scored_vertices(self, protocol: ProtocolName) -> None:
        """Every vertex counts."""
        del protocol

    @functools.cached_property
    def _mesh(self) -> Mesh:
        return read_triangles(mesh_file(self.folder), SCANNET)

    @functools.cached_property
    def _annotation(self) -> Annotation:
        return read_annotation(self.folder, self._mesh, self._labels())

    def _labels(self) -> Mapping[str, int]:
        if self._label_table is not None:
            return read_label_table(self._label_table)
        found = find_label_table(self.folder)
        if found is None:
            raise SCANNET.refusal(
                self.folder.parent / LABEL_TABLE, "the table of labels", "none", "put it beside the scenes"
            )
        return read_label_table(found)


def find_label_table(folder: Path) -> Path | None:
    """Table of labels in a folder, or in the two above it."""
    places = [place / LABEL_TABLE for place in (folder, *folder.absolute().parents[:2])]
    return next((place for place in places if place.is_file()), None)


def to_photo(
    depth: NDArray[np.float32], depth_intrinsics: Matrix, color_intrinsics: Matrix, size: Size
) -> NDArray[np.float32]:
    """Depth of a sensor at the pixel centers of a photo taken from the same place.

    Parameters
    ----------
    depth : array (h, w)
    depth_intrinsics, color_intrinsics : arrays (3, 3)
        Pixel centers at +0.5, no skew.
    size : (height, width) of the photo

    Returns
    -------
    array (H, W) float32
        0 where the sensor does not see what the photo shows.
    """
    taken = depth
    for axis, place in ((0, 1), (1, 0)):
        ray = (np.arange(size[axis]) + 0.5 - color_intrinsics[place, 2]) / color_intrinsics[place, place]
        stored = np.floor(ray * depth_intrinsics[place, place] + depth_intrinsics[place, 2]).astype(np.int64)
        seen = (stored >= 0) & (stored < depth.shape[axis])
        shape = (-1, 1) if axis == 0 else (1, -1)
        taken = taken.take(stored.clip(0, depth.shape[axis] - 1), axis) * seen.reshape(shape)
    return taken


class _SensLayout:
    """Frames of a .sens file."""

    def __init__(self, path: Path) -> None:
        self._sens = SensRecording(path, SCANNET)
        header = self._sens.header
        self.numbers = tuple(range(len(self._sens)))
        self.color_size = header.color_size
        self.color_intrinsics = header.color_intrinsics + _HALF
        self.depth_intrinsics: Matrix | None = header.depth_intrinsics + _HALF

    def camera_to_world(self, number: int) -> Matrix:
        return self._sens.camera_to_world(number)

    def image(self, number: int) -> Pixels:
        return self._sens.image(number)

    def depth(self, number: int) -> NDArray[np.float32]:
        return self._sens.depth(number)


class _ExtractedLayout:
    """Frames in folders."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._photos = SCANNET.numbered(folder / "color", r"([0-9]+)\.(?:jpg|png)")
        self._poses = SCANNET.numbered(folder / "pose", r"([0-9]+)\.txt")
        self.numbers = tuple(number for number in self._photos if number in self._poses)
        if not self.numbers:
            raise SCANNET.refusal(
                folder,
                "frames with photo and pose",
                f"{len(self._photos)} photos and {len(self._poses)} poses without a common number",
                "extract the recording again",
            )
        facts = _facts(folder / f"{folder.name}.txt")
        self.color_size = SCANNET.image_size(self._photos[self.numbers[0]])
        self.color_intrinsics = _intrinsics(folder, "color", self.color_size, facts)
        self.depth_intrinsics: Matrix | None = None
        if (folder / "depth").is_dir():
            self._depth_size = SCANNET.image_size(self._depth_file(self.numbers[0]), "a depth map")
            self.depth_intrinsics = _intrinsics(folder, "depth", self._depth_size, facts)

    def camera_to_world(self, number: int) -> Matrix:
        return SCANNET.matrix(self._poses[number])

    def image(self, number: int) -> Pixels:
        return SCANNET.photo(self._photos[number], self.color_size)

    def depth(self, number: int) -> NDArray[np.float32]:
        depth = SCANNET.depth(self._depth_file(number), 1 / _DEPTH_SHIFT)
        SCANNET.check_size(self._depth_file(number), depth, self._depth_size)
        return depth

    def _depth_file(self, number: int) -> Path:
        return self._folder / "depth" / f"{number}.png"


def _open_recording(folder: Path) -> _Recording:
    sens = folder / f"{folder.name}.sens"
    if (folder / "color").is_dir():
        return _ExtractedLayout(folder)
    if sens.is_file():
        return _SensLayout(sens)
    raise SCANNET.refusal(
        folder,
        f"{sens.name}, or the folders {', '.join(EXTRACTED)}",
        "neither",
        "download the scene with the data set's script, or check the path",
    )


def _facts(path: Path) -> Mapping[str, str]:
    """Lines `name = value` of the text file of a scene; nothing if there is none."""
    if not path.is_file():
        return {}
    pairs = (line.partition("=") for line in SCANNET.lines(path))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _intrinsics(folder: Path, camera: str, size: Size, facts: Mapping[str, str]) -> Matrix:
    """K (3, 3) of a camera for images of a size, pixel centers at +0.5; scaled if the images were resized."""
    path = folder / "intrinsic" / f"intrinsic_{camera}.txt"
    matrix = SCANNET.matrix(path)[:3, :3] + _HALF
    if not np.isfinite(matrix).all() or min(matrix[0, 0], matrix[1, 1]) <= 0:
        raise SCANNET.refusal(path, "positive focal lengths", f"{matrix.tolist()}")
    recorded = [facts.get(f"{camera}{side}", "") for side in ("Height", "Width")]
    height, width = (int(text) if text.isdecimal() else known for text, known in zip(recorded, size, strict=True))
    if not same_aspect((height, width), size):
        raise SCANNET.refusal(
            folder / camera, f"images of the shape {width} x {height}", f"{size[1]} x {size[0]}", "take uncropped ones"
        )
    return np.diag([size[1] / width, size[0] / height, 1.0]) @ matrix


def _extracted(archive: Path, name: str) -> bytes:
    """Content of one file of an archive."""
    try:
        with zipfile.ZipFile(archive) as opened:
            return opened.read(name)
    except (OSError, KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise SCANNET.refusal(archive, f"the id image {name}", f"none that reads ({error})") from error
