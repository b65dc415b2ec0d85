"""Cameras that come with photos: what is drawn at a projected point is found where the cameras read say it is."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fast3dis_core.errors import Cancelled
from fast3dis_core.geometry.cameras import project
from fast3dis_core.posed_input import find_cameras, read_posed_folder
from fast3dis_core.posed_input.lens import Lens, bend
from tests.core.posed_scenes import (
    WIDE,
    WRITERS,
    Camera,
    make_scene,
    transforms,
    write_colmap_binary,
    write_colmap_text,
    write_matrices,
    write_transforms,
)

DISTORTED = {
    "SIMPLE_RADIAL": (195.0, 83.0, 57.0, -0.5),
    "RADIAL": (195.0, 83.0, 57.0, 0.4, -0.1),
    "OPENCV": (190.0, 200.0, 83.0, 57.0, -0.45, 0.15, 0.008, -0.006),
    "FULL_OPENCV": (190.0, 200.0, 83.0, 57.0, 0.3, 0.05, 0.006, 0.004, 0.01, 0.9, 0.1, 0.02),
    "OPENCV_FISHEYE": (120.0, 122.0, 81.0, 59.0, -0.2, 0.02, 0.01, -0.003),
}


def in_world(posed, points):
    """Points of the folder's world in the world of view 0, Tensor (N, 3)."""
    matrix = posed.folder_to_world.numpy()
    return torch.from_numpy(points @ matrix[:3, :3].T + matrix[:3, 3]).float()


def dots(images):
    """Centroids (S, 3, 2) of the dot in each channel."""
    weight = images.double().clamp(min=0.02) - 0.02
    y, x = torch.arange(images.shape[2]) + 0.5, torch.arange(images.shape[3]) + 0.5
    total = weight.sum(dim=(2, 3))
    return torch.stack([(weight * x).sum(dim=(2, 3)) / total, (weight * y[:, None]).sum(dim=(2, 3)) / total], dim=-1)


def assert_dots_are_where_cameras_say(posed, scene, tolerance=0.25):
    pixels, depth = project(in_world(posed, scene.points), posed.cameras.intrinsics, posed.cameras.world_to_camera)
    assert (depth > 0).all()
    np.testing.assert_allclose(dots(posed.views.images), pixels, atol=tolerance)


def pinhole(camera):
    """The same camera without its distortion."""
    simple = camera.model in ("SIMPLE_RADIAL", "RADIAL")
    model = "SIMPLE_PINHOLE" if simple else "PINHOLE"
    return Camera(camera.name, camera.world_to_camera, model, camera.parameters[: 3 if simple else 4])


class TestRoundTrip:
    @pytest.mark.parametrize("form", WRITERS)
    def test_every_format(self, tmp_path, form):
        scene = make_scene()
        WRITERS[form](scene, tmp_path)
        posed = read_posed_folder(tmp_path)
        assert posed.views.names == ("photo0.png", "photo1.png", "photo2.png")
        assert posed.geometry is None
        assert not posed.cameras.is_metric
        assert_dots_are_where_cameras_say(posed, scene)

    @pytest.mark.parametrize("form", WRITERS)
    def test_view_zero_is_the_world_and_the_folder_is_kept(self, tmp_path, form):
        scene = make_scene()
        WRITERS[form](scene, tmp_path)
        posed = read_posed_folder(tmp_path, long_edge=56)
        assert torch.equal(posed.cameras.world_to_camera[0], torch.eye(4))
        assert posed.folder_to_world.dtype == torch.float64
        back = posed.cameras.world_to_camera.double() @ posed.folder_to_world
        np.testing.assert_allclose(back, [camera.world_to_camera for camera in scene.cameras], atol=1e-6)

    @pytest.mark.parametrize("form", WRITERS)
    def test_a_far_away_world_keeps_its_precision(self, tmp_path, form):
        scene = make_scene(center=(4.1e6, -2.7e5, 3.3e6))
        WRITERS[form](scene, tmp_path)
        posed = read_posed_folder(tmp_path)
        assert posed.cameras.world_to_camera.dtype == torch.float32
        assert_dots_are_where_cameras_say(posed, scene)

    @pytest.mark.parametrize("model", DISTORTED)
    @pytest.mark.parametrize("write", [write_colmap_text, write_colmap_binary])
    def test_distorted_photos_are_straightened(self, tmp_path, model, write):
        scene = make_scene(model=model, parameters=DISTORTED[model], points=WIDE)
        bent = np.abs(scene.cameras[0].project(scene.points) - pinhole(scene.cameras[0]).project(scene.points)).max()
        assert bent > 1  # or the test would see nothing
        posed = read_posed_folder(write(scene, tmp_path))
        assert_dots_are_where_cameras_say(posed, scene, tolerance=0.4)
        assert any("Straightened 3 of 3" in note for note in posed.views.notes)

    @pytest.mark.parametrize("model", ["OPENCV", "OPENCV_FISHEYE"])
    def test_distortion_in_transforms(self, tmp_path, model):
        scene = make_scene(model=model, parameters=DISTORTED[model], points=WIDE)
        assert_dots_are_where_cameras_say(read_posed_folder(write_transforms(scene, tmp_path)), scene, tolerance=0.4)

    def test_mixed_shapes_crop_photos_and_intrinsics_alike(self, tmp_path):
        scene = make_scene()
        scene.cameras[1].size = (160, 120)
        scene.cameras[1].parameters = (190.0, 200.0, 57.0, 83.0)
        posed = read_posed_folder(write_colmap_text(scene, tmp_path), long_edge=280)
        assert posed.views.images.shape[2:] == (210, 210)
        assert_dots_are_where_cameras_say(posed, scene)

    @pytest.mark.parametrize("factor", [0.5, 3])
    def test_photos_of_another_resolution_rescale_the_intrinsics(self, tmp_path, factor):
        scene = make_scene()
        write_colmap_text(scene, tmp_path)
        for path in (tmp_path / "images").iterdir():
            photo = Image.open(path)
            photo.resize((round(160 * factor), round(120 * factor)), Image.Resampling.BICUBIC).save(path)
        assert_dots_are_where_cameras_say(read_posed_folder(tmp_path), scene, tolerance=0.5)

    def test_exif_does_not_turn_photos_whose_stored_shape_fits(self, tmp_path):
        scene = make_scene()
        write_colmap_text(scene, tmp_path)
        for path in (tmp_path / "images").iterdir():
            exif = Image.Exif()
            exif[0x0112] = 6
            Image.open(path).copy().save(path, exif=exif.tobytes())
        assert_dots_are_where_cameras_say(read_posed_folder(tmp_path), scene)

    def test_exif_turns_photos_whose_cameras_were_made_upright(self, tmp_path):
        scene = make_scene()
        write_colmap_text(scene, tmp_path)
        for path in (tmp_path / "images").iterdir():
            exif = Image.Exif()
            exif[0x0112] = 6  # shown after a quarter turn clockwise
            turned = Image.open(path).transpose(Image.Transpose.ROTATE_90)
            turned.save(path, exif=exif.tobytes())
        posed = read_posed_folder(tmp_path)
        assert posed.views.source_sizes.tolist() == [[120, 160]] * 3
        assert_dots_are_where_cameras_say(posed, scene)

    def test_text_and_binary_say_the_same(self, tmp_path):
        scene = make_scene()
        text = read_posed_folder(write_colmap_text(scene, tmp_path / "a"), long_edge=56)
        binary = read_posed_folder(write_colmap_binary(scene, tmp_path / "b"), long_edge=56)
        assert torch.equal(text.cameras.intrinsics, binary.cameras.intrinsics)
        assert torch.allclose(text.cameras.world_to_camera, binary.cameras.world_to_camera, atol=1e-6)


class TestLayouts:
    @pytest.mark.parametrize(
        ("form", "kind"), [("colmap text", "colmap"), ("transforms", "transforms"), ("matrices",) * 2]
    )
    def test_find_cameras(self, tmp_path, form, kind):
        assert find_cameras(tmp_path) is None
        WRITERS[form](make_scene(), tmp_path)
        assert find_cameras(tmp_path) == kind
        assert find_cameras(tmp_path / "images") is None

    @pytest.mark.parametrize("place", ["sparse/0", "sparse", "."])
    @pytest.mark.parametrize("photos", ["images", "."])
    @pytest.mark.parametrize("write", [write_colmap_text, write_colmap_binary])
    def test_colmap_places(self, tmp_path, place, photos, write):
        write(make_scene(), tmp_path, place=place, photos=photos)
        assert len(read_posed_folder(tmp_path, long_edge=56).views) == 3

    def test_colmap_names_with_folders_and_spaces(self, tmp_path):
        scene = make_scene(count=2)
        scene.cameras[0].name, scene.cameras[1].name = "left/the photo.png", "right/the photo.png"
        posed = read_posed_folder(write_colmap_text(scene, tmp_path), long_edge=56)
        assert posed.views.names == ("left/the photo.png", "right/the photo.png")

    def test_views_are_in_natural_order_and_sampled(self, tmp_path):
        scene = make_scene(count=12)
        scene.cameras.reverse()
        posed = read_posed_folder(write_colmap_text(scene, tmp_path), max_views=3)
        assert posed.views.names == ("photo0.png", "photo6.png", "photo11.png")
        assert any("3 of 12 photos" in note for note in posed.views.notes)
        assert_dots_are_where_cameras_say(posed, scene)

    def test_transforms_without_extension_size_and_focal_length(self, tmp_path):
        scene = make_scene(parameters=(190.0, 190.0, 80.0, 60.0))
        angle = 2 * math.atan(80 / 190)
        frames = transforms(scene)["frames"]
        for frame in frames:
            frame["file_path"] = "./" + frame["file_path"].removesuffix(".png")
        posed = read_posed_folder(write_transforms(scene, tmp_path, {"camera_angle_x": angle, "frames": frames}))
        assert_dots_are_where_cameras_say(posed, scene)

    def test_masks_and_depth_beside_the_photos_are_no_photos(self, tmp_path):
        scene = make_scene()
        content = transforms(scene)
        (tmp_path / "images").mkdir()
        for number, frame in enumerate(content["frames"]):
            for key, name in (("mask_path", f"images/m{number}.png"), ("depth_file_path", f"images/d{number}.png")):
                frame[key] = name
                Image.new("L", (160, 120)).save(tmp_path / name)
        assert len(read_posed_folder(write_transforms(scene, tmp_path, content), long_edge=56).views) == 3

    def test_intrinsics_may_be_four_by_four(self, tmp_path):
        scene = make_scene()
        assert_dots_are_where_cameras_say(read_posed_folder(write_matrices(scene, tmp_path, side=4)), scene)

    def test_progress_and_cancel(self, tmp_path):
        write_colmap_text(make_scene(), tmp_path)
        seen = []
        read_posed_folder(tmp_path, long_edge=56, report=lambda step, fraction: seen.append(fraction))
        assert seen == [0, 1 / 3, 2 / 3, 1]

        def cancel(step, fraction):
            raise Cancelled

        with pytest.raises(Cancelled):
            read_posed_folder(tmp_path, skip_bad=True, report=cancel)


def coded(height, width):
    """Depth whose value says where it was stored: 1 + column + 1000 row."""
    return (1 + np.arange(width) + 1000 * np.arange(height)[:, None]).astype(np.float32)


def assert_depth_follows_the_photo(posed, cameras, factor=1):
    """Every network pixel holds the depth stored at the photo pixel it came from."""
    depth = posed.geometry.depth.double().numpy()
    y, x = np.mgrid[: depth.shape[1], : depth.shape[2]] + 0.5
    network = np.stack([x, y, np.ones_like(x)])  # (3, H, W)
    for view in range(len(cameras)):
        straight = np.einsum("ij,jyx->iyx", np.linalg.inv(posed.views.source_to_network[view].numpy()), network)
        row, column = np.divmod(depth[view] - 1, 1000)
        assert np.abs((column + 0.5) / factor - straight[0]).max() <= 0.5 / factor + 1e-6
        assert np.abs((row + 0.5) / factor - straight[1]).max() <= 0.5 / factor + 1e-6


class TestDepth:
    @pytest.mark.parametrize("form", ["colmap text", "matrices"])
    def test_nearest_values_follow_resize_and_crop(self, tmp_path, form):
        scene = make_scene()
        if form == "colmap text":
            scene.cameras[1].size = (160, 120)
            scene.cameras[1].parameters = (190.0, 200.0, 57.0, 83.0)
        WRITERS[form](scene, tmp_path)
        scene.write_depth(tmp_path, [coded(*camera.size) for camera in scene.cameras])
        posed = read_posed_folder(tmp_path, with_depth=True, long_edge=280)
        assert posed.geometry.depth.shape[1:] == posed.views.images.shape[2:]
        assert (posed.geometry.confidence == 1).all()
        assert torch.equal(posed.geometry.intrinsics, posed.cameras.intrinsics)
        assert_depth_follows_the_photo(posed, scene.cameras)

    def test_depth_of_lower_resolution(self, tmp_path):
        scene = make_scene()
        write_colmap_text(scene, tmp_path)
        scene.write_depth(tmp_path, [coded(60, 80)] * 3)
        posed = read_posed_folder(tmp_path, with_depth=True, long_edge=112)
        assert_depth_follows_the_photo(posed, scene.cameras, factor=0.5)

    @pytest.mark.parametrize("model", DISTORTED)
    def test_depth_is_straightened_with_the_photo(self, tmp_path, model):
        scene = make_scene(model=model, parameters=DISTORTED[model])
        write_colmap_text(scene, tmp_path)
        scene.write_depth(tmp_path, [coded(120, 160)] * 3)
        posed = read_posed_folder(tmp_path, with_depth=True, long_edge=112)
        depth = posed.geometry.depth.double().numpy()
        row, column = np.divmod(depth - 1, 1000)
        y, x = np.mgrid[: depth.shape[1], : depth.shape[2]] + 0.5
        pixels = np.stack([x, y, np.ones_like(x)]).reshape(3, -1)
        for view, camera in enumerate(scene.cameras):
            rays = np.linalg.inv(posed.cameras.intrinsics[view].double().numpy()) @ pixels
            inverse = np.linalg.inv(camera.world_to_camera)
            taken = camera.project(rays.T @ inverse[:3, :3].T + inverse[:3, 3])
            assert np.abs(column[view].ravel() + 0.5 - taken[:, 0]).max() < 0.51
            assert np.abs(row[view].ravel() + 0.5 - taken[:, 1]).max() < 0.51

    def test_points_of_a_plane_lie_on_it_in_the_folder_world(self, tmp_path):
        scene = make_scene(center=(5000.0, 10.0, -300.0))
        y, x = np.mgrid[:120, :160] + 0.5
        maps = []
        normal = np.array([0.1, -0.2, 1.0])
        normal /= np.linalg.norm(normal)
        anchor = scene.points[0]
        for camera in scene.cameras:
            fx, fy, cx, cy = camera.parameters
            to_world = np.linalg.inv(camera.world_to_camera)
            rays = np.stack([(x - cx) / fx, (y - cy) / fy, np.ones_like(x)], axis=-1) @ to_world[:3, :3].T
            maps.append(((anchor - to_world[:3, 3]) @ normal / (rays @ normal)).astype(np.float32))
        write_colmap_text(scene, tmp_path)
        scene.write_depth(tmp_path, maps)
        # at the photo's own resolution in y and x the nearest depth is the pixel's own
        posed = read_posed_folder(tmp_path, with_depth=True, long_edge=154)
        points = posed.geometry.points().reshape(-1, 3).double().numpy()
        back = np.linalg.inv(posed.folder_to_world.numpy())
        off = np.abs((points @ back[:3, :3].T + back[:3, 3] - anchor) @ normal)
        assert off.max() < 0.02

    @pytest.mark.parametrize("form", ["transforms", "matrices"])
    def test_millimeters_make_a_metric_scene(self, tmp_path, form):
        scene = make_scene()
        content = transforms(scene)
        for frame in content["frames"]:
            frame["depth_file_path"] = frame["file_path"].replace("images/", "depth/")
        if form == "transforms":
            write_transforms(scene, tmp_path, content)
        else:
            write_matrices(scene, tmp_path)
        scene.write_depth(tmp_path, [np.full((120, 160), 2500, np.uint16)] * 3)
        posed = read_posed_folder(tmp_path, with_depth=True, long_edge=56)
        assert posed.cameras.is_metric
        assert posed.geometry.is_metric
        assert torch.allclose(posed.geometry.depth, torch.tensor(2.5))

    @pytest.mark.parametrize("dtype", [np.uint16, np.float32])
    def test_a_given_scale_holds_for_every_type(self, tmp_path, dtype):
        scene = make_scene()
        extension = ".png" if dtype == np.uint16 else ".npy"
        content = transforms(scene, depth_unit_scale_factor=0.5)
        for frame in content["frames"]:
            frame["depth_file_path"] = "depth/" + frame["file_path"][7:].replace(".png", extension)
        write_transforms(scene, tmp_path, content)
        scene.write_depth(tmp_path, [np.full((120, 160), 7, dtype)] * 3)
        posed = read_posed_folder(tmp_path, with_depth=True, long_edge=56)
        assert torch.equal(posed.geometry.depth, torch.full_like(posed.geometry.depth, 3.5))

    def test_npz_holds_its_depth_by_name(self, tmp_path):
        scene = make_scene()
        write_colmap_text(scene, tmp_path)
        (tmp_path / "depth").mkdir()
        for number in range(3):
            np.savez(tmp_path / "depth" / f"photo{number}.npz", depth=np.full((1, 120, 160), 2.0), other=np.zeros(3))
        posed = read_posed_folder(tmp_path, with_depth=True, long_edge=56)
        assert (posed.geometry.depth == 2).all()

    def test_missing_values_have_depth_and_confidence_zero(self, tmp_path):
        scene = make_scene()
        depth = np.full((120, 160), 2.0)
        depth[:30], depth[30:60], depth[60:90, :80], depth[60:90, 80:] = 0, np.nan, np.inf, -1
        write_colmap_text(scene, tmp_path)
        scene.write_depth(tmp_path, [depth] * 3)
        geometry = read_posed_folder(tmp_path, with_depth=True, long_edge=56).geometry
        rows = geometry.depth.shape[1]
        bad = slice(0, int(rows * 0.74))
        assert (geometry.depth[:, bad] == 0).all()
        assert (geometry.confidence[:, bad] == 0).all()
        assert (geometry.depth[:, int(rows * 0.77) :] == 2).all()
        assert (geometry.confidence[:, int(rows * 0.77) :] == 1).all()


class TestLens:
    @settings(deadline=None, max_examples=60)
    @given(
        st.sampled_from([4, 5, 8]),
        st.lists(st.floats(-0.3, 0.3), min_size=8, max_size=8),
        st.floats(0.5, 2),
        st.tuples(st.floats(0.4, 0.6), st.floats(0.4, 0.6)),
    )
    def test_a_straightened_frame_is_photographed_everywhere(self, count, values, focal, center):
        values[2:4] = [0.05 * value for value in values[2:4]]
        lens = Lens(
            size=(300, 400),
            focal=(400 * focal, 400 * focal),
            center=(400 * center[0], 300 * center[1]),
            distortion=tuple(values[:count]),
        )
        y, x = np.mgrid[0.5:300:7, 0.5:400:7]
        taken = bend(np.stack([x.ravel(), y.ravel()], axis=1), lens)
        assert (taken >= 0).all()
        assert (taken <= (400, 300)).all()

    def test_little_distortion_changes_little(self):
        lens = Lens(size=(300, 400), focal=(400, 400), center=(200, 150), distortion=(1e-5, 0, 0, 0))
        assert lens.straightened().focal[0] == pytest.approx(400, rel=0.011)

    @given(st.integers(30, 4000), st.integers(30, 4000), st.floats(0.25, 4))
    def test_resizing_there_and_back(self, height, width, factor):
        lens = Lens(size=(height, width), focal=(500.0, 510.0), center=(width / 3, height / 2), skew=0.3)
        other = round(height * factor), round(width * factor)
        np.testing.assert_allclose(lens.resized(other).resized(lens.size).matrix(), lens.matrix(), rtol=1e-12)


def test_transforms_are_json_with_global_or_own_values(tmp_path):
    scene = make_scene()
    scene.cameras[1].parameters = (150.0, 150.0, 80.0, 60.0)
    content = transforms(scene)
    content["frames"][1].update(fl_x=150.0, fl_y=150.0, cx=80.0, cy=60.0)
    write_transforms(scene, tmp_path, content)
    assert json.loads((tmp_path / "transforms.json").read_text())["fl_x"] == 190
    assert_dots_are_where_cameras_say(read_posed_folder(tmp_path), scene)
