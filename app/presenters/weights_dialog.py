"""The dialog on weights: what is published, what is here, and getting more of it when the user says so."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from app.actions import Actions
from app.inventory import Inventory, WeightFile
from app.session.plan import RunSettings
from app.session.session import Session
from app.workflow import Workflow


class WeightsDialog(Protocol):
    """What this presenter needs of the dialog."""

    def set_rows(self, rows: Sequence[tuple[str, str, str, str, str, str]]) -> None: ...
    def set_download(self, name: str, step: str, fraction: float) -> None: ...
    def present(self) -> None: ...


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
    ) -> None:
        self._session, self._workflow, self._inventory = session, workflow, inventory
        self._make, self._questions = dialog, questions
        self._dialog: WeightsDialog | None = None
        inventory.changed.connect(self._refresh)
        inventory.arrived.connect(self._on_arrived)
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
            self._inventory.start_download(name, accept_license=file.non_commercial)

        self._workflow.start(ask())

    def cancel_download(self) -> None:
        """Stop the download that runs."""
        self._inventory.cancel_download()

    def use(self, name: str) -> None:
        """Run the plan with these weights."""
        file = self._inventory.find(name)
        self._apply(size=file.size, weights=None, heads=None, resolution=None)
        self._session.message(f"The next run uses {file.name}.")

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

    def _on_arrived(self, file: WeightFile) -> None:
        self._session.message(f"{file.name} is here and verified: {file.path}")

    def _refresh(self) -> None:
        if self._dialog is None:
            return
        self._dialog.set_rows([_row(file) for file in self._inventory.belongings.files])
        running = self._inventory.download
        if running is None:
            self._dialog.set_download("", "", 0.0)
        else:
            self._dialog.set_download(running.name, running.step, running.fraction)


def _row(file: WeightFile) -> tuple[str, str, str, str, str, str]:
    """Name, what it is, license, its terms, where it is, and what can be done: "use", "download" or nothing."""
    kind = f"size {file.size}" if file.runs else "one view at a time: part of the nested model"
    license_name = f"{file.license}: no commercial use" if file.non_commercial else file.license
    if file.path is not None:
        return file.name, kind, license_name, file.terms, str(file.path), "use" if file.runs else ""
    size = f"{file.bytes / 1e9:.1f} GB" if file.bytes >= 1e9 else f"{file.bytes / 1e6:.0f} MB"
    return file.name, kind, license_name, file.terms, f"Not here ({size})", "download"
