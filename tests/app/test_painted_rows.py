"""What lies below a dragged mask is kept while it moves: the owners are those of a fresh start all the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.coloring import owner_rows
from app.presenters import painting as room
from app.presenters.painting import Painting
from app.session.session import Origin, Session
from fast3dis_core.reconstruction import Instance
from tests.app.standins import UNFILTERED
from tests.scenes import synthetic_reconstruction

RESULT = synthetic_reconstruction(queries=8)


def moved(query, by):
    """The result with the mask of one query somewhere else."""
    instances = []
    for item in RESULT.instances:
        rows = item.pixels
        if item.query == query:
            rows = np.flatnonzero(np.roll(np.isin(np.arange(len(RESULT.cloud.valid)), rows), by) & RESULT.cloud.valid)
            item = Instance(query=query, objectness=item.objectness, anchor=item.anchor, pixels=rows.astype(np.int32))
        instances.append(item)
    return replace(RESULT, instances=tuple(instances))


@pytest.fixture
def session():
    session = Session(UNFILTERED)
    session.open(RESULT, Origin(folder=Path("room")))
    return session


def fresh(session):
    display = session.display
    return owner_rows(session.curated, display.selection | display.isolated)


def test_owners_are_right_through_previews_selections_and_filters(session):
    painting = Painting(session)
    steps = [
        lambda: session.show(replace(session.display, selection=frozenset({3}))),
        *(lambda by=by: session.preview(moved(3, by), 3) for by in (40, 80, 500)),
        lambda: session.preview(moved(5, 60), 5),  # which is not selected, and lies below
        lambda: session.show(replace(session.display, selection=frozenset({3, 5}))),
        lambda: session.edit("hide", replace(session.edits, hidden=frozenset({3}))),
        lambda: session.preview(None),
        lambda: session.edit("thin", replace(session.edits, confidence_percentile=30.0)),
        lambda: session.show(replace(session.display, selection=frozenset())),
        lambda: session.edit("none", replace(session.edits, objectness_threshold=1.0)),
    ]
    for number, step in enumerate(steps):
        step()
        np.testing.assert_array_equal(painting.owners(), fresh(session), err_msg=f"after step {number}")


def test_a_drag_paints_one_mask_again(session, monkeypatch):
    painting, painted = Painting(session), []
    session.show(replace(session.display, selection=frozenset({3})))
    painting.owners()
    whole = room.claimed_rows
    monkeypatch.setattr(room, "claimed_rows", lambda *args: painted.append(1) or whole(*args))
    for by in (40, 80, 500):
        before = painting.owners()
        session.preview(moved(3, by), 3)
        assert not np.array_equal(painting.owners(), before)
    assert painted == []
