"""Bringing a predicted world to the true one by its cameras, and saying how well that is determined. Paper section 4.

The similarity comes from the camera centers where they span a plane, else its rotation comes from the orientations
of the cameras; where even these leave it open there is none, and what depends on it is undefined. Which way was
taken belongs into every report. Refinement on points is left to `geometry.alignment.point_to_point_icp`.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from fast3dis_core.errors import EvaluationError, GeometryError
from fast3dis_core.geometry.alignment import Similarity, rotation_from_orientations, umeyama, umeyama_ransac
from fast3dis_core.geometry.cameras import invert_rigid
from fast3dis_core.geometry.errors import depth_scale, turn_angles
from fast3dis_core.geometry.refinement import finite_or_none

Method = Literal["umeyama", "orientation", "none"]
Quality = Literal["good", "weak", "none"]
ScaleSource = Literal["centers", "depth", "nothing"]

SPREAD = 1e-3  # root mean square distance from the mean center below which centers give no scale, units of each world
OPEN_ROTATION = 1e-6  # share of the first singular value below which orientations leave the rotation open
RANSAC_DRAWS = 1000
RANSAC_CAMERAS = 4
RANSAC_RADIUS = 0.1  # meters


@dataclass(frozen=True, kw_only=True)
class WorldAlignment:
    """The similarity from predicted to true world, and what it rests on.

    Attributes
    ----------
    similarity : Similarity or None
        None where the cameras do not determine it.
    method : {"umeyama", "orientation", "none"}
    quality : {"good", "weak", "none"}
        "weak" where centers lie nearly on a line, and always for "orientation".
    scale_from : {"centers", "depth", "nothing"}
        "nothing" means a scale of 1 that nobody measured, or no similarity.
    cameras : int
        Pairs with finite matrices.
    center_rmse : float
        Root mean square distance of aligned and true centers, true units; NaN without a similarity.
    rotation_degrees : float
        Mean angle between aligned and true orientations; NaN without a similarity.
    reason : str
        Why the first way was not open; empty if it was.
    """

    similarity: Similarity | None
    method: Method
    quality: Quality
    scale_from: ScaleSource
    cameras: int
    center_rmse: float
    rotation_degrees: float
    reason: str = ""

    def figures(self) -> dict[str, str | int | float | None]:
        """Plain values for a report; None where there is no similarity to measure."""
        return {
            "alignment_method": self.method,
            "alignment_quality": self.quality,
            "scale_from": self.scale_from,
            "cameras": self.cameras,
            "center_rmse": finite_or_none(self.center_rmse),
            "rotation_degrees": finite_or_none(self.rotation_degrees),
            "reason": self.reason,
        }


def align_worlds(
    world_to_camera: ArrayLike | Tensor,
    true_world_to_camera: ArrayLike | Tensor,
    *,
    depth: ArrayLike | Tensor | None = None,
    true_depth: ArrayLike | Tensor | None = None,
    robust: bool = False,
) -> WorldAlignment:
    """Align the predicted world to the true one by cameras of the same photos.

    Parameters
    ----------
    world_to_camera, true_world_to_camera : array or Tensor (S, 4, 4)
        Cameras that are not finite on either side are left out.
    depth, true_depth : array or Tensor (S, H, W), optional
        Asked for a scale only where centers do not tell it; 0 or less = unknown.
    robust : bool
        Centers by random subsets of four cameras, undisturbed by a minority of wrong ones.

    Returns
    -------
    WorldAlignment

    Raises
    ------
    EvaluationError
        If shapes differ.
    """
    found, true = (torch.as_tensor(value).detach().cpu().double() for value in (world_to_camera, true_world_to_camera))
    if found.shape != true.shape or found.ndim != 3 or tuple(found.shape[1:]) != (4, 4):
        raise EvaluationError(
            f"Alignment expects cameras (S, 4, 4) of the same photos, found {tuple(found.shape)} predicted and "
            f"{tuple(true.shape)} true ones."
        )
    usable = found.isfinite().all(dim=(1, 2)) & true.isfinite().all(dim=(1, 2))
    source, target = invert_rigid(found[usable]), invert_rigid(true[usable])
    similarity: Similarity | None
    method: Method = "umeyama"
    scale_from: ScaleSource = "centers"
    reason = ""
    try:
        similarity = _by_centers(source, target, robust=robust)
    except GeometryError as error:
        similarity, scale_from = _by_orientations(source, target, _depth_ratio(depth, true_depth, usable))
        method, reason = "orientation", str(error)
    if similarity is None:
        method, reason = "none", f"{reason} Camera orientations leave the rotation open too."
        quality: Quality = "none"
        rmse = angle = float("nan")
    else:
        quality = "weak" if similarity.is_weak else "good"
        rmse, angle = _residuals(similarity, source, target)
    return WorldAlignment(
        similarity=similarity,
        method=method,
        quality=quality,
        scale_from=scale_from,
        cameras=len(source),
        center_rmse=rmse,
        rotation_degrees=angle,
        reason=reason,
    )


def _by_centers(source: Tensor, target: Tensor, *, robust: bool) -> Similarity:
    """Similarity of camera-to-world centers; GeometryError where they lie on a line."""
    centers, goals = source[:, :3, 3], target[:, :3, 3]
    if robust and len(centers) > RANSAC_CAMERAS:
        return umeyama_ransac(
            centers, goals, draws=RANSAC_DRAWS, sample_size=RANSAC_CAMERAS, inlier_radius=RANSAC_RADIUS
        )
    return umeyama(centers, goals)


def _by_orientations(source: Tensor, target: Tensor, ratio: float | None) -> tuple[Similarity | None, ScaleSource]:
    """Similarity with the rotation of camera orientations, and where its scale comes from; None if that is open."""
    turns = source[:, :3, :3], target[:, :3, :3]
    products = (turns[1] @ turns[0].mT).sum(dim=0)
    singular = torch.linalg.svdvals(products)
    # the nearest rotation is unique unless the two smaller singular values cancel
    if float(singular[1] + torch.linalg.det(products).sign() * singular[2]) <= OPEN_ROTATION * max(1, len(source)):
        return None, "nothing"
    rotation = rotation_from_orientations(*turns)
    centers, goals = source[:, :3, 3], target[:, :3, 3]
    middle, goal = centers.mean(dim=0), goals.mean(dim=0)
    spread, wanted = (value.square().sum(dim=1).mean() for value in (centers - middle, goals - goal))
    along = ((goals - goal) * ((centers - middle) @ rotation.mT)).sum(dim=1).mean()
    scale_from: ScaleSource = "nothing"
    scale = torch.ones((), dtype=torch.float64)
    if float(spread.sqrt()) > SPREAD and float(wanted.sqrt()) > SPREAD and float(along) > 0:
        scale, scale_from = along / spread, "centers"
    elif ratio is not None:
        scale, scale_from = torch.tensor(ratio, dtype=torch.float64), "depth"
    return Similarity(scale, rotation, goal - scale * rotation @ middle, is_weak=True), scale_from


def _depth_ratio(
    depth: ArrayLike | Tensor | None, true_depth: ArrayLike | Tensor | None, usable: Tensor
) -> float | None:
    """Median of true by predicted depth over usable views; None where nobody knows it."""
    if depth is None or true_depth is None:
        return None
    maps = [torch.as_tensor(value).detach().cpu().double() for value in (depth, true_depth)]
    if maps[0].shape != maps[1].shape or len(maps[0]) != len(usable):
        raise EvaluationError(
            f"Alignment expects depth of the same {len(usable)} photos at one resolution, found {tuple(maps[0].shape)} "
            f"predicted and {tuple(maps[1].shape)} true."
        )
    ratio = float(depth_scale(maps[0][usable], maps[1][usable]))
    return ratio if np.isfinite(ratio) and ratio > 0 else None


def _residuals(similarity: Similarity, source: Tensor, target: Tensor) -> tuple[float, float]:
    """Root mean square distance of centers, and mean angle of orientations in degrees."""
    distance = similarity.transform(source[:, :3, 3]) - target[:, :3, 3]
    angles = turn_angles(similarity.rotation @ source[:, :3, :3], target[:, :3, :3])
    return float(distance.square().sum(dim=1).mean().sqrt()), float(angles.mean().rad2deg())
