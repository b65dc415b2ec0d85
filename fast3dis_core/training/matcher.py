"""One-to-one matching of queries and objects. Paper section 3.6, costs of Mask2Former.

The cost of a pair is how unsure the query is and how unlike the two masks are on shared points. Everything runs
without gradients and knows nothing of losses.
"""

import logging
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional

from fast3dis_core.errors import TrainingError
from fast3dis_core.geometry.precision import full_precision

OBJECTNESS_COST = 2.0  # Mask2Former, all three; independent of the loss weights, which ablations change
BCE_COST = 5.0
DICE_COST = 5.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Matching:
    """The query of every object, for one decoder layer.

    Attributes
    ----------
    queries : Tensor (B, G) int64
        0 where not `matched`.
    matched : Tensor (B, G) bool
        False past the last object of a scene, and for the smallest objects where there are more than queries.
    """

    queries: Tensor
    matched: Tensor

    def pairs(self, index: int) -> tuple[Tensor, Tensor]:
        """Query numbers and object rows of one scene, two Tensors (n,) int64."""
        objects = self.matched[index].nonzero()[:, 0]
        return self.queries[index, objects], objects

    def query_mask(self, count: int) -> Tensor:
        """Which of `count` queries are matched, Tensor (B, N) bool."""
        mask = torch.zeros(len(self.queries), count + 1, dtype=torch.bool, device=self.queries.device)
        rows = self.queries.where(self.matched, count)  # unmatched rows write into a column that is cut off
        return mask.scatter_(1, rows, True)[:, :count]


@torch.no_grad()
@full_precision
def matching_cost(objectness_logits: Tensor, mask_logits: Tensor, targets: Tensor, points: Tensor) -> Tensor:
    """Cost of every pair of query and object.

    Both mask costs come from one product each of (N, P) and (P, G): with softplus(-x) = softplus(x) - x, the cross
    entropy summed over points is `sum softplus(x) - sum x t`.

    Parameters
    ----------
    objectness_logits : Tensor (B, N)
    mask_logits : Tensor (B, N, P)
        At points shared by all queries and objects.
    targets : Tensor (B, G, P) bool
    points : Tensor (B, P) bool
        Which points exist; a scene may have fewer than another.

    Returns
    -------
    Tensor (B, N, G)
    """
    counted = points[:, None].to(mask_logits.dtype)  # (B, 1, P)
    truth = targets.to(mask_logits.dtype) * counted
    number = counted.sum(-1, keepdim=True).clamp(min=1)  # (B, 1, 1)
    entropy = (functional.softplus(mask_logits) * counted).sum(-1, keepdim=True)  # (B, N, 1)
    bce = (entropy - mask_logits @ truth.mT) / number
    masks = mask_logits.sigmoid() * counted
    size = masks.sum(-1, keepdim=True) + truth.sum(-1)[:, None]  # (B, N, G)
    dice = 1 - (2 * masks @ truth.mT + 1) / (size + 1)
    # the same for all objects of a query, yet it decides which queries are used at all
    unsure = -objectness_logits.sigmoid()[..., None]
    return OBJECTNESS_COST * unsure + BCE_COST * bce + DICE_COST * dice


def match(costs: Tensor, areas: Tensor) -> tuple[Matching, ...]:
    """Hungarian matching of every layer and scene.

    Parameters
    ----------
    costs : Tensor (L, B, N, G)
        Layers together, so that they leave the device in one transfer.
    areas : Tensor (B, G) int64
        Size of every object, 0 where there is none. Of more than N objects the N largest are matched.

    Returns
    -------
    tuple of L Matchings

    Raises
    ------
    TrainingError
        If the cost of an existing object is not finite.
    """
    layers, scenes, count, objects = costs.shape
    table = costs.detach().cpu().numpy()
    sizes = areas.cpu().numpy()
    queries = np.zeros((layers, scenes, objects), np.int64)
    matched = np.zeros((scenes, objects), np.bool_)
    for scene in range(scenes):
        chosen = _largest(sizes[scene], count)
        matched[scene, chosen] = True
        for layer in range(layers):
            cost = table[layer, scene][:, chosen]
            if not np.isfinite(cost).all():
                raise TrainingError(
                    f"Expected finite matching costs, found NaN or infinity in decoder layer {layer + 1}, scene "
                    f"{scene} of the batch: resume from the last checkpoint with a lower learning rate, and look "
                    "for damaged images if it happens again."
                )
            rows, columns = linear_sum_assignment(cost)
            queries[layer, scene, chosen[columns]] = rows
    kept = torch.from_numpy(matched).to(costs.device)
    return tuple(Matching(queries=layer, matched=kept) for layer in torch.from_numpy(queries).to(costs.device))


def _largest(sizes: np.ndarray, count: int) -> np.ndarray:
    """Rows of the objects that can have a query, ascending."""
    present = np.flatnonzero(sizes)
    if len(present) <= count:
        return present
    logger.warning(
        "%d objects and %d queries: the %d smallest objects stay unmatched", len(present), count, len(present) - count
    )
    largest = present[np.argsort(-sizes[present], kind="stable")[:count]]
    return np.sort(largest)
