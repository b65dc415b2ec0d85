"""The large photo with its controls: which picture, what lies over it, and the facts under the pointer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QGuiApplication, QImage, QPixmap, QShowEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QToolButton,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from app.widgets.elided_label import ElidedLabel
from app.widgets.photo_view import PhotoView
from app.widgets.subject_menu import SubjectMenu
from app.widgets.theme import Theme

LAYERS = (("photo", "Photo"), ("depth", "Depth"), ("confidence", "Confidence"))
BAR_WIDTH, BAR_HEIGHT = 90, 9  # logical pixels
TICKS = (("masks", "Masks"), ("outlines", "Outlines"), ("photo_anchors", "Anchors"))
TICK_TIPS = {
    "photo_anchors": "Disc: visible. Ring: behind a surface. Square: no depth. On the frame, a cross: outside the "
    "photo; a stroke: behind the camera.\nDrag one along its ray; the wheel changes its depth, Shift takes that of "
    "the surface."
}


class PhotoPanel(QWidget):
    """Photo below its controls, above a line of facts.

    Signals
    -------
    layer_chosen(layer), ticked(name, on), opacity_changed(share)
    stepped(by)
        -1 or 1.
    save_requested(), copy_requested()
    """

    layer_chosen = Signal(str)
    ticked = Signal(str, bool)
    opacity_changed = Signal(float)
    stepped = Signal(int)
    save_requested = Signal()
    copy_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("photoPanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.photo = PhotoView(theme)
        self._title = ElidedLabel("photoTitle")
        self._title.setMinimumWidth(98)  # a name of usual length
        self._facts = _line("photoFacts")
        self._facts.setProperty("role", "muted")
        self._facts.setWordWrap(True)
        self._facts.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.menu = SubjectMenu("photoMenu", self)
        self._layer = QComboBox()
        self._layer.setObjectName("photoLayer")
        for name, text in LAYERS:
            self._layer.addItem(text, name)
        self._layer.currentIndexChanged.connect(lambda _: self.layer_chosen.emit(self._layer.currentData()))
        self._ticks = {name: self._tick(name, text) for name, text in TICKS}
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setObjectName("maskOpacity")
        self.opacity.setToolTip("Opacity of masks")
        self.opacity.setAccessibleName("Opacity of masks")
        self.opacity.setRange(0, 100)
        self.opacity.setFixedWidth(110)
        self.opacity.valueChanged.connect(lambda value: self.opacity_changed.emit(value / 100))
        self._low, self._bar, self._high = _line("photoScaleLow"), QLabel(), _line("photoScaleHigh")
        self._bar.setObjectName("photoScale")
        self._bar.setFixedSize(BAR_WIDTH, BAR_HEIGHT)
        self._bar.setScaledContents(True)
        for label in (self._low, self._high):
            label.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self._lay_out()
        self.set_scale(None, ("", ""))

    def set_scale(self, stops: NDArray[np.uint8] | None, ends: tuple[str, str]) -> None:
        """Colors (N, 3) of a map from low to high with the numbers at the ends, or nothing."""
        if stops is not None:
            pixels = np.ascontiguousarray(stops)
            image = QImage(pixels.data, len(pixels), 1, 3 * len(pixels), QImage.Format.Format_RGB888)
            self._bar.setPixmap(QPixmap.fromImage(image.copy()))
        self._low.setText(ends[0])
        self._high.setText(ends[1])
        for label in (self._low, self._bar, self._high):
            label.setVisible(stops is not None)

    def set_title(self, text: str) -> None:
        """Number and name of the photo."""
        self._title.set_text(text)

    def set_controls(self, layer: str, ticks: Sequence[tuple[str, bool]], opacity: float) -> None:
        """What is shown now."""
        with QSignalBlocker(self._layer):
            self._layer.setCurrentIndex(self._layer.findData(layer))
        for name, on in ticks:
            with QSignalBlocker(self._ticks[name]):
                self._ticks[name].setChecked(on)
        with QSignalBlocker(self.opacity):
            self.opacity.setValue(round(100 * opacity))

    def set_facts(self, text: str, tip: str) -> None:
        """What is under the pointer, in a line and in more words."""
        self._facts.setText(text)
        if tip:
            QToolTip.showText(self.photo.cursor().pos(), tip, self.photo)
        else:
            QToolTip.hideText()

    def copy_picture(self) -> None:
        """Put the picture as it is shown on the clipboard."""
        QGuiApplication.clipboard().setImage(self.rendered())

    def showEvent(self, event: QShowEvent) -> None:
        """Keep room for two lines of facts, so that the photo keeps its size while they change."""
        super().showEvent(event)
        self._facts.setFixedHeight(2 * self._facts.fontMetrics().lineSpacing() + 2)

    def rendered(self) -> QImage:
        """The picture as it is shown."""
        return self.photo.rendered()

    def _tick(self, name: str, text: str) -> QCheckBox:
        box = QCheckBox(text)
        box.setObjectName(f"photo_{name}")
        box.setToolTip(TICK_TIPS.get(name, ""))
        box.toggled.connect(lambda on: self.ticked.emit(name, on))
        return box

    def _button(self, name: str, text: str, tip: str) -> QToolButton:
        button = QToolButton()
        button.setObjectName(name)
        button.setText(text)
        button.setToolTip(tip)
        button.setAccessibleName(tip.split(" (")[0])  # "‹" is read as nothing
        button.setMinimumHeight(26)  # and as wide as its words, however narrow the panel
        return button

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(4)
        for name, text, tip, slot in (
            ("photoPrevious", "‹", "Previous view (←)", lambda: self.stepped.emit(-1)),
            ("photoNext", "›", "Next view (→)", lambda: self.stepped.emit(1)),
        ):
            button = self._button(name, text, tip)
            button.clicked.connect(slot)
            head.addWidget(button)
        head.addWidget(self._title, 1)
        for name, text, tip, slot in (
            ("photoCopy", "Copy", "Copy the picture shown (Ctrl+Alt+C)", self.copy_requested.emit),
            ("photoSave", "Save …", "Save the picture shown as PNG", self.save_requested.emit),
        ):
            button = self._button(name, text, tip)
            button.clicked.connect(slot)
            head.addWidget(button)
        controls = QHBoxLayout()
        controls.setSpacing(10)
        controls.addWidget(self._layer)
        controls.addStretch(1)
        opacity = QLabel("Opacity")
        opacity.setProperty("role", "muted")
        controls.addWidget(opacity)
        controls.addWidget(self.opacity)
        ticks = QHBoxLayout()
        ticks.setSpacing(6)
        for box in self._ticks.values():
            ticks.addWidget(box)
        ticks.addStretch(1)
        for name, text, tip, slot in (
            ("photoFit", "Fit", "The whole photo (Ctrl+0)", self.photo.fit),
            ("photoActual", "1:1", "One photo pixel on one screen pixel (Ctrl+1)", self.photo.actual_size),
        ):
            button = self._button(name, text, tip)
            button.clicked.connect(slot)
            ticks.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 8, 6)
        column.setSpacing(6)
        column.addLayout(head)
        column.addLayout(controls)
        column.addLayout(ticks)
        column.addWidget(self.photo, 1)
        foot = QHBoxLayout()
        foot.setSpacing(6)
        foot.setAlignment(Qt.AlignmentFlag.AlignTop)
        foot.addWidget(self._facts, 1)
        for label in (self._low, self._bar, self._high):
            foot.addWidget(label)
        column.addLayout(foot)


def _line(name: str) -> QLabel:
    label = QLabel()
    label.setObjectName(name)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label
