"""The export dialog: choices to a wish, what it comes to back, and writing it; the dialog may be closed meanwhile."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Protocol

from app.actions import Actions
from app.command_text import segment_command, unsaid
from app.exporter import Order, Written, default_folder
from app.presenters import export_words as words
from app.session.activity import Activity, share_done
from app.session.export_wish import ExportWish
from app.session.session import Session
from app.workflow import Workflow
from fast3dis_core.errors import Cancelled, ConfigError, Fast3disError
from fast3dis_core.exports.outputs import EXPORTS, Extent

SCOPES: tuple[Literal["visible", "selected", "all"], ...] = ("visible", "selected", "all")


class Dialog(Protocol):
    """What this presenter needs of the dialog."""

    def set_wish(self, wish: ExportWish) -> None: ...
    def set_scopes(self, texts: Mapping[Any, str]) -> None: ...
    def set_choices(self, field: str, choices: Sequence[tuple[str, str]], tip: str) -> None: ...
    def set_rest(self, possible: bool, tip: str) -> None: ...
    def set_units(self, units: str) -> None: ...
    def set_command(self, possible: bool, tip: str) -> None: ...
    def set_preview(self, text: str, *, ready: bool) -> None: ...
    def set_progress(self, step: str, fraction: float) -> None: ...
    def set_outcome(self, text: str, folder: str) -> None: ...
    def open(self) -> None: ...


class Questions(Protocol):
    """What the user is asked."""

    async def export_folder(self, proposal: Path) -> Path | None: ...
    async def existing_files(
        self, folder: Path, names: Sequence[str], free: Path
    ) -> Literal["keep", "replace", "cancel"]: ...


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
        self._chosen = False  # whether the folder is the user's choice
        self._written: Written | None = None
        self._writing = False
        self._asked = 0
        self._measured: tuple[tuple[Any, ...], Extent | None] = ((), None)
        actions.bind("export", self.show, enabled=False)
        actions.bind("copy_command", self.copy_command, enabled=False)
        actions.bind("show_export", self.show_folder, enabled=False)
        actions.bind("copy_export_path", self.copy_path, enabled=False)
        session.reconstruction_changed.connect(self._on_change)
        session.edits_changed.connect(self._on_change)
        session.display_changed.connect(self._on_change)
        session.inspection_changed.connect(self._on_change)
        session.comparison_changed.connect(self._on_change)

    # wishes of the user

    def show(self) -> None:
        """Open the dialog: for the selected instances if there are any."""
        if self._session.origin is None or self._session.reconstruction is None:
            return
        selected = self._workflow.exporter.queries(replace(self._wish, scope="selected"))
        kept = "visible" if self._wish.scope == "selected" else self._wish.scope
        self._wish = replace(self._placed(), scope="selected" if selected else kept)
        self._dialog = self._make()
        if not self._writing:
            self._dialog.set_outcome("", "")
        self._refresh()
        self._dialog.open()

    def closed(self) -> None:
        """The dialog was closed; what is being written goes on."""
        self._dialog = None

    def choose(self, field: str, value: Any) -> None:
        """One of `ExportWish`, by its name; a folder as text."""
        if field == "folder":
            text = str(value).strip()
            value = Path(text).expanduser().absolute() if text else self._wish.folder
            self._chosen = self._chosen or value != self._wish.folder
        try:
            wish = replace(self._wish, **{field: value})
        except ConfigError:
            return  # a number that is still being typed
        if wish != self._wish and self._dialog is not None and not self._writing:
            self._dialog.set_outcome("", "")
        self._wish = wish
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
                self.choose("folder", str(folder))

        self._workflow.start(ask())

    def write(self) -> None:
        """Write, after asking about files that are there."""
        if not self._writing:
            self._writing = True
            self._workflow.start(self._write(self._workflow.exporter.order(self._wish)))

    def cancel(self) -> None:
        """Stop what is being written."""
        self._workflow.exporter.cancel()

    def show_folder(self) -> None:
        """Open the folder of the last export."""
        if self._written is not None:
            self._show(self._written.folder)

    def copy_path(self) -> None:
        """The folder of the last export as text."""
        if self._written is not None:
            self._copy(str(self._written.folder))
            self._session.message("Copied the path.")

    def copy_command(self) -> None:
        """The call of the command line that comes to the same."""
        plan = self._workflow.ran
        if plan is None or self._session.curated is None:
            return
        wish = self._placed()
        if self._dialog is None and wish.scope == "selected":  # left over from the last time it was open
            wish = replace(wish, scope="visible")
        order = self._workflow.exporter.order(wish)
        self._copy(segment_command(plan, order))
        missing = unsaid(plan, order)
        text = "Copied the command line" + (f", without {', '.join(missing)}" if missing else "")
        other = words.other_side(self._session)
        text += f"; it is about this result, not about what the photos show, {other}" if other else ""
        self._session.message(f"{text}.")
        if self._dialog is not None and not self._writing:
            self._dialog.set_outcome(f"{text}.", "")

    # writing

    async def _write(self, order: Order) -> None:
        exporter, schedule = self._workflow.exporter, words.schedule_of(self._measured[1])
        try:
            self._tell_progress(Activity(job="Exporting", step="Looking for files"))
            clash = await exporter.clash(order)
            overwrite = False
            if clash.files:
                answer = await self._questions.existing_files(order.wish.folder, clash.files, clash.free)
                if answer == "cancel":
                    self._tell_outcome("")
                    return
                overwrite = answer == "replace"
                if answer == "keep":
                    order = replace(order, wish=replace(order.wish, folder=clash.free))
            self._tell_written(
                await exporter.write(order, overwrite=overwrite, schedule=schedule, follow=self._tell_progress)
            )
        except Cancelled:
            self._tell_outcome("Cancelled. Nothing was written.")
            raise
        except Fast3disError:
            self._tell_outcome("")
            raise
        finally:
            self._writing = False
            self._refresh()

    def _tell_progress(self, activity: Activity) -> None:
        if self._dialog is not None:
            self._dialog.set_progress(activity.step, share_done(activity))

    def _tell_outcome(self, text: str) -> None:
        if self._dialog is not None:
            self._dialog.set_outcome(text, "")
        if text:
            self._session.message(text)

    def _tell_written(self, written: Written) -> None:
        self._written = written
        self._actions.enable("show_export", "copy_export_path", enabled=True)
        text = words.written_text(written)
        if self._dialog is not None:
            self._dialog.set_outcome(text, str(written.folder))
        self._session.message(f"{text}, to {written.folder}")

    # what the session says

    def _on_change(self, _: object) -> None:
        there = self._session.curated is not None
        self._actions.enable("export", enabled=there)
        self._actions.enable("copy_command", enabled=there and self._workflow.ran is not None)
        if self._dialog is not None and there:
            self._wish = self._placed()  # another scene may have been opened behind the dialog
            self._refresh()

    def _placed(self) -> ExportWish:
        """The wish, with a folder beside the photos unless the user chose one."""
        origin = self._session.origin
        if self._chosen or origin is None:
            return self._wish
        return replace(self._wish, folder=default_folder(origin.folder))

    def _refresh(self) -> None:
        dialog, session, exporter = self._dialog, self._session, self._workflow.exporter
        if dialog is None or session.origin is None or session.curated is None:
            return
        order, result = exporter.order(self._wish), session.curated.reconstruction
        dialog.set_scopes(
            words.scope_texts({scope: len(exporter.queries(replace(self._wish, scope=scope))) for scope in SCOPES})
        )
        frames = words.frame_choices(session.origin, result.names[0])
        seen = exporter.seen_colors()
        dialog.set_choices("colors", words.color_choices(seen), words.color_tip(session.display, seen))
        dialog.set_choices("frame", frames, words.NO_CAMERAS if len(frames) == 1 else "")
        dialog.set_choices("lengths", words.length_choices(result.units, session.edits), "")
        dialog.set_rest(order.rest or not self._wish.rest, words.rest_tip(order))
        dialog.set_units(order.units)
        dialog.set_wish(self._wish)
        plan = self._workflow.ran
        dialog.set_command(plan is not None, words.command_tip([] if plan is None else unsaid(plan, order), plan))
        if not self._wish.formats:
            self._tell_preview("Choose at least one format.", ready=False)
        elif not order.queries and self._wish.scope == "selected":
            self._tell_preview("No instance is selected.", ready=False)
        else:
            self._measure(order)

    def _measure(self, order: Order) -> None:
        """Say what an order comes to; what does not change that is not measured again."""
        key = (order.curated, order.queries, replace(order.wish, folder=Path()), order.rest, order.similarity.scale)
        known, extent = self._measured
        if len(known) and known[0] is key[0] and known[1:] == key[1:]:
            if extent is not None:
                self._show_extent(order, extent)
            return
        self._measured = (key, None)
        self._asked += 1
        self._tell_preview("Measuring …", ready=True)
        self._workflow.start(self._fetch_extent(order, self._asked))

    async def _fetch_extent(self, order: Order, asked: int) -> None:
        try:
            extent = await self._workflow.exporter.measure(order)
        except Fast3disError as error:
            if asked == self._asked:  # not because of a newer question
                self._measured = ((), None)
                stopped = isinstance(error, Cancelled)
                self._tell_preview("Not measured." if stopped else str(error), ready=stopped)
            return
        if asked == self._asked:
            self._measured = (self._measured[0], extent)
            self._show_extent(order, extent)

    def _show_extent(self, order: Order, extent: Extent) -> None:
        session = self._session
        text = words.preview_text(order, extent, len(session.display.selection), words.other_side(session))
        self._tell_preview(text if extent.files else "There is no instance to write.", ready=extent.files > 0)

    def _tell_preview(self, text: str, *, ready: bool) -> None:
        if self._dialog is not None:
            self._dialog.set_preview(text, ready=ready and not self._writing)
