"""How far predicted depth and cameras are from true ones, up to the scale and the world frame of the prediction.

Angles are in radians and keep their precision near 0 and pi; they are taken relative to view 0, so that the frame a
world is given in means nothing. What is done with them, medians and thresholds, is left to the callers.
"""

import torch
from torch import Tensor

from fast3dis_core.geometry.cameras import invert_rigid, rebase

MINIMUM_BASELINE = 1e-3  # units of the true world; a camera that moved less has no direction


def known_in_both(depth: Tensor, truth: Tensor) -> Tensor:
    """Pixels with finite depth above 0 in both maps, Tensor (...) bool."""
    return (depth > 0) & (truth > 0) & depth.isfinite() & truth.isfinite()


def depth_scale(depth: Tensor, truth: Tensor) -> Tensor:
    """The one factor that brings a scene's depth to true depth: the median ratio over pixels known in both.

    Parameters
    ----------
    depth, truth : Tensor (...)
        0 or less = unknown.

    Returns
    -------
    Tensor ()
        Of two middle ratios the lower one; NaN where no pixel is known.
    """
    known = known_in_both(depth, truth)
    return (truth[known] / depth[known]).median()


def depth_error(depth: Tensor, truth: Tensor) -> Tensor:
    """Mean of |scaled depth - truth| / truth over pixels known in both, after `depth_scale`.

    Parameters
    ----------
    depth, truth : Tensor (...)
        0 or less = unknown.

    Returns
    -------
    Tensor ()
        NaN where no pixel is known.
    """
    known = known_in_both(depth, truth)
    scaled = depth[known] * depth_scale(depth, truth)
    return ((scaled - truth[known]).abs() / truth[known]).mean()


def rotation_angles(world_to_camera: Tensor, truth: Tensor) -> Tensor:
    """Angle between found and true rotation of every view but the first, both worlds re-based to view 0.

    Parameters
    ----------
    world_to_camera, truth : Tensor (..., S, 4, 4)

    Returns
    -------
    Tensor (..., S - 1) float64
        Radians in [0, pi].
    """
    return turn_angles(_motions(world_to_camera)[..., :3, :3], _motions(truth)[..., :3, :3])


def turn_angles(rotation: Tensor, truth: Tensor) -> Tensor:
    """Angle of the turn from one rotation to another.

    Parameters
    ----------
    rotation, truth : Tensor (..., 3, 3)

    Returns
    -------
    Tensor (...)
        Radians in [0, pi].
    """
    turn = rotation.mT @ truth
    skew = torch.stack([turn[..., i, j] - turn[..., j, i] for i, j in ((2, 1), (0, 2), (1, 0))], dim=-1)
    return torch.atan2(skew.norm(dim=-1), turn.diagonal(dim1=-2, dim2=-1).sum(-1) - 1)


def translation_angles(world_to_camera: Tensor, truth: Tensor) -> Tensor:
    """Angle between found and true direction from view 0 to every other view, both worlds re-based to view 0.

    Parameters
    ----------
    world_to_camera, truth : Tensor (..., S, 4, 4)

    Returns
    -------
    Tensor (..., S - 1) float64
        Radians in [0, pi]; NaN where the true camera moved less than `MINIMUM_BASELINE`, a right angle where only the
        found one stands still.
    """
    found, true = _motions(world_to_camera)[..., :3, 3], _motions(truth)[..., :3, 3]
    across = torch.linalg.cross(found, true).norm(dim=-1)
    angles = torch.atan2(across, (found * true).sum(dim=-1))
    angles = angles.where(found.norm(dim=-1) != 0, torch.pi / 2)
    return angles.where(true.norm(dim=-1) >= MINIMUM_BASELINE, torch.nan)


def horizontal_fields(intrinsics: Tensor, width: int) -> Tensor:
    """Horizontal field of view of every camera.

    Parameters
    ----------
    intrinsics : Tensor (..., 3, 3)
        Pixels of an image of this width.
    width : int

    Returns
    -------
    Tensor (...) float64
        Radians.
    """
    return 2 * torch.atan(width / 2 / intrinsics[..., 0, 0].double())


def _motions(world_to_camera: Tensor) -> Tensor:
    """Camera-to-world of every view but the first, world = camera of view 0; Tensor (..., S - 1, 4, 4) float64."""
    return invert_rigid(rebase(world_to_camera.double()))[..., 1:, :, :]
