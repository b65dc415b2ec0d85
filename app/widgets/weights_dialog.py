"""Weights: what is published under which license, what is on this machine, and the button that gets more.

Nothing is fetched before a button is clicked. The dialog blocks nothing: the window behind it stays usable.
"""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

SCALE = 1000  # steps of the progress bar
WIDTH, LEAST_HEIGHT, MARGIN = 720, 560, 80  # of the dialog, and what stays free of the window's height; pixels
LEAD = (
    "The bundled nano has seen rendered rooms only. Depth Anything 3 weights give geometry of photographs. Instances "
    "need FAST3DIS heads as well: none are published; train them as the README says, or choose a file of your own."
)
VERBS = {"download": "Download", "resume": "Resume", "use": "Use", "used": "In use"}
FETCHING = ("download", "resume")


class WeightsDialog(QDialog):
    """One card per file.

    Signals
    -------
    download_requested(name), use_requested(name), offer_taken(name)
    offer_declined(), cancel_requested(), file_requested(), heads_requested()
    """

    download_requested = Signal(str)
    use_requested = Signal(str)
    offer_taken = Signal(str)
    offer_declined = Signal()
    cancel_requested = Signal()
    file_requested = Signal()
    heads_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("weightsDialog")
        self.setWindowTitle("Weights")
        self._rows: tuple[tuple[str, str, str, str, str, str], ...] = ()
        self._buttons: dict[str, QPushButton] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(12)
        lead = QLabel(LEAD)
        lead.setObjectName("weightsLead")
        lead.setWordWrap(True)
        column.addWidget(lead)
        self._inside = inside = QWidget()
        inside.setObjectName("weightsInside")
        self._list = QVBoxLayout(inside)
        self._list.setContentsMargins(0, 0, 6, 0)
        self._list.setSpacing(8)
        self._scroll = scroll = QScrollArea()
        scroll.setObjectName("weightsScroll")
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # a card scrolls into sight when its button gets the focus
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        column.addWidget(scroll, 1)
        column.addWidget(self._progress())
        column.addWidget(self._arrival())
        column.addLayout(self._foot())

    def set_rows(self, rows: Sequence[tuple[str, str, str, str, str, str]]) -> None:
        """Show files: name, kind, license, its terms, where it is, and a key of `VERBS` or nothing."""
        if tuple(rows) == self._rows:
            return
        self._rows = tuple(rows)
        self._buttons.clear()
        while self._list.count():
            item = self._list.takeAt(0)
            if item.widget() is not None:
                item.widget().deleteLater()
        for row in rows:
            self._list.addWidget(self._card(*row))
        self._list.addStretch(1)

    def set_download(self, title: str, words: str, fraction: float, *, stopping: bool) -> None:
        """Show the download that runs; an empty title says that none does."""
        self._box.setVisible(bool(title))
        self._step.setText(title)
        self._words.setText(words)
        self._bar.setRange(0, 0 if title and not fraction else SCALE)  # busy until the first byte
        self._bar.setValue(round(SCALE * fraction))
        self._cancel.setEnabled(not stopping)
        for button in self._buttons.values():
            button.setEnabled(not title)

    def set_offer(self, name: str, words: str, verb: str) -> None:
        """What can be done with a file that arrived; without a name nothing is offered."""
        self._offered = name
        self._offer.setVisible(bool(name))
        self._offer_words.setText(words)
        self._take.setText(verb)
        self._take.setVisible(bool(verb))

    def present(self) -> None:
        """Bring it to the front; all cards are in sight if the window behind it is tall enough."""
        hidden = not self.isVisible()
        self.show()
        if hidden:  # only now the fonts are those of the style sheet
            around = self.sizeHint().height() - self._scroll.sizeHint().height()
            whole, parent = around + self._inside.sizeHint().height(), self.parentWidget()
            self.resize(WIDTH, whole if parent is None else max(LEAST_HEIGHT, min(whole, parent.height() - MARGIN)))
        self.raise_()
        self.activateWindow()

    def _card(self, name: str, kind: str, license_name: str, terms: str, where: str, verb: str) -> QFrame:
        card = QFrame()
        card.setObjectName("weightsCard")
        grid = QGridLayout(card)
        grid.setContentsMargins(14, 10, 14, 10)
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(0, 1)
        title = QLabel(f"{name} — {kind}")
        title.setObjectName("weightsName")
        grid.addWidget(title, 0, 0)
        words = QLabel(license_name)
        words.setToolTip(terms)
        grid.addWidget(words, 1, 0)
        place = QLabel(where)
        place.setObjectName("settingNote")
        place.setWordWrap(True)
        place.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        place.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        grid.addWidget(place, 2, 0)
        if verb:
            button = QPushButton(VERBS[verb])
            button.setObjectName(f"{verb}_{name}")
            button.setAccessibleName(f"{VERBS[verb]}: {name}")
            button.setMinimumWidth(104)
            button.setEnabled(verb != "used")
            signal = self.download_requested if verb in FETCHING else self.use_requested
            button.clicked.connect(lambda _checked=False, chosen=name: signal.emit(chosen))
            grid.addWidget(button, 0, 1, 3, 1, Qt.AlignmentFlag.AlignVCenter)
            if verb in FETCHING:
                self._buttons[name] = button
        return card

    def _progress(self) -> QWidget:
        self._box = QFrame()
        self._box.setObjectName("downloadBox")
        grid = QGridLayout(self._box)
        grid.setContentsMargins(14, 10, 14, 10)
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(0, 1)
        self._step = QLabel()
        self._step.setObjectName("downloadStep")
        self._bar = QProgressBar()
        self._bar.setObjectName("downloadBar")
        self._bar.setTextVisible(False)
        self._words = QLabel()
        self._words.setObjectName("downloadWords")
        self._words.setWordWrap(True)
        self._cancel = QPushButton("Cancel")
        self._cancel.setObjectName("downloadCancel")
        self._cancel.setMinimumWidth(104)
        self._cancel.clicked.connect(self.cancel_requested)
        for row, widget in enumerate((self._step, self._bar, self._words)):
            grid.addWidget(widget, row, 0)
        grid.addWidget(self._cancel, 0, 1, 3, 1, Qt.AlignmentFlag.AlignVCenter)
        self._box.hide()
        return self._box

    def _arrival(self) -> QWidget:
        self._offered = ""
        self._offer = QFrame()
        self._offer.setObjectName("arrivalBox")
        row = QHBoxLayout(self._offer)
        row.setContentsMargins(14, 10, 14, 10)
        row.setSpacing(14)
        self._offer_words = QLabel()
        self._offer_words.setObjectName("arrivalWords")
        self._offer_words.setWordWrap(True)
        row.addWidget(self._offer_words, 1)
        self._take = QPushButton()
        self._take.setObjectName("arrivalTake")
        self._take.setProperty("primary", True)
        self._take.clicked.connect(lambda: self.offer_taken.emit(self._offered))
        later = QPushButton("Not now")
        later.setObjectName("arrivalLater")
        later.clicked.connect(self.offer_declined)
        row.addWidget(later)
        row.addWidget(self._take)
        self._offer.hide()
        return self._offer

    def _foot(self) -> QHBoxLayout:
        row = QHBoxLayout()
        for name, text, signal in (
            ("weightsFile", "Choose weights …", self.file_requested),
            ("weightsHeads", "Choose heads …", self.heads_requested),
        ):
            button = QPushButton(text)
            button.setObjectName(name)
            button.clicked.connect(signal)
            row.addWidget(button)
        row.addStretch(1)
        close = QPushButton("Close")
        close.setObjectName("weightsClose")
        close.setDefault(True)
        close.clicked.connect(self.accept)
        row.addWidget(close)
        return row
