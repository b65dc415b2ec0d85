"""Losses of geometry pre-training: depth, gradients, rays, points, cameras and correspondence (paper 3.1).

The FAST3DIS paper takes its frozen geometry from Depth Anything 3; where a backbone is trained here, these are the
terms of that model's training, with targets in the frame of the reference view and in units of the scene's mean
point distance. The correspondence term is ours: without it a camera decoder over untrained attention stays at the
mean guess. Weights and the network call are left to `stage_geometry`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from fast3dis_core.config import PATCH_SIZE
from fast3dis_core.geometry.cameras import homogeneous, invert_rigid, pixel_centers, project, unproject
from fast3dis_core.geometry.precision import full_precision
from fast3dis_core.model.depth_anything3.camera_head import encode_cameras
from fast3dis_core.scene import SceneGeometry
from fast3dis_core.training.targets import at_mask_cells

CONFIDENCE_PRICE = 0.2  # of being sure: weight of -log(confidence), DUSt3R
TEMPERATURE = 0.07  # of the similarities of patches
VISIBLE_TOLERANCE = 0.05  # relative depth difference of a point that is seen in both views


@dataclass(frozen=True, kw_only=True)
class GeometryTargets:
    """True geometry of B scenes as the network should predict it.

    Attributes
    ----------
    depth : Tensor (B, S, H, W)
        0 where nothing was hit.
    intrinsics : Tensor (B, S, 3, 3)
        Pixels.
    world_to_camera : Tensor (B, S, 4, 4)
        World = camera frame of the reference view.
    """

    depth: Tensor
    intrinsics: Tensor
    world_to_camera: Tensor

    @property
    def cameras(self) -> Tensor:
        """Pose encodings, Tensor (B, S, 9)."""
        height, width = self.depth.shape[-2:]
        return encode_cameras(invert_rigid(self.world_to_camera), self.intrinsics, height, width)


@torch.no_grad()
def geometry_targets(geometry: SceneGeometry, reference: Tensor | None) -> GeometryTargets:
    """Bring true geometry to the frame of the reference view and to a mean point distance of 1.

    Parameters
    ----------
    geometry : SceneGeometry
        With a leading axis B.
    reference : Tensor (B,) int64 or None
        As chosen by the network; None = view 0.

    Returns
    -------
    GeometryTargets
    """
    world_to_camera = geometry.world_to_camera
    if reference is not None:
        rows = torch.arange(len(reference), device=reference.device)
        world_to_camera = world_to_camera @ invert_rigid(world_to_camera[rows, reference])[:, None]
    known = geometry.depth > 0
    distance = unproject(geometry.depth, geometry.intrinsics, world_to_camera).norm(dim=-1)  # (B, S, H, W)
    scale = (distance * known).sum((1, 2, 3)) / known.sum((1, 2, 3)).clamp(min=1)  # (B,)
    scale = scale.clamp(min=1e-6)[:, None, None, None]
    translation = world_to_camera[..., :3, 3:] / scale
    return GeometryTargets(
        depth=geometry.depth / scale,
        intrinsics=geometry.intrinsics,
        world_to_camera=homogeneous(torch.cat([world_to_camera[..., :3, :3], translation], dim=-1)),
    )


@full_precision
def depth_loss(depth: Tensor, confidence: Tensor, target: Tensor) -> Tensor:
    """L1 depth error weighted by a confidence that has its price, mean over known pixels.

    Parameters
    ----------
    depth, target : Tensor (B, S, H, W)
    confidence : Tensor (B, S, H, W)
        Above 1.
    """
    terms = confidence * (depth - target).abs() - CONFIDENCE_PRICE * confidence.log()
    return masked_mean(terms, target > 0)


@full_precision
def gradient_loss(depth: Tensor, target: Tensor) -> Tensor:
    """L1 error of the depth differences of neighboring pixels, both known; keeps edges sharp and planes flat."""
    known, error = target > 0, depth - target
    across = masked_mean(error.diff(dim=-1).abs(), known[..., 1:] & known[..., :-1])
    down = masked_mean(error.diff(dim=-2).abs(), known[..., 1:, :] & known[..., :-1, :])
    return across + down


def true_rays(targets: GeometryTargets, rows: int, columns: int) -> Tensor:
    """Ray map on a grid of cells: direction with depth 1, and origin.

    Returns
    -------
    Tensor (B, S, rows, columns, 6)
        `point = origin + depth * direction`.
    """
    height, width = targets.depth.shape[-2:]
    cells = pixel_centers(rows, columns, like=targets.depth)
    pixels = cells * cells.new_tensor([width / columns, height / rows, 1.0])
    camera_to_world = invert_rigid(targets.world_to_camera)
    turn = camera_to_world[..., :3, :3] @ torch.linalg.inv(targets.intrinsics)  # (B, S, 3, 3)
    directions = (pixels.flatten(0, 1) @ turn.mT).unflatten(-2, (rows, columns))  # (B, S, rows, columns, 3)
    origins = camera_to_world[..., None, None, :3, 3].expand_as(directions)
    return torch.cat([directions, origins], dim=-1)


@full_precision
def ray_loss(ray: Tensor, confidence: Tensor, truth: Tensor) -> Tensor:
    """Confidence-weighted L1 error of directions and origins.

    Parameters
    ----------
    ray, truth : Tensor (B, S, h, w, 6)
    confidence : Tensor (B, S, h, w)
        Above 1.
    """
    error = (ray - truth).abs().mean(-1)
    return (confidence * error - CONFIDENCE_PRICE * confidence.log()).mean()


@full_precision
def point_loss(depth: Tensor, ray: Tensor, target: Tensor, truth: Tensor) -> Tensor:
    """L1 error of the points that depth and rays lead to together, on the grid of the rays.

    Parameters
    ----------
    depth, target : Tensor (B, S, H, W)
    ray, truth : Tensor (B, S, h, w, 6)
    """
    size = (ray.shape[2], ray.shape[3])
    predicted, true = at_mask_cells(depth, size), at_mask_cells(target, size)  # (B, S, h, w)
    points = ray[..., 3:] + predicted[..., None] * ray[..., :3]
    goals = truth[..., 3:] + true[..., None] * truth[..., :3]
    return masked_mean((points - goals).abs().mean(-1), true > 0)


@full_precision
def camera_loss(encoding: Tensor, truth: Tensor) -> Tensor:
    """L1 error of pose encodings (B, S, 9): translation, quaternion and field of view in equal shares.

    A quaternion and its negative are the same rotation; the nearer one is the target.
    """
    turn, goal = encoding[..., 3:7], truth[..., 3:7]
    goal = goal.where((turn * goal).sum(-1, keepdim=True) >= 0, -goal)
    translation = (encoding[..., :3] - truth[..., :3]).abs().mean()
    field_of_view = (encoding[..., 7:] - truth[..., 7:]).abs().mean()
    return translation + (turn - goal).abs().mean() + field_of_view


@torch.no_grad()
def corresponding_patches(targets: GeometryTargets) -> tuple[Tensor, Tensor]:
    """Where the centers of the patches of view 0 lie in all other views.

    Parameters
    ----------
    targets : GeometryTargets

    Returns
    -------
    patch : Tensor (B, S - 1, P) int64
        Number, row by row, of the patch that shows the point.
    visible : Tensor (B, S - 1, P) bool
        In the image, in front of the camera, and not behind anything.
    """
    height, width = targets.depth.shape[-2:]
    rows, columns = height // PATCH_SIZE, width // PATCH_SIZE
    depth = at_mask_cells(targets.depth[:, 0], (rows, columns)).flatten(1)  # (B, P)
    centers = at_mask_cells(pixel_centers(height, width, like=depth).movedim(-1, 0), (rows, columns))  # (3, r, c)
    camera_to_world = invert_rigid(targets.world_to_camera[:, 0])
    turn = camera_to_world[:, :3, :3] @ torch.linalg.inv(targets.intrinsics[:, 0])
    points = (centers.flatten(1).T @ turn.mT) * depth[..., None] + camera_to_world[:, None, :3, 3]  # (B, P, 3)
    pixels, z = project(points, targets.intrinsics[:, 1:], targets.world_to_camera[:, 1:])
    x, y = pixels.unbind(-1)  # (B, S - 1, P)
    inside = (depth > 0)[:, None] & (z > 0) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    x, y = x.where(inside, 0).long(), y.where(inside, 0).long()
    seen = targets.depth[:, 1:].flatten(2).gather(2, y * width + x)
    visible = inside & ((seen - z).abs() < VISIBLE_TOLERANCE * z)
    return (y // PATCH_SIZE) * columns + x // PATCH_SIZE, visible


@full_precision
def correspondence_loss(features: Tensor, patch: Tensor, visible: Tensor) -> Tensor:
    """InfoNCE: a patch of view 0 finds the patch of another view that shows the same point.

    Parameters
    ----------
    features : Tensor (B, S, P, D)
        Any length; normalized here.
    patch, visible : Tensor (B, S - 1, P)
        From `corresponding_patches`.
    """
    unit = functional.normalize(features, dim=-1)
    logits = unit[:, :1] @ unit[:, 1:].mT / TEMPERATURE  # (B, S - 1, P, P)
    terms = functional.cross_entropy(logits.flatten(0, 2), patch.flatten(), reduction="none")
    return masked_mean(terms, visible.flatten())


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of the masked values; 0, with a graph, for none."""
    return values.where(mask, 0).sum() / mask.sum().clamp(min=1)
