"""Anchors on stage: the session's anchors, pins and ways to the 3D view; drags and clicks back.

While an anchor is dragged it stays under the pointer; a line leads to where refinement takes it.
"""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from dataclasses import replace
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.actions import Actions
from app.coloring import anchor_colors
from app.presenters.anchor_drag import WAYS, AnchorDrag, Position
from app.session.session import Session

TRAILS = ("none", "selected", "all")
NUDGES = {  # steps to the right, upwards and away from the viewer
    "nudge_left": (-1.0, 0.0, 0.0),
    "nudge_right": (1.0, 0.0, 0.0),
    "nudge_down": (0.0, -1.0, 0.0),
    "nudge_up": (0.0, 1.0, 0.0),
    "nudge_near": (0.0, 0.0, -1.0),
    "nudge_far": (0.0, 0.0, 1.0),
}


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
    def set_ghost(self, query: int, place: Position | None) -> None: ...
    def set_handle(self, dropped: Position | None, landed: NDArray[np.float32] | None) -> None: ...


class Tool(Protocol):
    """What this presenter needs of what drags."""

    def lock(self, axis: str) -> None: ...
    def step(self, query: int, across: float, up: float, away: float) -> Position: ...


class Note(Protocol):
    """What this presenter needs of the words over the scene."""

    def tell(self, text: str) -> None: ...


class AnchorStagePresenter:
    """Session to stage, and back.

    Parameters
    ----------
    session, actions
    drag : AnchorDrag
    stage, tool, note
        See the protocols.
    """

    def __init__(
        self, session: Session, actions: Actions, drag: AnchorDrag, *, stage: Stage, tool: Tool, note: Note
    ) -> None:
        self._session, self._actions, self._drag = session, actions, drag
        self._stage, self._tool, self._note = stage, tool, note
        actions.bind("anchors", self.toggle, enabled=False)
        actions.bind("trails", self.next_trails, enabled=False)
        for axis in "xyz":
            actions.bind(f"lock_{axis}", partial(tool.lock, axis), enabled=False)
        for name, (across, up, away) in NUDGES.items():
            actions.bind(name, partial(self.nudge, across, up, away), enabled=False)
        session.reconstruction_changed.connect(self._on_change)
        session.edits_changed.connect(self._on_change)
        session.display_changed.connect(self._on_change)
        drag.changed.connect(self._on_drag)

    def toggle(self) -> None:
        """Anchors on stage, or off."""
        self._session.show(replace(self._session.display, anchors=not self._session.display.anchors))

    def next_trails(self) -> None:
        """Ways of nobody, of the selected, of all."""
        display = self._session.display
        following = TRAILS[(TRAILS.index(display.trails) + 1) % len(TRAILS)]
        self._session.show(replace(display, trails=following, anchors=True))  # type: ignore[arg-type]

    def nudge(self, across: float, up: float, away: float) -> None:
        """Move the selected anchor a little, as the screen has it."""
        query = self._drag.selected
        if query is not None:
            self._drag.nudge(query, self._tool.step(query, across, up, away))

    def _on_drag(self, _: object) -> None:
        state = self._drag.state
        self._actions.enable("lock_x", "lock_y", "lock_z", enabled=state is not None and state.way != "ray")
        self._stage.set_ghost(-1 if state is None else state.query, None if state is None else state.start)
        self._refresh()

    def _tell(self) -> None:
        """What is dragged, how, and what it would come to."""
        state, curated = self._drag.state, self._session.curated
        if state is None or curated is None:
            self._note.tell("")
            return
        words = f"Anchor {state.query} {WAYS[state.way]}"
        if state.pinned:
            words += " · held through all layers"
        if self._session.previewed == state.query:
            score = curated.reconstruction.objectness[self._session.display.layer, state.query]
            below = " (below the threshold)" if score < self._session.edits.objectness_threshold else ""
            words += f" · preview: objectness {score:.2f}{below}"
        self._note.tell(words)

    def _on_change(self, _: object) -> None:
        self._refresh()

    def _refresh(self) -> None:
        self._tell()
        curated, display, edits = self._session.curated, self._session.display, self._session.edits
        there = curated is not None and curated.reconstruction.anchors.shape[1] > 0
        self._actions.set("anchors", enabled=there, checked=display.anchors)
        self._actions.enable("trails", enabled=there)
        self._actions.enable(*NUDGES, enabled=display.anchors and self._drag.selected is not None)
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
        state = self._drag.state
        if state is not None and state.query < count:
            positions[state.query], pinned[state.query] = state.position, state.pinned
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
        if self._drag.state is not None:
            places[self._drag.state.query] = self._drag.state.position
        if self._session.display.anchors and len(chosen) == 1 and int(chosen[0]) in places:
            self._stage.set_handle(places[int(chosen[0])], anchors[chosen[0]])
        else:
            self._stage.set_handle(None, None)
