"""Crosshairs over a photo: white in a dark rim, so that they are read on anything."""

from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

ARM, GAP, DOT = 13.0, 4.0, 2.5  # logical pixels
RIM, INK = QColor(0, 0, 0, 200), QColor(255, 255, 255)


def paint_crosshairs(painter: QPainter, places: Sequence[QPointF], looks: Sequence[tuple[str, bool]]) -> None:
    """Paint places in their order, joined by a thin line.

    Parameters
    ----------
    painter : QPainter
    places : sequence of QPointF
    looks : sequence of (str, bool)
        Words beside a place; whether it is a cross or only a dot.
    """
    for pen in (QPen(RIM, 3.0), QPen(INK, 1.0)):
        painter.setPen(pen)
        for start, end in pairwise(places):
            painter.drawLine(start, end)
    for place, (words, main) in zip(places, looks, strict=True):
        if not main:
            painter.setPen(QPen(RIM, 1.0))
            painter.setBrush(INK)
            painter.drawEllipse(place, DOT, DOT)
            continue
        for pen in (QPen(RIM, 4.0), QPen(INK, 1.8)):
            painter.setPen(pen)
            for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                painter.drawLine(place + QPointF(x, y) * GAP, place + QPointF(x, y) * ARM)
        if words:
            _paint_words(painter, place, words)


def _paint_words(painter: QPainter, place: QPointF, words: str) -> None:
    font = painter.font()
    font.setPixelSize(12)
    painter.setFont(font)
    width = painter.fontMetrics().horizontalAdvance(words) + 8
    plate = QRectF(place.x() + GAP + 3, place.y() + GAP + 3, width, 17)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(RIM)
    painter.drawRoundedRect(plate, 4, 4)
    painter.setPen(INK)
    painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, words)
