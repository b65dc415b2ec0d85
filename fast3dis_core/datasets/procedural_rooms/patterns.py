"""Procedural patterns in surface coordinates: checker, stripe, noise, gradient, wood, tile.

Each is a number in [0, 1] that mixes the two colors of a material. Only integer hashes and arithmetic are
used, so a pixel looks the same in any batch. Patterns finer than a pixel fade to their mean, else they
would flicker between views.
"""

import torch
from torch import Tensor

from fast3dis_core.datasets.procedural_rooms.materials import CHECKER, GRADIENT, NOISE, STRIPE, TILE, WOOD

_GROUT = 0.03  # share of a tile's period on either side
_SEAM = 0.035  # share of a board's width


def hash01(i: Tensor, j: Tensor) -> Tensor:
    """Numbers in [0, 1) that look random, from two integer lattices (int32)."""
    mixed = i * 73856093 ^ j * 19349663
    mixed = (mixed ^ (mixed >> 15)) * 739982445
    mixed = (mixed ^ (mixed >> 12)) * 695872825
    return ((mixed >> 8) & 0xFFFF).float() * (1 / 65536)


def value_noise(u: Tensor, v: Tensor) -> Tensor:
    """Smooth noise in [0, 1) with lattice period 1."""
    base_u, base_v = torch.floor(u), torch.floor(v)
    s, t = u - base_u, v - base_v
    s, t = s * s * (3 - 2 * s), t * t * (3 - 2 * t)
    i, j = base_u.to(torch.int32), base_v.to(torch.int32)
    low = hash01(i, j)
    low = low + s * (hash01(i + 1, j) - low)
    high = hash01(i, j + 1)
    high = high + s * (hash01(i + 1, j + 1) - high)
    return low + t * (high - low)


def mix_factor(pattern: Tensor, u: Tensor, v: Tensor, rise: Tensor, period: Tensor, footprint: Tensor) -> Tensor:
    """Share of the second color.

    Parameters
    ----------
    pattern : Tensor (...)
        Pattern number as float.
    u, v : Tensor (...)
        Surface coordinates, meters; u runs along the longer side of the face.
    rise : Tensor (...)
        0 at the bottom of the solid, 1 at its top.
    period : Tensor (...)
        Meters.
    footprint : Tensor (...)
        Width of a pixel on the surface, meters.

    Returns
    -------
    Tensor (...) in [0, 1]
    """
    p, q = u / period, v / period
    cell_p, cell_q = torch.floor(p), torch.floor(q)
    part_p, part_q = p - cell_p, q - cell_q
    i, j = cell_p.to(torch.int32), cell_q.to(torch.int32)
    is_wood = pattern == WOOD
    # one noise serves two patterns: isotropic grains, or fibers along a board
    board = hash01(j, j * 0 + 7)
    grain = value_noise(torch.where(is_wood, u * 4 + board * 37, p), torch.where(is_wood, v * 70, q))
    edge = torch.minimum(torch.minimum(part_p, 1 - part_p), torch.minimum(part_q, 1 - part_q))
    seam = torch.minimum(part_q, 1 - part_q)
    wood = torch.where(seam < _SEAM, 1.0, 0.5 * grain + 0.35 * board)
    tile = torch.where(edge < _GROUT, 1.0, 0.25 * hash01(i, j))
    factor = torch.zeros_like(u)
    for number, value, mean in (
        (CHECKER, ((i + j) & 1).float(), 0.5),
        (STRIPE, (part_p < 0.5).float(), 0.5),
        (NOISE, grain, 0.5),
        (WOOD, wood, 0.45),
        (TILE, tile, 0.2),
    ):
        scale = period * (0.35 if number == WOOD else 1.0)
        clear = (scale / footprint - 1).clamp_(0, 1)
        factor = torch.where(pattern == number, mean + clear * (value - mean), factor)
    return torch.where(pattern == GRADIENT, rise, factor)


def mottle(u: Tensor, v: Tensor, footprint: Tensor) -> Tensor:
    """Fine irregularities in [-1, 1], fading where a pixel covers them."""
    broad = value_noise(u * 5 + 3.7, v * 5 - 1.3) - 0.5
    clear = (0.02 / footprint - 1).clamp_(0, 1)
    return broad + clear * (value_noise(u * 55, v * 55) - 0.5)
