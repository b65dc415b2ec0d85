"""Claims and evidence against plain recomputation on whole arrays; wishes that do not fit are refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fast3dis_core.config import InferenceConfig
from fast3dis_core.errors import ConfigError
from fast3dis_core.evidence import AREA_THRESHOLDS
from fast3dis_core.inference.assembly import assemble_instances
from fast3dis_core.inference.inspection import (
    decode_with_evidence,
    hold_queries,
    mask_probability,
    measure_claims,
    preview_query,
    prompt_candidates,
)
from fast3dis_core.inference.steps import decode_queries, encode_scene
from fast3dis_core.interventions import AnchorPrompt, Interventions
from fast3dis_core.masks import resize_logits
from fast3dis_core.model.prediction_heads import mask_logits, objectness
from fast3dis_core.reconstruction import AnchorOverride
from tests.core.inference.test_steps import model, photos  # noqa: F401 - a fixture

CONFIG = InferenceConfig.paper(mask_threshold=0.4)


@pytest.fixture(scope="module")
def parts(model):  # noqa: F811
    views = photos()
    encoded = encode_scene(model, views)
    trace = decode_queries(model, encoded)
    return views, encoded, trace, assemble_instances(views, encoded, trace, config=CONFIG)


@pytest.fixture(scope="module")
def plain(parts):
    """Probabilities of all queries at all pixels (N, P), objectness (N,), and who is active."""
    views, encoded, trace, _ = parts
    height, width = views.images.shape[-2:]
    with torch.inference_mode():
        logits = mask_logits(trace.layers[-1], encoded.mask_features)
        images = torch.stack([resize_logits(view, height, width) for view in logits], 1)  # (N, S, H, W)
    scores = objectness(trace.layers[-1]).numpy()
    return images.sigmoid().flatten(1).numpy(), scores, scores >= CONFIG.objectness_floor


def test_claims_are_those_of_a_plain_recomputation(parts, plain, monkeypatch):
    _, encoded, trace, result = parts
    probabilities, scores, active = plain
    monkeypatch.setattr("fast3dis_core.inference.mask_pixels.BLOCK", 28 * 42 * 7)  # several blocks of queries a view
    claims = measure_claims(encoded, trace, result.cloud, config=CONFIG)
    bids = np.where(active[:, None], probabilities * scores[:, None], 0)
    claimed = (probabilities > CONFIG.mask_threshold) & active[:, None]
    ordered = np.sort(bids, axis=0)
    assert np.array_equal(claims.count, claimed.sum(0))
    np.testing.assert_allclose(claims.best, ordered[-1], atol=1e-6)
    np.testing.assert_allclose(claims.margin, ordered[-1] - ordered[-2], atol=1e-6)
    winner = np.where(claimed.any(0), np.where(claimed, bids, -1).argmax(0), -1)
    assert np.array_equal(claims.winner, winner)
    valid = result.cloud.valid
    for query in range(len(scores)):
        own = claimed[query] & valid
        expected = np.bincount(winner[own], minlength=len(scores)) if own.any() else np.zeros(len(scores))
        assert np.array_equal(claims.taken[query], expected)
        areas = [(probabilities[query][valid] > edge).sum() if active[query] else 0 for edge in AREA_THRESHOLDS]
        assert np.abs(claims.areas[query] - areas).max() <= 1  # a pixel may lie on the edge
    assert claims.double_claimed == pytest.approx((claimed.sum(0) > 1)[valid].sum() / claimed.any(0)[valid].sum())
    assert claims.gap_share(0.2) == pytest.approx((ordered[-1][valid] < np.float32(0.2)).mean(), abs=1e-3)


def test_mask_probability_is_what_the_threshold_cuts(parts, plain):
    views, encoded, trace, result = parts
    probabilities, _, _ = plain
    count, _, height, width = views.images.shape
    maps = probabilities.reshape(-1, count, height, width)
    for view in range(count):
        np.testing.assert_allclose(mask_probability(encoded, trace, [3], view), maps[3, view], atol=1e-6)
    np.testing.assert_allclose(mask_probability(encoded, trace, (3, 5), 0), maps[[3, 5], 0].max(0), atol=1e-6)
    item = result.instances[0]
    sure = np.stack([mask_probability(encoded, trace, [item.query], view) for view in range(count)])
    assert np.array_equal(np.flatnonzero(sure.reshape(-1) > CONFIG.mask_threshold), item.pixels)


def test_queries_of_the_users_own_are_counted_apart(model, parts):  # noqa: F811
    """With two new queries, figures are those of the network's queries alone."""
    views, encoded, _, _ = parts
    place = tuple(encoded.initial_anchors[5].tolist())
    prompts = (AnchorPrompt(position=place), AnchorPrompt(position=place, content="mean"))
    trace = decode_queries(model, encoded, interventions=Interventions(prompts=prompts))
    result = assemble_instances(views, encoded, trace, config=CONFIG)
    claims = measure_claims(encoded, trace, result.cloud, config=CONFIG)
    count = len(encoded.initial_anchors)
    last = trace.layers[-1]
    silenced = torch.where(torch.arange(count + 2) < count, last.objectness_logits, -99.0)
    alone = replace(trace, layers=(*trace.layers[:-1], replace(last, objectness_logits=silenced)))
    without = measure_claims(encoded, alone, result.cloud, config=CONFIG)
    assert without.trained_count is None
    assert (claims.count > claims.trained_count).any(), "the new ones claim something"
    np.testing.assert_array_equal(claims.trained_count, without.count)
    np.testing.assert_array_equal(claims.trained_best, without.best)
    assert claims.double_claimed == without.double_claimed
    assert claims.gap_share(0.4) == without.gap_share(0.4)


def test_masks_of_claims_are_the_instances(parts):
    _, encoded, trace, result = parts
    claims = measure_claims(encoded, trace, result.cloud, config=CONFIG)
    for instance in result.instances:
        assert claims.masks[instance.query] == len(instance.pixels)


def test_what_is_stolen_and_what_is_kept_make_up_a_claim(parts):
    _, encoded, trace, result = parts
    claims = measure_claims(encoded, trace, result.cloud, config=CONFIG)
    present = claims.masks > 0
    kept = np.diag(claims.taken)[present] / claims.masks[present]
    np.testing.assert_allclose(claims.theft.sum(1)[present] + kept, 1.0)
    rows = claims.thieves(0.05)
    assert rows, "random masks overlap"
    assert [row[2] for row in rows] == sorted((row[2] for row in rows), reverse=True)
    for victim, thief, part, pixels in rows:
        assert part == pytest.approx(pixels / claims.masks[victim])
        assert victim != thief


def test_the_threshold_explorer_counts_what_assembly_finds(parts):
    views, encoded, trace, result = parts
    claims = measure_claims(encoded, trace, result.cloud, config=CONFIG)
    levels = np.array([0.05, 0.3, 0.5], np.float32)
    counts = claims.instance_counts(result.objectness[-1], levels, minimum_points=20)
    for column in (3, 9, 15):
        config = InferenceConfig.paper(mask_threshold=AREA_THRESHOLDS[column], minimum_points=20)
        there = assemble_instances(views, encoded, trace, config=config)
        for row, level in enumerate(levels):
            assert abs(counts[row, column] - len(there.shown(level))) <= 1


def test_nobody_active_is_legal(parts):
    _, encoded, trace, result = parts
    claims = measure_claims(encoded, trace, result.cloud, config=InferenceConfig.paper(objectness_floor=1.0))
    assert not claims.count.any()
    assert (claims.winner == -1).all()
    assert claims.double_claimed == 0
    assert claims.gap_share(0.1) == 1.0


def test_evidence_comes_with_the_same_trace(model, parts):  # noqa: F811
    views, encoded, trace, _ = parts
    again, evidence = decode_with_evidence(model, encoded)
    assert all(torch.equal(one.anchors, two.anchors) for one, two in zip(trace.layers, again.layers, strict=True))
    layers, count, places, _ = evidence.weights.shape
    assert (layers, count, places) == (len(trace.layers) - 1, len(encoded.initial_anchors), 1 + len(views))
    np.testing.assert_allclose(evidence.weights.sum(2), 1, atol=1e-5)  # over null and views
    assert np.isnan(evidence.positions[~evidence.visible]).all()
    inside = evidence.positions[evidence.visible]
    assert (inside >= 0).all()
    assert (inside <= np.array(views.images.shape[-1:-3:-1])).all()


def test_candidates_of_a_prompt_are_ordered_by_what_the_network_believes(model, parts):  # noqa: F811
    _, encoded, _, _ = parts
    position = tuple(encoded.initial_anchors[5].tolist())
    found = prompt_candidates(model, encoded, position)
    assert {prompt.content for prompt, _, _ in found} == {"nearest", "mean", "sampled"}
    scores = [score for _, score, _ in found]
    assert scores == sorted(scores, reverse=True)
    for prompt, score, trace in found:
        again = decode_queries(model, encoded, interventions=Interventions(prompts=(prompt,)))
        assert float(objectness(again.layers[-1])[-1]) == score
        assert len(trace.layers[-1].anchors) == len(encoded.initial_anchors) + 1


def test_a_preview_follows_one_query(model, parts):  # noqa: F811
    _, encoded, trace, _ = parts
    place = tuple((encoded.initial_anchors[4] + 0.1).tolist())
    moved = preview_query(model, encoded, trace, 4, (AnchorOverride(query=4, position=place),))
    assert moved.layers[0].anchors[4].tolist() == pytest.approx(place, abs=1e-4)
    assert torch.equal(moved.layers[-1].queries[:4], trace.layers[-1].queries[:4])
    assert not torch.equal(moved.layers[-1].queries[4], trace.layers[-1].queries[4])


@pytest.mark.parametrize("wishes", [{}, {"self_attention": False}, {"cut_links": frozenset({(4, 1)})}])
def test_what_previews_have_in_common_is_worked_out_once(model, parts, wishes):  # noqa: F811
    """Whichever query is followed, and wherever to: the trace is the same to the bit."""
    _, encoded, trace, _ = parts
    held, asked = hold_queries(model, encoded, trace), Interventions(**wishes)
    for query, offset in ((4, 0.1), (4, -0.3), (0, 0.2)):
        place = tuple((encoded.initial_anchors[query] + offset).tolist())
        overrides = (AnchorOverride(query=query, position=place),)
        plain = preview_query(model, encoded, trace, query, overrides, asked)
        again = preview_query(model, encoded, trace, query, overrides, asked, held=held)
        for one, other in zip(plain.layers, again.layers, strict=True):
            for name in ("anchors", "queries", "objectness_logits", "mask_embeddings"):
                assert torch.equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize(
    ("wishes", "what"),
    [
        ({"muted_queries": frozenset({1000})}, "query"),
        ({"muted_views": frozenset({9})}, "view"),
        ({"cut_links": frozenset({(0, 999)})}, "query"),
        ({"prompts": (AnchorPrompt(position=(0, 0, 1), content=500),)}, "Prompt 0"),
    ],
)
def test_what_does_not_exist_is_refused(model, parts, wishes, what):  # noqa: F811
    with pytest.raises(ConfigError, match=what):
        decode_queries(model, parts[1], interventions=Interventions(**wishes))


def test_impossible_words_are_refused():
    with pytest.raises(ConfigError, match="nearest, mean, sampled"):
        AnchorPrompt(position=(0, 0, 1), content="best")
    with pytest.raises(ConfigError, match="cut_links"):
        Interventions(cut_links=frozenset({(1, 1)}))
