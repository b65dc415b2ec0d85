"""Frame of the window with stand-ins: panels, arrangements, full screen, memory."""

import pytest

from app.actions import ACTIONS, MENUS, Actions
from app.presenters.frame import LAYOUT, FramePresenter
from tests.app.standins import Recorder


class Panels:
    def __init__(self):
        self.titles = {"viewsDock": "Views", "photoDock": "Photo"}
        self.there = {"viewsDock": True, "photoDock": False}
        self.told, self.taken, self.listener = [], b"", None

    def shown(self, name):
        return self.there[name]

    def set_shown(self, name, shown):
        self.there[name] = shown
        self.listener(name, shown)

    def arrange(self, name):
        self.told.append(name)

    def reset(self):
        self.told.append("reset")

    def layout(self):
        return b"as it is"

    def set_layout(self, layout):
        self.taken = layout
        return True


@pytest.fixture
def panels():
    return Panels()


@pytest.fixture
def memory():
    class Memory(dict):
        def get(self, key, default):
            return super().get(key, default)

        def set(self, key, value):
            self[key] = value

    return Memory({LAYOUT: b"as it was"})


@pytest.fixture
def window():
    return Recorder()


@pytest.fixture
def actions():
    return Actions()


@pytest.fixture
def presenter(actions, panels, memory, window):
    presenter = FramePresenter(
        actions, window=window, panels=panels, memory=memory, use_theme=window.use_theme, theme=""
    )
    panels.listener = presenter.on_panel
    return presenter


def test_the_layout_of_the_last_start_comes_back_and_the_new_one_is_kept(presenter, panels, memory):
    assert panels.taken == b"as it was"
    presenter.remember()
    assert memory[LAYOUT] == b"as it is"


def test_only_panels_that_exist_are_offered_and_their_checks_follow(presenter, panels, actions):
    assert not actions.bound("panel_inspector")
    assert (actions.state("panel_views").checked, actions.state("panel_photo").checked) == (True, False)
    actions.trigger("panel_photo")
    assert panels.there["photoDock"]
    assert actions.state("panel_photo").checked


def test_arrangements_and_reset_reach_the_panels(presenter, panels, actions):
    for name in ("arrange_explore", "arrange_inspect", "reset_layout"):
        actions.trigger(name)
    assert panels.told == ["explore", "inspect", "reset"]


def test_full_screen_goes_there_and_back(presenter, window, actions):
    actions.trigger("full_screen")
    assert window.told("set_full_screen") is True
    presenter.on_full_screen(True)
    assert actions.state("full_screen").checked
    actions.trigger("full_screen")
    assert window.told("set_full_screen") is False


def test_every_action_is_in_its_menu_exactly_once():
    listed = [action.name for title in MENUS for section in Actions().menu(title) for action in section]
    assert sorted(listed) == sorted(action.name for action in ACTIONS)
    assert all(sum(section.count("*") for section in sections) == 1 for sections in MENUS.values())


def test_the_theme_is_remembered_and_the_command_line_wins(presenter, window, actions, memory, panels):
    assert window.told("use_theme") == "system"
    actions.trigger("theme_light")
    assert window.told("use_theme") == "light"
    assert actions.state("theme_light").checked
    assert not actions.state("theme_system").checked
    again = {"window": Recorder(), "panels": panels, "memory": memory}
    for wish, expected in (("", "light"), ("dark", "dark")):
        FramePresenter(Actions(), use_theme=again["window"].use_theme, theme=wish, **again)
        assert again["window"].told("use_theme") == expected
