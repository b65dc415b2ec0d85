"""A number over a threshold as a curve, with a line to drag along it."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.widgets.theme import Theme

LEFT, RIGHT, TOP, BOTTOM = 34, 10, 8, 20  # margins around the plot, logical pixels
STEP = 0.01  # of a key
HANDLE = 5.0  # radius, logical pixels
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


class CurvePlot(QWidget):
    """Counts over 0 to 1.

    Parameters
    ----------
    theme : Theme
    name : str
        Of the object.
    words : str
        For screen readers and tool tips.
    steps : bool
        Whether the curve holds between its points, or goes straight from one to the next.

    Signals
    -------
    value_changed(value)
        While the line is dragged, and on every key.
    gesture_finished()
    """

    value_changed = Signal(float)
    gesture_finished = Signal()

    def __init__(self, theme: Theme, name: str, words: str, *, steps: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(words)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.SizeHorCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(84)
        self._theme, self._words, self._steps = theme, words, steps
        self._curve: tuple[tuple[float, int], ...] = ()
        self._value = 0.0
        self._held = False

    def set_theme(self, theme: Theme) -> None:
        """Other colors."""
        self._theme = theme
        self.update()

    def set_curve(self, curve: Sequence[tuple[float, int]], value: float) -> None:
        """Show counts by threshold, and where the line is."""
        if (tuple(curve), value) != (self._curve, self._value):
            self._curve, self._value = tuple(curve), value
            self.update()

    def count_at(self, value: float) -> int | None:
        """What the curve says at a threshold, of the nearest point; None without a curve."""
        if not self._curve:
            return None
        return min(self._curve, key=lambda point: abs(point[0] - value))[1]

    def place_of(self, value: float) -> QPointF:
        """Where the line stands for a threshold, halfway up."""
        area = self._area()
        return QPointF(area.left() + value * area.width(), area.center().y())

    def sizeHint(self) -> QSize:
        """Low and wide."""
        return QSize(320, 120)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The line comes to the pointer."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._held = True
            self._tell(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """And follows it."""
        if self._held:
            self._tell(event.position().x())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Until it is let go."""
        if self._held and event.button() == Qt.MouseButton.LeftButton:
            self._held = False
            self.gesture_finished.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and right by a hundredth."""
        by = {Qt.Key.Key_Left: -STEP, Qt.Key.Key_Right: STEP}.get(Qt.Key(event.key()))
        if by is None:
            super().keyPressEvent(event)
            return
        self.value_changed.emit(round(min(max(self._value + by, 0.0), 1.0), 2))
        self.gesture_finished.emit()

    def event(self, event: QEvent) -> bool:
        """Tell the count under the pointer; keep the arrow keys from walking the views while the line has the focus."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            value = self._value_at(event.pos().x())
            count = self.count_at(value)
            text = self._words if count is None else f"{count} at {value:.2f}"
            QToolTip.showText(event.globalPos(), text, self)
            return True
        override = event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent)
        if override and event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            event.accept()
            return True
        return super().event(event)

    def paintEvent(self, _: QPaintEvent) -> None:
        """Axes, curve, line."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area, theme = self._area(), self._theme
        painter.fillRect(area, QColor(theme.base))
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        highest = max((count for _, count in self._curve), default=0) or 1
        self._paint_axes(painter, area, highest)
        if self._curve:
            line = self._path(area, highest)
            filled = QPainterPath(line)
            filled.lineTo(self._point(area, highest, self._curve[-1][0], 0))
            filled.lineTo(self._point(area, highest, self._curve[0][0], 0))
            wash = QColor(theme.accent)
            wash.setAlpha(40)
            painter.fillPath(filled, wash)
            painter.setPen(QPen(QColor(theme.accent), 1.8))
            painter.drawPath(line)
        x = area.left() + self._value * area.width()
        painter.setPen(QPen(QColor(theme.text), 2 if self._held or self.hasFocus() else 1.4))
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        count = self.count_at(self._value)
        if count is not None:
            painter.setBrush(QColor(theme.text))
            painter.drawEllipse(self._point(area, highest, self._value, count), HANDLE, HANDLE)
        painter.end()

    def _paint_axes(self, painter: QPainter, area: QRectF, highest: int) -> None:
        painter.setPen(QPen(QColor(self._theme.line), 1))
        painter.drawRect(area)
        painter.setPen(QColor(self._theme.muted))
        for tick in TICKS:
            x = area.left() + tick * area.width()
            box = QRectF(x - 20, area.bottom() + 3, 40, 14)
            box.moveRight(min(box.right(), self.width() - 1.0))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, f"{tick:g}")
        for count, y in ((highest, area.top()), (0, area.bottom() - 13)):
            box = QRectF(0, y, LEFT - 6, 13)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, str(count))

    def _path(self, area: QRectF, highest: int) -> QPainterPath:
        path = QPainterPath(self._point(area, highest, *self._curve[0]))
        before = self._curve[0][1]
        for value, count in self._curve[1:]:
            if self._steps:
                path.lineTo(self._point(area, highest, value, before))
            path.lineTo(self._point(area, highest, value, count))
            before = count
        return path

    def _point(self, area: QRectF, highest: int, value: float, count: int) -> QPointF:
        return QPointF(area.left() + value * area.width(), area.bottom() - count / highest * (area.height() - 8))

    def _area(self) -> QRectF:
        return QRectF(LEFT, TOP, max(1.0, self.width() - LEFT - RIGHT), max(1.0, self.height() - TOP - BOTTOM))

    def _value_at(self, x: float) -> float:
        area = self._area()
        return round(min(max((x - area.left()) / area.width(), 0.0), 1.0), 2)

    def _tell(self, x: float) -> None:
        value = self._value_at(x)
        if value != self._value:
            self.value_changed.emit(value)
