"""Two queries side by side: every number and mark against plain sets, and what the stage is told."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.actions import Actions
from app.coloring import CLAIMED, HIDDEN, UNASSIGNED_RECEDING, overlay_colors
from app.pair_colors import ALIKE, BOTH, OWN, side_photo, side_table
from app.presenters.chips import chips, dismiss_chip
from app.presenters.hijacks import HijackPresenter
from app.presenters.painting import Painting
from app.presenters.side_by_side import SideBySidePresenter
from app.session.session import Inspection, Origin, Session
from tests.app.standins import UNFILTERED, Recorder
from tests.app.test_hijacks import CLAIMS, EVIDENCE, FACTS, RESULT

MASKS = {item.query: set(item.pixels.tolist()) for item in RESULT.instances}
SCORES = {item.query: item.objectness for item in RESULT.instances}


class Desk:
    def __init__(self):
        self.session, self.actions = Session(UNFILTERED), Actions()
        self.painting = Painting(self.session)
        self.panel, self.stage, self.view = Recorder(), Recorder(), Recorder()
        self.photos, self.room = (Recorder(), Recorder()), []
        self.hijacks = HijackPresenter(self.session, self.actions, self.panel, lambda text: None, lambda text: None)
        self.presenter = SideBySidePresenter(
            self.session,
            self.actions,
            self.painting.pair,
            stage=self.stage,
            view=lambda: self.view,
            photos=self.photos,
            drawable=lambda: "what the first view draws",
            make_room=self.room.append,
        )
        self.session.open(RESULT, Origin(folder=Path("room")))
        self.session.inspect(Inspection(reconstruction=RESULT, claims=CLAIMS, evidence=EVIDENCE))

    def choose(self, number=0):
        self.hijacks.choose_theft(number)
        return tuple(sorted(FACTS.thieves[number][:2], key=lambda query: -SCORES[query]))

    def show(self, **changes):
        self.session.show(replace(self.session.display, **changes))


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def pair(desk):
    chosen = desk.choose()
    desk.actions.trigger("side_by_side")
    return chosen


def test_nothing_is_told_to_the_stage_before_a_pair_is_asked_for(desk):
    desk.choose()
    assert desk.stage.calls == []
    assert not desk.painting.pair.on
    assert desk.panel.told("set_side_by_side") == (False, True)


def test_the_surer_one_is_left_and_both_sides_say_what_they_claim_share_and_win(desk, pair):
    assert desk.session.display.pair == pair
    shared = MASKS[pair[0]] & MASKS[pair[1]]
    for name, query in zip(("set_first", "set_second"), pair, strict=True):
        won = sum(max((q for q in MASKS if pixel in MASKS[q]), key=SCORES.get) == query for pixel in shared)
        count = len(MASKS[query])
        assert desk.stage.told(name) == (
            f"Instance {query}",
            f"{count:,} pixels, {len(shared) / count:.0%} contested, wins {won / len(shared):.0%}",
        )
    for place, query in enumerate(pair):
        color = desk.session.curated.find(query).color
        assert desk.painting.pair.legend(place)[0] == (color, f"Instance {query} · objectness {SCORES[query]:.2f}")
    assert desk.room == [True]
    assert desk.stage.told("set_split") is True
    assert desk.stage.told("set_photos") is True
    assert desk.view.told("show_cloud")[-1] == "what the first view draws"


def test_each_half_has_its_mask_alone_and_what_both_claim_in_both_colors(desk, pair):
    curated = desk.session.curated
    colors = [curated.find(query).color for query in pair]
    shared = MASKS[pair[0]] & MASKS[pair[1]]
    sides = desk.painting.pair.sides()
    for place, (query, side) in enumerate(zip(pair, sides, strict=True)):
        for rows in (side.rows, side.photo_rows):
            painted = side.table[rows]
            alone = sorted(MASKS[query] - shared)
            assert (painted[alone] == [*colors[place], CLAIMED]).all()
            both = painted[sorted(shared)]
            assert (both[:, 3] == CLAIMED).all()
            assert {tuple(color) for color in both[:, :3].tolist()} == set(colors)
            beside = sorted(set(np.flatnonzero(curated.keep).tolist()) - MASKS[query])
            assert (painted[beside, 3] == UNASSIGNED_RECEDING).all()
            assert (painted[~curated.keep, 3] == HIDDEN).all()
    one, other = (side.table[side.rows] for side in sides)
    assert (one[sorted(shared)] == other[sorted(shared)]).all(), "what both claim looks the same on both sides"
    assert desk.painting.rows() is sides[0].rows, "the first view shows the first of them"
    assert desk.view.told("set_rows") is sides[1].rows
    assert desk.painting.photo_rows() is desk.painting.owners(), "the strip of photos stays as it was"


def test_colors_that_are_alike_make_a_pattern_with_black_or_white():
    for color, other in (((250, 240, 10), (240, 240, 40)), ((20, 20, 60), (20, 30, 90))):
        table = side_table(color, other)
        apart = np.abs(table[OWN, :3].astype(int) - table[BOTH, :3]).sum()
        assert apart > ALIKE
    assert side_table((250, 0, 0), (0, 0, 250))[BOTH, :3].tolist() == [0, 0, 250]


def test_photos_show_one_mask_each_with_a_line_around_what_both_claim(desk, pair):
    height, width = RESULT.images.shape[1:3]
    view = desk.session.display.view
    shared = MASKS[pair[0]] & MASKS[pair[1]]
    for query, side, photo in zip(pair, desk.painting.pair.sides(), desk.photos, strict=True):
        overlay, lines = side_photo(RESULT, side, view, 0.6)
        assert (photo.told("set_overlay") == overlay).all()
        assert (photo.told("set_picture") == RESULT.images[view]).all()
        colors = overlay_colors(side.table, 0.6)
        for y in range(height):
            for x in range(width):
                row = (view * height + y) * width + x
                assert bool(overlay[y, x, 3]) == (row in MASKS[query])
                assert (overlay[y, x] == colors[side.photo_rows[row]]).all()
        marked = [found for found, _, strong in lines if strong]
        assert len(marked) == 1
        there = np.zeros((height, width), bool)
        for row in shared:
            if row // RESULT.pixels_per_view == view:
                there[row % RESULT.pixels_per_view // width, row % width] = True
        across = np.count_nonzero(np.diff(np.pad(there, 1).astype(int), axis=0))
        along = np.count_nonzero(np.diff(np.pad(there, 1).astype(int), axis=1))
        length = np.abs(marked[0][:, 2:] - marked[0][:, :2]).sum()
        assert length == across + along, "every edge between contested and other pixels, once"


def test_photos_follow_the_views_and_nothing_is_worked_out_twice(desk, pair):
    before, told = desk.painting.pair.sides(), desk.view.calls.count("set_rows")
    other = next(view for view in range(3) if view != desk.session.display.view)
    desk.show(view=other, hovered=3)
    assert desk.painting.pair.sides() is before
    assert desk.view.calls.count("set_rows") == told
    assert (desk.photos[0].told("set_picture") == RESULT.images[other]).all()


def test_another_pair_takes_the_place_and_another_selection_leaves_it(desk, pair):
    other = desk.choose(len(FACTS.thieves) - 1)
    assert set(other) != set(pair)
    assert desk.session.display.pair == other
    assert desk.stage.told("set_first")[0] == f"Instance {other[0]}"
    desk.show(selection=frozenset({7}))
    assert desk.session.display.pair == other
    assert desk.panel.told("set_side_by_side") == (True, True), "it can be ended whatever is selected"


def test_a_click_in_the_second_half_selects_its_query(desk, pair):
    second = desk.painting.pair.sides()[1]
    desk.presenter.pick(int(np.flatnonzero(second.rows == OWN)[0]), False)
    assert desk.session.display.selection == {pair[1]}
    desk.presenter.hover(min(MASKS[pair[0]] & MASKS[pair[1]]))
    assert desk.session.display.hovered == pair[1]
    desk.presenter.explain(min(MASKS[pair[0]] & MASKS[pair[1]]))
    assert desk.view.told("set_tip") == f"Instance {pair[1]} claims it\nSo does Instance {pair[0]}"
    desk.presenter.pick(min(MASKS[pair[0]] - MASKS[pair[1]]), False)
    assert desk.session.display.selection == frozenset(), "this half shows the second query alone"
    assert desk.session.display.pair == pair


def test_a_query_without_a_mask_claims_nothing(desk, pair):
    others = tuple(item for item in RESULT.instances if item.query != pair[1])
    desk.session.replace(replace(RESULT, instances=others))
    assert desk.stage.told("set_second") == (f"Query {pair[1]}", "claims nothing")
    assert not desk.painting.pair.sides()[1].rows[desk.session.curated.keep].any()


def test_the_chip_and_the_button_end_it(desk, pair):
    assert chips(desk.session, (1, 1))[0] == (
        "pair",
        f"Side by side: Instance {pair[0]} and Instance {pair[1]}",
        "normal",
        True,
    )
    dismiss_chip(desk.session, "pair")
    assert desk.session.display.pair is None
    assert desk.room == [True, False]
    assert desk.stage.told("set_photos") is False
    assert desk.view.told("set_legend")[0] == ""
    assert desk.painting.rows() is desk.painting.owners()
    desk.actions.trigger("side_by_side")
    desk.actions.trigger("side_by_side")
    assert desk.session.display.pair is None
    desk.actions.trigger("side_by_side")
    desk.session.open(RESULT, Origin(folder=Path("another")))
    assert desk.session.display.pair is None
