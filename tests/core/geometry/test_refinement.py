"""Refinement on a surface: a known error is taken out, a wild one is left, and little overlap gives no NaN."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from fast3dis_core.errors import GeometryError
from fast3dis_core.geometry import refinement
from fast3dis_core.geometry.alignment import Similarity
from fast3dis_core.geometry.refinement import refine_on_surface

seeds = st.integers(0, 2**32 - 1)


def room(random, count=3000):
    """Points on a floor, two walls and a box: meters, no symmetry."""
    flat = random.uniform(0, 1, (count, 2))
    zero = np.zeros(count)
    sides = [
        np.c_[flat[:, 0] * 3, flat[:, 1] * 2, zero],
        np.c_[flat[::-1, 0] * 3, zero, flat[:, 1] * 1.5],
        np.c_[zero, flat[::-1, 1] * 2, flat[:, 0] * 1.5],
        np.c_[1 + 0.5 * flat[:, 1], 0.7 + 0.4 * flat[:, 0], 0.6 + zero],
        np.c_[1 + 0.5 * flat[:, 0], 0.7 + zero, 0.6 * flat[:, 1]],
    ]
    return np.concatenate([side[part::5] for part, side in enumerate(sides)])


def similarity(scale, turn, shift):
    return Similarity(
        torch.tensor(float(scale), dtype=torch.float64),
        torch.from_numpy(Rotation.from_rotvec(turn).as_matrix()),
        torch.as_tensor(np.asarray(shift, np.float64)),
    )


def inverse(similarity):
    rotation = similarity.rotation.mT
    return Similarity(1 / similarity.scale, rotation, -(rotation @ similarity.translation) / similarity.scale)


@settings(max_examples=10, deadline=None)
@given(seed=seeds, scale=st.floats(0.3, 3.0))
def test_a_small_rigid_error_is_taken_out(seed, scale):
    random = np.random.default_rng(seed)
    surface = room(random)
    world = similarity(scale, random.normal(size=3), random.normal(size=3))
    points = inverse(world).transform(torch.from_numpy(surface[::2])).numpy()  # the predicted world
    error = similarity(1, random.uniform(-1, 1, 3) * 0.012, random.uniform(-1, 1, 3) * 0.03)
    start = Similarity(
        world.scale, error.rotation @ world.rotation, error.rotation @ world.translation + error.translation
    )
    before = np.abs(start.transform(torch.from_numpy(points)).numpy() - surface[::2]).max()
    found = refine_on_surface(start, points, surface)
    after = np.abs(found.similarity.transform(torch.from_numpy(points)).numpy() - surface[::2]).max()
    assert found.icp.accepted
    assert after < 4e-3  # a fifth of a voxel
    assert after < before / 2 or before < 8e-3
    assert found.similarity.scale == world.scale
    assert found.icp.inlier_fraction_after >= found.icp.inlier_fraction_before


@pytest.mark.parametrize(
    ("turn", "shift"), [([0, 0, np.radians(14)], [0, 0, 0]), ([0, 0, 0], [0.55, 0, 0])], ids=["turned", "shifted"]
)
def test_a_large_motion_is_not_kept(turn, shift, monkeypatch):
    surface = room(np.random.default_rng(0))
    middle = surface.mean(axis=0)
    turn = Rotation.from_rotvec(turn).as_matrix()
    start = Similarity(
        torch.ones((), dtype=torch.float64), torch.from_numpy(turn), torch.from_numpy(middle - turn @ middle + shift)
    )

    def far_reaching(source, target):
        return original(source, target, distances=(1.0, 0.4, 0.2, 0.05), iterations=60)

    original = refinement.point_to_point_icp
    monkeypatch.setattr(refinement, "point_to_point_icp", far_reaching)
    found = refine_on_surface(start, surface, surface)
    assert found.icp.inlier_fraction_after > found.icp.inlier_fraction_before + 0.3  # it found the way back
    assert found.icp.rotation_degrees > 10 or found.icp.shift > 0.5
    assert not found.icp.accepted
    assert torch.equal(found.similarity.rotation, start.rotation)
    assert torch.equal(found.similarity.translation, start.translation)


def test_a_motion_that_loses_inliers_is_not_kept(monkeypatch):
    surface = room(np.random.default_rng(0))
    start = similarity(1, [0, 0, 0], [0, 0, 0])
    # many points 15 cm off pull the few good ones away in the first stage, and the last one cannot come back
    off = np.concatenate([surface[::8], surface[1::2] + np.array([0.1, 0.1, 0.13])])
    original = refinement.point_to_point_icp
    monkeypatch.setattr(
        refinement, "point_to_point_icp", lambda source, target: original(source, target, distances=(0.3, 1e-3))
    )
    found = refine_on_surface(start, off, surface)
    assert found.icp.inlier_fraction_after < found.icp.inlier_fraction_before
    assert not found.icp.accepted
    assert torch.equal(found.similarity.rotation, start.rotation)


@settings(max_examples=30, deadline=None)
@given(seed=seeds, near=st.integers(0, 4), count=st.integers(1, 30))
def test_little_or_no_overlap_gives_finite_figures(seed, near, count):
    random = np.random.default_rng(seed)
    surface = random.uniform(0, 1, (40, 3))
    points = np.concatenate([surface[:near] + 0.01, random.uniform(50, 60, (count, 3))])
    found = refine_on_surface(similarity(1, [0, 0, 0], [0, 0, 0]), points, surface)
    assert torch.isfinite(found.similarity.transform(torch.from_numpy(points))).all()
    figures = json.loads(json.dumps(found.figures(), allow_nan=False))
    assert (figures["rmse_before"] is None) == (figures["inlier_fraction_before"] == 0)
    if near < 3:
        assert figures["icp_iterations"] == 0
        assert torch.equal(found.similarity.rotation, torch.eye(3, dtype=torch.float64))


def test_thinned_and_capped(monkeypatch):
    surface = room(np.random.default_rng(0))
    dense = np.repeat(surface, 3, axis=0)
    start = similarity(1, [0, 0, 0], [0.01, 0, 0])
    found = refine_on_surface(start, dense, surface)
    assert found.source_points <= len(surface)
    assert found.target_points <= len(surface)
    monkeypatch.setattr(refinement, "MOST_POINTS", 500)
    capped, again, other = (refine_on_surface(start, dense, surface, seed=seed) for seed in (0, 0, 1))
    assert capped.source_points == 500
    assert torch.equal(capped.similarity.translation, again.similarity.translation)
    assert not torch.equal(capped.similarity.translation, other.similarity.translation)


@pytest.mark.parametrize("bad", [np.zeros((0, 3)), np.full((5, 3), np.inf)], ids=["empty", "infinite"])
def test_refusals(bad):
    surface = room(np.random.default_rng(0), 50)
    start = similarity(1, [0, 0, 0], [0, 0, 0])
    for clouds in ((bad, surface), (surface, bad)):
        with pytest.raises(GeometryError, match="leave invalid points out"):
            refine_on_surface(start, *clouds)
