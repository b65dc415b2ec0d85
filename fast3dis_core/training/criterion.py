"""The objective of eq. 9: match every decoder layer, take every loss of every layer, weigh and add.

Layers 1 to L are supervised, each with a matching of its own; the generator's output, layer 0, is not. What the
losses are is left to `losses`, what they look at to `sampling`, what the optimizer does to the trainer. Paper
section 3.6; the ablations of section 4.5 are values of `LossConfig`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fast3dis_core.config import LossConfig
from fast3dis_core.geometry.precision import full_precision
from fast3dis_core.scene import DecoderLayer, DecoderTrace, EncodedScene
from fast3dis_core.training import losses, sampling
from fast3dis_core.training.matcher import Matching, match, matching_cost
from fast3dis_core.training.sampling import ScenePoints
from fast3dis_core.training.schedules import overlap_weight
from fast3dis_core.training.targets import SceneTargets, object_centers


@dataclass(frozen=True, kw_only=True)
class Objective:
    """Eq. 9 for one batch, and what it is made of.

    Attributes
    ----------
    total : Tensor ()
        The only one with gradients.
    classification, bce, dice, overlap, anchor : Tensor (L,)
        Unweighted terms of layers 1 to L. A term of weight 0 is measured all the same.
    contrastive : Tensor ()
        Unweighted; one for all layers, since they share the mask features.
    overlap_weight : float
        lambda_overlap(t).
    matchings : tuple of L Matchings
    """

    total: Tensor
    classification: Tensor
    bce: Tensor
    dice: Tensor
    overlap: Tensor
    anchor: Tensor
    contrastive: Tensor
    overlap_weight: float
    matchings: tuple[Matching, ...]


def objective(
    encoded: EncodedScene,
    trace: DecoderTrace,
    targets: SceneTargets,
    *,
    progress: float,
    config: LossConfig,
    generator: torch.Generator,
) -> Objective:
    """All losses of a batch of B scenes, in float32.

    Parameters
    ----------
    encoded : EncodedScene
    trace : DecoderTrace
    targets : SceneTargets
        On the cells of `encoded.mask_features`.
    progress : float
        t in [0, 1].
    config : LossConfig
    generator : torch.Generator
        Draws the points, and nothing else.

    Returns
    -------
    Objective

    Raises
    ------
    TrainingError
        If a prediction is not finite.
    """
    layers = trace.layers[1:]
    with torch.autocast(encoded.mask_features.device.type, enabled=False):
        by_cell = encoded.mask_features.float().movedim(2, -1).flatten(1, 3)  # (B, M, C)
        points = sampling.draw_points(targets.labels, round(config.points * config.oversampling), generator)
        candidates = _at_cells(by_cell, points.cells)  # (B, Q, C)
        centers = object_centers(encoded.geometry, encoded.frame, targets)
        distances = _distances(layers, encoded, centers, config) if config.anchor_cost else None
        matchings = match_layers(layers, candidates, points, targets, limit=config.points, added=distances)
        contrastive = _contrastive(by_cell, targets, config, generator)
        overlap = overlap_weight(progress, config)
        columns = {  # one loss after the other, each over all layers
            "classification": [_classification(*pair, config) for pair in zip(layers, matchings, strict=True)],
            "overlap": [_overlap(layer, encoded.mask_features, targets, overlap) for layer in layers],
            "anchor": [_anchor(*pair, encoded, centers, config) for pair in zip(layers, matchings, strict=True)],
        }
        masks = [_mask_losses(*pair, candidates, points, config) for pair in zip(layers, matchings, strict=True)]
        columns["bce"], columns["dice"] = [bce for bce, _ in masks], [dice for _, dice in masks]
    terms = {name: torch.stack(column) for name, column in columns.items()}  # (L,) each
    weights = {
        "classification": config.classification_weight,
        "bce": config.bce_weight,
        "dice": config.dice_weight,
        "overlap": overlap,
        "anchor": config.anchor_weight,
    }
    total = config.contrastive_weight * contrastive
    for name, weight in weights.items():
        if weight:  # a term that is only watched may be infinite
            total = total + weight * terms[name].sum()
    return Objective(
        total=total,
        contrastive=contrastive.detach(),
        overlap_weight=overlap,
        matchings=matchings,
        **{name: term.detach() for name, term in terms.items()},
    )


@torch.no_grad()
@full_precision
def match_layers(
    layers: tuple[DecoderLayer, ...],
    features: Tensor,
    points: ScenePoints,
    targets: SceneTargets,
    *,
    limit: int,
    added: Tensor | None = None,
) -> tuple[Matching, ...]:
    """Match the queries of every layer on the first `limit` of the shared points.

    Reading features at a point commutes with multiplying by a mask embedding, so no full mask is formed.

    Parameters
    ----------
    layers : tuple of L DecoderLayers
    features : Tensor (B, Q, C)
        Mask features at `points`.
    points : ScenePoints
    targets : SceneTargets
    limit : int
    added : Tensor (L, B, N, G), optional
        Cost besides that of objectness and masks.

    Returns
    -------
    tuple of L Matchings

    Raises
    ------
    TrainingError
        If a cost is not finite.
    """
    features, points = features[:, :limit], points.first(limit)
    truth = _truth(points.labels, targets)  # (B, G, P)
    costs = [
        matching_cost(layer.objectness_logits.float(), layer.mask_embeddings.float() @ features.mT, truth, points.drawn)
        for layer in layers
    ]
    cost = torch.stack(costs)  # (L, B, N, G)
    return match(cost if added is None else cost + added, targets.areas)


@torch.no_grad()
def _distances(
    layers: tuple[DecoderLayer, ...], encoded: EncodedScene, centers: tuple[Tensor, Tensor], config: LossConfig
) -> Tensor:
    """Weighted L1 distance of all anchors to all object centers, 0 for objects without one; Tensor (L, B, N, G)."""
    points, known = centers
    anchors = torch.stack([encoded.frame.normalize(layer.anchors.float()) for layer in layers])  # (L, B, N, 3)
    distances = (anchors[..., None, :] - points[:, None]).abs().sum(-1)
    return config.anchor_cost * distances.where(known[:, None], 0)


def _classification(layer: DecoderLayer, matching: Matching, config: LossConfig) -> Tensor:
    matched = matching.query_mask(layer.objectness_logits.shape[1])
    return losses.classification_loss(
        layer.objectness_logits, matched, alpha=config.focal_alpha, gamma=config.focal_gamma
    )


def _mask_losses(
    layer: DecoderLayer, matching: Matching, features: Tensor, points: ScenePoints, config: LossConfig
) -> tuple[Tensor, Tensor]:
    """BCE and Dice of the matched queries, each on the points where it is least sure."""
    embeddings = _at_cells(layer.mask_embeddings.float(), matching.queries)  # (B, G, C)
    candidates = embeddings @ features.mT  # (B, G, Q)
    chosen, counted = sampling.uncertain_points(
        candidates, points.drawn, oversampling=config.oversampling, uncertain_share=config.uncertain_share
    )
    logits = candidates.gather(2, chosen)  # (B, G, K)
    rows = torch.arange(chosen.shape[1], device=chosen.device)[:, None]
    labels = points.labels[:, None].expand(-1, chosen.shape[1], -1).gather(2, chosen)  # (B, G, K)
    arguments = logits, labels == rows, matching.matched, counted
    return losses.bce_loss(*arguments), losses.dice_loss(*arguments)


def _overlap(layer: DecoderLayer, mask_features: Tensor, targets: SceneTargets, weight: float) -> Tensor:
    with torch.set_grad_enabled(weight > 0 and torch.is_grad_enabled()):
        return losses.overlap_loss(layer, mask_features, targets.valid)


def _anchor(
    layer: DecoderLayer,
    matching: Matching,
    encoded: EncodedScene,
    centers: tuple[Tensor, Tensor],
    config: LossConfig,
) -> Tensor:
    with torch.set_grad_enabled(config.anchor_weight > 0 and torch.is_grad_enabled()):
        anchors = _at_cells(encoded.frame.normalize(layer.anchors), matching.queries)  # (B, G, 3)
        return losses.anchor_loss(anchors, centers[0], matching.matched & centers[1])


def _contrastive(by_cell: Tensor, targets: SceneTargets, config: LossConfig, generator: torch.Generator) -> Tensor:
    cells, labels = sampling.balanced_cells(
        targets, objects=config.contrastive_objects, points=config.contrastive_points, generator=generator
    )
    with torch.set_grad_enabled(config.contrastive_weight > 0 and torch.is_grad_enabled()):
        return losses.contrastive_loss(_at_cells(by_cell, cells), labels, temperature=config.temperature)


def _truth(labels: Tensor, targets: SceneTargets) -> Tensor:
    """Which points belong to which object, (B, Q) to (B, G, Q) bool."""
    rows = torch.arange(targets.areas.shape[1], device=labels.device)
    return labels[:, None] == rows[:, None]


def _at_cells(values: Tensor, index: Tensor) -> Tensor:
    """Rows `index` (B, K) of `values` (B, M, C), Tensor (B, K, C)."""
    return values.gather(1, index[..., None].expand(-1, -1, values.shape[-1]))
