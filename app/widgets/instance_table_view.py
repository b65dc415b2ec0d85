"""The table of instances as a view: its columns share the width, one row can be marked, Enter and clicks on boxes."""

# ruff: noqa: D102 - most methods are Qt's own

from PySide6.QtCore import (
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    Qt,
    Signal,
)
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QTableView

from app.widgets.instance_rows import COLOR, NAME, OBJECTNESS, POINTS, SHOWN, SIZE, VIEWS, WHY, ListedInstances

WIDTHS = {SHOWN: 28, COLOR: 24, OBJECTNESS: 88, POINTS: 70, VIEWS: 44, SIZE: 62, WHY: 176}  # pixels
MOUSE = (QEvent.Type.MouseButtonPress, QEvent.Type.MouseMove, QEvent.Type.MouseButtonRelease)
MARK = 3  # pixels, at the left of the row that is marked
NARROWEST_NAME = 96  # pixels; the name has what the other columns leave


class TableView(QTableView):
    """A table whose name column takes the width that is left, and one of whose rows can be marked.

    Signals
    -------
    left()
        By the pointer.
    entered_row()
        Enter was pressed.
    """

    left = Signal()
    entered_row = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._marked: tuple[ListedInstances, int] | None = None

    def mark(self, listed: ListedInstances, query: int | None) -> None:
        """Mark the row of a query, or none."""
        marked = None if query is None else (listed, query)
        if marked != self._marked:
            self._marked = marked
            self.viewport().update()

    def marked_row(self) -> QRect:
        """Where the marked row is seen, empty if nowhere."""
        if self._marked is None:
            return QRect()
        listed, query = self._marked
        queries = listed.queries()
        if query not in queries:
            return QRect()
        cell = self.visualRect(listed.index(queries.index(query), NAME))
        return QRect(0, cell.top(), self.viewport().width(), cell.height()) & self.viewport().rect()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        row = self.marked_row()
        if row.isEmpty():
            return
        painter, tint = QPainter(self.viewport()), self.palette().accent().color()
        painter.fillRect(QRect(row.left(), row.top(), MARK, row.height()), tint)
        tint.setAlpha(36)
        painter.fillRect(row, tint)
        painter.end()

    def selectionCommand(
        self, index: QModelIndex | QPersistentModelIndex, event: QEvent | None = None
    ) -> QItemSelectionModel.SelectionFlag:
        """A click on the box of a row leaves the selection alone: the box is for all that are selected."""
        if event is not None and event.type() in MOUSE and index.column() == SHOWN:
            return QItemSelectionModel.SelectionFlag.NoUpdate
        return super().selectionCommand(index, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.entered_row.emit()
        else:
            super().keyPressEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.left.emit()

    def fit_name(self) -> None:
        """Give the name column what the others leave."""
        header = self.horizontalHeader()
        others = sum(header.sectionSize(column) for column in WIDTHS if not self.isColumnHidden(column))
        self.setColumnWidth(NAME, max(NARROWEST_NAME, self.viewport().width() - others))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit_name()
