"""`render_scenes`: seeds to a batched `SceneSample`, in two steps.

`prepare_scenes` draws rooms and cameras on the CPU (NumPy, and small probe images to choose the cameras);
`render` turns the prepared value into images, depth and ids on any device. A worker process may do the one
while a GPU does the other. Everything is a function of (version, seed, number of views, aspect ratio): the
batch a room is in changes nothing.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from fast3dis_core.datasets.procedural_rooms.arrangement import draw_layout
from fast3dis_core.datasets.procedural_rooms.augmentation import augment_views
from fast3dis_core.datasets.procedural_rooms.cameras import propose_paths, rate_paths, view_overlap
from fast3dis_core.datasets.procedural_rooms.frames import Frames, intrinsics_at, render_frames
from fast3dis_core.datasets.procedural_rooms.packing import CLASS_NAMES, MOST_INSTANCES, PreparedScenes, pack, stack
from fast3dis_core.datasets.procedural_rooms.primitives import RoomLayout
from fast3dis_core.datasets.procedural_rooms.version import VERSION
from fast3dis_core.datasets.sample import STRUCTURE, SceneSample
from fast3dis_core.datasets.surface import visible_surface
from fast3dis_core.errors import ConfigError
from fast3dis_core.geometry.cameras import invert_rigid, rebase
from fast3dis_core.scene import SceneGeometry, ViewBatch

MOST_VIEWS = 12
PROBE_WIDTH = 24  # pixels of the small images that choose cameras
PROPOSALS = 5  # camera paths per room and round
ROUNDS = 4


def prepare_scenes(seeds: Sequence[int], *, views: int, height: int, width: int) -> PreparedScenes:
    """Draw the rooms of some seeds and choose their cameras. On the CPU.

    Parameters
    ----------
    seeds : sequence of B int
    views : int
        S, 1 to 12.
    height, width : int
        Aspect ratio of the images to come; the paths depend on nothing else of it.

    Returns
    -------
    PreparedScenes

    Raises
    ------
    ConfigError
        For no seed, a negative seed or a number of views out of range.
    """
    if not seeds or min(seeds) < 0:
        raise ConfigError(f"Rooms need at least one seed, none of them negative; found {list(seeds)}.")
    if not 1 <= views <= MOST_VIEWS:
        raise ConfigError(f"A room is rendered in 1 to {MOST_VIEWS} views, found {views}.")
    probe_height = max(8, round(PROBE_WIDTH * height / width))
    return stack([_prepare(int(seed), views, probe_height) for seed in seeds])


def prepare_walks(seed: int, *, walks: int, views: int, height: int, width: int) -> PreparedScenes:
    """Several camera paths through one room, for more photos of it than one path has.

    Parameters
    ----------
    seed : int
    walks : int
    views : int
        Of each walk, 1 to 12.
    height, width : int
        Aspect ratio of the images to come.

    Returns
    -------
    PreparedScenes
        One entry for each walk; the first is what `prepare_scenes` gives.

    Raises
    ------
    ConfigError
        For a negative seed, no walk, or a number of views out of range.
    """
    if seed < 0 or walks < 1 or not 1 <= views <= MOST_VIEWS:
        raise ConfigError(
            f"Walks through a room: expected a seed of 0 or more, a walk and 1 to {MOST_VIEWS} views, found seed "
            f"{seed}, {walks} walks and {views} views."
        )
    probe_height = max(8, round(PROBE_WIDTH * height / width))
    return stack([_prepare(seed, views, probe_height, walk) for walk in range(walks)])


def _prepare(seed: int, views: int, probe_height: int, walk: int = 0) -> PreparedScenes:
    """One room with the best of several camera paths, more of them if none meets every demand."""
    layout = draw_layout(seed, VERSION)
    rng = np.random.default_rng([1, seed, *VERSION.encode(), *([walk] if walk else [])])
    best, most = None, -np.inf
    for _ in range(ROUNDS):
        rivals = stack([pack(layout, path, seed) for path in propose_paths(layout, views, PROPOSALS, rng)])
        scores, acceptable = _rate(layout, rivals, probe_height)
        winner = int(scores.argmax())
        if best is None or scores[winner] > most:
            best, most = rivals.room(winner), float(scores[winner])
        if acceptable[winner]:
            break
    assert best is not None
    return best


def _rate(layout: RoomLayout, rivals: PreparedScenes, height: int) -> tuple[Tensor, Tensor]:
    """Score of every rival path (A,) and whether it meets every demand (A,)."""
    frames = render_frames(rivals, height=height, width=PROBE_WIDTH, color=False)
    intrinsics = intrinsics_at(rivals, height, PROBE_WIDTH)
    overlap = view_overlap(frames.depth, intrinsics, rivals.camera_to_layout.float())
    objects = sum(name != STRUCTURE for name in layout.names) - 1
    return rate_paths(frames.depth, frames.ids, overlap, objects)


def render(
    scenes: PreparedScenes,
    *,
    height: int,
    width: int,
    shadow_samples: int = 1,
    supersample: int = 1,
    augment: bool = False,
    normals: bool = False,
    tiles_per_chunk: int | None = None,
) -> SceneSample:
    """Render prepared rooms into one batched sample, on the device they are on.

    Parameters
    ----------
    scenes : PreparedScenes
    height, width : int
        Pixels; multiples of 14 for a network.
    shadow_samples : int
    supersample : int
        Colors are averaged over so many rays per pixel and axis; depth and ids belong to pixel centers.
    augment : bool
        Make the images look like photographs (`augmentation`).
    normals : bool
        Also return normals.
    tiles_per_chunk : int, optional

    Returns
    -------
    SceneSample
        Every tensor with a leading axis B.
    """
    frames = render_frames(
        scenes, height=height, width=width, color=supersample == 1, shadow_samples=shadow_samples,
        normals=normals, tiles_per_chunk=tiles_per_chunk,
    )  # fmt: skip
    images = frames.color
    if supersample > 1:
        fine = render_frames(
            scenes, height=height * supersample, width=width * supersample, shadow_samples=shadow_samples,
            tiles_per_chunk=tiles_per_chunk,
        )  # fmt: skip
        assert fine.color is not None
        images = torch.nn.functional.avg_pool2d(fine.color.flatten(0, 2)[:, None], supersample)
        images = images.unflatten(0, fine.color.shape[:3]).squeeze(3)  # (B, S, 3, H, W)
    assert images is not None
    if augment:
        images = augment_views(images, scenes.seeds)
    return _sample(scenes, frames, images)


def _sample(scenes: PreparedScenes, frames: Frames, images: Tensor) -> SceneSample:
    batch, views, _, height, width = images.shape
    device = images.device
    layout_to_camera = invert_rigid(scenes.camera_to_layout)
    world_to_camera = rebase(layout_to_camera).float()
    intrinsics = intrinsics_at(scenes, height, width)
    seen = torch.zeros(batch, MOST_INSTANCES, dtype=torch.bool, device=device)
    seen.scatter_(1, frames.ids.flatten(1).long(), True)
    normals = frames.normals
    if normals is not None:
        turn = layout_to_camera[..., :3, :3].float()
        normals = (turn[..., None, None] * normals[:, :, None]).sum(3)  # (B, S, 3, H, W)
    return SceneSample(
        views=ViewBatch(
            images=images,
            names=tuple(f"view_{index:03d}.jpg" for index in range(views)),
            source_sizes=torch.tensor([height, width], device=device).expand(batch, views, 2),
            source_to_network=torch.eye(3, dtype=torch.float64, device=device).expand(batch, views, 3, 3),
        ),
        instance_ids=frames.ids,
        class_ids=torch.where(seen, scenes.class_ids, 0),
        class_names=CLASS_NAMES,
        geometry=SceneGeometry(
            depth=frames.depth,
            confidence=(frames.depth > 0).float(),
            intrinsics=intrinsics,
            world_to_camera=world_to_camera,
            is_metric=True,
        ),
        normals=normals,
        surface=visible_surface(frames.depth, frames.ids, intrinsics, world_to_camera),
    )


def render_scenes(
    seeds: Sequence[int],
    *,
    views: int,
    height: int,
    width: int,
    device: torch.device | str = "cpu",
    shadows: bool = True,
    augment: bool = False,
    normals: bool = False,
) -> SceneSample:
    """Rooms of some seeds, rendered: the whole line from seed to sample.

    Parameters
    ----------
    seeds : sequence of B int
        See `splits`.
    views : int
        S per room, 1 to 12.
    height, width : int
        Pixels.
    device : torch.device or str
        Where to render; rooms are drawn on the CPU.
    shadows, augment, normals : bool

    Returns
    -------
    SceneSample
        Every tensor with a leading axis B; `fast3dis_core.scene.scene(sample, i)` is room i.
    """
    prepared = prepare_scenes(seeds, views=views, height=height, width=width).to(torch.device(device))
    return render(prepared, height=height, width=width, shadow_samples=int(shadows), augment=augment, normals=normals)
