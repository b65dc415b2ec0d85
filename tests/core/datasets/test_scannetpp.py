"""ScanNet++ scenes: one world through the fisheye, the phone and the mesh; overlaps, masks and damage."""

import contextlib
import json
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fast3dis_core.datasets.sample import STRUCTURE
from fast3dis_core.datasets.scannetpp import ScanNetPlusPlusScene
from fast3dis_core.datasets.scannetpp_depth import DepthRecords, unpacked_lz4
from fast3dis_core.datasets.scannetpp_labels import SCANNETPP
from fast3dis_core.datasets.scene_sampling import sample_scene
from fast3dis_core.errors import DatasetError
from tests.core.datasets.boxed_room import FLOOR, NOBODY, STANDS, STOOL, TABLE, cast, pixel_rays, triangles
from tests.core.datasets.closing import assert_frames_agree, assert_on_mesh, assert_there_and_back
from tests.core.datasets.scannetpp_tree import (
    DSLR_SIZE,
    FRAMES,
    PHOTOS,
    SCENE,
    depth_stream,
    lz4,
    packed_records,
    phone_depth,
    toolkit_undistorted,
    write_scene,
)

DEVICES = ("dslr", "iphone")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_scene(tmp_path_factory.mktemp("scannetpp"))


@pytest.fixture
def damaged(folder, tmp_path):
    """A copy to break."""
    return shutil.copytree(folder.parents[1], tmp_path / "root") / "data" / SCENE


def truth(scene, view):
    """What the pinhole camera that the loader claims sees."""
    return cast(np.linalg.inv(scene.world_to_camera(view)), pixel_rays(scene.intrinsics(view), scene.image(view).shape))


@pytest.mark.parametrize("device", DEVICES)
def test_geometry_closes(folder, device):
    scene = ScanNetPlusPlusScene(folder, device=device)
    assert scene.frames == (PHOTOS if device == "dslr" else FRAMES)
    # a photo of the fisheye has few pixels, each a large piece of floor, and depth is the nearest of them
    coarse = 0.04 if device == "dslr" else 0.01
    for view in range(3):
        assert np.allclose(scene.world_to_camera(view) @ STANDS[view], np.eye(4), atol=1e-9)
        assert_there_and_back(scene, view)
        assert_on_mesh(scene, view, tolerance=coarse)
    assert_frames_agree(scene, 0, 1, tolerance=coarse)
    assert_frames_agree(scene, 2, 1, tolerance=coarse)


@pytest.mark.parametrize("device", DEVICES)
def test_views_are_what_a_pinhole_camera_sees(folder, device):
    scene = ScanNetPlusPlusScene(folder, device=device)
    offsets = []
    for view in range(3):
        expected, depth = truth(scene, view), scene.depth(view)
        assert np.abs(scene.image(view).astype(int) - expected.photo).mean() < 6
        ids = scene.instance(view)
        assert np.array_equal(ids >= TABLE, expected.ids >= TABLE)
        assert (ids == expected.ids).mean() > 0.97  # the floor ends between two rows of vertices
        slope = np.gradient(expected.depth, axis=0)
        floor = (expected.ids == FLOOR) & (depth > 0) & (np.abs(slope) > 5e-3)
        rows = (depth - expected.depth)[floor] / slope[floor]
        offsets.append(rows[np.abs(rows) < 2])
    # errors of the nearest pixel cancel out, a shift would not
    assert abs(np.concatenate(offsets).mean()) < 0.1


def test_photos_of_the_fisheye_are_those_of_the_toolkit(folder):
    scene = ScanNetPlusPlusScene(folder)
    for view, name in enumerate(PHOTOS):
        expected, matrix = toolkit_undistorted(np.asarray(Image.open(folder / "dslr" / "resized_images" / name)))
        assert np.array_equal(scene.image(view), expected)
        assert np.array_equal(scene.intrinsics(view), matrix)
        assert matrix[:2, 2].tolist() == [DSLR_SIZE[1] / 2, DSLR_SIZE[0] / 2]


def test_photos_that_the_toolkit_undistorted_are_taken_where_the_others_are_gone(folder, damaged):
    place, reference = damaged / "dslr", ScanNetPlusPlusScene(folder)
    for name in ("resized_undistorted_images", "resized_undistorted_masks", "nerfstudio"):
        (place / name).mkdir()
    for view, name in enumerate(PHOTOS):
        Image.fromarray(reference.image(view)).save(place / "resized_undistorted_images" / name, "PNG")
        mask = np.where(reference.valid(view), 255, 0).astype(np.uint8)
        Image.fromarray(mask).save((place / "resized_undistorted_masks" / name).with_suffix(".png"))
    k = reference.intrinsics(0)
    document = {"fl_x": k[0, 0], "fl_y": k[1, 1], "cx": k[0, 2], "cy": k[1, 2], "camera_model": "PINHOLE", "frames": []}
    (place / "nerfstudio" / "transforms_undistorted.json").write_text(json.dumps(document))
    shutil.rmtree(place / "resized_images")
    scene = ScanNetPlusPlusScene(damaged)
    for view in range(3):
        for method in ("image", "depth", "valid", "intrinsics"):
            assert np.allclose(getattr(scene, method)(view), getattr(reference, method)(view)), method
    # an older toolkit left the principal point where it was
    document["cx"] = k[0, 2] + 1.5
    (place / "nerfstudio" / "transforms_undistorted.json").write_text(json.dumps(document))
    moved = ScanNetPlusPlusScene(damaged)
    assert moved.intrinsics(0)[0, 2] == k[0, 2] + 1.5
    assert_on_mesh(moved, 0, tolerance=0.04)
    (place / "nerfstudio" / "transforms_undistorted.json").write_text('{"fl_x": 3}')
    with pytest.raises(DatasetError, match=r"transforms_undistorted.json: .*fl_x, fl_y, cx and cy.*toolkit"):
        ScanNetPlusPlusScene(damaged).intrinsics(0)


def test_anonymized_pixels_are_not_valid(folder):
    scene = ScanNetPlusPlusScene(folder)
    assert scene.valid(0).all()
    hidden = ~scene.valid(1)
    assert 0.02 < hidden.mean() < 0.15
    assert hidden[23:27, 35:45].all()
    sample = sample_scene(scene, long_edge=84)
    at_network = sample.geometry.depth[1] == 0
    assert at_network[26:28, 40:48].all()
    assert not sample.instance_ids[1][26:28, 40:48].any()
    assert sample.geometry.depth[0][26:28, 40:48].all()
    shutil.rmtree((other := folder.parent / "other"), ignore_errors=True)
    shutil.copytree(folder, other)
    shutil.rmtree(other / "dslr" / "resized_anon_masks")
    assert ScanNetPlusPlusScene(other).valid(1) is None


@pytest.mark.parametrize("kind", ["stream", "deflate", "lz4"])
def test_every_kind_of_packed_depth_is_the_extracted_one(folder, damaged, kind):
    extracted = ScanNetPlusPlusScene(folder, device="iphone")
    shutil.rmtree(damaged / "iphone" / "depth")
    stands = [number // 10 for number in range(21)]
    content = depth_stream(stands) if kind == "stream" else packed_records(stands, kind)
    (damaged / "iphone" / "depth.bin").write_bytes(content)
    packed = ScanNetPlusPlusScene(damaged, device="iphone")
    for view in (0, 2, 1, 2):  # a stream has to begin again for the third
        assert np.abs(packed.depth(view) - extracted.depth(view)).max() < 0.00051
    records = DepthRecords(damaged / "iphone" / "depth.bin", SCANNETPP)
    assert np.abs(records.depth(7) - phone_depth(0)).max() < 0.00051
    with pytest.raises(DatasetError, match=r"depth.bin, frame 21: .*ScanNet\+\+.*there are 21 frames"):
        records.depth(21)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.binary(min_size=1, max_size=9), st.integers(1, 60)), max_size=40))
def test_blocks_unpack_to_what_was_packed(pieces):
    data = b"".join(piece * count for piece, count in pieces)
    assert unpacked_lz4(lz4(data), len(data)) == data
    if data:
        with pytest.raises(ValueError, match="bytes where"):
            unpacked_lz4(lz4(data), len(data) + 1)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 1000))
def test_anything_unpacks_or_is_refused(data, size):
    with contextlib.suppress(ValueError):
        assert len(unpacked_lz4(data, size)) == size


def test_depth_is_none_where_nobody_made_it(damaged):
    shutil.rmtree(damaged / "dslr" / "render_depth")
    shutil.rmtree(damaged / "iphone" / "depth")
    for device in DEVICES:
        assert ScanNetPlusPlusScene(damaged, device=device).depth(0) is None


def test_rendered_depth_goes_before_that_of_the_phone(damaged):
    scene = ScanNetPlusPlusScene(damaged, device="iphone")
    assert scene.depth(0).max() < 60
    (damaged / "iphone" / "render_depth").mkdir()
    stored = np.full(scene.image(0).shape[:2], 61_000, np.uint16)
    Image.fromarray(stored).save(damaged / "iphone" / "render_depth" / "frame_000000.png")
    assert scene.depth(0).max() == pytest.approx(61)


def test_the_smallest_group_with_a_class_has_the_vertex(folder):
    scene = ScanNetPlusPlusScene(folder)
    of_vertex = triangles()[2]
    assert (NOBODY, FLOOR, TABLE, STOOL) == (0, 1, 2, 3)
    # floor is the 3rd class, table the 4th, chair the 5th; instances count the groups that have a class
    assert np.array_equal(scene.gt_vertex_ids("all"), np.array([0, 3001, 4002, 5003])[of_vertex])
    assert np.array_equal(scene.gt_vertex_ids("objects"), np.array([0, 0, 4002, 5003])[of_vertex])


def test_of_equally_small_groups_the_first_has_the_vertex(damaged):
    path = damaged / "scans" / "segments_anno.json"
    document = json.loads(path.read_text())
    document["segGroups"].append({"id": 7, "objectId": 7, "label": "wall", "segments": [12]})
    path.write_text(json.dumps(document))
    of_vertex = triangles()[2]
    assert np.array_equal(ScanNetPlusPlusScene(damaged).gt_vertex_ids("all") == 4002, of_vertex == TABLE)


def test_anonymized_vertices_are_taken_out_of_the_benchmark(folder):
    scene = ScanNetPlusPlusScene(folder)
    assert np.flatnonzero(~scene.scored_vertices("objects")).tolist() == [3, 4, 150]
    assert scene.scored_vertices("all") is None
    sample = sample_scene(scene, long_edge=56)
    assert len(sample.surface.points) == len(scene.mesh().vertices) - 3
    (folder / "scans" / "mesh_aligned_0.05_mask.txt").write_text("")
    assert scene.scored_vertices("objects").all()
    (folder / "scans" / "mesh_aligned_0.05_mask.txt").write_text("3\n4\n150\n")


@pytest.mark.parametrize("device", DEVICES)
def test_a_sample_has_views_ids_and_the_scan_in_one_world(folder, device):
    scene = ScanNetPlusPlusScene(folder, device=device)
    sample = sample_scene(scene, long_edge=112)
    assert sample.views.names == scene.frames
    assert max(sample.views.images.shape) == 112
    assert torch.equal(sample.geometry.world_to_camera[0], torch.eye(4))
    assert set(sample.instance_ids.unique().tolist()) == {NOBODY, FLOOR, TABLE, STOOL}
    names = [sample.class_names[sample.class_ids[number]] for number in (FLOOR, TABLE, STOOL)]
    assert names == [STRUCTURE, "table", "chair"]
    points = sample.geometry.points()[sample.instance_ids == TABLE]
    corners = sample.surface.points[sample.surface.ids == TABLE]
    assert (points >= corners.min(0).values - 0.06).all(1).float().mean() > 0.95
    assert (points <= corners.max(0).values + 0.06).all(1).float().mean() > 0.95


def replace_text(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_photos_without_a_pose_and_poses_without_a_photo_are_left_out(damaged):
    (damaged / "dslr" / "resized_images" / "DSC00010.JPG").unlink()
    lines = (damaged / "dslr" / "colmap" / "images.txt").read_text().splitlines()
    lost = [line.split()[0] + " nan" + line[line.index(" ", 2) :] if "DSC00100" in line else line for line in lines]
    (damaged / "dslr" / "colmap" / "images.txt").write_text("\n".join(lost))
    assert ScanNetPlusPlusScene(damaged).frames == ("DSC00009.JPG",)


DAMAGES = {
    "no COLMAP": (lambda f: shutil.rmtree(f / "dslr" / "colmap"), "dslr/colmap: expected cameras.txt and images.txt"),
    "damaged COLMAP": (
        lambda f: (f / "dslr" / "colmap" / "images.txt").write_text("1 2 3\n"), "dslr/colmap: expected a COLMAP model",
    ),
    "a camera that is none": (
        lambda f: replace_text(f / "dslr" / "colmap" / "images.txt", " 1 DSC00009", " 5 DSC00009"), "number 5",
    ),
    "no photos": (lambda f: shutil.rmtree(f / "dslr" / "resized_images"), "resized_images: .*none of 3; download"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_scenes_that_cannot_be_used_are_refused(damaged, name):
    damage, told = DAMAGES[name]
    damage(damaged)
    with pytest.raises(DatasetError, match=told) as caught:
        ScanNetPlusPlusScene(damaged)
    assert "ScanNet++" in str(caught.value)


def test_a_video_has_to_be_extracted_first(damaged):
    shutil.rmtree(damaged / "iphone" / "rgb")
    with pytest.raises(DatasetError, match=r"iphone/rgb: .*none of 3; extract the video first: ffmpeg -i rgb.mkv"):
        ScanNetPlusPlusScene(damaged, device="iphone")


ANNOTATION, METADATA = "scans/segments_anno.json", "../../metadata"
PART_DAMAGES = {
    "another lens": (
        lambda f: replace_text(f / "dslr/colmap/cameras.txt", "OPENCV_FISHEYE", "FOV"), "intrinsics", "FOV",
    ),
    "no focal length": (
        lambda f: replace_text(f / "dslr/colmap/cameras.txt", "34.0", "-34.0"), "intrinsics", "positive focal lengths",
    ),
    "a small photo": (
        lambda f: Image.new("RGB", (38, 25)).save(f / "dslr/resized_images/DSC00009.JPG"),
        "image", "DSC00009.JPG: expected 76 x 50 pixels of ScanNet.*38 x 25",
    ),
    "no photo": (
        lambda f: (f / "dslr/resized_images/DSC00009.JPG").write_bytes(b""), "image", "an empty file",
    ),
    "small depth": (
        lambda f: Image.fromarray(np.ones((25, 38), np.uint16)).save(f / "dslr/render_depth/DSC00009.png"),
        "depth", "76 x 50 pixels",
    ),
    "no depth of a frame": (
        lambda f: (f / "dslr/render_depth/DSC00009.png").unlink(), "depth", "DSC00009.png: expected a 16-bit",
    ),
    "no mask of a frame": (
        lambda f: (f / "dslr/resized_anon_masks/DSC00009.png").unlink(), "valid", "DSC00009.png: expected a gray PNG",
    ),
    "a mask in color": (
        lambda f: Image.new("RGB", (76, 50)).save(f / "dslr/resized_anon_masks/DSC00009.png"), "valid", "mode RGB",
    ),
    "no mesh": (lambda f: (f / "scans/mesh_aligned_0.05.ply").unlink(), "mesh", "0.05.ply: expected a PLY mesh"),
    "no groups": (lambda f: (f / ANNOTATION).unlink(), "annotation", "segments_anno.json: expected segGroups"),
    "a group of words": (
        lambda f: replace_text(f / ANNOTATION, "[3]", '["a"]'), "annotation", "segments in every group.*group 0",
    ),
    "segments of another mesh": (
        lambda f: replace_text(f / "scans/segments.json", "[7, 7, ", "[7, "), "annotation", "160 vertices.*found 159",
    ),
    "no metadata": (lambda f: shutil.rmtree(f / METADATA), "annotation", "semantic_classes.txt: expected a list of"),
    "another table": (
        lambda f: (f / METADATA / "semantic_benchmark/map_benchmark.csv").write_text("a,b\n1,2\n"),
        "annotation", "columns class and semantic_map_to",
    ),
    "no list of anonymized vertices": (
        lambda f: (f / "scans/mesh_aligned_0.05_mask.txt").unlink(), "scored_vertices", "mask.txt: expected the list",
    ),
    "vertices there are not": (
        lambda f: (f / "scans/mesh_aligned_0.05_mask.txt").write_text("3\n160\n"),
        "scored_vertices", "rows of the 160 vertices of ScanNet.*found 160",
    ),
    "vertices of words": (
        lambda f: (f / "scans/mesh_aligned_0.05_mask.txt").write_text("3\n-1\n"), "scored_vertices", "found -1",
    ),
}  # fmt: skip
ARGUMENTS = {"mesh": (), "annotation": (), "scored_vertices": ("objects",)}


@pytest.mark.parametrize("name", PART_DAMAGES)
def test_parts_that_cannot_be_used_are_refused_with_their_file(damaged, name):
    damage, method, told = PART_DAMAGES[name]
    damage(damaged)
    scene = ScanNetPlusPlusScene(damaged)
    with pytest.raises(DatasetError, match=told) as caught:
        getattr(scene, method)(*ARGUMENTS.get(method, (0,)))
    assert "ScanNet++" in str(caught.value)
    assert str(damaged.parents[1]) in str(caught.value)


@pytest.mark.parametrize("kind", ["cut stream", "cut record", "no depth", "empty"])
def test_damaged_depth_of_the_phone_is_refused_by_frame(damaged, kind):
    shutil.rmtree(damaged / "iphone" / "depth")
    stands = [0, 0]
    content = {
        "cut stream": depth_stream(stands)[:-4000],
        "cut record": packed_records(stands, "lz4")[:-10],
        "no depth": b"\x04\0\0\0abcd",
        "empty": b"",
    }[kind]
    (damaged / "iphone" / "depth.bin").write_bytes(content)
    scene = ScanNetPlusPlusScene(damaged, device="iphone")
    with pytest.raises(DatasetError, match=r"depth.bin, frame (10|0): expected depth of the phone of ScanNet\+\+"):
        scene.depth(1 if kind.startswith("cut") else 0)
