"""Lengths on stage: the box of what is selected, a measured line, and a label in the corner that says them.

Axes of the box are those of the cameras' common frame, so that its upright edges are heights. What the numbers mean
in meters is the presenter's business.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import QLabel, QWidget

from app.viewport.line_layer import BOX_EDGES, LineLayer, box_corners

MARGIN = 12  # logical pixels between the label and the corner

RGB = tuple[int, int, int]


class RulerLayer:
    """Box, line and label.

    Parameters
    ----------
    view : SceneView
    parent : QWidget
        The label lies in its upper left corner.
    frame : callable
        Unit axes as rows (3, 3): right, up, forward.
    """

    def __init__(self, view: Any, parent: QWidget, frame: Callable[[], NDArray[np.float64]]) -> None:
        self._frame = frame
        self._box, self._line = LineLayer(view), LineLayer(view, width=2.0, in_front=True)
        self.label = QLabel(parent)
        self.label.setObjectName("lengths")
        self.label.move(MARGIN, MARGIN)
        self.label.hide()

    def set_box(self, points: NDArray[np.float32]) -> tuple[float, float, float]:
        """Show the box around points (M, 3), none for M = 0; its width, height and depth."""
        if not len(points):
            self._box.clear()
            return 0.0, 0.0, 0.0
        corners, size = box_corners(points, self._frame())
        self._box.set_segments(corners, BOX_EDGES)
        return float(size[0]), float(size[1]), float(size[2])

    def set_line(self, places: Sequence[tuple[float, float, float]]) -> None:
        """Mark places, world, and the line between the first two."""
        edges = np.array([(0, 1)] if len(places) > 1 else [], int)
        self._line.set_segments(np.array(places, float).reshape(-1, 3), edges, dots=True)

    def set_label(self, text: str) -> None:
        """Say something; nothing for no text."""
        self.label.setText(text)
        self.place()
        self.label.setVisible(bool(text))
        self.label.raise_()

    def place(self) -> None:
        """In one line where there is room, wrapped where there is not."""
        parent = self.label.parentWidget()
        self.label.setWordWrap(False)
        wanted = self.label.sizeHint()
        room = parent.width() - 2 * MARGIN if parent is not None else wanted.width()
        if wanted.width() > room:
            self.label.setWordWrap(True)
            wanted.setHeight(self.label.heightForWidth(room))
        self.label.resize(min(wanted.width(), room), wanted.height())

    def set_colors(self, ink: RGB, paper: RGB, accent: RGB) -> None:
        """Of box and text, of what is behind the text, and of the measured line."""
        self._box.set_color(ink)
        self._line.set_color(accent)
        colors = f"color: rgb{ink}; background: rgb{paper};"
        self.label.setStyleSheet(f"QLabel {{ {colors} border-radius: 6px; padding: 4px 10px; font-size: 12px; }}")

    def set_pixel_ratio(self, ratio: float) -> None:
        """Device pixels per logical pixel."""
        for lines in (self._box, self._line):
            lines.set_pixel_ratio(ratio)
