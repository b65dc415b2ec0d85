"""Given cameras around the network: normalized before, aligned back after (paper 3.1, posed input).

The network knows cameras in the frame of view 0 with a unit spread. What it predicts from them is in a
world of its own; the similarity between given and predicted camera centers leads back.
"""

import dataclasses

import torch
from torch import Tensor

from fast3dis_core.errors import GeometryError
from fast3dis_core.geometry.alignment import Similarity, rotation_from_orientations, umeyama, umeyama_ransac
from fast3dis_core.geometry.cameras import homogeneous, invert_rigid, rebase
from fast3dis_core.model.depth_anything3.prediction import DepthPrediction
from fast3dis_core.scene import PosedCameras

MINIMUM_SPREAD = 0.1  # divisor of translations when cameras (nearly) coincide
RANSAC_VIEWS = 10  # from this many views on the alignment is robust
MINIMUM_BASELINE = 1e-9  # relative to the distance from the origin; below it centers coincide


def normalize_cameras(world_to_camera: Tensor) -> Tensor:
    """Cameras as the camera encoder expects them.

    Parameters
    ----------
    world_to_camera : Tensor (B, S, 4, 4)
        Any world, any scale.

    Returns
    -------
    Tensor (B, S, 4, 4)
        View 0 is the world; the median distance of the camera centers from it is 1, unless it is
        below 0.1 of the given unit (as for two views, whose lower median is 0).
    """
    based = rebase(world_to_camera)
    distance = invert_rigid(based)[..., :3, 3].norm(dim=-1)  # (B, S)
    spread = distance.median(dim=-1).values.clamp(min=MINIMUM_SPREAD)  # torch takes the lower median
    translation = based[..., :3, 3:] / spread[:, None, None, None]
    return homogeneous(torch.cat([based[..., :3, :3], translation], dim=-1))


def align_to_given(
    prediction: DepthPrediction, cameras: PosedCameras, *, keep_given_scale: bool = True
) -> DepthPrediction:
    """Bring a prediction made with given cameras and these cameras into one world.

    Parameters
    ----------
    prediction : DepthPrediction
        With predicted `world_to_camera`.
    cameras : PosedCameras with (B, S, 4, 4) and (B, S, 3, 3)
        As given, not normalized.
    keep_given_scale : bool
        On: depth is divided by the similarity's scale and the given cameras are returned. Off: depth
        stays and the given cameras are moved by the similarity.

    Returns
    -------
    DepthPrediction
        With the given intrinsics, and `is_metric` as of the world chosen.
    """
    assert prediction.world_to_camera is not None
    given, scales = [], []
    for source, target in zip(cameras.world_to_camera, prediction.world_to_camera, strict=True):
        similarity = given_to_predicted(source, target)
        given.append(source if keep_given_scale else similarity.move_cameras(source.cpu()).to(source))
        scales.append(similarity.scale)
    depth, is_metric = prediction.depth, prediction.is_metric
    if keep_given_scale:
        depth = depth / torch.stack(scales).float().to(depth.device)[:, None, None, None]
        is_metric = cameras.is_metric
    return dataclasses.replace(
        prediction,
        depth=depth,
        world_to_camera=torch.stack(given).to(prediction.world_to_camera),
        intrinsics=cameras.intrinsics,
        is_metric=is_metric,
    )


def given_to_predicted(given: Tensor, predicted: Tensor) -> Similarity:
    """Similarity from the given world to the predicted one.

    Parameters
    ----------
    given, predicted : Tensor (S, 4, 4)
        World-to-camera.

    Returns
    -------
    Similarity
        From the camera centers; robust for ten or more views. Centers on one line (always so for two
        views) leave the rotation about it open: it then comes from the camera orientations, and the
        scale is the ratio of the spreads along the line. Coincident given centers (one view) have no
        scale: it is 1.

    Raises
    ------
    GeometryError
        If the predicted centers coincide while the given ones do not.
    """
    # a few 4 x 4 matrices in float64, which not every device has
    source, target = invert_rigid(given.cpu().double()), invert_rigid(predicted.cpu().double())
    centers, goals = source[:, :3, 3], target[:, :3, 3]
    try:
        return (umeyama_ransac if len(centers) >= RANSAC_VIEWS else umeyama)(centers, goals)
    except GeometryError:
        return _similarity_of_line(source, target)


def _similarity_of_line(source: Tensor, target: Tensor) -> Similarity:
    centers, goals = source[:, :3, 3], target[:, :3, 3]
    rotation = rotation_from_orientations(source[:, :3, :3], target[:, :3, :3])
    middle, goal = centers.mean(dim=0), goals.mean(dim=0)
    spread = (centers - middle).norm()
    scale = torch.ones_like(spread)
    if float(spread) > MINIMUM_BASELINE * max(1.0, float(middle.norm())):
        scale = (goals - goal).norm() / spread
        if not float(scale) > 0:
            raise GeometryError(
                "The predicted camera centers coincide while the given ones do not, so depth cannot be brought to "
                "the given scale: check the given cameras, or have them predicted."
            )
    return Similarity(scale, rotation, goal - scale * rotation @ middle, is_weak=True)
