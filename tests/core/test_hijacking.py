"""Overlaps, shares and groups against plain recomputation from the masks themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fast3dis_core.hijacking import (
    clustered_order,
    hijack_groups,
    hijack_rate,
    overlap_penalty,
    soft_iou,
)
from tests.scenes import synthetic_reconstruction


def overlap_of(masks, objectness):
    weighted = masks * objectness[:, None]
    return (weighted @ weighted.T).astype(np.float32)


@st.composite
def hard_masks(draw):
    queries, pixels = draw(st.integers(0, 6)), draw(st.integers(1, 12))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    masks = (generator.random((queries, pixels)) < 0.4).astype(np.float64)
    return masks, generator.uniform(0.01, 1, queries).astype(np.float32)


@given(hard_masks())
def test_hard_masks_give_intersection_over_union(scene):
    masks, objectness = scene
    overlap = overlap_of(masks, objectness)
    pairs = soft_iou(overlap, objectness)
    for first, one in enumerate(masks > 0):
        for second, other in enumerate(masks > 0):
            union, both = (one | other).sum(), (one & other).sum()
            assert np.isclose(pairs[first, second], both / union if union else 0, atol=1e-5)


def test_soft_masks_follow_the_definition():
    generator = np.random.default_rng(1)
    masks, objectness = generator.random((7, 200)), generator.uniform(0.1, 1, 7).astype(np.float32)
    overlap = overlap_of(masks, objectness)
    product = masks @ masks.T
    own = np.diag(product)
    expected = product / (own[:, None] + own[None, :] - product)
    assert np.allclose(soft_iou(overlap, objectness), expected, atol=1e-5)
    by_hand = sum(
        (objectness[i] * masks[i]) @ (objectness[j] * masks[j]) for i in range(7) for j in range(7) if i != j
    ) / (7 * 6)
    assert np.isclose(overlap_penalty(overlap), by_hand, rtol=1e-5)


def test_confidence_does_not_change_what_masks_share():
    masks = np.array([[1, 1, 1, 0], [0, 1, 1, 0]], float)
    sure, unsure = np.ones(2, np.float32), np.array([0.9, 0.01], np.float32)
    shares = soft_iou(overlap_of(masks, sure), sure)
    assert np.allclose(soft_iou(overlap_of(masks, unsure), unsure), shares, atol=1e-5)
    assert np.allclose(shares[0, 1], 2 / 3)


def plain_groups(pairs, active, threshold):
    """Transitive closure by repeated matrix products."""
    reach = ((pairs >= threshold) & active[:, None] & active[None, :]) | np.eye(len(pairs), dtype=bool)
    for _ in range(len(pairs)):
        reach = (reach.astype(int) @ reach.astype(int)) > 0
    rows = {tuple(np.flatnonzero(row)) for row in reach}
    return {row for row in rows if len(row) > 1}


@given(hard_masks(), st.floats(0.05, 1.0))
def test_groups_are_connected_components(scene, threshold):
    masks, objectness = scene
    overlap = overlap_of(masks, objectness)
    groups = hijack_groups(overlap, objectness, threshold=threshold, objectness_floor=0.3)
    expected = plain_groups(soft_iou(overlap, objectness), objectness >= 0.3, threshold)
    assert {tuple(sorted(group)) for group in groups} == expected
    assert [len(group) for group in groups] == sorted((len(group) for group in groups), reverse=True)
    for group in groups:
        assert list(objectness[list(group)]) == sorted(objectness[list(group)], reverse=True)


def test_chain_is_one_group_led_by_the_surest():
    masks = np.array([[1, 1, 1, 0, 0, 0], [0, 1, 1, 1, 0, 0], [0, 0, 1, 1, 1, 0], [0, 0, 0, 0, 0, 1]], float)
    objectness = np.array([0.5, 0.7, 0.9, 0.9], np.float32)
    overlap = overlap_of(masks, objectness)
    assert hijack_groups(overlap, objectness, threshold=0.5) == ((2, 1, 0),)
    assert hijack_groups(overlap, objectness, threshold=0.5, objectness_floor=0.6) == ((2, 1),)
    assert hijack_groups(overlap, objectness, threshold=0.6) == ()


def test_silent_queries_are_in_no_group():
    overlap, objectness = np.zeros((3, 3), np.float32), np.array([0.0, 0.8, 0.9], np.float32)
    assert not soft_iou(overlap, objectness).any()
    assert hijack_groups(overlap, objectness) == ()


def test_empty_and_wrong_input():
    nothing = np.zeros((0, 0), np.float32), np.zeros(0, np.float32)
    assert soft_iou(*nothing).shape == (0, 0)
    assert hijack_groups(*nothing) == ()
    assert overlap_penalty(nothing[0]) == overlap_penalty(np.ones((1, 1), np.float32)) == 0
    with pytest.raises(ValueError, match="above 0"):
        hijack_groups(*nothing, threshold=0.0)


def test_on_a_scene():
    scene = synthetic_reconstruction(queries=30)
    objectness = scene.objectness[-1]
    pairs = soft_iou(scene.overlap, objectness)
    assert np.allclose(pairs, pairs.T)
    assert np.allclose(np.diag(pairs), 1, atol=1e-5)
    assert 0 < pairs.max(initial=0, where=~np.eye(30, dtype=bool)) <= 1
    first, second = max(
        ((i, j) for i in range(30) for j in range(i)), key=lambda pair: pairs[pair]
    )  # the two nearest claims
    groups = hijack_groups(scene.overlap, objectness, threshold=pairs[first, second])
    assert groups[0] == tuple(sorted((first, second), key=lambda query: -objectness[query]))


def test_the_rate_counts_all_but_the_surest_of_each_group():
    assert hijack_rate(((3, 1, 2), (5, 4)), 12) == 3 / 12
    assert hijack_rate((), 0) == 0


def test_queries_on_one_object_stand_together():
    rng = np.random.default_rng(0)
    blocks = rng.permutation(np.repeat(np.arange(4), 3))  # object of each query
    masks = np.zeros((12, 40))
    for query, block in enumerate(blocks):
        masks[query, 10 * block : 10 * block + 8] = 1
    masks[0] = 0  # claims nothing
    objectness = rng.uniform(0.2, 0.9, 12)
    order = clustered_order(overlap_of(masks, objectness).astype(np.float32), objectness.astype(np.float32))
    assert sorted(order) == list(range(12))
    assert order[-1] == 0
    found = blocks[order[:-1]]
    assert (np.diff(found) != 0).sum() == 3, "each object is one run"


def test_few_queries_have_an_order_too():
    for count in range(3):
        assert clustered_order(np.eye(count, dtype=np.float32), np.ones(count, np.float32)).tolist() == list(
            range(count)
        )
