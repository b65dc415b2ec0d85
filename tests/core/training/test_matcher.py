import itertools
import logging

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.errors import TrainingError
from fast3dis_core.training.losses import bce_loss, dice_loss
from fast3dis_core.training.matcher import match, matching_cost

seeds = st.integers(0, 2**31)


@given(seeds, st.integers(1, 5), st.integers(0, 4), st.integers(0, 6))
@settings(max_examples=40, deadline=None)
def test_cost_is_the_loss_of_every_pair(seed, queries, objects, counted):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(1, queries, generator=generator, dtype=torch.float64)
    masks = torch.randn(1, queries, 6, generator=generator, dtype=torch.float64) * 5
    targets = torch.rand(1, objects, 6, generator=generator) < 0.5
    points = torch.arange(6)[None] < counted
    cost = matching_cost(scores, masks, targets, points)
    assert cost.shape == (1, queries, objects)
    one = torch.ones(1, 1, dtype=torch.bool)
    for query, row in itertools.product(range(queries), range(objects)):
        pair = masks[:, query : query + 1], targets[:, row : row + 1], one, points
        expected = -2 * scores[0, query].sigmoid() + 5 * bce_loss(*pair) + 5 * dice_loss(*pair)
        torch.testing.assert_close(cost[0, query, row], expected)


@given(seeds, st.integers(1, 5), st.integers(0, 4))
@settings(max_examples=40, deadline=None)
def test_no_assignment_is_cheaper(seed, queries, objects):
    objects = min(queries, objects)
    cost = np.random.default_rng(seed).normal(size=(queries, objects))
    (matching,) = match(torch.from_numpy(cost)[None, None], torch.ones(1, objects, dtype=torch.int64))
    found_queries, found_objects = matching.pairs(0)
    assert found_objects.tolist() == list(range(objects))
    assert len(set(found_queries.tolist())) == objects
    best = min(
        sum(cost[query, row] for row, query in enumerate(order))
        for order in itertools.permutations(range(queries), objects)
    )
    assert cost[found_queries.numpy(), found_objects.numpy()].sum() == pytest.approx(best)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_order_of_objects_and_queries_moves_the_pairs_along(seed):
    generator = torch.Generator().manual_seed(seed)
    cost = torch.rand(6, 4, generator=generator)
    rows, columns = torch.randperm(6, generator=generator), torch.randperm(4, generator=generator)
    areas = torch.ones(1, 4, dtype=torch.int64)
    (plain,) = match(cost[None, None], areas)
    (moved,) = match(cost[rows][:, columns][None, None], areas)
    pairs = {(int(query), int(row)) for query, row in zip(*plain.pairs(0), strict=True)}
    assert {(int(rows[query]), int(columns[row])) for query, row in zip(*moved.pairs(0), strict=True)} == pairs


def test_layers_and_scenes_of_a_batch_are_matched_as_alone():
    cost = torch.rand(3, 2, 5, 4, generator=torch.Generator().manual_seed(1))
    areas = torch.tensor([[9, 8, 7, 6], [5, 4, 0, 0]])
    for layer, matching in enumerate(match(cost, areas)):
        for index, count in enumerate((4, 2)):
            (alone,) = match(cost[layer, index, :, :count][None, None], areas[index : index + 1, :count])
            for found, expected in zip(matching.pairs(index), alone.pairs(0), strict=True):
                assert torch.equal(found, expected)


def test_of_more_objects_than_queries_the_largest_are_kept(caplog):
    cost = torch.zeros(1, 1, 2, 4)
    with caplog.at_level(logging.WARNING):
        (matching,) = match(cost, torch.tensor([[3, 10, 4, 20]]))
    assert matching.matched.tolist() == [[False, True, False, True]]
    assert "2 smallest objects stay unmatched" in caplog.text
    assert matching.query_mask(2).all()


def test_no_objects_is_legal():
    for count in (0, 3):  # nothing in the batch, or padding only
        (matching,) = match(torch.rand(1, 1, 5, count), torch.zeros(1, count, dtype=torch.int64))
        assert [len(part) for part in matching.pairs(0)] == [0, 0]
        assert not matching.query_mask(5).any()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_cost_that_is_not_finite_stops_the_step(value):
    cost = torch.zeros(2, 2, 3, 2)
    cost[1, 0, 2, 1] = value
    with pytest.raises(TrainingError, match="layer 2, scene 0"):
        match(cost, torch.ones(2, 2, dtype=torch.int64))
    match(cost, torch.tensor([[1, 0], [1, 1]]))  # padding is never looked at


def test_cost_has_no_gradient_and_is_float32_under_autocast():
    logits = torch.randn(1, 3, 8, requires_grad=True)
    arguments = torch.ones(1, 2, 8, dtype=torch.bool), torch.ones(1, 8, dtype=torch.bool)
    expected = matching_cost(logits[..., 0], logits, *arguments)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cost = matching_cost(logits[..., 0], logits, *arguments)
    assert not cost.requires_grad
    assert torch.equal(cost, expected)
