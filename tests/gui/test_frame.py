"""Frame of the window with real events: panels, arrangements, themes, keys, palette, what is remembered."""

import asyncio

from PySide6.QtCore import QSettings, Qt
from PySide6.QtWidgets import QApplication, QDockWidget

from tests.app.standins import StandInSteps
from tests.gui.test_window import SCENE, opened


def dock(program, name):
    return program.window.findChild(QDockWidget, name)


async def pressed(program, code, modifiers=Qt.KeyboardModifier.NoModifier, text=""):
    """A key as the desktop delivers it, shortcuts included."""
    from PySide6.QtTest import QTest

    program.window.activateWindow()
    target = QApplication.focusWidget() or program.window
    QTest.keyClick(target, code, modifiers)
    await asyncio.sleep(0.02)


def test_panels_are_toggled_and_remembered(play):
    async def close_one(program):
        await opened(program)
        assert dock(program, "viewsDock").isVisible()
        program.actions.trigger("panel_views")
        assert not dock(program, "viewsDock").isVisible()
        assert dock(program, "instancesDock").isVisible()

    async def look(program):
        await opened(program)
        assert not dock(program, "viewsDock").isVisible()
        program.actions.trigger("reset_layout")
        assert dock(program, "viewsDock").isVisible()
        assert program.actions.state("panel_views").checked

    play(close_one, steps=StandInSteps(SCENE))
    play(look, steps=StandInSteps(SCENE))


def test_closing_a_panel_by_its_button_is_the_same_as_by_the_menu(play):
    async def story(program):
        await opened(program)
        dock(program, "instancesDock").close()
        assert not program.actions.state("panel_instances").checked
        program.actions.trigger("panel_instances")
        assert dock(program, "instancesDock").isVisible()

    play(story, steps=StandInSteps(SCENE))


def test_a_layout_is_bytes_and_nonsense_changes_nothing(play):
    async def story(program):
        await opened(program)
        panels = program.window.panels
        before = panels.layout()
        dock(program, "viewsDock").setFloating(True)
        program.actions.trigger("panel_instances")
        assert panels.set_layout(before)
        assert not dock(program, "viewsDock").isFloating()
        assert dock(program, "instancesDock").isVisible()
        for nonsense in (b"", b"{}", b"\xff\x00", b'{"version": 9, "docks": "", "shown": [], "hidden": []}'):
            assert not panels.set_layout(nonsense)
        assert dock(program, "instancesDock").isVisible()

    play(story, steps=StandInSteps(SCENE))


def test_preferences_of_tests_are_their_own(play, tmp_path):
    async def story(program):
        path = QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "fast3dis", "viewer").fileName()
        assert path.startswith(str(tmp_path))

    play(story, steps=StandInSteps(SCENE))
