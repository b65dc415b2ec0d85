"""Making rendered views look like photographs: lens, sensor and file.

Per room: exposure, white balance and vignette, as one photographer would have them, with small changes
from view to view; per view: blur, sensor noise and the block artifacts of JPEG. Random numbers are hashes
of (seed, view, pixel), so an image does not depend on its batch or device. Depth and ids stay as they are.
"""

import torch
from torch import Tensor

from fast3dis_core.datasets.procedural_rooms.patterns import hash01

_BLOCK = 8  # JPEG


def augment_views(images: Tensor, seeds: Tensor) -> Tensor:
    """Degrade images.

    Parameters
    ----------
    images : Tensor (B, S, 3, H, W)
        RGB in [0, 1].
    seeds : Tensor (B,) int64

    Returns
    -------
    Tensor (B, S, 3, H, W)
        RGB in [0, 1].
    """
    draw = _Draws(seeds.to(images.device), images.shape[1])
    light = images.square()  # the display curve is a square root
    gain = torch.exp2(0.9 * (draw.per_room(0) - 0.5) + 0.25 * (draw.per_view(1) - 0.5))
    red, blue = draw.per_room(2), draw.per_room(3)
    tint = torch.cat([red, torch.full_like(red, 0.5), blue], dim=2)  # (B, 1, 3, 1, 1)
    light = light * gain * torch.exp2(0.5 * (tint - 0.5))
    light = _blur(light * _vignette(images, 0.45 * draw.per_room(4)), 0.9 * draw.per_view(5))
    strength = 0.028 * draw.per_view(6).square()
    noise = _noise(images.shape, seeds.to(images.device))
    light = light + noise * strength * (0.25 + light.clamp(min=0).sqrt())
    return _jpeg(light.clamp(0, 1).sqrt(), draw.per_view(7)).clamp(0, 1)


class _Draws:
    """Uniform numbers in [0, 1) per room (B, 1, 1, 1, 1) or per view (B, S, 1, 1, 1), by name of a channel."""

    def __init__(self, seeds: Tensor, views: int) -> None:
        self._rooms = (seeds % 2_147_483_629).to(torch.int32)[:, None]
        self._views = torch.arange(views, device=seeds.device, dtype=torch.int32)[None]

    def per_room(self, channel: int) -> Tensor:
        return hash01(self._rooms, torch.full_like(self._rooms, 8191 + channel))[..., None, None, None]

    def per_view(self, channel: int) -> Tensor:
        return hash01(self._rooms, self._views * 64 + channel)[..., None, None, None]


def _vignette(images: Tensor, strength: Tensor) -> Tensor:
    """Falloff toward the corners: 1 - strength * r^2, r = 1 in the corner."""
    height, width = images.shape[-2:]
    y = torch.linspace(-1, 1, height, device=images.device)[:, None]
    x = torch.linspace(-1, 1, width, device=images.device)[None]
    return 1 - strength * (x.square() + y.square()) / 2


def _blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian of 3 x 3 pixels; `sigma` (B, S, 1, 1, 1) in pixels."""
    side = torch.exp(-0.5 / sigma.clamp(min=0.05).square())
    for axis in (-1, -2):
        size = images.shape[axis]
        first, last = images.narrow(axis, 0, 1), images.narrow(axis, size - 1, 1)
        before = torch.cat([first, images.narrow(axis, 0, size - 1)], dim=axis)
        after = torch.cat([images.narrow(axis, 1, size - 1), last], dim=axis)
        images = (images + side * (before + after)) / (1 + 2 * side)
    return images


def _noise(shape: torch.Size, seeds: Tensor) -> Tensor:
    """Nearly normal noise (B, S, 3, H, W) with unit variance: the sum of four uniform numbers."""
    pixels = torch.arange(shape[1:].numel(), device=seeds.device, dtype=torch.int32).reshape(1, *shape[1:])
    rooms = (seeds % 2_147_483_629).to(torch.int32).reshape(-1, 1, 1, 1, 1)
    total = sum((hash01(rooms + 7919 * index, pixels) for index in range(4)), torch.zeros(shape, device=seeds.device))
    return (total - 2) * 3**0.5


def _jpeg(images: Tensor, quality: Tensor) -> Tensor:
    """Quantize 8 x 8 blocks in the cosine basis; `quality` 0 is coarse, 1 fine, (B, S, 1, 1, 1)."""
    height, width = images.shape[-2:]
    padded = torch.nn.functional.pad(
        images.flatten(0, 1), (0, -width % _BLOCK, 0, -height % _BLOCK), mode="replicate"
    ).unflatten(0, images.shape[:2])
    blocks = padded.unflatten(-1, (-1, _BLOCK)).unflatten(-3, (-1, _BLOCK))  # (B, S, 3, ny, 8, nx, 8)
    index = torch.arange(_BLOCK, device=images.device, dtype=torch.float64)
    basis = torch.cos((index[None] + 0.5) * index[:, None] * torch.pi / _BLOCK) * (2 / _BLOCK) ** 0.5
    basis[0] *= 0.5**0.5
    # double precision: rounding must not depend on how a batch is multiplied
    waves = torch.einsum("ui,vj,bscyixj->bscyuxv", basis, basis, blocks.double())
    frequency = index[:, None, None] + index  # (8, 1, 8)
    # (B, S, 1, 1, 8, 1, 8)
    step = (0.004 + 0.035 * (1 - quality.double()).square())[..., None, None] * (1 + 0.35 * frequency)
    waves = torch.round(waves / step) * step
    smooth = torch.einsum("ui,vj,bscyuxv->bscyixj", basis, basis, waves).to(images.dtype)
    return smooth.flatten(-2, -1).flatten(-3, -2)[..., :height, :width]
