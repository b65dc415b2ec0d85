"""Geometry of one scene against itself, scaled and moved; anchors on, in and away from their objects."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from fast3dis_core.errors import EvaluationError
from fast3dis_core.evaluation.geometry_errors import anchors_inside, geometry_errors, pool
from fast3dis_core.geometry.alignment import Similarity

VIEWS = 4


@pytest.fixture
def truth():
    random = np.random.default_rng(3)
    motions = np.tile(np.eye(4), (VIEWS, 1, 1))
    motions[:, :3, :3] = Rotation.random(VIEWS, random_state=1).as_matrix()
    motions[:, :3, 3] = random.normal(size=(VIEWS, 3))
    intrinsics = np.tile(np.array([[60.0, 0, 28], [0, 60, 21], [0, 0, 1]]), (VIEWS, 1, 1))
    return {"depth": random.uniform(1, 4, (VIEWS, 42, 56)), "intrinsics": intrinsics, "world_to_camera": motions}


def compare(found, true):
    return geometry_errors(
        found["depth"],
        true["depth"],
        intrinsics=found["intrinsics"],
        true_intrinsics=true["intrinsics"],
        world_to_camera=found["world_to_camera"],
        true_world_to_camera=true["world_to_camera"],
    )


def test_the_same_scene_in_another_world_and_unit_has_no_errors(truth):
    rotation = torch.from_numpy(Rotation.random(random_state=5).as_matrix())
    similarity = Similarity(torch.tensor(0.3).double(), rotation, torch.tensor([1.0, 2, 3]).double())
    found = {
        "depth": torch.from_numpy(truth["depth"] * 0.3).float(),
        "intrinsics": truth["intrinsics"],
        "world_to_camera": similarity.move_cameras(torch.from_numpy(truth["world_to_camera"])),
    }
    errors = compare(found, truth)
    assert errors.depth_scale == pytest.approx(1 / 0.3, rel=1e-6)
    assert errors.depth_error == pytest.approx(0, abs=1e-6)
    for angles, count in (
        (errors.rotation_degrees, VIEWS - 1),
        (errors.translation_degrees, VIEWS - 1),
        (errors.field_of_view_degrees, VIEWS),
    ):
        np.testing.assert_allclose(angles, np.zeros(count), atol=1e-6)


def test_errors_are_found_in_the_view_that_has_them(truth):
    found = {name: value.copy() for name, value in truth.items()}
    turn = Rotation.from_euler("y", 12, degrees=True).as_matrix()
    found["world_to_camera"][2, :3] = turn @ truth["world_to_camera"][2, :3]  # about its own center
    found["intrinsics"][1, 0, 0] = 28  # 90 degrees wide
    errors = compare(found, truth)
    np.testing.assert_allclose(errors.rotation_degrees, [0, 12, 0], atol=1e-6)
    np.testing.assert_allclose(errors.translation_degrees, 0, atol=1e-6)
    true_width = 2 * np.degrees(np.arctan(28 / 60))
    np.testing.assert_allclose(errors.field_of_view_degrees, [0, 90 - true_width, 0, 0], atol=1e-6)


def test_scenes_pool_by_view_and_what_is_unknown_is_left_out(truth):
    found = {name: value.copy() for name, value in truth.items()}
    found["depth"] = truth["depth"] * np.linspace(0.9, 1.1, 56)
    lone = {name: value[:1] for name, value in truth.items()}
    errors = [compare(found, truth), compare(lone, {**lone, "depth": np.zeros((1, 42, 56))})]
    figures = pool(errors)
    assert figures["depth_abs_rel"] == pytest.approx(errors[0].depth_error)
    assert 0.03 < figures["depth_abs_rel"] < 0.07
    assert figures["rotation_degrees"] == pytest.approx(0, abs=1e-6)
    assert set(pool([]).values()) == {None}
    assert pool(errors[1:])["depth_abs_rel"] is None


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("depth", np.ones((VIEWS, 3, 4)), "one resolution"),
        ("intrinsics", np.eye(3)[None], "intrinsics"),
        ("world_to_camera", np.full((VIEWS, 4, 4), np.nan), "finite"),
    ],
)
def test_what_cannot_be_compared_is_refused(truth, name, value, message):
    with pytest.raises(EvaluationError, match=message):
        compare({**truth, name: value}, truth)


def test_anchors_are_inside_on_the_surface_or_in_the_box():
    table = np.array([[0.0, 0, 1], [2, 0, 1], [0, 1, 1], [2, 1, 1], [0, 0, 0], [2, 1, 0]])
    anchors = [[1, 0.5, 0.5], [2.06, 1.06, 1.0], [2.08, 1.08, 1.0], [1, 0.5, 1.05]]
    assert anchors_inside(anchors, [table] * 4).tolist() == [True, True, False, False]
    assert anchors_inside(anchors, [table] * 4, reach=0.12).tolist() == [True, True, True, False]
    assert anchors_inside(np.zeros((0, 3)), []).tolist() == []


@pytest.mark.parametrize(
    ("anchors", "objects", "message"),
    [
        ([[0, 0, np.nan]], [np.zeros((1, 3))], "NaN"),
        ([[0, 0, 0]], [], "0 matched queries, found 1"),
        ([[0, 0, 0]], [np.zeros((0, 3))], "no surface point"),
    ],
)
def test_anchors_without_an_object_are_refused(anchors, objects, message):
    with pytest.raises(EvaluationError, match=message):
        anchors_inside(anchors, objects)
