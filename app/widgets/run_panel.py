"""Progress of a run: a page with all its steps before the first result, a line in the status bar later."""

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.widgets.theme import Theme, icon

BEAT = 250  # ms between looks at the clock
SCALE = 1000  # steps of a progress bar
SIGN = 16  # pixels
LINE = 420  # pixels of text in the status bar: long names must not widen the window
SIGNS = {"done": "✓", "now": "●", "later": "○"}


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
        self._rows: list[_StepRow] = []
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

    def set_progress(self, title: str, rows: Sequence[tuple[str, str, str]], fraction: float, clock: str) -> None:
        """Show where the run is.

        Parameters
        ----------
        title : str
        rows : sequence of (str, str, str)
            Name of a step; "done", "now" or "later"; what is said of its time.
        fraction : float
            Of the whole.
        clock : str
        """
        self._title.setText(title)
        self._bar.setValue(round(SCALE * fraction))
        self._clock.setText(clock)
        if len(rows) != len(self._rows):
            self._make_rows(len(rows))
        for row, (name, state, text) in zip(self._rows, rows, strict=True):
            row.show_step(name, state, text)

    def set_theme(self, theme: Theme) -> None:
        """Signs in the colors of another theme."""
        self._theme = theme
        for row in self._rows:
            row.set_theme(theme)

    def _make_rows(self, count: int) -> None:
        while len(self._rows) > count:
            row = self._rows.pop()
            for widget in row.widgets:
                self._steps.removeWidget(widget)
                widget.deleteLater()
        while len(self._rows) < count:
            row = _StepRow(self._theme)
            for column, widget in enumerate(row.widgets):
                self._steps.addWidget(widget, len(self._rows), column)
            self._rows.append(row)


class _StepRow:
    """A sign, a name and a time."""

    def __init__(self, theme: Theme) -> None:
        self._theme = theme
        self._shown = ("", "", "")
        self._sign, self._name, self._time = QLabel(), QLabel(), QLabel()
        self._sign.setFixedSize(SIGN, SIGN)
        self._time.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.widgets = (self._sign, self._name, self._time)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        if self._shown[1]:
            self._sign.setPixmap(_sign(self._shown[1], theme))

    def show_step(self, name: str, state: str, text: str) -> None:
        if (name, state, text) == self._shown:
            return
        new_state = state != self._shown[1]
        self._shown = (name, state, text)
        self._name.setText(name)
        self._time.setText(text)
        if new_state:
            self._sign.setPixmap(_sign(state, self._theme))
            for label in (self._name, self._time):
                label.setObjectName({"done": "stepDone", "now": "stepNow", "later": "stepLater"}[state])
                label.style().unpolish(label)
                label.style().polish(label)


def _sign(state: str, theme: Theme) -> QPixmap:
    """A check for what is done, a filled dot for what runs, a ring for what is to come."""
    if state == "done":
        return icon("check", theme.accent).pixmap(QSize(SIGN, SIGN))
    pixmap = QPixmap(SIGN, SIGN)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    color = QColor(theme.accent if state == "now" else theme.muted)
    painter.setPen(QPen(color, 1.5))
    painter.setBrush(color if state == "now" else Qt.BrushStyle.NoBrush)
    radius = SIGN / 4 if state == "now" else SIGN / 5
    painter.drawEllipse(QPointF(SIGN / 2, SIGN / 2), radius, radius)
    painter.end()
    return pixmap


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

    def set_theme(self, theme: Theme) -> None:
        """The icon in the colors of another theme."""
        self._cancel.setIcon(icon("cancel", theme.text))

    def set_progress(
        self, title: str, rows: Sequence[tuple[str, str, str]], step: str, fraction: float, clock: str, quiet: bool
    ) -> None:
        """Show where the run is; a quiet one is over too soon to be cancelled. Rows as in `RunPage`."""
        text = title if quiet else f"{title} — {step}"
        self._text.setText(self._text.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, LINE))
        self._text.setToolTip(text)
        lines = (f"{SIGNS[state]} {name}   {text}" for name, state, text in rows)
        self.setToolTip("" if quiet else "\n".join(lines))
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
