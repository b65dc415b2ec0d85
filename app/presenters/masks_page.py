"""Why there are no instances, in place of the instance panel: on their way, stopped, or without trained heads."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from dataclasses import replace
from pathlib import Path
from typing import Protocol

from app.session.plan import RunSettings
from app.session.session import Session
from app.workflow import Workflow

COMING = (
    "Masks are on their way",
    "This is the geometry: the points of all photos and their cameras. You can look around while the masks are "
    "computed; cameras and points stay as they are when the instances appear.",
)
STOPPED = (
    "The run ended before its masks",
    "The geometry was finished and is right, so it is kept. For instances, run again: the model is still loaded.",
)
MISSING = (
    "No trained heads for {size}",
    "The weights found for {size} are those of Depth Anything 3. They tell depth and cameras, which you see here. "
    "Instances come from heads that FAST3DIS trains on top of them, and there is no such file.\n\n"
    "If you have one, load it. To train heads on this machine, run this line in a terminal, and then load "
    "runs/{size}/model.safetensors.",
)


class Page(Protocol):
    """What this presenter needs of the page."""

    def show_content(self) -> None: ...
    def explain(self, title: str, text: str, *, command: str = "", run: bool = False, heads: bool = False) -> None: ...


class FileQuestion(Protocol):
    """What the user is asked."""

    async def heads(self) -> Path | None: ...


class MasksPagePresenter:
    """Session to page, and its buttons back."""

    def __init__(self, session: Session, workflow: Workflow, page: Page, questions: FileQuestion) -> None:
        self._session, self._workflow, self._page, self._questions = session, workflow, page, questions
        session.reconstruction_changed.connect(self._on_change)
        session.plan_changed.connect(self._on_change)

    def run_again(self) -> None:
        """The same run once more."""
        self._workflow.start(self._workflow.run_again())

    def load_heads(self) -> None:
        """Ask for a file of heads and run with it."""

        async def ask() -> None:
            settings, path = self._settings, await self._questions.heads()
            if settings is not None and path is not None:
                await self._workflow.run_again(replace(settings, heads=path))

        self._workflow.start(ask())

    def run_untrained(self) -> None:
        """Let untrained heads draw their random masks."""
        if self._settings is not None:
            self._workflow.start(self._workflow.run_again(replace(self._settings, untrained_heads=True)))

    @property
    def _settings(self) -> RunSettings | None:
        return None if self._session.plan is None else self._session.plan.settings

    def _on_change(self, _: object) -> None:
        origin, settings = self._session.origin, self._settings
        can = settings is not None
        if origin is None or origin.masks == "there":
            self._page.show_content()
        elif origin.masks == "coming":
            self._page.explain(*COMING)
        elif origin.masks == "stopped":
            self._page.explain(*STOPPED, run=can)
        else:
            size = origin.model.partition(" ")[0]
            title, text = (part.format(size=size) for part in MISSING)
            self._page.explain(title, text, command=training_command(size, settings), heads=can)


def training_command(size: str, settings: RunSettings | None) -> str:
    """Line that trains heads for a size on rendered rooms."""
    weights = "" if settings is None or settings.weights is None else f" --weights {settings.weights}"
    return f"fast3dis train runs/{size} --size {size}{weights} --data procedural-rooms"
