"""How cameras see anchors: in the open, hidden by a nearer surface, beside the photo, or behind the camera.

The decoder samples wherever an anchor projects into a photo and never asks whether a surface hides it there (paper
section 3.4, eq. 3); here it is asked. What a query's attention does with hidden views is `query_evidence`. This module
needs NumPy alone.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.reconstruction import Bool, Float32, Reconstruction

Sight = Literal["visible", "occluded", "unknown", "outside", "behind"]
TOLERANCE = 0.05  # an anchor this share behind the surface lies inside an object rather than behind it

Float64 = NDArray[np.float64]


def sight_words(depth: Float64, inside: Bool, surface: NDArray[np.floating]) -> NDArray[np.object_]:
    """What is said of places, from their depths and those of the surfaces seen there.

    Parameters
    ----------
    depth : array (...)
        Along the camera's axis, scene units; 0 or less is behind.
    inside : array (...) bool
        In front of the camera and within the photo.
    surface : array (...)
        Depth of the surface at the pixel, NaN where it is unknown; read only where `inside`.

    Returns
    -------
    array (...) of str
        "visible", also up to `TOLERANCE` behind the surface; "occluded" by a nearer one; "unknown" where the pixel has
        no depth; "outside" the photo; "behind" the camera.
    """
    words = np.where(depth > 0, "outside", "behind").astype(object)
    with np.errstate(invalid="ignore"):
        hidden = depth > surface * (1 + TOLERANCE)
    seen = np.where(np.isnan(surface), "unknown", np.where(hidden, "occluded", "visible"))
    return np.where(inside, seen, words)


def anchor_sights(reconstruction: Reconstruction, anchors: Float32) -> NDArray[np.object_]:
    """How every camera sees some places.

    Parameters
    ----------
    reconstruction : Reconstruction
        Its cameras and its depth.
    anchors : array (M, 3)
        World, scene units.

    Returns
    -------
    array (M, S) of str
        See `sight_words`.
    """
    views, height, width = reconstruction.images.shape[:3]
    cameras, lenses = reconstruction.world_to_camera.astype(np.float64), reconstruction.intrinsics.astype(np.float64)
    seen = np.einsum("sij,mj->msi", cameras[:, :3, :3], np.asarray(anchors, np.float64)) + cameras[:, :3, 3]
    depth = seen[..., 2]  # (M, S)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = seen[..., 0] * lenses[:, 0, 0] / depth + lenses[:, 0, 2]
        y = seen[..., 1] * lenses[:, 1, 1] / depth + lenses[:, 1, 2]
    inside = (depth > 0) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    column, line = np.where(inside, x, 0).astype(np.int64), np.where(inside, y, 0).astype(np.int64)
    rows = (np.arange(views) * height + line) * width + column  # (M, S)
    axes = cameras[:, 2]
    points = reconstruction.cloud.points[rows]  # (M, S, 3)
    surface = np.einsum("msi,si->ms", points, axes[:, :3]) + axes[:, 3]
    surface = np.where(reconstruction.cloud.valid[rows], surface, np.nan)
    return sight_words(depth, inside, surface)
