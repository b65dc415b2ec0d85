"""The command line `fast3dis`: thin, one file per command.

Results go to stdout, everything else to stderr. Exit codes:

====  ==========================================================================================
0     done
1     unexpected error: a defect of this program, shown with its traceback
2     usage: an unknown option, or a setting with an impossible value
3     input: photos, cameras or data sets that cannot be used
4     weights: missing, damaged, or made for another size
5     memory: the device ran out of it
6     output: it exists already, cannot be written, or the disk is full
7     training: it cannot go on
130   interrupted by Ctrl-C or a termination signal
====  ==========================================================================================

With several folders the others are still tried, and the code is that of the first that failed.
Importing this package loads neither torch nor NumPy: commands import what they need when they run.
"""

import io
import os
import sys
from typing import Annotated

import typer

import fast3dis_core
from fast3dis_core.cli import benchmark, card, compare, datasets, evaluate, scenes, segment, train, weights
from fast3dis_core.cli.exits import INTERRUPTED, exit_code_text

app = typer.Typer(
    name="fast3dis",
    help="FAST3DIS: photos of a room in, colored 3D instances out.",
    epilog=exit_code_text(),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"fast3dis-viewer {fast3dis_core.__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Options of the program itself; the help text is that of `app`."""


app.command("segment", epilog=exit_code_text())(segment.segment)
app.command("train", epilog=exit_code_text())(train.train)
app.command("evaluate", epilog=exit_code_text())(evaluate.evaluate)
app.command("benchmark", epilog=exit_code_text())(benchmark.benchmark)
app.command("card", epilog=exit_code_text())(card.card)
app.command("compare", epilog=exit_code_text())(compare.compare)
app.add_typer(datasets.app, name="datasets", epilog=exit_code_text())
app.add_typer(scenes.app, name="scenes")
app.add_typer(weights.app, name="weights")


def main() -> None:
    """Entry point of the `fast3dis` script."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # file names need not be text; where they are bytes, print those
        sys.stdout.reconfigure(errors="surrogateescape" if os.name == "posix" else "backslashreplace")
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
