"""The one thread that computes: model and tensors are touched here and nowhere else.

One job runs and, in each line, one waits; a newer job takes the place of the one waiting in its line, whose
caller gets `Cancelled`. Computing is one line; writing a file is another, so that no slider can push it out.
Jobs receive `report(step, fraction)`, which hands progress to the event loop and raises `Cancelled` once
the job was asked to stop. Its caller is told at once; the thread follows at its next report, and only then
takes the next job. What the jobs compute, and which answers count, is the business of `app.workflow`.
"""

import asyncio
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from fast3dis_core.errors import Cancelled

if TYPE_CHECKING:
    from fast3dis_core.progress import Report

Result = TypeVar("Result")

REPORT_INTERVAL = 0.03  # seconds; more often than a screen refreshes is work for nobody


class _Ticket:
    """One call of `run`: its job, its line, what its caller waits for, and its stop flag."""

    def __init__(
        self, job: "Callable[[Report], Any]", line: str, answer: "asyncio.Future[Any]", on_progress: "Report"
    ) -> None:
        self.job, self.line, self.answer, self.on_progress = job, line, answer, on_progress
        self.stop = threading.Event()
        self.posted_step = ""
        self.posted_at = 0.0

    def cancel(self, reason: str) -> None:
        self.stop.set()
        if not self.answer.done():
            self.answer.set_exception(Cancelled(reason))


def _ignore(step: str, fraction: float) -> None:
    """Progress of a job nobody watches."""


class Worker:
    """Runs jobs one at a time on its own thread. All methods belong to the event loop's thread.

    Parameters
    ----------
    name : str
        Of the thread.
    """

    def __init__(self, name: str = "inference") -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._running: _Ticket | None = None
        self._waiting: dict[str, _Ticket] = {}  # by line, oldest first
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def busy(self) -> bool:
        """Whether the thread works, be it on a job that was cancelled and has not noticed yet."""
        return self._running is not None

    async def run(
        self, job: "Callable[[Report], Result]", *, line: str = "", on_progress: "Report" = _ignore
    ) -> Result:
        """Result of `job(report)`, computed on the worker thread; see `begin`."""
        return await self.begin(job, line=line, on_progress=on_progress)

    def begin(
        self, job: "Callable[[Report], Result]", *, line: str = "", on_progress: "Report" = _ignore
    ) -> "asyncio.Future[Result]":
        """Start a job at once, or let it wait in its line; for whoever cannot spare a turn of the event loop.

        Parameters
        ----------
        job : callable
            Called on the worker thread.
        line : str
            In which one job may wait.
        on_progress : callable
            Called on the event loop's thread with step and fraction.

        Returns
        -------
        Future
            What the job returns or raises; `Cancelled` when a newer job took its place, when it was cancelled, or after
            `close`. Cancelling the future stops the job.
        """
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        ticket = _Ticket(job, line, answer, on_progress)
        answer.add_done_callback(lambda _: ticket.stop.set())  # for a caller that gave up; harmless otherwise
        if self._closed:
            ticket.cancel("The program is closing.")
        elif self._running is None:
            self._begin(ticket)
        else:
            self._drop_waiting(line, "A newer job took its place.")
            self._waiting[line] = ticket
        return answer

    def cancel(self, line: str | None = None) -> None:
        """Stop the running job and forget waiting ones; of one line, or of all."""
        for waiting in [line] if line is not None else list(self._waiting):
            self._drop_waiting(waiting, "The job was cancelled.")
        if self._running is not None and line in (None, self._running.line):
            self._running.cancel("The job was cancelled.")

    async def close(self) -> None:
        """Cancel, wait until the thread is free, and end it. No job is accepted afterwards."""
        self._closed = True
        self.cancel()
        await self._idle.wait()
        self._pool.shutdown(wait=True)

    def _drop_waiting(self, line: str, reason: str) -> None:
        dropped = self._waiting.pop(line, None)
        if dropped is not None:
            dropped.cancel(reason)

    def _begin(self, ticket: _Ticket) -> None:
        self._running = ticket
        self._idle.clear()
        loop = asyncio.get_running_loop()
        future = self._pool.submit(self._call, ticket, loop)
        future.add_done_callback(lambda done: loop.call_soon_threadsafe(self._finish, ticket, done))

    def _finish(self, ticket: _Ticket, done: "Future[Any]") -> None:
        error = done.exception()
        if not ticket.answer.done():
            if error is not None:
                ticket.answer.set_exception(error)
            else:
                ticket.answer.set_result(done.result())
        self._running = None
        while self._waiting:
            following = self._waiting.pop(next(iter(self._waiting)))
            if not following.stop.is_set():
                self._begin(following)
                return
        self._idle.set()

    def _call(self, ticket: _Ticket, loop: asyncio.AbstractEventLoop) -> Any:
        """On the worker thread."""

        def report(step: str, fraction: float) -> None:
            if ticket.stop.is_set():
                raise Cancelled("The job was cancelled.")
            now = time.monotonic()
            if step == ticket.posted_step and fraction < 1.0 and now - ticket.posted_at < REPORT_INTERVAL:
                return
            ticket.posted_step, ticket.posted_at = step, now
            loop.call_soon_threadsafe(self._deliver, ticket, step, fraction)

        try:
            return ticket.job(report)
        except BaseException as error:
            _forget_locals(error)
            raise

    def _deliver(self, ticket: _Ticket, step: str, fraction: float) -> None:
        if self._running is ticket and not ticket.stop.is_set():
            ticket.on_progress(step, fraction)


def _forget_locals(error: BaseException | None) -> None:
    """Free what the frames of an error hold: an error is shown for minutes, and tensors of gigabytes with it."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__
