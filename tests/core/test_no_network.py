"""Nothing is fetched unless asked for: commands of their own, of a user who never downloaded anything, under watch."""

import json
import subprocess
import sys

import pytest

from tests.network_guard import ROOT, surroundings

SAMPLE = ROOT / "resources" / "samples" / "study"
QUICK = ("--resolution", "56", "--max-views", "2", "--exports", "report", "--device", "cpu")


@pytest.fixture
def watched(tmp_path):
    """Exit code of a command, and what it called."""

    def run(*arguments):
        notes = tmp_path / "notes.json"
        command = [sys.executable, "-m", "tests.network_guard", str(notes), *map(str, arguments)]
        done = subprocess.run(
            command, cwd=ROOT, env=surroundings(tmp_path / "home"), capture_output=True, text=True, check=False
        )
        return done.returncode, json.loads(notes.read_text()), done.stderr

    return run


def test_the_guard_sees_a_call(watched):
    _, noted, _ = watched("nothing")
    assert noted["calls"][0].startswith("socket.connect ")


@pytest.mark.slow
def test_segmenting_calls_nobody(watched, tmp_path):
    code, noted, said = watched("fast3dis", "segment", SAMPLE, "--out", tmp_path / "out", *QUICK)
    assert code == 0, said
    assert noted == {"calls": [], "modules": []}


@pytest.mark.slow
def test_weights_that_are_missing_are_named_and_not_fetched(watched, tmp_path):
    code, noted, said = watched("fast3dis", "segment", SAMPLE, "--out", tmp_path / "out", "--size", "small", *QUICK)
    assert code == 4
    assert "fast3dis weights download small" in said
    assert noted == {"calls": [], "modules": []}
    for words in (("weights", "list"), ("weights", "path", "base"), ("weights", "verify", "base")):
        _, noted, _ = watched("fast3dis", *words)
        assert noted == {"calls": [], "modules": []}, words
