"""Dragging anchors with the left button, in the plane that faces the camera through the anchor.

Anchors are hit before points and before the camera turns. Where a dragged anchor goes is told while it moves; what
that means is the presenter's business.
"""

from typing import Any

import numpy as np
from PySide6.QtCore import QObject, QPointF, Signal

from app.viewport.anchor_layer import AnchorLayer

CLICK_DISTANCE = 4.0  # logical pixels the mouse may move in a click


class AnchorTool(QObject):
    """Left button on anchors.

    Parameters
    ----------
    view : SceneView
    layer : AnchorLayer

    Signals
    -------
    dragged(query, position), dropped(query, position)
        World, a tuple of three float.
    abandoned()
    clicked(query, additive)
    """

    dragged = Signal(int, object)
    dropped = Signal(int, object)
    abandoned = Signal()
    clicked = Signal(int, bool)

    def __init__(self, view: Any, layer: AnchorLayer) -> None:
        super().__init__(view)
        self._view, self._layer = view, layer
        self._query = -1
        self._start = QPointF()
        self._offset, self._depth = (0.0, 0.0), 0.0
        self._position: tuple[float, float, float] | None = None  # None until the mouse has moved far enough

    @property
    def holding(self) -> bool:
        """Whether an anchor is held."""
        return self._query >= 0

    def press(self, position: QPointF) -> bool:
        """The left button went down; whether it is the tool's."""
        x, y = self._view.device_position(position)
        query = self._layer.pick(x, y)
        if query < 0:
            return False
        self._query, self._start, self._position = query, position, None
        renderer = self._view.renderer
        renderer.SetWorldPoint(*(float(value) for value in self._layer.position(query)), 1.0)
        renderer.WorldToDisplay()
        across, up, self._depth = renderer.GetDisplayPoint()
        self._offset = (across - x, up - y)
        return True

    def move(self, position: QPointF) -> None:
        """The mouse moved with the button down."""
        if self._position is None and (position - self._start).manhattanLength() < CLICK_DISTANCE:
            return
        x, y = self._view.device_position(position)
        place = self._view.unproject((x + self._offset[0], y + self._offset[1], self._depth))
        self._position = (float(place[0]), float(place[1]), float(place[2]))
        self._layer.move(self._query, np.array(place))
        self._view.request_render()
        self.dragged.emit(self._query, self._position)

    def release(self, additive: bool) -> None:
        """The button went up: a drag ends, or it was a click."""
        query, position = self._query, self._position
        self._query, self._position = -1, None
        if position is None:
            self.clicked.emit(query, additive)
        else:
            self.dropped.emit(query, position)

    def cancel(self) -> bool:
        """Give up; whether there was something to give up."""
        if not self.holding:
            return False
        self._query, self._position = -1, None
        self.abandoned.emit()
        return True
