"""Cameras for nerfstudio and COLMAP: a point projected by the written numbers lands on its own pixel."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from fast3dis_core.errors import Cancelled, ExportError
from fast3dis_core.exports import cameras, write_colmap_text, write_transforms_json
from tests.scenes import replaced, synthetic_reconstruction


def some_similarity():
    transform = np.eye(4)
    transform[:3, :3] = 2.5 * Rotation.from_euler("xyz", [0.4, -1.1, 2.0]).as_matrix()
    transform[:3, 3] = (3, -4, 0.5)
    return transform


def moved(scene, transform):
    points = scene.cloud.points.astype(float)
    return points if transform is None else points @ transform[:3, :3].T + transform[:3, 3]


def pixel_centers(scene):
    _, height, width, _ = scene.images.shape
    rows, columns = np.mgrid[:height, :width]
    return np.stack([columns, rows], axis=-1).reshape(-1, 2) + 0.5


@pytest.mark.parametrize("transform", [None, some_similarity()])
def test_transforms_json_projects_every_point_to_its_pixel(tmp_path, transform):
    scene = synthetic_reconstruction()
    write_transforms_json(tmp_path, scene, transform=transform)
    document = json.loads((tmp_path / "transforms.json").read_text("utf-8"))
    assert (document["w"], document["h"], document["camera_model"]) == (42, 28, "PINHOLE")
    points = moved(scene, transform).reshape(3, -1, 3)
    for frame, world, photo in zip(document["frames"], points, scene.images, strict=True):
        camera_to_world = np.array(frame["transform_matrix"])
        assert np.allclose(camera_to_world[:3, :3] @ camera_to_world[:3, :3].T, np.eye(3), atol=1e-6)
        local = (world - camera_to_world[:3, 3]) @ camera_to_world[:3, :3]
        depth = -local[:, 2]  # an OpenGL camera looks along -z, with y up
        pixels = np.stack(
            [
                frame["cx"] + frame["fl_x"] * local[:, 0] / depth,
                frame["cy"] - frame["fl_y"] * local[:, 1] / depth,
            ],
            axis=1,
        )
        known = np.isfinite(world).all(axis=1)
        assert (depth[known] > 0).all()
        assert np.allclose(pixels[known], pixel_centers(scene)[known], atol=1e-3)
        with Image.open(tmp_path / frame["file_path"]) as image:
            assert np.array_equal(np.asarray(image), photo)
    assert ("transform" in document["fast3dis"]) == (transform is not None)


def read_colmap(folder):
    """The text model, by the rules of COLMAP's format page."""

    def words(name):
        lines = (folder / name).read_text("utf-8").splitlines()
        return [line.split() for line in lines if not line.startswith("#")]

    cameras = {word[0]: word[1:] for word in words("cameras.txt")}
    image_lines = words("images.txt")
    assert all(line == [] for line in image_lines[1::2])
    points = words("points3D.txt")
    return cameras, image_lines[::2], points


@pytest.mark.parametrize("transform", [None, some_similarity()])
def test_colmap_model_projects_every_point_to_its_pixel(tmp_path, transform):
    scene = synthetic_reconstruction()
    count = write_colmap_text(tmp_path, scene, transform=transform, max_points=None)
    cameras, images, points = read_colmap(tmp_path / "sparse" / "0")
    assert count == len(points) == scene.cloud.valid.sum()
    assert [word[0] for word in points] == [str(index + 1) for index in range(count)]
    places = np.array([word[1:4] for word in points], float)
    assert np.array_equal(places.astype(np.float32), moved(scene, transform)[scene.cloud.valid].astype(np.float32))
    assert np.array_equal(np.array([word[4:7] for word in points], int), scene.cloud.colors[scene.cloud.valid])
    assert all(word[7:] == ["0"] for word in points)  # error 0, no track
    world = moved(scene, transform).reshape(3, -1, 3)
    for view, (_, *numbers, camera, name) in enumerate(images):
        w, x, y, z, *shift = (float(number) for number in numbers)
        local = Rotation.from_quat([x, y, z, w]).apply(world[view]) + shift
        model, width, height, *parameters = cameras[camera]
        assert (model, width, height) == ("PINHOLE", "42", "28")
        focal, center = np.array(parameters, float).reshape(2, 2)
        known = np.isfinite(world[view]).all(axis=1)
        pixels = center + focal * local[known, :2] / local[known, 2:]
        assert np.allclose(pixels, pixel_centers(scene)[known], atol=1e-3)
        with Image.open(tmp_path / "images" / name) as image:
            assert np.array_equal(np.asarray(image), scene.images[view])


def test_names_stay_one_word_in_colmap(tmp_path):
    scene = replaced(synthetic_reconstruction(), names=("my photo.jpg", "dir/Küche.png", "my_photo.png"))
    write_colmap_text(tmp_path, scene)
    _, images, _ = read_colmap(tmp_path / "sparse" / "0")
    assert [word[9] for word in images] == ["my_photo.png", "dir_Küche.png", "my_photo_2.png"]
    assert sorted(path.name for path in (tmp_path / "images").iterdir()) == sorted(word[9] for word in images)


def test_colmap_points_are_thinned_with_a_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(cameras, "CHUNK", 31)
    scene = synthetic_reconstruction()
    for name in ("a", "b"):
        assert write_colmap_text(tmp_path / name, scene, max_points=200) == 200
    texts = [(tmp_path / name / "sparse" / "0" / "points3D.txt").read_text() for name in ("a", "b")]
    assert texts[0] == texts[1]
    places = {tuple(map(float, line.split()[1:4])) for line in texts[0].splitlines() if not line.startswith("#")}
    assert len(places) == 200
    assert places <= {tuple(point) for point in scene.cloud.points[scene.cloud.valid].tolist()}


@pytest.mark.parametrize("write", [write_transforms_json, write_colmap_text])
def test_refusals_leave_nothing(tmp_path, write):
    scene = synthetic_reconstruction()
    skewed = scene.intrinsics.copy()
    skewed[1, 0, 1] = 5
    with pytest.raises(ExportError, match=r"view_001\.jpg has a skew"):
        write(tmp_path, replaced(scene, intrinsics=skewed))

    def stop_late(step, fraction):
        if step == "Writing photos" and fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        write(tmp_path, scene, report=stop_late)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "view_002.png").write_bytes(b"mine")
    with pytest.raises(ExportError, match=r"view_002\.png exists already"):
        write(tmp_path, scene)
    write(tmp_path, scene, overwrite=True)
    assert (tmp_path / "images" / "view_002.png").read_bytes() != b"mine"
