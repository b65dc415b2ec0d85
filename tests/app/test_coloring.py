"""Owners and tables: every point has one painter, filters change the table only."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.coloring import (
    CLAIMED,
    HIDDEN,
    PREVIEW,
    RECEDING,
    UNASSIGNED,
    UNASSIGNED_RECEDING,
    filtered_row,
    overlay,
    overlay_colors,
    owner_rows,
    row_table,
    thumbnail,
)
from fast3dis_core.curation import Curation, curate
from fast3dis_core.palette import instance_palette
from tests.scenes import synthetic_reconstruction

RESULT = synthetic_reconstruction(queries=8)
NOBODY = frozenset()


def curated(threshold=0.05, hidden=NOBODY, result=RESULT, **wishes):
    """The scene with every other filter off."""
    off = {"minimum_points": 0, "duplicate_overlap": 0.0, "confidence_percentile": 0.0, "depth_edge": 0.0}
    return curate(result, Curation(objectness_threshold=threshold, hidden=hidden, **(off | wishes)))


queries = st.frozensets(st.integers(0, 7))


@given(st.floats(0.05, 1), queries, queries)
@settings(deadline=None)
def test_every_claimed_point_is_owned_by_a_claimant_and_no_other_point_is(threshold, hidden, front):
    rows = owner_rows(curated(threshold, hidden), front)
    kept = RESULT.cloud.valid
    assert (rows[~kept] == filtered_row(curated())).all()
    rows = np.where(kept, rows, 0)
    claimed = np.zeros((len(rows), 9), bool)
    for instance in RESULT.instances:
        claimed[instance.pixels, instance.query + 1] = True
    owned = rows > 0
    assert np.array_equal(owned, claimed.any(axis=1))
    assert claimed[np.flatnonzero(owned), rows[owned]].all()


@given(st.floats(0.05, 1), st.floats(0.05, 1))
@settings(deadline=None)
def test_the_threshold_alone_moves_no_owner(one, other):
    assert np.array_equal(owner_rows(curated(one), NOBODY), owner_rows(curated(other), NOBODY))


@given(st.floats(0.05, 1), queries)
@settings(deadline=None)
def test_what_is_painted_is_the_best_claimant_on_show(threshold, hidden):
    """Filtering by the table gives the picture that computing with the shown instances only would give."""
    rows = owner_rows(curated(threshold, hidden), NOBODY)
    table = row_table(curated(threshold, hidden))
    expected = np.full(len(rows), -1)
    for instance in sorted(RESULT.instances, key=lambda item: item.objectness):
        if instance.objectness >= threshold and instance.query not in hidden:
            expected[instance.pixels] = instance.query
    painted = np.where(table[rows, 3] == CLAIMED, rows - 1, -1)
    assert np.array_equal(painted, expected)


def test_the_selection_is_painted_whole():
    chosen = RESULT.instances[-1]
    rows = owner_rows(curated(), frozenset({chosen.query}))
    assert (rows[chosen.pixels] == chosen.query + 1).all()


def test_levels_of_the_table():
    first, second, third = (item.query for item in RESULT.instances[:3])
    table = row_table(curated(hidden=frozenset({first})), selection=frozenset({second}))
    palette = instance_palette(8)
    assert table[0, 3] == UNASSIGNED_RECEDING
    assert table[first + 1, 3] == HIDDEN
    assert table[second + 1].tolist() == [*palette[second], CLAIMED]
    assert table[third + 1].tolist() == [*palette[third], RECEDING]
    assert row_table(curated())[0, 3] == UNASSIGNED


def test_isolation_hides_everything_else():
    chosen = RESULT.instances[3].query
    table = row_table(curated(), isolated=frozenset({chosen}))
    assert table[chosen + 1, 3] == CLAIMED
    assert (np.delete(table[:, 3], chosen + 1) == HIDDEN).all()


def test_queries_below_the_threshold_look_unassigned_even_if_selected():
    last = RESULT.instances[-1]
    threshold = RESULT.instances[-2].objectness
    table = row_table(curated(threshold), selection=frozenset({last.query}))
    assert table[last.query + 1, 3] == UNASSIGNED
    assert CLAIMED in table[:, 3], "a selection that is filtered out must not make the others recede"


def test_what_the_pointer_is_over_is_brighter_and_does_not_recede():
    first, second, third = (item.query for item in RESULT.instances[:3])
    plain = row_table(curated(), selection=frozenset({first}))
    table = row_table(curated(), selection=frozenset({first}), hovered=second)
    assert plain[second + 1, 3] == RECEDING
    assert table[second + 1, 3] == CLAIMED
    assert table[second + 1, :3].sum() > plain[second + 1, :3].sum()
    assert (table[second + 1, :3] >= plain[second + 1, :3]).all()
    others = np.delete(np.arange(len(table)), second + 1)
    assert np.array_equal(table[others], plain[others])
    hidden = row_table(curated(hidden=frozenset({third})), hovered=third)
    assert hidden[third + 1, 3] == HIDDEN


def test_overlays_leave_unclaimed_pixels_alone():
    photo = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    rows = np.zeros((6, 8), np.int32)
    rows[2:4] = 1
    table = np.array([[0, 0, 0, UNASSIGNED], [255, 0, 0, CLAIMED]], np.uint8)
    painted = overlay(photo, rows, table)
    assert np.array_equal(painted[rows == 0], photo[rows == 0])
    assert (painted[rows == 1][:, 0] >= photo[rows == 1][:, 0]).all()


@pytest.mark.parametrize("width", [5, 20, 400])
def test_every_view_has_its_own_thumbnail(width):
    rows, table = owner_rows(curated(), NOBODY), row_table(curated())
    images = [thumbnail(RESULT, rows, table, view, width) for view in range(len(RESULT.names))]
    assert len({image.tobytes() for image in images}) == len(images)
    assert all(image.dtype == np.uint8 and image.shape[1] <= 2 * max(width, 21) for image in images)


def test_nothing_to_paint_is_legal():
    empty = curated(result=synthetic_reconstruction(queries=0))
    assert set(owner_rows(empty, NOBODY)) == {0, filtered_row(empty)}
    assert row_table(empty).shape == (2, 4)


@given(queries, queries)
@settings(deadline=None)
def test_hidden_beats_selected(hidden, front):
    """Selecting what is hidden takes no point from what is shown, and makes nothing recede."""
    view = curated(hidden=hidden)
    rows, table = owner_rows(view, front), row_table(view, selection=front)
    shown = np.zeros(len(rows), bool)
    for item in view.shown:
        shown[item.pixels] = True
    assert not np.isin(rows[shown], [query + 1 for query in hidden]).any()
    receding = {query for query in range(8) if table[query + 1, 3] == RECEDING}
    assert receding == (set(range(8)) - hidden - front if front - hidden else set())


def test_a_preview_is_seen_whatever_its_objectness_and_less_strongly():
    item = min(RESULT.instances, key=lambda found: found.objectness)
    before = curated(threshold=1.0)
    assert before.find(item.query).verdict == "objectness"
    revealed = before.revealing(item.query)
    assert [found.query for found in revealed.shown] == [item.query]
    table = row_table(revealed, selection={item.query}, previewed=item.query)
    assert table[item.query + 1, 3] == PREVIEW
    assert overlay_colors(table, 0.5)[item.query + 1, 3] == round(255 * 0.5 * 0.7)
