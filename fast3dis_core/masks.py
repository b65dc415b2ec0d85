"""Mask algebra on tensors, shared by assembly, loss and inspector.

Works on logits or probabilities of one view at a time; who is an instance and which threshold applies is
decided by the callers. Paper sections 3.5 and 3.6 (eq. 8).
"""

from torch import Tensor
from torch.nn import functional


def resize_logits(logits: Tensor, height: int, width: int) -> Tensor:
    """Bring mask logits from level 1/4 to image size.

    Logits, not probabilities, are interpolated: the level set of a bilinear logit surface is where the
    mask ends, and thresholding needs no sigmoid.

    Parameters
    ----------
    logits : Tensor (N, h, w)

    Returns
    -------
    Tensor (N, H, W)
    """
    return functional.interpolate(logits[None], (height, width), mode="bilinear", align_corners=False)[0]


def pairwise_overlap(probabilities: Tensor, objectness: Tensor) -> Tensor:
    """Expected double claims of every pair of queries, the terms of eq. 8 before normalization.

    Parameters
    ----------
    probabilities : Tensor (N, M)
        Mask probabilities p of N queries at M pixels.
    objectness : Tensor (N,)
        c in [0, 1].

    Returns
    -------
    Tensor (N, N)
        `sum_m (c_i p_im) (c_j p_jm)`; sums over disjoint sets of pixels add up.
    """
    claims = probabilities * objectness[:, None]
    return claims @ claims.T
