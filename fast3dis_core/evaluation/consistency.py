"""Whether an object keeps its query from view to view, and how queries share the pixels. Paper sections 3.6 and 4.

Matched mIoU, T-mIoU and T-SR carry the names IGGT gave them; its script is not released, so these are our
definitions, and so are identity switches. Panoptic quality is that of Kirillov et al. (2019) over all views of a
scene, as PanSt3R uses it. Everywhere a query counts only while it is active, that is while its objectness exceeds
`ACTIVE`, the rule of the watch kept in training; and pixels without a label count for nobody: they are in no IoU.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter
from scipy.optimize import linear_sum_assignment

from fast3dis_core.evaluation.intersections import Bool, Int64
from fast3dis_core.evaluation.multi_view import LabelledMasks

ACTIVE = 0.3  # objectness above which a query claims something
BOUNDARY = 5  # pixels, at a long edge of REFERENCE_EDGE
REFERENCE_EDGE = 504


@dataclass(frozen=True, kw_only=True)
class SceneConsistency:
    """Counts and sums of one scene; plain numbers, so `dataclasses.asdict` stores them.

    Attributes
    ----------
    objects : int
        G, true objects with at least one pixel.
    active_queries : int
    pairs, pair_iou, pair_recall : int, float, float
        Objects and queries matched by the Hungarian method on the IoU over all views, with an IoU of 0.5 or more;
        sums of their IoUs and of the shares of the object that the query covers.
    tracked_objects, track_iou : int, float
        Objects seen in two views or more; sum over them of the mean IoU, over the views that show the object, with
        the query matched to it (here whatever the IoU), 0 without one.
    tracked_sightings, track_successes : int
        (Object, view) pairs of these objects, and those with an IoU above 0.5.
    sightings, lost, switches : int
        (Object, view) pairs of all objects; those in which no query covers more than half of the object; and changes
        of the query that covers most of an object, from one view in which it is not lost to the next.
    hijacked : int
        Objects that two or more queries cover with an IoU above 0.5 over all views.
    pixels, double_claimed : int
        All pixels, and those claimed by two or more queries.
    labelled, gaps_at_boundaries, gaps_elsewhere : int
        Pixels with a label; those of them that no query claims, within five pixels of another label (at a long edge
        of 504; in proportion at others, at least 1) and farther.
    panoptic_iou, panoptic_matches, panoptic_extra, panoptic_missed : float, int, int, int
        Each pixel given to the claimant of highest score: sum of IoUs above 0.5 over all views, their number,
        segments without a match and objects without one. A segment that lies mostly on unlabelled pixels is left out.
    """

    objects: int
    active_queries: int
    pairs: int
    pair_iou: float
    pair_recall: float
    tracked_objects: int
    track_iou: float
    tracked_sightings: int
    track_successes: int
    sightings: int
    lost: int
    switches: int
    hijacked: int
    pixels: int
    double_claimed: int
    labelled: int
    gaps_at_boundaries: int
    gaps_elsewhere: int
    panoptic_iou: float
    panoptic_matches: int
    panoptic_extra: int
    panoptic_missed: int


def consistency(scene: LabelledMasks) -> SceneConsistency:
    """Count one scene.

    Parameters
    ----------
    scene : LabelledMasks

    Returns
    -------
    SceneConsistency
    """
    active = np.flatnonzero(scene.objectness > ACTIVE)
    views, objects = len(scene.gt_ids), len(scene.objects)
    shared, sizes = np.zeros((views, len(active), objects), np.int64), np.zeros((views, objects), np.int64)
    for view, counts in enumerate(scene.view_counts):
        shared[view], sizes[view] = counts.shared[active], counts.object_sizes
    total, size = shared.sum(axis=0), sizes.sum(axis=0)  # (A, G), (G,)
    counted: dict[str, Any] = {
        **_pairs(total, size),
        **_tracks(shared, sizes),
        **_identities(shared, sizes),
        **_claims(scene, active),
    }
    takers = (2 * total > _union(total, size)).sum(axis=0)  # (G,)
    return SceneConsistency(objects=objects, active_queries=len(active), hijacked=int((takers >= 2).sum()), **counted)


def pool(scenes: Sequence[SceneConsistency]) -> dict[str, Any]:
    """Figures of all scenes together: every ratio is of sums over scenes.

    Parameters
    ----------
    scenes : sequence of SceneConsistency

    Returns
    -------
    dict
        `matched_miou`, `matched_macc`, `t_miou`, `t_sr`; `switches_per_object`, `switches_per_100_views` (of an object
        in sight) and `lost_share`; `hijack_rate`; `double_claim_rate`; `gap_rate_at_boundaries`, `gap_rate_elsewhere`
        and their sum `gap_rate`; `pq`, `sq`, `rq`. All but the switches in [0, 1]; None where there is nothing to
        count. `counts` holds the sums behind them, and the number of scenes.
    """
    names = [field.name for field in fields(SceneConsistency)]
    total = {name: sum(getattr(scene, name) for scene in scenes) for name in names}

    def ratio(part: str, whole: float | str, factor: float = 1.0) -> float | None:
        divisor = total[whole] if isinstance(whole, str) else whole
        return factor * total[part] / divisor if divisor else None

    segments = total["panoptic_matches"] + (total["panoptic_extra"] + total["panoptic_missed"]) / 2
    total["gaps"] = total["gaps_at_boundaries"] + total["gaps_elsewhere"]
    return {
        "matched_miou": ratio("pair_iou", "pairs"),
        "matched_macc": ratio("pair_recall", "pairs"),
        "t_miou": ratio("track_iou", "tracked_objects"),
        "t_sr": ratio("track_successes", "tracked_sightings"),
        "switches_per_object": ratio("switches", "objects"),
        "switches_per_100_views": ratio("switches", "sightings", 100),
        "lost_share": ratio("lost", "sightings"),
        "hijack_rate": ratio("hijacked", "objects"),
        "double_claim_rate": ratio("double_claimed", "pixels"),
        "gap_rate": ratio("gaps", "labelled"),
        "gap_rate_at_boundaries": ratio("gaps_at_boundaries", "labelled"),
        "gap_rate_elsewhere": ratio("gaps_elsewhere", "labelled"),
        "pq": ratio("panoptic_iou", segments),
        "sq": ratio("panoptic_iou", "panoptic_matches"),
        "rq": ratio("panoptic_matches", segments),
        "counts": {"scenes": len(scenes), **total},
    }


def _union(shared: Int64, sizes: Int64) -> Int64:
    """Labelled pixels in mask or object: shared (..., A, G), sizes (..., G) to (..., A, G)."""
    return shared.sum(axis=-1, keepdims=True) + sizes[..., None, :] - shared


def _assignment(total: Int64, size: Int64) -> tuple[Int64, Int64]:
    """Queries and objects that bring the largest sum of IoUs, each used once at most."""
    queries, objects = linear_sum_assignment(total / _union(total, size), maximize=True)
    return queries.astype(np.int64), objects.astype(np.int64)


def _pairs(total: Int64, size: Int64) -> dict[str, Any]:
    queries, objects = _assignment(total, size)
    shared, union = total[queries, objects], _union(total, size)[queries, objects]
    good = 2 * shared >= union
    return {
        "pairs": int(good.sum()),
        "pair_iou": float((shared / union)[good].sum()),
        "pair_recall": float((shared / size[objects])[good].sum()),
    }


def _tracks(shared: Int64, sizes: Int64) -> dict[str, Any]:
    """Follow the matched query of each object through the views that show it."""
    visible = sizes > 0  # (S, G)
    followed = visible.sum(axis=0) >= 2  # (G,)
    queries, objects = _assignment(shared.sum(axis=0), sizes.sum(axis=0))
    parts = shared[:, queries, objects]  # (S, pairs)
    union = _union(shared, sizes)[:, queries, objects]
    counted = visible[:, objects] & followed[objects]
    means = np.where(counted, parts / np.maximum(union, 1), 0).sum(axis=0) / np.maximum(counted.sum(axis=0), 1)
    return {
        "tracked_objects": int(followed.sum()),
        "track_iou": float(means.sum()),
        "tracked_sightings": int(visible[:, followed].sum()),
        "track_successes": int((counted & (2 * parts > union)).sum()),
    }


def _identities(shared: Int64, sizes: Int64) -> dict[str, Any]:
    """Who covers most of each object, view after view."""
    lost = switches = 0
    for column in range(sizes.shape[1]):
        visible = sizes[:, column] > 0
        parts = shared[visible, :, column]  # (views, A)
        found = 2 * parts.max(axis=1, initial=0) > sizes[visible, column]
        lost += int((~found).sum())
        if parts.shape[1]:
            owners = parts.argmax(axis=1)[found]
            switches += int((owners[1:] != owners[:-1]).sum())
    return {"sightings": int((sizes > 0).sum()), "lost": lost, "switches": switches}


def _claims(scene: LabelledMasks, active: Int64) -> dict[str, Any]:
    """Pixels claimed twice or by nobody, and panoptic quality of the exclusive segments."""
    objects, rows = len(scene.objects), scene.rows
    claims = np.zeros(rows.shape, np.uint16)
    owner = np.full(rows.shape, len(active))
    rank = np.argsort(-scene.scores[active], kind="stable")  # the first of equal scores wins
    for place in rank[::-1]:
        mask = scene.masks[active[place]]
        claims += mask
        owner[mask] = place
    labelled = rows < objects
    gaps, edge = labelled & (claims == 0), _boundary(rows)
    cells = np.bincount((owner * (objects + 1) + rows).ravel(), minlength=(len(active) + 1) * (objects + 1))
    table = cells.reshape(-1, objects + 1)[: len(active)]  # (A, G + 1)
    sizes = np.bincount(rows.ravel(), minlength=objects + 1)[:objects]
    return {
        "pixels": rows.size,
        "double_claimed": int((claims >= 2).sum()),
        "labelled": int(labelled.sum()),
        "gaps_at_boundaries": int((gaps & edge).sum()),
        "gaps_elsewhere": int((gaps & ~edge).sum()),
        **_panoptic(table[:, :objects], table[:, objects], sizes),
    }


def _panoptic(shared: Int64, void: Int64, sizes: Int64) -> dict[str, Any]:
    union = _union(shared, sizes)
    good = 2 * shared > union  # at most one per row and column, since segments are exclusive
    labelled = shared.sum(axis=1)
    extra = ~good.any(axis=1) & (labelled > 0) & (void <= labelled)
    return {
        "panoptic_iou": float((shared[good] / union[good]).sum()),
        "panoptic_matches": int(good.sum()),
        "panoptic_extra": int(extra.sum()),
        "panoptic_missed": len(sizes) - int(good.sum()),
    }


def _boundary(rows: Int64) -> Bool:
    """Pixels with another label, or none, near them in their view, array (S, H, W) bool."""
    reach = max(1, round(BOUNDARY * max(rows.shape[1:]) / REFERENCE_EDGE))
    window = (1, 2 * reach + 1, 2 * reach + 1)
    labels = rows.astype(np.int32)
    return maximum_filter(labels, window, mode="nearest") != minimum_filter(labels, window, mode="nearest")
