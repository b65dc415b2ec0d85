"""Stage 1: a backbone with depth head and camera decoder, from scratch on true geometry (paper 3.1).

It stands in for the pre-training of Depth Anything 3 where no published weights fit: the bundled nano. In a share
of the steps the network is told the true cameras, so that posed photos are of use later. The losses are those of
`geometry_losses`; batches come from `batches`.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from fast3dis_core.checkpoints import Provenance
from fast3dis_core.config import PATCH_SIZE, TrainingConfig, to_mapping
from fast3dis_core.datasets.sample import SceneSample
from fast3dis_core.errors import ConfigError
from fast3dis_core.exports.atomic import atomic_file
from fast3dis_core.geometry.errors import (
    depth_error,
    depth_scale,
    horizontal_fields,
    rotation_angles,
    translation_angles,
)
from fast3dis_core.inference.steps import autocast
from fast3dis_core.model.depth_anything3 import DepthAnything3
from fast3dis_core.model.depth_anything3.any_view import AnyViewNetwork
from fast3dis_core.model.depth_anything3.pose_conditioning import normalize_cameras
from fast3dis_core.pictures import depth_image, photo, rows_of_views
from fast3dis_core.scene import SceneGeometry
from fast3dis_core.training import geometry_losses as losses
from fast3dis_core.training.batches import StepPlan
from fast3dis_core.training.stage import TOTAL, StepLoss, Validation
from fast3dis_core.weight_files import stored_name

# weights of the terms; the first five are those of Depth Anything 3, the others are meant to help cameras; not ablated
WEIGHTS: Mapping[str, float] = {
    "depth": 1.0,
    "gradient": 1.0,
    "ray": 1.0,
    "point": 1.0,
    "camera": 1.0,
    "correspondence": 1.0,
    "patch_ray": 1.0,
}
DESCRIPTOR = 64  # channels in which patches are compared
METADATA_KEY = "fast3dis_geometry"  # in the exported file, beside Depth Anything 3's own names


class GeometryNetwork(nn.Module):
    """A Depth Anything 3 network, and the projections of tokens that only the losses of training need.

    Two give descriptors for the correspondence loss; one reads rays off the last tokens, a short way for cameras
    into the global attention: the ray branch of the head and the camera decoder lie behind many layers.

    Parameters
    ----------
    size : str
        Row of `MODEL_SIZES`; an any-view network.

    Raises
    ------
    ConfigError
        For a nested or monocular size.
    """

    def __init__(self, size: str) -> None:
        super().__init__()
        self.backbone = DepthAnything3(size)
        if not isinstance(self.backbone.model, AnyViewNetwork):
            raise ConfigError(f"Size {size!r} cannot be trained as geometry: choose nano, small, base, large or giant.")
        config = self.any_view.config
        # tokens just before the first block that sees other views, and of the last block
        self.compared_layers = (config.alternating_start - config.alternating_start % 2, config.depth - 1)
        self.descriptors = nn.ModuleList(nn.Linear(config.embed_dim, DESCRIPTOR) for _ in self.compared_layers)
        self.patch_rays = nn.Linear(config.embed_dim, 6)

    @property
    def any_view(self) -> AnyViewNetwork:
        """The network itself."""
        return self.backbone.any_view


class GeometryStage:
    """Stage 1, as `stage.Stage` describes it.

    Parameters
    ----------
    config : TrainingConfig
    network : GeometryNetwork
        On the device it is to be trained on.
    precision : {"float32", "bfloat16"}
        Of the transformer; heads, cameras and losses are float32.
    """

    def __init__(self, config: TrainingConfig, network: GeometryNetwork, *, precision: str) -> None:
        self.config = config
        self.network = network.train()
        self.precision = precision
        rooms = {"backbone.model.backbone.pretrained": "transformer", "backbone.model": "geometry"}
        self.trained: Mapping[str, nn.Parameter] = {
            _in_room(name, rooms): value for name, value in network.named_parameters()
        }
        self._watch: dict[str, Tensor] = {}

    def loss(self, sample: SceneSample, plan: StepPlan, *, progress: float, generator: torch.Generator) -> StepLoss:
        """All terms of one batch; nothing in them is random or depends on progress."""
        truth = sample.geometry
        assert truth is not None
        images, network = sample.views.images, self.network.any_view
        height, width = images.shape[-2:]
        tokens = self._camera_tokens(truth) if plan.draw < self.config.posed_share else None
        with autocast(images.device, self.precision):
            output = network.backbone.pretrained(
                network.embed(images),
                grid=(height // PATCH_SIZE, width // PATCH_SIZE),
                camera_tokens=tokens,
                export_layers=self.network.compared_layers,
            )
        maps = network.predict_depth(output.features, height, width, rays=True)
        encoding = network.cam_dec(output.camera_tokens[-1].float())
        targets = losses.geometry_targets(truth, output.reference)
        assert maps.ray is not None
        assert maps.ray_confidence is not None
        rays = losses.true_rays(targets, *maps.ray.shape[2:4])
        patch, visible = losses.corresponding_patches(targets)
        terms = {
            "depth": losses.depth_loss(maps.depth, maps.confidence, targets.depth),
            "gradient": losses.gradient_loss(maps.depth, targets.depth),
            "ray": losses.ray_loss(maps.ray, maps.ray_confidence, rays),
            "point": losses.point_loss(maps.depth, maps.ray, targets.depth, rays),
            "camera": losses.camera_loss(encoding, targets.cameras),
            "correspondence": self._correspondence(output.exported, patch, visible),
            "patch_ray": self._patch_rays(output.exported[self.network.compared_layers[-1]], targets),
        }
        total = torch.stack([weight * terms[name] for name, weight in WEIGHTS.items()]).sum()
        self._watch = {
            "depth_confidence": maps.confidence.detach().mean(),
            "ray_confidence": maps.ray_confidence.detach().mean(),
            "visible_patches": visible.float().mean(),
        }
        return StepLoss(total=total, terms={TOTAL: total.detach(), **{k: v.detach() for k, v in terms.items()}})

    def watch(self) -> Mapping[str, float]:
        """Mean confidences, and the share of patches with a partner, of the latest batch."""
        return {name: float(value) for name, value in self._watch.items()}

    @torch.no_grad()
    def validate(self, sample: SceneSample) -> Validation:
        """Depth error after one scale for the scene, and errors of the cameras relative to view 0."""
        truth = sample.geometry
        assert truth is not None
        images = sample.views.images
        self.network.eval()
        with autocast(images.device, self.precision):
            prediction = self.network.backbone(images)
        self.network.train()
        depth = prediction.depth * depth_scale(prediction.depth, truth.depth)
        figures = {
            "depth_abs_rel": float(depth_error(prediction.depth, truth.depth)),
            **camera_errors(prediction.world_to_camera, prediction.intrinsics, truth),
        }
        limit = float(truth.depth.max())
        rows = [photo(images[0]), depth_image(truth.depth[0], limit), depth_image(depth[0], limit)]
        return Validation(figures=figures, picture=rows_of_views(rows))

    def state(self) -> dict[str, Tensor]:
        """All parameters, each once."""
        return {name: value for name, value in self.network.state_dict().items() if stored_name(name) == name}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Put all parameters back."""
        self.network.load_state_dict(dict(state))

    def export(self, path: Path, provenance: Provenance) -> None:
        """Write the backbone alone, under the names of published Depth Anything 3 files."""
        names = self.network.backbone.state_dict()
        tensors = {name: value.cpu().contiguous() for name, value in names.items() if stored_name(name) == name}
        metadata = {METADATA_KEY: json.dumps(to_mapping(provenance), sort_keys=True)}
        with atomic_file(path, overwrite=True) as file:
            file.write(save(tensors, metadata=metadata))

    def _camera_tokens(self, truth: SceneGeometry) -> Tensor:
        height, width = truth.depth.shape[-2:]
        cameras = normalize_cameras(truth.world_to_camera)
        return self.network.any_view.camera_tokens(cameras, truth.intrinsics, height, width)

    def _patch_rays(self, tokens: Tensor, targets: losses.GeometryTargets) -> Tensor:
        """L1 error of the rays of all patches, from tokens (B, S, rows, columns, D)."""
        rays = self.network.patch_rays(tokens.float())  # (B, S, rows, columns, 6)
        return losses.ray_loss(rays, torch.ones_like(rays[..., 0]), losses.true_rays(targets, *rays.shape[2:4]))

    def _correspondence(self, exported: Mapping[int, Tensor], patch: Tensor, visible: Tensor) -> Tensor:
        terms = []
        for layer, descriptor in zip(self.network.compared_layers, self.network.descriptors, strict=True):
            features = descriptor(exported[layer].flatten(2, 3).float())  # (B, S, P, DESCRIPTOR)
            terms.append(losses.correspondence_loss(features, patch, visible))
        return torch.stack(terms).mean()


def camera_errors(world_to_camera: Tensor, intrinsics: Tensor, truth: SceneGeometry) -> dict[str, float]:
    """Errors of predicted cameras, both worlds re-based to view 0.

    Parameters
    ----------
    world_to_camera : Tensor (B, S, 4, 4)
    intrinsics : Tensor (B, S, 3, 3)
    truth : SceneGeometry
        With a leading axis B.

    Returns
    -------
    dict of str to float
        Medians over all views but the first: rotation and direction of translation in degrees; over all views:
        horizontal field of view in degrees.
    """
    width = truth.depth.shape[-1]
    directions = translation_angles(world_to_camera, truth.world_to_camera)
    fields = horizontal_fields(intrinsics, width) - horizontal_fields(truth.intrinsics, width)
    return {
        "rotation_degrees": _median_degrees(rotation_angles(world_to_camera, truth.world_to_camera)),
        "translation_degrees": _median_degrees(directions[~directions.isnan()]),
        "field_of_view_degrees": _median_degrees(fields.abs()),
    }


def _median_degrees(angles: Tensor) -> float:
    """NaN for no angle, or one that is not a number."""
    return float(np.degrees(np.median(angles.cpu().numpy()))) if angles.numel() else float("nan")


def _in_room(name: str, rooms: Mapping[str, str]) -> str:
    """Name with a longer prefix replaced by the room that stands for it; the first that fits."""
    for prefix, room in rooms.items():
        if name.startswith(f"{prefix}."):
            return f"{room}{name.removeprefix(prefix)}"
    return name
