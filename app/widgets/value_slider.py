"""A number by slider and by typing: what is dragged is told a few times a second, and when the hand lets go."""

from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QSlider, QStyle, QStyleOptionSlider, QWidget

TELLING_TIME = 33  # ms between two values of one drag: the screen shows no more
FIELD_WIDTH = 76  # pixels


class Scale(NamedTuple):
    """How positions of the handle, whole numbers from 0 on, are values."""

    highest: float
    decimals: int
    positions: int
    to_value: Callable[[int], float]
    to_position: Callable[[float], int]
    suffix: str = ""


def linear(highest: float, *, decimals: int, positions: int, suffix: str = "") -> Scale:
    """Equal steps from 0 to `highest`."""
    return Scale(
        highest=highest,
        decimals=decimals,
        positions=positions,
        to_value=lambda position: round(highest * position / positions, decimals),
        to_position=lambda value: round(min(value / highest, 1.0) * positions),
        suffix=suffix,
    )


class ValueSlider(QWidget):
    """A slider and a field for one number.

    Parameters
    ----------
    name : str
        Of the whole; slider and field are called `name` + "Handle" and `name` + "Field".
    words : str
        For screen readers.
    scale : Scale

    Signals
    -------
    value_changed(value)
        While the handle moves, and on every key and typed number.
    gesture_finished()
        The mouse let go, or a key or typed number was one step of its own.
    """

    value_changed = Signal(float)
    gesture_finished = Signal()

    def __init__(self, name: str, words: str, scale: Scale, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._scale = scale
        self._pending: float | None = None
        self.slider, self.field = _Slider(), _Field()
        self.slider.setObjectName(f"{name}Handle")
        self.slider.setRange(0, scale.positions)
        self.slider.setPageStep(max(1, scale.positions // 10))
        self.field.setObjectName(f"{name}Field")
        self.field.setRange(0, scale.highest)
        self.field.setDecimals(scale.decimals)
        self.field.setSuffix(scale.suffix)
        for part in (self.slider, self.field):
            part.setAccessibleName(words)
        self.setFocusProxy(self.slider)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.slider, 1)
        row.addWidget(self.field)
        self._pause = QTimer(self, interval=TELLING_TIME, singleShot=True)
        self._pause.timeout.connect(self._tell)
        self.slider.valueChanged.connect(self._move)
        self.slider.let_go.connect(self._let_go)
        self.field.valueChanged.connect(self._type)

    def value(self) -> float:
        """The number on show."""
        return self.field.value()

    def set_value(self, value: float) -> None:
        """Show a number without telling anybody."""
        if self._scale.to_value(self.slider.value()) != value:  # several positions may be one number
            with QSignalBlocker(self.slider):
                self.slider.setValue(self._scale.to_position(value))
        if value != self.field.value():
            with QSignalBlocker(self.field):
                self.field.setValue(value)

    def _move(self, position: int) -> None:
        self._pending = self._scale.to_value(position)
        if not self.slider.held:
            self._let_go()
        elif not self._pause.isActive():
            self._tell()

    def _tell(self) -> None:
        if self._pending is None:
            return
        value, self._pending = self._pending, None
        with QSignalBlocker(self.field):
            self.field.setValue(value)
        self._pause.start()
        self.value_changed.emit(value)

    def _let_go(self) -> None:
        self._tell()
        self._pause.stop()
        self.gesture_finished.emit()

    def _type(self, value: float) -> None:
        self.value_changed.emit(value)
        self.gesture_finished.emit()


class _Slider(QSlider):
    """Jumps to where it is pressed and is dragged from there; the wheel scrolls the panel."""

    let_go = Signal()

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.held = False
        self.setMinimumHeight(24)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        self.held = True
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        style, parts = self.style(), QStyle.SubControl
        control = QStyle.ComplexControl.CC_Slider
        handle = style.subControlRect(control, option, parts.SC_SliderHandle, self)
        if not handle.contains(event.position().toPoint()):
            groove = style.subControlRect(control, option, parts.SC_SliderGroove, self)
            at = round(event.position().x()) - groove.left() - handle.width() // 2
            span = groove.width() - handle.width()
            self.setValue(QStyle.sliderValueFromPosition(self.minimum(), self.maximum(), at, span))
        super().mousePressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        if self.held and event.button() == Qt.MouseButton.LeftButton:
            self.held = False
            self.let_go.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class _Field(QDoubleSpinBox):
    """Takes a typed number when it is complete; the wheel scrolls the panel."""

    def __init__(self) -> None:
        super().__init__()
        self.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.setKeyboardTracking(False)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setFixedWidth(FIELD_WIDTH)
        self.setMinimumHeight(24)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()
