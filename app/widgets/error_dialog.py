"""A failed run in plain words: what was expected, what was found, what to do; with a report to copy."""

import re
from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from app.widgets.theme import Theme, icon

_LONG_WORD = r"(\S{40})(?=\S)"  # such as a path


class ErrorDialog(QDialog):
    """Window-modal to nothing: the result behind it stays usable.

    Parameters
    ----------
    theme : Theme
    title : str
    message : str
        Shown large, can be selected.
    report : str
        What "Copy report" puts on the clipboard.
    details : str
        Shown below the message if not empty, such as a traceback.
    ways : sequence of (str, str)
        What else can be done: key and label of a button each.

    Signals
    -------
    way_chosen(key)
        The dialog closes then.
    """

    way_chosen = Signal(str)

    def __init__(
        self,
        theme: Theme,
        title: str,
        message: str,
        report: str,
        details: str = "",
        parent: QWidget | None = None,
        *,
        ways: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(parent)
        self.setObjectName("errorDialog")
        self.setWindowTitle(title)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(False)
        self.setFixedWidth(560)
        self.message, self._report = message, report
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 22, 24, 18)
        column.setSpacing(16)
        column.addLayout(_top(theme, title, message))
        if ways:
            column.addLayout(self._ways(ways))
        if details:
            text = QPlainTextEdit(details)
            text.setReadOnly(True)
            text.setFixedHeight(160)
            column.addWidget(text)
        row = QHBoxLayout()
        self._copy = QPushButton("Copy report")
        self._copy.setObjectName("errorCopy")
        self._copy.clicked.connect(self._copy_report)
        row.addWidget(self._copy)
        row.addStretch(1)
        close = QPushButton("Close")
        close.setObjectName("errorClose")
        close.setProperty("primary", True)
        close.setDefault(True)
        close.clicked.connect(self.accept)
        row.addWidget(close)
        column.addLayout(row)

    def _ways(self, ways: Sequence[tuple[str, str]]) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setContentsMargins(48, 0, 0, 0)
        row.setSpacing(8)
        for key, label in ways:
            button = QPushButton(label)
            button.setObjectName(f"errorWay_{key}")
            button.clicked.connect(partial(self._choose, key))
            row.addWidget(button)
        row.addStretch(1)
        return row

    def _choose(self, key: str) -> None:
        self.way_chosen.emit(key)
        self.accept()

    def _copy_report(self) -> None:
        QGuiApplication.clipboard().setText(self._report)
        self._copy.setText("Copied")


def _top(theme: Theme, title: str, message: str) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(16)
    sign = QLabel()
    sign.setPixmap(icon("warning", theme.warning).pixmap(32, 32))
    row.addWidget(sign, alignment=Qt.AlignmentFlag.AlignTop)
    words = QVBoxLayout()
    words.setSpacing(8)
    headline = QLabel(title)
    headline.setObjectName("headline")
    words.addWidget(headline)
    body = QLabel(re.sub(_LONG_WORD, "\\1\u200b", message))  # a label breaks lines between words alone
    body.setObjectName("errorMessage")
    body.setWordWrap(True)
    body.setTextFormat(Qt.TextFormat.PlainText)
    body.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    words.addWidget(body)
    words.addStretch(1)
    row.addLayout(words, 1)
    return row
