"""Parts that several panels are made of: wrapped labels, and tables whose lines are chosen."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QLabel, QTableView, QTableWidget

ROW_HEIGHT = 28  # pixels


class SteadyTable(QTableView):
    """A table whose selected line stays in sight when its neighbors take room from it."""

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Scroll to it where there is less room."""
        super().resizeEvent(event)
        chosen = self.selectionModel().selectedRows() if self.selectionModel() is not None else []
        if chosen and event.size().height() < event.oldSize().height():
            self.scrollTo(chosen[0])


def wrapped_label(name: str) -> QLabel:
    """An empty label of an object name, whose text is wrapped."""
    label = QLabel()
    label.setObjectName(name)
    label.setWordWrap(True)
    return label


def plain_table(name: str, headers: Sequence[str], *, words: int, title: str) -> QTableWidget:
    """An empty table to read in and to choose single lines of.

    Parameters
    ----------
    name : str
        Object name.
    headers : sequence of str
    words : int
        The first so many columns hold words and are aligned left; the others hold numbers.
    title : str
        What screen readers call it.
    """
    table = QTableWidget(0, len(headers))
    table.setObjectName(name)
    table.setAccessibleName(title)
    table.setHorizontalHeaderLabels(list(headers))
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    choose_lines(table)
    for column in range(len(headers)):
        side = Qt.AlignmentFlag.AlignLeft if column < words else Qt.AlignmentFlag.AlignRight
        table.horizontalHeaderItem(column).setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
    return table


def choose_lines(table: QTableView) -> None:
    """Let whole lines be chosen, and leave out what gets in the way of reading."""
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setAlternatingRowColors(True)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setTabKeyNavigation(False)  # or the keyboard would not get out of it again
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
    table.horizontalHeader().setHighlightSections(False)
