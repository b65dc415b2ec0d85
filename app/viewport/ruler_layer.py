"""Lengths on stage: the box of what is selected, and a label in the corner that says them.

Axes of the box are those of the cameras' common frame, so that its upright edges are heights. What the numbers mean
in meters is the presenter's business.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtWidgets import QLabel, QWidget

from app.viewport.line_layer import BOX_EDGES, LineLayer, box_corners

MARGIN = 12  # logical pixels between the label and the corner

RGB = tuple[int, int, int]


class RulerLayer:
    """Box and label.

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
        self._box = LineLayer(view)
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

    def set_label(self, text: str) -> None:
        """Say something; nothing for no text."""
        self.label.setText(text)
        self.label.adjustSize()
        self.label.setVisible(bool(text))
        self.label.raise_()

    def set_colors(self, ink: RGB, paper: RGB) -> None:
        """Of lines and text, and of what is behind the text."""
        self._box.set_color(ink)
        colors = f"color: rgb{ink}; background: rgb{paper};"
        self.label.setStyleSheet(f"QLabel {{ {colors} border-radius: 6px; padding: 4px 10px; font-size: 12px; }}")

    def set_pixel_ratio(self, ratio: float) -> None:
        """Device pixels per logical pixel."""
        self._box.set_pixel_ratio(ratio)
