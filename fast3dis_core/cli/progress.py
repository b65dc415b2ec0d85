"""Progress of a run on stderr: named steps with elapsed and remaining time, and the seconds of each.

On a terminal a bar is redrawn; elsewhere a line is written when a step starts to take long and when it ends.
"""

import re
import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import TimeRemainingColumn as RemainingColumn
from rich.table import Column
from rich.text import Text

from fast3dis_core.cli.exits import Interrupts
from fast3dis_core.transfers import Transfer

_REDRAW = 0.1  # seconds between two drawings of the bar
_LINE = 5.0  # seconds between two lines where there is no terminal
_COUNTDOWN = re.compile(r" in \d+ s(?= \()")  # of a notice: told once, not every second


class StepDisplay:
    """The `report` of a command.

    Parameters
    ----------
    interrupts : Interrupts
        Asked at every report.

    Attributes
    ----------
    seconds : dict of str to float
        Of the finished steps since `begin`.
    """

    def __init__(self, interrupts: Interrupts) -> None:
        self.seconds: dict[str, float] = {}
        self._interrupts = interrupts
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._bar = Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=30),
            TaskProgressColumn(),
            _Clock(),
            console=self._console,
            auto_refresh=False,  # drawn by the reports themselves: no thread
            transient=True,
        )
        self._step = ""
        self._words = self._notice = ""
        self._task: TaskID | None = None
        self._started = self._drawn = self._first = 0.0

    def __enter__(self) -> "StepDisplay":
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._end_step()
        if self._console.is_terminal:
            self._bar.stop()

    def __call__(self, step: str, fraction: float) -> None:
        """Report; raises `Cancelled` after Ctrl-C."""
        self._interrupts.check()
        now = time.monotonic()
        if step != self._step:
            self._end_step()
            self._step, self._started, self._drawn = step, now, now
            self._first = fraction  # a resumed run does not begin at 0
            if self._console.is_terminal:
                self._task = self._bar.add_task(step, total=1.0, words="")
                self._bar.update(self._task, completed=fraction)  # its rate leaves the first sample out
                self._bar.refresh()
        elif now - self._drawn > (_REDRAW if self._console.is_terminal else _LINE):
            self._drawn = now
            self._draw(fraction, now - self._started)

    def watch(self, transfer: Transfer) -> None:
        """Bytes, speed and time left of a download, in place of the clock; what it waits for, once."""
        self._words = transfer.words
        notice = _COUNTDOWN.sub("", transfer.notice)
        if notice and notice != self._notice:
            self.say(notice)
        self._notice = notice

    def begin(self, title: str) -> None:
        """Start over for the next folder."""
        self._end_step()
        self.seconds = {}
        self.say(title)

    def finish(self) -> None:
        """End the running step, so that its seconds are known."""
        self._end_step()

    def say(self, sentence: str) -> None:
        """Write a sentence above the bar; nothing if it is empty."""
        if sentence:
            self._console.print(sentence, markup=False)

    def _draw(self, fraction: float, elapsed: float) -> None:
        if self._task is not None:
            self._bar.update(self._task, completed=fraction, words=self._words)
            self._bar.refresh()
            return
        if self._words:
            self.say(f"{self._step}: {fraction:.0%}, {self._words}")
            return
        done = fraction - self._first
        left = f", about {elapsed * (1 - fraction) / done:.0f} s left" if done > 0.02 else ""
        self.say(f"{self._step}: {fraction:.0%}, {elapsed:.0f} s so far{left}")

    def _end_step(self) -> None:
        if not self._step:
            return
        spent = time.monotonic() - self._started
        self.seconds[self._step] = self.seconds.get(self._step, 0.0) + spent
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
        self.say(f"{self._step}: {spent:.1f} s")
        self._step = self._words = ""


class _Clock(ProgressColumn):
    """Time spent and left, or what is known better."""

    def __init__(self) -> None:
        super().__init__(Column(no_wrap=True))  # the bar gives way
        self._spent, self._left = TimeElapsedColumn(), RemainingColumn()

    def render(self, task: Task) -> Text:
        words = task.fields.get("words")
        return Text(words) if words else Text.assemble(self._spent.render(task), " ETA ", self._left.render(task))
