"""Looks into the decoder without changing the result: previews of a drag, and inspections for the panels.

Both work on the scene and the wishes that the result on show was computed from; `app.workflow` owns these and brings
the result up to date when the user lets go.
"""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Protocol

from app.run_job import ModelShelf, Scene
from app.session.session import Display, Session
from app.steps import Steps
from app.wishes import InspectJob, PreviewJob, Wishes
from fast3dis_core.reconstruction import AnchorOverride, Reconstruction


class Run(Protocol):
    """Runs a job on the worker, with the session's activity following it."""

    async def __call__(self, title: str, job: Callable[[Any], Any], *, line: str, quiet: bool) -> Any:
        """Result of the job."""


class Probe:
    """Asks the worker about the decoder. All methods belong to the event loop's thread.

    Parameters
    ----------
    session : Session
    steps : Steps
    shelf : ModelShelf
    run : Run
    start : callable
        Runs a coroutine beside the event loop.
    state : callable
        The open scene, and what the result on show was computed from.
    """

    def __init__(
        self,
        session: Session,
        steps: Steps,
        shelf: ModelShelf,
        *,
        run: Run,
        start: Callable[[Coroutine[Any, Any, None]], object],
        state: Callable[[], tuple[Scene | None, Wishes]],
    ) -> None:
        self._session, self._steps, self._shelf = session, steps, shelf
        self._run, self._start, self._state = run, start, state
        self._dragging = False
        self._inspected: Reconstruction | None = None  # the result that is being inspected

    def drag(self, override: AnchorOverride | None) -> None:
        """An anchor is being dragged: show what it would come to. None ends that, and with it the preview."""
        self._dragging = override is not None
        if override is None:
            self._session.preview(None)
        else:
            self._start(self._preview(override))

    def follow(self, display: Display) -> None:
        """Inspect the result if a panel asks for that and nobody has."""
        shown = self._session.reconstruction
        scene, _ = self._state()
        if (
            display.inspecting
            and scene is not None
            and self._session.inspection is None
            and self._inspected is not shown
        ):
            self._inspected = shown
            self._start(self._inspect())

    async def _preview(self, override: AnchorOverride) -> None:
        """One query decoded again, the others held; the newest question wins, and nothing is an edit yet."""
        scene, wishes = self._state()
        shown = self._session.reconstruction
        if scene is None or shown is None:
            return
        others = tuple(item for item in wishes.overrides if item.query != override.query)
        job = PreviewJob(
            query=override.query,
            scene=scene,
            wishes=replace(wishes, overrides=(*others, override)),
            shown=shown,
            steps=self._steps,
            shelf=self._shelf,
        )
        preview = await self._run("Preview", job, line="preview", quiet=True)
        if self._dragging and self._session.reconstruction is shown:
            self._session.preview(preview, override.query)

    async def _inspect(self) -> None:
        """Claims and evidence of the result on show."""
        scene, wishes = self._state()
        shown = self._session.reconstruction
        assert scene is not None, "there is a scene where there is something to inspect"
        assert shown is not None, "there is a result where there is a scene"
        job = InspectJob(scene=scene, wishes=wishes, shown=shown, steps=self._steps, shelf=self._shelf)
        try:
            inspection = await self._run("Measuring claims", job, line="inspect", quiet=True)
        finally:
            self._inspected = None
        if self._session.reconstruction is shown:
            self._session.inspect(inspection)
