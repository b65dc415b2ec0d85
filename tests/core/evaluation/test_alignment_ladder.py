"""Each rung of the ladder: centers, orientations, nothing; and what the report says about it."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from fast3dis_core.errors import EvaluationError
from fast3dis_core.evaluation.alignment_ladder import align_worlds
from fast3dis_core.geometry.alignment import Similarity
from fast3dis_core.geometry.cameras import homogeneous, invert_rigid

seeds = st.integers(0, 2**31 - 1)


def tensor(values):
    return torch.as_tensor(np.asarray(values, float))


def true_cameras(centers, seed=0):
    """Cameras at these centers in any orientation."""
    turns = Rotation.random(len(centers), random_state=seed).as_matrix()
    return invert_rigid(homogeneous(torch.cat([tensor(turns), tensor(centers)[..., None]], dim=-1)))


def known_similarity(random):
    rotation = Rotation.random(random_state=random.integers(2**31)).as_matrix()
    return Similarity(tensor(np.exp(random.normal())), tensor(rotation), tensor(random.normal(size=3)))


def inverse(similarity):
    rotation = similarity.rotation.mT
    return Similarity(1 / similarity.scale, rotation, -(rotation @ similarity.translation) / similarity.scale)


def assert_same(found, wanted):
    assert float(found.scale) == pytest.approx(float(wanted.scale), rel=1e-6)
    torch.testing.assert_close(found.rotation, wanted.rotation, rtol=0, atol=1e-6)
    torch.testing.assert_close(found.translation, wanted.translation, rtol=1e-5, atol=1e-5)


@given(seeds, st.integers(3, 12))
@settings(max_examples=30, deadline=None)
def test_centers_in_space_give_the_similarity(seed, count):
    random = np.random.default_rng(seed)
    wanted, true = known_similarity(random), true_cameras(random.normal(size=(count, 3)), seed)
    found = align_worlds(inverse(wanted).move_cameras(true), true)
    assert (found.method, found.scale_from, found.cameras, found.reason) == ("umeyama", "centers", count, "")
    assert found.similarity is not None
    assert found.quality == ("weak" if found.similarity.is_weak else "good")
    assert_same(found.similarity, wanted)
    assert found.center_rmse == pytest.approx(0, abs=1e-9)
    assert found.rotation_degrees == pytest.approx(0, abs=1e-5)


LINE = np.arange(5)[:, None] * [1.0, 2, 0.5]


@pytest.mark.parametrize("centers", [LINE, LINE[:2]], ids=["line", "two"])
def test_on_a_line_the_rotation_comes_from_orientations(centers):
    wanted, true = known_similarity(np.random.default_rng(1)), true_cameras(centers)
    found = align_worlds(inverse(wanted).move_cameras(true), true)
    assert (found.method, found.quality, found.scale_from) == ("orientation", "weak", "centers")
    assert "line" in found.reason or "at least 3" in found.reason
    assert_same(found.similarity, wanted)


def test_nearly_on_a_line_is_kept_and_called_weak():
    centers = LINE.copy()
    centers[2, 0] += 0.05
    wanted, true = known_similarity(np.random.default_rng(1)), true_cameras(centers)
    found = align_worlds(inverse(wanted).move_cameras(true), true)
    assert (found.method, found.quality) == ("umeyama", "weak")


@pytest.mark.parametrize("count", [1, 4])
def test_at_one_place_depth_tells_the_scale(count):
    random = np.random.default_rng(2)
    wanted = known_similarity(random)
    true = true_cameras(np.tile(random.normal(size=(1, 3)), (count, 1)))
    depth = random.uniform(1, 3, (count, 4, 5))
    moved = inverse(wanted).move_cameras(true)
    found = align_worlds(moved, true, depth=depth / float(wanted.scale), true_depth=depth)
    assert (found.method, found.quality, found.scale_from) == ("orientation", "weak", "depth")
    assert_same(found.similarity, wanted)
    blind = align_worlds(moved, true)
    assert (blind.scale_from, float(blind.similarity.scale)) == ("nothing", 1)
    unknown = align_worlds(moved, true, depth=depth * 0, true_depth=depth)
    assert unknown.scale_from == "nothing"


def test_a_path_walked_backwards_has_no_scale_of_its_own():
    true = true_cameras(LINE)
    poses = invert_rigid(true)
    poses[:, :3, 3] *= -1
    found = align_worlds(invert_rigid(poses), true)
    assert (found.method, found.scale_from) == ("orientation", "nothing")
    assert found.center_rmse > 1


def test_orientations_that_contradict_each_other_align_nothing():
    true = true_cameras(LINE[:2])
    half_turn = homogeneous(tensor(np.c_[np.diag([1.0, -1, -1]), np.zeros(3)]))
    poses = invert_rigid(true)
    found = align_worlds(invert_rigid(torch.stack([poses[0], poses[1] @ half_turn])), true)
    assert (found.method, found.quality, found.similarity) == ("none", "none", None)
    assert math.isnan(found.center_rmse)
    assert "orientations" in found.reason


def test_no_camera_aligns_nothing_and_those_that_are_not_finite_are_left_out():
    true = true_cameras(np.random.default_rng(3).normal(size=(6, 3)))
    broken = true.clone()
    broken[[1, 4]] = torch.nan
    found = align_worlds(broken, true)
    assert (found.method, found.cameras) == ("umeyama", 4)
    nothing = align_worlds(true * torch.nan, true)
    assert (nothing.method, nothing.cameras) == ("none", 0)
    assert align_worlds(true[:0], true[:0]).method == "none"


def test_the_robust_way_is_undisturbed_by_a_minority():
    random = np.random.default_rng(4)
    wanted, true = known_similarity(random), true_cameras(random.normal(size=(12, 3)))
    found = inverse(wanted).move_cameras(true)
    found[:3, :3, 3] += tensor(random.normal(size=(3, 3)) * 5)
    assert_same(align_worlds(found, true, robust=True).similarity, wanted)
    plain = align_worlds(found, true)
    assert abs(float(plain.similarity.scale / wanted.scale) - 1) > 0.01
    assert plain.center_rmse > 0.1


def test_shapes_that_differ_are_refused():
    true = true_cameras(LINE)
    with pytest.raises(EvaluationError, match="same photos"):
        align_worlds(true[:3], true)
    with pytest.raises(EvaluationError, match="one resolution"):
        align_worlds(true, true, depth=np.ones((5, 2, 2)), true_depth=np.ones((5, 3, 2)))
