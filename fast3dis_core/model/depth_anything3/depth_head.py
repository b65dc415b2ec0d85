"""Heads that read depth from backbone features (paper 3.1).

`DualDPT` of the any-view networks predicts depth with a confidence and, when asked, a ray map; `DPT` of
the monocular networks predicts depth and a sky score. Cameras are predicted in `camera_head`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from fast3dis_core.config import PATCH_SIZE, DepthAnything3Config
from fast3dis_core.model.depth_anything3.dpt import Reassemble, position_code, resize

HIDDEN = 32  # channels before the last convolution of every branch
RAY_BRANCHES = 4  # parameters exist for four; only the last one is ever read


class DepthMaps(NamedTuple):
    """Output of the any-view head, N views.

    Attributes
    ----------
    depth : Tensor (N, H, W)
        Along camera z, positive, of arbitrary scale.
    confidence : Tensor (N, H, W)
        Above 1; higher is better.
    ray : Tensor (N, 8 gh, 8 gw, 6) or None
        World-space direction (not of unit length) and origin: `point = origin + depth * direction`.
    ray_confidence : Tensor (N, 8 gh, 8 gw) or None
        Above 1.
    """

    depth: Tensor
    confidence: Tensor
    ray: Tensor | None = None
    ray_confidence: Tensor | None = None


class DualDPT(Reassemble):
    """Depth head of the any-view networks, with a second chain for rays.

    Parameters
    ----------
    config : DepthAnything3Config
    """

    def __init__(self, config: DepthAnything3Config) -> None:
        features, half = config.features, config.features // 2
        super().__init__(
            config.feature_dim,
            features=features,
            out_channels=config.out_channels,
            suffixes=("", "_aux"),
            normalized=True,
        )
        self.scratch.output_conv1 = _conv3(features, half)
        self.scratch.output_conv2 = _output(half, 2)
        self.scratch.output_conv1_aux = nn.ModuleList(
            nn.Sequential(*(_conv3(*((features, half) if i % 2 == 0 else (half, features))) for i in range(5)))
            for _ in range(RAY_BRANCHES)
        )
        shared_norm = nn.LayerNorm(HIDDEN)  # one object in all branches: files hold it once
        self.scratch.output_conv2_aux = nn.ModuleList(
            nn.ModuleDict({"0": _conv3(half, HIDDEN), "2": shared_norm, "5": nn.Conv2d(HIDDEN, 7, 1)})
            for _ in range(RAY_BRANCHES)
        )
        self.register_load_state_dict_pre_hook(_fill_shared_norm)  # type: ignore[no-untyped-call]

    def forward(self, features: Sequence[Tensor], height: int, width: int, *, rays: bool = False) -> DepthMaps:
        """Read depth, and rays if wanted.

        Parameters
        ----------
        features : 4 Tensors (N, P, feature_dim)
            In the order of `out_layers`.
        height, width : int
            Of the images, multiples of 14.
        rays : bool
            Also run the ray chain, about as costly as the depth chain.

        Returns
        -------
        DepthMaps
        """
        levels = self.levels(features, (height // PATCH_SIZE, width // PATCH_SIZE))
        aspect = width / height
        fused = self.scratch.chain("")(levels)
        x = resize(self.scratch.output_conv1(fused), (height, width))  # (N, f/2, H, W)
        x = x.add_(position_code(x.shape[1], height, width, aspect=aspect, like=x))
        logits = _apply_output(self.scratch.output_conv2, x)  # (N, 2, H, W)
        depth, confidence = logits[:, 0].exp(), logits[:, 1].exp() + 1
        if not rays:
            return DepthMaps(depth, confidence)
        x = self.scratch.output_conv1_aux[-1](self.scratch.chain("_aux")(levels))  # (N, f/2, 8 gh, 8 gw)
        x = x.add_(position_code(*x.shape[1:], aspect=aspect, like=x))
        last: Any = self.scratch.output_conv2_aux[-1]
        hidden = last["2"](last["0"](x).permute(0, 2, 3, 1))  # (N, 8 gh, 8 gw, 32)
        prediction = last["5"](F.relu(hidden).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)  # (N, 8 gh, 8 gw, 7)
        return DepthMaps(depth, confidence, prediction[..., :6], prediction[..., 6].exp() + 1)


class DPT(Reassemble):
    """Depth and sky head of the monocular networks.

    Parameters
    ----------
    config : DepthAnything3Config
    """

    def __init__(self, config: DepthAnything3Config) -> None:
        features, half = config.features, config.features // 2
        super().__init__(
            config.feature_dim, features=features, out_channels=config.out_channels, suffixes=("",), normalized=False
        )
        self.scratch.output_conv1 = _conv3(features, half)
        self.scratch.output_conv2 = _output(half, 1)
        self.scratch.sky_output_conv2 = _output(half, 1)

    def forward(self, features: Sequence[Tensor], height: int, width: int) -> tuple[Tensor, Tensor]:
        """Read depth and sky.

        Parameters
        ----------
        features : 4 Tensors (N, P, feature_dim)
        height, width : int
            Of the images, multiples of 14.

        Returns
        -------
        depth : Tensor (N, H, W)
            Positive.
        sky : Tensor (N, H, W)
            At least 0; below 0.3 is not sky.
        """
        levels = self.levels(features, (height // PATCH_SIZE, width // PATCH_SIZE))
        x = resize(self.scratch.output_conv1(self.scratch.chain("")(levels)), (height, width))  # (N, f/2, H, W)
        depth = _apply_output(self.scratch.output_conv2, x)[:, 0].exp()
        sky = F.relu(_apply_output(self.scratch.sky_output_conv2, x)[:, 0])
        return depth, sky


def _conv3(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def _output(inputs: int, outputs: int) -> nn.ModuleDict:
    return nn.ModuleDict({"0": _conv3(inputs, HIDDEN), "2": nn.Conv2d(HIDDEN, outputs, 1)})


def _apply_output(branch: Any, x: Tensor) -> Tensor:
    prediction: Tensor = branch["2"](F.relu(branch["0"](x), inplace=True))
    return prediction


def _fill_shared_norm(_module: nn.Module, state: dict[str, Any], prefix: str, *_rest: object) -> None:
    """Give the aliases of the shared norm the value that files hold under the first name only."""
    for parameter in ("weight", "bias"):
        stored = f"{prefix}scratch.output_conv2_aux.0.2.{parameter}"
        if stored in state:
            for branch in range(1, RAY_BRANCHES):
                state.setdefault(f"{prefix}scratch.output_conv2_aux.{branch}.2.{parameter}", state[stored])
