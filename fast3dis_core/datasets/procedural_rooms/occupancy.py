"""Which space of a room is taken, and whether one more object fits.

Objects are tested solid by solid: a chair may stand under a table top, a book inside a shelf, and a
cushion against a backrest, but no solids of different objects overlap by more than `TOLERANCE`.
Separating directions are the local axes of both; leaving out others can only refuse a place that was free.
"""

from dataclasses import dataclass

import numpy as np

from fast3dis_core.datasets.procedural_rooms.primitives import (
    Array,
    Prototype,
    part_arrays,
    reach_along,
    turn_z,
)

TOLERANCE = 0.004  # overlap of two boxes that still counts as touching, meters


@dataclass(frozen=True)
class Placed:
    """An object at its place: solids in the layout frame.

    Attributes
    ----------
    prototype : Prototype
    yaw : float
        Turn about +z, radians.
    position : array (3,)
    kind : array (n,)
    centers, axes, half : arrays (n, 3), (n, 3, 3), (n, 3)
    reach : array (n, 3)
        Half size of the upright box around each solid.
    low, high : arrays (3,)
        Corners of the box around all solids.
    """

    prototype: Prototype
    yaw: float
    position: Array
    kind: Array
    centers: Array
    axes: Array
    half: Array
    reach: Array
    low: Array
    high: Array

    def to_layout(self, point: tuple[float, float, float]) -> Array:
        """A point of the object's frame, in the layout frame."""
        return turn_z(self.yaw) @ np.asarray(point) + self.position


def place(prototype: Prototype, position: Array, yaw: float) -> Placed:
    """Put an object somewhere; nothing is checked."""
    centers, axes, half = part_arrays(prototype.parts)
    turn = turn_z(yaw)
    centers, axes = centers @ turn.T + position, axes @ turn.T
    kind = np.array([part.kind for part in prototype.parts])
    reach = reach_along(kind, axes, half)
    low, high = (centers - reach).min(0), (centers + reach).max(0)
    return Placed(prototype, yaw, np.asarray(position, np.float64), kind, centers, axes, half, reach, low, high)


class Occupancy:
    """The solids placed so far, and zones that must stay free of furniture."""

    def __init__(self) -> None:
        self.placed: list[Placed] = []
        self._low = np.empty((0, 3))
        self._high = np.empty((0, 3))
        self._zones: list[tuple[Array, Array]] = []

    def keep_free(self, low: Array, high: Array) -> None:
        """Reserve an upright box, for instance in front of a door; only furniture respects it."""
        self._zones.append((low, high))

    def add(self, item: Placed) -> None:
        """Take the space of an object."""
        self.placed.append(item)
        self._low = np.vstack([self._low, item.low])
        self._high = np.vstack([self._high, item.high])

    def fits(self, item: Placed, *, zones: bool = False) -> bool:
        """Whether the object overlaps nothing placed so far (and, if asked, no reserved zone)."""
        if zones and any((item.low < high).all() and (item.high > low).all() for low, high in self._zones):
            return False
        near = ((item.low < self._high - TOLERANCE) & (item.high > self._low + TOLERANCE)).all(1)
        return not any(_overlap(item, self.placed[index]) for index in np.flatnonzero(near))


def _overlap(first: Placed, second: Placed) -> bool:
    """Whether any two boxes of two objects overlap by more than `TOLERANCE`."""
    # only solids that reach into the common box can touch
    low, high = np.maximum(first.low, second.low), np.minimum(first.high, second.high)
    a, b = _within(first, low, high), _within(second, low, high)
    if not (a.any() and b.any()):
        return False
    axes_a, axes_b = first.axes[a], second.axes[b]
    half_a, half_b = first.half[a], second.half[b]
    delta = second.centers[b][None] - first.centers[a][:, None]  # (n, m, 3)
    turn = np.einsum("nik,mjk->nmij", axes_a, axes_b)  # (n, m, 3, 3) axes of the second in those of the first
    along_a = np.abs(np.einsum("nik,nmk->nmi", axes_a, delta))
    along_b = np.abs(np.einsum("mjk,nmk->nmj", axes_b, delta))
    kind_a, kind_b = first.kind[a][:, None], second.kind[b][None]
    depth_a = half_a[:, None] + reach_along(kind_b, turn.swapaxes(-1, -2), half_b[None]) - along_a
    depth_b = half_b[None] + reach_along(kind_a, turn, half_a[:, None]) - along_b
    return bool((np.minimum(depth_a.min(-1), depth_b.min(-1)) > TOLERANCE).any())


def _within(item: Placed, low: Array, high: Array) -> Array:
    return np.asarray(((item.centers - item.reach < high) & (item.centers + item.reach > low)).all(1))
