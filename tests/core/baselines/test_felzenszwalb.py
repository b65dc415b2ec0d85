"""Graph segmentation: the segmentator's partitions, plain loops, and what happens at the edges of the input."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.baselines.felzenszwalb import (
    LONGEST_EDGE,
    SEGMENTING,
    SegmentationSettings,
    SurfaceGraph,
    mesh_graph,
    neighbor_graph,
    segment_graph,
)
from fast3dis_core.baselines.point_instances import PointInstances, ranked_labels
from fast3dis_core.errors import Cancelled, ConfigError, GeometryError
from tests.conftest import golden_folder

seeds = st.integers(0, 2**32 - 1)


def by_first_appearance(labels):
    _, first, rows = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[rows]


def pytest_generate_tests(metafunc):
    if "mesh_case" in metafunc.fixturenames:
        path = golden_folder(metafunc.config, "felzenszwalb") / "mesh_cases.json"
        cases = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        metafunc.parametrize("mesh_case", [pytest.param(case, id=case["name"]) for case in cases])


def test_golden(mesh_case):
    chosen = SegmentationSettings(threshold=mesh_case["kThresh"], min_vertices=mesh_case["segMinVerts"])
    found = segment_graph(mesh_graph(mesh_case["vertices"], mesh_case["faces"]), settings=chosen)
    np.testing.assert_array_equal(by_first_appearance(found.labels), by_first_appearance(mesh_case["segments"]))


def test_shipped_cases_are_all_there(shipped_golden):
    assert len(json.loads((shipped_golden / "felzenszwalb/mesh_cases.json").read_text())) == 7


def plainly(graph, threshold, least):
    """The same with sets, in float32."""
    segments = [{vertex} for vertex in range(graph.vertices)]
    limits = [np.float32(threshold)] * graph.vertices
    order = sorted(range(len(graph.weights)), key=lambda row: graph.weights[row])
    for small in (False, True):
        for row in order:
            a, b = (next(at for at, one in enumerate(segments) if end in one) for end in graph.edges[row])
            weight = graph.weights[row]
            alike = weight <= limits[a] and weight <= limits[b]
            tiny = len(segments[a]) < least or len(segments[b]) < least
            if a != b and (tiny if small else alike):
                segments[a] |= segments[b]
                limits[a] = np.float32(weight + np.float32(threshold) / np.float32(len(segments[a])))
                del segments[b], limits[b]
    return np.array([next(at for at, one in enumerate(segments) if v in one) for v in range(graph.vertices)])


@settings(max_examples=80, deadline=None)
@given(
    seed=seeds,
    count=st.integers(1, 14),
    edges=st.integers(0, 40),
    threshold=st.sampled_from([0.0, 0.05, 0.5]),
    least=st.integers(0, 6),
)
def test_joined_as_by_plain_loops(seed, count, edges, threshold, least):
    random = np.random.default_rng(seed)
    graph = SurfaceGraph(
        vertices=count,
        edges=random.integers(0, count, (edges, 2)),
        weights=random.integers(0, 8, edges).astype(np.float32) / np.float32(7),  # ties
    )
    found = segment_graph(graph, settings=SegmentationSettings(threshold=threshold, min_vertices=least))
    np.testing.assert_array_equal(
        by_first_appearance(found.labels), by_first_appearance(plainly(graph, threshold, least))
    )


def grid(width, height, bend):
    """A sheet in the plane whose z is `bend(x)`, y pointing up the sheet; triangles face up."""
    x, y = np.meshgrid(np.arange(width), np.arange(height), indexing="ij")
    vertices = np.stack([x, y, bend(x.astype(float))], axis=-1).reshape(-1, 3) * 0.05
    corner = (np.arange(width - 1)[:, None] * height + np.arange(height - 1)).ravel()
    faces = [[corner, corner + height, corner + height + 1], [corner, corner + height + 1, corner + 1]]
    return vertices, np.concatenate([np.stack(face, axis=-1) for face in faces])


def test_a_concave_fold_parts_and_a_convex_one_joins():
    def parts(sign):
        vertices, faces = grid(24, 12, lambda x: sign * np.abs(x - 11) * 0.1)
        graph = mesh_graph(vertices, faces)
        return len(segment_graph(graph, settings=SegmentationSettings(threshold=0.05)).scores)

    assert (parts(1), parts(-1)) == (2, 1)


def test_weights_are_those_of_two_faces():
    # two triangles over one edge: the normals at its ends are the mean, those of the tips the faces' own
    vertices = np.array([[0, 0, 0], [0, 1, 0], [-1, 0, 0], [1, 0, 1]], float)
    graph = mesh_graph(vertices, [[0, 1, 2], [0, 3, 1]])
    up, tilted = np.array([0, 0, 1.0]), np.array([-1, 0, 1]) / np.sqrt(2)
    mean = (up + tilted) / 2
    weights = {tuple(edge): weight for edge, weight in zip(graph.edges.tolist(), graph.weights, strict=True)}
    assert list(weights) == [(0, 1), (0, 2), (2, 1), (0, 3), (1, 3)]  # (0, 1) of the second face is the same edge
    assert weights[0, 3] == pytest.approx(1 - mean @ tilted, abs=1e-6)  # in the plane of the tip: not convex
    assert weights[2, 1] == pytest.approx(1 - up @ mean, abs=1e-6)  # concave: the second normal points back
    assert weights[0, 1] == pytest.approx(1 - mean @ mean, abs=1e-6)
    ridge = vertices * [1, 1, -1]
    ridge = mesh_graph(ridge, [[0, 1, 2], [0, 3, 1]])
    assert ridge.weights[2] == pytest.approx((1 - up @ mean) ** 2, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=seeds)
def test_running_means_do_not_depend_on_how_often_a_vertex_is_met(seed):
    random = np.random.default_rng(seed)
    vertices, faces = random.normal(size=(9, 3)), random.integers(0, 9, (20, 3))
    graph = mesh_graph(vertices, faces)
    normals, met = np.zeros((9, 3)), np.zeros(9)
    for face in faces:
        across = np.cross(vertices[face[1]] - vertices[face[0]], vertices[face[2]] - vertices[face[0]])
        across /= np.linalg.norm(across) or 1
        for vertex in face:
            met[vertex] += 1
            normals[vertex] += (across - normals[vertex]) / met[vertex]
    for (a, b), weight in zip(graph.edges.tolist(), graph.weights, strict=True):
        flat = 1 - normals[a] @ normals[b]
        away = normals[b] @ (vertices[b] - vertices[a])
        if abs(away) > 1e-5:
            assert weight == pytest.approx(flat**2 if away > 0 else flat, abs=1e-5)


def room_corner(random, count=700):
    """Points on a floor and two walls, seen from inside the room."""
    flat = random.uniform(0, 0.6, (count, 2))
    zero = np.zeros(count)
    sides = [np.c_[flat, zero], np.c_[flat[:, 0], zero, flat[:, 1]], np.c_[zero, flat]]
    return np.concatenate(sides), np.repeat(np.arange(3), count)


def test_points_part_at_the_corner_of_a_room():
    points, truth = room_corner(np.random.default_rng(0))
    cameras = np.full_like(points, 0.5)
    found = segment_graph(neighbor_graph(points, cameras), settings=SegmentationSettings(threshold=0.1))
    assert len(found.scores) >= 3
    for side in range(3):
        votes = np.bincount(found.labels[truth == side])
        assert votes.max() > 0.85 * votes.sum()


def test_points_have_each_pair_once_and_no_long_edge():
    random = np.random.default_rng(1)
    points = np.concatenate([random.uniform(0, 0.2, (60, 3)), [[5, 5, 5], [5.05, 5, 5]]])
    graph = neighbor_graph(points, np.full_like(points, 2.0))
    assert (graph.edges[:, 0] < graph.edges[:, 1]).all()
    assert len(np.unique(graph.edges, axis=0)) == len(graph.edges)
    lengths = np.linalg.norm(np.diff(points[graph.edges], axis=1)[:, 0], axis=1)
    assert lengths.max() <= LONGEST_EDGE
    near = np.linalg.norm(points[:, None] - points[None], axis=-1)
    assert {60, 61} <= set(graph.edges.ravel().tolist())
    for row in range(60):  # the 16 nearest are among its partners, where they are near enough
        partners = set(graph.edges[(graph.edges == row).any(axis=1)].ravel().tolist())
        wanted = [other for other in np.argsort(near[row])[1:17] if near[row, other] <= LONGEST_EDGE]
        assert set(wanted) <= partners


def test_the_side_of_the_camera_decides_what_is_convex():
    points, _ = room_corner(np.random.default_rng(0), 300)
    inside, outside = (neighbor_graph(points, np.full_like(points, at)) for at in (0.5, -0.5))
    np.testing.assert_array_equal(inside.edges, outside.edges)
    assert inside.weights.sum() > 1.5 * outside.weights.sum()


def test_edge_cases():
    nothing = segment_graph(mesh_graph(np.zeros((0, 3)), np.zeros((0, 3), int)))
    assert (len(nothing.labels), len(nothing.scores)) == (0, 0)
    lonely = segment_graph(mesh_graph(np.eye(3), np.zeros((0, 3), int)))
    assert lonely.labels.tolist() == [0, 1, 2]
    assert lonely.scores.tolist() == [1, 1, 1]
    vertices, faces = grid(4, 4, np.zeros_like)
    islands = np.concatenate([vertices, vertices + np.array([1, 0, 0])])
    found = segment_graph(mesh_graph(islands, np.concatenate([faces, faces + len(vertices)])))
    assert len(found.scores) == 2  # both under the least size, and nobody to join
    flat = mesh_graph([[0, 0, 0], [1, 0, 0], [2, 0, 0], [0, 0, 0]], [[0, 1, 2], [0, 3, 1]])  # no area, one place
    assert np.isfinite(flat.weights).all()
    assert len(segment_graph(flat).scores) == 1
    assert len(neighbor_graph(np.zeros((1, 3)), np.ones((1, 3))).edges) == 0
    assert len(neighbor_graph(np.zeros((20, 3)), np.ones((20, 3))).edges) > 0  # all at one place


def test_small_segments_join_and_all_vertices_stay():
    vertices, faces = grid(16, 12, lambda x: np.abs(x - 7.5) * 2.0)
    for least in (0, 20, 200):
        found = segment_graph(mesh_graph(vertices, faces), settings=SegmentationSettings(min_vertices=least))
        sizes = np.bincount(found.labels)
        assert sizes.sum() == len(vertices)
        assert sizes.min() >= min(least, len(vertices))
        assert (np.diff(sizes) <= 0).all()


def test_ranked_labels_and_masks():
    labels, values = ranked_labels(np.array([7, -1, 5, 5, -3, 7, 9, 5]))
    assert labels.tolist() == [1, -1, 0, 0, -1, 1, 2, 0]
    assert values.tolist() == [5, 7, 9]
    found = PointInstances(labels=labels, scores=np.array([0.5, 0.4, 0.3], np.float32))
    masks, scores = found.masks(least=2)
    assert masks.shape == (2, 8)
    assert [np.flatnonzero(mask).tolist() for mask in masks] == [[2, 3, 7], [0, 5]]
    assert scores.tolist() == pytest.approx([0.5, 0.4])
    assert found.masks()[0].shape == (3, 8)
    assert found.masks(least=9)[0].shape == (0, 8)


def test_progress_and_refusals():
    vertices, faces = grid(6, 6, np.zeros_like)
    steps = []
    segment_graph(mesh_graph(vertices, faces), report=lambda step, fraction: steps.append((step, fraction)))
    assert steps[0] == (SEGMENTING, 0.0)
    assert steps[-1] == (SEGMENTING, 1.0)

    def stop(step, fraction):
        raise Cancelled

    with pytest.raises(Cancelled):
        segment_graph(mesh_graph(vertices, faces), report=stop)
    with pytest.raises(GeometryError, match="rows 0 to 35, found 0 to 36"):
        mesh_graph(vertices, [[0, 1, 36]])
    with pytest.raises(GeometryError, match="1 of 36 with NaN"):
        mesh_graph(np.concatenate([vertices[1:], [[np.nan, 0, 0]]]), faces)
    with pytest.raises(ValueError, match="one camera for each point"):
        neighbor_graph(vertices, vertices[:3])
    with pytest.raises(ConfigError, match="0 or more"):
        SegmentationSettings(threshold=float("nan"))
