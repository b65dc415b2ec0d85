"""ScanNet++: rooms scanned by laser, with photos of a camera's fisheye and video of a phone (paper 4.1: test scenes).

Cameras are those of COLMAP, which are metric and stand in the world of the mesh. Photos become pinhole views, see
`scannetpp_lens`. Depth is that which the data set's toolkit rendered, else the phone's own. Ids of pixels are not part
of the data set: the labelled mesh is rendered.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.datasets.annotated_scene import Annotation, ProtocolName
from fast3dis_core.datasets.mesh import Mesh, read_triangles
from fast3dis_core.datasets.mesh_rendering import NO_FACE, render_faces
from fast3dis_core.datasets.scannetpp_depth import DepthRecords
from fast3dis_core.datasets.scannetpp_labels import (
    MESH,
    SCANNETPP,
    read_annotation,
    read_anonymized,
    read_metadata,
)
from fast3dis_core.datasets.scannetpp_lens import Undistortion, undistortion
from fast3dis_core.errors import GeometryError
from fast3dis_core.images import natural_key
from fast3dis_core.posed_input.colmap import find_model, read_colmap
from fast3dis_core.posed_input.frame import PosedFrame, rigid
from fast3dis_core.posed_input.lens import Lens
from fast3dis_core.preprocessing import Matrix, Pixels, Size

Device = Literal["dslr", "iphone"]

RENDERED_DEPTH = "render_depth"
UNDISTORTED_CAMERA = "nerfstudio/transforms_undistorted.json"

_MILLIMETER = 0.001
_TO_TOOLKIT = "undistort them again with the data set's toolkit"


class Folders(NamedTuple):
    """Where the photos of a device lie and their masks, below the folder of the device."""

    photos: str
    masks: str
    remedy: str  # how photos come about


FOLDERS: Mapping[Device, Folders] = {
    "dslr": Folders("resized_images", "resized_anon_masks", SCANNETPP.remedy),
    "iphone": Folders(
        "rgb", "rgb_masks", "extract the video first: ffmpeg -i rgb.mkv -start_number 0 -q:v 1 rgb/frame_%06d.jpg"
    ),
}
# what the toolkit makes of the camera's photos; used where those are gone
UNDISTORTED = Folders("resized_undistorted_images", "resized_undistorted_masks", _TO_TOOLKIT)


class ScanNetPlusPlusScene:
    """One scene through one of its two cameras; an `AnnotatedScene`.

    Parameters
    ----------
    folder : Path or str
        ROOT/data/SCENE of the data set.
    device : {"dslr", "iphone"}
    metadata : Path or str, optional
        Folder of the class lists, by default ROOT/metadata.

    Attributes
    ----------
    frames : tuple of str
        Names of the photos, such as DSC01752.JPG or frame_000120.jpg, in the order of their numbers.
    is_metric : bool
        Always: the unit is the meter.

    Raises
    ------
    DatasetError
        If files are missing or not as documented; the methods raise it as well.
    """

    is_metric = True

    def __init__(self, folder: Path | str, *, device: Device = "dslr", metadata: Path | str | None = None) -> None:
        self.folder, self.device = Path(folder), device
        self._metadata = self.folder.absolute().parents[1] / "metadata" if metadata is None else Path(metadata)
        self._place = self.folder / device
        stored, made = (self._place / folders.photos for folders in (FOLDERS[device], UNDISTORTED))
        self._ready = device == "dslr" and made.is_dir() and not stored.is_dir()
        self._folders = UNDISTORTED if self._ready else FOLDERS[device]
        self._masks = self._place / self._folders.masks
        self._frames = self._posed_frames()
        self.frames = tuple(frame.photo.name for frame in self._frames)

    @property
    def scene_id(self) -> str:
        """Name of the scene, such as 7b6477cb95."""
        return self.folder.name

    def intrinsics(self, view: int) -> Matrix:
        """K of the pinhole view, array (3, 3)."""
        return self._undistortion(view).intrinsics

    def world_to_camera(self, view: int) -> Matrix:
        """World of the mesh to the camera, meters, array (4, 4)."""
        frame = self._frames[view]
        with SCANNETPP.refusing(f"{self._place / 'colmap'}, {frame.photo.name}", "a camera"):
            return rigid(frame.world_to_camera)

    def image(self, view: int) -> Pixels:
        """Undistorted photo, RGB (h, w, 3)."""
        photo = SCANNETPP.photo(self._frames[view].photo, self._size(view))
        return photo if self._ready else self._undistortion(view).photo(photo)

    def depth(self, view: int) -> NDArray[np.float32] | None:
        """Depth (h, w) that the toolkit rendered, else that of the phone; None where there is neither."""
        stored = self._stored_depth(view)
        return None if stored is None else self._undistortion(view).nearest(stored)

    def valid(self, view: int) -> NDArray[np.bool_] | None:
        """Pixels that were not made unrecognizable, bool (h, w); None where the scene came without masks."""
        if not self._masks.is_dir():
            return None
        path = self._masks / f"{self._frames[view].photo.stem}.png"
        mask = SCANNETPP.gray(path, 8, size=self._size(view)).astype(np.uint8)
        return mask == 255 if self._ready else self._undistortion(view).valid(mask)

    def instance(self, view: int) -> NDArray[np.int32]:
        """Ids (h, w) of the mesh as the view sees it: a face has the id of two of its corners, or of the first."""
        mesh, ids = self._mesh, self._annotation.vertex_ids
        rendered = render_faces(mesh, self.intrinsics(view), self.world_to_camera(view), self._size(view)).faces
        first, second, third = ids[mesh.faces].T
        of_face = np.append(np.where(second == third, second, first), 0)  # the last is that of no face
        return of_face[np.where(rendered == NO_FACE, len(mesh.faces), rendered)]

    def mesh(self) -> Mesh:
        """The simplified mesh that is labelled, in the world of the cameras."""
        return self._mesh

    def annotation(self) -> Annotation:
        """Labels of the vertices: instances in the order of the annotation, classes of the benchmark."""
        return self._annotation

    def gt_vertex_ids(self, protocol: ProtocolName) -> NDArray[np.int32]:
        """Encoded ids of the vertices: (place in the list of classes + 1) * 1000 + instance, array (V,)."""
        return self._annotation.encoded(protocol)

    def scored_vertices(self, protocol: ProtocolName) -> NDArray[np.bool_] | None:
        """Without vertices of anonymized regions, which the benchmark leaves out; "all" counts every vertex."""
        return ~read_anonymized(self.folder / "scans", self._mesh) if protocol == "objects" else None

    @functools.cached_property
    def _mesh(self) -> Mesh:
        return read_triangles(self.folder / "scans" / MESH, SCANNETPP)

    @functools.cached_property
    def _annotation(self) -> Annotation:
        return read_annotation(self.folder / "scans", self._mesh, read_metadata(self._metadata))

    @functools.cached_property
    def _depth_records(self) -> DepthRecords:
        return DepthRecords(self._place / "depth.bin", SCANNETPP)

    @functools.cached_property
    def _pinhole(self) -> tuple[float, float, float, float] | None:
        """Focal lengths and center of photos that the toolkit undistorted, by its own file: versions of it differ."""
        if not self._ready:
            return None
        path = self._place / UNDISTORTED_CAMERA
        content = SCANNETPP.json(path)
        values = [content.get(key) for key in ("fl_x", "fl_y", "cx", "cy")]
        if not all(isinstance(value, int | float) and value > 0 for value in values):
            raise SCANNETPP.refusal(path, "numbers for fl_x, fl_y, cx and cy", f"{values}", _TO_TOOLKIT)
        focal_x, focal_y, center_x, center_y = np.array(values, np.float64).tolist()
        return focal_x, focal_y, center_x, center_y

    def _posed_frames(self) -> list[PosedFrame]:
        """Frames with photo and finite pose, in the order of their numbers."""
        place = self._place / "colmap"
        if find_model(place) is None:
            raise SCANNETPP.refusal(place, "cameras.txt and images.txt", "none")
        with SCANNETPP.refusing(place, "a COLMAP model"):
            listed = read_colmap(place).frames
        found = []
        for frame in sorted(listed, key=lambda frame: natural_key(frame.photo.name)):
            photo = (
                self._place / self._folders.photos / frame.photo.name
            )  # COLMAP may put folders in front, which do not exist
            if np.isfinite(frame.world_to_camera).all() and photo.is_file():
                found.append(PosedFrame(photo=photo, lens=frame.lens, world_to_camera=frame.world_to_camera))
        if not found:
            raise SCANNETPP.refusal(
                self._place / self._folders.photos,
                "the photos that COLMAP names",
                f"none of {len(listed)}",
                self._folders.remedy,
            )
        return found

    def _lens(self, view: int) -> Lens:
        lens = self._frames[view].lens
        with SCANNETPP.refusing(self._place / "colmap", "a camera"):
            if isinstance(lens, GeometryError):
                raise lens
        return lens

    def _size(self, view: int) -> Size:
        return self._lens(view).size

    def _undistortion(self, view: int) -> Undistortion:
        with SCANNETPP.refusing(self._place / "colmap", "a camera"):
            return undistortion(self._lens(view), self._pinhole)

    def _stored_depth(self, view: int) -> NDArray[np.float32] | None:
        stem, size = self._frames[view].photo.stem, self._size(view)
        rendered, extracted = self._place / RENDERED_DEPTH, self._place / "depth"
        if rendered.is_dir():
            depth = SCANNETPP.depth(rendered / f"{stem}.png", _MILLIMETER)
            SCANNETPP.check_size(rendered / f"{stem}.png", depth, size)
            return depth
        if self.device == "iphone" and extracted.is_dir():
            return SCANNETPP.depth(extracted / f"{stem}.png", _MILLIMETER)
        if self.device == "iphone" and (self._place / "depth.bin").is_file():
            digits = stem.rpartition("_")[2]
            if not digits.isdecimal():
                raise SCANNETPP.refusal(self._frames[view].photo, "a name such as frame_000120", stem)
            return self._depth_records.depth(int(digits))
        return None
