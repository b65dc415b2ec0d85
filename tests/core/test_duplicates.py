"""Duplicates: which instances repeat a better one, against a plain recomputation with Python sets."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fast3dis_core.config import InferenceConfig
from fast3dis_core.curation import Curation, curate
from fast3dis_core.duplicates import close_pairs, duplicates
from fast3dis_core.errors import ConfigError
from fast3dis_core.reconstruction import Instance
from fast3dis_core.thresholds import objectness_counts
from tests.scenes import synthetic_reconstruction

VIEWS, PER_VIEW = 3, 8
ROWS = st.sets(st.integers(0, VIEWS * PER_VIEW - 1), min_size=0, max_size=VIEWS * PER_VIEW)
OFF = Curation(
    objectness_threshold=0.0, minimum_points=0, confidence_percentile=0.0, depth_edge=0.0, duplicate_overlap=0.0
)


def arrays(sets):
    return [np.array(sorted(rows), np.int32) for rows in sets]


def claims(pixels):
    """The best first, by numbers that are not their places."""
    return [
        Instance(query=10 + place, objectness=1 - place / 10, anchor=np.zeros(3, np.float32), pixels=rows)
        for place, rows in enumerate(pixels)
    ]


def close(pixels, limit, known=None):
    return close_pairs(claims(pixels), points=VIEWS * PER_VIEW, views=VIEWS, limit=limit, known=known)


def plain_iou(first, second):
    union = len(first | second)
    return len(first & second) / union if union else 0.0


def plain_duplicates(sets, limit):
    kept, found = [], {}
    for place, rows in enumerate(sets):
        original = next((other for other in kept if plain_iou(sets[other], rows) > limit), None)
        if original is None:
            kept.append(place)
        else:
            found[place] = original
    return found


class TestPairs:
    @given(st.lists(ROWS, max_size=7), st.sampled_from([0.2, 0.5, 0.9]))
    def test_are_those_of_a_plain_recomputation(self, sets, limit):
        pixels = arrays(sets)
        pairs = close(pixels, limit)
        for i, first in enumerate(pixels):
            for j in range(i + 1, len(pixels)):
                key = tuple(sorted((id(first), id(pixels[j]))))
                iou = plain_iou(sets[i], sets[j])
                assert pairs.get(key, 0.0) == (pytest.approx(iou) if iou > limit else 0.0)

    @given(st.lists(ROWS, max_size=7), st.sampled_from([0.2, 0.5, 0.9]))
    def test_the_better_one_stays_and_no_chain_drops_a_third(self, sets, limit):
        pixels = arrays(sets)
        pairs = close(pixels, limit)
        expected = {10 + place: 10 + better for place, better in plain_duplicates(sets, limit).items()}
        assert duplicates(claims(pixels)[::-1], pairs) == expected

    @given(st.lists(ROWS, min_size=1, max_size=6), ROWS, st.integers(0, 5))
    def test_what_is_known_already_changes_no_answer(self, sets, other, place):
        old = arrays(sets)
        known = close(old, 0.5)
        new = list(old)
        new[place % len(new)] = arrays([other])[0]
        again = close(new, 0.5, known)
        assert again == close(new, 0.5)
        assert close(old, 0.5, known) is known


@pytest.fixture
def result():
    """Query 1 repeats query 0 but for a tenth of its points; query 2 stands elsewhere."""
    scene = synthetic_reconstruction(views=2, height=20, width=20, queries=3)
    rows = np.flatnonzero(scene.cloud.valid).astype(np.int32)
    sets = (rows[:200], rows[20:200], rows[300:400])
    instances = tuple(
        Instance(query=query, objectness=score, anchor=np.zeros(3, np.float32), pixels=pixels)
        for query, (score, pixels) in enumerate(zip((0.9, 0.8, 0.7), sets, strict=True))
    )
    return type(scene)(**{**vars(scene), "instances": instances})


def verdicts(result, **wishes):
    curated = curate(result, Curation(**{**vars(OFF), **wishes}))
    return {item.query: item.verdict for item in curated.instances}


class TestCuration:
    def test_a_duplicate_is_not_shown_and_says_of_whom(self, result):
        curated = curate(result, Curation(**{**vars(OFF), "duplicate_overlap": 0.5, "names": {0: "Sofa"}}))
        double = curated.find(1)
        assert (double.verdict, double.duplicate_of, curated.reason(double)) == ("duplicate", 0, "duplicate of Sofa")
        assert curated.queries["duplicate"] == 1
        assert [item.query for item in curated.shown] == [0, 2]

    def test_overlap_over_the_limit_only(self, result):
        assert verdicts(result, duplicate_overlap=0.89)[1] == "duplicate"  # 180 of 200 points
        assert verdicts(result, duplicate_overlap=0.9)[1] == "shown"
        assert verdicts(result, duplicate_overlap=0.0)[1] == "shown"

    def test_what_another_filter_drops_has_no_duplicates(self, result):
        low = [Instance(**{**vars(item), "objectness": 0.2}) if item.query == 0 else item for item in result.instances]
        result = type(result)(**{**vars(result), "instances": tuple(low)})
        found = verdicts(result, duplicate_overlap=0.5, objectness_threshold=0.5)
        assert found == {0: "objectness", 1: "shown", 2: "shown"}

    def test_hiding_the_better_one_does_not_bring_its_duplicate(self, result):
        assert verdicts(result, duplicate_overlap=0.5, hidden=frozenset({0}))[1] == "duplicate"

    def test_merged_with_the_better_one_it_is_part_of_it(self, result):
        curated = curate(result, Curation(**{**vars(OFF), "duplicate_overlap": 0.5, "merged": ((0, 1),)}))
        assert [(item.members, item.verdict) for item in curated.instances] == [((0, 1), "shown"), ((2,), "shown")]

    def test_merging_the_better_one_with_another_does_not_bring_its_duplicate(self, result):
        curated = curate(result, Curation(**{**vars(OFF), "duplicate_overlap": 0.5, "merged": ((0, 2),)}))
        assert [(item.members, item.verdict) for item in curated.instances] == [((0, 2), "shown"), ((1,), "duplicate")]
        again = curate(result, curated.curation, previous=curated)
        assert [item.verdict for item in again.instances] == ["shown", "duplicate"]
        assert again.pairs is curated.pairs

    def test_taking_the_filter_back_brings_it_back(self, result):
        wishes = Curation(**{**vars(OFF), "duplicate_overlap": 0.5})
        first = curate(result, wishes)
        back = curate(result, OFF, previous=first)
        assert [item.verdict for item in back.instances] == ["shown"] * 3
        assert back.find(1).duplicate_of is None
        assert curate(result, wishes, previous=back).find(1).verdict == "duplicate"

    @pytest.mark.parametrize("value", [-0.1, 1.5, float("nan")])
    def test_an_impossible_limit_is_refused(self, value):
        with pytest.raises(ConfigError, match="duplicate_overlap"):
            Curation(duplicate_overlap=value)
        with pytest.raises(ConfigError, match="duplicate_overlap"):
            InferenceConfig(duplicate_overlap=value)

    def test_there_is_no_such_filter_unless_asked_for(self):
        assert InferenceConfig().duplicate_overlap == Curation().duplicate_overlap == 0

    def test_the_threshold_explorer_counts_no_duplicates(self, result):
        levels = np.array([0.0, 0.75, 0.85], np.float32)
        curated = curate(result, Curation(**{**vars(OFF), "duplicate_overlap": 0.5}))
        assert objectness_counts(curated, levels).tolist() == [2, 1, 1]
        assert objectness_counts(curate(result, OFF), levels).tolist() == [3, 2, 1]
