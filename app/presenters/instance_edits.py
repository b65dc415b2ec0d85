"""What the user makes of single instances: names, colors, merges; each a step of the history with its own label."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from app.actions import Actions
from app.presenters.instance_table import called
from app.session.session import Session
from fast3dis_core.curation import Color, CuratedInstance


class Editor(Protocol):
    """What this presenter needs of the table."""

    def edit_name(self, query: int) -> None: ...
    def ask_color(self, title: str, color: Color) -> None: ...
    def copy(self, text: str) -> None: ...


class InstanceEditsPresenter:
    """Wishes of the user to edits of the session."""

    def __init__(self, session: Session, actions: Actions, editor: Editor) -> None:
        self._session, self._actions, self._editor = session, actions, editor
        self._recolored: frozenset[int] = frozenset()
        self._colors: Mapping[int, Color] = {}  # as they were when the dialog opened
        for name, handler in (
            ("rename", self.ask_name),
            ("copy_name", self.copy_names),
            ("recolor", self.ask_color),
            ("reset_color", self.reset_color),
            ("merge", self.merge),
            ("split", self.split),
        ):
            actions.bind(name, handler, enabled=False)
        session.reconstruction_changed.connect(self._refresh)
        session.edits_changed.connect(self._refresh)
        session.display_changed.connect(self._refresh)

    def ask_name(self) -> None:
        """Let the user type a name for the selected instance."""
        chosen = self._chosen()
        if len(chosen) == 1:
            self._editor.edit_name(chosen[0].query)

    def rename(self, query: int, name: str) -> None:
        """Give an instance a name; an empty one is the default."""
        edits, before = self._session.edits, called(self._session, {query})
        names = {other: given for other, given in edits.names.items() if other != query}
        name = " ".join(name.split())
        if name and name != f"Instance {query}":
            names[query] = name
            label = f"Rename {before} to {name}"
        else:
            label = f"Reset the name of {before}"
        self._session.edit(label, replace(edits, names=names))

    def copy_names(self) -> None:
        """Names of the selected instances, one a line, to the clipboard."""
        names = [item.name for item in self._chosen()]
        self._editor.copy("\n".join(names))
        self._session.message(f"Copied {names[0]}" if len(names) == 1 else f"Copied {len(names)} names")

    def ask_color(self) -> None:
        """Open the color dialog for the selected instances."""
        chosen = self._chosen()
        if not chosen:
            return
        self._recolored, self._colors = frozenset(item.query for item in chosen), self._session.edits.colors
        self._editor.ask_color(f"Color of {called(self._session, self._recolored)}", chosen[0].color)

    def try_color(self, color: Color) -> None:
        """The dialog shows another color."""
        given = dict.fromkeys(self._recolored, color)
        self._color(f"Recolor {called(self._session, self._recolored)}", given, gesture="recolor")

    def decide_color(self, accepted: bool) -> None:
        """The dialog was closed; if it was cancelled the old colors come back."""
        if not accepted:
            given = {query: self._colors[query] for query in self._recolored if query in self._colors}
            self._color(f"Recolor {called(self._session, self._recolored)}", given, gesture="recolor")
        self._session.finish_gesture()

    def reset_color(self) -> None:
        """Give the selected instances the colors of the palette again."""
        self._recolored = frozenset(item.query for item in self._chosen())
        self._color(f"Reset the color of {called(self._session, self._recolored)}", {})

    def merge(self) -> None:
        """Make one object of the selected instances: the one with a name, else the one of highest objectness, leads."""
        chosen, edits = self._chosen(), self._session.edits
        if len(chosen) < 2:
            return
        leader = next((item for item in chosen if item.query in edits.names), chosen[0])
        members = [leader, *(item for item in chosen if item is not leader)]
        group = tuple(query for item in members for query in item.members)
        others = tuple(other for other in edits.merged if not set(other) & set(group))
        words = " and ".join(item.name for item in members) if len(members) == 2 else f"{len(members)} instances"
        hidden = edits.hidden if set(group) <= edits.hidden else edits.hidden - set(group)
        self._session.edit(f"Merge {words}", replace(edits, merged=(*others, group), hidden=hidden))
        self._select(frozenset({leader.query}))

    def split(self) -> None:
        """Take merged instances among the selected ones apart again."""
        parts = [item for item in self._chosen() if len(item.members) > 1]
        if not parts:
            return
        edits, members = self._session.edits, frozenset(query for item in parts for query in item.members)
        kept = tuple(group for group in edits.merged if not set(group) & members)
        label = f"Split {called(self._session, {item.query for item in parts})}"
        self._session.edit(label, replace(edits, merged=kept))
        self._select(members)

    def _chosen(self) -> list[CuratedInstance]:
        """Selected instances that pass the filters, by falling objectness."""
        return [item for item in self._session.shown() if item.query in self._session.display.selection]

    def _select(self, queries: frozenset[int]) -> None:
        self._session.show(replace(self._session.display, selection=queries))

    def _color(self, label: str, given: Mapping[int, Color], gesture: str | None = None) -> None:
        edits = self._session.edits
        others = {query: color for query, color in edits.colors.items() if query not in self._recolored}
        self._session.edit(label, replace(edits, colors={**others, **given}), gesture)

    def _refresh(self, _: object) -> None:
        chosen, edits, actions = self._chosen(), self._session.edits, self._actions
        actions.enable("rename", enabled=len(chosen) == 1)
        actions.enable("copy_name", "recolor", enabled=bool(chosen))
        actions.enable("reset_color", enabled=any(item.query in edits.colors for item in chosen))
        actions.enable("merge", enabled=len(chosen) > 1)
        actions.enable("split", enabled=any(len(item.members) > 1 for item in chosen))
