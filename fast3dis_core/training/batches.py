"""What every training step sees, as a function of (config, step): nothing has to be stored to resume a run exactly.

A step is `scenes_per_step` scenes in forward passes of equal size. The passes are numbered, and rank r of W takes
the passes r, r + W, ...: all randomness hangs on the number of the pass, so two processes do what one does. Scenes
come from an endless sequence of shuffled rounds through the run's scenes; where they are read is left to `scenes`.
Paper section 4.1; resolutions grow late in a run, since most of what is to be learned can be learned on small images.
"""

import functools
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from fast3dis_core.config import TrainingConfig
from fast3dis_core.datasets.sample import SceneSample
from fast3dis_core.errors import ConfigError
from fast3dis_core.preprocessing import Size
from fast3dis_core.progress import Report

PREFETCHED = 4  # batches each worker process holds ready

# what a random stream is for; streams of one step never coincide
_STEP, _PASS, _ROUND, _COLORS, _LOSS = range(5)


@dataclass(frozen=True, kw_only=True)
class StepPlan:
    """Choices that all passes of a step share.

    Attributes
    ----------
    step : int
        From 0.
    size : (int, int)
        Height and width, pixels.
    views : int
        S.
    passes : tuple of ranges
        Numbers of the scenes of each forward pass, counted from the beginning of the run.
    draw : float
        Uniform in [0, 1); the stages choose their mode by it.
    """

    step: int
    size: Size
    views: int
    passes: tuple[range, ...]
    draw: float


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One forward pass: B scenes on the CPU, and the seeds of what is random in them.

    Attributes
    ----------
    sample : SceneSample
        With a leading axis B.
    color_seeds : Tensor (B,) int64
    loss_seed : int
    """

    sample: SceneSample
    color_seeds: Tensor
    loss_seed: int

    def pin_memory(self) -> "Batch":
        """The same in page-locked memory; the loader calls this by name."""
        views, geometry = self.sample.views, self.sample.geometry
        assert geometry is not None
        return replace(
            self,
            sample=replace(
                self.sample,
                views=replace(views, images=views.images.pin_memory()),
                instance_ids=self.sample.instance_ids.pin_memory(),
                geometry=replace(
                    geometry, depth=geometry.depth.pin_memory(), confidence=geometry.confidence.pin_memory()
                ),
            ),
        )


class TrainingScenes(Protocol):
    """The scenes of a run, numbered from 0; worker processes get a copy. The kinds of data are in `scenes`."""

    @property
    def version(self) -> str:
        """Name of the data, as it is written beside results."""

    @property
    def listing(self) -> Mapping[str, Sequence[int]]:
        """Which scenes of a folder serve for what; empty where the config says it all."""

    def __len__(self) -> int:
        """How many scenes there are to train on."""

    def batch(
        self, numbers: Sequence[int], generators: Sequence[np.random.Generator], *, size: Size, views: int
    ) -> SceneSample:
        """A window out of each of B scenes, with a leading axis B; every choice comes from the scene's generator."""

    def validation(self, index: int, *, size: Size) -> SceneSample:
        """The same views of a scene that is never trained on, as a batch of one."""

    def prepare(self, first_step: int, *, device: torch.device, workers: int, report: Report) -> None:
        """Do ahead whatever can be done before the steps from `first_step` on."""


def plan_step(config: TrainingConfig, step: int) -> StepPlan:
    """Size, views and scenes of one step."""
    high = step >= round(config.steps * (1 - config.high_share))
    least, most = config.high_views if high else config.low_views
    together = config.scenes_per_forward_high if high else config.scenes_per_forward
    rng = _stream(config, _STEP, step)
    views = int(rng.integers(least, most + 1))
    first, end = step * config.scenes_per_step, (step + 1) * config.scenes_per_step
    return StepPlan(
        step=step,
        size=config.high_size if high else config.low_size,
        views=views,
        passes=tuple(range(start, min(start + together, end)) for start in range(first, end, together)),
        draw=float(rng.random()),
    )


def check_shares(config: TrainingConfig, world: int) -> None:
    """Refuse a step that cannot be shared out evenly.

    Raises
    ------
    ConfigError
        If the forward passes of a step differ in size, or their number is no multiple of the processes.
    """
    turn = round(config.steps * (1 - config.high_share))
    used = {"scenes_per_forward": turn > 0, "scenes_per_forward_high": turn < config.steps}
    for name in (name for name, wanted in used.items() if wanted):
        together = min(getattr(config, name), config.scenes_per_step)
        passes, rest = divmod(config.scenes_per_step, together)
        if rest or passes % world:
            raise ConfigError(
                f"A step of {config.scenes_per_step} scenes in passes of {together} cannot be shared out evenly among "
                f"{world} processes: choose {name} so that scenes_per_step is a multiple of {name} x {world}."
            )


def scene_number(config: TrainingConfig, count: int, scene: int) -> int:
    """Which of `count` scenes comes at place `scene` of a run: each round goes through all in an order of its own."""
    number, place = divmod(scene, count)
    return int(_round_order(config.seed, count, number)[place])


class TrainingBatches(Dataset[Batch]):
    """Batch of a (step, pass).

    Parameters
    ----------
    config : TrainingConfig
    scenes : TrainingScenes
    """

    def __init__(self, config: TrainingConfig, scenes: TrainingScenes) -> None:
        self.config = config
        self.scenes = scenes

    def __getitem__(self, index: tuple[int, int]) -> Batch:
        """Read the windows of one pass."""
        step, number = index
        config, plan = self.config, plan_step(self.config, step)
        scenes = plan.passes[number]
        numbers = [scene_number(config, len(self.scenes), scene) for scene in scenes]
        generators = [_stream(config, _PASS, scene) for scene in scenes]
        return Batch(
            sample=self.scenes.batch(numbers, generators, size=plan.size, views=plan.views),
            color_seeds=torch.tensor([int(_stream(config, _COLORS, scene).integers(2**31)) for scene in scenes]),
            loss_seed=int(_stream(config, _LOSS, step, number).integers(2**62)),
        )


class _PassOrder(Sampler[tuple[int, int]]):
    """Passes of one rank, from a step on."""

    def __init__(self, config: TrainingConfig, first_step: int, rank: int, world: int) -> None:
        self.arguments = config, first_step, rank, world

    def __iter__(self) -> Iterator[tuple[int, int]]:
        config, first_step, rank, world = self.arguments
        for step in range(first_step, config.steps):
            yield from ((step, number) for number in range(rank, len(plan_step(config, step).passes), world))


def batches_from(
    config: TrainingConfig, scenes: TrainingScenes, *, first_step: int, rank: int, world: int, workers: int, pin: bool
) -> DataLoader[Batch]:
    """Batches of one rank in order, read ahead by worker processes.

    Parameters
    ----------
    config : TrainingConfig
    scenes : TrainingScenes
    first_step, rank, world, workers : int
    pin : bool
        Read into pinned memory, from which a CUDA device copies while it computes.
    """
    return DataLoader(
        TrainingBatches(config, scenes),
        sampler=_PassOrder(config, first_step, rank, world),
        batch_size=None,
        collate_fn=_unchanged,
        num_workers=workers,
        prefetch_factor=PREFETCHED if workers else None,
        multiprocessing_context="spawn" if workers else None,
        pin_memory=pin,
        worker_init_fn=_ignore_interrupts,
    )


def _ignore_interrupts(_worker: int) -> None:
    """Ctrl-C reaches every process of a terminal; when to end is decided by the trainer alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _unchanged(batch: Any) -> Any:
    return batch


def _stream(config: TrainingConfig, purpose: int, *numbers: int) -> np.random.Generator:
    return np.random.default_rng([config.seed, purpose, *numbers])


@functools.lru_cache(maxsize=2)  # a pass may reach over the end of a round
def _round_order(seed: int, count: int, number: int) -> np.ndarray:
    """Permutation of the scenes in one round."""
    return np.random.default_rng([seed, _ROUND, number]).permutation(count)
