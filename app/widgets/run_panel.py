"""Progress of a run: a page with all its steps before the first result, a line in the status bar later."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.widgets.theme import Theme, icon

BEAT = 250  # ms between looks at the clock
SCALE = 1000  # steps of a progress bar


class RunPage(QWidget):
    """Card with the steps done, the step running, the clock, and Cancel.

    Signals
    -------
    cancel_requested()
    """

    cancel_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("runPage")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = theme
        self._finished: tuple[tuple[str, str], ...] | None = None
        card = QFrame()
        card.setObjectName("runCard")
        card.setFixedWidth(520)
        column = QVBoxLayout(card)
        column.setContentsMargins(32, 28, 32, 24)
        column.setSpacing(12)
        self._title = QLabel()
        self._title.setObjectName("headline")
        self._title.setWordWrap(True)
        column.addWidget(self._title)
        self._steps = QGridLayout()
        self._steps.setVerticalSpacing(6)
        self._steps.setColumnStretch(1, 1)
        column.addLayout(self._steps)
        self._now = QLabel()
        self._now.setObjectName("stepNow")
        column.addWidget(self._now)
        self._bar = _bar()
        column.addWidget(self._bar)
        row = QHBoxLayout()
        self._clock = QLabel()
        self._clock.setObjectName("muted")
        row.addWidget(self._clock, 1)
        self._cancel = QPushButton("Cancel")
        self._cancel.setObjectName("runCancel")
        self._cancel.clicked.connect(self.cancel_requested)
        row.addWidget(self._cancel)
        column.addLayout(row)
        page = QVBoxLayout(self)
        page.addWidget(card, alignment=Qt.AlignmentFlag.AlignCenter)

    def set_progress(
        self,
        title: str,
        finished: Sequence[tuple[str, str]],
        step: str,
        fraction: float,
        clock: str,
    ) -> None:
        """Show where the run is; finished steps come with their times as text."""
        self._title.setText(title)
        self._now.setText(step)
        self._bar.setValue(round(SCALE * fraction))
        self._clock.setText(clock)
        if tuple(finished) != self._finished:
            self._finished = tuple(finished)
            self._list_steps()

    def _list_steps(self) -> None:
        while self._steps.count():
            self._steps.takeAt(0).widget().deleteLater()
        for row, (name, seconds) in enumerate(self._finished or ()):
            sign = QLabel()
            sign.setPixmap(icon("check", self._theme.accent).pixmap(QSize(16, 16)))
            self._steps.addWidget(sign, row, 0)
            for column, text in ((1, name), (2, seconds)):
                label = QLabel(text)
                label.setObjectName("stepDone")
                self._steps.addWidget(label, row, column)


class RunLine(QWidget):
    """The same in one line of the status bar, for runs that must not cover the result on show.

    Signals
    -------
    cancel_requested()
    """

    cancel_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 0, 8, 0)
        row.setSpacing(8)
        self._text = QLabel()
        row.addWidget(self._text)
        self._bar = _bar()
        self._bar.setFixedWidth(160)
        row.addWidget(self._bar)
        self._clock = QLabel()
        row.addWidget(self._clock)
        self._cancel = QPushButton("Cancel")
        self._cancel.setIcon(icon("cancel", theme.text))
        self._cancel.setObjectName("statusCancel")
        self._cancel.setStyleSheet("padding: 2px 10px; min-height: 16px;")
        self._cancel.clicked.connect(self.cancel_requested)
        row.addWidget(self._cancel)

    def set_progress(self, title: str, step: str, fraction: float, clock: str, quiet: bool) -> None:
        """Show where the run is; a quiet one is over too soon to be cancelled."""
        self._text.setText(title if quiet else f"{title} — {step}")
        self._bar.setValue(round(SCALE * fraction))
        self._clock.setText("" if quiet else clock)
        self._cancel.setVisible(not quiet)


class Beat(QTimer):
    """Asks for a look at the clock while something runs."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setInterval(BEAT)

    def set_running(self, running: bool) -> None:
        """Start or stop, if that is a change."""
        if running and not self.isActive():
            self.start()
        elif not running:
            self.stop()


def _bar() -> QProgressBar:
    bar = QProgressBar()
    bar.setRange(0, SCALE)
    bar.setTextVisible(False)
    return bar
