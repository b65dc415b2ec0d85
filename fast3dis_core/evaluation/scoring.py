"""The second loop of an evaluation: predictions and truth to figures, one scene in memory at a time (paper 4).

A scene becomes a `SceneScore`, small and complete; what all of them give together is left to `results`. Metrics are
left to `average_precision`, `multi_view`, `consistency`, `geometry_errors`, `surface_transfer`; this module says what
they are applied to. Predicted worlds are brought to the surface by their cameras, then by ICP.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fast3dis_core.datasets.sample import SceneSample
from fast3dis_core.errors import DatasetError, EvaluationError
from fast3dis_core.evaluation.alignment_ladder import WorldAlignment, align_worlds
from fast3dis_core.evaluation.average_precision import SceneRecords, scene_records
from fast3dis_core.evaluation.consistency import ACTIVE, SceneConsistency, consistency
from fast3dis_core.evaluation.geometry_errors import GeometryErrors, anchors_inside, geometry_errors
from fast3dis_core.evaluation.multi_view import LabelledMasks, multi_view_records, per_view_records
from fast3dis_core.evaluation.prediction import ScenePrediction
from fast3dis_core.evaluation.protocol import encode
from fast3dis_core.evaluation.sheets import matched_pairs
from fast3dis_core.evaluation.sources import TruthSurface, surface_of_views
from fast3dis_core.evaluation.surface_prediction import SurfacePrediction
from fast3dis_core.evaluation.surface_transfer import (
    MAX_DISTANCE,
    NO_VERTEX,
    Resolve,
    nearest_distances,
    nearest_vertices,
    vertex_masks,
    within,
)
from fast3dis_core.geometry.alignment import Similarity
from fast3dis_core.geometry.cameras import unproject
from fast3dis_core.geometry.neighbors import thin_voxels
from fast3dis_core.geometry.refinement import VOXEL, refine_on_surface
from fast3dis_core.scene import SceneGeometry

RESOLVE: Resolve = "majority"
COARSE_DISTANCE = 0.10  # meters; reported beside the usual limit, for coarse geometry
VISIBLE = 0.10  # meters from a point the views show, within which a vertex counts as seen
_GEOMETRY = ("depth", "intrinsics", "world_to_camera")  # what points follow from


@dataclass(frozen=True, kw_only=True)
class SurfaceScore:
    """Records on the points of a surface.

    Attributes
    ----------
    records : SceneRecords
    coarse : SceneRecords, optional
        With points that may be `COARSE_DISTANCE` away; None where nothing was transferred.
    visible : SceneRecords, optional
        With everything the views do not show void; None where the surface is what they show.
    bound : SceneRecords, optional
        Of perfect masks on what the views show: nobody who only has the views can do better.
    """

    records: SceneRecords
    coarse: SceneRecords | None = None
    visible: SceneRecords | None = None
    bound: SceneRecords | None = None


@dataclass(frozen=True, kw_only=True)
class SceneScore:
    """All that one scene adds to the result.

    Attributes
    ----------
    scene_id : str
    multi_view, per_view : lists of SceneRecords
        Empty for methods without masks over pixels.
    surface : SurfaceScore, optional
        None where there is no surface, or the worlds could not be aligned.
    consistency : SceneConsistency, optional
    geometry : GeometryErrors, optional
    alignment : mapping
        How the predicted world was brought to the surface, ICP included; empty where nothing had to be.
    anchors : array (N,) bool
        For each active matched query with an anchor, whether it is at its object.
    frames : tuple of str
        Photos of the scene.
    prediction : mapping
        Seconds and peak memory by step, and what made it.
    """

    scene_id: str
    multi_view: list[SceneRecords]
    per_view: list[SceneRecords]
    surface: SurfaceScore | None
    consistency: SceneConsistency | None
    geometry: GeometryErrors | None
    alignment: Mapping[str, Any]
    anchors: NDArray[np.bool_]
    frames: tuple[str, ...]
    prediction: Mapping[str, Any]


def score_scene(
    prediction: ScenePrediction,
    sample: SceneSample,
    surface: TruthSurface | None = None,
    *,
    protocol: str,
    icp: bool = False,
) -> SceneScore:
    """Score masks over pixels.

    Parameters
    ----------
    prediction : ScenePrediction
    sample : SceneSample
        The same scene, with ids.
    surface : TruthSurface, optional
        By default the points that the sample's views show.
    protocol : str
        Which classes are objects.
    icp : bool
        Refine the alignment by cameras on points.

    Returns
    -------
    SceneScore

    Raises
    ------
    EvaluationError, DatasetError, ConfigError
        If prediction and truth do not fit, or the protocol is unknown.
    """
    truth = sample.geometry
    if truth is None:
        raise DatasetError(f"{prediction.scene_id}: expected true cameras to score with, found none.")
    surface = surface or surface_of_views(sample)
    classes = sample.class_ids.cpu().numpy()
    scene = LabelledMasks(
        scene_id=prediction.scene_id,
        gt_ids=encode(sample.instance_ids.cpu().numpy(), classes, sample.class_names, protocol),
        masks=prediction.masks,
        scores=prediction.scores,
        objectness=prediction.objectness,
    )
    true_depth = truth.depth.cpu().numpy()
    world = align_worlds(
        prediction.world_to_camera, truth.world_to_camera, depth=prediction.depth, true_depth=true_depth
    )
    alignment: dict[str, Any] = world.figures()
    similarity = world.similarity
    scored = None
    if surface is not None and similarity is not None:
        if icp and bool((prediction.depth > 0).any()):
            refined = refine_on_surface(similarity, _points(prediction)[prediction.depth > 0], surface.in_first())
            alignment |= refined.figures()
            similarity = refined.similarity
        scored = _surface_score(prediction, similarity, surface, _seen_points(truth, surface), protocol)
    return SceneScore(
        scene_id=prediction.scene_id,
        multi_view=multi_view_records(scene),
        per_view=per_view_records(scene),
        surface=scored,
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
        anchors=_anchors(prediction, scene, world, truth.points().double().cpu().numpy(), true_depth > 0),
        frames=sample.views.names,
        prediction=_facts(prediction),
    )


def score_surface(
    prediction: SurfacePrediction, surface: TruthSurface, *, protocol: str, frames: tuple[str, ...] = ()
) -> SceneScore:
    """Score masks over the points of the surface.

    Parameters
    ----------
    prediction : SurfacePrediction
    surface : TruthSurface
        The one the prediction was made on.
    protocol : str
    frames : tuple of str
        Photos of the scene, where the method saw any.

    Returns
    -------
    SceneScore

    Raises
    ------
    EvaluationError
        If the masks are over other points.
    """
    masks, scored = prediction.masks, None
    if masks is not None:
        if masks.shape[1] != len(surface.points):
            raise EvaluationError(
                f"{prediction.scene_id}: expected masks over the {len(surface.points)} points of the surface, found "
                f"{masks.shape[1]}: delete the prediction, and the scene is predicted anew."
            )
        scored = SurfaceScore(records=_records(surface, masks, prediction.scores, protocol))
    return SceneScore(
        scene_id=prediction.scene_id,
        multi_view=[],
        per_view=[],
        surface=scored,
        consistency=None,
        geometry=None,
        alignment={**prediction.figures, "notes": list(prediction.notes)},
        anchors=np.zeros(0, np.bool_),
        frames=frames,
        prediction=_facts(prediction),
    )


def _facts(prediction: ScenePrediction | SurfacePrediction) -> dict[str, Any]:
    return {
        "seconds": dict(prediction.seconds),
        "peak_memory": dict(prediction.peak_memory),
        "made_by": dict(prediction.made_by),
    }


def _points(prediction: ScenePrediction) -> NDArray[np.float64]:
    """Point of every pixel in the predicted world, array (S, H, W, 3)."""
    return np.asarray(unproject(*(torch.from_numpy(getattr(prediction, name)).double() for name in _GEOMETRY)).numpy())


def _seen_points(truth: SceneGeometry, surface: TruthSurface) -> NDArray[np.float64] | None:
    """Points of true depth in the frame of the first view, thinned; None where the surface consists of them."""
    if surface.faces is None or not bool((truth.depth > 0).any()):
        return None
    points = truth.points()[truth.depth > 0].double().cpu().numpy()
    return thin_voxels(points, VOXEL).points


def _surface_score(
    prediction: ScenePrediction,
    similarity: Similarity,
    surface: TruthSurface,
    seen: NDArray[np.float64] | None,
    protocol: str,
) -> SurfaceScore:
    """Records on the points that the aligned points of the masks vote for."""
    vertices = surface.in_first()
    claimed = prediction.masks.any(axis=0) & (prediction.depth > 0)  # (S, H, W)
    aligned = similarity.transform(torch.from_numpy(_points(prediction)[claimed])).numpy()  # (P, 3)
    nearest, distance = nearest_distances(vertices, aligned, max_distance=COARSE_DISTANCE)
    owners, rows = np.nonzero(prediction.masks[:, claimed])  # votes of all instances, overlaps included

    def masks(limit: float) -> NDArray[np.bool_]:
        votes = np.where(within(distance, limit), nearest, NO_VERTEX)[rows]
        return vertex_masks(votes, owners, scores=prediction.scores, vertices=len(vertices), resolve=RESOLVE)

    usual = masks(MAX_DISTANCE)
    records = _records(surface, usual, prediction.scores, protocol)
    coarse = _records(surface, masks(COARSE_DISTANCE), prediction.scores, protocol)
    if seen is None:
        return SurfaceScore(records=records, coarse=coarse)
    visible = nearest_vertices(seen, vertices, max_distance=VISIBLE) != NO_VERTEX
    ids = surface.gt_ids[protocol]
    objects = np.unique(ids[ids > 0])
    perfect = (ids == objects[:, None]) & visible
    return SurfaceScore(
        records=records,
        coarse=coarse,
        visible=_records(surface, usual, prediction.scores, protocol, ids=np.where(visible, ids, 0)),
        bound=_records(surface, perfect, np.ones(len(objects)), protocol),
    )


def _records(
    surface: TruthSurface,
    masks: NDArray[np.bool_],
    scores: NDArray[np.floating],
    protocol: str,
    *,
    ids: NDArray[np.int32] | None = None,
) -> SceneRecords:
    """Records on the points that count."""
    ids, scored = surface.gt_ids[protocol] if ids is None else ids, surface.scored[protocol]
    return scene_records(ids, masks, scores) if scored is None else scene_records(ids[scored], masks[:, scored], scores)


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
