"""From predicted points to masks over the vertices of a scan: a point votes for its nearest vertex. Paper section 4.

Points are aligned by the caller (`alignment_ladder`). A point of the background has no instance and does not vote; a
vertex nobody votes for stays without an instance and costs IoU, since filling holes would reward what was not seen.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from fast3dis_core.errors import ConfigError, EvaluationError
from fast3dis_core.evaluation.average_precision import checked_scores

Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]
Resolve = Literal["majority", "confidence", "any"]

MAX_DISTANCE = 0.05  # meters between a point and the vertex it votes for
ROUNDING = 1e-9  # a point exactly at the limit is kept, whatever the last bit of its distance says
NO_VERTEX = -1


def nearest_vertices(vertices: ArrayLike, points: ArrayLike, *, max_distance: float = MAX_DISTANCE) -> Int64:
    """Vertex each point votes for.

    Parameters
    ----------
    vertices : array (V, 3)
        Of the scan, meters.
    points : array (P, 3)
        Aligned to it.
    max_distance : float
        Meters; a point exactly that far still votes.

    Returns
    -------
    array (P,) int64
        `NO_VERTEX` where all are farther.

    Raises
    ------
    EvaluationError
        If there is no vertex, or a position is not finite.
    """
    nearest, distance = nearest_distances(vertices, points, max_distance=max_distance)
    return np.where(within(distance, max_distance), nearest, NO_VERTEX).astype(np.int64)


def nearest_distances(vertices: ArrayLike, points: ArrayLike, *, max_distance: float) -> tuple[Int64, Float64]:
    """Nearest vertex and its distance, where it is not much farther than the limit; else V and infinity.

    Parameters
    ----------
    vertices : array (V, 3)
    points : array (P, 3)
    max_distance : float

    Returns
    -------
    nearest : array (P,) int64
    distance : array (P,) float64

    Raises
    ------
    EvaluationError
        If there is no vertex, or a position is not finite.
    """
    mesh, cloud = (np.asarray(values, np.float64).reshape(-1, 3) for values in (vertices, points))
    if not len(mesh) or not np.isfinite(mesh).all() or not np.isfinite(cloud).all():
        raise EvaluationError(
            f"Transfer expects finite vertices and points, found {len(mesh)} vertices and {len(cloud)} points, "
            f"{int((~np.isfinite(mesh).all(axis=1)).sum() + (~np.isfinite(cloud).all(axis=1)).sum())} of them not "
            "finite: leave invalid points out."
        )
    limit = max_distance * (1 + ROUNDING)
    distance, nearest = cKDTree(mesh).query(cloud, distance_upper_bound=np.nextafter(limit, np.inf))
    return nearest.astype(np.int64), distance


def within(distance: Float64, max_distance: float) -> Bool:
    """Whether distances keep to a limit; one exactly at the limit does."""
    return distance <= max_distance * (1 + ROUNDING)


def vertex_masks(
    nearest: ArrayLike,
    instances: ArrayLike,
    *,
    scores: ArrayLike,
    vertices: int,
    weights: ArrayLike | None = None,
    resolve: Resolve = "majority",
    min_votes: int = 1,
) -> Bool:
    """Masks over vertices from the votes of points.

    Where instances overlap, give a point once for each instance that claims it.

    Parameters
    ----------
    nearest : array (M,) of integers
        From `nearest_vertices`, of the point of each vote.
    instances : array (M,) of integers
        Instance of each vote, below K; less than 0 = background, which does not vote.
    scores : array (K,) float
        Confidences of the instances; decide ties.
    vertices : int
        V.
    weights : array (M,), optional
        Mask probability of each vote, needed by "confidence".
    resolve : {"majority", "confidence", "any"}
        A vertex belongs to the instance with most votes, or of largest summed weight, of equal ones to that of higher
        score and then of lower number; or to every instance that votes for it.
    min_votes : int
        Votes an instance needs for a vertex, under every rule.

    Returns
    -------
    array (K, V) bool
        For `average_precision`, in the order of `scores`.

    Raises
    ------
    ConfigError
        If `resolve` is unknown or lacks its weights.
    EvaluationError
        If votes, instances and vertices do not fit together.
    """
    votes, owners = _integers(nearest), _integers(instances)
    confidence = checked_scores(scores, np.size(scores))
    if resolve not in get_args(Resolve):
        raise ConfigError(f"resolve must be one of {', '.join(get_args(Resolve))}, found {resolve!r}.")
    if resolve == "confidence" and weights is None:
        raise ConfigError("resolve 'confidence' needs the mask probability of every vote; choose majority or any.")
    amounts = np.ones(len(votes)) if weights is None else np.asarray(weights, np.float64)
    if not votes.shape == owners.shape == amounts.shape or votes.ndim != 1:
        raise EvaluationError(f"Votes: expected one list each, found {votes.shape}, {owners.shape}, {amounts.shape}.")
    if votes.max(initial=-1) >= vertices or owners.max(initial=-1) >= len(confidence):
        raise EvaluationError(
            f"Votes for {vertices} vertices by {len(confidence)} instances, found vertex {votes.max(initial=-1)} and "
            f"instance {owners.max(initial=-1)}: transfer to the scan the votes were cast on."
        )
    cast = (votes >= 0) & (owners >= 0)
    claims, place = np.unique(votes[cast] * len(confidence) + owners[cast], return_inverse=True)
    counts = np.bincount(place, minlength=len(claims))
    sums = np.bincount(place, weights=amounts[cast], minlength=len(claims))
    enough = counts >= min_votes
    vertex, owner = np.divmod(claims[enough], max(1, len(confidence)))
    if resolve != "any":
        amount = counts[enough] if resolve == "majority" else sums[enough]
        vertex, owner = _winners(vertex, owner, amount, confidence)
    masks = np.zeros((len(confidence), vertices), np.bool_)
    masks[owner, vertex] = True
    return masks


def _integers(values: ArrayLike) -> Int64:
    numbers = np.asarray(values)
    if numbers.size and not np.issubdtype(numbers.dtype, np.integer):
        raise EvaluationError(f"Votes: expected integers for vertices and instances, found {numbers.dtype}.")
    return numbers.astype(np.int64)


def _winners(vertex: Int64, owner: Int64, amount: NDArray, confidence: Float64) -> tuple[Int64, Int64]:
    """Of the claims on each vertex the largest amount, then the higher score, then the lower instance."""
    order = np.lexsort((owner, -confidence[owner], -amount, vertex))
    vertex, owner = vertex[order], owner[order]
    first = np.flatnonzero(np.diff(vertex, prepend=-1))
    return vertex[first], owner[first]
