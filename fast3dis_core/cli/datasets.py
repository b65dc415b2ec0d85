"""`fast3dis datasets check ROOT`: what of a data set is on this disk, scene by scene, and what is missing."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fast3dis_core.cli.exits import Interrupts, errors_to_exit, exit_code
from fast3dis_core.errors import DatasetError

if TYPE_CHECKING:
    from fast3dis_core.datasets.completeness import DatasetReport, Part, SceneReport

app = typer.Typer(help="Data sets to train and evaluate on.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `check` a command of its own while it is the only one."""


@app.command()
def check(
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="Folder of the data set.")],
    dataset: Annotated[
        str | None, typer.Option(help="scannet, scannetpp, replica or aria-synthetic; default: the folder tells.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Say which scenes are complete, and what the others lack; exit code 3 if anything does."""
    with errors_to_exit(as_json=as_json), Interrupts() as interrupts:
        from fast3dis_core.cli.progress import StepDisplay
        from fast3dis_core.datasets.completeness import check_folder

        with StepDisplay(interrupts) as display:
            found = check_folder(root, dataset, report=display)
        code = 0 if found.complete else exit_code(DatasetError(""))
        typer.echo(
            json.dumps({"exit_code": code, "root": str(root), **_facts(found)}) if as_json else _text(root, found)
        )
    if code:
        raise typer.Exit(code)


def _facts(found: "DatasetReport") -> dict[str, Any]:
    return {
        "dataset": found.kind,
        "name": found.data_set,
        "complete": found.complete,
        "shared": [_part_facts(part) for part in found.shared],
        "scenes": [
            {
                "scene": scene.scene_id,
                "complete": scene.complete,
                "frames": dict(scene.frames),
                "missing": list(scene.missing),
                "problems": list(scene.problems),
                "parts": [_part_facts(part) for part in scene.parts],
            }
            for scene in found.scenes
        ],
    }


def _part_facts(part: "Part") -> dict[str, Any]:
    return {"name": part.name, "found": part.found, "needed": part.needed}


def _text(root: Path, found: "DatasetReport") -> str:
    complete = sum(scene.complete for scene in found.scenes)
    lines = [f"{root}: {found.data_set}, {complete} of {len(found.scenes)} scenes complete"]
    if found.missing:
        lines.append(f"Missing for all scenes: {', '.join(found.missing)}")
    width = max(len(scene.scene_id) for scene in found.scenes)
    lines += [f"  {scene.scene_id:{width}}  {_scene_text(scene)}" for scene in found.scenes]
    return "\n".join(lines)


def _scene_text(scene: "SceneReport") -> str:
    counts = ", ".join(f"{count:,} {camera} frames" for camera, count in scene.frames.items() if count)
    told = [f"complete: {counts}" if scene.complete else f"incomplete: {counts or 'no frames'}"]
    if scene.missing:
        told.append(f"lacks {', '.join(scene.missing)}")
    told += scene.problems
    optional = [part.name for part in scene.parts if not part.needed and not part.found]
    if optional:
        told.append(f"without {', '.join(optional)}, which is optional")
    return "; ".join(told)
