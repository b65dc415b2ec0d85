"""The any-view network: backbone, depth and ray head, cameras (paper 3.1).

`forward` does all of it; the stages it is made of are public, because the dual pass runs the backbone
twice and shares the embedding, the camera tokens and the reference view.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fast3dis_core.config import PATCH_SIZE, DepthAnything3Config, ReferenceStrategy
from fast3dis_core.errors import ConfigError
from fast3dis_core.geometry.cameras import invert_rigid
from fast3dis_core.model.depth_anything3.camera_head import CameraDecoder, CameraEncoder, decode_cameras
from fast3dis_core.model.depth_anything3.depth_head import DepthMaps, DualDPT
from fast3dis_core.model.depth_anything3.prediction import DepthPrediction
from fast3dis_core.model.depth_anything3.ray_pose import cameras_from_rays
from fast3dis_core.model.depth_anything3.vision_transformer import BackboneOutput, VisionTransformer, check_images
from fast3dis_core.scene import PosedCameras

IMAGE_MEAN = (0.485, 0.456, 0.406)  # ImageNet, RGB
IMAGE_STD = (0.229, 0.224, 0.225)
CHUNK_VIEWS = 8  # views in the head at a time: a limit on memory, without numerical meaning


class Backbone(nn.Module):
    """Holds the transformer as `pretrained`, a level of upstream's parameter names."""

    def __init__(self, config: DepthAnything3Config) -> None:
        super().__init__()
        self.pretrained = VisionTransformer(config)


class AnyViewNetwork(nn.Module):
    """Depth, rays and cameras from any number of unposed or posed views.

    Parameters
    ----------
    config : DepthAnything3Config
        With `head="dual_dpt"`.
    drop_gaussian_head : bool
        Accept and ignore the `gs_head.` keys of the official giant files.
    """

    def __init__(self, config: DepthAnything3Config, *, drop_gaussian_head: bool = False) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config)
        self.head = DualDPT(config)
        if config.cameras:
            self.cam_enc = CameraEncoder(config)
            self.cam_dec = CameraDecoder(config.feature_dim)
        if drop_gaussian_head:
            self.register_load_state_dict_pre_hook(_drop_gaussian_head)  # type: ignore[no-untyped-call]

    def embed(self, images: Tensor) -> Tensor:
        """Normalize and embed images; see `VisionTransformer.embed`.

        Parameters
        ----------
        images : Tensor (B, S, 3, H, W)
            RGB in [0, 1].

        Returns
        -------
        Tensor (B, S, T, D)
        """
        return self.backbone.pretrained.embed(normalize_images(images))

    def camera_tokens(self, world_to_camera: Tensor, intrinsics: Tensor, height: int, width: int) -> Tensor:
        """Tokens of given cameras, for `VisionTransformer.forward`; float32 even under autocast.

        Parameters
        ----------
        world_to_camera : Tensor (B, S, 4, 4)
            Already normalized (`pose_conditioning.normalize_cameras`).
        intrinsics : Tensor (B, S, 3, 3)
            Pixels of height x width.
        height, width : int
            Of the images.

        Returns
        -------
        Tensor (B, S, D)

        Raises
        ------
        ConfigError
            If the network has no camera encoder.
        """
        self._require_cameras()
        with torch.autocast(world_to_camera.device.type, enabled=False):
            tokens: Tensor = self.cam_enc(world_to_camera.float(), intrinsics.float(), height, width)
        return tokens

    def predict_depth(
        self,
        features: Sequence[Tensor],
        height: int,
        width: int,
        *,
        chunk_views: int = CHUNK_VIEWS,
        rays: bool = False,
    ) -> DepthMaps:
        """Depth, and rays if wanted, from backbone features; float32 even under autocast.

        Parameters
        ----------
        features : 4 Tensors (B, S, P, feature_dim)
        height, width : int
            Of the images.
        chunk_views : int
            Views in the head at a time.
        rays : bool
            Also compute `ray` and `ray_confidence`, which costs as much again.

        Returns
        -------
        DepthMaps
            Named tuple `depth, confidence, ray, ray_confidence`, each with axes (B, S) in front.
        """
        batch, views = features[0].shape[:2]
        flat = [level.flatten(0, 1) for level in features]  # (B*S, P, feature_dim)
        chunks = []
        with torch.autocast(features[0].device.type, enabled=False):
            for first in range(0, batch * views, chunk_views):
                part = [level[first : first + chunk_views].float() for level in flat]
                output: DepthMaps = self.head(part, height, width, rays=rays)
                chunks.append([output_map for output_map in output if output_map is not None])
        maps = [torch.cat(column).unflatten(0, (batch, views)) for column in zip(*chunks, strict=True)]
        return DepthMaps(*maps)

    def predict_cameras(self, camera_token: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
        """Cameras from the camera token of the last out layer; float32 even under autocast.

        Parameters
        ----------
        camera_token : Tensor (B, S, feature_dim)
        height, width : int
            Of the images.

        Returns
        -------
        world_to_camera : Tensor (B, S, 4, 4)
        intrinsics : Tensor (B, S, 3, 3)
            Pixels of height x width.

        Raises
        ------
        ConfigError
            If the network has no camera decoder.
        """
        self._require_cameras()
        with torch.autocast(camera_token.device.type, enabled=False):
            camera_to_world, intrinsics = decode_cameras(self.cam_dec(camera_token.float()), height, width)
            return invert_rigid(camera_to_world), intrinsics

    def forward(
        self,
        images: Tensor,
        *,
        embedded: Tensor | None = None,
        cameras: PosedCameras | None = None,
        reference_strategy: ReferenceStrategy = "saddle_balanced",
        use_ray_pose: bool = False,
        export_layers: Sequence[int] = (),
        rays: bool = False,
        predict_cameras: bool = True,
        chunk_views: int = CHUNK_VIEWS,
        generator: torch.Generator | None = None,
    ) -> DepthPrediction:
        """All stages. Parameters and result are those of `DepthAnything3.forward`."""
        height, width = images.shape[-2:]
        tokens = None
        if cameras is not None:
            tokens = self.camera_tokens(cameras.world_to_camera, cameras.intrinsics, height, width)
        backbone: BackboneOutput = self.backbone.pretrained(
            self.embed(images) if embedded is None else embedded,
            grid=(height // PATCH_SIZE, width // PATCH_SIZE),
            camera_tokens=tokens,
            strategy=reference_strategy,
            export_layers=export_layers,
        )
        need_rays = rays or (use_ray_pose and predict_cameras)
        maps = self.predict_depth(backbone.features, height, width, chunk_views=chunk_views, rays=need_rays)
        world_to_camera = intrinsics = None
        if predict_cameras and use_ray_pose:
            assert maps.ray is not None
            assert maps.ray_confidence is not None
            world_to_camera, intrinsics = cameras_from_rays(
                maps.ray, maps.ray_confidence, height, width, generator=generator
            )
        elif predict_cameras and self.config.cameras:
            world_to_camera, intrinsics = self.predict_cameras(backbone.camera_tokens[-1], height, width)
        return DepthPrediction(
            depth=maps.depth,
            confidence=maps.confidence,
            world_to_camera=world_to_camera,
            intrinsics=intrinsics,
            reference=backbone.reference,
            camera_tokens=tokens,
            exported=backbone.exported,
            ray=maps.ray if rays else None,
            ray_confidence=maps.ray_confidence if rays else None,
        )

    def _require_cameras(self) -> None:
        if not self.config.cameras:
            raise ConfigError("This network was configured without cameras: use a configuration with cameras=True.")


def normalize_images(images: Tensor) -> Tensor:
    """RGB in [0, 1], Tensor (B, S, 3, H, W), to ImageNet statistics; ValueError for another shape."""
    check_images(images)
    mean, std = images.new_tensor(IMAGE_MEAN), images.new_tensor(IMAGE_STD)
    return (images - mean[:, None, None]) / std[:, None, None]


def _drop_gaussian_head(_module: nn.Module, state: dict[str, Any], prefix: str, *_rest: object) -> None:
    """Remove the Gaussian-splatting head of the giant files, which nothing here uses."""
    for key in [key for key in state if key.startswith(f"{prefix}gs_head.")]:
        del state[key]
