"""Unloading gives the memory of a real model back, and a failed load holds none; measured in a process of its own."""

import subprocess
import sys

import pytest

STORY = """
import asyncio, gc
from pathlib import Path

gc.disable()  # what is freed is freed by its last reference, on whichever thread

from app.core_steps import CoreSteps
from app.run_job import ModelShelf
from app.session.plan import RunSettings
from fast3dis_core.errors import CheckpointError


def resident():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024


silent = lambda step, fraction: None
shelf = ModelShelf(CoreSteps())
shelf.fetch(RunSettings(size="nano"), silent)
shelf.drop()
before = resident()  # libraries are loaded, pools are warm
shelf.fetch(RunSettings(size="small", weights=Path("random")), silent)
held, size = resident() - before, shelf.facts.bytes
shelf.drop()
left = resident() - before
try:
    shelf.fetch(RunSettings(size="small", weights=Path("/nowhere.safetensors")), silent)
except CheckpointError:
    assert shelf.facts is None
print(size, held, left)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_unloading_gives_the_memory_back():
    told = subprocess.run([sys.executable, "-c", STORY], capture_output=True, text=True, check=True)
    size, held, left = (int(number) for number in told.stdout.split())
    assert size > 100e6
    assert held > 0.8 * size
    assert left < 0.25 * size, f"{left / 1e6:.0f} of {size / 1e6:.0f} MB are still held"
