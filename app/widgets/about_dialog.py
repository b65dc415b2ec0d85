"""About the program: version, and the licenses of program, weights, data and packages."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

Rows = Sequence[tuple[str, str, str]]


class AboutDialog(QDialog):
    """A headline, a few sentences, and tables of (name, version, license).

    Parameters
    ----------
    title : str
    sentences : str
    tables : sequence of (str, rows)
        A tab each.
    """

    def __init__(self, title: str, sentences: str, tables: Sequence[tuple[str, Rows]], parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("aboutDialog")
        self.setWindowTitle("About")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(min(680, parent.width() - 40), min(520, parent.height() - 40))
        headline, body = QLabel(title), QLabel(sentences)
        headline.setObjectName("headline")
        body.setObjectName("aboutText")
        body.setWordWrap(True)
        body.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        tabs = QTabWidget()
        tabs.setObjectName("aboutTabs")
        tabs.setAccessibleName("Licenses")
        for name, rows in tables:
            tabs.addTab(_table(name, rows), name)
        close = QPushButton("Close")
        close.setObjectName("aboutClose")
        close.setProperty("primary", True)
        close.setDefault(True)
        close.clicked.connect(self.accept)
        last = QHBoxLayout()
        last.addStretch(1)
        last.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(12)
        for widget in (headline, body):
            column.addWidget(widget)
        column.addWidget(tabs, 1)
        column.addLayout(last)


def _table(name: str, rows: Rows) -> QTableWidget:
    table = QTableWidget(len(rows), 3)
    table.setAccessibleName(name)
    table.setTabKeyNavigation(False)  # or the keyboard would not get out of it again
    table.setHorizontalHeaderLabels(["Name", "Version", "License"])
    table.verticalHeader().hide()
    table.setShowGrid(False)
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
    for number, row in enumerate(rows):
        for column, text in enumerate(row):
            item = QTableWidgetItem(text)
            item.setToolTip(text)
            table.setItem(number, column, item)
    header = table.horizontalHeader()
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
    return table
