"""Which points of a cloud are drawn, and in which order: worked out on the worker, used by the viewport.

Sorting a million points takes a quarter of a second, which the window must not stand still for. NumPy alone; whoever
has no prepared order makes one on the spot.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.reconstruction import PointCloud

STAND_IN_POINTS = 60_000  # software OpenGL draws them in a few frames' time; more would not be seen at their size
GRID = 32  # cells per axis for spatial sorting; three axes fit into 16 bits, which NumPy sorts in linear time
SPARSE = 33  # percentile of the cells, by their number of points, whose spacing counts: most of the surface is denser


class Drawable(NamedTuple):
    """The drawn part of a cloud.

    Attributes
    ----------
    budget : int
        Most points that may be drawn.
    total : int
        Valid points there are.
    rows : array (M,) int64
        Cloud rows of the drawn points, in their order.
    subset : array (K,) int64
        Drawn points in the stand-in for while the camera moves.
    points : array (M, 3) float32
        World.
    colors : array (M, 4) uint8
        Photo colors; vertex attributes of bytes come in fours.
    spacing : float
        How far apart drawn points are where the surface is sparse, scene units; 0 without points.
    """

    budget: int
    total: int
    rows: NDArray[np.int64]
    subset: NDArray[np.int64]
    points: NDArray[np.float32]
    colors: NDArray[np.uint8]
    spacing: float


class PreparedCloud:
    """The newest cloud's drawable, made on one thread and taken on another.

    Attributes
    ----------
    budget : int
        Most points the viewport draws; 0 until it is known, and then nothing is prepared.
    """

    def __init__(self) -> None:
        self.budget = 0
        self._made: tuple[PointCloud, Drawable] | None = None

    def prepare(self, cloud: PointCloud) -> None:
        """Make the drawable of a cloud that will be shown."""
        if self.budget:
            self._made = cloud, drawable(cloud.points, cloud.colors, cloud.valid, self.budget)

    def take(self, cloud: PointCloud) -> Drawable | None:
        """That of this cloud, if there is one; it is given away once."""
        made, self._made = self._made, None
        return made[1] if made is not None and made[0] is cloud else None


def drawable(points: NDArray[np.float32], colors: NDArray[np.uint8], valid: NDArray[np.bool_], budget: int) -> Drawable:
    """Thin a cloud evenly over photos and sort it by place.

    Parameters
    ----------
    points : array (P, 3) float32
        World.
    colors : array (P, 3) uint8
    valid : array (P,) bool
        Others are not drawn.
    budget : int
        Most points drawn.
    """
    there = np.flatnonzero(valid)
    rows = there[even_sample(len(there), budget)]
    order, spacing = _spatial_order(points[rows])
    rows = rows[order]
    return Drawable(
        budget=budget,
        total=len(there),
        rows=rows,
        subset=even_sample(len(rows), STAND_IN_POINTS),
        points=np.ascontiguousarray(points[rows], np.float32),
        colors=_with_alpha(colors[rows]),
        spacing=spacing,
    )


def even_sample(count: int, limit: int) -> NDArray[np.int64]:
    """Indices of at most `limit` of `count` things, one from each of `limit` equal stretches.

    The place within a stretch is random but always the same: a fixed one would draw lines through photos.
    """
    if count <= limit:
        return np.arange(count)
    starts = np.arange(limit + 1) * count // limit
    return starts[:-1] + (np.random.default_rng(0).random(limit) * np.diff(starts)).astype(np.int64)


def _with_alpha(colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    padded = np.full((len(colors), 4), 255, np.uint8)
    padded[:, :3] = colors
    return padded


def _spatial_order(points: NDArray[np.float32]) -> tuple[NDArray[np.int64], float]:
    """Order that visits the points cell by cell, and their spacing: so drawn, software OpenGL is 1.7 times faster.

    A cell holds a piece of surface about as large as its sides: the points in it tell how far apart they are.
    """
    if not len(points):
        return np.empty(0, np.int64), 0.0
    low, high = np.percentile(points[:: max(1, len(points) // 10_000)], [1, 99], axis=0)
    size = np.maximum(high - low, 1e-9) / GRID
    cell = np.clip((points - low) / size, 0, GRID - 1).astype(np.uint16)
    key = (cell[:, 0] * GRID + cell[:, 1]) * GRID + cell[:, 2]  # (M,)
    counts = np.bincount(key)
    area = np.mean(size * np.roll(size, 1))  # of a side of a cell
    spacing = float(np.sqrt(area / np.percentile(counts[counts > 0], SPARSE)))
    return np.argsort(key.astype(np.uint16), kind="stable"), spacing
