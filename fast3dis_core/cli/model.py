"""The options that choose a network, alike in every command that runs one, and the loading of it."""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fast3dis_core.cli.jobs import local_device

if TYPE_CHECKING:
    from fast3dis_core.cli.progress import StepDisplay
    from fast3dis_core.inference.steps import LoadedModel

PANEL = "Model"  # of the help page
Size = Annotated[str, typer.Option(help="Model size.", rich_help_panel=PANEL)]
Weights = Annotated[
    str | None,
    typer.Option(help="Weight file or folder, or random; default: see `weights path`.", rich_help_panel=PANEL),
]
Heads = Annotated[Path | None, typer.Option(help="FAST3DIS heads for Depth Anything 3 weights.", rich_help_panel=PANEL)]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.", rich_help_panel=PANEL)]


def on_demand(
    display: "StepDisplay", size: str, *, weights: str | None, heads: Path | None, device: str, precision: str = "auto"
) -> Callable[[], "LoadedModel"]:
    """What gives the model: loaded when it is first asked for, on the device of this process.

    Parameters
    ----------
    display : StepDisplay
        Follows the loading, and says what has to be known of the weights.
    size : str
    weights, heads, device, precision
        As `load_model` takes them; under torchrun "auto" is the device of the rank.
    """

    @cache
    def load() -> "LoadedModel":
        import torch

        from fast3dis_core.inference.steps import load_model

        where = local_device(device, os.environ, torch.cuda.device_count())
        model = load_model(size, weights=weights, heads=heads, device=where, precision=precision, report=display)
        display.finish()
        display.say(model.status)
        return model

    return load
