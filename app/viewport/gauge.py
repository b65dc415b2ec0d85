"""Axes and scale bar in the corner: how the scene is turned, and how long things are at the orbit center.

With perspective a length is true at one distance only; it is that of the point the camera turns around. Painted by
Qt over the scene, so that it is as sharp in a picture of any size. What a scene unit is in meters is told from outside.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

WIDTH, HEIGHT, MARGIN = 230, 66, 12  # logical pixels
ARM = 21.0  # length of an axis, logical pixels
LONGEST = 120.0  # of the scale bar, logical pixels
FAINT = 150  # alpha of an axis that points away
RGB = tuple[int, int, int]


class Gauge(QWidget):
    """Transparent to the mouse.

    Parameters
    ----------
    renderer : vtkRenderer
        Whose camera counts.
    parent : QWidget
        Lies in its lower left corner.
    """

    def __init__(self, renderer: Any, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("gauge")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFixedSize(WIDTH, HEIGHT)
        self._renderer = renderer
        self._units, self._factor, self._note = "scene units", 1.0, ""
        self._ink, self._paper = QColor("white"), QColor("black")
        self._seen: tuple[object, ...] = ()

    @property
    def words(self) -> str:
        """What the scale bar says."""
        length = self.length()[0]
        units = self._units.removesuffix("s") if length == 1 else self._units
        return f"{length:g} {units}{self._note}"

    def set_units(self, units: str, factor: float) -> None:
        """In which unit lengths are said, and how long a scene unit is in it."""
        self._units, self._factor = units, factor
        self.update()

    def set_note(self, text: str) -> None:
        """More to say behind the length, such as how wide the floor's cells are."""
        self._note = text
        self.update()

    def set_colors(self, ink: RGB, paper: RGB) -> None:
        """Of lines and text, and of what is behind them."""
        self._ink, self._paper = QColor(*ink), QColor(*paper)
        self.update()

    def place(self, height: int) -> None:
        """Put it into the corner of an area."""
        self.move(MARGIN, height - HEIGHT - MARGIN)

    def follow(self) -> None:
        """Draw again if the camera has moved."""
        camera = self._renderer.GetActiveCamera()
        seen = (camera.GetMTime(), self.parentWidget().height())
        if seen != self._seen:
            self._seen = seen
            self.update()

    def length(self) -> tuple[float, float]:
        """Length of the bar in shown units, and in logical pixels."""
        camera, height = self._renderer.GetActiveCamera(), max(1, self.parentWidget().height())
        half = camera.GetParallelScale()
        if not camera.GetParallelProjection():
            half = camera.GetDistance() * np.tan(np.radians(camera.GetViewAngle() / 2))
        pixels = height / max(2 * half * self._factor, 1e-12)  # of one shown unit
        shown = round_below(LONGEST / pixels)
        return shown, shown * pixels

    def paintEvent(self, _: QPaintEvent) -> None:
        """Plate, axes, bar."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        self._paint_axes(painter, QPointF(HEIGHT / 2, HEIGHT / 2))
        self._paint_bar(painter, HEIGHT + 8, HEIGHT - 16)
        painter.end()

    def _paint_axes(self, painter: QPainter, center: QPointF) -> None:
        turned = self._turned()  # (3, 3): a row per axis, right, up and towards the viewer
        for axis in np.argsort(turned[:, 2]):
            right, up, near = (float(value) for value in turned[axis])
            ink = QColor(self._ink)
            ink.setAlpha(FAINT if near < -0.2 else 255)
            end = center + ARM * QPointF(right, -up)
            self._line(painter, center, end, ink)
            place = center + (ARM + 7) * QPointF(right, -up)
            _write(painter, QRectF(place.x() - 8, place.y() - 8, 16, 16), "XYZ"[axis], ink, self._paper)

    def _turned(self) -> NDArray[np.float64]:
        camera = self._renderer.GetActiveCamera()
        ahead, up = np.array(camera.GetDirectionOfProjection()), np.array(camera.GetViewUp())
        right = np.cross(ahead, up)
        right /= max(float(np.linalg.norm(right)), 1e-9)
        return np.stack([right, np.cross(right, ahead), -ahead], axis=1)

    def _paint_bar(self, painter: QPainter, left: float, bottom: float) -> None:
        _, pixels = self.length()
        ends = QPointF(left, bottom), QPointF(left + pixels, bottom)
        self._line(painter, *ends, self._ink)
        for end in ends:
            self._line(painter, end - QPointF(0, 3), end + QPointF(0, 3), self._ink)
        box = QRectF(left - 2, bottom - 20, WIDTH - left, 16)
        _write(painter, box, self.words, self._ink, self._paper, Qt.AlignmentFlag.AlignLeft)

    def _line(self, painter: QPainter, start: QPointF, end: QPointF, ink: QColor) -> None:
        """With a rim in the color of the background, to be seen over anything."""
        rim = QColor(self._paper)
        rim.setAlpha(min(190, ink.alpha()))
        for color, width in ((rim, 4.0), (ink, 1.6)):
            painter.setPen(QPen(color, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawLine(start, end)


def round_below(value: float) -> float:
    """The largest 1, 2 or 5 times a power of ten that is not above a number."""
    power = 10.0 ** np.floor(np.log10(max(value, 1e-12)))
    return float(next(factor * power for factor in (5, 2, 1) if factor * power <= value * (1 + 1e-9)))


def _write(
    painter: QPainter,
    box: QRectF,
    text: str,
    ink: QColor,
    paper: QColor,
    across: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignHCenter,
) -> None:
    """Text on a small plate."""
    alignment = across | Qt.AlignmentFlag.AlignVCenter
    plate = painter.boundingRect(box, alignment, text).adjusted(-2, 0, 2, 0)
    back = QColor(paper)
    back.setAlpha(150)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(back)
    painter.drawRoundedRect(plate, 3, 3)
    painter.setPen(ink)
    painter.drawText(box, alignment, text)
