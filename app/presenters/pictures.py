"""Pictures and films of the stage: what is wanted, where to, and what is asked about files that are there."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from app.actions import Actions
from app.session.picture_wish import FilmWish, PictureWish
from app.session.session import Session
from app.workflow import Workflow

LARGEST = 16_384  # pixels along an edge that graphics draw at once
SCALES = (1, 2, 3, 4)
HEIGHTS, RATES, SECONDS = (360, 480, 720, 1080), (10, 20, 25), (2, 60)


class Stage(Protocol):
    """What this presenter needs of the pictures of a stage."""

    def size(self, scale: float) -> tuple[int, int]: ...
    def still(self, scale: float, *, transparent: bool, notes: bool) -> Any: ...
    def beginning(self) -> Any: ...
    def ending(self) -> None: ...
    def turned(self, pose: Any, share: float) -> Any: ...
    def frame(self, pose: Any, height: int, *, notes: bool) -> NDArray[np.uint8]: ...


class Dialog(Protocol):
    """What it needs of either dialog."""

    def set_wish(self, wish: Any) -> None: ...
    def set_preview(self, text: str, *, ready: bool) -> None: ...
    def open(self) -> None: ...
    def close(self) -> object: ...


class Questions(Protocol):
    """What the user is asked."""

    async def save_picture_as(self, proposal: Path) -> Path | None: ...
    async def save_film_as(self, proposal: Path) -> Path | None: ...
    async def overwrite(self, path: Path) -> bool: ...


class Memory(Protocol):
    """What it needs of the preferences."""

    def get(self, key: str, default: Any) -> Any: ...
    def set(self, key: str, value: Any) -> None: ...


class PicturesPresenter:
    """Actions and dialogs to files.

    Parameters
    ----------
    session, workflow, actions
    stage, questions, memory
        See the protocols.
    picture_dialog, film_dialog : callable
        Make a dialog.
    encode : callable
        A still to the bytes of a PNG; called on the worker.
    copy : callable
        Puts a still on the clipboard.
    """

    def __init__(
        self,
        session: Session,
        workflow: Workflow,
        actions: Actions,
        *,
        stage: Stage,
        questions: Questions,
        memory: Memory,
        picture_dialog: Callable[[], Dialog],
        film_dialog: Callable[[], Dialog],
        encode: Callable[[Any], bytes],
        copy: Callable[[Any], None],
    ) -> None:
        self._session, self._workflow, self._stage = session, workflow, stage
        self._questions, self._memory = questions, memory
        self._make_picture, self._make_film = picture_dialog, film_dialog
        self._encode, self._copy = encode, copy
        self._dialog: Dialog | None = None
        self._picture: PictureWish = _possible(_recalled(PictureWish(), memory))
        self._film: FilmWish = _possible(_recalled(FilmWish(), memory))
        names = ("picture", "copy_stage", "turntable")
        for name, handler in zip(names, (self.show_picture, self.copy, self.show_film), strict=True):
            actions.bind(name, handler, enabled=False)
        session.reconstruction_changed.connect(lambda _: actions.enable(*names, enabled=True))

    def show_picture(self) -> None:
        """Ask what the picture is to be."""
        self._dialog = self._make_picture()
        self._refresh_picture()
        self._dialog.open()

    def show_film(self) -> None:
        """Ask what the film is to be."""
        self._dialog = self._make_film()
        self._refresh_film()
        self._dialog.open()

    def closed(self) -> None:
        """A dialog was closed."""
        self._dialog = None

    def choose_picture(self, field: str, value: Any) -> None:
        """One of `PictureWish`, by its name."""
        self._picture = replace(self._picture, **{field: value})
        self._memory.set(f"picture/{field}", value)
        self._refresh_picture()

    def choose_film(self, field: str, value: Any) -> None:
        """One of `FilmWish`, by its name."""
        self._film = replace(self._film, **{field: value})
        self._memory.set(f"film/{field}", value)
        self._refresh_film()

    def copy(self) -> None:
        """The picture to the clipboard."""
        self._copy(self._still())
        width, height = self._stage.size(self._picture.scale)
        self._close()
        self._session.message(f"Copied a picture of {width} × {height} pixels.")

    def save_picture(self) -> None:
        """The picture as a file."""
        picture = self._still()  # as it is now, not after the questions
        self._close()

        async def ask() -> None:
            path = await self._questions.save_picture_as(self._proposal("3d", "png"))
            if path is None or (overwrite := await self._may_write(path)) is None:
                return
            await self._workflow.filming.save(path, lambda: self._encode(picture), overwrite=overwrite)
            self._session.message(f"Saved {path}")

        self._workflow.start(ask())

    def save_film(self) -> None:
        """The film as a file."""
        wish = self._film
        self._close()

        async def ask() -> None:
            path = await self._questions.save_film_as(self._proposal("turntable", wish.format))
            if path is None or (overwrite := await self._may_write(path)) is None:
                return
            start = self._stage.beginning()

            def draw(share: float) -> NDArray[np.uint8]:
                return self._stage.frame(self._stage.turned(start, share), wish.height, notes=wish.notes)

            try:
                await self._workflow.filming.film(path, wish, draw, overwrite=overwrite, warn=self._warn)
            finally:
                self._stage.ending()
            self._session.message(f"Saved {path}")

        self._workflow.start(ask())

    def _warn(self, seconds: float) -> None:
        """The window stands still for every frame: better said than wondered about."""
        self._session.message(
            f"A frame takes about {seconds:.1f} s to draw, and the window pauses for each. Smaller frames or fewer "
            "points drawn are faster; Cancel acts after the frame."
        )

    async def _may_write(self, path: Path) -> bool | None:
        """Whether a file is to be written over; None to leave it."""
        exists = path.exists()
        return None if exists and not await self._questions.overwrite(path) else exists

    def _still(self) -> Any:
        wish = self._picture
        return self._stage.still(wish.scale, transparent=wish.transparent, notes=wish.notes)

    def _refresh_picture(self) -> None:
        if self._dialog is not None:
            width, height = self._stage.size(self._picture.scale)
            fits = max(width, height) <= LARGEST
            words = f"{width:,} × {height:,} pixels"
            self._dialog.set_wish(self._picture)
            self._dialog.set_preview(words if fits else f"{words} are more than graphics draw at once.", ready=fits)

    def _refresh_film(self) -> None:
        if self._dialog is not None:
            wide, high = self._stage.size(1.0)
            width = 2 * round(self._film.height * wide / max(1, high) / 2)
            self._dialog.set_wish(self._film)
            words = f"{self._film.frames} frames of {width:,} × {self._film.height:,} pixels"
            self._dialog.set_preview(words, ready=width <= LARGEST)

    def _close(self) -> None:
        if self._dialog is not None:
            self._dialog.close()

    def _proposal(self, what: str, suffix: str) -> Path:
        origin = self._session.origin
        assert origin is not None, "a picture needs a scene"
        folder = origin.folder.resolve()
        return folder.parent / f"{folder.name}_{what}.{suffix}"


def _recalled(usual: Any, memory: Memory) -> Any:
    """A wish as it was the last time."""
    room = "picture" if isinstance(usual, PictureWish) else "film"
    found = {field.name: memory.get(f"{room}/{field.name}", getattr(usual, field.name)) for field in fields(usual)}
    return replace(usual, **found)


def _possible(wish: Any) -> Any:
    """The wish itself, or the usual one for what the dialogs do not offer."""
    if isinstance(wish, PictureWish):
        return wish if wish.scale in SCALES else PictureWish()
    lowest, highest = SECONDS
    offered = wish.format in ("gif", "mp4") and wish.height in HEIGHTS and wish.rate in RATES
    return wish if offered and lowest <= wish.seconds <= highest else FilmWish()
