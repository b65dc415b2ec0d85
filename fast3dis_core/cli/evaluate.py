"""`fast3dis evaluate`: predict every room of a split into a folder, then score from its files.

    fast3dis evaluate --split val --scenes 20
    fast3dis evaluate --split test --geometry given --pictures 4 --out results/test-given
    torchrun --no-python --nproc-per-node 4 fast3dis evaluate --split val

An evaluation that was interrupted continues where it was. Under torchrun the rooms are shared out over the ranks, and
rank 0 scores when all are there.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fast3dis_core.cli.exits import Interrupts, errors_to_exit
from fast3dis_core.cli.jobs import local_device, share_out
from fast3dis_core.cli.train import default_cache

if TYPE_CHECKING:
    from fast3dis_core.inference.steps import LoadedModel

_MODEL, _SCENES, _OUTPUT = "Model", "Scenes", "Output"


def evaluate(
    dataset: Annotated[
        Literal["procedural-rooms"], typer.Option(help="Data set.", rich_help_panel=_SCENES)
    ] = "procedural-rooms",
    split: Annotated[Literal["val", "test"], typer.Option(help="200 rooms each.", rich_help_panel=_SCENES)] = "val",
    scenes: Annotated[
        int | None, typer.Option(min=1, help="Only the first so many rooms.", rich_help_panel=_SCENES)
    ] = None,
    views: Annotated[int, typer.Option(min=2, max=12, help="Of each room.", rich_help_panel=_SCENES)] = 6,
    resolution: Annotated[
        int | None, typer.Option(min=14, help="Long edge, pixels; default that of the size.", rich_help_panel=_SCENES)
    ] = None,
    cache_folder: Annotated[
        Path | None, typer.Option("--cache", help="Folder of rendered rooms, shared by runs.", rich_help_panel=_SCENES)
    ] = None,
    size: Annotated[str, typer.Option(help="Model size.", rich_help_panel=_MODEL)] = "nano",
    weights: Annotated[
        str | None, typer.Option(help="Weight file, or random; default as for segment.", rich_help_panel=_MODEL)
    ] = None,
    heads: Annotated[
        Path | None, typer.Option(help="FAST3DIS heads for Depth Anything 3 weights.", rich_help_panel=_MODEL)
    ] = None,
    geometry: Annotated[
        Literal["predicted", "posed", "given"],
        typer.Option(help="Predicted; with the true cameras; or true cameras and depth.", rich_help_panel=_MODEL),
    ] = "predicted",
    method: Annotated[
        Literal["fast3dis", "feature-clustering"],
        typer.Option(help="Queries; or HDBSCAN on the same mask features.", rich_help_panel=_MODEL),
    ] = "fast3dis",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.", rich_help_panel=_MODEL)] = "auto",
    protocol: Annotated[
        Literal["objects", "all"], typer.Option(help="Without or with walls as targets.", rich_help_panel=_OUTPUT)
    ] = "objects",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Default: evaluation/SIZE-SPLIT-GEOMETRY.", rich_help_panel=_OUTPUT),
    ] = None,
    pictures: Annotated[
        int, typer.Option(min=0, help="So many worst and best rooms as one PNG.", rich_help_panel=_OUTPUT)
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="The result on stdout.", rich_help_panel=_OUTPUT)] = False,
) -> None:
    """Predict and score generated rooms: AP, identity, geometry, time."""
    with errors_to_exit(as_json=as_json), Interrupts() as interrupts:
        import torch

        from fast3dis_core.cli.progress import StepDisplay
        from fast3dis_core.config import ModelConfig, model_size
        from fast3dis_core.evaluation import run
        from fast3dis_core.evaluation.folder import (
            EvaluationFolder,
            EvaluationSettings,
            clustering_facts,
            weights_identity,
        )
        from fast3dis_core.evaluation.rooms import EvaluationRooms, room_seeds, size_of
        from fast3dis_core.inference.steps import load_model

        ModelConfig.for_size(size)  # a size that cannot segment is told before its weights are asked for
        height, width = size_of(resolution or model_size(size).resolution)
        seeds = room_seeds(split, scenes)
        mine = share_out(seeds, os.environ)
        settings = EvaluationSettings(
            split=split,
            size=size,
            method=method,
            geometry=geometry,
            views=views,
            height=height,
            width=width,
            weights=weights_identity(size, weights),
            heads=weights_identity(size, heads) if heads else "",
            dataset=dataset,
            clustering=clustering_facts(method),
        )
        folder = EvaluationFolder(out or _default_folder(settings), settings)
        rooms = EvaluationRooms(cache_folder or default_cache(), views=views, size=(height, width))
        where = local_device(device, os.environ, torch.cuda.device_count())
        with StepDisplay(interrupts) as display:

            @cache
            def load() -> "LoadedModel":
                model = load_model(size, weights=weights, heads=heads, device=where, report=display)
                display.finish()
                display.say(model.status)
                return model

            folder.begin()
            run.predict_rooms(folder, rooms, mine, load, report=display)
            if os.environ.get("RANK", "0") != "0":
                return
            run.await_predictions(folder, seeds, report=display)
            result = run.score_rooms(folder, rooms, seeds, protocol=protocol, report=display)
            files = list(run.write_result(folder, result))
            chosen = run.extreme_scenes(result, pictures) if pictures else ()
            if chosen:
                display("Drawing rooms", 0.0)
                files.append(folder.folder / f"pictures-{protocol}.png")
                run.write_pictures(files[-1], folder, rooms, chosen)
                display.finish()
                display.say(f"Rooms in {files[-1].name}, from the top: {', '.join(map(str, chosen))}")
    _tell(result, files, as_json=as_json)


def _default_folder(settings: Any) -> Path:
    method = "" if settings.method == "fast3dis" else f"-{settings.method}"
    return Path("evaluation") / f"{settings.size}-{settings.split}-{settings.geometry}{method}"


def _tell(result: dict[str, Any], files: list[Path], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"exit_code": 0, "files": [str(path) for path in files], "result": result}))
        return
    from fast3dis_core.evaluation.figures import FIGURES, MEASURED_BY_GOALS

    figures = result["figures"]
    for figure in (*MEASURED_BY_GOALS, FIGURES["seconds_per_scene"]):
        typer.echo(f"{figure.title:<28}{figure.show(figures[figure.name]):>10}")
    typer.echo("\n".join(map(str, files)))
