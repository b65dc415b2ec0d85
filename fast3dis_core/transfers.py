"""Where a download is: bytes, speed and time left as a value, and the meter that makes such values.

Plain Python without the network, so that a window may know it. Who fetches is `hub`; words on failures are
the business of `downloads`.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

SPAN = 4.0  # seconds over which the speed is taken
SETTLED = 0.5  # seconds before a speed is told


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """A download at one moment.

    Attributes
    ----------
    done, total : int
        Bytes that are on this machine, those of earlier tries included, and of the whole file; a total of 0 is
        not known yet.
    speed : float
        Bytes per second over the last seconds; 0 while it is not known.
    notice : str
        What it waits for, or what is unusual; empty while all goes well.
    """

    done: int = 0
    total: int = 0
    speed: float = 0.0
    notice: str = ""

    @property
    def fraction(self) -> float:
        """Share that is here, in [0, 1]."""
        return min(self.done / self.total, 1.0) if self.total else 0.0

    @property
    def remaining(self) -> float | None:
        """Seconds that are left at this speed; None where nobody can say."""
        return (self.total - self.done) / self.speed if self.speed > 0 and self.total else None

    @property
    def words(self) -> str:
        """Such as "120 of 541 MB, 12 MB/s, about 35 s left"."""
        if not self.total:
            return ""
        parts = [f"{megabytes(self.done)} of {megabytes(self.total)}"]
        if self.speed > 0:
            parts.append(f"{megabytes(round(self.speed))}/s")
        if self.remaining is not None and self.done < self.total:
            parts.append(f"about {duration(self.remaining)} left")
        return ", ".join(parts)


Watch: TypeAlias = Callable[[Transfer], None]


def unwatched(transfer: Transfer) -> None:
    """Shown to nobody; the default."""


class Meter:
    """Counts what arrives.

    Parameters
    ----------
    clock : callable
        Seconds.

    Attributes
    ----------
    received : int
        Bytes that came over the line since this meter was made.
    notice : str
        See `Transfer`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._done = self._total = self.received = 0
        self._arrived: deque[tuple[float, int]] = deque()  # when, and bytes received until then
        self.notice = ""

    def begin(self, done: int, total: int) -> None:
        """A try begins with so many bytes of so many."""
        self._done, self._total = done, total
        self._arrived.clear()
        self._arrived.append((self._clock(), self.received))

    def add(self, count: int) -> None:
        """More bytes are here."""
        self._done += count
        self.received += count
        now = self._clock()
        self._arrived.append((now, self.received))
        while now - self._arrived[0][0] > SPAN and len(self._arrived) > 2:
            self._arrived.popleft()

    def now(self) -> Transfer:
        """Where it is; its speed falls while nothing arrives."""
        return Transfer(done=self._done, total=self._total, speed=self._speed(), notice=self.notice)

    def _speed(self) -> float:
        if not self._arrived:
            return 0.0
        since, before = self._arrived[0]
        spent = self._clock() - since
        return (self.received - before) / spent if spent >= SETTLED else 0.0


def megabytes(count: int) -> str:
    """Bytes in words: "541 MB"; small numbers keep a digit."""
    if count >= 1e9:
        return f"{count / 1e9:.1f} GB"
    return f"{count / 1e6:.0f} MB" if count >= 1e7 or not count else f"{count / 1e6:.1f} MB"


def duration(seconds: float) -> str:
    """Seconds in words: "35 s", "4 min", "1 h 20 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
