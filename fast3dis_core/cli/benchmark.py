"""`fast3dis benchmark`: seconds and memory over views, queries beside clustering (figure 2 of the paper, here).

    fast3dis benchmark --views 2,4,8,16,32 --out benchmark/
    fast3dis benchmark --size giant --weights random --views 30,50,350 --line fast3dis --out benchmark/giant
    fast3dis benchmark --photos photos/ --views 2,4,8

Without --photos a generated room is photographed. Out of memory and out of time are results, not errors.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fast3dis_core.cli.exits import Interrupts, errors_to_exit
from fast3dis_core.cli.model import PANEL, Device, Size, Weights
from fast3dis_core.errors import ConfigError

if TYPE_CHECKING:
    from fast3dis_core.evaluation.scalability import BenchmarkSettings

ROOM = 1_000_000_000  # first validation room
_RUNS, _OUTPUT = "Runs", "Output"


def benchmark(
    views: Annotated[str, typer.Option(help="Numbers of photos.", rich_help_panel=_RUNS)] = "2,4,8,16,32",
    photos: Annotated[
        Path | None, typer.Option(help="Folder; default: a generated room.", rich_help_panel=_RUNS)
    ] = None,
    line: Annotated[
        Literal["both", "fast3dis", "clustering"], typer.Option(help="What to measure.", rich_help_panel=_RUNS)
    ] = "both",
    repeats: Annotated[int, typer.Option(min=1, help="The median counts.", rich_help_panel=_RUNS)] = 3,
    limit: Annotated[float, typer.Option(help="Seconds after which a run is given up.", rich_help_panel=_RUNS)] = 3600,
    most_points: Annotated[
        int | None, typer.Option(min=1, help="Cluster at most so many pixels; default all.", rich_help_panel=_RUNS)
    ] = None,
    memory_limit: Annotated[
        float | None, typer.Option(help="GB for a run on a CPU; default 90% of what is free.", rich_help_panel=_RUNS)
    ] = None,
    clock: Annotated[
        Literal["wall", "cpu"],
        typer.Option(
            help="Seconds that are drawn; cpu on a machine that does other things too.", rich_help_panel=_RUNS
        ),
    ] = "wall",
    size: Size = "nano",
    weights: Weights = None,
    resolution: Annotated[
        int | None, typer.Option(min=14, help="Long edge, pixels; default that of the size.", rich_help_panel=PANEL)
    ] = None,
    device: Device = "auto",
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"], typer.Option(help="Of the feature pass.", rich_help_panel=PANEL)
    ] = "auto",
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder.", rich_help_panel=_OUTPUT)] = Path("benchmark"),
    as_json: Annotated[bool, typer.Option("--json", help="The result on stdout.", rich_help_panel=_OUTPUT)] = False,
) -> None:
    """Seconds and peak memory over views; writes CSV, JSON, a page and a plot."""
    with errors_to_exit(as_json=as_json), Interrupts() as interrupts:
        from fast3dis_core.cli.progress import StepDisplay
        from fast3dis_core.config import ModelConfig, model_size
        from fast3dis_core.evaluation.rooms import photograph_room, size_of
        from fast3dis_core.evaluation.scalability import BenchmarkSettings, Measurement, run_benchmark

        ModelConfig.for_size(size)
        counts = _counts(views)
        long_edge = resolution or model_size(size).resolution
        with StepDisplay(interrupts) as display, TemporaryDirectory(prefix="fast3dis-") as folder:
            if photos is None:
                display("Rendering a room", 0.0)
                photograph_room(Path(folder), ROOM, views=max(counts), size=size_of(long_edge))
                display.finish()
            settings = BenchmarkSettings(
                photos=str(photos or folder),
                views=counts,
                lines=("fast3dis", "clustering") if line == "both" else (line,),
                size=size,
                weights=weights,
                device=device,
                precision=precision,
                resolution=long_edge,
                repeats=repeats,
                limit=limit,
                most_points=most_points,
                memory_limit=None if memory_limit is None else round(memory_limit * 1e9),
            )
            title = f"Photos of {photos.absolute().name}" if photos else f"Generated room {ROOM}"
            found: list[Measurement] = []

            def keep(measured: Measurement) -> None:
                found.append(measured)
                _write(settings, found, clock, title, out)  # what is measured is not lost when the rest is stopped

            run_benchmark(settings, report=display, keep=keep)
        files, result = _write(settings, found, clock, title, out)
    if as_json:
        typer.echo(json.dumps({"exit_code": 0, "files": [str(path) for path in files], "result": result}))
        return
    from fast3dis_core.evaluation.scalability_report import summary

    typer.echo(summary(result))
    typer.echo("\n".join(map(str, files)))


def _counts(text: str) -> tuple[int, ...]:
    try:
        counts = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"--views: expected numbers such as 2,4,8, found {text!r}.") from error
    if min(counts) < 1:
        raise ConfigError(f"--views: expected numbers of 1 or more, found {text!r}.")
    return counts


def _write(
    settings: "BenchmarkSettings", found: list[Any], clock: Literal["wall", "cpu"], title: str, out: Path
) -> tuple[list[Path], dict[str, Any]]:
    from fast3dis_core.evaluation.scalability_report import (
        benchmark_result,
        chart_text,
        csv_text,
        page_text,
    )
    from fast3dis_core.exports.atomic import atomic_file, plain_disk_errors

    result = benchmark_result(settings, found, clock=clock, title=title)
    with plain_disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    contents = {
        "benchmark.json": json.dumps(result, indent=1) + "\n",
        "benchmark.csv": csv_text(result),
        "benchmark.svg": chart_text(result),
        "benchmark.md": page_text(result, plot="benchmark.svg"),
    }
    for name, content in contents.items():
        with atomic_file(out / name, overwrite=True) as file:
            file.write(content.encode())
    return [out / name for name in contents], result
