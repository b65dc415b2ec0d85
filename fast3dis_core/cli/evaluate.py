"""`fast3dis evaluate`: predict every scene into a folder, then score from its files.

    fast3dis evaluate --split val --scenes 20
    fast3dis evaluate --split test --geometry given --pictures 4 --out results/test-given
    fast3dis evaluate --split val --geometry given --duplicate-overlap 0.5
    fast3dis evaluate --dataset scannet --root /data/scannet --scene-list scannetv2_val.txt --size base
    fast3dis evaluate --dataset replica --root /data/replica --method felzenszwalb
    fast3dis evaluate --dataset scannetpp --root /data/scannetpp --method imported --system iggt --predictions iggt/
    torchrun --no-python --nproc-per-node 4 fast3dis evaluate --split val

An evaluation that was interrupted continues where it was. Under torchrun the scenes are shared out over the ranks, each
predicts and scores its own, and rank 0 writes the result when all are there.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from fast3dis_core.cli.evaluation_plan import Plan, plan_evaluation
from fast3dis_core.cli.exits import Interrupts, errors_to_exit
from fast3dis_core.cli.jobs import share_out
from fast3dis_core.cli.model import PANEL, Device, Heads, Size, Weights, on_demand
from fast3dis_core.config import GeometrySource

if TYPE_CHECKING:
    from fast3dis_core.cli.progress import StepDisplay
    from fast3dis_core.evaluation.protocol import Scoring
    from fast3dis_core.inference.steps import LoadedModel

_SCENES, _METHOD, _OUTPUT = "Scenes", "Method", "Output"
DataSetOption = Literal["procedural-rooms", "scannet", "scannetpp", "replica", "aria-synthetic", "posed-folder"]
MethodOption = Literal["fast3dis", "feature-clustering", "geometry-hdbscan", "felzenszwalb", "imported"]


def evaluate(
    dataset: Annotated[
        DataSetOption, typer.Option(help="Rendered rooms, or a data set on disk.", rich_help_panel=_SCENES)
    ] = "procedural-rooms",
    root: Annotated[
        Path | None, typer.Option(help="Folder of the data set; not for rooms.", rich_help_panel=_SCENES)
    ] = None,
    scene_list: Annotated[
        Path | None, typer.Option(help="Text file of scene names; default all.", rich_help_panel=_SCENES)
    ] = None,
    camera: Annotated[Literal["dslr", "iphone"], typer.Option(help="Of ScanNet++.", rich_help_panel=_SCENES)] = "dslr",
    split: Annotated[
        Literal["val", "test"], typer.Option(help="Of the rooms, 200 each.", rich_help_panel=_SCENES)
    ] = "val",
    scenes: Annotated[int | None, typer.Option(min=1, help="Only the first so many.", rich_help_panel=_SCENES)] = None,
    views: Annotated[
        int | None,
        typer.Option(min=2, help="Of each scene; default 6 of a room, 50 of others.", rich_help_panel=_SCENES),
    ] = None,
    resolution: Annotated[
        int | None, typer.Option(min=14, help="Long edge, pixels; default that of the size.", rich_help_panel=_SCENES)
    ] = None,
    cache_folder: Annotated[
        Path | None, typer.Option("--cache", help="Folder of rendered rooms, shared by runs.", rich_help_panel=_SCENES)
    ] = None,
    method: Annotated[
        MethodOption,
        typer.Option(help="Queries; a baseline; or another system's predictions.", rich_help_panel=_METHOD),
    ] = "fast3dis",
    system: Annotated[
        str | None, typer.Option(help="What was imported: iggt, panst3r, ... npz.", rich_help_panel=_METHOD)
    ] = None,
    predictions: Annotated[
        Path | None, typer.Option(help="Folder of the imported files; each is read once.", rich_help_panel=_METHOD)
    ] = None,
    equal_scores: Annotated[
        bool, typer.Option("--equal-scores", help="Imported scores all 1.", rich_help_panel=_METHOD)
    ] = False,
    threshold: Annotated[
        float | None, typer.Option(min=0, help="Of Felzenszwalb; chosen on other scenes.", rich_help_panel=_METHOD)
    ] = None,
    min_vertices: Annotated[
        int | None, typer.Option(min=0, help="Of a Felzenszwalb segment.", rich_help_panel=_METHOD)
    ] = None,
    size: Size = "nano",
    weights: Weights = None,
    heads: Heads = None,
    geometry: Annotated[
        GeometrySource,
        typer.Option(help="Predicted; with the true cameras; or true cameras and depth.", rich_help_panel=PANEL),
    ] = "predicted",
    device: Device = "auto",
    protocol: Annotated[
        Literal["objects", "all"], typer.Option(help="Without or with walls as targets.", rich_help_panel=_OUTPUT)
    ] = "objects",
    icp: Annotated[
        Literal["point-to-point", "none"],
        typer.Option(help="Refinement of predicted worlds on the surface.", rich_help_panel=_OUTPUT),
    ] = "point-to-point",
    duplicate_overlap: Annotated[
        float,
        typer.Option(
            help="Leave out masks over this IoU with a better one; 0 is off, the standard.", rich_help_panel=_OUTPUT
        ),
    ] = 0.0,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Default: evaluation/NAME-SPLIT-GEOMETRY.", rich_help_panel=_OUTPUT),
    ] = None,
    pictures: Annotated[
        int, typer.Option(min=0, help="So many worst and best scenes as one PNG.", rich_help_panel=_OUTPUT)
    ] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="The result on stdout.", rich_help_panel=_OUTPUT)] = False,
) -> None:
    """Predict and score scenes: AP, identity, geometry, time; the report stands beside the paper's numbers."""
    with errors_to_exit(as_json=as_json), Interrupts() as interrupts:
        from fast3dis_core.cli.progress import StepDisplay
        from fast3dis_core.evaluation.protocol import Scoring

        scoring = Scoring(protocol=protocol, icp=icp != "none", duplicate_overlap=duplicate_overlap)
        plan = plan_evaluation(
            dataset=dataset,
            root=root,
            scene_list=scene_list,
            camera=camera,
            split=split,
            count=scenes,
            views=views,
            resolution=resolution,
            cache=cache_folder,
            method=method,
            system=system,
            predictions=predictions,
            equal_scores=equal_scores,
            threshold=threshold,
            min_vertices=min_vertices,
            size=size,
            weights=weights,
            heads=heads,
            geometry=geometry,
            icp=scoring.icp,
            out=out,
        )
        with StepDisplay(interrupts) as display:
            load = on_demand(display, size, weights=weights, heads=heads, device=device)
            told = _run(plan, display, load, scoring, pictures=pictures, imported=predictions)
    if told is not None:
        _tell(*told, as_json=as_json)


def _run(
    plan: Plan,
    display: "StepDisplay",
    load: "Callable[[], LoadedModel]",
    scoring: "Scoring",
    *,
    pictures: int,
    imported: Path | None,
) -> tuple[dict[str, Any], list[Path]] | None:
    """Both loops; None for ranks that do not score."""
    from fast3dis_core.evaluation import run

    folder = plan.folder
    mine = share_out(plan.scene_ids, os.environ)
    folder.begin()
    run.predict_scenes(folder, plan.source, mine, load, imported=imported, report=display)
    run.score_scenes(folder, plan.source, mine, scoring, report=display)
    if os.environ.get("RANK", "0") != "0":
        return None
    run.await_scores(folder, plan.scene_ids, scoring, report=display)
    scores = run.score_scenes(folder, plan.source, plan.scene_ids, scoring)
    result = run.summarize_scores(folder, scores, scoring)
    sheets: dict[str, tuple[str, ...]] = {}
    chosen = run.extreme_scenes(result, pictures) if pictures else ()
    if chosen:
        display("Drawing scenes", 0.0)
        sheet = folder.folder / f"pictures-{scoring.name}.png"
        run.write_pictures(sheet, folder, plan.source, chosen, duplicate_overlap=scoring.duplicate_overlap)
        sheets[sheet.name] = chosen
        display.finish()
        display.say(f"Scenes in {sheet.name}, from the top: {', '.join(chosen)}")
    files = [*run.write_result(folder, result, pictures=sheets), *(folder.folder / name for name in sheets)]
    return result, files


def _tell(result: dict[str, Any], files: list[Path], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"exit_code": 0, "files": [str(path) for path in files], "result": result}))
        return
    from fast3dis_core.evaluation.figures import FIGURES, MEASURED_BY_GOALS
    from fast3dis_core.evaluation.repeats import told
    from fast3dis_core.evaluation.report import has_views

    dropped = told(result["duplicate_overlap"])
    if dropped:
        typer.echo(dropped)
    in_3d = [FIGURES[f"surface_{name}"] for name in ("ap25", "ap50", "ap")]  # what the paper reports on scans
    shown = [*MEASURED_BY_GOALS] if has_views(result) else []
    if result["settings"]["dataset"] != "procedural-rooms" or not shown:
        shown = [*in_3d, *(figure for figure in shown if figure not in in_3d)]
    for figure in (*shown, FIGURES["seconds_per_scene"]):
        typer.echo(f"{figure.title:<28}{figure.show(result['figures'][figure.name]):>10}")
    typer.echo("\n".join(map(str, files)))
