"""The .sens format: every way of storing photos and depth is read back; other and damaged files are refused."""

import struct

import numpy as np
import pytest

from fast3dis_core.datasets.scannet import ScanNetScene
from fast3dis_core.datasets.scannet_labels import SCANNET
from fast3dis_core.datasets.scannet_sens import SensRecording
from fast3dis_core.errors import DatasetError
from tests.core.datasets.boxed_room import SIZE, STANDS, K, cast
from tests.core.datasets.closing import assert_frames_agree, assert_on_mesh
from tests.core.datasets.scannet_tree import (
    DEPTH_K,
    DEPTH_SIZE,
    HALF,
    NAME,
    poses,
    views,
    write_labels,
    write_scene,
    write_sens,
)

HEADER = 12 + len("StructureSensor") + 256  # bytes before the kinds of photos and depth


@pytest.fixture
def sens(tmp_path):
    path = tmp_path / "some.sens"
    write_sens(path)
    return path


@pytest.mark.parametrize("color", ["jpeg", "png", "raw"])
@pytest.mark.parametrize("depth", ["zlib", "raw"])
def test_frames_read_back(tmp_path, color, depth):
    write_sens(tmp_path / "some.sens", color=color, depth=depth)
    sens = SensRecording(tmp_path / "some.sens", SCANNET)
    assert len(sens) == sens.header.frames == 4
    assert (sens.header.color_size, sens.header.depth_size) == (SIZE, DEPTH_SIZE)
    assert np.allclose(sens.header.color_intrinsics, K - HALF, atol=1e-5)
    assert np.allclose(sens.header.depth_intrinsics, DEPTH_K - HALF, atol=1e-5)
    frames = list(zip(poses(), views(), strict=True))
    for number in (3, 0, 1, 2):  # in any order
        pose, (photo, millimeters, _) = frames[number]
        stored = sens.camera_to_world(number)
        assert np.array_equal(np.isfinite(stored), np.isfinite(pose))
        assert np.isinf(pose).all() or np.allclose(stored, pose, atol=1e-6)
        assert np.abs(sens.image(number).astype(int) - photo).mean() <= (4 if color == "jpeg" else 0)
        assert sens.depth(number).dtype == np.float32
        assert np.allclose(sens.depth(number), millimeters / 1000, atol=1e-6)


def test_depth_of_the_color_camera_is_taken_as_it_is(tmp_path):
    folder = tmp_path / NAME
    folder.mkdir()
    write_sens(folder / f"{NAME}.sens", depth_k=K, depth_size=SIZE)
    write_labels(folder, kind="ascii")
    scene = ScanNetScene(folder)
    for view, stand in enumerate(STANDS):
        assert np.abs(scene.depth(view) - cast(stand).depth).max() < 0.0006  # millimeters are rounded
        assert_on_mesh(scene, view, tolerance=0.001, share=0.99)
    assert_frames_agree(scene, 0, 2)


def cut(path, end):
    path.write_bytes(path.read_bytes()[:end])


def change(path, place, new):
    content = bytearray(path.read_bytes())
    content[place : place + len(new)] = new
    path.write_bytes(content)


DAMAGES = {
    "empty": (lambda p: cut(p, 0), "ends in its header"),
    "cut in the header": (lambda p: cut(p, HEADER + 20), "ends in its header"),
    "cut in the matrices": (lambda p: cut(p, HEADER - 20), "ends in its header"),
    "version 3": (lambda p: change(p, 0, struct.pack("<I", 3)), "version 4.*found version 3"),
    "a photo": (lambda p: p.write_bytes(b"\x89PNG\r\n\x1a\n" * 100), "version 4"),
    "occi": (lambda p: change(p, HEADER + 4, struct.pack("<i", 2)), "kinds 2 and 2; extract it with.*SensReader"),
    "no size": (lambda p: change(p, HEADER + 8, struct.pack("<I", 0)), "sizes 0 x 48"),
    "a huge size": (lambda p: change(p, HEADER + 8, struct.pack("<II", 2**31, 2**31)), "sizes 2147483648"),
    "no shift": (lambda p: change(p, HEADER + 24, struct.pack("<f", 0)), "shift 0"),
    "intrinsics that are none": (lambda p: change(p, HEADER - 256, struct.pack("<f", float("nan"))), "no numbers"),
    "cut between frames": (lambda p: cut(p, HEADER + 36 + 50), "4 frames.*end of the file in 0"),
    "cut in the last frame": (lambda p: cut(p, p.stat().st_size - 50), "4 frames.*end of the file in 3"),
    "more frames than there are": (lambda p: change(p, HEADER + 28, struct.pack("<Q", 2**40)), "end of the file in 4"),
    "a folder": (lambda p: (p.unlink(), p.mkdir()), "none that reads"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_recordings_that_cannot_be_read_are_refused(sens, name):
    damage, told = DAMAGES[name]
    damage(sens)
    with pytest.raises(DatasetError, match=told) as caught:
        SensRecording(sens, SCANNET)
    assert str(caught.value).startswith(str(sens))
    assert "ScanNet" in str(caught.value)


FRAME_DAMAGES = {
    "a photo of another kind": ({"color": "png"}, 2, "image", "frame 0: expected a .sens recording.*JPEG photo"),
    "a photo that is raw": ({"color": "png"}, 0, "image", "a raw photo of"),
    "depth that is raw": ({"depth": "zlib"}, None, "depth", "frame 0.*depth of [0-9]+ bytes where 2640 are needed"),
    "depth that is packed": ({"depth": "raw"}, 1, "depth", "frame 0.*depth that does not decode"),
}


@pytest.mark.parametrize("name", FRAME_DAMAGES)
def test_frames_that_do_not_decode_are_refused_by_number(tmp_path, name):
    stored, claimed, method, told = FRAME_DAMAGES[name]
    path = tmp_path / "some.sens"
    write_sens(path, **stored)
    place = HEADER if method == "image" else HEADER + 4
    change(path, place, struct.pack("<i", claimed or 0))
    sens = SensRecording(path, SCANNET)
    with pytest.raises(DatasetError, match=told):
        getattr(sens, method)(0)


def test_a_photo_of_another_size_than_announced_is_refused(sens):
    change(sens, HEADER + 8, struct.pack("<II", 32, 24))
    with pytest.raises(DatasetError, match="64 x 48 pixels"):
        SensRecording(sens, SCANNET).image(0)


def test_a_damaged_recording_names_the_scene(tmp_path):
    folder = write_scene(tmp_path)
    cut(folder / f"{NAME}.sens", 400)
    with pytest.raises(DatasetError, match=f"{NAME}.sens"):
        ScanNetScene(folder)
