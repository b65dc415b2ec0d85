"""Names, colors, merges, and the table as text: every wish is one step of the history, and undo restores exactly."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.actions import Actions
from app.presenters.instance_edits import InstanceEditsPresenter
from app.presenters.instance_table import InstanceTablePresenter
from app.presenters.painting import Painting
from app.presenters.palette import PalettePresenter
from app.session.session import Origin, Session
from fast3dis_core.palette import instance_color
from fast3dis_core.reconstruction import AnchorOverride
from tests.app.standins import UNFILTERED, Recorder
from tests.scenes import replaced, synthetic_reconstruction

WHOLE = synthetic_reconstruction(queries=8, is_metric=True)
RESULT = replaced(WHOLE, instances=WHOLE.instances[:6])  # two queries below the floor
FIRST, SECOND, THIRD = (item.query for item in RESULT.instances[:3])


class Table(Recorder):
    """Lists every row it was told."""

    def listed(self):
        return [row[0] for row in self.told("set_rows")]


class Memory(dict):
    """Preferences of one test."""

    def set(self, key, value):
        self[key] = value


class Desk:
    """Both presenters of the table on one session."""

    def __init__(self):
        self.session, self.actions, self.table = Session(UNFILTERED), Actions(), Table()
        self.painting = Painting(self.session)
        self.rows = InstanceTablePresenter(self.session, self.actions, self.table)
        self.edits = InstanceEditsPresenter(self.session, self.actions, self.table)
        self.session.open(RESULT, Origin(folder=Path("/photos/kitchen")))

    def choose(self, *queries):
        self.rows.select(frozenset(queries))

    def find(self, query):
        return self.session.curated.find(query)

    def painted(self):
        """What every panel would paint, as colors of points."""
        return self.painting.table()[self.painting.rows()]


@pytest.fixture
def desk():
    return Desk()


def test_renaming_and_taking_the_name_away(desk):
    desk.edits.rename(FIRST, "  the   old\tsofa ")
    assert desk.find(FIRST).name == "the old sofa"
    assert desk.session.undo_label == f"Rename Instance {FIRST} to the old sofa"
    desk.edits.rename(FIRST, "")
    assert desk.find(FIRST).name == f"Instance {FIRST}"
    assert desk.session.undo_label == "Reset the name of the old sofa"
    desk.session.undo()
    assert desk.find(FIRST).name == "the old sofa"


def test_typing_the_default_name_is_no_name(desk):
    desk.edits.rename(FIRST, f"Instance {FIRST}")
    assert desk.session.undo_label is None


def test_a_color_is_seen_while_it_is_chosen_and_is_one_step(desk):
    desk.choose(FIRST, SECOND)
    desk.actions.trigger("recolor")
    title, color = desk.table.told("ask_color")
    assert (title, color) == ("Color of 2 instances", desk.find(FIRST).color)
    for color in ((1, 1, 1), (2, 2, 2), (250, 3, 3)):
        desk.edits.try_color(color)
        assert desk.find(SECOND).color == color
    desk.edits.decide_color(True)
    assert desk.session.undo_label == "Recolor 2 instances"
    desk.session.undo()
    assert desk.session.edits == UNFILTERED
    assert desk.session.undo_label is None


def test_cancelling_the_dialog_leaves_color_and_history_alone(desk):
    desk.choose(FIRST)
    desk.edits.ask_color()
    desk.edits.try_color((9, 9, 9))
    desk.edits.decide_color(True)
    desk.edits.ask_color()
    desk.edits.try_color((1, 1, 1))
    desk.edits.decide_color(False)
    assert desk.find(FIRST).color == (9, 9, 9)
    desk.session.undo()
    assert desk.session.undo_label is None
    desk.session.redo()
    desk.choose(FIRST)
    desk.actions.trigger("reset_color")
    assert desk.session.undo_label == f"Reset the color of Instance {FIRST}"
    assert not desk.session.edits.colors
    assert not desk.actions.state("reset_color").enabled


def test_merging_and_splitting(desk):
    desk.choose(SECOND, THIRD)
    desk.actions.trigger("merge")
    assert desk.session.undo_label == f"Merge Instance {SECOND} and Instance {THIRD}"
    assert desk.find(THIRD).members == (SECOND, THIRD)
    assert desk.session.display.selection == {SECOND}
    assert desk.table.told("set_summary") == "6 of 8 queries shown as 5 instances · 2 below the floor of 0.05"
    desk.edits.rename(FIRST, "sofa")
    desk.choose(FIRST, SECOND)
    desk.actions.trigger("merge")
    assert desk.session.undo_label == f"Merge sofa and Instance {SECOND}"
    assert (desk.find(THIRD).name, desk.find(THIRD).query) == ("sofa", FIRST)
    assert desk.session.edits.merged == ((FIRST, SECOND, THIRD),)
    desk.actions.trigger("split")
    assert desk.session.edits.merged == ()
    assert desk.session.display.selection == {FIRST, SECOND, THIRD}
    desk.session.undo()
    assert desk.find(THIRD).query == FIRST


def test_a_name_leads_whatever_the_objectness(desk):
    desk.edits.rename(THIRD, "sofa")
    desk.choose(FIRST, SECOND, THIRD)
    desk.actions.trigger("merge")
    assert (desk.find(FIRST).query, desk.find(FIRST).name) == (THIRD, "sofa")
    assert desk.session.undo_label == "Merge 3 instances"


def test_a_merged_instance_has_a_badge_like_other_experiments(desk):
    table = Recorder()
    presenter = InstanceTablePresenter(desk.session, Actions(), table)  # signals hold it weakly
    desk.session.edit("merge", replace(desk.session.edits, merged=((FIRST, THIRD),)))
    badges = {row[0]: row[-1] for row in table.told("set_rows")}
    assert badges.pop(FIRST) == "merged"
    assert THIRD not in badges
    assert set(badges.values()) == {""}
    del presenter


def test_what_is_merged_with_something_shown_is_shown(desk):
    desk.rows.set_hidden(FIRST, True)
    desk.choose(FIRST, SECOND)
    desk.edits.merge()
    assert desk.find(FIRST).verdict == "shown"
    desk.session.undo()
    assert desk.find(FIRST).verdict == "hidden"


def test_actions_are_offered_where_they_make_sense(desk):
    def offered():
        names = ("rename", "recolor", "reset_color", "merge", "split", "hide", "isolate")
        return {name for name in names if desk.actions.state(name).enabled}

    assert offered() == set()
    desk.choose(FIRST)
    assert offered() == {"rename", "recolor", "hide", "isolate"}
    desk.choose(FIRST, SECOND)
    assert offered() == {"recolor", "merge", "hide", "isolate"}
    desk.edits.merge()
    assert offered() == {"rename", "recolor", "split", "hide", "isolate"}
    desk.rows.hide_selection()
    assert "isolate" not in offered(), "what is hidden stays hidden"
    assert desk.actions.state("hide").text == "Show selected"


def test_inverting_what_is_hidden_twice_changes_nothing(desk):
    desk.rows.set_hidden(FIRST, True)
    desk.session.edit("x", replace(desk.session.edits, objectness_threshold=RESULT.instances[3].objectness))
    before = desk.session.edits
    desk.actions.trigger("invert_hidden")
    assert {item.query for item in desk.session.curated.shown} == {FIRST}
    desk.actions.trigger("invert_hidden")
    assert desk.session.edits == before


def test_all_shown_are_selected_and_nothing_else(desk):
    desk.rows.set_hidden(FIRST, True)
    desk.actions.trigger("select_all")
    assert desk.session.display.selection == {item.query for item in RESULT.instances} - {FIRST}


def test_undo_restores_the_painting_to_the_bit(desk):
    """Filters, merges, names, colors: whatever was tried, going back shows what was there."""
    before = desk.painted().copy()
    steps = [before]
    for changes in (
        {"depth_edge": 0.004},
        {"objectness_threshold": RESULT.instances[4].objectness},
        {"confidence_percentile": 40.0},
        {"merged": ((FIRST, THIRD),)},
        {"colors": {FIRST: (1, 2, 3)}},
        {"hidden": frozenset({SECOND})},
        {"minimum_points": 150},
    ):
        desk.session.edit("step", replace(desk.session.edits, **changes))
        steps.append(desk.painted().copy())
    assert len({picture.tobytes() for picture in steps}) == len(steps)
    for picture in reversed(steps[:-1]):
        desk.session.undo()
        assert np.array_equal(desk.painted(), picture)
    for picture in steps[1:]:
        desk.session.redo()
        assert np.array_equal(desk.painted(), picture)


def test_the_table_as_csv(desk):
    desk.edits.rename(FIRST, 'sofa, "old"')
    desk.rows.set_hidden(SECOND, True)
    desk.actions.trigger("copy_table")
    rows = list(csv.DictReader(io.StringIO(desk.table.told("copy"))))
    assert [int(row["query"]) for row in rows] == desk.table.listed()
    one = next(row for row in rows if row["query"] == str(FIRST))
    assert one["name"] == 'sofa, "old"'
    assert float(one["size (m)"]) == pytest.approx(desk.find(FIRST).size, rel=1e-5)
    assert int(one["points"]) == len(RESULT.instances[0].pixels)
    assert (one["visibility"], one["why not shown"]) == ("shown", "")
    assert {row["visibility"] for row in rows} == {"shown", "hidden", "dropped"}
    assert rows[-1]["why not shown"].endswith("not assembled")


def test_the_palette_is_chosen_in_the_menu_and_painted_everywhere(desk):
    remembered = Memory()
    PalettePresenter(desk.session, desk.actions, remembered)
    desk.session.edit("x", replace(desk.session.edits, colors={FIRST: (1, 2, 3)}))
    assert desk.actions.state("palette_standard").checked
    rows = desk.painting.rows()
    desk.actions.trigger("palette_safe")
    assert desk.actions.state("palette_safe").checked
    assert not desk.actions.state("palette_standard").checked
    assert desk.find(FIRST).color == (1, 2, 3)
    assert desk.find(SECOND).color == tuple(instance_color(SECOND, "safe"))
    assert tuple(desk.painting.table()[SECOND + 1, :3]) == desk.find(SECOND).color
    assert desk.painting.rows() is rows, "no owner changes"
    desk.session.open(RESULT, Origin(folder=Path("/photos/bath")))
    assert desk.actions.state("palette_safe").checked, "the next scene is colored alike"
    another = Desk()
    PalettePresenter(another.session, another.actions, remembered)
    assert another.session.display.palette == "safe", "and so is the next start"


def test_rows_and_colors_do_not_care_about_anchors(desk):
    """Curations and anchor overrides share one history without touching each other."""
    override = AnchorOverride(query=FIRST, position=(0.0, 0.0, 1.0))
    desk.session.edit("Move anchor", replace(desk.session.edits, overrides=(override,)))
    desk.edits.rename(FIRST, "sofa")
    assert desk.session.edits.overrides == (override,)
