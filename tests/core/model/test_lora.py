import pytest
import torch
from torch import nn

from fast3dis_core.model.lora import LoraLinear, adapters, add_adapters


@pytest.fixture
def network():
    return nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Sequential(nn.Linear(8, 8, bias=False), nn.LayerNorm(8)))


def test_a_fresh_adapter_changes_no_bit(network):
    x = torch.randn(2, 3, 6)
    before = network(x)
    add_adapters(network, rank=4, alpha=4.0)
    assert sum(isinstance(layer, LoraLinear) for layer in network.modules()) == 2
    with adapters(network, enabled=True):
        assert torch.equal(network(x), before)


def test_official_names_survive_and_parameters_are_shared(network):
    names, weight = set(network.state_dict()), network[0].weight
    add_adapters(network, rank=4, alpha=4.0)
    added = set(network.state_dict()) - names
    assert names <= set(network.state_dict())
    assert added == {f"{layer}.lora_{part}" for layer in ("0", "2.0") for part in "ab"}
    assert network[0].weight is weight


def test_adapter_equals_the_merged_weight(network):
    add_adapters(network, rank=4, alpha=8.0)
    layer = network[0]
    nn.init.normal_(layer.lora_b)
    x = torch.randn(5, 6)
    merged = nn.functional.linear(x, layer.weight + 2.0 * layer.lora_b @ layer.lora_a, layer.bias)
    torch.testing.assert_close(layer(x), merged)


def test_context_switches_and_restores_even_after_an_error(network):
    add_adapters(network, rank=2, alpha=2.0)
    nn.init.normal_(network[0].lora_b)
    x = torch.randn(4, 6)
    adapted = network(x)
    with adapters(network, enabled=False):
        plain = network(x)
        with pytest.raises(RuntimeError), adapters(network, enabled=True):
            network(x[:, :3])  # wrong width
        assert torch.equal(network(x), plain)
    assert not torch.equal(plain, adapted)
    assert torch.equal(network(x), adapted)
