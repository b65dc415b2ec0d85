"""A layer's work in pieces: less memory on a CPU, and moments at which a run can be stopped (paper 3.1).

A global attention over fifty photos takes minutes in one call on a CPU. In pieces of its queries it gives the same,
bit for bit, and whoever watches the layers of the network (`inference.reporting`) sees every piece.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PIECE = 1024  # tokens handled together on a CPU; a multiple of the 256 queries its attention kernel takes at a time


class Product(nn.Module):
    """Scaled dot-product attention as a module, so that every call of it can be watched."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Tensors (N, heads, L, head_dim)."""
        return F.scaled_dot_product_attention(query, key, value)


def in_pieces(function: Callable[[Tensor], Tensor], x: Tensor, size: int = PIECE) -> Tensor:
    """Apply a function to slices of axis 0, so that the wide values inside it exist for one slice only.

    On a CPU this saves memory (the hidden layer of 50 views takes hundreds of megabytes) and page
    faults, and costs nothing. Graphics processors want all at once; gradients keep everything anyway.
    """
    if x.device.type != "cpu" or torch.is_grad_enabled() or len(x) <= size:
        return function(x)
    return torch.cat([function(piece) for piece in x.split(size)])
