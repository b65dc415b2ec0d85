"""A run on disk: everything needed to continue it, judge it and repeat it.

    config.toml                  the run's settings; decides everything a seed can decide
    weights.json                 the file the run began from, with its hash
    scenes.json                  where data comes from a folder: scenes trained on, and those of validation
    environment.jsonl            one line per start: machine, versions, code
    log.csv                      one row per `log_every` steps; validation.csv, one per validation
    checkpoints/state-*.safetensors    parameters, optimizer and counters; the newest two
    pictures/step-*.png          what validation scenes look like
    geometry.safetensors or model.safetensors    the weights, as the rest of the package reads them

Every file is replaced whole, or appended to by one line that a later start checks. A run may be killed at any moment:
it continues from the newest state, and rows after it are dropped. What is in a state is left to the trainer.
"""

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from fast3dis_core.config import TrainingConfig
from fast3dis_core.errors import CheckpointError, ConfigError
from fast3dis_core.exports.atomic import atomic_file, plain_disk_errors
from fast3dis_core.training.settings import read_toml, to_toml

KEPT = 2  # states; the older one is for the day the newer one turns out to be no good
STATE_VERSION = "1"
_COUNTERS = "counters"  # metadata key of a state


@dataclass(frozen=True, kw_only=True)
class Counters:
    """Where a run is.

    Attributes
    ----------
    step : int
        Steps done, and so the number of the next one.
    scenes_seen : int
    seconds : float
        Spent on training, over all starts.
    """

    step: int = 0
    scenes_seen: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class State:
    """Tensors by name, and where the run was."""

    tensors: Mapping[str, Tensor]
    counters: Counters


class RunDirectory:
    """Files of one run.

    Parameters
    ----------
    folder : Path or str
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.log = self.folder / "log.csv"
        self.validation = self.folder / "validation.csv"

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return (self.folder / "config.toml").exists()

    def begin(self, config: TrainingConfig, weights: Mapping[str, str]) -> None:
        """Write what a run is.

        Raises
        ------
        ConfigError
            If there is a run already.
        ExportError
            If the disk refuses.
        """
        if self.exists:
            raise ConfigError(
                f"{self.folder} holds a run already: continue it with --resume, or choose another folder."
            )
        with plain_disk_errors(self.folder):
            for folder in (self.folder, self.folder / "checkpoints", self.folder / "pictures"):
                folder.mkdir(parents=True, exist_ok=True)
        self._write("weights.json", json.dumps(dict(weights), indent=1))
        self._write("config.toml", to_toml(config))  # last: what `exists` asks for

    def config(self) -> TrainingConfig:
        """Settings of the run.

        Raises
        ------
        ConfigError
            If there is no run here, or its settings do not read.
        """
        path = self.folder / "config.toml"
        if not path.exists():
            raise ConfigError(f"{self.folder} holds no run: expected {path.name} in it; begin one without --resume.")
        return read_toml(path.read_text("utf-8"), source=str(path))

    def change_config(self, config: TrainingConfig) -> None:
        """Replace the settings, as for a longer schedule."""
        self._write("config.toml", to_toml(config))

    def weights(self) -> dict[str, str]:
        """What the run began from, as given to `begin`."""
        return dict(json.loads((self.folder / "weights.json").read_text("utf-8")))

    def note_scenes(self, listing: Mapping[str, Sequence[int]]) -> None:
        """Write which scenes of a folder serve for what; a later start has to find the same.

        Raises
        ------
        ConfigError
            If it finds others: validation scenes might be among those trained on before.
        """
        path, told = self.folder / "scenes.json", {use: list(numbers) for use, numbers in listing.items()}
        if not path.exists():
            self._write(path.name, json.dumps(told))
        elif json.loads(path.read_text("utf-8")) != told:
            counts = ", ".join(f"{len(numbers)} for {use}" for use, numbers in told.items())
            raise ConfigError(
                f"{path}: expected the scenes this run began with, found others in its folder ({counts}); put the same "
                "scenes back, or begin a new run with the weights of this one."
            )

    def add_environment(self, facts: Mapping[str, Any]) -> None:
        """Note a start."""
        line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="seconds"), **facts})
        with plain_disk_errors(self.folder), (self.folder / "environment.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def picture(self, step: int) -> Path:
        """File of the pictures of a step."""
        return self.folder / "pictures" / f"step-{step:08d}.png"

    def save(self, state: State) -> None:
        """Write a state whole, then remove the oldest ones.

        Raises
        ------
        ExportError
            If the disk refuses; earlier states stay.
        """
        path = self.folder / "checkpoints" / f"state-{state.counters.step:08d}.safetensors"
        tensors = {name: value.detach().cpu().contiguous() for name, value in state.tensors.items()}
        metadata = {"version": STATE_VERSION, _COUNTERS: json.dumps(asdict(state.counters))}
        with atomic_file(path, overwrite=True) as file:
            file.write(save(tensors, metadata=metadata))
        with plain_disk_errors(path):
            for old in self._states()[:-KEPT]:
                old.unlink()

    def load(self) -> State | None:
        """Newest state, None before the first.

        Raises
        ------
        CheckpointError
            If it is damaged; the message names the older one.
        """
        states = self._states()
        if not states:
            return None
        try:
            with safe_open(states[-1], framework="pt") as file:
                counters = Counters(**json.loads(file.metadata()[_COUNTERS]))
                return State(tensors={name: file.get_tensor(name) for name in file.keys()}, counters=counters)  # noqa: SIM118
        except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
            older = f"; {states[-2].name} is older and may be whole" if len(states) > 1 else ""
            raise CheckpointError(
                f"{states[-1]}: expected the state of a run, found a damaged file ({error}); delete it{older}."
            ) from error

    def sweep(self) -> None:
        """Remove what a kill in the middle of writing left behind."""
        with plain_disk_errors(self.folder):
            for path in self.folder.rglob(".fast3dis-*.part"):
                path.unlink(missing_ok=True)

    def _states(self) -> list[Path]:
        return sorted((self.folder / "checkpoints").glob("state-*.safetensors"))

    def _write(self, name: str, text: str) -> None:
        with atomic_file(self.folder / name, overwrite=True) as file:
            file.write(text.encode())


class CsvLog:
    """A table with one row per step that grew worth a row.

    Parameters
    ----------
    path : Path
    columns : tuple of str
        The first is the step.
    after : int
        Rows of later steps are dropped: these steps will be done again.

    Raises
    ------
    ConfigError
        If the file has other columns.
    """

    def __init__(self, path: Path, columns: tuple[str, ...], *, after: int) -> None:
        self.path = path
        self.columns = columns
        kept: list[list[str]] = []
        if path.exists():
            lines = path.read_text("utf-8").splitlines(keepends=True)
            whole = [line for line in lines if line.endswith("\n")]  # a kill may have cut the last one
            header, *rows = list(csv.reader(whole)) or [list(columns)]
            if header != list(columns):
                raise ConfigError(f"{path} has other columns than this version writes: move it away and start again.")
            kept = [row for row in rows if int(row[0]) <= after]
        with atomic_file(path, overwrite=True) as file:
            file.write("".join(_line(row) for row in [list(columns), *kept]).encode())

    def add(self, row: Mapping[str, float]) -> None:
        """Append one row and bring it to the disk."""
        assert tuple(row) == self.columns, f"expected {self.columns}, found {tuple(row)}"
        line = _line([str(value) if isinstance(value, int) else f"{value:.6g}" for value in row.values()])
        with plain_disk_errors(self.path), self.path.open("a", encoding="utf-8", newline="") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


def _line(values: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()
