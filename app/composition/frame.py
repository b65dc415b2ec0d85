"""The frame of the window: what is remembered, theme, panels, palette of commands, log, report, about."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from app.presenters.commands import CommandsPresenter
from app.presenters.frame import FramePresenter
from app.presenters.palette import PalettePresenter
from app.presenters.records import RecordsPresenter
from app.widgets.about_dialog import AboutDialog, Rows
from app.widgets.cheat_sheet import CheatSheet
from app.widgets.command_palette import CommandPalette
from app.widgets.preferences import Preferences
from app.widgets.theme import Theme, apply_theme, choose_theme, rgb

if TYPE_CHECKING:
    from app.application import Program
    from app.command_line import Options

GEOMETRY = "window/geometry"  # in the preferences


class Frame:
    """Everything of the window that is not about a scene.

    Parameters
    ----------
    app : QApplication
    program : Program
        With its window, before it is shown.
    options : Options
    preferences : Preferences
    """

    def __init__(self, app: QApplication, program: "Program", options: "Options", preferences: Preferences) -> None:
        self._app, self._window, self._preferences = app, program.window, preferences
        self._comparison = program.comparison
        self._viewport, self._painting, window = program.viewport, program.painting, program.window
        if options.window_size is not None:
            window.resize(*options.window_size)
        else:
            window.restoreGeometry(preferences.get(GEOMETRY, b""))
        self.colors = PalettePresenter(program.session, program.actions, preferences)
        self.presenter = FramePresenter(
            program.actions,
            window=window,
            panels=window.panels,
            memory=preferences,
            use_theme=self._use_theme,
            theme="" if options.theme == "system" else options.theme,
            arranged=program.comparison.arrange,
        )
        self.palette = CommandPalette(window)
        self.commands = CommandsPresenter(program.actions, self.palette, self._show_keys)
        session = program.session
        self.records = RecordsPresenter(
            session,
            program.actions,
            program.log,
            settings=lambda: program.settings if session.plan is None else session.plan.settings,
            copy=lambda text: QApplication.clipboard().setText(text),
            show_about=self._show_about,
            post=asyncio.get_running_loop().call_soon_threadsafe,
        )
        app.styleHints().colorSchemeChanged.connect(self._follow_system)
        for signal, slot in (
            (window.panels.changed, self.presenter.on_panel),
            (window.full_screen_changed, self.presenter.on_full_screen),
            (self.palette.typed, self.commands.search),
            (self.palette.chosen, self.commands.choose),
            (program.log.level_chosen, self.records.set_level),
            (program.log.clear_requested, self.records.clear),
            (window.message_clicked, self._show_log),
        ):
            signal.connect(slot)

    def close(self) -> None:
        """Remember; before the window is hidden."""
        self._app.styleHints().colorSchemeChanged.disconnect(self._follow_system)
        self.records.book.detach()
        self.presenter.remember()
        self._preferences.set(GEOMETRY, bytes(self._window.saveGeometry().data()))

    def _show_log(self) -> None:
        self._window.panels.set_shown("logDock", True)

    def _show_about(self, title: str, sentences: str, tables: Sequence[tuple[str, Rows]]) -> None:
        AboutDialog(title, sentences, tables, self._window).open()

    def _show_keys(self, groups: Sequence[tuple[str, Sequence[tuple[str, str]]]], text: str) -> None:
        CheatSheet(groups, text, self._window).open()

    def _use_theme(self, wish: str) -> None:
        self._apply(choose_theme(self._app, wish))

    def _follow_system(self, scheme: Qt.ColorScheme) -> None:
        """The desktop went dark or light."""
        if self.presenter.theme == "system":
            self._apply(choose_theme(self._app, "system", scheme))

    def _apply(self, theme: Theme) -> None:
        apply_theme(self._app, theme)
        self._viewport.set_colors(*theme.stage)
        self._comparison.set_theme(theme)
        self._painting.set_gap_color(rgb(theme.warning))
        self._painting.set_paper(rgb(theme.viewport))
        self._window.set_theme(theme)
