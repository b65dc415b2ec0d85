"""From seed to sample: the same bytes, closed geometry, ids that mean one object in all views."""

import dataclasses

import numpy as np
import pytest
import torch

from fast3dis_core.datasets.procedural_rooms import (
    TEST_SEEDS,
    TRAIN_SEEDS,
    VALIDATION_SEEDS,
    VERSION,
    prepare_scenes,
    render,
    render_scenes,
)
from fast3dis_core.datasets.procedural_rooms.arrangement import draw_layout
from fast3dis_core.datasets.procedural_rooms.cameras import CLEARANCE, OVERLAP, distance_to_solids, view_overlap
from fast3dis_core.datasets.procedural_rooms.structure import inside
from fast3dis_core.errors import ConfigError
from fast3dis_core.geometry.cameras import invert_rigid, project
from fast3dis_core.scene import scene

SEEDS = [3, 1_000_000_004, 12]
SIZE = {"height": 42, "width": 56}


@pytest.fixture(scope="module")
def prepared():
    return prepare_scenes(SEEDS, views=3, **SIZE)


@pytest.fixture(scope="module")
def sample(prepared):
    return render(prepared, **SIZE, normals=True)


def assert_same(first, second):
    if isinstance(first, torch.Tensor):
        assert first.dtype == second.dtype
        assert torch.equal(first, second)
    elif dataclasses.is_dataclass(first):
        for field in dataclasses.fields(first):
            assert_same(getattr(first, field.name), getattr(second, field.name))
    else:
        assert first == second


def test_same_seed_same_bytes_and_batch_equals_single(sample):
    for index in (0, 2):
        alone = render_scenes([SEEDS[index]], views=3, **SIZE, normals=True)
        assert_same(scene(alone, 0), scene(sample, index))


@pytest.mark.parametrize("tiles", [7, 64])
def test_chunking_changes_nothing(prepared, sample, tiles):
    assert_same(render(prepared, **SIZE, normals=True, tiles_per_chunk=tiles), sample)


def test_augmentation_changes_colors_only_and_does_not_depend_on_the_batch(prepared, sample):
    augmented = render(prepared, **SIZE, augment=True)
    assert torch.equal(augmented.instance_ids, sample.instance_ids)
    assert torch.equal(augmented.geometry.depth, sample.geometry.depth)
    images = augmented.views.images
    assert images.min() >= 0
    assert images.max() <= 1
    difference = (images - sample.views.images).abs().mean((1, 2, 3, 4))
    assert (difference > 0.01).all()
    assert (difference < 0.3).all()
    alone = render(prepared.room(1), **SIZE, augment=True)
    torch.testing.assert_close(alone.views.images[0], images[1], rtol=0, atol=1e-6)


def test_shadows_only_darken(prepared, sample):
    without = render(prepared, **SIZE, shadow_samples=0)
    assert (sample.views.images <= without.views.images + 1e-6).all()
    assert (sample.views.images < without.views.images - 0.02).float().mean() > 0.01


def test_more_rays_per_pixel_leave_the_geometry_alone(prepared, sample):
    finer = render(prepared, **SIZE, supersample=2)
    assert torch.equal(finer.geometry.depth, sample.geometry.depth)
    assert (finer.views.images - sample.views.images).abs().mean() < 0.05


def test_every_pixel_has_depth_color_and_an_id(sample):
    assert (sample.geometry.depth > 0.2).all()
    assert (sample.geometry.depth < 14).all()
    assert (sample.instance_ids > 0).all()
    assert sample.views.images.min() >= 0
    assert sample.views.images.max() <= 1
    assert (sample.views.images.flatten(1).std(1) > 0.05).all()


def test_view_zero_is_the_world(sample):
    assert torch.equal(sample.geometry.world_to_camera[:, 0], torch.eye(4).expand(len(SEEDS), 4, 4))
    rotation = sample.geometry.world_to_camera[..., :3, :3]
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(3).expand_as(rotation), atol=1e-5, rtol=0)
    matrix = sample.geometry.intrinsics
    field = 2 * torch.atan(SIZE["width"] / 2 / matrix[..., 0, 0]).rad2deg()
    assert (field >= 50 - 1e-3).all()
    assert (field <= 90 + 1e-3).all()
    assert (matrix[..., 0, 2] == SIZE["width"] / 2).all()
    assert (matrix[..., 1, 2] == SIZE["height"] / 2).all()
    assert sample.geometry.is_metric


def world_normals(single):
    """Normals (S, H, W, 3) in world axes."""
    rotation = single.geometry.world_to_camera[:, None, None, :3, :3]
    return (rotation.mT @ single.normals.permute(0, 2, 3, 1)[..., None]).squeeze(-1)


def seen_again(single, source, target):
    """Pixels of one view and where they fall in another: point, depth there, id, normal, column, row."""
    geometry = single.geometry
    points = geometry.points()[source].reshape(-1, 3)
    pixels, depth = project(points, geometry.intrinsics[[target]], geometry.world_to_camera[[target]])
    x, y = pixels[0].floor().long().unbind(-1)
    height, width = geometry.depth.shape[-2:]
    visible = (depth[0] > 0.1) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    ids, normals = single.instance_ids[source].reshape(-1), world_normals(single)[source].reshape(-1, 3)
    return tuple(values[visible] for values in (points, depth[0], ids, normals, x, y))


def test_geometry_closes_between_views(sample):
    pairs = 0
    for index in range(len(SEEDS)):
        single = scene(sample, index)
        for source, target in ((0, 1), (1, 2), (2, 0)):
            points, predicted, ids, normals, x, y = seen_again(single, source, target)
            same = single.instance_ids[target, y, x] == ids
            if same.sum() < 100:
                continue
            pairs += 1
            found = single.geometry.points()[target, y, x]
            normal = world_normals(single)[target, y, x]
            off = ((points - found) * normal).sum(-1).abs()  # from the plane that the other view sees there
            near = (points - found).norm(dim=-1) < 0.08 * predicted
            comparable = near & same & ((normal * normals).sum(-1) > 0.99)
            assert comparable.sum() > 50
            assert (off < 0.01)[comparable].float().mean() > 0.95
            # what agrees in space is the same object, but for pixels on borders
            assert same[near & (off < 0.01)].float().mean() > 0.85
            # nothing lies in front of what the other view sees, but for pixels on borders
            depth = single.geometry.depth[target, y, x]
            assert (predicted > depth - 0.1 - 0.05 * depth).float().mean() > 0.9
    assert pairs >= 4


def test_normals_face_the_camera_and_match_depth(sample):
    normals, depth = sample.normals, sample.geometry.depth
    torch.testing.assert_close(normals.norm(dim=2), torch.ones_like(depth), atol=1e-4, rtol=0)
    single = scene(sample, 0)
    points = single.geometry.points()
    world = world_normals(single)
    eye = invert_rigid(single.geometry.world_to_camera)[:, None, None, :3, 3]
    assert ((world * (eye - points)).sum(-1) > -1e-3).float().mean() > 0.995
    across = (points[:, :, 1:] - points[:, :, :-1])[:, :-1]
    down = (points[:, 1:] - points[:, :-1])[:, :, :-1]
    measured = torch.linalg.cross(down, across)
    measured = measured / measured.norm(dim=-1, keepdim=True).clamp(min=1e-9)
    agreement = (measured * world[:, :-1, :-1]).sum(-1)
    assert agreement.median() > 0.99


def test_label_set_is_what_is_seen(sample):
    for index in range(len(SEEDS)):
        single = scene(sample, index)
        present = torch.unique(single.instance_ids).long()
        assert torch.equal(torch.nonzero(single.class_ids).squeeze(1), present)
        objects, structure = single.object_ids(), single.ids_of_class("structure")
        assert len(objects) >= 2
        assert len(structure) >= 2
        assert objects.max() < structure.min()
        assert single.ids_of_class("no such class").numel() == 0


def test_surface_points_lie_where_the_depth_says(sample):
    single = scene(sample, 0)
    points, ids = single.surface.points, single.surface.ids
    everything = single.geometry.points().reshape(-1, 3)
    nearest = torch.cdist(points[:200], everything, compute_mode="donot_use_mm_for_euclid_dist").min(1)
    assert (nearest.values < 1e-5).all()
    assert torch.equal(single.instance_ids.reshape(-1)[nearest.indices], ids[:200])


@pytest.mark.parametrize("views", [2, 5])
def test_cameras_keep_clear_and_see_the_same_things(views):
    seeds = range(200, 208)
    prepared = prepare_scenes(seeds, views=views, **SIZE)
    sample = render(prepared, height=24, width=32, shadow_samples=0)
    for index, seed in enumerate(seeds):
        layout = draw_layout(seed, VERSION)
        eyes = prepared.camera_to_layout[index, :, :3, 3].numpy()
        assert (distance_to_solids(layout, eyes) >= CLEARANCE).all()
        assert inside(layout.outline, eyes[:, :2], CLEARANCE).all()
        geometry = scene(sample, index).geometry
        overlap = view_overlap(geometry.depth, geometry.intrinsics, invert_rigid(geometry.world_to_camera))
        neighbors = torch.diagonal(overlap, 1)
        assert neighbors.max() >= OVERLAP - 0.03  # chosen on a coarser image
        np.testing.assert_allclose(torch.diagonal(overlap).numpy(), 1)


def test_splits_do_not_meet():
    assert TRAIN_SEEDS.stop <= VALIDATION_SEEDS.start < VALIDATION_SEEDS.stop <= TEST_SEEDS.start
    assert len(VALIDATION_SEEDS) == len(TEST_SEEDS) == 200


@pytest.mark.parametrize(("seeds", "views"), [([], 2), ([-1], 2), ([1], 0), ([1], 13)])
def test_impossible_requests_are_refused(seeds, views):
    with pytest.raises(ConfigError, match="found"):
        prepare_scenes(seeds, views=views, **SIZE)
