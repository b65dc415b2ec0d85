"""Every query has a line, and every line that is not shown a reason that is true."""

from dataclasses import replace

import numpy as np
import pytest

from fast3dis_core.curation import Curation, curate
from fast3dis_core.ledger import capacity, query_ledger
from tests.scenes import synthetic_reconstruction

OFF = Curation(
    objectness_threshold=0.05, minimum_points=0, confidence_percentile=0.0, depth_edge=0.0, duplicate_overlap=0.0
)
RESULT = synthetic_reconstruction(queries=8)
QUERIES = [item.query for item in RESULT.instances]


def ledger(result=RESULT, silent=(), **wishes):
    return {line.query: line for line in query_ledger(curate(result, replace(OFF, **wishes)), silent=silent)}


def test_shown_queries_need_no_reason():
    lines = ledger()
    assert sorted(lines) == list(range(8))
    for item in RESULT.instances:
        line = lines[item.query]
        assert (line.shown, line.reason, line.points) == (True, "", len(item.pixels))
        assert line.objectness == pytest.approx(item.objectness)


def test_filters_and_hands_are_named():
    last = RESULT.instances[-1]
    lines = ledger(objectness_threshold=RESULT.instances[-2].objectness, hidden=frozenset({QUERIES[0]}))
    assert lines[last.query].reason.startswith("objectness ")
    assert not lines[last.query].shown
    assert lines[QUERIES[0]].reason == "hidden by hand"


def test_merged_queries_say_where_they_went():
    lines = ledger(merged=((QUERIES[0], QUERIES[1]),), names={QUERIES[0]: "sofa"})
    assert lines[QUERIES[1]].reason == "merged into sofa"
    assert lines[QUERIES[1]].shown


def test_what_was_not_assembled_says_why():
    scores = np.array(RESULT.objectness)
    low, silent, empty = QUERIES[:3]
    scores[-1, low], scores[-1, silent] = 0.01, 0.0
    rest = replace(RESULT, objectness=scores, instances=RESULT.instances[3:])
    lines = ledger(rest, silent={silent})
    assert lines[low].reason == "objectness 0.010 < 0.05, the floor of assembly"
    assert lines[silent].reason == "muted"
    assert lines[empty].reason == "empty mask: no pixel above the mask threshold"
    assert not any(lines[query].shown for query in (low, silent, empty))


def test_capacity_counts_queries_above_the_threshold():
    threshold = RESULT.instances[4].objectness
    assert capacity(curate(RESULT, replace(OFF, objectness_threshold=threshold))) == (5, 8)


def test_queries_of_the_users_own_are_no_capacity_of_the_network():
    result = synthetic_reconstruction(queries=8)
    curated = curate(result, Curation(objectness_threshold=0.0))
    assert capacity(curated) == (8, 8)
    assert capacity(curated, prompts=3) == (5, 5)


def test_what_was_removed_is_not_called_muted():
    low = {query: float(RESULT.objectness[-1, query]) for query in range(8) if query not in QUERIES}
    gone = next(iter(low), None)
    result = RESULT if gone is not None else replace(RESULT, instances=RESULT.instances[1:])
    gone = QUERIES[0] if gone is None else gone
    assert ledger(result, silent=(gone,))[gone].reason == "muted"
    lines = query_ledger(curate(result, OFF), silent=(gone,), removed=(gone,))
    assert lines[gone].reason == "removed"
