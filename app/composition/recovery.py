"""Autosave and recovery: the folder, its locks, the bar that offers what was left, and what connects them."""

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QLockFile

from app.autosave import Autosave
from app.autosave_files import AutosaveFolder
from app.presenters.recovery import RecoveryPresenter
from app.recents import FOLDER
from app.widgets.recovery_bar import RecoveryBar

if TYPE_CHECKING:
    from app.application import Program
    from app.steps import Steps
    from app.widgets.dialogs import Dialogs
    from app.widgets.theme import Theme
    from app.worker import Worker


class RecoveryParts:
    """What is kept for an accident, and what is offered after one.

    Parameters
    ----------
    theme : Theme
    """

    def __init__(self, theme: "Theme") -> None:
        self.bar = RecoveryBar(theme)

    def connect(
        self,
        program: "Program",
        steps: "Steps",
        worker: "Worker",
        questions: "Dialogs",
        *,
        may_go: Callable[[], Awaitable[bool]],
        folder: Path | None,
    ) -> None:
        """Make autosave and presenter and connect everything; without a folder nothing is kept or offered."""
        session, workflow, window = program.session, program.workflow, program.window
        self.autosave = Autosave(
            session,
            workflow.keeper,
            steps,
            worker,
            folder=None if folder is None else AutosaveFolder(folder, FileLock),
            layout=window.layout_state,
        )
        self.presenter = presenter = RecoveryPresenter(
            session,
            program.actions,
            self.bar,
            autosave=self.autosave,
            questions=questions,
            start=workflow.start,
            may_go=may_go,
            restore_layout=window.restore_layout,
        )
        window.panels.changed.connect(self.autosave.touch)
        for signal, slot in (
            (self.bar.recover_requested, presenter.recover),
            (self.bar.discard_requested, presenter.discard),
            (self.bar.put_off, presenter.put_off),
        ):
            signal.connect(slot)
        if folder is not None:
            presenter.look()


class FileLock:
    """A file that says which process has a folder; one of a process that has died counts for nothing.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self._lock = QLockFile(str(path))
        self._lock.setStaleLockTime(0)  # programs run for days: only a dead process gives up its lock

    def take(self) -> bool:
        """Whether nobody else has it."""
        return self._lock.tryLock(0)

    def free(self) -> None:
        """Give it back."""
        self._lock.unlock()


def autosave_path() -> Path:
    """The user's folder for it, where each system keeps data of programs."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / FOLDER / "autosave"
