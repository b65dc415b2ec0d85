"""The two thresholds of paper section 3.5 as sliders: objectness filters live, masks are assembled again."""

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget
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
        for slider in (self.objectness, self.mask):
            slider.sliderReleased.connect(self.gesture_finished)

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
        label.setBuddy(slider)
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
        if not slider.isSliderDown():
            self.gesture_finished.emit()
