"""Photo size to network size: the resampling Depth Anything 3 was trained with (paper 3.1).

Two successive uint8 resizes with OpenCV, then a center crop of the batch to its smallest height and
width. A `ResizePlan` is made from the size alone, so that photos, intrinsics and depth maps all follow
the same arithmetic. Reading files is left to `images`; normalization by mean and deviation happens in
the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from fast3dis_core.config import PATCH_SIZE
from fast3dis_core.errors import ConfigError, ImageFolderError

LONG_EDGE = 504  # bound DA3 was trained around

Method: TypeAlias = Literal["upper_bound_resize", "upper_bound_crop", "lower_bound_resize", "lower_bound_crop"]
Size: TypeAlias = tuple[int, int]  # height, width
Pixels: TypeAlias = NDArray[np.uint8]  # (h, w, 3) RGB
Matrix: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ResizePlan:
    """How a photo of one size becomes a network image.

    Attributes
    ----------
    source : (height, width) of the photo
    resizes : tuple of (height, width, OpenCV interpolation)
        Zero to two resizes, in order.
    top, left : int
        Offset of the crop that follows the resizes.
    size : (height, width) after the crop
    """

    source: Size
    resizes: tuple[tuple[int, int, int], ...]
    top: int
    left: int
    size: Size

    def apply(self, image: Pixels) -> Pixels:
        """Resize and crop a uint8 image (h, w, 3) of the planned source size."""
        assert image.shape[:2] == self.source
        for height, width, interpolation in self.resizes:
            image = np.asarray(cv2.resize(image, (width, height), interpolation=interpolation), dtype=np.uint8)
        height, width = self.size
        return np.array(image[self.top : self.top + height, self.left : self.left + width])  # lets the input go

    def matrix(self) -> Matrix:
        """`source_to_network` (3, 3) before the batch crop: K of the network = matrix @ K of the photo."""
        matrix = np.eye(3)
        if self.resizes:
            matrix[0, 0] = self.resizes[-1][1] / self.source[1]
            matrix[1, 1] = self.resizes[-1][0] / self.source[0]
        matrix[:2, 2] = -self.left, -self.top
        return matrix


def plan_resize(
    height: int, width: int, *, long_edge: int = LONG_EDGE, method: Method = "upper_bound_resize"
) -> ResizePlan:
    """Plan the preprocessing of one photo.

    Parameters
    ----------
    height, width : int
        Pixels of the photo.
    long_edge : int
        Bound of the longest side (`upper_bound_*`) or of the shortest (`lower_bound_*`).
    method : str
        `*_resize` rounds each side to the nearest multiple of 14, `*_crop` crops down to one.

    Raises
    ------
    ConfigError
        Unknown method, or a bound below one patch.
    ImageFolderError
        A side vanishes: the photo is too long and thin.
    """
    if method not in get_args(Method):
        raise ConfigError(f"expected a resize method of {', '.join(get_args(Method))}; found {method!r}; choose one")
    if long_edge < PATCH_SIZE:
        raise ConfigError(
            f"expected a long edge of at least {PATCH_SIZE} pixels, found {long_edge}; choose e.g. {LONG_EDGE}"
        )
    bounded_side = max(height, width) if method.startswith("upper") else min(height, width)
    scale = long_edge / bounded_side
    resizes = []
    bounded = (height, width)
    if bounded_side != long_edge:
        bounded = max(1, round(height * scale)), max(1, round(width * scale))
        resizes.append((*bounded, cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA))
    crop = method.endswith("crop")
    # a remainder of exactly half a patch goes up
    size = tuple((side if crop else side + PATCH_SIZE // 2) // PATCH_SIZE * PATCH_SIZE for side in bounded)
    if min(size) < PATCH_SIZE:
        raise ImageFolderError(
            f"expected a short side of at least {PATCH_SIZE if crop else PATCH_SIZE // 2} pixels after resizing, "
            f"found {min(bounded)} ({width} x {height} resized to {bounded[1]} x {bounded[0]}); "
            "crop the photo to a less elongated shape or leave it out"
        )
    if not crop and size != bounded:
        grows = size[0] > bounded[0] or size[1] > bounded[1]
        resizes.append((size[0], size[1], cv2.INTER_CUBIC if grows else cv2.INTER_AREA))
    top, left = ((bounded[0] - size[0]) // 2, (bounded[1] - size[1]) // 2) if crop else (0, 0)
    return ResizePlan(source=(height, width), resizes=tuple(resizes), top=top, left=left, size=(size[0], size[1]))


@dataclass(frozen=True, kw_only=True)
class CommonCrop:
    """Center crops that bring a batch of mixed sizes to its smallest height and smallest width.

    Attributes
    ----------
    size : (height, width) common to all
    sizes : tuple of (height, width) before
    """

    size: Size
    sizes: tuple[Size, ...]

    def offset(self, view: int) -> tuple[int, int]:
        """Top and left of the crop of one view; exact, because all sides are multiples of 14."""
        return (self.sizes[view][0] - self.size[0]) // 2, (self.sizes[view][1] - self.size[1]) // 2

    def apply(self, view: int, array: NDArray[Any]) -> NDArray[Any]:
        """Crop an array (H_view, W_view, ...) to (H, W, ...); a view, not a copy."""
        top, left = self.offset(view)
        return array[top : top + self.size[0], left : left + self.size[1]]

    def matrix(self, view: int) -> Matrix:
        """Pixels before the crop to pixels after it, (3, 3)."""
        matrix = np.eye(3)
        top, left = self.offset(view)
        matrix[:2, 2] = -left, -top
        return matrix

    def lost(self, view: int) -> float:
        """Share of a view that the crop removes, in [0, 1)."""
        height, width = self.sizes[view]
        return 1 - self.size[0] * self.size[1] / (height * width)


def common_crop(sizes: Sequence[Size]) -> CommonCrop:
    """Crop of a non-empty batch of processed (height, width) sizes."""
    size = min(height for height, _ in sizes), min(width for _, width in sizes)
    return CommonCrop(size=size, sizes=tuple(sizes))
