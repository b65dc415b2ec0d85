"""Seconds and memory over the number of views: queries against clustering of the same features (paper 4.2, figure 2).

Both ways begin with the same photos and the same two passes through the network. Then one decodes queries and
assembles their masks, the other smooths the mask features over neighbors in 3D, clusters all pixels and fills in the
noise. Every measurement is a process of its own, so that peak memory is its own too, and so that one that takes too
long or too much memory is a result and ends nothing else. What is made of the figures is left to `scalability_report`.
"""

import multiprocessing
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from fast3dis_core.baselines.feature_clustering import ClusteringSettings, load_hdbscan
from fast3dis_core.errors import ConfigError, DeviceMemoryError, EvaluationError, Fast3disError
from fast3dis_core.evaluation.predict import clustered_instances
from fast3dis_core.images import list_images, read_image_folder
from fast3dis_core.inference.assembly import assemble_instances
from fast3dis_core.inference.machine import StepMeter, device_name, model_facts
from fast3dis_core.inference.steps import LoadedModel, decode_queries, encode_scene, load_model, memory_errors
from fast3dis_core.progress import Report, silent

Line = Literal["fast3dis", "clustering"]
Outcome = Literal["done", "out of memory", "over time", "not run"]

READING, DECODING = "Reading photos", "Anchors and queries"  # steps that no other module names
LONG_RUN = 60.0  # seconds after which a run is not repeated
WARM_VIEWS = 2  # of the run before the first, which is not measured; on a CUDA device it has all views
MEMORY_SHARE = 0.9  # of what is free that a measurement may take on a CPU
_LOOK = 0.1  # seconds between two looks at a process
_MEMORY = Path("/proc/meminfo")


@dataclass(frozen=True, kw_only=True)
class BenchmarkSettings:
    """What is measured, and how.

    Attributes
    ----------
    photos : str
        Folder; a run of S views takes S of them, evenly spaced.
    views : tuple of int
    lines : tuple of {"fast3dis", "clustering"}
    size, device, precision : str
        As `load_model` takes them.
    weights : str, optional
    resolution : int
        Long edge, pixels.
    repeats : int
        The median counts; runs of `LONG_RUN` seconds in all are not repeated.
    limit : float
        Seconds after which a run is given up.
    most_points : int, optional
        Pixels clustered at most; None clusters all, as the paradigm does.
    memory_limit : int, optional
        Bytes of the machine a run on a CPU may take; by default `MEMORY_SHARE` of what is free.
    """

    photos: str
    views: tuple[int, ...]
    lines: tuple[Line, ...] = ("fast3dis", "clustering")
    size: str = "nano"
    weights: str | None = None
    device: str = "auto"
    precision: str = "auto"
    resolution: int = 504
    repeats: int = 3
    limit: float = 3600.0
    most_points: int | None = None
    memory_limit: int | None = None

    def __post_init__(self) -> None:
        if not self.views or min(self.views) < 1 or self.repeats < 1 or self.limit <= 0:
            raise ConfigError(
                f"Benchmark: expected views and repeats of 1 or more and a limit above 0, found {self.views}, "
                f"{self.repeats} and {self.limit}."
            )
        if not self.lines or not set(self.lines) <= set(get_args(Line)):
            raise ConfigError(f"Benchmark: expected {' or '.join(get_args(Line))}, found {', '.join(self.lines)}.")


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """One way at one number of views.

    Attributes
    ----------
    line : str
    views : int
    outcome : {"done", "out of memory", "over time", "not run"}
        "not run" where fewer views were too many already.
    points : int
        Pixels of all views.
    clustered : int
        Of them, those that take part in the clustering itself.
    runs : int
        Measured ones.
    seconds, cpu_seconds : mapping of str to float
        By step, median over the runs; wall clock, and processor time of all threads.
    peak_memory : mapping of str to mapping of str to int
        By step, bytes of the machine and of the device, largest of the runs.
    about : mapping
        Device and network.
    """

    line: str
    views: int
    outcome: Outcome
    points: int = 0
    clustered: int = 0
    runs: int = 0
    seconds: Mapping[str, float]
    cpu_seconds: Mapping[str, float]
    peak_memory: Mapping[str, Mapping[str, int]]
    about: Mapping[str, Any]


def run_benchmark(
    settings: BenchmarkSettings, *, report: Report = silent, keep: Callable[[Measurement], None] | None = None
) -> tuple[Measurement, ...]:
    """Measure every way at every number of views, fewest first.

    Parameters
    ----------
    settings : BenchmarkSettings
    report : Report
        Asked often, so that a run can be stopped at any time.
    keep : callable, optional
        Called with every measurement as soon as it is there.

    Returns
    -------
    tuple of Measurement

    Raises
    ------
    ConfigError
        If there are fewer photos than views, or clustering is asked for and its package is not installed.
    EvaluationError
        If a measurement ends without a result for another reason than memory.
    Fast3disError
        What the steps raise besides.
    Cancelled
        If `report` says so.
    """
    there = len(list_images(settings.photos))
    if there < max(settings.views):
        raise ConfigError(
            f"{settings.photos}: expected {max(settings.views)} photos, found {there}; give more of them, or fewer "
            "views."
        )
    if "clustering" in settings.lines:
        load_hdbscan()  # told before anything is computed
    cases = [(line, views) for views in sorted(set(settings.views)) for line in settings.lines]
    found: list[Measurement] = []
    for done, (line, views) in enumerate(cases):
        stopped = any(entry.line == line and entry.outcome != "done" for entry in found)
        step = f"{line}, {views} views"
        report(step, done / len(cases))
        measured = _without(line, views, "not run") if stopped else _measured_apart(settings, line, views, report, step)
        found.append(measured)
        if keep is not None:
            keep(measured)
    return tuple(found)


def measure(
    settings: BenchmarkSettings, line: Line, views: int, *, begin: Callable[[], None] | None = None
) -> Measurement:
    """Measure in this process.

    Parameters
    ----------
    settings : BenchmarkSettings
    line : str
    views : int
    begin : callable, optional
        Called before every run that is measured.

    Returns
    -------
    Measurement

    Raises
    ------
    DeviceMemoryError
        If memory runs out.
    Fast3disError
        What the steps raise besides.
    """
    model = load_model(settings.size, weights=settings.weights, device=settings.device, precision=settings.precision)
    _once(model, settings, line, views if model.device.type == "cuda" else min(WARM_VIEWS, views))
    meters: list[StepMeter] = []
    points = 0
    while len(meters) < settings.repeats and sum(sum(meter.seconds.values()) for meter in meters) < LONG_RUN:
        if begin is not None:
            begin()
        meter, points = _once(model, settings, line, views)
        meters.append(meter)
    return Measurement(
        line=line,
        views=views,
        outcome="done",
        points=points,
        clustered=min(points, settings.most_points or points) if line == "clustering" else 0,
        runs=len(meters),
        seconds=_medians([meter.seconds for meter in meters]),
        cpu_seconds=_medians([meter.cpu_seconds for meter in meters]),
        peak_memory=_largest([meter.peak_memory for meter in meters]),
        about={**model_facts(model), "device": device_name(model.device)},
    )


def _once(model: LoadedModel, settings: BenchmarkSettings, line: str, views: int) -> tuple[StepMeter, int]:
    """From photos to instances, once; and how many pixels that were."""
    meter = StepMeter(model.device)
    with memory_errors():
        meter(READING, 0.0)
        batch = read_image_folder(settings.photos, long_edge=settings.resolution, max_views=views)
        points = len(batch) * batch.images.shape[-2] * batch.images.shape[-1]
        encoded = encode_scene(model, batch, report=meter)
        if line == "fast3dis":
            meter(DECODING, 0.0)
            trace = decode_queries(model, encoded)
            assemble_instances(batch, encoded, trace, report=meter)
        else:
            clustering = ClusteringSettings(most_points=settings.most_points or points)
            clustered_instances(encoded, settings=clustering, report=meter)
    meter.finish()
    return meter, points


def _measured_apart(settings: BenchmarkSettings, line: Line, views: int, report: Report, step: str) -> Measurement:
    """`measure` in a process of its own, which is ended when it takes too long."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("spawn")  # a fork would copy a CUDA context, and this process's memory
    process = context.Process(target=_child, args=(sender, settings, line, views), daemon=True)
    process.start()
    sender.close()
    deadline = float("inf")  # loading and warming up are not measured
    try:
        while True:
            report(step, 0.0)
            if receiver.poll(_LOOK):
                try:
                    kind, content = receiver.recv()
                except EOFError:
                    report(step, 0.0)  # whoever asked this process to stop may have ended that one too
                    return _after_death(line, views, process)
                if kind == "begin":
                    deadline = time.monotonic() + settings.limit
                    continue
                if kind == "error":
                    raise content
                return content if kind == "done" else _without(line, views, "out of memory")
            if time.monotonic() > deadline:
                return _without(line, views, "over time")
    finally:
        process.kill()
        process.join()
        receiver.close()


def _after_death(line: str, views: int, process: Any) -> Measurement:
    """What a process that ended without a word means."""
    process.join()
    if process.exitcode == -signal.SIGKILL:  # so the system ends what takes the memory of others
        return _without(line, views, "out of memory")
    raise EvaluationError(
        f"{line} with {views} views: expected figures, found that its process ended with code {process.exitcode}; run "
        "the command again, or with fewer views."
    )


def _child(sender: Connection, settings: BenchmarkSettings, line: Line, views: int) -> None:
    """Measure and tell; Ctrl-C is for the process that waits."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _limit_memory(settings)
        with memory_errors():
            measured = measure(settings, line, views, begin=lambda: sender.send(("begin", None)))
        sender.send(("done", measured))
    except (DeviceMemoryError, MemoryError):
        sender.send(("memory", None))
    except Fast3disError as error:
        sender.send(("error", error))


def _limit_memory(settings: BenchmarkSettings) -> None:
    """Keep a run on a CPU from driving the whole machine into the ground: beyond this, memory is refused to it."""
    from fast3dis_core.inference.steps import choose_device

    limit = settings.memory_limit or free_memory()
    if limit is None or choose_device(settings.device).type != "cpu":
        return
    try:
        import resource
    except ImportError:
        return  # not on Windows
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (limit, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def free_memory() -> int | None:
    """Bytes a run may take by default; None where the system does not tell what is free."""
    with suppress(OSError):
        for row in _MEMORY.read_text().splitlines():
            if row.startswith("MemAvailable:"):
                return int(int(row.split()[1]) * 1024 * MEMORY_SHARE)
    return None


def _without(line: str, views: int, outcome: Outcome) -> Measurement:
    return Measurement(line=line, views=views, outcome=outcome, seconds={}, cpu_seconds={}, peak_memory={}, about={})


def _medians(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {step: float(np.median([run[step] for run in runs])) for step in runs[0]}


def _largest(runs: Sequence[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    return {step: {name: max(run[step][name] for run in runs) for name in peak} for step, peak in runs[0].items()}


def facts(measurement: Measurement) -> dict[str, Any]:
    """Plain values."""
    return asdict(measurement)
