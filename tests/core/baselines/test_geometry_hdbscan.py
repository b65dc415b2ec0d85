"""Clustering of positions: partitions two libraries agree on, members follow their voxel, touching things merge."""

import json
import sys

import numpy as np
import pytest

from fast3dis_core.baselines.geometry_hdbscan import (
    CLUSTERING,
    THINNING,
    GeometrySettings,
    cluster_geometry,
    density_clusters,
)
from fast3dis_core.errors import Cancelled, ConfigError, GeometryError
from fast3dis_core.evaluation.average_precision import average_precision
from tests.conftest import golden_folder


def pytest_generate_tests(metafunc):
    if "hdbscan_case" in metafunc.fixturenames:
        path = golden_folder(metafunc.config, "hdbscan") / "hdbscan.json"
        cases = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        metafunc.parametrize("hdbscan_case", [pytest.param(case, id=case["name"]) for case in cases])


def assert_same_partition(found, expected):
    found, expected = np.asarray(found), np.asarray(expected)
    np.testing.assert_array_equal(found == -1, expected == -1)
    pairs = np.unique(np.stack([found, expected]), axis=1)
    assert pairs.shape[1] == len(np.unique(found)) == len(np.unique(expected))


def test_golden(hdbscan_case):
    case = hdbscan_case
    found = density_clusters(
        case["points"],
        min_cluster_size=case["min_cluster_size"],
        min_samples=case["min_samples_including_self"],
        epsilon=case["cluster_selection_epsilon"],
        allow_single_cluster=case["allow_single_cluster"],
    )
    assert_same_partition(found.labels, case["labels"])
    np.testing.assert_allclose(found.probabilities, case["probabilities"], atol=1e-6)


def test_shipped_cases_are_all_there(shipped_golden):
    assert len(json.loads((shipped_golden / "hdbscan/hdbscan.json").read_text())) == 8


def balls(random, centers, count=1500, radius=0.3):
    directions = random.normal(size=(len(centers), count, 3))
    directions *= radius / np.linalg.norm(directions, axis=-1, keepdims=True)
    return (directions + np.asarray(centers)[:, None]).reshape(-1, 3), np.repeat(np.arange(len(centers)), count)


def test_separate_things_are_found_whole_whatever_the_order():
    random = np.random.default_rng(0)
    points, truth = balls(random, [[0, 0, 0], [1.5, 0, 0], [0, 2, 0.5]])
    order = random.permutation(len(points))
    found = cluster_geometry(points[order])
    assert_same_partition(found.instances.labels, truth[order])
    assert found.instances.labels.dtype == np.int32
    assert found.instances.scores.tolist() == [1, 1, 1]
    assert found.clustered < len(points)
    assert (found.voxel, found.noise_share) == (0.04, 0.0)
    masks, scores = found.instances.masks(least=100)
    figures = average_precision([{"gt_ids": truth[order] + 1001, "masks": masks, "scores": scores}])
    assert figures["ap"] == 1.0


def test_touching_things_are_one_and_stray_points_none():
    random = np.random.default_rng(0)
    points, _ = balls(random, [[0, 0, 0], [0.6, 0, 0], [3, 0, 0]])
    stray = random.uniform(5, 9, (20, 3))
    found = cluster_geometry(np.concatenate([points, stray]))
    labels = found.instances.labels
    assert len(found.instances.scores) == 2
    assert len(np.unique(labels[:3000])) == 1
    assert (labels[-20:] == -1).all()
    assert np.bincount(labels[labels >= 0]).tolist() == [3000, 1500]
    assert found.noise_share == pytest.approx(20 / found.clustered)


def test_members_have_the_label_of_their_voxel():
    points, _ = balls(np.random.default_rng(0), [[0.5, 0.5, 0.5], [3, 0, 0]], count=4000)
    found = cluster_geometry(points, settings=GeometrySettings(voxel=0.1))
    _, voxels = np.unique(np.floor(points / 0.1), axis=0, return_inverse=True)
    assert found.clustered == voxels.max() + 1
    for voxel in range(found.clustered):
        assert len(np.unique(found.instances.labels[voxels.ravel() == voxel])) == 1


def test_too_many_points_are_thinned_more():
    points, truth = balls(np.random.default_rng(0), [[0, 0, 0], [2, 0, 0]], count=6000)
    found = cluster_geometry(points, settings=GeometrySettings(voxel=0.01, most_points=700))
    assert 350 < found.clustered <= 700
    assert found.voxel > 0.01
    assert_same_partition(found.instances.labels, truth)


def test_persistence_is_a_score_between_0_and_1():
    points, _ = balls(np.random.default_rng(0), [[0, 0, 0], [2, 0, 0]])
    sure, graded = (
        cluster_geometry(points, settings=GeometrySettings(score=score)).instances for score in ("one", "persistence")
    )
    np.testing.assert_array_equal(sure.labels, graded.labels)
    assert (sure.scores == 1).all()
    assert ((graded.scores > 0.2) & (graded.scores < 1)).all()


def test_few_points_are_noise():
    found = cluster_geometry(np.random.default_rng(0).normal(size=(30, 3)))
    assert len(found.instances.scores) == 0
    assert (found.instances.labels == -1).all()
    assert found.instances.masks()[0].shape == (0, 30)


def test_progress_and_refusals(monkeypatch):
    points, _ = balls(np.random.default_rng(0), [[0, 0, 0]], count=300)
    steps = []
    cluster_geometry(points, report=lambda step, fraction: steps.append(step))
    assert list(dict.fromkeys(steps)) == [THINNING, CLUSTERING]

    def stop(step, fraction):
        raise Cancelled

    with pytest.raises(Cancelled):
        cluster_geometry(points, report=stop)
    with pytest.raises(GeometryError, match="found none"):
        cluster_geometry(np.zeros((0, 3)))
    with pytest.raises(GeometryError, match="1 of 2 with NaN"):
        cluster_geometry([[0, 0, 0], [np.inf, 0, 0]])
    with pytest.raises(ConfigError, match="persistence, found"):
        GeometrySettings(score="stability")
    with pytest.raises(ConfigError, match="at least 2"):
        density_clusters(points, min_cluster_size=5, min_samples=1)
    monkeypatch.setitem(sys.modules, "hdbscan", None)
    with pytest.raises(ConfigError, match=r"fast3dis-viewer\[baselines\]"):
        cluster_geometry(points)
