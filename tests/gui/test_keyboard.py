"""The window without a mouse: Tab goes around through what is on screen, and all that takes the focus has a name."""

import asyncio
from pathlib import Path

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QScrollBar, QWidget

from tests.app.standins import StandInSteps
from tests.gui.hands import press, until
from tests.gui.test_window import SCENE, opened

MOST_STOPS = 150
INSPECTOR = ("Anchors", "Hijacks", "Evidence", "What if", "Thresholds")


def name_of(widget):
    """What a screen reader says."""
    return QAccessible.queryAccessibleInterface(widget).text(QAccessible.Text.Name)


def nameless(root):
    """Object names of what takes the focus and has no name."""
    reached = [w for w in root.findChildren(QWidget) if w.isVisible() and w.focusPolicy() & Qt.FocusPolicy.TabFocus]
    ours = [w for w in reached if not (isinstance(w, QScrollBar) or w.objectName().startswith("qt_"))]
    shown = [widget for widget in ours if not widget.visibleRegion().isEmpty()]
    return [f"{type(widget).__name__} {widget.objectName()}" for widget in shown if not name_of(widget)]


async def round_trip(window, key=Qt.Key.Key_Tab):
    """What has the focus, from one press of Tab to the next, until it is where it began."""
    window.activateWindow()
    await until(window.isActiveWindow, "the window to be active", 5.0)
    QTest.keyClick(window.focusWidget() or window, key)
    stops = []
    while len(stops) < MOST_STOPS and window.focusWidget() not in stops:
        stops.append(window.focusWidget())
        QTest.keyClick(window.focusWidget(), key)
        await asyncio.sleep(0)
    assert window.focusWidget() is stops[0], f"no way out of {window.focusWidget().objectName()}"
    return stops


def in_sight(window, widget):
    """Whether any of a control stands in its window."""
    return QRect(widget.mapTo(window, widget.rect().topLeft()), widget.size()).intersects(window.rect())


@pytest.mark.parametrize("key", [Qt.Key.Key_Tab, Qt.Key.Key_Backtab])
def test_tab_goes_around_through_what_is_on_screen(play, key):
    async def story(program):
        window = program.window
        first = await round_trip(window, key)
        assert all(in_sight(window, stop) for stop in first), [stop.objectName() for stop in first]
        assert {"emptyOpen", "emptyWeights", "sample_study", "toolOpen"} <= {stop.objectName() for stop in first}

        await opened(program)
        stops = await round_trip(window, key)
        assert all(in_sight(window, stop) for stop in stops), [stop.objectName() for stop in stops]
        names = {stop.objectName() for stop in stops}
        assert {"sceneView", "viewList", "instanceTable", "maskSliderHandle", "toolExport"} <= names
        assert "queryLedger" not in names  # behind the table of instances

        program.actions.trigger("arrange_inspect")
        await asyncio.sleep(0.2)
        behind = {stop.objectName() for stop in await round_trip(window, key)}
        assert "queryLedger" in behind
        assert "instanceTable" not in behind

    play(story, steps=StandInSteps(SCENE), window_size=(1500, 900))


def test_everything_that_takes_the_focus_has_a_name(play):
    async def story(program):
        window, missing = program.window, {}
        missing["empty"] = nameless(window)
        program.workflow.start(program.workflow.survey([Path("/photos/kitchen")]))
        await until(lambda: program.session.plan is not None and program.session.activity.idle, "the photos")
        missing["ready"] = nameless(window)
        await opened(program)
        program.actions.trigger("panel_log")
        missing["result"] = nameless(window)
        program.actions.trigger("next_instance")
        program.actions.trigger("arrange_inspect")
        for tab in INSPECTOR:
            program.inspector.widget.show_tab(tab)
            await asyncio.sleep(0.1)
            missing[tab] = nameless(window)
        program.actions.trigger("arrange_compare")
        await asyncio.sleep(0.2)
        missing["compare"] = nameless(window)
        for action in ("export", "picture", "turntable", "get_weights", "cheat_sheet", "command_palette", "about"):
            program.actions.trigger(action)
            await asyncio.sleep(0.1)
            for top in (window, *window.findChildren(QDialog)):
                missing[action] = nameless(top)
            for dialog in window.findChildren(QDialog):
                dialog.reject()
        assert not {where: names for where, names in missing.items() if names}

    play(story, steps=StandInSteps(SCENE), window_size=(1500, 900))


def test_tables_let_the_keyboard_go_on(play):
    async def story(program):
        await opened(program)
        program.actions.trigger("arrange_inspect")
        program.inspector.widget.show_tab("Anchors")
        await asyncio.sleep(0.2)
        table = program.window.findChild(QWidget, "queryLedger")
        table.setFocus()
        await press(program.window, Qt.Key.Key_Tab)
        assert QApplication.focusWidget() is not table

    play(story, steps=StandInSteps(SCENE), window_size=(1500, 900))
