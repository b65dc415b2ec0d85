"""Colors of findings: contested points by plain sets, gaps in the theme's color, changes point by point."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.coloring import CLAIMED, HIDDEN, UNASSIGNED_RECEDING
from app.finding_colors import CHANGE_COLORS, changed_rows, checker, contested_table, stripes, two_claimants
from app.hijack_pictures import GAP_BID
from app.presenters.painting import Painting
from app.session.session import Difference, Inspection, Origin, Session
from fast3dis_core.curation import curate
from fast3dis_core.difference import GAINED, PASSED
from tests.app.standins import UNFILTERED
from tests.app.test_hijacks import CLAIMS, EVIDENCE, RESULT

WARNING = (1, 2, 3)


@pytest.fixture
def session():
    session = Session(UNFILTERED)
    session.open(RESULT, Origin(folder=Path("room")))
    return session


@pytest.fixture
def painting(session):
    painting = Painting(session)
    painting.set_gap_color(WARNING)
    return painting


def show(session, **changes):
    session.show(replace(session.display, **changes))


def plain_claimants(curated, point):
    """Shown instances that claim a point, the surest first."""
    claims = [item for item in curated.shown if point in set(item.pixels.tolist())]
    return [item.query + 1 for item in sorted(claims, key=lambda item: -item.objectness)]


def test_the_two_claimants_are_those_of_a_plain_search():
    curated = curate(RESULT, UNFILTERED)
    first, second = two_claimants(curated, frozenset())
    for point in range(0, len(first), 61):
        found = [*plain_claimants(curated, point), 0, 0]
        assert (first[point], second[point]) == (found[0], found[1])
    assert (second > 0).any()


def test_contested_points_take_both_colors_by_turns_in_3d_and_in_photos(session, painting):
    show(session, color_mode="contested")
    curated = session.curated
    _, second = two_claimants(curated, frozenset())
    clash = (second > 0) & curated.keep
    colors = {item.query: item.color for item in curated.instances}
    for rows in (painting.rows(), painting.photo_rows()):
        painted = painting.table()[rows]
        for point in np.flatnonzero(clash)[::97]:
            both = {colors[row - 1] for row in plain_claimants(curated, point)[:2]}
            assert tuple(painted[point, :3]) in both
            assert painted[point, 3] == CLAIMED
        assert (painted[~clash, 3] != CLAIMED).all(), "what is not contested recedes"
    owners = painting.owners()[clash]
    for rows in (painting.rows()[clash], painting.photo_rows()[clash]):
        assert 0.2 < (rows == owners).mean() < 0.8, "about half of them have the second color"


def test_gaps_come_with_the_claims_in_the_theme_s_color(session, painting):
    show(session, color_mode="contested")
    assert len(painting.legend()) == 1
    before = painting.rows()
    session.inspect(Inspection(reconstruction=RESULT, claims=CLAIMS, evidence=EVIDENCE))
    assert painting.rows() is not before
    painted = painting.table()[painting.rows()]
    gaps = (painted[:, :3] == WARNING).all(axis=1)
    assert np.array_equal(gaps, RESULT.cloud.valid & (CLAIMS.best < GAP_BID))
    assert gaps.any()
    assert (WARNING, "gap: nobody claims it") in painting.legend()


def test_owners_are_told_whatever_is_painted(session, painting):
    owners = painting.owners()
    show(session, color_mode="contested")
    assert np.array_equal(painting.owners(), owners)
    rows, table = painting.rows(), painting.table()
    show(session, view=1)
    assert painting.rows() is rows
    assert painting.table() is table, "nothing is worked out twice"
    show(session, hovered=RESULT.instances[0].query)
    assert painting.rows() is rows, "the pointer changes colors only"
    assert painting.table() is not table
    show(session, color_mode="instance")
    assert painting.rows() is painting.owners()


def test_changes_are_painted_point_by_point(session, painting):
    changes = np.zeros(len(RESULT.cloud.points), np.uint8)
    changes[:10], changes[10:20] = GAINED, PASSED
    show(session, color_mode="difference")
    assert painting.rows() is painting.owners(), "until it is known"
    session.compare(
        Difference(reconstruction=RESULT, reference=RESULT, curation=session.edits, changes=(), points=changes)
    )
    painted = painting.table()[painting.rows()]
    keep = session.curated.keep
    for point in range(30):
        if not keep[point]:
            assert painted[point, 3] == HIDDEN
        elif changes[point]:
            assert tuple(painted[point]) == (*CHANGE_COLORS[int(changes[point])], CLAIMED)
        else:
            assert painted[point, 3] == UNASSIGNED_RECEDING
    assert [color for color, _ in painting.legend()] == list(CHANGE_COLORS.values())


def test_patterns_are_even_and_survive_nothing():
    assert 0.35 < checker(RESULT.cloud)[RESULT.cloud.valid].mean() < 0.65
    assert 0.3 < stripes((2, 40, 60)).mean() < 0.7
    nothing = replace(RESULT.cloud, valid=np.zeros(len(RESULT.cloud.points), bool))
    assert not checker(nothing).any()


def test_a_hidden_instance_contests_nothing():
    edits = replace(UNFILTERED, hidden=frozenset(item.query for item in RESULT.instances[1:]))
    curated = curate(RESULT, edits)
    _, second = two_claimants(curated, frozenset())
    assert not second.any()
    table = np.zeros((10, 4), np.uint8)
    assert len(contested_table(table, WARNING, gaps=False).table) == 21
    assert contested_table(table, WARNING, gaps=True).table[-1, 3] == HIDDEN, "beside isolated ones"
    assert (changed_rows(curated, np.zeros(len(second), np.uint8)).rows[curated.keep] == 0).all()


def test_the_objectness_threshold_decides_who_contests(session, painting):
    show(session, color_mode="contested")
    before = painting.rows()
    session.edit("x", replace(session.edits, objectness_threshold=0.99))
    assert painting.rows() is not before
    assert (painting.rows() >= len(painting.owner_table())).all(), "nobody is left to contest"
