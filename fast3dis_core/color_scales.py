"""Colors for numbers: two perceptually even scales, from dark to light, readable with any color vision.

Viewport, legend and maps over photos use the same stops and mix linearly between them, so that a color means one
number everywhere. Colors of instances are `palette`. This module needs NumPy alone.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

ScaleName = Literal["viridis", "cividis"]

# 33 evenly spaced stops of the published maps, which are in the public domain (CC0)
_STOPS = {
    "viridis": (
        "440154 470d60 48186a 482374 472d7b 453781 424086 3e4989 3b528b 375b8d 33638d "
        "2f6b8e 2c728e 297a8e 26828e 23898e 21918c 1f988b 1fa088 22a785 28ae80 32b67a "
        "3fbc73 4ec36b 5ec962 70cf57 84d44b 98d83e addc30 c2df23 d8e219 ece51b fde725"
    ),
    "cividis": (
        "00224e 00285b 002e6a 053371 1a386f 273e6e 32436d 3b496c 434e6c 4b546c 535a6d "
        "5a5f6e 61656f 686a71 6f7073 767676 7d7c78 848279 8c8878 938e78 9b9476 a39a74 "
        "aba072 b4a76f bcae6c c4b468 cdbb63 d5c25e dec958 e7d150 f0d846 f9e03a fee838"
    ),
}


def scale_stops(name: ScaleName) -> NDArray[np.uint8]:
    """Evenly spaced colors from the lowest to the highest number, array (33, 3) uint8, sRGB."""
    return np.frombuffer(bytes.fromhex(_STOPS[name]), np.uint8).reshape(-1, 3)


def scale_colors(
    values: NDArray[np.floating], low: float, high: float, name: ScaleName = "viridis"
) -> NDArray[np.uint8]:
    """Color of every number.

    Parameters
    ----------
    values : array (...)
        Numbers outside `low` to `high` take the color of the nearer end; what is not finite takes the lowest.
    low, high : float
        If they are equal, every number is the lowest.
    name : str

    Returns
    -------
    array (..., 3) uint8
        sRGB.
    """
    stops = scale_stops(name).astype(np.float32)  # (33, 3)
    shares = (
        (np.asarray(values, np.float32) - low) / (high - low) if high > low else np.zeros(np.shape(values), np.float32)
    )
    place = np.clip(np.nan_to_num(shares, posinf=1.0), 0, 1) * (len(stops) - 1)
    below = np.minimum(place.astype(np.int64), len(stops) - 2)
    rest = (place - below)[..., None]
    return np.rint(stops[below] * (1 - rest) + stops[below + 1] * rest).astype(np.uint8)
