"""Low-rank adapters on the linear layers of a transformer, and the context that switches them.

Paper section 3.1: the frozen backbone runs once without adapters (geometry pass) and once with them
(feature pass). `LoraLinear` keeps the names `weight` and `bias`, so official backbone weights load into
an adapted network unchanged; its own parameters are `lora_a` and `lora_b`.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional


class LoraLinear(nn.Linear):
    """A linear layer plus `scale * B A`, where B starts at zero.

    Parameters
    ----------
    base : nn.Linear
        Its parameters are taken over, not copied.
    rank : int
        Rows of A, columns of B.
    alpha : float
        `scale = alpha / rank`.
    """

    def __init__(self, base: nn.Linear, *, rank: int, alpha: float) -> None:
        super().__init__(base.in_features, base.out_features, bias=base.bias is not None, device="meta")
        self.weight, self.bias = base.weight, base.bias
        device, dtype = base.weight.device, base.weight.dtype
        self.lora_a = nn.Parameter(torch.empty(rank, base.in_features, device=device, dtype=dtype))
        self.lora_b = nn.Parameter(torch.zeros(base.out_features, rank, device=device, dtype=dtype))
        nn.init.kaiming_uniform_(self.lora_a, a=math.sqrt(5))
        self.scale = alpha / rank
        self.adapted = True

    def forward(self, input: Tensor) -> Tensor:
        """Tensor (..., in_features) to (..., out_features)."""
        output = super().forward(input)
        if not self.adapted:
            return output
        low = functional.linear(input, self.lora_a).flatten(0, -2)  # (n, rank)
        return torch.addmm(output.flatten(0, -2), low, self.lora_b.T, alpha=self.scale).view_as(output)


def add_adapters(module: nn.Module, *, rank: int, alpha: float) -> None:
    """Replace every `nn.Linear` below `module` by a `LoraLinear` on the same parameters."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear:
                setattr(parent, name, LoraLinear(child, rank=rank, alpha=alpha))


@contextmanager
def adapters(module: nn.Module, *, enabled: bool) -> Iterator[None]:
    """Switch the adapters below `module` on or off inside the block; restores the state before."""
    layers = [layer for layer in module.modules() if isinstance(layer, LoraLinear)]
    before = [layer.adapted for layer in layers]
    for layer in layers:
        layer.adapted = enabled
    try:
        yield
    finally:
        for layer, adapted in zip(layers, before, strict=True):
            layer.adapted = adapted
