"""Tensor values handed between the steps: photos, geometry, encoded scene, decoder trace.

All are frozen, all float32 unless said. Shapes are checked here and trusted elsewhere. The shapes are
those of one scene; `model` and `training` work on the same values with one more axis B of scenes in
front of every tensor (`batched` adds it, `scene` takes one entry out). Paper section 3.

Frames: world is the camera frame of view 0; camera axes are OpenCV (x right, y down, z forward);
`p_camera = world_to_camera @ p_world`. Units are scene units, meters only if `is_metric`.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from fast3dis_core.geometry.cameras import unproject

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class ViewBatch:
    """Photos of one scene, resized to one network size, on the CPU.

    Attributes
    ----------
    images : Tensor (S, 3, H, W)
        RGB in [0, 1]; H and W are multiples of 14. Normalization happens in the model.
    names : tuple of S str
        Shown to the user; unique within the batch.
    source_sizes : Tensor (S, 2) int64
        Height and width of the photo before resizing, EXIF orientation applied.
    source_to_network : Tensor (S, 3, 3) float64
        Maps homogeneous pixels of the photo to pixels of H x W: `K_network = source_to_network @ K_photo`.
    notes : tuple of str
        Sentences the user should see: which photos were left out or cropped, and why.
    """

    images: Tensor
    names: tuple[str, ...]
    source_sizes: Tensor
    source_to_network: Tensor
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        sizes = _check(self, images="S 3 H W", source_sizes="S 2", source_to_network="S 3 3")
        if len(self.names) != sizes["S"]:
            raise ValueError(f"ViewBatch needs one name per view: {sizes['S']} views, {len(self.names)} names")

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, kw_only=True)
class PosedCameras:
    """Cameras that came with the photos.

    Attributes
    ----------
    intrinsics : Tensor (S, 3, 3)
        Pixels of H x W, pixel centers at +0.5.
    world_to_camera : Tensor (S, 4, 4)
        World = camera frame of view 0, as everywhere; entry 0 is the identity.
    is_metric : bool
        Whether that world is in meters.
    """

    intrinsics: Tensor
    world_to_camera: Tensor
    is_metric: bool = False

    def __post_init__(self) -> None:
        _check(self, intrinsics="S 3 3", world_to_camera="S 4 4")


@dataclass(frozen=True, kw_only=True)
class SceneGeometry:
    """What the geometry pass predicts, or what a posed RGB-D folder brings (paper 3.1).

    Attributes
    ----------
    depth : Tensor (S, H, W)
        Along the camera z axis, scene units.
    confidence : Tensor (S, H, W)
        At least 0, higher is better.
    intrinsics : Tensor (S, 3, 3)
        Pixels of H x W, pixel centers at +0.5.
    world_to_camera : Tensor (S, 4, 4)
    is_metric : bool
        Whether scene units are meters.
    """

    depth: Tensor
    confidence: Tensor
    intrinsics: Tensor
    world_to_camera: Tensor
    is_metric: bool = False

    def __post_init__(self) -> None:
        _check(self, depth="S H W", confidence="S H W", intrinsics="S 3 3", world_to_camera="S 4 4")

    def points(self) -> Tensor:
        """World position of every pixel center, Tensor (S, H, W, 3)."""
        return unproject(self.depth, self.intrinsics, self.world_to_camera)


@dataclass(frozen=True, kw_only=True)
class SceneFrame:
    """The box the decoder thinks in: `normalized = (world - center) / scale`.

    Attributes
    ----------
    center : Tensor (3,)
        World; median of the confident points (mu).
    scale : Tensor ()
        World units; 80 % quantile of the points' largest coordinate distance from `center` (rho).
    """

    center: Tensor
    scale: Tensor

    def __post_init__(self) -> None:
        _check(self, center="3", scale="")

    def normalize(self, points: Tensor) -> Tensor:
        """World points (..., 3) to normalized coordinates."""
        extra = points.ndim - self.center.ndim
        return (points - _insert_axes(self.center, extra)) / _insert_axes(self.scale[..., None], extra)

    def denormalize(self, points: Tensor) -> Tensor:
        """Normalized points (..., 3) to world coordinates."""
        extra = points.ndim - self.center.ndim
        return points * _insert_axes(self.scale[..., None], extra) + _insert_axes(self.center, extra)


@dataclass(frozen=True, kw_only=True)
class EncodedScene:
    """Everything `decode` needs; the expensive part, computed once per scene (paper 3.1-3.3).

    Attributes
    ----------
    geometry : SceneGeometry
    frame : SceneFrame
    features : tuple of 3 Tensors (S, C, h, w)
        Levels 1/32, 1/16, 1/8 (true strides 28, 14, 7): F_dec of the paper.
    mask_features : Tensor (S, C, h, w)
        Level 1/4: F_mask.
    initial_anchors : Tensor (N, 3)
        World; A^0 of eq. 1.
    initial_queries : Tensor (N, C)
    """

    geometry: SceneGeometry
    frame: SceneFrame
    features: tuple[Tensor, Tensor, Tensor]
    mask_features: Tensor
    initial_anchors: Tensor
    initial_queries: Tensor

    def __post_init__(self) -> None:
        sizes = _check(self, mask_features="S C h w", initial_anchors="N 3", initial_queries="N C")
        for level in self.features:
            if level.shape[-4:-2] != (sizes["S"], sizes["C"]):
                raise ValueError(
                    f"EncodedScene.features: expected (S, C) = {sizes['S'], sizes['C']}, "
                    f"found shape {tuple(level.shape)}"
                )


@dataclass(frozen=True, kw_only=True)
class DecoderLayer:
    """State of all queries after one decoder layer, with the heads applied (paper 3.4, 3.5).

    Attributes
    ----------
    anchors : Tensor (N, 3)
        World.
    queries : Tensor (N, C)
    objectness_logits : Tensor (N,)
    mask_embeddings : Tensor (N, C)
    """

    anchors: Tensor
    queries: Tensor
    objectness_logits: Tensor
    mask_embeddings: Tensor

    def __post_init__(self) -> None:
        _check(self, anchors="N 3", queries="N C", objectness_logits="N", mask_embeddings="N C")


@dataclass(frozen=True, kw_only=True)
class DecoderTrace:
    """`layers` 0 (the generator's output) to L. Masks follow from embeddings x `mask_features`."""

    layers: tuple[DecoderLayer, ...]


def batched(value: Value, device: torch.device | None = None) -> Value:
    """The same value with a batch axis of one scene in front of every tensor, and on a device if one is given."""
    return cast(Value, _map_tensors(value, lambda tensor: (tensor if device is None else tensor.to(device))[None]))


def scene(value: Value, index: int) -> Value:
    """Entry `index` of the batch axis, as the value of one scene."""
    return cast(Value, _map_tensors(value, lambda tensor: tensor[index]))


def to_device(value: Value, device: torch.device) -> Value:
    """The same value with every tensor on `device`."""
    return cast(Value, _map_tensors(value, lambda tensor: tensor.to(device)))


def _map_tensors(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, tuple):
        return tuple(_map_tensors(item, function) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value)(
            **{f.name: _map_tensors(getattr(value, f.name), function) for f in dataclasses.fields(value)}
        )
    return value


def _insert_axes(tensor: Tensor, count: int) -> Tensor:
    return tensor.reshape(*tensor.shape[:-1], *(1,) * count, tensor.shape[-1])


def _check(value: Any, **shapes: str) -> dict[str, int]:
    """Compare trailing shapes with patterns such as "S 3 H W"; letters must agree across fields."""
    sizes: dict[str, int] = {}
    leading: set[int] = set()
    for name, pattern in shapes.items():
        tensor, axes = getattr(value, name), pattern.split()
        found = tuple(tensor.shape)
        tail = found[len(found) - len(axes) :]
        leading.add(len(found) - len(axes))
        fits = 0 <= len(found) - len(axes) <= 1 and all(
            size == (int(axis) if axis.isdigit() else sizes.setdefault(axis, size))
            for axis, size in zip(axes, tail, strict=True)
        )
        if not fits or len(leading) > 1:
            known = ", ".join(f"{letter}={size}" for letter, size in sizes.items())
            expected = pattern.replace(" ", ", ")
            raise ValueError(f"{type(value).__name__}.{name}: expected shape ({expected}), found {found} ({known})")
    return sizes
