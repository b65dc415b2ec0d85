"""All scenes of an evaluation together: one result of plain values, for one JSON file (paper 4).

Scores of all scenes are pooled before they are ranked, as the benchmarks do; the mean over scenes stands beside it and
is not AP. What the figures are called is told by `figures`, how they look on a page by `report`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from fast3dis_core.evaluation.average_precision import (
    MIN_REGION_SIZE,
    SceneRecords,
    mean_of_known,
    pooled,
    precision_recall,
)
from fast3dis_core.evaluation.consistency import pool as pooled_consistency
from fast3dis_core.evaluation.geometry_errors import ANCHOR_REACH
from fast3dis_core.evaluation.geometry_errors import pool as pooled_geometry
from fast3dis_core.evaluation.scoring import COARSE_DISTANCE, RESOLVE, SceneScore
from fast3dis_core.evaluation.surface_transfer import MAX_DISTANCE
from fast3dis_core.geometry.refinement import finite_or_none
from fast3dis_core.inference.machine import code_commit

FORMAT_VERSION = 1
POSED = {"posed", "given"}  # sources of geometry whose cameras were not predicted
DRAWN = (0.25, 0.5, 0.75)  # IoU thresholds whose curves are kept
CURVE_POINTS = 200
_SURFACE_KEYS = ("surface_ap25", "surface_ap50", "surface_ap")
_ALIGNED = {"alignment_method", "alignment_quality", "reason", "scale_from", "center_rmse", "rotation_degrees"}


def summarize(
    scores: Sequence[SceneScore],
    *,
    settings: Mapping[str, Any],
    digest: str,
    protocol: str,
    name: str,
    icp: bool = False,
    duplicate_overlap: float = 0.0,
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
    icp : bool
        Whether alignments were refined on points.
    duplicate_overlap : float
        IoU above which masks were left out as duplicates; 0 if none were.

    Returns
    -------
    dict
        `figures` holds every number of `figures.FIGURES`, None where it is undefined or was given.
    """
    multi_view = pooled(record for score in scores for record in score.multi_view)
    per_view = pooled(record for score in scores for record in score.per_view)
    surfaces = [score.surface for score in scores if score.surface is not None]
    surface = pooled(entry.records for entry in surfaces) if surfaces else None
    tracking = pooled_consistency([score.consistency for score in scores if score.consistency is not None])
    anchors = np.concatenate([score.anchors for score in scores])
    rows = [_row(score) for score in scores]
    return {
        "format_version": FORMAT_VERSION,
        "name": name,
        "settings": dict(settings),
        "digest": digest,
        "protocol": protocol,
        "duplicate_overlap": duplicate_overlap,
        "min_region_size": MIN_REGION_SIZE,
        "scenes": [score.scene_id for score in scores],
        "frames": {score.scene_id: list(score.frames) for score in scores},
        "model": scores[0].prediction["made_by"].get("model"),
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
        "average_precision": {
            "multi_view": multi_view,
            "per_view": per_view,
            "surface": surface,
            "surface_coarse": _pooled([entry.coarse for entry in surfaces]),
            "surface_visible": _pooled([entry.visible for entry in surfaces]),
            "surface_bound": _pooled([entry.bound for entry in surfaces]),
        },
        "curves": {
            "multi_view": _curves([record for score in scores for record in score.multi_view]),
            "surface": _curves([entry.records for entry in surfaces]),
        },
        "mean_of_scenes": {
            key: mean_of_known([row[key] for row in rows]) for key in ("ap25", "ap50", "ap", *_SURFACE_KEYS)
        },
        "consistency_counts": tracking["counts"],
        "alignment": _alignment(scores, icp=icp),
        "anchors": {"inside": int(anchors.sum()), "counted": len(anchors), "reach": ANCHOR_REACH},
        "steps": list(dict.fromkeys(step for score in scores for step in score.prediction["seconds"])),
        "seconds": {"median_by_step": _by_step(scores, "seconds", _median)},
        "peak_memory_bytes": _by_step(scores, "peak_memory", _largest),
        "per_scene": rows,
        "code_commit": code_commit(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _pooled(records: Sequence[SceneRecords | None]) -> dict[str, Any] | None:
    """AP of what is there; None if nothing is."""
    known = [record for record in records if record is not None]
    return pooled(known) if known else None


def _curves(records: Sequence[SceneRecords]) -> dict[str, dict[str, list[float]]]:
    """Precision over recall at some thresholds, thinned: a plot needs no more points."""
    found = {}
    for iou in DRAWN:
        curve = precision_recall(records, iou)
        if curve is not None and len(curve.recall):
            kept = np.unique(np.linspace(0, len(curve.recall) - 1, CURVE_POINTS).round().astype(np.int64))
            found[f"{iou:.2f}"] = {
                "recall": curve.recall[kept].round(5).tolist(),
                "precision": curve.precision[kept].round(5).tolist(),
            }
    return found


def _geometry_figures(scores: Sequence[SceneScore], source: str) -> dict[str, float | None]:
    """Errors of what was predicted; None for what was given."""
    figures = pooled_geometry([score.geometry for score in scores if score.geometry is not None])
    return {
        name: None if source == "given" or (source in POSED and name != "depth_abs_rel") else value
        for name, value in figures.items()
    }


def _row(score: SceneScore) -> dict[str, Any]:
    """Figures of one scene by itself."""
    alone, geometry, told = pooled(score.multi_view), score.geometry, score.alignment
    surface = pooled([score.surface.records]) if score.surface else None
    angles = geometry.rotation_degrees if geometry else np.zeros(0)
    counted = alone if score.multi_view else surface
    return {
        "scene": score.scene_id,
        "targets": counted["counts"]["targets"] if counted else None,
        "predictions": counted["counts"]["predictions"] if counted else None,
        **{key: alone[key] for key in ("ap25", "ap50", "ap")},
        **{f"surface_{key}": surface[key] if surface else None for key in ("ap25", "ap50", "ap")},
        "surface_targets": surface["counts"]["targets"] if surface else None,
        "t_miou": pooled_consistency([score.consistency])["t_miou"] if score.consistency else None,
        "depth_abs_rel": finite_or_none(geometry.depth_error) if geometry else None,
        "rotation_degrees": finite_or_none(float(np.median(angles))) if len(angles) else None,
        "alignment": told.get("alignment_method"),
        "alignment_quality": told.get("alignment_quality"),
        "alignment_reason": told.get("reason", ""),
        "scale_from": told.get("scale_from"),
        "center_rmse": told.get("center_rmse"),
        "alignment_rotation_degrees": told.get("rotation_degrees"),
        "more": {name: value for name, value in told.items() if name not in _ALIGNED},
        "anchors_inside": int(score.anchors.sum()),
        "anchors_counted": len(score.anchors),
        "seconds": dict(score.prediction["seconds"]),
    }


def _alignment(scores: Sequence[SceneScore], *, icp: bool) -> dict[str, Any]:
    told = [score.alignment for score in scores if "alignment_method" in score.alignment]
    refined = [figures for figures in told if "icp_accepted" in figures]
    return {
        "methods": dict(sorted(Counter(figures["alignment_method"] for figures in told).items())),
        "weak": sum(figures["alignment_quality"] == "weak" for figures in told),
        "not_aligned": sum(figures["alignment_method"] == "none" for figures in told),
        "center_rmse_median": _median_of(told, "center_rmse"),
        "rotation_degrees_median": _median_of(told, "rotation_degrees"),
        "icp": "point-to-point" if icp else "none",
        "icp_refined": len(refined),
        "icp_accepted": sum(figures["icp_accepted"] for figures in refined),
        "inlier_fraction_before_median": _median_of(refined, "inlier_fraction_before"),
        "inlier_fraction_after_median": _median_of(refined, "inlier_fraction_after"),
        "rmse_before_median": _median_of(refined, "rmse_before"),
        "rmse_after_median": _median_of(refined, "rmse_after"),
        "max_distance": MAX_DISTANCE,
        "coarse_distance": COARSE_DISTANCE,
        "resolve": RESOLVE,
    }


def _median_of(figures: Sequence[Mapping[str, Any]], name: str) -> float | None:
    return _median([entry[name] for entry in figures if entry.get(name) is not None])


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


def _median(values: Sequence[float]) -> float | None:
    known = [value for value in values if np.isfinite(value)]
    return float(np.median(known)) if known else None
