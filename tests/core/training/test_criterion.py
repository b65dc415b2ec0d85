"""The whole objective on small batches: composition, batches, gradients, ablations, and what is never formed."""

from dataclasses import fields, replace

import pytest
import torch
from scipy.optimize import linear_sum_assignment
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from fast3dis_core.config import LossConfig
from fast3dis_core.errors import TrainingError
from fast3dis_core.model.prediction_heads import mask_logits
from fast3dis_core.scene import DecoderLayer, DecoderTrace, batched, scene
from fast3dis_core.training.criterion import objective
from fast3dis_core.training.losses import overlap_loss
from fast3dis_core.training.targets import SceneTargets, mask_targets, object_centers
from tests.core.training.batches import generator, painted_ids, random_batch

CELLS = (7, 10)
PER_LAYER = ("classification", "bce", "dice", "overlap", "anchor")
SMALL = LossConfig(minimum_cells=1, contrastive_points=6)
# all labelled cells, so that the generator decides nothing
EXHAUSTIVE = replace(SMALL, oversampling=1.0, uncertain_share=0.0, anchor_weight=0.5)


def targets_for(ids, minimum_cells=1):
    return mask_targets(ids, CELLS, minimum_cells=minimum_cells)


def run(encoded, trace, targets, *, config=SMALL, progress=0.6, seed=0):
    return objective(encoded, trace, targets, progress=progress, config=config, generator=generator(seed))


def leaves(traces):
    return [
        getattr(layer, field.name)
        for trace in traces
        for layer in trace.layers
        for field in fields(DecoderLayer)
        if field.name != "queries"
    ]


def only(encoded, index):
    return batched(scene(encoded, index))


def without_detail(encoded, targets):
    """Mask features that are constant on an object in a view, so that it does not matter which cells are drawn."""
    features = encoded.mask_features.movedim(2, -1).clone()  # (B, S, h, w, C)
    for index in range(features.shape[0]):
        for view in range(features.shape[1]):
            for row in range(targets.areas.shape[1]):
                where = targets.labels[index, view] == row
                features[index, view][where] = features[index, view][where].mean(0)
    return replace(encoded, mask_features=features.movedim(-1, 2).contiguous())


def test_total_is_eq_9():
    encoded, trace, _ = random_batch()
    config = replace(
        SMALL, classification_weight=1.5, bce_weight=2.5, dice_weight=3.5, contrastive_weight=4.5, anchor_weight=0.7
    )
    found = run(encoded, trace, targets_for(painted_ids()), config=config, progress=0.8)
    weights = (1.5, 2.5, 3.5, 0.55, 0.7)
    assert found.overlap_weight == pytest.approx(0.55)
    expected = 4.5 * found.contrastive + sum(
        weight * getattr(found, name).sum() for weight, name in zip(weights, PER_LAYER, strict=True)
    )
    torch.testing.assert_close(found.total, expected)
    assert all(getattr(found, name).shape == (2,) for name in PER_LAYER)
    assert all((getattr(found, name) > 0).all() for name in PER_LAYER)
    assert len(found.matchings) == 2


def test_batch_equals_the_mean_of_its_scenes():
    encoded, trace, single = random_batch(3)
    ids = torch.cat([painted_ids(1, objects=4), painted_ids(1, objects=2, seed=1), painted_ids(1, objects=3, seed=2)])
    encoded = without_detail(encoded, targets_for(ids))
    together = run(encoded, trace, targets_for(ids), config=EXHAUSTIVE)
    gradients = torch.autograd.grad(together.total, leaves(single), allow_unused=True)
    alone = [
        run(only(encoded, index), single[index], targets_for(ids[index : index + 1]), config=EXHAUSTIVE)
        for index in range(3)
    ]
    for name in (*PER_LAYER, "contrastive", "total"):
        torch.testing.assert_close(
            getattr(together, name), torch.stack([getattr(one, name) for one in alone]).mean(0), rtol=1e-5, atol=1e-6
        )
    total = sum(one.total for one in alone) / 3
    for found, expected in zip(gradients, torch.autograd.grad(total, leaves(single), allow_unused=True), strict=True):
        assert (found is None) == (expected is None)
        if found is not None:
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
    for index, one in enumerate(alone):
        for found, expected in zip(together.matchings, one.matchings, strict=True):
            for left, right in zip(found.pairs(index), expected.pairs(0), strict=True):
                assert torch.equal(left, right)


def test_order_of_queries_and_names_of_objects_change_nothing():
    encoded, trace, _ = random_batch(1)
    ids, order = painted_ids(1), torch.tensor([3, 1, 0, 2, 7, 5, 6, 4])
    moved = DecoderTrace(
        layers=tuple(
            DecoderLayer(**{field.name: getattr(layer, field.name)[:, order] for field in fields(layer)})
            for layer in trace.layers
        )
    )
    names = torch.tensor([0, 40, 7, 3000, 12], dtype=torch.int32)
    plain = run(encoded, trace, targets_for(ids), config=EXHAUSTIVE)
    other = run(encoded, moved, targets_for(names[ids.long()]), config=EXHAUSTIVE)
    for name in PER_LAYER:
        torch.testing.assert_close(getattr(plain, name), getattr(other, name))


def test_scenes_without_objects_are_legal_and_still_teach_objectness_and_exclusivity():
    encoded, trace, single = random_batch()
    features = encoded.mask_features.requires_grad_()
    found = run(encoded, trace, targets_for(torch.zeros_like(painted_ids())), config=EXHAUSTIVE)
    for name in ("bce", "dice", "anchor", "contrastive"):
        assert (getattr(found, name) == 0).all()
    assert (found.classification > 0).all()
    assert (found.overlap > 0).all()
    found.total.backward()
    for trace in single:
        for layer in trace.layers[1:]:
            assert layer.objectness_logits.grad.abs().min() > 0
            assert layer.mask_embeddings.grad.abs().sum() > 0
    assert features.grad.abs().sum() > 0
    assert all(leaf.grad is None or leaf.grad.isfinite().all() for leaf in leaves(single))


def test_an_empty_scene_does_not_disturb_its_neighbor():
    encoded, trace, single = random_batch()
    ids = painted_ids()
    ids[1] = 0
    both = run(encoded, trace, targets_for(ids), config=EXHAUSTIVE)
    alone = run(only(encoded, 0), single[0], targets_for(ids[:1]), config=EXHAUSTIVE)
    for name in ("bce", "dice", "anchor"):
        torch.testing.assert_close(2 * getattr(both, name), getattr(alone, name))


def test_gradients_go_where_eq_9_sends_them():
    encoded, trace, single = random_batch(1)
    features = encoded.mask_features.requires_grad_()
    run(encoded, trace, targets_for(painted_ids(1)), config=SMALL).total.backward()
    generated, *decoded = single[0].layers
    assert all(leaf.grad is None for leaf in (generated.objectness_logits, generated.mask_embeddings))
    for layer in decoded:
        assert layer.anchors.grad is None  # no term of eq. 9 knows where an anchor is
        assert layer.objectness_logits.grad.abs().min() > 0
        assert layer.mask_embeddings.grad.abs().sum(-1).min() > 0  # unmatched ones through the overlap penalty
    assert features.grad.abs().sum() > 0


def test_anchor_term_moves_matched_anchors_only():
    encoded, trace, single = random_batch(1)
    found = run(encoded, trace, targets_for(painted_ids(1)), config=replace(SMALL, anchor_weight=0.5))
    found.total.backward()
    for layer, matching in zip(single[0].layers[1:], found.matchings, strict=True):
        moved = layer.anchors.grad[0].abs().sum(-1) > 0
        assert torch.equal(moved, matching.query_mask(8)[0])


def test_matching_can_be_made_to_keep_to_the_nearest_anchors():
    encoded, trace, _ = random_batch()
    targets = targets_for(painted_ids())
    plain = run(encoded, trace, targets)
    near = run(encoded, trace, targets, config=replace(SMALL, anchor_cost=1e4))
    centers, known = object_centers(encoded.geometry, encoded.frame, targets)
    for layer, matching, before in zip(trace.layers[1:], near.matchings, plain.matchings, strict=True):
        anchors = encoded.frame.normalize(layer.anchors.detach())
        for index in range(len(anchors)):
            queries, objects = matching.pairs(index)
            assert known[index, objects].all()
            distance = (anchors[index][:, None] - centers[index][objects]).abs().sum(-1)  # (N, G)
            rows, columns = linear_sum_assignment(distance.numpy())
            best = distance[rows, columns].sum()
            torch.testing.assert_close(distance[queries, range(len(objects))].sum(), best)
        assert not torch.equal(matching.queries, before.queries)
    torch.testing.assert_close(near.contrastive, plain.contrastive)


def test_objects_without_depth_pull_no_anchor():
    encoded, trace, single = random_batch(1)
    ids = painted_ids(1)
    encoded.geometry.depth[ids == 2] = 0
    targets = targets_for(ids)
    found = run(encoded, trace, targets, config=replace(SMALL, anchor_weight=0.5))
    found.total.backward()
    for layer, matching in zip(single[0].layers[1:], found.matchings, strict=True):
        queries, rows = matching.pairs(0)
        still = layer.anchors.grad[0, queries].abs().sum(-1) == 0
        assert torch.equal(still, targets.ids[0, rows] == 2)


def test_ablations_of_section_4_5():
    encoded, trace, _ = random_batch(1)
    targets = targets_for(painted_ids(1))
    features = encoded.mask_features.requires_grad_()

    def gradient(**changes):
        found = run(encoded, trace, targets, config=replace(SMALL, **changes), progress=0.3)
        return torch.autograd.grad(found.total, features)[0], found

    plain, measured = gradient(contrastive_weight=0, overlap_schedule="off")
    low, _ = gradient(contrastive_weight=0, overlap_schedule="low")
    fixed, _ = gradient(contrastive_weight=0, overlap_schedule="fixed")
    dynamic, _ = gradient(contrastive_weight=0)
    torch.testing.assert_close(low - plain, 0.1 * (fixed - plain), rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(dynamic - plain, 0.07585818 * (fixed - plain), rtol=1e-3, atol=1e-6)
    full, _ = gradient()
    assert (full - dynamic).abs().max() > 1e-5
    # what is switched off is still measured
    assert (measured.overlap > 0).all()
    assert measured.contrastive > 0


def test_the_generator_decides_and_autocast_does_not():
    encoded, trace, _ = random_batch()
    targets = targets_for(painted_ids())
    one, two, other = (run(encoded, trace, targets, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.total, two.total)
    assert not torch.equal(one.total, other.total)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = run(encoded, trace, targets, seed=1)
    assert cast.total.dtype == torch.float32
    assert torch.equal(cast.total, one.total)


def test_half_precision_predictions_give_float32_losses():
    encoded, trace, _ = random_batch()
    halved = DecoderTrace(
        layers=tuple(
            replace(
                layer,
                objectness_logits=layer.objectness_logits.bfloat16(),
                mask_embeddings=layer.mask_embeddings.bfloat16(),
            )
            for layer in trace.layers
        )
    )
    found = run(encoded, halved, targets_for(painted_ids()))
    assert found.total.dtype == torch.float32
    assert found.total.item() == pytest.approx(run(encoded, trace, targets_for(painted_ids())).total.item(), rel=0.05)


def test_predictions_that_are_not_finite_stop_the_step():
    encoded, trace, _ = random_batch()
    broken = replace(trace.layers[2], mask_embeddings=trace.layers[2].mask_embeddings * float("nan"))
    with pytest.raises(TrainingError, match="layer 2"):
        run(encoded, DecoderTrace(layers=(*trace.layers[:2], broken)), targets_for(painted_ids()))


def test_more_objects_than_queries(caplog):
    encoded, trace, _ = random_batch(queries=2)
    found = run(encoded, trace, targets_for(painted_ids()))
    assert found.total.isfinite()
    assert all(matching.matched.sum(1).tolist() == [2, 2] for matching in found.matchings)
    assert "stay unmatched" in caplog.text


@pytest.mark.parametrize("schedule", ["off", "fixed"])
def test_descending_the_objective_separates_objects(schedule):
    """Free mask features and embeddings find four objects; only the penalty keeps the other queries away."""
    encoded, trace, _ = random_batch(1, queries=8)
    targets = targets_for(painted_ids(1))
    layer = trace.layers[1]
    features = encoded.mask_features.clone().requires_grad_()
    logits = torch.zeros_like(layer.objectness_logits).requires_grad_()
    embeddings = layer.mask_embeddings.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([features, logits, embeddings], lr=0.05)
    source, config = generator(), replace(SMALL, overlap_schedule=schedule)
    for _ in range(120):
        state = replace(layer, objectness_logits=logits, mask_embeddings=embeddings)
        found = objective(
            replace(encoded, mask_features=features),
            DecoderTrace(layers=(state, state)),
            targets,
            progress=0.0,
            config=config,
            generator=source,
        )
        optimizer.zero_grad()
        found.total.backward()
        optimizer.step()
    queries, rows = found.matchings[0].pairs(0)
    masks = mask_logits(state, features)[0, :, queries] > 0  # (S, 4, h, w)
    truth = targets.labels[0][:, None] == rows[:, None, None]
    labelled = (targets.labels[0] >= 0)[:, None]
    iou = (masks & truth).sum((0, 2, 3)) / ((masks | truth) & labelled).sum((0, 2, 3))
    assert iou.min() > 0.95
    chance = logits.sigmoid()[0]
    assert chance[queries].min() > 0.5
    assert chance.sum() - chance[queries].sum() < 4 * 0.3
    assert (found.overlap < 0.05).all() == (schedule == "fixed")


class Recorder(TorchDispatchMode):
    """Sizes of everything an operation returns."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self.sizes += [leaf.numel() for leaf in tree_leaves(result) if isinstance(leaf, torch.Tensor)]
        return result


def test_no_tensor_of_queries_by_queries_by_pixels():
    queries, pixels = 50, 3 * 70
    encoded, trace, _ = random_batch(1, queries=queries)
    with Recorder() as recorder:
        run(encoded, trace, targets_for(painted_ids(1))).total.backward()
    largest_input = max(encoded.mask_features.numel(), encoded.geometry.points().numel())
    assert max(recorder.sizes) <= max(queries * pixels, largest_input)
    assert max(recorder.sizes) < queries * queries * pixels / 3 / 5  # far below that of a single view, too


def overlap_cost(queries):
    encoded, trace, _ = random_batch(1, queries=queries)
    valid = torch.ones(1, 3, *CELLS, dtype=torch.bool)
    with Recorder() as recorder:
        overlap_loss(trace.layers[1], encoded.mask_features, valid).backward()
    return sum(recorder.sizes)


def test_memory_traffic_of_the_penalty_is_linear_in_queries():
    small, middle, large = overlap_cost(50), overlap_cost(100), overlap_cost(200)
    assert (large - middle) / (middle - small) == pytest.approx(2, rel=0.01)


def test_targets_of_unlabelled_pixels_count_for_the_penalty_alone():
    encoded, trace, _ = random_batch(1)
    targets = targets_for(painted_ids(1))
    free = targets.labels < 0
    features = encoded.mask_features.clone()
    features.movedim(2, -1)[free] = 0
    plain = run(encoded, trace, targets, config=EXHAUSTIVE)
    other = run(replace(encoded, mask_features=features), trace, targets, config=EXHAUSTIVE)
    for name in ("classification", "bce", "dice", "anchor"):
        assert torch.equal(getattr(plain, name), getattr(other, name))
    assert (plain.overlap != other.overlap).all()
    masked = SceneTargets(labels=targets.labels, valid=~free, areas=targets.areas, ids=targets.ids)
    for one, two in zip(
        run(encoded, trace, masked, config=EXHAUSTIVE).overlap,
        run(replace(encoded, mask_features=features), trace, masked, config=EXHAUSTIVE).overlap,
        strict=True,
    ):
        assert torch.equal(one, two)
