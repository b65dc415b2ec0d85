"""Pinhole cameras: project, unproject, invert rigid motions, re-base the world.

Conventions: `p_camera = world_to_camera @ p_world`, OpenCV axes, K in pixels with pixel (x, y) centered
at (x + 0.5, y + 0.5). All functions accept leading batch axes, are differentiable
and ignore autocast. Paper eq. 3.
"""

import torch
from torch import Tensor

from fast3dis_core.geometry.precision import full_precision

MINIMUM_DEPTH = 1e-5  # a point nearer than this to the camera plane is behind the camera (DETR3D)


@full_precision
def invert_rigid(transform: Tensor) -> Tensor:
    """Inverse of a rigid motion by transposition.

    Parameters
    ----------
    transform : Tensor (..., 3 or 4, 4)

    Returns
    -------
    Tensor of the same shape
    """
    rotation = transform[..., :3, :3].mT
    inverse = torch.cat([rotation, -rotation @ transform[..., :3, 3:]], dim=-1)  # (..., 3, 4)
    return inverse if transform.shape[-2] == 3 else homogeneous(inverse)


def homogeneous(transform: Tensor) -> Tensor:
    """Add the last row (0, 0, 0, 1) to a (..., 3, 4) transform."""
    row = transform.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*transform.shape[:-2], 1, 4)
    return torch.cat([transform, row], dim=-2)


@full_precision
def rebase(world_to_camera: Tensor) -> Tensor:
    """Make camera 0 the world frame: `world_to_camera @ inverse(world_to_camera[0])`.

    Parameters
    ----------
    world_to_camera : Tensor (..., S, 4, 4)

    Returns
    -------
    Tensor (..., S, 4, 4)
        Entry 0 is the identity exactly.
    """
    based = world_to_camera @ invert_rigid(world_to_camera[..., :1, :, :])
    identity = torch.eye(4, dtype=based.dtype, device=based.device).expand(*based.shape[:-3], 1, 4, 4)
    return torch.cat([identity, based[..., 1:, :, :]], dim=-3)


def pixel_centers(height: int, width: int, *, like: Tensor) -> Tensor:
    """Homogeneous pixel centers (x + 0.5, y + 0.5, 1), Tensor (H, W, 3)."""
    y, x = torch.meshgrid(
        torch.arange(height, device=like.device, dtype=like.dtype) + 0.5,
        torch.arange(width, device=like.device, dtype=like.dtype) + 0.5,
        indexing="ij",
    )
    return torch.stack([x, y, torch.ones_like(x)], dim=-1)  # (H, W, 3)


@full_precision
def unproject(depth: Tensor, intrinsics: Tensor, world_to_camera: Tensor) -> Tensor:
    """World position of every pixel center.

    Parameters
    ----------
    depth : Tensor (..., H, W)
        Along camera z.
    intrinsics : Tensor (..., 3, 3)
        Pixels of H x W; may be skewed.
    world_to_camera : Tensor (..., 4, 4)

    Returns
    -------
    Tensor (..., H, W, 3)
        World, units of `depth`.
    """
    height, width = depth.shape[-2:]
    camera_to_world = invert_rigid(world_to_camera)
    # one 3x3 matrix takes pixels to world directions; the inverse of K is exact for triangular K
    pixel_to_world = camera_to_world[..., :3, :3] @ torch.linalg.inv(intrinsics)
    directions = pixel_centers(height, width, like=depth).reshape(-1, 3) @ pixel_to_world.mT  # (..., H*W, 3)
    directions = directions.reshape(*directions.shape[:-2], height, width, 3)  # (..., H, W, 3)
    return torch.addcmul(camera_to_world[..., None, None, :3, 3], directions, depth[..., None])


@full_precision
def project(points: Tensor, intrinsics: Tensor, world_to_camera: Tensor) -> tuple[Tensor, Tensor]:
    """Project world points into every view (paper eq. 3).

    Parameters
    ----------
    points : Tensor (..., N, 3)
        World.
    intrinsics : Tensor (..., S, 3, 3)
    world_to_camera : Tensor (..., S, 4, 4)

    Returns
    -------
    pixels : Tensor (..., S, N, 2)
        u, v. Where `depth` is below `MINIMUM_DEPTH` the division uses that bound: mask such points.
    depth : Tensor (..., S, N)
        Along camera z; negative behind the camera.
    """
    camera = points[..., None, :, :] @ world_to_camera[..., :3, :3].mT + world_to_camera[..., None, :3, 3]
    image = camera @ intrinsics.mT  # (..., S, N, 3)
    depth = camera[..., 2]
    return image[..., :2] / depth.clamp(min=MINIMUM_DEPTH)[..., None], depth
