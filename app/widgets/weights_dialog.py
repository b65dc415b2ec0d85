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
LEAD = (
    "The bundled nano has seen rendered rooms only. Depth Anything 3 weights give geometry of photographs. Instances "
    "need FAST3DIS heads as well: none are published; train them as the README says, or choose a file of your own."
)
VERBS = {"download": "Download", "use": "Use"}


class WeightsDialog(QDialog):
    """One card per file.

    Signals
    -------
    download_requested(name), use_requested(name)
    cancel_requested(), file_requested(), heads_requested()
    """

    download_requested = Signal(str)
    use_requested = Signal(str)
    cancel_requested = Signal()
    file_requested = Signal()
    heads_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("weightsDialog")
        self.setWindowTitle("Weights")
        self.resize(720, 560)
        self._rows: tuple[tuple[str, str, str, str, str, str], ...] = ()
        self._buttons: dict[str, QPushButton] = {}
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(12)
        lead = QLabel(LEAD)
        lead.setObjectName("weightsLead")
        lead.setWordWrap(True)
        column.addWidget(lead)
        inside = QWidget()
        inside.setObjectName("weightsInside")
        self._list = QVBoxLayout(inside)
        self._list.setContentsMargins(0, 0, 6, 0)
        self._list.setSpacing(8)
        scroll = QScrollArea()
        scroll.setObjectName("weightsScroll")
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        column.addWidget(scroll, 1)
        column.addWidget(self._progress())
        column.addLayout(self._foot())

    def set_rows(self, rows: Sequence[tuple[str, str, str, str, str, str]]) -> None:
        """Show files: name, kind, license, its terms, where it is, and "use", "download" or nothing."""
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

    def set_download(self, name: str, step: str, fraction: float) -> None:
        """Show the download that runs; an empty name says that none does."""
        self._box.setVisible(bool(name))
        words = step if name in step else f"{name} · {step}"
        self._step.setText(f"{words} · {fraction:.0%}" if fraction else f"{words} …")
        self._bar.setValue(round(SCALE * fraction))
        for button in self._buttons.values():
            button.setEnabled(not name)

    def present(self) -> None:
        """Bring it to the front."""
        self.show()
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
            button.setMinimumWidth(104)
            signal = self.download_requested if verb == "download" else self.use_requested
            button.clicked.connect(lambda _checked=False, chosen=name: signal.emit(chosen))
            grid.addWidget(button, 0, 1, 3, 1, Qt.AlignmentFlag.AlignVCenter)
            if verb == "download":
                self._buttons[name] = button
        return card

    def _progress(self) -> QWidget:
        self._box = QWidget()
        row = QHBoxLayout(self._box)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        self._step = QLabel()
        self._step.setObjectName("downloadStep")
        self._bar = QProgressBar()
        self._bar.setRange(0, SCALE)
        self._bar.setTextVisible(False)
        cancel = QPushButton("Cancel")
        cancel.setObjectName("downloadCancel")
        cancel.clicked.connect(self.cancel_requested)
        row.addWidget(self._step)
        row.addWidget(self._bar, 1)
        row.addWidget(cancel)
        self._box.hide()
        return self._box

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
        close.setProperty("primary", True)
        close.setDefault(True)
        close.clicked.connect(self.accept)
        row.addWidget(close)
        return row
