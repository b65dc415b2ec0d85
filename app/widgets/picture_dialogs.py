"""What a picture or a film of the 3D view is to be. Neither dialog blocks the window."""

from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

NOTES = "Legend, axes, scale bar and lengths"


class PictureDialog(QDialog):
    """A still.

    Signals
    -------
    changed(field, value)
    save_requested(), copy_requested(), dismissed()
    """

    changed = Signal(str, object)
    save_requested = Signal()
    copy_requested = Signal()
    dismissed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("pictureDialog")
        self.setWindowTitle("Picture of the 3D view")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.finished.connect(lambda _: self.dismissed.emit())
        self._scales = QButtonGroup(self)
        sizes = QHBoxLayout()
        sizes.setSpacing(20)
        for scale in (1, 2, 3, 4):
            button = QRadioButton(f"{scale}×")
            button.setObjectName(f"pictureScale{scale}")
            button.setAccessibleName(f"{scale} times the size of the 3D view")
            self._scales.addButton(button, scale)
            sizes.addWidget(button)
        sizes.addStretch(1)
        self._scales.idClicked.connect(lambda scale: self.changed.emit("scale", scale))
        self._transparent = _box("Transparent background", "pictureTransparent")
        self._transparent.toggled.connect(lambda on: self.changed.emit("transparent", on))
        self._notes = _box(NOTES, "pictureNotes")
        self._notes.toggled.connect(lambda on: self.changed.emit("notes", on))
        self._preview = _preview()
        self._save, self._copy = QPushButton("Save …"), QPushButton("Copy")
        self._save.setObjectName("pictureSave")
        self._copy.setObjectName("pictureCopy")
        self._save.clicked.connect(self.save_requested)
        self._copy.clicked.connect(self.copy_requested)
        form = QFormLayout()
        form.addRow("Size", sizes)
        form.addRow("", self._transparent)
        form.addRow("", self._notes)
        _lay_out(self, form, self._preview, self._save, self._copy)

    def set_wish(self, wish: Any) -> None:
        """Show a `PictureWish`."""
        with QSignalBlocker(self._scales):
            self._scales.button(wish.scale).setChecked(True)
        for box, on in ((self._transparent, wish.transparent), (self._notes, wish.notes)):
            with QSignalBlocker(box):
                box.setChecked(on)

    def set_preview(self, text: str, *, ready: bool) -> None:
        """What comes of it, and whether it can."""
        self._preview.setText(text)
        self._save.setEnabled(ready)
        self._copy.setEnabled(ready)


class FilmDialog(QDialog):
    """The scene turning once around.

    Signals
    -------
    changed(field, value)
    save_requested(), dismissed()
    """

    changed = Signal(str, object)
    save_requested = Signal()
    dismissed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("filmDialog")
        self.setWindowTitle("Turntable film")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.finished.connect(lambda _: self.dismissed.emit())
        self._format = self._choice("format", (("gif", "GIF, shown everywhere"), ("mp4", "MP4 (VP9), smaller")))
        self._format.setToolTip("MP4 with VP9 is shown by browsers and most players; some need a GIF")
        self._height = self._choice("height", tuple((high, f"{high} pixels") for high in (360, 480, 720, 1080)))
        self._rate = self._choice("rate", tuple((rate, f"{rate} per second") for rate in (10, 20, 25)))
        self._seconds = QSpinBox()
        self._seconds.setObjectName("filmSeconds")
        self._seconds.setRange(2, 60)
        self._seconds.setSuffix(" s")
        self._seconds.valueChanged.connect(lambda value: self.changed.emit("seconds", value))
        self._notes = _box(NOTES, "filmNotes")
        self._notes.toggled.connect(lambda on: self.changed.emit("notes", on))
        self._preview = _preview()
        self._save = QPushButton("Film …")
        self._save.setObjectName("filmSave")
        self._save.clicked.connect(self.save_requested)
        form = QFormLayout()
        for words, field in (
            ("Format", self._format),
            ("One turn takes", self._seconds),
            ("Frames", self._rate),
            ("Height", self._height),
            ("", self._notes),
        ):
            form.addRow(words, field)
        _lay_out(self, form, self._preview, self._save)

    def set_wish(self, wish: Any) -> None:
        """Show a `FilmWish`."""
        for choice, value in ((self._format, wish.format), (self._height, wish.height), (self._rate, wish.rate)):
            with QSignalBlocker(choice):
                choice.setCurrentIndex(choice.findData(value))
        with QSignalBlocker(self._seconds):
            self._seconds.setValue(wish.seconds)
        with QSignalBlocker(self._notes):
            self._notes.setChecked(wish.notes)

    def set_preview(self, text: str, *, ready: bool) -> None:
        """What comes of it, and whether it can."""
        self._preview.setText(text)
        self._save.setEnabled(ready)

    def _choice(self, field: str, offers: tuple[tuple[object, str], ...]) -> QComboBox:
        choice = QComboBox()
        choice.setObjectName(f"film{field.title()}")
        for value, words in offers:
            choice.addItem(words, value)
        choice.currentIndexChanged.connect(lambda _: self.changed.emit(field, choice.currentData()))
        return choice


def _box(text: str, name: str) -> QCheckBox:
    box = QCheckBox(text)
    box.setObjectName(name)
    return box


def _preview() -> QLabel:
    label = QLabel()
    label.setObjectName("picturePreview")
    return label


def _lay_out(dialog: QDialog, form: QFormLayout, preview: QLabel, *buttons: QPushButton) -> None:
    """Form, preview, buttons; the first of them is the one that counts."""
    form.setHorizontalSpacing(16)
    form.setVerticalSpacing(12)
    row = QHBoxLayout()
    row.addWidget(preview, 1)
    close = QPushButton("Close")
    close.setObjectName("pictureClose")
    close.clicked.connect(dialog.reject)
    row.addWidget(close)
    for button in reversed(buttons):
        button.setAutoDefault(button is buttons[0])
        row.addWidget(button)
    buttons[0].setProperty("primary", True)
    buttons[0].setDefault(True)
    column = QVBoxLayout(dialog)
    column.setContentsMargins(20, 18, 20, 16)
    column.setSpacing(18)
    column.addLayout(form)
    column.addLayout(row)
    dialog.setMinimumWidth(520)
