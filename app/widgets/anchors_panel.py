"""Anchors and queries: layer slider, the selected anchor in numbers, and the ledger of all queries."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QSignalBlocker,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from app.widgets.change_list import ChangeList
from app.widgets.parts import SteadyTable, choose_lines, wrapped_label

HEADERS = (
    "Query", "Objectness", "Became", "At instance", "Distance", "To middle", "Layers active",
    "Same place as",
)  # fmt: skip
HEADER_TIPS = (
    "Number of the query", "In the layer shown", "Shown, or the reason why not",
    "Whether the anchor is in the box around its instance, or near one of its points",
    "From the anchor to the nearest point of its instance", "From the anchor to the mean of its instance's points",
    "Layers in which its objectness reaches 0.3, the generator's output among them",
    "Active queries whose anchors are at the same place",
)  # fmt: skip
RIGHT = (1, 4, 5, 6)  # columns of numbers
LENGTHS = (4, 5)  # columns of distances
WIDTHS = (52, 88, 66, 88, 104, 116, 108, 104)  # logical pixels
SORT_ROLE = Qt.ItemDataRole.UserRole
LIMIT = 1e6  # scene units that can be typed
FIELD_WIDTH = 78  # at least, logical pixels

Index = QModelIndex | QPersistentModelIndex


class AnchorsPanel(QWidget):
    """Panel of the inspector.

    Signals
    -------
    layer_changed(layer)
    selected(queries)
        A frozenset of int.
    position_typed(position)
        A tuple of three float.
    pin_toggled(), reset_requested(), reset_all_requested()
    mode_toggled(mode)
        "anchor" or "split": what the next clicks do.
    content_chosen(content), remove_requested()
        Of a query of the user's own.
    """

    layer_changed = Signal(int)
    selected = Signal(object)
    position_typed = Signal(object)
    pin_toggled = Signal()
    reset_requested = Signal()
    reset_all_requested = Signal()
    mode_toggled = Signal(str)
    content_chosen = Signal(str)
    remove_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("anchorsPanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._summary, self._warning = wrapped_label("anchorsSummary"), wrapped_label("anchorsWarning")
        self._warning.setProperty("tone", "warning")
        self._warning.hide()
        self._layer_text = QLabel()
        self.layer = QSlider(Qt.Orientation.Horizontal)
        self.layer.setObjectName("layerSlider")
        self.layer.setAccessibleName("Decoder layer")
        self.layer.setPageStep(1)
        self.layer.setToolTip("Decoder layer whose anchors, scores and masks are shown ([ and ])")
        self.layer.valueChanged.connect(self.layer_changed)
        self._title = wrapped_label("anchorTitle")
        self.fields = [self._field(axis) for axis in "xyz"]
        self._pinned = QCheckBox("Hold through all layers")
        self._pinned.setObjectName("anchorPinned")
        self._pinned.setToolTip("A pinned anchor skips refinement (eq. 5) and stays where it was put (P)")
        self._pinned.clicked.connect(self.pin_toggled)
        self._reset = QPushButton("Reset")
        self._reset.setObjectName("anchorReset")
        self._reset.clicked.connect(self.reset_requested)
        self._reset_all = QPushButton("Reset all")
        self._reset_all.setObjectName("anchorResetAll")
        self._reset_all.clicked.connect(self.reset_all_requested)
        self._make_experiments()
        self.changes = ChangeList()
        self._model = _Ledger(self)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self._model)
        self._sorted.setSortRole(SORT_ROLE)
        self.table = SteadyTable()
        self._set_up_table()
        self._lay_out()
        self._quiet = False
        self.table.selectionModel().selectionChanged.connect(self._tell_selection)

    def set_summary(self, text: str, warning: str) -> None:
        """Figures of all anchors, and what is wrong with them."""
        self._summary.setText(text)
        self._warning.setText(warning)
        self._warning.setVisible(bool(warning))

    def set_layers(self, count: int, layer: int) -> None:
        """Number of the last layer, and the one that is shown."""
        with QSignalBlocker(self.layer):
            self.layer.setRange(0, count)
            self.layer.setValue(layer)
        self.layer.setEnabled(count > 0)
        what = "the generator's output" if layer == 0 else "the last" if layer == count else f"of {count}"
        self._layer_text.setText(f"Layer {layer}, {what}" if count else "No layers yet")

    def set_anchor(
        self,
        title: str,
        position: tuple[float, float, float] | None,
        *,
        pinned: bool,
        moved: bool,
        step: float,
        units: str,
    ) -> None:
        """The selected anchor; without a position there is none."""
        self._title.setText(title)
        for field, value in zip(self.fields, position or (0.0, 0.0, 0.0), strict=True):
            field.setEnabled(position is not None)
            if not field.hasFocus() or position is None:
                with QSignalBlocker(field):
                    field.setSingleStep(step)
                    field.setSuffix(f" {units}" if units == "m" else "")
                    field.setValue(value)
        self._pinned.setEnabled(position is not None)
        self._pinned.setChecked(pinned)
        self._reset.setEnabled(moved)

    def set_prompt(self, choices: Sequence[tuple[str, str]], chosen: str) -> None:
        """Contents that the selected query of the user's own can begin with; none if none is selected."""
        self._own.setVisible(bool(choices))
        with QSignalBlocker(self.content):
            self.content.clear()
            for name, text in choices:
                self.content.addItem(text, name)
            self.content.setCurrentIndex(self.content.findData(chosen))

    def set_modes(self, mode: str, *, enabled: bool) -> None:
        """What the next clicks do, and whether there is anything to click on."""
        for name, button in self._modes.items():
            button.setEnabled(enabled)
            button.setChecked(name == mode)

    def set_any_moved(self, moved: bool) -> None:
        """Whether there is an anchor to reset."""
        self._reset_all.setEnabled(moved)

    def set_units(self, units: str) -> None:
        """Of the distances in the ledger."""
        self._model.set_units(units)

    def set_rows(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Lines of the ledger: query, name, objectness, state, at its instance, distances, layers, duplicates."""
        self._quiet = True
        self._model.set_rows(tuple(rows))
        self._quiet = False

    def set_selection(self, queries: frozenset[int]) -> None:
        """Select lines without telling anybody."""
        if queries == self._selection():
            return
        chosen = QItemSelection()
        for number, row in enumerate(self._model.rows):
            if row[0] in queries:
                index = self._sorted.mapFromSource(self._model.index(number, 0))
                chosen.select(index, index)
        flags = QItemSelectionModel.SelectionFlag
        self._quiet = True
        self.table.selectionModel().select(chosen, flags.ClearAndSelect | flags.Rows)
        self._quiet = False
        if not chosen.isEmpty():
            self.table.scrollTo(chosen.indexes()[0])

    def _make_experiments(self) -> None:
        """Buttons that make queries, and what there is to say of one that was made."""
        self._modes: dict[str, QPushButton] = {}
        self._experiments = QHBoxLayout()
        for mode, text, tip in (
            ("anchor", "New anchor", "Click a surface in 3D or in the photo: a new query starts there (G)"),
            ("split", "Split by two", "Click two places of one instance: two queries take it over (Shift+G)"),
        ):
            button = QPushButton(text)
            button.setObjectName(f"mode_{mode}")
            button.setCheckable(True)
            button.setToolTip(f"An experiment. {tip}")
            button.clicked.connect(lambda _, mode=mode: self.mode_toggled.emit(mode))
            self._modes[mode] = button
            self._experiments.addWidget(button)
        self._experiments.addStretch(1)
        self._own = QWidget()
        self._own.setObjectName("ownQuery")
        row = QHBoxLayout(self._own)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("Begins with"))
        self.content = QComboBox()
        self.content.setObjectName("promptContent")
        self.content.setToolTip("What the new query begins with, by the objectness it would come to")
        self.content.setAccessibleName("Content the new query begins with")
        self.content.setMinimumContentsLength(10)
        self.content.activated.connect(lambda _: self.content_chosen.emit(self.content.currentData()))
        row.addWidget(self.content, 1)
        remove = QPushButton("Remove")
        remove.setObjectName("promptRemove")
        remove.clicked.connect(self.remove_requested)
        row.addWidget(remove)
        self._own.hide()

    def _field(self, axis: str) -> QDoubleSpinBox:
        field = QDoubleSpinBox()
        field.setObjectName(f"anchor_{axis}")
        field.setAccessibleName(f"{axis} of the anchor")
        field.setRange(-LIMIT, LIMIT)
        field.setDecimals(3)
        field.setMinimumWidth(FIELD_WIDTH)  # or the widest number that can be typed, with its unit, widens the window
        field.setKeyboardTracking(False)
        field.valueChanged.connect(lambda _: self._tell_position())
        return field

    def _set_up_table(self) -> None:
        table = self.table
        table.setObjectName("queryLedger")
        table.setAccessibleName("All queries")
        table.setModel(self._sorted)
        choose_lines(table)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setSortingEnabled(True)
        table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
        header = table.horizontalHeader()
        header.setStretchLastSection(True)
        for column, width in enumerate(WIDTHS):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Interactive)
            header.resizeSection(column, width)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(8)
        for widget in (self._summary, self._warning):
            column.addWidget(widget)
        layers = QHBoxLayout()
        layers.addWidget(self._layer_text)
        layers.addWidget(self.layer, 1)
        column.addLayout(layers)
        column.addWidget(self._title)
        grid = QGridLayout()
        grid.setHorizontalSpacing(6)
        for place, (axis, field) in enumerate(zip("xyz", self.fields, strict=True)):
            grid.addWidget(QLabel(axis), 0, 2 * place)
            grid.addWidget(field, 0, 2 * place + 1)
            grid.setColumnStretch(2 * place + 1, 1)
        column.addLayout(grid)
        row = QHBoxLayout()
        row.addWidget(self._pinned)
        row.addStretch(1)
        row.addWidget(self._reset)
        row.addWidget(self._reset_all)
        column.addLayout(row)
        column.addLayout(self._experiments)
        column.addWidget(self._own)
        column.addWidget(self.changes)
        column.addWidget(self.table, 1)

    def _selection(self) -> frozenset[int]:
        indexes = self.table.selectionModel().selectedRows()
        return frozenset(self._model.rows[self._sorted.mapToSource(index).row()][0] for index in indexes)

    def _tell_selection(self) -> None:
        if not self._quiet:
            self.selected.emit(self._selection())

    def _tell_position(self) -> None:
        self.position_typed.emit(tuple(field.value() for field in self.fields))


class _Ledger(QAbstractTableModel):
    """Lines in the order given."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.rows: tuple[tuple[Any, ...], ...] = ()
        self._cells: dict[int, tuple[tuple[str, ...], tuple[Any, ...]]] = {}  # of rows that were asked for
        self._units = "units"

    def set_units(self, units: str) -> None:
        if units != self._units:
            self._units = units
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, min(LENGTHS), max(LENGTHS))

    def set_rows(self, rows: tuple[tuple[Any, ...], ...]) -> None:
        if rows == self.rows:
            return
        self._cells = {}
        if [row[0] for row in rows] == [row[0] for row in self.rows]:
            self.rows = rows
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(HEADERS) - 1))
            return
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(HEADERS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return f"{HEADERS[section]} ({self._units})" if section in LENGTHS else HEADERS[section]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole:
            return HEADER_TIPS[section]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        number = index.row()
        if number not in self._cells:
            self._cells[number] = _cells(self.rows[number])
        texts, values = self._cells[number]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return texts[index.column()]
        if role == SORT_ROLE:
            return values[index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(index.column())
        return None


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in RIGHT else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


def _cells(row: tuple[Any, ...]) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """Texts and values to sort by."""
    query, name, score, state, inside, distance, middle, layers, duplicates = row
    own = name if name != f"Instance {query}" and name != f"Query {query}" else str(query)
    texts = (
        own if own == str(query) else f"{query} · {own}",
        f"{score:.2f}",
        state,
        {True: "yes", False: "no", None: "–"}[inside],
        *("–" if length is None else f"{length:.3f}" for length in (distance, middle)),
        "–" if layers is None else str(layers),
        ", ".join(str(other) for other in duplicates) or "–",
    )
    lengths = (-1.0 if length is None else length for length in (distance, middle))
    return texts, (query, score, state, str(inside), *lengths, layers or 0, len(duplicates))
