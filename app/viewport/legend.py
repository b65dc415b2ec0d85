"""The legend of a color mode: a bar of colors with its title and the numbers at its ends, over the scene."""

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

WIDTH, HEIGHT, MARGIN = 190, 50, 12  # logical pixels
LINE, SWATCH = 18, 10  # of a list of colors

RGB = tuple[int, int, int]


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
        self._colors: Sequence[RGB] = ()
        self._swatches: Sequence[tuple[RGB, str]] = ()
        self._ink, self._paper = QColor("white"), QColor("black")
        self.hide()

    @property
    def words(self) -> tuple[str, str, str]:
        """Title and ends."""
        return (self._title, *self._ends)

    def set_legend(self, title: str, colors: Sequence[RGB], ends: tuple[str, str]) -> None:
        """Show a scale; an empty title shows nothing."""
        self._title, self._colors, self._ends, self._swatches = title, colors, ends, ()
        self._resize(HEIGHT)
        self.setVisible(bool(title))
        self.update()

    def set_swatches(self, title: str, swatches: Sequence[tuple[RGB, str]]) -> None:
        """Show single colors with their words below each other."""
        self._title, self._colors, self._ends, self._swatches = title, (), ("", ""), swatches
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
        """Put it into the corner of an area."""
        self.move(width - WIDTH - MARGIN, height - self.height() - MARGIN)

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
        bar = QRectF(10, 22, WIDTH - 20, 9)
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        for place, color in enumerate(self._colors):
            gradient.setColorAt(place / max(1, len(self._colors) - 1), QColor(*color))
        painter.fillRect(bar, gradient)
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        painter.setPen(self._ink)
        painter.drawText(QPointF(10, 15), self._title)
        painter.drawText(QRectF(10, 33, WIDTH - 20, 14), Qt.AlignmentFlag.AlignLeft, self._ends[0])
        painter.drawText(QRectF(10, 33, WIDTH - 20, 14), Qt.AlignmentFlag.AlignRight, self._ends[1])
        painter.end()

    def _paint_swatches(self, painter: QPainter) -> None:
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        painter.setPen(self._ink)
        painter.drawText(QPointF(10, 16), self._title)
        for number, (color, words) in enumerate(self._swatches):
            top = 24 + LINE * number
            painter.fillRect(QRectF(10, top + 1, SWATCH, SWATCH), QColor(*color))
            painter.setPen(self._ink)
            painter.drawText(QRectF(10 + SWATCH + 7, top - 2, WIDTH - 34, LINE), Qt.AlignmentFlag.AlignLeft, words)
