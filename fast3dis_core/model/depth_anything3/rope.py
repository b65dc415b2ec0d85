"""Rotary position embedding of Depth Anything 3 in two dimensions (backbone of paper 3.1).

A head's channels split in halves: the first is turned by the row y, the second by the column x. Within a
half, channel k pairs with channel k + half/2, and the pair turns by p * 100^(-k / (half/2)). Nothing is
learned. Which tokens stand where is the business of `vision_transformer`.
"""

import torch
from torch import Tensor

FREQUENCY_BASE = 100.0


def rotary_tables(positions: Tensor, head_dim: int) -> tuple[Tensor, Tensor]:
    """Cosines and signed sines for `rotate`.

    Parameters
    ----------
    positions : Tensor (..., L, 2)
        Row y and column x of each token, in patches; any real number is allowed.
    head_dim : int
        Channels of a head, a multiple of 4.

    Returns
    -------
    cosine, sine : Tensor (..., L, head_dim) float32
        The sine is negated for the first channel of every pair, so that a rotation is
        `x * cosine + swapped(x) * sine`.
    """
    pairs = head_dim // 4
    exponents = torch.arange(pairs, device=positions.device, dtype=torch.float32) / pairs
    angles = positions.float()[..., None] * FREQUENCY_BASE**-exponents  # (..., L, 2, pairs)
    cosine, sine = angles.cos(), angles.sin()
    cosine = torch.stack([cosine, cosine], dim=-2).flatten(-3)  # (..., L, head_dim)
    sine = torch.stack([-sine, sine], dim=-2).flatten(-3)  # (..., L, head_dim)
    return cosine, sine


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Turn the channel pairs of queries or keys.

    Parameters
    ----------
    x : Tensor (..., head_dim)
    cosine, sine : Tensor
        From `rotary_tables`, broadcast against `x`.

    Returns
    -------
    Tensor of the shape of `x`
    """
    first_row, second_row, first_column, second_column = x.chunk(4, dim=-1)
    swapped = torch.cat([second_row, first_row, second_column, first_column], dim=-1)
    return torch.addcmul(x * cosine, swapped, sine)


def grid_positions(height: int, width: int, *, device: torch.device) -> Tensor:
    """Positions of one view's tokens: (0, 0) for the camera token, then patches counted from 1.

    Returns
    -------
    Tensor (1 + height * width, 2)
        Row-major.
    """
    y, x = torch.meshgrid(
        torch.arange(1, height + 1, device=device), torch.arange(1, width + 1, device=device), indexing="ij"
    )
    patches = torch.stack([y, x], dim=-1).reshape(-1, 2)  # (height*width, 2)
    return torch.cat([patches.new_zeros(1, 2), patches])
