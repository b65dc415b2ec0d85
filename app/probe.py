"""Looks into the decoder without changing the result: previews of a drag, inspections, and what changes came to.

All work on the scene and the wishes that the result on show was computed from; `app.workflow` owns these and brings
the result up to date when the user lets go.
"""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from app.jobs import Jobs
from app.run_job import ModelShelf, Scene
from app.session.edits import Edits
from app.session.session import Difference, Display, Session
from app.steps import Steps
from app.wishes import Decoding, DifferenceJob, InspectJob, PreviewJob, ProbabilityJob, ProposeJob, Wishes
from fast3dis_core.curation import Curated
from fast3dis_core.interventions import AnchorPrompt
from fast3dis_core.reconstruction import AnchorOverride, Reconstruction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WHAT_IF = "What if"  # the tab that asks for a difference
ANCHORS = "Anchors"  # the tab that asks what the last change did
PREVIEWS = "preview"  # the worker's line


class Probe:
    """Asks the worker about the decoder. All methods belong to the event loop's thread.

    Parameters
    ----------
    session : Session
    steps : Steps
    shelf : ModelShelf
    jobs : Jobs
    start : callable
        Runs a coroutine beside the event loop.
    state : callable
        The open scene, and what the result on show was computed from.

    Notes
    -----
    `last_changed` carries the difference between the result on show and the one before it; None where there is none.
    """

    last_changed = Signal(object)

    def __init__(
        self,
        session: Session,
        steps: Steps,
        shelf: ModelShelf,
        jobs: Jobs,
        *,
        start: Callable[[Coroutine[Any, Any, None]], object],
        state: Callable[[], tuple[Scene | None, Wishes]],
    ) -> None:
        self._session, self._steps, self._shelf = session, steps, shelf
        self._jobs, self._start, self._state = jobs, start, state
        self._dragging = False
        self._inspected: Reconstruction | None = None  # the result that is being inspected
        self._decodings: tuple[Decoding, ...] = (Wishes().decoding,)  # the present one, and that before it
        self._compared: tuple[Reconstruction, Edits, Wishes] | None = None  # what a difference was asked for last
        self._reference: tuple[Wishes, Reconstruction] | None = None  # the last one that was computed
        self._before: tuple[Wishes, Reconstruction] | None = None  # what was on show before it was decoded again
        self._told: tuple[Reconstruction, Edits, Reconstruction] | None = None  # of which the last change is known
        self._last: Difference | None = None

    def drag(self, override: AnchorOverride | None) -> None:
        """An anchor is being dragged: show what it would come to. None ends that, and with it the preview."""
        self._dragging = override is not None
        if override is None:
            self._jobs.cancel(PREVIEWS)
            self._session.preview(None)
        else:
            self._preview(override)

    def let_go(self) -> None:
        """The exact answer was asked for: it need not wait for previews, and none takes its place."""
        self._dragging = False
        self._jobs.cancel(PREVIEWS)

    @property
    def generated(self) -> int:
        """Queries of the generator in the result on show, without those of the user's own."""
        shown, (_, wishes) = self._session.reconstruction, self._state()
        return 0 if shown is None else max(0, len(shown.objectness[-1]) - len(wishes.interventions.prompts))

    async def propose(self, position: tuple[float, float, float]) -> tuple[tuple[AnchorPrompt, float], ...]:
        """A new query at a place with each kind of content, by falling objectness; none without a decoder.

        Raises
        ------
        Cancelled
            If a newer question took its place.
        """
        scene, _ = self._state()
        if scene is None:
            return ()
        wishes = Wishes.of(self._session.edits, self._session.display)
        job = ProposeJob(position=position, scene=scene, wishes=wishes, steps=self._steps, shelf=self._shelf)
        return await self._jobs.run("New query", job, line="propose", quiet=True)

    async def probability(self, queries: tuple[int, ...], view: int) -> "NDArray[np.float32] | None":
        """Probability (H, W) of the masks of some queries in a view of the result on show; None without its features.

        Raises
        ------
        Cancelled
            If a newer question took its place.
        """
        scene, wishes = self._state()
        if scene is None:
            return None
        job = ProbabilityJob(queries=queries, view=view, scene=scene, wishes=wishes, steps=self._steps)
        return await self._jobs.run("Mask probability", job, line="probability", quiet=True, told=False)

    def note(self, edits: Edits) -> None:
        """The edits are others: remember what the decoder was asked for before."""
        decoding = Wishes.of(edits, self._session.display).decoding
        if decoding != self._decodings[0]:
            self._decodings = (decoding, self._decodings[0])

    def keep(self, wishes: Wishes, result: Reconstruction) -> None:
        """A result makes way for one that was decoded otherwise: remember it, and what it was computed from."""
        self._before = wishes, result

    def reference(self) -> Wishes:
        """What the result is held against."""
        _, wishes = self._state()
        before = self._decodings[1:] if self._session.display.reference == "previous" else ()
        overrides, interventions = before[0] if before else Wishes().decoding
        return replace(wishes, overrides=overrides, interventions=interventions)

    def follow(self, display: Display) -> None:
        """Inspect the result, or hold it against another, if a panel asks for that and nobody has."""
        self._follow_difference(display)
        self._follow_last(display)
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

    def _follow_difference(self, display: Display) -> None:
        session, (scene, wishes) = self._session, self._state()
        shown, seen = session.reconstruction, session.curated
        if self._reference is not None and (shown is None or self._reference[1].cloud is not shown.cloud):
            self._reference = self._compared = None  # of another scene
        if not (display.tab == WHAT_IF or display.color_mode == "difference") or session.previewing:
            return
        if scene is None or shown is None or seen is None or wishes != Wishes.of(session.edits, display):
            return  # nothing to ask, or the result is about to change
        asked, before = (shown, session.edits, self.reference()), self._compared
        if before is None or asked[0] is not before[0] or asked[1] is not before[1] or asked[2] != before[2]:
            self._compared = asked
            self._start(self._compare(scene, wishes, seen, asked[2]))

    def _follow_last(self, display: Display) -> None:
        """What the last change did, while the panel is looked at that lists it."""
        session, (scene, wishes) = self._session, self._state()
        shown, seen, before = session.reconstruction, session.curated, self._before
        if before is not None and (shown is None or before[1].cloud is not shown.cloud):
            before = self._before = None  # of another scene
        if session.previewing or (scene is not None and wishes != Wishes.of(session.edits, display)):
            return  # it is about to change
        same = before is not None and (before[0].mask_threshold, before[0].layer) == (
            wishes.mask_threshold,
            wishes.layer,
        )
        if scene is None or shown is None or seen is None or before is None or not same:
            self._told = None
            self._tell_last(None)
        elif display.tab == ANCHORS and not _same(self._told, (shown, session.edits, before[1])):
            self._told = (shown, session.edits, before[1])
            self._start(self._hold_against(scene, wishes, seen, before[1]))

    async def _hold_against(self, scene: Scene, wishes: Wishes, seen: Curated, before: Reconstruction) -> None:
        difference = await self._difference(scene, wishes, seen, before, line="last change")
        if self._session.reconstruction is seen.reconstruction:
            self._tell_last(difference)

    def _tell_last(self, difference: Difference | None) -> None:
        if difference is not self._last:
            self._last = difference
            self.last_changed.emit(difference)

    async def _compare(self, scene: Scene, wishes: Wishes, seen: Curated, reference: Wishes) -> None:
        """What became of the queries since the reference."""
        shown, known = seen.reconstruction, None
        if reference == wishes:
            known = shown
        elif self._reference is not None and self._reference[0] == reference:
            known = self._reference[1]
        elif self._before is not None and self._before[0] == reference:
            known = self._before[1]
        difference = await self._difference(scene, reference, seen, known, line="compare")
        if difference.reference is not shown:
            self._reference = reference, difference.reference
        if self._session.reconstruction is shown:
            self._session.compare(difference)

    async def _difference(
        self, scene: Scene, wishes: Wishes, seen: Curated, reference: Reconstruction | None, *, line: str
    ) -> Difference:
        """What is seen, held against what `wishes` come to: `reference`, where that is known."""
        job = DifferenceJob(
            scene=scene,
            wishes=wishes,
            shown=seen.reconstruction,
            seen=seen,
            reference=reference,
            steps=self._steps,
            shelf=self._shelf,
        )
        return await self._jobs.run("Comparing results", job, line=line, quiet=True)

    def _preview(self, override: AnchorOverride) -> None:
        """One query decoded again, the others held; the newest question wins, and nothing is an edit yet.

        The job begins with this call: in the next turn of the event loop a frame might come first.
        """
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
        known = self._shelf.holds(scene.settings)  # else the model is loaded first, which takes a while
        answer = self._jobs.begin("Preview", job, line=PREVIEWS, quiet=known, told=not known)
        self._start(self._show_preview(answer, shown, override.query))

    async def _show_preview(self, answer: Awaitable[Any], shown: Reconstruction, query: int) -> None:
        preview = await answer
        if self._dragging and self._session.reconstruction is shown:
            self._session.preview(preview, query)

    async def _inspect(self) -> None:
        """Claims and evidence of the result on show."""
        scene, wishes = self._state()
        shown = self._session.reconstruction
        assert scene is not None, "there is a scene where there is something to inspect"
        assert shown is not None, "there is a result where there is a scene"
        job = InspectJob(scene=scene, wishes=wishes, shown=shown, steps=self._steps, shelf=self._shelf)
        try:
            inspection = await self._jobs.run("Measuring claims", job, line="inspect", quiet=True)
        finally:
            self._inspected = None
        if self._session.reconstruction is shown:
            self._session.inspect(inspection)


def _same(one: tuple[object, ...] | None, other: tuple[object, ...]) -> bool:
    """Whether both hold the very same values: comparing their arrays would cost more than it saves."""
    return one is not None and all(left is right for left, right in zip(one, other, strict=True))
