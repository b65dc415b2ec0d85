"""Work in a process of its own: answers, errors, reports, and an end at any moment."""

import os
import signal
import threading
import time

import numpy as np
import pytest

from fast3dis_core.apart import run_apart
from fast3dis_core.errors import Cancelled, ConfigError


def double(values, report):
    report("Doubling", 0.5)
    print("words that are no answer")  # noqa: T201 - a library may do so
    return 2 * values, os.getpid()


def refuse(report):
    raise ConfigError("expected more, found less")


def hang(report):
    report("Hanging", 0.25)
    time.sleep(600)


def die(report):
    os.kill(os.getpid(), signal.SIGKILL)


def unpicklable(report):
    class Odd(Exception):
        pass

    raise Odd("of no module")


def test_arrays_go_over_and_come_back_from_another_process():
    told = []
    values = np.arange(300_000.0)
    answer, process = run_apart(double, values, report=lambda step, fraction: told.append((step, fraction)))
    np.testing.assert_array_equal(answer, 2 * values)
    assert process != os.getpid()
    assert ("Doubling", 0.5) in told


def test_errors_come_back_as_they_are_or_in_words():
    with pytest.raises(ConfigError, match="expected more, found less"):
        run_apart(refuse)
    with pytest.raises(RuntimeError, match="of no module"):
        run_apart(unpicklable)


def test_an_end_without_an_answer_is_told():
    with pytest.raises(RuntimeError, match="ended early"):
        run_apart(die)


def test_it_ends_while_the_function_never_looks_at_report():
    def report(step, fraction):
        if step == "Hanging" and time.monotonic() > began[0] + 0.2:
            raise Cancelled("enough")
        if step != "Hanging":
            began[0] = time.monotonic()

    began, threads = [time.monotonic()], threading.active_count()
    with pytest.raises(Cancelled):
        run_apart(hang, report=report)
    assert time.monotonic() - began[0] < 60, "not the ten minutes of the function"
    assert threading.active_count() == threads
