"""Layers of one photo against plain recomputation, pixel by pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from app.photo_layers import depth_map, map_limits, outlines, pixel_facts, project_anchors
from fast3dis_core.curation import curate
from tests.app.standins import UNFILTERED
from tests.scenes import synthetic_reconstruction

RESULT = synthetic_reconstruction(queries=8)
CURATED = curate(RESULT, UNFILTERED)
HEIGHT, WIDTH = RESULT.images.shape[1:3]


def test_depth_is_that_of_the_points():
    depth = depth_map(RESULT, 1)
    for y, x in [(0, 0), (3, 7), (HEIGHT - 1, WIDTH - 1)]:
        row = HEIGHT * WIDTH + y * WIDTH + x
        if RESULT.cloud.valid[row]:
            assert depth[y, x] == pytest.approx((RESULT.world_to_camera[1] @ np.append(RESULT.cloud.points[row], 1))[2])
        else:
            assert np.isnan(depth[y, x])
    low, high = map_limits(RESULT, "depth")
    assert np.nanmin(depth) <= high
    assert low < high


@given(arrays.arrays(np.int32, (5, 7), elements=st.integers(0, 3)))
@settings(deadline=None, max_examples=60)
def test_outlines_are_every_edge_between_two_owners_and_no_other(owners):
    found = outlines(owners)
    padded = np.pad(owners, 1)
    for owner in range(1, 4):
        edges = set()
        for y in range(1, 6):
            for x in range(1, 8):
                if padded[y, x] == owner:
                    for dy, dx, line in (
                        (-1, 0, (x - 1, y - 1, x, y - 1)),
                        (1, 0, (x - 1, y, x, y)),
                        (0, -1, (x - 1, y - 1, x - 1, y)),
                        (0, 1, (x, y - 1, x, y)),
                    ):
                        if padded[y + dy, x + dx] != owner:
                            edges.add(line)
        pieces = set()
        for x0, y0, x1, y1 in found.get(owner, np.empty((0, 4))):
            assert x0 == x1 or y0 == y1
            for step in range(int(x1 - x0 + y1 - y0)):
                across = x1 > x0
                start = (int(x0 + step * across), int(y0 + step * (not across)))
                pieces.add((*start, start[0] + across, start[1] + (not across)))
        assert pieces == edges


def test_facts_of_a_pixel_name_all_claimants_best_first():
    counted = 0
    for row in range(0, len(RESULT.cloud.points), 53):
        view, rest = divmod(row, HEIGHT * WIDTH)
        y, x = divmod(rest, WIDTH)
        facts = pixel_facts(CURATED, view, x, y)
        expected = [item.query for item in RESULT.instances if row in item.pixels]
        assert [item.query for item in facts.claimants] == expected
        assert facts.kept == bool(RESULT.cloud.valid[row])
        counted += len(expected) > 1
    assert counted, "the scene has double claims"


def test_anchors_are_told_apart_by_how_they_are_seen():
    intrinsics, camera = RESULT.intrinsics[0], np.eye(4, dtype=np.float32)
    depth = np.full((HEIGHT, WIDTH), 3.0, np.float32)
    depth[:, : WIDTH // 2] = np.nan
    right = (0.5 * WIDTH * 0.5) / intrinsics[0, 0] * 3
    anchors = np.array(
        [(right, 0, 2.0), (right, 0, 3.1), (2 * right, 0, 6.0), (-right, 0, 3.0), (50.0, 0, 3.0), (0.0, 0.0, -1.0)],
        np.float32,
    )
    seen = project_anchors(anchors, camera, intrinsics, depth)
    assert seen.sights == ("visible", "visible", "occluded", "unknown", "outside", "behind")
    inside = (seen.positions >= 0).all(1) & (seen.positions <= (WIDTH, HEIGHT)).all(1)
    assert inside.all(), "those outside lie on the frame"
    for position, anchor in zip(seen.positions[:4], anchors[:4], strict=True):
        plain = intrinsics @ anchor
        assert position == pytest.approx(plain[:2] / plain[2], abs=1e-3)
