"""A square matrix as a picture: hover tells, click chooses a pair, colors of rows along the edges."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.widgets.theme import Theme

EDGE = 8  # width of the strip of colors, logical pixels
GAP = 3
SMALLEST = 220


class OverlapMatrix(QWidget):
    """Picture of an n x n matrix.

    Signals
    -------
    pair_clicked(row, column), pair_hovered(row, column)
        Places, not query numbers; (-1, -1) when the pointer leaves.
    """

    pair_clicked = Signal(int, int)
    pair_hovered = Signal(int, int)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("overlapMatrix")
        self.setMouseTracking(True)
        self.setMinimumSize(SMALLEST, SMALLEST)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._theme = theme
        self._image: QImage | None = None
        self._count = 0
        self._edge: list[QColor] = []
        self._marked = (-1, -1)
        self._under = (-1, -1)
        self._tips: Sequence[Sequence[str]] = ()

    def set_theme(self, theme: Theme) -> None:
        """Other colors."""
        self._theme = theme
        self.update()

    def set_matrix(self, picture: NDArray[np.uint8], edge: NDArray[np.uint8], tips: Sequence[Sequence[str]]) -> None:
        """Show a matrix: colors (n, n, 3), colors of the rows (n, 3), and a text for every cell."""
        self._count = len(picture)
        data = np.ascontiguousarray(picture)
        count = self._count
        image = QImage(data.data, count, count, 3 * count, QImage.Format.Format_RGB888).copy() if count else None
        self._image, self._tips = image, tips
        self._edge = [QColor(*(int(channel) for channel in color)) for color in edge]
        self._under = (-1, -1)
        self.update()

    def set_marked(self, row: int, column: int) -> None:
        """Mark one cell; -1 marks none."""
        if (row, column) != self._marked:
            self._marked = (row, column)
            self.update()

    def sizeHint(self) -> QSize:
        """A square that fits into a dock."""
        return QSize(320, 320)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """No higher than wide: it is a square."""
        super().resizeEvent(event)
        self.setMaximumHeight(max(SMALLEST, self.width()))

    def cell_at(self, position: QPointF) -> tuple[int, int]:
        """Row and column under a position, (-1, -1) beside the matrix."""
        area = self._area()
        if not self._count or not area.contains(position):
            return -1, -1
        column = int((position.x() - area.left()) / area.width() * self._count)
        row = int((position.y() - area.top()) / area.height() * self._count)
        return min(row, self._count - 1), min(column, self._count - 1)

    def center_of(self, row: int, column: int) -> QPointF:
        """Where a cell is."""
        cell = self._cell(row, column)
        return cell.center()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Tell what is under the pointer."""
        cell = self.cell_at(event.position())
        if cell == self._under:
            return
        self._under = cell
        self.pair_hovered.emit(*cell)
        if cell[0] >= 0:
            QToolTip.showText(event.globalPosition().toPoint(), self._tips[cell[0]][cell[1]], self)
        else:
            QToolTip.hideText()
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Choose a pair."""
        cell = self.cell_at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and cell[0] >= 0:
            self.pair_clicked.emit(*cell)

    def leaveEvent(self, event: QEvent) -> None:
        """Nothing is under the pointer."""
        super().leaveEvent(event)
        if self._under != (-1, -1):
            self._under = (-1, -1)
            self.pair_hovered.emit(-1, -1)
            self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        """Picture, strips of colors, marks."""
        painter = QPainter(self)
        area = self._area()
        if self._image is None:
            painter.setPen(QColor(self._theme.muted))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "No queries to compare")
            return
        painter.drawImage(area, self._image, QRectF(self._image.rect()))
        size = area.width() / self._count
        for place, color in enumerate(self._edge):
            near = area.left() - GAP - EDGE
            painter.fillRect(QRectF(near, area.top() + place * size, EDGE, max(size, 1)), color)
            painter.fillRect(QRectF(area.left() + place * size, area.top() - GAP - EDGE, max(size, 1), EDGE), color)
        for cell, width in ((self._under, 1.0), (self._marked, 2.0)):
            if cell[0] >= 0:
                painter.setPen(QPen(QColor(255, 255, 255), width))
                painter.drawRect(self._cell(*cell).adjusted(-1, -1, 1, 1))
        painter.end()

    def _area(self) -> QRectF:
        margin = EDGE + GAP
        side = max(1.0, min(self.width(), self.height()) - margin - 2)
        left = margin + max(0.0, (self.width() - margin - side) / 2)
        return QRectF(left, margin, side, side)

    def _cell(self, row: int, column: int) -> QRectF:
        area = self._area()
        size = area.width() / max(1, self._count)
        return QRectF(area.left() + column * size, area.top() + row * size, size, size)
