"""The Fisheye624 camera of Project Aria, and pinhole views out of its images (paper 4.1: training scenes).

The model is that of the projectaria_tools library: six radial, two tangential and four thin-prism coefficients.
Only its forward direction is needed, since a pinhole view asks for every pixel where its ray comes from. Coordinates
are pixels with centers at +0.5; calibrations that count from the center of the first pixel get half a pixel more
where they are written down. Reading files is left to the loaders.
"""

import functools
from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from fast3dis_core.preprocessing import Matrix, Pixels, Size

# p_turned = CLOCKWISE @ p_camera: the camera whose image is the stored one after a quarter turn clockwise
CLOCKWISE: Matrix = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])

Value = TypeVar("Value", bound=np.generic)


@dataclass(frozen=True, kw_only=True)
class Fisheye624:
    """One calibrated fisheye camera.

    Attributes
    ----------
    size : (height, width)
    focal : float, px
    center : (u, v) px, pixel centers at +0.5
    radial : k0 to k5, of even powers of the angle
    tangential : p0, p1
    thin_prism : s0 to s3
    valid_radius : float, px around `center`
        Pixels beyond it show the rim of the lens, and the model is not calibrated there.
    """

    size: Size
    focal: float
    center: tuple[float, float]
    radial: tuple[float, float, float, float, float, float]
    tangential: tuple[float, float] = (0.0, 0.0)
    thin_prism: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    valid_radius: float

    def project(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pixels of points.

        Parameters
        ----------
        points : array (..., 3)
            Camera frame, in front of the camera.

        Returns
        -------
        array (..., 2)
            u, v; NaN for points that are not in front of the camera.
        """
        x, y, z = np.moveaxis(np.asarray(points, np.float64), -1, 0)
        z = np.where(z > 0, z, np.nan)
        a, b = x / z, y / z
        tangent = np.hypot(a, b)
        angle = np.arctan(tangent)
        square = angle * angle
        growth = 1 + square * np.polynomial.polynomial.polyval(square, self.radial)
        # angle / tangent tends to 1 on the axis
        growth = growth * np.divide(angle, tangent, out=np.ones_like(angle), where=tangent > 0)
        bent = self._decenter(growth * a, growth * b)
        return self.focal * np.stack(bent, axis=-1) + self.center  # (..., 2)

    def sees(self, pixels: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Whether pixels (..., 2) lie in the image and within the valid radius, array (...) bool."""
        u, v = np.moveaxis(pixels, -1, 0)
        near = np.hypot(u - self.center[0], v - self.center[1]) <= self.valid_radius
        return near & (u >= 0) & (v >= 0) & (u < self.size[1]) & (v < self.size[0])

    def _decenter(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        """Tangential and thin-prism terms, in focal lengths."""
        (p0, p1), (s0, s1, s2, s3) = self.tangential, self.thin_prism
        square = x * x + y * y
        return (
            x + (2 * x * x + square) * p0 + 2 * x * y * p1 + s0 * square + s1 * square * square,
            y + (2 * y * y + square) * p1 + 2 * x * y * p0 + s2 * square + s3 * square * square,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Rectification:
    """How a pinhole view is taken out of a fisheye image; made by `rectification`.

    Attributes
    ----------
    intrinsics : array (3, 3)
        Of the pinhole view.
    source : array (H, W, 2) float32
        u, v in the fisheye image that every pixel center of the view comes from.
    valid : array (H, W) bool
        Whether the fisheye image shows anything there.
    ray_length : array (H, W) float32
        Distance along the ray of a pixel, per unit of depth along z; at least 1.
    """

    intrinsics: Matrix
    source: NDArray[np.float32]
    valid: NDArray[np.bool_]
    ray_length: NDArray[np.float32]

    def photo(self, image: Pixels) -> Pixels:
        """Bilinear samples of an RGB image (h, w, 3), array (H, W, 3) uint8; black where not `valid`."""
        # OpenCV counts from the center of the first pixel
        x, y = np.moveaxis(self.source - np.float32(0.5), -1, 0)
        sampled = cv2.remap(image, np.ascontiguousarray(x), np.ascontiguousarray(y), cv2.INTER_LINEAR)
        return np.where(self.valid[..., None], sampled, 0).astype(np.uint8)

    def values(self, image: NDArray[Value]) -> NDArray[Value]:
        """Nearest values of a map (h, w) of depth or ids, array (H, W); 0 where not `valid`."""
        column, row = np.moveaxis(np.where(self.valid[..., None], self.source, 0).astype(np.intp), -1, 0)
        return np.where(self.valid, image[row, column], image.dtype.type(0))


@functools.lru_cache(maxsize=8)  # a run has two sizes, each with a finer one for its photos
def rectification(lens: Fisheye624, size: Size, focal: float, *, clockwise: bool = False) -> Rectification:
    """Map of a pinhole view along the axis of a fisheye camera, principal point in the middle.

    Parameters
    ----------
    lens : Fisheye624
    size : (height, width) of the view
    focal : float
        Pixels of the view.
    clockwise : bool
        Turn the view by a quarter clockwise: it is the view of the camera `CLOCKWISE` leads to.

    Returns
    -------
    Rectification
        Remembered, so its arrays are read-only.
    """
    height, width = size
    y, x = np.mgrid[:height, :width] + 0.5
    rays = np.stack([(x - width / 2) / focal, (y - height / 2) / focal, np.ones_like(x)], axis=-1)  # (H, W, 3)
    source = lens.project(rays @ CLOCKWISE if clockwise else rays).astype(np.float32)
    made = Rectification(
        intrinsics=np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]]),
        source=source,
        valid=lens.sees(source),
        ray_length=np.linalg.norm(rays, axis=-1).astype(np.float32),
    )
    arrays: tuple[NDArray[Any], ...] = (made.intrinsics, made.source, made.valid, made.ray_length)
    for array in arrays:
        array.setflags(write=False)
    return made
