"""Palette of commands and cheat sheet: the table of actions to what is shown, a choice to its action."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from app.actions import Actions
from app.command_search import commands, key_groups, key_text


class Palette(Protocol):
    """What this presenter needs of the palette."""

    def open_empty(self) -> None: ...
    def set_commands(self, rows: Sequence[tuple[str, str, str, str, bool]]) -> None: ...


class CommandsPresenter:
    """Actions to palette and cheat sheet.

    Parameters
    ----------
    actions, palette
    show_keys : callable
        Shows the cheat sheet: groups of keys, and the same as text.
    """

    def __init__(self, actions: Actions, palette: Palette, show_keys: Callable[[Any, str], None]) -> None:
        self._actions, self._palette, self._show_keys = actions, palette, show_keys
        actions.bind("command_palette", self.open)
        actions.bind("cheat_sheet", self.show_cheat_sheet)

    def open(self) -> None:
        """Show everything that can be asked for."""
        self._palette.open_empty()
        self.search("")

    def search(self, query: str) -> None:
        """The user typed."""
        self._palette.set_commands(commands(self._actions, query))

    def choose(self, name: str) -> None:
        """The user decided."""
        self._actions.trigger(name)

    def show_cheat_sheet(self) -> None:
        """All keys on one page."""
        groups = key_groups(self._actions)
        self._show_keys(groups, key_text(groups))
