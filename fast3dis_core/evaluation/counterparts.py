"""The other side of a comparison: the same features clustered, the same points clustered, or another run.

Clustering runs in a process of its own (`apart`), since its libraries can be neither stopped nor shared. Worlds of
other runs are brought to that of the result by the cameras of the photos they share. Files are in `counterpart_files`.
Paper section 4.1; holding both sides against each other is left to `beside`.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fast3dis_core.apart import run_apart
from fast3dis_core.baselines.felzenszwalb import SegmentationSettings, neighbor_graph, segment_graph
from fast3dis_core.baselines.geometry_hdbscan import GeometrySettings, cluster_geometry
from fast3dis_core.cost import Cost, measured
from fast3dis_core.counterpart import (
    EVERYTHING,
    Counterpart,
    FeatureSettings,
    Kind,
    PositionSettings,
    SurfaceSettings,
    labelled_result,
)
from fast3dis_core.curation import Curated, Curation
from fast3dis_core.errors import DatasetError
from fast3dis_core.evaluation.alignment_ladder import align_worlds
from fast3dis_core.geometry.neighbors import thin_voxels
from fast3dis_core.progress import Report, silent
from fast3dis_core.reconstruction import Float32, Int32, PointCloud, Reconstruction
from fast3dis_core.scene import EncodedScene

ROOM = 3.5  # meters from the middle of a room to its corners: what a world without meters is taken for
ALL_OWNED = "Every pixel has an owner, walls included: a clustering has no objectness, all scores are 1."


def feature_inputs(
    encoded: EncodedScene, settings: FeatureSettings | None = None
) -> tuple[Float32, Float32, FeatureSettings]:
    """What `label_features` needs: features (S, h, w, C), world points at their cells (S, h, w, 3), scaled settings."""
    features = encoded.mask_features.detach().float().cpu().permute(0, 2, 3, 1).contiguous().numpy()
    depth, confidence = encoded.geometry.depth, encoded.geometry.confidence
    points = encoded.geometry.points().where(((depth > 0) & (confidence > 0))[..., None], torch.nan)
    rows, columns = (
        torch.from_numpy(_cells(cells, pixels)[1])
        for cells, pixels in zip(features.shape[1:3], points.shape[1:3], strict=True)
    )
    places = points[:, rows.to(points.device)][:, :, columns.to(points.device)].float().cpu().numpy()
    wished = settings or FeatureSettings()
    share = features.shape[1] * features.shape[2] / (points.shape[1] * points.shape[2])  # of cells, to a pixel
    scaled = replace(
        wished,
        min_cluster_size=round(wished.min_cluster_size * share),
        min_samples=round(wished.min_samples * share),
    )
    return features, places, scaled


def label_features(
    features: Float32, points: Float32, settings: FeatureSettings, report: Report = silent
) -> tuple[Int32, Cost, str]:
    """Labels (S, h, w) of the cells, their cost, and a sentence; made to run apart."""
    from fast3dis_core.baselines.feature_clustering import ClusteringSettings, cluster_features, load_hdbscan

    load_hdbscan()  # what importing takes is not the method's
    wished = ClusteringSettings(
        epsilon=settings.epsilon,
        min_samples=settings.min_samples,
        min_cluster_size=settings.min_cluster_size,
        most_points=settings.most_points,
    )
    with measured() as cost:
        found = cluster_features(torch.from_numpy(features), torch.from_numpy(points), settings=wished, report=report)
    sentence = (
        f"{found.clustered:,} of {found.labels.size:,} cells of the feature map were clustered, "
        f"{found.noise_share:.0%} of them as noise; the others took the label of the nearest feature."
    )
    return found.labels, cost[0], sentence


def finish_features(result: Reconstruction, found: tuple[Int32, Cost, str], own_cost: Cost | None) -> Counterpart:
    """The counterpart of labels of cells."""
    labels, cost, sentence = found
    height, width = result.images.shape[1:3]
    rows, columns = _cells(labels.shape[1], height)[0], _cells(labels.shape[2], width)[0]
    return Counterpart(
        kind="clustering",
        title="HDBSCAN on the same features",
        reconstruction=labelled_result(result, labels[:, rows][:, :, columns].ravel()),
        cost=cost,
        own_cost=own_cost,
        cost_words="from the same features to instances",
        notes=(sentence, ALL_OWNED),
    )


def label_positions(points: Float32, settings: PositionSettings, report: Report = silent) -> tuple[Int32, Cost, str]:
    """Labels (n,) of points in meters by HDBSCAN, -1 for noise, their cost, and a sentence; made to run apart."""
    from fast3dis_core.baselines.feature_clustering import load_hdbscan

    load_hdbscan()
    wished = GeometrySettings(
        voxel=settings.voxel, min_cluster_size=settings.min_cluster_size, min_samples=settings.min_samples
    )
    with measured() as cost:
        found = cluster_geometry(points, settings=wished, report=report)
    sentence = f"{found.clustered:,} thinned points were clustered, {found.noise_share:.0%} of them as noise."
    return found.instances.labels, cost[0], sentence


def label_surface(
    points: Float32, cameras: Float32, settings: SurfaceSettings, report: Report = silent
) -> tuple[Int32, Cost, str]:
    """Labels (n,) of points in meters, seen from cameras (n, 3), by their surface, cost, and a sentence."""
    wished = SegmentationSettings(threshold=settings.threshold, min_vertices=settings.min_vertices)
    with measured() as cost:
        report("Thinning points", 0.0)
        thinned = thin_voxels(points, settings.voxel)
        anyone = np.zeros(len(thinned.points), np.int64)
        anyone[thinned.members] = np.arange(len(points))
        report("Building the graph", 0.0)
        graph = neighbor_graph(thinned.points, cameras[anyone])
        found = segment_graph(graph, settings=wished, report=report)
    return found.labels[thinned.members], cost[0], f"{graph.vertices:,} thinned points with {len(graph.edges):,} edges."


def from_positions(
    curated: Curated, settings: PositionSettings | SurfaceSettings, *, report: Report = silent
) -> Counterpart:
    """Instances from positions alone: HDBSCAN, or Felzenszwalb's segmentation; by the settings.

    Parameters
    ----------
    curated : Curated
        Its kept points are clustered.
    settings : PositionSettings or SurfaceSettings
    report : Report

    Returns
    -------
    Counterpart

    Raises
    ------
    ConfigError
        If the package hdbscan is not installed, or a setting is out of its range.
    GeometryError
        If there are no points.
    Cancelled
        If `report` says so; the clustering ends at once.
    """
    result = curated.reconstruction
    there = np.flatnonzero(curated.keep)
    points = result.cloud.points[there]
    notes: tuple[str, ...] = ()
    scale = np.float32(1)
    if not result.is_metric and len(points):
        low, high = np.percentile(points[:: max(1, len(points) // 20_000)], [1, 99], axis=0)
        scale = np.float32(2 * ROOM / max(float(np.linalg.norm(high - low)), 1e-6))
        notes = (f"Lengths are those of a room of {2 * ROOM:g} m from corner to corner, since the units are unknown.",)
    labels: Callable[..., tuple[Int32, Cost, str]]
    inputs: tuple[Any, ...]
    kind: Kind
    if isinstance(settings, PositionSettings):
        kind, title, labels, inputs = "positions", "HDBSCAN on positions", label_positions, (points * scale, settings)
    else:
        to_world = np.linalg.inv(result.world_to_camera.astype(np.float64))[:, :3, 3].astype(np.float32)
        centers = to_world[there // result.pixels_per_view]
        kind, title, labels = "surface", "Felzenszwalb on the surface", label_surface
        inputs = points * scale, centers * scale, settings
    found, cost, sentence = run_apart(labels, *inputs, report=report)
    whole = np.full(len(curated.keep), -1, np.int32)
    whole[there] = found
    return Counterpart(
        kind=kind,
        title=title,
        reconstruction=labelled_result(result, whole),
        cost=cost,
        cost_words="of this result the whole run, of the other from points to instances",
        notes=(sentence, *notes),
    )


def other_result(
    other: Reconstruction,
    result: Reconstruction,
    *,
    title: str,
    kind: Kind = "run",
    curation: Curation = EVERYTHING,
    cost: Cost | None = None,
    own_cost: Cost | None = None,
) -> Counterpart:
    """Another result of the same photos, or of some of them.

    Parameters
    ----------
    other, result : Reconstruction
        The first is brought into the world of the second.
    title : str
    kind : "run" or "file"
    curation : Curation
        Of the other.
    cost, own_cost : Cost, optional
        Of the runs.

    Returns
    -------
    Counterpart

    Raises
    ------
    DatasetError
        If they have no photo in common.
    """
    rows, pairs = shared_rows(result, other)
    notes: list[str] = []
    if len(pairs) < max(len(result.names), len(other.names)):
        notes.append(f"Compared on {len(pairs)} photos that both have, of {len(result.names)} and {len(other.names)}.")
    moved, told = _in_world_of(other, result, pairs)
    return Counterpart(
        kind=kind,
        title=title,
        reconstruction=moved,
        rows=rows,
        curation=curation,
        cost=cost,
        own_cost=own_cost,
        cost_words="from read photos to instances by a loaded model; more in the first run after a start",
        notes=(*notes, *told),
    )


def shared_rows(result: Reconstruction, other: Reconstruction) -> tuple[Int32 | None, list[tuple[int, int]]]:
    """Which row of the other each row of a result is, by photo and by place in the photo.

    Returns
    -------
    rows : array (P,) int32 or None
        -1 where the other has none; None if all are the same.
    pairs : list of (int, int)
        Views of the result and of the other that show one photo.

    Raises
    ------
    DatasetError
        If they have no photo in common.
    """
    places = {name: view for view, name in enumerate(other.names)}
    pairs = [(view, places[name]) for view, name in enumerate(result.names) if name in places]
    if not pairs:
        raise DatasetError(
            f"A result of other photos: expected some of {', '.join(result.names[:3])} …, found "
            f"{', '.join(other.names[:3])} …; choose a result of these photos."
        )
    if result.names == other.names and result.images.shape == other.images.shape:
        return None, pairs
    (height, width), (tall, wide) = result.images.shape[1:3], other.images.shape[1:3]
    down, across = _cells(tall, height)[0], _cells(wide, width)[0]
    grid = (down[:, None] * wide + across).ravel()  # (H * W,)
    rows = np.full((len(result.names), height * width), -1, np.int32)
    for view, place in pairs:
        rows[view] = grid + place * tall * wide
    return rows.ravel(), pairs


def _in_world_of(
    other: Reconstruction, result: Reconstruction, pairs: list[tuple[int, int]]
) -> tuple[Reconstruction, tuple[str, ...]]:
    """The other result with its points and cameras in the world of the result, and how it came there."""
    own, theirs = ([pair[side] for pair in pairs] for side in (0, 1))
    if other.cloud is result.cloud or np.allclose(
        other.world_to_camera[theirs], result.world_to_camera[own], rtol=0, atol=1e-5
    ):
        return other, ()
    depths = [_depth(other, theirs), _depth(result, own)] if other.images.shape == result.images.shape else [None, None]
    found = align_worlds(
        other.world_to_camera[theirs], result.world_to_camera[own], depth=depths[0], true_depth=depths[1]
    )
    if found.similarity is None:
        return other, (f"Shown in its own world: {found.reason}",)
    similarity, cloud = found.similarity, other.cloud
    move = (similarity.scale * similarity.rotation).numpy(), similarity.translation.numpy()
    points, anchors = (
        (part.astype(np.float64) @ move[0].T + move[1]).astype(np.float32) for part in (cloud.points, other.anchors)
    )
    cameras = similarity.move_cameras(torch.tensor(other.world_to_camera)).float().numpy()
    moved = replace(
        other,
        cloud=PointCloud(points=points, colors=cloud.colors, confidence=cloud.confidence, valid=cloud.valid),
        anchors=anchors,
        world_to_camera=cameras,
        is_metric=result.is_metric,
    )
    how = (
        "by camera positions" if found.method == "umeyama" else "by camera orientations, since positions say too little"
    )
    return moved, (
        f"Brought into this world {how}: scale {float(similarity.scale):.3f}, {found.rotation_degrees:.1f}° left "
        "between the cameras.",
    )


def _depth(result: Reconstruction, views: list[int]) -> NDArray[np.float64]:
    """Depth along z (n, H, W), 0 where there is none."""
    shape = result.images.shape[:3]
    points, valid = result.cloud.points.reshape(*shape, 3)[views], result.cloud.valid.reshape(shape)[views]
    axis = result.world_to_camera[views, 2].astype(np.float64)
    depth = np.einsum("shwc,sc->shw", np.where(valid[..., None], points, 0), axis[:, :3]) + axis[:, 3, None, None]
    return np.where(valid, depth, 0.0)


def _cells(cells: int, pixels: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cell of every pixel along one axis, and the pixel in the middle of every cell."""
    by_pixel = ((np.arange(pixels) + 0.5) * cells / pixels).astype(np.int64)
    by_cell = ((np.arange(cells) + 0.5) * pixels / cells).astype(np.int64)
    return by_pixel, by_cell
