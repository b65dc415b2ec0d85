"""All keys on one page, made from the table of actions; can be copied."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

COLUMNS = 2


class CheatSheet(QDialog):
    """Keys by menu.

    Parameters
    ----------
    groups : sequence of (str, sequence of (str, str))
        Title of a menu; keys and what they do.
    text : str
        What "Copy" puts on the clipboard.
    """

    def __init__(self, groups: Sequence[tuple[str, Sequence[tuple[str, str]]]], text: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("cheatSheet")
        self.setWindowTitle("Keys")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._text = text
        columns = QHBoxLayout()
        columns.setSpacing(36)
        total, filled = sum(len(rows) + 2 for _, rows in groups), 0
        grids = [QGridLayout() for _ in range(COLUMNS)]
        for grid in grids:
            grid.setHorizontalSpacing(18)
            grid.setVerticalSpacing(6)
            box = QVBoxLayout()
            box.addLayout(grid)
            box.addStretch(1)
            columns.addLayout(box, 1)
        for title, rows in groups:
            _fill(grids[min(COLUMNS - 1, COLUMNS * (filled + len(rows) // 2) // total)], title, rows)
            filled += len(rows) + 2
        content = QWidget()
        content.setLayout(columns)
        columns.setContentsMargins(24, 16, 24, 16)
        area = QScrollArea()
        area.setObjectName("cheatSheetArea")
        area.setAccessibleName("All keys")
        area.setWidget(content)
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 14)
        column.addWidget(area, 1)
        column.addLayout(self._buttons())
        self.resize(min(820, parent.width() - 40), min(content.sizeHint().height() + 70, parent.height() - 40))

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(24, 0, 24, 0)
        self._copy = QPushButton("Copy")
        self._copy.setObjectName("cheatSheetCopy")
        self._copy.clicked.connect(self._copy_text)
        close = QPushButton("Close")
        close.setObjectName("cheatSheetClose")
        close.setProperty("primary", True)
        close.setDefault(True)
        close.clicked.connect(self.accept)
        row.addWidget(self._copy)
        row.addStretch(1)
        row.addWidget(close)
        return row

    def _copy_text(self) -> None:
        QGuiApplication.clipboard().setText(self._text)
        self._copy.setText("Copied")


def _fill(grid: QGridLayout, title: str, rows: Sequence[tuple[str, str]]) -> None:
    """One group below those that are there."""
    line = grid.rowCount()
    headline = QLabel(title)
    headline.setObjectName("groupTitle")
    grid.addWidget(headline, line, 0, 1, 2)
    for number, (keys, text) in enumerate(rows, start=line + 1):
        shown = [QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText) for key in keys.split(" or ")]
        cap, what = QLabel(" or ".join(shown)), QLabel(text)
        cap.setObjectName("keyCap")
        what.setWordWrap(True)
        grid.addWidget(cap, number, 0, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        grid.addWidget(what, number, 1)
    grid.setColumnStretch(1, 1)
