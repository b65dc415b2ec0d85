import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.geometry.cameras import project
from fast3dis_core.scene import DecoderLayer
from fast3dis_core.training.matcher import Matching
from fast3dis_core.training.targets import SceneTargets
from fast3dis_core.training.watch import failure_watch
from tests.core.model.encoded import random_scene

VIEWS, SIDE, QUERIES = 2, 7, 5
CELLS = VIEWS * SIDE * SIDE


def freely_masked(masks, scores):
    """A scene whose mask features are an identity, so that embeddings are mask logits; masks (N, S, h, w)."""
    encoded = random_scene(views=VIEWS, height=28, width=28, channels=CELLS, queries=QUERIES)
    features = torch.eye(CELLS).reshape(CELLS, VIEWS, SIDE, SIDE).movedim(1, 0)[None]  # (1, S, C, h, w)
    layer = DecoderLayer(
        anchors=encoded.initial_anchors,
        queries=encoded.initial_queries,
        objectness_logits=torch.logit(scores)[None],
        mask_embeddings=torch.where(masks, 3.0, -3.0).flatten(1)[None],
    )
    return replace(encoded, mask_features=features), layer


def targets_of(labels, valid=None):
    count = max(int(labels.max()) + 1, 0)
    areas = torch.stack([(labels == row).sum() for row in range(count)]) if count else torch.zeros(0)
    areas = areas.long()[None]
    return SceneTargets(
        labels=labels[None],
        valid=torch.ones_like(labels, dtype=torch.bool)[None] if valid is None else valid[None],
        areas=areas,
        ids=torch.zeros_like(areas),
    )


def matched(queries):
    return Matching(queries=torch.tensor([queries]), matched=torch.ones(1, len(queries), dtype=torch.bool))


@given(st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_rates_agree_with_plain_loops(seed):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.arange(SIDE)[:, None] * 3 // SIDE
    labels = rows.expand(VIEWS, SIDE, SIDE).clone()
    labels[torch.rand(labels.shape, generator=generator) < 0.1] = -1
    masks = torch.stack([labels == number % 3 for number in range(QUERIES)])
    masks ^= torch.rand(masks.shape, generator=generator) < 0.15
    scores = torch.rand(QUERIES, generator=generator)
    valid = (labels >= 0) | (torch.rand(labels.shape, generator=generator) < 0.5)
    encoded, layer = freely_masked(masks, scores)
    found = failure_watch(encoded, layer, targets_of(labels, valid), matched([0, 1, 2]))

    active = [number for number in range(QUERIES) if scores[number] > 0.3]
    hijacked = 0
    for row in range(3):
        truth = (labels == row).numpy()
        takers = 0
        for number in active:
            mask = (masks[number] & (labels >= 0)).numpy()
            takers += (mask & truth).sum() / (mask | truth).sum() > 0.5
        hijacked += takers >= 2
    claims = masks[active].sum(0).numpy()
    assert found.hijack_rate == pytest.approx(hijacked / 3)
    assert found.double_claim_rate == pytest.approx((claims >= 2)[valid.numpy()].mean())
    near, far = 0, 0
    for view, y, x in np.ndindex(VIEWS, SIDE, SIDE):
        if labels[view, y, x] >= 0 and claims[view, y, x] == 0:
            around = labels[view, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
            if (around != labels[view, y, x]).any():
                near += 1
            else:
                far += 1
    labelled = int((labels >= 0).sum())
    assert found.gap_rate_at_boundaries == pytest.approx(near / labelled)
    assert found.gap_rate_elsewhere == pytest.approx(far / labelled)
    assert found.matched_objectness == pytest.approx(scores[:3].mean().item(), abs=1e-5)
    assert found.unmatched_objectness == pytest.approx(scores[3:].mean().item(), abs=1e-5)


def test_two_queries_on_one_object_are_a_hijack_and_a_safety_zone_is_a_gap():
    labels = torch.zeros(VIEWS, SIDE, SIDE, dtype=torch.int64)
    labels[:, :, 4:] = 1
    masks = torch.zeros(QUERIES, VIEWS, SIDE, SIDE, dtype=torch.bool)
    masks[0] = masks[1] = labels == 0
    masks[2, :, :, 5:] = True  # leaves one column beside its neighbor to nobody
    scores = torch.tensor([0.9, 0.8, 0.9, 0.9, 0.1])
    masks[4] = True  # not active: claims nothing
    encoded, layer = freely_masked(masks, scores)
    found = failure_watch(encoded, layer, targets_of(labels), matched([0, 2]))
    assert found.hijack_rate == pytest.approx(1 / 2)
    assert found.double_claim_rate == pytest.approx(4 / 7)
    assert found.gap_rate_at_boundaries == pytest.approx(1 / 7)
    assert found.gap_rate_elsewhere == 0


def test_anchors_are_counted_view_by_view():
    encoded, layer = freely_masked(torch.zeros(QUERIES, VIEWS, SIDE, SIDE, dtype=torch.bool), torch.full((5,), 0.5))
    anchors = torch.tensor([[[0.0, 0, 1], [0, 0, -9], [0, 9, 1], [0.1, 0.1, 2], [0, 0, 3]]])
    layer = replace(layer, anchors=anchors)
    found = failure_watch(encoded, layer, targets_of(torch.zeros(VIEWS, SIDE, SIDE, dtype=torch.int64)), matched([0]))
    pixels, depth = project(anchors, encoded.geometry.intrinsics, encoded.geometry.world_to_camera)
    in_front = depth[0] > 1e-5
    inside = in_front & ((pixels[0] > 0) & (pixels[0] < 28)).all(-1)
    assert found.anchors_in_front == pytest.approx(in_front.float().mean(1).tolist())
    assert found.anchors_inside == pytest.approx(inside.float().mean(1).tolist())
    assert 0 < inside.float().mean() < in_front.float().mean() < 1


def test_nothing_labelled_is_not_a_number_rather_than_a_success():
    encoded, layer = freely_masked(torch.ones(QUERIES, VIEWS, SIDE, SIDE, dtype=torch.bool), torch.full((5,), 0.5))
    found = failure_watch(encoded, layer, targets_of(torch.full((VIEWS, SIDE, SIDE), -1)), matched([]))
    assert math.isnan(found.hijack_rate)
    assert math.isnan(found.gap_rate_elsewhere)
    assert math.isnan(found.matched_objectness)
    assert found.double_claim_rate == 1
