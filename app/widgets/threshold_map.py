"""Counts over two thresholds as a map, with a cross to drag."""

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.widgets.theme import Theme

LEFT, RIGHT, TOP, BOTTOM = 34, 10, 4, 20  # margins around the map, as those of the curves above


class ThresholdMap(QWidget):
    """Mask threshold to the right, objectness upwards, both from 0 to 1.

    Signals
    -------
    moved(objectness, mask)
        While the cross is dragged.
    gesture_finished()
    """

    moved = Signal(float, float)
    gesture_finished = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("thresholdMap")
        self.setAccessibleName("Number of instances over both thresholds")
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(100)
        self._theme = theme
        self._image: QImage | None = None
        self._counts: NDArray[np.int32] = np.zeros((0, 0), np.int32)
        self._objectness = self._mask = 0.0
        self._held = False

    def set_theme(self, theme: Theme) -> None:
        """Other colors."""
        self._theme = theme
        self.update()

    def set_map(self, picture: NDArray[np.uint8], counts: NDArray[np.int32]) -> None:
        """Colors (D, T, 3) and counts (D, T), both over the same evenly spaced thresholds from low to high."""
        self._counts, self._image = counts, None
        if counts.size:
            pixels = np.ascontiguousarray(picture[::-1])
            height, width = counts.shape
            self._image = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
        self.update()

    def set_objectness(self, value: float) -> None:
        """How high the cross is."""
        if value != self._objectness:
            self._objectness = value
            self.update()

    def set_mask(self, value: float) -> None:
        """How far to the right."""
        if value != self._mask:
            self._mask = value
            self.update()

    def place_of(self, objectness: float, mask: float) -> QPointF:
        """Where a pair of thresholds is."""
        area = self._area()
        return QPointF(area.left() + mask * area.width(), area.bottom() - objectness * area.height())

    def sizeHint(self) -> QSize:
        """Low and wide."""
        return QSize(320, 140)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The cross comes to the pointer."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._held = True
            self._tell(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """And follows it."""
        if self._held:
            self._tell(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Until it is let go."""
        if self._held and event.button() == Qt.MouseButton.LeftButton:
            self._held = False
            self.gesture_finished.emit()

    def event(self, event: QEvent) -> bool:
        """Tell the count under the pointer."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            objectness, mask = self._values(QPointF(event.pos()))
            words = f"objectness {objectness:.2f}, mask threshold {mask:.2f}"
            count = self._count(objectness, mask)
            QToolTip.showText(event.globalPos(), words if count is None else f"{count} at {words}", self)
            return True
        return super().event(event)

    def paintEvent(self, _: QPaintEvent) -> None:
        """Map, axes, cross."""
        painter = QPainter(self)
        area, theme = self._area(), self._theme
        painter.fillRect(area, QColor(theme.base))
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        painter.setPen(QColor(theme.muted))
        if self._image is None:
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, "Measuring areas …")
        else:
            count = len(self._counts)
            margin = 1 / (2 * (count + 1))  # thresholds are the middles of the map's cells
            inside = area.adjusted(
                area.width() * margin, area.height() * margin, -area.width() * margin, -area.height() * margin
            )
            painter.drawImage(inside, self._image, QRectF(self._image.rect()))
        for tick in (0.0, 0.5, 1.0):
            x, y = area.left() + tick * area.width(), area.bottom() - tick * area.height()
            box = QRectF(x - 20, area.bottom() + 3, 40, 14)
            box.moveRight(min(box.right(), self.width() - 1.0))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, f"{tick:g}")
            side = QRectF(0, min(max(y - 7, area.top()), area.bottom() - 13), LEFT - 6, 14)
            painter.drawText(side, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{tick:g}")
        painter.setPen(QPen(QColor(theme.line), 1))
        painter.drawRect(area)
        place = self.place_of(self._objectness, self._mask)
        for color, width in ((QColor(0, 0, 0, 170), 3.0), (QColor("white"), 1.2)):
            painter.setPen(QPen(color, width))
            painter.drawLine(QPointF(place.x(), area.top()), QPointF(place.x(), area.bottom()))
            painter.drawLine(QPointF(area.left(), place.y()), QPointF(area.right(), place.y()))
        painter.end()

    def _count(self, objectness: float, mask: float) -> int | None:
        if not self._counts.size:
            return None
        last = len(self._counts) - 1
        row, column = (min(max(round(value * (last + 2)) - 1, 0), last) for value in (objectness, mask))
        return int(self._counts[row, column])

    def _area(self) -> QRectF:
        return QRectF(LEFT, TOP, max(1.0, self.width() - LEFT - RIGHT), max(1.0, self.height() - TOP - BOTTOM))

    def _values(self, position: QPointF) -> tuple[float, float]:
        area = self._area()
        objectness = (area.bottom() - position.y()) / area.height()
        mask = (position.x() - area.left()) / area.width()
        return round(min(max(objectness, 0.0), 1.0), 2), round(min(max(mask, 0.0), 1.0), 2)

    def _tell(self, position: QPointF) -> None:
        self.moved.emit(*self._values(position))
