"""Neighbors of points, and clouds thinned to a voxel grid so that they are cheap to search. Paper section 4.

The search itself is SciPy's k-d tree.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from fast3dis_core.errors import GeometryError

_MOST_CELLS = 2**21  # per axis, so that a voxel is one number of 63 bits


@dataclass(frozen=True, kw_only=True)
class ThinnedPoints:
    """One point for each voxel that holds any.

    Attributes
    ----------
    points : array (n, 3) float64
        Mean of the points in a voxel; voxels rise by x, then y, then z.
    members : array (P,) int64
        Row of `points` that stands for each original point.
    """

    points: NDArray[np.float64]
    members: NDArray[np.int64]


def thin_voxels(points: ArrayLike, voxel: float) -> ThinnedPoints:
    """Replace the points in each cell of a grid by their mean.

    The grid has a corner at the origin, so that two clouds in one world share it.

    Parameters
    ----------
    points : array (P, 3)
        World; may be empty.
    voxel : float
        Edge of a cell, world units.

    Returns
    -------
    ThinnedPoints

    Raises
    ------
    GeometryError
        If a point is not finite, or the cloud is too large for such small voxels.
    """
    cloud = np.asarray(points, np.float64).reshape(-1, 3)
    if not np.isfinite(cloud).all():
        raise GeometryError(
            f"Thinning expects finite points, found {int((~np.isfinite(cloud).all(axis=1)).sum())} of {len(cloud)} "
            "with NaN or infinity: leave invalid points out."
        )
    if not len(cloud):
        return ThinnedPoints(points=cloud, members=np.zeros(0, np.int64))
    cells = np.floor(cloud / voxel)
    cells -= cells.min(axis=0)
    if not cells.max() < _MOST_CELLS:
        raise GeometryError(
            f"Thinning expects clouds of less than {_MOST_CELLS} voxels of {voxel:g} along an axis, found an extent of "
            f"{np.ptp(cloud, axis=0).max():g}: leave far points out, or check the units."
        )
    x, y, z = cells.astype(np.int64).T
    _, members = np.unique((x * _MOST_CELLS + y) * _MOST_CELLS + z, return_inverse=True)
    counts = np.bincount(members)
    sums = np.stack([np.bincount(members, weights=column) for column in cloud.T], axis=-1)  # (n, 3)
    return ThinnedPoints(points=sums / counts[:, None], members=members)


def nearest_others(tree: cKDTree, rows: ArrayLike, count: int) -> NDArray[np.int64]:
    """Nearest neighbors of some points of a cloud, themselves left out.

    Parameters
    ----------
    tree : cKDTree
        Of the cloud.
    rows : array (n,) of integers
        Points asked for.
    count : int
        Less than there are points in the cloud.

    Returns
    -------
    array (n, count) int64
        Rows of the cloud, the nearest first.
    """
    own = np.asarray(rows, np.int64)
    _, found = tree.query(tree.data[own], k=[*range(1, count + 2)])  # (n, count + 1)
    # among points at one place the tree may list another one first, or leave the point itself out
    itself = found == own[:, None]
    itself[~itself.any(axis=1), -1] = True
    return found[~itself].reshape(len(own), count).astype(np.int64)
