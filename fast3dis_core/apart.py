"""A function in a process of its own, so that it can be ended at any moment and holds nobody up.

Clustering libraries keep Python's lock for as long as they compute, a minute at times: on a thread of the same process
they would freeze a window, and nothing could stop them. What goes over and comes back is copied, by pickle, between two
processes of one program. `multiprocessing` is not used: it would run the main script of the program a second time.
"""

import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, TypeVar

from fast3dis_core.progress import Report, silent

Value = TypeVar("Value")
LOOK = 0.05  # seconds between two looks at whether the work is still wanted
INTERVAL = 0.03  # seconds between two reports of one step
STARTING = "Starting a process"  # step reported
_CODE = "from fast3dis_core.apart import serve; serve()"


def run_apart(function: Callable[..., Value], *arguments: Any, report: Report = silent) -> Value:
    """Result of `function(*arguments, report=...)`, computed in a fresh process.

    Parameters
    ----------
    function : callable
        Of a module, so that the other process finds it by name.
    arguments
        Values that can be copied: arrays, frozen settings.
    report : Report
        Told here what the function reports there, and asked every `LOOK` seconds besides: if it raises, the process is
        ended at once.

    Returns
    -------
    Whatever the function returned.

    Raises
    ------
    Exception
        Whatever the function raised.
    RuntimeError
        If the process ended without an answer, as when the system ran out of memory.
    Cancelled
        If `report` says so.
    """
    report(STARTING, 0.0)
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(
            [sys.executable, "-c", _CODE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=words,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        answers: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        assert process.stdin is not None, "a pipe was asked for"
        assert process.stdout is not None, "a pipe was asked for"
        talk = (
            threading.Thread(target=_send, args=(process.stdin, (function, arguments)), name="apart-send", daemon=True),
            threading.Thread(target=_receive, args=(process.stdout, answers), name="apart-receive", daemon=True),
        )
        try:
            for thread in talk:
                thread.start()
            kind, value = _follow(answers, report)
        finally:
            process.kill()  # it has answered, or is not wanted any more
            process.wait()
            for thread in talk:
                thread.join()
            process.stdout.close()
        if kind == "error":
            raise value
        if kind == "end":
            words.seek(0)
            last = words.read().decode(errors="replace").strip().splitlines()[-1:]
            raise RuntimeError(
                f"The process that computed this ended early{': ' + last[0] if last else ''}. There may not have been "
                "enough memory: try fewer points."
            )
        return value


def serve() -> None:
    """What the other process does: read the work from standard input, answer on standard output."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anybody prints is none of ours
    step, told = "", 0.0

    def answer(kind: str, value: Any) -> None:
        pickle.dump((kind, value), answers, pickle.HIGHEST_PROTOCOL)
        answers.flush()

    def report(name: str, fraction: float) -> None:
        nonlocal step, told
        if name != step or time.monotonic() - told > INTERVAL:
            step, told = name, time.monotonic()
            answer("report", (name, fraction))

    with suppress(BrokenPipeError):  # nobody waits for it any more
        try:
            function, arguments = pickle.load(sys.stdin.buffer)
            value = function(*arguments, report=report)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
            answer("error", _portable(error))
        else:
            answer("value", value)


def _follow(answers: "queue.SimpleQueue[tuple[str, Any]]", report: Report) -> tuple[str, Any]:
    """The last answer; reports are passed on."""
    last = STARTING, 0.0
    while True:
        try:
            kind, value = answers.get(timeout=LOOK)
        except queue.Empty:
            kind, value = "report", last
        if kind != "report":
            return kind, value
        last = value
        report(*last)


def _send(pipe: IO[bytes], work: tuple[Callable[..., Any], tuple[Any, ...]]) -> None:
    with suppress(BrokenPipeError), pipe:  # the process may be ended before it has read everything
        pickle.dump(work, pipe, pickle.HIGHEST_PROTOCOL)


def _receive(pipe: IO[bytes], answers: "queue.SimpleQueue[tuple[str, Any]]") -> None:
    try:
        while True:
            answers.put(pickle.load(pipe))
    except (EOFError, pickle.UnpicklingError, OSError, ValueError):  # ended, perhaps within an answer
        answers.put(("end", None))


def _portable(error: Exception) -> Exception:
    """The error itself if it survives being copied, else its words."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - an error may refuse in any way
        return RuntimeError("".join(traceback.format_exception(error)))
    return error
