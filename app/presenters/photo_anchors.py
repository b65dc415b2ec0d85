"""Anchors in the large photo: how each is seen there, and drags along the rays of the photo's camera.

A dragged anchor keeps its depth, unless the wheel changes it or the surface under the pointer gives one.
"""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from app.anchor_places import NEAREST, depth_in_photo, on_ray, seen_anchors, surface_depth
from app.coloring import anchor_colors
from app.photo_layers import ProjectedAnchors
from app.presenters.anchor_drag import WAYS, AnchorDrag, Position
from app.session.ruler import Ruler
from app.session.session import Display, Session
from fast3dis_core.curation import Curated

NOTCH = 1.03  # depth of one wheel notch farther, as a multiple


class Layer(Protocol):
    """What this presenter needs of the anchors over the photo."""

    def set_anchors(self, anchors: Sequence[Any]) -> None: ...
    def set_drag(self, ghost: tuple[int, float, float] | None, note: str) -> None: ...


class PhotoAnchorsPresenter:
    """Session to anchors over the photo, and back.

    Parameters
    ----------
    session : Session
    drag : AnchorDrag
    layer : Layer
    mark : callable
        Makes what the layer draws of query, pixel x and y, color, sight, and whether it is selected.
    """

    def __init__(self, session: Session, drag: AnchorDrag, layer: Layer, mark: Callable[..., Any]) -> None:
        self._session, self._drag, self._layer, self._mark = session, drag, layer, mark
        self._pixel, self._depth = (0.0, 0.0), 0.0
        session.reconstruction_changed.connect(self._refresh)
        session.edits_changed.connect(self._refresh)
        session.display_changed.connect(self._refresh)
        drag.changed.connect(self._refresh)

    def move(self, query: int, x: float, y: float, surface: bool) -> None:
        """An anchor is over another pixel while the button is down."""
        result, view = self._session.reconstruction, self._session.display.view
        if result is None:
            return
        state = self._drag.state
        if state is None or state.query != query:
            self._depth = depth_in_photo(result, view, self._drag.shown(query))
        self._pixel, way = (x, y), "ray"
        if surface:
            there = surface_depth(result, view, x, y)
            self._depth, way = (self._depth, "air") if there is None else (there, "surface")
        self._drag.move(query, on_ray(result, view, x, y, self._depth), way)

    def deepen(self, notches: float) -> None:
        """The wheel turned: nearer or farther on the same ray."""
        result, state = self._session.reconstruction, self._drag.state
        if result is not None and state is not None:
            self._depth = max(self._depth * NOTCH**notches, NEAREST * abs(self._depth))
            self._drag.move(state.query, on_ray(result, self._session.display.view, *self._pixel, self._depth), "ray")

    def drop(self) -> None:
        """The button went up."""
        if self._drag.state is not None:
            self._drag.drop(self._drag.state.query, self._drag.state.position)

    def _refresh(self, _: object) -> None:
        curated, display, state = self._session.curated, self._session.display, self._drag.state
        if curated is None or not (display.photo_anchors or state is not None):
            self._layer.set_anchors(())
            self._layer.set_drag(None, "")
            return
        moved = {} if state is None else {state.query: state.position}
        seen = seen_anchors(curated.reconstruction, display.view, display.layer, moved)
        self._layer.set_anchors(self._marks(curated, display, seen))
        if state is None:
            self._layer.set_drag(None, "")
            return
        old = seen_anchors(curated.reconstruction, display.view, display.layer, {state.query: state.start})
        x, y = (float(value) for value in old.positions[state.query])
        self._layer.set_drag((state.query, x, y), self._words(curated, state.position, state.way))

    def _marks(self, curated: Curated, display: Display, seen: ProjectedAnchors) -> list[Any]:
        colors, state = anchor_colors(curated), self._drag.state
        wanted = {member for item in curated.shown for member in item.members} | display.selection
        if not display.photo_anchors:
            wanted = set() if state is None else {state.query}
        return [
            self._mark(
                query,
                float(seen.positions[query, 0]),
                float(seen.positions[query, 1]),
                (int(colors[query, 0]), int(colors[query, 1]), int(colors[query, 2])),
                seen.sights[query],
                query in display.selection,
            )
            for query in sorted(wanted)
            if query < len(colors)
        ]

    def _words(self, curated: Curated, position: Position, way: str) -> str:
        state, result = self._drag.state, curated.reconstruction
        assert state is not None, "words are about a drag"
        ruler = Ruler.of(result.units, self._session.edits.scale)
        depth = depth_in_photo(result, self._session.display.view, position) * ruler.factor
        words = f"Anchor {state.query} {WAYS[way]} · depth {depth:.2f} {ruler.units}"
        if self._session.previewed == state.query:
            words += f" · preview: objectness {result.objectness[self._session.display.layer, state.query]:.2f}"
        return words
