"""A short list of what changed: a line of figures, and below it the instances that are not as they were."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QHeaderView, QPushButton, QTableWidgetItem, QVBoxLayout, QWidget

from app.widgets.parts import plain_table, wrapped_label

HEADERS = ("Query", "Became", "IoU", "Points")
ROW_HEIGHT, MOST = 24, 4  # logical pixels of a line, and lines in sight
WIDTHS = (56, 0, 82, 140)  # logical pixels
QUERY = Qt.ItemDataRole.UserRole


class ChangeList(QWidget):
    """Part of a panel; not there while there is nothing to say.

    Signals
    -------
    query_chosen(query)
        A line was clicked.
    all_requested()
        The whole table is asked for.
    """

    query_chosen = Signal(int)
    all_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("changeList")
        self._summary = wrapped_label("changeSummary")
        self._all = QPushButton("All …")
        self._all.setObjectName("anchorChanges")
        self._all.setProperty("flat", True)
        self._all.setToolTip("Every instance, and what else to hold the result against: What if")
        self._all.clicked.connect(lambda _=False: self.all_requested.emit())
        self.table = plain_table("changeTable", HEADERS, words=2, title="What the last change did")
        self.table.horizontalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        header = self.table.horizontalHeader()
        for column, width in enumerate(WIDTHS):
            header.setSectionResizeMode(
                column, QHeaderView.ResizeMode.Interactive if width else QHeaderView.ResizeMode.Stretch
            )
            header.resizeSection(column, width)
        self.table.cellClicked.connect(lambda row, _: self.query_chosen.emit(self.table.item(row, 0).data(QUERY)))
        self.table.cellActivated.connect(lambda row, _: self.query_chosen.emit(self.table.item(row, 0).data(QUERY)))
        head = QHBoxLayout()
        head.addWidget(self._summary, 1)
        head.addWidget(self._all)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(head)
        column.addWidget(self.table)
        self.set_changes("", ())

    def set_changes(self, summary: str, lines: Sequence[tuple[int, str, str, str, str]]) -> None:
        """Figures, and lines: query, name, what became of it, IoU, points; without figures there is nothing."""
        self.setVisible(bool(summary))
        self._summary.setText(summary)
        self.table.clearSelection()
        self.table.setRowCount(len(lines))
        for number, (query, *texts) in enumerate(lines):
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                side = Qt.AlignmentFlag.AlignLeft if column < 2 else Qt.AlignmentFlag.AlignRight
                item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
                item.setToolTip(text)
                item.setData(QUERY, query)
                self.table.setItem(number, column, item)
        self.table.setVisible(bool(lines))
        self.table.setFixedHeight(2 * self.table.frameWidth() + ROW_HEIGHT * min(MOST, max(1, len(lines))))
