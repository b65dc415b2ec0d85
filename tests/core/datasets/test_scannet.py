"""ScanNet scenes: one world in photos, depth, ids and mesh, from both layouts; damage is named."""

import json
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fast3dis_core.datasets.annotated_scene import Annotation
from fast3dis_core.datasets.sample import STRUCTURE
from fast3dis_core.datasets.scannet import ScanNetScene, to_photo
from fast3dis_core.datasets.scannet_labels import BENCHMARK, NYU40
from fast3dis_core.datasets.scene_sampling import nearest, sample_scene, sampled_views
from fast3dis_core.errors import ConfigError, DatasetError
from tests.core.datasets import scannet_tree
from tests.core.datasets.boxed_room import FLOOR, SIZE, STANDS, STOOL, TABLE, K, cast, triangles
from tests.core.datasets.closing import assert_frames_agree, assert_on_mesh, assert_there_and_back
from tests.core.datasets.scannet_tree import DEPTH_K, DEPTH_SIZE, NAME, OBJECTS, encoded, write_scene

LAYOUTS = ("sens", "extracted")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    """One folder per layout."""
    root = tmp_path_factory.mktemp("scannet")
    return {
        layout: write_scene(root / layout, layout=layout, ids=ids)
        for layout, ids in zip(LAYOUTS, ("zip", "folder"), strict=True)
    }


@pytest.fixture
def damaged(scenes, tmp_path):
    """A copy to break, in the extracted layout."""
    return shutil.copytree(scenes["extracted"].parents[1], tmp_path / "root") / "scans" / NAME


@pytest.mark.parametrize("layout", LAYOUTS)
def test_geometry_closes(scenes, layout):
    scene = ScanNetScene(scenes[layout])
    assert scene.frames == ("0.jpg", "2.jpg", "3.jpg")  # frame 1 was lost
    for view in range(3):
        assert np.allclose(scene.world_to_camera(view) @ STANDS[view], np.eye(4), atol=1e-6)
        assert_there_and_back(scene, view)
        assert_on_mesh(scene, view, tolerance=0.05)  # depth is that of the nearest of fewer pixels
    assert_frames_agree(scene, 0, 1, tolerance=0.05)
    assert_frames_agree(scene, 2, 1, tolerance=0.05)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_views_are_what_the_color_camera_sees(scenes, layout):
    scene = ScanNetScene(scenes[layout])
    assert np.allclose(scene.intrinsics(0), K, atol=1e-5)
    for view, stand in enumerate(STANDS):
        truth = cast(stand)
        assert np.abs(scene.image(view).astype(int) - truth.photo).mean() < 4
        assert np.array_equal(scene.instance(view), np.array([0, 5, 1, 10])[truth.ids])
        depth = scene.depth(view)
        assert (np.abs(depth - truth.depth) < 0.05 * truth.depth)[(truth.depth > 0) & (depth > 0)].mean() > 0.95


def test_both_layouts_are_the_same_scene(scenes):
    sens, extracted = (ScanNetScene(scenes[layout]) for layout in LAYOUTS)
    assert sens.frames == extracted.frames
    for view in range(3):
        assert np.allclose(sens.intrinsics(view), extracted.intrinsics(view), atol=1e-5)
        assert np.allclose(sens.world_to_camera(view), extracted.world_to_camera(view), atol=1e-6)
        assert np.array_equal(sens.depth(view), extracted.depth(view))
        assert np.array_equal(sens.image(view), extracted.image(view))
        assert np.array_equal(sens.instance(view), extracted.instance(view))


def test_depth_falls_on_no_side_of_the_photo(scenes):
    """On the floor depth tells the row: errors of the nearest pixel cancel out, a shift would not."""
    scene = ScanNetScene(scenes["sens"])
    found = []
    for view, stand in enumerate(STANDS):
        truth, depth = cast(stand), scene.depth(view)
        slope = np.gradient(truth.depth, axis=0)
        floor = (truth.ids == FLOOR) & (depth > 0) & (np.abs(slope) > 5e-3)
        rows = (depth - truth.depth)[floor] / slope[floor]
        found.append(rows[np.abs(rows) < 2])
    assert abs(np.concatenate(found).mean()) < 0.1


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_depth_comes_from_the_pixel_that_looks_the_same_way(data):
    """A sensor whose values are its own viewing directions."""
    draw = data.draw
    focal, center = draw(st.floats(20, 60)), draw(st.floats(10, 30))
    k = np.array([[focal, 0, center], [0, focal * 1.1, 12.0], [0, 0, 1]])
    slopes = (np.arange(DEPTH_SIZE[1]) + 0.5 - DEPTH_K[0, 2]) / DEPTH_K[0, 0]
    stored = np.tile(slopes.astype(np.float32) + 10, (DEPTH_SIZE[0], 1))
    taken = to_photo(stored, DEPTH_K, k, SIZE)
    wanted = (np.arange(SIZE[1]) + 0.5 - k[0, 2]) / k[0, 0]
    seen = taken[12] > 0
    assert np.abs(taken[12][seen] - 10 - wanted[seen]).max(initial=0) <= 0.5 / DEPTH_K[0, 0] + 1e-5
    reach = np.array([0, DEPTH_SIZE[1]]) - DEPTH_K[0, 2]
    assert np.array_equal(seen, (wanted * DEPTH_K[0, 0] >= reach[0]) & (wanted * DEPTH_K[0, 0] < reach[1]))


def test_vertex_ids_are_label_and_object(scenes):
    scene = ScanNetScene(scenes["sens"])
    vertices, faces, of_vertex = triangles()
    assert np.allclose(scene.mesh().vertices, vertices, atol=1e-6)
    assert np.array_equal(np.sort(scene.mesh().faces, 0), np.sort(faces, 0))
    assert np.array_equal(scene.annotation().vertex_ids, np.array([0, 5, 1, 10])[of_vertex])
    # floor: NYU40 2, objectId 4; table: 7 and 0; the stool's category is not in the table
    assert np.array_equal(scene.gt_vertex_ids("all"), np.array([0, 2005, 7001, 0])[of_vertex])
    assert np.array_equal(scene.gt_vertex_ids("objects"), np.array([0, 0, 7001, 0])[of_vertex])
    assert scene.scored_vertices("objects") is None
    with pytest.raises(ConfigError, match=r"objects, all.*found 'some'"):
        scene.gt_vertex_ids("some")


def test_the_benchmark_has_eighteen_classes_without_wall_and_floor(scenes):
    named = ScanNetScene(scenes["sens"]).annotation().object_classes
    assert len(BENCHMARK) == len(named) == 18
    assert not {"wall", "floor", "ceiling", "other prop"} & named
    assert {"door", "window", "shower curtain", "refrigerator", "other furniture"} <= named
    assert NYU40[38] == "other furniture"


def test_a_category_without_a_class_is_logged(scenes, caplog):
    ScanNetScene(scenes["sens"]).annotation()
    assert "foot stool" in caplog.text


def test_the_later_group_has_a_shared_segment(damaged):
    path = damaged / f"{NAME}.aggregation.json"
    document = json.loads(path.read_text())
    table = next(group for group in document["segGroups"] if group["label"] == "dining table")
    document["segGroups"].append({**table, "objectId": 20, "id": 20})
    path.write_text(json.dumps(document))
    of_vertex = triangles()[2]
    assert np.array_equal(ScanNetScene(damaged).gt_vertex_ids("objects") == 7021, of_vertex == TABLE)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 3000), min_size=1, max_size=60), st.sampled_from(["objects", "all"]))
def test_encoded_ids_tell_objects_apart_and_stay_below_a_thousand(ids, protocol):
    classes = np.arange(3001) % 4
    annotation = Annotation(
        vertex_ids=np.array(ids, np.int32),
        class_ids=classes,
        class_names=("unlabeled", "wall", "chair", "lamp"),
        labels=np.array([0, 1, 5, 35]),
        object_classes=frozenset({"chair", "lamp"}),
    )
    found = annotation.encoded(protocol)
    kept = np.isin(classes[ids], [2, 3] if protocol == "objects" else [1, 2, 3]) & (np.array(ids) > 0)
    assert np.array_equal(found > 0, kept)
    assert np.array_equal(found // 1000, np.where(kept, annotation.labels[classes[ids]], 0))
    assert len({*zip(found[kept].tolist(), np.array(ids)[kept].tolist(), strict=True)}) == len({*found[kept].tolist()})
    assert (found[kept] % 1000 > 0).all()
    if max(ids) < 1000:
        assert np.array_equal(found[kept] % 1000, np.array(ids)[kept])


def test_more_objects_than_numbers_are_refused():
    ids = np.arange(1001, dtype=np.int32)
    annotation = Annotation(
        vertex_ids=ids, class_ids=np.minimum(ids, 1).astype(np.int64), class_names=("unlabeled", "chair"),
        labels=np.array([0, 1]), object_classes=frozenset({"chair"}),
    )  # fmt: skip
    with pytest.raises(DatasetError, match="999 objects, found 1000"):
        annotation.encoded("objects")


def test_a_sample_is_a_scene_of_the_first_view(scenes):
    scene = ScanNetScene(scenes["sens"])
    sample = sample_scene(scene, max_views=2, long_edge=56)
    assert sampled_views(scene, 2) == (0, 2)
    assert sample.views.names == ("0.jpg", "3.jpg")
    assert sample.views.images.shape == (2, 3, 42, 56)
    geometry = sample.geometry
    assert torch.equal(geometry.world_to_camera[0], torch.eye(4))
    relative = scene.world_to_camera(2) @ np.linalg.inv(scene.world_to_camera(0))
    assert np.allclose(geometry.world_to_camera[1], relative, atol=1e-6)
    scale = np.diag([56 / 64, 42 / 48, 1])
    assert np.allclose(geometry.intrinsics[1], scale @ K, atol=1e-5)
    assert geometry.is_metric
    assert torch.equal(geometry.confidence, (geometry.depth > 0).float())
    expected = cast(STANDS[0], np.linalg.inv(scale @ K) @ np.array([28.5, 30.5, 1.0]))
    assert sample.instance_ids[0, 30, 28] == [0, 5, 1, 10][expected.ids]
    assert geometry.depth[0, 30, 28] == pytest.approx(expected.depth, rel=0.05)
    assert set(sample.instance_ids.unique().tolist()) == {0, 1, 5, 10}
    names = [sample.class_names[sample.class_ids[number]] for number in (5, 1, 10)]
    assert names == [STRUCTURE, "table", "unlabeled"]
    assert sample.object_ids().tolist() == [1]
    # the vertices stand where the depth says
    mesh = scene.mesh().vertices @ scene.world_to_camera(0)[:3, :3].T + scene.world_to_camera(0)[:3, 3]
    assert np.allclose(sample.surface.points, mesh, atol=1e-5)
    assert np.array_equal(sample.surface.ids, scene.annotation().vertex_ids)


def test_a_larger_sample_keeps_ids_as_they_are(scenes):
    sample = sample_scene(ScanNetScene(scenes["extracted"]), long_edge=504)
    assert sample.views.images.shape == (3, 3, 378, 504)
    assert set(sample.instance_ids.unique().tolist()) == {0, 1, 5, 10}
    truth = cast(STANDS[1])
    enlarged = np.array([0, 5, 1, 10])[truth.ids].repeat(8, 0).repeat(8, 1)[:378, :504]
    ids = nearest(np.array([0, 5, 1, 10])[truth.ids], np.diag([504 / 64, 378 / 48, 1]), (378, 504))
    assert np.array_equal(sample.instance_ids[1], ids)
    assert enlarged.max() == ids.max()


def test_without_id_images_the_views_have_none_but_the_mesh_has(tmp_path):
    scene = ScanNetScene(write_scene(tmp_path, ids="none"))
    assert scene.instance(0) is None
    sample = sample_scene(scene, long_edge=56)
    assert not sample.instance_ids.any()
    assert set(sample.surface.ids.unique().tolist()) == {0, 1, 5, 10}


def test_frames_are_in_the_order_of_their_numbers(damaged):
    for folder, ending in (("color", "jpg"), ("depth", "png"), ("pose", "txt"), ("instance-filt", "png")):
        (damaged / folder / f"2.{ending}").rename(damaged / folder / f"10.{ending}")
        (damaged / folder / f"3.{ending}").rename(damaged / folder / f"9.{ending}")
    scene = ScanNetScene(damaged)
    assert scene.frames == ("0.jpg", "9.jpg", "10.jpg")
    assert np.allclose(scene.world_to_camera(1) @ STANDS[2], np.eye(4), atol=1e-6)


def test_intrinsics_follow_photos_that_were_resized(damaged):
    for path in (damaged / "color").iterdir():
        Image.open(path).resize((32, 24)).save(path)
    shutil.rmtree(damaged / "instance-filt")
    scene = ScanNetScene(damaged)
    assert np.allclose(scene.intrinsics(0), np.diag([0.5, 0.5, 1]) @ K, atol=1e-5)
    assert_on_mesh(scene, 0, tolerance=0.05, share=0.9)


def test_scenes_without_extracted_depth_have_none(damaged):
    shutil.rmtree(damaged / "depth")
    scene = ScanNetScene(damaged)
    assert scene.depth(0) is None
    assert not sample_scene(scene, long_edge=56).geometry.confidence.any()


def replace_text(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def set_json(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


SEGS, GROUPS = f"{NAME}_vh_clean_2.0.010000.segs.json", f"{NAME}.aggregation.json"
DAMAGES = {
    "no recording": (lambda f: shutil.rmtree(f / "color"), "expected scene0017_01.sens, or the folders color"),
    "no poses": (lambda f: shutil.rmtree(f / "pose"), "scene0017_01/pose: expected this folder"),
    "no common frame": (
        lambda f: [path.unlink() for path in (f / "pose").iterdir()], "found 4 photos and 0 poses without",
    ),
    "all lost": (
        lambda f: [np.savetxt(path, np.full((4, 4), np.nan)) for path in (f / "pose").iterdir()],
        "finite pose.*none among 4",
    ),
    "a pose of 3 x 4": (lambda f: np.savetxt(f / "pose" / "2.txt", np.eye(4)[:3]), "2.txt: expected a matrix of 4 x 4"),
    "a pose of words": (lambda f: (f / "pose" / "2.txt").write_text("a b c d\n" * 4), "2.txt: expected a matrix"),
    "no intrinsics": (
        lambda f: (f / "intrinsic" / "intrinsic_color.txt").unlink(), "intrinsic_color.txt: expected a matrix",
    ),
    "intrinsics without focal length": (
        lambda f: np.savetxt(f / "intrinsic" / "intrinsic_depth.txt", np.zeros((4, 4))), "positive focal lengths",
    ),
    "a cropped photo": (
        lambda f: [Image.open(p).crop((0, 0, 48, 48)).save(p) for p in (f / "color").iterdir()],
        "images of the shape 64 x 48.*found 48 x 48",
    ),
    "a depth map is missing": (lambda f: (f / "depth" / "0.png").unlink(), r"depth/0\.png: expected a depth map"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_scenes_that_cannot_be_used_are_refused(damaged, name):
    damage, told = DAMAGES[name]
    damage(damaged)
    with pytest.raises(DatasetError, match=told) as caught:
        ScanNetScene(damaged)
    assert "ScanNet" in str(caught.value)


PART_DAMAGES = {
    "no mesh": (lambda f: (f / f"{NAME}_vh_clean_2.ply").unlink(), "mesh", "_vh_clean_2.ply: expected a PLY mesh"),
    "no segments": (lambda f: (f / SEGS).unlink(), "annotation", "segs.json: expected segIndices"),
    "segments of another mesh": (
        lambda f: set_json(f / SEGS, segIndices=[1, 2, 3]), "annotation", "each of the 160 vertices.*found 3",
    ),
    "segments of words": (lambda f: set_json(f / SEGS, segIndices=["a"] * 160), "annotation", "segIndices.*found none"),
    "groups of the fine mesh": (
        lambda f: set_json(f / GROUPS, segmentsFile=f"scannet.{NAME}_vh_clean.segs.json"),
        "annotation", "aggregation.json: expected groups of the mesh _vh_clean_2",
    ),
    "a group without number": (
        lambda f: set_json(f / GROUPS, segGroups=[{"label": "x", "segments": [1]}]), "annotation", "group 0",
    ),
    "no groups": (lambda f: set_json(f / GROUPS, segGroups=None), "annotation", "segGroups.*found none"),
    "damaged groups": (lambda f: (f / GROUPS).write_text('{"segGroups": ['), "annotation", "damaged data"),
    "no table of labels": (
        lambda f: (f.parents[1] / "scannetv2-labels.combined.tsv").unlink(), "annotation", "put it beside the scenes",
    ),
    "another table": (
        lambda f: (f.parents[1] / "scannetv2-labels.combined.tsv").write_text("id\tname\n1\tx\n"),
        "annotation", "columns raw_category and nyu40id",
    ),
    "a class that is none": (
        lambda f: replace_text(f.parents[1] / "scannetv2-labels.combined.tsv", "table\t7", "table\t41"),
        "annotation", "numbers up to 40.*dining table: 41",
    ),
    "a pose with a scale": (
        lambda f: np.savetxt(f / "pose" / "0.txt", np.diag([2.0, 2, 2, 1])), "world_to_camera", "rigid",
    ),
    "a cut photo": (
        lambda f: (f / "color" / "0.jpg").write_bytes(b"\xff\xd8\xff"), "image", "0.jpg: expected a photo.*3 bytes",
    ),
    "a photo of another size": (
        lambda f: Image.open(f / "color" / "2.jpg").resize((32, 24)).save(f / "color" / "0.jpg"),
        "image", "0.jpg: expected 64 x 48 pixels.*found 32 x 24",
    ),
    "depth in 8 bits": (
        lambda f: Image.fromarray(np.ones((30, 44), np.uint8)).save(f / "depth" / "0.png"), "depth", "not 16-bit gray",
    ),
    "ids in a palette": (
        lambda f: Image.fromarray(np.ones((48, 64), np.uint8)).convert("P").save(f / "instance-filt" / "0.png"),
        "instance", "gray PNG of 8 bits.*mode P",
    ),
    "ids in 16 bits": (
        lambda f: Image.fromarray(np.ones((48, 64), np.uint16)).save(f / "instance-filt" / "0.png"),
        "instance", "gray PNG of 8 bits",
    ),
    "small ids": (
        lambda f: Image.fromarray(np.ones((24, 32), np.uint8)).save(f / "instance-filt" / "0.png"),
        "instance", "expected 64 x 48 pixels.*found 32 x 24",
    ),
    "no ids for a frame": (lambda f: (f / "instance-filt" / "0.png").unlink(), "instance", "instance-filt/0.png"),
    "more objects than ids": (
        lambda f: set_json(f / GROUPS, segGroups=[{"label": "floor", "segments": [1], "objectId": 300}]),
        "instance", "at most 255 objects.*found 301",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PART_DAMAGES)
def test_parts_that_cannot_be_used_are_refused_with_their_file(damaged, name):
    damage, method, told = PART_DAMAGES[name]
    known = ScanNetScene(damaged)  # before the damage to the first photo, whose size is that of all
    damage(damaged)
    scene = known if "photo" in name else ScanNetScene(damaged)
    with pytest.raises(DatasetError, match=told) as caught:
        getattr(scene, method)(*(() if method in ("mesh", "annotation") else (0,)))
    assert "ScanNet" in str(caught.value)
    assert str(damaged.parents[1]) in str(caught.value)


def test_a_damaged_archive_is_refused(tmp_path):
    folder = write_scene(tmp_path)
    archive = folder / f"{NAME}_2d-instance-filt.zip"
    archive.write_bytes(archive.read_bytes()[:200])
    with pytest.raises(
        DatasetError, match=r"2d-instance-filt.zip: expected the id image instance-filt/0.png of ScanNet"
    ):
        ScanNetScene(folder).instance(0)


def test_the_tree_is_what_it_says():
    """The writer of this test against itself: every object is in sight, and depth has its own camera."""
    assert {number for _, _, ids in scannet_tree.views() for number in np.unique(ids)} == {0, FLOOR, TABLE, STOOL}
    assert len(OBJECTS) == 3
    assert encoded(np.zeros((4, 4), np.uint8), "png").startswith(b"\x89PNG")
