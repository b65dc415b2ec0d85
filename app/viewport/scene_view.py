"""The OpenGL widget: PyVista's interactor with one render per event-loop turn and no habits of its own.

The interactor style renders on every mouse move, and the finished frame asks Qt for a paint that renders
again; here the style's render only asks for the paint, which Qt coalesces. It leans on private names of
pyvistaqt 0.13.1, which is pinned. PyVista's keys and its way with dropped files are switched off: they
belong to the window. What is drawn belongs to the layers.
"""

import time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QWidget
from pyvistaqt import QtInteractor
from vtkmodules.util.numpy_support import vtk_to_numpy
from vtkmodules.vtkCommonCore import vtkFloatArray, vtkUnsignedCharArray

if TYPE_CHECKING:
    from app.viewport.anchor_tool import AnchorTool

CLICK_DISTANCE = 4.0  # logical pixels the mouse may move between press and release of a click
PICK_RADIUS = 2  # device pixels around the pointer in which a point counts as hit


class SceneView(QtInteractor):
    """A render window inside Qt.

    Signals
    -------
    clicked(position, additive)
        Left button went up where it went down; QPointF in logical pixels, and whether Ctrl was held.
    double_clicked(position)
    menu_asked(position, place)
        Right button went up where it went down: in the view, QPointF, and on the screen, QPoint.
    pointed(position)
        The mouse moved with no button down.
    pointed_away()
        It left, or a button went down.
    left()
        It is outside of the view.
    wheeled(position, notches)
        Notches are a float: touch pads give parts of one.
    painted()
        A frame is complete.
    waits(on)
        Frames begin to wait for colors, or need not any longer.

    Attributes
    ----------
    tool : AnchorTool or None
        Is offered the left button before anybody else.
    """

    clicked = Signal(QPointF, bool)
    double_clicked = Signal(QPointF)
    menu_asked = Signal(QPointF, QPoint)
    pointed = Signal(QPointF)
    pointed_away = Signal()
    left = Signal()
    wheeled = Signal(QPointF, float)
    painted = Signal()
    waits = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, auto_update=False, multi_samples=0)
        self.setObjectName("sceneView")
        self.setAccessibleName("3D view")
        self.setMouseTracking(True)
        self.tool: AnchorTool | None = None
        self.setAcceptDrops(False)
        self.frame_seconds = 0.0  # of the last frame
        self._stale, self._drawn = True, False  # whether there is anything new to draw; whether there is any frame
        self._resizing = False
        self._set_up = False  # the first frame of a context comes with its first size, or VTK's stay black
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.timeout.connect(self.stop_waiting)
        self._pressed: QPointF | None = None
        self._right_pressed: QPointF | None = None
        self._Iren.EnableRenderOff()
        self._render_tag = self._Iren.AddObserver("RenderEvent", self._ask_for_paint)

    def request_render(self) -> None:
        """Draw again with the next paint; many requests in one turn of the event loop are one frame."""
        self._stale = True
        if not self._patience.isActive():
            self.update()

    def Render(self) -> None:
        """What PyVista calls when it wants a frame."""
        self.request_render()

    @property
    def waiting(self) -> bool:
        """Whether frames wait for colors."""
        return self._patience.isActive()

    def wait(self, milliseconds: int) -> None:
        """Colors are on their way: frames asked for from now on come with them, or when the time is over."""
        if not self.waiting or milliseconds > self._patience.interval():  # many in a row do not prolong it
            self._patience.start(milliseconds)
            self.waits.emit(True)

    def stop_waiting(self) -> None:
        """The colors are here: draw what waits for them."""
        self._end_waiting()
        if self._stale:
            self.update()

    def _end_waiting(self) -> None:
        self._patience.stop()
        self.waits.emit(False)

    def paintGL(self) -> None:
        """Render and show one frame; the last one again if Qt asks for another reason, such as words over the scene."""
        if self._RenderWindow is None:
            super().paintGL()
            return
        if self._resizing and self._set_up:
            return
        self._set_up = True
        if self._drawn and (self.waiting or not self._stale):
            self._show_again()
            return
        began = time.perf_counter()
        self._Iren.EnableRenderOn()
        try:
            super().paintGL()
        finally:
            self._Iren.EnableRenderOff()
        self._drawn = True
        self.frame_seconds = time.perf_counter() - began
        self._stale = False
        self.painted.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Qt would paint with every size on the way to the last, such as when the stage is split; this is one frame."""
        self._resizing = True
        try:
            super().resizeEvent(event)
        finally:
            self._resizing = False
        self.update()

    def resizeGL(self, width: int, height: int) -> None:
        """Nothing is drawn in the new size yet."""
        self._drawn, self._stale = False, True
        super().resizeGL(width, height)

    def initializeGL(self) -> None:
        """Nor in a new context."""
        self._drawn, self._stale, self._set_up = False, True, False
        super().initializeGL()

    def world_position(
        self, position: QPointF, *, radius: int = PICK_RADIUS, as_painted: bool = False
    ) -> tuple[float, float, float] | None:
        """World point of the nearest thing drawn near a logical position, None for the background.

        Reads the depth buffer, so it sees what the user sees: hidden points are not hit. `as_painted` takes the last
        frame, which is right while the camera rests, where a new one would have to be waited for.
        """
        pixel = self.nearest_pixel(position, radius=radius, as_painted=as_painted)
        return None if pixel[2] >= 1.0 else self.unproject(pixel)

    def nearest_pixel(
        self, position: QPointF, *, radius: int = PICK_RADIUS, as_painted: bool = False
    ) -> tuple[float, float, float]:
        """Device pixel, y up, near a logical position where the nearest thing is drawn, and its depth in [0, 1].

        A depth of 1 is the background. See `world_position`.
        """
        if self._stale and not as_painted:
            self._end_waiting()
            self.repaint()
        window = self._RenderWindow
        width, height = window.GetSize()
        x, y = (round(place) for place in self.device_position(position))
        left, bottom = max(0, x - radius), max(0, y - radius)
        right, top = min(width - 1, x + radius), min(height - 1, y + radius)
        if left > right or bottom > top:
            return x, y, 1.0
        depths = vtkFloatArray()
        window.MakeCurrent()
        window.GetZbufferData(left, bottom, right, top, depths)
        nearest = min(range(depths.GetNumberOfTuples()), key=depths.GetValue)
        row, column = divmod(nearest, right - left + 1)
        return left + column, bottom + row, depths.GetValue(nearest)

    def picture(self, width: int, height: int, *, transparent: bool = False) -> NDArray[np.uint8]:
        """The scene as a picture (height, width, 4) of any size, RGBA from the top; the window stays as it is.

        What is `transparent` has no background.
        """
        window, renderer = self._RenderWindow, self.renderer
        before, gradient, planes = window.GetSize(), renderer.GetGradientBackground(), window.GetAlphaBitPlanes()
        pixels = vtkUnsignedCharArray()
        self.makeCurrent()  # as before a paint: after Qt has composed the window VTK alone would draw into nothing
        try:
            if transparent:
                renderer.SetBackgroundAlpha(0.0)
                renderer.SetGradientBackground(False)
                window.SetAlphaBitPlanes(1)
            window.SetSize(width, height)
            window.Render()
            window.GetRGBACharPixelData(0, 0, width - 1, height - 1, 0, pixels)  # 0: what was drawn last
        finally:
            renderer.SetBackgroundAlpha(1.0)
            renderer.SetGradientBackground(gradient)
            window.SetAlphaBitPlanes(planes)
            window.SetSize(*before)
            self._stale, self._drawn = True, False  # what is on screen stays there; VTK's own picture of it is gone
        picture = vtk_to_numpy(pixels).reshape(height, width, 4)[::-1].copy()
        if not transparent:
            picture[..., 3] = 255
        return picture

    def unproject(self, pixel: tuple[float, float, float]) -> tuple[float, float, float]:
        """World point of a device pixel, y up, and a depth in [0, 1]."""
        self.renderer.SetDisplayPoint(*pixel)
        self.renderer.DisplayToWorld()
        a, b, c, w = self.renderer.GetWorldPoint()
        return a / w, b / w, c / w

    def device_position(self, position: QPointF) -> tuple[float, float]:
        """Device pixel, y up, of a logical position."""
        ratio = self.devicePixelRatioF()
        return position.x() * ratio, (self.height() - position.y() - 1) * ratio

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Offer the button to the tool, and remember where a click may begin."""
        self.pointed_away.emit()
        left = event.button() == Qt.MouseButton.LeftButton
        if left and self.tool is not None and self.tool.press(event.position()):
            self._pressed = None
            return
        self._pressed = event.position() if left else None
        self._right_pressed = event.position() if event.button() == Qt.MouseButton.RightButton else None
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell where the pointer is while nothing is dragged."""
        if self.tool is not None and self.tool.holding:
            self.tool.move(event.position(), snaps=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))
            return
        super().mouseMoveEvent(event)
        if not event.buttons():
            self.pointed.emit(event.position())

    def leaveEvent(self, event: QEvent) -> None:
        """The pointer is elsewhere."""
        super().leaveEvent(event)
        self.pointed_away.emit()
        self.left.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """VTK's own zoom knows the middle of the window only."""
        self.wheeled.emit(event.position(), event.angleDelta().y() / 120)
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Tell a click from a drag."""
        if self.tool is not None and self.tool.holding and event.button() == Qt.MouseButton.LeftButton:
            self.tool.release(bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))
            return
        super().mouseReleaseEvent(event)
        right, self._right_pressed = self._right_pressed, None
        if right is not None and (event.position() - right).manhattanLength() < CLICK_DISTANCE:
            self.menu_asked.emit(event.position(), event.globalPosition().toPoint())
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
        self._patience.stop()
        if not getattr(self, "_closed", True):
            self._Iren.RemoveObserver(self._render_tag)
        super().close()

    def _show_again(self) -> None:
        """What VTK has drawn last: its own framebuffer keeps it."""
        self._in_paint = True  # pyvistaqt renders in every paint but those that come out of a render
        try:
            super().paintGL()
        finally:
            self._in_paint = False

    def _ask_for_paint(self, *_: object) -> None:
        if not self._in_paint:
            self.request_render()
