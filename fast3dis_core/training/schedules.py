"""What changes with progress: the weight of the overlap penalty and the learning rate.

Paper section 3.6 gives the overlap weight in words (exponential warm-up until t = 0.6, then linear decay to a
floor) and section 4.5 its ablations; the formula is ours. Who counts the steps is left to the trainer.
"""

import math

from fast3dis_core.config import LossConfig

WARM_UP_END = 0.6  # t of paper 3.6
SHARPNESS = 5.0  # half of the warm-up passes below 8 % of the maximum


def overlap_weight(progress: float, config: LossConfig) -> float:
    """lambda_overlap(t) of eq. 9, for the penalty per pixel of `losses.overlap_loss`.

    Parameters
    ----------
    progress : float
        t in [0, 1]: step over all steps.
    config : LossConfig

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If t lies outside [0, 1].
    """
    if not 0 <= progress <= 1:
        raise ValueError(f"overlap_weight needs progress in [0, 1], found {progress}")
    high, low = config.overlap_maximum, config.overlap_floor
    if config.overlap_schedule == "off":
        return 0.0
    if config.overlap_schedule == "fixed":
        return high
    if config.overlap_schedule == "low":
        return low
    if progress < WARM_UP_END:
        return high * math.expm1(SHARPNESS * progress / WARM_UP_END) / math.expm1(SHARPNESS)
    return high - (high - low) * (progress - WARM_UP_END) / (1 - WARM_UP_END)


def learning_rate(step: int, *, total_steps: int, peak: float, final: float, warm_up_share: float) -> float:
    """Linear warm-up, then half a cosine.

    Parameters
    ----------
    step : int
        Of the optimizer, from 0 to `total_steps` - 1.
    total_steps : int
    peak, final : float
        Rates of the last warm-up step and of the last step.
    warm_up_share : float
        Of all steps; at least one step warms up.

    Returns
    -------
    float
        Never 0: the first step takes its share of `peak`.
    """
    warm = max(1, round(warm_up_share * total_steps))
    if step < warm:
        return peak * (step + 1) / warm
    position = min((step - warm + 1) / max(1, total_steps - warm), 1.0)
    return final + (peak - final) * (1 + math.cos(math.pi * position)) / 2
