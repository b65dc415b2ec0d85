"""Which view becomes the reference: its camera is, approximately, the world frame.

Chosen from the class tokens before alternating attention begins, for three or more views without given
cameras. Upstream then moves the reference to the front. Here the views stay where they are and the
reference is only marked by its camera token: attention does not depend on the order of its tokens, and
the rotary positions are the same in all views, so the results are equal up to rounding.
"""

import torch
from torch import Tensor

from fast3dis_core.config import ReferenceStrategy
from fast3dis_core.errors import ConfigError

MINIMUM_VIEWS = 3  # with fewer, view 0 is the reference


def select_reference(class_tokens: Tensor, strategy: ReferenceStrategy = "saddle_balanced") -> Tensor:
    """Choose one view per batch entry.

    Parameters
    ----------
    class_tokens : Tensor (B, S, D)
        Token 0 of every view.
    strategy : {"saddle_balanced", "saddle_sim_range", "middle", "first"}
        `saddle_balanced` takes the view nearest to the middle of the range in mean similarity to the
        others, in norm and in channel variance; `saddle_sim_range` the view with the widest range of
        similarities.

    Returns
    -------
    Tensor (B,) int64

    Raises
    ------
    ConfigError
        For an unknown strategy.
    """
    batch, views, _ = class_tokens.shape
    if strategy in ("first", "middle"):
        index = 0 if strategy == "first" else views // 2
        return torch.full((batch,), index, dtype=torch.int64, device=class_tokens.device)
    # half precision would let rounding decide between views with close scores
    with torch.autocast(class_tokens.device.type, enabled=False):
        tokens = class_tokens.float()
        norm = tokens.norm(dim=-1)  # (B, S)
        unit = tokens / norm[..., None]
        similarity = unit @ unit.mT - torch.eye(views, device=tokens.device)  # (B, S, S)
        if strategy == "saddle_sim_range":
            return (similarity.amax(dim=-1) - similarity.amin(dim=-1)).argmax(dim=-1)
        if strategy == "saddle_balanced":
            metrics = torch.stack([similarity.sum(dim=-1) / max(views - 1, 1), norm, unit.var(dim=-1)])  # (3, B, S)
            low, high = metrics.aminmax(dim=-1, keepdim=True)
            share = (metrics - low) / (high - low + 1e-8)
            return (share - 0.5).abs().sum(dim=0).argmin(dim=-1)
    raise ConfigError(
        f"Unknown reference strategy {strategy!r}: expected saddle_balanced, saddle_sim_range, middle or first."
    )
