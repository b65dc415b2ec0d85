"""Jobs on the worker as the user sees them: their progress in the session, to be cancelled, their errors shown.

What the jobs compute and which answers count is left to `app.workflow`.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from app.session.activity import IDLE, WAITING, Activity, advance
from app.session.session import Session
from app.worker import Worker
from fast3dis_core.errors import Cancelled

if TYPE_CHECKING:
    from fast3dis_core.progress import Report

Result = TypeVar("Result")
SHORT = 0.5  # seconds; progress of a quiet job within them is read by nobody
COMPUTING = "compute"  # the worker's line for everything that changes the result


class Begun(Generic[Result]):
    """A job that is on its way."""

    def __init__(self, wait: Callable[[], Coroutine[Any, Any, Result]]) -> None:
        self._wait = wait

    def __await__(self) -> "Generator[Any, Any, Result]":
        return self._wait().__await__()


class Jobs:
    """Belongs to the event loop's thread.

    Parameters
    ----------
    session : Session
        Told of progress and errors.
    worker : Worker

    Notes
    -----
    There is a second worker, for jobs that only wait for another process: beside them, edits go on.
    """

    def __init__(self, session: Session, worker: Worker) -> None:
        self._session, self._worker, self._waiting = session, worker, Worker("waiting")
        self._watched: object = None  # the job whose progress is shown: the newest that is not quiet
        self._lines: dict[object, tuple[Worker, str]] = {}  # by job
        self._stopped: set[object] = set()  # jobs that are to end without an answer
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> bool:
        """Whether any coroutine has not come to its end."""
        return bool(self._tasks)

    def start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run a coroutine beside the event loop; its error goes to the session."""
        task = asyncio.get_running_loop().create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # one that was cancelled before it began would be complained of
        return task

    async def run(self, title: str, job: "Callable[[Report], Result]", **options: Any) -> Result:
        """Result of a job; see `begin`."""
        return await self.begin(title, job, **options)

    def begin(
        self,
        title: str,
        job: "Callable[[Report], Result]",
        *,
        line: str = COMPUTING,
        quiet: bool = False,
        told: bool = True,
        started: Activity = IDLE,
        finished: list[tuple[str, float]] | None = None,
        on_progress: "Report | None" = None,
        waits: bool = False,
    ) -> "Begun[Result]":
        """Start a job at once, with the session's activity following it while nothing newer was asked for.

        Parameters
        ----------
        title : str
            "Segmenting kitchen".
        job : callable
            For the worker.
        line : str
            Of the worker.
        quiet : bool
            A short job that should not take over the window, nor the place of one that the user follows.
        told : bool
            Whether the session hears of it at all; what comes many times a second would only flicker.
        started : Activity
            With what is known of the steps to come.
        finished : list, optional
            Gets the steps with their seconds if the job comes to its end.
        on_progress : callable, optional
            Told of every step and its fraction, whether the session follows this job or not.
        waits : bool
            For another process: neither model nor tensors are touched, and other jobs need not wait with it.

        Returns
        -------
        Begun
            Gives the result when it is awaited; that has to be done.
        """
        began, token = time.monotonic(), object()
        worker = self._waiting if waits else self._worker
        if told and (not quiet or self._session.activity.idle or self._session.activity.quiet):
            self._watched = token
        started = replace(started, job=title, step=WAITING, job_started=began, step_started=began, quiet=quiet)

        def follow(step: str, fraction: float) -> None:
            if on_progress is not None:
                on_progress(step, fraction)
            if self._watched is token and (not quiet or time.monotonic() - began > SHORT):
                self._session.report(advance(self._session.activity, step, fraction, time.monotonic()))

        self._lines[token] = worker, line
        answer = worker.begin(job, line=line, on_progress=follow)  # first of all: others of the same turn take time
        if self._watched is token:
            self._session.report(started)
        return Begun(lambda: self._result(token, answer, finished))

    async def _result(
        self, token: object, answer: "asyncio.Future[Result]", finished: list[tuple[str, float]] | None
    ) -> Result:
        try:
            result = await answer
            if token in self._stopped:  # asked for after the last report, before this thread got the answer
                raise Cancelled("The job was cancelled.")
            if finished is not None and self._watched is token:
                finished += advance(self._session.activity, WAITING, 1.0, time.monotonic()).finished
            return result
        finally:
            del self._lines[token]
            self._stopped.discard(token)
            if self._watched is token:
                self._session.report(IDLE)

    def cancel(self, only: str | None = None) -> None:
        """Stop what runs, be it computing or writing a file; or what runs in one line."""
        for token, (worker, line) in list(self._lines.items()):
            if only in (None, line):
                self._stopped.add(token)
                worker.cancel(line)

    async def close(self) -> None:
        """Stop everything and wait for it."""
        await self._worker.close()
        await self._waiting.close()
        waiting = {task for task in self._tasks if task is not asyncio.current_task()}
        for task in waiting:  # such as one that asks the user for a file name
            task.cancel()
        if waiting:
            await asyncio.wait(waiting)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - the last stop: everything is shown to the user
            self._session.fail(error)
