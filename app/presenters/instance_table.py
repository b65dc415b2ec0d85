"""Instances as rows: session values to the table, checks and selections back."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from app.actions import Actions
from app.session.edits import Edits
from app.session.session import Display, Session
from fast3dis_core.reconstruction import Reconstruction


class Table(Protocol):
    """What this presenter needs of the table."""

    def set_rows(self, rows: Iterable[Sequence[Any]]) -> None: ...
    def set_summary(self, text: str) -> None: ...
    def set_selection(self, queries: frozenset[int]) -> None: ...
    def set_actions(self, *, isolate: bool, isolated: bool, show_all: bool, export: bool, export_tip: str) -> None: ...


class InstanceTablePresenter:
    """Session to table, and back."""

    def __init__(self, session: Session, actions: Actions, table: Table) -> None:
        self._session, self._actions, self._table = session, actions, table
        actions.bind("isolate", self.isolate, enabled=False)
        actions.bind("hide", self.hide_selection, enabled=False)
        actions.bind("show_all", self.show_all, enabled=False)
        session.reconstruction_changed.connect(self._on_reconstruction)
        session.edits_changed.connect(self._on_edits)
        session.display_changed.connect(self._on_display)

    def select(self, queries: frozenset[int]) -> None:
        """The user selected rows."""
        self._session.show(replace(self._session.display, selection=frozenset(queries)))

    def set_hidden(self, query: int, hidden: bool) -> None:
        """The user checked or unchecked a row."""
        self._hide("Hide" if hidden else "Show", frozenset({query}), hidden)

    def hide_selection(self) -> None:
        """Hide the selected instances; show them if they are all hidden."""
        chosen = self._session.display.selection
        if chosen:
            hide = not chosen <= self._session.edits.hidden
            self._hide("Hide" if hide else "Show", chosen, hide)

    def show_all(self) -> None:
        """Show every hidden instance."""
        self._session.edit("Show all instances", replace(self._session.edits, hidden=frozenset()))

    def isolate(self) -> None:
        """Draw the selected instances only, or end that."""
        display = self._session.display
        isolated = frozenset() if display.isolated else display.selection
        self._session.show(replace(display, isolated=isolated))

    def _hide(self, verb: str, queries: frozenset[int], hide: bool) -> None:
        edits = self._session.edits
        names = ", ".join(str(query) for query in sorted(queries))
        hidden = edits.hidden | queries if hide else edits.hidden - queries
        self._session.edit(f"{verb} instance {names}", replace(edits, hidden=hidden))

    def _on_reconstruction(self, _: Reconstruction) -> None:
        self._refresh()

    def _on_edits(self, _: Edits) -> None:
        self._refresh()

    def _on_display(self, _: Display) -> None:
        self._refresh()

    def _refresh(self) -> None:
        result, edits, display = self._session.reconstruction, self._session.edits, self._session.display
        if result is None:
            return
        shown = self._session.shown()
        self._table.set_rows(
            (
                item.query,
                item.color,
                item.objectness,
                len(item.pixels),
                item.views,
                item.verdict == "hidden",
            )
            for item in shown
        )
        selection = display.selection & {item.query for item in shown}
        self._table.set_summary(f"{len(shown)} of {len(result.instances)} instances")
        self._table.set_selection(selection)
        self._actions.set("isolate", enabled=bool(selection or display.isolated))
        self._actions.enable("hide", enabled=bool(display.selection))
        self._actions.enable("show_all", enabled=bool(edits.hidden))
        self._table.set_actions(
            isolate=bool(selection),
            isolated=bool(display.isolated),
            show_all=bool(edits.hidden),
            export=len(selection) == 1,
            export_tip="Write the selected instance as PLY" if len(selection) == 1 else "Select one instance first",
        )
