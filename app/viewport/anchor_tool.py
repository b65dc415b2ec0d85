"""Dragging anchors with the left button: in the plane that faces the camera, along an axis, or on the surface.

Anchors are hit before points and before the camera turns. Where a dragged anchor goes is told while it moves; what
that means is the presenter's business.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QPointF, Signal

from app.viewport.anchor_layer import AnchorLayer
from app.viewport.drag_note import DragNote
from app.viewport.drag_ways import along_axis
from app.viewport.point_cloud_layer import PointCloudLayer

CLICK_DISTANCE = 4.0  # logical pixels the mouse may move in a click
SNAP_RADIUS = 6  # device pixels around the pointer in which a surface is looked for


class AnchorTool(QObject):
    """Left button on anchors.

    Parameters
    ----------
    view : SceneView
    layer : AnchorLayer
    cloud : PointCloudLayer
        The surface.

    Signals
    -------
    dragged(query, position, way)
        World, a tuple of three float; the way is "" in the plane facing the camera, "x", "y" or "z" along an axis,
        "surface" on a point of the cloud, "air" where there should be one and is none.
    dropped(query, position)
    abandoned()
    clicked(query, additive)
    """

    dragged = Signal(int, object, str)
    dropped = Signal(int, object)
    abandoned = Signal()
    clicked = Signal(int, bool)

    def __init__(self, view: Any, layer: AnchorLayer, cloud: PointCloudLayer) -> None:
        super().__init__(view)
        self._view, self._layer, self._cloud = view, layer, cloud
        self.note = DragNote(view)
        self._query, self._axis, self._snaps = -1, "", False
        self._start, self._pointer = QPointF(), QPointF()
        self._origin: NDArray[np.float64] = np.zeros(3)  # where the anchor was
        self._offset, self._depth = (0.0, 0.0), 0.0
        self._position: tuple[float, float, float] | None = None  # None until the mouse has moved far enough

    @property
    def holding(self) -> bool:
        """Whether an anchor is held."""
        return self._query >= 0

    def lock(self, axis: str) -> None:
        """Bind what is dragged to a world axis, "x", "y" or "z"; the same again frees it."""
        if self.holding:
            self._axis = "" if axis == self._axis else axis
            if self._position is not None:
                self._go()

    def step(self, query: int, across: float, up: float, away: float) -> tuple[float, float, float]:
        """World offset of small steps of an anchor as the screen has it."""
        x, y, z = self._layer.step(query, across, up, away).tolist()
        return x, y, z

    def press(self, position: QPointF) -> bool:
        """The left button went down; whether it is the tool's."""
        x, y = self._view.device_position(position)
        query = self._layer.pick(x, y)
        if query < 0:
            return False
        self._query, self._start, self._position = query, position, None
        self._axis = ""
        self._origin = np.array(self._layer.position(query), np.float64)
        renderer = self._view.renderer
        renderer.SetWorldPoint(*self._origin.tolist(), 1.0)
        renderer.WorldToDisplay()
        across, up, self._depth = renderer.GetDisplayPoint()
        self._offset = (across - x, up - y)
        return True

    def move(self, position: QPointF, *, snaps: bool = False) -> None:
        """The mouse moved with the button down; whether the anchor keeps to the surface."""
        if self._position is None and (position - self._start).manhattanLength() < CLICK_DISTANCE:
            return
        self._pointer, self._snaps = position, snaps
        self._go()

    def release(self, additive: bool) -> None:
        """The button went up: a drag ends, or it was a click."""
        query, position = self._query, self._position
        self._end()
        if position is None:
            self.clicked.emit(query, additive)
        else:
            self.dropped.emit(query, position)

    def cancel(self) -> bool:
        """Give up; whether there was something to give up."""
        if not self.holding:
            return False
        self._end()
        self.abandoned.emit()
        return True

    def _end(self) -> None:
        self._query, self._position, self._axis = -1, None, ""
        self._layer.set_guide("", self._origin)

    def _go(self) -> None:
        """Where pointer, axis and surface say."""
        place, way = self._place()
        self._position = (float(place[0]), float(place[1]), float(place[2]))
        self._layer.move(self._query, place)
        self._layer.set_guide(self._axis, self._origin)
        self.dragged.emit(self._query, self._position, way)
        self._view.request_render()

    def _place(self) -> tuple[NDArray[np.float64], str]:
        if self._snaps:
            surface = self._view.world_position(self._pointer, radius=SNAP_RADIUS, as_painted=True)
            point = None if surface is None else self._cloud.snap(surface)
            if point is not None:
                return np.array(point, np.float64), "surface"
        x, y = self._view.device_position(self._pointer)
        x, y = x + self._offset[0], y + self._offset[1]
        if self._axis:
            near, far = (np.array(self._view.unproject((x, y, depth))) for depth in (0.0, 1.0))
            place = along_axis(self._origin, self._axis, near, far)
            if place is not None:
                return place, self._axis
            return np.array(self._position or self._origin), self._axis
        return np.array(self._view.unproject((x, y, self._depth))), "air" if self._snaps else ""
