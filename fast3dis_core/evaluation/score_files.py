"""Scores of single scenes as files, so that scoring can be stopped, resumed and shared out like predicting. Paper 4.

A file counts only for the very prediction, protocol, alignment and code it was made with: its key says so, and one of
another key is made anew. What the scores give together is left to `results`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import fast3dis_core
from fast3dis_core.errors import EvaluationError
from fast3dis_core.evaluation.average_precision import SceneRecords
from fast3dis_core.evaluation.consistency import SceneConsistency
from fast3dis_core.evaluation.geometry_errors import GeometryErrors
from fast3dis_core.evaluation.scoring import SceneScore, SurfaceScore
from fast3dis_core.exports.atomic import atomic_file, plain_disk_errors
from fast3dis_core.inference.machine import code_commit, versions

_ANGLES = ("rotation_degrees", "translation_degrees", "field_of_view_degrees")
_SURFACE = ("records", "coarse", "visible", "bound")


def code_identity() -> str:
    """What tells this code from other code: version, commit, and where files differ from it their last change."""
    commit = code_commit()
    changed = ""
    if not commit or commit.endswith("+"):
        files = Path(fast3dis_core.__file__).parent.rglob("*.py")
        changed = str(max(path.stat().st_mtime_ns for path in files))
    return f"{versions()['fast3dis-viewer']} {commit} {changed}"


def score_key(prediction: Path, *, scoring: str, icp: bool, code: str) -> str:
    """Key of the score of one prediction.

    Parameters
    ----------
    prediction : Path
        Its file, which holds the digest of its settings.
    scoring : str
        Name of the `protocol.Scoring`.
    icp : bool
    code : str
        From `code_identity`.
    """
    told = hashlib.sha256(f"{scoring} {icp} {code}\n".encode())
    with plain_disk_errors(prediction):
        told.update(prediction.read_bytes())
    return told.hexdigest()


def write_score(path: Path, score: SceneScore, *, key: str) -> None:
    """Write one score, whole or not at all; an older one is replaced.

    Raises
    ------
    ExportError
        If the disk refuses.
    """
    geometry = score.geometry
    content = {
        "key": key,
        "scene_id": score.scene_id,
        "multi_view": [records.to_mapping() for records in score.multi_view],
        "per_view": [records.to_mapping() for records in score.per_view],
        "surface": None if score.surface is None else _surface_facts(score.surface),
        "consistency": None if score.consistency is None else asdict(score.consistency),
        "geometry": None
        if geometry is None
        else {
            "depth_scale": geometry.depth_scale,
            "depth_error": geometry.depth_error,
            **{name: getattr(geometry, name).tolist() for name in _ANGLES},
        },
        "alignment": dict(score.alignment),
        "anchors": score.anchors.tolist(),
        "frames": list(score.frames),
        "prediction": dict(score.prediction),
    }
    with plain_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path, overwrite=True) as file:
        file.write(json.dumps(content).encode())


def read_score(path: Path, *, key: str) -> SceneScore | None:
    """A score that was kept; None where there is none of this key that reads."""
    try:
        content = json.loads(path.read_text("utf-8"))
        if content["key"] != key:
            return None
        return _score(content)
    except (OSError, ValueError, KeyError, TypeError, EvaluationError):
        return None  # it is made anew


def _score(content: Mapping[str, Any]) -> SceneScore:
    surface, geometry, tracking = (content[name] for name in ("surface", "geometry", "consistency"))
    return SceneScore(
        scene_id=content["scene_id"],
        multi_view=[SceneRecords.from_mapping(entry) for entry in content["multi_view"]],
        per_view=[SceneRecords.from_mapping(entry) for entry in content["per_view"]],
        surface=None if surface is None else SurfaceScore(**{name: _records(surface[name]) for name in _SURFACE}),
        consistency=None if tracking is None else SceneConsistency(**tracking),
        geometry=None
        if geometry is None
        else GeometryErrors(
            depth_scale=geometry["depth_scale"],
            depth_error=geometry["depth_error"],
            **{name: np.array(geometry[name], np.float64) for name in _ANGLES},
        ),
        alignment=content["alignment"],
        anchors=np.array(content["anchors"], np.bool_),
        frames=tuple(content["frames"]),
        prediction=content["prediction"],
    )


def _surface_facts(surface: SurfaceScore) -> dict[str, Any]:
    kept = ((name, getattr(surface, name)) for name in _SURFACE)
    return {name: None if records is None else records.to_mapping() for name, records in kept}


def _records(content: Mapping[str, Any] | None) -> Any:
    return None if content is None else SceneRecords.from_mapping(content)
