"""The table of actions and its registry."""

import pytest

from app.actions import ACTIONS, GROUPS, MENUS, TOOLBAR, Action, Actions


def test_the_table_is_consistent():
    Actions()
    names = {action.name for action in ACTIONS}
    assert {action.menu for action in ACTIONS} <= set(MENUS)
    assert set(TOOLBAR) - {"|", ">", *GROUPS} <= names


def test_an_action_runs_only_when_it_can():
    actions, done = Actions(), []
    assert not actions.bound("undo")
    actions.trigger("undo")
    actions.bind("undo", lambda: done.append("undo"), enabled=False)
    actions.trigger("undo")
    assert done == []
    actions.enable("undo", enabled=True)
    actions.trigger("undo")
    assert done == ["undo"]


def test_changes_are_told_once_and_only_if_they_are_changes():
    actions, heard = Actions(), []
    actions.changed.connect(heard.append)
    actions.set("undo", text="Undo rename")
    actions.set("undo", text="Undo rename")
    assert heard == ["undo"]
    assert actions.state("undo").text == "Undo rename"


def test_mistakes_in_the_table_are_found():
    with pytest.raises(AssertionError, match="one key"):
        Actions(
            [Action(name="a", text="A", menu="File", keys=("X",)), Action(name="b", text="B", menu="File", keys=("X",))]
        )
    with pytest.raises(AssertionError, match="no action"):
        Actions().bind("fly", print)
