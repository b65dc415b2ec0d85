"""Rows, order and cells of the instance table: Qt's models around plain values."""

# ruff: noqa: D102 - most methods are Qt's own

import re
from typing import Any, NamedTuple

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QPainter, QPixmap
from PySide6.QtWidgets import QLineEdit, QStyledItemDelegate, QStyleOptionViewItem, QWidget

SHOWN, COLOR, NAME, OBJECTNESS, POINTS, VIEWS, SIZE, WHY = range(8)
HEADERS = ("", "", "Name", "Objectness", "Points", "Views", "Size", "Why not shown")
TIPS = (
    "Shown or hidden by hand; of several selected rows, all",
    "Color; double-click to change it",
    "Name, or number of the query; F2 to rename, double-click or Enter to fly there",
    "How much the network believes it to be an object",
    "Points that the point filters keep",
    "Views in which it has points",
    "Longest side without the outermost hundredth",
    "Which filter dropped it",
)
LISTED = ("shown", "hidden")  # verdicts that are rows even without the dropped ones
SWATCH = 14  # pixels
LONGEST_NAME = 120  # characters

Index = QModelIndex | QPersistentModelIndex


class Row(NamedTuple):
    """One instance as the table shows it; `verdict` is "shown", "hidden", or the filter that dropped it."""

    query: int
    members: tuple[int, ...]
    color: tuple[int, int, int]
    name: str
    objectness: float
    points: int
    views: int
    size: float
    verdict: str
    why: str
    badge: str = ""  # how it came about, if not by the network alone

    @property
    def texts(self) -> tuple[str, ...]:
        """What the columns say."""
        return (
            "",
            "",
            f"{self.name} · {self.badge}" if self.badge else self.name,
            f"{self.objectness:.2f}",
            f"{self.points:,}",
            str(self.views),
            f"{self.size:#.3g}".rstrip(".") if self.points else "",
            self.why,
        )

    @property
    def tip(self) -> str:
        """What does not fit into the cells."""
        name = self.texts[NAME]
        if len(self.members) == 1:
            return f"{name} · query {self.query}"
        name = name.removesuffix(" · merged")
        return f"{name} · queries {', '.join(str(member) for member in self.members)}, merged"

    def key(self, column: int) -> tuple[Any, ...]:
        """What a column sorts by; the query number decides between equals."""
        keys: tuple[Any, ...]
        if column == COLOR:
            keys = QColor(*self.color).getHsv()[:3]
        elif column == NAME:
            parts = re.split(r"(\d+)", self.name.casefold())
            keys = tuple((not part.isdigit(), part.zfill(9)) for part in parts if part)
        else:
            keys = {
                SHOWN: (self.verdict != "shown", self.verdict),
                OBJECTNESS: (self.objectness,),
                POINTS: (self.points,),
                VIEWS: (self.views,),
                SIZE: (self.size,),
                WHY: (self.why,),
            }[column]
        return (*keys, -self.query if column in (OBJECTNESS, POINTS, VIEWS, SIZE) else self.query)

    def matches(self, words: str) -> bool:
        """Whether a search finds it: in the name, or as the number of one of its queries."""
        return words in self.name.casefold() or words in {str(member) for member in self.members}


class InstanceModel(QAbstractTableModel):
    """All instances, shown or not, in the order given; while they stay the same ones only cells change."""

    hidden_changed = Signal(int, bool)
    renamed = Signal(int, str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.rows: tuple[Row, ...] = ()
        self.units = ""

    def set_rows(self, rows: tuple[Row, ...]) -> None:
        if rows == self.rows:
            return
        if sorted(row.query for row in rows) == sorted(row.query for row in self.rows):
            there = {row.query: row for row in rows}
            updated = tuple(there[row.query] for row in self.rows)
            changed = [number for number, row in enumerate(updated) if row != self.rows[number]]
            self.rows = updated
            if changed:
                self.dataChanged.emit(self.index(changed[0], 0), self.index(changed[-1], len(HEADERS) - 1))
            return
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def set_units(self, units: str) -> None:
        if units != self.units:
            self.units = units
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, SIZE, SIZE)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's signature
        return 0 if parent.isValid() else len(HEADERS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            # scene units are nobody's word for short: the tool tip has it
            return f"Size ({self.units})" if section == SIZE and len(self.units) == 1 else HEADERS[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{TIPS[SIZE]}, in {self.units}" if section == SIZE and self.units else TIPS[section]
        return _alignment(section) if role == Qt.ItemDataRole.TextAlignmentRole else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, column = self.rows[index.row()], index.column()
        roles = Qt.ItemDataRole
        if role == roles.DisplayRole:
            return row.texts[column]
        if role == roles.EditRole:
            return row.name
        if role == roles.TextAlignmentRole:
            return _alignment(column)
        if role == roles.ToolTipRole:
            return row.tip if column in (COLOR, NAME) else row.texts[column] or None
        if column == COLOR and role == roles.DecorationRole:
            return _swatch(row.color, row.verdict == "shown")
        if column == SHOWN and role == roles.CheckStateRole and row.verdict in LISTED:
            return Qt.CheckState.Checked if row.verdict == "shown" else Qt.CheckState.Unchecked
        if role == roles.AccessibleTextRole and column == SHOWN:
            return f"{row.name}: {row.verdict}"
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        query = self.rows[index.row()].query
        if role == Qt.ItemDataRole.CheckStateRole:
            self.hidden_changed.emit(query, Qt.CheckState(value) == Qt.CheckState.Unchecked)
        elif role == Qt.ItemDataRole.EditRole and index.column() == NAME:
            self.renamed.emit(query, str(value).strip())
        else:
            return False
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if index.column() == SHOWN and self.rows[index.row()].verdict in LISTED:
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags | Qt.ItemFlag.ItemIsEditable if index.column() == NAME else flags


class ListedInstances(QSortFilterProxyModel):
    """The rows that are listed, in the order of one column."""

    def __init__(self, model: InstanceModel, parent: QObject) -> None:
        super().__init__(parent)
        self._model = model
        self._words = ""
        self._dropped = False
        self.setSourceModel(model)

    def set_search(self, words: str) -> None:
        """List only what has these words in its name, or this number."""
        words = words.strip().casefold()
        if words != self._words:
            self._words = words
            self.invalidate()

    def set_dropped(self, dropped: bool) -> None:
        """List what a filter dropped as well."""
        if dropped != self._dropped:
            self._dropped = dropped
            self.invalidate()

    def queries(self) -> list[int]:
        """Of the rows listed, from top to bottom."""
        return [self.query(self.index(number, 0)) for number in range(self.rowCount())]

    def query(self, index: Index) -> int:
        """Of one row listed."""
        return self._model.rows[self.mapToSource(index).row()].query

    def filterAcceptsRow(self, number: int, parent: Index) -> bool:
        row = self._model.rows[number]
        return (self._dropped or row.verdict in LISTED) and row.matches(self._words)

    def lessThan(self, left: Index, right: Index) -> bool:
        rows, column = self._model.rows, left.column()
        return rows[left.row()].key(column) < rows[right.row()].key(column)


class NameDelegate(QStyledItemDelegate):
    """Edits names; a cell that changes below the editor leaves what was typed alone."""

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        editor = _NameField(parent)
        editor.setObjectName("nameEditor")
        editor.setAccessibleName("Name of the instance")
        editor.setMaxLength(LONGEST_NAME)
        editor.setText(index.data(Qt.ItemDataRole.EditRole))
        editor.selectAll()
        return editor

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        """Nothing: the editor was filled when it was made."""

    def setModelData(self, editor: QWidget, model: Any, index: Index) -> None:
        assert isinstance(editor, QLineEdit)
        if editor.text().strip() != index.data(Qt.ItemDataRole.EditRole):
            model.setData(index, editor.text())


class _NameField(QLineEdit):
    """Keeps the arrows that move between rows: the table would end the editing."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            event.accept()
        else:
            super().keyPressEvent(event)


def _alignment(column: int) -> Qt.AlignmentFlag:
    numbers = column in (OBJECTNESS, POINTS, VIEWS, SIZE)
    side = Qt.AlignmentFlag.AlignRight if numbers else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


def _swatch(color: tuple[int, int, int], shown: bool) -> QIcon:
    """Filled for a shown instance, a ring for any other."""
    pixmap = QPixmap(SWATCH, SWATCH)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QColor(*color))
    painter.setBrush(QColor(*color) if shown else Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(1, 1, SWATCH - 3, SWATCH - 3, 3, 3)
    painter.end()
    swatch = QIcon(pixmap)
    swatch.addPixmap(pixmap, QIcon.Mode.Selected)  # Qt would tint it, and the color is the point
    return swatch
