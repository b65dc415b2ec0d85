"""What a run cost and how it differed from the defaults, for the card of the weights that came out of it.

Read from the run's own files; nothing is computed anew. What the paper leaves open is told by `config`.
"""

import csv
import json
from dataclasses import dataclass
from typing import Any

from fast3dis_core.config import LossConfig, to_mapping
from fast3dis_core.errors import ConfigError
from fast3dis_core.training.run_directory import RunDirectory
from fast3dis_core.training.settings import training_config


@dataclass(frozen=True, kw_only=True)
class RunAccount:
    """One training run.

    Attributes
    ----------
    stage : str
    steps, scenes_seen : int
        As far as the log goes.
    seconds : float
        Spent on training, over all starts.
    machines : tuple of str
        Each start's machine, once.
    commits : tuple of str
        Of the code, once each.
    settings : mapping of str to (value, default)
        Where the run differs from the defaults of its stage; how often it logs and saves does not count.
    objective : mapping of str to (value, default)
        Where its loss differs from eq. 9 as read here; of the stage "instances" only.
    """

    stage: str
    steps: int
    scenes_seen: int
    seconds: float
    machines: tuple[str, ...]
    commits: tuple[str, ...]
    settings: dict[str, tuple[Any, Any]]
    objective: dict[str, tuple[Any, Any]]


def account(run: RunDirectory) -> RunAccount:
    """Sum up a run.

    Parameters
    ----------
    run : RunDirectory

    Raises
    ------
    ConfigError
        If there is no run, or its log is empty or damaged.
    """
    config = run.config()
    values = to_mapping(config)
    usual = to_mapping(training_config({"stage": config.stage, "model": {"size": config.model.size}}))
    tables = ("model", "loss")
    plain = [key for key in values if key not in tables and not key.endswith("_every")]
    settings = {key: (values[key], usual[key]) for key in plain if values[key] != usual[key]}
    for table in tables:
        ours, theirs = values[table], usual[table]
        settings.update({f"{table}.{key}": (ours[key], theirs[key]) for key in ours if ours[key] != theirs[key]})
    pure = to_mapping(LossConfig())
    objective = {key: (value, pure[key]) for key, value in values["loss"].items() if value != pure[key]}
    try:
        with run.log.open(newline="", encoding="utf-8") as file:
            last = list(csv.DictReader(file))[-1]
        counters = int(last["step"]), int(last["scenes"]), float(last["seconds"])
        lines = (run.folder / "environment.jsonl").read_text("utf-8").splitlines()
        starts = [json.loads(line) for line in lines]
        machines = tuple(dict.fromkeys(map(_machine, starts)))
        commits = tuple(dict.fromkeys(str(start["code_commit"]) for start in starts if start["code_commit"]))
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise ConfigError(
            f"{run.folder}: expected the log and the environment of a run that has made steps, found none that read "
            f"({error}); choose the folder of a training run."
        ) from error
    return RunAccount(
        stage=config.stage,
        steps=counters[0],
        scenes_seen=counters[1],
        seconds=counters[2],
        machines=machines,
        commits=commits,
        settings=settings,
        objective=objective if config.stage == "instances" else {},
    )


def _machine(start: dict[str, Any]) -> str:
    processes, threads = start["processes"], start["threads"]
    return (
        f"{start['device']}, {processes} process{'' if processes == 1 else 'es'} of {threads} "
        f"thread{'' if threads == 1 else 's'}, {start['precision']}, torch {start['torch']}"
    )
