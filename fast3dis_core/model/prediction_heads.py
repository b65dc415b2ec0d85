"""Objectness and mask embeddings of queries, and the masks they draw. Paper section 3.5, eq. 6."""

import torch
from torch import Tensor, nn

from fast3dis_core.model.perceptron import perceptron
from fast3dis_core.scene import DecoderLayer

OBJECTNESS_START = -2.0  # logit, c = 0.12: at 0.5 all queries claim everything at first, and eq. 8 drowns the rest


class PredictionHeads(nn.Module):
    """One set of heads for all decoder layers, behind one norm, as in Mask2Former.

    Departure: the paper writes two objectness columns; with a sigmoid focal loss they are two redundant binary
    problems, so there is one logit.

    Parameters
    ----------
    channels : int
        C.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.objectness = nn.Linear(channels, 1)
        nn.init.constant_(self.objectness.bias, OBJECTNESS_START)
        self.mask = perceptron(channels, channels, channels, channels)

    def forward(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Queries (B, N, C) to objectness logits (B, N) and mask embeddings (B, N, C)."""
        normed = self.norm(queries)
        return self.objectness(normed)[..., 0], self.mask(normed)


def mask_logits(layer: DecoderLayer, mask_features: Tensor) -> Tensor:
    """Mask logits of every query in the given views (eq. 6 before the sigmoid).

    Parameters
    ----------
    layer : DecoderLayer
    mask_features : Tensor (S, C, h, w)
        F_mask of any subset of the views; one more leading axis if `layer` has one.

    Returns
    -------
    Tensor (S, N, h, w)
    """
    flat = mask_features.float().flatten(-2)  # (..., S, C, h*w)
    return (layer.mask_embeddings.float().unsqueeze(-3) @ flat).unflatten(-1, mask_features.shape[-2:])


def objectness(layer: DecoderLayer) -> Tensor:
    """Objectness c in [0, 1], Tensor (N,)."""
    return torch.sigmoid(layer.objectness_logits.float())
