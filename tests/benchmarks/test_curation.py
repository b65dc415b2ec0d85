"""Cost of a tick of the filters at 2 million points and 80 instances: only what changed is worked out again."""

from dataclasses import replace

import numpy as np
import pytest

from fast3dis_core.curation import Curation, curate
from fast3dis_core.point_filters import PointFilters
from fast3dis_core.reconstruction import Instance
from tests.scenes import replaced, synthetic_reconstruction

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

VIEWS, HEIGHT, WIDTH = 26, 280, 280  # 2.04 million points


@pytest.fixture(scope="module")
def scene():
    """Every instance has a run of pixels in each of a few views, as masks have: 2.4 million pixels in all."""
    base = synthetic_reconstruction(views=VIEWS, height=HEIGHT, width=WIDTH, queries=1)
    rng, total = np.random.default_rng(0), VIEWS * HEIGHT * WIDTH
    instances = []
    for query in range(80):
        starts = np.sort(rng.integers(0, total - 6000, 5))
        rows = np.unique(np.concatenate([np.arange(start, start + 6000) for start in starts]))
        rows = rows[base.cloud.valid[rows]].astype(np.int32)
        score = float(rng.uniform(0.05, 1))
        instances.append(Instance(query=query, objectness=score, anchor=np.zeros(3, np.float32), pixels=rows))
    objectness = np.tile(np.array([item.objectness for item in instances], np.float32), (3, 1))
    anchors = np.zeros((3, 80, 3), np.float32)
    return replaced(base, instances=tuple(instances), objectness=objectness, anchors=anchors)


def test_a_tick_costs_what_changed(scene, fastest, figure):
    start = Curation()
    before = curate(scene, start)

    def ticks(**wishes):
        """A slider that goes to and fro, each answer helping the next."""
        nearby = [{key: value * share for key, value in wishes.items()} for share in (1.0, 1.1)]
        state = [before]

        def tick():
            nearby.append(nearby.pop(0))
            state[0] = curate(scene, replace(start, **nearby[0]), previous=state[0])

        return tick

    alone, threshold, hiding, percentile, edge = fastest(
        lambda: curate(scene, start),
        ticks(objectness_threshold=0.5),
        lambda: curate(scene, replace(start, hidden=frozenset({3})), previous=before),
        ticks(confidence_percentile=20.0),
        ticks(depth_edge=0.05),
    )
    figure("curate without an earlier answer, 2.0 M points, 80 instances", 1000 * alone, "ms")
    figure("tick of the objectness threshold", 1000 * threshold, "ms")
    figure("hiding one instance", 1000 * hiding, "ms")
    figure("tick of the confidence percentile", 1000 * percentile, "ms")
    figure("tick of the depth edge", 1000 * edge, "ms")
    assert alone / threshold > 10
    assert alone / hiding > 10
    assert percentile < alone  # the masks are thinned anew; only sorting is saved
    assert edge < alone


def test_a_percentile_is_a_look_up_once_confidences_are_sorted(scene, fastest, figure):
    remembered = PointFilters(scene)
    percentiles = iter(range(1, 99))
    fresh, again = fastest(
        lambda: PointFilters(scene).keep(20.0, 0.0), lambda: remembered.keep(float(next(percentiles)), 0.0)
    )
    figure("confidence filter over 2.0 M points, first", 1000 * fresh, "ms")
    figure("confidence filter, again", 1000 * again, "ms")
    assert fresh / again > 10
