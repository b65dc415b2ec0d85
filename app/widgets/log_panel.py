"""What the program noted down: lines with their level, filtered by it; copied or cleared."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QGuiApplication, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from app.widgets.theme import Theme

LEVELS = {"All": 0, "Warnings": 30, "Errors": 40}  # as in `logging`
LINES = 2000


class LogPanel(QWidget):
    """Lines, newest last.

    Signals
    -------
    level_chosen(level)
        Least level to show.
    clear_requested()
    """

    level_chosen = Signal(int)
    clear_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("logPanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = theme
        self._lines: list[tuple[int, str]] = []
        self.text = QPlainTextEdit()
        self.text.setObjectName("logText")
        self.text.setAccessibleName("Log")
        self.text.setReadOnly(True)
        self.text.setMaximumBlockCount(LINES)
        self.text.setPlaceholderText("Nothing was noted down.")
        self.level = QComboBox()
        self.level.setObjectName("logLevel")
        self.level.setAccessibleName("Least level of the lines shown")
        for name, number in LEVELS.items():
            self.level.addItem(name, number)
        self.level.currentIndexChanged.connect(lambda _: self.level_chosen.emit(self.level.currentData()))
        row = QHBoxLayout()
        row.setContentsMargins(10, 6, 10, 6)
        row.setSpacing(8)
        row.addWidget(QLabel("Show"))
        row.addWidget(self.level)
        row.addStretch(1)
        for text, name, slot in (("Copy", "logCopy", self._copy), ("Clear", "logClear", self.clear_requested)):
            button = QPushButton(text)
            button.setObjectName(name)
            button.clicked.connect(slot)
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(row)
        column.addWidget(self.text, 1)

    def set_lines(self, lines: Sequence[tuple[int, str]]) -> None:
        """Show lines: (level, text) each."""
        self._lines = []
        self.text.clear()
        for level, text in lines:
            self.add_line(level, text)

    def add_line(self, level: int, text: str) -> None:
        """One more."""
        self._lines = [*self._lines[1 - LINES :], (level, text)]
        style = QTextCharFormat()
        style.setForeground(QColor(self._theme.warning if level >= LEVELS["Warnings"] else self._theme.text))
        cursor = QTextCursor(self.text.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        if not self.text.document().isEmpty():
            cursor.insertBlock()
        cursor.insertText(text, style)
        bar = self.text.verticalScrollBar()
        bar.setValue(bar.maximum())

    def set_theme(self, theme: Theme) -> None:
        """Lines in the colors of another theme."""
        self._theme = theme
        self.set_lines(self._lines)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())
