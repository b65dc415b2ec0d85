"""Masks to instance point clouds. Paper section 3.5.

Streamed over views and blocks of queries: the N x S x H x W masks never exist together, and beyond the
result itself the memory in use does not grow with N, S, H or W. Overlaps between queries are kept.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fast3dis_core.config import InferenceConfig
from fast3dis_core.duplicates import close_pairs, duplicates
from fast3dis_core.geometry.cameras import unproject
from fast3dis_core.inference.mask_pixels import claims
from fast3dis_core.masks import pairwise_overlap
from fast3dis_core.model.prediction_heads import mask_logits, objectness
from fast3dis_core.progress import Report, silent
from fast3dis_core.reconstruction import FilterReport, Instance, PointCloud, Reconstruction, ranking_score
from fast3dis_core.scene import DecoderLayer, DecoderTrace, EncodedScene, SceneGeometry, ViewBatch

CLOUD_STEP, OVERLAP_STEP = "Building the cloud", "Measuring overlap"


@torch.inference_mode()
def assemble_instances(
    views: ViewBatch,
    encoded: EncodedScene,
    trace: DecoderTrace,
    *,
    config: InferenceConfig | None = None,
    layer: int = -1,
    queries: Sequence[int] | None = None,
    previous: Reconstruction | None = None,
    report: Report = silent,
) -> Reconstruction:
    """Threshold, unproject and unite the masks of all views.

    Parameters
    ----------
    views : ViewBatch
    encoded : EncodedScene
        Of one scene.
    trace : DecoderTrace
    config : InferenceConfig, optional
    layer : int
        Decoder layer whose masks are shown.
    queries : sequence of int, optional
        Assemble these only; the other instances, and the overlap matrix, are taken from `previous`.
    previous : Reconstruction, optional
        An earlier result of the same scene with the same point filters: its cloud is reused.
    report : Report

    Returns
    -------
    Reconstruction

    Raises
    ------
    ValueError
        If some queries only are asked for, and there is nothing to take the others from.
    """
    if queries is not None and previous is None:
        raise ValueError("assembling some queries only needs the previous reconstruction for the others")
    config = config or InferenceConfig()
    shown = trace.layers[layer]
    if previous is None:
        images, cloud, filters = build_cloud(views, encoded.geometry, config, report=report)
    else:
        images, cloud = previous.images, previous.cloud
        filters = tuple(entry for entry in previous.filters if entry.unit == "points")
    scores = objectness(shown)
    active = torch.nonzero(scores >= config.objectness_floor)[:, 0].tolist()
    asked = frozenset(active if queries is None else queries)
    wanted = [query for query in active if query in asked]
    pixels, certainty = _mask_pixels(
        shown, encoded.mask_features, wanted, cloud, (images.shape[1], images.shape[2]), config, report
    )
    found = [
        Instance(
            query=query,
            objectness=float(scores[query]),
            anchor=as_array(shown.anchors[query]),
            pixels=rows,
            score=ranking_score(float(scores[query]), sure),
        )
        for query, rows, sure in zip(wanted, pixels, certainty, strict=True)
    ]
    kept = [instance for instance in found if len(instance.pixels) >= max(1, config.minimum_points)]
    small = (config.minimum_points, len(found) - len(kept), len(found))
    if queries is not None and previous is not None:
        kept += [instance for instance in previous.instances if instance.query not in asked]
        overlap = previous.overlap
    else:
        overlap = _overlap(shown, encoded.mask_features, report)
    kept.sort(key=lambda instance: (-instance.objectness, instance.query))
    limit = config.duplicate_overlap
    pairs = close_pairs(kept, points=len(cloud.points), views=len(images), limit=limit) if limit else {}
    repeated = duplicates(kept, pairs)
    if queries is None:
        filters += (_filter("minimum points", *small, "instances"),) if config.minimum_points else ()
        filters += (_filter("duplicate overlap", limit, len(repeated), len(kept), "instances"),) if limit else ()
    return Reconstruction(
        names=views.names,
        images=images,
        intrinsics=as_array(encoded.geometry.intrinsics),
        world_to_camera=as_array(encoded.geometry.world_to_camera),
        is_metric=encoded.geometry.is_metric,
        cloud=cloud,
        instances=tuple(instance for instance in kept if instance.query not in repeated),
        anchors=np.stack([as_array(entry.anchors) for entry in trace.layers]),
        objectness=np.stack([as_array(objectness(entry)) for entry in trace.layers]),
        overlap=overlap,
        filters=filters,
    )


def assemble_geometry(
    views: ViewBatch, geometry: SceneGeometry, *, config: InferenceConfig | None = None, report: Report = silent
) -> Reconstruction:
    """The cloud and the cameras alone: a result without queries.

    It can be shown while the masks are computed, and is then the `previous` of `assemble_instances`; and it is all
    there is for a backbone without FAST3DIS heads.

    Parameters
    ----------
    views : ViewBatch
    geometry : SceneGeometry
        Of one scene.
    config : InferenceConfig, optional
    report : Report

    Returns
    -------
    Reconstruction
        With N = 0 queries.
    """
    images, cloud, filters = build_cloud(views, geometry, config or InferenceConfig(), report=report)
    return Reconstruction(
        names=views.names,
        images=images,
        intrinsics=as_array(geometry.intrinsics),
        world_to_camera=as_array(geometry.world_to_camera),
        is_metric=geometry.is_metric,
        cloud=cloud,
        instances=(),
        anchors=np.zeros((1, 0, 3), np.float32),
        objectness=np.zeros((1, 0), np.float32),
        overlap=np.zeros((0, 0), np.float32),
        filters=filters,
    )


def build_cloud(
    views: ViewBatch, geometry: SceneGeometry, config: InferenceConfig, *, report: Report = silent
) -> tuple[np.ndarray, PointCloud, tuple[FilterReport, ...]]:
    """Unproject every pixel and decide which points count.

    Parameters
    ----------
    views : ViewBatch
    geometry : SceneGeometry
        Of one scene.
    config : InferenceConfig
    report : Report

    Returns
    -------
    images : array (S, H, W, 3) uint8
    cloud : PointCloud
    filters : tuple of FilterReport
        One entry per filter that is on.
    """
    count, height, width = geometry.depth.shape
    images = np.empty((count, height, width, 3), np.uint8)
    points = np.empty((count, height * width, 3), np.float32)
    confidence = np.empty((count, height * width), np.float32)
    valid = np.empty((count, height * width), np.bool_)
    flying = 0
    for view in range(count):
        report(CLOUD_STEP, view / count)
        images[view] = (views.images[view].movedim(0, -1) * 255).round().to(torch.uint8).numpy()
        depth = geometry.depth[view]
        world = unproject(depth, geometry.intrinsics[view], geometry.world_to_camera[view])  # (H, W, 3)
        known = depth.isfinite() & (depth > 0) & (geometry.confidence[view] > 0) & world.isfinite().all(-1)
        if config.depth_edge:
            edge = known & flying_pixels(depth, known, config.depth_edge)
            flying += int(edge.sum())
            known &= ~edge
        points[view] = as_array(world.nan_to_num(0.0, 0.0, 0.0)).reshape(-1, 3)
        confidence[view] = as_array(geometry.confidence[view].nan_to_num(0.0)).reshape(-1)
        valid[view] = known.cpu().numpy().reshape(-1)
    total = valid.size
    filters: tuple[FilterReport, ...] = ()
    if config.depth_edge:
        filters += (_filter("depth edge", config.depth_edge, flying, total, "points"),)
    if config.confidence_percentile:
        removed = _drop_least_confident(confidence, valid, config.confidence_percentile)
        filters += (_filter("confidence percentile", config.confidence_percentile, removed, total, "points"),)
    report(CLOUD_STEP, 1.0)
    cloud = PointCloud(
        points=points.reshape(-1, 3),
        colors=images.reshape(-1, 3),
        confidence=confidence.reshape(-1),
        valid=valid.reshape(-1),
    )
    return images, cloud, filters


def flying_pixels(depth: Tensor, known: Tensor, ratio: float) -> Tensor:
    """Pixels that hang between two surfaces.

    A pixel flies if one of its eight neighbors is nearer and another one farther, both by more than
    `ratio` of the depth. Border pixels of an object have only farther neighbors and stay.

    Parameters
    ----------
    depth : Tensor (H, W)
    known : Tensor (H, W) bool
    ratio : float

    Returns
    -------
    Tensor (H, W) bool
    """
    far = functional.max_pool2d(depth.where(known, -torch.inf)[None, None], 3, 1, 1)[0, 0]
    near = -functional.max_pool2d((-depth).where(known, -torch.inf)[None, None], 3, 1, 1)[0, 0]
    return (depth > near * (1 + ratio)) & (far > depth * (1 + ratio))


def _drop_least_confident(confidence: np.ndarray, valid: np.ndarray, percentile: float) -> int:
    """Unset `valid` for points below the percentile of the valid ones; returns how many."""
    known = confidence[valid]
    if not len(known):
        return 0
    rank = min(int(len(known) * percentile / 100), len(known) - 1)
    valid &= confidence >= np.partition(known, rank)[rank]
    return len(known) - int(valid.sum())


def _filter(name: str, setting: float, removed: int, total: int, unit: str) -> FilterReport:
    return FilterReport(name=name, setting=setting, removed=removed, total=total, unit=unit)


def _mask_pixels(
    layer: DecoderLayer,
    mask_features: Tensor,
    queries: Sequence[int],
    cloud: PointCloud,
    size: tuple[int, int],
    config: InferenceConfig,
    report: Report,
) -> tuple[list[np.ndarray], list[float]]:
    """Sorted cloud rows claimed by each query, and its mean probability."""
    height, width = size
    sure = np.zeros(len(queries))
    count = np.zeros(len(queries), np.int64)
    rows: list[list[np.ndarray]] = [[] for _ in queries]
    found = claims(layer, mask_features, queries, size, config.mask_threshold, report=report)
    for view, index, claimed, total in found:
        offset = view * height * width
        sure[index] += total
        count[index] += len(claimed)
        valid = cloud.valid[offset : offset + height * width]
        rows[index].append((claimed[valid[claimed]] + offset).astype(np.int32))
    pixels = [np.concatenate(parts) if parts else np.empty(0, np.int32) for parts in rows]
    return pixels, (sure / np.maximum(count, 1)).tolist()


def _overlap(layer: DecoderLayer, mask_features: Tensor, report: Report) -> np.ndarray:
    """Terms of eq. 8 for all N queries at mask resolution, added up view by view; (N, N) float32."""
    scores = objectness(layer)
    total = torch.zeros(len(scores), len(scores), device=scores.device)
    for view in range(len(mask_features)):
        report(OVERLAP_STEP, view / len(mask_features))
        logits = mask_logits(layer, mask_features[view : view + 1])[0]  # (N, h, w)
        total += pairwise_overlap(logits.sigmoid().flatten(1), scores)
    report(OVERLAP_STEP, 1.0)
    return as_array(total)


def as_array(tensor: Tensor) -> np.ndarray:
    """A float32 array of its own, on the CPU."""
    return np.array(tensor.detach().float().cpu().numpy())
