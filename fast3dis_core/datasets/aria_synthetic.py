"""Aria Synthetic Environments: upright pinhole views out of recordings of a head-worn fisheye camera (paper 4.1).

A scene holds some hundred frames, ten a second, of one walk through furnished rooms, with depth, instance ids and
cameras. Frames are read when they are asked for. Every view is taken straight out of the stored fisheye image at the
size that is wanted: photos by area, depth and ids by the nearest pixel. Stored depth runs along the ray of a pixel,
stored images lie on their side; both are put right here. Which frames make a window is left to `training`.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from fast3dis_core.datasets.aria_files import (
    DATA_SET,
    MOST_IDS,
    frame_files,
    read_classes,
    read_image,
    read_map,
    read_trajectory,
    rigid,
)
from fast3dis_core.datasets.fisheye import CLOCKWISE, Fisheye624, Rectification, rectification
from fast3dis_core.datasets.sample import UNLABELED, SceneSample
from fast3dis_core.errors import DatasetError
from fast3dis_core.geometry.cameras import rebase
from fast3dis_core.preprocessing import Matrix, Pixels, Size
from fast3dis_core.scene import SceneGeometry, ViewBatch

VIEW_EDGE = 512  # long edge of the default view; there its focal length is that of the camera, 81 degrees across
VOID_CLASSES = ("empty_space", "background")  # their ids are no objects

# one calibration for all scenes; the published center counts from the center of the first pixel
CAMERA = Fisheye624(
    size=(704, 704),
    focal=297.6375381033778,
    center=(357.6599197217746 + 0.5, 349.1922497127481 + 0.5),
    radial=(
        0.3650890375644368,
        -0.1738082418112771,
        -0.7534945484033189,
        2.434788882752295,
        -2.57786220300886,
        0.8788483538598834,
    ),
    tangential=(0.0008005198595407136, -0.000294237814554143),
    valid_radius=1415 / 4,
)
CAMERA_TO_DEVICE: Matrix = rigid(
    np.array([0.32640934382849085, 0.029274992008313648, 0.033361059956531547, 0.9441858687689326]),
    np.array([-0.007530096566173914, -0.01090854984158026, -0.003598063315542823]),
)

_MILLIMETER = 0.001
_NO_DEPTH = 2**16 - 1  # as is 0, which stays 0


class AriaSyntheticScene:
    """One scene, its views at one size.

    Parameters
    ----------
    folder : Path or str
        ROOT/SCENE of the data set.
    size : (height, width)
        Of the views, pixels. The long edge always spans 81 degrees.
    ignored_classes : collection of str
        Their ids become 0, as do ids that have no class. Walls, floor and ceiling are classes like others.

    Attributes
    ----------
    frames : tuple of int
        Numbers of the frames that are complete: recordings may lack files at their end. A *view* is a place in it.
    class_names : tuple of str
        Entry 0 is "unlabeled", the others rise in alphabetical order.
    class_ids : array (I,) int64
        Class of every instance id, as a place in `class_names`.
    is_metric : bool
        Always: the unit is the meter.

    Raises
    ------
    DatasetError
        If files are missing or not as documented; the methods raise it as well.
    """

    is_metric = True

    def __init__(
        self,
        folder: Path | str,
        *,
        size: Size = (VIEW_EDGE, VIEW_EDGE),
        ignored_classes: Collection[str] = VOID_CLASSES,
    ) -> None:
        self.folder = Path(folder)
        self.size = size
        self._files = frame_files(self.folder)
        self._device_to_world = read_trajectory(self.folder)
        self.frames = tuple(number for number in self._files if number < len(self._device_to_world))
        if not self.frames:
            raise DatasetError(
                f"{self.folder}: expected a row of the trajectory for frames of {DATA_SET}, found "
                f"{len(self._device_to_world)} rows and frames from {min(self._files)} on; unpack the scene again."
            )
        named = read_classes(self.folder)
        kept = {
            number: name for number, name in named.items() if number > 0 and name not in {UNLABELED, *ignored_classes}
        }
        self.class_names = (UNLABELED, *sorted(set(kept.values())))
        self.class_ids = np.zeros(max(kept, default=0) + 1, np.int64)
        for number, name in kept.items():
            self.class_ids[number] = self.class_names.index(name)
        self._kept_ids = np.zeros(MOST_IDS, np.int32)
        self._kept_ids[list(kept)] = list(kept)

    @property
    def scene_id(self) -> str:
        """Number of the scene in the data set."""
        return self.folder.name

    def __len__(self) -> int:
        return len(self.frames)

    def image(self, view: int) -> Pixels:
        """RGB photo, upright, array (H, W, 3) uint8."""
        height, width = self.size
        # about as fine as the stored image, then averaged: a small view must not skip pixels
        finer = max(1, round(VIEW_EDGE / max(self.size)))
        stored = read_image(self._files[self.frames[view]].photo, CAMERA.size)
        photo = _view_map((finer * height, finer * width)).photo(stored)
        return np.asarray(cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)

    def depth(self, view: int) -> NDArray[np.float32]:
        """Depth along z, meters, 0 where unknown, array (H, W) float32."""
        view_map = _view_map(self.size)
        stored = view_map.values(read_map(self._files[self.frames[view]].depth, CAMERA.size))
        distance = np.where(stored == _NO_DEPTH, 0, stored) * np.float32(_MILLIMETER)
        return (distance / view_map.ray_length).astype(np.float32)

    def instance_ids(self, view: int) -> NDArray[np.int32]:
        """Instance ids, 0 = unlabelled, array (H, W) int32; an object has the same id in all views."""
        stored = read_map(self._files[self.frames[view]].instances, CAMERA.size)
        return self._kept_ids[_view_map(self.size).values(stored)]

    def intrinsics(self, view: int) -> Matrix:
        """K, pixels of the view with centers at +0.5, array (3, 3) float64; the same for all views."""
        del view
        return _view_map(self.size).intrinsics

    def world_to_camera(self, view: int) -> Matrix:
        """World of the data set to the upright camera, meters, array (4, 4) float64."""
        camera_to_world = self._device_to_world[self.frames[view]] @ CAMERA_TO_DEVICE
        rotation = CLOCKWISE @ camera_to_world[:3, :3].T
        return np.block([[rotation, -rotation @ camera_to_world[:3, 3:]], [np.zeros((1, 3)), np.ones((1, 1))]])

    def photo_names(self, views: Sequence[int]) -> tuple[str, ...]:
        """File names of the photos of some views."""
        return tuple(self._files[self.frames[view]].photo.name for view in views)

    def sample(self, views: Sequence[int]) -> SceneSample:
        """Some views as a sample of one scene.

        Parameters
        ----------
        views : sequence of S int
            Places in `frames`, in the order wanted.

        Returns
        -------
        SceneSample
            World = camera of the first of them, meters. Confidence is 1 where depth is known, else 0.
        """
        height, width = self.size
        images, depth, ids, intrinsics, cameras = (
            torch.from_numpy(np.stack([read(view) for view in views]))
            for read in (self.image, self.depth, self.instance_ids, self.intrinsics, self.world_to_camera)
        )
        return SceneSample(
            views=ViewBatch(
                images=images.movedim(-1, 1).float() / 255,
                names=self.photo_names(views),
                source_sizes=torch.tensor([[height, width]]).repeat(len(views), 1),
                source_to_network=torch.eye(3, dtype=torch.float64).repeat(len(views), 1, 1),
            ),
            instance_ids=ids,
            class_ids=torch.from_numpy(self.class_ids),
            class_names=self.class_names,
            geometry=SceneGeometry(
                depth=depth,
                confidence=(depth > 0).float(),
                intrinsics=intrinsics.float(),
                world_to_camera=rebase(cameras).float(),
                is_metric=self.is_metric,
            ),
        )


def _view_map(size: Size) -> Rectification:
    """Map of upright views of a size."""
    return rectification(CAMERA, size, CAMERA.focal * max(size) / VIEW_EDGE, clockwise=True)
