"""Similarities and ICP: recovered exactly, refused when undetermined, undisturbed by a minority."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from fast3dis_core.errors import GeometryError
from fast3dis_core.geometry.alignment import (
    point_to_point_icp,
    rotation_from_orientations,
    umeyama,
    umeyama_ransac,
)
from fast3dis_core.geometry.cameras import homogeneous, invert_rigid
from tests.conftest import golden_folder

seeds = st.integers(0, 2**32 - 1)
IDENTITY = torch.eye(3, dtype=torch.float64)


def random_similarity(random):
    rotation = torch.from_numpy(Rotation.random(random_state=random.integers(2**31)).as_matrix())
    return float(np.exp(random.normal())), rotation, torch.from_numpy(random.normal(size=3) * 5)


def angle_between(a, b):
    return Rotation.from_matrix((a.mT @ b).numpy()).magnitude()


def pytest_generate_tests(metafunc):
    if "umeyama_case" in metafunc.fixturenames:
        path = golden_folder(metafunc.config, "align") / "umeyama.json"
        cases = json.loads(path.read_text()) if path.exists() else []
        metafunc.parametrize("umeyama_case", [pytest.param(case, id=case["name"]) for case in cases])


def test_umeyama_golden(umeyama_case):
    case = umeyama_case
    source, target = (torch.tensor(case[name], dtype=torch.float64) for name in ("src", "dst"))
    if case["degenerate"]:
        with pytest.raises(GeometryError, match=r"line|at least 3"):
            umeyama(source, target)
        return
    result = umeyama(source, target)
    assert float(result.scale) == pytest.approx(case["scale"], rel=1e-6)
    assert angle_between(result.rotation, torch.tensor(case["rotation"], dtype=torch.float64)) < 1e-5
    error = (result.transform(source) - target).square().sum(dim=1).mean().sqrt()
    assert float(error) == pytest.approx(case["rmse"], rel=1e-5, abs=1e-7)
    translation = torch.tensor(case["translation"], dtype=torch.float64)
    torch.testing.assert_close(result.translation, translation, rtol=1e-5, atol=1e-5)
    assert result.is_weak == (case["name"] == "nearly_collinear")


@settings(max_examples=50, deadline=None)
@given(seeds, st.integers(4, 30))
def test_a_similarity_is_recovered(seed, count):
    random = np.random.default_rng(seed)
    scale, rotation, translation = random_similarity(random)
    source = torch.from_numpy(random.normal(size=(count, 3)))
    result = umeyama(source, scale * source @ rotation.mT + translation)
    assert float(result.scale) == pytest.approx(scale, rel=1e-9)
    torch.testing.assert_close(result.rotation, rotation, rtol=0, atol=1e-8)
    torch.testing.assert_close(result.translation, translation, rtol=0, atol=1e-8)


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_a_mirror_image_is_matched_by_a_rotation(seed):
    random = np.random.default_rng(seed)
    source = torch.from_numpy(random.normal(size=(8, 3)))
    result = umeyama(source, source * torch.tensor([1.0, 1.0, -1.0]))
    torch.testing.assert_close(result.rotation @ result.rotation.mT, IDENTITY, rtol=0, atol=1e-10)
    assert float(torch.linalg.det(result.rotation)) == pytest.approx(1.0)


def test_without_scale_the_motion_is_rigid():
    random = np.random.default_rng(0)
    source = torch.from_numpy(random.normal(size=(6, 3)))
    result = umeyama(source, 3 * source, with_scale=False)
    assert float(result.scale) == 1.0
    torch.testing.assert_close(result.rotation, IDENTITY, rtol=0, atol=1e-10)


@settings(max_examples=20, deadline=None)
@given(seeds)
def test_cameras_move_with_their_points(seed):
    random = np.random.default_rng(seed)
    scale, rotation, translation = random_similarity(random)
    points = torch.from_numpy(random.normal(size=(9, 3)))
    similarity = umeyama(points, scale * points @ rotation.mT + translation)
    _, camera_rotation, camera_translation = random_similarity(random)
    camera = homogeneous(torch.cat([camera_rotation, camera_translation[:, None]], dim=1))
    moved = similarity.move_cameras(camera)
    seen_before = points @ camera[:3, :3].mT + camera[:3, 3]
    seen_after = similarity.transform(points) @ moved[:3, :3].mT + moved[:3, 3]
    torch.testing.assert_close(seen_after, scale * seen_before, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    "source",
    [
        torch.zeros(5, 3),
        torch.linspace(0, 1, 5)[:, None] * torch.tensor([1.0, 2.0, 3.0]),
        torch.tensor([[0.0, 0, 0], [1, 0, 0]]),
        torch.full((4, 3), float("nan")),
    ],
    ids=["coincident", "collinear", "two", "nan"],
)
def test_undetermined_alignments_are_refused(source):
    with pytest.raises(GeometryError):
        umeyama(source, source)


def test_ransac_is_undisturbed_by_a_minority():
    random = np.random.default_rng(1)
    scale, rotation, translation = random_similarity(random)
    source = torch.from_numpy(random.normal(size=(20, 3)))
    target = scale * source @ rotation.mT + translation
    target[:4] += torch.from_numpy(random.normal(size=(4, 3))) * 50
    result = umeyama_ransac(source, target, draws=200, sample_size=4, inlier_radius=0.1)
    assert float(result.scale) == pytest.approx(scale, rel=1e-8)
    torch.testing.assert_close(result.rotation, rotation, rtol=0, atol=1e-7)
    repeated = umeyama_ransac(source, target, draws=200, sample_size=4, inlier_radius=0.1)
    assert torch.equal(repeated.rotation, result.rotation)
    assert abs(float(umeyama(source, target).scale) / scale - 1) > 0.01  # the plain one is disturbed


@settings(max_examples=20, deadline=None)
@given(seeds, st.integers(1, 5))
def test_orientations_give_the_rotation_between_worlds(seed, count):
    random = np.random.default_rng(seed)
    source = torch.from_numpy(Rotation.random(count, random_state=random.integers(2**31)).as_matrix())
    _, rotation, _ = random_similarity(random)
    torch.testing.assert_close(rotation_from_orientations(source, rotation @ source), rotation, rtol=0, atol=1e-9)


def surface(count, seed):
    """Points on a bumpy closed surface, which no rigid motion maps to itself."""
    random = np.random.default_rng(seed)
    direction = random.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    radius = 1 + 0.3 * np.sin(3 * direction[:, :1]) + 0.2 * np.cos(5 * direction[:, 1:2] + direction[:, 2:])
    return torch.from_numpy(direction * radius)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_icp_undoes_a_small_motion(seed):
    target = surface(4000, seed)
    turn = Rotation.from_rotvec(np.random.default_rng(seed).normal(size=3) * 0.015)
    motion = homogeneous(torch.from_numpy(np.c_[turn.as_matrix(), [0.02, -0.01, 0.03]]))
    source = target[::3] @ motion[:3, :3].mT + motion[:3, 3]
    result = point_to_point_icp(source, target)
    inverse = invert_rigid(motion)
    assert result.accepted
    torch.testing.assert_close(result.rotation, inverse[:3, :3], rtol=0, atol=1e-4)
    torch.testing.assert_close(result.translation, inverse[:3, 3], rtol=0, atol=1e-4)
    assert result.inlier_fraction_after == 1.0
    assert result.rmse_after < 1e-4 < result.rmse_before


def test_icp_refuses_a_large_motion():
    target = surface(3000, 0)
    turn = torch.from_numpy(Rotation.from_rotvec([0, 0, 0.12]).as_matrix())
    result = point_to_point_icp(target @ turn.mT, target, maximum_rotation=1.0)
    assert not result.accepted
    assert torch.equal(result.rotation, IDENTITY)
    assert torch.equal(result.translation, torch.zeros(3, dtype=torch.float64))


def test_icp_of_clouds_far_apart_changes_nothing():
    cloud = surface(100, 0)
    result = point_to_point_icp(cloud + 100, cloud)
    assert torch.equal(result.rotation, IDENTITY)
    assert result.inlier_fraction_before == result.inlier_fraction_after == 0.0
    assert result.iterations == 0


@pytest.mark.parametrize("bad", [torch.zeros(0, 3), torch.full((5, 3), float("inf"))], ids=["empty", "infinite"])
def test_icp_says_what_is_wrong_with_a_cloud(bad):
    with pytest.raises(GeometryError, match="target cloud"):
        point_to_point_icp(surface(10, 0), bad)
