"""The comparison: what the result is held against, with which settings; what came of it in figures and line by line."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.widgets.comparison_table import ComparisonTable, TableLine
from app.widgets.file_drops import FileDrops
from app.widgets.parts import wrapped_label


class Field(NamedTuple):
    """A number that can be set.

    Attributes
    ----------
    name, label, tip : str
    value, low, high : float
    decimals : int
        0 for whole numbers.
    """

    name: str
    label: str
    tip: str
    value: float
    low: float
    high: float
    decimals: int


class ComparisonPanel(QWidget):
    """Panel beside two viewports.

    Signals
    -------
    side_chosen(key)
    compare_requested(), end_requested(), copy_requested()
    setting_changed(name, value)
    lines_chosen(numbers)
    photos_toggled(other)
    dropped(paths)
    """

    side_chosen = Signal(str)
    compare_requested = Signal()
    end_requested = Signal()
    copy_requested = Signal()
    setting_changed = Signal(str, float)
    lines_chosen = Signal(object)
    photos_toggled = Signal(bool)
    dropped = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("comparisonPanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.side = QComboBox()
        self.side.setObjectName("comparisonSide")
        self.side.setAccessibleName("Compare with")
        self.side.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.side.setMinimumContentsLength(12)
        self.side.activated.connect(lambda place: self.side_chosen.emit(self.side.itemData(place)))
        self.compare = _button("Compare", "comparisonRun", "", self.compare_requested)
        self.compare.setProperty("primary", True)
        self._why = wrapped_label("comparisonWhy")
        self._fold = QToolButton()
        self._fold.setObjectName("comparisonSettingsFold")
        self._fold.setText("Settings")
        self._fold.setCheckable(True)
        self._fold.setArrowType(Qt.ArrowType.RightArrow)
        self._fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._fold.setAutoRaise(True)
        self._fold.toggled.connect(self._unfold)
        self._settings = QWidget()
        self._settings.setObjectName("comparisonSettings")
        self._form = QFormLayout(self._settings)
        self._form.setContentsMargins(18, 0, 0, 0)
        self._form.setVerticalSpacing(4)
        self._settings.hide()
        self._fields: tuple[Field, ...] = ()
        self._facts = QGridLayout()
        self._cells: list[QLabel] = []
        self._summary, self._notes = wrapped_label("comparisonSummary"), wrapped_label("comparisonNotes")
        self.table = ComparisonTable()
        self.table.chosen.connect(self.lines_chosen)
        self._photos = QCheckBox("Photos show the other side")
        self._photos.setObjectName("comparisonPhotos")
        self._photos.setToolTip("Strip and large photo show the masks of the other side")
        self._photos.clicked.connect(self.photos_toggled)
        self._end = _button("End", "comparisonEnd", "Hold the result against nothing", self.end_requested)
        self._copy = _button("Copy CSV", "comparisonCopy", "Copy the lines and what they cost", self.copy_requested)
        self._drops = FileDrops(self)
        self._drops.dropped.connect(self.dropped)
        self._lay_out()
        self.set_result(shown=False)

    def set_sides(self, sides: Sequence[tuple[str, str, str]], chosen: str) -> None:
        """What can be compared with: key, words, and a sentence on what is missing or nothing."""
        with QSignalBlocker(self.side):
            if [self.side.itemData(place) for place in range(self.side.count())] != [key for key, _, _ in sides]:
                self.side.clear()
                for key, words, _ in sides:
                    self.side.addItem(words, key)
            self.side.setCurrentIndex([key for key, _, _ in sides].index(chosen))
        model = self.side.model()
        assert isinstance(model, QStandardItemModel), "a combo box makes its own model"
        for place, (_, _, missing) in enumerate(sides):
            model.item(place).setEnabled(not missing)
            self.side.setItemData(place, missing or None, Qt.ItemDataRole.ToolTipRole)

    def set_compare(self, text: str, *, enabled: bool, why: str) -> None:
        """The button, and why it cannot be pressed or what it will do."""
        self.compare.setText(text)
        self.compare.setEnabled(enabled)
        self._why.setText(why)
        self._why.setVisible(bool(why))

    def set_fields(self, given: Sequence[tuple[Any, ...]]) -> None:
        """Settings of the chosen side, each as a `Field`."""
        fields = tuple(Field(*values) for values in given)
        if fields == self._fields:
            return
        same = [field.name for field in fields] == [field.name for field in self._fields]
        self._fields = fields
        if not same:
            while self._form.rowCount():
                self._form.removeRow(0)
            for field in fields:
                self._form.addRow(field.label, self._spin_box(field))
        for field in fields:
            box = self._settings.findChild(QDoubleSpinBox, f"comparison_{field.name}")
            with QSignalBlocker(box):
                box.setValue(field.value)
        self._fold.setVisible(bool(fields))
        self._settings.setVisible(bool(fields) and self._fold.isChecked())

    def set_facts(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Figures of both sides: the first row has the titles."""
        texts = [text for row in rows for text in row]
        if len(texts) != len(self._cells):
            for cell in self._cells:
                self._facts.removeWidget(cell)
                cell.deleteLater()
            self._cells = [QLabel() for _ in texts]
            for place, cell in enumerate(self._cells):
                row, column = divmod(place, 3)
                cell.setObjectName("comparisonFact" if row and column else "comparisonFactName")
                cell.setWordWrap(not row)
                cell.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom)
                self._facts.addWidget(cell, row, column)
        for cell, text in zip(self._cells, texts, strict=True):
            cell.setText(text)
            cell.setToolTip(text)

    def set_result(self, *, shown: bool, summary: str = "", notes: Sequence[str] = ()) -> None:
        """What came of it in words; or that nothing has."""
        self._summary.setText(summary or "Nothing is compared yet.")
        self._notes.setText(" ".join(notes))
        self._notes.setVisible(bool(notes))
        for widget in (self.table, self._photos, self._end, self._copy):
            widget.setVisible(shown)

    def set_lines(self, headers: tuple[str, str], lines: Sequence[tuple[Any, ...]]) -> None:
        """Lines of the table, each as a `TableLine`."""
        self.table.set_lines(headers, [TableLine(*line) for line in lines])

    def set_selection(self, numbers: frozenset[int]) -> None:
        """Lines that are selected."""
        self.table.set_selection(numbers)

    def set_photos(self, other: bool) -> None:
        """Whether photos show the other side."""
        self._photos.setChecked(other)

    def set_drops(self, taken: bool) -> None:
        """Whether results can be dropped here."""
        self._drops.set_taken(taken)

    def _spin_box(self, field: Field) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setObjectName(f"comparison_{field.name}")
        box.setDecimals(field.decimals)
        box.setRange(field.low, field.high)
        box.setSingleStep(10.0**-field.decimals if field.decimals else max(1, round(field.value / 10)))
        box.setToolTip(field.tip)
        box.setKeyboardTracking(False)
        box.valueChanged.connect(lambda value: self.setting_changed.emit(field.name, value))
        return box

    def _unfold(self, on: bool) -> None:
        self._fold.setArrowType(Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow)
        self._settings.setVisible(on and bool(self._fields))

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(6)
        top = QHBoxLayout()
        top.addWidget(self.side, 1)
        top.addWidget(self.compare)
        column.addLayout(top)
        column.addWidget(self._why)
        column.addWidget(self._fold)
        column.addWidget(self._settings)
        self._facts.setHorizontalSpacing(12)
        self._facts.setVerticalSpacing(2)
        self._facts.setColumnStretch(1, 1)
        self._facts.setColumnStretch(2, 1)
        column.addLayout(self._facts)
        column.addWidget(self._summary)
        column.addWidget(self.table, 1)
        column.addWidget(self._notes)
        column.addStretch(0)  # takes the height while there is no table
        bottom = QHBoxLayout()
        bottom.addWidget(self._photos)
        bottom.addStretch(1)
        bottom.addWidget(self._end)
        bottom.addWidget(self._copy)
        column.addLayout(bottom)


def _button(text: str, name: str, tip: str, signal: Signal) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setToolTip(tip)
    button.clicked.connect(signal)
    return button
