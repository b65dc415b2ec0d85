"""One color per query number, the same in every panel, file and session.

Colors sit at equally spaced hues of OKLCH, with eight alternating lightness levels and as much chroma as
the screen can show up to a common bound. Consecutive query numbers lie 139.5 degrees apart. Blending with
photos, contested points and user colors are left to others. This module needs NumPy alone.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
UInt8 = NDArray[np.uint8]

HUES = 80  # the paper's number of queries: a full turn is one color each
HUE_STEP = 31  # coprime to HUES, and close to the golden angle, which spreads every short run of numbers
LIGHTNESS = (0.5, 0.73, 0.59, 0.82, 0.68, 0.545, 0.775, 0.635)  # of neighboring hues: far apart, none dim or pale
CHROMA_BOUND = 0.19  # beyond it reds and blues shout while greens cannot follow

# OKLab as published by Ottosson (2020): Lab to cone response (cube roots), cone response to linear sRGB.
_LAB_TO_ROOTS = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_CONES_TO_LINEAR = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


def instance_color(query: int) -> UInt8:
    """Color of one query.

    Parameters
    ----------
    query : int
        At least 0.

    Returns
    -------
    array (3,) uint8
        sRGB.

    Raises
    ------
    ValueError
        If `query` is negative: -1 means "no instance", which has no color of its own.
    """
    if query < 0:
        raise ValueError(f"instance_color needs a query number of at least 0, found {query}")
    turn = query // HUES
    return np.array(_turn(turn)[query % HUES])


def instance_palette(count: int) -> UInt8:
    """Colors of the queries 0 to `count` - 1, array (count, 3) uint8, sRGB."""
    turns = [_turn(turn) for turn in range(-(-count // HUES))]
    return np.concatenate([*turns, np.empty((0, 3), np.uint8)])[:count]


@lru_cache(maxsize=64)
def _turn(turn: int) -> UInt8:
    """Colors of the queries turn * HUES to (turn + 1) * HUES - 1; later turns fall between earlier hues."""
    slot = np.arange(HUES) * HUE_STEP % HUES
    hue = 2 * np.pi * (slot + _radical_inverse(turn)) / HUES
    lightness = np.array(LIGHTNESS)[(slot + turn) % len(LIGHTNESS)]
    # bisection for the largest chroma that sRGB can show at this lightness and hue
    inside, outside = np.zeros(HUES), np.full(HUES, CHROMA_BOUND)
    for _ in range(24):
        middle = (inside + outside) / 2
        linear = _oklch_to_linear(lightness, middle, hue)
        fits = ((linear >= 0) & (linear <= 1)).all(axis=1)
        inside, outside = np.where(fits, middle, inside), np.where(fits, outside, middle)
    linear = np.clip(_oklch_to_linear(lightness, inside, hue), 0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(255 * encoded).astype(np.uint8)


def _oklch_to_linear(lightness: Float64, chroma: Float64, hue: Float64) -> Float64:
    """Linear sRGB (N, 3), outside [0, 1] where the screen cannot show the color."""
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=1)  # (N, 3)
    return np.asarray((lab @ _LAB_TO_ROOTS.T) ** 3 @ _CONES_TO_LINEAR.T)


def _radical_inverse(number: int) -> float:
    """Binary digits of `number` mirrored at the point: 0, 1/2, 1/4, 3/4, 1/8 ..."""
    value, weight = 0.0, 0.5
    while number:
        value += weight * (number & 1)
        number >>= 1
        weight /= 2
    return value
