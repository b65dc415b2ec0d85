"""Pinhole views out of ScanNet++ photos (paper 4.1: test scenes).

Photos of the camera's fisheye are undistorted as the data set's toolkit does it, pixel by pixel: its focal length
leaves no empty corner, its principal point is moved to the center, and OpenCV's maps get K as COLMAP writes it. The
half pixel between the two conventions is lost there but for its share 1 - f'/f, a tenth of a pixel in this data set.
Photos of the phone are straightened as everywhere else.
"""

import functools
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from fast3dis_core.errors import GeometryError
from fast3dis_core.posed_input.lens import Lens, bend
from fast3dis_core.preprocessing import Matrix, Pixels

VALID = 255  # in masks; anything less is anonymized

Value = TypeVar("Value", bound=np.generic)


@dataclass(frozen=True, kw_only=True, eq=False)
class Undistortion:
    """Where the pixels of a pinhole view are taken from.

    Attributes
    ----------
    intrinsics : array (3, 3)
        K of the view, pixel centers at +0.5.
    x, y : arrays (h, w) float32
        Pixels of the photo that count from the center of the first one, as OpenCV has them.
    """

    intrinsics: Matrix
    x: NDArray[np.float32]
    y: NDArray[np.float32]

    def photo(self, pixels: Pixels) -> Pixels:
        """Resample a photo (h, w, 3); beyond its border it is mirrored."""
        taken = cv2.remap(pixels, self.x, self.y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
        return np.asarray(taken, dtype=np.uint8)

    def valid(self, mask: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Where a mask (h, w) and all its neighbors are `VALID`, bool (h, w); beyond its border it is."""
        if (mask > 0).all():
            return np.ones(self.x.shape, np.bool_)
        taken = cv2.remap(mask, self.x, self.y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(VALID,))
        return np.asarray(taken == VALID)

    def nearest(self, values: NDArray[Value]) -> NDArray[Value]:
        """Values that cover the photo at any resolution, each that of the pixel it falls into; 0 beyond the border."""
        height, width = self.x.shape
        column = np.floor((self.x + np.float32(0.5)) * (values.shape[1] / width)).astype(np.int64)
        row = np.floor((self.y + np.float32(0.5)) * (values.shape[0] / height)).astype(np.int64)
        seen = (column >= 0) & (column < values.shape[1]) & (row >= 0) & (row < values.shape[0])
        return values[row.clip(0, values.shape[0] - 1), column.clip(0, values.shape[1] - 1)] * seen


@functools.lru_cache(maxsize=2)
def undistortion(lens: Lens, pinhole: tuple[float, float, float, float] | None = None) -> Undistortion:
    """Maps of a lens, made once for a scene.

    Parameters
    ----------
    lens : Lens
    pinhole : (fx, fy, cx, cy), optional
        Of the view of a fisheye, if it is not the toolkit's choice.

    Raises
    ------
    GeometryError
        If the distortion cannot be undone, or a view is prescribed for another kind of lens.
    """
    lens.check()
    if lens.family == "fisheye":
        return _fisheye(lens, pinhole)
    if pinhole is not None:
        raise GeometryError("expected the fisheye that photos were undistorted from, found another camera model")
    height, width = lens.size
    row, column = np.mgrid[:height, :width] + 0.5
    taken = bend(np.stack([column.ravel(), row.ravel()], axis=-1), lens) - 0.5
    x, y = taken.T.reshape(2, height, width).astype(np.float32)
    return Undistortion(intrinsics=lens.straightened().matrix(), x=x, y=y)


def _fisheye(lens: Lens, pinhole: tuple[float, float, float, float] | None) -> Undistortion:
    stored, coefficients, size = lens.matrix(), np.array(lens.distortion), (lens.size[1], lens.size[0])
    if pinhole is None:
        chosen = cv2.fisheye.estimateNewCameraMatrixForUndistortRectify(
            stored, coefficients, size, np.eye(3), balance=0.0
        )
        pinhole = chosen[0, 0], chosen[1, 1], size[0] / 2, size[1] / 2
    focal_x, focal_y, center_x, center_y = pinhole
    if not 0 < min(focal_x, focal_y) <= max(focal_x, focal_y) < np.inf:
        raise GeometryError(
            f"expected a distortion that can be undone, found coefficients {lens.distortion}; correct the camera file"
        )
    matrix = np.array([[focal_x, 0.0, center_x], [0.0, focal_y, center_y], [0.0, 0.0, 1.0]])
    x, y = cv2.fisheye.initUndistortRectifyMap(stored, coefficients, np.eye(3), matrix, size, cv2.CV_32FC1)
    return Undistortion(intrinsics=matrix, x=x, y=y)
