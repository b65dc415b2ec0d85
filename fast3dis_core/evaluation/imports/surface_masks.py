"""Any imported prediction on the vertices of the scan, where all systems are scored alike. Paper sections 4.1 and 4.2.

Masks over vertices are there already. Points vote for their nearest vertex, and points of a predicted world are brought
to the true one before: by cameras, then by ICP, whose figures belong into the report.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.errors import EvaluationError
from fast3dis_core.evaluation.alignment_ladder import align_worlds
from fast3dis_core.evaluation.imports.imported import ImportedScene, LabelledPoints, VertexMasks
from fast3dis_core.evaluation.surface_transfer import MAX_DISTANCE, NO_VERTEX, nearest_vertices, vertex_masks
from fast3dis_core.geometry.alignment import Similarity
from fast3dis_core.geometry.refinement import refine_on_surface


@dataclass(frozen=True, kw_only=True)
class SurfaceMasks:
    """What `average_precision` takes, and how it came about.

    Attributes
    ----------
    masks : array (K, V) bool, or None
        None where the predicted world could not be aligned: then there is no AP.
    scores : array (K,) float32
    figures : mapping
        Of alignment, ICP and transfer, plain values; empty for masks over vertices.
    """

    masks: NDArray[np.bool_] | None
    scores: NDArray[np.float32]
    figures: Mapping[str, Any]


def surface_masks(
    scene: ImportedScene,
    vertices: NDArray[np.float64],
    true_world_to_camera: Mapping[str, NDArray[np.float64]],
    *,
    icp: bool = True,
    max_distance: float = MAX_DISTANCE,
) -> SurfaceMasks:
    """Bring an imported prediction onto the vertices of a scan.

    Parameters
    ----------
    scene : ImportedScene
    vertices : array (V, 3)
        Of the scan, meters.
    true_world_to_camera : mapping of str to array (4, 4)
        By photo; asked for the photos of a predicted world only.
    icp : bool
        Off: the alignment by cameras is left as it is.
    max_distance : float
        Meters between a point and the vertex it votes for.

    Returns
    -------
    SurfaceMasks

    Raises
    ------
    EvaluationError
        If a photo has no true camera, or masks are over other vertices.
    GeometryError
        If there is nothing to align.
    """
    found = scene.found
    if isinstance(found, VertexMasks):
        if found.masks.shape[1] != len(vertices):
            raise EvaluationError(
                f"{scene.scene_id}: expected masks over the {len(vertices)} vertices of the scan, found "
                f"{found.masks.shape[1]}: import it for this scan."
            )
        return SurfaceMasks(masks=found.masks, scores=scene.scores, figures={})
    figures: dict[str, Any] = {}
    points = found.points.astype(np.float64)
    if found.world == "predicted":
        similarity = _aligned(found, true_world_to_camera, figures, scene.scene_id)
        if similarity is None:
            return SurfaceMasks(masks=None, scores=scene.scores, figures=figures)
        if icp:
            refined = refine_on_surface(similarity, points, vertices)
            figures |= refined.figures()
            similarity = refined.similarity
        points = points @ (similarity.scale * similarity.rotation).numpy().T + similarity.translation.numpy()
    member = found.instances >= 0
    nearest = nearest_vertices(vertices, points[member], max_distance=max_distance)
    masks = vertex_masks(nearest, found.instances[member], scores=scene.scores, vertices=len(vertices))
    figures |= {
        "max_distance": max_distance,
        "points_of_instances": len(nearest),
        "points_that_vote": int((nearest != NO_VERTEX).sum()),
        "vertices_claimed": int(masks.any(axis=0).sum()),
    }
    return SurfaceMasks(masks=masks, scores=scene.scores, figures=figures)


def _aligned(
    found: LabelledPoints, truth: Mapping[str, NDArray[np.float64]], figures: dict[str, Any], scene_id: str
) -> Similarity | None:
    """The similarity by cameras; notes how it came about in `figures`."""
    missing = [name for name in found.frames if name not in truth]
    if missing:
        raise EvaluationError(
            f"{scene_id}: expected true cameras of all {len(found.frames)} photos, {len(missing)} are missing, such as "
            f"{missing[0]}: evaluate the photos that were predicted."
        )
    alignment = align_worlds(found.world_to_camera, np.stack([truth[name] for name in found.frames]))
    figures |= alignment.figures()
    return alignment.similarity
