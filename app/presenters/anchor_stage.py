"""Anchors on stage: the session's anchors, pins and ways to the 3D view; drags and clicks back.

While an anchor is dragged it stays under the pointer; a line leads to where refinement takes it.
"""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.actions import Actions
from app.coloring import anchor_colors
from app.presenters.anchors import AnchorsPresenter, Position
from app.session.session import Session

TRAILS = ("none", "selected", "all")


class Stage(Protocol):
    """What this presenter needs of the viewport."""

    def set_anchors(
        self,
        positions: NDArray[np.float32],
        colors: NDArray[np.uint8],
        active: NDArray[np.bool_],
        pinned: NDArray[np.bool_],
        shown: NDArray[np.bool_],
    ) -> None: ...
    def set_anchor_marks(self, selected: NDArray[np.int64], hovered: int) -> None: ...
    def set_trails(self, trails: NDArray[np.float32], colors: NDArray[np.uint8]) -> None: ...
    def set_handle(self, dropped: Position | None, landed: NDArray[np.float32] | None) -> None: ...


class AnchorStagePresenter:
    """Session to stage, and back.

    Parameters
    ----------
    session, actions
    anchors : AnchorsPresenter
        Makes edits of moves.
    stage : Stage
    """

    def __init__(self, session: Session, actions: Actions, anchors: AnchorsPresenter, stage: Stage) -> None:
        self._session, self._actions, self._anchors, self._stage = session, actions, anchors, stage
        self._dragged: tuple[int, Position] | None = None
        actions.bind("anchors", self.toggle, enabled=False)
        actions.bind("trails", self.next_trails, enabled=False)
        session.reconstruction_changed.connect(self._on_change)
        session.edits_changed.connect(self._on_change)
        session.display_changed.connect(self._on_change)

    def toggle(self) -> None:
        """Anchors on stage, or off."""
        self._session.show(replace(self._session.display, anchors=not self._session.display.anchors))

    def next_trails(self) -> None:
        """Ways of nobody, of the selected, of all."""
        display = self._session.display
        following = TRAILS[(TRAILS.index(display.trails) + 1) % len(TRAILS)]
        self._session.show(replace(display, trails=following, anchors=True))  # type: ignore[arg-type]

    def click(self, query: int, additive: bool) -> None:
        """An anchor was clicked: its query is selected."""
        display = self._session.display
        chosen = display.selection ^ {query} if additive else frozenset({query})
        self._session.show(replace(display, selection=chosen))

    def drag(self, query: int, position: Position) -> None:
        """An anchor is somewhere else while the button is down."""
        if self._session.display.selection != {query}:
            self._session.show(replace(self._session.display, selection=frozenset({query})))
        self._dragged = query, position
        self._anchors.drag(query, position)

    def drop(self, query: int, position: Position) -> None:
        """The button went up."""
        self._dragged = None
        self._anchors.drop(query, position)

    def abandon(self) -> None:
        """The drag was given up."""
        self._dragged = None
        self._anchors.abandon()
        self._refresh()

    def _on_change(self, _: object) -> None:
        self._refresh()

    def _refresh(self) -> None:
        curated, display, edits = self._session.curated, self._session.display, self._session.edits
        there = curated is not None and curated.reconstruction.anchors.shape[1] > 0
        self._actions.set("anchors", enabled=there, checked=display.anchors)
        self._actions.enable("trails", enabled=there)
        if curated is None or not there:
            return
        result = curated.reconstruction
        positions = np.array(result.anchors[display.layer])
        count = len(positions)
        scores = result.objectness[display.layer]
        pinned, shown = np.zeros(count, bool), np.full(count, display.anchors)
        for override in edits.overrides:
            if override.query < count:
                pinned[override.query] = override.pinned
        for query in edits.interventions.silent(count - len(edits.interventions.prompts)):
            if query < count:
                shown[query] = False
        if self._dragged is not None and self._dragged[0] < count:
            positions[self._dragged[0]] = self._dragged[1]
        colors = anchor_colors(curated)
        self._stage.set_anchors(positions, colors, scores >= edits.objectness_threshold, pinned, shown)
        chosen = np.array(sorted(query for query in display.selection if query < count), np.int64)
        self._stage.set_anchor_marks(chosen, -1 if display.hovered is None else display.hovered)
        of = {"none": chosen[:0], "selected": chosen, "all": np.flatnonzero(shown)}[display.trails]
        of = of if display.anchors else of[:0]
        self._stage.set_trails(result.anchors[:, of].transpose(1, 0, 2), colors[of])
        self._show_handle(result.anchors[display.layer], chosen)

    def _show_handle(self, anchors: NDArray[np.float32], chosen: NDArray[np.int64]) -> None:
        """From where the user put an anchor to where refinement took it."""
        places = {override.query: override.position for override in self._session.edits.overrides}
        if self._dragged is not None:
            places[self._dragged[0]] = self._dragged[1]
        if self._session.display.anchors and len(chosen) == 1 and int(chosen[0]) in places:
            self._stage.set_handle(places[int(chosen[0])], anchors[chosen[0]])
        else:
            self._stage.set_handle(None, None)
