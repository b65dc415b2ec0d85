"""The one thread that computes: model and tensors are touched here and nowhere else.

One job runs and, in each line, one waits; a newer job takes the place of the one waiting in its line, whose
caller gets `Cancelled`. Computing is one line; writing a file is another, so that no slider can push it out.
Jobs receive `report(step, fraction)`, which hands progress to the event loop and raises `Cancelled` once
the job was asked to stop. Cancelling the future of a running thread would only hide it, so a flag it is.
What the jobs compute, and in which order answers count, is the business of `app.workflow`.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from fast3dis_core.errors import Cancelled

if TYPE_CHECKING:
    from fast3dis_core.progress import Report

Result = TypeVar("Result")

REPORT_INTERVAL = 0.03  # seconds; more often than a screen refreshes is work for nobody


class _Ticket:
    """One call of `run`: its line, its turn, its stop flag, and what was last posted for it."""

    def __init__(self, line: str, turn: "asyncio.Future[None]", on_progress: "Report") -> None:
        self.line = line
        self.stop = threading.Event()
        self.turn = turn
        self.on_progress = on_progress
        self.posted_step = ""
        self.posted_at = 0.0


def _ignore(step: str, fraction: float) -> None:
    """Progress of a job nobody watches."""


class Worker:
    """Runs jobs one at a time on its own thread. All methods belong to the event loop's thread."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inference")
        self._running: _Ticket | None = None
        self._waiting: dict[str, _Ticket] = {}  # by line, oldest first
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def busy(self) -> bool:
        """Whether a job runs or waits."""
        return self._running is not None

    async def run(
        self, job: "Callable[[Report], Result]", *, line: str = "", on_progress: "Report" = _ignore
    ) -> Result:
        """Result of `job(report)`, computed on the worker thread.

        Parameters
        ----------
        job : callable
            Called on the worker thread.
        line : str
            In which one job may wait.
        on_progress : callable
            Called on the event loop's thread with step and fraction.

        Raises
        ------
        Cancelled
            When a newer job took the place of this one, when it was cancelled, or after `close`.
        Exception
            Whatever the job raised.
        """
        if self._closed:
            raise Cancelled("The program is closing.")
        loop = asyncio.get_running_loop()
        ticket = _Ticket(line, loop.create_future(), on_progress)
        if self._running is None:
            self._running = ticket
            self._idle.clear()
        else:
            self._drop_waiting(line)
            self._waiting[line] = ticket
            await self._turn_of(ticket)
        future = asyncio.wrap_future(self._pool.submit(self._call, job, ticket, loop))
        future.add_done_callback(lambda done: self._finish(ticket, done))
        try:
            return await asyncio.shield(future)  # a cancelled caller must not hide a thread that still runs
        except asyncio.CancelledError:
            ticket.stop.set()
            raise

    def cancel(self, line: str | None = None) -> None:
        """Ask the running job to stop at its next report and forget waiting ones; of one line, or of all."""
        for waiting in [line] if line is not None else list(self._waiting):
            self._drop_waiting(waiting)
        if self._running is not None and line in (None, self._running.line):
            self._running.stop.set()

    async def close(self) -> None:
        """Cancel, wait until the thread is free, and end it. No job is accepted afterwards."""
        self._closed = True
        self.cancel()
        await self._idle.wait()
        self._pool.shutdown(wait=True)

    async def _turn_of(self, ticket: _Ticket) -> None:
        try:
            await ticket.turn
        except asyncio.CancelledError:
            if self._waiting.get(ticket.line) is ticket:
                del self._waiting[ticket.line]
            elif self._running is ticket:
                self._next(ticket)
            raise

    def _finish(self, ticket: _Ticket, done: "asyncio.Future[Any]") -> None:
        if not done.cancelled():
            done.exception()  # seen: a caller that is gone cannot retrieve it
        self._next(ticket)

    def _drop_waiting(self, line: str) -> None:
        dropped = self._waiting.pop(line, None)
        if dropped is not None and not dropped.turn.done():
            dropped.turn.set_exception(Cancelled("A newer job took its place."))

    def _next(self, finished: _Ticket) -> None:
        """Hand over in the same turn of the loop, so that no third job slips in between."""
        assert self._running is finished
        if self._waiting:
            self._running = self._waiting.pop(next(iter(self._waiting)))
            self._running.turn.set_result(None)
        else:
            self._running = None
            self._idle.set()

    def _call(self, job: "Callable[[Report], Result]", ticket: _Ticket, loop: asyncio.AbstractEventLoop) -> Result:
        """On the worker thread."""

        def report(step: str, fraction: float) -> None:
            if ticket.stop.is_set():
                raise Cancelled("The job was asked to stop.")
            now = time.monotonic()
            if step == ticket.posted_step and fraction < 1.0 and now - ticket.posted_at < REPORT_INTERVAL:
                return
            ticket.posted_step, ticket.posted_at = step, now
            loop.call_soon_threadsafe(self._deliver, ticket, step, fraction)

        if ticket.stop.is_set():
            raise Cancelled("The job was asked to stop.")
        return job(report)

    def _deliver(self, ticket: _Ticket, step: str, fraction: float) -> None:
        if self._running is ticket and not ticket.stop.is_set():
            ticket.on_progress(step, fraction)
