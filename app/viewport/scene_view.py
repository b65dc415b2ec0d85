"""The OpenGL widget: PyVista's interactor with one render per event-loop turn and no habits of its own.

The interactor style renders on every mouse move, and the finished frame asks Qt for a paint that renders
again; here the style's render only asks for the paint, which Qt coalesces. It leans on private names of
pyvistaqt 0.13.1, which is pinned. PyVista's keys and its way with dropped files are switched off: they
belong to the window. What is drawn belongs to the layers.
"""

import time

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent
from PySide6.QtWidgets import QWidget
from pyvistaqt import QtInteractor
from vtkmodules.vtkCommonCore import vtkFloatArray

CLICK_DISTANCE = 4.0  # logical pixels the mouse may move between press and release of a click
PICK_RADIUS = 2  # device pixels around the pointer in which a point counts as hit


class SceneView(QtInteractor):
    """A render window inside Qt.

    Signals
    -------
    clicked(position, additive)
        Left button went up where it went down; QPointF in logical pixels, and whether Ctrl was held.
    double_clicked(position)
    painted()
        A frame is complete.
    """

    clicked = Signal(QPointF, bool)
    double_clicked = Signal(QPointF)
    painted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, auto_update=False, multi_samples=0)
        self.setObjectName("sceneView")
        self.setAcceptDrops(False)
        self.frame_seconds = 0.0  # of the last frame
        self._stale = True
        self._pressed: QPointF | None = None
        self._Iren.EnableRenderOff()
        self._render_tag = self._Iren.AddObserver("RenderEvent", self._ask_for_paint)

    def request_render(self) -> None:
        """Draw again with the next paint; many requests in one turn of the event loop are one frame."""
        self._stale = True
        self.update()

    def paintGL(self) -> None:
        """Render and show one frame."""
        if self._RenderWindow is None:
            super().paintGL()
            return
        began = time.perf_counter()
        self._Iren.EnableRenderOn()
        try:
            super().paintGL()
        finally:
            self._Iren.EnableRenderOff()
        self.frame_seconds = time.perf_counter() - began
        self._stale = False
        self.painted.emit()

    def world_position(self, position: QPointF) -> tuple[float, float, float] | None:
        """World point of the nearest thing drawn near a logical position, None for the background.

        Reads the depth buffer, so it sees what the user sees: hidden points are not hit.
        """
        if self._stale:
            self.repaint()
        window, ratio = self._RenderWindow, self.devicePixelRatioF()
        width, height = window.GetSize()
        x = round(position.x() * ratio)
        y = round((self.height() - position.y() - 1) * ratio)
        left, bottom = max(0, x - PICK_RADIUS), max(0, y - PICK_RADIUS)
        right, top = min(width - 1, x + PICK_RADIUS), min(height - 1, y + PICK_RADIUS)
        if left > right or bottom > top:
            return None
        depths = vtkFloatArray()
        window.MakeCurrent()
        window.GetZbufferData(left, bottom, right, top, depths)
        count = depths.GetNumberOfTuples()
        nearest = min(range(count), key=depths.GetValue)
        depth = depths.GetValue(nearest)
        if depth >= 1.0:
            return None
        row, column = divmod(nearest, right - left + 1)
        self.renderer.SetDisplayPoint(left + column, bottom + row, depth)
        self.renderer.DisplayToWorld()
        a, b, c, w = self.renderer.GetWorldPoint()
        return a / w, b / w, c / w

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Remember where a click may begin."""
        self._pressed = event.position() if event.button() == Qt.MouseButton.LeftButton else None
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Tell a click from a drag."""
        super().mouseReleaseEvent(event)
        pressed, self._pressed = self._pressed, None
        if pressed is None or event.button() != Qt.MouseButton.LeftButton:
            return
        if (event.position() - pressed).manhattanLength() < CLICK_DISTANCE:
            additive = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
            self.clicked.emit(event.position(), additive)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """A second click in place is not the start of a drag."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.double_clicked.emit(event.position())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keys belong to the window: VTK's own would switch to wireframe or quit."""
        event.ignore()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """See `keyPressEvent`."""
        event.ignore()

    def close(self) -> None:
        """Free the graphics; call before Qt deletes the widget."""
        if not getattr(self, "_closed", True):
            self._Iren.RemoveObserver(self._render_tag)
        super().close()

    def _ask_for_paint(self, *_: object) -> None:
        if not self._in_paint:
            self.request_render()
