"""A predicted world drawn onto a scanned surface: what the cameras left open, closed on points. Paper section 4.

Cameras give a similarity (`alignment`); rigid ICP on thinned clouds then takes out the rest, and its scale stays.
Few points or a wrong start must not carry the prediction away, so that a motion is kept only if it is small and does
not lose inliers. The figures belong into every report, since the paper names neither the method nor its limits.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from fast3dis_core.geometry.alignment import IcpResult, Similarity, point_to_point_icp
from fast3dis_core.geometry.neighbors import thin_voxels

VOXEL = 0.02  # meters
MOST_POINTS = 200_000


@dataclass(frozen=True, kw_only=True)
class Refinement:
    """A similarity after ICP.

    Attributes
    ----------
    similarity : Similarity
        Predicted to true world; the one given if the motion was not accepted.
    icp : IcpResult
    source_points, target_points : int
        What took part after thinning.
    """

    similarity: Similarity
    icp: IcpResult
    source_points: int
    target_points: int

    def figures(self) -> dict[str, bool | int | float | None]:
        """Plain values for a report; None where there was no inlier to measure on."""
        icp = self.icp
        return {
            "icp_accepted": icp.accepted,
            "icp_iterations": icp.iterations,
            "icp_rotation_degrees": icp.rotation_degrees,
            "icp_shift": icp.shift,
            "inlier_fraction_before": icp.inlier_fraction_before,
            "inlier_fraction_after": icp.inlier_fraction_after,
            "rmse_before": finite_or_none(icp.rmse_before),
            "rmse_after": finite_or_none(icp.rmse_after),
            "icp_source_points": self.source_points,
            "icp_target_points": self.target_points,
        }


def refine_on_surface(similarity: Similarity, points: ArrayLike, surface: ArrayLike, *, seed: int = 0) -> Refinement:
    """Refine a similarity by ICP of predicted points on a scanned surface.

    Parameters
    ----------
    similarity : Similarity
        From predicted to true world.
    points : array (P, 3)
        Predicted world: all points of all views that are good enough, not those of instances alone.
    surface : array (V, 3)
        Vertices of the scan, meters.
    seed : int
        Of the choice of points where there are too many.

    Returns
    -------
    Refinement

    Raises
    ------
    GeometryError
        If either cloud is empty or not finite.
    """
    aligned = similarity.transform(torch.as_tensor(np.asarray(points, np.float64))).numpy()
    source = _at_most(MOST_POINTS, thin_voxels(aligned, VOXEL).points, seed)
    target = thin_voxels(surface, VOXEL).points
    icp = point_to_point_icp(torch.from_numpy(source), torch.from_numpy(target))
    return Refinement(
        similarity=Similarity(
            similarity.scale,
            icp.rotation @ similarity.rotation,
            icp.rotation @ similarity.translation + icp.translation,
            is_weak=similarity.is_weak,
        ),
        icp=icp,
        source_points=len(source),
        target_points=len(target),
    )


def _at_most(count: int, points: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    if len(points) <= count:
        return points
    return points[np.sort(np.random.default_rng(seed).choice(len(points), count, replace=False))]


def finite_or_none(value: float) -> float | None:
    """The value as a report can hold it: JSON knows neither NaN nor infinity."""
    return float(value) if np.isfinite(value) else None
