"""What is exported, in which formats, how and where to. It blocks nothing: the preview follows the window behind it."""

from typing import Any

from PySide6.QtCore import QSignalBlocker, Signal
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
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

SCOPES = (
    ("visible", "Visible instances", "What the 3D view shows: filters, hidden instances and isolation count"),
    ("selected", "Selected instances", ""),
    ("all", "All instances", "All that pass the filters, also those hidden by hand"),
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


class ExportDialog(QDialog):
    """Non-modal.

    Signals
    -------
    changed(field, value), format_toggled(name, on)
    folder_requested(), export_requested(), command_requested(), dismissed()
    """

    changed = Signal(str, object)
    format_toggled = Signal(str, bool)
    folder_requested = Signal()
    export_requested = Signal()
    command_requested = Signal()
    dismissed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("exportDialog")
        self.setWindowTitle("Export")
        self.setMinimumWidth(600)
        self.finished.connect(lambda _: self.dismissed.emit())
        self._scopes = {name: self._scope(*words) for name, *words in ((s[0], s[0], s[1], s[2]) for s in SCOPES)}
        self._formats = {name: self._format(name, text, tip) for name, text, tip in FORMATS}
        self._colors = QComboBox()
        self._colors.setObjectName("exportColors")
        for name, text in (("instance", "Of the instances"), ("photo", "Of the photos")):
            self._colors.addItem(text, name)
        self._colors.currentIndexChanged.connect(lambda _: self.changed.emit("colors", self._colors.currentData()))
        self._rest = QCheckBox("Points that no instance claims, too")
        self._rest.setObjectName("exportRest")
        self._rest.toggled.connect(lambda on: self.changed.emit("rest", on))
        self.voxel = self._number("exportVoxel", "voxel_size", 0.0, "every point")
        self.scale = self._number("exportScale", "scale", 1e-6, "")
        self._folder = QLineEdit()
        self._folder.setObjectName("exportFolder")
        self._folder.setReadOnly(True)
        self._preview = QLabel()
        self._preview.setObjectName("exportPreview")
        self._preview.setWordWrap(True)
        self._lay_out()

    def set_wish(self, wish: Any) -> None:
        """Show an `ExportWish`."""
        with QSignalBlocker(self._group):
            self._scopes[wish.scope].setChecked(True)
        for name, box in self._formats.items():
            with QSignalBlocker(box):
                box.setChecked(name in wish.formats)
        with QSignalBlocker(self._colors):
            self._colors.setCurrentIndex(self._colors.findData(wish.colors))
        with QSignalBlocker(self._rest):
            self._rest.setChecked(wish.rest)
        for field, value in ((self.voxel, wish.voxel_size), (self.scale, wish.scale)):
            if not field.hasFocus():
                with QSignalBlocker(field):
                    field.setValue(value)
        self._folder.setText(str(wish.folder))
        self._folder.setToolTip(str(wish.folder))

    def set_preview(self, text: str, *, ready: bool) -> None:
        """What the wish comes to, and whether it can be written."""
        self._preview.setText(text)
        self._export.setEnabled(ready)

    def set_units(self, units: str) -> None:
        """Of lengths before scaling."""
        self._scale_label.setText(f"Written units per {'meter' if units == 'm' else 'scene unit'}")

    def _scope(self, name: str, text: str, tip: str) -> QRadioButton:
        button = QRadioButton(text)
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

    def _number(self, name: str, field: str, lowest: float, special: str) -> QDoubleSpinBox:
        spin = QDoubleSpinBox()
        spin.setObjectName(name)
        spin.setDecimals(4)
        spin.setRange(lowest, 1e6)
        spin.setSingleStep(0.01)
        spin.setSpecialValueText(special)
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
            grid.addWidget(box, place // 2, place % 2)
        column.addLayout(grid)
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        self._scale_label = QLabel("Written units per scene unit")
        form.addRow("Colors of the scene", self._colors)
        form.addRow("", self._rest)
        form.addRow("Voxel edge, written units", self.voxel)
        form.addRow(self._scale_label, self.scale)
        place = QHBoxLayout()
        choose = QPushButton("Choose …")
        choose.setObjectName("exportChoose")
        choose.clicked.connect(self.folder_requested)
        place.addWidget(self._folder, 1)
        place.addWidget(choose)
        form.addRow("Folder", place)
        column.addLayout(form)
        column.addWidget(self._preview)
        column.addLayout(self._buttons())

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        command = QPushButton("Copy command line")
        command.setObjectName("exportCommand")
        command.setToolTip("The fast3dis call that writes the same files")
        command.clicked.connect(self.command_requested)
        close = QPushButton("Close")
        close.setObjectName("exportClose")
        close.clicked.connect(self.close)
        self._export = QPushButton("Export")
        self._export.setObjectName("exportWrite")
        self._export.setProperty("primary", True)
        self._export.setDefault(True)
        self._export.clicked.connect(self.export_requested)
        row.addWidget(command)
        row.addStretch(1)
        row.addWidget(close)
        row.addWidget(self._export)
        return row
