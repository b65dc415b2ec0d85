"""Class-agnostic average precision of instance masks, as the ScanNet benchmark computes it. Paper section 4.

A scene is scored once into `SceneRecords`, a few numbers per prediction, so that a long evaluation can be resumed;
the records of all scenes together give the curve. The rules follow the benchmark's own evaluator to the letter, also
where another rule would be nicer: a match needs an IoU strictly above the threshold, a duplicate lends its score to
the object it repeats, and AP is the mean over 0.50 to 0.90. Which objects count is decided by `protocol`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fast3dis_core.errors import EvaluationError
from fast3dis_core.evaluation.intersections import MaskCounts, count_shared, number_objects

Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

MIN_REGION_SIZE = 100  # elements below which an object is no target and a prediction is dropped
LABEL_STEP = 1000  # ids are label * 1000 + instance
KEPT_LABEL = 1  # ids 1000 to 1999 are objects, everything else is void
MARGIN = 1e-12  # equality at a nominal threshold is no match, whatever the last bit of the division says
IOU_THRESHOLDS: tuple[float, ...] = (0.25, *(0.5 + 0.05 * step for step in range(10)))
AVERAGED = IOU_THRESHOLDS[1:10]  # the benchmark stops before 0.95, though papers write "50% to 95%"
AVERAGED_INCLUSIVE = IOU_THRESHOLDS[1:]


@dataclass(frozen=True, kw_only=True)
class ThresholdRecords:
    """Outcome of one scene at one IoU threshold.

    Attributes
    ----------
    scores : array (R,) float64
        Confidences of matches and false positives.
    is_match : array (R,) bool
    missed : int
        Targets without a match.
    """

    scores: Float64
    is_match: Bool
    missed: int


@dataclass(frozen=True, kw_only=True)
class SceneRecords:
    """All that a scene adds to the curves.

    Attributes
    ----------
    targets : int
    predictions : int
        As given.
    kept : int
        Of them, those that are large enough.
    by_iou : tuple of ThresholdRecords
        One for each of `IOU_THRESHOLDS`.
    """

    targets: int
    predictions: int
    kept: int
    by_iou: tuple[ThresholdRecords, ...]

    def to_mapping(self) -> dict[str, Any]:
        """Plain numbers for a JSON file; `from_mapping` reverses it exactly."""
        return {
            "targets": self.targets,
            "predictions": self.predictions,
            "kept": self.kept,
            "by_iou": {
                _key(iou): {
                    "scores": entry.scores.tolist(),
                    "is_match": entry.is_match.tolist(),
                    "missed": entry.missed,
                }
                for iou, entry in zip(IOU_THRESHOLDS, self.by_iou, strict=True)
            },
        }

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> "SceneRecords":
        """Read what `to_mapping` gave.

        Raises
        ------
        EvaluationError
            If a field is missing or of another kind.
        """
        try:
            entries = [mapping["by_iou"][_key(iou)] for iou in IOU_THRESHOLDS]
            parts = tuple(
                ThresholdRecords(
                    scores=np.array(entry["scores"], np.float64),
                    is_match=np.array(entry["is_match"], np.bool_),
                    missed=int(entry["missed"]),
                )
                for entry in entries
            )
            if any(part.scores.shape != part.is_match.shape or part.scores.ndim != 1 for part in parts):
                raise ValueError("scores and is_match differ in length")
            counts = {name: int(mapping[name]) for name in ("targets", "predictions", "kept")}
        except (KeyError, TypeError, ValueError) as error:
            raise EvaluationError(
                f"Stored scores of a scene: expected targets, predictions, kept and by_iou, found damage ({error}); "
                "delete them, and the scene is scored anew."
            ) from error
        return cls(by_iou=parts, **counts)


@dataclass(frozen=True, kw_only=True)
class PrecisionRecall:
    """The curve at one IoU threshold: a point for each distinct score, by falling score and so by rising recall.

    Attributes
    ----------
    scores : array (P,) float64
    recall : array (P,) float64
        Share of targets that are matched by predictions of this score or more.
    precision : array (P,) float64
    """

    scores: Float64
    recall: Float64
    precision: Float64


def average_precision(scenes: Iterable[Any], min_region_size: int = MIN_REGION_SIZE) -> dict[str, Any]:
    """Score predictions of many scenes, pooled before they are ranked.

    Parameters
    ----------
    scenes : iterable
        Read once, one scene in memory at a time. Each has, as attributes or as keys, `gt_ids`, `masks` and `scores`
        as `scene_records` takes them.
    min_region_size : int

    Returns
    -------
    dict
        As of `pooled`.

    Raises
    ------
    EvaluationError
        If a scene cannot be scored.
    """

    def records(scene: Any) -> SceneRecords:
        ids, masks, scores = (_field(scene, name) for name in ("gt_ids", "masks", "scores"))
        return scene_records(ids, masks, scores, min_region_size)

    return pooled(map(records, scenes))


def scene_records(
    gt_ids: ArrayLike, masks: ArrayLike, scores: ArrayLike, min_region_size: int = MIN_REGION_SIZE
) -> SceneRecords:
    """Match the predictions of one scene at every threshold.

    Parameters
    ----------
    gt_ids : array (V,) of integers
        1000 to 1999 for objects; all other numbers are void, on which a mask is neither right nor wrong.
    masks : array (K, V) bool
        May overlap. Their order decides which of several masks on one object counts as its first.
    scores : array (K,) float
    min_region_size : int
        Vertices. A smaller object is no target but forgives masks on it; a smaller prediction is dropped.

    Returns
    -------
    SceneRecords

    Raises
    ------
    EvaluationError
        If shapes or types do not fit, or a score is not finite.
    """
    ids, claims, confidence = np.asarray(gt_ids), np.asarray(masks), np.asarray(scores)
    if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
        raise EvaluationError(
            f"Ground-truth ids: expected one integer per vertex, found {ids.dtype} of shape {ids.shape}."
        )
    if claims.dtype != np.bool_ or claims.ndim != 2 or claims.shape[1] != len(ids):
        raise EvaluationError(
            f"Predicted masks: expected bool of shape (K, {len(ids)}) for {len(ids)} vertices, found {claims.dtype} of "
            f"shape {claims.shape}: predictions and ground truth must be of the same scan, masks thresholded."
        )
    values, rows = number_objects(np.where(ids // LABEL_STEP == KEPT_LABEL, ids, 0))
    return records_of_counts(count_shared(rows, claims, len(values)), confidence, min_region_size=min_region_size)


def records_of_counts(counts: MaskCounts, scores: ArrayLike, *, min_region_size: int = MIN_REGION_SIZE) -> SceneRecords:
    """`scene_records` where the intersections are known.

    Parameters
    ----------
    counts : MaskCounts
    scores : array (K,) float
    min_region_size : int
        Elements.

    Returns
    -------
    SceneRecords

    Raises
    ------
    EvaluationError
        If there is not one finite score per mask.
    """
    confidence = checked_scores(scores, len(counts.void))
    if min_region_size < 1:
        raise ValueError(f"min_region_size must be 1 or more, found {min_region_size}")
    sizes = counts.mask_sizes
    kept = sizes >= min_region_size
    targets = counts.object_sizes >= min_region_size
    iou = counts.iou()[kept]  # (K', G)
    ignored = (counts.void + counts.shared[:, ~targets].sum(axis=1))[kept] / sizes[kept]
    confidence = confidence[kept]
    return SceneRecords(
        targets=int(targets.sum()),
        predictions=len(kept),
        kept=int(kept.sum()),
        by_iou=tuple(
            _match(iou > limit + MARGIN, targets, confidence, ignored <= limit + MARGIN) for limit in IOU_THRESHOLDS
        ),
    )


def pooled(records: Iterable[SceneRecords]) -> dict[str, Any]:
    """AP of all scenes together.

    Parameters
    ----------
    records : iterable of SceneRecords

    Returns
    -------
    dict
        `ap` (mean over IoU 0.50 to 0.90), `ap50`, `ap25`, `ap_50_95_incl` (0.50 to 0.95), `ap_by_iou` by threshold
        ("0.25", "0.50", ...), all in [0, 1] and None where there is no target at all; `counts` of scenes, targets,
        predictions (given, kept, dropped) and, by threshold, matches, false positives and missed targets.
    """
    scenes = list(records)
    by_iou = {iou: _area(precision_recall(scenes, iou)) for iou in IOU_THRESHOLDS}
    predictions, kept = sum(scene.predictions for scene in scenes), sum(scene.kept for scene in scenes)
    return {
        "ap": mean_of_known([by_iou[iou] for iou in AVERAGED]),
        "ap50": by_iou[0.5],
        "ap25": by_iou[0.25],
        "ap_50_95_incl": mean_of_known([by_iou[iou] for iou in AVERAGED_INCLUSIVE]),
        "ap_by_iou": {_key(iou): value for iou, value in by_iou.items()},
        "counts": {
            "scenes": len(scenes),
            "targets": sum(scene.targets for scene in scenes),
            "predictions": predictions,
            "predictions_kept": kept,
            "predictions_dropped": predictions - kept,
            "records": {
                _key(iou): _outcomes([scene.by_iou[place] for scene in scenes])
                for place, iou in enumerate(IOU_THRESHOLDS)
            },
        },
    }


def precision_recall(records: Iterable[SceneRecords], iou: float) -> PrecisionRecall | None:
    """The curve of all scenes together.

    Parameters
    ----------
    records : iterable of SceneRecords
    iou : float
        One of `IOU_THRESHOLDS`, to the nearest hundredth.

    Returns
    -------
    PrecisionRecall or None
        None where there is no target; no points where there is none to rank.
    """
    place = [_key(limit) for limit in IOU_THRESHOLDS].index(_key(iou))
    parts = [scene.by_iou[place] for scene in records]
    scores = np.concatenate([np.empty(0), *(part.scores for part in parts)])
    is_match = np.concatenate([np.empty(0, np.bool_), *(part.is_match for part in parts)])
    positives = int(is_match.sum()) + sum(part.missed for part in parts)
    if not positives:
        return None
    order = np.argsort(-scores, kind="stable")
    scores, matches = scores[order], np.cumsum(is_match[order])
    last = np.flatnonzero(np.diff(scores, append=-np.inf))  # equal scores are one point
    return PrecisionRecall(scores=scores[last], recall=matches[last] / positives, precision=matches[last] / (last + 1))


def checked_scores(scores: ArrayLike, count: int) -> Float64:
    """One finite score for each of `count` masks, array (K,) float64.

    Raises
    ------
    EvaluationError
        If it is not so.
    """
    try:
        values = np.asarray(scores, np.float64)
    except (TypeError, ValueError) as error:
        raise EvaluationError(f"Scores: expected a number for each of {count} masks, found other things.") from error
    wrong = int((~np.isfinite(values)).sum())
    if values.shape != (count,) or wrong:
        raise EvaluationError(
            f"Scores: expected a finite number for each of {count} masks, found shape {values.shape} with {wrong} that "
            "are not finite. A method without scores uses 1 for all."
        )
    return values


def _match(above: Bool, targets: Bool, scores: Float64, counted: Bool) -> ThresholdRecords:
    """Walk the targets by rising id, for each the masks in the order they were given.

    Parameters
    ----------
    above : array (K, G) bool
        Whether the IoU exceeds the threshold.
    targets : array (G,) bool
    scores : array (K,) float64
    counted : array (K,) bool
        Whether a mask that matches nothing is a false positive: too little of it is void or on small objects.
    """
    taken = np.zeros(len(above), np.bool_)
    matches: list[float] = []
    wrong: list[float] = []
    missed = 0
    for column in above.T[targets]:
        claimants = np.flatnonzero(column & ~taken)
        if not len(claimants):
            missed += 1
            continue
        taken[claimants[0]] = True  # a duplicate is not taken: at 0.25 it may serve a later target
        best = scores[claimants[0]]
        for score in scores[claimants[1:]]:
            wrong.append(min(best, score))
            best = max(best, score)
        matches.append(best)
    wrong.extend(scores[counted & ~above.any(axis=1)])
    return ThresholdRecords(
        scores=np.array([*matches, *wrong], np.float64),
        is_match=np.arange(len(matches) + len(wrong)) < len(matches),
        missed=missed,
    )


def _area(curve: PrecisionRecall | None) -> float | None:
    """Area under the curve by trapezoids, from the artificial point of recall 0 and precision 1."""
    if curve is None:
        return None
    recall, precision = np.append(0.0, curve.recall), np.append(1.0, curve.precision)
    return float(np.sum(np.diff(recall) * (precision[1:] + precision[:-1])) / 2)


def _outcomes(parts: Sequence[ThresholdRecords]) -> dict[str, int]:
    matches = sum(int(part.is_match.sum()) for part in parts)
    return {
        "matches": matches,
        "false_positives": sum(len(part.scores) for part in parts) - matches,
        "missed": sum(part.missed for part in parts),
    }


def mean_of_known(values: Sequence[float | None]) -> float | None:
    """Mean of what is defined, None for nothing."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _key(iou: float) -> str:
    return f"{iou:.2f}"


def _field(scene: Any, name: str) -> Any:
    try:
        return scene[name] if isinstance(scene, Mapping) else getattr(scene, name)
    except (KeyError, AttributeError):
        raise EvaluationError(
            f"A scene to score needs gt_ids, masks and scores; found {type(scene).__name__} without {name}."
        ) from None
