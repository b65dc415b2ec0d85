"""A virtual display for each process that runs tests: two windows on one display take the keys from each other."""

import os
import subprocess

import pytest

# tells its number, and ends when its input does: when the process of the tests ends, however it does
SCREEN = "-screen 0 1600x1000x24 -nolisten tcp"
SERVER = f"exec 3<&0; (Xvfb -displayfd 1 {SCREEN} & exec >&2; cat <&3; kill $!) 2>/dev/null &"


def add_option(parser):
    parser.addoption(
        "--own-display",
        action="store_true",
        help="start a virtual display (Xvfb) for every process that runs tests, with xdist one for each worker",
    )


def start(config):
    """Start a display if the option asks for one and this process runs tests, and make it the one that Qt finds."""
    runs_tests = hasattr(config, "workerinput") or config.getoption("dist", "no") == "no"
    if not (config.getoption("--own-display") and runs_tests):
        return
    (answer, told), (life, _never_closed) = os.pipe(), os.pipe()
    subprocess.run(["sh", "-c", SERVER], stdin=life, stdout=told, check=True)
    os.close(told)
    os.close(life)
    with open(answer) as file:
        number = file.readline().strip()
    if not number:
        raise pytest.UsageError("--own-display: Xvfb did not start. Install it, or leave the option out.")
    os.environ.update(DISPLAY=f":{number}", QT_QPA_PLATFORM="xcb")
