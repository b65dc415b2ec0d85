"""The scenes of an evaluation: rooms of the validation or the test split, as they were rendered, never augmented.

Every room is a function of its seed, the number of views and the size, so that nothing has to be kept but the seed.
Paper section 4.1.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch

from fast3dis_core.config import PATCH_SIZE
from fast3dis_core.datasets.procedural_rooms import TEST_SEEDS, VALIDATION_SEEDS, prepare_walks, render
from fast3dis_core.datasets.procedural_rooms.rendering import MOST_VIEWS
from fast3dis_core.datasets.rendered import RoomCache, Size
from fast3dis_core.datasets.sample import SceneSample
from fast3dis_core.datasets.surface import visible_surface
from fast3dis_core.datasets.windows import Window, cut
from fast3dis_core.errors import ConfigError
from fast3dis_core.evaluation.sources import TruthSurface, surface_of_views
from fast3dis_core.pictures import photo, write_sheet
from fast3dis_core.preprocessing import Matrix
from fast3dis_core.progress import Report, silent
from fast3dis_core.scene import scene

Split = Literal["val", "test"]

SPLITS: Mapping[str, range] = {"val": VALIDATION_SEEDS, "test": TEST_SEEDS}
ASPECT = 3 / 4  # height over width


class EvaluationRooms:
    """Rooms of one size, each in the same number of views; an `EvaluationSource`.

    Parameters
    ----------
    cache : Path or str
        Folder of rendered rooms.
    views : int
    size : (int, int)
        Height and width, pixels.
    seeds : sequence of int
        The scenes, named by their seed.
    """

    def __init__(self, cache: Path | str, *, views: int, size: Size, seeds: Sequence[int] = ()) -> None:
        self.views, self.size = views, size
        self.scene_ids = tuple(str(seed) for seed in seeds)
        self._cache = RoomCache(cache, views=views)

    def prepare(
        self, scene_ids: Sequence[str | int], *, device: torch.device | str = "cpu", report: Report = silent
    ) -> int:
        """Render what is missing; returns how many that was.

        Raises
        ------
        ExportError
            If the cache cannot be written.
        Cancelled
            If `report` says so.
        """
        return self._cache.fill([int(name) for name in scene_ids], [self.size], device=device, report=report)

    def sample(self, scene_id: str | int) -> SceneSample:
        """One room with true geometry and surface points; rendered first if it has to be.

        Raises
        ------
        DatasetError
            If a stored room is damaged.
        ExportError
            If the cache cannot be written.
        """
        room = self._cache.room(int(scene_id), self.size)
        batch = cut([room], [Window(views=tuple(range(self.views)), mirrored=False)])
        assert batch.geometry is not None
        surface = visible_surface(
            batch.geometry.depth, batch.instance_ids, batch.geometry.intrinsics, batch.geometry.world_to_camera
        )
        return scene(replace(batch, surface=surface), 0)

    def surface(self, scene_id: str | int) -> TruthSurface | None:
        """Points that the views show, in the frame of view 0; `DatasetError` as `sample`."""
        return surface_of_views(self.sample(scene_id))

    def cameras(self, scene_id: str | int) -> dict[str, Matrix]:
        """World of view 0 to camera by photo; `DatasetError` as `sample`."""
        sample = self.sample(scene_id)
        assert sample.geometry is not None
        matrices = sample.geometry.world_to_camera.double().numpy()
        return dict(zip(sample.views.names, matrices, strict=True))


def photograph_room(folder: Path, seed: int, *, views: int, size: Size) -> None:
    """Photograph one room from as many places as are wanted, without cameras, depth or ids.

    Parameters
    ----------
    folder : Path
        Gets view_000.png and so on; must exist.
    seed : int
    views : int
        More than one walk through the room shows are taken from several, in turn.
    size : (int, int)
        Height and width, pixels.

    Raises
    ------
    ExportError
        If the disk refuses.
    """
    walks = math.ceil(views / MOST_VIEWS)
    prepared = prepare_walks(seed, walks=walks, views=math.ceil(views / walks), height=size[0], width=size[1])
    images = render(prepared, height=size[0], width=size[1]).views.images  # (walks, S, 3, H, W)
    photos = photo(images.transpose(0, 1).flatten(0, 1)[:views])  # (views, H, W, 3)
    for number, pixels in enumerate(photos):
        write_sheet(folder / f"view_{number:03d}.png", [pixels])


def room_seeds(split: str, count: int | None) -> tuple[int, ...]:
    """The first `count` seeds of a split, by default all.

    Raises
    ------
    ConfigError
        For an unknown split, or more rooms than it has.
    """
    if split not in SPLITS:
        raise ConfigError(f"--split: expected {' or '.join(SPLITS)}, found {split!r}.")
    seeds = SPLITS[split]
    if count is not None and not 1 <= count <= len(seeds):
        raise ConfigError(f"--scenes: the split {split} has {len(seeds)} rooms, found {count}.")
    return tuple(seeds[:count])


def size_of(resolution: int) -> Size:
    """Height and width for a long edge: a height of three quarters, to the nearest multiple of the patch.

    Raises
    ------
    ConfigError
        If the long edge is no multiple of the patch.
    """
    if resolution < PATCH_SIZE or resolution % PATCH_SIZE:
        raise ConfigError(f"--resolution: expected a multiple of {PATCH_SIZE}, found {resolution}.")
    return PATCH_SIZE * max(1, round(resolution * ASPECT / PATCH_SIZE)), resolution
