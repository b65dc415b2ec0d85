"""Several folders in one run: where each result goes, which process does it, and what was done in the end."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import typer

from fast3dis_core.cli.exits import error_facts, exit_code, one_line
from fast3dis_core.errors import Cancelled, CheckpointError, ConfigError, Fast3disError

Work = TypeVar("Work")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One folder and where its results go; `title` is shown when there are several."""

    source: Path
    target: Path
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Facts of a finished job, or the error that ended it."""

    job: Job
    facts: Mapping[str, Any] | None = None
    error: Fast3disError | None = None


def plan_jobs(sources: Sequence[Path], out: Path) -> tuple[Job, ...]:
    """One job for each source: into `out` itself, or with several into folders of their names inside.

    Names that agree, letter case aside, are told apart by a number in the order given, whatever is on disk.
    """
    if len(sources) == 1:
        return (Job(source=sources[0], target=out),)
    jobs: list[Job] = []
    taken: set[str] = set()
    for number, source in enumerate(sources, 1):
        stem = source.resolve().name or "scene"  # "." and ".." have a name, the root of a disk has none
        name, copy = stem, 2
        while name.casefold() in taken:
            name, copy = f"{stem}-{copy}", copy + 1
        taken.add(name.casefold())
        jobs.append(Job(source=source, target=out / name, title=f"[{number}/{len(sources)}] {source}"))
    return tuple(jobs)


def share_out(jobs: Sequence[Work], environment: Mapping[str, str]) -> tuple[Work, ...]:
    """Jobs of this process, whatever they are: all, or under torchrun each WORLD_SIZE-th from RANK on.

    Raises
    ------
    ConfigError
        If RANK and WORLD_SIZE make no sense.
    """
    rank, world = (environment.get(name) for name in ("RANK", "WORLD_SIZE"))
    if rank is None and world is None:
        return tuple(jobs)
    try:
        first, step = int(rank or ""), int(world or "")
    except ValueError:
        first, step = 0, 0
    if not 0 <= first < step:
        raise ConfigError(
            f"Expected RANK and WORLD_SIZE as torchrun sets them, found RANK={rank} and WORLD_SIZE={world}; "
            "unset both to run in one process."
        )
    return tuple(jobs[first::step])


def local_device(device: str, environment: Mapping[str, str], cuda_devices: int) -> str:
    """Device of this process: under torchrun "auto" is the CUDA device of LOCAL_RANK, where there are any."""
    local = environment.get("LOCAL_RANK", "")
    if device != "auto" or not local.isdigit() or cuda_devices == 0:
        return device
    return f"cuda:{int(local) % cuda_devices}"


def run_jobs(jobs: Sequence[Job], run: Callable[[Job], Mapping[str, Any]]) -> tuple[Outcome, ...]:
    """Run one after the other; a folder that fails does not keep the others from being tried.

    Raises
    ------
    ConfigError, CheckpointError, Cancelled
        What would fail for every other folder as well.
    """
    outcomes = []
    for job in jobs:
        try:
            outcomes.append(Outcome(job=job, facts=run(job)))
        except (ConfigError, CheckpointError, Cancelled):
            raise
        except Fast3disError as error:
            outcomes.append(Outcome(job=job, error=error))
    return tuple(outcomes)


def conclude(outcomes: Sequence[Outcome], *, as_json: bool, summary: Callable[[Outcome], str]) -> None:
    """Show what was done, and end with the code of the first folder that failed.

    Parameters
    ----------
    outcomes : sequence of Outcome
    as_json : bool
        Everything as one JSON object on stdout instead of the summaries.
    summary : callable
        Text for a job that succeeded.

    Raises
    ------
    typer.Exit
        If a job failed.
    """
    code = next((exit_code(outcome.error) for outcome in outcomes if outcome.error), 0)
    for outcome in outcomes:
        if outcome.error:
            place = f"{outcome.job.source}: " if outcome.job.title else ""
            typer.echo(f"fast3dis: {place}{one_line(outcome.error)}", err=True)
        elif not as_json:
            typer.echo(summary(outcome))
    if as_json:
        typer.echo(json.dumps({"exit_code": code, "results": [_as_json(outcome) for outcome in outcomes]}))
    if code:
        raise typer.Exit(code)


def _as_json(outcome: Outcome) -> dict[str, Any]:
    facts: dict[str, Any] = {"source": str(outcome.job.source), "out": str(outcome.job.target)}
    if outcome.error:
        return {**facts, "error": error_facts(outcome.error)}
    return {**facts, **(outcome.facts or {})}
