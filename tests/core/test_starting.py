"""Ctrl-C while a program still imports what it needs, and in the middle of an import that swallows it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fast3dis_core.cli.exits import Interrupts

ROOT = Path(__file__).parent.parent.parent
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


@POSIX
@pytest.mark.parametrize(
    ("words", "module"),
    [
        (("-m", "fast3dis_core", "--help"), "typing"),
        (("-m", "fast3dis_core", "--help"), "typer.core"),
        (("main.py",), "argparse"),
        (("main.py",), "shiboken6.Shiboken"),
    ],
)
def test_ctrl_c_during_the_imports_ends_the_program_without_a_word(words, module):
    """Each module says when it has been imported: the signal comes in the middle of the next one."""
    program = subprocess.Popen(
        [sys.executable, "-X", "importtime", *words],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "QT_API": "pyside6"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    begun = False
    for line in program.stderr:
        name = line.rpartition("|")[2].strip()
        begun = begun or name == "fast3dis_core.starting"
        if begun and name == module:
            break
    program.send_signal(signal.SIGINT)
    out, err = program.communicate(timeout=60)
    said = [line for line in err.splitlines() if not line.startswith("import time:")]
    assert (program.returncode, out, said) == (130, "", [])


@POSIX
def test_an_interruption_that_a_library_swallows_comes_again():
    def busy():
        while len(swallowed) < 2:
            try:
                time.sleep(10.0)
            except KeyboardInterrupt as error:
                swallowed.append(error)
        time.sleep(10.0)

    swallowed = []
    with Interrupts():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            busy()
    assert len(swallowed) == 2
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
