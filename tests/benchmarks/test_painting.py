"""From a change of the user's to the painted frame: hide, isolate, recolor and threshold at 0.5 and 2 million points.

xvfb-run -a -s "-screen 0 1600x1000x24" python -m pytest tests/benchmarks/test_painting.py -m benchmark -rP
"""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.app.standins import StandInSteps
from tests.gui.conftest import REASON, _has_display
from tests.gui.conftest import loop as loop
from tests.gui.conftest import play as play
from tests.gui.hands import painted
from tests.scenes import synthetic_reconstruction

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.slow,
    pytest.mark.skipif(not _has_display(), reason=REASON),
]
SIZES = {"0.5 M": 3, "2.1 M": 11}  # views of 378 x 504
REPEATS = 2


def changes(session):
    """Changes by name; each has a way there and a way back, so that every call changes something."""
    query = session.shown()[0].query
    scores = sorted(item.objectness for item in session.shown())
    edits, display = session.edits, session.display
    median = scores[len(scores) // 2]
    return {
        "hide": (
            lambda: session.edit("x", replace(edits, hidden=frozenset({query}))),
            lambda: session.edit("x", edits),
        ),
        "isolate": (
            lambda: session.show(replace(display, isolated=frozenset({query}))),
            lambda: session.show(display),
        ),
        "recolor": (
            lambda: session.edit("x", replace(edits, colors={query: (255, 0, 255)})),
            lambda: session.edit("x", edits),
        ),
        "threshold": (
            lambda: session.edit("x", replace(edits, objectness_threshold=float(median))),
            lambda: session.edit("x", edits),
        ),
    }


async def latency(program, change):
    """Seconds from the call to the end of the frame that shows it, of the call alone, and of the frame alone."""
    began = time.perf_counter()
    change()
    asked = time.perf_counter()
    assert program.viewport.view._stale, "a change that asks for no frame would be measured as instant"
    await painted(program)
    return time.perf_counter() - began, asked - began, program.viewport.view.frame_seconds


def measured(play, views):
    steps = StandInSteps(synthetic_reconstruction(views=views, height=378, width=504, queries=80))
    figures = {}

    async def story(program):
        await program.workflow.open_folder(Path("/photos/kitchen"))
        await painted(program)
        await asyncio.sleep(0.5)  # thumbnails and layouts come to rest
        for name, ways in changes(program.session).items():
            runs = [await latency(program, ways[turn % 2]) for turn in range(2 * REPEATS)]
            figures[name] = np.median(runs, axis=0)

        figures["drawn"] = program.viewport.drawn_points[0]

    play(story, steps=steps)
    return figures


def test_a_change_costs_no_more_than_in_proportion_to_the_points(play, figure):
    sizes = {name: measured(play, views) for name, views in SIZES.items()}
    for size, figures in sizes.items():
        figure(f"points drawn of {size}", figures.pop("drawn"), "points")
        for change, (whole, handling, frame) in figures.items():
            figure(f"{change} to painted frame, {size} points", 1000 * whole, "ms")
            figure("  of which panels, colors and curation", 1000 * handling, "ms")
            figure("  of which the frame of the viewport", 1000 * frame, "ms")
    small, large = sizes.values()
    for change in small:
        growth = large[change][0] / small[change][0]
        figure(f"{change}, 2.1 M over 0.5 M points", growth, "times")
        assert growth < 1.5 * SIZES["2.1 M"] / SIZES["0.5 M"], f"{change}: worse than linear"
