"""What the anchor decoder starts from: the generator's output with a user's overrides and interventions applied.

Without any, it is the generator's output and nothing else, as in training. Paper sections 3.3 and 3.4.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fast3dis_core.interventions import AnchorPrompt, Interventions
from fast3dis_core.model.anchor_decoder import decoder_cameras, sample_at_anchors
from fast3dis_core.reconstruction import AnchorOverride
from fast3dis_core.scene import DecoderLayer, EncodedScene


@dataclass(frozen=True, kw_only=True)
class DecoderStart:
    """State before layer 1, and who may see whom.

    Attributes
    ----------
    queries : Tensor (B, N, C)
        Prompts last.
    anchors : Tensor (B, N, 3)
        Normalized coordinates.
    pinned : Tensor (N,) bool, optional
    allowed : Tensor (N, N) bool, optional
        Row i: whom query i attends to. None is everybody.
    seen : Tensor (S,) bool, optional
        Views that are not muted. None is all.
    silent : Tensor (N,) bool, optional
        Queries whose objectness is 0. None is nobody.
    """

    queries: Tensor
    anchors: Tensor
    pinned: Tensor | None = None
    allowed: Tensor | None = None
    seen: Tensor | None = None
    silent: Tensor | None = None


def decoder_start(
    encoded: EncodedScene, overrides: Sequence[AnchorOverride], interventions: Interventions
) -> DecoderStart:
    """Apply a user's wishes.

    Parameters
    ----------
    encoded : EncodedScene
        With a leading axis B.
    overrides : sequence of AnchorOverride
        Of generated anchors or of prompts.
    interventions : Interventions
        Its numbers fit the scene.
    """
    anchors, queries = encoded.initial_anchors, encoded.initial_queries
    generated = anchors.shape[1]
    pins = [False] * generated
    for prompt in interventions.prompts:
        position = anchors.new_tensor(prompt.position).expand(len(anchors), 1, 3)
        queries = torch.cat([queries, prompt_content(encoded, prompt)], dim=1)
        anchors = torch.cat([anchors, position], dim=1)
        pins.append(prompt.pinned)
    if overrides:
        anchors = anchors.clone()
    for override in overrides:
        anchors[:, override.query] = anchors.new_tensor(override.position)
        pins[override.query] = override.pinned
    count, views = anchors.shape[1], encoded.mask_features.shape[1]
    silent = _marks(interventions.silent(generated), count, anchors.device)
    muted_views = _marks(interventions.muted_views, views, anchors.device)
    return DecoderStart(
        queries=queries,
        anchors=encoded.frame.normalize(anchors),
        pinned=torch.tensor(pins, device=anchors.device) if any(pins) else None,
        allowed=_allowed(interventions, silent, count, anchors.device),
        seen=None if muted_views is None else ~muted_views,
        silent=silent,
    )


def prompt_content(encoded: EncodedScene, prompt: AnchorPrompt) -> Tensor:
    """C^0 of a prompt; see `AnchorPrompt.content`.

    Parameters
    ----------
    encoded : EncodedScene
        With a leading axis B.
    prompt : AnchorPrompt

    Returns
    -------
    Tensor (B, 1, C)
    """
    queries = encoded.initial_queries  # (B, N, C)
    position = queries.new_tensor(prompt.position)
    if isinstance(prompt.content, int):
        return queries[:, prompt.content : prompt.content + 1]
    if prompt.content == "mean":
        return queries.mean(1, keepdim=True)
    if prompt.content == "nearest":
        nearest = (encoded.initial_anchors - position).norm(dim=-1).argmin(1)  # (B,)
        return queries[torch.arange(len(queries), device=queries.device), nearest][:, None]
    anchor = encoded.frame.normalize(position.expand(len(queries), 1, 3))
    cameras = decoder_cameras(encoded.geometry, encoded.frame)
    samples, visible = sample_at_anchors(encoded.features[0], anchor, cameras)  # (B, 1, S, C), (B, 1, S)
    mean = samples.sum(2) / visible.sum(2, keepdim=True).clamp(min=1)  # (B, 1, C)
    length = queries.norm(dim=-1).mean(1)[:, None, None]
    return mean / mean.norm(dim=-1, keepdim=True).clamp(min=1e-6) * length


def silenced(layer: DecoderLayer, silent: Tensor | None) -> DecoderLayer:
    """The layer with objectness 0 for silent queries."""
    if silent is None:
        return layer
    return replace(layer, objectness_logits=layer.objectness_logits.masked_fill(silent, -torch.inf))


def _allowed(interventions: Interventions, silent: Tensor | None, count: int, device: torch.device) -> Tensor | None:
    own = torch.eye(count, dtype=torch.bool, device=device)
    if not interventions.self_attention:
        return own
    if silent is None and not interventions.cut_links:
        return None
    allowed = torch.ones_like(own)
    if silent is not None:
        allowed &= ~silent
    for query, other in interventions.cut_links:
        allowed[query, other] = False
    return allowed | own  # a softmax over nothing is undefined


def _marks(numbers: frozenset[int], count: int, device: torch.device) -> Tensor | None:
    """Tensor (count,) bool that is true at `numbers`, None if there are none."""
    if not numbers:
        return None
    marks = torch.zeros(count, dtype=torch.bool, device=device)
    marks[sorted(numbers)] = True
    return marks
