"""Scenes per second of both training stages over batch size, and where the time of a step goes.

    python tests/benchmarks/training_throughput.py [--device cuda] [--batches 2,4,8,16] [--high] [--threads 1]

Rooms are rendered first, into a folder that is removed again; rendering is timed on its own line, since a run
reads rooms from its cache. One process; under torchrun each has its own device, so figures add up but for the
exchange of gradients (34 MB a step for the geometry of nano).
"""

import argparse
import sys
import tempfile
import time

import torch

from fast3dis_core.config import TrainingConfig
from fast3dis_core.datasets.rendered import RoomCache
from fast3dis_core.datasets.windows import change_colors
from fast3dis_core.scene import to_device
from fast3dis_core.training.batches import TrainingBatches, plan_step
from fast3dis_core.training.beginning import build_stage
from fast3dis_core.training.optimization import adamw, clip_gradients
from fast3dis_core.training.scenes import RenderedRooms
from fast3dis_core.training.settings import training_config

VIEWS = 4
STEPS = 3  # timed, after one that is not
GROUPS = {
    "convolutions": ("conv",),
    "matrix products and attention": ("mm", "attention"),
    "resizing and sampling": ("upsample", "grid_sampler"),
    "sorting and choosing": ("sort", "topk", "gather", "index", "scatter"),
}


def settings(stage: str, batch: int, size: tuple[int, int]) -> TrainingConfig:
    """One pass of `batch` scenes a step."""
    return training_config(
        {
            "stage": stage,
            "rooms": batch,
            "scenes_per_step": batch,
            "scenes_per_forward": batch,
            "low_size": size,
            "low_views": (VIEWS, VIEWS),
            "high_share": 0.0,
        }
    )


def synchronize(device: torch.device) -> None:
    """Wait for a device that works on its own."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def measure(
    config: TrainingConfig, cache: RoomCache, device: torch.device
) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds per scene of the parts of a step, and the share of operator time per group."""
    stage = build_stage(config, {}, device=device, precision="float32" if device.type == "cpu" else "bfloat16")
    optimizer = adamw(stage.trained, config)
    batches = TrainingBatches(config, RenderedRooms(config, cache))
    plan = plan_step(config, 0)
    spent = {"reading": 0.0, "forward": 0.0, "backward": 0.0, "optimizer": 0.0}

    def step() -> None:
        marks = [time.perf_counter()]

        def mark() -> None:
            synchronize(device)
            marks.append(time.perf_counter())

        batch = batches[(0, 0)]
        sample = change_colors(to_device(batch.sample, device), batch.color_seeds)
        mark()
        generator = torch.Generator(device).manual_seed(batch.loss_seed)
        loss = stage.loss(sample, plan, progress=0.3, generator=generator)
        mark()
        optimizer.zero_grad(set_to_none=True)
        loss.total.backward()
        mark()
        clip_gradients(stage.trained, {}, limit=1.0, step=0)
        optimizer.step()
        mark()
        for name, start, end in zip(spent, marks, marks[1:], strict=False):
            spent[name] += end - start

    step()
    spent.update(dict.fromkeys(spent, 0.0))
    for _ in range(STEPS):
        step()
    seconds = {name: value / STEPS / config.scenes_per_step for name, value in spent.items()}
    with torch.profiler.profile() as profile:
        step()
    shares = dict.fromkeys([*GROUPS, "everything else"], 0.0)
    for event in profile.key_averages():
        time_us = event.self_device_time_total if device.type == "cuda" else event.self_cpu_time_total
        group = next((name for name, parts in GROUPS.items() if any(part in event.key for part in parts)), None)
        shares[group or "everything else"] += time_us
    total = sum(shares.values())
    return seconds, {name: value / total for name, value in shares.items()}


def main() -> None:
    """Measure and write both tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batches", default="1,2,4,8,16")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--high", action="store_true", help="224x168 instead of 112x84")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device, size = torch.device(options.device), (168, 224) if options.high else (84, 112)
    counts = [int(value) for value in options.batches.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        cache = RoomCache(folder, views=TrainingConfig().room_views)
        start = time.perf_counter()
        cache.fill(range(max(counts)), [size], device=device)
        rate = max(counts) * cache.views / (time.perf_counter() - start)
        write(f"Rendering {size[1]}x{size[0]}: {rate:.1f} views/s in one process\n")
        write(f"Training at {size[1]}x{size[0]}, {VIEWS} views, {device}, {options.threads} threads\n")
        write("| stage | batch | scenes/s | reading | forward | backward | optimizer |")
        write("|---|---|---|---|---|---|---|")
        shares = {}
        for stage in ("geometry", "instances"):
            for count in counts:
                seconds, shares[stage] = measure(settings(stage, count, size), cache, device)
                total = sum(seconds.values())
                parts = " | ".join(f"{value / total:.0%}" for value in seconds.values())
                write(f"| {stage} | {count} | {1 / total:.1f} | {parts} |")
        write(
            "\nOperators, largest batch: " + "; ".join(f"{stage}: {_listed(found)}" for stage, found in shares.items())
        )


def write(line: str) -> None:
    """One line, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _listed(shares: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.0%}" for name, value in shares.items())


if __name__ == "__main__":
    main()
