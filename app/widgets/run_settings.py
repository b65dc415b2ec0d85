"""Settings of a run as a form: every control has a good default, and a note where a choice needs one."""

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

PATCH = 14  # pixels: network sides are multiples of it
SPINS = {"resolution": (56, 1036, PATCH, " px"), "maximum_views": (1, 999, 1, ""), "chunk_views": (1, 64, 1, " views")}
WORDS = {
    "size": ("Model", "Larger models see more and take longer."),
    "geometry": ("Geometry", "Where cameras and depth come from."),
    "resolution": ("Resolution", "Long edge of the images the network sees, a multiple of 14."),
    "maximum_views": ("Most views", "Of more photos, this many are used, evenly spaced."),
    "device": ("Device", "Where the network runs."),
    "precision": ("Precision", "Of the feature pass; geometry is always computed in full precision."),
    "chunk_views": ("At a time", "Views whose maps are computed together: fewer need less memory."),
}
FILES = {
    "weights": ("Weights", "Found on this machine", "A weight file of your own."),
    "heads": ("Heads", "Of the weights", "FAST3DIS heads for Depth Anything 3 weights: what makes instances."),
}
BASIC = ("size", "geometry", "resolution", "maximum_views")
MORE = ("device", "precision", "chunk_views")


class RunSettingsForm(QWidget):
    """Labels, controls and notes; rarely needed ones can be folded away.

    Signals
    -------
    changed(field, value)
        The user chose a value: str, int, or None.
    file_requested(field), file_dismissed(field)
        "weights" or "heads".
    """

    changed = Signal(str, object)
    file_requested = Signal(str)
    file_dismissed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("runSettings")
        self._combos: dict[str, QComboBox] = {}
        self._spins: dict[str, QSpinBox] = {}
        self._files: dict[str, QLineEdit] = {}
        self._clear: dict[str, QToolButton] = {}
        self._notes: dict[str, QLabel] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(self._grid(BASIC, ()))
        self._fold = QToolButton()
        self._fold.setObjectName("moreSettings")
        self._fold.setText("More settings")
        self._fold.setCheckable(True)
        self._fold.setArrowType(Qt.ArrowType.RightArrow)
        self._fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._fold.toggled.connect(self._unfold)
        column.addWidget(self._fold)
        self._more = QWidget()
        self._more.setLayout(self._grid(MORE, tuple(FILES)))
        self._more.hide()
        column.addWidget(self._more)

    def set_choices(self, field: str, choices: Sequence[tuple[str, str, bool]]) -> None:
        """What a list offers: value, words, and whether it can be chosen."""
        combo = self._combos[field]
        shown = [(combo.itemData(row), combo.itemText(row)) for row in range(combo.count())]
        if shown != [(value, words) for value, words, _ in choices]:
            with QSignalBlocker(combo):
                before = combo.currentData()
                combo.clear()
                for value, words, _ in choices:
                    combo.addItem(words, value)
                combo.setCurrentIndex(max(0, combo.findData(before)))
        for row, (_, _, enabled) in enumerate(choices):
            combo.model().item(row).setEnabled(enabled)  # type: ignore[attr-defined]

    def set_value(self, field: str, value: object) -> None:
        """Show a value; a file by its name, empty for what is found."""
        if field in self._files:
            self._files[field].setText(str(value))
            self._clear[field].setVisible(bool(value))
        elif field in self._spins:
            with QSignalBlocker(self._spins[field]):
                self._spins[field].setValue(int(str(value)))
        else:
            combo = self._combos[field]
            with QSignalBlocker(combo):
                if combo.findData(value) < 0:
                    combo.addItem(str(value), value)
                combo.setCurrentIndex(combo.findData(value))

    def set_note(self, field: str, note: str) -> None:
        """A sentence below a control, none if empty."""
        label = self._notes[field]
        label.setText(note)
        label.setVisible(bool(note))
        if note and field in FILES:
            self._fold.setChecked(True)

    def _grid(self, fields: Sequence[str], files: Sequence[str]) -> QGridLayout:
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        grid.setColumnMinimumWidth(0, 82)
        row = 0
        for field in fields:
            self._add(grid, row, field, *WORDS[field], self._control(field))
            row += 2
        for field in files:
            words, placeholder, tip = FILES[field]
            self._add(grid, row, field, words, tip, self._file_row(field, placeholder, tip))
            row += 2
        return grid

    def _add(self, grid: QGridLayout, row: int, field: str, words: str, tip: str, control: QWidget) -> None:
        label = QLabel(words)
        label.setBuddy(control)
        for widget in (label, control):
            widget.setToolTip(tip)
        control.setAccessibleName(words)
        note = QLabel()
        note.setObjectName("settingNote")
        note.setWordWrap(True)
        note.hide()
        self._notes[field] = note
        grid.addWidget(label, row, 0)
        grid.addWidget(control, row, 1)
        grid.addWidget(note, row + 1, 1)

    def _control(self, field: str) -> QWidget:
        if field in SPINS:
            spin = QSpinBox()
            spin.setObjectName(f"setting_{field}")
            low, high, step, suffix = SPINS[field]
            spin.setRange(low, high)
            spin.setSingleStep(step)
            spin.setSuffix(suffix)
            spin.setKeyboardTracking(False)
            spin.valueChanged.connect(lambda value, name=field: self._spun(name, value))
            self._spins[field] = spin
            return spin
        combo = QComboBox()
        combo.setObjectName(f"setting_{field}")
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        combo.setMinimumContentsLength(12)
        combo.currentIndexChanged.connect(lambda _row, name=field: self._chosen(name))
        self._combos[field] = combo
        return combo

    def _file_row(self, field: str, placeholder: str, tip: str) -> QWidget:
        box = QWidget()
        row = QHBoxLayout(box)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        line = QLineEdit()
        line.setObjectName(f"setting_{field}")
        line.setReadOnly(True)
        line.setPlaceholderText(placeholder)
        line.setToolTip(tip)
        clear = QToolButton()
        clear.setObjectName(f"clear_{field}")
        clear.setText("×")
        clear.setFixedSize(26, 26)
        clear.setToolTip("Back to what is found on this machine")
        clear.setAccessibleName("Back to what is found on this machine")
        clear.hide()
        clear.clicked.connect(lambda: self.file_dismissed.emit(field))
        choose = QPushButton("Choose …")
        choose.setObjectName(f"choose_{field}")
        choose.clicked.connect(lambda: self.file_requested.emit(field))
        self._files[field], self._clear[field] = line, clear
        for widget in (line, clear, choose):
            row.addWidget(widget, int(widget is line))
        return box

    def _spun(self, field: str, value: int) -> None:
        if field == "resolution":
            rounded = max(PATCH, round(value / PATCH) * PATCH)
            if rounded != value:
                self._spins[field].setValue(rounded)
                return
        self.changed.emit(field, value)

    def _chosen(self, field: str) -> None:
        self.changed.emit(field, self._combos[field].currentData())

    def _unfold(self, unfolded: bool) -> None:
        self._fold.setArrowType(Qt.ArrowType.DownArrow if unfolded else Qt.ArrowType.RightArrow)
        self._more.setVisible(unfolded)
