"""The optimizer: what decays, norms by room, clipping, and its state there and back."""

import pytest
import torch
from torch import nn

from fast3dis_core.config import TrainingConfig
from fast3dis_core.errors import TrainingError
from fast3dis_core.model.fast3dis import Fast3DIS
from fast3dis_core.training.optimization import (
    adamw,
    clip_gradients,
    decays,
    optimizer_tensors,
    restore_optimizer,
    room_norms,
    set_learning_rate,
)
from tests.core.training.tiny import tiny_config


def parameters():
    torch.manual_seed(0)
    return {"first.weight": nn.Parameter(torch.randn(3, 4)), "first.bias": nn.Parameter(torch.randn(3)),
            "second.weight": nn.Parameter(torch.randn(2, 2))}  # fmt: skip


def gradients(values, seed=1):
    generator = torch.Generator().manual_seed(seed)
    for value in values.values():
        value.grad = torch.randn(value.shape, generator=generator)


@pytest.mark.usefixtures("tiny_size")
def test_matrices_decay_and_what_stands_for_itself_does_not():
    network = Fast3DIS(tiny_config().model)
    spared = {name for name, value in network.named_parameters() if not decays(name, value)}
    assert {"anchor_generator.initial_anchors", "anchor_generator.embeddings", "heads.norm.weight"} <= spared
    pretrained = "backbone.model.backbone.pretrained"
    assert {f"{pretrained}.pos_embed", f"{pretrained}.cls_token", f"{pretrained}.camera_token"} <= spared
    kept = {name for name, _ in network.named_parameters()} - spared
    assert all(name.endswith(("weight", "lora_a", "lora_b")) for name in kept)
    assert "anchor_generator.shift.0.weight" in kept


def test_decay_pulls_matrices_only():
    values = parameters()
    before = {name: value.detach().clone() for name, value in values.items()}
    optimizer = adamw(values, TrainingConfig(learning_rate=0.1, weight_decay=0.5))
    for value in values.values():
        value.grad = torch.zeros_like(value)
    optimizer.step()
    torch.testing.assert_close(values["first.weight"].detach(), before["first.weight"] * 0.95)
    assert torch.equal(values["first.bias"], before["first.bias"])


def test_state_there_and_back_gives_the_same_next_step():
    one, config = parameters(), TrainingConfig()
    first = adamw(one, config)
    for seed in range(3):
        gradients(one, seed)
        one["second.weight"].grad = None  # has no state until its first gradient
        first.step()
    saved = {name: value.clone() for name, value in optimizer_tensors(first, one).items()}
    assert not any("second" in name for name in saved)
    two = {name: nn.Parameter(value.detach().clone()) for name, value in one.items()}
    second = adamw(two, config)
    restore_optimizer(second, two, saved)
    for values, optimizer in ((one, first), (two, second)):
        gradients(values, 9)
        set_learning_rate(optimizer, 0.01)
        optimizer.step()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_norms_by_room_add_up_to_the_global_norm_and_clipping_bounds_it():
    values = parameters()
    gradients(values)
    rooms = room_norms(values)
    assert set(rooms) == {"first", "second"}
    norm = clip_gradients(values, {"total": torch.tensor(1.0)}, limit=0.5, step=0)
    assert norm == pytest.approx((rooms["first"] ** 2 + rooms["second"] ** 2) ** 0.5, rel=1e-5)
    clipped = torch.cat([value.grad.flatten() for value in values.values()]).norm()
    assert float(clipped) == pytest.approx(0.5, rel=1e-3)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_what_is_not_finite_is_named_with_the_step(bad):
    values = parameters()
    gradients(values)
    values["second.weight"].grad[0, 0] = bad
    with pytest.raises(TrainingError, match=r"Step 17: .* in loss term dice, gradient of second\.weight\. "):
        clip_gradients(values, {"total": torch.tensor(1.0), "dice": torch.tensor(bad)}, limit=1.0, step=17)
