"""Cameras, depth and photos that do not fit together: one typed line each, or left out with a note."""

import contextlib
import json
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from fast3dis_core.errors import Fast3disError, GeometryError, ImageFolderError
from fast3dis_core.posed_input import find_cameras, read_posed_folder
from fast3dis_core.posed_input.depth import read_depth
from tests.core.posed_scenes import (
    WRITERS,
    make_scene,
    transforms,
    write_colmap_binary,
    write_colmap_text,
    write_matrices,
    write_transforms,
)


def refused(folder, *parts, error=GeometryError, **options):
    """The message of the refusal, checked to be one line that says every part and what to do."""
    with pytest.raises(error) as caught:
        read_posed_folder(folder, long_edge=56, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert "expected" in message
    assert "found" in message
    assert ";" in message
    for part in parts:
        assert part in message, message
    return message


def left_out(folder, count, *parts, **options):
    """The bad photo is skipped on request: `count` views remain, and one note says every part."""
    posed = read_posed_folder(folder, long_edge=56, skip_bad=True, **options)
    assert len(posed.views) == count
    assert any(all(part in note for part in parts) for note in posed.views.notes), posed.views.notes


class TestFolders:
    def test_nothing_there(self, tmp_path):
        assert find_cameras(tmp_path / "nowhere") is None
        refused(tmp_path / "nowhere", "found nothing")

    def test_photos_without_cameras(self, tmp_path):
        Image.new("RGB", (100, 100)).save(tmp_path / "a.png")
        refused(tmp_path, "transforms.json", "sparse/0", "intrinsics.txt")

    def test_a_video(self, tmp_path):
        (tmp_path / "clip.mp4").write_bytes(b"")
        refused(tmp_path / "clip.mp4", "clip.mp4", "export the frames")

    def test_a_video_named_by_transforms(self, tmp_path):
        scene = make_scene()
        content = transforms(scene)
        for frame in content["frames"]:
            frame["file_path"] = "clip.mp4"
        refused(write_transforms(scene, tmp_path, content), "clip.mp4")


class TestMatching:
    @pytest.mark.parametrize("form", WRITERS)
    def test_photos_without_a_camera(self, tmp_path, form):
        WRITERS[form](make_scene(), tmp_path)
        for name in ["extra1.png", "extra2.JPG"]:
            Image.new("RGB", (160, 120)).save(tmp_path / "images" / name)
        refused(tmp_path, "2 of 5 photos have no camera", "extra1.png, images/extra2.JPG")
        left_out(tmp_path, 3, "2 of 5 photos have no camera", "extra1.png")

    @pytest.mark.parametrize("form", WRITERS)
    def test_cameras_without_a_photo(self, tmp_path, form):
        WRITERS[form](make_scene(count=4), tmp_path)
        (tmp_path / "images" / "photo2.png").unlink()
        refused(tmp_path, "1 of 4 cameras have no photo", "images/photo2")
        left_out(tmp_path, 3, "1 of 4 cameras have no photo", "images/photo2")

    @pytest.mark.parametrize("form", ["colmap text", "transforms"])
    def test_no_name_matches(self, tmp_path, form):
        WRITERS[form](make_scene(), tmp_path)
        for path in (tmp_path / "images").iterdir():
            path.rename(path.with_name("x" + path.name))
        refused(tmp_path, "such as images/photo0.png", "found none of 3")
        refused(tmp_path, "found none of 3", skip_bad=True)

    def test_long_lists_are_shortened(self, tmp_path):
        write_colmap_text(make_scene(), tmp_path)
        for number in range(30):
            Image.new("RGB", (160, 120)).save(tmp_path / "images" / f"extra{number}.png")
        assert "and 25 more" in refused(tmp_path, "30 of 33")

    def test_two_cameras_for_one_photo(self, tmp_path):
        scene = make_scene()
        content = transforms(scene)
        content["frames"].append(content["frames"][0])
        refused(write_transforms(scene, tmp_path, content), "several for images/photo0.png")

    def test_no_cameras_in_the_file(self, tmp_path):
        scene = make_scene()
        refused(write_transforms(scene, tmp_path, {"frames": []}), "names none")

    def test_colmap_image_with_an_unknown_camera(self, tmp_path):
        write_colmap_text(make_scene(), tmp_path)
        cameras = tmp_path / "sparse/0/cameras.txt"
        cameras.write_text("\n".join(cameras.read_text().splitlines()[:-1]))
        refused(tmp_path, "photo2.png", "number 3")


class TestPoses:
    @pytest.mark.parametrize("form", WRITERS)
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_not_finite(self, tmp_path, form, value):
        scene = make_scene()
        bad = scene.cameras[1].world_to_camera.copy()
        WRITERS[form](scene, tmp_path / "good")
        if form == "matrices":
            (tmp_path / "good/poses/photo1.txt").write_text(f"{value} " * 4 + "\n" + "0 1 0 0\n0 0 1 0\n0 0 0 1")
        elif form.startswith("transforms"):
            path = tmp_path / "good/transforms.json"
            content = json.loads(path.read_text())
            content["frames"][1]["transform_matrix"][0][3] = value
            path.write_text(json.dumps(content))
        elif form == "colmap text":
            path = tmp_path / "good/sparse/0/images.txt"
            path.write_text(path.read_text().replace(repr(float(bad[0, 3])), str(value)))
        else:
            path = tmp_path / "good/sparse/0/images.bin"
            path.write_bytes(path.read_bytes().replace(struct.pack("<d", bad[0, 3]), struct.pack("<d", value)))
        refused(tmp_path / "good", "photo1.png: expected a finite camera matrix")
        left_out(tmp_path / "good", 2, "photo1.png", "finite")

    @pytest.mark.parametrize(
        "change",
        [
            np.diag([2.0, 2, 2, 1]),
            np.diag([1.0, 1, -1, 1]),
            np.diag([1.0, 1, 1, 0.5]),
            np.diag([1.0, 1, 0, 1]),
            np.array([[1, 0.1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
        ],
        ids=["scaled", "mirrored", "projective", "singular", "sheared"],
    )
    def test_not_rigid(self, tmp_path, change):
        scene = make_scene()
        content = transforms(scene)
        frame = content["frames"][2]
        frame["transform_matrix"] = (np.array(frame["transform_matrix"]) @ change).tolist()
        write_transforms(scene, tmp_path, content)
        refused(tmp_path, "photo2.png", "camera matrix")
        left_out(tmp_path, 2, "photo2.png")

    def test_few_digits_are_rounded_to_a_rotation(self, tmp_path):
        scene = make_scene()
        content = transforms(scene)
        for frame in content["frames"]:
            frame["transform_matrix"] = np.round(frame["transform_matrix"], 4).tolist()
        posed = read_posed_folder(write_transforms(scene, tmp_path, content), long_edge=56)
        rotation = posed.folder_to_world[:3, :3].numpy()
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-14)

    def test_zero_quaternion(self, tmp_path):
        scene = make_scene()
        write_colmap_text(scene, tmp_path)
        path = tmp_path / "sparse/0/images.txt"
        lines = path.read_text().splitlines()
        fields = lines[2].split()
        lines[2] = " ".join([fields[0], "0 0 0 0", *fields[5:]])
        path.write_text("\n".join(lines))
        refused(tmp_path, "photo0.png", "finite")


class TestIntrinsics:
    @pytest.mark.parametrize("parameters", [(0.0, 200.0, 83, 57), (190, -1.0, 83, 57), (190, 200, np.nan, 57)])
    @pytest.mark.parametrize("form", ["colmap text", "colmap binary", "matrices"])
    def test_impossible_values(self, tmp_path, parameters, form):
        scene = make_scene()
        WRITERS[form](scene, tmp_path)
        scene.cameras[0].parameters = tuple(map(float, parameters))
        if form == "matrices":
            fx, fy, cx, cy = parameters
            (tmp_path / "intrinsics.txt").write_text(f"{fx} 0 {cx}\n0 {fy} {cy}\n0 0 1")
        else:
            scene.write_photos = lambda folder: None
            WRITERS[form](scene, tmp_path)
        refused(tmp_path, "photo0.png: expected finite intrinsics with positive focal lengths")

    @pytest.mark.parametrize(
        "change", [{"fl_x": 0}, {"fl_x": None}, {"fl_x": "long"}, {"fl_x": float("nan")}, {"camera_angle_x": 0.0}]
    )
    def test_focal_lengths_of_transforms(self, tmp_path, change):
        scene = make_scene()
        content = transforms(scene)
        if "camera_angle_x" in change:
            del content["fl_x"]
        refused(write_transforms(scene, tmp_path, {**content, **change}), "photo0.png")

    @pytest.mark.parametrize("write", [write_colmap_text, write_colmap_binary])
    def test_colmap_models_that_cannot_be_straightened(self, tmp_path, write):
        scene = make_scene()
        write(scene, tmp_path)
        scene.write_photos = lambda folder: None
        for camera in scene.cameras:
            camera.model, camera.parameters = "FOV", (190.0, 200.0, 83.0, 57.0, 0.9)
        write(scene, tmp_path)
        refused(tmp_path, "found FOV", "OPENCV_FISHEYE")

    def test_colmap_model_with_missing_parameters(self, tmp_path):
        write_colmap_text(make_scene(), tmp_path)
        path = tmp_path / "sparse/0/cameras.txt"
        path.write_text(path.read_text().replace("PINHOLE", "OPENCV"))
        refused(tmp_path, "expected 8 parameters of the camera model OPENCV, found 4")

    @pytest.mark.parametrize(
        ("change", "part"),
        [
            ({"camera_model": "EQUIRECTANGULAR"}, "found EQUIRECTANGULAR"),
            ({"camera_model": "OPENCV", "k4": 0.1}, "k4"),
            ({"camera_model": "PINHOLE", "k1": 0.1}, "k1"),
            ({"camera_model": "OPENCV_FISHEYE", "p1": 0.1}, "p1"),
        ],
    )
    def test_transforms_models(self, tmp_path, change, part):
        scene = make_scene()
        refused(write_transforms(scene, tmp_path, {**transforms(scene), **change}), part)

    def test_distortion_that_folds_the_photo(self, tmp_path):
        scene = make_scene()
        refused(
            write_transforms(scene, tmp_path, {**transforms(scene), "camera_model": "OPENCV", "k1": -900}), "undone"
        )

    def test_photo_of_another_shape(self, tmp_path):
        write_colmap_text(make_scene(), tmp_path)
        Image.new("RGB", (120, 160)).save(tmp_path / "images/photo1.png")
        refused(tmp_path, "photo1.png", "160 x 120", "120 x 160")
        left_out(tmp_path, 2, "photo1.png", "120 x 160")


class TestDamage:
    @pytest.mark.parametrize("name", ["cameras", "images"])
    @pytest.mark.parametrize("kept", [0, 4, 40, 100, 200])
    def test_truncated_binaries(self, tmp_path, name, kept):
        write_colmap_binary(make_scene(), tmp_path)
        path = tmp_path / f"sparse/0/{name}.bin"
        assert kept < path.stat().st_size or name == "cameras"
        path.write_bytes(path.read_bytes()[: min(kept, path.stat().st_size - 1)])
        refused(tmp_path, f"{name}.bin", "damaged data")

    def test_images_that_end_inside_their_points(self, tmp_path):
        write_colmap_binary(make_scene(count=2), tmp_path)
        path = tmp_path / "sparse/0/images.bin"
        path.write_bytes(path.read_bytes()[:-1])
        refused(tmp_path, "images.bin", "ends too early")

    @settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.sampled_from(["cameras", "images"]), st.floats(0, 0.999), st.binary(min_size=1, max_size=8))
    def test_any_damage_of_binaries_is_typed(self, tmp_path, name, place, patch):
        folder = tmp_path / "scene"
        if not folder.exists():
            write_colmap_binary(make_scene(count=2), folder)
        path = folder / f"sparse/0/{name}.bin"
        whole = path.read_bytes()
        data = bytearray(whole)
        start = int(place * len(data))
        data[start : start + len(patch)] = patch
        path.write_bytes(data)
        try:
            assert read_posed_folder(folder, long_edge=28).cameras.intrinsics.isfinite().all()
        except Fast3disError:
            pass
        finally:
            path.write_bytes(whole)

    @pytest.mark.parametrize(
        ("name", "text"), [("cameras", "1 PINHOLE wide high 1 2 3 4"), ("images", "1 1 0 0 0 photo0.png\n")]
    )
    def test_garbled_text(self, tmp_path, name, text):
        write_colmap_text(make_scene(), tmp_path)
        (tmp_path / f"sparse/0/{name}.txt").write_text(text)
        refused(tmp_path, f"{name}.txt", "damaged data")

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"frames": 3}', '{"frames": [3]}', "\u0000"])
    def test_transforms_that_are_none(self, tmp_path, text):
        (tmp_path / "transforms.json").write_text(text)
        refused(tmp_path, "transforms.json")

    @pytest.mark.parametrize(
        "change",
        [{"file_path": None}, {"file_path": 3}, {"transform_matrix": None}, {"transform_matrix": [[1, 2], [3]]}],
    )
    def test_frames_that_are_none(self, tmp_path, change):
        scene = make_scene()
        content = transforms(scene)
        content["frames"][1].update(change)
        refused(write_transforms(scene, tmp_path, content), "transforms.json")

    @pytest.mark.parametrize("name", ["intrinsics.txt", "poses/photo1.txt"])
    @pytest.mark.parametrize("text", ["", "1 0\n0 1", "one 0 0\n0 1 0\n0 0 1", "1 0 0\n0 1\n0 0 1"])
    def test_files_that_are_no_matrix(self, tmp_path, name, text):
        write_matrices(make_scene(), tmp_path)
        (tmp_path / name).write_text(text)
        refused(tmp_path, name)

    def test_a_damaged_photo(self, tmp_path):
        write_colmap_text(make_scene(), tmp_path)
        path = tmp_path / "images/photo1.png"
        path.write_bytes(path.read_bytes()[:80])
        refused(tmp_path, "photo1.png", error=ImageFolderError)
        left_out(tmp_path, 2, "photo1.png")

    def test_nothing_usable(self, tmp_path):
        write_colmap_text(make_scene(), tmp_path)
        for path in (tmp_path / "images").iterdir():
            path.write_bytes(b"no photo")
        refused(tmp_path, "found none", "photo2.png", skip_bad=True)


class TestDepth:
    def write(self, tmp_path, array=None):
        scene = make_scene()
        write_colmap_text(scene, tmp_path)
        scene.write_depth(tmp_path, [np.full((120, 160), 2.0, np.float32) if array is None else array] * 3)
        return tmp_path

    def test_missing_for_one_view(self, tmp_path):
        (self.write(tmp_path) / "depth/photo1.npy").unlink()
        refused(tmp_path, "photo1.png: expected its depth map", "depth/photo1", with_depth=True)
        left_out(tmp_path, 2, "photo1.png", "depth", with_depth=True)
        assert len(read_posed_folder(tmp_path, long_edge=56).views) == 3

    def test_none_at_all(self, tmp_path):
        scene = make_scene()
        refused(write_transforms(scene, tmp_path), "photo0.png", "none named", with_depth=True)

    def test_exr_is_refused_by_name(self, tmp_path):
        (self.write(tmp_path) / "depth/photo0.npy").rename(tmp_path / "depth/photo0.exr")
        refused(tmp_path, "photo0.exr", ".npy", with_depth=True)

    @pytest.mark.parametrize(
        ("array", "part"),
        [
            (np.zeros((120, 160, 3), np.float32), "(120, 160, 3)"),
            (np.zeros((120, 160), np.uint8), "uint8"),
            (np.zeros((120, 160), np.complex64), "complex64"),
            (np.zeros((160, 120), np.float32), "120 x 160"),
            (np.zeros((120, 160), np.float32), "only missing values"),
        ],
    )
    def test_arrays_that_are_no_depth(self, tmp_path, array, part):
        refused(self.write(tmp_path, array), part, with_depth=True)

    def test_a_picture_of_depth(self, tmp_path):
        self.write(tmp_path)
        (tmp_path / "depth/photo0.npy").unlink()
        Image.new("RGB", (160, 120)).save(tmp_path / "depth/photo0.png")
        refused(tmp_path, "photo0.png", "mode RGB", with_depth=True)

    @pytest.mark.parametrize("extension", ["npy", "npz", "png"])
    @pytest.mark.parametrize("content", [b"", b"garbage", b"\x93NUMPY\x01\x00"])
    def test_damaged(self, tmp_path, extension, content):
        self.write(tmp_path)
        (tmp_path / "depth/photo0.npy").unlink()
        (tmp_path / f"depth/photo0.{extension}").write_bytes(content)
        refused(tmp_path, f"photo0.{extension}", "damaged data", with_depth=True)

    @settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.sampled_from(["npy", "npz", "png"]), st.floats(0, 1), st.floats(0, 0.999), st.binary(max_size=6))
    def test_any_damage_is_typed(self, tmp_path, extension, kept, place, patch):
        path = tmp_path / f"depth.{extension}"
        depth = np.random.default_rng(0).integers(1, 9000, (12, 16)).astype(np.uint16)
        if extension == "png":
            Image.fromarray(depth).save(path)
        elif extension == "npy":
            np.save(path, depth)
        else:
            np.savez_compressed(path, depth=depth)
        data = bytearray(path.read_bytes())
        start = int(place * len(data))
        data[start : start + len(patch)] = patch
        path.write_bytes(data[: int(kept * len(data)) + 1])
        with contextlib.suppress(GeometryError):
            assert np.isfinite(read_depth(path, None)).all()

    def test_pickled_arrays_are_not_opened(self, tmp_path):
        self.write(tmp_path)
        np.save(tmp_path / "depth/photo0.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
        refused(tmp_path, "photo0.npy", with_depth=True)

    def test_npz_with_several_arrays(self, tmp_path):
        self.write(tmp_path)
        (tmp_path / "depth/photo0.npy").unlink()
        np.savez(tmp_path / "depth/photo0.npz", near=np.ones((120, 160)), far=np.ones((120, 160)))
        refused(tmp_path, "near, far", with_depth=True)
