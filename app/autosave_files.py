"""Where unsaved work lies for the case of an accident: in one folder per running program.

A folder holds what changes often and is small (`state.json`: edits, display, layout), the result it belongs to as a
session file, perhaps an older one whose features still hold, and a lock that dies with its program. The state is
written last and names the files it needs, so that whatever happens in between, the folder is whole. When something is
written is left to `app.autosave`; the lock is handed in, since it is Qt's.
"""

import json
import shutil
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Protocol

from app.session.display import Display
from app.session.edits import Edits
from app.session.stored import from_plain, to_plain
from fast3dis_core.errors import ExportError, SessionError
from fast3dis_core.exports.atomic import atomic_file, plain_disk_errors
from fast3dis_core.session_files import SUFFIX, session_summary

STATE, LOCK = "state.json", "lock"
RESULTS = f"result-*{SUFFIX}"
YOUNG = 60.0  # seconds in which an empty folder may be that of a program that has just begun


class Lock(Protocol):
    """Of one folder; that of a program which has died can be taken."""

    def take(self) -> bool:
        """Whether nobody else has it."""

    def free(self) -> None:
        """Give it back."""


@dataclass(frozen=True, kw_only=True)
class State:
    """What is small of a session, and the names of the files that hold the rest.

    Attributes
    ----------
    result : str
        Session file of the result on show.
    features : str
        Session file that holds the features but those of the decoder; empty if there is none.
    scene : str
        Name for the user.
    instances : int
        On show.
    file : Path, optional
        Session file that the user knows.
    edits, display : optional
        None for those in the session file.
    layout : str
        Of the window, as base64.
    """

    result: str
    features: str = ""
    scene: str = ""
    instances: int = 0
    file: Path | None = None
    edits: Edits | None = None
    display: Display | None = None
    layout: str = ""

    @property
    def layout_bytes(self) -> bytes:
        """Of the window."""
        try:
            return b64decode(self.layout, validate=True)
        except ValueError:
            return b""


@dataclass(frozen=True, kw_only=True)
class Orphan:
    """What a program left that did not come to its end.

    Attributes
    ----------
    name : str
        Of its folder.
    folder : Path
    scene : str
    kept : datetime
        When it was last written.
    photos, instances : int
    size : int
        Bytes on disk.
    file : Path, optional
        Session file it was opened from or saved to.
    editable : bool
        Whether the features are there.
    thumbnail : bytes
        PNG of the first photo.
    problem : str
        Why it cannot be recovered; empty if it can.
    """

    name: str
    folder: Path
    scene: str
    kept: datetime
    photos: int = 0
    instances: int = 0
    size: int = 0
    file: Path | None = None
    editable: bool = False
    thumbnail: bytes = b""
    problem: str = ""


class Slot:
    """The folder of one program, while it is locked.

    Parameters
    ----------
    folder : Path
    lock : Lock
        Taken.
    """

    def __init__(self, folder: Path, lock: Lock) -> None:
        self.folder, self._lock = folder, lock

    def next_result(self) -> Path:
        """A name for another result."""
        return self.folder / f"result-{_number(_newest(self.folder)) + 1}{SUFFIX}"

    def write(self, state: State) -> None:
        """Replace the state, then remove results that it does not need.

        Raises
        ------
        ExportError
            If the disk refuses.
        """
        with atomic_file(self.folder / STATE, overwrite=True) as file:
            file.write(json.dumps(to_plain(state), ensure_ascii=False).encode())
        for path in self.folder.glob(RESULTS):
            if path.name not in (state.result, state.features):
                with suppress(OSError):
                    path.unlink()

    def state(self) -> State:
        """What was written last; where that is damaged, the newest result alone.

        Raises
        ------
        SessionError
            If there is no result, or a newer program wrote it.
        """
        return _state(self.folder)

    def free(self) -> None:
        """Leave the folder to others."""
        self._lock.free()

    def remove(self) -> None:
        """Remove the folder with everything in it."""
        self._lock.free()
        shutil.rmtree(self.folder, ignore_errors=True)


class AutosaveFolder:
    """All slots of a user.

    Parameters
    ----------
    root : Path
        Made when it is needed.
    lock : callable
        Lock of a path.
    """

    def __init__(self, root: Path, lock: Callable[[Path], Lock]) -> None:
        self.root, self._lock = root, lock

    def claim(self) -> Slot:
        """A new slot.

        Raises
        ------
        ExportError
            If the disk refuses.
        """
        folder = self.root / f"{datetime.now():%Y%m%d-%H%M%S}-{token_hex(4)}"
        with plain_disk_errors(folder):
            self.root.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)  # photos of homes
        lock = self._lock(folder / LOCK)
        if not lock.take():
            raise ExportError(f"{folder} cannot be locked: check the permissions of {self.root}.")
        return Slot(folder, lock)

    def take(self, name: str) -> Slot | None:
        """The slot of a program that has died; None if it is gone, or its program lives, or another one took it."""
        folder = self.root / name
        if not folder.is_dir():
            return None
        lock = self._lock(folder / LOCK)
        return Slot(folder, lock) if lock.take() else None

    def orphans(self) -> tuple[Orphan, ...]:
        """What dead programs left, the newest first; folders in which nothing was written yet are removed."""
        found = []
        try:
            for folder in self.root.iterdir():
                orphan = self._orphan(folder)
                if orphan is not None:
                    found.append(orphan)
        except FileNotFoundError:  # nothing was ever kept, or the last of it is just being removed
            pass
        except OSError as error:
            raise SessionError(f"{self.root}, where unsaved work is kept, cannot be read: {error}.") from error
        return tuple(sorted(found, key=lambda orphan: orphan.kept, reverse=True))

    def _orphan(self, folder: Path) -> Orphan | None:
        slot = self.take(folder.name)
        if slot is None:
            return None
        if _newest(folder) is not None or (folder / STATE).exists():
            orphan = _look_at(folder)
            slot.free()
            return orphan
        if time.time() - folder.stat().st_mtime > YOUNG:
            slot.remove()
        else:
            slot.free()
        return None


def encoded(layout: bytes) -> str:
    """A layout as a state holds it."""
    return b64encode(layout).decode()


def _look_at(folder: Path) -> Orphan:
    files = [path for path in folder.iterdir() if path.name != LOCK]
    kept = datetime.fromtimestamp(max(path.stat().st_mtime for path in files))
    size = sum(path.stat().st_size for path in files)
    scene, file = "Unknown scene", None
    try:
        state = _state(folder)
        scene, file = state.scene or scene, state.file
        summary = session_summary(folder / state.result)
        editable = summary.has_features and (
            not state.features or session_summary(folder / state.features).has_features
        )
    except SessionError as error:
        return Orphan(name=folder.name, folder=folder, scene=scene, kept=kept, size=size, file=file, problem=str(error))
    if not state.scene:
        told = summary.origin.get("origin", {}).get("folder", "")
        scene = Path(told).name or scene
    return Orphan(
        name=folder.name,
        folder=folder,
        scene=scene,
        kept=kept,
        photos=summary.views,
        instances=state.instances or summary.instances,
        size=size,
        file=file,
        editable=editable,
        thumbnail=summary.thumbnail,
    )


def _state(folder: Path) -> State:
    path, newest = folder / STATE, _newest(folder)
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        if newest is None:
            raise SessionError(
                f"{path} is damaged and there is no result beside it: nothing can be recovered."
            ) from error
        oldest = min(folder.glob(RESULTS), key=_number)
        return State(result=newest.name, features="" if oldest == newest else oldest.name)
    state = from_plain(State, plain)
    for name in filter(None, (state.result, state.features)):
        if Path(name).name != name:
            raise SessionError(f"{path} is damaged: {name!r} is no file of its folder.")
    return state


def _newest(folder: Path) -> Path | None:
    return max(folder.glob(RESULTS), key=_number, default=None)


def _number(path: Path | None) -> int:
    digits = "" if path is None else path.stem.removeprefix("result-")
    return int(digits) if digits.isdecimal() else 0
