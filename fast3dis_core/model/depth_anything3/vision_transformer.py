"""The vision transformer of Depth Anything 3: patches of all views to features at four depths (paper 3.1).

From `alternating_start` on, odd blocks attend across all views and even blocks within one; before, all
stay within one view. At that block token 0 of every view becomes its camera token. Images arrive
normalized; depth, rays and cameras are read from the features elsewhere.
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fast3dis_core.config import PATCH_SIZE, DepthAnything3Config, ReferenceStrategy
from fast3dis_core.errors import ConfigError
from fast3dis_core.model.depth_anything3.pieces import PIECE, Product, in_pieces
from fast3dis_core.model.depth_anything3.reference_view import MINIMUM_VIEWS, select_reference
from fast3dis_core.model.depth_anything3.rope import grid_positions, rotary_tables, rotate

POSITION_GRID = 37  # side of the stored position embedding: 518 pixels
BLOCK_EPS = 1e-6  # block norms only; every other LayerNorm of Depth Anything 3 has 1e-5
NORM_EPS = 1e-5

Rotation: TypeAlias = Callable[[Tensor], Tensor]


class BackboneOutput(NamedTuple):
    """What the transformer hands on, views in the caller's order.

    Attributes
    ----------
    features : 4 Tensors (B, S, P, feature_dim)
        Patch tokens of each out layer. With `concatenate_local` the first half of the channels is the
        latest within-view block, not normalized, the second half the out layer, through the final norm.
    camera_tokens : 4 Tensors (B, S, feature_dim)
        Token 0 of each out layer, before any norm.
    reference : Tensor (B,) int64 or None
        The reference view; None if none was chosen or given (then it is view 0).
    exported : dict of int to Tensor (B, S, gh, gw, D)
        Normalized patch tokens of the layers asked for.
    """

    features: tuple[Tensor, ...]
    camera_tokens: tuple[Tensor, ...]
    reference: Tensor | None
    exported: dict[int, Tensor]


class Attention(nn.Module):
    """Multi-head self-attention with optional q/k norms and rotary positions.

    Parameters
    ----------
    width : int
    heads : int
    qk_norm : bool
        Normalize queries and keys over the channels of a head.
    """

    def __init__(self, width: int, heads: int, *, qk_norm: bool) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.q_norm = nn.LayerNorm(width // heads, eps=NORM_EPS) if qk_norm else None
        self.k_norm = nn.LayerNorm(width // heads, eps=NORM_EPS) if qk_norm else None
        self.proj = nn.Linear(width, width)
        self.product = Product()

    def forward(self, tokens: Tensor, rotation: Rotation | None = None) -> Tensor:
        """Attend among the L tokens of each of N sequences.

        Parameters
        ----------
        tokens : Tensor (N, L, D)
        rotation : callable, optional
            Turns queries and keys (N, L, heads, D / heads); may work in place.

        Returns
        -------
        Tensor (N, L, D)
        """
        return in_pieces(lambda piece: self._attend(piece, rotation), tokens, max(1, PIECE // tokens.shape[1]))

    def _attend(self, tokens: Tensor, rotation: Rotation | None) -> Tensor:
        qkv = self.qkv(tokens).unflatten(-1, (3, self.heads, -1))  # (N, L, 3, heads, head_dim)
        query, key, value = qkv[:, :, 0], qkv[:, :, 1], qkv[:, :, 2]
        if self.q_norm is not None and self.k_norm is not None:
            query, key = self.q_norm(query), self.k_norm(key)
        if rotation is not None:
            query, key = rotation(query), rotation(key)
        query, key = query.to(value.dtype), key.to(value.dtype)  # autocast norms may return float32
        key, value = key.transpose(1, 2), value.transpose(1, 2)  # (N, heads, L, head_dim)
        # queries do not know of each other: pieces of them give the same, and a long attention can be stopped between
        attended = in_pieces(
            lambda piece: self.product(piece.movedim(0, 2), key, value).movedim(2, 0),
            query.transpose(1, 2).movedim(2, 0),
            PIECE,
        )  # (L, N, heads, head_dim)
        merged: Tensor = self.proj(attended.movedim(0, 1).flatten(2))  # (N, L, D)
        return merged


class Mlp(nn.Module):
    """Two linears around a GELU (exact, by the error function)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tensor (..., D) to Tensor (..., D)."""
        return in_pieces(lambda piece: self.fc2(F.gelu(self.fc1(piece))), tokens.flatten(0, -2), PIECE).view_as(tokens)


class GatedMlp(nn.Module):
    """SwiGLU: `w3(silu(a) * b)` with a, b the halves of `w12`; hidden width 8/3 D, rounded up to 8."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = -(-(4 * width * 2 // 3) // 8) * 8
        self.w12 = nn.Linear(width, 2 * hidden)
        self.w3 = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tensor (..., D) to Tensor (..., D)."""
        return in_pieces(self._gate, tokens.flatten(0, -2), PIECE).view_as(tokens)

    def _gate(self, tokens: Tensor) -> Tensor:
        gate, value = self.w12(tokens).chunk(2, dim=-1)
        output: Tensor = self.w3(F.silu(gate) * value)
        return output


class LayerScale(nn.Module):
    """Learned factor per channel on a residual branch. Holds the factor; `Block` applies it."""

    def __init__(self, width: int, value: float) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((width,), value))


class Block(nn.Module):
    """Pre-norm transformer block: `u + gamma1 * attention(norm(u))`, then the same with the FFN.

    Parameters
    ----------
    width, heads : int
    qk_norm : bool
    gated : bool
        SwiGLU instead of the GELU MLP.
    eps : float
        Of the two norms.
    layer_scale : float
        Initial residual factor.
    """

    def __init__(
        self, width: int, heads: int, *, qk_norm: bool = False, gated: bool = False, eps: float, layer_scale: float
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=eps)
        self.attn = Attention(width, heads, qk_norm=qk_norm)
        self.ls1 = LayerScale(width, layer_scale)
        self.norm2 = nn.LayerNorm(width, eps=eps)
        self.mlp: nn.Module = GatedMlp(width) if gated else Mlp(width)
        self.ls2 = LayerScale(width, layer_scale)

    def forward(self, tokens: Tensor, rotation: Rotation | None = None) -> Tensor:
        """Tensor (N, L, D) to Tensor (N, L, D); the residual stream keeps its own type under autocast."""
        # Product and sum, not addcmul: its single rounding moves the last bits, and these decide which of
        # two equally similar views becomes the reference.
        tokens = tokens + self.attn(self.norm1(tokens), rotation) * self.ls1.gamma
        output: Tensor = tokens + self.mlp(self.norm2(tokens)) * self.ls2.gamma
        return output


class PatchEmbed(nn.Module):
    """Convolution that turns each 14 x 14 patch into a token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, PATCH_SIZE, stride=PATCH_SIZE)

    def forward(self, images: Tensor) -> Tensor:
        """Tensor (N, 3, H, W) to Tensor (N, P, D), row-major."""
        patches: Tensor = self.proj(images)
        return patches.flatten(2).mT


class VisionTransformer(nn.Module):
    """Backbone of all Depth Anything 3 networks.

    Parameters
    ----------
    config : DepthAnything3Config
    """

    def __init__(self, config: DepthAnything3Config) -> None:
        super().__init__()
        self.config = config
        width = config.embed_dim
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + POSITION_GRID**2, width))
        if config.alternating_start >= 0:
            self.camera_token = nn.Parameter(torch.zeros(1, 2, width))  # of the reference, of any other view
        self.patch_embed = PatchEmbed(width)
        self.blocks = nn.ModuleList(
            Block(
                width,
                config.num_heads,
                qk_norm=0 <= config.qk_norm_start <= index,
                gated=config.ffn == "swiglu",
                eps=BLOCK_EPS,
                layer_scale=1.0,  # norms precede every branch, and twelve blocks train from 1 without warm-up tricks
            )
            for index in range(config.depth)
        )
        self.norm = nn.LayerNorm(width, eps=NORM_EPS)
        self.apply(initialize_linear)
        for parameter in (self.cls_token, self.pos_embed, getattr(self, "camera_token", None)):
            if parameter is not None:
                nn.init.trunc_normal_(parameter, std=0.02)

    def embed(self, images: Tensor) -> Tensor:
        """Patch and position embedding: everything before block 0.

        Parameters
        ----------
        images : Tensor (B, S, 3, H, W)
            ImageNet-normalized; H and W are multiples of 14.

        Returns
        -------
        Tensor (B, S, T, D)
            T = 1 + P tokens per view, token 0 being the class token.

        Raises
        ------
        ValueError
            If the shape is another one.
        """
        check_images(images)
        batch, views, _, height, width = images.shape
        position = self.position_embedding(height // PATCH_SIZE, width // PATCH_SIZE)
        # the float32 position promotes half-precision patches: the residual stream is float32 under autocast
        patches = self.patch_embed(images.flatten(0, 1)) + position[:, 1:]  # (B*S, P, D)
        class_token = (self.cls_token + position[:, :1]).expand(batch * views, -1, -1)
        return torch.cat([class_token, patches], dim=1).unflatten(0, (batch, views))  # (B, S, T, D)

    def position_embedding(self, height: int, width: int) -> Tensor:
        """Stored embedding resampled to a patch grid, Tensor (1, 1 + height * width, D)."""
        if height == width == POSITION_GRID:
            return self.pos_embed
        grid = self.pos_embed[:, 1:].unflatten(1, (POSITION_GRID, POSITION_GRID)).permute(0, 3, 1, 2).float()
        # The 0.1 is upstream's, from training: it shifts every sample, so it belongs to the weights.
        resized = F.interpolate(
            grid,
            scale_factor=((height + 0.1) / POSITION_GRID, (width + 0.1) / POSITION_GRID),
            mode="bicubic",
            align_corners=False,
            recompute_scale_factor=False,
        )  # (1, D, height, width)
        assert resized.shape[-2:] == (height, width)
        return torch.cat([self.pos_embed[:, :1], resized.flatten(2).mT.to(self.pos_embed.dtype)], dim=1)

    def forward(
        self,
        tokens: Tensor,
        *,
        grid: tuple[int, int],
        camera_tokens: Tensor | None = None,
        reference: Tensor | None = None,
        strategy: ReferenceStrategy = "saddle_balanced",
        export_layers: Sequence[int] = (),
    ) -> BackboneOutput:
        """Run the blocks up to the last layer that is read.

        Parameters
        ----------
        tokens : Tensor (B, S, T, D)
            From `embed`; not modified.
        grid : (int, int)
            Patch rows and columns; T = 1 + rows * columns.
        camera_tokens : Tensor (B, S, D), optional
            From the camera encoder, for given cameras. No reference is chosen then.
        reference : Tensor (B,) int64, optional
            Use these reference views instead of choosing.
        strategy : str
            See `select_reference`.
        export_layers : sequence of int
            Blocks whose patch tokens are returned as well.

        Returns
        -------
        BackboneOutput

        Raises
        ------
        ConfigError
            For an export layer that does not exist.
        """
        config = self.config
        start = config.alternating_start
        if any(not 0 <= layer < config.depth for layer in export_layers):
            raise ConfigError(f"export_layers must lie in 0 to {config.depth - 1}, found {tuple(export_layers)}.")
        choose = start >= 0 and camera_tokens is None and reference is None and tokens.shape[1] >= MINIMUM_VIEWS
        within, across = self._rotations(grid, tokens)
        features: dict[int, Tensor] = {}
        camera_outputs: dict[int, Tensor] = {}
        exported: dict[int, Tensor] = {}
        local = tokens
        for index in range(max(*config.out_layers, *export_layers) + 1):
            if index == start - 1 and choose:
                reference = select_reference(tokens[:, :, 0], strategy)
            if index == start:
                camera = self._camera_tokens(tokens, reference) if camera_tokens is None else camera_tokens
                tokens = local = torch.cat([camera[:, :, None].to(tokens.dtype), tokens[:, :, 1:]], dim=2)
            rotary = 0 <= config.rope_start <= index
            if 0 <= start <= index and index % 2 == 1:
                together = tokens.flatten(1, 2)  # (B, S*T, D)
                tokens = self.blocks[index](together, across if rotary else None).view_as(tokens)
            else:
                apart = tokens.flatten(0, 1)  # (B*S, T, D)
                tokens = local = self.blocks[index](apart, within if rotary else None).view_as(tokens)
            if index in config.out_layers:
                features[index], camera_outputs[index] = self._read(tokens, local)
            if index in export_layers:
                exported[index] = self.norm(tokens[:, :, 1:]).unflatten(2, grid)  # (B, S, gh, gw, D)
        return BackboneOutput(
            tuple(features[layer] for layer in config.out_layers),
            tuple(camera_outputs[layer] for layer in config.out_layers),
            reference,
            exported,
        )

    def _camera_tokens(self, tokens: Tensor, reference: Tensor | None) -> Tensor:
        """Learned tokens (B, S, D): entry 0 for the reference view, entry 1 for all others."""
        batch, views = tokens.shape[:2]
        if reference is None:
            reference = torch.zeros(batch, dtype=torch.int64, device=tokens.device)
        is_reference = torch.arange(views, device=tokens.device) == reference[:, None]  # (B, S)
        return torch.where(is_reference[..., None], self.camera_token[:, :1], self.camera_token[:, 1:])

    def _read(self, tokens: Tensor, local: Tensor) -> tuple[Tensor, Tensor]:
        """Feature and camera token of an out layer."""
        patches = self.norm(tokens[:, :, 1:])
        if not self.config.concatenate_local:
            return patches, tokens[:, :, 0]
        features = torch.cat([local[:, :, 1:].to(patches.dtype), patches], dim=-1)  # (B, S, P, 2D)
        return features, torch.cat([local[:, :, 0], tokens[:, :, 0]], dim=-1)

    def _rotations(self, grid: tuple[int, int], tokens: Tensor) -> tuple[Rotation, Rotation]:
        """Rotary embeddings within a view and across views.

        Across views every patch stands at (1, 1) and every camera token at (0, 0). Only differences of
        positions enter a product of query and key, so turning the few camera tokens back by (1, 1)
        gives the same attention as turning all patches forward.
        """
        head_dim = self.config.embed_dim // self.config.num_heads
        cosine, sine = rotary_tables(grid_positions(*grid, device=tokens.device), head_dim)
        within = functools.partial(rotate, cosine=cosine[:, None], sine=sine[:, None])  # tables (T, 1, head_dim)
        back = rotary_tables(torch.tensor([-1.0, -1.0], device=tokens.device), head_dim)

        def across(x: Tensor) -> Tensor:
            by_view = x.unflatten(1, tokens.shape[1:3])  # (B, S, T, heads, head_dim)
            by_view[:, :, 0] = rotate(by_view[:, :, 0], *back)
            return x

        return within, across


def check_images(images: Tensor) -> None:
    """Raise ValueError unless images are (B, S, 3, H, W) with sides that divide into patches."""
    if images.ndim != 5 or images.shape[2] != 3 or images.shape[-2] % PATCH_SIZE or images.shape[-1] % PATCH_SIZE:
        raise ValueError(
            f"Depth Anything 3 expects images (B, S, 3, H, W) with H and W multiples of {PATCH_SIZE}, "
            f"found {tuple(images.shape)}: resize or pad them first"
        )


def initialize_linear(module: nn.Module) -> None:
    """Truncated normal weights of deviation 0.02 and zero biases, the custom of vision transformers."""
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
