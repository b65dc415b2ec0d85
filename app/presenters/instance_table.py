"""Instances as rows: session values to the table; selecting, hiding and isolating back.

Names, colors and merges are edited by `instance_edits`.
"""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

import csv
import io
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from app.actions import Actions
from app.session.edits import Edits
from app.session.ruler import Ruler
from app.session.session import Display, Session
from fast3dis_core.config import InferenceConfig
from fast3dis_core.curation import Curated, CuratedInstance
from fast3dis_core.reconstruction import Reconstruction

CSV_COLUMNS = ("query", "merged queries", "name", "color", "objectness", "points", "views seen")


class Table(Protocol):
    """What this presenter needs of the table."""

    def set_rows(self, rows: Iterable[Sequence[Any]]) -> None: ...
    def set_units(self, units: str) -> None: ...
    def set_summary(self, text: str) -> None: ...
    def set_dropped(self, listed: bool) -> None: ...
    def set_selection(self, queries: frozenset[int]) -> None: ...
    def set_hovered(self, query: int | None) -> None: ...
    def set_actions(self, *, isolate: bool, isolated: bool, show_all: bool, export: bool, export_tip: str) -> None: ...
    def listed(self) -> Sequence[int]: ...
    def step(self, rows: int) -> None: ...
    def copy(self, text: str) -> None: ...


class InstanceTablePresenter:
    """Session to table, and back."""

    def __init__(self, session: Session, actions: Actions, table: Table) -> None:
        self._session, self._actions, self._table = session, actions, table
        for name, handler in (
            ("isolate", self.isolate),
            ("hide", self.hide_selection),
            ("invert_hidden", self.invert_hidden),
            ("show_all", self.show_all),
            ("show_dropped", self.toggle_dropped),
            ("select_all", self.select_all),
            ("previous_instance", lambda: table.step(-1)),
            ("next_instance", lambda: table.step(1)),
            ("copy_table", self.copy_table),
        ):
            actions.bind(name, handler, enabled=False)
        session.reconstruction_changed.connect(self._on_reconstruction)
        session.edits_changed.connect(self._on_edits)
        session.display_changed.connect(self._on_display)

    def select(self, queries: frozenset[int]) -> None:
        """The user selected rows."""
        self._session.show(replace(self._session.display, selection=frozenset(queries)))

    def hover(self, query: int) -> None:
        """The pointer is over a row, or (-1) beside all: what is shown of it lights up everywhere."""
        self._session.show(replace(self._session.display, hovered=query if query in self._shown() else None))

    def select_all(self) -> None:
        """Select every instance that is shown, of those that a search lists."""
        self.select(self._shown() & frozenset(self._table.listed()))

    def set_hidden(self, query: int, hidden: bool) -> None:
        """The user checked or unchecked a row: that row, or all selected ones with it."""
        chosen = self._session.display.selection
        self._hide("Hide" if hidden else "Show", chosen if query in chosen else frozenset({query}), hidden)

    def hide_selection(self) -> None:
        """Hide the selected instances; show them if they are all hidden."""
        chosen = self._session.display.selection
        if chosen:
            hide = not chosen <= self._session.edits.hidden
            self._hide("Hide" if hide else "Show", chosen, hide)

    def invert_hidden(self) -> None:
        """Show what is hidden by hand, and hide what is shown."""
        edits = self._session.edits
        listed = frozenset(item.query for item in self._session.shown())
        hidden = (edits.hidden - listed) | self._shown()
        self._session.edit("Invert what is hidden", replace(edits, hidden=hidden))

    def show_all(self) -> None:
        """Show every hidden instance."""
        self._session.edit("Show all instances", replace(self._session.edits, hidden=frozenset()))

    def isolate(self) -> None:
        """Draw the selected instances only, or end that; what is hidden stays hidden."""
        display = self._session.display
        isolated = frozenset() if display.isolated else display.selection & self._shown()
        self._session.show(replace(display, isolated=isolated))

    def set_dropped(self, listed: bool) -> None:
        """Whether to list what filters dropped."""
        self._session.show(replace(self._session.display, dropped=listed))

    def toggle_dropped(self) -> None:
        """The other way round."""
        self.set_dropped(not self._session.display.dropped)

    def copy_table(self) -> None:
        """The rows as they are listed, as CSV on the clipboard."""
        curated = self._session.curated
        if curated is None:
            return
        listed = self._table.listed()
        self._table.copy(as_csv(curated, listed, self._ruler(curated)))
        self._session.message(f"Copied {len(listed)} rows as CSV")

    def _shown(self) -> frozenset[int]:
        curated = self._session.curated
        return frozenset() if curated is None else frozenset(item.query for item in curated.shown)

    def _ruler(self, curated: Curated) -> Ruler:
        return Ruler.of(curated.reconstruction.units, self._session.edits.scale)

    def _hide(self, verb: str, queries: frozenset[int], hide: bool) -> None:
        edits = self._session.edits
        hidden = edits.hidden | queries if hide else edits.hidden - queries
        self._session.edit(f"{verb} {called(self._session, queries)}", replace(edits, hidden=hidden))

    def _on_reconstruction(self, _: Reconstruction) -> None:
        if not self._session.previewing:  # rows that change sixty times a second are read by nobody
            self._refresh()

    def _on_edits(self, _: Edits) -> None:
        if not self._session.previewing:  # else the answer is on its way
            self._refresh()

    def _on_display(self, _: Display) -> None:
        self._refresh()

    def _refresh(self) -> None:
        curated, display, table = self._session.curated, self._session.display, self._table
        if curated is None:
            return
        ruler = self._ruler(curated)
        table.set_units(ruler.units)
        table.set_dropped(display.dropped)
        table.set_rows(
            [_row(curated, item, ruler, self._badge(item)) for item in (*curated.instances, *curated.unassembled)]
        )
        table.set_summary(summary(curated))
        there = frozenset(item.query for item in self._session.shown())
        selection = display.selection & there
        table.set_selection(display.selection)
        table.set_hovered(display.hovered)
        self._refresh_actions(selection)
        table.set_actions(
            isolate=bool(selection & self._shown()),
            isolated=bool(display.isolated),
            show_all=bool(self._session.edits.hidden),
            export=bool(selection),
            export_tip="Write the selected instances as files" if selection else "Select an instance first",
        )

    def _badge(self, item: CuratedInstance) -> str:
        """How an instance came about, if not by the network alone."""
        edits, result = self._session.edits, self._session.reconstruction
        assert result is not None, "instances belong to a result"
        first = len(result.objectness[-1]) - len(edits.interventions.prompts)
        if any(member >= first for member in item.members):
            return "experiment"
        if any(override.query in item.members for override in edits.overrides):
            return "moved"
        return "merged" if len(item.members) > 1 else ""

    def _refresh_actions(self, selection: frozenset[int]) -> None:
        actions, display, hidden = self._actions, self._session.display, self._session.edits.hidden
        text = "Show selected" if selection and selection <= hidden else "Hide selected"
        actions.set("hide", enabled=bool(selection), text=text)
        text = "End isolation" if display.isolated else "Isolate"
        actions.set("isolate", enabled=bool(selection & self._shown() or display.isolated), text=text)
        actions.enable("show_all", enabled=bool(hidden))
        actions.enable("invert_hidden", "select_all", enabled=bool(self._session.shown()))
        actions.set("show_dropped", enabled=True, checked=display.dropped)
        actions.enable("previous_instance", "next_instance", "copy_table", enabled=True)


def called(session: Session, queries: Collection[int]) -> str:
    """Name of one instance, or how many there are."""
    if len(queries) != 1:
        return f"{len(queries)} instances"
    (query,) = queries
    item = session.curated.find(query) if session.curated is not None else None
    return item.name if item is not None else session.edits.names.get(query) or f"Instance {query}"


def summary(curated: Curated) -> str:
    """Such as "23 of 80 queries shown · 4 hidden · 12 below objectness 0.30 · 3 too small"; the numbers add up."""
    queries, wishes = curated.queries, curated.curation
    parts = [f"{queries['shown']} of {sum(queries.values())} queries shown"]
    merged = queries["shown"] - len(curated.shown)
    if merged:
        parts[0] += f" as {len(curated.shown)} instances"
    parts += [
        f"{count} {text}"
        for count, text in (
            (queries["hidden"], "hidden"),
            (queries["objectness"], f"below objectness {wishes.objectness_threshold:.2f}"),
            (queries["size"], "too small"),
            (queries["duplicate"], "duplicate" if queries["duplicate"] == 1 else "duplicates"),
            (queries["floor"], f"below the floor of {InferenceConfig.objectness_floor:.2f}"),
        )
        if count
    ]
    return " · ".join(parts)


def as_csv(curated: Curated, queries: Iterable[int], ruler: Ruler) -> str:
    """Rows of the table as CSV, units in the header.

    Parameters
    ----------
    curated : Curated
    queries : iterable of int
        Rows and their order.
    ruler : Ruler
        How sizes are said.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*CSV_COLUMNS, f"size ({ruler.units})", "visibility", "why not shown"))
    there = {item.query: item for item in (*curated.instances, *curated.unassembled)}
    for query in queries:
        item = there[query]
        merged = " ".join(str(member) for member in item.members) if len(item.members) > 1 else ""
        color = "#{:02x}{:02x}{:02x}".format(*item.color)
        size = f"{item.size * ruler.factor:.6g}" if len(item.pixels) else ""
        seen = (f"{item.objectness:.6g}", len(item.pixels), item.views, size)
        visibility = "shown" if item.verdict == "shown" else "hidden" if item.verdict == "hidden" else "dropped"
        writer.writerow((query, merged, item.name, color, *seen, visibility, curated.reason(item)))
    return text.getvalue()


def _row(curated: Curated, item: CuratedInstance, ruler: Ruler, badge: str) -> tuple[object, ...]:
    """The fields of the table's row."""
    return (
        item.query,
        item.members,
        item.color,
        item.name,
        item.objectness,
        len(item.pixels),
        item.views,
        item.size * ruler.factor,
        item.verdict,
        curated.reason(item),
        badge,
    )
