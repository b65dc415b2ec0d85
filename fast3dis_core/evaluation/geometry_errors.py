"""Errors of predicted depth and cameras of one scene, and whether anchors sit at their objects. Paper section 4.4.

Predictions are unscaled and in a world of their own, so depth is compared after one scale for the scene and cameras
relative to view 0. Which queries are matched to which objects, and the alignment of anchors to the true world, come
from the caller (`alignment_ladder`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from fast3dis_core.errors import EvaluationError
from fast3dis_core.geometry.errors import (
    depth_error,
    depth_scale,
    horizontal_fields,
    rotation_angles,
    translation_angles,
)

Float64 = NDArray[np.float64]

ANCHOR_REACH = 0.10  # meters from the surface of an object at which an anchor still counts as inside


@dataclass(frozen=True, kw_only=True)
class GeometryErrors:
    """Errors of one scene.

    Attributes
    ----------
    depth_scale : float
        True units per predicted unit; NaN where no pixel is known in both.
    depth_error : float
        Mean of |depth - truth| / truth after that scale; NaN where no pixel is known in both.
    rotation_degrees : array (S - 1,) float64
        Of every view but the first, relative to the first.
    translation_degrees : array (S - 1,) float64
        Direction from view 0; NaN where the true camera did not move.
    field_of_view_degrees : array (S,) float64
        Horizontal; absolute difference.
    """

    depth_scale: float
    depth_error: float
    rotation_degrees: Float64
    translation_degrees: Float64
    field_of_view_degrees: Float64


def geometry_errors(
    depth: ArrayLike | Tensor,
    true_depth: ArrayLike | Tensor,
    *,
    intrinsics: ArrayLike | Tensor,
    true_intrinsics: ArrayLike | Tensor,
    world_to_camera: ArrayLike | Tensor,
    true_world_to_camera: ArrayLike | Tensor,
) -> GeometryErrors:
    """Compare the geometry of one scene with the truth.

    Parameters
    ----------
    depth, true_depth : array or Tensor (S, H, W)
        Along camera z, each in units of its world; 0 or less = unknown.
    intrinsics, true_intrinsics : array or Tensor (S, 3, 3)
        Pixels of H x W.
    world_to_camera, true_world_to_camera : array or Tensor (S, 4, 4)
        Each world in a frame of its own.

    Returns
    -------
    GeometryErrors

    Raises
    ------
    EvaluationError
        If shapes differ, or a camera is not finite.
    """
    found, true = _float64(depth), _float64(true_depth)
    if found.ndim != 3 or found.shape != true.shape:
        raise EvaluationError(
            f"Depth: expected (S, H, W) as the true depth {tuple(true.shape)}, found {tuple(found.shape)}: compare at "
            "one resolution."
        )
    views = len(found)
    cameras = [_cameras("intrinsics", value, (views, 3, 3)) for value in (intrinsics, true_intrinsics)]
    motions = [_cameras("world_to_camera", value, (views, 4, 4)) for value in (world_to_camera, true_world_to_camera)]
    fields = [horizontal_fields(value, found.shape[-1]) for value in cameras]
    return GeometryErrors(
        depth_scale=float(depth_scale(found, true)),
        depth_error=float(depth_error(found, true)),
        rotation_degrees=np.degrees(rotation_angles(*motions).numpy()),
        translation_degrees=np.degrees(translation_angles(*motions).numpy()),
        field_of_view_degrees=np.degrees((fields[0] - fields[1]).abs().numpy()),
    )


def pool(scenes: Sequence[GeometryErrors]) -> dict[str, float | None]:
    """Figures of all scenes together.

    Parameters
    ----------
    scenes : sequence of GeometryErrors

    Returns
    -------
    dict
        `depth_abs_rel`, the mean over scenes; `rotation_degrees`, `translation_degrees` and `field_of_view_degrees`,
        medians over the views of all scenes. None where nothing is known.
    """
    depth = np.array([scene.depth_error for scene in scenes])
    figures: dict[str, float | None] = {"depth_abs_rel": None if np.isnan(depth).all() else float(np.nanmean(depth))}
    for name in ("rotation_degrees", "translation_degrees", "field_of_view_degrees"):
        angles = np.concatenate([np.empty(0), *(getattr(scene, name) for scene in scenes)])
        angles = angles[~np.isnan(angles)]
        figures[name] = float(np.median(angles)) if len(angles) else None
    return figures


def anchors_inside(
    anchors: ArrayLike, objects: Sequence[ArrayLike], *, reach: float = ANCHOR_REACH
) -> NDArray[np.bool_]:
    """Which anchors are at the object their query is matched to.

    An anchor is there if it lies within `reach` of the nearest surface point of the object, or inside the
    box around these points along the axes of the world: the middle of a table is inside it though no surface is near.
    The share over active matched queries is the mean of the result, over all scenes one after the other.

    Parameters
    ----------
    anchors : array (N, 3)
        True world, meters, after alignment; those of active matched queries.
    objects : sequence of N arrays (P_i, 3)
        Surface points of the matched object of each anchor, true world, meters.
    reach : float
        Meters.

    Returns
    -------
    array (N,) bool

    Raises
    ------
    EvaluationError
        If an anchor is not finite or has no object, or an object has no point.
    """
    places = np.asarray(anchors, np.float64).reshape(-1, 3)
    if not np.isfinite(places).all() or len(places) != len(objects):
        raise EvaluationError(
            f"Anchors: expected finite positions of {len(objects)} matched queries, found {len(places)}"
            f"{'' if np.isfinite(places).all() else ' with NaN or infinity'}."
        )
    inside = np.zeros(len(places), np.bool_)
    for index, (anchor, surface) in enumerate(zip(places, objects, strict=True)):
        points = np.asarray(surface, np.float64).reshape(-1, 3)
        if not len(points):
            raise EvaluationError(f"Anchor {index}: its object has no surface point; leave out objects without depth.")
        boxed = (points.min(axis=0) <= anchor).all() and (anchor <= points.max(axis=0)).all()
        inside[index] = boxed or np.linalg.norm(points - anchor, axis=1).min() <= reach
    return inside


def _float64(values: ArrayLike | Tensor) -> Tensor:
    return torch.as_tensor(values).detach().cpu().double()


def _cameras(name: str, values: ArrayLike | Tensor, shape: tuple[int, ...]) -> Tensor:
    matrices = _float64(values)
    if tuple(matrices.shape) != shape or not bool(matrices.isfinite().all()):
        raise EvaluationError(f"{name}: expected finite matrices {shape}, found shape {tuple(matrices.shape)}.")
    return matrices
