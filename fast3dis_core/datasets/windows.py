"""Windows of views cut out of rendered rooms, as batches for training (paper 4.1; training data of one step).

A window is a run of neighboring views of a room, in a random order, perhaps mirrored. All choices come from the
NumPy generator passed in. Colors are changed afterwards, on the device of the batch and the same in all views of
a scene, since pixels are many and disks are slow.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from fast3dis_core.datasets.procedural_rooms import CLASS_NAMES
from fast3dis_core.datasets.procedural_rooms.augmentation import augment_views
from fast3dis_core.datasets.rendered import DEPTH_STEP, RenderedRoom
from fast3dis_core.datasets.sample import SceneSample
from fast3dis_core.geometry.cameras import rebase
from fast3dis_core.scene import SceneGeometry, ViewBatch

CONTRAST = 0.3  # half widths of the color changes; exposure and tint come with `augment_views`
SATURATION = 0.3
HUE = 0.05  # of a full turn
SHUFFLED_SHARE = 0.5  # of the windows: photos of a room need not come in the order they were taken

# luma and two color axes at a right angle (YIQ); a turn about luma changes the hue
_TO_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))


@dataclass(frozen=True, kw_only=True)
class Window:
    """Which views of a room, in which order, and whether mirrored."""

    views: tuple[int, ...]
    mirrored: bool


def draw_window(available: int, count: int, rng: np.random.Generator, *, augment: bool = True) -> Window:
    """Draw a window.

    Parameters
    ----------
    available, count : int
        Views of the room and of the window; `count <= available`.
    rng : np.random.Generator
    augment : bool
        Off: neighboring views from view 0 on, in order, never mirrored.

    Returns
    -------
    Window
    """
    if not augment:
        return Window(views=tuple(range(count)), mirrored=False)
    stride = int(rng.integers(1, max(1, (available - 1) // max(count - 1, 1)) + 1))
    first = int(rng.integers(0, available - stride * (count - 1)))
    views = first + stride * np.arange(count)
    if rng.random() < SHUFFLED_SHARE:
        views = rng.permutation(views)
    return Window(views=tuple(views.tolist()), mirrored=bool(rng.random() < 0.5))


def cut(rooms: Sequence[RenderedRoom], windows: Sequence[Window]) -> SceneSample:
    """One batched sample of B rooms seen through windows of S views each.

    Parameters
    ----------
    rooms : sequence of B RenderedRooms of one size
    windows : sequence of B Windows of S views

    Returns
    -------
    SceneSample
        Every tensor with a leading axis B, on the CPU. World = camera of the window's first view, metres.
    """
    columns = [_cut_one(room, window) for room, window in zip(rooms, windows, strict=True)]
    images, depth, ids, class_ids, intrinsics, world_to_camera = (
        torch.from_numpy(np.stack(items)) for items in zip(*columns, strict=True)
    )
    batch, views, _, height, width = images.shape
    return SceneSample(
        views=ViewBatch(
            images=images,
            names=tuple(f"view_{index:03d}.jpg" for index in range(views)),
            source_sizes=torch.tensor([height, width]).expand(batch, views, 2),
            source_to_network=torch.eye(3, dtype=torch.float64).expand(batch, views, 3, 3),
        ),
        instance_ids=ids,
        class_ids=class_ids,
        class_names=CLASS_NAMES,
        geometry=SceneGeometry(
            depth=depth,
            confidence=(depth > 0).float(),
            intrinsics=intrinsics,
            world_to_camera=rebase(world_to_camera),
            is_metric=True,
        ),
    )


def _cut_one(room: RenderedRoom, window: Window) -> tuple[np.ndarray, ...]:
    """Images, depth, ids, classes, intrinsics and cameras of one window, in the types of a `SceneSample`."""
    chosen = list(window.views)
    images, depth, ids = (array[chosen] for array in (room.images, room.depth, room.instance_ids))
    intrinsics, world_to_camera = room.intrinsics[chosen], room.world_to_camera[chosen]
    if window.mirrored:
        images, depth, ids = (array[..., ::-1] for array in (images, depth, ids))
        intrinsics = intrinsics.copy()
        intrinsics[:, 0, 2] = images.shape[-1] - intrinsics[:, 0, 2]
        # the mirrored world: x changes its sign before and after, so a rotation stays a rotation
        sign = np.diag([-1.0, 1.0, 1.0, 1.0]).astype(np.float32)
        world_to_camera = (sign @ world_to_camera @ sign).astype(np.float32)
    return (
        images.astype(np.float32) / 255,
        depth.astype(np.float32) * np.float32(DEPTH_STEP),
        ids.astype(np.int32),
        room.class_ids.astype(np.int64),
        intrinsics,
        world_to_camera,
    )


def change_colors(sample: SceneSample, seeds: Tensor) -> SceneSample:
    """Vary contrast, saturation and hue, then degrade images as a camera would; geometry and ids stay.

    Parameters
    ----------
    sample : SceneSample
        With a leading axis B.
    seeds : Tensor (B,) int64
        On the CPU; each decides all changes of its scene, whatever batch or device it is in.

    Returns
    -------
    SceneSample
    """
    images = sample.views.images
    draws = np.stack([np.random.default_rng(int(seed)).uniform(-1, 1, 3) for seed in seeds])
    contrast, saturation, hue = torch.from_numpy(draws).float().T.to(images.device)  # (B,) each
    to_yiq = images.new_tensor(_TO_YIQ)
    turn = hue * HUE * 2 * torch.pi
    scale = (1 + SATURATION * saturation)[:, None, None]
    rotation = torch.zeros(len(turn), 3, 3, device=images.device)
    rotation[:, 0, 0] = 1
    rotation[:, 1:, 1:] = torch.stack([turn.cos(), -turn.sin(), turn.sin(), turn.cos()], -1).unflatten(-1, (2, 2))
    rotation[:, 1:] = rotation[:, 1:] * scale
    matrix = torch.linalg.inv(to_yiq) @ rotation @ to_yiq  # (B, 3, 3)
    images = torch.einsum("bij,bsjhw->bsihw", matrix, images)
    middle = images.mean((1, 2, 3, 4), keepdim=True)
    images = (middle + (1 + CONTRAST * contrast)[:, None, None, None, None] * (images - middle)).clamp(0, 1)
    images = augment_views(images, seeds.to(images.device))
    return replace(sample, views=replace(sample.views, images=images))
