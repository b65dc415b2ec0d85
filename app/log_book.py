"""What the program notes down: the last records of its loggers, from any thread, for the log panel and for reports."""

import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

LOGGERS = ("app", "fast3dis_core")
LINES = 2000


class LogLine(NamedTuple):
    """One record: "14:03:07", a level of `logging`, its name, the logger, the words (with a traceback if any)."""

    time: str
    level: int
    level_name: str
    source: str
    text: str


class LogBook(logging.Handler):
    """Keeps the last records.

    Parameters
    ----------
    post : callable
        Runs a function on the event loop's thread; records come from any.
    tell : callable
        Is given each new line, there.
    """

    def __init__(self, post: Callable[..., object], tell: Callable[[LogLine], None]) -> None:
        super().__init__(logging.INFO)
        self._post, self._tell = post, tell
        self._lines: deque[LogLine] = deque(maxlen=LINES)
        self._levels = {name: logging.getLogger(name).level for name in LOGGERS}
        for name in LOGGERS:
            logger = logging.getLogger(name)
            logger.addHandler(self)
            logger.setLevel(min(logger.level or logging.INFO, logging.INFO))

    @property
    def lines(self) -> tuple[LogLine, ...]:
        """The last records, oldest first."""
        return tuple(self._lines)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record, and tell."""
        time = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        line = LogLine(time, record.levelno, record.levelname.lower(), record.name, self.format(record))
        self._lines.append(line)
        with suppress(RuntimeError):  # the event loop may have ended before the thread that writes here
            self._post(self._tell, line)

    def clear(self) -> None:
        """Forget all records."""
        self._lines.clear()

    def detach(self) -> None:
        """Listen no more."""
        for name, level in self._levels.items():
            logging.getLogger(name).removeHandler(self)
            logging.getLogger(name).setLevel(level)
        self.close()


def line_text(line: LogLine) -> str:
    """A record as one line of text."""
    return f"{line.time}  {line.level_name:<8} {line.source}: {line.text}"
