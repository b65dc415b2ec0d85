"""Predictions without their duplicates, for a result beside the standard one.

The filter is that of `fast3dis segment --duplicate-overlap` (see `fast3dis_core.duplicates`); it is no part of the
paper's protocol (4.1). So it is off by default, and a result made with it says so in its file name, its tables and on
a card. Here masks are compared over all pixels of the views, or all points of the surface, as they are scored.
"""

from dataclasses import dataclass, replace

import numpy as np

from fast3dis_core.duplicates import close_pairs, duplicates
from fast3dis_core.evaluation.prediction import ScenePrediction
from fast3dis_core.evaluation.surface_prediction import SurfacePrediction
from fast3dis_core.reconstruction import Int32

Prediction = ScenePrediction | SurfacePrediction


@dataclass(frozen=True, kw_only=True)
class _Mask:
    query: int  # row of the prediction
    objectness: float
    pixels: Int32


def told(duplicate_overlap: float) -> str:
    """A sentence for tables that hold such a result; empty for the standard."""
    if not duplicate_overlap:
        return ""
    return (
        "Duplicates were dropped before scoring: every mask whose IoU with a better one exceeds "
        f"{duplicate_overlap:g}, as `fast3dis segment` drops them on request. This is not the standard protocol."
    )


def without_duplicates(prediction: Prediction, limit: float) -> Prediction:
    """Leave out every mask that repeats one of higher objectness (of higher score on a surface).

    Parameters
    ----------
    prediction : ScenePrediction or SurfacePrediction
    limit : float
        IoU above which a mask counts as a repetition; 0 leaves out nothing.

    Returns
    -------
    ScenePrediction or SurfacePrediction
        The same if nothing is left out.
    """
    if not limit or prediction.masks is None:
        return prediction
    views = prediction.masks.shape[1] if isinstance(prediction, ScenePrediction) else 1
    ranks = prediction.objectness if isinstance(prediction, ScenePrediction) else prediction.scores
    masks = [
        _Mask(query=row, objectness=float(rank), pixels=np.flatnonzero(mask).astype(np.int32))
        for row, (rank, mask) in enumerate(zip(ranks, prediction.masks, strict=True))
    ]
    pairs = close_pairs(masks, points=prediction.masks[:1].size, views=views, limit=limit)
    repeated = duplicates(masks, pairs)
    if not repeated:
        return prediction
    kept = [row for row in range(len(masks)) if row not in repeated]
    if isinstance(prediction, SurfacePrediction):
        return replace(prediction, masks=prediction.masks[kept], scores=prediction.scores[kept])
    rows = {name: getattr(prediction, name)[kept] for name in ("masks", "queries", "scores", "objectness", "anchors")}
    return replace(prediction, **rows)
