"""The two thresholds of paper section 3.5 as sliders: objectness filters live, masks are assembled again."""

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractSlider, QLabel, QVBoxLayout, QWidget
from superqt import QLabeledDoubleSlider

STEP = 0.01  # of an arrow key


class DecodingPanel(QWidget):
    """Two labeled sliders.

    Signals
    -------
    objectness_changed(value), mask_changed(value)
        While the handle moves.
    gesture_finished()
        The handle was let go, or moved by a key.
    """

    objectness_changed = Signal(float)
    mask_changed = Signal(float)
    gesture_finished = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("decodingPanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._hands: dict[str, _Hands] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(12, 10, 12, 12)
        self._column.setSpacing(4)
        self.objectness = self._slider(
            "Objectness at least",
            "objectnessSlider",
            "Shows queries the network believes to be an object at least this much. A filter: nothing is recomputed.",
        )
        self.mask = self._slider(
            "Mask probability above",
            "maskSlider",
            "A pixel belongs to an instance above this probability. Masks are assembled again.",
        )
        self.objectness.valueChanged.connect(self._tell_objectness)
        self.mask.valueChanged.connect(self._tell_mask)

    def set_range(self, lowest: float) -> None:
        """Lowest objectness there is: queries below it were not assembled."""
        with QSignalBlocker(self.objectness):
            self.objectness.setRange(lowest, 1.0)

    def set_values(self, objectness: float, mask: float) -> None:
        """Move the handles without telling anybody."""
        for slider, value in ((self.objectness, objectness), (self.mask, mask)):
            if abs(slider.value() - value) > STEP / 100:
                with QSignalBlocker(slider):
                    slider.setValue(value)

    def _slider(self, text: str, name: str, tip: str) -> QLabeledDoubleSlider:
        label = QLabel(text)
        label.setToolTip(tip)
        slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        slider.setObjectName(name)
        slider.setToolTip(tip)
        slider.setAccessibleName(text)
        slider.setRange(0.0, 1.0)
        slider.setDecimals(2)
        slider.setSingleStep(STEP)
        slider.setPageStep(10 * STEP)
        handle = slider.findChild(QAbstractSlider)
        handle.setAccessibleName(text)
        slider.setFocusProxy(handle)  # superqt leaves two stops for the Tab key
        hands = _Hands(slider)
        hands.released.connect(self.gesture_finished)
        handle.installEventFilter(hands)
        self._hands[name] = hands
        label.setBuddy(handle)
        self._column.addWidget(label)
        self._column.addWidget(slider)
        return slider

    def _tell_objectness(self, value: float) -> None:
        self.objectness_changed.emit(value)
        self._end_key_step(self.objectness)

    def _tell_mask(self, value: float) -> None:
        self.mask_changed.emit(value)
        self._end_key_step(self.mask)

    def _end_key_step(self, slider: QLabeledDoubleSlider) -> None:
        if not self._hands[slider.objectName()].holding:
            self.gesture_finished.emit()


class _Hands(QObject):
    """Mouse and keys on a slider.

    Tells when the mouse lets go; superqt's own signal comes before the value of a click beside the handle.
    Adds arrow, page, home and end keys, to which its floating-point sliders are deaf.
    """

    released = Signal()

    def __init__(self, slider: QLabeledDoubleSlider) -> None:
        super().__init__(slider)
        self._slider = slider
        self.holding = False

    def eventFilter(self, _: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.MouseButtonPress:
            self.holding = True
        elif event.type() == QEvent.Type.MouseButtonRelease:
            self.holding = False
            self.released.emit()
        return self._press_key(event)

    def _press_key(self, event: QEvent) -> bool:
        if event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
            return False
        slider, keys = self._slider, Qt.Key
        steps = {
            keys.Key_Left: -STEP,
            keys.Key_Down: -STEP,
            keys.Key_Right: STEP,
            keys.Key_Up: STEP,
            keys.Key_PageDown: -10 * STEP,
            keys.Key_PageUp: 10 * STEP,
            keys.Key_Home: slider.minimum() - slider.value(),
            keys.Key_End: slider.maximum() - slider.value(),
        }
        if event.key() not in steps:
            return False
        value = slider.value() + steps[Qt.Key(event.key())]
        slider.setValue(min(max(value, slider.minimum()), slider.maximum()))
        return True
