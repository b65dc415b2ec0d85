"""Ways in: folders, files, videos, samples, what is dropped, and what was opened before.

Photos of the user's own are looked at and lead to the ready page; samples run at once. Sessions are opened by whoever
registered for them (`open_sessions_with`).
"""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

import os
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from app.actions import Actions
from app.inventory import Inventory
from app.recents import Recents
from app.session.plan import Plan
from app.session.session import Session
from app.workflow import Workflow
from fast3dis_core.errors import ImageFolderError

SESSION_SUFFIX = ".f3d"
SESSION_ACTION = "open_session"
KINDS = {True: "Folder", False: "Video"}


class EmptyPage(Protocol):
    """What this presenter needs of the page before the first result."""

    def set_environment(self, line: str) -> None: ...
    def set_recent(self, rows: Sequence[tuple[str, str, str, bool]]) -> None: ...
    def set_sessions_enabled(self, enabled: bool) -> None: ...


class Questions(Protocol):
    """What the user is asked."""

    async def folder(self) -> Path | None: ...
    async def photos(self) -> Sequence[Path]: ...


class OpeningPresenter:
    """From paths to plans.

    Parameters
    ----------
    session, workflow, actions, inventory, recents
    page, questions
        See the protocols.
    samples : sequence of Path
        Folders that came with the program.
    """

    def __init__(
        self,
        session: Session,
        workflow: Workflow,
        actions: Actions,
        inventory: Inventory,
        recents: Recents,
        *,
        page: EmptyPage,
        questions: Questions,
        samples: Sequence[Path],
    ) -> None:
        self._session, self._workflow, self._actions, self._inventory = session, workflow, actions, inventory
        self._recents, self._page, self._questions = recents, page, questions
        self._samples = {str(path): path for path in samples}
        self._open_session: Callable[[Path], Coroutine[Any, Any, None]] | None = None
        session.environment_changed.connect(self._on_environment)
        inventory.changed.connect(self._on_environment)
        recents.recent_changed.connect(self._on_recent)
        actions.changed.connect(self._on_action)
        actions.bind("open", self.open_folder)
        actions.bind("open_files", self.open_files)
        actions.bind("sample", self.open_first_sample, enabled=bool(samples))
        self._on_recent(recents.recent)
        page.set_sessions_enabled(False)
        self._on_action(SESSION_ACTION)

    def open_sessions_with(self, opener: Callable[[Path], Coroutine[Any, Any, None]]) -> None:
        """Say who opens session files that are dropped or recent."""
        self._open_session = opener

    def open_folder(self) -> None:
        """Ask for a folder and look at it."""

        async def ask() -> None:
            folder = await self._questions.folder()
            if folder is not None:
                await self.look_at([folder])

        self._workflow.start(ask())

    def open_files(self) -> None:
        """Ask for photos or a video and look at them."""

        async def ask() -> None:
            files = await self._questions.photos()
            if files:
                await self.look_at(files)

        self._workflow.start(ask())

    def open_session(self) -> None:
        """Ask for a saved session, if anybody opens them."""
        if any(action.name == SESSION_ACTION for action in self._actions.table):
            self._actions.trigger(SESSION_ACTION)

    def open_first_sample(self) -> None:
        """Run the first bundled sample."""
        if self._samples:
            self.open_sample(next(iter(self._samples)))

    def open_sample(self, path: str) -> None:
        """Run a bundled sample: nothing about it has to be decided."""

        async def run() -> None:
            plan = await self._workflow.survey([self._samples[path]], settings=self._workflow.defaults, sample=True)
            self._session.show(replace(self._session.display, setup=False))
            await self._workflow.run(plan)

        self._workflow.start(run())

    def open_paths(self, paths: Sequence[str]) -> None:
        """Open what was dropped on the window or chosen from the recent ones."""
        given = [Path(path) for path in paths]
        sessions = [path for path in given if path.suffix.lower() == SESSION_SUFFIX]
        if sessions and self._open_session is not None:
            self._workflow.start(self._open_session(sessions[0]))
        elif given:
            self._workflow.start(self.look_at(given))

    def open_recent(self, path: str) -> None:
        """Open something again; if it is gone, say so and take it off the list."""
        if os.path.exists(path):
            self.open_paths([path])
            return
        self._recents.forget(Path(path))
        self._session.fail(
            ImageFolderError(f"Expected {path}, found nothing there any more: it was taken off the list.")
        )

    async def look_at(self, paths: Sequence[Path]) -> None:
        """Look at photos and show the ready page while they arrive."""
        before = self._session.display.setup
        self._session.show(replace(self._session.display, setup=True))
        try:
            plan = await self._workflow.survey(paths)
        except BaseException:
            self._session.show(replace(self._session.display, setup=before))
            raise
        self._remember(plan)

    def _remember(self, plan: Plan) -> None:
        if len(plan.sources) == 1:
            self._recents.remember(plan.sources[0])

    def _on_recent(self, paths: Sequence[Path]) -> None:
        self._page.set_recent([_row(path) for path in paths])

    def _on_action(self, name: str) -> None:
        if name == SESSION_ACTION and any(action.name == name for action in self._actions.table):
            self._page.set_sessions_enabled(self._actions.state(name).enabled)

    def _on_environment(self, _line: str = "") -> None:
        if not self._session.environment:
            return
        sizes = ", ".join(self._inventory.belongings.sizes)
        weights = f"Weights found: {sizes}" if sizes else "No weights found"
        self._page.set_environment(f"{self._session.environment}\n{weights}")


def _row(path: Path) -> tuple[str, str, str, bool]:
    """Path, name, where and what it is, and whether it is still there."""
    there = path.exists()
    kind = "Session" if path.suffix.lower() == SESSION_SUFFIX else KINDS[path.is_dir() or not path.suffix]
    return str(path), path.name, f"{kind} in {path.parent}" if there else f"Missing: {path.parent}", there
