"""Graph segmentation of Felzenszwalb and Huttenlocher (2004) on surfaces: convex folds are weak borders. Paper 4.1.

On a mesh the graph is that of ScanNet's segmentator, whose over-segments many systems build on; on points, which have
no faces, it joins nearest neighbors. Numbers are float32 as there, since equal weights decide. The published
instance numbers depend on a threshold that the paper does not give: choose it on training scenes, and print it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from fast3dis_core.baselines.point_instances import PointInstances, ranked_labels
from fast3dis_core.errors import ConfigError, GeometryError
from fast3dis_core.geometry.neighbors import nearest_others
from fast3dis_core.progress import Report, silent

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

SEGMENTING = "Segmenting the surface"  # step reported
NEIGHBORS = 16  # of a point, for its edges and its normal
LONGEST_EDGE = 0.10  # meters between two points that may belong together
_CHUNK = 1 << 16  # points or edges between two reports


@dataclass(frozen=True, kw_only=True)
class SegmentationSettings:
    """Settings of the segmentator, by default those of the ScanNet release.

    Attributes
    ----------
    threshold : float
        How much a border may exceed what is inside a segment, for a segment of one vertex; its share falls with size.
    min_vertices : int
        Smaller segments join a neighbor, if they have one.
    """

    threshold: float = 0.01
    min_vertices: int = 20

    def __post_init__(self) -> None:
        if not (np.isfinite(self.threshold) and self.threshold >= 0 and self.min_vertices >= 0):
            raise ConfigError(
                f"Segmentation: expected a threshold and a size of 0 or more, found {self.threshold} and "
                f"{self.min_vertices}; the usual ones are 0.01 and 20."
            )


@dataclass(frozen=True, kw_only=True)
class SurfaceGraph:
    """Neighborhood on a surface.

    Attributes
    ----------
    vertices : int
        V.
    edges : array (E, 2) int64
        Rows of vertices; an edge may occur twice, in either direction.
    weights : array (E,) float32
        0 on a plane, up to 2 across a concave fold.
    """

    vertices: int
    edges: Int64
    weights: Float32


def mesh_graph(vertices: ArrayLike, faces: ArrayLike) -> SurfaceGraph:
    """The three edges of every triangle.

    Parameters
    ----------
    vertices : array (V, 3)
    faces : array (F, 3) of integers
        Rows of `vertices`. Triangles without area have edges, but no normal.

    Returns
    -------
    SurfaceGraph

    Raises
    ------
    GeometryError
        If a vertex is not finite, or a face names one that is not there.
    """
    points = _finite(vertices).astype(np.float32)
    corners = np.asarray(faces, np.int64).reshape(-1, 3)
    if corners.size and not 0 <= corners.min() <= corners.max() < len(points):
        raise GeometryError(
            f"A mesh of {len(points)} vertices: expected faces of rows 0 to {len(points) - 1}, found {corners.min()} "
            f"to {corners.max()}; take vertices and faces of one file."
        )
    normals = _vertex_normals(points, corners)
    edges = corners[:, [0, 1, 0, 2, 2, 1]].reshape(-1, 2)  # (3F, 2)
    return SurfaceGraph(vertices=len(points), edges=edges, weights=_weights(points, normals, edges))


def neighbor_graph(points: ArrayLike, cameras: ArrayLike) -> SurfaceGraph:
    """Edges between nearest neighbors, for points without faces.

    Parameters
    ----------
    points : array (P, 3)
        World, meters; thin dense clouds before.
    cameras : array (P, 3)
        Center of the camera that saw each point: the side of the surface that is outside.

    Returns
    -------
    SurfaceGraph
        Every pair once.

    Raises
    ------
    GeometryError
        If a number is not finite.
    """
    cloud, centers = _finite(points), _finite(cameras)
    if cloud.shape != centers.shape:
        raise ValueError(f"neighbor_graph expects one camera for each point, found {cloud.shape} and {centers.shape}")
    count = min(NEIGHBORS, len(cloud) - 1)
    if count < 1:
        return SurfaceGraph(vertices=len(cloud), edges=np.zeros((0, 2), np.int64), weights=np.zeros(0, np.float32))
    nearest = _nearest_others(cloud, count)  # (P, k)
    normals = _normals(cloud, nearest, centers - cloud).astype(np.float32)
    pairs = np.stack([np.repeat(np.arange(len(cloud)), count), nearest.ravel()], axis=-1)  # (P * k, 2)
    pairs.sort(axis=1)
    lower, higher = np.divmod(np.unique(pairs[:, 0] * len(cloud) + pairs[:, 1]), len(cloud))
    near = np.linalg.norm(cloud[higher] - cloud[lower], axis=1) <= LONGEST_EDGE
    edges = np.stack([lower, higher], axis=-1)[near]
    return SurfaceGraph(vertices=len(cloud), edges=edges, weights=_weights(cloud.astype(np.float32), normals, edges))


def segment_graph(
    graph: SurfaceGraph, *, settings: SegmentationSettings | None = None, report: Report = silent
) -> PointInstances:
    """Segments of a surface.

    Parameters
    ----------
    graph : SurfaceGraph
    settings : SegmentationSettings, optional
    report : Report

    Returns
    -------
    PointInstances
        Every vertex has a segment, if only its own; every score is 1.

    Raises
    ------
    Cancelled
        If `report` says so.
    """
    settings = settings or SegmentationSettings()
    order = np.argsort(graph.weights, kind="stable")
    edges, weights = graph.edges[order], graph.weights[order]
    parents, sizes = _join_alike(graph.vertices, edges, weights, np.float32(settings.threshold), report)
    roots = _roots(parents)
    between = edges[roots[edges[:, 0]] != roots[edges[:, 1]]]
    _join_small(parents, sizes, between, settings.min_vertices)
    labels, values = ranked_labels(_roots(parents))
    report(SEGMENTING, 1.0)
    return PointInstances(labels=labels, scores=np.ones(len(values), np.float32))


def _join_alike(
    count: int, edges: Int64, weights: Float32, threshold: np.float32, report: Report
) -> tuple[list[int], list[int]]:
    """Join along edges of rising weight, as long as the weight is within the tolerance of both segments.

    Returns parents, a root being its own, and sizes, which are right for roots. Everything takes time here.
    """
    parents, sizes = list(range(count)), [1] * count
    limits = [float(threshold)] * count
    shares = (threshold / np.arange(1, count + 1, dtype=np.float32)).tolist()  # by size - 1
    single = np.float32
    for start in range(0, len(edges), _CHUNK):
        report(SEGMENTING, start / len(edges))
        part = edges[start : start + _CHUNK]
        for a, b, weight in zip(
            part[:, 0].tolist(), part[:, 1].tolist(), weights[start : start + _CHUNK].tolist(), strict=True
        ):
            while (up := parents[a]) != a:
                parents[a] = a = parents[up]
            while (up := parents[b]) != b:
                parents[b] = b = parents[up]
            if a != b and weight <= limits[a] and weight <= limits[b]:
                if sizes[a] < sizes[b]:
                    a, b = b, a
                parents[b] = a
                sizes[a] += sizes[b]
                limits[a] = float(single(weight + shares[sizes[a] - 1]))
    return parents, sizes


def _join_small(parents: list[int], sizes: list[int], edges: Int64, least: int) -> None:
    """Join segments along edges, in their order, if one of the two has fewer vertices than `least`; in place."""
    for a, b in edges.tolist():
        while (up := parents[a]) != a:
            parents[a] = a = parents[up]
        while (up := parents[b]) != b:
            parents[b] = b = parents[up]
        if a != b and (sizes[a] < least or sizes[b] < least):
            parents[b] = a
            sizes[a] += sizes[b]


def _roots(parents: list[int]) -> Int64:
    """Root of every vertex."""
    roots = np.array(parents, np.int64)
    while len(roots) and (roots[roots] != roots).any():
        roots = roots[roots]
    return roots


def _weights(points: Float32, normals: Float32, edges: Int64) -> Float32:
    """1 - cosine of the normals, squared where the second point lies outside of the plane of the first: convex."""
    first, second = edges.T
    away = points[second] - points[first]
    length = np.sqrt(_dot(away, away))
    away /= np.where(length > 0, length, np.float32(1))[:, None]
    weights = np.float32(1) - _dot(normals[first], normals[second])
    return np.where(_dot(normals[second], away) > 0, weights * weights, weights)


def _dot(first: Float32, second: Float32) -> Float32:
    """Products summed in the order of the axes, so that every machine rounds alike."""
    return first[:, 0] * second[:, 0] + first[:, 1] * second[:, 1] + first[:, 2] * second[:, 2]


def _vertex_normals(points: Float32, corners: Int64) -> Float32:
    """Running mean of the unit normals of the faces at each vertex, in the order of the faces; not of length 1."""
    first, second, third = (points[corners[:, corner]] for corner in range(3))
    across = np.cross(second - first, third - first)
    length = np.sqrt(_dot(across, across))
    across /= np.where(length > 0, length, np.float32(1))[:, None]
    normals = np.zeros_like(points)
    ends = corners.ravel()  # (3F,)
    by_vertex = np.argsort(ends, kind="stable")
    starts = np.cumsum(np.bincount(ends, minlength=len(points))) - np.bincount(ends, minlength=len(points))
    turn = np.empty(len(ends), np.int64)  # how many faces the vertex has met before
    turn[by_vertex] = np.arange(len(ends)) - starts[ends[by_vertex]]
    by_turn = np.argsort(turn, kind="stable")
    for met, rows in enumerate(np.split(by_turn, np.cumsum(np.bincount(turn))[:-1])):
        share = np.float32(1) / np.float32(met + 1)
        normals[ends[rows]] = share * across[rows // 3] + (np.float32(1) - share) * normals[ends[rows]]
    return normals


def _nearest_others(points: Float64, count: int) -> Int64:
    """Rows of the nearest other points, array (P, count)."""
    tree = cKDTree(points)
    rows = np.arange(len(points))
    return np.concatenate(
        [nearest_others(tree, rows[first : first + _CHUNK], count) for first in range(0, len(points), _CHUNK)]
    )


def _normals(points: Float64, nearest: Int64, outside: Float64) -> Float64:
    """Direction in which the neighbors of each point spread least, turned to the side given by `outside`."""
    normals = np.empty_like(points)
    for first in range(0, len(points), _CHUNK):
        part = slice(first, first + _CHUNK)
        around = points[nearest[part]]  # (n, k, 3)
        around = around - around.mean(axis=1, keepdims=True)
        normals[part] = np.linalg.eigh(around.mT @ around)[1][..., 0]
    return np.where((normals * outside).sum(axis=1, keepdims=True) < 0, -normals, normals)


def _finite(values: ArrayLike) -> Float64:
    points = np.asarray(values, np.float64).reshape(-1, 3)
    if not np.isfinite(points).all():
        raise GeometryError(
            f"Segmentation expects finite points, found {int((~np.isfinite(points).all(axis=1)).sum())} of "
            f"{len(points)} with NaN or infinity: leave invalid points out."
        )
    return points
