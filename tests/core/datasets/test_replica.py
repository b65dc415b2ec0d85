"""Replica scenes: one world in renderings and mesh, labels from faces to vertices and pixels; damage is named."""

import json
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fast3dis_core.datasets.replica import ReplicaScene, find_labels, plain_name
from fast3dis_core.datasets.replica_labels import majority
from fast3dis_core.datasets.sample import STRUCTURE
from fast3dis_core.datasets.scene_sampling import sample_scene
from fast3dis_core.errors import DatasetError
from tests.core.datasets.boxed_room import FLOOR, NOBODY, STANDS, STOOL, TABLE, K, cast, quads
from tests.core.datasets.closing import assert_frames_agree, assert_on_mesh, assert_there_and_back
from tests.core.datasets.replica_tree import OBJECT_IDS, write_labels, write_renderings, write_scene

NUMBERS = np.array([OBJECT_IDS[number] + 1 for number in (NOBODY, FLOOR, TABLE, STOOL)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_scene(tmp_path_factory.mktemp("replica"))


@pytest.fixture
def damaged(folder, tmp_path):
    """A copy to break."""
    return shutil.copytree(folder.parent, tmp_path / "root") / "room0"


def test_geometry_closes(folder):
    scene = ReplicaScene(folder)
    assert scene.frames == ("frame000000.jpg", "frame000001.jpg", "frame000002.jpg")
    assert np.allclose(scene.intrinsics(0), K)
    for view, stand in enumerate(STANDS):
        assert np.allclose(scene.world_to_camera(view) @ stand, np.eye(4), atol=1e-12)
        assert np.abs(scene.depth(view) - cast(stand).depth).max() < 0.0001
        assert_there_and_back(scene, view)
        assert_on_mesh(scene, view, tolerance=0.0005, share=0.995)
    assert_frames_agree(scene, 0, 1)
    assert_frames_agree(scene, 2, 0)


def test_pixels_have_the_object_of_the_front_most_face(folder):
    scene = ReplicaScene(folder)
    for view, stand in enumerate(STANDS):
        seen = cast(stand)
        assert np.array_equal(scene.instance(view), np.where(seen.depth > 0, NUMBERS[seen.ids], 0))
        assert np.abs(scene.image(view).astype(int) - seen.photo).mean() < 4


def test_quads_become_triangles_and_vertices_have_the_object_of_most_faces(folder):
    scene = ReplicaScene(folder)
    vertices, faces, of_vertex, of_face = quads()
    assert np.allclose(scene.mesh().vertices, vertices, atol=1e-6)
    assert len(scene.mesh().faces) == 2 * len(faces)
    ids = scene.annotation().vertex_ids
    for number in (TABLE, STOOL):
        assert (ids[of_vertex == number] == NUMBERS[number]).all()
    # rows of the floor that lie on the border are in as many faces of either; the floor's id is the smaller one
    shared = np.isin(np.arange(len(vertices)), faces[of_face == FLOOR])
    assert (ids[shared] == NUMBERS[FLOOR]).all()
    alone = ~shared & np.isin(np.arange(len(vertices)), faces[of_face == NOBODY])
    assert alone.sum() == 12
    assert (ids[alone] == NUMBERS[NOBODY]).all()


def test_vertex_ids_are_class_and_object_and_undefined_is_void(folder):
    scene = ReplicaScene(folder)
    ids = scene.annotation().vertex_ids
    everything, objects = scene.gt_vertex_ids("all"), scene.gt_vertex_ids("objects")
    for number, label in ((FLOOR, 41), (TABLE, 81), (STOOL, 77)):
        assert set(everything[ids == NUMBERS[number]].tolist()) == {label * 1000 + NUMBERS[number]}
    assert not everything[ids == NUMBERS[NOBODY]].any()
    assert set(np.unique(objects).tolist()) == {0, 81008, 77006}


@pytest.mark.parametrize(
    ("name", "kept"), [("wall", False), ("ceiling", False), ("unknown", None), ("Undefined", None), ("wall-plug", True)]
)
def test_structure_is_no_object_and_unknown_is_nothing(damaged, name, kept):
    path = damaged.parent / "room_0" / "habitat" / "info_semantic.json"
    path.write_text(path.read_text().replace('"table"', json.dumps(name)))
    scene = ReplicaScene(damaged)
    assert (scene.gt_vertex_ids("all") == 81008).any() == (kept is not None)
    assert (scene.gt_vertex_ids("objects") == 81008).any() == bool(kept)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.lists(st.integers(0, 9), min_size=4, max_size=4), st.integers(0, 4)), max_size=30))
def test_majority_counts_faces(faces):
    corners = np.array([corner for corner, _ in faces], np.int32).reshape(-1, 4)
    ids = np.array([number for _, number in faces], np.int32)
    found = majority(corners, ids, 11)
    for vertex in range(11):
        votes = [int(number) for row, number in zip(corners, ids, strict=True) for corner in row if corner == vertex]
        most = max((votes.count(number) for number in votes), default=0)
        assert found[vertex] == min((number for number in votes if votes.count(number) == most), default=0)


def test_a_sample_has_views_ids_and_the_scan_in_one_world(folder):
    scene = ReplicaScene(folder)
    sample = sample_scene(scene, max_views=2, long_edge=112)
    assert sample.views.names == ("frame000000.jpg", "frame000002.jpg")
    assert torch.equal(sample.geometry.world_to_camera[0], torch.eye(4))
    names = [sample.class_names[sample.class_ids[NUMBERS[number]]] for number in (FLOOR, TABLE, STOOL, NOBODY)]
    assert names == [STRUCTURE, "table", "stool", "unlabeled"]
    assert sorted(sample.object_ids().tolist()) == sorted(NUMBERS[[TABLE, STOOL]].tolist())
    points = sample.geometry.points()[sample.instance_ids == NUMBERS[TABLE]]
    corners = sample.surface.points[sample.surface.ids == NUMBERS[TABLE]]
    assert len(corners) == 8
    assert (points >= corners.min(0).values - 0.05).all(1).float().mean() > 0.95
    assert (points <= corners.max(0).values + 0.05).all(1).float().mean() > 0.95


def test_without_the_published_camera_file_it_is_the_published_camera(tmp_path):
    write_renderings(tmp_path / "room0", camera=False)
    for path in (tmp_path / "room0" / "results").iterdir():
        image = Image.open(path)
        image.resize((1200, 680), Image.Resampling.NEAREST).save(path)
    scene = ReplicaScene(tmp_path / "room0")
    assert scene.intrinsics(0).tolist() == [[600, 0, 600], [0, 600, 340], [0, 0, 1]]
    assert scene.image(0).shape == (680, 1200, 3)
    assert scene.depth(0).max() == pytest.approx(cast(STANDS[0]).depth.max(), rel=1e-3)


def test_renderings_alone_have_no_labels(tmp_path):
    write_renderings(tmp_path / "room0")
    scene = ReplicaScene(tmp_path / "room0")
    assert scene.mesh() is scene.annotation() is scene.instance(0) is scene.gt_vertex_ids("all") is None
    sample = sample_scene(scene, long_edge=56)
    assert sample.surface is None
    assert not sample.instance_ids.any()


def test_labels_are_found_under_either_name_or_named(tmp_path):
    write_renderings(tmp_path / "here" / "office3")
    write_labels(tmp_path / "here" / "office_30")
    write_labels(tmp_path / "there" / "office_3")
    assert find_labels(tmp_path / "here" / "office3") is None
    write_labels(tmp_path / "here" / "office_3")
    assert find_labels(tmp_path / "here" / "office3") == tmp_path / "here" / "office_3"
    scene = ReplicaScene(tmp_path / "here" / "office3", labels=tmp_path / "there" / "office_3")
    assert scene.annotation() is not None
    write_labels(tmp_path / "here" / "office3")
    assert find_labels(tmp_path / "here" / "office3") == tmp_path / "here" / "office3"
    assert [plain_name(name) for name in ("room_0", "frl_apartment_12", "room0", "a_b")] == [
        "room0", "frl_apartment12", "room0", "a_b",
    ]  # fmt: skip


def test_frames_are_in_the_order_of_their_numbers_and_belong_to_that_line(damaged):
    for name, ending in (("frame", "jpg"), ("depth", "png")):
        (damaged / "results" / f"{name}000001.{ending}").rename(damaged / "results" / f"{name}10.{ending}")
        (damaged / "results" / f"{name}000002.{ending}").rename(damaged / "results" / f"{name}9.{ending}")
    lines = (damaged / "traj.txt").read_text().splitlines()
    (damaged / "traj.txt").write_text("\n".join([lines[0]] * 9 + [lines[2], lines[1]]))
    scene = ReplicaScene(damaged)
    assert scene.frames == ("frame000000.jpg", "frame9.jpg", "frame10.jpg")
    assert np.allclose(scene.world_to_camera(1) @ STANDS[2], np.eye(4), atol=1e-12)
    assert_on_mesh(scene, 1, tolerance=0.0005)


def test_lost_poses_are_left_out(damaged):
    lines = (damaged / "traj.txt").read_text().splitlines()
    (damaged / "traj.txt").write_text("\n".join([lines[0], " ".join(["nan"] * 16)]))
    assert ReplicaScene(damaged).frames == ("frame000000.jpg",)


def replace_text(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


DAMAGES = {
    "no frames": (lambda f: shutil.rmtree(f / "results"), "room0/results: expected this folder"),
    "no trajectory": (lambda f: (f / "traj.txt").unlink(), "traj.txt: expected 16 numbers per frame"),
    "a cut trajectory": (lambda f: (f / "traj.txt").write_text("1 2 3\n4 5 6\n"), "traj.txt: expected 16.*found 3"),
    "an uneven trajectory": (lambda f: (f / "traj.txt").write_text("1 2 3\n4 5\n"), "traj.txt: expected 16"),
    "no common frame": (lambda f: (f / "traj.txt").write_text(" ".join(["inf"] * 16)), "3 photos and 0 poses"),
    "another camera file": (
        lambda f: (f.parent / "cam_params.json").write_text('{"camera": {"fx": 3}}'), "params.json: expected a camera",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_scenes_that_cannot_be_used_are_refused(damaged, name):
    damage, told = DAMAGES[name]
    damage(damaged)
    with pytest.raises(DatasetError, match=told) as caught:
        ReplicaScene(damaged)
    assert "Replica" in str(caught.value)


MESH, INFORMATION = "../room_0/habitat/mesh_semantic.ply", "../room_0/habitat/info_semantic.json"
PART_DAMAGES = {
    "a mesh without objects": (
        lambda f: (f / MESH).write_bytes((f / MESH).read_bytes().replace(b"int object_id", b"int label_id ")),
        "mesh", "mesh_semantic.ply: expected faces with an object_id of Replica, found label_id",
    ),
    "no mesh": (lambda f: (f / MESH).unlink(), "mesh", "mesh_semantic.ply: expected a PLY mesh of Replica"),
    "no classes": (lambda f: (f / INFORMATION).unlink(), "annotation", "info_semantic.json: expected classes"),
    "classes of another scene": (
        lambda f: replace_text(f / INFORMATION, "-1, 80]", "-1]"), "annotation", "a class for object 7.*7 classes",
    ),
    "classes without labels": (
        lambda f: replace_text(f / INFORMATION, "id_to_label", "id_to_labels"), "annotation", "no id_to_label",
    ),
    "a pose with a scale": (
        lambda f: (f / "traj.txt").write_text("2 0 0 0 0 2 0 0 0 0 2 0 0 0 0 1"), "world_to_camera", "traj.txt, line 1",
    ),
    "a small photo": (
        lambda f: Image.new("RGB", (32, 24)).save(f / "results/frame000000.jpg"), "image", "64 x 48 pixels.*32 x 24",
    ),
    "no depth": (lambda f: (f / "results/depth000000.png").unlink(), "depth", "depth000000.png: expected a 16-bit"),
    "depth in 8 bits": (
        lambda f: Image.new("L", (64, 48)).save(f / "results/depth000000.png"), "depth", "not 16-bit gray",
    ),
    "small depth": (
        lambda f: Image.fromarray(np.ones((24, 32), np.uint16)).save(f / "results/depth000000.png"),
        "depth", "64 x 48 pixels.*32 x 24",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PART_DAMAGES)
def test_parts_that_cannot_be_used_are_refused_with_their_file(damaged, name):
    damage, method, told = PART_DAMAGES[name]
    damage(damaged)
    scene = ReplicaScene(damaged)
    with pytest.raises(DatasetError, match=told) as caught:
        getattr(scene, method)(*(() if method in ("mesh", "annotation") else (0,)))
    assert "Replica" in str(caught.value)


def test_objects_of_a_class_without_a_name_are_logged_and_void(damaged, caplog):
    path = damaged / INFORMATION
    document = json.loads(path.read_text())
    document["id_to_label"][7] = 99
    path.write_text(json.dumps(document))
    assert set(np.unique(ReplicaScene(damaged).gt_vertex_ids("objects")).tolist()) == {0, 77006}
    assert "classes [99]" in caplog.text
