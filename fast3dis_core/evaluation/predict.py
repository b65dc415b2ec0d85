"""One room to its predictions, through the public steps of inference alone: encode, decode, masks (paper 3.1-3.5).

Masks are those of the last decoder layer where p > 0.5 at image size; no point is filtered, and queries below the
floor of assembly are left out. A score is the objectness times the mean probability of the pixels kept, as in
Mask2Former. With feature clustering the same mask features are clustered instead, and every score is 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from fast3dis_core.baselines.feature_clustering import SMOOTHING, ClusteringSettings, cluster_features
from fast3dis_core.config import GeometrySource, InferenceConfig
from fast3dis_core.datasets.sample import SceneSample
from fast3dis_core.errors import DatasetError
from fast3dis_core.evaluation.prediction import Bool, Float32, ScenePrediction
from fast3dis_core.inference.assembly import as_array
from fast3dis_core.inference.machine import StepMeter, code_commit, device_name, versions
from fast3dis_core.inference.mask_pixels import claims
from fast3dis_core.inference.steps import LoadedModel, decode_queries, encode_scene, memory_errors
from fast3dis_core.masks import resize_logits
from fast3dis_core.model.prediction_heads import objectness
from fast3dis_core.progress import Report, silent
from fast3dis_core.reconstruction import ranking_score
from fast3dis_core.scene import DecoderLayer, EncodedScene, PosedCameras, SceneGeometry

ViewMethod = Literal["fast3dis", "feature-clustering"]  # they see views; others are in `surface_methods`

FLOOR = InferenceConfig().objectness_floor
MASK_THRESHOLD = InferenceConfig().mask_threshold
# 128 channels make clustering slow: half a minute a room on a CPU core for so many points, five for 50,000
CLUSTERING = ClusteringSettings(most_points=16_384)


@dataclass(frozen=True, kw_only=True)
class Instances:
    """What one method found, in the fields of `ScenePrediction`."""

    masks: Bool
    queries: np.ndarray
    scores: Float32
    objectness: Float32
    anchors: Float32


def predict_scene(
    model: LoadedModel,
    sample: SceneSample,
    *,
    scene_id: str,
    method: ViewMethod,
    geometry: GeometrySource,
    made_by: Mapping[str, Any] | None = None,
    report: Report = silent,
) -> ScenePrediction:
    """Predict one scene.

    Parameters
    ----------
    model : LoadedModel
    sample : SceneSample
        With true geometry unless that is predicted; its labels are not looked at.
    scene_id : str
    method : {"fast3dis", "feature-clustering"}
    geometry : {"predicted", "posed", "given"}
        What the network is told: nothing; the true cameras; these and the true depth.
    made_by : mapping, optional
        Noted in the prediction; see `maker`.
    report : Report

    Returns
    -------
    ScenePrediction

    Raises
    ------
    DatasetError
        If the scene lacks the cameras or the depth the network is to be told.
    DeviceMemoryError, GeometryError
        As of the steps.
    Cancelled
        If `report` says so.
    """
    meter = StepMeter(model.device, report)
    encoded = encode_scene(model, sample.views, geometry=_told(sample, geometry, scene_id), report=meter)
    if method == "fast3dis":
        meter("Anchors and queries", 0.0)
        trace = decode_queries(model, encoded)
        found = query_instances(trace.layers[-1], encoded, report=meter)
    else:
        found = clustered_instances(encoded, settings=CLUSTERING, report=meter)
    meter.finish()
    known = encoded.geometry
    return ScenePrediction(
        scene_id=scene_id,
        masks=found.masks,
        queries=found.queries,
        scores=found.scores,
        objectness=found.objectness,
        anchors=found.anchors,
        depth=as_array(known.depth.where(known.confidence > 0, 0)),
        intrinsics=as_array(known.intrinsics),
        world_to_camera=as_array(known.world_to_camera),
        seconds={step: round(value, 6) for step, value in meter.seconds.items()},
        peak_memory=meter.peak_memory,
        made_by=made_by or {},
        frames=sample.views.names,
    )


@torch.inference_mode()
def query_instances(layer: DecoderLayer, encoded: EncodedScene, *, report: Report = silent) -> Instances:
    """Masks and scores of all queries at or above the floor.

    Parameters
    ----------
    layer : DecoderLayer
    encoded : EncodedScene
        Of one scene.
    report : Report

    Returns
    -------
    Instances
    """
    views, height, width = encoded.geometry.depth.shape
    scores = objectness(layer)
    queries = torch.nonzero(scores >= FLOOR)[:, 0].tolist()
    masks = np.zeros((len(queries), views, height, width), np.bool_)
    total = np.zeros(len(queries))
    with memory_errors():
        found = claims(layer, encoded.mask_features, queries, (height, width), MASK_THRESHOLD, report=report)
        for view, number, claimed, certainty in found:
            masks[number, view].ravel()[claimed] = True  # a view of the mask: it is contiguous
            total[number] += certainty
    pixels = masks.sum(axis=(1, 2, 3))
    mean = total / np.maximum(pixels, 1)
    active = as_array(scores[queries])
    ranked = [ranking_score(float(score), sure) for score, sure in zip(active, mean, strict=True)]
    return Instances(
        masks=masks,
        queries=np.array(queries, np.int32),
        scores=np.array(ranked, np.float32),
        objectness=active,
        anchors=as_array(layer.anchors[queries]),
    )


@torch.inference_mode()
def clustered_instances(encoded: EncodedScene, *, settings: ClusteringSettings, report: Report = silent) -> Instances:
    """Clusters of the mask features at image size.

    Parameters
    ----------
    encoded : EncodedScene
        Of one scene.
    settings : ClusteringSettings
    report : Report

    Returns
    -------
    Instances
        Exclusive masks, every score 1.

    Raises
    ------
    ConfigError
        If the extra `baselines` is not installed.
    """
    height, width = encoded.geometry.depth.shape[-2:]
    report(SMOOTHING, 0.0)
    with memory_errors():
        features = torch.stack(
            [resize_logits(view, height, width).permute(1, 2, 0) for view in encoded.mask_features]
        )  # (S, H, W, C)
        points = encoded.geometry.points()
        known = (encoded.geometry.depth > 0) & (encoded.geometry.confidence > 0)
        points = points.where(known[..., None], torch.nan)
        found = cluster_features(features, points, settings=settings, report=report)
    numbers = np.arange(found.count, dtype=np.int32)
    return Instances(
        masks=found.labels[None] == numbers[:, None, None, None],
        queries=numbers,
        scores=np.ones(found.count, np.float32),
        objectness=np.ones(found.count, np.float32),
        anchors=np.full((found.count, 3), np.nan, np.float32),
    )


def maker(model: LoadedModel) -> dict[str, Any]:
    """What a prediction may depend on besides its settings."""
    return {
        "device": device_name(model.device),
        "precision": model.precision,
        "code_commit": code_commit(),
        "versions": versions(),
    }


def surface_maker() -> dict[str, Any]:
    """What a prediction without a network may depend on besides its settings."""
    return {
        "device": device_name(torch.device("cpu")),
        "precision": "float64",
        "code_commit": code_commit(),
        "versions": versions(),
    }


def _told(sample: SceneSample, source: GeometrySource, scene_id: str) -> PosedCameras | SceneGeometry | None:
    truth = sample.geometry
    if source == "predicted":
        return None
    if truth is None or (source == "given" and not bool((truth.depth > 0).any())):
        raise DatasetError(
            f"{scene_id}: expected {'cameras' if truth is None else 'depth'} for --geometry {source}, found none; use "
            "--geometry predicted."
        )
    if source == "given":
        return truth
    return PosedCameras(intrinsics=truth.intrinsics, world_to_camera=truth.world_to_camera, is_metric=truth.is_metric)
