"""The threshold explorer's counts against curating again at every threshold."""

import csv
import io
from dataclasses import replace

import numpy as np

from fast3dis_core.curation import Curation, curate
from fast3dis_core.evidence import AREA_THRESHOLDS, Claims
from fast3dis_core.thresholds import grid_csv, objectness_counts, threshold_grid
from tests.scenes import synthetic_reconstruction

RESULT = synthetic_reconstruction(queries=9)
LEVELS = np.linspace(0, 1, 21, dtype=np.float32)


def claims(areas):
    points, count = len(RESULT.cloud.points), len(areas)
    return Claims(
        count=np.zeros(points, np.uint8),
        best=np.zeros(points, np.float32),
        margin=np.zeros(points, np.float32),
        winner=np.full(points, -1, np.int16),
        taken=np.zeros((count, count), np.int64),
        areas=areas,
        valid=np.array(RESULT.cloud.valid),
    )


def test_objectness_counts_are_those_of_curating_again():
    pair = tuple(item.query for item in RESULT.instances[:2])
    for wishes in (
        Curation(minimum_points=0),
        Curation(minimum_points=400, confidence_percentile=20.0),
        Curation(minimum_points=0, merged=(pair,), hidden=frozenset(pair)),
    ):
        counts = objectness_counts(curate(RESULT, wishes), LEVELS)
        for level, count in zip(LEVELS, counts, strict=True):
            again = curate(RESULT, replace(wishes, objectness_threshold=float(level)))
            assert count == sum(item.verdict in ("shown", "hidden") for item in again.instances)
    assert len(set(counts.tolist())) > 3


def test_queries_of_the_users_own_are_in_no_count():
    """The last two are the user's; an instance of one of them and one of the network counts."""
    for merged in ((), ((8, 2),), ((7, 8),)):
        curated = curate(RESULT, Curation(minimum_points=0, merged=merged))
        counts = objectness_counts(curated, LEVELS, own=2)
        for level, count in zip(LEVELS, counts, strict=True):
            network = [item for item in curated.instances if set(item.members) - {7, 8}]
            assert count == sum(item.objectness >= level for item in network)
    areas = np.full((9, len(AREA_THRESHOLDS)), 500)
    grid = threshold_grid(claims(areas), curate(RESULT, Curation(minimum_points=100)), LEVELS, own=2)
    for level, counts in zip(LEVELS, grid, strict=True):
        assert (counts == sum(RESULT.objectness[-1, query] >= level for query in range(7))).all()
    assert grid[0, 0] == 7


def test_the_grid_is_that_of_a_plain_loop_and_survives_the_way_to_csv():
    rng = np.random.default_rng(0)
    areas = -np.sort(-rng.integers(0, 500, (9, len(AREA_THRESHOLDS))), axis=1)
    curated = curate(RESULT, Curation(minimum_points=100))
    grid = threshold_grid(claims(areas), curated, LEVELS)
    for row, level in enumerate(LEVELS):
        for column in range(len(AREA_THRESHOLDS)):
            expected = sum(RESULT.objectness[-1, query] >= level and areas[query, column] >= 100 for query in range(9))
            assert grid[row, column] == expected
    table = list(csv.reader(io.StringIO(grid_csv(grid, LEVELS))))
    assert [float(edge) for edge in table[0][1:]] == list(AREA_THRESHOLDS)
    assert [[int(cell) for cell in line[1:]] for line in table[1:]] == grid.tolist()
