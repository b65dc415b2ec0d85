"""Official files load by name; nothing else is tolerated."""

import json
import re

import pytest
import torch
from torch import nn

from fast3dis_core.config import MODEL_SIZES, ModelSize
from fast3dis_core.model.depth_anything3 import DepthAnything3
from tests.core.model.depth_anything3.recipe import PRESETS, TINY_GIANT, recipe_state

GIANT_LIKE = ModelSize(preset="da3-giant", backbone=TINY_GIANT)


def file_state(model):
    """State as an official file holds it: the shared norm once."""
    aliased = re.compile(r"output_conv2_aux\.[123]\.2\.")
    return {key: value for key, value in recipe_state(model).items() if not aliased.search(key)}


def test_names_shapes_and_norms_of_a_preset(key_list):
    listed = json.loads(key_list.read_text())
    with torch.device("meta"):
        model = DepthAnything3(next(row for row in MODEL_SIZES.values() if row.preset == listed["preset"]))
    expected = {key: shape for key, shape in listed["file_keys"].items() if "gs_head." not in key}
    expected |= {alias: listed["file_keys"][key] for alias, key in listed["aliases"].items() if "gs_head." not in alias}
    assert {key: list(value.shape) for key, value in model.state_dict().items()} == expected
    epsilons = {name: m.eps for name, m in model.named_modules() if isinstance(m, nn.LayerNorm)}
    assert epsilons == {name: eps for name, eps in listed["layernorm_eps"].items() if "gs_head" not in name}
    dropped = sum(torch.Size(shape).numel() for key, shape in listed["file_keys"].items() if "gs_head." in key)
    assert sum(p.numel() for p in model.parameters()) == listed["num_parameters"] - dropped


def test_official_file_loads_strictly(key_list):
    listed = json.loads(key_list.read_text())
    with torch.device("meta"):
        model = DepthAnything3(next(row for row in MODEL_SIZES.values() if row.preset == listed["preset"]))
        state = {key: torch.empty(shape) for key, shape in listed["file_keys"].items()}
    model.load_state_dict(state, strict=True, assign=True)


def test_shared_norm_reaches_every_branch():
    model = DepthAnything3(PRESETS["tiny-giant"])
    state = file_state(model)
    model.load_state_dict(state, strict=True)
    stored = state["model.head.scratch.output_conv2_aux.0.2.weight"]
    for branch in range(4):
        assert torch.equal(model.model.head.scratch.output_conv2_aux[branch]["2"].weight, stored)


def test_gaussian_head_is_dropped_only_where_it_belongs():
    giant, other = DepthAnything3(GIANT_LIKE), DepthAnything3(PRESETS["tiny-giant"])
    state = file_state(giant) | {"model.gs_head.projects.0.weight": torch.zeros(1)}
    giant.load_state_dict(state, strict=True)
    with pytest.raises(RuntimeError, match="gs_head"):
        other.load_state_dict(state, strict=True)


@pytest.mark.parametrize("damage", ["missing", "unexpected"])
def test_a_damaged_file_is_refused(damage):
    model = DepthAnything3(PRESETS["tiny-giant"])
    state = file_state(model)
    if damage == "missing":
        del state["model.head.scratch.output_conv2_aux.0.2.weight"]
    else:
        state["model.head.gs_head.weight"] = torch.zeros(1)
    with pytest.raises(RuntimeError, match=damage.capitalize()):
        model.load_state_dict(state, strict=True)


def test_initial_weights_follow_the_seed():
    states = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        states.append(DepthAnything3(PRESETS["tiny-giant"]).state_dict())
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])
    assert any(not torch.equal(states[0][key], states[2][key]) for key in states[0])
