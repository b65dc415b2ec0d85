"""Questions to the decoder that a cached scene answers in milliseconds: previews, prompts, evidence, claims.

Everything works on values of one scene, as `steps` does. Paper sections 3.3 to 3.6; the wishes are those of
`fast3dis_core.interventions`, the answers those of `fast3dis_core.evidence`.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from fast3dis_core.config import InferenceConfig
from fast3dis_core.evidence import AREA_THRESHOLDS, Claims, Evidence
from fast3dis_core.inference.assembly import as_array
from fast3dis_core.inference.mask_pixels import image_logits
from fast3dis_core.inference.steps import LoadedModel, check_wishes, decode_queries, little_work, memory_errors
from fast3dis_core.interventions import NO_INTERVENTIONS, AnchorPrompt, Interventions
from fast3dis_core.model.anchor_decoder import LayerEvidence
from fast3dis_core.model.fast3dis import Held
from fast3dis_core.model.prediction_heads import objectness
from fast3dis_core.progress import Report, silent
from fast3dis_core.reconstruction import AnchorOverride, PointCloud
from fast3dis_core.scene import DecoderTrace, EncodedScene, batched, scene


@torch.inference_mode()
def hold_queries(model: LoadedModel, encoded: EncodedScene, trace: DecoderTrace) -> Held:
    """What all previews of a trace have in common, for `preview_query`: so none has to work it out again.

    Parameters
    ----------
    model : LoadedModel
    encoded : EncodedScene
    trace : DecoderTrace

    Raises
    ------
    DeviceMemoryError
    """
    with memory_errors(), little_work(model, len(encoded.mask_features)):
        known, states = batched(encoded, model.device), batched(trace, model.device)
        return model.network.hold(known, states)


@torch.inference_mode()
def preview_query(
    model: LoadedModel,
    encoded: EncodedScene,
    trace: DecoderTrace,
    query: int,
    overrides: Sequence[AnchorOverride] = (),
    interventions: Interventions = NO_INTERVENTIONS,
    *,
    held: Held | None = None,
) -> DecoderTrace:
    """One query decoded again while all others are held as they are in `trace`.

    What differs from `decode_queries` is that the others do not answer. With nothing changed, the trace comes back
    the same to rounding.

    Parameters
    ----------
    model : LoadedModel
    encoded : EncodedScene
    trace : DecoderTrace
        Of an earlier decode with as many prompts.
    query : int
        Whose override, or prompt, is followed.
    overrides : sequence of AnchorOverride
    interventions : Interventions
    held : Held, optional
        As `hold_queries` gives it of this trace.

    Raises
    ------
    ConfigError
        If a query or a view does not exist.
    DeviceMemoryError
    """
    check_wishes(encoded, overrides, interventions)
    with memory_errors(), little_work(model, len(encoded.mask_features)):
        known, states = batched(encoded, model.device), batched(trace, model.device)
        return scene(model.network.follow(known, states, query, overrides, interventions, held=held), 0)


def prompt_candidates(
    model: LoadedModel,
    encoded: EncodedScene,
    position: tuple[float, float, float],
    overrides: Sequence[AnchorOverride] = (),
    interventions: Interventions = NO_INTERVENTIONS,
) -> list[tuple[AnchorPrompt, float, DecoderTrace]]:
    """A new query at a point, with each kind of content, by falling objectness.

    Parameters
    ----------
    model : LoadedModel
    encoded : EncodedScene
    position : tuple of 3 float
        World, scene units.
    overrides, interventions
        What else is in force.

    Returns
    -------
    list of (AnchorPrompt, float, DecoderTrace)
        The prompt, its objectness in the last layer, and the trace with it as the last query.
    """
    found = []
    for content in ("nearest", "mean", "sampled"):
        prompt = AnchorPrompt(position=position, content=content)
        tried = replace(interventions, prompts=(*interventions.prompts, prompt))
        trace = decode_queries(model, encoded, overrides, interventions=tried)
        found.append((prompt, float(objectness(trace.layers[-1])[-1]), trace))
    return sorted(found, key=lambda item: -item[1])


@torch.inference_mode()
def decode_with_evidence(
    model: LoadedModel,
    encoded: EncodedScene,
    overrides: Sequence[AnchorOverride] = (),
    interventions: Interventions = NO_INTERVENTIONS,
) -> tuple[DecoderTrace, Evidence]:
    """`decode_queries`, and what its cross-attention looked at.

    Raises
    ------
    ConfigError
        If a query or a view does not exist.
    DeviceMemoryError
    """
    check_wishes(encoded, overrides, interventions)
    record: list[LayerEvidence] = []
    samples = len(encoded.initial_anchors) * len(encoded.mask_features)
    with memory_errors(), little_work(model, samples):
        known = batched(encoded, model.device)
        trace = scene(model.network.decode(known, overrides, interventions, record=record), 0)
    height, width = encoded.geometry.depth.shape[-2:]
    visible = torch.stack([layer.visible[0] for layer in record])  # (L, N, S)
    unit = torch.stack([layer.positions[0] for layer in record])  # (L, N, S, 2)
    pixels = (unit + 1) / 2 * unit.new_tensor([width, height])
    return trace, Evidence(
        weights=as_array(torch.stack([layer.weights[0] for layer in record])),
        positions=as_array(pixels.where(visible[..., None], torch.nan)),
        visible=visible.cpu().numpy(),
    )


@torch.inference_mode()
def mask_probability(
    encoded: EncodedScene, trace: DecoderTrace, queries: Sequence[int], view: int, *, layer: int = -1
) -> np.ndarray:
    """How sure the network is that a pixel of a view belongs to one of some queries: what the mask threshold cuts.

    Parameters
    ----------
    encoded : EncodedScene
    trace : DecoderTrace
    queries : sequence of int
        Such as those merged to one instance.
    view : int
    layer : int
        Of the decoder; -1 is the last.

    Returns
    -------
    array (H, W) float32
        In [0, 1], the largest of the queries.
    """
    height, width = encoded.geometry.depth.shape[-2:]
    features = encoded.mask_features[view : view + 1]  # (1, C, h, w)
    with memory_errors():
        blocks = image_logits(trace.layers[layer], features, list(queries), (height, width))
        return as_array(torch.cat([logits for _, _, logits in blocks]).amax(0).sigmoid())


@torch.inference_mode()
def measure_claims(
    encoded: EncodedScene,
    trace: DecoderTrace,
    cloud: PointCloud,
    *,
    config: InferenceConfig | None = None,
    layer: int = -1,
    report: Report = silent,
) -> Claims:
    """Who competes for every pixel, streamed over views. Queries beyond those of the generator are the user's own.

    Parameters
    ----------
    encoded : EncodedScene
    trace : DecoderTrace
    cloud : PointCloud
        Its `valid` says which pixels count.
    config : InferenceConfig, optional
        Mask threshold and objectness floor.
    layer : int
    report : Report
    """
    config = config or InferenceConfig()
    shown = trace.layers[layer]
    scores = objectness(shown)
    active = torch.nonzero(scores >= config.objectness_floor)[:, 0].tolist()
    views, height, width = encoded.geometry.depth.shape
    count, size = len(scores), height * width
    counted = np.array(cloud.valid)
    trained = sum(query < len(encoded.initial_anchors) for query in active)
    bids = _Bids(active, scores[active], config.mask_threshold, (views, count, size), trained)
    for view, first, logits in image_logits(shown, encoded.mask_features, active, (height, width), report=report):
        valid = torch.from_numpy(counted[view * size : (view + 1) * size])
        bids.add(view, first, logits.sigmoid().flatten(1), valid)
    return bids.result(counted)


class _Bids:
    """Running answers of `measure_claims`: one view after the other, block of queries by block."""

    def __init__(
        self, active: list[int], scores: Tensor, threshold: float, sizes: tuple[int, int, int], trained: int
    ) -> None:
        views, count, size = sizes
        self._trained = trained  # the first so many active queries; after them come those of the user's own
        self._trained_claims: np.ndarray | None = None
        self._trained_best: np.ndarray | None = None
        if trained < len(active):
            self._trained_claims = np.zeros((views, size), np.uint8)
            self._trained_best = np.zeros((views, size), np.float32)
        self._active, self._scores, self._threshold, self._size = active, scores, threshold, size
        self._count, self._numbers = count, torch.tensor(active, device=scores.device)
        self._claims = np.zeros((views, size), np.uint8)
        self._best, self._margin = np.zeros((views, size), np.float32), np.zeros((views, size), np.float32)
        self._winner = np.full((views, size), -1, np.int16)
        self._taken = torch.zeros(count, count, dtype=torch.long)
        self._areas = torch.zeros(count, len(AREA_THRESHOLDS), dtype=torch.long)
        self._blocks: list[Tensor] = []

    def add(self, view: int, first: int, probabilities: Tensor, valid: Tensor) -> None:
        """A block of queries (n, H*W) of one view; the last block of a view settles it."""
        valid = valid.to(probabilities.device)
        levels = self._areas.shape[1]
        # p lies above edge k exactly if ceil(p (T + 1)) > k + 1: one histogram instead of a comparison for every edge
        level = (probabilities[:, valid] * (levels + 1)).ceil_().clamp_(1, levels + 1).to(torch.int32) - 1  # (n, V)
        level += (levels + 1) * torch.arange(len(level), dtype=torch.int32, device=level.device)[:, None]
        counts = torch.bincount(level.flatten(), minlength=len(level) * (levels + 1)).unflatten(0, (-1, levels + 1))
        above = counts.flip(1).cumsum(1).flip(1)[:, 1:].cpu()  # (n, T)
        self._areas[self._numbers[first : first + len(probabilities)].cpu()] += above
        self._blocks.append(probabilities)
        if first + len(probabilities) == len(self._active):
            self._settle(view, torch.cat(self._blocks), valid)
            self._blocks.clear()

    def _settle(self, view: int, probabilities: Tensor, valid: Tensor) -> None:
        claimed = probabilities > self._threshold
        self._claims[view] = _counted(claimed)
        bids = probabilities.mul_(self._scores[:, None])  # (n, H*W)
        if self._trained_claims is not None and self._trained_best is not None and self._trained:
            self._trained_claims[view] = _counted(claimed[: self._trained])
            self._trained_best[view] = as_array(bids[: self._trained].amax(0))
        winner = self._numbers[bids.where(claimed, -1.0).argmax(0)].where(claimed.any(0), -1)  # (H*W,)
        self._winner[view] = winner.to(torch.int16).cpu().numpy()
        for query, mask in zip(self._active, claimed & valid, strict=True):
            self._taken[query] += torch.bincount(winner[mask], minlength=self._count).cpu()
        best, place = bids.max(0)  # twice the maximum: `topk` along this axis takes fifty times as long
        self._best[view] = as_array(best)
        second = bids.scatter_(0, place[None], 0.0).amax(0)
        self._margin[view] = as_array(best - second)

    def result(self, valid: np.ndarray) -> Claims:
        """The answer after the last view."""
        return Claims(
            count=self._claims.reshape(-1),
            best=self._best.reshape(-1),
            margin=self._margin.reshape(-1),
            winner=self._winner.reshape(-1),
            taken=self._taken.numpy(),
            areas=self._areas.numpy(),
            valid=valid,
            trained_count=None if self._trained_claims is None else self._trained_claims.reshape(-1),
            trained_best=None if self._trained_best is None else self._trained_best.reshape(-1),
        )


def _counted(claimed: Tensor) -> np.ndarray:
    """Claims (n, H*W) of each pixel, array (H*W,) uint8."""
    return claimed.sum(0).clamp(max=255).to(torch.uint8).cpu().numpy()
