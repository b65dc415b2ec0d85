"""The second loop of an evaluation: predictions and truth to figures, one scene in memory at a time (paper 4).

A scene becomes a `SceneScore`, small and complete; all of them together become the result, plain values for one JSON
file. Metrics are left to `average_precision`, `multi_view`, `consistency`, `geometry_errors` and `surface_transfer`;
this module says what they are applied to.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fast3dis_core.datasets.sample import SceneSample
from fast3dis_core.evaluation.alignment_ladder import WorldAlignment, align_worlds
from fast3dis_core.evaluation.average_precision import MIN_REGION_SIZE, SceneRecords, pooled, scene_records
from fast3dis_core.evaluation.consistency import ACTIVE, SceneConsistency, consistency
from fast3dis_core.evaluation.consistency import pool as pooled_consistency
from fast3dis_core.evaluation.geometry_errors import ANCHOR_REACH, GeometryErrors, anchors_inside, geometry_errors
from fast3dis_core.evaluation.geometry_errors import pool as pooled_geometry
from fast3dis_core.evaluation.multi_view import LabelledMasks, multi_view_records, per_view_records
from fast3dis_core.evaluation.prediction import ScenePrediction
from fast3dis_core.evaluation.protocol import encode
from fast3dis_core.evaluation.sheets import matched_pairs
from fast3dis_core.evaluation.surface_transfer import MAX_DISTANCE, Resolve, nearest_vertices, vertex_masks
from fast3dis_core.geometry.cameras import unproject
from fast3dis_core.inference.machine import code_commit

FORMAT_VERSION = 1
RESOLVE: Resolve = "majority"
POSED = {"posed", "given"}  # sources of geometry whose cameras were not predicted
_GEOMETRY = ("depth", "intrinsics", "world_to_camera")  # what points follow from


@dataclass(frozen=True, kw_only=True)
class SceneScore:
    """All that one scene adds to the result.

    Attributes
    ----------
    scene_id : str
    multi_view, per_view : lists of SceneRecords
    surface : SceneRecords, optional
        On surface points; None where the worlds could not be aligned.
    consistency : SceneConsistency
    geometry : GeometryErrors
    alignment : WorldAlignment
    anchors : array (N,) bool
        For each active matched query with an anchor, whether it is at its object.
    prediction : mapping
        Seconds and peak memory by step, and what made it.
    """

    scene_id: str
    multi_view: list[SceneRecords]
    per_view: list[SceneRecords]
    surface: SceneRecords | None
    consistency: SceneConsistency
    geometry: GeometryErrors
    alignment: WorldAlignment
    anchors: NDArray[np.bool_]
    prediction: Mapping[str, Any]


def score_scene(prediction: ScenePrediction, sample: SceneSample, *, protocol: str) -> SceneScore:
    """Score one scene.

    Parameters
    ----------
    prediction : ScenePrediction
    sample : SceneSample
        The same scene, with true geometry and surface points.
    protocol : str
        Which classes are objects.

    Returns
    -------
    SceneScore

    Raises
    ------
    EvaluationError, DatasetError, ConfigError
        If prediction and truth do not fit, or the protocol is unknown.
    """
    truth, surface = sample.geometry, sample.surface
    assert truth is not None
    assert surface is not None
    pixel_ids, point_ids = sample.instance_ids.cpu().numpy(), surface.ids.cpu().numpy()
    classes = sample.class_ids.cpu().numpy()
    scene = LabelledMasks(
        scene_id=prediction.scene_id,
        gt_ids=encode(pixel_ids, classes, sample.class_names, protocol),
        masks=prediction.masks,
        scores=prediction.scores,
        objectness=prediction.objectness,
    )
    true_depth = truth.depth.cpu().numpy()
    alignment = align_worlds(
        prediction.world_to_camera, truth.world_to_camera, depth=prediction.depth, true_depth=true_depth
    )
    return SceneScore(
        scene_id=prediction.scene_id,
        multi_view=multi_view_records(scene),
        per_view=per_view_records(scene),
        surface=_surface_records(
            prediction,
            alignment,
            surface.points.double().cpu().numpy(),
            encode(point_ids, classes, sample.class_names, protocol),
        ),
        consistency=consistency(scene),
        geometry=geometry_errors(
            prediction.depth,
            true_depth,
            intrinsics=prediction.intrinsics,
            true_intrinsics=truth.intrinsics,
            world_to_camera=prediction.world_to_camera,
            true_world_to_camera=truth.world_to_camera,
        ),
        alignment=alignment,
        anchors=_anchors(prediction, scene, alignment, truth.points().double().cpu().numpy(), true_depth > 0),
        prediction={
            "seconds": dict(prediction.seconds),
            "peak_memory": dict(prediction.peak_memory),
            "made_by": dict(prediction.made_by),
        },
    )


def _surface_records(
    prediction: ScenePrediction, alignment: WorldAlignment, vertices: NDArray[np.float64], ids: NDArray[np.int32]
) -> SceneRecords | None:
    """Records on the surface points that the aligned points of the masks vote for."""
    if alignment.similarity is None:
        return None
    vertices, first = np.unique(vertices, axis=0, return_index=True)  # of two at one place one gets all votes
    claimed = prediction.masks.any(axis=0) & (prediction.depth > 0)  # (S, H, W)
    points = unproject(*(torch.from_numpy(getattr(prediction, name)).double() for name in _GEOMETRY))
    aligned = alignment.similarity.transform(points[torch.from_numpy(claimed)]).numpy()  # (P, 3)
    nearest = nearest_vertices(vertices, aligned)
    owners, rows = np.nonzero(prediction.masks[:, claimed])  # votes of all instances, overlaps included
    masks = vertex_masks(nearest[rows], owners, scores=prediction.scores, vertices=len(vertices), resolve=RESOLVE)
    return scene_records(ids[first], masks, prediction.scores)


def _anchors(
    prediction: ScenePrediction,
    scene: LabelledMasks,
    alignment: WorldAlignment,
    points: NDArray[np.float64],
    known: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Whether the anchors of active matched queries are at their objects, array (N,) bool.

    A query is matched by `sheets.matched_pairs`, among the active ones.
    """
    active = np.flatnonzero((scene.objectness > ACTIVE) & np.isfinite(prediction.anchors).all(axis=1))
    if alignment.similarity is None or not len(active):
        return np.zeros(0, np.bool_)
    part = LabelledMasks(
        scene_id=scene.scene_id,
        gt_ids=scene.gt_ids,
        masks=scene.masks[active],
        scores=scene.scores[active],
        objectness=scene.objectness[active],
    )
    queries, objects = matched_pairs(part)
    surfaces = [points[(part.rows == row) & known] for row in objects]
    seen = np.array([len(surface) > 0 for surface in surfaces], np.bool_)
    anchors = alignment.similarity.transform(torch.from_numpy(prediction.anchors[active[queries]])).numpy()
    return anchors_inside(anchors[seen], [surface for surface in surfaces if len(surface)])


def summarize(
    scores: Sequence[SceneScore], *, settings: Mapping[str, Any], digest: str, protocol: str, name: str
) -> dict[str, Any]:
    """The result of all scenes, plain values for a JSON file.

    Parameters
    ----------
    scores : sequence of SceneScore
        At least one.
    settings : mapping
        Of the predictions.
    digest : str
        Of these settings.
    protocol : str
    name : str
        Of this evaluation, as people call it.

    Returns
    -------
    dict
        `figures` holds every number of `figures.FIGURES`, None where it is undefined or was given.
    """
    multi_view = pooled(record for score in scores for record in score.multi_view)
    per_view = pooled(record for score in scores for record in score.per_view)
    on_surface = [score.surface for score in scores if score.surface is not None]
    surface = pooled(on_surface) if on_surface else None
    tracking = pooled_consistency([score.consistency for score in scores])
    anchors = np.concatenate([score.anchors for score in scores])
    rows = [_row(score) for score in scores]
    return {
        "format_version": FORMAT_VERSION,
        "name": name,
        "settings": dict(settings),
        "digest": digest,
        "protocol": protocol,
        "min_region_size": MIN_REGION_SIZE,
        "scenes": [score.scene_id for score in scores],
        "model": scores[0].prediction["made_by"]["model"],
        "runs": _runs(scores),
        "figures": {
            **{key: multi_view[key] for key in ("ap25", "ap50", "ap", "ap_50_95_incl")},
            **{f"per_view_{key}": per_view[key] for key in ("ap25", "ap50", "ap")},
            **{f"surface_{key}": surface[key] if surface else None for key in ("ap25", "ap50", "ap")},
            "identity_gap_ap50": _difference(per_view["ap50"], multi_view["ap50"]),
            **{key: value for key, value in tracking.items() if key != "counts"},
            **_geometry_figures(scores, settings["geometry"]),
            "anchors_inside": float(anchors.mean()) if len(anchors) else None,
            "seconds_per_scene": _median([sum(score.prediction["seconds"].values()) for score in scores]),
        },
        "average_precision": {"multi_view": multi_view, "per_view": per_view, "surface": surface},
        "mean_of_scenes": {key: _mean([row[key] for row in rows]) for key in ("ap25", "ap50", "ap")},
        "consistency_counts": tracking["counts"],
        "alignment": _alignment(scores),
        "anchors": {"inside": int(anchors.sum()), "counted": len(anchors), "reach": ANCHOR_REACH},
        "steps": list(dict.fromkeys(step for score in scores for step in score.prediction["seconds"])),
        "seconds": {"median_by_step": _by_step(scores, "seconds", _median)},
        "peak_memory_bytes": _by_step(scores, "peak_memory", _largest),
        "per_scene": rows,
        "code_commit": code_commit(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _geometry_figures(scores: Sequence[SceneScore], source: str) -> dict[str, float | None]:
    """Errors of what was predicted; None for what was given."""
    figures = pooled_geometry([score.geometry for score in scores])
    return {
        name: None if source == "given" or (source in POSED and name != "depth_abs_rel") else value
        for name, value in figures.items()
    }


def _row(score: SceneScore) -> dict[str, Any]:
    """Figures of one scene by itself."""
    alone = pooled(score.multi_view)
    angles, alignment = score.geometry.rotation_degrees, score.alignment
    return {
        "scene": score.scene_id,
        "targets": alone["counts"]["targets"],
        "predictions": alone["counts"]["predictions"],
        **{key: alone[key] for key in ("ap25", "ap50", "ap")},
        "surface_ap50": pooled([score.surface])["ap50"] if score.surface else None,
        "t_miou": pooled_consistency([score.consistency])["t_miou"],
        "depth_abs_rel": _finite(score.geometry.depth_error),
        "rotation_degrees": _finite(float(np.median(angles))) if len(angles) else None,
        "alignment": alignment.method,
        "alignment_quality": alignment.quality,
        "alignment_reason": alignment.reason,
        "scale_from": alignment.scale_from,
        "center_rmse": _finite(alignment.center_rmse),
        "anchors_inside": int(score.anchors.sum()),
        "anchors_counted": len(score.anchors),
        "seconds": dict(score.prediction["seconds"]),
    }


def _alignment(scores: Sequence[SceneScore]) -> dict[str, Any]:
    return {
        "methods": dict(sorted(Counter(score.alignment.method for score in scores).items())),
        "weak": sum(score.alignment.quality == "weak" for score in scores),
        "center_rmse_median": _median([score.alignment.center_rmse for score in scores]),
        "rotation_degrees_median": _median([score.alignment.rotation_degrees for score in scores]),
        "icp": "none",
        "max_distance": MAX_DISTANCE,
        "resolve": RESOLVE,
    }


def _runs(scores: Sequence[SceneScore]) -> list[dict[str, Any]]:
    """What made the predictions, each once, with the number of scenes it made."""
    runs: list[dict[str, Any]] = []
    for score in scores:
        made_by = {key: value for key, value in score.prediction["made_by"].items() if key != "model"}
        for run in runs:
            if {key: value for key, value in run.items() if key != "scenes"} == made_by:
                run["scenes"] += 1
                break
        else:
            runs.append({**made_by, "scenes": 1})
    return runs


def _by_step(scores: Sequence[SceneScore], key: str, combine: Any) -> dict[str, Any]:
    """Values of each step over all scenes, combined."""
    steps = dict.fromkeys(step for score in scores for step in score.prediction[key])
    return {
        step: combine([score.prediction[key][step] for score in scores if step in score.prediction[key]])
        for step in steps
    }


def _largest(peaks: Iterable[Mapping[str, int]]) -> dict[str, int]:
    largest: dict[str, int] = {}
    for peak in peaks:
        for name, value in peak.items():
            largest[name] = max(value, largest.get(name, 0))
    return largest


def _difference(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _median(values: Sequence[float]) -> float | None:
    known = [value for value in values if np.isfinite(value)]
    return float(np.median(known)) if known else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
