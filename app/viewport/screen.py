"""From the scene to the screen, for many points at once."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def display_points(renderer: Any, points: NDArray[np.floating]) -> NDArray[np.float64]:
    """Device pixels, y up, and depth in [0, 1] of points (M, 3), array (M, 3); NaN for those behind the eye."""
    width, height = renderer.GetSize()
    matrix = renderer.GetActiveCamera().GetCompositeProjectionTransformMatrix(width / max(1, height), -1, 1)
    values = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
    clip = np.column_stack([points, np.ones(len(points))]) @ values.T  # (M, 4)
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = np.where(clip[:, 3:] > 0, clip[:, :3] / clip[:, 3:], np.nan)
    return (unit + 1) / 2 * np.array([width, height, 1.0])
