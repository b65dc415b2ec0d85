"""Real programs in processes of their own that are killed in the middle, and what the next one finds."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from app.autosave_files import STATE
from app.composition.recovery import FileLock

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 180  # seconds for a program to come to where it is expected


def wait_for(condition, what, program):
    for _ in range(PATIENCE * 20):
        answer = condition()
        if answer:
            return answer
        assert program.poll() is None, f"the program ended while waiting for {what}"
        time.sleep(0.05)
    raise AssertionError(f"waited in vain for {what}")


@pytest.fixture
def started(tmp_path):
    """Start the program with a story; what was started is killed at the end, and nothing else."""
    programs = []
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    for variable in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        environment[variable] = str(tmp_path / variable.lower())

    def start(story, *arguments):
        out = tmp_path / f"{story}-{len(programs)}.json"
        command = [sys.executable, "-m", "tests.gui.crash_program", story, str(out), *map(str, arguments)]
        program = subprocess.Popen(command, cwd=ROOT, env=environment)
        programs.append(program)

        def told():
            wait_for(out.exists, f"the end of {story}", program)
            values = json.loads(out.read_text())
            assert "error" not in values, values["error"]
            assert values["errors"] == []
            return values

        return program, told

    yield start
    for program in programs:
        if program.poll() is None:
            program.kill()
        program.wait()


def kept(tmp_path):
    """States of all programs on disk."""
    found = []
    for path in tmp_path.glob(f"xdg_data_home/*/autosave/*/{STATE}"):
        with contextlib.suppress(FileNotFoundError, ValueError):
            found.append(json.loads(path.read_text()))
    return found


def test_a_killed_program_loses_nothing(started, photos, tmp_path):
    program, told = started("work", photos)
    before = told()
    assert before["edits"]["hidden"]
    assert before["edits"]["names"]

    (state,) = kept(tmp_path)
    assert state["edits"] == before["edits"]
    assert state["result"] != state["features"], "the result of the last edit, beside the features of the first"
    program.kill()
    program.wait()

    again, told = started("recover")
    after = told()
    assert after["bits"] == before["bits"]
    assert after["edits"] == before["edits"]
    assert after["origin"] == before["origin"]
    assert after["selection"] == before["selection"]
    assert after["log"] is before["log"] is True
    assert after["modified"]
    assert again.wait(PATIENCE) == 0
    assert list(tmp_path.glob("xdg_data_home/*/autosave/*")) == [], "a clean end leaves nothing"


def test_a_lock_lives_as_long_as_its_program(tmp_path):
    path = tmp_path / "lock"
    code = (
        "import sys, time; from pathlib import Path; from app.composition.recovery import FileLock\n"
        "lock = FileLock(Path(sys.argv[1])); print(lock.take(), flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)], cwd=ROOT, stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout.readline() == b"True\n"
            os.utime(path, (0, 0))  # programs run for days
            assert not FileLock(path).take()
        finally:
            other.kill()
        other.wait()
    lock = FileLock(path)
    assert lock.take()
    assert not FileLock(path).take(), "nor does another window of this program"
    lock.free()
    assert FileLock(path).take()
