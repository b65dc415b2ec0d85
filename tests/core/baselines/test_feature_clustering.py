"""Clustering of features: planted groups are found, smoothing is the mean of neighbors, every pixel has an owner."""

import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.baselines.feature_clustering import (
    CLUSTERING,
    FILLING,
    SMOOTHING,
    ClusteringSettings,
    cluster_features,
    smooth_features,
)
from fast3dis_core.errors import Cancelled, ConfigError

FEW = ClusteringSettings(neighbors=4, epsilon=0.0, min_samples=10, min_cluster_size=60)


def planted(noise=0.02, borders=(6, 12, 18), views=2, side=24, seed=0):
    """Vertical stripes: each has a direction in feature space and a place of its own, the same in all views."""
    rng = np.random.default_rng(seed)
    truth = np.broadcast_to(np.digitize(np.arange(side), borders), (views, side, side))
    features = np.eye(8)[truth] + noise * rng.normal(size=(views, side, side, 8))
    scale = rng.uniform(0.5, 3.0, size=(views, side, side, 1))  # lengths carry nothing
    points = np.stack([truth * 3.0, *rng.uniform(0, 1, size=(2, views, side, side))], axis=-1)
    return torch.from_numpy(features * scale).float(), torch.from_numpy(points).float(), truth


def same_partition(found, truth):
    pairs = np.unique(np.stack([found.ravel(), truth.ravel()]), axis=1)
    return pairs.shape[1] == len(np.unique(found)) == len(np.unique(truth))


def test_planted_groups_are_found():
    features, points, truth = planted()
    found = cluster_features(features, points, settings=FEW)
    assert (found.count, found.clustered) == (4, truth.size)
    assert found.labels.dtype == np.int32
    assert same_partition(found.labels, truth)


def test_a_random_part_gives_the_same_groups_and_the_same_twice():
    features, points, truth = planted()
    part = ClusteringSettings(**{**vars(FEW), "most_points": 400})
    found = cluster_features(features, points, settings=part)
    assert found.clustered == 400
    assert same_partition(found.labels, truth)
    np.testing.assert_array_equal(found.labels, cluster_features(features, points, settings=part).labels)


def test_labels_fall_in_size():
    features, points, truth = planted(borders=(4, 16))
    found = cluster_features(features, points, settings=FEW)
    assert np.bincount(found.labels.ravel()).tolist() == [576, 384, 192]
    assert same_partition(found.labels, truth)


def test_smoothing_mends_a_wrong_feature():
    features, points, truth = planted(noise=0.0)
    features[0, 5, 3] = features[0, 5, -1]  # one pixel of the first stripe looks like the last
    assert same_partition(cluster_features(features, points, settings=FEW).labels, truth)


def test_noise_goes_to_the_nearest_feature():
    features, points, truth = planted(noise=0.0)
    lost = torch.tensor([1.0, 0.4, 0, 0, 0, 0, 0, 0])
    features[1, 7, 20] = lost
    points[1, 7, 20] = torch.nan  # no place, so not smoothed
    found = cluster_features(features, points, settings=FEW)
    assert found.labels[1, 7, 20] == found.labels[0, 0, 0]
    expected = truth.copy()
    expected[1, 7, 20] = 0
    assert same_partition(found.labels, expected)


def test_nothing_but_noise_is_one_label():
    found = cluster_features(torch.randn(1, 4, 5, 3), torch.rand(1, 4, 5, 3))
    assert (found.count, found.noise_share) == (1, 1.0)
    assert (found.labels == 0).all()


@settings(max_examples=30, deadline=None)
@given(
    count=st.integers(1, 40),
    neighbors=st.integers(1, 8),
    places=st.integers(1, 40),  # few places: many points coincide
    seed=st.integers(0, 2**16),
)
def test_smoothing_is_the_mean_of_the_nearest_others(count, neighbors, places, seed):
    rng = np.random.default_rng(seed)
    points = torch.from_numpy(rng.normal(size=(places, 3))[rng.integers(0, places, count)])
    features = torch.from_numpy(rng.normal(size=(count, 2)))
    smooth = smooth_features(features, points, neighbors=neighbors)
    if count == 1:
        torch.testing.assert_close(smooth, features)
        return
    distance = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    distance.fill_diagonal_(torch.inf)
    k = min(neighbors, count - 1)
    limit = distance.sort(dim=1).values[:, k - 1]
    for row in range(count):
        sure = distance[row] < limit[row] - 1e-12
        tied = (distance[row] - limit[row]).abs() <= 1e-12
        if int(sure.sum() + tied.sum()) == k:
            torch.testing.assert_close(smooth[row], features[sure | tied].mean(0))
        else:  # which of several equally near ones is open, but never the point itself
            rest = smooth[row] * k - features[sure].sum(0)
            low, high = features[tied].amin(0), features[tied].amax(0)
            missing = k - int(sure.sum())
            assert ((rest >= missing * low - 1e-9) & (rest <= missing * high + 1e-9)).all()


def test_steps_are_reported_and_can_be_stopped():
    features, points, _ = planted()
    steps = []
    cluster_features(features, points, settings=FEW, report=lambda step, fraction: steps.append(step))
    assert list(dict.fromkeys(steps)) == [SMOOTHING, CLUSTERING, FILLING]

    def stop(step, fraction):
        if step == CLUSTERING:
            raise Cancelled

    with pytest.raises(Cancelled):
        cluster_features(features, points, settings=FEW, report=stop)


def test_refusals(monkeypatch):
    with pytest.raises(ValueError, match="expects features"):
        cluster_features(torch.zeros(1, 2, 2, 3), torch.zeros(1, 2, 3, 3))
    monkeypatch.setitem(sys.modules, "hdbscan", None)
    with pytest.raises(ConfigError, match=r"fast3dis-viewer\[baselines\]"):
        cluster_features(*planted()[:2])
