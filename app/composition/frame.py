"""The frame of the window: what is remembered, theme, panels, palette of commands, log, report, about."""

from typing import TYPE_CHECKING

from app.presenters.frame import FramePresenter
from app.presenters.palette import PalettePresenter
from app.widgets.preferences import Preferences

if TYPE_CHECKING:
    from app.application import Program
    from app.command_line import Options

GEOMETRY = "window/geometry"  # in the preferences


class Frame:
    """Everything of the window that is not about a scene.

    Parameters
    ----------
    program : Program
        With its window, before it is shown.
    options : Options
    preferences : Preferences
    """

    def __init__(self, program: "Program", options: "Options", preferences: Preferences) -> None:
        self._window, self._preferences = program.window, preferences
        window = self._window
        if options.window_size is not None:
            window.resize(*options.window_size)
        else:
            window.restoreGeometry(preferences.get(GEOMETRY, b""))
        self.colors = PalettePresenter(program.session, program.actions, preferences)
        self.presenter = FramePresenter(program.actions, window=window, panels=window.panels, memory=preferences)
        for signal, slot in (
            (window.panels.changed, self.presenter.on_panel),
            (window.full_screen_changed, self.presenter.on_full_screen),
        ):
            signal.connect(slot)

    def close(self) -> None:
        """Remember; before the window is hidden."""
        self.presenter.remember()
        self._preferences.set(GEOMETRY, bytes(self._window.saveGeometry().data()))
