"""What a step of work costs: seconds, and memory beyond what the process held before.

Figures of one machine at one moment: they are for holding two methods against each other, side by side. Measuring whole
runs step by step is left to `inference.machine`.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_STATUS, _FORGET = Path("/proc/self/status"), Path("/proc/self/clear_refs")  # of Linux


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Time and memory of some work.

    Attributes
    ----------
    seconds : float
    memory : int or None
        Bytes of the machine by which the process grew at most; None where the system does not tell.
    """

    seconds: float
    memory: int | None = None

    def __add__(self, other: "Cost") -> "Cost":
        """One after the other: seconds add up, memory does not."""
        known = [part.memory for part in (self, other) if part.memory is not None]
        return Cost(seconds=self.seconds + other.seconds, memory=max(known) if known else None)


@contextmanager
def measured() -> Iterator[list[Cost]]:
    """Measure what is done inside; the list holds its cost afterwards, unless it failed."""
    forget_peak()
    before, began = _held(), time.monotonic()
    found: list[Cost] = []
    yield found
    seconds, peak = time.monotonic() - began, peak_of_machine()
    memory = None if before is None or peak is None else max(peak - before, 0)
    found.append(Cost(seconds=seconds, memory=memory))


def forget_peak() -> None:
    """Let `peak_of_machine` start anew, where the system allows it: Linux."""
    with suppress(OSError):
        _FORGET.write_text("5")


def peak_of_machine() -> int | None:
    """Most memory of the machine this process has held, bytes; None where the system does not tell."""
    told = _told("VmHWM:")
    if told is not None or sys.platform == "win32":
        return told
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _held() -> int | None:
    """What the process holds now; where only the peak is known, the peak so far."""
    told = _told("VmRSS:")
    return peak_of_machine() if told is None else told


def _told(name: str) -> int | None:
    with suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return None
