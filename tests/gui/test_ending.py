"""Ctrl-C in the terminal of a program with an open window."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_a_window_that_waits_for_nothing(tmp_path, number):
    picture = tmp_path / "window.png"
    program = subprocess.Popen(
        [sys.executable, "main.py", "--screenshot", str(picture), "--window-size", "900x600"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        for _ in range(1200):
            if picture.exists() or program.poll() is not None:
                break
            time.sleep(0.1)
        time.sleep(1.0)  # until Qt sleeps
        program.send_signal(number)
        _, err = program.communicate(timeout=20)
    finally:
        program.kill()
    assert (program.returncode, err) == (128 + number, "")
