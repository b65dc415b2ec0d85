"""Comparisons on masks whose relations are known by construction, and by properties."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.comparison import compare, judge, pixel_iou, shared_pixels

POINTS = 100


def claim(query, pixels, objectness=0.9):
    return SimpleNamespace(query=query, rank=objectness, pixels=np.array(sorted(pixels), np.int32))


masks = st.lists(st.sets(st.integers(0, 29), max_size=30), max_size=5).map(
    lambda sets: [claim(number, pixels, 0.9 - number / 10) for number, pixels in enumerate(sets)]
)


@given(masks, masks)
@settings(deadline=None, max_examples=60)
def test_intersections_and_ious_are_those_of_sets(first, second):
    shared, iou = shared_pixels(first, second, 30), pixel_iou(first, second, 30)
    assert shared.shape == iou.shape == (len(first), len(second))
    for i, one in enumerate(first):
        for j, other in enumerate(second):
            a, b = set(one.pixels.tolist()), set(other.pixels.tolist())
            assert shared[i, j] == len(a & b)
            assert iou[i, j] == pytest.approx(len(a & b) / max(1, len(a | b)))


@given(masks, masks)
@settings(deadline=None, max_examples=60)
def test_everything_is_named_and_pairs_are_one_to_one(first, second):
    found = compare(first, second, 30)
    assert {match.first for match in found} >= {item.query for item in first}
    assert {match.second for match in found} >= {item.query for item in second}
    pairs = [match for match in found if match.relation in ("same", "changed")]
    assert len({match.first for match in pairs}) == len({match.second for match in pairs}) == len(pairs)
    assert all(match.iou >= 0.5 for match in pairs)


@given(masks)
@settings(deadline=None, max_examples=40)
def test_a_result_is_the_same_as_itself(first):
    filled = [item for item in first if len(item.pixels)]
    kinds = [match.relation for match in compare(filled, filled, 30)]
    assert kinds == ["same"] * len(filled)


def relations(first, second):
    return {(match.relation, match.first, match.second) for match in compare(first, second, POINTS)}


def test_lost_new_and_changed():
    first = [claim(1, range(20)), claim(2, range(30, 40))]
    second = [claim(1, range(2, 20)), claim(7, range(60, 70))]
    assert relations(first, second) == {("changed", 1, 1), ("lost", 2, None), ("new", None, 7)}


def test_halves_of_one_are_a_split_and_two_in_one_are_merged():
    whole, halves = [claim(1, range(40))], [claim(5, range(20)), claim(6, range(20, 40))]
    assert ("split", 1, 6) in relations(whole, halves)
    assert {match.first for match in compare(whole, halves, POINTS)} == {1}
    together = compare(halves, [claim(1, range(50))], POINTS)
    assert {(match.relation, match.first, match.second) for match in together} == {("merged", 5, 1), ("merged", 6, 1)}


def test_nothing_against_nothing():
    assert compare([], [], POINTS) == []
    assert relations([], [claim(3, range(5))]) == {("new", None, 3)}
    assert relations([claim(3, range(5))], []) == {("lost", 3, None)}


class TestJudging:
    truth = np.zeros(POINTS, np.int32)
    truth[:20], truth[20:40], truth[40:80] = 11, 22, 33

    def kinds(self, *predictions):
        judged, found = judge(predictions, self.truth)
        return {item.query: item.mistake for item in judged}, found

    def test_each_kind_of_mistake(self):
        kinds, found = self.kinds(
            claim(0, range(1, 20), 0.9),
            claim(1, range(20), 0.8),
            claim(2, range(40), 0.7),
            claim(3, range(40, 55), 0.6),
            claim(4, range(82, 99), 0.5),
            claim(5, [*range(22, 28), *range(60, 66), *range(84, 90)], 0.4),
        )
        assert kinds == {0: "correct", 1: "duplicate", 2: "merge", 3: "split", 4: "background", 5: "inexact"}
        assert found == {11: 0, 22: None, 33: None}

    def test_two_objects_in_one_mask_are_a_merge(self):
        kinds, found = self.kinds(claim(0, range(15, 80)), claim(1, [*range(12), *range(20, 32), *range(80, 99)]))
        assert kinds == {0: "correct", 1: "merge"}
        assert found == {11: None, 22: None, 33: 0}

    def test_the_higher_score_takes_the_object_whatever_the_order(self):
        kinds, _ = self.kinds(claim(1, range(20), 0.3), claim(0, range(18), 0.6))
        assert kinds == {0: "correct", 1: "duplicate"}

    def test_no_truth_makes_everything_background(self):
        judged, found = judge([claim(0, range(5))], np.zeros(POINTS, np.int32))
        assert [(item.mistake, item.target) for item in judged] == [("background", None)]
        assert found == {}
