"""Parts of the dense prediction transformer: from four token maps to one fused map (paper 3.1, 3.2).

Bilinear resizing here has `align_corners=True`, as in the official weights' training. The convolutions
that turn the fused map into depth, rays or sky are in `depth_head`.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CODE_BASE = 100.0
CODE_FACTOR = 0.1


def position_code(channels: int, height: int, width: int, *, aspect: float, like: Tensor) -> Tensor:
    """Sine code of the position in the image, added to maps of the any-view head.

    Parameters
    ----------
    channels : int
        A multiple of 4.
    height, width : int
        Of the map.
    aspect : float
        Width over height of the image (not of the map).
    like : Tensor
        Gives device and type.

    Returns
    -------
    Tensor (channels, height, width)
        sin x, cos x, sin y, cos y with `channels / 4` frequencies each, times 0.1. Channels last in
        memory, as the maps it is added to.
    """
    quarter = channels // 4
    diagonal = (aspect**2 + 1) ** 0.5
    frequencies = CODE_BASE ** -(torch.arange(quarter, device=like.device, dtype=like.dtype) / quarter)
    waves = []
    for extent, size in ((aspect / diagonal, width), (1 / diagonal, height)):
        limit = extent * (size - 1) / size
        coordinates = torch.linspace(-limit, limit, size, device=like.device, dtype=like.dtype)
        angles = coordinates[:, None] * frequencies  # (size, quarter)
        waves.append(CODE_FACTOR * torch.cat([angles.sin(), angles.cos()], dim=-1))  # (size, channels/2)
    across, down = waves[0].expand(height, -1, -1), waves[1][:, None].expand(-1, width, -1)
    return torch.cat([across, down], dim=-1).permute(2, 0, 1)  # (channels, height, width)


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear resize of a map (N, C, h, w), corners aligned."""
    return F.interpolate(x, size=size, mode="bilinear", align_corners=True)


class ResidualConvUnit(nn.Module):
    """`v + conv2(relu(conv1(relu(v))))`."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Tensor (N, f, h, w) to the same shape."""
        hidden = F.relu(self.conv1(F.relu(x)), inplace=True)
        branch: Tensor = self.conv2(hidden)
        return branch.add_(x)


class FusionBlock(nn.Module):
    """Adds a lateral map to the coarser one and brings the sum to the next size.

    Parameters
    ----------
    features : int
    lateral : bool
        Off for the coarsest level, which has nothing to add.
    """

    def __init__(self, features: int, *, lateral: bool) -> None:
        super().__init__()
        if lateral:
            self.resConfUnit1 = ResidualConvUnit(features)
        self.resConfUnit2 = ResidualConvUnit(features)
        self.out_conv = nn.Conv2d(features, features, 1)

    def forward(self, x: Tensor, lateral: Tensor | None, size: tuple[int, int]) -> Tensor:
        """Maps (N, f, h, w) to (N, f, *size)."""
        if lateral is not None:
            x = x + self.resConfUnit1(lateral)
        # A 1 x 1 convolution commutes with resizing, whose weights sum to 1; before it there are 4x fewer pixels.
        return resize(self.out_conv(self.resConfUnit2(x)), size)


class FusionChain:
    """The four fusion blocks of one chain, held by `Scratch` under names that are a file format."""

    def __init__(self, scratch: "Scratch", suffix: str) -> None:
        self.blocks: list[FusionBlock] = [getattr(scratch, f"refinenet{k}{suffix}") for k in (1, 2, 3, 4)]

    def __call__(self, levels: Sequence[Tensor]) -> Tensor:
        """Levels fine to coarse (N, f, h_k, w_k) to (N, f, 2 h_0, 2 w_0)."""
        finest = levels[0].shape[-2:]
        sizes = [(2 * finest[0], 2 * finest[1]), *(tuple(level.shape[-2:]) for level in levels[:-1])]
        fused = self.blocks[3](levels[3], None, sizes[3])
        for k in (2, 1, 0):
            fused = self.blocks[k](fused, levels[k], sizes[k])
        return fused


class Scratch(nn.Module):
    """Convolutions after the projection, under upstream's names.

    Parameters
    ----------
    features : int
    out_channels : 4 int
        Channels of the four levels that come in.
    suffixes : sequence of str
        One chain of fusion blocks each: "" for depth, "_aux" for rays.
    """

    # what reads the fused maps, added by the heads of `depth_head`
    output_conv1: nn.Conv2d
    output_conv2: nn.ModuleDict
    sky_output_conv2: nn.ModuleDict
    output_conv1_aux: nn.ModuleList
    output_conv2_aux: nn.ModuleList

    def __init__(self, features: int, out_channels: Sequence[int], suffixes: Sequence[str]) -> None:
        super().__init__()
        for k, channels in enumerate(out_channels, start=1):
            self.add_module(f"layer{k}_rn", nn.Conv2d(channels, features, 3, padding=1, bias=False))
        for suffix in suffixes:
            for k in (1, 2, 3, 4):
                self.add_module(f"refinenet{k}{suffix}", FusionBlock(features, lateral=k < 4))

    def chain(self, suffix: str) -> FusionChain:
        """Fusion blocks of one chain."""
        return FusionChain(self, suffix)


class Reassemble(nn.Module):
    """Base of the two heads: token maps to four levels of `features` channels.

    Parameters
    ----------
    feature_dim : int
    features : int
    out_channels : 4 int
    suffixes : sequence of str
        Chains of fusion blocks.
    normalized : bool
        LayerNorm of the tokens and position codes; the any-view head has both, the monocular one neither.
    """

    def __init__(
        self,
        feature_dim: int,
        *,
        features: int,
        out_channels: Sequence[int],
        suffixes: Sequence[str],
        normalized: bool,
    ) -> None:
        super().__init__()
        c0, c1, _, c3 = out_channels
        if normalized:
            self.norm = nn.LayerNorm(feature_dim)
        self.normalized = normalized
        self.projects = nn.ModuleList(nn.Conv2d(feature_dim, channels, 1) for channels in out_channels)
        self.resize_layers = nn.ModuleList(
            [
                nn.ConvTranspose2d(c0, c0, 4, stride=4),
                nn.ConvTranspose2d(c1, c1, 2, stride=2),
                nn.Identity(),
                nn.Conv2d(c3, c3, 3, stride=2, padding=1),
            ]
        )
        self.scratch = Scratch(features, out_channels, suffixes)

    def levels(self, tokens: Sequence[Tensor], grid: tuple[int, int]) -> list[Tensor]:
        """Levels 1/4, 1/8, 1/16, 1/32 of the image (true strides 3.5, 7, 14, 28).

        Parameters
        ----------
        tokens : 4 Tensors (N, P, feature_dim)
        grid : (int, int)
            Patch rows and columns, P = rows * columns.

        Returns
        -------
        4 Tensors (N, f, h_k, w_k)
        """
        rows, columns = grid
        maps = []
        for k, level in enumerate(tokens):
            if self.normalized:
                level = self.norm(level)
            # channels last in memory, for free here; convolutions and resizing keep it and are faster on it
            x = level.mT.unflatten(-1, grid)  # (N, feature_dim, rows, columns)
            x = self.projects[k](x)
            if self.normalized:
                # patches are square, so the image has the aspect of the grid
                x = x.add_(position_code(x.shape[1], rows, columns, aspect=columns / rows, like=x))
            x = self.resize_layers[k](x)
            maps.append(getattr(self.scratch, f"layer{k + 1}_rn")(x))
        return maps
