"""Counterfactuals beside the result: every figure against plain sets of pixels."""

import csv
import io

import numpy as np

from fast3dis_core.comparison import SAME
from fast3dis_core.difference import GAINED, KEPT, LOST, PASSED, changes_csv, point_changes, query_changes
from fast3dis_core.reconstruction import Instance

POINTS = 400


def instance(query, start, end, objectness):
    pixels = np.arange(start, end, dtype=np.int32)
    return Instance(query=query, objectness=objectness, anchor=np.zeros(3, np.float32), pixels=pixels)


BEFORE = (
    instance(0, 0, 100, 0.9),
    instance(1, 90, 200, 0.8),
    instance(2, 200, 260, 0.7),
    instance(5, 300, 320, 0.4),
)
AFTER = (
    instance(0, 0, 102, 0.95),  # the same but for two pixels
    instance(1, 90, 245, 0.85),  # has taken most of 2
    instance(3, 330, 360, 0.6),  # is new; 5 is lost without an heir
)


def test_every_figure_is_that_of_plain_sets():
    old, new = ({item.query: item for item in side} for side in (BEFORE, AFTER))
    changes = query_changes(BEFORE, AFTER, POINTS)
    assert {change.query for change in changes} == set(old) | set(new)
    for change in changes:
        one = set(old[change.query].pixels.tolist()) if change.query in old else set()
        two = set(new[change.query].pixels.tolist()) if change.query in new else set()
        assert change.iou == len(one & two) / len(one | two)
        assert change.points == (len(one), len(two))
        scores = tuple(side[change.query].objectness if change.query in side else None for side in (old, new))
        assert change.objectness == scores
        expected = "lost" if not two else "new" if not one else "same" if change.iou >= SAME else "changed"
        assert change.fate == expected
    assert {change.query: change.heir for change in changes} == {0: None, 1: None, 2: 1, 3: None, 5: None}


def test_what_is_lost_comes_first_and_what_stayed_last():
    assert [(change.query, change.fate) for change in query_changes(BEFORE, AFTER, POINTS)] == [
        (2, "lost"),
        (5, "lost"),
        (3, "new"),
        (1, "changed"),
        (0, "same"),
    ]


def test_points_are_those_of_plain_owners():
    def owner(side, point):
        claims = [item for item in side if point in item.pixels]
        return max(claims, key=lambda item: item.objectness).query if claims else None

    changes = point_changes(BEFORE, AFTER, POINTS)
    for point in range(POINTS):
        one, two = owner(BEFORE, point), owner(AFTER, point)
        expected = KEPT if one == two else GAINED if one is None else LOST if two is None else PASSED
        assert changes[point] == expected
    assert set(changes.tolist()) == {KEPT, GAINED, LOST, PASSED}


def test_nothing_changed_is_the_same_everywhere():
    assert {change.fate for change in query_changes(BEFORE, BEFORE, POINTS)} == {"same"}
    assert not point_changes(BEFORE, BEFORE, POINTS).any()
    assert query_changes((), (), POINTS) == ()
    assert not point_changes((), (), POINTS).any()


def test_csv_says_the_same():
    changes = query_changes(BEFORE, AFTER, POINTS)
    rows = list(csv.DictReader(io.StringIO(changes_csv(changes, {2: 'a "chair", red'}))))
    for row, change in zip(rows, changes, strict=True):
        assert (int(row["query"]), row["fate"]) == (change.query, change.fate)
        assert abs(float(row["iou"]) - change.iou) < 1e-6
        assert (int(row["points before"]), int(row["points after"])) == change.points
        assert row["heir"] == ("" if change.heir is None else str(change.heir))
    assert rows[0]["name"] == 'a "chair", red'
