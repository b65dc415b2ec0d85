"""What comes from outside: errors that nobody caught, and signals that end the program, such as Ctrl-C in its terminal.

A signal closes the window without questions, as an accident would, so that the next start offers what was not saved.
A second one does not wait for what is computed.
"""

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSocketNotifier

from fast3dis_core.errors import Fast3disError

if TYPE_CHECKING:
    from app.application import Program

logger = logging.getLogger(__name__)

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruption:
    """Signals to a call on the GUI thread, for the length of a `with` block.

    Python acts on a signal with its next instruction, and there is none while Qt waits for events: a byte through a
    pair of sockets wakes it.

    Parameters
    ----------
    act : callable
        Called once, within the event loop.

    Attributes
    ----------
    number : int
        Of the signal; 0 while there was none.
    """

    def __init__(self, act: Callable[[], object]) -> None:
        self._act, self.number = act, 0

    @property
    def status(self) -> int:
        """Exit status that says so; 0 without a signal."""
        return 128 + self.number if self.number else 0

    def __enter__(self) -> "Interruption":
        self._near, self._far = socket.socketpair()
        for end in (self._near, self._far):
            end.setblocking(False)
        self._fd = signal.set_wakeup_fd(self._far.fileno(), warn_on_full_buffer=False)
        self._notifier = QSocketNotifier(self._near.fileno(), QSocketNotifier.Type.Read)
        self._notifier.activated.connect(self._wake)
        self._before = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._fd)
        self._notifier.setEnabled(False)
        for end in (self._near, self._far):
            end.close()

    def _note(self, number: int, _: FrameType | None) -> None:
        if self.number:
            os._exit(self.status)
        self.number = number

    def _wake(self, *_: object) -> None:
        came = set(self._near.recv(64)) & set(SIGNALS)  # other signals come through here too
        act, self._act = self._act, _nothing
        if came:
            act()
        else:
            self._act = act


def _nothing() -> None:
    """What is left to be done after that."""


def log_own_mistakes(error: Exception) -> None:
    """Errors that are no message to the user, with their traceback."""
    if not isinstance(error, Fast3disError):
        logger.error("Unexpected error", exc_info=error)


@contextmanager
def everything_else_fails(program: "Program") -> Iterator[None]:
    """Errors that nobody caught, of Qt slots and of the event loop, go to the session as well."""
    loop, before = asyncio.get_running_loop(), sys.excepthook

    def fail(error: BaseException) -> None:
        if not isinstance(error, Exception):
            program.closed.set()
        elif threading.current_thread() is threading.main_thread():
            program.session.fail(error)
        else:
            loop.call_soon_threadsafe(program.session.fail, error)

    def of_python(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        fail(error)

    def of_loop(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        fail(context.get("exception") or RuntimeError(context["message"]))

    sys.excepthook = of_python
    loop.set_exception_handler(of_loop)
    try:
        yield
    finally:
        sys.excepthook = before
        loop.set_exception_handler(None)
