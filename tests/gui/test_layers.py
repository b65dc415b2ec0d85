"""Pixels of the point cloud, and the geometry of frustums; off-screen, without a window."""

import numpy as np
import pytest
import pyvista as pv

from app.coloring import CLAIMED, HIDDEN, PREVIEW, RECEDING, UNASSIGNED, UNASSIGNED_RECEDING, painted_colors
from app.drawing_order import _spatial_order, drawable, even_sample
from app.viewport.camera_control import depth_ahead, mean_direction, upright
from app.viewport.camera_layer import frustum_corners
from app.viewport.eye_dome import EyeDome
from app.viewport.point_cloud_layer import PointCloudLayer
from app.viewport.point_size import COVER, PointSize
from fast3dis_core.geometry.cameras import project
from tests.scenes import synthetic_reconstruction

PHOTO = (200, 100, 50)
WHITE = (1.0, 1.0, 1.0)


@pytest.fixture
def stage():
    """Four stripes of points side by side, rows 0 to 3, over a black background."""
    plotter = pv.Plotter(off_screen=True, window_size=(200, 100))
    plotter.set_background("black")
    layer = PointCloudLayer(plotter)
    across, up = np.meshgrid(np.linspace(-2, 2, 400), np.linspace(-1, 1, 200))
    points = np.stack([across, up, np.zeros_like(up)], axis=-1).reshape(-1, 3).astype(np.float32)
    colors = np.tile(np.array(PHOTO, np.uint8), (len(points), 1))
    layer.set_cloud(points, colors, np.ones(len(points), bool), budget=10**6)
    layer.set_rows(np.tile(np.repeat(np.arange(4), 100), 200).astype(np.int32))
    plotter.view_xy()
    plotter.camera.parallel_projection = True
    plotter.camera.parallel_scale = 1.0
    plotter.show(auto_close=False)
    yield plotter, layer
    plotter.close()


def stripes(plotter):
    """Color in the middle of each stripe."""
    plotter.render()
    picture = plotter.screenshot(return_img=True)
    return [tuple(int(channel) for channel in picture[50, place]) for place in (25, 75, 125, 175)]


def table(*kinds):
    colors = [(0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255)]
    return np.array([(*color, kind) for color, kind in zip(colors, kinds, strict=True)], np.uint8)


def test_instances_have_their_exact_colors_and_hidden_ones_none(stage):
    plotter, layer = stage
    layer.set_table(table(CLAIMED, CLAIMED, HIDDEN, CLAIMED))
    assert stripes(plotter) == [(0, 0, 0), (255, 0, 0), (0, 0, 0), (0, 0, 255)]
    layer.set_table(table(CLAIMED, HIDDEN, CLAIMED, CLAIMED))
    assert stripes(plotter)[1:3] == [(0, 0, 0), (0, 255, 0)]


def test_unassigned_points_are_grayed_photo_mixed_with_the_background(stage):
    plotter, layer = stage
    layer.set_table(table(UNASSIGNED, CLAIMED, CLAIMED, CLAIMED))
    dark = stripes(plotter)[0]
    assert max(dark) < max(PHOTO)
    assert max(dark) - min(dark) < max(PHOTO) - min(PHOTO)
    layer.set_background(WHITE)
    assert min(stripes(plotter)[0]) > max(dark)


def test_receding_instances_move_towards_the_background_and_keep_their_hue(stage):
    plotter, layer = stage
    layer.set_table(table(UNASSIGNED, RECEDING, CLAIMED, CLAIMED))
    red = stripes(plotter)[1]
    assert 30 < red[0] < 120
    assert red[1] == red[2] == 0


@pytest.mark.parametrize("paper", [(0, 0, 0), (250, 240, 230)])
def test_files_have_the_very_colors_of_the_screen(stage, paper):
    """What `painted_colors` tells of every kind is what the shader draws."""
    plotter, layer = stage
    layer.set_background(tuple(channel / 255 for channel in paper))
    photo, rows = np.tile(np.array(PHOTO, np.uint8), (4, 1)), np.arange(4)
    for kinds in ((UNASSIGNED, CLAIMED, RECEDING, PREVIEW), (UNASSIGNED_RECEDING, RECEDING, CLAIMED, CLAIMED)):
        layer.set_table(table(*kinds))
        told = painted_colors(photo, rows, table(*kinds), paper)
        assert np.allclose(told.astype(int), stripes(plotter), atol=1)


def test_photo_mode_shows_photo_colors_and_still_hides(stage):
    plotter, layer = stage
    layer.set_table(table(UNASSIGNED, CLAIMED, HIDDEN, CLAIMED))
    layer.set_point_colors("photo")
    assert stripes(plotter) == [PHOTO, PHOTO, (0, 0, 0), PHOTO]
    layer.set_point_colors("row")
    assert stripes(plotter)[1] == (255, 0, 0)


def test_the_stand_in_looks_the_same(stage):
    plotter, layer = stage
    layer.set_table(table(UNASSIGNED, CLAIMED, HIDDEN, CLAIMED))
    whole = stripes(plotter)
    layer.set_moving(True)
    assert stripes(plotter) == whole


def test_a_hidden_layer_in_front_does_not_occlude(stage):
    plotter, layer = stage
    points = np.zeros((2 * 40_000, 3), np.float32)
    across, up = np.meshgrid(np.linspace(-2, 2, 200), np.linspace(-1, 1, 200))
    points[:, 0], points[:, 1] = np.tile(across.ravel(), 2), np.tile(up.ravel(), 2)
    points[40_000:, 2] = 0.5  # nearer to the camera
    layer.set_cloud(points, np.zeros((80_000, 3), np.uint8), np.ones(80_000, bool), budget=10**6)
    layer.set_rows(np.repeat([1, 2], 40_000).astype(np.int32))
    layer.set_table(table(CLAIMED, CLAIMED, CLAIMED, CLAIMED))
    assert stripes(plotter)[1] == (0, 255, 0)
    layer.set_table(table(CLAIMED, CLAIMED, HIDDEN, CLAIMED))
    assert stripes(plotter)[1] == (255, 0, 0)
    assert layer.nearest((0.0, 0.0, 0.5)) < 40_000


def test_budget_and_invalid_points(stage):
    _, layer = stage
    cloud = synthetic_reconstruction(views=3, height=28, width=42).cloud
    layer.set_cloud(cloud.points, cloud.colors, cloud.valid, budget=500)
    assert (layer.drawn, layer.total) == (500, int(cloud.valid.sum()))
    assert cloud.valid[layer._drawn].all()
    assert len(np.unique(layer._drawn)) == 500
    layer.set_cloud(cloud.points, cloud.colors, np.zeros_like(cloud.valid), budget=500)
    assert (layer.drawn, layer.total) == (0, 0)
    assert layer.nearest((0.0, 0.0, 0.0)) == -1


def test_nearest_answers_in_rows_of_the_cloud(stage):
    _, layer = stage
    cloud = synthetic_reconstruction(views=3, height=28, width=42).cloud
    layer.set_cloud(cloud.points, cloud.colors, cloud.valid, budget=10**6)
    layer.set_rows(np.ones(len(cloud.points), np.int32))
    layer.set_table(table(HIDDEN, CLAIMED, CLAIMED, CLAIMED))
    for row in np.flatnonzero(cloud.valid)[::500]:
        assert np.array_equal(cloud.points[layer.nearest(tuple(cloud.points[row]))], cloud.points[row])


@pytest.mark.parametrize(("count", "limit"), [(0, 5), (5, 5), (1000, 999), (12345, 100)])
def test_even_samples_take_one_of_every_stretch(count, limit):
    chosen = even_sample(count, limit)
    assert len(chosen) == min(count, limit)
    assert (np.diff(chosen) > 0).all()
    if count > limit:
        starts = np.arange(limit + 1) * count // limit
        assert (starts[:-1] <= chosen).all()
        assert (chosen < starts[1:]).all()


def test_spatial_order_is_a_permutation():
    points = np.random.default_rng(0).normal(size=(3000, 3)).astype(np.float32)
    assert np.array_equal(np.sort(_spatial_order(points)[0]), np.arange(3000))


@pytest.mark.parametrize("spacing", [0.01, 0.02])
def test_the_spacing_of_a_cloud_is_told_as_it_is_drawn(spacing):
    """A floor of evenly spaced points; drawn with a quarter of them, they are twice as far apart."""
    across, along = np.meshgrid(np.arange(0, 4, spacing), np.arange(0, 3, spacing))
    points = np.stack([across, along, 0 * along], axis=-1).reshape(-1, 3).astype(np.float32)
    colors, valid = np.zeros((len(points), 3), np.uint8), np.ones(len(points), bool)
    whole = drawable(points, colors, valid, 10**6).spacing
    assert 0.5 * spacing < whole < 1.5 * spacing
    assert drawable(points, colors, valid, len(points) // 4).spacing == pytest.approx(2 * whole, rel=0.15)


def test_points_grow_with_what_lies_between_them_and_with_the_picture_within_limits(stage):
    plotter, layer = stage
    size = PointSize(plotter.renderer, layer)
    size.set_heights(1000.0)

    def drawn(spacing, shown):
        layer.spacing = spacing
        plotter.camera.parallel_scale = shown / 2
        plotter.render()
        return layer.point_size

    small = drawn(0.001, shown=2.0)
    assert drawn(0.004, shown=2.0) == pytest.approx(COVER * 2.0)  # 500 pixels a unit
    assert drawn(0.004, shown=1.0) == pytest.approx(COVER * 4.0)
    assert drawn(1.0, shown=1.0) == pytest.approx(4 * small), "no blots"
    size.set_heights(1000.0, 3000.0)
    plotter.render()
    assert layer.point_size == pytest.approx(12 * small)
    size.end()


def test_a_small_picture_is_drawn_with_fewer_and_larger_points(stage):
    plotter, layer = stage
    layer.set_table(table(CLAIMED, CLAIMED, CLAIMED, CLAIMED))
    size = PointSize(plotter.renderer, layer)
    size.set_heights(100.0)
    whole, usual = stripes(plotter), layer.point_size
    size.spare(200 * 100)  # of 80,000 points three quarters
    assert stripes(plotter) == whole
    assert layer.point_size == pytest.approx(usual / 0.75**0.5)
    layer.set_share(0.05)  # there are four points for each pixel
    layer.set_point_size(1.0)
    size.end()
    plotter.render()
    thin = np.mean(plotter.screenshot(return_img=True).any(axis=2))
    layer.set_share(1.0)
    plotter.render()
    assert thin < 0.6 * np.mean(plotter.screenshot(return_img=True).any(axis=2))


@pytest.mark.parametrize("parallel", [True, False])
def test_shading_darkens_what_lies_behind_a_step_softly_and_nothing_of_the_background(parallel):
    plotter = pv.Plotter(off_screen=True, window_size=(200, 200))
    plotter.render_window.SetMultiSamples(0)
    plotter.set_background("white")
    across, up = np.meshgrid(np.linspace(-0.8, 0.8, 400), np.linspace(-0.8, 0.8, 400))
    points = np.stack([across, up, np.where(np.hypot(across, up) < 0.4, 0.5, 0.0)], axis=-1).reshape(-1, 3)
    plotter.add_points(points.astype(np.float32), color=(200, 100, 50), point_size=2, lighting=False)
    shading = EyeDome(plotter, lambda: 2.0)
    plotter.view_xy()
    plotter.camera.parallel_projection = parallel
    plotter.show(auto_close=False)
    plain = plotter.screenshot(return_img=True).astype(int)
    shading.set_on(True)
    plotter.render()
    shaded = plotter.screenshot(return_img=True).astype(int)
    shading.end()
    plotter.close()
    background = (plain == 255).all(axis=2)
    assert background.any()
    assert (shaded[background] == 255).all()
    share = shaded[~background].sum(axis=1) / plain[~background].sum(axis=1)
    assert share.max() <= 1.0
    assert 0.25 < share.min() < 0.8, "a border is seen, and is not black"
    assert np.mean(share > 0.95) > 0.8, "flat places stay as they are"


@pytest.mark.parametrize("count", [0, 300])
def test_thin_clouds_stay_bright_under_shading(count):
    plotter = pv.Plotter(off_screen=True, window_size=(200, 200))
    plotter.render_window.SetMultiSamples(0)
    plotter.set_background("white")
    points = np.random.default_rng(1).uniform(-1, 1, (count, 3)).astype(np.float32)
    if count:
        plotter.add_points(points, color=(200, 200, 200), point_size=4, lighting=False)
    shading = EyeDome(plotter, lambda: 4.0)
    shading.set_on(True)
    plotter.show(auto_close=False)
    picture = plotter.screenshot(return_img=True).astype(int)
    shading.end()
    plotter.close()
    seen = picture[(picture < 250).any(axis=2)]
    assert len(seen) > 5 * count or not count
    assert np.mean(seen > 120) > 0.9 if count else len(seen) == 0


def test_frustum_corners_project_onto_the_corners_of_the_photo():
    import torch

    scene = synthetic_reconstruction(views=4)
    height, width = scene.images.shape[1:3]
    corners = frustum_corners(scene.intrinsics, scene.world_to_camera, (height, width), 0.7)
    expected = torch.tensor([(0, 0), (width, 0), (width, height), (0, height)]).float()
    for view, intrinsics in enumerate(torch.tensor(scene.intrinsics)):
        camera = torch.tensor(scene.world_to_camera[view])
        pixels, depth = project(torch.tensor(corners[view, :4]).float(), intrinsics[None], camera[None])
        assert torch.allclose(pixels[0], expected, atol=1e-2)
        assert torch.allclose(depth, torch.full((1, 4), 0.7), atol=1e-5)


def held(yaws, tilts, rolls):
    """Cameras in a world whose z is up, turned by angles in degrees (S, 4, 4)."""
    cameras = np.tile(np.eye(4, dtype=np.float32), (len(yaws), 1, 1))
    for camera, yaw, tilt, roll in zip(cameras, *np.radians([yaws, tilts, rolls]), strict=True):
        ahead = np.array([np.cos(tilt) * np.cos(yaw), np.cos(tilt) * np.sin(yaw), -np.sin(tilt)])
        right = np.array([np.sin(yaw), -np.cos(yaw), 0.0])
        down = np.cross(ahead, right)
        camera[:3, :3] = np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right, ahead
    return cameras


def test_level_cameras_tell_what_is_up_however_they_are_tilted():
    rng = np.random.default_rng(0)
    level = held(rng.uniform(0, 90, 12), rng.uniform(10, 50, 12), np.zeros(12))
    assert upright(level) == pytest.approx((0, 0, 1), abs=1e-4)
    shaky = held(rng.uniform(0, 90, 30), rng.uniform(10, 50, 30), rng.normal(0, 2, 30))
    assert upright(shaky)[2] > np.cos(np.radians(3))


@pytest.mark.parametrize("rolls", [0.0, 90.0])
def test_cameras_side_by_side_and_single_ones_say_it_by_their_own_up(rolls):
    for count in (1, 2, 9):
        cameras = held(np.linspace(0, 4, count), np.full(count, 20.0), np.full(count, rolls))
        mean = mean_direction(-cameras[:, 1, :3])
        assert upright(cameras) == pytest.approx(mean, abs=1e-6)


def test_what_a_camera_looks_at_is_as_far_as_most_of_what_it_sees():
    lens = np.array([(100, 0, 50), (0, 100, 40), (0, 0, 1)], np.float32), np.eye(4, dtype=np.float32), (80, 100)
    wall = np.array([(x, y, 3.0) for x in np.linspace(-5, 5, 41) for y in np.linspace(-5, 5, 41)], np.float32)
    beside, behind = wall + np.array((30, 0, 4)), wall * (1, 1, -1)
    assert depth_ahead(np.concatenate([wall, beside, behind]).astype(np.float32), *lens) == pytest.approx(3)
    assert depth_ahead(behind.astype(np.float32), *lens) == 0
