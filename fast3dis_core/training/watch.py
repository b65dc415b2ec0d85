"""Figures that tell early how training fails: lazy queries, hijacked objects, black gaps, lost anchors.

The failures are those of paper sections 3.6 and 4.5; the rates follow the definitions used for evaluation, here at
mask resolution and with the objects the losses see. Measured on one batch now and then; nothing is trained on them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from fast3dis_core.geometry.cameras import MINIMUM_DEPTH, project
from fast3dis_core.model.anchor_decoder import decoder_cameras
from fast3dis_core.model.prediction_heads import mask_logits, objectness
from fast3dis_core.scene import DecoderLayer, EncodedScene
from fast3dis_core.training.matcher import Matching
from fast3dis_core.training.targets import UNLABELED, SceneTargets

ACTIVE = 0.3  # objectness above which a query claims something
HIJACK_IOU = 0.5
BOUNDARY_CELLS = 1  # about five pixels at a long edge of 504


@dataclass(frozen=True, kw_only=True)
class FailureWatch:
    """Figures of one decoder layer over a batch; NaN where there is nothing to count.

    Attributes
    ----------
    matched_objectness, unmatched_objectness : float
        Mean c. The first falling below 0.2 while lambda grows means lazy queries.
    anchors_in_front, anchors_inside : tuple of S float
        Share of anchors before the camera plane of each view, and inside its image.
    hijack_rate : float
        Share of objects that two or more active queries cover with an IoU above 0.5 over all views.
    double_claim_rate : float
        Share of valid cells claimed by two or more active queries.
    gap_rate_at_boundaries, gap_rate_elsewhere : float
        Shares of labelled cells that no active query claims; their sum is the gap rate. The first growing alone is
        the safety zone that a static overlap penalty leaves between neighbors.
    """

    matched_objectness: float
    unmatched_objectness: float
    anchors_in_front: tuple[float, ...]
    anchors_inside: tuple[float, ...]
    hijack_rate: float
    double_claim_rate: float
    gap_rate_at_boundaries: float
    gap_rate_elsewhere: float


@torch.no_grad()
def failure_watch(
    encoded: EncodedScene, layer: DecoderLayer, targets: SceneTargets, matching: Matching
) -> FailureWatch:
    """Measure one decoder layer, usually the last.

    Parameters
    ----------
    encoded : EncodedScene
        With a leading axis B.
    layer : DecoderLayer
    targets : SceneTargets
    matching : Matching
        Of the same layer.

    Returns
    -------
    FailureWatch
    """
    scores = objectness(layer)  # (B, N)
    matched = matching.query_mask(scores.shape[1])
    in_front, inside = _anchors_seen(encoded, layer)
    with torch.autocast(scores.device.type, enabled=False):
        claims, shared, covered = _claims(encoded.mask_features, layer, targets, scores > ACTIVE)
    union = covered[..., None] + targets.areas[:, None] - shared  # (B, N, G)
    takers = (shared > HIJACK_IOU * union).sum(1)  # (B, G)
    labelled = targets.labels != UNLABELED
    gaps, edge = labelled & (claims == 0), _boundary(targets.labels)
    return FailureWatch(
        matched_objectness=_mean(scores, matched),
        unmatched_objectness=_mean(scores, ~matched),
        anchors_in_front=tuple(in_front.tolist()),
        anchors_inside=tuple(inside.tolist()),
        hijack_rate=_mean(takers >= 2, targets.present),
        double_claim_rate=_mean(claims >= 2, targets.valid),
        gap_rate_at_boundaries=_mean(gaps & edge, labelled),
        gap_rate_elsewhere=_mean(gaps & ~edge, labelled),
    )


def _anchors_seen(encoded: EncodedScene, layer: DecoderLayer) -> tuple[Tensor, Tensor]:
    """Share of anchors in front of each view and inside it, by the rule of the decoder; two Tensors (S,)."""
    cameras = decoder_cameras(encoded.geometry, encoded.frame)
    anchors = encoded.frame.normalize(layer.anchors.float())
    image, depth = project(anchors, cameras.intrinsics, cameras.normalized_to_camera)  # (B, S, N, 2), (B, S, N)
    in_front = depth > MINIMUM_DEPTH
    inside = in_front & (image.abs() < 1).all(-1)
    return in_front.float().mean((0, 2)), inside.float().mean((0, 2))


def _claims(
    mask_features: Tensor, layer: DecoderLayer, targets: SceneTargets, active: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Count, view by view, who claims what: a cell is claimed where p > 0.5.

    Returns
    -------
    claims : Tensor (B, S, h, w)
        Active queries that claim each cell.
    shared : Tensor (B, N, G)
        Cells of an object that an active query claims.
    covered : Tensor (B, N)
        Labelled cells an active query claims.
    """
    rows = torch.arange(targets.areas.shape[1], device=active.device)
    shared = torch.zeros(*active.shape, len(rows), device=active.device)
    covered = torch.zeros(active.shape, device=active.device)
    claims = []
    for view in range(mask_features.shape[1]):
        logits = mask_logits(layer, mask_features[:, view : view + 1])[:, 0]  # (B, N, h, w)
        masks = (logits > 0) & active[..., None, None]
        labels = targets.labels[:, view].flatten(1)  # (B, h*w)
        flat = masks.flatten(2).float()  # (B, N, h*w)
        shared += flat @ (labels[..., None] == rows).float()
        covered += (flat @ (labels != UNLABELED).float()[..., None])[..., 0]
        claims.append(masks.sum(1))
    return torch.stack(claims, dim=1), shared, covered


def _boundary(labels: Tensor) -> Tensor:
    """Cells with another label within `BOUNDARY_CELLS`, Tensor (B, S, h, w) bool."""
    values, reach = labels.float(), 2 * BOUNDARY_CELLS + 1
    highest = functional.max_pool2d(values, reach, 1, BOUNDARY_CELLS)
    lowest = -functional.max_pool2d(-values, reach, 1, BOUNDARY_CELLS)
    return highest != lowest


def _mean(values: Tensor, counted: Tensor) -> float:
    """Mean of the counted entries, NaN for none."""
    return float(values.float()[counted].mean())
