"""The small multi-layer perceptron of generator, refinement and mask head (paper eq. 1, 5, 6)."""

from itertools import pairwise

from torch import nn


def perceptron(*widths: int, zero_last: bool = False) -> nn.Sequential:
    """Linear layers with ReLU in between.

    Parameters
    ----------
    *widths : int
        Input, hidden and output widths.
    zero_last : bool
        Start with an output of zero, for layers that predict a correction.
    """
    layers: list[nn.Module] = []
    for wide, narrow in pairwise(widths):
        layers += [nn.Linear(wide, narrow), nn.ReLU()]
    last = layers[-2]
    if zero_last and isinstance(last, nn.Linear):
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    return nn.Sequential(*layers[:-1])
