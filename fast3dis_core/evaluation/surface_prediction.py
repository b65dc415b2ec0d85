"""Instances on the points of a true surface, as a value and as a small file, so that scoring needs no method.

So predict methods that start from the surface itself, and so end predictions of other systems once they are brought
onto it. One .npz per scene with masks as bits, as `prediction` has it for methods that see views. Paper 4.1.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.evaluation.prediction import Bool, Float32, read_archive, write_archive

KIND = "surface"


@dataclass(frozen=True, kw_only=True)
class SurfacePrediction:
    """Instances of one scene.

    Attributes
    ----------
    scene_id : str
    masks : array (K, V) bool, or None
        Over all points of the surface, those that are not scored included; None where a predicted world could not be
        aligned, so that there is nothing to score.
    scores : array (K,) float32
    figures : mapping
        Of the method, or of alignment and transfer; plain values.
    notes : tuple of str
        What a report has to say beside the numbers.
    seconds, peak_memory : mappings
        By step, as of `ScenePrediction`.
    made_by : mapping
        What else tells where it comes from; plain values.
    """

    scene_id: str
    masks: Bool | None
    scores: Float32
    figures: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    peak_memory: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    made_by: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.masks is not None and (self.masks.ndim != 2 or len(self.masks) != len(self.scores)):
            raise ValueError(
                f"SurfacePrediction: expected masks (K, V) of {len(self.scores)} scores, found {self.masks.shape}"
            )


def write_surface_prediction(path: Path, prediction: SurfacePrediction, *, digest: str) -> None:
    """Write one file, whole or not at all; an older one is replaced.

    Raises
    ------
    ExportError
        If the disk refuses.
    """
    told = {
        "kind": KIND,
        "scene_id": prediction.scene_id,
        "figures": dict(prediction.figures),
        "notes": list(prediction.notes),
        "aligned": prediction.masks is not None,
        "points": 0 if prediction.masks is None else prediction.masks.shape[1],
        "seconds": dict(prediction.seconds),
        "peak_memory": {step: dict(peak) for step, peak in prediction.peak_memory.items()},
        "made_by": dict(prediction.made_by),
    }
    masks = np.zeros((len(prediction.scores), 0), np.bool_) if prediction.masks is None else prediction.masks
    write_archive(path, told, {"masks": np.packbits(masks, axis=-1), "scores": prediction.scores}, digest=digest)


def read_surface_prediction(path: Path, *, digest: str) -> SurfacePrediction:
    """Read what `write_surface_prediction` wrote.

    Raises
    ------
    DatasetError
        If the file is missing, damaged, or made with other settings.
    """

    def build(told: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> SurfacePrediction:
        masks = np.unpackbits(arrays["masks"], axis=-1, count=int(told["points"])).astype(np.bool_)
        return SurfacePrediction(
            scene_id=str(told["scene_id"]),
            masks=masks if told["aligned"] else None,
            scores=arrays["scores"],
            figures=told["figures"],
            notes=tuple(told["notes"]),
            seconds=told["seconds"],
            peak_memory=told["peak_memory"],
            made_by=told["made_by"],
        )

    return read_archive(path, build, digest=digest)
