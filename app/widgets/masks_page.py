"""The instance panel, or an explanation in its place while there are no masks."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)


class MasksPage(QStackedWidget):
    """Shows its content once there are instances, and before that why there are none and what can be done.

    Parameters
    ----------
    content : QWidget
        Of the panel.

    Signals
    -------
    run_requested(), heads_requested(), random_requested()
        Run again; choose a file of heads; run the heads as they are, untrained.
    """

    run_requested = Signal()
    heads_requested = Signal()
    random_requested = Signal()

    def __init__(self, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("masksPage")
        self._title, self._text = QLabel(), QLabel()
        self._title.setObjectName("masksTitle")
        self._text.setObjectName("masksText")
        for label in (self._title, self._text):
            label.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._command = _Command()
        self._run = _button("Run again", "masksRun", primary=True)
        self._heads = _button("Load heads …", "masksHeads", primary=True)
        self._random = _button("Run untrained heads", "masksRandom")
        self._run.clicked.connect(self.run_requested)
        self._heads.clicked.connect(self.heads_requested)
        self._random.clicked.connect(self.random_requested)
        self._random.setToolTip("Masks and scores are random then: for a look at how the program works")
        page = QWidget()
        page.setObjectName("masksExplanation")
        page.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(page)
        column.setContentsMargins(16, 18, 16, 16)
        column.setSpacing(12)
        for widget in (self._title, self._text, self._command):
            column.addWidget(widget)
        for button in (self._run, self._heads, self._random):
            column.addWidget(button, alignment=Qt.AlignmentFlag.AlignLeft)
        column.addStretch(1)
        scroll = QScrollArea()
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(page)
        self.addWidget(content)
        self.addWidget(scroll)

    @property
    def explains(self) -> bool:
        """Whether the explanation is on show."""
        return self.currentIndex() == 1

    def show_content(self) -> None:
        """There are masks."""
        self.setCurrentIndex(0)

    def explain(self, title: str, text: str, *, command: str = "", run: bool = False, heads: bool = False) -> None:
        """Say why there are none.

        Parameters
        ----------
        title, text : str
        command : str
            A line for a terminal, with a button that copies it; empty for none.
        run, heads : bool
            Whether running again, or loading heads, would help.
        """
        self._title.setText(title)
        self._text.setText(text)
        self._command.set_text(command)
        self._run.setVisible(run)
        self._heads.setVisible(heads)
        self._random.setVisible(heads)
        self.setCurrentIndex(1)


class _Command(QWidget):
    """A line for a terminal."""

    def __init__(self) -> None:
        super().__init__()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self._line = QLabel()
        self._line.setObjectName("masksCommand")
        self._line.setWordWrap(True)
        self._line.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._copy = _button("Copy", "masksCopy")
        self._copy.clicked.connect(self._to_clipboard)
        row.addWidget(self._line, 1)
        row.addWidget(self._copy, alignment=Qt.AlignmentFlag.AlignTop)

    def set_text(self, text: str) -> None:
        self._line.setText(text)
        self._copy.setText("Copy")
        self.setVisible(bool(text))

    def _to_clipboard(self) -> None:
        QGuiApplication.clipboard().setText(self._line.text())
        self._copy.setText("Copied")


def _button(text: str, name: str, *, primary: bool = False) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setProperty("primary", primary)
    return button
