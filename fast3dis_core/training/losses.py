"""The terms of eq. 9, each a function of tensors: focal, BCE, Dice, contrastive (eq. 7), overlap (eq. 8), anchors.

All take a batch of B scenes and return the mean over scenes, so a batch weighs like its scenes one by one. All are
defined, with a gradient graph, where there is no object. Weights, layers and the choice of points are left to
`criterion` and `sampling`. Paper section 3.6.
"""

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from fast3dis_core.geometry.precision import full_precision
from fast3dis_core.model.prediction_heads import mask_logits, objectness
from fast3dis_core.scene import DecoderLayer
from fast3dis_core.training.targets import UNLABELED

BLOCK = 1 << 24  # elements of one block of masks in the overlap penalty: 64 MB in float32


@full_precision
def focal_terms(logits: Tensor, positive: Tensor, *, alpha: float, gamma: float) -> Tensor:
    """Sigmoid focal loss of each logit (RetinaNet).

    Parameters
    ----------
    logits : Tensor (...)
    positive : Tensor (...) bool
    alpha : float
        Weight of positives; negatives weigh 1 - alpha.
    gamma : float
        How strongly what is already right is played down.

    Returns
    -------
    Tensor (...)
    """
    signed = logits.where(positive, -logits)  # p_t = sigmoid(signed)
    balance = torch.where(positive, alpha, 1 - alpha)
    return balance * (-signed).sigmoid() ** gamma * functional.softplus(-signed)


@full_precision
def classification_loss(logits: Tensor, matched: Tensor, *, alpha: float, gamma: float) -> Tensor:
    """L_cls: focal loss of all queries, divided by the number of objects, as a scene has few of them.

    Parameters
    ----------
    logits : Tensor (B, N)
        Objectness.
    matched : Tensor (B, N) bool
    alpha, gamma : float

    Returns
    -------
    Tensor ()
    """
    terms = focal_terms(logits, matched, alpha=alpha, gamma=gamma)
    return (terms.sum(1) / matched.sum(1).clamp(min=1)).mean()


@full_precision
def bce_loss(logits: Tensor, targets: Tensor, objects: Tensor, points: Tensor) -> Tensor:
    """L_bce: binary cross entropy of matched masks, mean over points, then over objects.

    Parameters
    ----------
    logits : Tensor (B, G, P)
        Of the matched query of each object, at points of that object's choice.
    targets : Tensor (B, G, P) bool
    objects : Tensor (B, G) bool
        Which rows count.
    points : Tensor (B, P) bool
        Which columns count.

    Returns
    -------
    Tensor ()
    """
    truth = targets.to(logits.dtype)
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    counted = points[:, None].to(logits.dtype)  # (B, 1, P)
    return _mean_over_objects((entropy * counted).sum(-1) / counted.sum(-1).clamp(min=1), objects)


@full_precision
def dice_loss(logits: Tensor, targets: Tensor, objects: Tensor, points: Tensor) -> Tensor:
    """L_dice: one minus the soft Dice coefficient with smoothing 1; parameters as `bce_loss`."""
    counted = points[:, None].to(logits.dtype)  # (B, 1, P)
    masks = logits.sigmoid() * counted
    truth = targets.to(logits.dtype) * counted
    shared = (masks * truth).sum(-1)  # (B, G)
    return _mean_over_objects(1 - (2 * shared + 1) / (masks.sum(-1) + truth.sum(-1) + 1), objects)


@full_precision
def contrastive_loss(features: Tensor, labels: Tensor, *, temperature: float) -> Tensor:
    """L_geo: supervised contrastive loss on mask features (eq. 7), blind to which view a point comes from.

    Departure: mean over the points that have a positive; the paper's sum would grow with the sample.

    Parameters
    ----------
    features : Tensor (B, I, C)
        Mask features at the sampled points; normalized here.
    labels : Tensor (B, I) int64
        Equal for points of one object; below 0 for points that do not exist.
    temperature : float
        tau.

    Returns
    -------
    Tensor ()
    """
    points = functional.normalize(features, dim=-1)
    exists = labels > UNLABELED
    same = (labels[:, :, None] == labels[:, None, :]) & exists[:, None]  # (B, I, I)
    others = exists[:, None] & ~torch.eye(labels.shape[1], dtype=torch.bool, device=labels.device)
    number = (same & others).sum(-1)  # |P(i)|, (B, I)
    counted = exists & (number > 0)
    similarity = points @ points.mT / temperature  # (B, I, I)
    # finite, as a row with nothing else in it would turn -inf into NaN on the way back
    spread = similarity.masked_fill(~others, torch.finfo(similarity.dtype).min).logsumexp(-1)
    pull = (similarity * (same & others)).sum(-1) / number.clamp(min=1)
    terms = (spread - pull).where(counted, 0)  # (B, I)
    return (terms.sum(1) / counted.sum(1).clamp(min=1)).mean()


@full_precision
def double_claims(probabilities: Tensor, objectness: Tensor) -> Tensor:
    """Expected ordered pairs of queries that claim the same pixel: the sum of eq. 8, pixel by pixel.

    With a_i = c_i p_i, the sum over i != j of a_i a_j is (sum a_i)^2 - sum a_i^2: O(N M), no pairs are formed.

    Parameters
    ----------
    probabilities : Tensor (..., N, M)
    objectness : Tensor (..., N)

    Returns
    -------
    Tensor (..., M)
        Summed over all pixels and divided by N (N - 1) it is eq. 8. Rounding may bring it to 0 or just below.
    """
    claims = probabilities * objectness[..., None]
    return claims.sum(-2).square() - claims.square().sum(-2)


def overlap_loss(layer: DecoderLayer, mask_features: Tensor, valid: Tensor) -> Tensor:
    """Confidence-weighted overlap penalty of one decoder layer (eq. 8), per pixel.

    Departure: divided by the number M of valid pixels instead of N (N - 1), the same objective up to a constant
    of the scene, but independent of resolution, views and queries.

    All queries and all valid pixels take part, labelled or not. Where the views do not fit into one block of masks,
    each block is computed again on the way back, so that memory does not grow with their number.

    Parameters
    ----------
    layer : DecoderLayer
        With a leading axis B.
    mask_features : Tensor (B, S, C, h, w)
    valid : Tensor (B, S, h, w) bool

    Returns
    -------
    Tensor ()
    """
    count, scenes = layer.objectness_logits.shape[-1], len(mask_features)
    height, width = mask_features.shape[-2:]
    step = max(1, BLOCK // max(1, scenes * count * height * width))

    def claims_in(features: Tensor, seen: Tensor) -> Tensor:
        masks = mask_logits(layer, features).sigmoid().flatten(-2)  # (B, s, N, h*w)
        claims = double_claims(masks, objectness(layer)[:, None])  # (B, s, h*w)
        return claims.where(seen.flatten(-2), 0).sum((1, 2))  # (B,)

    with torch.autocast(mask_features.device.type, enabled=False):
        if step >= mask_features.shape[1]:
            total = claims_in(mask_features, valid)
        else:
            total = mask_features.new_zeros(scenes, dtype=torch.float32)
            for first in range(0, mask_features.shape[1], step):
                block = mask_features[:, first : first + step], valid[:, first : first + step]
                total = total + checkpoint(claims_in, *block, use_reentrant=False, preserve_rng_state=False)
    # the sum is clamped, not the pixels: one where a query is alone rounds to 0 and has to keep its gradient
    return (total.clamp(min=0) / valid.sum((1, 2, 3)).clamp(min=1)).mean()


@full_precision
def anchor_loss(anchors: Tensor, centers: Tensor, objects: Tensor) -> Tensor:
    """L_ctr: distance of matched anchors to the centers of their objects, sum over coordinates, mean over objects.

    Departure: not in eq. 9, where nothing but sampled features moves the anchors.

    Parameters
    ----------
    anchors, centers : Tensor (B, G, 3)
        Normalized coordinates.
    objects : Tensor (B, G) bool

    Returns
    -------
    Tensor ()
    """
    return _mean_over_objects((anchors - centers).abs().sum(-1), objects)


def _mean_over_objects(values: Tensor, objects: Tensor) -> Tensor:
    """Mean of (B, G) over the objects of each scene, 0 for none, then over scenes."""
    return (values.where(objects, 0).sum(1) / objects.sum(1).clamp(min=1)).mean()
