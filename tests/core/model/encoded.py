"""Encoded scenes made of random features around a real camera set-up, for tests of the cheap half."""

import torch

from fast3dis_core.model.scene_frame import scene_frame
from fast3dis_core.scene import EncodedScene, SceneGeometry


def looking_at_origin(views: int, generator: torch.Generator) -> torch.Tensor:
    """Cameras on a circle of radius 3 that look at the origin, view 0 first; world_to_camera (S, 4, 4)."""
    angle = torch.arange(views) * 0.3 + torch.rand(1, generator=generator)
    center = torch.stack([3 * angle.sin(), -0.5 * torch.ones(views), -3 * angle.cos()], -1)
    forward = -center / center.norm(dim=-1, keepdim=True)
    right = torch.linalg.cross(torch.tensor([0.0, 1.0, 0.0]).expand_as(forward), forward)
    right = right / right.norm(dim=-1, keepdim=True)
    rotation = torch.stack([right, torch.linalg.cross(forward, right), forward], dim=1)  # (S, 3, 3)
    matrix = torch.eye(4).repeat(views, 1, 1)
    matrix[:, :3, :3] = rotation
    matrix[:, :3, 3] = -(rotation @ center[..., None])[..., 0]
    return matrix


def random_geometry(views: int = 3, height: int = 28, width: int = 42, seed: int = 0) -> SceneGeometry:
    """Geometry of one scene with a leading batch axis of one."""
    generator = torch.Generator().manual_seed(seed)
    focal = 0.9 * width
    intrinsics = torch.tensor([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]]).repeat(views, 1, 1)
    return SceneGeometry(
        depth=(2.5 + torch.rand(views, height, width, generator=generator))[None],
        confidence=(1 + torch.rand(views, height, width, generator=generator))[None],
        intrinsics=intrinsics[None],
        world_to_camera=looking_at_origin(views, generator)[None],
    )


def random_scene(
    *, views: int = 3, height: int = 28, width: int = 42, channels: int = 16, queries: int = 5, seed: int = 0
) -> EncodedScene:
    """An encoded scene with a leading batch axis of one."""
    generator = torch.Generator().manual_seed(seed)
    geometry = random_geometry(views, height, width, seed)
    frame = scene_frame(geometry)

    def noise(*shape: int) -> torch.Tensor:
        return torch.randn(1, *shape, generator=generator)

    return EncodedScene(
        geometry=geometry,
        frame=frame,
        features=(
            noise(views, channels, height // 28 + 1, width // 28 + 1),
            noise(views, channels, height // 14, width // 14),
            noise(views, channels, height // 7, width // 7),
        ),
        mask_features=noise(views, channels, round(height / 4), round(width / 4)),
        initial_anchors=frame.denormalize(torch.rand(1, queries, 3, generator=generator) - 0.5),
        initial_queries=noise(queries, channels),
    )
