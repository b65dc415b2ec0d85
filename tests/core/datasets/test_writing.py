"""A written room read back: files, units, axes."""

import dataclasses
import json

import cv2
import numpy as np
import pytest
import torch

from fast3dis_core.datasets.procedural_rooms import render_scenes, write_posed_dataset
from fast3dis_core.errors import ExportError
from fast3dis_core.posed_input import read_posed_folder
from fast3dis_core.scene import scene


@pytest.fixture(scope="module")
def sample():
    return scene(render_scenes([21], views=2, height=42, width=56), 0)


@pytest.fixture(scope="module")
def folder(sample, tmp_path_factory):
    target = tmp_path_factory.mktemp("room") / "written"
    write_posed_dataset(sample, target)
    return target


def test_files_are_those_reported(sample, tmp_path):
    names = write_posed_dataset(sample, tmp_path / "room")
    found = {path.relative_to(tmp_path / "room").as_posix() for path in (tmp_path / "room").rglob("*.*")}
    assert found == set(names)
    assert {"transforms.json", "surface.ply", "images/view_000.jpg", "depth/view_001.png"} <= found
    with pytest.raises(ExportError, match="exists"):
        write_posed_dataset(sample, tmp_path / "room")
    write_posed_dataset(sample, tmp_path / "room", overwrite=True)


def test_depth_and_ids_survive(sample, folder):
    for index in range(2):
        depth = cv2.imread(str(folder / f"depth/view_{index:03d}.png"), cv2.IMREAD_UNCHANGED)
        ids = cv2.imread(str(folder / f"instance/view_{index:03d}.png"), cv2.IMREAD_UNCHANGED)
        assert depth.dtype == ids.dtype == np.uint16
        np.testing.assert_allclose(depth * 1e-3, sample.geometry.depth[index], atol=5.1e-4)
        np.testing.assert_array_equal(ids, sample.instance_ids[index])
        image = cv2.imread(str(folder / f"images/view_{index:03d}.jpg"))[..., ::-1] / 255
        assert np.abs(image - sample.views.images[index].permute(1, 2, 0).numpy()).mean() < 0.06


def test_cameras_are_camera_to_world_in_opengl_axes(sample, folder):
    content = json.loads((folder / "transforms.json").read_text())
    assert content["depth_unit_scale_factor"] == 1e-3
    for index, frame in enumerate(content["frames"]):
        camera_to_world = np.array(frame["transform_matrix"]) @ np.diag([1.0, -1.0, -1.0, 1.0])
        expected = np.linalg.inv(sample.geometry.world_to_camera[index].numpy())
        np.testing.assert_allclose(camera_to_world, expected, atol=1e-5)
        assert frame["fl_x"] == pytest.approx(sample.geometry.intrinsics[index, 0, 0].item())
        assert (frame["cx"], frame["cy"], frame["w"], frame["h"]) == (28, 21, 56, 42)
    labelled = {int(key) for key in content["instance_classes"]}
    assert labelled == set(torch.unique(sample.instance_ids).tolist())


def test_surface_file_holds_points_colors_and_ids(sample, folder):
    plyfile = pytest.importorskip("plyfile")
    vertices = plyfile.PlyData.read(str(folder / "surface.ply"))["vertex"]
    points = np.stack([vertices[axis] for axis in "xyz"], axis=-1)
    np.testing.assert_allclose(points, sample.surface.points, atol=1e-6)
    np.testing.assert_array_equal(vertices["instance"], sample.surface.ids)
    assert np.std(vertices["red"]) > 5


def test_a_sample_without_metric_geometry_is_refused(sample, tmp_path):
    with pytest.raises(ExportError, match="meters"):
        write_posed_dataset(dataclasses.replace(sample, geometry=None), tmp_path / "none")


def test_samples_refuse_ids_of_another_size(sample):
    with pytest.raises(ValueError, match="instance_ids"):
        dataclasses.replace(sample, instance_ids=sample.instance_ids[:, :-1])


def test_the_posed_reader_understands_it(sample, folder):
    found = read_posed_folder(folder, with_depth=True, long_edge=56)
    geometry = found.geometry
    assert geometry is not None
    assert geometry.is_metric
    torch.testing.assert_close(geometry.depth.float(), sample.geometry.depth, atol=6e-4, rtol=0)
    torch.testing.assert_close(geometry.intrinsics.float(), sample.geometry.intrinsics, atol=1e-4, rtol=0)
    torch.testing.assert_close(geometry.points().float(), sample.geometry.points(), atol=2e-3, rtol=1e-3)
