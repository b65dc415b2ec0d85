"""`fast3dis segment FOLDER... --out DIR`: photos to instances, and nothing else.

Several folders share one loaded model. Under torchrun they are shared out over the ranks: every process
takes each WORLD_SIZE-th folder from its RANK on, without any talk between them.
"""

import math
import os
from collections.abc import Sized
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from fast3dis_core.cli.exits import Interrupts, errors_to_exit
from fast3dis_core.cli.jobs import Job, Outcome, conclude, plan_jobs, run_jobs, share_out
from fast3dis_core.cli.model import PANEL, Device, Heads, Size, Weights, on_demand
from fast3dis_core.config import GeometrySource, InferenceConfig, ModelConfig, from_mapping, model_size
from fast3dis_core.errors import ConfigError

_INPUT, _OUTPUT, _FILTERS = "Input", "Output", "Instances and filters"
_WISHES = "Single instances, by query number"


def segment(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER", help="Folders of photos, or video files.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Results; with several folders one folder each inside.", metavar="DIR")
    ],
    size: Size = "nano",
    weights: Weights = None,
    heads: Heads = None,
    device: Device = "auto",
    precision: Annotated[str, typer.Option(help="auto, float32, bfloat16.", rich_help_panel=PANEL)] = "auto",
    chunk_views: Annotated[
        int, typer.Option(min=1, help="Views computed together; less needs less memory.", rich_help_panel=PANEL)
    ] = 8,
    geometry: Annotated[
        GeometrySource,
        typer.Option(help="Predicted; with the folder's cameras; or its cameras and depth.", rich_help_panel=_INPUT),
    ] = "predicted",
    resolution: Annotated[
        int | None, typer.Option(min=14, help="Long edge, pixels; default that of the size.", rich_help_panel=_INPUT)
    ] = None,
    max_views: Annotated[int, typer.Option(min=1, help="Use this many, evenly.", rich_help_panel=_INPUT)] = 50,
    view: Annotated[
        list[str] | None,
        typer.Option(
            help="Exactly this photo of the folder, or clip.mp4#12. Repeat, in their order.", rich_help_panel=_INPUT
        ),
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad photos out.", rich_help_panel=_INPUT)] = False,
    paper: Annotated[
        bool, typer.Option("--paper", help="Section 3.5 as written: all filters off.", rich_help_panel=_FILTERS)
    ] = False,
    objectness_threshold: Annotated[
        float | None, typer.Option(help="Least score of an instance. [0.3]", rich_help_panel=_FILTERS)
    ] = None,
    mask_threshold: Annotated[
        float | None, typer.Option(help="Least probability of a mask pixel. [0.5]", rich_help_panel=_FILTERS)
    ] = None,
    confidence_percentile: Annotated[
        float | None, typer.Option(help="Drop the least confident points, %. [10]", rich_help_panel=_FILTERS)
    ] = None,
    depth_edge: Annotated[
        float | None, typer.Option(help="Drop points at relative depth jumps. [0.04]", rich_help_panel=_FILTERS)
    ] = None,
    minimum_points: Annotated[
        int | None, typer.Option(help="Drop smaller instances. [50]", rich_help_panel=_FILTERS)
    ] = None,
    duplicate_overlap: Annotated[
        float | None,
        typer.Option(help="Drop duplicates: over this IoU with a better one. [0, off]", rich_help_panel=_FILTERS),
    ] = None,
    exports: Annotated[
        str,
        typer.Option(
            help="Some of ply, scene, glb, masks, overlays, transforms, colmap, npz, report; commas between.",
            rich_help_panel=_OUTPUT,
        ),
    ] = "all",
    frame: Annotated[
        Literal["view0", "folder"],
        typer.Option(help="World of the files: the first camera, or the folder's.", rich_help_panel=_OUTPUT),
    ] = "view0",
    scale: Annotated[float, typer.Option(help="Multiplies all lengths of the files.", rich_help_panel=_OUTPUT)] = 1.0,
    meters: Annotated[
        float | None,
        typer.Option(
            help="Meters per scene unit: all lengths of the files are meters. Corrects those of a scene in meters.",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    queries: Annotated[
        str | None, typer.Option(help="Write only these instances: 3,12,40.", rich_help_panel=_WISHES)
    ] = None,
    hide: Annotated[
        str | None, typer.Option(help="Leave these instances and their points out: 4,9.", rich_help_panel=_WISHES)
    ] = None,
    merge: Annotated[
        list[str] | None,
        typer.Option(help="These are one object: 3,12. Repeat for more.", rich_help_panel=_WISHES),
    ] = None,
    name: Annotated[
        list[str] | None, typer.Option(help="Call one: 3=Sofa. Repeat for more.", rich_help_panel=_WISHES)
    ] = None,
    color: Annotated[
        list[str] | None, typer.Option(help="Color one: 3=#c08040. Repeat for more.", rich_help_panel=_WISHES)
    ] = None,
    anchor: Annotated[
        list[str] | None,
        typer.Option(
            help="Start a query elsewhere: 3=0.1,0.2,1.5; add ,pinned to hold it. In the first camera's frame.",
            rich_help_panel=_WISHES,
        ),
    ] = None,
    palette: Annotated[
        Literal["standard", "safe"],
        typer.Option(help="Other colors; safe ones are for every color vision.", rich_help_panel=_WISHES),
    ] = "standard",
    voxel_size: Annotated[
        float | None,
        typer.Option(help="One point per voxel of this edge, in written units.", rich_help_panel=_OUTPUT),
    ] = None,
    colors: Annotated[
        Literal["instance", "photo"], typer.Option(help="Of the points of the whole scene.", rich_help_panel=_OUTPUT)
    ] = "instance",
    instance_colors: Annotated[
        Literal["instance", "photo"], typer.Option(help="Of the points of single instances.", rich_help_panel=_OUTPUT)
    ] = "photo",
    claimed_only: Annotated[
        bool,
        typer.Option("--claimed-only", help="Leave out points of no written instance.", rich_help_panel=_OUTPUT),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace results of an earlier run.", rich_help_panel=_OUTPUT)
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout.", rich_help_panel=_OUTPUT)
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be read; write nothing.", rich_help_panel=_OUTPUT)
    ] = False,
) -> None:
    """Segment folders of photos into 3D instances."""
    given = _given(
        objectness_threshold=objectness_threshold,
        mask_threshold=mask_threshold,
        confidence_percentile=confidence_percentile,
        depth_edge=depth_edge,
        minimum_points=minimum_points,
        duplicate_overlap=duplicate_overlap,
    )
    with errors_to_exit(as_json=as_json), Interrupts() as interrupts:
        ModelConfig.for_size(size)  # a size that cannot segment is told before its weights are asked for
        jobs = share_out(plan_jobs(_one_for(folders, view=view, anchor=anchor), out), os.environ)

        from fast3dis_core.cli.choosing import parse_anchors
        from fast3dis_core.cli.curating import numbers, parse_wishes
        from fast3dis_core.cli.progress import StepDisplay
        from fast3dis_core.cli.scene_run import RunSettings, preview_scene, run_scene
        from fast3dis_core.exports.outputs import parse_exports

        settings = RunSettings(
            geometry=geometry,
            resolution=resolution or model_size(size).resolution,
            max_views=max_views,
            photos=tuple(view or ()),
            skip_bad=skip_bad,
            chunk_views=chunk_views,
            inference=InferenceConfig.paper(**given) if paper else from_mapping(InferenceConfig, given),
            anchors=parse_anchors(anchor or ()),
            exports=parse_exports(exports),
            colors=colors,
            frame=_possible_frame(frame, geometry),
            scale=_written_scale(scale, meters),
            meters=meters is not None,
            instance_colors=instance_colors,
            wishes=parse_wishes(hide, merge, name, color, palette=palette, rest=not claimed_only),
            queries=None if queries is None else frozenset(numbers("--queries", queries)),
            voxel_size=None if voxel_size is None else _above_zero("--voxel-size", voxel_size),
            overwrite=overwrite,
        )
        with StepDisplay(interrupts) as display:
            load = on_demand(display, size, weights=weights, heads=heads, device=device, precision=precision)

            def run(job: Job) -> dict[str, Any]:
                display.begin(job.title)
                if dry_run:
                    return preview_scene(job.source, job.target, settings, display, size=size, device=device)
                return run_scene(job.source, job.target, settings, load, display, interrupts)

            outcomes = run_jobs(jobs, run)
        conclude(outcomes, as_json=as_json, summary=_preview_text if dry_run else _result_text)


def _given(**changes: float | None) -> dict[str, Any]:
    return {key: value for key, value in changes.items() if value is not None}


def _one_for(folders: list[Path], **wishes: Sized | None) -> list[Path]:
    """The folders, which may be several only without wishes that belong to one."""
    for name, wish in wishes.items():
        if wish and len(folders) > 1:
            raise ConfigError(f"--{name} belongs to one folder, found {len(folders)}; run them one by one.")
    return folders


def _possible_frame(frame: Literal["view0", "folder"], geometry: str) -> Literal["view0", "folder"]:
    if frame == "folder" and geometry == "predicted":
        raise ConfigError(
            "--frame folder: expected cameras from the folder, found predicted ones; add --geometry posed or given."
        )
    return frame


def _written_scale(scale: float, meters: float | None) -> float:
    """Written units per scene unit."""
    if meters is None:
        return _above_zero("--scale", scale)
    if scale != 1.0:
        raise ConfigError("--meters and --scale both say how long a scene unit is: give one of them.")
    return _above_zero("--meters", meters)


def _above_zero(option: str, value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ConfigError(f"{option}: expected a number above 0, found {value:g}.")
    return value


def _result_text(outcome: Outcome) -> str:
    facts = outcome.facts or {}
    result, seconds = facts["result"], sum(facts["seconds"].values())
    lines = [
        f"{outcome.job.target}: {_count(result['instances'], 'instance')} in {_count(result['views'], 'view')}, "
        f"{result['points']['valid']:,} points, {seconds:.1f} s, units: {result['units']}"
    ]
    if facts["model"]["status"] != "trained":
        lines.append(facts["model"]["status"])
    return "\n".join(lines)


def _preview_text(outcome: Outcome) -> str:
    facts = outcome.facts or {}
    height, width = facts["input"]["network_size"]
    photos = facts["input"]["photos"]
    low, high = (facts["estimated_memory_bytes"][end] / 1e9 for end in ("low", "high"))
    return (
        f"{outcome.job.source}: {_count(photos, 'view')} of {width} x {height} pixels: {', '.join(photos)}\n"
        f"Memory: {low:.1f} to {high:.1f} GB"
    )


def _count(things: Sized, word: str) -> str:
    return f"{len(things)} {word}{'' if len(things) == 1 else 's'}"
