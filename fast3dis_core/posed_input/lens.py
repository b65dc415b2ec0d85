"""Lenses: intrinsics with distortion, and the straightening of a distorted photo (paper 3: pinhole cameras only).

OpenCV knows two families, the polynomial ("perspective") and the equidistant ("fisheye") one; others are refused by
the readers. Coordinates are pixels with centers at +0.5; OpenCV's maps count from the center of the first pixel, so
the principal point is shifted by half a pixel where they are made.
"""

import dataclasses
import functools
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from fast3dis_core.errors import GeometryError
from fast3dis_core.preprocessing import Matrix, Pixels, Size

LARGEST = 1e12  # of pixels, scene units and coefficients; beyond it a file is damaged
ASPECT_TOLERANCE = 0.01  # relative; depth sensors and halved photos are off by a pixel
WIDEST, NARROWEST, ZOOM_STEP = 0.5, 4.0, 0.99  # of the focal length, searched for a frame without empty corners


@dataclass(frozen=True, kw_only=True)
class Lens:
    """Intrinsics of one camera for photos of one size.

    Attributes
    ----------
    size : (height, width)
    focal : (fx, fy) px
    center : (cx, cy) px, pixel centers at +0.5
    skew : float, px
    family : str
        Which distortion the coefficients belong to.
    distortion : tuple of float
        OpenCV's order: k1 k2 p1 p2 [k3 [k4 k5 k6]] for perspective, k1 k2 k3 k4 for fisheye.
    """

    size: Size
    focal: tuple[float, float]
    center: tuple[float, float]
    skew: float = 0.0
    family: Literal["perspective", "fisheye"] = "perspective"
    distortion: tuple[float, ...] = ()

    @property
    def is_pinhole(self) -> bool:
        """Whether a photo of this lens needs no straightening; a fisheye bends even with zero coefficients."""
        return self.family == "perspective" and not any(self.distortion)

    def matrix(self) -> Matrix:
        """K, (3, 3) float64."""
        return np.array(
            [[self.focal[0], self.skew, self.center[0]], [0.0, self.focal[1], self.center[1]], [0.0, 0.0, 1.0]]
        )

    def check(self) -> None:
        """Refuse intrinsics no photo can have, with `GeometryError`."""
        values = (*self.focal, *self.center, self.skew, *self.distortion)
        if not is_sane(np.array(values)) or min(self.focal) <= 0 or min(self.size) <= 0:
            raise GeometryError(
                f"expected finite intrinsics with positive focal lengths and size, found focal {self.focal}, "
                f"center {self.center}, size {self.size[1]} x {self.size[0]}; correct the camera file"
            )

    def fits(self, size: Size) -> bool:
        """Whether photos of `size` have the shape this lens was calibrated for."""
        return same_aspect(self.size, size)

    def resized(self, size: Size) -> "Lens":
        """The same lens for photos of another size; distortion is in focal lengths and stays."""
        y, x = size[0] / self.size[0], size[1] / self.size[1]
        return dataclasses.replace(
            self,
            size=size,
            focal=(self.focal[0] * x, self.focal[1] * y),
            center=(self.center[0] * x, self.center[1] * y),
            skew=self.skew * x,
        )

    def straightened(self) -> "Lens":
        """The pinhole lens that `straighten` leaves: the widest one whose frame is photographed to its border."""
        if self.is_pinhole:
            return self
        zoom = _widest_zoom(self)
        return Lens(size=self.size, focal=(self.focal[0] * zoom, self.focal[1] * zoom), center=self.center)


def is_sane(values: NDArray[np.float64]) -> bool:
    """Whether all values are finite and small enough to stay so in float32 arithmetic."""
    return bool((np.abs(values) < LARGEST).all())  # NaN compares as false


def same_aspect(first: Size, second: Size) -> bool:
    """Whether two sizes differ by one scale only, up to rounding."""
    ratio = (first[0] * second[1]) / (first[1] * second[0])
    return abs(ratio - 1) <= ASPECT_TOLERANCE


def straighten(photo: Pixels, lens: Lens) -> Pixels:
    """Resample a photo (h, w, 3) of `lens` as seen by `lens.straightened()`."""
    if lens.is_pinhole:
        return photo
    x, y = _maps(lens)
    return np.asarray(cv2.remap(photo, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), dtype=np.uint8)


def bend(points: NDArray[np.float64], lens: Lens) -> NDArray[np.float64]:
    """Pixels (N, 2) of the straightened photo to pixels (N, 2) of the photo as taken."""
    return points if lens.is_pinhole else _distort(_rays(points, lens.straightened()), lens)


def _rays(points: NDArray[np.float64], pinhole: Lens) -> NDArray[np.float64]:
    return (points - np.array(pinhole.center)) / np.array(pinhole.focal)


def _distort(rays: NDArray[np.float64], lens: Lens) -> NDArray[np.float64]:
    """Rays (N, 2) at depth 1 to pixels (N, 2)."""
    coefficients = np.array(lens.distortion, dtype=np.float64)
    spatial = np.concatenate([rays, np.ones((len(rays), 1))], axis=1)[:, None]  # (N, 1, 3)
    if lens.family == "fisheye":
        pixels, _ = cv2.fisheye.projectPoints(spatial, np.zeros(3), np.zeros(3), lens.matrix(), coefficients)
    else:
        pixels, _ = cv2.projectPoints(spatial, np.zeros(3), np.zeros(3), lens.matrix(), coefficients)
    return np.asarray(pixels, dtype=np.float64).reshape(-1, 2)  # (N, 2)


@functools.lru_cache(maxsize=8)
def _widest_zoom(lens: Lens) -> float:
    """Zoom out until the border leaves the photo, or stops moving outward where the polynomial folds back."""
    height, width = lens.size
    across, down = np.linspace(0, width, 65), np.linspace(0, height, 65)
    border = np.concatenate(
        [
            np.stack([across, np.zeros(65)], axis=1),
            np.stack([across, np.full(65, height)], axis=1),
            np.stack([np.zeros(65), down], axis=1),
            np.stack([np.full(65, width), down], axis=1),
        ]
    )
    center = np.array(lens.center)
    rays = (border - center) / np.array(lens.focal)
    zoom, best, reached = NARROWEST, None, np.zeros(len(border))
    while zoom >= WIDEST:
        bent = _distort(rays / zoom, lens)
        radius = np.linalg.norm(bent - center, axis=1)
        inside = (bent >= 0).all() and (bent <= (width, height)).all()
        if not inside or (radius <= reached).any():
            break
        zoom, best, reached = zoom * ZOOM_STEP, zoom, radius
    if best is None:
        raise GeometryError(
            f"expected a distortion that can be undone, found coefficients {lens.distortion} of a {lens.family} lens "
            "that bend the photo beyond its border; correct the camera file or undistort the photos first"
        )
    return best


@functools.lru_cache(maxsize=1)
def _maps(lens: Lens) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    height, width = lens.size
    straight, half = lens.straightened().matrix(), np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
    make = cv2.fisheye.initUndistortRectifyMap if lens.family == "fisheye" else cv2.initUndistortRectifyMap
    x, y = make(
        lens.matrix() - half, np.array(lens.distortion), np.eye(3), straight - half, (width, height), cv2.CV_32FC1
    )
    return x, y
