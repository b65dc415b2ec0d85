"""Instances from positions alone: HDBSCAN over a thinned cloud. Paper section 4.1, its weakest baseline.

Nothing but distance separates objects here, so furniture joins the floor it stands on. Clusters are those of the
package hdbscan; this module thins, translates its convention for `min_samples`, and gives all points of a voxel its
label.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fast3dis_core.baselines.feature_clustering import load_hdbscan
from fast3dis_core.baselines.point_instances import NO_INSTANCE, PointInstances, ranked_labels
from fast3dis_core.errors import ConfigError, GeometryError
from fast3dis_core.geometry.neighbors import ThinnedPoints, thin_voxels
from fast3dis_core.progress import Report, silent

THINNING, CLUSTERING = "Thinning points", "Clustering points"  # steps reported
Score = Literal["one", "persistence"]

_COARSER = 1.02  # least growth of a voxel that leaves too many points


@dataclass(frozen=True, kw_only=True)
class GeometrySettings:
    """How points are thinned and clustered.

    Attributes
    ----------
    voxel : float
        Edge, meters; it grows until no more than `most_points` are left.
    most_points : int
        Clustered at most; time grows faster than their number.
    min_cluster_size : int
        Thinned points below which a group is noise.
    min_samples : int
        Points whose distance tells the density, the point itself counted, as in scikit-learn.
    score : {"one", "persistence"}
        Every instance 1, as usual for methods without scores; or the mean probability of its thinned points.
    """

    voxel: float = 0.04
    most_points: int = 100_000
    min_cluster_size: int = 50
    min_samples: int = 10
    score: Score = "one"

    def __post_init__(self) -> None:
        if not (self.voxel > 0 and self.most_points > 0) or self.score not in get_args(Score):
            raise ConfigError(
                f"Clustering of points: expected a voxel and a number of points above 0 and a score of "
                f"{', '.join(get_args(Score))}, found {self.voxel}, {self.most_points} and {self.score!r}."
            )


@dataclass(frozen=True, kw_only=True)
class DensityClusters:
    """What HDBSCAN says of each point.

    Attributes
    ----------
    labels : array (n,) int64
        0 or more; -1 = noise.
    probabilities : array (n,) float64
        How firmly a point belongs to its cluster, in [0, 1].
    """

    labels: NDArray[np.int64]
    probabilities: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class GeometryInstances:
    """Instances, and what they were made from.

    Attributes
    ----------
    instances : PointInstances
        Of all points; noise has none.
    voxel : float
        Edge that was used, meters.
    clustered : int
        Points left by thinning.
    noise_share : float
        Share of them that are noise.
    """

    instances: PointInstances
    voxel: float
    clustered: int
    noise_share: float


def cluster_geometry(
    points: ArrayLike, *, settings: GeometrySettings | None = None, report: Report = silent
) -> GeometryInstances:
    """Instances of a scan or of a predicted cloud.

    Parameters
    ----------
    points : array (P, 3)
        Meters: vertices of a scan, or predicted points once they are aligned.
    settings : GeometrySettings, optional
    report : Report

    Returns
    -------
    GeometryInstances

    Raises
    ------
    ConfigError
        If the package hdbscan is not installed, or a setting is out of its range.
    GeometryError
        If there is no point, or one is not finite.
    Cancelled
        If `report` says so.
    """
    settings = settings or GeometrySettings()
    cloud = np.asarray(points, np.float64).reshape(-1, 3)
    if not len(cloud):
        raise GeometryError("Clustering expects points, found none: choose another scene or a lower confidence.")
    report(THINNING, 0.0)
    thinned, voxel = _thinned(cloud, settings)
    report(CLUSTERING, 0.0)
    found = density_clusters(
        thinned.points, min_cluster_size=settings.min_cluster_size, min_samples=settings.min_samples
    )
    report(CLUSTERING, 1.0)
    labels, values = ranked_labels(found.labels[thinned.members])
    scores = np.ones(len(values), np.float32)
    if settings.score == "persistence":
        scores = np.array([found.probabilities[found.labels == value].mean() for value in values], np.float32)
    return GeometryInstances(
        instances=PointInstances(labels=labels, scores=scores),
        voxel=voxel,
        clustered=len(thinned.points),
        noise_share=float((found.labels == NO_INSTANCE).mean()),
    )


def density_clusters(
    points: ArrayLike,
    *,
    min_cluster_size: int,
    min_samples: int,
    epsilon: float = 0.0,
    allow_single_cluster: bool = False,
) -> DensityClusters:
    """HDBSCAN with excess of mass, on an exact spanning tree.

    Parameters
    ----------
    points : array (n, D)
    min_cluster_size : int
        At least 2.
    min_samples : int
        At least 2; the point itself is counted.
    epsilon : float
        Clusters nearer than this are one.
    allow_single_cluster : bool

    Returns
    -------
    DensityClusters

    Raises
    ------
    ConfigError
        If the package hdbscan is not installed, or a number is too small.
    """
    if min_cluster_size < 2 or min_samples < 2 or epsilon < 0:
        raise ConfigError(
            f"HDBSCAN: expected sizes of at least 2 and an epsilon of 0 or more, found min_cluster_size "
            f"{min_cluster_size}, min_samples {min_samples} and epsilon {epsilon}."
        )
    hdbscan = load_hdbscan()
    cloud = np.asarray(points, np.float64)
    if len(cloud) < min_cluster_size:  # the package refuses some of these
        return DensityClusters(labels=np.full(len(cloud), NO_INSTANCE), probabilities=np.zeros(len(cloud)))
    clustering = hdbscan.HDBSCAN(
        min_cluster_size=min_cluster_size,
        min_samples=min_samples - 1,  # the package does not count the point itself
        cluster_selection_epsilon=float(epsilon),
        allow_single_cluster=allow_single_cluster,
        approx_min_span_tree=False,
        core_dist_n_jobs=1,  # no processes of its own
    ).fit(cloud)
    return DensityClusters(
        labels=np.asarray(clustering.labels_, np.int64),
        probabilities=np.asarray(clustering.probabilities_, np.float64),
    )


def _thinned(cloud: NDArray[np.float64], settings: GeometrySettings) -> tuple[ThinnedPoints, float]:
    """Thinned points and the voxel's edge, larger than asked for if there are too many."""
    voxel = settings.voxel
    thinned = thin_voxels(cloud, voxel)
    while len(thinned.points) > settings.most_points:
        # points lie on surfaces, so that their number falls with the square of the edge
        voxel *= max(_COARSER, float(np.sqrt(len(thinned.points) / settings.most_points)))
        thinned = thin_voxels(cloud, voxel)
    return thinned, voxel
