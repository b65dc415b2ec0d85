"""One color per query number, the same in every panel, file and session.

The standard colors sit at equally spaced hues of OKLCH, with eight alternating lightness levels and as much chroma as
the screen can show up to a common bound. Consecutive query numbers lie 139.5 degrees apart. The safe colors are
chosen one by one, each as far as possible from all before it in the eyes of people with any of the three
dichromacies. Blending with photos, contested points and user colors are left to others. This module needs NumPy alone.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
UInt8 = NDArray[np.uint8]
PaletteName = Literal["standard", "safe"]

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

_LINEAR_TO_CONES = np.linalg.inv(_CONES_TO_LINEAR)
_ROOTS_TO_LAB = np.linalg.inv(_LAB_TO_ROOTS)

SAFE_LIMIT = 240  # safe colors; beyond it they repeat, since nobody tells more of them apart
SAFE_LIGHTNESS = np.linspace(0.4, 0.9, 15)  # a dichromat has little but lightness to go by
SAFE_CHROMA = np.array([0.06, 0.09, 0.12, 0.15, 0.18, 0.21, 0.25])  # none passes for gray
SAFE_HUES = 48

# linear sRGB to what protanopes, deuteranopes and tritanopes see of it: Machado et al. (2009), severity 1
_DICHROMACIES = np.array(
    [
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ]
)


def instance_color(query: int, palette: PaletteName = "standard") -> UInt8:
    """Color of one query.

    Parameters
    ----------
    query : int
        At least 0.
    palette : "standard" or "safe"
        In the safe one any two of the first 12 lie at least 0.09 apart in OKLab for every kind of color vision, of the
        first 40 at least 0.04, of the first 80 at least 0.03; 0.02 is just noticeable.

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
    if palette == "safe":
        return np.array(_safe()[query % SAFE_LIMIT])
    turn = query // HUES
    return np.array(_turn(turn)[query % HUES])


def instance_palette(count: int, palette: PaletteName = "standard") -> UInt8:
    """Colors of the queries 0 to `count` - 1, array (count, 3) uint8, sRGB."""
    if palette == "safe":
        return np.array(_safe()[np.arange(count) % SAFE_LIMIT])
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
    return _encode(np.clip(_oklch_to_linear(lightness, inside, hue), 0, 1))


@lru_cache(maxsize=1)
def _safe() -> UInt8:
    """The safe colors in their order, from the most chromatic one on: each the farthest from all before it."""
    axes = (SAFE_LIGHTNESS, SAFE_CHROMA, 2 * np.pi * np.arange(SAFE_HUES) / SAFE_HUES)
    lightness, chroma, hue = (axis.ravel() for axis in np.meshgrid(*axes, indexing="ij"))
    linear = _oklch_to_linear(lightness, chroma, hue)
    inside = ((linear >= 0) & (linear <= 1)).all(axis=1)
    candidates = linear[inside]  # (M, 3)
    seen = np.stack([_linear_to_lab(candidates @ eye.T) for eye in (np.eye(3), *_DICHROMACIES)])  # (4, M, 3)
    # rounded, so that machines whose last digits differ choose alike
    following = int(np.argmax(np.round(chroma[inside], 6)))
    apart = np.full(len(candidates), np.inf)
    chosen = []
    for _ in range(SAFE_LIMIT):
        chosen.append(following)
        distance = np.sqrt(((seen - seen[:, following : following + 1]) ** 2).sum(axis=-1)).min(axis=0)
        apart = np.minimum(apart, np.round(distance, 6))
        following = int(np.argmax(apart))
    return _encode(candidates[chosen])


def _encode(linear: Float64) -> UInt8:
    """Linear sRGB in [0, 1] to what files and screens take."""
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(np.round(255 * encoded), np.uint8)


def _linear_to_lab(linear: Float64) -> Float64:
    """OKLab of colors that the screen can show; others are moved to its border, as a screen would."""
    return np.asarray(np.cbrt(np.clip(linear, 0, 1) @ _LINEAR_TO_CONES.T) @ _ROOTS_TO_LAB.T)


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
