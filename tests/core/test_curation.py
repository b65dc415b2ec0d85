"""Curations: filters as in assembly, verdicts in words, merges, and no difference whether an earlier answer helps."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.curation import Curation, curate
from fast3dis_core.errors import ConfigError
from fast3dis_core.inference import assembly
from fast3dis_core.palette import instance_color
from fast3dis_core.point_filters import PointFilters, flying_pixels
from tests.scenes import replaced, synthetic_reconstruction

RESULT = synthetic_reconstruction(queries=8)
OFF = Curation(
    objectness_threshold=0.05, minimum_points=0, confidence_percentile=0.0, depth_edge=0.0, duplicate_overlap=0.0
)
QUERIES = [item.query for item in RESULT.instances]

curations = st.builds(
    Curation,
    objectness_threshold=st.floats(0, 1),
    minimum_points=st.integers(0, 400),
    confidence_percentile=st.sampled_from([0.0, 10.0, 60.0, 100.0]),
    depth_edge=st.sampled_from([0.0, 0.01, 0.04]),
    duplicate_overlap=st.sampled_from([0.0, 0.1, 0.5]),
    hidden=st.frozensets(st.integers(0, 7)),
    merged=st.permutations(range(8)).map(lambda order: (tuple(order[:2]), tuple(order[2:5]))) | st.just(()),
    names=st.dictionaries(st.integers(0, 7), st.text(max_size=5)),
    colors=st.dictionaries(st.integers(0, 7), st.tuples(*[st.integers(0, 255)] * 3)),
)


def alike(one, other):
    assert np.array_equal(one.keep, other.keep)
    assert len(one.instances) == len(other.instances)
    for left, right in zip(one.instances, other.instances, strict=True):
        for name in ("query", "members", "objectness", "name", "color", "verdict", "size", "views"):
            assert getattr(left, name) == getattr(right, name), name
        for name in ("pixels", "points_per_view", "extent", "anchor"):
            assert np.array_equal(getattr(left, name), getattr(right, name)), name


@given(curations, curations)
@settings(deadline=None, max_examples=40)
def test_an_earlier_answer_changes_nothing_but_the_work(before, now):
    alike(curate(RESULT, now, previous=curate(RESULT, before)), curate(RESULT, now))


@given(curations)
@settings(deadline=None, max_examples=40)
def test_every_instance_gets_the_verdict_of_the_first_filter_that_drops_it(wishes):
    curated = curate(RESULT, wishes)
    assert sorted(member for item in curated.instances for member in item.members) == sorted(QUERIES)
    for item in curated.instances:
        if item.objectness < wishes.objectness_threshold:
            expected = "objectness"
        elif len(item.pixels) < max(1, wishes.minimum_points):
            expected = "size"
        elif item.duplicate_of is not None:  # which ones are: test_duplicates
            expected = "duplicate"
        else:
            expected = "hidden" if item.query in wishes.hidden else "shown"
        assert item.verdict == expected
        assert bool(curated.reason(item)) == (expected != "shown")
        assert curated.keep[item.pixels].all()
        counts = np.bincount(item.pixels // RESULT.pixels_per_view, minlength=len(RESULT.names))
        assert np.array_equal(item.points_per_view, counts)
        assert item.views == np.count_nonzero(counts)


def test_nothing_wished_is_the_result_itself():
    curated = curate(RESULT, OFF)
    assert np.array_equal(curated.keep, RESULT.cloud.valid)
    assert [item.query for item in curated.shown] == QUERIES
    for item, instance in zip(curated.instances, RESULT.instances, strict=True):
        assert np.array_equal(item.pixels, instance.pixels)
        assert (item.name, item.members) == (f"Instance {item.query}", (item.query,))


def test_merged_queries_are_one_object_under_the_first():
    first, second, third = QUERIES[4], QUERIES[0], QUERIES[2]
    curated = curate(RESULT, replace(OFF, merged=((first, second, third),)))
    one = curated.find(second)
    parts = [item for item in RESULT.instances if item.query in (first, second, third)]
    assert (one.query, set(one.members)) == (first, {first, second, third})
    assert one.objectness == max(item.objectness for item in parts)
    assert np.array_equal(one.pixels, np.unique(np.concatenate([item.pixels for item in parts])))
    assert curated.owners[third] == first
    assert len(curated.instances) == len(QUERIES) - 2


def test_a_group_goes_by_the_first_query_that_was_found():
    absent = 77
    curated = curate(RESULT, replace(OFF, merged=((absent, QUERIES[1], QUERIES[3]),)))
    assert curated.find(QUERIES[3]).query == QUERIES[1]


def test_names_and_colors_of_the_user_win():
    query = QUERIES[3]
    curated = curate(RESULT, replace(OFF, names={query: "sofa"}, colors={query: (1, 2, 3)}))
    assert (curated.find(query).name, curated.find(query).color) == ("sofa", (1, 2, 3))


def test_reasons_are_told_in_numbers():
    last = RESULT.instances[-1]
    curated = curate(RESULT, replace(OFF, objectness_threshold=0.999))
    assert curated.reason(curated.find(last.query)) == f"objectness {last.objectness:.2f} < 1.00"
    for above in (0.03, 0.003, 0.0003):
        curated = curate(RESULT, replace(OFF, objectness_threshold=last.objectness + above))
        _, score, _, threshold = curated.reason(curated.find(last.query)).split()
        assert float(score) < float(threshold), "never that a number is smaller than itself"
    curated = curate(RESULT, replace(OFF, minimum_points=10**6))
    assert curated.reason(curated.find(last.query)) == f"{len(last.pixels):,} points < 1,000,000"
    curated = curate(RESULT, replace(OFF, hidden=frozenset({last.query})))
    assert curated.reason(curated.find(last.query)) == "hidden by hand"


def test_what_is_exported_is_what_is_shown():
    wishes = replace(OFF, hidden=frozenset({QUERIES[0]}), confidence_percentile=30.0)
    curated = curate(RESULT, wishes)
    written = curated.as_reconstruction()
    assert [item.query for item in written.instances] == QUERIES[1:]
    assert np.array_equal(written.cloud.valid, curated.keep)
    assert written.cloud.points is RESULT.cloud.points
    assert [item.query for item in curated.as_reconstruction({QUERIES[0]}).instances] == [QUERIES[0]]


@pytest.mark.parametrize("ratio", [0.01, 0.04, 0.1])
def test_flying_pixels_are_those_of_assembly(ratio):
    rng = np.random.default_rng(3)
    depth = (2 + rng.integers(0, 4, (40, 50)) * 0.3 + rng.random((40, 50)) * 0.05).astype(np.float32)
    known = rng.random((40, 50)) > 0.1
    expected = assembly.flying_pixels(torch.from_numpy(depth), torch.from_numpy(known), ratio).numpy() & known
    assert np.array_equal(flying_pixels(depth, known, ratio), expected)
    assert 0 < expected.sum() < expected.size


def test_the_confidence_filter_drops_the_share_it_says():
    keep = PointFilters(RESULT).keep(25.0, 0.0)
    valid = int(RESULT.cloud.valid.sum())
    assert abs(keep.sum() - 0.75 * valid) <= 1
    assert RESULT.cloud.confidence[keep].min() >= RESULT.cloud.confidence[RESULT.cloud.valid & ~keep].max()


@pytest.mark.parametrize(
    "wrong",
    [
        {"objectness_threshold": 1.5},
        {"minimum_points": -1},
        {"confidence_percentile": 101},
        {"depth_edge": -0.1},
        {"duplicate_overlap": 1.1},
        {"merged": ((1,),)},
        {"merged": ((1, 2), (2, 3))},
    ],
)
def test_impossible_wishes_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong)) if "merged" not in wrong else "groups"):
        Curation(**wrong)


def test_values_of_a_curation_cannot_be_changed():
    names = {1: "chair"}
    wishes = Curation(names=names)
    names[1] = "table"
    assert wishes.names == {1: "chair"}
    with pytest.raises(TypeError):
        wishes.names[1] = "table"


FLOORED = replaced(RESULT, instances=RESULT.instances[:5])  # three queries below the floor of the run


@given(curations)
@settings(deadline=None, max_examples=40)
def test_every_query_is_counted_once(wishes):
    curated = curate(FLOORED, wishes)
    assert sum(curated.queries.values()) == 8
    assert curated.queries["floor"] == 3
    assert curated.queries["shown"] == sum(len(item.members) for item in curated.shown)


def test_queries_below_the_floor_are_told_with_their_objectness():
    curated = curate(FLOORED, replace(OFF, names={QUERIES[6]: "lamp"}))
    assert {item.query for item in curated.unassembled} == set(QUERIES[5:])
    lamp = next(item for item in curated.unassembled if item.query == QUERIES[6])
    assert (lamp.name, lamp.verdict, lamp.views, lamp.size) == ("lamp", "floor", 0, 0.0)
    assert lamp.objectness == RESULT.objectness[-1, lamp.query]
    assert curated.reason(lamp) == f"objectness {lamp.objectness:.2f}: not assembled"


settings_of_filters = st.tuples(st.floats(0, 100), st.sampled_from([0.0, 0.005, 0.02, 0.04, 0.3]))


@given(st.lists(settings_of_filters, min_size=1, max_size=6))
@settings(deadline=None, max_examples=60)
def test_point_filters_remember_without_consequences(tried):
    reused = PointFilters(RESULT)
    for setting in tried:
        keep = reused.keep(*setting)
    assert np.array_equal(keep, PointFilters(RESULT).keep(*tried[-1]))


@given(curations)
@settings(deadline=None, max_examples=40)
def test_filters_say_how_many_points_they_drop(wishes):
    curated = curate(RESULT, wishes)
    assert sum(curated.dropped_points.values()) == RESULT.cloud.valid.sum() - curated.keep.sum()
    assert all(count >= 0 for count in curated.dropped_points.values())


def test_colors_follow_the_palette_and_the_user():
    query, other = QUERIES[:2]
    wishes = replace(OFF, colors={query: (1, 2, 3)})
    standard = curate(RESULT, wishes)
    safe = curate(RESULT, wishes, palette="safe", previous=standard)
    alike(safe, curate(RESULT, wishes, palette="safe"))
    assert safe.find(query).color == standard.find(query).color == (1, 2, 3)
    assert safe.find(other).color == tuple(instance_color(other, "safe"))
    assert standard.find(other).color == tuple(instance_color(other))


def test_what_did_not_change_is_the_same_object():
    """Painting and table tell by identity that there is nothing to do."""
    before = curate(RESULT, OFF)
    after = curate(RESULT, replace(OFF, hidden=frozenset({QUERIES[0]})), previous=before)
    assert [a is b for a, b in zip(after.instances, before.instances, strict=True)] == [False] + [True] * 7
    assert after.keep is before.keep
