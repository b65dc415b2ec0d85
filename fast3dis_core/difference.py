"""What a change inside the decoder did to every query: a counterfactual beside the result it is held against.

Queries keep their numbers, so each is compared with itself; where one was lost, the instance that has its pixels now
is named as its heir. Comparing results whose numbers mean nothing to each other is `comparison`. Paper sections 3.3 to
3.5; the paper has no counterpart. This module needs NumPy alone.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fast3dis_core.comparison import COVER, SAME, Claim
from fast3dis_core.reconstruction import Int32, UInt8

Fate = Literal["same", "changed", "lost", "new"]
FATES: tuple[Fate, ...] = ("lost", "new", "changed", "same")
KEPT, GAINED, LOST, PASSED = 0, 1, 2, 3  # of a point: as before; claimed now only; before only; by another query now


@dataclass(frozen=True, kw_only=True)
class QueryChange:
    """One query before and after.

    Attributes
    ----------
    query : int
    fate : "same" (IoU of `comparison.SAME` or more), "changed", "lost" or "new"
    iou : float
        Of its two masks; 0 where it has only one.
    points : (int, int)
        Before and after.
    objectness : (float or None, float or None)
        None where it is no instance.
    heir : int or None
        Of a lost query: the instance that holds at least half of its pixels now, the one with most of them.
    """

    query: int
    fate: Fate
    iou: float
    points: tuple[int, int]
    objectness: tuple[float | None, float | None]
    heir: int | None = None


def query_changes(before: Sequence[Claim], after: Sequence[Claim], points: int) -> tuple[QueryChange, ...]:
    """What became of every query: lost ones first, then new, changed and same ones, each by rising IoU.

    Parameters
    ----------
    before, after : sequences of instances
        Of one cloud.
    points : int
        P, rows of the cloud.
    """
    old, new = {item.query: item for item in before}, {item.query: item for item in after}
    mark = np.zeros(points, np.bool_)
    found = []
    for query in sorted(old.keys() | new.keys()):
        first, second = old.get(query), new.get(query)
        mark[:] = False
        if first is not None:
            mark[first.pixels] = True
        sizes = tuple(0 if item is None else len(item.pixels) for item in (first, second))
        scores = tuple(None if item is None else float(item.objectness) for item in (first, second))
        shared = 0 if second is None else int(np.count_nonzero(mark[second.pixels]))
        iou = shared / max(1, sizes[0] + sizes[1] - shared)
        fate: Fate = "same" if iou >= SAME else "changed"
        heir = None
        if second is None:
            fate = "lost"
            held = {other: int(np.count_nonzero(mark[item.pixels])) for other, item in new.items()}
            most = max(held, key=lambda other: held[other], default=None)
            heir = most if most is not None and held[most] >= max(1, COVER * sizes[0]) else None
        elif first is None:
            fate = "new"
        change = QueryChange(
            query=query, fate=fate, iou=iou, points=(sizes[0], sizes[1]), objectness=(scores[0], scores[1]), heir=heir
        )
        found.append(change)
    return tuple(sorted(found, key=lambda change: (FATES.index(change.fate), change.iou, change.query)))


def point_changes(before: Sequence[Claim], after: Sequence[Claim], points: int) -> UInt8:
    """What became of every point, array (P,) uint8: `KEPT`, `GAINED`, `LOST` or `PASSED` to another query.

    A point belongs to the claimant of highest objectness, as in `reconstruction.exclusive_rows`.
    """
    old, new = _owners(before, points), _owners(after, points)
    changes = np.zeros(points, np.uint8)
    changes[(old < 0) & (new >= 0)] = GAINED
    changes[(old >= 0) & (new < 0)] = LOST
    changes[(old >= 0) & (new >= 0) & (old != new)] = PASSED
    return changes


def _owners(instances: Sequence[Claim], points: int) -> Int32:
    owners = np.full(points, -1, np.int32)
    for item in sorted(instances, key=lambda claim: claim.objectness):
        owners[item.pixels] = item.query
    return owners


def changes_csv(changes: Sequence[QueryChange], names: Mapping[int, str]) -> str:
    """The changes as CSV, a line for each query."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(
        [
            "query",
            "name",
            "fate",
            "iou",
            "points before",
            "points after",
            "objectness before",
            "objectness after",
            "heir",
        ]
    )
    for change in changes:
        scores = ["" if score is None else f"{score:.6f}" for score in change.objectness]
        heir = "" if change.heir is None else change.heir
        row = [change.query, names.get(change.query, ""), change.fate, f"{change.iou:.6f}", *change.points]
        table.writerow([*row, *scores, heir])
    return text.getvalue()
