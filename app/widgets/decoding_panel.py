"""The filters of the result as sliders, each with a field and what it drops. All act live; nothing is gone for good."""

import math
from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.widgets.objectness_histogram import ObjectnessHistogram, Tick
from app.widgets.value_slider import FIELD_WIDTH, Scale, ValueSlider, linear

MOST_POINTS = 100_000  # that the slider of the smallest size reaches; the field takes more
POSITIONS_PER_DECADE = 20
AXIS_MARGIN = 7  # pixels from the end of a slider to the middle of its handle there


def _points(position: int) -> float:
    """Whole numbers of points to two digits, twenty to the decade."""
    if not position:
        return 0
    value = 10 ** (position / POSITIONS_PER_DECADE)
    return round(value, min(0, 1 - math.floor(math.log10(value))))


def _position(points: float) -> int:
    if points < 1:
        return 0
    last = round(POSITIONS_PER_DECADE * math.log10(MOST_POINTS))
    return min(max(1, round(POSITIONS_PER_DECADE * math.log10(points))), last)


SCALES = {
    "objectness_threshold": linear(1.0, decimals=2, positions=100),
    "mask_threshold": linear(1.0, decimals=2, positions=100),
    "minimum_points": Scale(
        1e9, 0, round(POSITIONS_PER_DECADE * math.log10(MOST_POINTS)), _points, _position, suffix=" pts"
    ),
    "duplicate_overlap": linear(100.0, decimals=0, positions=100, suffix=" %"),
    "confidence_percentile": linear(100.0, decimals=0, positions=100, suffix=" %"),
    "depth_edge": linear(20.0, decimals=1, positions=200, suffix=" %"),
}
WORDS = {
    "objectness_threshold": (
        "objectnessSlider",
        "Objectness at least",
        "Shows queries the network believes to be an object at least this much. Nothing is recomputed.",
    ),
    "mask_threshold": (
        "maskSlider",
        "Mask probability above",
        "A pixel belongs to an instance above this probability. Masks are assembled again.",
    ),
    "minimum_points": (
        "sizeSlider",
        "Smallest instance",
        "Drops instances with fewer points, counted after the point filters.",
    ),
    "duplicate_overlap": (
        "duplicateSlider",
        "Duplicates: overlap over",
        "Drops an instance whose points overlap (IoU) with those of a better one by more than this; 0 is off.",
    ),
    "confidence_percentile": (
        "confidenceSlider",
        "Leave out least confident",
        "Drops the share of points whose depth the network trusts least.",
    ),
    "depth_edge": (
        "edgeSlider",
        "Flying pixels: jump over",
        "Drops points between two surfaces: one neighbor nearer, one farther, by more than this share of it.",
    ),
}


class DecodingPanel(QWidget):
    """Six filters under a histogram.

    Signals
    -------
    changed(key, value)
        While a handle moves; keys and units as in the edits, `depth_edge` and `duplicate_overlap` in percent.
    gesture_finished()
        A handle was let go, or a key or typed number was a step of its own.
    edges_switched(on)
    queries_chosen(queries, additive)
        From the histogram.
    reset_requested()
    """

    changed = Signal(str, float)
    gesture_finished = Signal()
    edges_switched = Signal(bool)
    queries_chosen = Signal(object, bool)
    reset_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("decodingPanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._counts: dict[str, QLabel] = {}
        self._sliders: dict[str, ValueSlider] = {}
        self.histogram = ObjectnessHistogram(AXIS_MARGIN)
        self.histogram.chosen.connect(self.queries_chosen)
        self._inside = QWidget()
        self._inside.setObjectName("decodingContent")
        self._column = QVBoxLayout(self._inside)
        self._column.setContentsMargins(12, 0, 12, 10)
        self._column.setSpacing(2)
        for key in SCALES:
            self._add(key)
        self.objectness, self.mask = self._sliders["objectness_threshold"], self._sliders["mask_threshold"]
        self._area = _Area(self._inside)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._head())
        column.addWidget(self._area)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def slider(self, key: str) -> ValueSlider:
        """The slider of one filter."""
        return self._sliders[key]

    def set_filter(self, key: str, value: float, drops: str) -> None:
        """Show a setting and what it drops, without telling anybody."""
        self._sliders[key].set_value(value)
        if key == "objectness_threshold":
            self.histogram.set_threshold(value)
        if drops != self._counts[key].text():
            self._counts[key].setText(drops)

    def set_edges(self, on: bool) -> None:
        """Whether the depth-edge filter is on."""
        if on != self._edges.isChecked():
            with QSignalBlocker(self._edges):
                self._edges.setChecked(on)
        self._sliders["depth_edge"].setEnabled(on)

    def set_queries(self, ticks: Sequence[Tick], selection: frozenset[int]) -> None:
        """Show all queries in the histogram."""
        self.histogram.set_ticks(ticks)
        self.histogram.set_selection(selection)

    def set_reset(self, enabled: bool) -> None:
        """Whether any filter differs from its default."""
        self._reset.setEnabled(enabled)

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(6, 6, 12, 2)
        title = QToolButton()
        title.setObjectName("filtersTitle")
        title.setText("Filters")
        title.setToolTip("Fold the filters away, or show them")
        title.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        title.setArrowType(Qt.ArrowType.DownArrow)
        title.setCheckable(True)
        title.setChecked(True)
        title.setMinimumHeight(24)
        title.toggled.connect(self._area.setVisible)
        title.toggled.connect(lambda on: title.setArrowType((Qt.ArrowType.RightArrow, Qt.ArrowType.DownArrow)[on]))
        self._reset = QPushButton("Reset filters")
        self._reset.setObjectName("resetFilters")
        self._reset.setProperty("flat", "true")
        self._reset.setEnabled(False)
        self._reset.clicked.connect(self.reset_requested)
        row.addWidget(title)
        row.addStretch(1)
        row.addWidget(self._reset)
        return row

    def _add(self, key: str) -> None:
        name, words, tip = WORDS[key]
        slider = ValueSlider(name, words, SCALES[key])
        label: QLabel | QCheckBox
        if key == "depth_edge":
            label = self._edges = QCheckBox(words)
            label.setObjectName("edgesOn")
            label.toggled.connect(self.edges_switched)
        else:
            label = QLabel(words)
            label.setBuddy(slider.slider)
        count = QLabel()
        count.setObjectName("filterCount")
        for widget in (label, slider.slider, slider.field):
            widget.setToolTip(tip)
        top = QHBoxLayout()
        top.setContentsMargins(0, 4, 0, 0)
        top.addWidget(label, 1)
        top.addWidget(count)
        self._column.addLayout(top)
        if key == "objectness_threshold":
            over = QHBoxLayout()
            over.setContentsMargins(0, 2, FIELD_WIDTH + 8, 0)  # as wide as the slider below it
            over.addWidget(self.histogram)
            self._column.addLayout(over)
        self._column.addWidget(slider)
        slider.value_changed.connect(lambda value: self.changed.emit(key, value))
        slider.gesture_finished.connect(self.gesture_finished)
        self._counts[key], self._sliders[key] = count, slider


class _Area(QScrollArea):
    """As tall as its content where there is room, and scrolled where there is not."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setObjectName("decodingArea")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # its controls scroll into sight when they get the focus
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(content)
        self.setMinimumHeight(150)

    def sizeHint(self) -> QSize:
        """Of the content."""
        return self.widget().sizeHint()
