"""Keeps what is open on disk while it is worked on, so that an accident costs seconds.

The result is written once, by a thread of its own, so that neither run nor drag waits for it; edits, names and layout
follow as a small file moments after each change. Features of the encoded scene are written with its first result only,
results of later edits refer to them. What is in a file of the user's already is not kept, and a clean end leaves
nothing. Where the files lie is `app.autosave_files`, what is in them `app.keeper`.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.autosave_files import AutosaveFolder, Orphan, Slot, State, encoded
from app.keeper import FEATURES_LIMIT, Keeper, Moment, at_rest
from app.session.session import Session
from app.steps import Steps
from app.worker import Worker
from fast3dis_core.errors import Cancelled, Fast3disError
from fast3dis_core.reconstruction import Reconstruction
from fast3dis_core.session_files.values import Features

if TYPE_CHECKING:
    from fast3dis_core.progress import Report

DELAY = 2.0  # seconds from a change to the disk: several changes in a row are one
SHARE = 0.1  # of the time at most goes into writing results of edits
LONGEST_REST = 60.0  # seconds; until then such a result is computed again from the edits, which are there
PATIENCE = 60.0  # seconds until a disk that refused is asked again, doubled every time ...
MOST_PATIENCE = 960.0  # ... up to these
LINE = "autosave"  # of the worker, for the features
DECODER = "trace/"  # features that change with edits

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Written:
    """What is on disk."""

    reconstruction: Reconstruction
    encoded: object  # whose features are in `state.features` or `state.result`; None without features
    state: State


class Autosave:
    """All methods belong to the event loop's thread.

    Parameters
    ----------
    session : Session
    keeper : Keeper
    steps : Steps
    computing : Worker
        Owner of the tensors.
    folder : AutosaveFolder, optional
        None keeps nothing.
    layout : callable
        State of the window's panels.
    delay : float
        Seconds.
    """

    def __init__(
        self,
        session: Session,
        keeper: Keeper,
        steps: Steps,
        computing: Worker,
        *,
        folder: AutosaveFolder | None,
        layout: Callable[[], bytes],
        delay: float = DELAY,
    ) -> None:
        self._session, self._keeper, self._steps, self._computing = session, keeper, steps, computing
        self._folder, self._layout, self._delay = folder, layout, delay
        self._writer = Worker("autosave")
        self._slot: Slot | None = None
        self._written: _Written | None = None
        self._timer: asyncio.Handle | None = None
        self._due = 0.0  # monotonic time at which the timer fires
        self._task: asyncio.Task[None] | None = None
        self._rest = 0.0  # monotonic time before which no result of an edit is written
        self._patience = 0.0  # seconds to wait after the last refusal; 0 if there was none
        self._held = self._ended = False
        if folder is not None:
            for signal in (session.edits_changed, session.display_changed, session.saved_changed):
                signal.connect(self.touch)
            session.reconstruction_changed.connect(self._on_result)

    @property
    def settled(self) -> bool:
        """Whether nothing is to be written."""
        return self._task is None and self._timer is None

    def touch(self, _: object = None) -> None:
        """Something changed that is kept."""
        self._wake(self._patience or self._delay)

    async def orphans(self) -> tuple[Orphan, ...]:
        """What programs left that did not come to their end."""
        folder = self._folder
        return () if folder is None else await self._writer.run(lambda report: folder.orphans(), line="look")

    async def recover(self, name: str) -> bytes | None:
        """Show what is in a dead program's folder, and go on keeping it there; the layout of its window.

        None if the folder is gone, or somebody else took it.

        Raises
        ------
        SessionError
            If it is damaged; it stays where it is.
        """
        assert self._folder is not None, "nothing is kept, so nothing was found"
        slot = self._folder.take(name)
        if slot is None:
            return None
        self._held = True  # what is open now is kept no longer once the other is on show
        try:
            await self._stop()
            state = slot.state()
            layout = await self._keeper.recover(slot.folder, state)
        except BaseException:
            slot.free()
            raise
        finally:
            self._held = False
            self.touch()
        before, self._slot = self._slot, slot
        moment = self._keeper.moment()
        assert moment is not None, "it was shown"
        there = None if moment.scene is None else moment.scene.encoded
        self._written = _Written(reconstruction=moment.reconstruction, encoded=there, state=state)
        if before is not None:
            await self._writer.run(lambda report: before.remove(), line="remove")
        return layout

    async def discard(self, name: str) -> bool:
        """Remove what is in a dead program's folder; False if it is gone, or somebody else took it."""
        slot = None if self._folder is None else self._folder.take(name)
        if slot is None:
            return False
        await self._writer.run(lambda report: slot.remove(), line="remove")
        return True

    async def close(self, *, clean: bool) -> None:
        """Stop; what was kept is removed if the program ends as the user wants it to."""
        if self._ended:
            return
        self._ended = True
        if self._folder is not None:
            for signal in (self._session.edits_changed, self._session.display_changed, self._session.saved_changed):
                signal.disconnect(self.touch)
            self._session.reconstruction_changed.disconnect(self._on_result)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._writer.close()
        await self._stop()
        if self._slot is not None:
            (self._slot.remove if clean else self._slot.free)()
            self._slot = None

    def _on_result(self, _: object) -> None:
        """A result of another scene has cost a run: it is written at once."""
        result, written = self._session.reconstruction, self._written
        new = result is not None and (written is None or written.reconstruction.cloud is not result.cloud)
        self._wake(self._patience or (0.0 if new else self._delay))

    def _wake(self, seconds: float) -> None:
        if self._ended or self._folder is None:
            return
        due = time.monotonic() + seconds
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._timer, self._due = asyncio.get_running_loop().call_later(seconds, self._begin), due

    def _begin(self) -> None:
        self._timer = None
        if self._task is not None or self._held:
            self._wake(self._delay)
            return
        self._task = asyncio.get_running_loop().create_task(self._keep())

    async def _stop(self) -> None:
        """Give up what is being written; it is not on disk then."""
        self._writer.cancel()
        self._computing.cancel(LINE)
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _keep(self) -> None:
        try:
            await self._bring_up_to_date()
            self._patience = 0.0
        except Cancelled:
            self.touch()  # by a new wish, or for another folder
        except Exception as error:  # noqa: BLE001 - an autosave that fails must not take the program with it
            self._complain(error)
        finally:
            self._task = None

    def _complain(self, error: Exception) -> None:
        """Once; the disk is asked again, in ever longer distances, and not talked about."""
        logger.warning("Autosave failed: %s", str(error))
        if not self._patience and isinstance(error, Fast3disError):
            self._session.message(f"Nothing is kept for an accident: {error} Until then only Save keeps your work.")
        elif not self._patience:
            self._session.fail(error)
        self._patience = min(max(PATIENCE, 2 * self._patience), MOST_PATIENCE)
        if self._timer is not None:  # of a change meanwhile
            self._timer.cancel()
            self._timer = None
        self._wake(self._patience)

    async def _bring_up_to_date(self) -> None:
        moment, written = self._keeper.moment(), self._written
        if moment is None or moment.origin.masks == "coming":
            return  # a run goes on: until it ends, what was on show before may come back
        if moment.origin.file is not None and not self._session.modified:
            await self._clear()
            return
        if written is None or moment.reconstruction is not written.reconstruction:
            if written is not None and moment.reconstruction.cloud is written.reconstruction.cloud:
                await self._write_state(moment, written)  # quick; the edits are safe already
                left = self._rest - time.monotonic()
                if left > 0.01:
                    self._wake(left)
                    return
            written = await self._write_result(moment, written)
        await self._write_state(moment, written)

    async def _write_result(self, moment: Moment, written: _Written | None) -> _Written:
        steps, scene = self._steps, moment.scene
        features: Features | None = None
        base, there = "", None
        if scene is not None:
            features = await self._computing.run(lambda report: self._features(moment), line=LINE)
            there = None if features is None else scene.encoded
            if written is not None and there is not None and written.encoded is there:
                base = written.state.features or written.state.result
                features = {name: array for name, array in (features or {}).items() if name.startswith(DECODER)}
        if self._slot is None:
            assert self._folder is not None, "nothing is written without a folder"
            self._slot = await self._writer.run(lambda report: self._claimed())
        path = self._slot.next_result()
        settled = moment.settled

        def job(report: "Report") -> float:
            began = time.monotonic()
            steps.write_session(path, settled.reconstruction, settled.plain(), b"", features, True, report)
            return time.monotonic() - began

        seconds = await self._writer.run(job)
        self._rest = time.monotonic() + min(seconds / SHARE, LONGEST_REST)
        self._written = None  # the state on disk tells of the result before, until the next lines
        state = State(result=path.name, features=base, edits=settled.edits, display=settled.display)
        return _Written(reconstruction=moment.reconstruction, encoded=there, state=state)

    def _features(self, moment: Moment) -> Features | None:
        """On the computing thread: it owns the tensors."""
        scene, steps = moment.scene, self._steps
        if scene is None or scene.features_size > FEATURES_LIMIT:
            return None
        return steps.features(scene.views, scene.encoded, scene.trace)

    def _claimed(self) -> Slot:
        assert self._folder is not None, "nothing is written without a folder"
        return self._folder.claim()

    async def _write_state(self, moment: Moment, written: _Written) -> None:
        slot = self._slot
        assert slot is not None, "a result was written"
        state = replace(
            written.state,
            scene=moment.origin.folder.resolve().name,
            instances=len(self._session.shown()),
            file=moment.origin.file,
            edits=moment.edits,
            display=at_rest(moment.display),
            layout=encoded(self._layout()),
        )
        if self._written is None or state != self._written.state:
            await self._writer.run(lambda report: slot.write(state))
        self._written = replace(written, state=state)

    async def _clear(self) -> None:
        """A file of the user's has it all."""
        slot, self._slot, self._written = self._slot, None, None
        if slot is not None:
            await self._writer.run(lambda report: slot.remove())
