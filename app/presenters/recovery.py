"""What a program left that ended before its work was saved: offered, recovered, discarded, never lost by itself."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

import os
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any, Protocol

from app.actions import Actions
from app.autosave_files import Orphan
from app.presenters.export_words import bytes_text, counted
from app.session.session import Session

Offer = tuple[str, str, str, str, bytes, bool]


class Bar(Protocol):
    """What this presenter needs of the bar above the pages."""

    def set_offers(self, offers: Sequence[Offer]) -> None: ...


class Autosave(Protocol):
    """What is kept for an accident."""

    async def orphans(self) -> tuple[Orphan, ...]: ...
    async def recover(self, name: str) -> bytes | None: ...
    async def discard(self, name: str) -> bool: ...


class Questions(Protocol):
    """What the user is asked."""

    async def discard_unsaved(self, scene: str) -> bool: ...


class RecoveryPresenter:
    """Orphans to bar, and back.

    Parameters
    ----------
    session, actions, bar, autosave, questions
        See the protocols.
    start : callable
        Runs a coroutine beside the event loop; its error is shown.
    may_go : callable
        Whether what is open may be left.
    restore_layout : callable
        Of the window.
    now : callable
    """

    def __init__(
        self,
        session: Session,
        actions: Actions,
        bar: Bar,
        *,
        autosave: Autosave,
        questions: Questions,
        start: Callable[[Coroutine[Any, Any, None]], object],
        may_go: Callable[[], Awaitable[bool]],
        restore_layout: Callable[[bytes], None],
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._session, self._actions, self._bar = session, actions, bar
        self._autosave, self._questions, self._start = autosave, questions, start
        self._may_go, self._restore_layout, self._now = may_go, restore_layout, now
        self._orphans: dict[str, Orphan] = {}
        actions.bind("recover", self.show, enabled=False)

    def look(self) -> None:
        """See what was left, and offer it."""
        self._start(self._look())

    def show(self) -> None:
        """Offer again what was put off."""
        self._bar.set_offers([offer(orphan, self._now()) for orphan in self._orphans.values()])

    def put_off(self) -> None:
        """Not now: it stays where it is, and is offered at the next start, or from the menu."""
        self._bar.set_offers([])

    def recover(self, name: str) -> None:
        """Show it, unless what is open has edits that the user wants to keep."""

        async def go() -> None:
            orphan = self._orphans[name]
            if not await self._may_go():
                return
            layout = await self._autosave.recover(name)
            if layout is not None:
                if layout:
                    self._restore_layout(layout)
                self._session.message(f"Recovered {orphan.scene}. It is not saved yet.")
            else:
                self._session.message(f"{orphan.scene} was recovered or discarded by another window.")
            self._forget(name)

        self._start(go())

    def discard(self, name: str) -> None:
        """Remove it, after a question: it cannot be brought back."""

        async def go() -> None:
            if await self._questions.discard_unsaved(self._orphans[name].scene):
                await self._autosave.discard(name)
                self._forget(name)

        self._start(go())

    async def _look(self) -> None:
        self._orphans = {orphan.name: orphan for orphan in await self._autosave.orphans()}
        self._actions.enable("recover", enabled=bool(self._orphans))
        if self._orphans:
            self.show()

    def _forget(self, name: str) -> None:
        self._orphans.pop(name, None)
        self._actions.enable("recover", enabled=bool(self._orphans))
        self.show()


def offer(orphan: Orphan, now: datetime) -> Offer:
    """Name, title, words, all words, picture, and whether it can be recovered."""
    when = f"kept {_day(orphan.kept, now)} at {orphan.kept:%H:%M}"
    where = f"{orphan.folder}, {bytes_text(orphan.size)}"
    if orphan.problem:
        why = orphan.problem.replace(f"{orphan.folder}{os.sep}", "")
        return orphan.name, orphan.scene, f"{when}, cannot be recovered: {why}", f"{why}\n{where}", b"", False
    facts = [when, counted(orphan.photos, "photo"), counted(orphan.instances, "instance")]
    facts += [f"of {orphan.file.name}"] if orphan.file else []
    facts += [] if orphan.editable else ["to be looked at only"]
    return orphan.name, orphan.scene, " · ".join(facts), where, orphan.thumbnail, True


def _day(then: datetime, now: datetime) -> str:
    days = (now.date() - then.date()).days
    return {0: "today", 1: "yesterday"}.get(days, f"{then:%d %B %Y}")
