"""Opening the window, looking around and running a sample call nobody: the real program, under watch."""

import json
import subprocess
import sys

import pytest

from tests.network_guard import ROOT, surroundings


@pytest.mark.slow
def test_the_program_calls_nobody(tmp_path):
    notes, picture = tmp_path / "notes.json", tmp_path / "window.png"
    sample = ROOT / "resources" / "samples" / "study"
    options = ["--screenshot", str(picture), "--exit", "--window-size", "1280x720"]
    command = [sys.executable, "-m", "tests.network_guard", str(notes), "viewer", str(sample), *options]
    done = subprocess.run(
        command, cwd=ROOT, env=surroundings(tmp_path / "home"), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert picture.is_file()
    assert json.loads(notes.read_text()) == {"calls": [], "modules": []}
