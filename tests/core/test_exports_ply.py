"""PLY files, read back by plyfile: exact values, owners, frames; and by our own reader."""

import numpy as np
import plyfile
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.errors import Cancelled, ExportError
from fast3dis_core.exports import (
    instance_file_name,
    ply,
    read_ply,
    write_instance_ply,
    write_instance_plys,
    write_ply,
    write_scene_ply,
)
from fast3dis_core.palette import instance_color
from fast3dis_core.reconstruction import Instance, PointCloud, exclusive_rows
from tests.scenes import synthetic_reconstruction


def vertices(path):
    return plyfile.PlyData.read(path)["vertex"].data


def place(table):
    return np.stack([table["x"], table["y"], table["z"]], axis=1)


def shade(table):
    return np.stack([table["red"], table["green"], table["blue"]], axis=1)


def cloud_of(points, valid=None):
    count = len(points)
    return PointCloud(
        points=np.asarray(points, np.float32).reshape(count, 3),
        colors=np.arange(count * 3, dtype=np.uint8).reshape(count, 3),
        confidence=np.ones(count, np.float32),
        valid=np.ones(count, bool) if valid is None else np.asarray(valid),
    )


def test_instance_file_holds_exactly_its_claims(tmp_path):
    scene = synthetic_reconstruction()
    for instance in scene.instances:
        path = tmp_path / instance_file_name(instance.query, ".ply")
        assert write_instance_ply(path, scene, instance.query) == len(instance.pixels)
        table = vertices(path)
        assert np.array_equal(place(table), scene.cloud.points[instance.pixels])
        assert np.array_equal(shade(table), scene.cloud.colors[instance.pixels])
        assert np.array_equal(table["view"], instance.pixels // scene.pixels_per_view)
        assert (table["instance"] == instance.query).all()
        assert (table["objectness"] == np.float32(instance.objectness)).all()


def test_property_names_and_types_are_the_field_s(tmp_path):
    write_instance_ply(tmp_path / "a.ply", synthetic_reconstruction(), 0)
    header = (tmp_path / "a.ply").read_bytes().split(b"end_header\n")[0].decode("ascii").splitlines()
    assert header[:2] == ["ply", "format binary_little_endian 1.0"]
    assert [line for line in header if line.startswith("property")] == [
        *(f"property float {axis}" for axis in "xyz"),
        *(f"property uchar {channel}" for channel in ("red", "green", "blue")),
        "property int instance",
        "property float objectness",
        "property ushort view",
    ]


def test_scene_file_holds_every_valid_point_once_with_its_owner(tmp_path):
    scene = synthetic_reconstruction()
    threshold = scene.instances[2].objectness  # exactly at the threshold is in
    assert write_scene_ply(tmp_path / "scene.ply", scene, threshold=threshold) == scene.cloud.valid.sum()
    table = vertices(tmp_path / "scene.ply")
    owner = exclusive_rows(scene.instances[:3], len(scene.cloud.points))[scene.cloud.valid]
    assert np.array_equal(place(table), scene.cloud.points[scene.cloud.valid])
    assert np.array_equal(table["instance"], owner)
    expected = {item.query: np.float32(item.objectness) for item in scene.instances} | {-1: np.float32(0)}
    assert np.array_equal(table["objectness"], [expected[query] for query in owner.tolist()])
    assert np.array_equal(shade(table), scene.cloud.colors[scene.cloud.valid])


def test_hidden_instances_claim_nothing(tmp_path):
    scene = synthetic_reconstruction()
    kept = scene.instances[1].query
    write_scene_ply(tmp_path / "scene.ply", scene, threshold=0.0, queries={kept})
    table = vertices(tmp_path / "scene.ply")
    assert np.array_equal(
        place(table[table["instance"] == kept]), scene.cloud.points[scene.instances[1].pixels]
    )  # no longer contested
    assert set(np.unique(table["instance"])) == {-1, kept}


def test_instance_colors_and_faded_rest(tmp_path):
    scene = synthetic_reconstruction()
    write_scene_ply(tmp_path / "scene.ply", scene, threshold=0.0, colors="instance")
    table = vertices(tmp_path / "scene.ply")
    for instance in scene.instances:
        assert (shade(table)[table["instance"] == instance.query] == instance_color(instance.query)).all()
    free = table["instance"] == -1
    photo = scene.cloud.colors[scene.cloud.valid][free].astype(int)
    assert (shade(table)[free].max(axis=1) <= photo.max(axis=1)).all()
    assert (np.ptp(shade(table)[free].astype(int), axis=1) <= np.ptp(photo, axis=1) * 0.1 + 1).all()
    with pytest.raises(ValueError, match="photo"):
        write_scene_ply(tmp_path / "other.ply", scene, threshold=0.0, colors="rainbow")
    assert not (tmp_path / "other.ply").exists()


def test_chunks_join_without_seam(tmp_path, monkeypatch):
    scene = synthetic_reconstruction()
    write_scene_ply(tmp_path / "whole.ply", scene, threshold=0.0, colors="instance")
    monkeypatch.setattr(ply, "CHUNK", 97)
    fractions = []
    write_scene_ply(
        tmp_path / "parts.ply",
        scene,
        threshold=0.0,
        colors="instance",
        report=lambda step, fraction: fractions.append(fraction),
    )
    assert (tmp_path / "parts.ply").read_bytes() == (tmp_path / "whole.ply").read_bytes()
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == 1


@settings(max_examples=40, deadline=None)
@given(
    coordinates=st.lists(st.tuples(*[st.floats(width=32)] * 3), max_size=20),
    data=st.data(),
)
def test_any_cloud_round_trips_without_its_unusable_points(tmp_path_factory, coordinates, data):
    valid = data.draw(st.lists(st.booleans(), min_size=len(coordinates), max_size=len(coordinates)))
    cloud = cloud_of(coordinates, np.array(valid, bool))
    path = tmp_path_factory.mktemp("any") / "cloud.ply"
    write_ply(path, cloud)
    usable = cloud.valid & np.isfinite(cloud.points).all(axis=1)
    table = read_ply(path).vertices
    assert place(table).tobytes() == cloud.points[usable].tobytes()
    assert np.array_equal(shade(table), cloud.colors[usable])
    assert (table["instance"] == -1).all()
    assert "view" not in table.dtype.names


def test_our_reader_agrees_with_plyfile(tmp_path):
    scene = synthetic_reconstruction(is_metric=True)
    write_scene_ply(tmp_path / "scene.ply", scene, threshold=0.0)
    ours = read_ply(tmp_path / "scene.ply")
    theirs = plyfile.PlyData.read(tmp_path / "scene.ply")
    assert ours.vertices.tobytes() == theirs["vertex"].data.tobytes()
    assert list(ours.comments) == theirs.comments
    assert "units: m" in ours.comments
    assert any(comment.startswith("frame: world = camera of view 0") for comment in ours.comments)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "header differs"),
        (b"ply\nformat ascii 1.0\nelement vertex 0\nend_header\n", "header differs"),
        (b"\x00" * 100_000, "header differs"),
        (
            b"ply\nformat binary_little_endian 1.0\nelement vertex 0\nproperty list uchar int v\nend_header\n",
            "header differs",
        ),
        (
            b"ply\nformat binary_little_endian 1.0\nelement vertex 2\nproperty float x\nend_header\nabc",
            "header differs",
        ),
    ],
)
def test_reader_refuses_what_it_does_not_know(tmp_path, content, message):
    (tmp_path / "bad.ply").write_bytes(content)
    with pytest.raises(ExportError, match=message):
        read_ply(tmp_path / "bad.ply")
    with pytest.raises(ExportError, match="cannot be read"):
        read_ply(tmp_path / "missing.ply")


def test_reader_notices_missing_and_surplus_bytes(tmp_path):
    write_ply(tmp_path / "good.ply", cloud_of(np.ones((5, 3))))
    content = (tmp_path / "good.ply").read_bytes()
    for damaged in (content[:-1], content + b"x"):
        (tmp_path / "bad.ply").write_bytes(damaged)
        with pytest.raises(ExportError, match="damaged: expected 115 bytes"):
            read_ply(tmp_path / "bad.ply")


def test_empty_results_are_legal_files(tmp_path):
    scene = synthetic_reconstruction(views=1, queries=0)
    assert write_scene_ply(tmp_path / "scene.ply", scene, threshold=0.0) == scene.cloud.valid.sum()
    nothing = cloud_of(np.zeros((6, 3)), np.zeros(6, bool))
    empty = Instance(query=70, objectness=0.5, anchor=np.zeros(3, np.float32), pixels=np.zeros(0, np.int32))
    assert write_ply(tmp_path / "none.ply", nothing, empty, views=2) == 0
    assert len(vertices(tmp_path / "none.ply")) == 0
    assert write_ply(tmp_path / "no_rows.ply", cloud_of(np.zeros((0, 3)))) == 0


def test_similarity_moves_points_and_is_recorded(tmp_path):
    scene = synthetic_reconstruction()
    transform = np.array([[0, -2, 0, 1], [2, 0, 0, -5], [0, 0, 2, 0.5], [0, 0, 0, 1]])
    write_instance_ply(tmp_path / "moved.ply", scene, 1, transform=transform)
    pixels = next(item.pixels for item in scene.instances if item.query == 1)
    expected = scene.cloud.points[pixels].astype(float) @ transform[:3, :3].T + transform[:3, 3]
    written = read_ply(tmp_path / "moved.ply")
    assert np.array_equal(place(written.vertices), expected.astype(np.float32))
    recorded = next(comment for comment in written.comments if comment.startswith("transform: "))
    assert np.array_equal(np.array(recorded.split()[1:], float).reshape(4, 4), transform)
    assert "units: scene units times 2.0" in written.comments


@pytest.mark.parametrize(
    "transform",
    [
        np.diag([1, 1, 2, 1]),
        np.diag([1, 1, -1, 1]),
        np.zeros((4, 4)),
        np.full((4, 4), np.nan),
        np.eye(3),
        np.eye(4) + np.eye(4, k=-3),
    ],
)
def test_other_transforms_are_refused(tmp_path, transform):
    with pytest.raises(ExportError, match="transform must be"):
        write_ply(tmp_path / "a.ply", cloud_of([[0, 0, 1]]), transform=transform)
    assert list(tmp_path.iterdir()) == []


def test_cancel_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(ply, "CHUNK", 500)

    def stop_late(step, fraction):
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        write_scene_ply(tmp_path / "scene.ply", synthetic_reconstruction(), threshold=0.0, report=stop_late)
    assert list(tmp_path.iterdir()) == []


def test_one_file_per_instance_all_or_none(tmp_path):
    scene = synthetic_reconstruction()
    threshold = scene.instances[3].objectness
    fractions = []
    names = write_instance_plys(
        tmp_path / "out", scene, threshold=threshold, report=lambda step, fraction: fractions.append(fraction)
    )
    assert names == tuple(f"instance_{item.query:03d}.ply" for item in scene.instances[:4])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(names)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    for name, instance in zip(names, scene.instances[:4], strict=True):
        write_instance_ply(tmp_path / name, scene, instance.query)
        assert (tmp_path / name).read_bytes() == (tmp_path / "out" / name).read_bytes()

    def stop_late(step, fraction):
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        write_instance_plys(tmp_path / "new", scene, threshold=threshold, report=stop_late)
    assert not (tmp_path / "new").exists()
    assert write_instance_plys(tmp_path / "none", scene, threshold=2.0) == ()
    with pytest.raises(ExportError, match="exists already"):
        write_instance_plys(tmp_path / "out", scene, threshold=threshold)


def test_unknown_query_and_too_many_views_are_told(tmp_path):
    scene = synthetic_reconstruction()
    with pytest.raises(ExportError, match="Query 99"):
        write_instance_ply(tmp_path / "a.ply", scene, 99)
    with pytest.raises(ExportError, match="65536 views"):
        write_ply(tmp_path / "a.ply", scene.cloud, views=70_000)
    assert list(tmp_path.iterdir()) == []


def test_file_names_carry_the_query():
    assert instance_file_name(12, ".ply") == "instance_012.ply"
    assert len({instance_file_name(query, ".ply") for query in range(1200)}) == 1200
