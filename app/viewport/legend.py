"""The legend of a color mode: a bar of colors with its title, the numbers at its ends and round ones between them."""

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.viewport.gauge import HEIGHT as GAUGE_HEIGHT
from app.viewport.gauge import WIDTH as GAUGE_WIDTH

WIDTH, HEIGHT, MARGIN = 240, 54, 12  # logical pixels
INSET = 12  # of the bar in the plate
GAP = 8  # between two numbers
LINE, SWATCH = 18, 10  # of a list of colors

RGB = tuple[int, int, int]
Ticks = Sequence[tuple[float, str]]  # share of the bar, number


class Legend(QWidget):
    """Transparent to the mouse.

    Parameters
    ----------
    parent : QWidget
        Lies in its lower right corner.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("legend")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFixedSize(WIDTH, HEIGHT)
        self._title, self._ends = "", ("", "")
        self._ticks: Ticks = ()
        self._colors: Sequence[RGB] = ()
        self._swatches: Sequence[tuple[RGB, str]] = ()
        self._ink, self._paper = QColor("white"), QColor("black")
        self.hide()

    @property
    def words(self) -> tuple[str, str, str]:
        """Title and ends."""
        return (self._title, *self._ends)

    @property
    def ticks(self) -> tuple[str, ...]:
        """Numbers between the ends that have room."""
        return tuple(text for _, text, _ in self._placed())

    def set_legend(self, title: str, colors: Sequence[RGB], ends: tuple[str, str], ticks: Ticks = ()) -> None:
        """Show a scale; an empty title shows nothing."""
        self._title, self._colors, self._ends, self._ticks = title, colors, ends, tuple(ticks)
        self._swatches = ()
        self._resize(HEIGHT)
        self.setVisible(bool(title))
        self.update()

    def set_swatches(self, title: str, swatches: Sequence[tuple[RGB, str]]) -> None:
        """Show single colors with their words below each other."""
        self._title, self._colors, self._ends, self._ticks, self._swatches = title, (), ("", ""), (), swatches
        self._resize(26 + LINE * len(swatches))
        self.setVisible(True)
        self.update()

    def _resize(self, height: int) -> None:
        """Another height, the lower edge where it was."""
        bottom = self.y() + self.height()
        self.setFixedSize(WIDTH, height)
        self.move(self.x(), bottom - height)

    def set_colors(self, ink: RGB, paper: RGB) -> None:
        """Of text, and of what is behind it."""
        self._ink, self._paper = QColor(*ink), QColor(*paper)
        self.update()

    def place(self, width: int, height: int) -> None:
        """Put it into the corner of an area, or above axes and scale bar where it has no room beside them."""
        beside = width >= WIDTH + GAUGE_WIDTH + 3 * MARGIN
        bottom = MARGIN if beside else GAUGE_HEIGHT + 2 * MARGIN
        self.move(width - WIDTH - MARGIN if beside else MARGIN, height - self.height() - bottom)

    def paintEvent(self, _: QPaintEvent) -> None:
        """Plate, title, bar, numbers."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        back = QColor(self._paper)
        back.setAlpha(200)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(back)
        painter.drawRoundedRect(self.rect(), 6, 6)
        if self._swatches:
            self._paint_swatches(painter)
            painter.end()
            return
        bar = QRectF(INSET, 23, WIDTH - 2 * INSET, 9)
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        for place, color in enumerate(self._colors):
            gradient.setColorAt(place / max(1, len(self._colors) - 1), QColor(*color))
        painter.fillRect(bar, gradient)
        painter.setFont(self._small_font())
        painter.setPen(self._ink)
        painter.drawText(QPointF(INSET, 16), self._title)
        numbers = QRectF(INSET, 36, WIDTH - 2 * INSET, 14)
        painter.drawText(numbers, Qt.AlignmentFlag.AlignLeft, self._ends[0])
        painter.drawText(numbers, Qt.AlignmentFlag.AlignRight, self._ends[1])
        for place, text, left in self._placed():
            painter.drawText(QPointF(left, 36 + painter.fontMetrics().ascent()), text)
            painter.drawLine(QPointF(place, bar.bottom() - 3), QPointF(place, bar.bottom() + 3))
        painter.end()

    def _paint_swatches(self, painter: QPainter) -> None:
        painter.setFont(self._small_font())
        painter.setPen(self._ink)
        painter.drawText(QPointF(10, 16), self._title)
        for number, (color, words) in enumerate(self._swatches):
            top = 24 + LINE * number
            painter.fillRect(QRectF(10, top + 1, SWATCH, SWATCH), QColor(*color))
            painter.setPen(self._ink)
            painter.drawText(QRectF(10 + SWATCH + 7, top - 2, WIDTH - 34, LINE), Qt.AlignmentFlag.AlignLeft, words)

    def _small_font(self) -> QFont:
        font = self.font()
        font.setPixelSize(11)
        return font

    def _placed(self) -> list[tuple[float, str, float]]:
        """Place of the mark, number, and left edge of the number, of those that touch no other number."""
        metrics = QFontMetricsF(self._small_font())
        taken = INSET + metrics.horizontalAdvance(self._ends[0]) + GAP
        last = WIDTH - INSET - metrics.horizontalAdvance(self._ends[1]) - GAP
        found = []
        for share, text in self._ticks:
            place, width = INSET + share * (WIDTH - 2 * INSET), metrics.horizontalAdvance(text)
            if place - width / 2 >= taken and place + width / 2 <= last:
                found.append((place, text, place - width / 2))
                taken = place + width / 2 + GAP
        return found
