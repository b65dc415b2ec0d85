"""Packing is lossless for any bits, and points follow from depth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.session_files import packing, rays
from tests.core.test_exports_archive import bits, floats
from tests.scenes import synthetic_reconstruction

sizes = st.tuples(st.integers(0, 5), st.integers(0, 5))


@settings(max_examples=50, deadline=None)
@given(sizes.flatmap(floats))
def test_maps_come_back(values):
    packed = packing.pack_map(values)
    assert packed.shape == (4, *values.shape)
    assert bits(packing.unpack_map(packed)) == bits(values)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(range(40)), unique=True).map(sorted))
def test_rows_come_back(rows):
    rows = np.array(rows, np.int32)
    packed = packing.pack_rows(rows)
    assert bits(packing.rows_between(*packing.run_ends(packed, 40))) == bits(rows)
    if len(rows):
        with pytest.raises(ValueError, match="leaves"):
            packing.run_ends(packed, int(rows[-1]))


def test_ordered_words_rise_with_the_floats():
    values = np.array(
        [-np.inf, -1.5, -1e-40, -0.0, 0.0, 1e-40, 1.0, np.nextafter(np.float32(1), 2), np.inf], np.float32
    )
    words = packing.ordered(values).astype(np.int64)
    assert (np.diff(words) > 0).all()
    assert words[7] - words[6] == 1


@settings(max_examples=50, deadline=None)
@given(sizes.flatmap(lambda size: st.tuples(floats((*size, 3)), floats(size))), floats((3, 3)), floats((4, 4)))
def test_any_points_come_back_from_any_depth(maps, intrinsics, world_to_camera):
    points, depth = maps
    (ray,) = rays.rays_of(intrinsics[None], world_to_camera[None])
    packed = rays.pack_points(points, rays.predict(ray, depth))
    assert bits(rays.unpack_points(packed, rays.predict(ray, depth))) == bits(points)


def test_depth_along_a_ray_predicts_the_point():
    scene = synthetic_reconstruction(views=3)
    points = np.nan_to_num(scene.cloud.points.reshape(*scene.images.shape))
    for view, ray in enumerate(rays.rays_of(scene.intrinsics, scene.world_to_camera)):
        depth = rays.depth_along(points[view], scene.world_to_camera[view])
        predicted = np.moveaxis(rays.predict(ray, depth), 0, -1)
        assert np.allclose(predicted, points[view], atol=1e-6)


def test_unknown_depth_predicts_the_origin():
    points = np.zeros((2, 3, 3), np.float32)
    camera = np.eye(4, dtype=np.float32)
    camera[2, 3] = 5
    depth = rays.depth_along(points, camera)
    (ray,) = rays.rays_of(np.eye(3, dtype=np.float32)[None], camera[None])
    assert np.isnan(depth).all()
    assert not rays.pack_points(points, rays.predict(ray, depth)).any()


def test_a_camera_without_inverse_leaves_all_to_the_remainder():
    assert not rays.rays_of(np.zeros((1, 3, 3), np.float32), np.eye(4, dtype=np.float32)[None]).any()
