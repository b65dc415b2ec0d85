"""Saving, opening and closing: questions about session files, and what may be lost."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, Protocol

from app.actions import Actions
from app.keeper import Sizes
from app.presenters.export_words import bytes_text
from app.session.session import Session
from app.workflow import Workflow
from fast3dis_core.session_files import SUFFIX

SMALL_TIP = "To be looked at only: anchors and mask thresholds cannot be changed in it"
NOTHING = (0, 0)  # stamp of a file that is not there
Choice = Literal["save", "discard", "cancel"]


class Questions(Protocol):
    """What the user is asked."""

    async def session_file(self) -> Path | None: ...
    async def save_session_as(self, proposal: Path, kinds: Sequence[str], kind: int) -> tuple[Path, int] | None: ...
    async def overwrite(self, path: Path) -> bool: ...
    async def replace_changed(self, path: Path) -> bool: ...
    async def unsaved(self, scene: str) -> Choice: ...


class Frame(Protocol):
    """What this presenter needs of the window."""

    def set_modified(self, modified: bool) -> None: ...
    def layout_state(self) -> bytes: ...
    def restore_layout(self, state: bytes) -> None: ...


class SessionFilesPresenter:
    """Session to files, and back.

    Parameters
    ----------
    session, workflow, actions
    frame : Frame
    questions : Questions
    others : callable
        Opens dropped paths that are no session.
    close : callable
        Ends the program.
    """

    def __init__(
        self,
        session: Session,
        workflow: Workflow,
        actions: Actions,
        *,
        frame: Frame,
        questions: Questions,
        others: Callable[[Sequence[str]], object],
        close: Callable[[], object],
    ) -> None:
        self._session, self._workflow, self._actions = session, workflow, actions
        self._frame, self._questions, self._others, self._close = frame, questions, others, close
        self._asking = False
        workflow.may_replace = self.may_go
        self._stamps: dict[Path, tuple[int, int]] = {}  # of files as this program knows them
        self._small: set[Path] = set()  # files that the user wants without features
        actions.bind("open_session", self.open)
        actions.bind("save", self.save, enabled=False)
        actions.bind("save_as", self.save_as, enabled=False)
        actions.bind("save_small", self.save_small, enabled=False)
        session.reconstruction_changed.connect(self._on_result)
        session.saved_changed.connect(self._on_change)
        self._on_result(None)

    def open(self) -> None:
        """Ask for a session file and open it."""

        async def ask() -> None:
            path = await self._questions.session_file()
            if path is not None:
                await self.open_checked(path)

        self._workflow.start(ask())

    def open_paths(self, paths: Sequence[str]) -> None:
        """Open what was dropped or named on the command line: a session, or photos."""
        if not is_session(paths):
            self._others(paths)
            return

        self._workflow.start(self.open_checked(Path(paths[0])))

    def save(self) -> None:
        """Save to the file it came from, or ask for one."""
        self._start_saving()

    def save_as(self) -> None:
        """Save to another file."""
        self._start_saving(ask=True)

    def save_small(self) -> None:
        """Save to another file without features: to be looked at only."""
        self._start_saving(ask=True, features=False)

    def close(self) -> None:
        """The user wants to end the program."""

        async def ask() -> None:
            if await self.may_go():
                self._close()

        if self._session.modified:
            self._workflow.start(ask())
        else:
            self._close()

    def _start_saving(self, *, ask: bool = False, features: bool | None = None) -> None:
        async def go() -> None:
            await self._save(ask=ask, features=features)

        self._workflow.start(go())

    async def open_checked(self, path: Path) -> None:
        """Show a saved session, unless what is open has edits that the user wants to keep."""
        if await self.may_go():
            await self.reopen(path)

    async def reopen(self, path: Path) -> None:
        """Show a saved session as it was."""
        layout = await self._workflow.keeper.open(path)
        self._stamps[path] = _stamp(path)
        if layout:
            self._frame.restore_layout(layout)

    async def _save(self, *, ask: bool = False, features: bool | None = None) -> bool:
        """Whether it was saved; with features unless the user or their size is against it."""
        origin, sizes = self._session.origin, self._workflow.keeper.sizes
        if origin is None or sizes is None:
            return False
        path, overwrite = origin.file, True
        if path is None or ask:
            kinds = _kinds(sizes)
            wanted = sizes.features_unasked if features is None else features
            kind = next((place for place, (complete, _) in enumerate(kinds) if complete == wanted), 0)
            answer = await self._questions.save_session_as(self._proposal(), [words for _, words in kinds], kind)
            if answer is None:
                return False
            path, overwrite, features = answer[0], answer[0].exists(), kinds[answer[1]][0]
            if overwrite and not await self._questions.overwrite(path):
                return False
        else:
            features = path not in self._small
            stamp = _stamp(path)
            if stamp != NOTHING and stamp != self._stamps.get(path):
                known = path in self._stamps  # a session that was recovered knows its file by name only
                question = self._questions.replace_changed if known else self._questions.overwrite
                if not await question(path):
                    return False
        layout = self._frame.layout_state()
        saved = await self._workflow.keeper.save(path, layout=layout, features=features, overwrite=overwrite)
        (self._small.discard if features else self._small.add)(path)
        self._stamps[path] = _stamp(path)
        how = "with features" if saved.complete else "without features: opened again, it can be looked at only"
        self._session.message(f"Saved {path}, {bytes_text(saved.bytes)} {how}.")
        return True

    async def may_go(self) -> bool:
        """Whether what is open may be left: nothing is unsaved, or it was saved now, or may be lost."""
        origin = self._session.origin
        if not self._session.modified or origin is None:
            return True
        if self._asking:
            return False
        self._asking = True
        try:
            choice = await self._questions.unsaved(origin.folder.resolve().name)
        finally:
            self._asking = False
        return choice == "discard" or (choice == "save" and await self._save())

    def _proposal(self) -> Path:
        origin = self._session.origin
        assert origin is not None, "there is nothing to save before the first result"
        folder = origin.folder.resolve()
        return origin.file or folder.parent / f"{folder.name}{SUFFIX}"

    def _on_result(self, _: object) -> None:
        sizes = self._workflow.keeper.sizes
        self._actions.enable("save", "save_as", enabled=sizes is not None)
        self._actions.set("save_small", enabled=sizes is not None and sizes.complete is not None)
        if sizes is not None and sizes.complete is not None:
            small, large = bytes_text(sizes.without), bytes_text(sizes.complete)
            self._actions.set("save_small", tip=f"{SMALL_TIP}; about {small} instead of {large}")
        self._on_change(None)

    def _on_change(self, _: object) -> None:
        self._frame.set_modified(self._session.modified)


def _kinds(sizes: Sizes) -> list[tuple[bool, str]]:
    """Ways to save, each with features or without, and in words."""
    small = (False, f"Session to be looked at only, about {bytes_text(sizes.without)}")
    if sizes.complete is None:
        return [small]
    return [(True, f"Session with features for further edits, about {bytes_text(sizes.complete)}"), small]


def _stamp(path: Path) -> tuple[int, int]:
    """What differs once somebody else has written a file."""
    try:
        facts = path.stat()
    except OSError:
        return NOTHING
    return facts.st_mtime_ns, facts.st_size


def is_session(paths: Sequence[str]) -> bool:
    """Whether the paths name one session file."""
    return len(paths) == 1 and Path(paths[0]).suffix.lower() == SUFFIX
