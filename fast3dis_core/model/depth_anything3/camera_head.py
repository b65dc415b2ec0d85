"""Cameras of Depth Anything 3: pose encoding, camera decoder and camera encoder (paper 3.1).

The nine values of the encoding describe the camera-to-world motion: translation, quaternion (x, y, z, w)
and the vertical and horizontal field of view. The principal point is not encoded: it comes out at the
image center. Everything here runs in float32.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fast3dis_core.config import DepthAnything3Config
from fast3dis_core.geometry.cameras import homogeneous, invert_rigid
from fast3dis_core.model.depth_anything3.vision_transformer import NORM_EPS, Block, initialize_linear

MINIMUM_TANGENT = 1e-6  # of half the field of view; zero and negative ones get a focal of 1e6 half images
ENCODER_BLOCKS = 4
ENCODER_LAYER_SCALE = 0.01  # upstream's start: the trunk begins near the plain pose embedding


def encode_cameras(camera_to_world: Tensor, intrinsics: Tensor, height: int, width: int) -> Tensor:
    """Cameras to pose encodings.

    Parameters
    ----------
    camera_to_world : Tensor (..., 3 or 4, 4)
    intrinsics : Tensor (..., 3, 3)
        Pixels of height x width; only the focal lengths are used.
    height, width : int

    Returns
    -------
    Tensor (..., 9)
        Translation, quaternion (x, y, z, w), vertical and horizontal field of view in radians.
    """
    focal = torch.stack([intrinsics[..., 1, 1], intrinsics[..., 0, 0]], dim=-1)
    fov = 2 * torch.atan(intrinsics.new_tensor([height / 2, width / 2]) / focal)
    return torch.cat([camera_to_world[..., :3, 3], quaternion(camera_to_world[..., :3, :3]), fov], dim=-1)


def decode_cameras(encoding: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Pose encodings to cameras; the quaternion need not have unit length.

    Parameters
    ----------
    encoding : Tensor (..., 9)
    height, width : int

    Returns
    -------
    camera_to_world : Tensor (..., 4, 4)
    intrinsics : Tensor (..., 3, 3)
        Pixels of height x width, principal point (width / 2, height / 2).
    """
    rotation = rotation_matrix(encoding[..., 3:7])
    camera_to_world = homogeneous(torch.cat([rotation, encoding[..., :3, None]], dim=-1))
    center = encoding.new_tensor([width / 2, height / 2])
    focal = center / torch.tan(encoding[..., [8, 7]] / 2).clamp(min=MINIMUM_TANGENT)  # (..., 2) fx, fy
    intrinsics = torch.cat([torch.diag_embed(focal), center[..., None].expand(*focal.shape, 1)], dim=-1)  # (..., 2, 3)
    row = encoding.new_tensor([0.0, 0.0, 1.0]).expand(*focal.shape[:-1], 1, 3)
    return camera_to_world, torch.cat([intrinsics, row], dim=-2)


def quaternion(rotation: Tensor) -> Tensor:
    """Unit quaternion (x, y, z, w) with w >= 0 of rotation matrices.

    Parameters
    ----------
    rotation : Tensor (..., 3, 3)

    Returns
    -------
    Tensor (..., 4)
        For half turns (w = 0) either sign is right and the one that comes out is kept.
    """
    (m00, m01, m02), (m10, m11, m12), (m20, m21, m22) = (row.unbind(-1) for row in rotation.unbind(-2))
    squares = torch.stack(
        [1 + m00 - m11 - m22, 1 - m00 + m11 - m22, 1 - m00 - m11 + m22, 1 + m00 + m11 + m22], dim=-1
    )  # (..., 4) four times the squared x, y, z, w
    roots = squares.clamp(min=0).sqrt()
    x2, y2, z2, w2 = squares.clamp(min=0).unbind(-1)
    xy, xz, yz = m10 + m01, m02 + m20, m12 + m21
    xw, yw, zw = m21 - m12, m02 - m20, m10 - m01
    # row k is the quaternion times four times its component k
    candidates = (
        torch.stack(
            [
                torch.stack([x2, xy, xz, xw], dim=-1),
                torch.stack([xy, y2, yz, yw], dim=-1),
                torch.stack([xz, yz, z2, zw], dim=-1),
                torch.stack([xw, yw, zw, w2], dim=-1),
            ],
            dim=-2,
        )
        / (2 * roots.clamp(min=0.1))[..., None]
    )  # (..., 4, 4)
    # the largest component divides best; among equal ones w comes first, then x, y, z
    largest = (roots[..., [3, 0, 1, 2]].argmax(dim=-1) + 3) % 4
    index = largest[..., None, None].expand(*largest.shape, 1, 4)
    best = candidates.gather(-2, index).squeeze(-2)  # (..., 4)
    return torch.where(best[..., 3:] < 0, -best, best)


def rotation_matrix(quaternion: Tensor) -> Tensor:
    """Rotation (..., 3, 3) of non-zero quaternions (..., 4) in x, y, z, w order, of any length."""
    x, y, z, w = quaternion.unbind(-1)
    n = 2 / quaternion.square().sum(dim=-1)
    rows = [
        torch.stack([1 - n * (y * y + z * z), n * (x * y - z * w), n * (x * z + y * w)], dim=-1),
        torch.stack([n * (x * y + z * w), 1 - n * (x * x + z * z), n * (y * z - x * w)], dim=-1),
        torch.stack([n * (x * z - y * w), n * (y * z + x * w), 1 - n * (x * x + y * y)], dim=-1),
    ]
    return torch.stack(rows, dim=-2)  # (..., 3, 3)


class CameraDecoder(nn.Module):
    """Camera token of the last out layer to a pose encoding.

    Parameters
    ----------
    width : int
        Channels of the camera token.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.fc_t = nn.Linear(width, 3)
        self.fc_qvec = nn.Linear(width, 4)
        fov = nn.Linear(width, 2)
        self.fc_fov = nn.Sequential(fov, nn.ReLU())
        self.apply(initialize_linear)
        # start at no rotation and one radian: a zero quaternion has no direction, a dead ReLU no gradient
        with torch.no_grad():
            self.fc_qvec.bias[3] = 1.0
            fov.bias.fill_(1.0)

    def forward(self, camera_tokens: Tensor) -> Tensor:
        """Tensor (..., width), before any norm, to encodings Tensor (..., 9)."""
        hidden = self.backbone(camera_tokens)
        return torch.cat([self.fc_t(hidden), self.fc_qvec(hidden), self.fc_fov(hidden)], dim=-1)


class CameraEncoder(nn.Module):
    """Given cameras to the camera tokens that replace the learned ones.

    Parameters
    ----------
    config : DepthAnything3Config
    """

    def __init__(self, config: DepthAnything3Config) -> None:
        super().__init__()
        width = config.embed_dim
        self.pose_branch = nn.ModuleDict({"fc1": nn.Linear(9, width // 2), "fc2": nn.Linear(width // 2, width)})
        self.token_norm = nn.LayerNorm(width)
        self.trunk = nn.ModuleList(
            Block(width, config.camera_encoder_heads, eps=NORM_EPS, layer_scale=ENCODER_LAYER_SCALE)
            for _ in range(ENCODER_BLOCKS)
        )
        self.trunk_norm = nn.LayerNorm(width)
        self.apply(initialize_linear)

    def forward(self, world_to_camera: Tensor, intrinsics: Tensor, height: int, width: int) -> Tensor:
        """Attend across the views of each scene.

        Parameters
        ----------
        world_to_camera : Tensor (B, S, 4, 4)
            Normalized (see `pose_conditioning.normalize_cameras`).
        intrinsics : Tensor (B, S, 3, 3)
            Pixels of height x width.
        height, width : int

        Returns
        -------
        Tensor (B, S, D)
        """
        encoding = encode_cameras(invert_rigid(world_to_camera), intrinsics, height, width)
        branch: Any = self.pose_branch
        tokens = self.token_norm(branch["fc2"](F.gelu(branch["fc1"](encoding))))  # (B, S, D)
        for block in self.trunk:
            tokens = block(tokens)
        normalized: Tensor = self.trunk_norm(tokens)
        return normalized
