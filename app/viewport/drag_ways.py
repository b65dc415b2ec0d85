"""Where a dragged point goes that is bound to a line: the place on it nearest to the ray under the pointer."""

import numpy as np
from numpy.typing import NDArray

AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}
PARALLEL = 1e-4  # sine squared of the angle between ray and line under which no place on the line is meant


def along_axis(
    start: NDArray[np.floating], axis: str, near: NDArray[np.floating], far: NDArray[np.floating]
) -> NDArray[np.float64] | None:
    """The place on a line through `start` along a world axis that is nearest to a ray.

    Parameters
    ----------
    start : array (3,)
    axis : "x", "y" or "z"
    near, far : array (3,)
        Two points of the ray.

    Returns
    -------
    array (3,) or None
        None where the ray runs along the axis, so that every place is as near.
    """
    line = np.array(AXES[axis])
    ray = np.asarray(far, np.float64) - near
    ray /= np.linalg.norm(ray)
    offset = np.asarray(start, np.float64) - near
    cosine = float(line @ ray)
    if 1.0 - cosine**2 < PARALLEL:
        return None
    along = (cosine * float(ray @ offset) - float(line @ offset)) / (1.0 - cosine**2)
    return np.asarray(start + along * line)
