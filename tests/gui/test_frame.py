"""Frame of the window with real events: panels, arrangements, themes, keys, palette, what is remembered."""

import asyncio

import pytest
from PySide6.QtCore import QPoint, QSettings, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QDockWidget, QDoubleSpinBox, QLineEdit, QPushButton, QTabWidget

from app.widgets.command_palette import ENABLED, HINT, NAME
from app.widgets.theme import DARK, LIGHT, apply_theme, contrast
from tests.app.standins import StandInSteps
from tests.gui.hands import click, until
from tests.gui.test_window import SCENE, opened


def dock(program, name):
    return program.window.findChild(QDockWidget, name)


async def pressed(program, code, modifiers=Qt.KeyboardModifier.NoModifier):
    """A key as the desktop delivers it, shortcuts included."""
    program.window.activateWindow()
    await until(program.window.isActiveWindow, "the window to be active")
    QTest.keyClick(program.window, code, modifiers)
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


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_text_is_readable_on_what_it_lies_on(theme):
    grounds = ("window", "panel", "base", "raised")
    pairs = [(text, ground) for text in ("text", "muted") for ground in grounds]
    pairs += [("text", "selection"), ("accent_text", "accent"), ("warning", "warning_fill")]
    weak = {
        f"{text} on {ground}": round(contrast(getattr(theme, text), getattr(theme, ground)), 2)
        for text, ground in pairs
        if contrast(getattr(theme, text), getattr(theme, ground)) < 4.5
    }
    assert not weak


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_numbers_that_cannot_be_changed_now_can_be_read(qapp, qtbot, theme):
    apply_theme(qapp, theme)
    field = QDoubleSpinBox()
    field.setEnabled(False)
    field.setFixedSize(120, 30)
    qtbot.addWidget(field)
    field.show()
    inner = field.lineEdit().geometry()
    picture = field.grab(inner).toImage()
    seen = {picture.pixelColor(x, y).name() for x in range(picture.width()) for y in range(picture.height())}
    assert max(contrast(color, theme.base) for color in seen) > 4.5


def test_themes_change_at_run_time_and_follow_the_system(play):
    async def story(program):
        await opened(program)
        window, hints = program.window, QApplication.instance().styleHints()

        def shade():
            return window.grab().toImage().pixelColor(window.width() // 2, 8).lightness()

        def background():
            return program.viewport.view.renderer.GetBackground()

        icons = program.window.bars.action("open").icon().cacheKey()
        assert shade() < 80
        program.actions.trigger("theme_light")
        assert shade() > 180
        assert min(background()) > 0.9
        assert program.window.bars.action("open").icon().cacheKey() != icons
        hints.colorSchemeChanged.emit(Qt.ColorScheme.Dark)
        assert shade() > 180, "a theme that was chosen stays"
        program.actions.trigger("theme_system")
        hints.colorSchemeChanged.emit(Qt.ColorScheme.Light)
        assert shade() > 180
        hints.colorSchemeChanged.emit(Qt.ColorScheme.Dark)
        assert shade() < 80

    play(story, steps=StandInSteps(SCENE))


def test_the_palette_finds_runs_and_closes(play):
    async def story(program):
        await opened(program)
        palette = program.frame.palette
        await pressed(program, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
        assert palette.isVisible()
        QTest.keyClicks(palette.line, "colpho")
        assert palette.list.item(0).data(NAME) == "color_photo"
        QTest.keyClick(palette.line, Qt.Key.Key_Return)
        assert not palette.isVisible()
        assert program.session.display.color_mode == "photo"
        await pressed(program, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
        QTest.keyClicks(palette.line, "redo")
        assert not palette.list.item(0).data(ENABLED)
        assert palette.list.item(0).data(HINT)
        QTest.keyClick(palette.line, Qt.Key.Key_Return)
        assert palette.isVisible(), "what cannot be done is not run"
        QTest.keyClick(palette.line, Qt.Key.Key_Escape)
        assert not palette.isVisible()

    play(story, steps=StandInSteps(SCENE))


def test_letters_in_a_text_field_are_letters(play):
    async def story(program):
        await opened(program)
        line = QLineEdit(program.window.centralWidget())
        line.show()
        program.window.activateWindow()
        line.setFocus()
        await until(line.hasFocus, "the focus")
        before = program.session.display, program.session.edits, program.window.panels.layout()
        QTest.keyClicks(line, "ochi12,.?")
        assert line.text() == "ochi12,.?"
        assert (program.session.display, program.session.edits, program.window.panels.layout()) == before
        assert program.window.findChild(QDialog, "cheatSheet") is None
        line.clearFocus()
        program.window.setFocus()
        await pressed(program, Qt.Key.Key_C)
        assert program.session.display.color_mode != before[0].color_mode
        line.deleteLater()

    play(story, steps=StandInSteps(SCENE))


def test_the_cheat_sheet_lists_the_table_and_is_copied(play):
    async def story(program):
        await opened(program)
        program.actions.trigger("cheat_sheet")
        sheet = program.window.findChild(QDialog, "cheatSheet")
        click(sheet.findChild(QPushButton, "cheatSheetCopy"))
        text = QApplication.clipboard().text()
        for keys, what in (("Ctrl+K", "Find a command"), ("H", "Hide"), ("F11", "Full screen")):
            assert any(
                line.split("  ")[1].strip() == keys and what in line for line in text.splitlines() if "  " in line
            )
        click(sheet.findChild(QPushButton, "cheatSheetClose"))

    play(story, steps=StandInSteps(SCENE))


def test_a_message_opens_the_log_which_is_cleared(play):
    async def story(program):
        assert not dock(program, "logDock").isVisible()
        program.session.message("Wrote a file.")
        bar = program.window.statusBar()
        click(bar, QPoint(20, bar.height() // 2))
        assert dock(program, "logDock").isVisible()
        await until(lambda: "Wrote a file." in program.log.text.toPlainText(), "the line")
        click(program.log.findChild(QPushButton, "logClear"))
        assert program.log.text.toPlainText() == ""

    play(story, steps=StandInSteps(SCENE))


def test_about_shows_licenses(play):
    async def story(program):
        program.actions.trigger("about")
        dialog = program.window.findChild(QDialog, "aboutDialog")
        tabs = dialog.findChild(QTabWidget, "aboutTabs")
        assert [tabs.tabText(number) for number in range(tabs.count())] == ["Weights", "Data", "Packages"]
        click(dialog.findChild(QPushButton, "aboutClose"))

    play(story, steps=StandInSteps(SCENE))


def test_what_cannot_be_done_says_what_is_missing(play):
    def gray(program):
        actions = program.actions
        names = [action.name for action in actions.table if actions.bound(action.name)]
        return {name for name in names if not actions.state(name).enabled}

    async def story(program):
        before = gray(program)
        assert {"save", "export", "undo", "merge", "calibrate"} <= before
        assert [name for name in before if not program.actions.needs(name)] == []
        tip = program.window.bars.action("save").toolTip()
        assert tip.splitlines()[-1] == "Needs a result: run photos, or open a session."
        await opened(program)
        after = gray(program)
        assert "save" not in after
        assert [name for name in after if not program.actions.needs(name)] == []
        assert "Needs" not in program.window.bars.action("save").toolTip()
        assert program.window.bars.action("merge").toolTip().endswith("Needs two selected instances or more.")

    play(story, steps=StandInSteps(SCENE))
