"""A result and its counterpart side by side: who is whom, what changed, and average precision where the truth is known.

Both sides are brought onto the rows of the result's cloud; what only one of them has, such as other photos, does not
count. Filters of points are the result's, for both. Paper sections 4.1 and 4.2, for one scene on show.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from fast3dis_core.comparison import Claim, compare, judge
from fast3dis_core.counterpart import (
    EVERYTHING,
    Counterpart,
    Line,
    Precision,
    SideBySide,
    Truth,
    Verdict,
    matched_colors,
)
from fast3dis_core.curation import Curated, CuratedInstance, curate
from fast3dis_core.evaluation.average_precision import MIN_REGION_SIZE, pooled, records_of_counts
from fast3dis_core.evaluation.intersections import MaskCounts, number_objects
from fast3dis_core.reconstruction import Bool, Int32

ON_STRUCTURE = 0.5  # share of a prediction on walls and floors from which it is neither right nor wrong


@dataclass(frozen=True, kw_only=True)
class OnRows:
    """An instance on the rows that both sides have; a `comparison.Claim`."""

    query: int
    objectness: float
    rank: float
    pixels: Int32


def set_beside(
    counterpart: Counterpart, first: Curated, *, truth: Truth | None = None, previous: SideBySide | None = None
) -> SideBySide:
    """Compare what both sides show.

    Parameters
    ----------
    counterpart : Counterpart
        Of this result.
    first : Curated
        The result as the user sees it.
    truth : Truth, optional
        Of this result; asked for by a counterpart of kind "truth".
    previous : SideBySide, optional
        An earlier answer, of which what did not change is taken.

    Returns
    -------
    SideBySide
    """
    wishes = first.curation
    shared = ("confidence_percentile", "depth_edge", *counterpart.follows)
    own = replace(counterpart.curation, **{name: getattr(wishes, name) for name in shared})
    known = previous.second if previous is not None and previous.counterpart is counterpart else None
    second = curate(counterpart.reconstruction, own, palette=first.palette, previous=known)
    ours, theirs = on_shared_rows(counterpart, first, second)
    points = len(first.keep)
    if counterpart.kind == "truth":
        assert truth is not None, "the truth is given with its counterpart"
        lines = _judged(ours, theirs, truth)
    else:
        lines = _related(ours, theirs, points, before=counterpart.kind == "run")
    precision, unfiltered = _precisions(counterpart, first, (ours, theirs), truth, previous)
    return SideBySide(
        counterpart=counterpart,
        first=first,
        second=second,
        lines=lines,
        colors=matched_colors(first, second, lines),
        precision=precision,
        unfiltered=unfiltered,
    )


def on_shared_rows(counterpart: Counterpart, first: Curated, second: Curated) -> tuple[list[OnRows], list[OnRows]]:
    """What either side shows, on the rows of the result that both have."""
    rows = counterpart.rows
    if rows is None:
        return [_claim(item, item.pixels) for item in first.shown], [_claim(item, item.pixels) for item in second.shown]
    ours = [_claim(item, item.pixels[rows[item.pixels] >= 0]) for item in first.shown]
    there = np.flatnonzero((rows >= 0) & first.keep).astype(np.int32)
    places, member = rows[there], np.zeros(len(second.keep), np.bool_)
    theirs = []
    for item in second.shown:
        member[item.pixels] = True
        theirs.append(_claim(item, there[member[places]]))
        member[item.pixels] = False
    return ours, theirs


def average_precision(claims: Sequence[Claim], truth: Truth, keep: Bool) -> Precision:
    """Average precision over all views as one list of pixels, as `fast3dis evaluate` has it; structure is void.

    Parameters
    ----------
    claims : sequence of instances
        On the rows of the result.
    truth : Truth
    keep : array (P,) bool
        Points that count, and no others: what is filtered away cannot be found.
    """
    values, places = number_objects(np.where(keep, truth.ids, 0))
    count = len(values)
    claims = sorted(claims, key=lambda item: item.query)  # of equal ones the first in this order finds an object
    table = np.zeros((len(claims), count + 1), np.int64)
    for line, item in zip(table, claims, strict=True):
        line[:] = np.bincount(places[item.pixels], minlength=count + 1)
    sizes = np.bincount(places, minlength=count + 1)[:count]
    counts = MaskCounts(object_sizes=sizes, shared=table[:, :count], void=table[:, count])
    figures = pooled([records_of_counts(counts, [item.rank for item in claims])])
    return Precision(
        ap=figures["ap"], ap50=figures["ap50"], ap25=figures["ap25"], objects=int(figures["counts"]["targets"])
    )


def _precisions(
    counterpart: Counterpart,
    first: Curated,
    shown: tuple[Sequence[Claim], Sequence[Claim]],
    truth: Truth | None,
    previous: SideBySide | None,
) -> tuple[tuple[Precision | None, Precision | None], tuple[Precision | None, Precision | None]]:
    """Of what both sides show, and of all that they have; nothing without the truth."""
    if truth is None:
        return (None, None), (None, None)
    alone, result = counterpart.kind == "truth", first.reconstruction
    theirs = None if alone else average_precision(shown[1], truth, first.keep)
    precision = average_precision(shown[0], truth, first.keep), theirs
    known = previous is not None and previous.counterpart is counterpart and previous.first.reconstruction is result
    if known and previous is not None and previous.unfiltered[0] is not None:
        return precision, previous.unfiltered
    everything = curate(result, EVERYTHING), curate(counterpart.reconstruction, EVERYTHING)
    whole = on_shared_rows(counterpart, *everything)
    keep = result.cloud.valid
    return precision, (
        average_precision(whole[0], truth, keep),
        None if alone else average_precision(whole[1], truth, keep),
    )


def _related(ours: Sequence[OnRows], theirs: Sequence[OnRows], points: int, *, before: bool) -> tuple[Line, ...]:
    """Relations as from the result to its counterpart, or the other way round if the counterpart was there before."""
    first, second = ({item.query: len(item.pixels) for item in side} for side in (ours, theirs))
    lines = []
    for match in compare(theirs, ours, points) if before else compare(ours, theirs, points):
        own, other = (match.second, match.first) if before else (match.first, match.second)
        sizes = 0 if own is None else first[own], 0 if other is None else second[other]
        lines.append(Line(verdict=match.relation, first=own, second=other, iou=match.iou, points=sizes))
    return tuple(lines)


def _judged(ours: Sequence[OnRows], theirs: Sequence[OnRows], truth: Truth) -> tuple[Line, ...]:
    first, second = ({item.query: item for item in side} for side in (ours, theirs))
    visible = np.zeros(len(truth.ids), np.bool_)
    for item in theirs:
        visible[item.pixels] = True
    shown = np.where(visible | (truth.ids < 0), truth.ids, 0).astype(np.int32)
    judged, found = judge(ours, shown)
    lines = []
    for told in judged:
        pixels, verdict = first[told.query].pixels, cast(Verdict, told.mistake)
        if verdict == "background" and (shown[pixels] < 0).sum() >= ON_STRUCTURE * max(len(pixels), 1):
            verdict = "ignored"
        size = 0 if told.target is None else len(second[told.target].pixels)
        points = len(pixels), size
        lines.append(Line(verdict=verdict, first=told.query, second=told.target, iou=told.iou, points=points))
    lines += [
        Line(verdict="miss", first=None, second=target, iou=0.0, points=(0, len(second[target].pixels)))
        for target, query in found.items()
        if query is None and len(second[target].pixels) >= MIN_REGION_SIZE
    ]
    return tuple(sorted(lines, key=lambda line: -line.iou))


def _claim(item: CuratedInstance, pixels: Int32) -> OnRows:
    return OnRows(query=item.query, objectness=item.objectness, rank=item.rank, pixels=pixels)
