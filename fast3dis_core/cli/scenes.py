"""`fast3dis scenes render`: a generated room as an ordinary folder of photos with cameras, depth and ids."""

from pathlib import Path
from typing import Annotated

import typer

from fast3dis_core.cli.exits import errors_to_exit

_OUTPUTS = ("images", "depth", "instance", "transforms.json", "surface.ply")

app = typer.Typer(help="Furnished rooms from a seed, as the bundled model was taught with.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `render` a command of its own while it is the only one."""


@app.command()
def render(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.", metavar="DIR")],
    seed: Annotated[int, typer.Option(min=0, help="Which room; 1000000000 on are for validation.")] = 0,
    views: Annotated[int, typer.Option(min=1, max=12, help="Photos.")] = 8,
    height: Annotated[int, typer.Option(min=14, max=4096, help="Pixels.")] = 378,
    width: Annotated[int, typer.Option(min=14, max=4096, help="Pixels.")] = 504,
    augment: Annotated[bool, typer.Option("--augment", help="Exposure, blur, noise, as cameras have them.")] = False,
    surface: Annotated[bool, typer.Option("--surface/--no-surface", help="Also write surface.ply.")] = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files of these names.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
) -> None:
    """Render one room: images, transforms.json, depth, instance ids, labelled points."""
    from fast3dis_core.cli.exits import Interrupts
    from fast3dis_core.cli.progress import StepDisplay
    from fast3dis_core.cli.staging import refuse_existing_outputs
    from fast3dis_core.datasets.procedural_rooms import prepare_scenes, write_posed_dataset
    from fast3dis_core.datasets.procedural_rooms import render as render_rooms
    from fast3dis_core.inference.steps import choose_device, memory_errors
    from fast3dis_core.scene import scene

    with errors_to_exit(), Interrupts() as interrupts, memory_errors(), StepDisplay(interrupts) as display:
        refuse_existing_outputs(out, _OUTPUTS, overwrite=overwrite)  # before anything is computed
        where = choose_device(device)
        display("Furnishing the room", 0.0)
        rooms = prepare_scenes([seed], views=views, height=height, width=width).to(where)
        display("Rendering", 0.0)
        sample = scene(render_rooms(rooms, height=height, width=width, supersample=2, augment=augment), 0)
        display("Writing files", 0.0)
        with interrupts.held():
            written = write_posed_dataset(sample, out, surface=surface, overwrite=overwrite)
    typer.echo(f"{out}: {len(written)} files, {len(sample.object_ids())} objects seen in {views} views.")
