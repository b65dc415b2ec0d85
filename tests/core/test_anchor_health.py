"""Anchor health against plain recomputation on a synthetic scene."""

from dataclasses import replace

import numpy as np
import pytest

from fast3dis_core.anchor_health import ACTIVE, measure_anchors, reach
from fast3dis_core.curation import Curation, curate
from tests.scenes import synthetic_reconstruction

OFF = Curation(
    objectness_threshold=0.0, minimum_points=0, confidence_percentile=0.0, depth_edge=0.0, duplicate_overlap=0.0
)
RESULT = synthetic_reconstruction(queries=8)


def with_anchors(anchors):
    return replace(RESULT, anchors=anchors.astype(np.float32))


def test_distances_are_those_to_the_points_of_the_instance():
    health = measure_anchors(curate(RESULT, OFF))
    assert [item.query for item in health] == list(range(8))
    near = reach(RESULT)
    for item in RESULT.instances:
        told, points = health[item.query], RESULT.cloud.points[item.pixels].astype(float)
        anchor = RESULT.anchors[-1, item.query]
        nearest = np.linalg.norm(points - anchor, axis=1).min()
        assert told.surface_distance == pytest.approx(nearest, abs=1e-5)
        assert told.centroid_distance == pytest.approx(np.linalg.norm(points.mean(0) - anchor), abs=1e-4)
        boxed = ((points.min(0) <= anchor) & (anchor <= points.max(0))).all()
        assert told.inside == (boxed or nearest <= near)
        way = np.linalg.norm(np.diff(RESULT.anchors[:, item.query], axis=0), axis=1).sum()
        assert told.traveled == pytest.approx(way, rel=1e-5)
        assert told.active_layers == (RESULT.objectness[:, item.query] >= ACTIVE).sum()


def test_an_anchor_far_away_is_not_inside_and_one_on_another_is_a_duplicate():
    anchors = np.array(RESULT.anchors)
    active = [item.query for item in RESULT.instances if item.objectness >= ACTIVE]
    first, second, third = active[:3]
    anchors[-1, second] = anchors[-1, first] + 0.2 * reach(RESULT)
    anchors[-1, third] += 100.0
    health = measure_anchors(curate(with_anchors(anchors), OFF))
    assert second in health[first].duplicates
    assert first in health[second].duplicates
    assert health[third].inside is False
    assert health[third].duplicates == ()


def test_a_query_without_an_instance_has_no_place():
    gone = RESULT.instances[0].query
    scores = np.array(RESULT.objectness)
    scores[:, gone] = 0.01
    rest = replace(RESULT, instances=RESULT.instances[1:], objectness=scores)
    told = measure_anchors(curate(rest, OFF))[gone]
    assert (told.inside, told.surface_distance, told.centroid_distance) == (None, None, None)
    assert told.never_active
    assert told.duplicates == ()


def test_reach_is_a_length_where_units_are_meters_and_a_share_elsewhere():
    assert reach(synthetic_reconstruction(is_metric=True)) == 0.10
    doubled = replace(RESULT, cloud=replace(RESULT.cloud, points=RESULT.cloud.points * 2))
    assert reach(doubled) == pytest.approx(2 * reach(RESULT), rel=1e-4)


def test_no_queries_and_no_points_are_legal():
    assert measure_anchors(curate(synthetic_reconstruction(queries=0), OFF)) == ()
