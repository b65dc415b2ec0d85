"""How a command ends: exit codes, one-line errors, and Ctrl-C.

The first Ctrl-C raises a flag, which `report` turns into `Cancelled`, so that a job stops between two pieces
of work. Should it not get there within a moment, the job is interrupted where it is, again and again: a library in
the middle of its import may swallow an interruption. A second Ctrl-C does so at once.
"""

import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import typer

from fast3dis_core.errors import (
    Cancelled,
    CheckpointError,
    ConfigError,
    DatasetError,
    DeviceMemoryError,
    EvaluationError,
    ExportError,
    Fast3disError,
    GeometryError,
    ImageFolderError,
    SessionError,
    TrainingError,
)
from fast3dis_core.starting import INTERRUPTED as INTERRUPTED

PATIENCE = 0.3  # seconds between the first Ctrl-C and an interruption in the middle of things, and between two of these

_CODES: tuple[tuple[tuple[type[Fast3disError], ...], int, str], ...] = (
    ((ConfigError,), 2, "usage"),
    ((ImageFolderError, GeometryError, DatasetError, EvaluationError, SessionError), 3, "input"),
    ((CheckpointError,), 4, "weights"),
    ((DeviceMemoryError,), 5, "memory"),
    ((ExportError,), 6, "output"),
    ((TrainingError,), 7, "training"),
    ((Cancelled,), INTERRUPTED, "interrupted"),
)


def exit_code(error: Fast3disError) -> int:
    """Code of an error, by its kind."""
    return next((code for kinds, code, _ in _CODES if isinstance(error, kinds)), 1)


def exit_code_text() -> str:
    """One line for the help pages."""
    named = ", ".join(f"{code} {word}" for _, code, word in _CODES)
    return f"Exit codes: 0 done, 1 unexpected, {named}."


def one_line(error: Fast3disError) -> str:
    """Message of an error without line breaks."""
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def errors_to_exit(
    *, as_json: bool = False, interrupted: str = "Interrupted: nothing unfinished was kept."
) -> Iterator[None]:
    """Show an error of ours in one line on stderr and end with its code; with `as_json`, on stdout too."""
    try:
        yield
    except Fast3disError as error:
        code = exit_code(error)
        if isinstance(error, Cancelled):
            error = Cancelled(interrupted)
        typer.echo(f"fast3dis: {one_line(error)}", err=True)
        if as_json:
            typer.echo(json.dumps({"exit_code": code, "error": error_facts(error)}))
        raise typer.Exit(code) from error
    except KeyboardInterrupt as error:
        typer.echo("fast3dis: Interrupted.", err=True)
        if as_json:
            facts = {"exit_code": INTERRUPTED, "error": {"kind": "Cancelled", "message": "Interrupted."}}
            typer.echo(json.dumps(facts))
        raise typer.Exit(INTERRUPTED) from error


def error_facts(error: Fast3disError) -> dict[str, str]:
    """Kind and message, for JSON."""
    return {"kind": type(error).__name__, "message": one_line(error)}


class Interrupts:
    """Turns Ctrl-C and termination signals into a flag for the length of a `with` block."""

    def __init__(self) -> None:
        self._asked = False
        self._held = False
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "Interrupts":
        for number in (signal.SIGINT, signal.SIGTERM):
            self._previous[number] = signal.signal(number, self._on_signal)
        if hasattr(signal, "SIGALRM"):
            self._previous[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._on_alarm)
        return self

    def __exit__(self, *_: object) -> None:
        self._disarm()
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def check(self) -> None:
        """Raise `Cancelled` if somebody asked to stop."""
        if self._asked and not self._held:
            self._disarm()  # what follows is the cleaning up
            raise Cancelled("Interrupted.")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let a short block run to its end whatever is pressed: moving files into place, cleaning up."""
        before, self._held = self._held, True
        try:
            yield
        finally:
            self._held = before

    def _disarm(self) -> None:
        if hasattr(signal, "SIGALRM"):
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked and not self._held:
            raise KeyboardInterrupt
        if not self._asked:
            sys.stderr.write("\nStopping (Ctrl-C again to stop at once) ...\n")
            if hasattr(signal, "SIGALRM"):
                signal.setitimer(signal.ITIMER_REAL, PATIENCE, PATIENCE)
        self._asked = True

    def _on_alarm(self, _number: int, _frame: FrameType | None) -> None:
        if not self._held:
            raise KeyboardInterrupt
