"""Frame of the window: panels, arrangements, full screen; what of it is remembered between starts."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from app.actions import Actions

LAYOUT = "window/layout"  # in the preferences
THEME = "theme"  # in the preferences
THEMES = ("system", "dark", "light")
ARRANGEMENTS = ("explore", "inspect", "compare")


class Panels(Protocol):
    """What this presenter needs of the panels."""

    @property
    def titles(self) -> dict[str, str]: ...
    def shown(self, name: str) -> bool: ...
    def set_shown(self, name: str, shown: bool) -> None: ...
    def arrange(self, name: str) -> None: ...
    def reset(self) -> None: ...
    def layout(self) -> bytes: ...
    def set_layout(self, layout: bytes) -> bool: ...


class Window(Protocol):
    """What this presenter needs of the window."""

    def set_full_screen(self, full: bool) -> None: ...


class Memory(Protocol):
    """What this presenter needs of the preferences."""

    def get(self, key: str, default: Any) -> Any: ...
    def set(self, key: str, value: Any) -> None: ...


class FramePresenter:
    """Actions to the frame, and back.

    Parameters
    ----------
    actions, window, panels, memory
        See the protocols.
    use_theme : callable
        Gives the program the theme of "system", "dark" or "light".
    theme : str
        Wish of the command line for this start; empty if it has none, then the remembered one counts.
    arranged : callable
        Told of an arrangement that was chosen.
    """

    def __init__(
        self,
        actions: Actions,
        *,
        window: Window,
        panels: Panels,
        memory: Memory,
        use_theme: Callable[[str], None],
        theme: str = "",
        arranged: Callable[[str], object] = lambda name: None,
    ) -> None:
        self._actions, self._window, self._panels, self._memory = actions, window, panels, memory
        self._use_theme, self._arranged = use_theme, arranged
        remembered = memory.get(THEME, "system")
        self.theme = theme or (remembered if remembered in THEMES else "system")
        for wish in THEMES:
            actions.bind(f"theme_{wish}", partial(self.set_theme, wish))
        self._show_theme()
        self._full_screen = False
        for name in panels.titles:
            actions.bind(_action(name), partial(self.toggle_panel, name))
        for arrangement in ARRANGEMENTS:
            actions.bind(f"arrange_{arrangement}", partial(self.arrange, arrangement))
        actions.bind("reset_layout", panels.reset)
        actions.bind("full_screen", self.toggle_full_screen)
        panels.set_layout(memory.get(LAYOUT, b""))
        for name in panels.titles:
            self.on_panel(name, panels.shown(name))

    def set_theme(self, wish: str) -> None:
        """Dark, light, or as the system; remembered."""
        self.theme = wish
        self._memory.set(THEME, wish)
        self._show_theme()

    def _show_theme(self) -> None:
        self._use_theme(self.theme)
        for wish in THEMES:
            self._actions.set(f"theme_{wish}", checked=wish == self.theme)

    def arrange(self, name: str) -> None:
        """Put the panels as an arrangement has them."""
        self._panels.arrange(name)
        self._arranged(name)

    def toggle_panel(self, name: str) -> None:
        """Show a panel, or hide it."""
        self._panels.set_shown(name, not self._panels.shown(name))

    def toggle_full_screen(self) -> None:
        """Fill the screen, or end that."""
        self._window.set_full_screen(not self._full_screen)

    def on_panel(self, name: str, shown: bool) -> None:
        """A panel was shown or hidden."""
        self._actions.set(_action(name), checked=shown)

    def on_full_screen(self, full: bool) -> None:
        """The window fills the screen, or no longer does."""
        self._full_screen = full
        self._actions.set("full_screen", checked=full)

    def remember(self) -> None:
        """Keep the layout for the next start."""
        self._memory.set(LAYOUT, self._panels.layout())


def _action(panel: str) -> str:
    """Name of the action of a panel: "panel_views" for "viewsDock"."""
    return "panel_" + panel.removesuffix("Dock")
