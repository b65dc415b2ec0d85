"""Rooms and cameras as tensors: `PreparedScenes`, the value between drawing and rendering.

Everything random is decided here; what follows is geometry. Rooms are padded to equal numbers of solids, and
padding is never hit.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fast3dis_core.datasets.procedural_rooms.cameras import Path
from fast3dis_core.datasets.procedural_rooms.materials import EMISSION
from fast3dis_core.datasets.procedural_rooms.primitives import RoomLayout
from fast3dis_core.datasets.procedural_rooms.ray_caster import MOST_SOLIDS, SolidTable
from fast3dis_core.datasets.procedural_rooms.shading import LightTable
from fast3dis_core.datasets.sample import STRUCTURE, UNLABELED
from fast3dis_core.scene import batched, scene, to_device

CLASS_NAMES = (
    UNLABELED, STRUCTURE, "armchair", "ball", "bed", "bench", "bin", "book", "books", "bottle", "bowl", "box",
    "cabinet", "chair", "clock", "cup", "cushion", "desk", "keyboard", "lamp", "laptop", "monitor", "nightstand",
    "plant", "rug", "shelf", "sofa", "stool", "table", "vase", "wardrobe",
)  # fmt: skip

MOST_INSTANCES = 80  # ids per room: objects, then structure


@dataclass(frozen=True)
class PreparedScenes:
    """B rooms with their cameras, ready to render on any device.

    Attributes
    ----------
    solids : SolidTable
    materials : Tensor (B, P, MATERIAL_WIDTH)
    instance : Tensor (B, P) int64
    lights : LightTable
    class_ids : Tensor (B, MOST_INSTANCES) int64
    camera_to_layout : Tensor (B, S, 4, 4) float64
    field_of_view : Tensor (B,) float64
        Horizontal, radians.
    seeds : Tensor (B,) int64
    """

    solids: SolidTable
    materials: Tensor
    instance: Tensor
    lights: LightTable
    class_ids: Tensor
    camera_to_layout: Tensor
    field_of_view: Tensor
    seeds: Tensor

    def to(self, device: torch.device) -> "PreparedScenes":
        """The same value on another device."""
        return to_device(self, device)

    def room(self, index: int) -> "PreparedScenes":
        """Room `index` alone, with B = 1."""
        return batched(scene(self, index))


def pack(layout: RoomLayout, path: Path, seed: int) -> PreparedScenes:
    """One room and one camera path as tensors with B = 1."""

    def single(array: object) -> Tensor:
        return torch.as_tensor(np.asarray(array), dtype=torch.float32)[None]

    kinds = torch.as_tensor(layout.kind)[None]
    glow = layout.materials[layout.material][:, EMISSION]
    corners = layout.outline
    class_ids = torch.zeros(1, MOST_INSTANCES, dtype=torch.int64)
    class_ids[0, : len(layout.names)] = torch.tensor([CLASS_NAMES.index(name) for name in layout.names])
    return PreparedScenes(
        solids=SolidTable(
            kind=kinds,
            center=single(layout.center),
            half=single(layout.half),
            axes=single(layout.axes),
            to_unit=single(layout.axes / layout.half[..., None]),
            taper=single(layout.taper),
            casts_shadow=torch.as_tensor(_casts_shadow(layout) & (glow < 0.5))[None],
        ),
        materials=single(layout.materials[layout.material]),
        instance=torch.as_tensor(layout.instance)[None],
        lights=LightTable(
            position=single([light.position for light in layout.lights]),
            color=single([light.color for light in layout.lights]),
            radius=single([light.radius for light in layout.lights]),
            ambient=single(layout.ambient),
            low=single([*corners.min(0), 0.0]),
            high=single([*corners.max(0), layout.height]),
        ),
        class_ids=class_ids,
        camera_to_layout=torch.as_tensor(path.camera_to_layout)[None],
        field_of_view=torch.tensor([path.field_of_view], dtype=torch.float64),
        seeds=torch.tensor([seed]),
    )


def _casts_shadow(layout: RoomLayout) -> np.ndarray:
    """Objects, and walls where a room is not convex: elsewhere the shell cannot stand before a light."""
    keep = ~layout.is_structure
    if len(layout.outline) > 4:
        low, high = layout.outline.min(0), layout.outline.max(0)
        inner = (layout.center[:, :2] > low - 0.01).all(1) & (layout.center[:, :2] < high + 0.01).all(1)
        tall = layout.half[:, 2] > 0.9
        keep = keep | (layout.is_structure & inner & tall)
    return np.asarray(keep)


def stack(scenes: Sequence[PreparedScenes]) -> PreparedScenes:
    """Join rooms along B, padding their solids to the longest list."""
    most = max(item.instance.shape[1] for item in scenes)
    if most > MOST_SOLIDS:
        raise AssertionError(f"a room has {most} solids, more than {MOST_SOLIDS}")

    def joined(items: Sequence[object]) -> object:
        first = items[0]
        if isinstance(first, Tensor):
            return torch.cat([item for item in items if isinstance(item, Tensor)])
        kind = type(first)
        return kind(**{f.name: joined([getattr(i, f.name) for i in items]) for f in dataclasses.fields(first)})  # type: ignore[arg-type]

    result = joined([_padded(item, most) for item in scenes])
    assert isinstance(result, PreparedScenes)
    return result


def _padded(scene: PreparedScenes, count: int) -> PreparedScenes:
    missing = count - scene.instance.shape[1]

    def pad(tensor: Tensor, value: float) -> Tensor:
        return torch.cat([tensor, tensor.new_full((tensor.shape[0], missing, *tensor.shape[2:]), value)], dim=1)

    solids = scene.solids
    return dataclasses.replace(
        scene,
        solids=SolidTable(
            kind=pad(solids.kind, -1),
            center=pad(solids.center, 0),
            half=pad(solids.half, 1),
            axes=pad(solids.axes, 0),
            to_unit=pad(solids.to_unit, 0),
            taper=pad(solids.taper, 1),
            casts_shadow=pad(solids.casts_shadow, 0),
        ),
        materials=pad(scene.materials, 1),
        instance=pad(scene.instance, 0),
    )
