"""How objectness spreads over all queries: bars, one tick per query to click or brush, and the threshold."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QMouseEvent, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

BINS = 40
HEIGHT = 52  # pixels
TICKS = 13  # pixels of it for the ticks
REACH = 6  # pixels between pointer and tick
SMALLEST_DRAG = 3  # pixels; less is a click

Tick = tuple[int, str, float, tuple[int, int, int], bool]  # query, name, objectness, color, shown


class ObjectnessHistogram(QWidget):
    """Objectness from 0 to 1.

    Parameters
    ----------
    margin : int
        Pixels left and right of the axis, so that it lines up with the slider below.

    Signals
    -------
    chosen(queries, additive)
        A frozenset of int: the tick that was clicked, or all ticks that were brushed over.
    """

    chosen = Signal(object, bool)

    def __init__(self, margin: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("objectnessHistogram")
        self.setAccessibleName("Objectness of all queries")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._margin = margin
        self._ticks: tuple[Tick, ...] = ()
        self._selected: frozenset[int] = frozenset()
        self._threshold = 0.0
        self._brush: tuple[float, float] | None = None

    def set_ticks(self, ticks: Sequence[Tick]) -> None:
        """Show queries: (query, name, objectness, color, shown) each."""
        if tuple(ticks) != self._ticks:
            self._ticks = tuple(ticks)
            self.update()

    def set_selection(self, queries: frozenset[int]) -> None:
        """Make the ticks of some queries stand out."""
        if queries != self._selected:
            self._selected = queries
            self.update()

    def set_threshold(self, value: float) -> None:
        """Move the line."""
        if value != self._threshold:
            self._threshold = value
            self.update()

    def place(self, value: float) -> float:
        """Where an objectness lies, pixels from the left."""
        return self._margin + value * (self.width() - 2 * self._margin)

    def sizeHint(self) -> QSize:
        """Wide enough to tell ticks apart."""
        return QSize(200, HEIGHT)

    def paintEvent(self, _: QPaintEvent) -> None:
        """Bars, dim below the threshold; ticks in the colors of the instances; threshold; brush."""
        painter = QPainter(self)
        ink, accent = self.palette().color(QPalette.ColorRole.Text), self.palette().color(QPalette.ColorRole.Highlight)
        base = self.height() - TICKS
        counts = [0] * BINS
        for _query, _name, value, _color, _shown in self._ticks:
            counts[min(int(value * BINS), BINS - 1)] += 1
        highest = max(counts, default=0) or 1
        for number, count in enumerate(counts):
            if not count:
                continue
            left, right = self.place(number / BINS), self.place((number + 1) / BINS)
            height = max(2.0, (base - 2) * count / highest)
            shade = QColor(ink)
            shade.setAlpha(150 if (number + 1) / BINS > self._threshold else 60)
            painter.fillRect(QRectF(left, base - height, max(1.0, right - left - 1), height), shade)
        shade = QColor(ink)
        shade.setAlpha(60)
        painter.fillRect(QRectF(self._margin, base, self.width() - 2 * self._margin, 1), shade)
        for query, _name, value, color, shown in self._ticks:
            tint = QColor(*color)
            tint.setAlpha(255 if shown else 110)
            if query in self._selected:
                painter.fillRect(QRectF(self.place(value) - 2.5, base - 4, 5, TICKS + 4), ink)
            painter.fillRect(QRectF(self.place(value) - 1.5, base + 2, 3, TICKS - 3), tint)
        painter.fillRect(QRectF(self.place(self._threshold) - 1, 0, 2, self.height()), accent)
        if self._brush is not None:
            left, right = sorted(self._brush)
            accent.setAlpha(60)
            painter.fillRect(QRectF(left, 0, right - left, self.height()), accent)
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to brush."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._brush = (event.position().x(), event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Brush on."""
        if self._brush is not None:
            self._brush = (self._brush[0], event.position().x())
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Choose what was brushed over, or the tick that was clicked."""
        if self._brush is None or event.button() != Qt.MouseButton.LeftButton:
            return
        left, right = sorted(self._brush)
        self._brush = None
        if right - left < SMALLEST_DRAG:
            tick = self._nearest(event.position())
            found = frozenset() if tick is None else frozenset({tick[0]})
        else:
            found = frozenset(tick[0] for tick in self._ticks if left <= self.place(tick[2]) <= right)
        self.update()
        self.chosen.emit(found, bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))

    def event(self, event: QEvent) -> bool:
        """Tell which query the pointer is at."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            tick = self._nearest(QPointF(event.pos()))
            text = "Click a tick to select its query; drag to select several" if tick is None else _words(tick)
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def _nearest(self, place: QPointF) -> Tick | None:
        near = [(abs(self.place(tick[2]) - place.x()), tick) for tick in self._ticks]
        near = [pair for pair in near if pair[0] <= REACH]
        return min(near, key=lambda pair: (pair[0], pair[1][0]))[1] if near else None


def _words(tick: Tick) -> str:
    _query, name, value, _color, shown = tick
    return f"{name} · objectness {value:.2f}" + ("" if shown else " · not shown")
