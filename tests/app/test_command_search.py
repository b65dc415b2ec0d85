"""Search of commands and the cheat sheet, from the table of actions."""

import pytest

from app.actions import Actions
from app.command_search import commands, key_groups, key_text, score
from app.presenters.commands import CommandsPresenter
from tests.app.standins import Recorder


@pytest.fixture
def actions():
    actions = Actions()
    for name in ("fit", "fit_selection", "color_photo", "undo", "hide"):
        actions.bind(name, lambda: None, enabled=name != "undo")
    return actions


def names(actions, query):
    return [row.name for row in commands(actions, query)]


def test_letters_count_in_their_order_and_starts_of_words_more():
    assert score("xyz", "Fit all") is None
    assert score("tif", "Fit") is None
    assert score("fs", "Fit selection") > score("fs", "Fit alls")
    assert score("", "Fit all") == 0


def test_the_best_match_comes_first_and_what_cannot_be_done_last(actions):
    assert names(actions, "fitsel")[0] == "fit_selection"
    assert names(actions, "cp")[0] == "color_photo"
    assert names(actions, "")[-1] == "undo"
    assert names(actions, "zzz") == []


def test_actions_nobody_bound_are_not_offered(actions):
    assert "redo" not in names(actions, "")


def test_a_disabled_command_says_why(actions):
    (row,) = [row for row in commands(actions, "undo") if row.name == "undo"]
    assert not row.enabled
    assert row.hint == "Nothing was changed yet."


def test_the_cheat_sheet_is_grouped_by_menu_and_has_every_key(actions):
    groups = dict(key_groups(actions))
    assert groups["View"] == [("A", "Fit all"), ("F", "Fit selection")]
    text = key_text(key_groups(actions))
    assert "Instances\n  H" in text
    assert "Redo" not in text


def test_a_choice_is_done(actions):
    palette, done = Recorder(), []
    actions.bind("quit", lambda: done.append("quit"))
    presenter = CommandsPresenter(actions, palette, print)
    actions.trigger("command_palette")
    assert palette.calls == ["open_empty", "set_commands"]
    presenter.search("quit")
    presenter.choose(palette.told("set_commands")[0].name)
    assert done == ["quit"]
