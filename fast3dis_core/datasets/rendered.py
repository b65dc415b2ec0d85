"""Rendered rooms on disk: each is rendered once, then read in about a millisecond (paper 4.1: training scenes).

A room is a function of (generator version, seed, views, size), so the cache changes nothing but the time a run
takes: what is missing is rendered when it is asked for, or ahead by `fill`. One .safetensors file per room and
size, written whole or not at all, so any number of processes may share a folder. Cutting windows of views out of
a room and changing its colors is left to `windows`.
"""

import multiprocessing
import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save
from torch import Tensor

from fast3dis_core.datasets.procedural_rooms import VERSION, PreparedScenes, prepare_scenes, render
from fast3dis_core.datasets.procedural_rooms.packing import stack
from fast3dis_core.datasets.sample import SceneSample
from fast3dis_core.errors import DatasetError
from fast3dis_core.exports.atomic import atomic_file, plain_disk_errors
from fast3dis_core.progress import Report, silent

DEPTH_STEP = 2.5e-4  # meters per unit of stored depth: 16 bits reach 16 m, twice the largest room's diagonal
ROOMS_PER_FOLDER = 1000  # seeds that share a folder; file systems dislike a hundred thousand names in one
ROOMS_PER_RENDER = 8  # rendered together

Size = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class RenderedRoom:
    """One room in S views, in the compact types of the disk.

    Attributes
    ----------
    images : array (S, 3, H, W) uint8
    depth : array (S, H, W) uint16
        Units of `DEPTH_STEP` meters; 0 = none.
    instance_ids : array (S, H, W) uint8
    class_ids : array (I,) uint8
    intrinsics : array (S, 3, 3) float32
    world_to_camera : array (S, 4, 4) float32
    """

    images: NDArray[np.uint8]
    depth: NDArray[np.uint16]
    instance_ids: NDArray[np.uint8]
    class_ids: NDArray[np.uint8]
    intrinsics: NDArray[np.float32]
    world_to_camera: NDArray[np.float32]


def default_cache() -> Path:
    """Folder of rendered rooms where none is named: the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "fast3dis" / "rooms"


class RoomCache:
    """Rooms of `procedural_rooms` by seed, remembered in a folder.

    Parameters
    ----------
    folder : Path or str
        Created when the first room is written.
    views : int
        S of every room.
    """

    def __init__(self, folder: Path | str, *, views: int) -> None:
        self.folder = Path(folder)
        self.views = views

    def room(self, seed: int, size: Size) -> RenderedRoom:
        """Read a room, rendering and storing it first if it is not there.

        Parameters
        ----------
        seed : int
        size : (int, int)
            Height and width, pixels.

        Raises
        ------
        DatasetError
            If a stored room is damaged.
        ExportError
            If the folder cannot be written.
        """
        path = self.path(seed, size)
        if not path.exists():
            prepared = prepare_scenes([seed], views=self.views, height=size[0], width=size[1])
            self._store(prepared, [size])
        return self._read(path)

    def path(self, seed: int, size: Size) -> Path:
        """File of a room; its folders name everything that decides its content."""
        name = f"{VERSION}-{self.views}x{size[0]}x{size[1]}"
        return self.folder / name / f"{seed // ROOMS_PER_FOLDER:07d}" / f"{seed}.safetensors"

    def fill(
        self,
        seeds: Iterable[int],
        sizes: Sequence[Size],
        *,
        device: torch.device | str = "cpu",
        workers: int = 0,
        report: Report = silent,
    ) -> int:
        """Render what is missing: rooms are drawn by worker processes, rendered on `device`.

        Parameters
        ----------
        seeds : iterable of int
        sizes : sequence of (int, int)
        device : torch.device or str
        workers : int
            Processes that draw rooms; 0 draws them here.
        report : Report

        Returns
        -------
        int
            How many rooms were rendered.

        Raises
        ------
        ExportError
            If the folder cannot be written.
        Cancelled
            If `report` says so; rooms written until then stay.
        """
        missing = [seed for seed in seeds if any(not self.path(seed, size).exists() for size in sizes)]
        groups = [missing[first : first + ROOMS_PER_RENDER] for first in range(0, len(missing), ROOMS_PER_RENDER)]
        context = multiprocessing.get_context("spawn")  # a fork would copy a CUDA context that cannot be copied
        with (
            ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_drawing) if workers else nullcontext()
        ) as pool:
            jobs = [(group, self.views, sizes[0]) for group in groups]
            drawn: Iterator[PreparedScenes] = map(_draw, jobs) if pool is None else pool.map(_draw, jobs)
            try:
                for done in range(len(groups)):
                    report("Rendering rooms", done / len(groups))
                    self._store(next(drawn).to(torch.device(device)), sizes)
            except BaseException:
                if pool is not None:
                    pool.shutdown(wait=False, cancel_futures=True)
                raise
        return len(missing)

    def _store(self, prepared: PreparedScenes, sizes: Sequence[Size]) -> None:
        """Render prepared rooms at every size and write one file each."""
        for size in sizes:
            sample = render(prepared, height=size[0], width=size[1])
            for index, seed in enumerate(prepared.seeds.tolist()):
                path = self.path(seed, size)
                with plain_disk_errors(path):
                    path.parent.mkdir(parents=True, exist_ok=True)
                with atomic_file(path, overwrite=True) as file:
                    file.write(save(compact(sample, index)))

    def _read(self, path: Path) -> RenderedRoom:
        try:
            return RenderedRoom(**load_file(path))
        except (SafetensorError, OSError, TypeError, ValueError) as error:
            raise DatasetError(
                f"{path}: expected a rendered room, found a damaged file ({error}); delete it, and it is rendered anew."
            ) from error


def compact(sample: SceneSample, index: int) -> dict[str, NDArray]:
    """Fields of `RenderedRoom` for room `index` of a batched sample."""
    geometry = sample.geometry
    assert geometry is not None

    def array(values: Tensor) -> NDArray:
        return np.ascontiguousarray(values[index].cpu().numpy())

    depth = np.rint(array(geometry.depth) / DEPTH_STEP)
    return {
        "images": (array(sample.views.images) * 255 + 0.5).astype(np.uint8),
        "depth": depth.clip(0, np.iinfo(np.uint16).max).astype(np.uint16),
        "instance_ids": array(sample.instance_ids).astype(np.uint8),  # MOST_INSTANCES is below 256
        "class_ids": array(sample.class_ids).astype(np.uint8),
        "intrinsics": array(geometry.intrinsics).astype(np.float32),
        "world_to_camera": array(geometry.world_to_camera).astype(np.float32),
    }


def _begin_drawing() -> None:
    """One thread per process, the processes are the parallelism; Ctrl-C is for the process that waits."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _draw(job: tuple[Sequence[int], int, Size]) -> PreparedScenes:
    """Rooms and cameras of some seeds; top level, so that a worker process can import it."""
    seeds, views, (height, width) = job
    return stack([prepare_scenes([seed], views=views, height=height, width=width) for seed in seeds])
