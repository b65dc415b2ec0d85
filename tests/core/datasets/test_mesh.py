"""PLY meshes of scans read as other readers read them; rendering a mesh is casting rays at it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plyfile import PlyData

from fast3dis_core.datasets.files import DataSetFiles
from fast3dis_core.datasets.mesh import Mesh, Polygons, read_polygons, read_triangles
from fast3dis_core.datasets.mesh_rendering import NO_FACE, render_faces
from fast3dis_core.errors import DatasetError
from tests.core.datasets.boxed_room import SIZE, STANDS, K, cast, pixel_rays, quads, triangles, write_ply

FILES = DataSetFiles(name="Some Scans", remedy="fetch it again")
KINDS = ("ascii", "binary_little_endian", "binary_big_endian")


@pytest.mark.parametrize("kind", KINDS)
def test_files_read_as_another_reader_reads_them(tmp_path, kind):
    vertices, faces, _, of_face = quads()
    write_ply(tmp_path / "a.ply", vertices, faces, kind=kind, properties={"object_id": of_face, "other": -of_face})
    found, reference = read_polygons(tmp_path / "a.ply", FILES), PlyData.read(str(tmp_path / "a.ply"))
    assert np.allclose(found.vertices, vertices, atol=1e-6)
    assert np.array_equal(found.vertices, np.stack([reference["vertex"][axis] for axis in "xyz"], axis=-1))
    assert np.array_equal(found.corners, np.vstack(reference["face"]["vertex_indices"]))
    for name in ("object_id", "other"):
        assert np.array_equal(found.properties[name], reference["face"][name])


def test_properties_may_stand_before_the_corners_and_types_have_two_names(tmp_path):
    header = (
        b"ply\r\nformat binary_little_endian 1.0\r\nobj_info x\r\nelement vertex 3\r\nproperty double z\r\n"
        b"property float64 x\r\nproperty uint8 q\r\nproperty float32 y\r\nelement face 2\r\nproperty int16 label\r\n"
        b"property list uint8 uint32 vertex_index\r\nproperty short after\r\nelement edge 0\r\nend_header\r\n"
    )
    vertices = np.array(
        [(1, 2, 0, 3), (4, 5, 0, 6), (7, 8, 0, 9)], [("z", "<f8"), ("x", "<f8"), ("q", "u1"), ("y", "<f4")]
    )
    faces = np.array([(-5, 3, [0, 1, 2], 1), (6, 3, [2, 1, 0], 2)], "<i2,u1,(3,)<u4,<i2")
    (tmp_path / "a.ply").write_bytes(header + vertices.tobytes() + faces.tobytes())
    found = read_polygons(tmp_path / "a.ply", FILES)
    assert found.vertices.tolist() == [[2, 3, 1], [5, 6, 4], [8, 9, 7]]
    assert found.corners.tolist() == [[0, 1, 2], [2, 1, 0]]
    assert found.properties["label"].tolist() == [-5, 6]
    assert found.properties["after"].tolist() == [1, 2]


@pytest.mark.parametrize("kind", KINDS)
def test_meshes_without_faces_are_legal(tmp_path, kind):
    write_ply(tmp_path / "a.ply", np.eye(3), np.zeros((0, 3), int), kind=kind)
    mesh = read_triangles(tmp_path / "a.ply", FILES)
    assert (mesh.vertices.shape, mesh.faces.shape) == ((3, 3), (0, 3))
    assert not render_faces(mesh, K, STANDS[0], SIZE).depth.any()


def test_polygons_fan_out_in_their_order():
    corners = np.array([[4, 5, 6, 7, 8], [9, 8, 7, 6, 5]], np.int32)
    polygons = Polygons(vertices=np.zeros((10, 3)), corners=corners, properties={})
    assert polygons.triangles_each == 3
    faces = polygons.triangulated().faces
    assert faces.tolist() == [[4, 5, 6], [4, 6, 7], [4, 7, 8], [9, 8, 7], [9, 7, 6], [9, 6, 5]]


def replace(path, old, new):
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


DAMAGES = {
    "no file": (lambda p: p.unlink(), "No such file"),
    "no header": (lambda p: p.write_bytes(b"OFF\n8 6 12\n"), "no PLY header"),
    "no end of the header": (lambda p: replace(p, b"end_header", b"end_headed"), "no PLY header"),
    "no format": (lambda p: replace(p, b"format binary_little_endian 1.0\n", b""), "without format"),
    "another format": (lambda p: replace(p, b"binary_little", b"binary_middle"), "header line 'format binary_middle"),
    "another type": (lambda p: replace(p, b"property float x", b"property half x"), "property half x"),
    "a count that is none": (lambda p: replace(p, b"element vertex 160", b"element vertex many"), "vertex many"),
    "no faces": (lambda p: replace(p, b"element face", b"element tristrips"), "elements vertex, tristrips"),
    "no y": (lambda p: replace(p, b"float y", b"float v"), "vertices of x, v, z"),
    "no corners": (lambda p: replace(p, b"vertex_indices", b"texture_coords"), "faces of texture_coords"),
    "cut in the vertices": (lambda p: p.write_bytes(p.read_bytes()[:1000]), "bytes where 160 vertices take"),
    "cut in the faces": (lambda p: p.write_bytes(p.read_bytes()[:-5]), "faces of 3 corners take"),
    "another polygon": (lambda p: p.write_bytes(p.read_bytes()[:-13] + b"\4" + bytes(12)), "of 3 and of 4 corners"),
    "a corner too many": (lambda p: p.write_bytes(p.read_bytes()[:-4] + b"\xa0\0\0\0"), "0 to 160 of 160 vertices"),
    "a corner too few": (lambda p: p.write_bytes(p.read_bytes()[:-4] + b"\xff" * 4), "-1 to 159"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_files_that_are_no_such_meshes_are_refused(tmp_path, name):
    vertices, faces, _ = triangles()
    path = tmp_path / "a.ply"
    write_ply(path, vertices, faces)
    damage, told = DAMAGES[name]
    damage(path)
    with pytest.raises(DatasetError, match=told) as caught:
        read_polygons(path, FILES)
    assert str(caught.value).startswith(f"{path}: expected a PLY mesh of Some Scans, found ")
    assert str(caught.value).endswith("fetch it again.")


@pytest.mark.parametrize("name", ["cut", "words"])
def test_text_that_is_no_such_mesh_is_refused(tmp_path, name):
    vertices, faces, _ = triangles()
    path = tmp_path / "a.ply"
    write_ply(path, vertices, faces, kind="ascii")
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-2] if name == "cut" else [*lines[:-1], "3 a b c"]))
    with pytest.raises(DatasetError, match="numbers where" if name == "cut" else "no numbers"):
        read_polygons(path, FILES)


# --- rendering -------------------------------------------------------------------------------------------


def look(rotation, position):
    """World to camera of a camera at a position."""
    motion = np.eye(4)
    motion[:3, :3], motion[:3, 3] = rotation, -rotation @ position
    return motion


@pytest.mark.parametrize("stand", range(3))
def test_a_room_is_rendered_as_it_is_cast(stand):
    vertices, faces, of_vertex = triangles()
    mesh = Mesh(vertices=vertices, faces=faces.astype(np.int32))
    found, truth = render_faces(mesh, K, np.linalg.inv(STANDS[stand]), SIZE), cast(STANDS[stand])
    assert found.depth.dtype == np.float32
    assert np.array_equal(found.depth > 0, truth.depth > 0)
    assert np.array_equal(found.faces != NO_FACE, truth.depth > 0)
    assert np.allclose(found.depth, truth.depth, atol=1e-5)
    boxes = of_vertex[faces].max(1) > 1
    on_box = np.where(found.faces == NO_FACE, False, boxes[found.faces])
    assert np.array_equal(on_box, truth.ids > 1)


def test_a_floor_below_and_behind_the_camera_reaches_to_the_horizon():
    """Two triangles of a kilometer, whose corners are behind the camera and outside the view."""
    corners = np.array([[-500, -500, 0], [500, -500, 0], [500, 500, 0], [-500, 500, 0]], float)
    mesh = Mesh(vertices=corners, faces=np.array([[0, 1, 2], [0, 2, 3]], np.int32))
    level = np.array([[0.0, -1, 0], [0, 0, -1], [1, 0, 0]])
    found = render_faces(mesh, K, look(level, np.array([3.0, -2.0, 1.5])), SIZE).depth
    down = pixel_rays()[..., 1]
    expected = np.where(down > 1.5 / 497, 1.5 / np.maximum(down, 1e-9), 0)
    assert np.array_equal(found > 0, expected > 0)
    assert np.allclose(found, expected, rtol=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_triangles_anywhere_are_rendered_as_rays_meet_them(seed):
    """Against the textbook intersection of every ray with every triangle, corners behind the camera included."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(-3, 3, (6, 3, 3))
    corners[..., 2] += rng.uniform(0, 3)
    mesh = Mesh(vertices=corners.reshape(-1, 3), faces=np.arange(18, dtype=np.int32).reshape(6, 3))
    size = (14, 18)
    k = np.array([[12.0, 0, 9], [0, 12.0, 7], [0, 0, 1]])
    found = render_faces(mesh, k, np.eye(4), size)
    rays = pixel_rays(k, size)[..., None, :]  # (h, w, 1, 3)
    first, along, across = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    volume = np.einsum("...i,...i", np.cross(rays, across), along)
    u = np.einsum("...i,...i", np.cross(rays, across), -first) / volume
    v = np.einsum("...i,...i", rays, np.cross(-first, along)) / volume
    depth = np.einsum("...i,...i", across, np.cross(-first, along)) / volume  # (h, w, 6)
    margin = np.minimum(np.minimum(u, v), 1 - u - v)
    clear = (np.abs(margin) > 1e-6).all(-1)  # not on an edge, where rounding decides
    depth = np.where((margin >= 0) & (depth > 0.01), depth, np.inf)
    expected = np.where(np.isfinite(depth.min(-1)), depth.min(-1), 0)
    assert clear.mean() > 0.9
    assert np.allclose(found.depth[clear], expected[clear], rtol=1e-5)
    assert np.array_equal(found.faces[clear], np.where(expected > 0, depth.argmin(-1), NO_FACE)[clear])


def test_neighboring_triangles_leave_no_gap():
    """A wall of many triangles that fills the view, its edges through pixel centers."""
    line = np.linspace(-4, 4, 65)
    grid = np.stack([*np.meshgrid(line, line), np.full((65, 65), 2.0)], axis=-1).reshape(-1, 3)
    corner = np.arange(65 * 65).reshape(65, 65)
    first, second, third, fourth = (
        part.ravel() for part in (corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1])
    )
    faces = np.concatenate([np.stack([first, second, third], 1), np.stack([first, third, fourth], 1)]).astype(np.int32)
    k = np.array([[16.0, 0, 16.5], [0, 16.0, 16.5], [0, 0, 1]])
    found = render_faces(Mesh(vertices=grid, faces=faces), k, np.eye(4), (33, 33))
    assert np.array_equal(found.depth, np.full((33, 33), 2.0, np.float32))


def test_large_meshes_are_drawn_in_pieces(monkeypatch):
    vertices, faces, _ = triangles()
    mesh = Mesh(vertices=vertices, faces=faces.astype(np.int32))
    whole = render_faces(mesh, K, np.linalg.inv(STANDS[0]), SIZE)
    monkeypatch.setattr("fast3dis_core.datasets.mesh_rendering.FACES_AT_ONCE", 7)
    monkeypatch.setattr("fast3dis_core.datasets.mesh_rendering.PIXELS_AT_ONCE", 100)
    pieces = render_faces(mesh, K, np.linalg.inv(STANDS[0]), SIZE)
    assert np.array_equal(whole.depth, pieces.depth)
    assert np.array_equal(whole.faces, pieces.faces)
