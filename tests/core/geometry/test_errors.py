"""Angles between cameras as they were made, whatever the world; depth up to scale."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from fast3dis_core.geometry.cameras import homogeneous, invert_rigid
from fast3dis_core.geometry.errors import (
    depth_error,
    depth_scale,
    horizontal_fields,
    rotation_angles,
    translation_angles,
)

seeds = st.integers(0, 2**31 - 1)


def cameras(random, count):
    turns = Rotation.random(count, random_state=random.integers(2**31)).as_matrix()
    return homogeneous(torch.from_numpy(np.concatenate([turns, random.normal(size=(count, 3, 1))], axis=2)))


@settings(max_examples=40, deadline=None)
@given(seeds, st.sampled_from([1e-9, 1e-4, 0.3, 1.5, math.pi - 1e-6]))
def test_turns_are_measured_as_they_were_made(seed, angle):
    random = np.random.default_rng(seed)
    true = cameras(random, 4)
    axis = random.normal(size=3)
    turn = Rotation.from_rotvec(angle * axis / np.linalg.norm(axis)).as_matrix()
    found = true.clone()
    found[2, :3] = torch.from_numpy(turn) @ true[2, :3]
    measured = rotation_angles(found @ cameras(random, 1)[0], true)  # another world, the same cameras
    torch.testing.assert_close(measured, torch.tensor([0, angle, 0], dtype=torch.float64), rtol=0, atol=1e-10)


@settings(max_examples=40, deadline=None)
@given(seeds, st.sampled_from([1e-8, 0.2, 2.0, 3.1]), st.floats(0.01, 100))
def test_directions_know_no_scale(seed, angle, scale):
    random = np.random.default_rng(seed)
    true = cameras(random, 3)
    true[0] = torch.eye(4)
    poses = invert_rigid(true)
    across = torch.linalg.cross(poses[1, :3, 3], torch.from_numpy(random.normal(size=3)))
    turn = Rotation.from_rotvec(angle * (across / across.norm()).numpy()).as_matrix()
    moved = poses.clone()
    moved[:, :3, 3] *= scale
    moved[1, :3, 3] = torch.from_numpy(turn) @ moved[1, :3, 3]
    measured = translation_angles(invert_rigid(moved) @ cameras(random, 1)[0], true)
    torch.testing.assert_close(measured, torch.tensor([angle, 0], dtype=torch.float64), rtol=0, atol=1e-7)


def test_a_camera_that_did_not_move_has_no_direction():
    still, moved = torch.eye(4).expand(2, 4, 4), torch.eye(4).repeat(2, 1, 1)
    moved[1, 0, 3] = 1
    assert translation_angles(moved, still).isnan().all()
    assert translation_angles(still, moved).item() == pytest.approx(math.pi / 2)
    assert translation_angles(moved * torch.nan, moved).isnan().all()
    assert rotation_angles(still[:1], still[:1]).shape == (0,)


def test_a_batch_is_its_scenes():
    random = np.random.default_rng(0)
    found, true = (torch.stack([cameras(random, 3) for _ in range(2)]) for _ in range(2))
    for measure in (rotation_angles, translation_angles):
        torch.testing.assert_close(measure(found, true), torch.stack([*map(measure, found, true)]))


@settings(max_examples=20, deadline=None)
@given(seeds, st.floats(1e-3, 1e3))
def test_scaled_depth_is_exact_depth(seed, scale):
    random = np.random.default_rng(seed)
    truth = torch.from_numpy(random.uniform(0.5, 5, (2, 4, 5)))
    depth = truth / scale
    truth[0, 0, :2], depth[1, 1, 1], depth[1, 1, 2] = 0, 0, torch.nan  # unknown on either side
    assert depth_scale(depth, truth).item() == pytest.approx(scale)
    assert depth_error(depth, truth).item() == pytest.approx(0, abs=1e-12)


def test_depth_error_is_relative_to_the_truth():
    truth = torch.tensor([1.0, 2.0, 4.0, 5.0, 10.0])
    depth = truth * torch.tensor([1.0, 1.0, 1.0, 1.5, 0.5]) * 7
    assert depth_error(depth, truth).item() == pytest.approx((0.5 + 0.5) / 5)
    assert depth_error(torch.zeros(3), torch.ones(3)).isnan()


def test_fields_of_view():
    intrinsics = torch.tensor([[[50.0, 0, 50], [0, 80, 40], [0, 0, 1]]])
    assert math.degrees(horizontal_fields(intrinsics, 100).item()) == pytest.approx(90)
