"""What is exported, in which formats, how and where to. It blocks nothing: the preview follows the window behind it.

The line above the buttons says how far the writing is, with a *Cancel*, and afterwards what was written. What the
choices are and mean is told by the presenter.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QRadioButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

SCOPES = (
    ("visible", "What the 3D view shows: filters, hidden instances and isolation count"),
    ("selected", "What is selected in the 3D view, the photos or the table"),
    ("all", "Also those hidden by hand and outside the isolation; what the filters drop is no instance"),
)
FORMATS = (
    ("ply", "PLY, one file per instance", "x y z red green blue instance objectness view"),
    ("scene", "PLY of the scene", "All points, with the number of their instance"),
    ("glb", "GLB", "Points and cameras, for any glTF viewer"),
    ("masks", "Id masks", "16-bit PNG per photo"),
    ("overlays", "Overlays", "Photos with their instances painted over them"),
    ("transforms", "transforms.json", "Cameras and photos as nerfstudio reads them"),
    ("colmap", "COLMAP", "Cameras, photos and points as text"),
    ("npz", "NPZ", "Everything as arrays"),
    ("report", "Report", "Numbers of every instance as JSON"),
)
FIELDS = ("colors", "frame", "lengths")
SCALE = 1000  # steps of the progress bar
LONGEST = 1e6  # written units


class ExportDialog(QDialog):
    """Non-modal.

    Signals
    -------
    changed(field, value), format_toggled(name, on)
    folder_requested(), export_requested(), cancel_requested(), command_requested(), dismissed()
    show_requested(), path_requested()
        Of what was written.
    """

    changed = Signal(str, object)
    format_toggled = Signal(str, bool)
    folder_requested = Signal()
    export_requested = Signal()
    cancel_requested = Signal()
    command_requested = Signal()
    show_requested = Signal()
    path_requested = Signal()
    dismissed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("exportDialog")
        self.setWindowTitle("Export")
        self.setMinimumWidth(620)
        self.finished.connect(lambda _: self.dismissed.emit())
        self._scopes = {name: self._scope(name, tip) for name, tip in SCOPES}
        self._formats = {name: self._format(name, text, tip) for name, text, tip in FORMATS}
        self._choices = {field: self._choice(field) for field in FIELDS}
        self._rest = QCheckBox("Points that no instance claims, too")
        self._rest.setObjectName("exportRest")
        self._rest.toggled.connect(lambda on: self.changed.emit("rest", on))
        self.voxel = self._number("exportVoxel", "Voxel edge", "voxel_size", 0.0, "Every point")
        self.scale = self._number("exportScale", "Scale", "scale", 1e-6, "")
        self._folder = QLineEdit()
        self._folder.setObjectName("exportFolder")
        self._folder.setAccessibleName("Folder")
        self._typing = False
        self._folder.textEdited.connect(lambda _: self._tell_folder(typing=True))  # a click may leave the focus here
        self._folder.editingFinished.connect(self._tell_folder)
        self._preview = QLabel()
        self._preview.setObjectName("exportPreview")
        self._preview.setWordWrap(True)
        self._preview.setMinimumHeight(2 * self.fontMetrics().lineSpacing() + 6)
        self._preview.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._outcome = QStackedWidget()
        for page in (QWidget(), self._progress_page(), self._written_page()):
            self._outcome.addWidget(page)
        self._outcome.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._lay_out()

    def open(self) -> None:
        """Beside the window, which stays in use; Qt's own would block it."""
        self.show()
        self.raise_()
        self.activateWindow()

    def set_wish(self, wish: Any) -> None:
        """Show an `ExportWish`; its choices have to be there."""
        with QSignalBlocker(self._group):
            self._scopes[wish.scope].setChecked(True)
        for name, box in self._formats.items():
            with QSignalBlocker(box):
                box.setChecked(name in wish.formats)
        for field, combo in self._choices.items():
            with QSignalBlocker(combo):
                combo.setCurrentIndex(max(combo.findData(getattr(wish, field)), 0))
        with QSignalBlocker(self._rest):
            self._rest.setChecked(wish.rest)
        for number, value in ((self.voxel, wish.voxel_size), (self.scale, wish.scale)):
            if not number.hasFocus():
                with QSignalBlocker(number):
                    number.setValue(value)
        self.scale.setVisible(wish.lengths == "own")
        if not self._typing:
            self._folder.setText(str(wish.folder))
        self._folder.setToolTip(str(wish.folder))

    def set_scopes(self, texts: Mapping[str, str]) -> None:
        """Words of the radio buttons."""
        for name, text in texts.items():
            self._scopes[name].setText(text)

    def set_choices(self, field: str, choices: Sequence[tuple[str, str]], tip: str) -> None:
        """What can be chosen of colors, frame or lengths; a lone choice is shown, and the tip says why it is."""
        combo = self._choices[field]
        combo.setToolTip(tip)
        combo.setEnabled(len(choices) > 1)
        if [(combo.itemData(row), combo.itemText(row)) for row in range(combo.count())] != list(choices):
            with QSignalBlocker(combo):
                combo.clear()
                for name, text in choices:
                    combo.addItem(text, name)

    def set_rest(self, possible: bool, tip: str) -> None:
        """Whether points that nobody claims can be written."""
        self._rest.setEnabled(possible)
        self._rest.setToolTip(tip)

    def set_units(self, units: str) -> None:
        """Of written lengths."""
        self._voxel_label.setText(f"Voxel edge, {units if len(units) <= len('scene units') else 'written units'}")

    def set_command(self, possible: bool, tip: str) -> None:
        """Whether there is a call that comes to the same."""
        self._command.setEnabled(possible)
        self._command.setToolTip(tip)

    def set_preview(self, text: str, *, ready: bool) -> None:
        """What the wish comes to, and whether it can be written."""
        self._preview.setText(text)
        self._export.setEnabled(ready)

    def set_progress(self, step: str, fraction: float) -> None:
        """Something is being written."""
        self._outcome.setCurrentIndex(1)
        self._step.setText(step)
        self._bar.setValue(round(SCALE * fraction))
        self._export.setEnabled(False)

    def set_outcome(self, text: str, folder: str) -> None:
        """What came of it; a folder where there is something to see. An empty text: nothing was asked for yet."""
        self._outcome.setCurrentIndex(2 if text else 0)
        shown = QFontMetrics(self._result.font()).elidedText(folder, Qt.TextElideMode.ElideMiddle, 170)
        self._result.setText(f"{text}, to {shown}" if folder else text)
        self._result.setToolTip(folder)
        for button in (self._show, self._path):
            button.setVisible(bool(folder))

    def _tell_folder(self, *, typing: bool = False) -> None:
        """While it is typed, the field keeps its letters; afterwards it shows the folder they came to."""
        self._typing = typing
        self.changed.emit("folder", self._folder.text())

    def _ask_folder(self) -> None:
        self._typing = False
        self.folder_requested.emit()

    def _scope(self, name: str, tip: str) -> QRadioButton:
        button = QRadioButton()
        button.setObjectName(f"scope_{name}")
        button.setToolTip(tip)
        button.toggled.connect(lambda on: on and self.changed.emit("scope", name))
        return button

    def _format(self, name: str, text: str, tip: str) -> QCheckBox:
        box = QCheckBox(text)
        box.setObjectName(f"format_{name}")
        box.setToolTip(tip)
        box.toggled.connect(lambda on: self.format_toggled.emit(name, on))
        return box

    def _choice(self, field: str) -> QComboBox:
        combo = QComboBox()
        combo.setObjectName(f"export_{field}")
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        combo.setMinimumContentsLength(30)  # photos have names of any length
        combo.currentIndexChanged.connect(lambda _: self.changed.emit(field, combo.currentData()))
        return combo

    def _number(self, name: str, title: str, field: str, lowest: float, special: str) -> QDoubleSpinBox:
        spin = QDoubleSpinBox()
        spin.setObjectName(name)
        spin.setAccessibleName(title)
        spin.setDecimals(6)
        spin.setRange(lowest, LONGEST)
        spin.setSingleStep(0.01)
        spin.setSpecialValueText(special)
        spin.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        spin.setMinimumHeight(28)
        spin.valueChanged.connect(lambda value: self.changed.emit(field, value))
        return spin

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(12)
        self._group = QButtonGroup(self)
        row = QHBoxLayout()
        for button in self._scopes.values():
            self._group.addButton(button)
            row.addWidget(button)
        row.addStretch(1)
        column.addLayout(row)
        grid = QGridLayout()
        grid.setHorizontalSpacing(24)
        for place, box in enumerate(self._formats.values()):
            grid.addWidget(box, place // 3, place % 3)
        column.addLayout(grid)
        column.addLayout(self._form())
        column.addWidget(self._preview)
        column.addWidget(self._outcome)
        column.addLayout(self._buttons())

    def _form(self) -> QFormLayout:
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._voxel_label = QLabel()
        lengths = QHBoxLayout()
        lengths.addWidget(self._choices["lengths"], 1)
        lengths.addWidget(self.scale)
        lengths.setSpacing(8)
        form.addRow("Colors of points", self._choices["colors"])
        form.addRow("", self._rest)
        form.addRow("Frame", self._choices["frame"])
        form.addRow("Lengths", lengths)
        form.addRow(self._voxel_label, self.voxel)
        place = QHBoxLayout()
        place.setSpacing(8)
        choose = QPushButton("Choose …")
        choose.setObjectName("exportChoose")
        choose.setAutoDefault(False)
        choose.clicked.connect(self._ask_folder)
        place.addWidget(self._folder, 1)
        place.addWidget(choose)
        form.addRow("Folder", place)
        return form

    def _progress_page(self) -> QWidget:
        page = QWidget()
        row = QHBoxLayout(page)
        row.setContentsMargins(0, 0, 0, 0)
        self._step = QLabel()
        self._step.setObjectName("exportStep")
        self._bar = QProgressBar()
        self._bar.setObjectName("exportProgress")
        self._bar.setRange(0, SCALE)
        self._bar.setTextVisible(False)
        row.addWidget(self._step)
        row.addWidget(self._bar, 1)
        row.addWidget(self._button("exportCancel", "Cancel", "Stop; nothing is left behind", self.cancel_requested))
        return page

    def _written_page(self) -> QWidget:
        page = QWidget()
        row = QHBoxLayout(page)
        row.setContentsMargins(0, 0, 0, 0)
        self._result = QLabel()
        self._result.setObjectName("exportResult")
        self._result.setWordWrap(True)
        self._show = self._button("exportShow", "Open folder", "In the file manager", self.show_requested)
        self._path = self._button("exportPath", "Copy path", "Of the folder", self.path_requested)
        row.addWidget(self._result, 1)
        row.addWidget(self._show)
        row.addWidget(self._path)
        return page

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self._command = self._button("exportCommand", "Copy command line", "", self.command_requested)
        close = QPushButton("Close")
        close.setObjectName("exportClose")
        close.setAutoDefault(False)
        close.setToolTip("What is being written goes on")
        close.clicked.connect(self.close)
        self._export = QPushButton("Export")
        self._export.setObjectName("exportWrite")
        self._export.setProperty("primary", True)
        self._export.setDefault(True)
        self._export.clicked.connect(self.export_requested)
        row.addWidget(self._command)
        row.addStretch(1)
        row.addWidget(close)
        row.addWidget(self._export)
        return row

    def _button(self, name: str, text: str, tip: str, signal: Any) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setToolTip(tip)
        button.setAutoDefault(False)
        button.clicked.connect(signal)
        return button
