"""What the progress of a command says on a console that is no terminal."""

import re

import pytest

from fast3dis_core.cli import progress
from fast3dis_core.cli.exits import Interrupts


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves when told to."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize("first", [0.0, 0.5])
def test_time_left_is_told_from_what_this_start_has_done(first, clock, capfd):
    with progress.StepDisplay(Interrupts()) as display:
        display("Training", first)
        clock[0] += 10
        display("Training", first + 0.1)
    (left,) = re.findall(r"about (\d+) s left", capfd.readouterr().err)
    assert int(left) == pytest.approx(100 * (1 - first - 0.1), abs=1)
