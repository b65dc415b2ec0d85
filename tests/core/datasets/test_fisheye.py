"""The fisheye camera against its authors' library, and pinhole views taken out of its images."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.datasets.aria_synthetic import CAMERA, CAMERA_TO_DEVICE
from fast3dis_core.datasets.fisheye import CLOCKWISE, rectification
from tests.core.datasets.aria_tree import stored_rays

HALF = 0.5  # the golden values count from the center of the first pixel


@pytest.fixture(scope="module")
def golden(golden_file):
    (path,) = golden_file("ase", "fisheye624.json")
    return json.loads(path.read_text())


def test_calibration_is_the_published_one(golden):
    known = golden["calibration"]
    found = (CAMERA.focal, *(value - HALF for value in CAMERA.center), *CAMERA.radial, *CAMERA.tangential)
    assert np.allclose((*found, *CAMERA.thin_prism), known["params"], rtol=1e-15, atol=0)
    assert CAMERA.size == (known["height"], known["width"])
    assert CAMERA.valid_radius == known["valid_radius"]
    assert np.allclose(CAMERA_TO_DEVICE, known["T_device_camera"], rtol=0, atol=1e-14)


def test_projection_equals_the_reference(golden):
    points = np.array([row["point"] for row in golden["project"]])
    pixels = CAMERA.project(points)
    assert np.abs(pixels - HALF - [row["pixel"] for row in golden["project"]]).max() < 1e-9
    assert CAMERA.sees(pixels).tolist() == [row["visible"] for row in golden["project"]]


def test_map_of_the_default_view_equals_the_reference(golden):
    made = rectification(CAMERA, (512, 512), CAMERA.focal)
    for row in golden["rectify_512"]:
        place = row["row"], row["col"]
        assert made.source[place] - HALF == pytest.approx([row["source_u"], row["source_v"]], abs=1e-3)
        assert made.valid[place] == row["valid"]
        assert 1 / made.ray_length[place] == pytest.approx(row["z_over_distance"], rel=1e-6)
    assert np.array_equal(made.intrinsics, [[CAMERA.focal, 0, 256], [0, CAMERA.focal, 256], [0, 0, 1]])


def test_points_behind_the_camera_have_no_pixel():
    assert np.isnan(CAMERA.project(np.array([[0.1, 0.2, -1.0], [0.1, 0.2, 0.0]]))).all()
    assert not CAMERA.sees(CAMERA.project(np.array([0.0, 0.0, -1.0])))


def test_rays_of_stored_pixels_lead_back_to_them():
    """The inverse the test scenes are cast with."""
    rays, valid = stored_rays()
    v, u = np.mgrid[:704, :704] + 0.5
    assert np.abs(CAMERA.project(rays[valid]) - np.stack([u, v], axis=-1)[valid]).max() < 1e-9
    assert 0.75 < valid.mean() < 0.8  # a circle in its square


@settings(max_examples=50, deadline=None)
@given(direction=st.tuples(st.floats(-1.2, 1.2), st.floats(-1.2, 1.2)), distance=st.floats(0.01, 50))
def test_a_pixel_belongs_to_a_ray(direction, distance):
    ray = np.array([*direction, 1.0])
    assert np.allclose(CAMERA.project(distance * ray), CAMERA.project(ray), atol=1e-9)


def test_turned_views_are_the_turned_image():
    """A quarter turn of the camera is `np.rot90` of the view, exactly: no pixel is computed anew."""
    size = (30, 56)
    plain = rectification(CAMERA, size, 40.0)
    turned = rectification(CAMERA, size[::-1], 40.0, clockwise=True)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (704, 704, 3), dtype=np.uint8)
    ids = rng.integers(0, 2**16, (704, 704), dtype=np.uint16)
    assert np.array_equal(turned.photo(image), np.rot90(plain.photo(image), k=3))
    assert np.array_equal(turned.values(ids), np.rot90(plain.values(ids), k=3))
    assert np.array_equal(turned.ray_length, np.rot90(plain.ray_length, k=3))
    # a ray meets the same content whether it is turned with the camera or not
    pixel = turned.intrinsics @ CLOCKWISE @ np.array([0.3, -0.2, 1.0])
    plain_pixel = plain.intrinsics @ np.array([0.3, -0.2, 1.0])
    assert np.allclose(pixel[:2], (size[0] - plain_pixel[1], plain_pixel[0]))


def test_samples_lie_where_the_map_says():
    """A photo that shows its own coordinates comes out as the map; the nearest value is the pixel that holds it."""
    v, u = np.mgrid[:704, :704]
    made = rectification(CAMERA, (112, 84), 65.0)
    photo = np.stack([u / 4, v / 4, np.zeros_like(u)], axis=-1).astype(np.uint8)
    assert np.abs(made.photo(photo)[..., :2] * 4.0 - (made.source - HALF)).max() < 4 + 1 / 16  # bytes are quarters
    assert np.array_equal(made.values(u.astype(np.uint16)), np.floor(made.source[..., 0]))
    assert np.array_equal(made.values(v.astype(np.uint16)), np.floor(made.source[..., 1]))


def test_nothing_is_seen_outside_the_circle():
    wide = rectification(CAMERA, (100, 100), 20.0)
    ones = np.ones((704, 704), np.uint16)
    assert 0.2 < wide.valid.mean() < 0.9
    assert np.array_equal(wide.values(ones) == 1, wide.valid)
    assert not wide.photo(np.full((704, 704, 3), 255, np.uint8))[~wide.valid].any()


def test_maps_are_made_once_and_cannot_be_spoiled():
    made = rectification(CAMERA, (28, 28), 16.0)
    assert rectification(CAMERA, (28, 28), 16.0) is made
    with pytest.raises(ValueError, match="read-only"):
        made.source[0, 0] = 0
