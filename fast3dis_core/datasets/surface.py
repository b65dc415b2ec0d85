"""Points on the surface that the views of a scene show, for scoring in 3D (paper 4.1)."""

import torch
from torch import Tensor

from fast3dis_core.datasets.sample import LabeledSurface
from fast3dis_core.geometry.cameras import unproject

SURFACE_POINTS = 16384


def visible_surface(depth: Tensor, ids: Tensor, intrinsics: Tensor, world_to_camera: Tensor) -> LabeledSurface:
    """Points on the visible surface, about equally dense per area in every view.

    Parameters
    ----------
    depth : Tensor (B, S, H, W)
        0 where there is none.
    ids : Tensor (B, S, H, W) int32
    intrinsics : Tensor (B, S, 3, 3)
    world_to_camera : Tensor (B, S, 4, 4)

    Returns
    -------
    LabeledSurface
        `SURFACE_POINTS` pixels of each scene, always the same ones.
    """
    points = unproject(depth, intrinsics, world_to_camera).flatten(1, 3)  # (B, S*H*W, 3)
    # a pixel covers an area that grows with the square of its depth
    area = depth.flatten(1).double().square().cumsum(1)
    steps = (torch.arange(SURFACE_POINTS, device=points.device) + 0.5) / SURFACE_POINTS
    rows = torch.searchsorted(area, steps * area[:, -1:]).clamp_(max=points.shape[1] - 1)  # (B, SURFACE_POINTS)
    chosen = points.gather(1, rows[..., None].expand(-1, -1, 3))
    return LabeledSurface(points=chosen, ids=ids.flatten(1).gather(1, rows))
