"""Anchor-sampling transformer decoder. Paper section 3.4, eq. 2-5.

Each query looks at its own S samples only: its anchor is projected into every view and one feature per
view is read there. The cost is O(N S C), whatever the image size. Everything here lives in normalized
coordinates (`SceneFrame`), so metric and relative geometry give the same inputs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from fast3dis_core.geometry.cameras import MINIMUM_DEPTH, project
from fast3dis_core.model.perceptron import perceptron
from fast3dis_core.model.position_encoding import FourierEncoding3D
from fast3dis_core.scene import SceneFrame, SceneGeometry

OUTSIDE = 2.0  # a sampling coordinate beyond the border; zero padding gives zero feature and zero gradient


@dataclass(frozen=True, kw_only=True)
class DecoderCameras:
    """Cameras that take normalized points to normalized image coordinates.

    Attributes
    ----------
    intrinsics : Tensor (B, S, 3, 3)
        Image coordinates in [-1, 1] from border to border, as `grid_sample` wants them.
    normalized_to_camera : Tensor (B, S, 4, 4)
        Translation divided by the scene scale.
    """

    intrinsics: Tensor
    normalized_to_camera: Tensor


def decoder_cameras(geometry: SceneGeometry, frame: SceneFrame) -> DecoderCameras:
    """Fold image size and scene frame into the cameras.

    With `p_world = center + scale * a`, `p_camera / scale = R a + (R center + t) / scale`, and dividing by
    depth removes the common factor.
    """
    height, width = geometry.depth.shape[-2:]
    to_unit = geometry.intrinsics.new_tensor([[2 / width, 0, -1], [0, 2 / height, -1], [0, 0, 1]])
    motion = geometry.world_to_camera.clone()
    with torch.autocast(motion.device.type, enabled=False):
        offset = (motion[..., :3, :3] @ frame.center[..., None, :, None])[..., 0] + motion[..., :3, 3]
        motion[..., :3, 3] = offset / frame.scale[..., None, None]
        return DecoderCameras(intrinsics=to_unit @ geometry.intrinsics, normalized_to_camera=motion)


def sampling_positions(anchors: Tensor, cameras: DecoderCameras) -> tuple[Tensor, Tensor]:
    """Where eq. 3 reads.

    Parameters
    ----------
    anchors : Tensor (B, N, 3)
        Normalized coordinates.
    cameras : DecoderCameras

    Returns
    -------
    image : Tensor (B, S, N, 2)
        In [-1, 1] from border to border.
    visible : Tensor (B, S, N) bool
        In front of the camera and inside the image.
    """
    image, depth = project(anchors.float(), cameras.intrinsics, cameras.normalized_to_camera)
    return image, (depth > MINIMUM_DEPTH) & (image.abs() < 1).all(-1)


def sample_at_anchors(features: Tensor, anchors: Tensor, cameras: DecoderCameras) -> tuple[Tensor, Tensor]:
    """Read one feature per anchor and view (eq. 3).

    Parameters
    ----------
    features : Tensor (B, S, C, h, w) float32
        In bfloat16 the sampling coordinates would lose all but 8 bits.
    anchors : Tensor (B, N, 3)
        Normalized coordinates.
    cameras : DecoderCameras

    Returns
    -------
    samples : Tensor (B, N, S, C)
        Zero where not visible.
    visible : Tensor (B, N, S) bool
        In front of the camera and inside the image. No occlusion test: anchors sit inside objects, behind
        the visible surface.
    """
    image, visible = sampling_positions(anchors, cameras)  # (B, S, N, 2), (B, S, N)
    grid = image.where(visible[..., None], OUTSIDE).flatten(0, 1)[:, :, None]  # (B*S, N, 1, 2)
    read = functional.grid_sample(features.flatten(0, 1), grid, align_corners=False)
    samples = read[..., 0].unflatten(0, features.shape[:2])  # (B, S, C, N)
    return samples.permute(0, 3, 1, 2), visible.movedim(-1, 1)  # (B, N, S, C)


@dataclass(frozen=True, kw_only=True)
class LayerEvidence:
    """What the cross-attention of one layer looked at.

    Attributes
    ----------
    weights : Tensor (B, N, 1 + S, heads)
        Sum to 1 over null and views; that of the null key first.
    positions : Tensor (B, N, S, 2)
        Where it read, in [-1, 1] from border to border; meaningless where not visible.
    visible : Tensor (B, N, S) bool
        In front of the camera, inside the image, and not in a muted view.
    """

    weights: Tensor
    positions: Tensor
    visible: Tensor


class SelfAttention(nn.Module):
    """Multi-head attention among the N queries."""

    def __init__(self, *, channels: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, queries: Tensor, *, held: Tensor | None = None, allowed: Tensor | None = None) -> Tensor:
        """Attend.

        Parameters
        ----------
        queries : Tensor (B, M, C)
        held : Tensor (B, N, 2C), optional
            Keys and values of what is attended to; those of the queries themselves by default.
        allowed : Tensor (M, N) bool, optional
            Who may attend to whom; everybody to everybody by default.

        Returns
        -------
        Tensor (B, M, C)
        """
        if held is None:
            q, k, v = self.qkv(queries).chunk(3, dim=-1)
        else:
            channels = queries.shape[-1]
            q = functional.linear(queries, self.qkv.weight[:channels], self.qkv.bias[:channels])
            k, v = held.chunk(2, dim=-1)
        q, k, v = (part.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for part in (q, k, v))  # (B, heads, ., d)
        merged = functional.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        return self.out(merged.transpose(1, 2).flatten(-2))  # (B, M, C)

    def keys_and_values(self, queries: Tensor) -> Tensor:
        """Of queries (B, M, C), for others to attend to; (B, M, 2C)."""
        channels = queries.shape[-1]
        return functional.linear(queries, self.qkv.weight[channels:], self.qkv.bias[channels:])


class AnchorCrossAttention(nn.Module):
    """Attention of each query over its own S samples (eq. 4): keys and values are linear maps of the same samples.

    Departure: the samples are normalized first, since levels and scenes differ in scale; and a learned null key and
    value are always visible. A query whose anchor no camera sees attends to them, where the softmax over nothing would
    be undefined.
    """

    def __init__(self, *, channels: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm = nn.LayerNorm(channels)
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(channels, 2 * channels)
        self.null = nn.Parameter(torch.randn(2 * channels) * 0.02)
        self.out = nn.Linear(channels, channels)

    def forward(self, queries: Tensor, samples: Tensor, visible: Tensor) -> tuple[Tensor, Tensor]:
        """Attend.

        Parameters
        ----------
        queries : Tensor (B, N, C)
        samples : Tensor (B, N, S, C)
        visible : Tensor (B, N, S) bool

        Returns
        -------
        update : Tensor (B, N, C)
        weights : Tensor (B, N, 1 + S, heads)
            They sum to 1 over null and views; that of the null key first.
        """
        batch, count, channels = queries.shape
        key_value = self.key_value(self.norm(samples))  # (B, N, S, 2C)
        null = self.null.to(key_value.dtype).expand(batch, count, 1, -1)
        key_value = torch.cat([null, key_value], dim=2).unflatten(-1, (2, self.num_heads, -1))
        key, value = key_value.unbind(3)  # (B, N, 1 + S, heads, d)
        query = self.query(queries).unflatten(-1, (self.num_heads, -1))  # (B, N, heads, d)
        scale = math.sqrt(channels // self.num_heads)
        logits = (key * query[:, :, None]).sum(-1).float() / scale  # (B, N, 1 + S, heads)
        seen = functional.pad(visible, (1, 0), value=True)  # (B, N, 1 + S)
        weights = logits.masked_fill(~seen[..., None], -torch.inf).softmax(dim=2).to(value.dtype)
        return self.out((weights[..., None] * value).sum(2).flatten(-2)), weights


class AnchorDecoderLayer(nn.Module):
    """One layer: self-attention, anchor-sampling cross-attention, feed-forward, refinement; post-norm."""

    def __init__(self, *, channels: int, num_heads: int, ffn_channels: int) -> None:
        super().__init__()
        self.self_attention = SelfAttention(channels=channels, num_heads=num_heads)
        self.cross_attention = AnchorCrossAttention(channels=channels, num_heads=num_heads)
        self.ffn = perceptron(channels, ffn_channels, channels)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(3))
        self.refinement = perceptron(channels, channels, channels, 3, zero_last=True)

    def forward(
        self,
        queries: Tensor,
        encoding: Tensor,
        samples: Tensor,
        visible: Tensor,
        *,
        held: Tensor | None = None,
        allowed: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Update the queries and predict the anchor shift.

        Parameters
        ----------
        queries : Tensor (B, N, C)
            C^(l-1).
        encoding : Tensor (B, N, C)
            PE_3D of A^(l-1).
        samples, visible : Tensor (B, N, S, C), Tensor (B, N, S)
        held, allowed
            See `SelfAttention`.

        Returns
        -------
        queries : Tensor (B, N, C)
            C^l.
        shift : Tensor (B, N, 3)
            Normalized coordinates; eq. 5.
        weights : Tensor (B, N, 1 + S, heads)
            Of the cross-attention.
        """
        x = queries + encoding  # eq. 2
        x = self.norms[0](x + self.self_attention(x, held=held, allowed=allowed))
        update, weights = self.cross_attention(x, samples, visible)  # eq. 4
        x = self.norms[1](x + update)
        x = self.norms[2](x + self.ffn(x))
        return x, self.refinement(x), weights


class AnchorDecoder(nn.Module):
    """L layers that take the levels 1/32, 1/16, 1/8 in turn.

    Parameters
    ----------
    channels, num_layers, num_heads, ffn_channels : int
    """

    def __init__(self, *, channels: int, num_layers: int, num_heads: int, ffn_channels: int) -> None:
        super().__init__()
        self.position_encoding = FourierEncoding3D(channels)
        self.layers = nn.ModuleList(
            AnchorDecoderLayer(channels=channels, num_heads=num_heads, ffn_channels=ffn_channels)
            for _ in range(num_layers)
        )

    def forward(
        self,
        queries: Tensor,
        anchors: Tensor,
        levels: Sequence[Tensor],
        cameras: DecoderCameras,
        *,
        pinned: Tensor | None = None,
        allowed: Tensor | None = None,
        seen: Tensor | None = None,
        record: list[LayerEvidence] | None = None,
    ) -> list[tuple[Tensor, Tensor]]:
        """Queries and anchors after every layer.

        Parameters
        ----------
        queries : Tensor (B, N, C)
        anchors : Tensor (B, N, 3)
            Normalized coordinates.
        levels : sequence of Tensors (B, S, C, h, w)
            Coarse to fine.
        cameras : DecoderCameras
        pinned : Tensor (N,) bool, optional
            Anchors that skip refinement.
        allowed : Tensor (N, N) bool, optional
            Who may attend to whom.
        seen : Tensor (S,) bool, optional
            Views that anchors may see; all by default.
        record : list, optional
            Takes one `LayerEvidence` per layer.

        Returns
        -------
        list of L pairs (queries (B, N, C), anchors (B, N, 3))
        """
        trace = []
        for index, layer in enumerate(self.layers):
            samples, visible = self._samples(index, levels, anchors, cameras, seen)
            encoding = self.position_encoding(anchors)
            if record is not None:
                image, _ = sampling_positions(anchors, cameras)
            queries, shift, weights = layer(queries, encoding, samples, visible, allowed=allowed)
            if record is not None:
                record.append(LayerEvidence(weights=weights, positions=image.transpose(1, 2), visible=visible))
            if pinned is not None:
                shift = shift.masked_fill(pinned[:, None], 0.0)
            # no detach between layers: the coordinates are the only way the loss reaches the anchors (eq. 9)
            anchors = anchors + shift  # eq. 5
            trace.append((queries, anchors))
        return trace

    def hold(self, states: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, ...]:
        """Keys and values of all queries in every layer, for `follow`: the same for every place of a drag.

        Parameters
        ----------
        states : sequence of L + 1 pairs (queries (B, N, C), anchors (B, N, 3))
            Of an earlier run, 0 being the generator's output; anchors in normalised coordinates.

        Returns
        -------
        tuple of L Tensors (B, N, 2C)
        """
        return tuple(
            self._keys_and_values(index, queries + self.position_encoding(anchors))
            for index, (queries, anchors) in enumerate(states[:-1])
        )

    def follow(
        self,
        query: int,
        held: Sequence[Tensor],
        start: tuple[Tensor, Tensor],
        levels: Sequence[Tensor],
        cameras: DecoderCameras,
        *,
        pinned: bool = False,
        allowed: Tensor | None = None,
        seen: Tensor | None = None,
    ) -> list[tuple[Tensor, Tensor]]:
        """One query through all layers while the others stay as they were: cheap, and exact but for their answer.

        Parameters
        ----------
        query : int
        held : sequence of L Tensors (B, N, 2C)
            As `hold` gives them.
        start : (Tensor (B, 1, C), Tensor (B, 1, 3))
            Its new C^0 and A^0, normalised coordinates.
        levels, cameras, allowed, seen
            As in `forward`.
        pinned : bool

        Returns
        -------
        list of L + 1 pairs (queries (B, 1, C), anchors (B, 1, 3))
        """
        content, anchor = start
        trace = [(content, anchor)]
        row = None if allowed is None else allowed[query : query + 1]
        for index, layer in enumerate(self.layers):
            encoding = self.position_encoding(anchor)
            others = held[index].clone()
            others[:, query : query + 1] = self._keys_and_values(index, content + encoding)
            samples, visible = self._samples(index, levels, anchor, cameras, seen)
            content, shift, _ = layer(content, encoding, samples, visible, held=others, allowed=row)
            anchor = anchor if pinned else anchor + shift
            trace.append((content, anchor))
        return trace

    def _keys_and_values(self, index: int, queries: Tensor) -> Tensor:
        layer = self.layers[index]
        assert isinstance(layer, AnchorDecoderLayer), "there are no others"
        return layer.self_attention.keys_and_values(queries)

    def _samples(
        self, index: int, levels: Sequence[Tensor], anchors: Tensor, cameras: DecoderCameras, seen: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        samples, visible = sample_at_anchors(levels[index % len(levels)], anchors, cameras)
        return samples, visible if seen is None else visible & seen
