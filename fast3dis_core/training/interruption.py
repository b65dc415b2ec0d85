"""When a run has to end before its last step: a signal, or the minutes given to this start.

Both become a wish that the loop looks at between two steps, so that it can save first. A second Ctrl-C ends at once.
"""

import signal
import threading
import time
from types import FrameType
from typing import Literal

Reason = Literal["finished", "until", "time", "stopped"]


class Interruption:
    """Watches signals inside a `with` block, and the clock.

    Parameters
    ----------
    minutes : float, optional
        Wall-clock budget of this start, counted from here.
    """

    def __init__(self, minutes: float | None = None) -> None:
        self._end = None if minutes is None else time.monotonic() + 60 * minutes
        self._signalled = False
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():  # elsewhere Python allows no handlers
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    @property
    def reason(self) -> Reason | None:
        """Why to end now; None to go on."""
        if self._signalled:
            return "stopped"
        if self._end is not None and time.monotonic() >= self._end:
            return "time"
        return None

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._signalled and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._signalled = True
