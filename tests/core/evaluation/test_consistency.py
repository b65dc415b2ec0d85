"""Identity over views against plain loops, hand-made failures, and the watch that training keeps."""

import itertools
import json
import math
from dataclasses import asdict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.evaluation.consistency import SceneConsistency, consistency, pool
from fast3dis_core.training.watch import failure_watch
from tests.core.evaluation.labelled import labelled_masks, random_scenes
from tests.core.training.test_watch import SIDE, VIEWS, freely_masked, matched, targets_of


def iou(mask, truth, labelled):
    mask = mask & labelled
    return (mask & truth).sum() / max((mask | truth).sum(), 1)


def best_assignment(table):
    """Largest sum of IoUs by trying every way; table (A, G)."""
    queries, objects = table.shape
    if queries < objects:
        return [(query, column) for column, query in best_assignment(table.T)]
    ways = itertools.permutations(range(queries), objects)
    best = max(ways, key=lambda way: sum(table[query, column] for column, query in enumerate(way)), default=())
    return [(query, column) for column, query in enumerate(best)]


@given(random_scenes())
@settings(max_examples=120, deadline=None)
def test_agrees_with_plain_loops(scene):
    ids, labelled = scene.gt_ids, scene.gt_ids > 0
    values = [value for value in np.unique(ids) if value > 0]
    active = [k for k in range(len(scene.masks)) if scene.objectness[k] > np.float32(0.3)]
    claims = [scene.masks[k] for k in active]
    found = consistency(scene)
    assert found.objects == len(values)
    assert found.active_queries == len(active)

    table = np.array([[iou(mask, ids == value, labelled) for value in values] for mask in claims])
    table = table.reshape(len(active), len(values))
    pairs = best_assignment(table)
    # several assignments may be best; what they have in common is their sum
    matched_sum = sum(table[pair] for pair in pairs)
    assert found.pair_iou <= matched_sum + 1e-9
    if len(np.unique(table)) == table.size:
        good = [(q, g) for q, g in pairs if table[q, g] >= 0.5]
        assert found.pairs == len(good)
        assert found.pair_iou == pytest.approx(sum(table[pair] for pair in good))
        recalls = [(claims[q] & (ids == values[g])).sum() / (ids == values[g]).sum() for q, g in good]
        assert found.pair_recall == pytest.approx(sum(recalls))
        follow = {g: q for q, g in pairs}
        means, successes = [], 0
        for g, value in enumerate(values):
            seen = [view for view in range(len(ids)) if (ids[view] == value).any()]
            if len(seen) < 2:
                continue
            per_view = [iou(claims[follow[g]][v], ids[v] == value, labelled[v]) if g in follow else 0.0 for v in seen]
            means.append(np.mean(per_view))
            successes += sum(entry > 0.5 for entry in per_view)
        assert found.tracked_objects == len(means)
        assert found.track_iou == pytest.approx(sum(means))
        assert found.track_successes == successes

    assert found.hijacked == sum((table[:, g] > 0.5).sum() >= 2 for g in range(len(values)))
    sightings = lost = switches = 0
    for value in values:
        previous = None
        for view in range(len(ids)):
            truth = ids[view] == value
            if not truth.any():
                continue
            sightings += 1
            covered = [(mask[view] & truth).sum() for mask in claims]
            if not claims or max(covered) <= truth.sum() / 2:
                lost += 1
                continue
            switches += previous not in (None, int(np.argmax(covered)))
            previous = int(np.argmax(covered))
    assert (found.sightings, found.lost, found.switches) == (sightings, lost, switches)

    count = np.sum(claims, axis=0) if claims else np.zeros(ids.shape, int)
    assert found.double_claimed == (count >= 2).sum()
    near = far = 0
    for view, y, x in zip(*np.nonzero(labelled & (count == 0)), strict=True):
        around = ids[view, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
        near += (around != ids[view, y, x]).any()
        far += (around == ids[view, y, x]).all()
    assert (found.gaps_at_boundaries, found.gaps_elsewhere) == (near, far)

    owner = np.full(ids.shape, -1)
    for k in sorted(active, key=lambda k: (scene.scores[k], -k)):
        owner[scene.masks[k]] = k
    ious = {(k, v): iou(owner == k, ids == v, labelled) for k in active for v in values}
    matches = {pair: value for pair, value in ious.items() if value > 0.5}
    extra = 0
    for k in active:
        mine = owner == k
        extra += (
            not any(pair[0] == k for pair in matches)
            and (mine & labelled).any()
            and (mine & ~labelled).sum() <= mine.sum() / 2
        )
    assert found.panoptic_matches == len(matches)
    assert found.panoptic_iou == pytest.approx(sum(matches.values()))
    assert found.panoptic_extra == extra
    assert found.panoptic_missed == len(values) - len(matches)


@given(st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_the_watch_of_training_measures_the_same(seed):
    """At mask resolution, where every cell is valid and no object is too small for the losses."""
    generator = torch.Generator().manual_seed(seed)
    labels = (torch.arange(SIDE)[:, None] * 3 // SIDE).expand(VIEWS, SIDE, SIDE).clone()
    labels[torch.rand(labels.shape, generator=generator) < 0.1] = -1
    masks = torch.stack([labels == number % 3 for number in range(5)])
    masks ^= torch.rand(masks.shape, generator=generator) < 0.15
    scores = torch.rand(5, generator=generator)
    encoded, layer = freely_masked(masks, scores)
    watched = failure_watch(encoded, layer, targets_of(labels), matched([0, 1, 2]))
    found = pool([consistency(labelled_masks(labels.numpy() + 1, masks.numpy(), objectness=scores.numpy()))])
    assert found["hijack_rate"] == pytest.approx(watched.hijack_rate)
    assert found["double_claim_rate"] == pytest.approx(watched.double_claim_rate)
    assert found["gap_rate_at_boundaries"] == pytest.approx(watched.gap_rate_at_boundaries)
    assert found["gap_rate_elsewhere"] == pytest.approx(watched.gap_rate_elsewhere)


def columns(views=4, height=6, width=12):
    """Two objects side by side in every view."""
    ids = np.ones((views, height, width), int)
    ids[:, :, width // 2 :] = 2
    return ids


def test_exact_masks_are_perfect():
    ids = columns()
    figures = pool([consistency(labelled_masks(ids, [ids == 1, ids == 2]))])
    for name in ("matched_miou", "matched_macc", "t_miou", "t_sr", "pq", "sq", "rq"):
        assert figures[name] == 1, name
    for name in ("switches_per_object", "lost_share", "hijack_rate", "double_claim_rate", "gap_rate"):
        assert figures[name] == 0, name


def test_a_change_of_identity_is_a_switch_and_costs_half_of_the_track():
    ids = columns()
    first, second = (ids == 1), (ids == 2)
    swapped = np.array([first, second])
    swapped[:, 2:] = swapped[::-1, 2:]
    figures = pool([consistency(labelled_masks(ids, swapped))])
    assert figures["switches_per_object"] == 1
    assert figures["switches_per_100_views"] == 25
    assert figures["t_sr"] == figures["t_miou"] == 0.5
    assert figures["matched_miou"] is None  # IoU is a third with each
    assert figures["counts"]["pairs"] == figures["pq"] == 0


def test_a_pair_needs_half_and_a_hijack_more_than_half():
    ids = np.ones((2, 4, 4), int)
    half = np.zeros(ids.shape, bool)
    half[:, :2] = True
    found = consistency(labelled_masks(ids, [half, ~half]))
    assert (found.pairs, found.pair_iou, found.pair_recall) == (1, 0.5, 0.5)
    assert found.hijacked == found.panoptic_matches == found.track_successes == 0
    assert found.track_iou == 0.5


def test_views_in_which_an_object_is_lost_are_no_switch():
    ids = np.ones((3, 6, 6), int)
    mask = np.ones((3, 6, 6), bool)
    mask[1, 3:] = False  # exactly half is not more than half
    figures = pool([consistency(labelled_masks(ids, [mask]))])
    assert figures["lost_share"] == pytest.approx(1 / 3)
    assert figures["switches_per_object"] == 0


def test_two_queries_on_one_object_are_a_hijack_if_both_are_active():
    ids = columns()
    masks = [ids == 1, ids == 1, ids == 2]
    hijacked = consistency(labelled_masks(ids, masks))
    assert hijacked.hijacked == 1
    assert hijacked.double_claimed == ids.size // 2
    assert hijacked.panoptic_extra == 0  # nothing is left of the second
    inactive = consistency(labelled_masks(ids, masks, objectness=[1, 0.3, 1]))
    assert inactive.hijacked == inactive.double_claimed == 0
    assert inactive.active_queries == 2


@pytest.mark.parametrize(("width", "reach"), [(1008, 10), (504, 5), (252, 2), (20, 1)])
def test_the_boundary_zone_grows_with_the_image(width, reach):
    ids = np.ones((1, 4, width), int)
    ids[..., width // 2 :] = 2
    found = consistency(labelled_masks(ids, np.zeros((0, 1, 4, width))))
    assert found.gaps_at_boundaries == 2 * reach * 4
    assert found.gaps_elsewhere == ids.size - 2 * reach * 4


def test_the_higher_score_owns_a_pixel_and_segments_on_void_are_no_error():
    ids = columns()
    ids[:, :, :2] = 0
    greedy = np.ones(ids.shape, bool)
    found = consistency(labelled_masks(ids, [greedy, ids == 1, ids == 2], scores=[0.9, 0.5, 0.5]))
    assert (found.panoptic_matches, found.panoptic_extra, found.panoptic_missed) == (1, 0, 1)
    found = consistency(labelled_masks(ids, [greedy, ids == 1, ids == 2], scores=[0.1, 0.5, 0.5]))
    assert (found.panoptic_matches, found.panoptic_extra, found.panoptic_missed) == (2, 0, 0)
    mostly_void = ids == 0
    mostly_void[:, :, 2] = True  # a third of it is on object 1
    found = consistency(labelled_masks(ids, [mostly_void, ids == 1, ids == 2], scores=[0.9, 0.5, 0.5]))
    assert (found.panoptic_matches, found.panoptic_extra, found.panoptic_missed) == (2, 0, 0)


def test_unlabelled_pixels_are_in_no_iou():
    ids = columns()
    ids[:, :, :2] = 0
    spilling = np.array([(ids == 1) | (ids == 0), ids == 2])
    figures = pool([consistency(labelled_masks(ids, spilling))])
    assert figures["matched_miou"] == figures["t_miou"] == figures["pq"] == 1


@given(st.lists(random_scenes(), max_size=3))
@settings(max_examples=15, deadline=None)
def test_scenes_pool_as_sums_and_survive_storage(scenes):
    parts = [consistency(scene) for scene in scenes]
    stored = [SceneConsistency(**json.loads(json.dumps(asdict(part)))) for part in parts]
    figures = pool(stored)
    assert figures == pool(parts)
    json.dumps(figures, allow_nan=False)
    for name, value in figures.items():
        if name not in ("counts", "switches_per_object", "switches_per_100_views") and value is not None:
            assert 0 <= value <= 1, name
    if figures["pq"] is not None and figures["sq"] is not None:
        assert figures["pq"] == pytest.approx(figures["sq"] * figures["rq"])
    if len(parts) == 2 and all(part.sightings for part in parts):
        alone = [pool([part])["lost_share"] for part in parts]
        weights = [part.sightings for part in parts]
        assert math.isclose(figures["lost_share"], np.average(alone, weights=weights), abs_tol=1e-12)


def test_nothing_to_count_is_undefined():
    figures = pool([])
    assert {value for name, value in figures.items() if name != "counts"} == {None}
    empty = pool([consistency(labelled_masks(np.zeros((2, 4, 4)), np.zeros((0, 2, 4, 4))))])
    assert empty["hijack_rate"] is None
    assert empty["pq"] is None
    assert empty["double_claim_rate"] == 0
