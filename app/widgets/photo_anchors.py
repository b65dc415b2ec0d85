"""Anchors over the large photo: told apart by how they are seen there, and dragged with the left button.

The widget around it offers mouse and wheel first to this. Where an anchor is in the world is not known here: moves
are told in pixels of the photo, and the wheel in notches.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from PySide6.QtCore import QLineF, QObject, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen, QTransform
from PySide6.QtWidgets import QWidget

from app.widgets.theme import Theme

CLICK_DISTANCE = 4.0  # logical pixels the mouse may move in a click
REACH = 9.0  # logical pixels around an anchor that hit it
MARK = 5.0  # radius of an anchor, logical pixels
DARK, LIGHT = QColor(20, 20, 20), QColor(255, 255, 255)
MARGIN = 8  # around the note, logical pixels
HELD = ("visible", "occluded", "unknown")  # sights of anchors that are where they are drawn


class PhotoAnchor(NamedTuple):
    """One anchor, pixel coordinates of the photo."""

    query: int
    x: float
    y: float
    color: tuple[int, int, int]
    sight: str
    chosen: bool


class PhotoAnchors(QObject):
    """Layer of a photo.

    Parameters
    ----------
    view : QWidget
    transform : callable
        Photo pixels to logical pixels of the view.

    Signals
    -------
    dragged(query, x, y, surface)
        Photo pixels, and whether the anchor is to lie on the surface.
    deepened(notches)
        The wheel turned while an anchor is held.
    dropped(), abandoned()
    clicked(query, additive)
    """

    dragged = Signal(int, float, float, bool)
    deepened = Signal(float)
    dropped = Signal()
    abandoned = Signal()
    clicked = Signal(int, bool)

    def __init__(self, view: QWidget, transform: Callable[[], QTransform]) -> None:
        super().__init__(view)
        self._view, self._transform = view, transform
        self.anchors: tuple[PhotoAnchor, ...] = ()
        self.note = ""
        self._ghost: tuple[int, float, float] | None = None
        self._held: PhotoAnchor | None = None
        self._start, self._offset = QPointF(), QPointF()
        self._moved = False

    @property
    def holding(self) -> bool:
        """Whether an anchor is held."""
        return self._held is not None

    def set_anchors(self, anchors: Sequence[PhotoAnchor]) -> None:
        """Show other anchors; what is selected lies above."""
        ordered = tuple(sorted(anchors, key=lambda anchor: anchor.chosen))
        if ordered != self.anchors:
            self.anchors = ordered
            self._view.update()

    def set_drag(self, ghost: tuple[int, float, float] | None, note: str) -> None:
        """Query and old place of what is dragged, and words about it."""
        if (ghost, note) != (self._ghost, self.note):
            self._ghost, self.note = ghost, note
            self._view.update()

    def at(self, position: QPointF) -> PhotoAnchor | None:
        """The nearest anchor drawn at a position."""
        transform = self._transform()
        near = [
            (QLineF(transform.map(QPointF(anchor.x, anchor.y)), position).length(), -place)
            for place, anchor in enumerate(self.anchors)
        ]
        found = min(near, default=(REACH + 1, 0))
        return self.anchors[-found[1]] if found[0] <= REACH else None

    def press(self, position: QPointF) -> bool:
        """The left button went down; whether it is the layer's."""
        self._held, self._moved, self._start = self.at(position), False, position
        if self._held is None:
            return False
        self._offset = self._transform().map(QPointF(self._held.x, self._held.y)) - position
        return True

    def move(self, position: QPointF, *, surface: bool) -> None:
        """The mouse moved with the button down."""
        held = self._held
        if held is None or held.sight not in HELD:
            return
        if not self._moved and (position - self._start).manhattanLength() < CLICK_DISTANCE:
            return
        self._moved = True
        place = self._transform().inverted()[0].map(position if surface else position + self._offset)
        self.dragged.emit(held.query, place.x(), place.y(), surface)

    def wheel(self, notches: float) -> bool:
        """The wheel turned; whether it is the layer's."""
        if self._held is None:
            return False
        if not self._moved and self._held.sight in HELD:
            self._moved = True
            self.dragged.emit(self._held.query, self._held.x, self._held.y, False)
        if self._moved:
            self.deepened.emit(notches)
        return True

    def release(self, additive: bool) -> None:
        """The button went up: a drag ends, or it was a click."""
        held, self._held = self._held, None
        if held is not None and self._moved:
            self.dropped.emit()
        elif held is not None:
            self.clicked.emit(held.query, additive)

    def cancel(self) -> bool:
        """Give up; whether there was something to give up."""
        if self._held is None:
            return False
        self._held = None
        self.abandoned.emit()
        return True

    def paint(self, painter: QPainter, transform: QTransform) -> None:
        """Anchors, and the way of the one that is dragged."""
        if self._ghost is not None:
            query, x, y = self._ghost
            old = transform.map(QPointF(x, y))
            now = next((transform.map(QPointF(each.x, each.y)) for each in self.anchors if each.query == query), old)
            for color, width in ((DARK, 3.0), (LIGHT, 1.4)):
                painter.setPen(QPen(color, width, Qt.PenStyle.DashLine))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawLine(old, now)
                painter.drawEllipse(old, MARK * 1.3, MARK * 1.3)
        for anchor in self.anchors:
            radius = MARK * (1.5 if anchor.chosen else 1.0)
            rim = LIGHT if anchor.chosen else DARK
            paint_mark(
                painter, transform.map(QPointF(anchor.x, anchor.y)), radius, QColor(*anchor.color), rim, anchor.sight
            )

    def paint_note(self, painter: QPainter, theme: Theme) -> None:
        """Words about the drag, at the upper edge."""
        if not self.note:
            return
        room = QRectF(self._view.rect()).adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
        words = painter.boundingRect(room.adjusted(MARGIN, 4, -MARGIN, 0), int(flags), self.note)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.panel))
        painter.drawRoundedRect(words.adjusted(-MARGIN, -4, MARGIN, 4), 6, 6)
        painter.setPen(QColor(theme.text))
        painter.drawText(words, int(flags), self.note)


def paint_mark(painter: QPainter, place: QPointF, radius: float, color: QColor, rim: QColor, sight: str) -> None:
    """Disc: visible. Ring: occluded. Square: no depth there. Cross on the frame: outside. Dash: behind the camera."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in (QPen(rim, 4.6), QPen(color, 2.2)):
        painter.setPen(pen)
        if sight == "visible":
            painter.setBrush(color)
            painter.drawEllipse(place, radius, radius)
        elif sight == "occluded":
            painter.drawEllipse(place, radius, radius)
        elif sight == "unknown":
            painter.drawRect(QRectF(place.x() - radius, place.y() - radius, 2 * radius, 2 * radius))
        else:
            painter.drawLine(place + QPointF(-radius, -radius), place + QPointF(radius, radius))
            if sight == "outside":
                painter.drawLine(place + QPointF(-radius, radius), place + QPointF(radius, -radius))
