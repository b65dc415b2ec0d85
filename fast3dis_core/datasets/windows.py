"""Windows of views cut out of scenes, as batches for training (paper 4.1; training data of one step).

A window is a run of neighboring views of a scene, in a random order, perhaps mirrored. All choices come from the
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
from fast3dis_core.datasets.sample import UNLABELED, SceneSample
from fast3dis_core.geometry.cameras import rebase
from fast3dis_core.scene import SceneGeometry, ViewBatch

CONTRAST = 0.3  # half widths of the color changes; exposure and tint come with `augment_views`
SATURATION = 0.3
HUE = 0.05  # of a full turn
SHUFFLED_SHARE = 0.5  # of the windows: photos of a room need not come in the order they were taken
ANY_STRIDE = (1, 10**9)

# luma and two color axes at a right angle (YIQ); a turn about luma changes the hue
_TO_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))


@dataclass(frozen=True, kw_only=True)
class Window:
    """Which views of a scene, in which order, and whether mirrored."""

    views: tuple[int, ...]
    mirrored: bool


def draw_window(
    available: int,
    count: int,
    rng: np.random.Generator,
    *,
    augment: bool = True,
    strides: tuple[int, int] = ANY_STRIDE,
) -> Window:
    """Draw a window.

    Parameters
    ----------
    available, count : int
        Views of the scene and of the window; `count <= available`.
    rng : np.random.Generator
    augment : bool
        Off: from view 0 on at the least stride, in order, never mirrored.
    strides : (int, int)
        Least and most views from one to the next; scenes too short for them are left at the longest that fits.

    Returns
    -------
    Window
    """
    longest = max(1, (available - 1) // max(count - 1, 1))
    least, most = (min(stride, longest) for stride in strides)
    if not augment:
        return Window(views=tuple(range(0, count * least, least)), mirrored=False)
    stride = int(rng.integers(least, most + 1))
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
        Every tensor with a leading axis B, on the CPU. World = camera of the window's first view, meters.
    """
    samples = [_chosen(room, list(window.views)) for room, window in zip(rooms, windows, strict=True)]
    return stack_samples(
        [mirror(sample) if window.mirrored else sample for sample, window in zip(samples, windows, strict=True)]
    )


def mirror(sample: SceneSample) -> SceneSample:
    """A single scene as a mirror on its left or right side shows it: photos, maps, ids and cameras.

    Parameters
    ----------
    sample : SceneSample
        With geometry, without normals and surface.

    Returns
    -------
    SceneSample
        Mirroring twice changes nothing.
    """
    geometry = sample.geometry
    assert geometry is not None
    assert sample.normals is None
    assert sample.surface is None
    intrinsics = geometry.intrinsics.clone()
    intrinsics[:, 0, 2] = geometry.depth.shape[-1] - intrinsics[:, 0, 2]
    # the mirrored world: x changes its sign before and after, so a rotation stays a rotation
    sign = torch.diag(geometry.world_to_camera.new_tensor([-1.0, 1.0, 1.0, 1.0]))
    return replace(
        sample,
        views=replace(sample.views, images=sample.views.images.flip(-1)),
        instance_ids=sample.instance_ids.flip(-1),
        geometry=replace(
            geometry,
            depth=geometry.depth.flip(-1),
            confidence=geometry.confidence.flip(-1),
            intrinsics=intrinsics,
            world_to_camera=sign @ geometry.world_to_camera @ sign,
        ),
    )


def stack_samples(samples: Sequence[SceneSample]) -> SceneSample:
    """Scenes of equal size as one batch.

    Parameters
    ----------
    samples : sequence of B SceneSamples
        Of S views each, with geometry; normals and surface are left out. Class names may differ.

    Returns
    -------
    SceneSample
        Every tensor with a leading axis B. World = camera of view 0; class names are those of all scenes.
    """
    geometries = [sample.geometry for sample in samples if sample.geometry is not None]
    images, ids = (torch.stack(maps) for maps in ([s.views.images for s in samples], [s.instance_ids for s in samples]))
    batch, views, _, height, width = images.shape
    depth, confidence, intrinsics, world_to_camera = (
        torch.stack([getattr(geometry, name) for geometry in geometries])
        for name in ("depth", "confidence", "intrinsics", "world_to_camera")
    )
    class_names, class_ids = _common_classes(samples)
    return SceneSample(
        views=ViewBatch(
            images=images,
            names=tuple(f"view_{index:03d}.jpg" for index in range(views)),
            source_sizes=torch.tensor([height, width]).expand(batch, views, 2),
            source_to_network=torch.eye(3, dtype=torch.float64).expand(batch, views, 3, 3),
        ),
        instance_ids=ids,
        class_ids=class_ids,
        class_names=class_names,
        geometry=SceneGeometry(
            depth=depth,
            confidence=confidence,
            intrinsics=intrinsics,
            world_to_camera=rebase(world_to_camera),
            is_metric=all(geometry.is_metric for geometry in geometries),
        ),
    )


def _common_classes(samples: Sequence[SceneSample]) -> tuple[tuple[str, ...], Tensor]:
    """Class names of all scenes, and the classes of their ids among them, Tensor (B, I)."""
    names = samples[0].class_names
    if any(sample.class_names != names for sample in samples):
        names = (UNLABELED, *sorted({name for sample in samples for name in sample.class_names} - {UNLABELED}))
    class_ids = torch.zeros(len(samples), max(len(sample.class_ids) for sample in samples), dtype=torch.int64)
    for row, sample in zip(class_ids, samples, strict=True):
        places = torch.tensor([names.index(name) for name in sample.class_names])
        row[: len(sample.class_ids)] = places[sample.class_ids]
    return names, class_ids


def _chosen(room: RenderedRoom, views: list[int]) -> SceneSample:
    """Some views of a room, in the room's own world."""
    height, width = room.depth.shape[-2:]
    depth = torch.from_numpy(room.depth[views].astype(np.float32) * np.float32(DEPTH_STEP))
    return SceneSample(
        views=ViewBatch(
            images=torch.from_numpy(room.images[views].astype(np.float32) / 255),
            names=tuple(f"view_{view:03d}.jpg" for view in views),
            source_sizes=torch.tensor([height, width]).expand(len(views), 2),
            source_to_network=torch.eye(3, dtype=torch.float64).expand(len(views), 3, 3),
        ),
        instance_ids=torch.from_numpy(room.instance_ids[views].astype(np.int32)),
        class_ids=torch.from_numpy(room.class_ids.astype(np.int64)),
        class_names=CLASS_NAMES,
        geometry=SceneGeometry(
            depth=depth,
            confidence=(depth > 0).float(),
            intrinsics=torch.from_numpy(room.intrinsics[views]),
            world_to_camera=torch.from_numpy(room.world_to_camera[views]),
            is_metric=True,
        ),
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
