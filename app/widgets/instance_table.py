"""The instances as a table: color, name, objectness, points, views; show, select, isolate, export."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

HEADERS = ("Instance", "Objectness", "Points", "Views")
SORT_ROLE = Qt.ItemDataRole.UserRole
WIDTHS = {1: 104, 2: 94, 3: 54}  # of all columns but the first, pixels
SWATCH = 14  # pixels
ROW_HEIGHT = 28  # pixels

Index = QModelIndex | QPersistentModelIndex


class Row(NamedTuple):
    """One instance as the table shows it."""

    query: int
    color: tuple[int, int, int]
    objectness: float
    points: int
    views: int
    hidden: bool

    @property
    def cells(self) -> tuple[float, ...]:
        """What the columns sort by."""
        return self.query, self.objectness, self.points, self.views

    @property
    def texts(self) -> tuple[str, ...]:
        """What the columns say."""
        return f"Instance {self.query}", f"{self.objectness:.2f}", f"{self.points:,}", str(self.views)


class InstanceTable(QWidget):
    """Table with its buttons.

    Signals
    -------
    selected(queries)
        A frozenset of int, chosen by the user.
    hidden_changed(query, hidden)
    isolate_requested(), show_all_requested(), export_requested()
    """

    selected = Signal(object)
    hidden_changed = Signal(int, bool)
    isolate_requested = Signal()
    show_all_requested = Signal()
    export_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("instancePanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._model = _InstanceModel(self)
        self._model.hidden_changed.connect(self.hidden_changed)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self._model)
        self._sorted.setSortRole(SORT_ROLE)
        self.view = QTableView()
        self._set_up_view()
        self._summary = QLabel("No instances yet")
        self._summary.setObjectName("muted")
        self._summary.setContentsMargins(12, 8, 12, 8)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._summary)
        column.addWidget(self.view, 1)
        column.addLayout(self._buttons())
        self._quiet = False
        self.view.selectionModel().selectionChanged.connect(self._tell_selection)

    def set_rows(self, rows: Iterable[Sequence[Any]]) -> None:
        """Show instances: (query, color, objectness, points, views, hidden) each."""
        self._quiet = True  # a reset clears the selection, which is nobody's wish
        try:
            self._model.set_rows(tuple(Row(*row) for row in rows))
        finally:
            self._quiet = False

    def set_summary(self, text: str) -> None:
        """Sentence above the table."""
        self._summary.setText(text)

    def set_selection(self, queries: frozenset[int]) -> None:
        """Select rows without telling anybody."""
        if queries == self._selection():
            return
        chosen = QItemSelection()
        for number, row in enumerate(self._model.rows):
            if row.query in queries:
                index = self._sorted.mapFromSource(self._model.index(number, 0))
                chosen.select(index, index)
        self._quiet = True
        flags = QItemSelectionModel.SelectionFlag
        self.view.selectionModel().select(chosen, flags.ClearAndSelect | flags.Rows)
        self._quiet = False
        if not chosen.isEmpty():
            self.view.scrollTo(chosen.indexes()[0])

    def set_actions(self, *, isolate: bool, isolated: bool, show_all: bool, export: bool, export_tip: str) -> None:
        """Which buttons make sense now."""
        self._isolate.setEnabled(isolate or isolated)
        self._isolate.setText("End isolation" if isolated else "Isolate")
        self._show_all.setEnabled(show_all)
        self._export.setEnabled(export)
        self._export.setToolTip(export_tip)

    def _set_up_view(self) -> None:
        view = self.view
        view.setObjectName("instanceTable")
        view.setModel(self._sorted)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setSortingEnabled(True)
        view.sortByColumn(1, Qt.SortOrder.DescendingOrder)
        view.setShowGrid(False)
        view.setAlternatingRowColors(True)
        view.setWordWrap(False)
        view.setIconSize(QSize(SWATCH, SWATCH))
        view.verticalHeader().hide()
        view.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        header = view.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(40)
        for column, width in WIDTHS.items():
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            header.resizeSection(column, width)

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(10, 8, 10, 8)
        row.setSpacing(6)
        self._isolate = QPushButton("Isolate")
        self._isolate.setObjectName("tableIsolate")
        self._isolate.clicked.connect(self.isolate_requested)
        self._show_all = QPushButton("Show all")
        self._show_all.setObjectName("tableShowAll")
        self._show_all.clicked.connect(self.show_all_requested)
        self._export = QPushButton("Export PLY …")
        self._export.setObjectName("tableExport")
        self._export.clicked.connect(self.export_requested)
        for button in (self._isolate, self._show_all):
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self._export)
        self.set_actions(isolate=False, isolated=False, show_all=False, export=False, export_tip="")
        return row

    def _selection(self) -> frozenset[int]:
        indexes = self.view.selectionModel().selectedRows()
        return frozenset(self._model.rows[self._sorted.mapToSource(index).row()].query for index in indexes)

    def _tell_selection(self) -> None:
        if not self._quiet:
            self.selected.emit(self._selection())


class _InstanceModel(QAbstractTableModel):
    """Rows in the order given."""

    hidden_changed = Signal(int, bool)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.rows: tuple[Row, ...] = ()

    def set_rows(self, rows: tuple[Row, ...]) -> None:
        if rows == self.rows:
            return
        same = [row.query for row in rows] == [row.query for row in self.rows]
        if same:
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
            return HEADERS[section]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, column = self.rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return row.texts[column]
        if role == SORT_ROLE:
            return row.cells[column]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        if column == 0 and role == Qt.ItemDataRole.DecorationRole:
            return _swatch(row.color, row.hidden)
        if column == 0 and role == Qt.ItemDataRole.CheckStateRole:
            return Qt.CheckState.Unchecked if row.hidden else Qt.CheckState.Checked
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.CheckStateRole:
            return False
        hidden = Qt.CheckState(value) == Qt.CheckState.Unchecked
        self.hidden_changed.emit(self.rows[index.row()].query, hidden)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        usual = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return usual | Qt.ItemFlag.ItemIsUserCheckable if index.column() == 0 else usual


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter


def _swatch(color: tuple[int, int, int], hidden: bool) -> QIcon:
    """Filled for a shown instance, a ring for a hidden one."""
    pixmap = QPixmap(SWATCH, SWATCH)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QColor(*color))
    painter.setBrush(Qt.BrushStyle.NoBrush if hidden else QColor(*color))
    painter.drawRoundedRect(1, 1, SWATCH - 3, SWATCH - 3, 3, 3)
    painter.end()
    swatch = QIcon(pixmap)
    swatch.addPixmap(pixmap, QIcon.Mode.Selected)  # Qt would tint it, and the color is the point
    return swatch
