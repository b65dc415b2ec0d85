"""Lines of a comparison: a pair, or what one side has alone, with both names, IoU and points."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QRectF,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from app.widgets.parts import choose_lines

SWATCH = 14
SORT_ROLE = Qt.ItemDataRole.UserRole
WIDTHS = (78, 54, 100, 46, 64, 64)
VERDICT, FIRST, SECOND, IOU, OWN, THEIRS = range(6)
RIGHT = (IOU, OWN, THEIRS)

Index = QModelIndex | QPersistentModelIndex
RGB = tuple[int, int, int]


class TableLine(NamedTuple):
    """One line.

    Attributes
    ----------
    verdict, tip : str
        A word, and the sentence that explains it.
    first, second : str
        Names; empty where a side has nothing.
    first_color, second_color : (red, green, blue) or None
    iou : float or None
    points : (int, int)
    """

    verdict: str
    tip: str
    first: str
    second: str
    first_color: RGB | None
    second_color: RGB | None
    iou: float | None
    points: tuple[int, int]


class ComparisonTable(QTableView):
    """Sortable lines, one or several selected.

    Signals
    -------
    chosen(numbers)
        The user selected lines: a frozenset of their numbers as given.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("comparisonTable")
        self.setAccessibleName("Pairs of instances")
        self._lines = _Lines(self)
        self._sorted = QSortFilterProxyModel(self)
        self._sorted.setSourceModel(self._lines)
        self._sorted.setSortRole(SORT_ROLE)
        self.setModel(self._sorted)
        choose_lines(self)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setSortingEnabled(True)
        self.sortByColumn(IOU, Qt.SortOrder.DescendingOrder)
        header = self.horizontalHeader()
        for column, width in enumerate(WIDTHS):
            mode = QHeaderView.ResizeMode.Stretch if column == SECOND else QHeaderView.ResizeMode.Interactive
            header.setSectionResizeMode(column, mode)
            header.resizeSection(column, width)
        self._quiet = False
        self.selectionModel().selectionChanged.connect(self._tell)

    def set_lines(self, headers: tuple[str, str], lines: Sequence[TableLine]) -> None:
        """Show lines; the headers are those of the two sides."""
        self._quiet = True
        self._lines.set_lines(headers, tuple(lines))
        self._quiet = False

    def set_selection(self, numbers: frozenset[int]) -> None:
        """Select lines without telling anybody."""
        if numbers == self._selection():
            return
        chosen = QItemSelection()
        for number in sorted(numbers):
            index = self._sorted.mapFromSource(self._lines.index(number, 0))
            chosen.select(index, index)
        flags = QItemSelectionModel.SelectionFlag
        self._quiet = True
        self.selectionModel().select(chosen, flags.ClearAndSelect | flags.Rows)
        self._quiet = False
        if not chosen.isEmpty():
            self.scrollTo(chosen.indexes()[0])

    def place_of(self, number: int) -> Any:
        """Where a line is on the screen: QPoint of the table's viewport."""
        index = self._sorted.mapFromSource(self._lines.index(number, VERDICT))
        self.scrollTo(index)
        return self.visualRect(index).center()

    def _selection(self) -> frozenset[int]:
        rows = self.selectionModel().selectedRows()
        return frozenset(self._sorted.mapToSource(index).row() for index in rows)

    def _tell(self) -> None:
        if not self._quiet:
            self.chosen.emit(self._selection())


class _Lines(QAbstractTableModel):
    """Lines in the order given."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.lines: tuple[TableLine, ...] = ()
        self._headers = ("This result", "Other")

    def set_lines(self, headers: tuple[str, str], lines: tuple[TableLine, ...]) -> None:
        if (headers, lines) == (self._headers, self.lines):
            return
        self.beginResetModel()
        self._headers, self.lines = headers, lines
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.lines)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(WIDTHS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return ("Verdict", "This", self._headers[1], "IoU", "Points", "Points")[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            own, other = self._headers
            return ("", own, other, "Points of both by points of either", f"Points of {own}", f"Points of {other}")[
                section
            ]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        line, column = self.lines[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return _texts(line)[column]
        if role == Qt.ItemDataRole.ToolTipRole:
            return line.tip if column == VERDICT else _texts(line)[column]
        if role == SORT_ROLE:
            iou = -1.0 if line.iou is None else line.iou
            return (line.verdict, line.first, line.second, iou, *line.points)[column]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        color = {FIRST: line.first_color, SECOND: line.second_color}.get(column)
        if role == Qt.ItemDataRole.DecorationRole and color is not None:
            return _swatch(color)
        return None


def _texts(line: TableLine) -> tuple[str, ...]:
    first, second = (
        f"{count:,}" if name else "" for name, count in zip((line.first, line.second), line.points, strict=True)
    )
    iou = "" if line.iou is None else f"{line.iou:.2f}"
    return line.verdict, line.first or "–", line.second or "–", iou, first, second


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column in RIGHT else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


def _swatch(color: RGB) -> QIcon:
    pixmap = QPixmap(SWATCH, SWATCH)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(*color))
    painter.drawEllipse(QRectF(1, 1, SWATCH - 2, SWATCH - 2))
    painter.end()
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)  # Qt would tint it, and the color is the point
    return icon
