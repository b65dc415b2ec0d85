"""Two sets of instances of one cloud side by side: which is which, what changed, and what is wrong against the truth.

Two results are compared where they share a cloud: before and after an edit, queries against clustering, two
checkpoints on the same photos and geometry. Figures over data sets are the business of `evaluation`; this is for one
scene on show. The kinds of error follow the idea of TIDE (Bolya et al. 2020), for 3D instances without classes.
Importing the module needs NumPy alone; comparing needs SciPy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.reconstruction import Int32

Int64 = NDArray[np.int64]
Float64 = NDArray[np.float64]
Relation = Literal["same", "changed", "lost", "new", "split", "merged"]
Mistake = Literal["correct", "duplicate", "merge", "split", "background", "inexact"]
MATCH = 0.5  # IoU of a match, as in AP50
COVER = 0.5  # share of an instance that makes it lie in another
SAME = 0.95  # IoU from which an instance counts as unchanged
BACKGROUND = 0.1  # IoU below which a prediction is at no object


class Claim(Protocol):
    """What is compared: `Instance` and `CuratedInstance` both are."""

    @property
    def query(self) -> int:
        """Identity."""

    @property
    def objectness(self) -> float:
        """In [0, 1]."""

    @property
    def rank(self) -> float:
        """What it is ranked by, as in average precision."""

    @property
    def pixels(self) -> Int32:
        """Sorted rows of the cloud."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """One line of a comparison.

    Attributes
    ----------
    relation : str
        "same" (IoU of `SAME` or more), "changed" (matched), "lost" (in the first only), "new" (in the second only),
        "split" (most of it lies in this one and another of the second), "merged" (two of the first lie in it).
    first, second : int or None
        Queries.
    iou : float
        0 without a partner.
    """

    relation: Relation
    first: int | None
    second: int | None
    iou: float


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A prediction held against the truth.

    Attributes
    ----------
    query : int
    mistake : str
        "correct"; "merge" (covers two objects or more); "duplicate" (its object was found by one of higher rank);
        "split" (a part of one object); "background" (at no object); "inexact" (at an object, but too far off).
    target : int or None
        Id of the object it overlaps most by IoU.
    iou : float
    """

    query: int
    mistake: Mistake
    target: int | None
    iou: float


def shared_pixels(first: Sequence[Claim], second: Sequence[Claim], points: int) -> Int64:
    """Pixels that every two instances share, array (A, B) int64.

    Parameters
    ----------
    first, second : sequences of A and B instances
        Of one cloud.
    points : int
        P, rows of the cloud.
    """
    return np.asarray((_incidence(first, points) @ _incidence(second, points).T).toarray(), np.int64)


def pixel_iou(first: Sequence[Claim], second: Sequence[Claim], points: int) -> Float64:
    """Intersection over union of every two instances, array (A, B); 0 where both are empty."""
    shared = shared_pixels(first, second, points)
    sizes = [np.array([len(item.pixels) for item in side], np.int64) for side in (first, second)]
    union = sizes[0][:, None] + sizes[1][None, :] - shared
    return np.asarray(shared / np.maximum(union, 1))


def compare(first: Sequence[Claim], second: Sequence[Claim], points: int) -> list[Match]:
    """Which instance of the second is which of the first.

    Parameters
    ----------
    first, second : sequences of instances
        Of one cloud.
    points : int
        P.

    Returns
    -------
    list of Match
        Pairs of the one-to-one assignment of largest total IoU, then what has no partner; by falling IoU.
    """
    from scipy.optimize import linear_sum_assignment

    shared = shared_pixels(first, second, points)
    iou = pixel_iou(first, second, points)
    rows, columns = linear_sum_assignment(iou, maximize=True)
    pairs = {int(i): int(j) for i, j in zip(rows, columns, strict=True) if iou[i, j] >= MATCH}
    found = [
        Match(
            relation="same" if iou[i, j] >= SAME else "changed",
            first=first[i].query,
            second=second[j].query,
            iou=float(iou[i, j]),
        )
        for i, j in pairs.items()
    ]
    inside = shared / np.maximum([[len(item.pixels)] for item in first], 1) if first else shared  # (A, B) of the first
    covers = shared / np.maximum([len(item.pixels) for item in second], 1) if second else shared  # of the second
    for i, item in enumerate(first):
        if i not in pairs:
            gone = len(second) > 0 and inside[i].max() >= COVER
            relation: Relation = "merged" if gone else "split" if (covers[i] >= COVER).sum() > 1 else "lost"
            partner = int(shared[i].argmax()) if relation != "lost" else None
            other = None if partner is None else second[partner].query
            found.append(Match(relation=relation, first=item.query, second=other, iou=_best(iou[i], partner)))
    partners = {match.second for match in found}
    taken = set(pairs.values())
    for j, item in enumerate(second):
        if j in taken or item.query in partners:
            continue
        whole = int(covers[:, j].argmax()) if len(first) and covers[:, j].max() >= COVER else None
        found.append(
            Match(
                relation="new" if whole is None else "split",
                first=None if whole is None else first[whole].query,
                second=item.query,
                iou=_best(iou[:, j], whole),
            )
        )
    return sorted(found, key=lambda match: -match.iou)


def judge(predictions: Sequence[Claim], truth: Int32) -> tuple[list[Judged], dict[int, int | None]]:
    """Hold predictions against true ids.

    Parameters
    ----------
    predictions : sequence of instances
        The shown ones; in the order of their ranks they take their objects, as in AP at an IoU of `MATCH`.
    truth : array (P,) int32
        Id of the object at every row of the cloud; 0 or less is no object.

    Returns
    -------
    judged : list of Judged
        By falling rank.
    found : dict of int to int or None
        For every object the query that found it; None is a miss.
    """
    objects = np.unique(truth[truth > 0])
    sizes = np.array([np.count_nonzero(truth == value) for value in objects], np.int64)
    found: dict[int, int | None] = {int(value): None for value in objects}
    judged = []
    for item in sorted(predictions, key=lambda claim: (-claim.rank, claim.query)):
        ids = truth[item.pixels]
        shared = np.array([np.count_nonzero(ids == value) for value in objects], np.int64)
        iou = shared / np.maximum(sizes + len(item.pixels) - shared, 1)
        best = int(iou.argmax()) if len(objects) else None
        target = None if best is None else int(objects[best])
        value = 0.0 if best is None else float(iou[best])
        mistake: Mistake
        if target is None or (value < BACKGROUND and (shared < COVER * len(item.pixels)).all()):
            mistake = "background"
        elif value >= MATCH and found[target] is None:
            mistake, found[target] = "correct", item.query
        elif (shared >= COVER * sizes).sum() > 1:
            mistake = "merge"
        elif value >= MATCH:
            mistake = "duplicate"
        elif shared.max() >= COVER * len(item.pixels):
            mistake = "split"
        else:
            mistake = "inexact"
        judged.append(
            Judged(query=item.query, mistake=mistake, target=None if mistake == "background" else target, iou=value)
        )
    return judged, found


def _best(values: Float64, index: int | None) -> float:
    return 0.0 if index is None else float(values[index])


def _incidence(instances: Sequence[Claim], points: int) -> Any:
    """Sparse matrix (instances, P) of ones at the pixels."""
    from scipy.sparse import csr_array

    pixels = [item.pixels for item in instances]
    starts = np.concatenate([[0], np.cumsum([len(part) for part in pixels])]).astype(np.int64)
    columns = np.concatenate(pixels) if pixels else np.empty(0, np.int32)
    return csr_array((np.ones(len(columns), np.int32), columns, starts), shape=(len(instances), points))
