"""The window under load: its longest pause during a run, and what stays behind after twenty windows.

xvfb-run -a -s "-screen 0 1600x1000x24" python -m pytest tests/benchmarks/test_window.py -m benchmark -rP
"""

import asyncio
import ctypes
import gc
import sys
import threading
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QTimer

from fast3dis_core.reconstruction import PointCloud
from tests.app.standins import StandInSteps
from tests.gui.conftest import REASON, _has_display
from tests.gui.conftest import loop as loop
from tests.gui.conftest import play as play
from tests.gui.hands import has_masks, painted, until
from tests.scenes import synthetic_reconstruction

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.slow,
    pytest.mark.skipif(not _has_display(), reason=REASON),
]
ROUNDS = 3


def resident():
    """Bytes of this process in memory."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("/proc tells no VmRSS")


def give_back():
    """What is freed goes back to the system, so that only what is held counts."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def with_a_cloud_of_its_own(scene):
    """The same scene in other arrays, so that nothing of the last one can be reused."""
    cloud = scene.cloud
    parts = {name: getattr(cloud, name).copy() for name in ("points", "colors", "confidence", "valid")}
    return replace(scene, cloud=PointCloud(**parts))


def test_the_longest_pause_while_a_run_is_shown(play, figure):
    """Two million points come as geometry, then as masks, then assembled again: a frame is the longest pause."""
    scene = synthetic_reconstruction(views=11, height=378, width=504, queries=80)
    steps, frames, rounds = StandInSteps(scene), [], []

    async def one_round(program):
        beats, frames[:] = [time.monotonic()], []
        steps.reconstruction = with_a_cloud_of_its_own(scene)
        timer = QTimer(program.window, interval=10)
        timer.timeout.connect(lambda: beats.append(time.monotonic()))
        timer.start()
        steps.feature_gate.clear()
        running = program.workflow.start(program.workflow.open_folder(Path("/photos/bath")))
        await until(lambda: program.session.origin.masks == "coming", "the geometry")
        await painted(program)
        await asyncio.sleep(0.3)
        steps.feature_gate.set()
        await running
        await painted(program)
        program.session.edit("x", replace(program.session.edits, mask_threshold=0.7))
        await until(lambda: program.session.activity.idle, "the masks again")
        await painted(program)
        timer.stop()
        beats.append(time.monotonic())
        program.session.undo()  # over an edit that nobody saved, the next run would ask first
        await until(lambda: program.session.activity.idle, "the masks of before")
        gaps = [
            (end - begin, end - begin - sum(frame for at, frame in frames if begin < at <= end))
            for begin, end in pairwise(beats)
        ]
        rounds.append((max(gap for gap, _ in gaps), max(idle for _, idle in gaps), max(frame for _, frame in frames)))

    async def story(program):
        await program.workflow.open_folder(Path("/photos/kitchen"))
        await painted(program)
        view = program.viewport.view
        program.viewport.painted.connect(lambda: frames.append((time.monotonic(), view.frame_seconds)))
        for _ in range(ROUNDS):
            await one_round(program)

    play(story, steps=steps)
    longest, undrawn, frame = (min(figures) for figures in zip(*rounds, strict=True))  # the least disturbed
    figure("longest pause of the window, 2.1 M points shown, masked and assembled again", 1000 * longest, "ms")
    figure("longest without its frames", 1000 * undrawn, "ms")
    figure("a frame of the viewport", 1000 * frame, "ms")
    figure("longest pause over frame", longest / frame, "times")
    # handing arrays to the graphics, thumbnails, table; and a stage whose height changes is drawn several times
    assert undrawn < 1.5 * frame + 0.02
    assert longest < 5 * frame + 0.02


def test_twenty_windows_leave_nothing_behind(play, figure):
    """Program after program in one process, each with a run in two views: threads, plotters and memory afterwards."""
    from pyvista.plotting.plotter import _ALL_PLOTTERS

    scene = synthetic_reconstruction(views=6, height=168, width=224, queries=20)

    async def story(program):
        await program.workflow.open_folder(Path("/photos/kitchen"))
        assert has_masks(program)
        program.comparison.arrange("compare")
        program.comparison.presenter.choose("snapshot")
        program.comparison.presenter.compare()
        await until(lambda: program.session.comparison is not None, "the other side")
        await painted(program)
        program.session.edit("x", replace(program.session.edits, mask_threshold=0.7))
        await until(lambda: program.session.activity.idle, "the masks again")

    def window():
        play(story, steps=StandInSteps(with_a_cloud_of_its_own(scene)))
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        give_back()

    for _ in range(5):  # pools, shader caches and fonts fill up first
        window()
    threads, before = threading.active_count(), resident()
    sizes = []
    for _ in range(20):
        window()
        sizes.append(resident())
    size = scene.cloud.points.nbytes + scene.cloud.colors.nbytes + scene.cloud.confidence.nbytes
    growth = (np.median(sizes[-5:]) - np.median(sizes[:5])) / 15
    figure("memory of the process after 5 windows", before / 1e6, "MB")
    figure("memory of the process after 25 windows", sizes[-1] / 1e6, "MB")
    figure("growth per window with a run", growth / 1e6, "MB")
    figure("which is of one cloud", growth / size, "times")
    assert threading.active_count() == threads
    assert all(plotter._closed for plotter in _ALL_PLOTTERS.values())
    assert growth < 0.5 * size
