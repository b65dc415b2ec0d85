"""GLB files, taken apart by hand after the glTF 2.0 text and read by trimesh."""

import json
import struct

import numpy as np
import pytest
import trimesh

from fast3dis_core.errors import Cancelled, ExportError
from fast3dis_core.exports import glb, write_glb
from fast3dis_core.palette import instance_color
from fast3dis_core.reconstruction import exclusive_rows
from tests.scenes import synthetic_reconstruction


class Glb:
    """The document and its vertices, with the rules of the standard checked on the way."""

    def __init__(self, path):
        content = path.read_bytes()
        magic, version, length = struct.unpack_from("<4sII", content)
        assert (magic, version, length) == (b"glTF", 2, len(content))
        size, kind = struct.unpack_from("<I4s", content, 12)
        assert kind == b"JSON"
        assert size % 4 == 0
        self.document = json.loads(content[20 : 20 + size])
        rest = content[20 + size :]
        self.binary = b""
        if rest:
            size, kind = struct.unpack_from("<I4s", rest)
            assert kind == b"BIN\0"
            assert size % 4 == 0
            self.binary = rest[8:]
            assert len(self.binary) == size == self.document["buffers"][0]["byteLength"]
        for key, value in self.document.items():
            assert value != [], f"{key} is empty, which glTF forbids"

    def accessor(self, index):
        accessor = self.document["accessors"][index]
        view = self.document["bufferViews"][accessor["bufferView"]]
        dtype = {5126: np.dtype("<f4"), 5121: np.dtype("u1")}[accessor["componentType"]]
        width = {"VEC3": 3, "VEC4": 4}[accessor["type"]]
        assert accessor["count"] > 0
        assert view["byteOffset"] % 4 == 0
        assert view["byteLength"] == accessor["count"] * width * dtype.itemsize
        assert width * dtype.itemsize % 4 == 0
        return np.frombuffer(self.binary, dtype, accessor["count"] * width, view["byteOffset"]).reshape(-1, width)

    def meshes(self):
        found = {}
        root = self.document["nodes"][0]
        assert self.document["scenes"][self.document["scene"]]["nodes"] == [0]
        for child in root.get("children", []):
            node = self.document["nodes"][child]
            (primitive,) = self.document["meshes"][node["mesh"]]["primitives"]
            position = self.document["accessors"][primitive["attributes"]["POSITION"]]
            color = self.document["accessors"][primitive["attributes"]["COLOR_0"]]
            place, rgba = (self.accessor(primitive["attributes"][name]) for name in ("POSITION", "COLOR_0"))
            assert color["normalized"] is True
            assert np.array_equal(np.array(position["min"], np.float32), place.min(axis=0))
            assert np.array_equal(np.array(position["max"], np.float32), place.max(axis=0))
            assert (rgba[:, 3] == 255).all()
            assert len(place) == len(rgba)
            found[node["name"]] = (primitive["mode"], place, rgba[:, :3])
        return found

    @property
    def extras(self):
        return self.document["asset"]["extras"]


def linear(colors):
    encoded = colors / 255
    return np.round(255 * np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4))


def test_every_valid_point_once_in_its_owner_s_mesh(tmp_path):
    scene = synthetic_reconstruction()
    assert write_glb(tmp_path / "scene.glb", scene, threshold=0.0) == scene.cloud.valid.sum()
    meshes = Glb(tmp_path / "scene.glb").meshes()
    owner = exclusive_rows(scene.instances, len(scene.cloud.points))
    names = {query: f"instance_{query:03d}" for query in range(5)} | {-1: "unassigned"}
    assert set(meshes) == {*names.values(), "cameras"}
    for query, name in names.items():
        rows = (owner == query) & scene.cloud.valid
        mode, place, rgb = meshes[name]
        assert mode == 0
        assert np.array_equal(place, scene.cloud.points[rows])
        assert np.array_equal(rgb, linear(scene.cloud.colors[rows]))


def test_chunks_join_without_seam(tmp_path, monkeypatch):
    scene = synthetic_reconstruction()
    write_glb(tmp_path / "whole.glb", scene, threshold=0.0)
    monkeypatch.setattr(glb, "CHUNK", 89)
    write_glb(tmp_path / "parts.glb", scene, threshold=0.0)
    assert (tmp_path / "parts.glb").read_bytes() == (tmp_path / "whole.glb").read_bytes()


def test_trimesh_sees_the_scene_upright(tmp_path):
    scene = synthetic_reconstruction()
    write_glb(tmp_path / "scene.glb", scene, threshold=0.0, colors="instance")
    loaded = trimesh.load(tmp_path / "scene.glb")
    owner = exclusive_rows(scene.instances, len(scene.cloud.points))
    for query in range(5):
        transform, name = loaded.graph[f"instance_{query:03d}"]
        rows = (owner == query) & scene.cloud.valid
        place = trimesh.transform_points(loaded.geometry[name].vertices, transform)
        assert np.allclose(place, scene.cloud.points[rows] * [1, -1, -1], atol=1e-6)  # y up, looking along -z
        assert (loaded.geometry[name].colors[:, :3] == linear(instance_color(query))).all()


def test_frustums_show_the_cameras(tmp_path):
    scene = synthetic_reconstruction()
    angle = 0.4
    transform = np.eye(4)
    transform[:3, :3] = 2 * np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    transform[:3, 3] = (6, -2, 4)
    write_glb(tmp_path / "scene.glb", scene, threshold=0.0, transform=transform)
    mode, place, _ = Glb(tmp_path / "scene.glb").meshes()["cameras"]
    assert mode == 1
    segments = place.astype(float).reshape(len(scene.names), 8, 2, 3)
    for view, world_to_camera in enumerate(scene.world_to_camera.astype(float)):
        center = np.linalg.inv(world_to_camera) @ [0, 0, 0, 1]
        apex = (transform @ center)[:3]
        assert np.allclose(segments[view, :4, 0], apex, atol=1e-5)
        for corner, pixel in enumerate([(0, 0), (42, 0), (42, 28), (0, 28)]):
            point = np.linalg.inv(transform) @ [*segments[view, corner, 1], 1]
            image = scene.intrinsics[view] @ (world_to_camera @ point)[:3]
            assert image[2] > 0
            assert np.allclose(image[:2] / image[2], pixel, atol=1e-2)


def test_thinning_is_seeded_and_told(tmp_path):
    scene = synthetic_reconstruction()
    for name in ("a.glb", "b.glb"):
        assert write_glb(tmp_path / name, scene, threshold=0.0, max_points=500, cameras=False) == 500
    assert (tmp_path / "a.glb").read_bytes() == (tmp_path / "b.glb").read_bytes()
    file = Glb(tmp_path / "a.glb")
    points = np.concatenate([place for _, place, _ in file.meshes().values()])
    assert len(points) == 500
    assert len(np.unique(points, axis=0)) == 500
    assert {tuple(point) for point in points} <= {tuple(point) for point in scene.cloud.points[scene.cloud.valid]}
    assert file.extras["points"] == 500
    assert file.extras["points_before_thinning"] == scene.cloud.valid.sum()
    assert file.extras["units"] == "scene units"


def test_empty_results_are_legal_files(tmp_path):
    scene = synthetic_reconstruction(views=1, queries=0)
    write_glb(tmp_path / "no_instances.glb", scene, threshold=0.0)
    assert set(Glb(tmp_path / "no_instances.glb").meshes()) == {"unassigned", "cameras"}
    assert write_glb(tmp_path / "no_points.glb", scene, threshold=0.0, max_points=0) == 0
    assert set(Glb(tmp_path / "no_points.glb").meshes()) == {"cameras"}
    write_glb(tmp_path / "nothing.glb", scene, threshold=0.0, max_points=0, cameras=False)
    assert Glb(tmp_path / "nothing.glb").meshes() == {}


def test_threshold_and_hiding_decide_the_meshes(tmp_path):
    scene = synthetic_reconstruction()
    second = scene.instances[1]
    write_glb(tmp_path / "a.glb", scene, threshold=second.objectness, queries={second.query}, cameras=False)
    meshes = Glb(tmp_path / "a.glb").meshes()
    assert set(meshes) == {"unassigned", f"instance_{second.query:03d}"}
    assert len(meshes[f"instance_{second.query:03d}"][1]) == len(second.pixels)


def test_refusals_leave_nothing(tmp_path, monkeypatch):
    scene = synthetic_reconstruction()

    def stop_late(step, fraction):
        if fraction > 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        write_glb(tmp_path / "a.glb", scene, threshold=0.0, report=stop_late)
    monkeypatch.setattr(glb, "LARGEST_FILE", 10_000)
    with pytest.raises(ExportError, match="max_points"):
        write_glb(tmp_path / "a.glb", scene, threshold=0.0)
    with pytest.raises(ExportError, match="beyond"):
        write_glb(tmp_path / "a.glb", scene, threshold=0.0, transform=np.diag([1e39, 1e39, 1e39, 1]))
    assert list(tmp_path.iterdir()) == []
