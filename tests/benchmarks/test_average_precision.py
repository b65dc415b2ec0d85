"""Cost of scoring: 300 scans of 150,000 vertices and 80 masks, and that it grows with nothing but their number.

python -m pytest tests/benchmarks/test_average_precision.py -m benchmark
"""

import resource
import sys
import time

import numpy as np
import pytest

from fast3dis_core.evaluation.average_precision import average_precision

pytestmark = [pytest.mark.benchmark, pytest.mark.slow]

VERTICES, MASKS, SCENES = 150_000, 80, 300
PART = 20  # scenes that are measured at a time; each is made anew, as from a file


def scenes(count, vertices=VERTICES, masks=MASKS):
    """Scans of 40 objects, masks that follow them with shifted borders, a sixth of the surface void."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        owner = np.arange(vertices) * 48 // vertices  # 48 stretches, 40 of them objects
        ids = np.where(owner < 40, 1001 + owner, 0).astype(np.int32)
        starts = np.sort(rng.integers(0, vertices - vertices // 30, masks))
        lengths = rng.integers(vertices // 100, vertices // 30, masks)
        claims = np.zeros((masks, vertices), bool)
        for row, start, length in zip(claims, starts, lengths, strict=True):
            row[start : start + length] = True
        yield {"gt_ids": ids, "masks": claims, "scores": rng.random(masks)}


def scoring_seconds(count, **size):
    """Processor time of scoring alone: making the scenes is taken off."""
    start = time.process_time()
    for _ in scenes(count, **size):
        pass
    making = time.process_time() - start
    start = time.process_time()
    average_precision(scenes(count, **size))
    return time.process_time() - start - making


def test_cost_is_linear_in_scenes_masks_and_vertices(figure):
    scoring_seconds(2)
    base = min(scoring_seconds(PART) for _ in range(3)) / PART
    figure(f"scoring {SCENES} scans of {VERTICES:,} vertices and {MASKS} masks", SCENES * base, "s of one core")
    half = {"masks": MASKS // 2}, {"vertices": VERTICES // 2}
    fewer, smaller = (min(scoring_seconds(PART, **size) for _ in range(3)) / PART for size in half)
    figure("all masks over half of them", base / fewer, "times")
    figure("all vertices over half of them", base / smaller, "times")
    assert base / fewer < 3
    assert base / smaller < 3


@pytest.mark.skipif(sys.platform == "win32", reason="the peak of a process is not told there")
def test_memory_is_that_of_one_scene(figure):
    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    average_precision(scenes(2))
    before = peak()
    average_precision(scenes(PART))
    grown = peak() - before
    one = MASKS * VERTICES
    figure(f"memory added by {PART - 2} more scenes", grown / 1e6, "MB")
    assert grown < one  # bytes of the masks of one scene
