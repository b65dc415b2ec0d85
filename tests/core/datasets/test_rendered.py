"""Rooms on disk: what is read is what was rendered, whoever rendered it; windows keep geometry, ids and colors true."""

from dataclasses import fields

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.datasets.procedural_rooms import render_scenes
from fast3dis_core.datasets.rendered import DEPTH_STEP, RenderedRoom, RoomCache
from fast3dis_core.datasets.windows import Window, change_colors, cut, draw_window
from fast3dis_core.errors import Cancelled, DatasetError
from fast3dis_core.geometry.cameras import project, unproject
from fast3dis_core.scene import scene

SIZE = (28, 42)
VIEWS = 4


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return RoomCache(tmp_path_factory.mktemp("rooms"), views=VIEWS)


def assert_equal(first, second):
    for field in fields(RenderedRoom):
        assert np.array_equal(getattr(first, field.name), getattr(second, field.name))


def test_a_room_reads_back_as_it_was_rendered(cache):
    room = cache.room(5, SIZE)
    sample = scene(render_scenes([5], views=VIEWS, height=SIZE[0], width=SIZE[1]), 0)
    window = cut([room], [Window(views=tuple(range(VIEWS)), mirrored=False)])
    read = scene(window, 0)
    assert torch.equal(read.instance_ids, sample.instance_ids)
    assert torch.equal(read.class_ids, sample.class_ids)
    torch.testing.assert_close(read.views.images, sample.views.images, atol=0.5 / 255 + 1e-6, rtol=0)
    torch.testing.assert_close(read.geometry.depth, sample.geometry.depth, atol=DEPTH_STEP / 2 + 1e-6, rtol=0)
    torch.testing.assert_close(read.geometry.world_to_camera, sample.geometry.world_to_camera, atol=1e-6, rtol=0)
    assert torch.equal(read.geometry.intrinsics, sample.geometry.intrinsics)


def test_a_stored_room_is_not_rendered_again(cache, monkeypatch):
    first = cache.room(5, SIZE)
    monkeypatch.setattr("fast3dis_core.datasets.rendered.prepare_scenes", None)
    assert_equal(cache.room(5, SIZE), first)


def test_rooms_rendered_ahead_in_groups_equal_rooms_rendered_alone(cache, tmp_path):
    ahead = RoomCache(tmp_path, views=VIEWS)
    small = (14, 28)
    assert ahead.fill([5, 6], [SIZE, small]) == 2
    for seed in (5, 6):
        assert_equal(ahead.room(seed, SIZE), cache.room(seed, SIZE))
        assert ahead.path(seed, small).exists()
    assert ahead.fill([5, 6], [SIZE, small]) == 0


@pytest.mark.slow
def test_worker_processes_draw_the_same_rooms(cache, tmp_path):
    ahead = RoomCache(tmp_path, views=VIEWS)
    ahead.fill([5, 6], [SIZE], workers=1)
    assert_equal(ahead.room(6, SIZE), cache.room(6, SIZE))


def test_filling_can_be_cancelled_between_groups(tmp_path):
    ahead = RoomCache(tmp_path, views=2)

    def cancel_later(_step, fraction):
        if fraction > 0:
            raise Cancelled

    with pytest.raises(Cancelled):
        ahead.fill(range(12), [(14, 14)], report=cancel_later)
    assert sum(ahead.path(seed, (14, 14)).exists() for seed in range(12)) == 8


def test_a_damaged_room_is_refused(cache, tmp_path):
    other = RoomCache(tmp_path, views=VIEWS)
    path = other.path(5, SIZE)
    path.parent.mkdir(parents=True)
    path.write_bytes(cache.path(5, SIZE).read_bytes()[:-50] if cache.room(5, SIZE) else b"")
    with pytest.raises(DatasetError, match="damaged"):
        other.room(5, SIZE)


@settings(max_examples=60, deadline=None)
@given(available=st.integers(2, 12), share=st.floats(0, 1), seed=st.integers(0, 99))
def test_windows_are_neighboring_views_without_repetition(available, share, seed):
    count = 2 + int(share * (available - 2))
    window = draw_window(available, count, np.random.default_rng(seed))
    views = sorted(window.views)
    assert len(set(views)) == count
    assert views[0] >= 0
    assert views[-1] < available
    assert len(set(np.diff(views))) <= 1
    plain = draw_window(available, count, np.random.default_rng(seed), augment=False)
    assert plain == Window(views=tuple(range(count)), mirrored=False)


def test_windows_start_everywhere_in_any_order_and_mirrored():
    rng = np.random.default_rng(0)
    windows = [draw_window(8, 3, rng) for _ in range(300)]
    assert {min(window.views) for window in windows} == set(range(6))
    assert 0.35 < np.mean([window.mirrored for window in windows]) < 0.65
    assert 0.3 < np.mean([list(window.views) == sorted(window.views) for window in windows]) < 0.8


@pytest.mark.parametrize("mirrored", [False, True])
def test_geometry_of_a_window_stays_true(cache, mirrored):
    """A point of the first view is seen where the third one's depth says, with the same instance id."""
    sample = scene(cut([cache.room(5, SIZE)], [Window(views=(2, 0, 1), mirrored=mirrored)]), 0)
    geometry = sample.geometry
    torch.testing.assert_close(geometry.world_to_camera[0], torch.eye(4))
    assert torch.allclose(torch.linalg.det(geometry.world_to_camera[:, :3, :3]), torch.ones(3), atol=1e-4)
    points = unproject(geometry.depth, geometry.intrinsics, geometry.world_to_camera)[0].reshape(-1, 3)
    pixels, depth = project(points, geometry.intrinsics[1:], geometry.world_to_camera[1:])
    ids = sample.instance_ids[0].reshape(-1)
    agreeing = seen = 0
    for view in (0, 1):
        x, y = pixels[view].floor().long().unbind(-1)
        inside = (depth[view] > 0) & (x >= 0) & (x < SIZE[1]) & (y >= 0) & (y < SIZE[0])
        x, y, z = x[inside], y[inside], depth[view][inside]
        visible = (geometry.depth[1 + view, y, x] - z).abs() < 0.02 * z
        seen += int(visible.sum())
        agreeing += int((sample.instance_ids[1 + view, y, x] == ids[inside])[visible].sum())
    assert seen > 100
    assert agreeing > 0.9 * seen


def test_mirroring_twice_changes_nothing(cache):
    room = cache.room(5, SIZE)
    plain, mirrored = (cut([room], [Window(views=(0, 1), mirrored=value)]) for value in (False, True))
    assert torch.equal(mirrored.views.images.flip(-1), plain.views.images)
    assert torch.equal(mirrored.instance_ids.flip(-1), plain.instance_ids)
    sign = torch.diag(torch.tensor([-1.0, 1.0, 1.0, 1.0]))
    torch.testing.assert_close(sign @ mirrored.geometry.world_to_camera @ sign, plain.geometry.world_to_camera)


def test_colors_change_and_nothing_else_whatever_the_batch(cache):
    rooms = [cache.room(seed, SIZE) for seed in (5, 6)]
    window = Window(views=(0, 1), mirrored=False)
    both, seeds = cut(rooms, [window, window]), torch.tensor([11, 12])
    changed = change_colors(both, seeds)
    assert changed.geometry is both.geometry
    assert changed.instance_ids is both.instance_ids
    assert changed.views.images.min() >= 0
    assert changed.views.images.max() <= 1
    assert (changed.views.images - both.views.images).abs().mean() > 0.01
    alone = change_colors(cut(rooms[1:], [window]), seeds[1:])
    torch.testing.assert_close(alone.views.images[0], changed.views.images[1], atol=1e-4, rtol=0)
    other = change_colors(both, seeds + 100)
    assert (other.views.images - changed.views.images).abs().mean() > 0.01
