"""Each term of eq. 9 against golden values, plain loops and its own gradient."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.model.prediction_heads import mask_logits, objectness
from fast3dis_core.scene import DecoderLayer
from fast3dis_core.training import losses
from fast3dis_core.training.losses import (
    anchor_loss,
    bce_loss,
    classification_loss,
    contrastive_loss,
    dice_loss,
    double_claims,
    focal_terms,
    overlap_loss,
)
from tests.core.training.batches import random_batch

ALL = torch.ones(1, 1, dtype=torch.bool)
seeds = st.integers(0, 2**31)


@pytest.fixture(scope="module")
def golden(golden_file):
    return json.loads(golden_file("losses", "losses.json")[0].read_text())


def double(values):
    return torch.tensor(values, dtype=torch.float64)


# golden values


def test_overlap_golden(golden):
    for case in golden["overlap"]:
        probabilities, confidence = double(case["probabilities"]), double(case["objectness"])
        total = double_claims(probabilities, confidence).sum().item()
        queries, pixels = probabilities.shape
        assert total / (queries * (queries - 1)) == pytest.approx(case["paper_eq8"], abs=1e-6)
        assert total / pixels == pytest.approx(case["per_pixel"], abs=1e-6)


def test_contrastive_golden(golden):
    for case in golden["supervised_contrastive"]:
        loss = contrastive_loss(
            double(case["features"])[None], torch.tensor(case["labels"])[None], temperature=case["temperature"]
        ).item()
        assert loss == pytest.approx(case["mean_over_anchors_with_positive"], abs=1e-6)
        assert loss * case["num_anchors_with_positive"] == pytest.approx(case["sum"], abs=1e-6)


def test_focal_golden(golden):
    for case in golden["sigmoid_focal"]:
        loss = focal_terms(
            double(case["logit"]), torch.tensor(case["target"] == 1), alpha=case["alpha"], gamma=case["gamma"]
        )
        assert loss.item() == pytest.approx(case["loss"], abs=1e-6)


def test_mask_losses_golden(golden):
    for case in golden["dice_bce"]:
        logits, targets = double(case["logits"])[None, None], torch.tensor(case["targets"])[None, None] == 1
        points = torch.ones_like(targets[0])
        assert bce_loss(logits, targets, ALL, points).item() == pytest.approx(case["bce"], abs=1e-6)
        assert dice_loss(logits, targets, ALL, points).item() == pytest.approx(case["dice"], abs=1e-6)


# plain loops


@given(seeds, st.integers(1, 6), st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_double_claims_are_the_pairs_of_eq_8(seed, queries, pixels):
    random = np.random.default_rng(seed)
    masks, confidence = random.random((queries, pixels)), random.random(queries)
    expected = np.zeros(pixels)
    for i in range(queries):
        for j in range(queries):
            if i != j:
                expected += confidence[i] * masks[i] * confidence[j] * masks[j]
    found = double_claims(torch.from_numpy(masks), torch.from_numpy(confidence))
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


@given(seeds, st.lists(st.integers(-1, 3), min_size=1, max_size=9), st.floats(0.05, 1))
@settings(max_examples=40, deadline=None)
def test_contrastive_is_eq_7(seed, labels, temperature):
    features = np.random.default_rng(seed).normal(size=(len(labels), 4))
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    points = [index for index, label in enumerate(labels) if label >= 0]
    terms = []
    for i in points:
        positives = [p for p in points if p != i and labels[p] == labels[i]]
        if positives:
            whole = math.log(sum(math.exp(unit[i] @ unit[a] / temperature) for a in points if a != i))
            terms.append(sum(whole - unit[i] @ unit[p] / temperature for p in positives) / len(positives))
    expected = sum(terms) / len(terms) if terms else 0.0
    found = contrastive_loss(torch.from_numpy(features)[None], torch.tensor(labels)[None], temperature=temperature)
    assert found.item() == pytest.approx(expected, abs=1e-9)


@given(seeds, st.integers(0, 3), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_mask_losses_are_means_over_points_objects_scenes(seed, first, second):
    random = np.random.default_rng(seed)
    counts, sizes = (first, second), random.integers(0, 7, 2)
    logits, targets = random.normal(size=(2, 3, 6)) * 4, random.random((2, 3, 6)) < 0.5
    bce, dice = [], []
    for scene, count in enumerate(counts):
        scene_bce = scene_dice = 0.0
        for g in range(count):
            x, t = logits[scene, g, : sizes[scene]], targets[scene, g, : sizes[scene]]
            p = 1 / (1 + np.exp(-x))
            scene_bce += sum(-math.log(q if is_in else 1 - q) for q, is_in in zip(p, t, strict=True)) / max(len(p), 1)
            scene_dice += 1 - (2 * (p * t).sum() + 1) / (p.sum() + t.sum() + 1)
        bce.append(scene_bce / max(count, 1))
        dice.append(scene_dice / max(count, 1))
    objects = torch.arange(3) < torch.tensor(counts)[:, None]
    points = torch.arange(6) < torch.from_numpy(sizes)[:, None]
    arguments = torch.from_numpy(logits), torch.from_numpy(targets), objects, points
    assert bce_loss(*arguments).item() == pytest.approx(np.mean(bce), abs=1e-9)
    assert dice_loss(*arguments).item() == pytest.approx(np.mean(dice), abs=1e-9)


@given(seeds)
@settings(max_examples=30, deadline=None)
def test_classification_is_divided_by_objects_not_queries(seed):
    random = np.random.default_rng(seed)
    logits, matched = random.normal(size=(2, 5)) * 3, random.random((2, 5)) < 0.3
    scenes = []
    for row, is_matched in zip(logits, matched, strict=True):
        total = 0.0
        for x, positive in zip(row, is_matched, strict=True):
            right = 1 / (1 + math.exp(-x if positive else x))
            total -= (0.25 if positive else 0.75) * (1 - right) ** 2 * math.log(right)
        scenes.append(total / max(is_matched.sum(), 1))
    found = classification_loss(torch.from_numpy(logits), torch.from_numpy(matched), alpha=0.25, gamma=2.0)
    assert found.item() == pytest.approx(np.mean(scenes), abs=1e-9)


def test_anchor_loss_by_hand():
    anchors = double([[[0, 0, 0], [1, 1, 1], [5, 5, 5]], [[1, 2, 3], [0, 0, 0], [0, 0, 0]]])
    centers = double([[[1, -1, 0.5], [1, 1, 1], [0, 0, 0]], [[0, 0, 0], [0, 0, 0], [0, 0, 0]]])
    objects = torch.tensor([[True, True, False], [False, False, False]])
    assert anchor_loss(anchors, centers, objects).item() == pytest.approx((2.5 + 0) / 2 / 2)


# gradients


def leaf(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).requires_grad_()


OBJECTS = torch.tensor([[True, True, False], [False, False, False]])
POINTS = torch.tensor([[True, True, True, True, False], [True, True, False, False, False]])
TARGETS = torch.rand(2, 3, 5, generator=torch.Generator().manual_seed(3)) < 0.5


@pytest.mark.parametrize(
    ("loss", "inputs"),
    [
        (lambda x: classification_loss(x, OBJECTS, alpha=0.25, gamma=2.0), [leaf(2, 3)]),
        (lambda x: bce_loss(x, TARGETS, OBJECTS, POINTS), [leaf(2, 3, 5)]),
        (lambda x: dice_loss(x, TARGETS, OBJECTS, POINTS), [leaf(2, 3, 5)]),
        (
            lambda z: contrastive_loss(z, torch.tensor([[0, 0, 1, 1, 2], [0, -1, 0, -1, -1]]), temperature=0.3),
            [leaf(2, 5, 4)],
        ),
        (lambda p, c: double_claims(p.sigmoid(), c.sigmoid()).sum(), [leaf(2, 3, 5), leaf(2, 3, seed=1)]),
        (lambda a: anchor_loss(a, torch.zeros(2, 3, 3, dtype=torch.float64), OBJECTS), [leaf(2, 3, 3)]),
    ],
    ids=["classification", "bce", "dice", "contrastive", "overlap", "anchor"],
)
def test_gradients_in_float64(loss, inputs):
    assert torch.autograd.gradcheck(loss, inputs)


@pytest.mark.parametrize("labels", [[[]], [[0]], [[0, 1, 2]], [[-1, -1, -1]]])
def test_contrastive_without_positives_is_zero_with_a_graph(labels):
    labels = torch.tensor(labels, dtype=torch.int64)
    features = torch.randn(1, labels.shape[1], 4, requires_grad=True)
    loss = contrastive_loss(features, labels, temperature=0.1)
    assert loss.item() == 0
    loss.backward()
    assert (features.grad == 0).all()


@pytest.mark.parametrize("loss", [bce_loss, dice_loss])
@pytest.mark.parametrize(("objects", "points"), [(0, 5), (0, 0), (3, 5)])
def test_mask_losses_without_objects_are_zero_with_a_graph(loss, objects, points):
    logits = torch.randn(2, objects, points, requires_grad=True)
    value = loss(
        logits,
        torch.zeros(2, objects, points, dtype=torch.bool),
        torch.zeros(2, objects, dtype=torch.bool),
        torch.ones(2, points, dtype=torch.bool),
    )
    assert value.item() == 0
    value.backward()
    assert (logits.grad == 0).all()


def test_extreme_logits_stay_finite():
    logits = torch.tensor([[[1e4, -1e4, 1e4, -1e4]]], requires_grad=True)
    targets = torch.tensor([[[True, False, False, True]]])
    points = torch.ones(1, 4, dtype=torch.bool)
    total = bce_loss(logits, targets, ALL, points) + dice_loss(logits, targets, ALL, points)
    total = total + classification_loss(logits[0], targets[0], alpha=0.25, gamma=2.0)
    total.backward()
    assert total.isfinite()
    assert logits.grad.isfinite().all()


def test_contrastive_survives_a_small_temperature_and_equal_points():
    features = torch.ones(1, 6, 4, requires_grad=True)
    loss = contrastive_loss(features, torch.tensor([[0, 0, 0, 1, 1, 1]]), temperature=1e-3)
    loss.backward()
    assert loss.item() == pytest.approx(math.log(5), rel=1e-3)
    assert features.grad.isfinite().all()


# symmetry


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_order_of_objects_queries_and_points_changes_nothing(seed):
    generator = torch.Generator().manual_seed(seed)

    def order(count):
        return torch.randperm(count, generator=generator)

    logits = torch.randn(1, 4, 9, generator=generator, dtype=torch.float64)
    targets = torch.rand(1, 4, 9, generator=generator) < 0.5
    objects, points = torch.tensor([[True, True, True, False]]), torch.arange(9)[None] < 7
    rows, columns = order(4), order(9)
    for loss in (bce_loss, dice_loss):
        moved = loss(
            logits[:, rows][:, :, columns], targets[:, rows][:, :, columns], objects[:, rows], points[:, columns]
        )
        torch.testing.assert_close(moved, loss(logits, targets, objects, points))
    torch.testing.assert_close(
        double_claims(logits[0, rows].sigmoid(), logits[0, rows, 0].sigmoid()),
        double_claims(logits[0].sigmoid(), logits[0, :, 0].sigmoid()),
    )
    labels = torch.tensor([[0, 0, 1, 1, 1, 2, -1, 0, 2]])
    torch.testing.assert_close(
        contrastive_loss(logits.mT[:, columns], labels[:, columns], temperature=0.2),
        contrastive_loss(logits.mT, labels, temperature=0.2),
    )


# the penalty as it is taken from embeddings and features


def dense_overlap(layer, features, valid):
    masks = mask_logits(layer, features).sigmoid().movedim(2, 1).flatten(2)  # (B, N, M)
    claims = double_claims(masks, objectness(layer)) * valid.flatten(1)
    return (claims.sum(1) / valid.flatten(1).sum(1)).mean()


@pytest.mark.parametrize("block", [1, 8 * 70 * 2 * 2, 1 << 24])  # one, two or all views in a block
def test_penalty_by_blocks_equals_the_whole(block, monkeypatch):
    monkeypatch.setattr(losses, "BLOCK", block)
    encoded, trace, _ = random_batch()
    layer = trace.layers[1]
    features = encoded.mask_features.clone().requires_grad_()
    valid = torch.rand(features[:, :, 0].shape) < 0.8
    wanted = [layer.mask_embeddings, layer.objectness_logits, features]
    loss, expected = overlap_loss(layer, features, valid), dense_overlap(layer, features, valid)
    torch.testing.assert_close(loss, expected)
    for found, right in zip(torch.autograd.grad(loss, wanted), torch.autograd.grad(expected, wanted), strict=True):
        torch.testing.assert_close(found, right, rtol=1e-4, atol=1e-7)


def test_one_query_overlaps_nothing():
    encoded, trace, _ = random_batch(queries=1)
    valid = torch.ones(encoded.mask_features[:, :, 0].shape, dtype=torch.bool)
    assert overlap_loss(trace.layers[1], encoded.mask_features, valid).item() == 0
    assert overlap_loss(trace.layers[1], encoded.mask_features, ~valid).item() == 0  # nothing valid: no division by 0


def test_many_views_keep_no_masks_for_the_way_back(monkeypatch):
    encoded, trace, _ = random_batch(1, views=12, queries=40)
    valid = torch.ones(encoded.mask_features[:, :, 0].shape, dtype=torch.bool)
    features = encoded.mask_features.clone().requires_grad_()

    def kept():
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.numel()) or t, lambda t: t):
            overlap_loss(trace.layers[1], features, valid)
        return sum(sizes)

    masks = 40 * valid.numel()
    assert kept() > masks
    monkeypatch.setattr(losses, "BLOCK", masks // 6)
    assert kept() < features.numel() + masks / 10  # the inputs of each block, nothing else


def test_rounding_costs_no_pixel_its_gradient():
    """Where one query is alone, the penalty must still tell the others to stay away."""
    cells = 49
    logits = torch.full((3, cells), -18.0)
    logits[0] = torch.linspace(1, 4, cells)
    logits[2, 0] = 2.0  # a double claim somewhere
    layer = DecoderLayer(
        anchors=torch.zeros(1, 3, 3),
        queries=torch.zeros(1, 3, cells),
        objectness_logits=torch.linspace(1, 2, 3)[None],
        mask_embeddings=logits[None].requires_grad_(),
    )
    features = torch.eye(cells).reshape(1, 1, cells, 7, 7)
    claims = double_claims(logits.detach().sigmoid(), objectness(layer)[0])
    assert (claims == 0).any()  # a difference of equal squares: the small claims drowned
    overlap_loss(layer, features, torch.ones(1, 1, 7, 7, dtype=torch.bool)).backward()
    assert (layer.mask_embeddings.grad[0, 1] > 0).all()


# precision


def test_half_precision_inputs_and_autocast_change_nothing_but_rounding():
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(1, 40, 16, generator=generator).bfloat16()
    labels = torch.arange(40)[None] // 4
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = contrastive_loss(features, labels, temperature=0.1)
        encoded, trace, _ = random_batch()
        valid = torch.ones(encoded.mask_features[:, :, 0].shape, dtype=torch.bool)
        penalty = overlap_loss(trace.layers[1], encoded.mask_features, valid)
    assert found.dtype == penalty.dtype == torch.float32
    torch.testing.assert_close(found, contrastive_loss(features.float(), labels, temperature=0.1))
    torch.testing.assert_close(penalty, overlap_loss(trace.layers[1], encoded.mask_features, valid))
