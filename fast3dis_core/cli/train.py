"""`fast3dis train RUN`: begin or continue a training run of either stage; several processes under torchrun.

    fast3dis train runs/geometry --stage geometry --minutes 8
    fast3dis train runs/geometry --resume --minutes 8
    fast3dis train runs/nano --weights runs/geometry/geometry.safetensors
    fast3dis train runs/aria --data aria-synthetic --data-root ase --size small
    torchrun --no-python --nproc-per-node 4 fast3dis train runs/nano --resume

A run that was interrupted is saved and ends with code 130.
"""

import dataclasses
import json
import logging
import os
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fast3dis_core.cli.exits import INTERRUPTED, Interrupts, errors_to_exit
from fast3dis_core.errors import ConfigError

if TYPE_CHECKING:
    from fast3dis_core.training.run_directory import RunDirectory
    from fast3dis_core.training.train import Outcome

_RUN, _START = "What is trained (a new run)", "How (every start)"
_ENDINGS = {
    "finished": "finished",
    "until": "ended where it was told to",
    "time": "its minutes are over",
    "stopped": "interrupted",
}


def train(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.")],
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run.", rich_help_panel=_RUN)] = False,
    stage: Annotated[str | None, typer.Option(help="geometry, or instances (default).", rich_help_panel=_RUN)] = None,
    size: Annotated[str | None, typer.Option(help="Model size; default nano.", rich_help_panel=_RUN)] = None,
    data: Annotated[
        str | None, typer.Option(help="procedural-rooms (default), or aria-synthetic.", rich_help_panel=_RUN)
    ] = None,
    data_root: Annotated[
        Path | None,
        typer.Option(
            metavar="ROOT", help="Folder of the scenes of aria-synthetic; may move on --resume.", rich_help_panel=_RUN
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="All steps of the run; may change on --resume.", rich_help_panel=_RUN)
    ] = None,
    weights: Annotated[str | None, typer.Option(help="File to begin from, or random.", rich_help_panel=_RUN)] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.", rich_help_panel=_RUN)] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="One setting, as loss.contrastive_weight=0.", rich_help_panel=_RUN
        ),
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Save and end after so long.", rich_help_panel=_START)
    ] = None,
    until_step: Annotated[
        int | None, typer.Option(min=1, help="Save and end at this step.", rich_help_panel=_START)
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.", rich_help_panel=_START)] = "auto",
    workers: Annotated[int, typer.Option(min=0, help="Processes that prepare data.", rich_help_panel=_START)] = 0,
    cache: Annotated[
        Path | None, typer.Option(help="Folder of rendered rooms, shared by runs.", rich_help_panel=_START)
    ] = None,
    render_ahead: Annotated[
        bool, typer.Option("--render-ahead/--no-render-ahead", help="Render all rooms first.", rich_help_panel=_START)
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Train geometry, or instances on a frozen backbone."""
    root = None if data_root is None else str(data_root.resolve())
    given = {"stage": stage, "data": data, "data_root": root, "steps": steps, "model.size": size}
    changes = {name: value for name, value in given.items() if value is not None}
    with errors_to_exit(as_json=as_json):
        from fast3dis_core.cli.progress import StepDisplay
        from fast3dis_core.datasets.rendered import default_cache
        from fast3dis_core.progress import silent
        from fast3dis_core.training.run_directory import RunDirectory
        from fast3dis_core.training.train import train as run_training

        run = RunDirectory(folder)
        leads = os.environ.get("RANK", "0") == "0"
        if leads and resume:
            _continue(run, {**changes, "--weights": weights, "--config": config, "--set": settings or None})
        elif leads:
            _begin(run, config, settings or [], changes, weights)
        with StepDisplay(Interrupts()) as display, _LogLines(display.say):
            outcome = run_training(
                run,
                cache=cache or default_cache(),
                device=device,
                minutes=minutes,
                until_step=until_step,
                workers=workers,
                render_ahead=render_ahead,
                report=display if leads else silent,
            )
    _tell(outcome, run, as_json=as_json)


def merged_settings(config: Path | None, settings: Sequence[str], changes: dict[str, Any]) -> dict[str, Any]:
    """Settings of a file, then of `--set`, then of options of their own; later ones win.

    Raises
    ------
    ConfigError
        If the file does not read, or a setting has no "=".
    """
    values: dict[str, Any] = {}
    if config is not None:
        try:
            values = tomllib.loads(config.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(
                f"{config}: expected a TOML file of settings, found none that reads ({error})."
            ) from error
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ConfigError(f"--set {setting!r}: expected NAME=VALUE, as --set seed=3.")
        _put(values, name.strip(), _value(text.strip()))
    for name, value in changes.items():
        _put(values, name, value)
    return values


def _begin(
    run: "RunDirectory", config: Path | None, settings: Sequence[str], changes: dict[str, Any], weights: str | None
) -> None:
    from fast3dis_core.training.beginning import first_weights
    from fast3dis_core.training.settings import training_config

    chosen = training_config(merged_settings(config, settings, changes))
    run.begin(chosen, first_weights(chosen, weights))


def _continue(run: "RunDirectory", given: dict[str, Any]) -> None:
    from fast3dis_core.training.train import longer

    config = run.config()
    fixed = [name for name, value in given.items() if value is not None and name not in ("steps", "data_root")]
    if fixed:
        raise ConfigError(
            f"--resume continues {run.folder} with the settings it began with, found {', '.join(fixed)} as well: "
            "leave them out, or begin a new run."
        )
    if "data_root" in given:
        run.change_config(dataclasses.replace(config, data_root=given["data_root"]))
    if "steps" in given:
        longer(run, given["steps"])


def _put(values: dict[str, Any], name: str, value: Any) -> None:
    """Set "loss.points" in the table "loss"."""
    table, dot, field = name.rpartition(".")
    place = values.setdefault(table, {}) if dot else values
    if not isinstance(place, dict):
        raise ConfigError(f"{name}: {table} is a setting, not a table of settings.")
    place[field] = value


def _value(text: str) -> Any:
    """A number, boolean or list as TOML writes them; any other text is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


class _LogLines(logging.Handler):
    """Shows what the trainer logs, for the length of a block."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._say = say
        self._logger = logging.getLogger("fast3dis_core.training")
        self._level = self._logger.level

    def emit(self, record: logging.LogRecord) -> None:
        """Show one record."""
        self._say(record.getMessage())

    def __enter__(self) -> "_LogLines":
        self._logger.addHandler(self)
        self._logger.setLevel(logging.INFO)
        return self

    def __exit__(self, *_: object) -> None:
        self._logger.removeHandler(self)
        self._logger.setLevel(self._level)


def _tell(outcome: "Outcome", run: "RunDirectory", *, as_json: bool) -> None:
    if outcome.leads:
        counters = outcome.counters
        facts = {
            "run": str(run.folder),
            "ended": outcome.reason,
            "step": counters.step,
            "scenes_seen": counters.scenes_seen,
            "seconds": round(counters.seconds, 3),
            "weights": str(outcome.export),
            "validation": {name: value if value == value else None for name, value in outcome.figures.items()},
        }
        if as_json:
            typer.echo(json.dumps(facts))
        else:
            rate = counters.scenes_seen / max(counters.seconds, 1e-9)
            typer.echo(
                f"{run.folder}: {_ENDINGS[outcome.reason]} after step {counters.step}, "
                f"{counters.scenes_seen:,} scenes, {rate:.1f} scenes/s; weights: {outcome.export}"
            )
    if outcome.reason == "stopped":
        raise typer.Exit(INTERRUPTED)
