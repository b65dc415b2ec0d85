"""The first moments of a program, in which it imports what it needs: Ctrl-C ends it at once, and without a word.

Imports next to nothing itself: what comes before it ends with a traceback. An exception would do no good here: some
libraries turn one in the middle of their import into another, and others end the process with an error of their own.
"""

import os
import signal

TYPE_CHECKING = False  # without the module that has it
if TYPE_CHECKING:
    from types import FrameType

INTERRUPTED = 130  # exit status after Ctrl-C


class QuietStart:
    """For the length of a `with` block in which nothing is begun that would have to be cleaned up."""

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGINT, _leave)

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)


def _leave(_number: int, _frame: "FrameType | None") -> None:
    os._exit(INTERRUPTED)
