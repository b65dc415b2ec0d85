"""Folders of photos with cameras as scenes: straightened photos, depth and ids of one world, whatever the format."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from fast3dis_core.datasets.posed_scene import PosedScene
from fast3dis_core.datasets.scene_sampling import sample_scene
from fast3dis_core.errors import DatasetError
from fast3dis_core.posed_input import read_posed_folder
from tests.core.datasets.boxed_room import STANDS, K, cast, pixel_rays
from tests.core.datasets.closing import assert_frames_agree, assert_there_and_back
from tests.core.datasets.scannetpp_tree import PHONE, PHONE_SIZE, phone_rays, write_colmap

NAMES = ("view9.png", "view10.png", "view100.png")
IDS = np.array([0, 3001, 42, 7], np.uint16)


def write_views(folder, rays):
    for name in ("images", "depth", "instance"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, stand in zip(NAMES, STANDS, strict=True):
        seen = cast(stand, rays)
        Image.fromarray(seen.photo).save(folder / "images" / name)
        Image.fromarray(np.rint(seen.depth * 1000).astype(np.uint16)).save(folder / "depth" / name)
        Image.fromarray(IDS[seen.ids]).save(folder / "instance" / name)


def write_transforms(folder):
    """A lens with distortion, axes of OpenGL."""
    write_views(folder, phone_rays())
    fx, fy, cx, cy, k1, k2, p1, p2 = PHONE
    size = {"h": PHONE_SIZE[0], "w": PHONE_SIZE[1]}
    lens = {"fl_x": fx, "fl_y": fy, "cx": cx, "cy": cy, **size, "camera_model": "OPENCV"}
    frames = [
        {
            "file_path": f"images/{name}",
            "depth_file_path": f"depth/{name}",
            "transform_matrix": (stand @ np.diag([1.0, -1, -1, 1])).tolist(),
        }
        for name, stand in zip(NAMES, STANDS, strict=True)
    ]
    content = {**lens, "k1": k1, "k2": k2, "p1": p1, "p2": p2, "frames": frames[::-1]}
    (folder / "transforms.json").write_text(json.dumps(content))
    return folder


def write_sparse(folder):
    write_views(folder, phone_rays())
    write_colmap(folder / "sparse" / "0", "OPENCV", PHONE_SIZE, PHONE, NAMES)
    return folder


def write_matrices(folder):
    write_views(folder, pixel_rays())
    (folder / "poses").mkdir()
    np.savetxt(folder / "intrinsics.txt", K)
    for name, stand in zip(NAMES, STANDS, strict=True):
        np.savetxt((folder / "poses" / name).with_suffix(".txt"), stand)
    return folder


WRITERS = {"transforms": write_transforms, "colmap": write_sparse, "matrices": write_matrices}


@pytest.mark.parametrize("kind", WRITERS)
def test_geometry_closes(tmp_path, kind):
    scene = PosedScene(WRITERS[kind](tmp_path / "room"))
    assert scene.scene_id == "room"
    assert scene.frames == NAMES
    assert scene.is_metric == (kind != "colmap")
    for view, stand in enumerate(STANDS):
        assert np.allclose(scene.world_to_camera(view) @ stand, np.eye(4), atol=1e-9)
        assert_there_and_back(scene, view)
        expected = cast(stand, pixel_rays(scene.intrinsics(view), scene.depth(view).shape))
        assert np.abs(scene.image(view).astype(int) - expected.photo)[2:-2, 2:-2].mean() < 3
        assert (scene.instance(view) == IDS[expected.ids]).mean() > 0.97
        assert np.median(np.abs(scene.depth(view) - expected.depth)) < 0.02
    assert_frames_agree(scene, 0, 1, tolerance=0.02)
    assert scene.mesh() is scene.annotation() is scene.gt_vertex_ids("all") is scene.valid(0) is None


@pytest.mark.parametrize("kind", WRITERS)
def test_a_sample_is_what_the_other_reader_of_folders_reads(tmp_path, kind):
    folder = WRITERS[kind](tmp_path / "room")
    sample = sample_scene(PosedScene(folder), long_edge=112)
    posed = read_posed_folder(folder, with_depth=True, long_edge=112)
    assert sample.views.names == posed.views.names
    assert torch.equal(sample.views.images, posed.views.images)
    for name in ("intrinsics", "world_to_camera"):
        assert torch.allclose(getattr(sample.geometry, name), getattr(posed.geometry, name), atol=1e-5)
    # taken at the nearest pixel in two steps, not in one
    depth, other = sample.geometry.depth, posed.geometry.depth
    assert ((depth - other).abs() <= 0.05 * other).float().mean() > 0.95
    assert set(sample.instance_ids.unique().tolist()) == {0, 3001, 42, 7}
    assert [sample.class_names[sample.class_ids[number]] for number in (0, 42)] == ["unlabeled", "object"]
    assert sample.surface is None


def test_classes_of_ids_are_those_of_the_folder(tmp_path):
    folder = write_transforms(tmp_path / "room")
    told = json.loads((folder / "transforms.json").read_text())
    told["instance_classes"] = {"42": "chair", "7": "structure", "99999": "nothing"}
    (folder / "transforms.json").write_text(json.dumps(told))
    sample = sample_scene(PosedScene(folder), long_edge=56)
    names = {number: sample.class_names[sample.class_ids[number]] for number in (0, 7, 42, 3001)}
    assert names == {0: "unlabeled", 7: "structure", 42: "chair", 3001: "unlabeled"}
    told["instance_classes"] = ["chair"]
    (folder / "transforms.json").write_text(json.dumps(told))
    assert PosedScene(folder).annotation() is None


def test_folders_without_depth_and_ids_have_none(tmp_path):
    folder = write_matrices(tmp_path / "room")
    for name in ("depth", "instance"):
        for path in (folder / name).iterdir():
            path.unlink()
        (folder / name).rmdir()
    scene = PosedScene(folder)
    assert scene.depth(0) is scene.instance(0) is None
    assert not sample_scene(scene, long_edge=56).geometry.confidence.any()


def test_lost_cameras_and_missing_photos_are_left_out(tmp_path):
    folder = write_matrices(tmp_path / "room")
    np.savetxt(folder / "poses" / "view10.txt", np.full((4, 4), np.nan))
    (folder / "images" / "view100.png").unlink()
    assert PosedScene(folder).frames == ("view9.png",)


DAMAGES = {
    "no cameras": (lambda f: (f / "intrinsics.txt").unlink(), None, "room: expected cameras"),
    "no photos": (lambda f: [p.unlink() for p in (f / "images").iterdir()], None, "expected cameras"),
    "all lost": (
        lambda f: [np.savetxt(p, np.full((4, 4), np.inf)) for p in (f / "poses").iterdir()],
        None, "photos with a finite camera.*none of 3",
    ),
    "a pose with a scale": (
        lambda f: np.savetxt(f / "poses" / "view9.txt", np.diag([3.0, 3, 3, 1])), "world_to_camera", "view9.png.*rigid",
    ),
    "no depth of a view": (lambda f: (f / "depth" / "view9.png").unlink(), "depth", "view9.png: expected a depth map"),
    "depth of another shape": (
        lambda f: Image.fromarray(np.ones((9, 9), np.uint16)).save(f / "depth" / "view9.png"), "depth", "photo's shape",
    ),
    "no ids of a view": (lambda f: (f / "instance" / "view9.png").unlink(), "instance", "instance/view9.png"),
    "ids in 8 bits": (
        lambda f: Image.new("L", (64, 48)).save(f / "instance" / "view9.png"), "instance", "16 bits.*mode L",
    ),
    "ids of another shape": (
        lambda f: Image.fromarray(np.ones((9, 9), np.uint16)).save(f / "instance" / "view9.png"),
        "instance", "ids of the photo's shape",
    ),
    "a photo of another shape": (
        lambda f: Image.new("RGB", (48, 64)).save(f / "images" / "view9.png"), "image", "shape its camera file says",
    ),
    "a damaged photo": (lambda f: (f / "images" / "view9.png").write_bytes(b"x"), "image", "view9.png: expected"),
}  # fmt: skip


def use(folder, method):
    scene = PosedScene(folder)
    getattr(scene, method)(scene.frames.index("view9.png"))


@pytest.mark.parametrize("name", DAMAGES)
def test_folders_that_cannot_be_used_are_refused(tmp_path, name):
    damage, method, told = DAMAGES[name]
    folder = write_matrices(tmp_path / "room")
    if "photo of" in name or "damaged" in name:
        # the first photo says which size the intrinsics belong to
        for place in ("images", "depth", "instance", "poses"):
            path = folder / place / ("view9.txt" if place == "poses" else "view9.png")
            path.with_stem("view1").write_bytes(path.read_bytes())
    damage(folder)
    with pytest.raises(DatasetError, match=told) as caught:
        use(folder, method)
    assert "a folder with cameras" in str(caught.value)
