"""An anchor under way: chosen by a click, followed by previews while the button is down, one edit when it is let go.

The 3D view and the photo both drag; both are told here where the anchor is, and both draw what the other one moves.
"""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from dataclasses import dataclass, replace
from typing import Protocol

from psygnal import Signal

from app.session.session import Session
from fast3dis_core.reconstruction import AnchorOverride

Position = tuple[float, float, float]
WAYS = {
    "": "facing you · X, Y, Z lock an axis, Shift keeps to the surface",
    "x": "along X",
    "y": "along Y",
    "z": "along Z",
    "surface": "on the surface",
    "air": "no surface here",
    "ray": "at one depth · wheel changes it, Shift takes that of the surface",
}


class Probe(Protocol):
    """What follows a drag."""

    def drag(self, override: AnchorOverride | None) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Dragging:
    """An anchor that is dragged.

    Attributes
    ----------
    query : int
    start, position : Position
        Where it was, and where it is; world.
    way : str
        A key of `WAYS`: what it is bound to.
    pinned : bool
        Whether it will be held through all layers.
    """

    query: int
    start: Position
    position: Position
    way: str = ""
    pinned: bool = False


class AnchorDrag:
    """The drag, if there is one.

    Parameters
    ----------
    session : Session
    probe : Probe

    Notes
    -----
    `changed` carries the `Dragging`, or None at its end; `asks` comes before the decoder is asked, with False
    for a preview and True for the exact answer to an edit.
    """

    changed = Signal(object)
    asks = Signal(bool)

    def __init__(self, session: Session, probe: Probe) -> None:
        self._session, self._probe = session, probe
        self.state: Dragging | None = None

    @property
    def selected(self) -> int | None:
        """The one selected query, if it has an anchor; None for none and for several."""
        chosen, result = self._session.display.selection, self._session.reconstruction
        if result is None or len(chosen) != 1:
            return None
        (query,) = chosen
        return query if query < result.anchors.shape[1] else None

    def click(self, query: int, additive: bool) -> None:
        """An anchor was clicked: its query is selected, or with `additive` among others, or no longer."""
        display = self._session.display
        chosen = display.selection ^ {query} if additive else frozenset({query})
        self._session.show(replace(display, selection=chosen))

    def move(self, query: int, position: Position, way: str = "") -> None:
        """An anchor is somewhere else while the button is down."""
        before = self.state
        if before is None or before.query != query:
            before = Dragging(
                query=query, start=self.place(query), position=position, pinned=self.override(query).pinned
            )
            if self._session.display.selection != {query}:
                self._session.show(replace(self._session.display, selection=frozenset({query})))
        self._follow(replace(before, position=position, way=way))

    def toggle_pin(self) -> bool:
        """Hold what is dragged through all layers, or not; whether something is dragged."""
        if self.state is None:
            return False
        self._follow(replace(self.state, pinned=not self.state.pinned))
        return True

    def drop(self, query: int, position: Position) -> None:
        """The button went up: one edit, and the exact answer of all queries."""
        state, self.state = self.state, None
        pinned = self.override(query).pinned if state is None else state.pinned
        before = self._session.edits
        self.put(AnchorOverride(query=query, position=position, pinned=pinned), f"Move anchor {query}")
        if self._session.edits == before:  # back where it was: there will be no answer to end the preview
            self._probe.drag(None)
        self.changed.emit(None)

    def abandon(self) -> None:
        """The drag was given up: everything is as before."""
        self.state = None
        self._probe.drag(None)
        self.changed.emit(None)

    def nudge(self, query: int, offset: Position) -> None:
        """A small step; many in a row are one step of the history."""
        before = self.override(query)
        x, y, z = (here + by for here, by in zip(before.position, offset, strict=True))
        self.put(replace(before, position=(x, y, z)), f"Nudge anchor {query}", gesture=f"nudge {query}")

    def put(self, override: AnchorOverride, label: str, gesture: str | None = None) -> None:
        """Make it an edit."""
        self.asks.emit(True)
        edits = self._session.edits
        kept = tuple(item for item in edits.overrides if item.query != override.query)
        self._session.edit(label, replace(edits, overrides=(*kept, override)), gesture)

    def override(self, query: int) -> AnchorOverride:
        """What the user wants of an anchor; where it is now if nothing yet."""
        found = next((item for item in self._session.edits.overrides if item.query == query), None)
        return found or AnchorOverride(query=query, position=self.shown(query), pinned=self._pinned_prompt(query))

    def place(self, query: int) -> Position:
        """Where the user put an anchor, or where the shown layer left it."""
        return self.override(query).position

    def shown(self, query: int) -> Position:
        """Where the shown layer left an anchor."""
        result = self._session.reconstruction
        assert result is not None, "there are anchors only of a result"
        x, y, z = (float(value) for value in result.anchors[self._session.display.layer, query])
        return x, y, z

    def _pinned_prompt(self, query: int) -> bool:
        result, prompts = self._session.reconstruction, self._session.edits.interventions.prompts
        assert result is not None, "there are anchors only of a result"
        number = query - (result.anchors.shape[1] - len(prompts))
        return 0 <= number < len(prompts) and prompts[number].pinned

    def _follow(self, state: Dragging) -> None:
        self.state = state
        self.asks.emit(False)
        self._probe.drag(AnchorOverride(query=state.query, position=state.position, pinned=state.pinned))
        self.changed.emit(state)
