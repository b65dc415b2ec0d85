"""Which face of a mesh every pixel of a pinhole camera sees: ids and depth out of annotated scans (paper 4.1).

A z-buffer over all triangles. A triangle is followed in homogeneous pixels, so one that reaches behind the camera
needs no cutting: a pixel is inside if its three edge functions have the sign of the triangle, and they add up to the
inverse of its depth. Only the box of pixels to try is cut, at `NEAR`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.datasets.mesh import Mesh
from fast3dis_core.preprocessing import Matrix, Size

NEAR = 0.01  # meters from the camera within which nothing is seen
NO_FACE = -1
FACES_AT_ONCE = 2**17
PIXELS_AT_ONCE = 2**21
_ROUNDING = 1e-9  # of a barycentric coordinate: no gaps between triangles that share an edge
_FLAT = 1e-12  # sine of the angle under which a triangle is seen from its edge and covers nothing
_NOTHING = np.uint64(2**64 - 1)


class Rendering(NamedTuple):
    """What pixels see.

    Attributes
    ----------
    faces : array (H, W) int32
        Rows of the mesh's faces, `NO_FACE` where there is none.
    depth : array (H, W) float32
        Along z, 0 where there is no face.
    """

    faces: NDArray[np.int32]
    depth: NDArray[np.float32]


class _Boxes(NamedTuple):
    """Pixels a triangle may cover: first column and row, and how many of each."""

    left: NDArray[np.int64]
    top: NDArray[np.int64]
    width: NDArray[np.int64]
    height: NDArray[np.int64]


def render_faces(mesh: Mesh, intrinsics: Matrix, world_to_camera: Matrix, size: Size) -> Rendering:
    """Front-most face at every pixel center, whichever side it shows.

    Parameters
    ----------
    mesh : Mesh
        World of the cameras, meters.
    intrinsics : array (3, 3)
        Pixels with centers at +0.5.
    world_to_camera : array (4, 4)
    size : (height, width)

    Returns
    -------
    Rendering
    """
    height, width = size
    camera = mesh.vertices @ world_to_camera[:3, :3].T + world_to_camera[:3, 3]
    image = camera @ intrinsics.T  # (V, 3): u z, v z, z
    nearest = np.full(height * width, _NOTHING)
    rows = np.flatnonzero(_may_be_seen(image, mesh.faces, size))
    for start in range(0, len(rows), FACES_AT_ONCE):
        some = rows[start : start + FACES_AT_ONCE]
        _draw(nearest, image[mesh.faces[some]], some, size)
    seen = nearest != _NOTHING
    bits = np.where(seen, nearest >> np.uint64(32), 0).astype(np.uint32)
    faces = np.where(seen, nearest & np.uint64(2**32 - 1), 0).astype(np.int32)
    return Rendering(
        faces=np.where(seen, faces, np.int32(NO_FACE)).reshape(size),
        depth=bits.view(np.float32).reshape(size),
    )


def _may_be_seen(image: NDArray[np.float64], faces: NDArray[np.int32], size: Size) -> NDArray[np.bool_]:
    """Whether each face has corners on the near side of every border of the view, bool (F,)."""
    x, y, z = image.T
    outside = np.zeros(len(image), np.uint8)  # one bit per border
    for bit, beyond in enumerate((z <= NEAR, x < 0, x > size[1] * z, y < 0, y > size[0] * z)):
        outside |= beyond.astype(np.uint8) << bit
    return np.bitwise_and.reduce(outside[faces], axis=1) == 0


def _draw(nearest: NDArray[np.uint64], corners: NDArray[np.float64], rows: NDArray[np.int64], size: Size) -> None:
    """Put triangles (T, 3, 3) in homogeneous pixels into the buffer of depth and face (H * W,)."""
    first, second, third = corners.swapaxes(0, 1)
    edges = np.stack([np.cross(second, third), np.cross(third, first), np.cross(first, second)], axis=1)  # (T, 3, 3)
    volume = np.einsum("ti,ti->t", first, edges[:, 0])
    boxes = _boxes(corners, size)
    pixels = boxes.width * boxes.height
    largest = np.linalg.norm(first, axis=1) * np.linalg.norm(edges[:, 0], axis=1)
    kept = np.flatnonzero((pixels > 0) & (np.abs(volume) > _FLAT * largest))
    ends = np.cumsum(pixels[kept])
    start = 0
    while start < len(kept):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + PIXELS_AT_ONCE, side="right")))
        some = kept[start:stop]
        _draw_some(nearest, edges[some] / volume[some, None, None], rows[some], _Boxes(*(b[some] for b in boxes)), size)
        start = stop


def _draw_some(
    nearest: NDArray[np.uint64], edges: NDArray[np.float64], rows: NDArray[np.int64], boxes: _Boxes, size: Size
) -> None:
    counts = boxes.width * boxes.height
    of = np.repeat(np.arange(len(rows)), counts)  # triangle of every pixel to try
    place = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
    x = boxes.left[of] + place % boxes.width[of]
    y = boxes.top[of] + place // boxes.width[of]
    inverse = np.zeros(len(of))  # 1 / z
    inside = np.ones(len(of), np.bool_)
    shares = [a[of] * (x + 0.5) + b[of] * (y + 0.5) + c[of] for a, b, c in (edges[:, edge].T for edge in range(3))]
    for share in shares:
        inverse += share
    for share in shares:
        inside &= share >= -_ROUNDING * np.abs(inverse)
    inside &= (inverse > 0) & (inverse < 1 / NEAR)
    depth = (1 / inverse[inside]).astype(np.float32)
    # positive floats sort as their bits do; among equals the first face wins
    keys = depth.view(np.uint32).astype(np.uint64) << np.uint64(32) | rows[of[inside]].astype(np.uint64)
    np.minimum.at(nearest, y[inside] * size[1] + x[inside], keys)


def _boxes(corners: NDArray[np.float64], size: Size) -> _Boxes:
    """Pixels whose centers may lie in the part of each triangle (T, 3, 3) that is beyond `NEAR`."""
    following = np.roll(corners, -1, axis=1)
    z, next_z = corners[..., 2], following[..., 2]
    front = z > NEAR
    cut = front != (next_z > NEAR)
    share = np.divide(NEAR - z, next_z - z, out=np.zeros_like(z), where=cut)
    crossing = corners + share[..., None] * (following - corners)
    points = np.concatenate([corners, crossing], axis=1)  # (T, 6, 3)
    counts = np.concatenate([front, cut], axis=1)[..., None]
    pixels = points[..., :2] / np.where(counts, points[..., 2:], 1)
    limits = np.array([size[1], size[0]], np.float64)
    low = np.ceil(np.where(counts, pixels, np.inf).min(1).clip(0, limits) - 0.5 - _ROUNDING * limits)  # (T, 2)
    high = np.floor(np.where(counts, pixels, -np.inf).max(1).clip(0, limits) - 0.5 + _ROUNDING * limits)
    low, high = np.maximum(low, 0).astype(np.int64), np.minimum(high, limits - 1).astype(np.int64)
    span = np.maximum(high - low + 1, 0)
    return _Boxes(left=low[:, 0], top=low[:, 1], width=span[:, 0], height=span[:, 1])
