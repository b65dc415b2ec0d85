"""Post-hoc clustering of per-pixel features, the paradigm of IGGT (paper 4.1): no queries, no masks.

Features of all pixels of all views are smoothed over their neighbors in 3D, clustered together with HDBSCAN, and
pixels that the clustering calls noise go to their nearest clustered pixel. So every pixel has an owner, walls
included. On our own mask features it is an ablation: the same features with and without queries.

Clustering is close to quadratic in the number of points. Large scenes are clustered on a random part of their
pixels, the others are filled in as noise is; sizes given in pixels shrink with that part.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn import functional

from fast3dis_core.errors import ConfigError
from fast3dis_core.geometry.neighbors import nearest_others
from fast3dis_core.progress import Report, silent

SMOOTHING, CLUSTERING, FILLING = "Smoothing features", "Clustering features", "Filling in pixels"  # steps reported
LEAST_CLUSTER = 20  # points, however small the clustered part is
LEAST_SAMPLES = 5
_SMOOTHED = 1 << 14  # pixels whose neighbors are gathered at a time
_COMPARED = 1 << 26  # feature distances held at a time


@dataclass(frozen=True, kw_only=True)
class ClusteringSettings:
    """Settings of IGGT's published demo, its preset for large objects.

    Attributes
    ----------
    neighbors : int
        Pixels a feature is averaged over, nearest in 3D, itself left out.
    epsilon : float
        `cluster_selection_epsilon`: clusters nearer than this are one.
    min_samples : int
        Density estimate, in pixels of the whole scene.
    min_cluster_size : int
        In pixels of the whole scene.
    most_points : int
        Largest number of pixels that are clustered; not of the demo, which takes all.
    seed : int
        Of the choice of these pixels.
    """

    neighbors: int = 20
    epsilon: float = 0.06
    min_samples: int = 100
    min_cluster_size: int = 500
    most_points: int = 50_000
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class FeatureClusters:
    """A label for every pixel.

    Attributes
    ----------
    labels : array (S, H, W) int32
        0 to `count` - 1, the largest cluster first.
    count : int
    clustered : int
        Pixels that took part in the clustering itself.
    noise_share : float
        Share of these that it called noise.
    """

    labels: NDArray[np.int32]
    count: int
    clustered: int
    noise_share: float


def cluster_features(
    features: Tensor, points: Tensor, *, settings: ClusteringSettings | None = None, report: Report = silent
) -> FeatureClusters:
    """Instances from features and positions alone.

    Parameters
    ----------
    features : Tensor (S, H, W, D)
        Any scale; every feature is brought to length 1. Averages and distances are computed on its device.
    points : Tensor (S, H, W, 3)
        World. Pixels without a finite point keep their own feature.
    settings : ClusteringSettings, optional
    report : Report

    Returns
    -------
    FeatureClusters

    Raises
    ------
    ConfigError
        If the package hdbscan is not installed.
    Cancelled
        If `report` says so.
    """
    if features.ndim != 4 or points.shape != (*features.shape[:3], 3):
        raise ValueError(
            f"cluster_features expects features (S, H, W, D) and points (S, H, W, 3), found {tuple(features.shape)} "
            f"and {tuple(points.shape)}"
        )
    settings = settings or ClusteringSettings()
    hdbscan = load_hdbscan()
    flat = functional.normalize(features.float().flatten(0, 2), dim=-1)  # (P, D)
    smooth = smooth_features(flat, points.flatten(0, 2), neighbors=settings.neighbors, report=report)
    report(CLUSTERING, 0.0)
    count = len(smooth)
    chosen = np.arange(count)
    if count > settings.most_points:
        chosen = np.sort(np.random.default_rng(settings.seed).choice(count, settings.most_points, replace=False))
    part = smooth[torch.from_numpy(chosen).to(smooth.device)]
    found = _cluster(hdbscan, part.cpu().numpy(), settings, share=len(chosen) / count)
    report(CLUSTERING, 1.0)
    labels = np.full(count, -1, np.int64)
    labels[chosen] = found
    labels = _filled(smooth, labels, report)
    sizes = np.bincount(labels)
    rank = np.empty(len(sizes), np.int32)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return FeatureClusters(
        labels=rank[labels].reshape(features.shape[:3]),
        count=len(sizes),
        clustered=len(chosen),
        noise_share=float((found < 0).mean()),
    )


def smooth_features(features: Tensor, points: Tensor, *, neighbors: int, report: Report = silent) -> Tensor:
    """Mean over the nearest neighbors in 3D, the pixel itself left out; not brought to length 1 again.

    Parameters
    ----------
    features : Tensor (P, D)
    points : Tensor (P, 3)
    neighbors : int
        Fewer where there are not so many other points.
    report : Report

    Returns
    -------
    Tensor (P, D)
    """
    places = points.detach().cpu().double().numpy()
    known = np.flatnonzero(np.isfinite(places).all(axis=1))
    smooth = features.clone()
    count = min(neighbors, len(known) - 1)
    if count < 1:
        return smooth
    tree = cKDTree(places[known])
    for first in range(0, len(known), _SMOOTHED):
        report(SMOOTHING, first / len(known))
        own = np.arange(first, min(first + _SMOOTHED, len(known)))
        others = known[nearest_others(tree, own, count)]  # (n, k)
        index = torch.from_numpy(others).to(features.device)
        smooth[torch.from_numpy(known[own]).to(features.device)] = features[index].mean(dim=1)
    report(SMOOTHING, 1.0)
    return smooth


def _cluster(
    hdbscan: Any, features: NDArray[np.float32], settings: ClusteringSettings, *, share: float
) -> NDArray[np.int64]:
    """HDBSCAN labels (n,), -1 for noise; `share` is the clustered part of all pixels."""
    least = max(LEAST_CLUSTER, round(settings.min_cluster_size * share))
    samples = max(LEAST_SAMPLES, round(settings.min_samples * share))
    if len(features) <= max(least, samples):
        return np.full(len(features), -1)  # too few points for one cluster
    clustering = hdbscan.HDBSCAN(
        min_cluster_size=least,
        min_samples=samples,
        cluster_selection_epsilon=settings.epsilon,
        allow_single_cluster=False,
        core_dist_n_jobs=1,  # no processes of its own
    )
    return np.asarray(clustering.fit_predict(features), np.int64)


def _filled(features: Tensor, labels: NDArray[np.int64], report: Report) -> NDArray[np.int64]:
    """Give every pixel without a label that of the nearest labelled feature; one label 0 if there is none."""
    labelled, empty = np.flatnonzero(labels >= 0), np.flatnonzero(labels < 0)
    if not len(labelled):
        return np.zeros_like(labels)
    report(FILLING, 0.0)
    index = torch.from_numpy(labelled).to(features.device)
    known = features[index]  # (n, D)
    lengths = known.square().sum(dim=1)
    filled = labels.copy()
    step = max(1, _COMPARED // len(labelled))
    for first in range(0, len(empty), step):
        report(FILLING, first / len(empty))
        rows = empty[first : first + step]
        asked = features[torch.from_numpy(rows).to(features.device)]
        nearest = torch.addmm(lengths, asked, known.T, alpha=-2).argmin(dim=1)  # distance but for |asked|^2
        filled[rows] = labels[labelled[nearest.cpu().numpy()]]
    report(FILLING, 1.0)
    return filled


def load_hdbscan() -> Any:
    """The module hdbscan.

    Raises
    ------
    ConfigError
        If it is not installed.
    """
    try:
        import hdbscan
    except ImportError as error:
        raise ConfigError(
            "Clustering needs the package hdbscan, which is not installed: expected the extra `baselines`; "
            'run pip install "fast3dis-viewer[baselines]".'
        ) from error
    return hdbscan
