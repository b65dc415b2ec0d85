"""Which instances stand where a better one stands already, told by the points both claim.

The decoder is to give every object one query, and the overlap penalty of eq. 8 (paper section 3.6) teaches it to;
where two queries found the same object all the same, the one with the lower objectness is the duplicate. What is
done about it is left to `curation` and `inference.assembly`. This module needs NumPy alone.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np

from fast3dis_core.reconstruction import Int32

Pairs = Mapping[tuple[int, int], float]  # ids of two pixel arrays, the lower id first: their IoU


class Claim(Protocol):
    """A query and the points it claims: sorted rows of the cloud, array (M,) int32."""

    @property
    def query(self) -> int: ...  # noqa: D102
    @property
    def objectness(self) -> float: ...  # noqa: D102
    @property
    def pixels(self) -> Int32: ...  # noqa: D102


def close_pairs(claims: Sequence[Claim], *, points: int, views: int, limit: float, known: Pairs | None = None) -> Pairs:
    """IoU of every two claims that share more than `limit`.

    Parameters
    ----------
    claims : sequence of Claim
    points : int
        Of the cloud, the same number from every view.
    views : int
    limit : float
        In (0, 1].
    known : mapping, optional
        An earlier answer for the same limit, from which pairs of the very same arrays are taken.

    Returns
    -------
    mapping
        (id, id) of two pixel arrays, the lower one first, to IoU. Every array stands under (its id, its id) with 1.
    """
    known = known or {}
    pixels = [claim.pixels for claim in claims]
    found = {(id(array), id(array)): 1.0 for array in pixels}
    if found.keys() == {pair for pair in known if pair[0] == pair[1]}:
        return known
    marked = np.zeros(points, np.bool_)
    for first, second in _candidates(pixels, points // max(1, views), views, limit):
        pair = _pair(first, second)
        if (id(first), id(first)) in known and (id(second), id(second)) in known:
            if pair in known:
                found[pair] = known[pair]
            continue
        smaller, larger = sorted((first, second), key=len)
        marked[smaller] = True
        shared = np.count_nonzero(marked.take(larger))
        marked[smaller] = False
        overlap = shared / (len(smaller) + len(larger) - shared)
        if overlap > limit:
            found[pair] = overlap
    return found


def duplicates(claims: Collection[Claim], pairs: Pairs) -> dict[int, int]:
    """Which claims repeat a better one, that is no duplicate itself.

    Parameters
    ----------
    claims : collection of Claim
    pairs : mapping
        Of `close_pairs`, for these and perhaps others.

    Returns
    -------
    dict of int to int
        Query of a duplicate to query of the one it repeats, the best of them.
    """
    ranked = sorted(claims, key=lambda claim: (-claim.objectness, claim.query))
    places = {id(claim.pixels): place for place, claim in enumerate(ranked)}
    better: dict[int, list[int]] = {}
    for first, second in pairs:
        if first != second and first in places and second in places:
            low, high = sorted((places[first], places[second]))
            better.setdefault(high, []).append(low)
    found: dict[int, int] = {}
    for place in sorted(better):
        best = min((other for other in better[place] if ranked[other].query not in found), default=None)
        if best is not None:
            found[ranked[place].query] = ranked[best].query
    return found


def original(members: Sequence[int], repeated: Mapping[int, int]) -> int | None:
    """Query that an object of these queries repeats: each of them is a duplicate, and not of another one of them."""
    originals = [repeated.get(member) for member in members]
    return None if {None, *members} & set(originals) else originals[0]


def _candidates(pixels: Sequence[Int32], per_view: int, views: int, limit: float) -> Iterator[tuple[Int32, Int32]]:
    """Pairs whose IoU may exceed the limit: in no view can two claims share more than the smaller one has there."""
    bounds = np.arange(views + 1, dtype=np.int32) * per_view
    counts = np.array([np.diff(np.searchsorted(rows, bounds)) for rows in pixels])  # (K, S)
    for first in range(len(counts) - 1):
        others = counts[first + 1 :]
        most = np.minimum(counts[first], others).sum(axis=1)
        least = np.maximum(counts[first], others).sum(axis=1)
        for place in np.flatnonzero(most > limit * least):
            yield pixels[first], pixels[first + 1 + int(place)]


def _pair(first: Int32, second: Int32) -> tuple[int, int]:
    low, high = sorted((id(first), id(second)))
    return low, high
