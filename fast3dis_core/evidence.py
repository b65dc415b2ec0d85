"""What the decoder looked at and who claims what, as NumPy values for people to inspect.

`Evidence` is the cross-attention of every layer; `Claims` is the competition for every pixel. Attention is not proof:
it says where a query read, not why it decided. Paper sections 3.4 to 3.6 and the two failures of figure 4 (hijacking,
black gaps). Computing them belongs to `inference.inspection`. This module needs NumPy alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.reconstruction import Bool, Float32, Int32, UInt8, read_only

Int16 = NDArray[np.int16]
Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]
AREA_THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))  # of mask probability, for the explorer


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Cross-attention of all layers.

    Attributes
    ----------
    weights : array (L, N, 1 + S, heads) float32
        Sum to 1 over the null key, which comes first, and the views.
    positions : array (L, N, S, 2) float32
        Where each anchor read, pixels (x, y) of H x W; NaN where it was not visible.
    visible : array (L, N, S) bool
        In front of the camera, inside the image, not in a muted view. Occlusion is not looked at, by the paper.
    """

    weights: Float32
    positions: Float32
    visible: Bool

    def __post_init__(self) -> None:
        for name in ("weights", "positions", "visible"):
            read_only(getattr(self, name))


@dataclass(frozen=True, kw_only=True)
class Claims:
    """Who competes for the pixels of one result.

    A query claims a pixel where its mask probability p is above the mask threshold; its bid is c p, with objectness c.

    Attributes
    ----------
    count : array (P,) uint8
        Claims of each pixel; at most 255.
    best : array (P,) float32
        Highest bid among all active queries, claimed or not; 0 if there is no active query.
    margin : array (P,) float32
        Highest bid less the second highest.
    winner : array (P,) int16
        Query of the highest bid among the claimants, -1 where nobody claims.
    taken : array (N, N) int64
        Entry (i, j): valid pixels that i claims and j wins. The diagonal is what i keeps.
    areas : array (N, T) int64
        Valid pixels with p above each of `AREA_THRESHOLDS`, for active queries; 0 for others.
    valid : array (P,) bool
        Pixels that count.
    trained_count : array (P,) uint8, optional
    trained_best : array (P,) float32, optional
        `count` and `best` without queries of the user's own, where there are any: figures of the network are made of
        these.
    """

    count: UInt8
    best: Float32
    margin: Float32
    winner: Int16
    taken: Int64
    areas: Int64
    valid: Bool
    trained_count: UInt8 | None = None
    trained_best: Float32 | None = None

    def __post_init__(self) -> None:
        for name in ("count", "best", "margin", "winner", "taken", "areas", "valid"):
            read_only(getattr(self, name))
        for values in (self.trained_count, self.trained_best):
            if values is not None:
                read_only(values)

    @property
    def masks(self) -> Int64:
        """Valid pixels that each query claims, array (N,) int64."""
        return np.asarray(self.taken.sum(axis=1))

    @property
    def theft(self) -> Float64:
        """Who took how much of whose claim, array (N, N): entry (i, j) is the share of i's claim that j wins."""
        stolen = self.taken - np.diag(np.diag(self.taken))
        return share(stolen, np.repeat(self.masks[:, None], len(self.taken), axis=1))

    @property
    def double_claimed(self) -> float:
        """Share of the claimed valid pixels that two or more queries claim; those of the user's own do not count."""
        claimed = (self.count if self.trained_count is None else self.trained_count)[self.valid]
        return float((claimed > 1).sum() / max(1, (claimed > 0).sum()))

    def gaps(self, bid: float) -> Bool:
        """Valid pixels for which no query bids at least `bid`, array (P,) bool: the black gaps of figure 4."""
        return np.asarray(self.valid & (self.best < bid))

    def gap_share(self, bid: float) -> float:
        """Share of the valid pixels in gaps of the network: queries of the user's own close none."""
        best = self.best if self.trained_best is None else self.trained_best
        return float((self.valid & (best < bid)).sum() / max(1, self.valid.sum()))

    def thieves(self, minimum: float = 0.1) -> list[tuple[int, int, float, int]]:
        """Pairs (victim, thief, share of the victim's claim, pixels) from `minimum` on, by falling share."""
        theft = self.theft
        pairs = np.argwhere(theft >= minimum)
        found = [(int(i), int(j), float(theft[i, j]), int(self.taken[i, j])) for i, j in pairs]
        return sorted(found, key=lambda row: (-row[2], row[0], row[1]))

    def instance_counts(self, objectness: Float32, levels: Float32, minimum_points: int = 1) -> Int32:
        """Number of instances over both thresholds.

        Parameters
        ----------
        objectness : array (N,)
        levels : array (D,)
            Objectness thresholds delta.
        minimum_points : int
            Fewer pixels are no instance.

        Returns
        -------
        array (D, T) int32
            Over `levels` and `AREA_THRESHOLDS`.
        """
        large = self.areas >= max(1, minimum_points)  # (N, T)
        above = objectness[None, :] >= np.asarray(levels)[:, None]  # (D, N)
        return np.asarray(above.astype(np.int32) @ large.astype(np.int32), np.int32)


def share(part: Int64, whole: Int64) -> Float64:
    """`part / whole`, 0 where `whole` is 0."""
    return np.asarray(np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0))
