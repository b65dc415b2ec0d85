"""Anchors: the ledger of queries and their health to the panel; numbers, pins and layers back as edits.

Dragging is the business of `anchor_drag`, what an anchor looks like in 3D that of `anchor_stage`.
"""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from app.actions import Actions
from app.presenters.anchor_drag import AnchorDrag, Position
from app.session.edits import Edits
from app.session.ruler import Ruler
from app.session.session import Display, Inspection, Session
from fast3dis_core.anchor_health import AnchorHealth
from fast3dis_core.curation import Curated
from fast3dis_core.ledger import LedgerLine, capacity, query_ledger
from fast3dis_core.reconstruction import Reconstruction


class Panel(Protocol):
    """What this presenter needs of the panel."""

    def set_summary(self, text: str, warning: str) -> None: ...
    def set_layers(self, count: int, layer: int) -> None: ...
    def set_units(self, units: str) -> None: ...
    def set_rows(self, rows: Sequence[tuple[Any, ...]]) -> None: ...
    def set_selection(self, queries: frozenset[int]) -> None: ...
    def set_any_moved(self, moved: bool) -> None: ...
    def set_anchor(
        self, title: str, position: Position | None, *, pinned: bool, moved: bool, step: float, units: str
    ) -> None: ...


class AnchorsPresenter:
    """Session to panel, and back.

    Parameters
    ----------
    session : Session
    actions : Actions
    drag : AnchorDrag
    panel : Panel
    """

    def __init__(self, session: Session, actions: Actions, drag: AnchorDrag, panel: Panel) -> None:
        self._session, self._actions, self._drag, self._panel = session, actions, drag, panel
        for name, handler in (
            ("pin", self.pin),
            ("reset_anchor", self.reset),
            ("reset_anchors", self.reset_all),
            ("layer_up", lambda: self.step_layer(1)),
            ("layer_down", lambda: self.step_layer(-1)),
        ):
            actions.bind(name, handler, enabled=False)
        session.reconstruction_changed.connect(self._on_reconstruction)
        session.edits_changed.connect(self._on_edits)
        session.display_changed.connect(self._on_display)
        session.inspection_changed.connect(self._on_inspection)
        self._refresh()

    # what the user does

    def select(self, queries: frozenset[int]) -> None:
        """Rows of the ledger were chosen."""
        self._session.show(replace(self._session.display, selection=queries))

    def place(self, position: Position) -> None:
        """Numbers were typed for the selected anchor, in the units shown."""
        query = self._drag.selected
        if query is not None:
            factor = self._ruler().factor
            x, y, z = (value / factor for value in position)
            moved = replace(self._drag.override(query), position=(x, y, z))
            self._drag.put(moved, f"Move anchor {query}")

    def nudge(self, offset: Position) -> None:
        """The selected anchor moves by so much; many nudges in a row are one step of the history."""
        query = self._drag.selected
        if query is not None:
            self._drag.nudge(query, offset)

    def pin(self) -> None:
        """Hold the selected anchor where it is through all layers, or let it go; also while it is dragged."""
        query = self._drag.selected
        if query is None or self._drag.toggle_pin():
            return
        before = self._drag.override(query)
        label = f"{'Unpin' if before.pinned else 'Pin'} anchor {query}"
        self._drag.put(replace(before, pinned=not before.pinned), label)

    def reset(self) -> None:
        """Give the selected anchors back to the generator."""
        chosen = self._session.display.selection
        edits = self._session.edits
        kept = tuple(item for item in edits.overrides if item.query not in chosen)
        if kept != edits.overrides:
            names = ", ".join(str(item.query) for item in edits.overrides if item.query in chosen)
            self._session.edit(f"Reset anchor {names}", replace(edits, overrides=kept))

    def reset_all(self) -> None:
        """Give all anchors back to the generator."""
        self._session.edit("Reset all anchors", replace(self._session.edits, overrides=()))

    def set_layer(self, layer: int) -> None:
        """Show another decoder layer; the last one is -1, so that it stays the last."""
        last = self._last_layer()
        self._session.show(replace(self._session.display, layer=-1 if layer >= last else max(0, layer)))

    def step_layer(self, step: int) -> None:
        """One layer up or down."""
        self.set_layer(self._layer() + step)

    # what the session says

    def _on_reconstruction(self, _: Reconstruction) -> None:
        if not self._session.previewing:  # numbers of a preview would flicker and hold for one query only
            self._refresh()

    def _on_edits(self, _: Edits) -> None:
        if not self._session.previewing:  # else the answer is on its way
            self._refresh()

    def _on_inspection(self, _: Inspection) -> None:
        self._refresh()

    def _on_display(self, _: Display) -> None:
        self._show_anchor()
        self._panel.set_selection(self._session.display.selection)
        self._panel.set_layers(self._last_layer(), self._layer())

    def _refresh(self) -> None:
        curated = self._session.curated
        there = curated is not None and len(curated.reconstruction.objectness[-1]) > 0
        self._actions.enable("layer_up", "layer_down", enabled=there)
        moved = bool(self._session.edits.overrides)
        self._actions.enable("reset_anchors", enabled=moved)
        self._panel.set_any_moved(moved)
        if curated is None or not there:
            self._panel.set_summary("Open a result with masks to see its anchors.", "")
            self._panel.set_rows(())
        else:
            self._show_ledger(curated)
        self._on_display(self._session.display)

    def _show_ledger(self, curated: Curated) -> None:
        inspection, display = self._session.inspection, self._session.display
        count = len(curated.reconstruction.objectness[-1])
        wishes = self._session.edits.interventions
        silent = wishes.silent(count - len(wishes.prompts))
        removed = silent - wishes.muted_queries
        lines = query_ledger(curated, layer=display.layer, silent=silent, removed=removed)
        own = len(wishes.prompts)
        used, there = capacity(curated, layer=display.layer, prompts=own)
        text = f"{used} of {there} queries used" + (f" · {own - len(removed)} of your own" if own else "")
        health: Sequence[AnchorHealth | None] = [None] * count
        if inspection is not None:
            health, trained = inspection.health, inspection.health[: count - own]  # figures are of the network alone
            away = sum(item.inside is False for item in trained if lines[item.query].shown)
            double = sum(any(other < len(trained) for other in item.duplicates) for item in trained)
            never = sum(item.never_active for item in trained)
            text += (
                f" · {away} {'anchor' if away == 1 else 'anchors'} away from {'its' if away == 1 else 'their'} instance"
            )
            text += f" · {double} on another anchor · {never} never active"
        warning = "All queries are used: objects may be missing for want of one." if used == there else ""
        self._panel.set_summary(text, warning)
        ruler = self._ruler()
        self._panel.set_units("m" if ruler.units == "m" else "units")
        self._panel.set_rows([_row(*pair, ruler.factor) for pair in zip(lines, health, strict=True)])

    def _show_anchor(self) -> None:
        result, query = self._session.reconstruction, self._drag.selected
        chosen = self._session.display.selection
        moved = any(item.query in chosen for item in self._session.edits.overrides)
        self._actions.enable("pin", enabled=query is not None)
        self._actions.enable("reset_anchor", enabled=moved)
        if result is None or query is None:
            self._panel.set_anchor("Select one query", None, pinned=False, moved=False, step=0.01, units="")
            return
        held, ruler = self._drag.override(query), self._ruler()
        title = f"Anchor {query}"
        if moved:
            way = math.dist(held.position, self._drag.shown(query)) * ruler.factor
            title += f" · moved by hand, refined by {way:.2f} {ruler.units}"
        x, y, z = (value * ruler.factor for value in held.position)
        self._panel.set_anchor(title, (x, y, z), pinned=held.pinned, moved=moved, step=0.01, units=ruler.units)

    # helpers of the two directions

    def _ruler(self) -> Ruler:
        result = self._session.reconstruction
        return Ruler() if result is None else Ruler.of(result.units, self._session.edits.scale)

    def _last_layer(self) -> int:
        result = self._session.reconstruction
        return 0 if result is None else len(result.anchors) - 1

    def _layer(self) -> int:
        layer = self._session.display.layer
        return self._last_layer() if layer < 0 else layer


def _row(line: LedgerLine, health: AnchorHealth | None, factor: float) -> tuple[Any, ...]:
    """Query, name, objectness, what became of it, anchor at its instance, two distances, active layers, duplicates.

    Distances are in the units shown, of which a scene unit has `factor`.
    """
    lengths: list[float | None] = [None, None]
    if health is not None:
        known = (health.surface_distance, health.centroid_distance)
        lengths = [None if length is None else factor * length for length in known]
    return (
        line.query,
        line.name,
        line.objectness,
        "shown" if line.shown and not line.reason else line.reason,
        None if health is None else health.inside,
        *lengths,
        None if health is None else health.active_layers,
        () if health is None else health.duplicates,
    )
