"""The threshold explorer: number of instances over objectness and mask threshold, with lines to drag."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.widgets.curve_plot import CurvePlot
from app.widgets.theme import Theme
from app.widgets.threshold_map import ThresholdMap

TALLEST = 260  # of a curve, logical pixels: taller ones are no easier to read
NOTE = "The upper curve counts what passes all filters; the others count before point filters and merges."


class ThresholdPanel(QWidget):
    """Panel of the inspector.

    Signals
    -------
    changed(key, value)
        "objectness_threshold" or "mask_threshold".
    moved(objectness, mask)
        Both at once.
    gesture_finished(), copy_requested()
    """

    changed = Signal(str, float)
    moved = Signal(float, float)
    gesture_finished = Signal()
    copy_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("thresholdPanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._summary = QLabel()
        self._summary.setObjectName("thresholdSummary")
        self._summary.setWordWrap(True)
        self._copy = QPushButton("Copy CSV")
        self._copy.setObjectName("thresholdCopy")
        self._copy.setToolTip("Copy the number of instances over both thresholds")
        self._copy.clicked.connect(lambda _=False: self.copy_requested.emit())
        words = "Drag the line to move the threshold"
        self.objectness = CurvePlot(theme, "objectnessCurve", words, steps=True)
        self.mask = CurvePlot(theme, "maskCurve", words, steps=False)
        self.map = ThresholdMap(theme)
        self.objectness.value_changed.connect(lambda value: self.changed.emit("objectness_threshold", value))
        self.mask.value_changed.connect(lambda value: self.changed.emit("mask_threshold", value))
        self.map.moved.connect(self.moved)
        for part in (self.objectness, self.mask, self.map):
            part.gesture_finished.connect(self.gesture_finished)
        self._lay_out()
        self.set_empty("")

    def set_empty(self, text: str) -> None:
        """Why there is nothing to see; nothing if there is."""
        self._content.setVisible(not text)
        if text:
            self._summary.setText(text)
        self._copy.setVisible(not text)

    def set_summary(self, text: str) -> None:
        """How many there are now."""
        self._summary.setText(text)

    def set_objectness(self, curve: Sequence[tuple[float, int]], value: float) -> None:
        """Counts over objectness, and the present threshold."""
        self.objectness.set_curve(curve, value)
        self.map.set_objectness(value)

    def set_mask(self, curve: Sequence[tuple[float, int]], value: float) -> None:
        """Counts over the mask threshold, and the present one."""
        self.mask.set_curve(curve, value)
        self.map.set_mask(value)
        self._copy.setEnabled(bool(curve))

    def set_map(self, picture: NDArray[np.uint8], counts: NDArray[np.int32]) -> None:
        """See `ThresholdMap.set_map`."""
        self.map.set_map(picture, counts)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self._summary, 1)
        head.addWidget(self._copy)
        note = QLabel(NOTE)
        note.setObjectName("muted")
        note.setWordWrap(True)
        self._content = QWidget()
        inside = QVBoxLayout(self._content)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(2)
        for title, part in (
            ("Instances over objectness", self.objectness),
            ("Instances over mask threshold", self.mask),
            ("Both: objectness upwards, mask threshold to the right", self.map),
        ):
            inside.addWidget(QLabel(title))
            inside.addWidget(part, 1)
        inside.addWidget(note)
        for part in (self.objectness, self.mask):
            part.setMaximumHeight(TALLEST)
        self.map.setMaximumHeight(TALLEST + TALLEST // 2)
        inside.addStretch(0)  # what is left of a tall screen
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(self._content, 1)
        column.addStretch(0)
