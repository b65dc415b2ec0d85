"""The normalized coordinates of a scene: center mu and scale rho of its confident points.

Departure: the paper's anchors live in world coordinates. Depth Anything 3 predicts up to scale, so a learned anchor
needs a frame in which every scene has the same size; with mu = 0 and rho = 1 this is the paper.
"""

import torch
from torch import Tensor

from fast3dis_core.errors import GeometryError
from fast3dis_core.geometry.cameras import unproject
from fast3dis_core.scene import SceneFrame, SceneGeometry

CONFIDENCE_QUANTILE = 0.2  # the least confident fifth of the points does not count
EXTENT_QUANTILE = 0.8
MINIMUM_SCALE = 1e-6
MAXIMUM_POINTS = 1 << 17  # statistics are taken on a regular grid of at most about this many pixels


def scene_frame(geometry: SceneGeometry) -> SceneFrame:
    """Center and scale of a scene, or of every scene of a batch.

    Parameters
    ----------
    geometry : SceneGeometry
        With a leading axis B.

    Returns
    -------
    SceneFrame
        With a leading axis B.

    Raises
    ------
    GeometryError
        If a scene has no pixel with positive, finite depth.
    """
    views, height, width = geometry.depth.shape[-3:]
    step = max(1, round((views * height * width / MAXIMUM_POINTS) ** 0.5))
    points = unproject(geometry.depth, geometry.intrinsics, geometry.world_to_camera)[..., ::step, ::step, :]
    depth, confidence = (value[..., ::step, ::step].flatten(1) for value in (geometry.depth, geometry.confidence))
    points = points.flatten(1, 3)  # (B, M, 3)
    known = (depth > 0) & depth.isfinite() & (confidence > 0) & points.isfinite().all(-1)  # (B, M)
    if not known.any(dim=1).all():
        raise GeometryError(
            "Expected depth above zero somewhere in the scene, found none: check the depth files or the weights."
        )
    known &= confidence >= masked_quantile(confidence, known, CONFIDENCE_QUANTILE)[:, None]
    center = torch.stack([masked_quantile(points[..., axis], known, 0.5) for axis in range(3)], dim=-1)  # (B, 3)
    extent = (points - center[:, None]).abs().amax(-1)  # (B, M)
    scale = masked_quantile(extent, known, EXTENT_QUANTILE).clamp(min=MINIMUM_SCALE)
    return SceneFrame(center=center, scale=scale)


def masked_quantile(values: Tensor, mask: Tensor, q: float) -> Tensor:
    """Nearest-rank quantile of the masked values in every row.

    Parameters
    ----------
    values : Tensor (B, M)
    mask : Tensor (B, M) bool
        At least one true entry per row.
    q : float

    Returns
    -------
    Tensor (B,)
    """
    ordered = values.where(mask, torch.inf).sort(dim=1).values
    rank = ((mask.sum(1) - 1) * q).round().long()
    return ordered.gather(1, rank[:, None])[:, 0]
