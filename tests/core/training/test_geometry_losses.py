"""Losses of geometry pre-training: zero at the truth, unchanged by scale and reference, right about what is seen."""

import math

import pytest
import torch

from fast3dis_core.config import PATCH_SIZE
from fast3dis_core.datasets.procedural_rooms import render_scenes
from fast3dis_core.geometry.cameras import invert_rigid, unproject
from fast3dis_core.model.depth_anything3.camera_head import decode_cameras
from fast3dis_core.scene import SceneGeometry
from fast3dis_core.training import geometry_losses as losses
from fast3dis_core.training.stage_geometry import camera_errors

HEIGHT, WIDTH = 56, 84


@pytest.fixture(scope="module")
def rooms():
    return render_scenes([0, 1], views=3, height=HEIGHT, width=WIDTH).geometry


def scaled(geometry, factor):
    cameras = geometry.world_to_camera.clone()
    cameras[..., :3, 3] *= factor
    return SceneGeometry(
        depth=geometry.depth * factor,
        confidence=geometry.confidence,
        intrinsics=geometry.intrinsics,
        world_to_camera=cameras,
    )


def test_targets_have_unit_mean_distance_in_the_frame_of_the_reference(rooms):
    reference = torch.tensor([2, 1])
    targets = losses.geometry_targets(rooms, reference)
    points = unproject(targets.depth, targets.intrinsics, targets.world_to_camera)
    known = targets.depth > 0
    for index in range(2):
        assert points[index][known[index]].norm(dim=-1).mean() == pytest.approx(1, abs=1e-4)
        torch.testing.assert_close(targets.world_to_camera[index, reference[index]], torch.eye(4), atol=1e-5, rtol=0)
    first = losses.geometry_targets(rooms, None)
    torch.testing.assert_close(first.world_to_camera[:, 0], torch.eye(4).expand(2, 4, 4), atol=1e-6, rtol=0)


def test_targets_do_not_depend_on_the_unit_of_the_scene(rooms):
    meters, feet = (losses.geometry_targets(scaled(rooms, factor), None) for factor in (1.0, 3.28))
    torch.testing.assert_close(meters.depth, feet.depth)
    torch.testing.assert_close(meters.world_to_camera, feet.world_to_camera, atol=1e-5, rtol=1e-5)


def test_all_terms_vanish_at_the_truth(rooms):
    targets = losses.geometry_targets(rooms, torch.tensor([1, 0]))
    ray = losses.true_rays(targets, 32, 48)
    sure = torch.ones_like(targets.depth)
    assert losses.depth_loss(targets.depth, sure, targets.depth) == 0
    assert losses.gradient_loss(targets.depth, targets.depth) == 0
    assert losses.ray_loss(ray, torch.ones(ray.shape[:-1]), ray) == 0
    assert losses.point_loss(targets.depth, ray, targets.depth, ray) == 0
    assert losses.camera_loss(targets.cameras, targets.cameras) == 0
    # the encoding holds the cameras themselves
    camera_to_world, intrinsics = decode_cameras(targets.cameras, HEIGHT, WIDTH)
    torch.testing.assert_close(invert_rigid(camera_to_world), targets.world_to_camera, atol=1e-4, rtol=0)
    torch.testing.assert_close(intrinsics, targets.intrinsics, atol=1e-2, rtol=1e-4)


def test_rays_at_pixels_lead_to_the_points(rooms):
    targets = losses.geometry_targets(rooms, None)
    ray = losses.true_rays(targets, HEIGHT, WIDTH)
    points = ray[..., 3:] + targets.depth[..., None] * ray[..., :3]
    expected = unproject(targets.depth, targets.intrinsics, targets.world_to_camera)
    torch.testing.assert_close(points, expected, atol=1e-4, rtol=1e-4)


def test_a_quaternion_and_its_negative_are_one_rotation(rooms):
    encoding = losses.geometry_targets(rooms, None).cameras
    turned = encoding.clone()
    turned[..., 3:7] *= -1
    assert losses.camera_loss(turned, encoding) == 0


def test_confidence_pays_where_the_error_is_small_and_costs_where_it_is_large():
    target = torch.ones(1, 1, 4, 4)
    for error, better in ((0.01, 3.0), (1.0, 1.1)):
        worse = 1.1 if better == 3.0 else 3.0
        sure, doubtful = (
            losses.depth_loss(target + error, torch.full_like(target, value), target) for value in (better, worse)
        )
        assert sure < doubtful


def test_pixels_without_depth_count_nowhere():
    target = torch.rand(1, 2, 6, 8) + 1
    target[..., :3] = 0
    depth = (target + 0.25).requires_grad_()
    wild = torch.where(target > 0, depth, 1e6)
    confidence = torch.full_like(target, 2.0)
    assert float(losses.depth_loss(wild, confidence, target).detach()) == pytest.approx(
        2 * 0.25 - 0.2 * math.log(2), abs=1e-5
    )
    assert float(losses.gradient_loss(wild, target).detach()) == pytest.approx(0, abs=1e-5)
    nothing = losses.depth_loss(depth, confidence, torch.zeros_like(target))
    nothing.backward()
    assert nothing == 0
    assert (depth.grad == 0).all()


def test_corresponding_patches_show_the_same_point(rooms):
    """Against a plain loop over patches, in the true world."""
    targets = losses.geometry_targets(rooms, None)
    patch, visible = losses.corresponding_patches(targets)
    columns = WIDTH // PATCH_SIZE
    assert visible.float().mean() > 0.1
    points = unproject(targets.depth, targets.intrinsics, targets.world_to_camera)
    for scene in range(2):
        for number in range(visible.shape[-1]):
            row, column = divmod(number, columns)
            y, x = row * PATCH_SIZE + PATCH_SIZE // 2, column * PATCH_SIZE + PATCH_SIZE // 2
            for view in (1, 2):
                camera = targets.world_to_camera[scene, view]
                p = camera[:3, :3] @ points[scene, 0, y, x] + camera[:3, 3]
                u, v, w = targets.intrinsics[scene, view] @ p
                inside = p[2] > 0 and 0 <= u / w < WIDTH and 0 <= v / w < HEIGHT
                seen = inside and abs(targets.depth[scene, view, int(v / w), int(u / w)] - p[2]) < 0.05 * p[2]
                assert bool(visible[scene, view - 1, number]) == bool(seen)
                if seen:
                    expected = int(v / w) // PATCH_SIZE * columns + int(u / w) // PATCH_SIZE
                    assert patch[scene, view - 1, number] == expected


def test_correspondence_prefers_matching_patches_and_needs_none():
    features = torch.nn.functional.one_hot(torch.arange(6), 6).float()  # (P, D)
    patch = torch.randperm(6)[None, None]
    matching = torch.stack([features[patch[0, 0]], features])[None]  # patch p of view 0 looks like patch[p] of view 1
    visible = torch.ones(1, 1, 6, dtype=torch.bool)
    right = losses.correspondence_loss(matching, patch, visible)
    wrong = losses.correspondence_loss(matching, (patch + 1) % 6, visible)
    assert right < 0.01
    assert wrong > 10
    leaf = matching.clone().requires_grad_()
    losses.correspondence_loss(leaf, patch, ~visible).backward()
    assert (leaf.grad == 0).all()


def test_camera_errors_are_angles_in_degrees(rooms):
    angle = math.radians(10)
    turn = torch.eye(4)
    turn[:3, :3] = torch.tensor(
        [[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]]
    )
    moved = rooms.world_to_camera.clone()
    moved[:, 1:] = turn @ moved[:, 1:]
    exact = camera_errors(rooms.world_to_camera @ turn, rooms.intrinsics, rooms)  # another world, the same cameras
    assert exact["rotation_degrees"] == pytest.approx(0, abs=0.05)
    assert exact["field_of_view_degrees"] == pytest.approx(0, abs=1e-3)
    assert camera_errors(moved, rooms.intrinsics, rooms)["rotation_degrees"] == pytest.approx(10, abs=0.05)
