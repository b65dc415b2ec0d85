"""A folder of photos with cameras as a scene to evaluate on (paper 4.1): COLMAP, transforms.json, plain matrices.

Cameras and depth are read by `posed_input`. Ids, if there are any, lie in instance/ as 16-bit PNG beside the photos,
0 = none, the same number in all views; their classes are those that `instance_classes` of transforms.json tells, if it
does, as `fast3dis scenes render` writes it. Photos of distorted lenses are straightened, maps follow.
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.datasets.annotated_scene import Annotation, ProtocolName
from fast3dis_core.datasets.files import DataSetFiles
from fast3dis_core.datasets.sample import STRUCTURE, UNLABELED
from fast3dis_core.errors import GeometryError
from fast3dis_core.images import natural_key, view_names
from fast3dis_core.posed_input.depth import read_depth, sample_depth
from fast3dis_core.posed_input.folder import read_cameras
from fast3dis_core.posed_input.frame import check_frame
from fast3dis_core.posed_input.lens import Lens, straighten
from fast3dis_core.posed_input.transforms import FILE
from fast3dis_core.preprocessing import Matrix, Pixels

POSED = DataSetFiles(name="a folder with cameras", remedy="correct the folder")
IDS = "instance"
_HIGHEST = 2**16  # ids are 16 bits


class PosedScene:
    """One folder; an `AnnotatedScene` without mesh.

    Parameters
    ----------
    folder : Path or str

    Attributes
    ----------
    frames : tuple of str
        Names of the photos that exist and have a finite camera, in natural order.
    is_metric : bool
        As `posed_input` finds out.

    Raises
    ------
    DatasetError
        If there are no cameras or no photos for them; the methods raise it for files that cannot be used.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        with POSED.refusing(self.folder, "cameras"):
            found = read_cameras(self.folder)
        frames = sorted(found.frames, key=lambda frame: natural_key(frame.photo.as_posix()))
        self._frames = [frame for frame in frames if frame.photo.is_file() and np.isfinite(frame.world_to_camera).all()]
        if not self._frames:
            raise POSED.refusal(self.folder, "photos with a finite camera", f"none of {len(frames)}")
        self.frames = view_names([frame.photo for frame in self._frames])
        self.is_metric = found.is_metric
        # a folder has depth or it has not: one map that is missing is a mistake
        self._has_depth = any(frame.depth is not None and frame.depth.is_file() for frame in self._frames)

    @property
    def scene_id(self) -> str:
        """Name of the folder."""
        return self.folder.absolute().name

    def intrinsics(self, view: int) -> Matrix:
        """K of the straightened photo, array (3, 3)."""
        lens = self._lens(view)
        with POSED.refusing(self._frames[view].photo, "a camera"):
            return lens.straightened().matrix()

    def world_to_camera(self, view: int) -> Matrix:
        """World of the folder to the camera, array (4, 4)."""
        frame = self._frames[view]
        with POSED.refusing(frame.photo, "a camera"):
            return check_frame(frame)[1]

    def image(self, view: int) -> Pixels:
        """Straightened photo, RGB (h, w, 3)."""
        lens, frame = self._lens(view), self._frames[view]
        with POSED.refusing(frame.photo, "a photo"):
            return straighten(POSED.photo(frame.photo, lens.size), lens)

    def depth(self, view: int) -> NDArray[np.float32] | None:
        """Depth along z at the pixels of the straightened photo (h, w); None in a folder without depth."""
        frame = self._frames[view]
        if not self._has_depth:
            return None
        with POSED.refusing(frame.depth or frame.photo, "a depth map"):
            return self._sampled(view, read_depth(frame.depth, frame.depth_scale))

    def valid(self, view: int) -> None:
        """Every pixel shows the scene."""
        del view

    def instance(self, view: int) -> NDArray[np.int32] | None:
        """Ids (h, w) at the pixels of the straightened photo; None in a folder without instance/."""
        if not (self.folder / IDS).is_dir():
            return None
        path = self.folder / IDS / f"{self._frames[view].photo.stem}.png"
        stored = POSED.gray(path, 16)
        with POSED.refusing(path, "ids of the photo's shape"):
            return self._sampled(view, stored.astype(np.float32)).astype(np.int32)  # 16 bits fit into the mantissa

    def mesh(self) -> None:
        """There is none."""

    def annotation(self) -> Annotation | None:
        """Classes of the ids; None where the folder has none. There are no vertices."""
        told = instance_classes(self.folder)
        if not told:
            return None
        names = (UNLABELED, *sorted(set(told.values()) - {UNLABELED}))
        class_ids = np.zeros(max(told) + 1, np.int64)
        for number, name in told.items():
            class_ids[number] = names.index(name)
        return Annotation(
            vertex_ids=np.zeros(0, np.int32),
            class_ids=class_ids,
            class_names=names,
            labels=np.arange(len(names)),
            object_classes=frozenset(names) - {UNLABELED, STRUCTURE},
        )

    def gt_vertex_ids(self, protocol: ProtocolName) -> None:
        """There are no vertices."""
        del protocol

    def scored_vertices(self, protocol: ProtocolName) -> None:
        """There are no vertices."""
        del protocol

    def _lens(self, view: int) -> Lens:
        """Lens at the size of the photo as stored."""
        frame = self._frames[view]
        size = POSED.image_size(frame.photo)
        with POSED.refusing(frame.photo, "a camera"):
            lens = check_frame(frame)[0]
            if not lens.fits(size):
                raise GeometryError(
                    f"expected a photo of the shape its camera file says ({lens.size[1]} x {lens.size[0]}), found "
                    f"{size[1]} x {size[0]}; use the photos the cameras were made from"
                )
            return lens if size == lens.size else lens.resized(size)

    def _sampled(self, view: int, values: NDArray[np.float32]) -> NDArray[np.float32]:
        lens = self._lens(view)
        return sample_depth(values, lens, np.eye(3), lens.size)


def instance_classes(folder: Path) -> dict[int, str]:
    """Class names by id where transforms.json has them; a file that says something else is none of ours."""
    try:
        told = json.loads((folder / FILE).read_text(encoding="utf-8"))
        classes = {int(value): str(name) for value, name in told["instance_classes"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    return {value: name for value, name in classes.items() if 0 < value < _HIGHEST}
