"""Photos on their way from the worker's thread to the session: shown one by one while they are read."""

import asyncio
import threading
from dataclasses import replace

from app.session.plan import Photo, Plan
from app.session.session import Session


class Arrivals:
    """Photos on their way from the worker's thread into the session's plan, in the order they come.

    Parameters
    ----------
    session : Session
    plan : Plan
        Without photos.
    loop : asyncio.AbstractEventLoop
        Whose thread the session belongs to.
    """

    def __init__(self, session: Session, plan: Plan, loop: asyncio.AbstractEventLoop) -> None:
        self._session, self._plan, self._loop = session, plan, loop
        self._lock = threading.Lock()
        self._photos: list[Photo] = []
        self._expected = False  # whether the session will be told of what has come
        self._open = True

    @property
    def photos(self) -> tuple[Photo, ...]:
        """All that came so far."""
        with self._lock:
            return tuple(self._photos)

    def add(self, photo: Photo) -> None:
        """One more; called on the worker's thread."""
        with self._lock:
            self._photos.append(photo)
            tell, self._expected = not self._expected, True
        if tell:
            self._loop.call_soon_threadsafe(self._tell)

    def close(self) -> None:
        """Nothing is told any more."""
        self._open = False

    def _tell(self) -> None:
        with self._lock:
            self._expected = False
            photos = tuple(self._photos)
        if self._open:
            self._session.prepare(replace(self._plan, photos=photos))
