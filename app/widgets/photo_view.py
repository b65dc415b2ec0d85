"""One photo, large: zoom, pan, masks with outlines, maps with a legend, anchors by how they are seen."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QImage,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.widgets.crosshairs import paint_crosshairs
from app.widgets.photo_anchors import PhotoAnchors
from app.widgets.theme import Theme

CLICK_DISTANCE = 4.0  # logical pixels
NOTCH = 1.25  # zoom of one wheel notch
LARGEST = 40.0  # logical pixels of one photo pixel
LINE, STRONG = 1.6, 2.4  # widths of an outline, logical pixels; the second of what is selected or under the pointer
CASING = QColor(255, 255, 255)  # on both sides of a strong outline, over whatever photo
PANNING = (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton)
SQUARE = Qt.PenCapStyle.SquareCap  # lines meet in corners


class PhotoView(QWidget):
    """Picture with layers above it, in photo pixels.

    Signals
    -------
    hovered(x, y)
        Pixel under the pointer, (-1, -1) outside.
    clicked(x, y, additive), double_clicked(x, y)
    menu_asked(x, y, place)
        At a pixel, (-1, -1) outside; the place is a QPoint on the screen.
    looked()
        Another part of the photo is in sight, or another size.
    """

    hovered = Signal(int, int)
    clicked = Signal(int, int, bool)
    double_clicked = Signal(int, int)
    menu_asked = Signal(int, int, QPoint)
    looked = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("photoView")
        self.setAccessibleName("Photo")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setMinimumSize(160, 120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._theme = theme
        self._picture: QImage | None = None
        self._overlay: QImage | None = None
        self._outlines: Sequence[tuple[NDArray[np.float32], QPainterPath, QColor, bool]] = ()
        self.anchors = PhotoAnchors(self, self.transform)
        self._crosshairs: Sequence[tuple[float, float, str, bool]] = ()
        self._zoom, self._center = 0.0, QPointF()  # 0 fits the window
        self._pointer: QPointF | None = None
        self._pressed: QPointF | None = None
        self._grabbed = QPointF()
        self._panning = False

    def set_theme(self, theme: Theme) -> None:
        """Other colors."""
        self._theme = theme
        self.update()

    def set_picture(self, picture: NDArray[np.uint8] | None) -> None:
        """Show a photo or map (H, W, 3); of another size it is fitted again."""
        before = None if self._picture is None else self._picture.size()
        self._picture = None if picture is None else _image(picture)
        if self._picture is not None and self._picture.size() != before:
            self.fit()
        self.update()

    def set_overlay(self, overlay: NDArray[np.uint8] | None) -> None:
        """Masks over it, RGBA (H, W, 4)."""
        self._overlay = None if overlay is None else _image(overlay)
        self.update()

    def set_outlines(self, lines: Sequence[tuple[NDArray[np.float32], tuple[int, int, int], bool]]) -> None:
        """Lines (M, 4) of pixel coordinates, their color, and whether they stand out."""
        known = {id(each): path for each, path, _, _ in self._outlines}  # whose colors change while lines stay
        paths = [known.get(id(each)) or _path(each) for each, _, _ in lines]
        self._outlines = [
            (each, path, QColor(*color), strong) for (each, color, strong), path in zip(lines, paths, strict=True)
        ]
        self.update()

    def set_crosshairs(self, marks: Sequence[tuple[float, float, str, bool]]) -> None:
        """Places: pixel x and y, words beside it, and whether it is a cross or only a dot on the way there."""
        if tuple(marks) != self._crosshairs:
            self._crosshairs = tuple(marks)
            self.update()

    def fit(self) -> None:
        """The whole photo."""
        self._zoom = 0.0
        self.unsetCursor()
        self.update()
        self.looked.emit()

    def follow(self, other: "PhotoView") -> None:
        """Show the same part as another view of a photo of the same size; tells nobody."""
        self._zoom, self._center = other._zoom, QPointF(other._center)
        self.setCursor(Qt.CursorShape.OpenHandCursor if self._zoom else Qt.CursorShape.ArrowCursor)
        self.update()

    def zoom(self, factor: float) -> None:
        """Larger or smaller around the pixel under the pointer, around the middle if the pointer is elsewhere."""
        self._zoom_around(QPointF(self.rect().center()) if self._pointer is None else self._pointer, factor)

    def actual_size(self) -> None:
        """One photo pixel on one screen pixel."""
        if self._picture is not None:
            size = self._picture.size()
            self._zoom = 1.0 / self.devicePixelRatioF()
            self._center = QPointF(size.width() / 2, size.height() / 2)
            self.setCursor(Qt.CursorShape.OpenHandCursor)
            self.update()
            self.looked.emit()

    def sizeHint(self) -> QSize:
        """Room beside the scene."""
        return QSize(420, 320)

    def transform(self) -> QTransform:
        """Photo pixels to widget coordinates."""
        assert self._picture is not None, "only a picture has a place"
        scale = self._zoom or self._fitting()
        size = self._picture.size()
        center = self._center if self._zoom else QPointF(size.width() / 2, size.height() / 2)
        moved = QTransform().translate(self.width() / 2, self.height() / 2).scale(scale, scale)
        return moved.translate(-center.x(), -center.y())

    def pixel_at(self, position: QPointF) -> tuple[int, int]:
        """Pixel (x, y) under a position, (-1, -1) outside."""
        if self._picture is None:
            return -1, -1
        place = self.transform().inverted()[0].map(position)
        x, y = int(np.floor(place.x())), int(np.floor(place.y()))
        inside = 0 <= x < self._picture.width() and 0 <= y < self._picture.height()
        return (x, y) if inside else (-1, -1)

    def place_of(self, x: float, y: float) -> QPointF:
        """Where the middle of a pixel is."""
        return self.transform().map(QPointF(x + 0.5, y + 0.5))

    def rendered(self) -> QImage:
        """The whole photo with everything that lies over it, at twice its size."""
        assert self._picture is not None, "there is nothing to save"
        image = QImage(self._picture.size() * 2, QImage.Format.Format_RGB32)
        painter = QPainter(image)
        self._paint(painter, QTransform().scale(2, 2))
        painter.end()
        return image

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom; what is under the pointer stays there. A held anchor goes nearer or farther instead."""
        notches = event.angleDelta().y() / 120
        if not self.anchors.wheel(notches):
            self._zoom_around(event.position(), NOTCH**notches)
        event.accept()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Tell where."""
        self.menu_asked.emit(*self.pixel_at(QPointF(event.pos())), event.globalPos())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click or a pan may begin."""
        left = event.button() == Qt.MouseButton.LeftButton
        if event.button() not in PANNING or (left and self._picture and self.anchors.press(event.position())):
            return
        self._pressed, self._panning = event.position(), False
        self._grabbed = self._center

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Pan with a button down, else tell the pixel."""
        self._pointer = event.position()
        if self.anchors.holding:
            shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self.anchors.move(event.position(), surface=shift)
            return
        if self._pressed is None:
            self.hovered.emit(*self.pixel_at(event.position()))
            return
        way = event.position() - self._pressed
        self._panning = self._panning or way.manhattanLength() >= CLICK_DISTANCE
        if self._panning and self._zoom:
            self._move_to(self._grabbed - way / self._zoom)
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """A click, unless it was a pan."""
        if self.anchors.holding and event.button() == Qt.MouseButton.LeftButton:
            self.anchors.release(bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))
            return
        pressed, self._pressed = self._pressed, None
        if self._zoom:
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        x, y = self.pixel_at(event.position())
        if pressed is not None and not self._panning and event.button() == Qt.MouseButton.LeftButton:
            self.clicked.emit(x, y, bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Tell the pixel."""
        x, y = self.pixel_at(event.position())
        if x >= 0:
            self.double_clicked.emit(x, y)

    def leaveEvent(self, event: QEvent) -> None:
        """The pointer is elsewhere."""
        super().leaveEvent(event)
        self._pointer = None
        self.hovered.emit(-1, -1)

    def paintEvent(self, _: QPaintEvent) -> None:
        """Picture and layers."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self._theme.viewport))
        if self._picture is None:
            painter.setPen(QColor(self._theme.muted))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "No photo yet")
        else:
            self._paint(painter, self.transform())
            self.anchors.paint_note(painter, self._theme)
        painter.end()

    def _paint(self, painter: QPainter, transform: QTransform) -> None:
        assert self._picture is not None, "there is nothing to paint"
        frame = transform.mapRect(QRectF(self._picture.rect()))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, transform.m11() < 3)
        painter.drawImage(frame, self._picture, QRectF(self._picture.rect()))
        if self._overlay is not None:
            painter.drawImage(frame, self._overlay, QRectF(self._overlay.rect()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for _, path, color, strong in self._outlines:
            drawn = transform.map(path)
            if strong:
                painter.strokePath(drawn, QPen(CASING, STRONG + 2 * LINE, Qt.PenStyle.SolidLine, SQUARE))
            painter.strokePath(drawn, QPen(color, STRONG if strong else LINE, Qt.PenStyle.SolidLine, SQUARE))
        self.anchors.paint(painter, transform)
        places = [transform.map(QPointF(x, y)) for x, y, _, _ in self._crosshairs]
        paint_crosshairs(painter, places, [(words, main) for _, _, words, main in self._crosshairs])

    def _zoom_around(self, place: QPointF, factor: float) -> None:
        if self._picture is None:
            return
        pixel = self.transform().inverted()[0].map(place)
        scale = (self._zoom or self._fitting()) * factor
        if scale <= self._fitting():
            self.fit()
            return
        self._zoom = min(scale, LARGEST)
        self.setCursor(Qt.CursorShape.OpenHandCursor)
        self._move_to(pixel - (place - QPointF(self.width() / 2, self.height() / 2)) / self._zoom)

    def _move_to(self, center: QPointF) -> None:
        """Another pixel in the middle; some of the photo always stays in sight."""
        assert self._picture is not None, "only a picture is moved"
        width, height = self._picture.width(), self._picture.height()
        self._center = QPointF(min(max(center.x(), 0.0), width), min(max(center.y(), 0.0), height))
        self.update()
        self.looked.emit()

    def _fitting(self) -> float:
        if self._picture is None or self._picture.isNull():
            return 1.0
        return min(self.width() / self._picture.width(), self.height() / self._picture.height())


def _path(lines: NDArray[np.float32]) -> QPainterPath:
    """Lines (M, 4) as one path."""
    path = QPainterPath()
    for left, top, right, bottom in lines.tolist():
        path.moveTo(left, top)
        path.lineTo(right, bottom)
    return path


def _image(pixels: NDArray[Any]) -> QImage:
    """A QImage of its own from (H, W, 3) or (H, W, 4) bytes."""
    height, width, channels = pixels.shape
    form = QImage.Format.Format_RGB888 if channels == 3 else QImage.Format.Format_RGBA8888
    data = np.ascontiguousarray(pixels)
    return QImage(data.data, width, height, channels * width, form).copy()
