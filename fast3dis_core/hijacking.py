"""Query hijacking: which queries claim one object.

Everything follows from the overlap matrix of a `Reconstruction`, O_ij = sum_m c_i p_i c_j p_j over all mask
pixels m of all views: the terms that the penalty of eq. 8 sums. Dividing by the objectness c gives overlaps of
the masks p themselves, so that a claim is not small only because its query is unsure. What to do about a
hijack is left to the viewer. Paper section 3.6. This module needs NumPy alone.
"""

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.reconstruction import Float32

Float64 = NDArray[np.float64]


def overlap_penalty(overlap: Float32) -> float:
    """L_overlap of eq. 8: the mean of O_ij over ordered pairs of different queries, 0 for fewer than two.

    Parameters
    ----------
    overlap : array (N, N) float32
        `Reconstruction.overlap`.

    Returns
    -------
    float
        In mask pixels; not divided by their number.
    """
    count = len(overlap)
    if count < 2:
        return 0.0
    matrix = overlap.astype(np.float64)
    return float((matrix.sum() - np.trace(matrix)) / (count * (count - 1)))


def soft_iou(overlap: Float32, objectness: Float32) -> Float64:
    """IoU of every two masks, for probabilities (Tanimoto): what both cover as a share of what either covers.

    With A_ij = sum_m p_i p_j it is A_ij / (A_ii + A_jj - A_ij): the IoU where masks are 0 or 1, and never
    above 1 for soft ones.

    Parameters
    ----------
    overlap : array (N, N) float32
    objectness : array (N,) float32
        Of the layer that `overlap` was computed from.

    Returns
    -------
    array (N, N) float64
        Symmetric; the diagonal is 1, but 0 for queries that claim nothing.
    """
    shared = _mask_products(overlap, objectness)
    own = np.diag(shared)
    return _share(shared, own[:, None] + own[None, :] - shared)


def hijack_groups(
    overlap: Float32, objectness: Float32, *, threshold: float = 0.5, objectness_floor: float = 0.05
) -> tuple[tuple[int, ...], ...]:
    """Queries that claim one object: connected by pairwise overlaps at or above `threshold`.

    Parameters
    ----------
    overlap : array (N, N) float32
    objectness : array (N,) float32
    threshold : float
        Of `soft_iou`, above 0. Half, as for a match in AP50; a choice, so show the distribution too.
    objectness_floor : float
        Weaker queries are left out; the default is the floor of assembly.

    Returns
    -------
    tuple of tuple of int
        Query numbers, at least two in a group, by falling objectness; the largest group first, then by its
        first query.

    Raises
    ------
    ValueError
        If `threshold` is not above 0: everything would be one group.
    """
    if threshold <= 0:
        raise ValueError(f"hijack_groups needs a threshold above 0, found {threshold}")
    active = objectness >= objectness_floor
    linked = (soft_iou(overlap, objectness) >= threshold) & active[:, None] & active[None, :]
    linked |= linked.T  # rounding may tell i over j from j over i
    groups: list[tuple[int, ...]] = []
    waiting = set(np.flatnonzero(active).tolist())
    while waiting:
        group: set[int] = set()
        front = {min(waiting)}
        while front:
            group |= front
            front = set(np.flatnonzero(linked[sorted(front)].any(axis=0)).tolist()) - group
        waiting -= group
        if len(group) > 1:
            groups.append(tuple(sorted(group, key=lambda query: (-objectness[query], query))))
    return tuple(sorted(groups, key=lambda queries: (-len(queries), queries[0])))


def hijack_rate(groups: tuple[tuple[int, ...], ...], queries: int) -> float:
    """Share of queries that claim an object which a query of higher objectness claims too.

    Parameters
    ----------
    groups : tuple of tuple of int
        From `hijack_groups`.
    queries : int
        That could be in a group: those at or above the floor.
    """
    return sum(len(group) - 1 for group in groups) / max(1, queries)


def clustered_order(overlap: Float32, objectness: Float32) -> NDArray[np.int64]:
    """Order of queries in which those that claim the same pixels stand together, array (N,) int64.

    Leaves of average linkage on one less `soft_iou`; queries that claim nothing come last, by number.
    Needs SciPy.

    Parameters
    ----------
    overlap : array (N, N) float32
    objectness : array (N,) float32
    """
    shares = soft_iou(overlap, objectness)
    claiming = np.flatnonzero(np.diag(shares) > 0)
    rest = np.setdiff1d(np.arange(len(shares)), claiming)
    if len(claiming) < 3:
        return np.concatenate([claiming, rest])
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    distance = 1 - np.maximum(shares, shares.T)[np.ix_(claiming, claiming)]
    np.fill_diagonal(distance, 0)
    leaves = leaves_list(linkage(squareform(distance, checks=False), "average", optimal_ordering=True))
    return np.concatenate([claiming[leaves], rest])


def _mask_products(overlap: Float32, objectness: Float32) -> Float64:
    """A_ij = sum_m p_i p_j, array (N, N); 0 for queries of objectness 0, of which O knows nothing."""
    confidence = objectness.astype(np.float64)
    return _share(overlap.astype(np.float64), confidence[:, None] * confidence[None, :], bound=np.inf)


def _share(part: Float64, whole: Float64, *, bound: float = 1.0) -> Float64:
    """`part / whole` up to `bound`, 0 where `whole` is 0."""
    return np.minimum(np.divide(part, whole, out=np.zeros_like(part), where=whole > 0), bound)
