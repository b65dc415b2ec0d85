"""The export dialog: choices to a wish, what it comes to back, and writing it."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from app.actions import Actions
from app.command_text import segment_command
from app.exporter import default_folder
from app.session.export_wish import ExportWish
from app.session.session import Session
from app.workflow import Workflow
from fast3dis_core.errors import ConfigError
from fast3dis_core.exports.outputs import EXPORTS


class Dialog(Protocol):
    """What this presenter needs of the dialog."""

    def set_wish(self, wish: ExportWish) -> None: ...
    def set_preview(self, text: str, *, ready: bool) -> None: ...
    def set_units(self, units: str) -> None: ...
    def open(self) -> None: ...
    def close(self) -> object: ...


class Questions(Protocol):
    """What the user is asked."""

    async def export_folder(self, proposal: Path) -> Path | None: ...
    async def replace_files(self, folder: Path, names: Sequence[str]) -> bool: ...


class ExportPresenter:
    """Session to dialog and files.

    Parameters
    ----------
    session, workflow, actions
    dialog : callable
        Makes a dialog, connected.
    questions : Questions
    copy, show_folder : callables
        Put a text on the clipboard; open a folder in the system's file manager.
    """

    def __init__(
        self,
        session: Session,
        workflow: Workflow,
        actions: Actions,
        *,
        dialog: Callable[[], Dialog],
        questions: Questions,
        copy: Callable[[str], object],
        show_folder: Callable[[Path], object],
    ) -> None:
        self._session, self._workflow, self._actions = session, workflow, actions
        self._make, self._questions, self._copy, self._show = dialog, questions, copy, show_folder
        self._dialog: Dialog | None = None
        self._wish = ExportWish()
        self._written: Path | None = None
        self._asked = 0
        actions.bind("export_as", self.show, enabled=False)
        actions.bind("copy_command", self.copy_command, enabled=False)
        actions.bind("show_export", self.show_folder, enabled=False)
        session.reconstruction_changed.connect(self._on_change)
        session.edits_changed.connect(self._on_change)
        session.display_changed.connect(self._on_change)

    def show(self) -> None:
        """Open the dialog."""
        origin, result = self._session.origin, self._session.reconstruction
        if origin is None or result is None:
            return
        if self._wish.folder == Path():
            self._wish = replace(self._wish, folder=default_folder(origin.folder))
        self._dialog = self._make()
        self._dialog.set_units(result.units)
        self._refresh()
        self._dialog.open()

    def closed(self) -> None:
        """The dialog was closed."""
        self._dialog = None

    def choose(self, field: str, value: Any) -> None:
        """One of `ExportWish`, by its name."""
        try:
            self._wish = replace(self._wish, **{field: value})
        except ConfigError:
            return  # a number that is still being typed
        self._refresh()

    def toggle_format(self, name: str, on: bool) -> None:
        """A format is wanted, or not any more."""
        wanted = {*self._wish.formats, name} if on else {*self._wish.formats} - {name}
        self.choose("formats", tuple(each for each in EXPORTS if each in wanted))

    def choose_folder(self) -> None:
        """Ask where to."""

        async def ask() -> None:
            folder = await self._questions.export_folder(self._wish.folder)
            if folder is not None:
                self.choose("folder", folder)

        self._workflow.start(ask())

    def write(self) -> None:
        """Write, after asking about files that are there."""
        wish = self._wish

        async def go() -> None:
            exporter = self._workflow.exporter
            existing = exporter.existing(wish)
            if existing and not await self._questions.replace_files(wish.folder, existing):
                return
            if self._dialog is not None:
                self._dialog.close()
            names = await exporter.write(wish, overwrite=bool(existing))
            self._written = wish.folder
            self._actions.enable("show_export", enabled=True)
            self._session.message(f"Wrote {len(names)} files to {wish.folder}")

        self._workflow.start(go())

    def show_folder(self) -> None:
        """Open the folder of the last export."""
        if self._written is not None:
            self._show(self._written)

    def copy_command(self) -> None:
        """The call of the command line that comes to the same."""
        plan, curated, origin = self._session.plan, self._session.curated, self._session.origin
        if plan is None or curated is None or origin is None:
            return
        wish = self._wish
        if wish.folder == Path():
            wish = replace(wish, folder=default_folder(origin.folder))
        queries = self._workflow.exporter.queries(wish)
        whole = self._workflow.exporter.queries(replace(wish, scope="all"))
        self._copy(segment_command(plan, wish, self._session.edits, queries, all_shown=queries == whole))
        self._session.message("Copied the command line.")

    def _on_change(self, _: object) -> None:
        there = self._session.curated is not None
        self._actions.enable("export_as", enabled=there)
        self._actions.enable("copy_command", enabled=there and self._session.plan is not None)
        if self._dialog is not None:
            self._refresh()

    def _refresh(self) -> None:
        if self._dialog is None:
            return
        self._dialog.set_wish(self._wish)
        queries = self._workflow.exporter.queries(self._wish)
        if not self._wish.formats:
            self._dialog.set_preview("Choose at least one format.", ready=False)
        elif not queries and self._wish.scope == "selected":
            self._dialog.set_preview("No instance is selected.", ready=False)
        else:
            self._dialog.set_preview("Measuring …", ready=True)
            self._asked += 1
            self._workflow.start(self._measure(self._asked))

    async def _measure(self, asked: int) -> None:
        extent = await self._workflow.exporter.measure(self._wish)
        if asked == self._asked and self._dialog is not None:
            text = f"{extent.instances} instances · {extent.points:,} points · {extent.files} files · "
            self._dialog.set_preview(text + f"about {_bytes(extent.bytes)}", ready=True)


def _bytes(count: int) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count = round(count / 1000)
    return f"{count:.0f} GB"
