"""The scenes of a run by kind of data: rendered rooms, or a folder of Aria Synthetic Environments (paper 4.1).

Both are `batches.TrainingScenes`. What is decided here is which scenes are trained on, which are kept for validation,
and how far the views of a window lie apart. Reading and rendering are left to `datasets`, the order to `batches`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from fast3dis_core.config import TrainingConfig
from fast3dis_core.datasets.aria_files import DATA_SET, missing_parts, scene_numbers
from fast3dis_core.datasets.aria_synthetic import AriaSyntheticScene
from fast3dis_core.datasets.procedural_rooms import VALIDATION_SEEDS, VERSION
from fast3dis_core.datasets.rendered import RoomCache
from fast3dis_core.datasets.sample import SceneSample
from fast3dis_core.datasets.windows import Window, cut, draw_window, mirror, stack_samples
from fast3dis_core.errors import ConfigError, DatasetError
from fast3dis_core.preprocessing import Size
from fast3dis_core.progress import Report
from fast3dis_core.training.batches import TrainingScenes, scene_number

# frames from one view of a window to the next, half a second to three: nearer ones are almost the same photo
ARIA_STRIDES = (5, 30)
ARIA_VALIDATION_STRIDE = 15
_NAMED = 5  # scenes listed in a message before it says how many more


def training_scenes(config: TrainingConfig, cache: Path | str) -> TrainingScenes:
    """Scenes of a run.

    Parameters
    ----------
    config : TrainingConfig
    cache : Path or str
        Folder of rendered rooms.

    Raises
    ------
    DatasetError
        If the folder of a data set holds no scenes.
    ConfigError
        If it holds too few for training and validation.
    """
    if config.data == "aria-synthetic":
        return AriaScenes(config)
    return RenderedRooms(config, RoomCache(cache, views=config.room_views))


class RenderedRooms:
    """Rooms of the procedural world, by seed.

    Parameters
    ----------
    config : TrainingConfig
    cache : RoomCache
    """

    version = VERSION

    def __init__(self, config: TrainingConfig, cache: RoomCache) -> None:
        self.config = config
        self.cache = cache
        self.listing: Mapping[str, Sequence[int]] = {}

    def __len__(self) -> int:
        return self.config.rooms

    def batch(
        self, numbers: Sequence[int], generators: Sequence[np.random.Generator], *, size: Size, views: int
    ) -> SceneSample:
        """Windows out of rooms, which are rendered if they are not in the cache."""
        config = self.config
        rooms = [self.cache.room(config.first_room + number, size) for number in numbers]
        windows = [draw_window(config.room_views, views, rng, augment=config.augment) for rng in generators]
        return cut(rooms, windows)

    def validation(self, index: int, *, size: Size) -> SceneSample:
        """First views of a validation room, as they were rendered."""
        room = self.cache.room(VALIDATION_SEEDS[index], size)
        return cut([room], [Window(views=tuple(range(self.config.validation_views)), mirrored=False)])

    def prepare(self, first_step: int, *, device: torch.device, workers: int, report: Report) -> None:
        """Render all rooms that the rest of the run reads."""
        for sizes, seeds in needed_rooms(self.config, first_step).items():
            self.cache.fill(seeds, sizes, device=device, workers=workers, report=report)


class AriaScenes:
    """Scenes of a folder of Aria Synthetic Environments.

    The last ones by number are kept for validation. Of the others, those are trained on whose hash with the run's
    seed is low enough: a choice that does not depend on what else is in the folder.

    Parameters
    ----------
    config : TrainingConfig

    Raises
    ------
    DatasetError
        If there are no scenes in the folder.
    ConfigError
        If none is left to train on.
    """

    def __init__(self, config: TrainingConfig) -> None:
        self.config = config
        self.root = Path(config.data_root)
        found = scene_numbers(self.root)
        kept = found[-config.validation_rooms :]
        others = found[: -config.validation_rooms]
        chosen = [number for number in others if _hashed(number, config.seed) < config.scene_share]
        if not chosen:
            raise ConfigError(
                f"{self.root}: expected scenes to train on besides the last {config.validation_rooms} for validation, "
                f"found {len(found)} scenes, of which a share of {config.scene_share:g} leaves none; change "
                "validation_rooms or scene_share, or add scenes."
            )
        self.listing: Mapping[str, Sequence[int]] = {"training": chosen, "validation": list(kept)}

    @property
    def version(self) -> str:
        """Name of the data set, and how many of its scenes are trained on."""
        return f"{self.config.data}, {len(self)} scenes"

    def __len__(self) -> int:
        return len(self.listing["training"])

    def batch(
        self, numbers: Sequence[int], generators: Sequence[np.random.Generator], *, size: Size, views: int
    ) -> SceneSample:
        """Windows out of recordings, read frame by frame."""
        samples = []
        for number, rng in zip(numbers, generators, strict=True):
            scene = self._scene(self.listing["training"][number], size, views)
            window = draw_window(len(scene), views, rng, augment=self.config.augment, strides=ARIA_STRIDES)
            sample = scene.sample(window.views)
            samples.append(mirror(sample) if window.mirrored else sample)
        return stack_samples(samples)

    def validation(self, index: int, *, size: Size) -> SceneSample:
        """Views from the beginning of a validation scene, at one stride."""
        views = self.config.validation_views
        scene = self._scene(self.listing["validation"][index], size, views)
        strides = ARIA_VALIDATION_STRIDE, ARIA_VALIDATION_STRIDE
        window = draw_window(len(scene), views, np.random.default_rng(0), augment=False, strides=strides)
        return stack_samples([scene.sample(window.views)])

    def prepare(self, first_step: int, *, device: torch.device, workers: int, report: Report) -> None:
        """Look for the parts of every scene: better to be told now than by a step next week.

        Raises
        ------
        DatasetError
            If scenes are incomplete; it names them.
        """
        numbers = [number for listed in self.listing.values() for number in listed]
        lacking = []
        for done, number in enumerate(numbers):
            report("Looking at scenes", done / len(numbers))
            missing = missing_parts(self.root / str(number))
            if missing:
                lacking.append(f"{number} lacks {', '.join(missing)}")
        if lacking:
            more = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
            raise DatasetError(
                f"{self.root}: expected complete scenes of {DATA_SET}, found {len(lacking)} of {len(numbers)} that are "
                f"not: {'; '.join(lacking[:_NAMED])}{more}; unpack them again or move them away before a run begins."
            )

    def _scene(self, number: int, size: Size, views: int) -> AriaSyntheticScene:
        scene = AriaSyntheticScene(self.root / str(number), size=size)
        if len(scene) < views:
            raise DatasetError(
                f"{scene.folder}: expected at least {views} complete frames of {DATA_SET}, found {len(scene)}; unpack "
                "the scene again, remove it, or begin a run with fewer views."
            )
        return scene


def needed_rooms(config: TrainingConfig, first_step: int) -> dict[tuple[Size, ...], list[int]]:
    """Seeds of the rooms a run still reads, by the sizes it reads them at; validation rooms among them."""
    wanted: dict[int, list[Size]] = {}

    def want(seed: int, size: Size) -> None:
        if size not in wanted.setdefault(seed, []):
            wanted[seed].append(size)

    first, end = first_step * config.scenes_per_step, config.steps * config.scenes_per_step
    turn = min(max(first, round(config.steps * (1 - config.high_share)) * config.scenes_per_step), end)
    for start, stop, size in ((first, turn, config.low_size), (turn, end, config.high_size)):
        for scene in range(start, min(stop, start + 2 * config.rooms)):  # two rounds hold every room
            want(config.first_room + scene_number(config, config.rooms, scene), size)
        if stop > start:
            for seed in VALIDATION_SEEDS[: config.validation_rooms]:
                want(seed, size)
    groups: dict[tuple[Size, ...], list[int]] = {}
    for seed, sizes in wanted.items():
        groups.setdefault(tuple(sizes), []).append(seed)
    return groups


def _hashed(number: int, seed: int) -> float:
    """A number in [0, 1) that belongs to a scene and a seed, on every machine the same."""
    digest = hashlib.blake2b(f"{seed} {number}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") / 2**32
