"""The dialog on weights: what is published, what is here, and getting more of it when the user says so."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from app.actions import Actions
from app.inventory import STOPPING, Download, Inventory, WeightFile
from app.session.plan import RunSettings
from app.session.session import Session
from app.workflow import Workflow
from fast3dis_core.transfers import megabytes


class WeightsDialog(Protocol):
    """What this presenter needs of the dialog."""

    def set_rows(self, rows: Sequence[tuple[str, str, str, str, str, str]]) -> None: ...
    def set_download(self, title: str, words: str, fraction: float, *, stopping: bool) -> None: ...
    def set_offer(self, name: str, words: str, verb: str) -> None: ...
    def present(self) -> None: ...
    def close(self) -> object: ...


class Errand(Protocol):
    """What this presenter needs of the window: a line that is there while the dialog may not be."""

    def set_errand(self, text: str, tip: str) -> None: ...


class Questions(Protocol):
    """What the user is asked."""

    async def weights(self, title: str) -> Path | None: ...
    async def accept_license(self, name: str, license_name: str, terms: str) -> bool: ...


class WeightsPresenter:
    """Inventory to dialog, and back.

    Parameters
    ----------
    session, workflow, actions, inventory
    dialog : callable
        Makes the dialog the first time it is asked for.
    questions : Questions
    window : Errand
    """

    def __init__(
        self,
        session: Session,
        workflow: Workflow,
        actions: Actions,
        inventory: Inventory,
        *,
        dialog: Callable[[], WeightsDialog],
        questions: Questions,
        window: Errand,
    ) -> None:
        self._session, self._workflow, self._actions, self._inventory = session, workflow, actions, inventory
        self._make, self._questions, self._window = dialog, questions, window
        self._dialog: WeightsDialog | None = None
        self._offered = ""  # name of the file that arrived last, until its offer is taken or put aside
        inventory.changed.connect(self._refresh)
        inventory.arrived.connect(self._on_arrived)
        inventory.stopped.connect(self._on_stopped)
        session.plan_changed.connect(self._refresh)
        actions.bind("get_weights", self.show)

    def show(self) -> None:
        """Open the dialog."""
        if self._dialog is None:
            self._dialog = self._make()
        self._refresh()
        self._dialog.present()

    def download(self, name: str) -> None:
        """Fetch a file; for a non-commercial license the user has to agree first."""
        file = self._inventory.find(name)

        async def ask() -> None:
            if file.non_commercial and not await self._questions.accept_license(name, file.license, file.terms):
                return
            self._offered = ""
            self._inventory.start_download(name, accept_license=file.non_commercial)

        self._workflow.start(ask())

    def cancel_download(self) -> None:
        """Stop the download that runs."""
        self._inventory.cancel_download()

    def use(self, name: str) -> None:
        """Run the plan with these weights, the next time."""
        file = self._inventory.find(name)
        self._offered = ""
        self._apply(size=file.size, weights=None, heads=None, resolution=None)
        self._session.message(f"The next run uses {file.name}.")
        self._refresh()

    def take_offer(self, name: str) -> None:
        """Use what arrived, and at once if there are photos."""
        self.use(name)
        if self._can_run():
            if self._dialog is not None:
                self._dialog.close()
            self._actions.trigger("run")

    def decline_offer(self) -> None:
        """Not now."""
        self._offered = ""
        self._refresh()

    def choose(self, field: str) -> None:
        """A file of the user's: "weights", or "heads" for Depth Anything 3 weights; its size is taken with it."""
        title = {"weights": "Choose weights: Depth Anything 3 or FAST3DIS", "heads": "Choose FAST3DIS heads"}[field]

        async def ask() -> None:
            path = await self._questions.weights(title)
            if path is None:
                return
            plan, before = self._session.plan, self._workflow.defaults
            size = (before if plan is None else plan.settings).size
            fits = await self._inventory.examine(path, size, heads=field == "heads")
            other = {} if fits == size else {"size": fits, "resolution": None, "weights": None, "heads": None}
            self._apply(**{**other, field: path})
            self._session.message(f"The next run uses {path.name}, size {fits}.")

        self._workflow.start(ask())

    def forget(self, field: str) -> None:
        """Back to what is found on this machine."""
        self._apply(**{field: None})

    def _apply(self, **changes: object) -> None:
        def changed(settings: RunSettings) -> RunSettings:
            return replace(settings, **changes)  # type: ignore[arg-type]

        plan = self._session.plan
        self._workflow.defaults = changed(self._workflow.defaults)
        if plan is not None:
            self._session.prepare(plan.with_settings(changed(plan.settings)))

    def _can_run(self) -> bool:
        return self._actions.state("run").enabled

    def _on_arrived(self, file: WeightFile) -> None:
        self._offered = file.name
        self._session.message(f"{file.name} is here and verified.")
        self._refresh()

    def _on_stopped(self, file: WeightFile) -> None:
        kept = f"{megabytes(file.arrived)} are kept, and the next download goes on from there."
        self._session.message(f"{file.name} was stopped: {kept if file.arrived else 'nothing had arrived.'}")

    def _refresh(self, _: object = None) -> None:
        running = self._inventory.download
        if running is not None:
            text = f"{running.name}: {running.step}" if running.step == STOPPING else _short(running)
            self._window.set_errand(text, _words(running))
        elif self._offered:
            self._window.set_errand(f"{self._offered} is here", "What can be done with it")
        else:
            self._window.set_errand("", "")
        if self._dialog is not None:
            self._show_in(self._dialog, running)

    def _show_in(self, dialog: WeightsDialog, running: Download | None) -> None:
        plan = self._session.plan
        settings = self._workflow.defaults if plan is None else plan.settings
        chosen = settings.size if settings.weights is None else ""
        dialog.set_rows([_row(file, chosen) for file in self._inventory.belongings.files])
        if running is None:
            dialog.set_download("", "", 0.0, stopping=False)
        else:
            stopping = running.step == STOPPING
            title = f"{STOPPING} the download of {running.name}" if stopping else _title(running)
            dialog.set_download(title, _words(running), running.fraction, stopping=stopping)
        if running is None and self._offered:
            self._offer(dialog, self._inventory.find(self._offered))
        else:
            dialog.set_offer("", "", "")

    def _offer(self, dialog: WeightsDialog, file: WeightFile) -> None:
        words = f"{file.name} is here, whole and unchanged (SHA-256)."
        if not file.runs:
            dialog.set_offer(file.name, f"{words} It sees one view at a time: it serves the library, not a run.", "")
            return
        if file.size not in self._inventory.belongings.heads:
            words += (
                f" There are no FAST3DIS heads for size {file.size}: a run shows cameras and depth, and no instances."
            )
        dialog.set_offer(file.name, words, "Run with it" if self._can_run() else "Use it")


def _title(running: Download) -> str:
    """Such as "Downloading DA3-BASE · 34%"."""
    step = running.step or f"Downloading {running.name}"
    step = step if running.name in step else f"{running.name}: {step}"
    return f"{step} · {running.fraction:.0%}" if running.fraction else f"{step} …"


def _words(running: Download) -> str:
    """Bytes, speed and time, and what it waits for."""
    parts = (running.transfer.notice, running.transfer.words)
    return " · ".join(part for part in parts if part) or "Asking the hub"


def _short(running: Download) -> str:
    share = f" {running.transfer.fraction:.0%}" if running.transfer.total else ""
    return f"{running.name}{share}{' (waiting)' if running.transfer.notice else ''}"


def _row(file: WeightFile, chosen: str) -> tuple[str, str, str, str, str, str]:
    """Name, what it is, license, its terms, where it is, and what can be done: a key of the dialog's verbs."""
    kind = f"size {file.size}" if file.runs else "one view at a time: for the library, not for a run"
    kind = "comes with the program" if file.name == file.size else kind
    license_name = f"{file.license}: no commercial use" if file.non_commercial else file.license
    if file.path is not None:
        verb = "" if not file.runs else "used" if file.size == chosen else "use"
        return file.name, kind, license_name, file.terms, str(file.path), verb
    size = megabytes(file.bytes)
    if file.arrived:
        where = f"{megabytes(file.arrived)} of {size} are here"
        return file.name, kind, license_name, file.terms, where, "resume"
    return file.name, kind, license_name, file.terms, f"Not here ({size})", "download"
