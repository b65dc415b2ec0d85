"""Pixels of all views as vertices: against the same numbers from flat lists."""

import numpy as np
import pytest
from hypothesis import given, settings

from fast3dis_core.errors import EvaluationError
from fast3dis_core.evaluation.average_precision import pooled, scene_records
from fast3dis_core.evaluation.multi_view import LabelledMasks, multi_view_records, per_view_records
from tests.core.evaluation.labelled import labelled_masks, random_scenes


def encoded(ids):
    """Ids as the benchmark writes them, in the same order."""
    values = np.unique(ids[ids > 0])
    return np.where(ids > 0, 1000 + np.searchsorted(values, ids), 0)


@given(random_scenes())
@settings(max_examples=30, deadline=None)
def test_views_are_one_list_of_pixels_or_scenes_of_their_own(scene):
    ids, masks = encoded(scene.gt_ids), scene.masks
    count, views = masks.shape[:2]
    flat = scene_records(ids.ravel(), masks.reshape(count, ids.size), scene.scores, 5)
    assert pooled(multi_view_records(scene, 5)) == pooled([flat])
    each = [
        scene_records(ids[view].ravel(), masks[:, view].reshape(count, ids[view].size), scene.scores, 5)
        for view in range(views)
    ]
    assert pooled(per_view_records(scene, 5)) == pooled(each)


@given(random_scenes())
@settings(max_examples=20, deadline=None)
def test_the_order_of_views_means_nothing(scene):
    turned = LabelledMasks("room", scene.gt_ids[::-1], scene.masks[:, ::-1], scene.scores, scene.objectness)
    assert pooled(multi_view_records(turned, 5)) == pooled(multi_view_records(scene, 5))
    assert pooled(per_view_records(turned, 5)) == pooled(per_view_records(scene, 5))


def test_the_gap_between_both_is_what_a_change_of_identity_costs():
    ids = np.full((2, 20, 20), 7)
    halves = np.zeros((2, 2, 20, 20), bool)
    halves[0, 0] = halves[1, 1] = True  # the object is query 0 in one view and query 1 in the other
    scene = labelled_masks(ids, halves)
    assert pooled(per_view_records(scene))["ap"] == 1
    assert pooled(multi_view_records(scene))["ap"] == 0


def test_sizes_are_those_of_the_view_or_of_all_views():
    ids = np.zeros((2, 20, 20), int)
    ids[:, :3] = 5  # 60 pixels in a view, 120 in both
    scene = labelled_masks(ids, [ids == 5])
    assert pooled(multi_view_records(scene))["ap"] == 1
    assert pooled(per_view_records(scene))["ap"] is None
    assert pooled(per_view_records(scene, min_region_size=60))["ap"] == 1


def test_more_than_a_thousand_objects_are_no_trouble():
    ids = np.arange(1, 2 * 40 * 40 + 1).reshape(2, 40, 40)
    found = pooled(multi_view_records(labelled_masks(ids, [ids == 3000]), min_region_size=1))
    assert found["counts"]["targets"] == 3200
    assert found["counts"]["records"]["0.95"]["matches"] == 1


def test_no_masks_are_legal():
    scene = labelled_masks(np.full((2, 20, 20), 7), np.zeros((0, 2, 20, 20)))
    assert pooled(multi_view_records(scene))["ap"] == 0
    assert pooled(per_view_records(scene))["counts"]["targets"] == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gt_ids": np.zeros((2, 4, 4))}, "integer ids"),
        ({"masks": np.zeros((1, 2, 4, 5), bool)}, "resolution"),
        ({"masks": np.zeros((1, 2, 4, 4), np.float32)}, "bool masks"),
        ({"objectness": np.array([np.nan])}, "not finite"),
        ({"scores": np.zeros(3)}, "each of 1 masks"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    fields = {
        "scene_id": "room",
        "gt_ids": np.zeros((2, 4, 4), np.int32),
        "masks": np.zeros((1, 2, 4, 4), bool),
        "scores": np.ones(1),
        "objectness": np.ones(1),
    }
    with pytest.raises(EvaluationError, match=message):
        LabelledMasks(**{**fields, **change})
