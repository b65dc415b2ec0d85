"""Predictions perturbed in known ways reach the AP that theory says: worlds moved, noise, views lost, order shuffled.

The truth comes from rendered rooms and from a grid of points, what is expected from counting by hand.
"""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.evaluation.average_precision import AVERAGED, IOU_THRESHOLDS, average_precision, pooled
from fast3dis_core.evaluation.results import summarize
from fast3dis_core.evaluation.scoring import score_scene
from fast3dis_core.evaluation.sources import surface_of_views
from fast3dis_core.evaluation.surface_transfer import nearest_vertices, vertex_masks
from fast3dis_core.scene import SceneGeometry, ViewBatch
from tests.core.evaluation.rooms import SEEDS, some_similarity, true_prediction

LEAST = 10  # pixels of a target here, so that half of one still counts as a prediction
SETTINGS = {"dataset": "procedural-rooms", "split": "val", "method": "fast3dis", "geometry": "predicted"}


@pytest.fixture(scope="module")
def truth(sample):
    """Ids (M,) of the pixels of all views, their view (M,), and exact masks (G, M) of objects of 2 * LEAST or more."""
    labels = sample.instance_ids.numpy()
    values, sizes = np.unique(labels[labels > 0], return_counts=True)
    values = values[sizes >= 2 * LEAST]
    ids = np.zeros(labels.shape, np.int32)
    for number, value in enumerate(values):
        ids[labels == value] = 1001 + number
    view = np.broadcast_to(np.arange(len(labels))[:, None, None], labels.shape).ravel()
    flat = ids.ravel()
    return flat, view, flat == (1001 + np.arange(len(values)))[:, None]


def scored(ids, masks, scores=None):
    scores = np.ones(len(masks)) if scores is None else scores
    return average_precision([{"gt_ids": ids, "masks": masks, "scores": scores}], min_region_size=LEAST)


def averaged(values):
    """AP: mean over the nine thresholds."""
    return float(np.mean([values[iou] for iou in AVERAGED]))


def by_equal_scores(shares, kept):
    """AP at every threshold where mask g matches object g with IoU shares[g], or nothing, and all scores are equal."""
    found = {}
    for iou in IOU_THRESHOLDS:
        matched = sum(share > iou for share, there in zip(shares, kept, strict=True) if there)
        recall, precision = matched / len(shares), matched / max(1, sum(kept))
        found[iou] = recall * (1 + precision) / 2
    return found


def result_of(prediction, sample, **options):
    """All figures of one scene."""
    scores = [score_scene(prediction, sample, protocol="all", **options)]
    return summarize(scores, settings=SETTINGS, digest="", protocol="all", name="")["average_precision"]


def imperfect(sample, seed=0):
    """The truth with up to half of the pixels of each mask gone, and random scores."""
    rng = np.random.default_rng(seed)
    right = true_prediction(sample)
    lost = rng.random(right.masks.shape) < rng.uniform(0, 0.5, (len(right.masks), 1, 1, 1))
    return replace(right, masks=right.masks & ~lost, scores=rng.random(len(right.scores)).astype(np.float32))


# --- noise in masks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.2, 0.3, 0.52, 0.62, 0.78, 0.97])
def test_masks_that_lost_a_share_of_their_pixels(truth, share):
    ids, _, exact = truth
    rng = np.random.default_rng(1)
    masks, shares = exact.copy(), []
    for mask in masks:
        pixels = rng.permutation(np.flatnonzero(mask))
        keep = round(share * len(pixels))
        mask[pixels[keep:]] = False
        shares.append(keep / len(pixels))
    expected = by_equal_scores(shares, masks.sum(axis=1) >= LEAST)
    found = scored(ids, masks)
    for iou in IOU_THRESHOLDS:
        assert found["ap_by_iou"][f"{iou:.2f}"] == pytest.approx(expected[iou], abs=1e-9), iou
    assert found["ap"] == pytest.approx(averaged(expected))
    if share == 0.62 and min(shares) > 0.6 and max(shares) < 0.65:
        assert found["ap"] == pytest.approx(3 / 9)  # 0.50, 0.55 and 0.60


@pytest.mark.parametrize("spill", [0.05, 0.3, 0.7, 1.5])
def test_masks_that_spill_onto_what_is_unlabelled(truth, spill):
    """Void stays in the union: IoU = n / (n + m)."""
    ids, _, exact = truth
    size = exact.sum(axis=1)
    more = np.round(spill * size).astype(int)
    extra = int(more.max())
    longer = np.concatenate([ids, np.zeros(extra, np.int32)])
    masks = np.concatenate([exact, np.arange(extra) < more[:, None]], axis=1)
    expected = {}
    for iou in IOU_THRESHOLDS:
        matched = size / (size + more) > iou
        ignored = more / (size + more) <= iou  # little of it is void: then a miss is a false positive
        wrong = int((~matched & ignored).sum())
        recall, precision = matched.mean(), matched.sum() / max(1, matched.sum() + wrong)
        expected[iou] = recall * (1 + precision) / 2 if matched.any() or wrong else 0.0
    found = scored(longer, masks)
    for iou in IOU_THRESHOLDS:
        assert found["ap_by_iou"][f"{iou:.2f}"] == pytest.approx(expected[iou], abs=1e-9), iou


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_scores_of_exact_masks_do_not_matter(truth, seed):
    ids, _, exact = truth
    scores = np.random.default_rng(seed).choice([0.1, 0.5, 0.9], len(exact))
    assert scored(ids, exact, scores)["ap_50_95_incl"] == 1


# --- views lost ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [(0,), (1,), (2,), (0, 2)])
def test_masks_that_miss_whole_views(truth, lost):
    """An object has the IoU of the share of its pixels in the views that are left; masks of nothing are dropped."""
    ids, view, exact = truth
    masks = exact & ~np.isin(view, lost)
    left = masks.sum(axis=1)
    expected = by_equal_scores(left / exact.sum(axis=1), left >= LEAST)
    found = scored(ids, masks)
    for iou in IOU_THRESHOLDS:
        assert found["ap_by_iou"][f"{iou:.2f}"] == pytest.approx(expected[iou], abs=1e-9), iou
    assert found["counts"]["predictions_dropped"] == int((left < LEAST).sum())
    assert found["ap"] < 1


def test_views_lost_cost_3d_only_what_no_other_view_shows(sample):
    whole = result_of(true_prediction(sample), sample)["surface"]
    right = true_prediction(sample)
    masks = right.masks.copy()
    masks[:, 1] = False
    less = result_of(replace(right, masks=masks), sample)
    assert whole["ap25"] == pytest.approx(1.0)
    assert less["surface"]["ap50"] <= whole["ap50"]
    assert less["multi_view"]["ap50"] <= less["surface"]["ap50"] + 1e-9  # what two views saw, the surface keeps


def test_what_no_view_shows_bounds_everybody(sample):
    """Every point has a twin far away: perfect masks on what is seen have IoU 0.5, which is no match at 0.50."""
    surface = surface_of_views(sample)
    twice = replace(
        surface,
        points=np.concatenate([surface.points, surface.points + np.array((50.0, 0.0, 0.0))]),
        gt_ids={name: np.concatenate([ids, ids]) for name, ids in surface.gt_ids.items()},
        faces=np.zeros((1, 3), np.int32),  # as of a scan
        cameras=None,
    )
    right = true_prediction(sample)
    alone = score_scene(right, sample, surface, protocol="all").surface
    scanned = score_scene(right, sample, twice, protocol="all").surface
    assert (alone.visible, alone.bound) == (None, None)
    bound = pooled([scanned.bound])
    sizes = np.unique(surface.gt_ids["all"][surface.gt_ids["all"] > 0], return_counts=True)[1]
    large = (sizes >= 100).sum() / (2 * sizes >= 100).sum()  # what is seen of the others is too small to count
    assert (bound["ap25"], bound["ap50"]) == (pytest.approx(large), 0.0)
    assert pooled([scanned.records])["ap50"] == 0
    visible, whole = pooled([scanned.visible]), pooled([alone.records])
    assert visible["ap50"] == pytest.approx(whole["ap50"], abs=0.1)
    assert visible["counts"]["targets"] == whole["counts"]["targets"]


# --- order shuffled --------------------------------------------------------------------------------------


def permuted(sample, prediction, order):
    """The same scene with its views in another order."""
    views, truth = sample.views, sample.geometry
    index = torch.as_tensor(order)
    moved = replace(
        sample,
        views=ViewBatch(
            images=views.images[index],
            names=tuple(views.names[place] for place in order),
            source_sizes=views.source_sizes[index],
            source_to_network=views.source_to_network[index],
        ),
        instance_ids=sample.instance_ids[index],
        geometry=SceneGeometry(
            depth=truth.depth[index],
            confidence=truth.confidence[index],
            intrinsics=truth.intrinsics[index],
            world_to_camera=truth.world_to_camera[index],
            is_metric=truth.is_metric,
        ),
        normals=None,
    )
    names = ("depth", "intrinsics", "world_to_camera")
    other = {name: getattr(prediction, name)[list(order)] for name in names}
    return moved, replace(prediction, masks=prediction.masks[:, list(order)], **other)


@pytest.mark.parametrize("order", [(2, 0, 1), (1, 0, 2)])
def test_the_order_of_views_does_not_matter(sample, order):
    prediction = imperfect(sample)
    straight = result_of(prediction, sample)
    moved, other = permuted(sample, prediction, order)
    assert result_of(other, moved) == straight


def test_the_order_of_predictions_does_not_matter_where_no_two_claim_one_object(sample):
    prediction = imperfect(sample)
    order = np.random.default_rng(3).permutation(len(prediction.scores))
    names = ("masks", "queries", "scores", "objectness", "anchors")
    shuffled = replace(prediction, **{name: getattr(prediction, name)[order] for name in names})
    assert result_of(shuffled, sample) == result_of(prediction, sample)


# --- worlds moved ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [0.05, 1.0, 40.0])
@pytest.mark.parametrize("icp", [False, True])
def test_a_world_moved_turned_and_scaled_is_scored_the_same(rooms, scale, icp):
    sample = rooms.sample(SEEDS[0])
    moved = some_similarity(scale, seed=5)
    right = imperfect(sample)
    there = true_prediction(sample, similarity=moved)
    other = replace(right, depth=there.depth, world_to_camera=there.world_to_camera, anchors=there.anchors)
    here, found = result_of(right, sample, icp=icp), result_of(other, sample, icp=icp)
    assert found["multi_view"] == here["multi_view"]
    for name in ("ap25", "ap50", "ap"):
        assert found["surface"][name] == pytest.approx(here["surface"][name], abs=0.02), name  # float32 cameras


def test_icp_closes_what_cameras_leave_open(sample):
    """A scan registered 7 cm beside its cameras: all points miss it, and ICP finds the 7 cm."""
    right, shift = true_prediction(sample), np.array((0.04, -0.04, 0.04))
    surface = surface_of_views(sample)
    beside = replace(surface, points=surface.points + shift)
    told = score_scene(right, sample, beside, protocol="all", icp=True)
    plain = score_scene(right, sample, beside, protocol="all")
    assert told.alignment["icp_accepted"]
    assert told.alignment["icp_shift"] == pytest.approx(np.linalg.norm(shift), abs=0.01)
    assert told.alignment["inlier_fraction_after"] > told.alignment["inlier_fraction_before"]
    assert told.alignment["rmse_after"] < told.alignment["rmse_before"]
    assert "icp_accepted" not in plain.alignment
    refined, bare = (pooled([score.surface.records])["ap50"] for score in (told, plain))
    assert refined > bare + 0.1


# --- noise in positions ----------------------------------------------------------------------------------

SPACING, SIDE = 0.04, 100


def grid():
    """Two plates of SIDE x SIDE points, and the ids of their points."""
    line = SPACING * np.arange(SIDE)
    plate = np.stack([*np.meshgrid(line, line), np.zeros((SIDE, SIDE))], axis=-1).reshape(-1, 3)
    points = np.concatenate([plate, plate + np.array((0.0, 0.0, 1.0))])
    return points, np.repeat((1001, 1002), len(plate)).astype(np.int32)


def transferred(points, moved, ids):
    masks = vertex_masks(nearest_vertices(points, moved), ids - 1001, scores=np.ones(2), vertices=len(points))
    return average_precision([{"gt_ids": ids, "masks": masks, "scores": np.ones(2)}])


def test_noise_along_the_surface_below_half_its_spacing_changes_nothing():
    points, ids = grid()
    shift = np.random.default_rng(0).uniform(-0.49, 0.49, (len(points), 3)) * SPACING * (1, 1, 0)
    assert transferred(points, points + shift, ids)["ap_50_95_incl"] == 1


@pytest.mark.parametrize(("away", "expected"), [(0.049, 1.0), (0.051, 0.0)])
def test_an_offset_counts_until_the_limit_and_not_beyond(away, expected):
    points, ids = grid()
    assert transferred(points, points + np.array((0.0, 0.0, away)), ids)["ap"] == expected


@pytest.mark.parametrize("sigma", [0.02, 0.05, 0.06, 0.2])
def test_gaussian_noise_across_the_surface_costs_the_tail_of_its_distribution(sigma):
    """A point votes if |noise| <= 5 cm, and each vertex has one point: IoU = erf(0.05 / (sigma sqrt 2))."""
    points, ids = grid()
    noise = np.random.default_rng(2).normal(0, sigma, len(points))
    share = math.erf(0.05 / (sigma * math.sqrt(2)))
    found = transferred(points, points + noise[:, None] * (0, 0, 1), ids)
    clear = [iou for iou in IOU_THRESHOLDS if abs(iou - share) > 0.02]  # the sample's own deviation is 0.005
    for iou in clear:
        assert found["ap_by_iou"][f"{iou:.2f}"] == float(share > iou), iou


def test_the_imperfect_prediction_is_neither_right_nor_useless(sample):
    found = result_of(imperfect(sample), sample)
    assert all(0.1 < found[name]["ap"] < 0.9 for name in ("multi_view", "surface"))
