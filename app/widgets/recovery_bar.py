"""A bar above the pages that offers unsaved work of a program that ended; nothing waits for an answer."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.widgets.theme import Theme, icon

PICTURE = QSize(60, 40)
MOST = 3  # offers on show at a time; others follow when these are dealt with


class RecoveryBar(QFrame):
    """Offers in rows; hidden while there are none.

    Parameters
    ----------
    theme : Theme

    Signals
    -------
    recover_requested(key), discard_requested(key)
    put_off()
    """

    recover_requested = Signal(str)
    discard_requested = Signal(str)
    put_off = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("recoveryBar")
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Maximum)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 8, 8, 10)
        column.setSpacing(6)
        head = QHBoxLayout()
        self._sign, self._heading = QLabel(), QLabel()
        self._heading.setObjectName("recoveryHeading")
        self._later = QPushButton("Later")
        self._later.setObjectName("recoveryLater")
        self._later.setProperty("flat", True)
        self._later.setToolTip("Put off: it stays where it is, File > Recover unsaved work brings it back")
        self._later.clicked.connect(self.put_off)
        head.addWidget(self._sign)
        head.addWidget(self._heading, 1)
        head.addWidget(self._later)
        column.addLayout(head)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(6)
        column.addLayout(self._rows)
        self.set_theme(theme)
        self.hide()

    def set_theme(self, theme: Theme) -> None:
        """The sign in the colors of another theme."""
        self._sign.setPixmap(icon("warning", theme.warning).pixmap(16, 16))

    def set_offers(self, offers: Sequence[tuple[str, str, str, str, bytes, bool]]) -> None:
        """Show offers: key, title, words, tip, picture (PNG), and whether it can be recovered."""
        while self._rows.count():
            item = self._rows.takeAt(0)
            if item is not None:
                item.widget().deleteLater()
        for offer in offers[:MOST]:
            self._rows.addWidget(self._row(*offer))
        more = f" These are {MOST} of {len(offers)}:" if len(offers) > MOST else ""
        self._heading.setText(f"The program ended before this was saved.{more}")
        self.setVisible(bool(offers))

    def _row(self, key: str, title: str, words: str, tip: str, picture: bytes, whole: bool) -> QWidget:
        row = QWidget()
        row.setObjectName("recoveryRow")
        row.setToolTip(tip)
        line = QHBoxLayout(row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(12)
        image = QLabel()
        image.setFixedSize(PICTURE)
        pixmap = QPixmap()
        if picture and pixmap.loadFromData(picture):
            ratio = self.devicePixelRatioF()
            mode = Qt.AspectRatioMode.KeepAspectRatio
            pixmap = pixmap.scaled(PICTURE * ratio, mode, Qt.TransformationMode.SmoothTransformation)
            pixmap.setDevicePixelRatio(ratio)
            image.setPixmap(pixmap)
        line.addWidget(image)
        texts = QVBoxLayout()
        texts.setSpacing(0)
        for text, name in ((title, "recoveryTitle"), (words, "recoveryWords")):
            label = _Shortened(text)
            label.setObjectName(name)
            texts.addWidget(label)
        line.addLayout(texts, 1)
        for text, name, signal, primary in (
            ("Recover", "recoveryRecover", self.recover_requested, True),
            ("Discard", "recoveryDiscard", self.discard_requested, False),
        ):
            if primary and not whole:
                continue
            button = QPushButton(text)
            button.setObjectName(name)
            button.setProperty("primary", primary)
            button.setAccessibleName(f"{text} {title}")
            button.clicked.connect(lambda _=False, signal=signal: signal.emit(key))
            line.addWidget(button)
        return row


class _Shortened(QLabel):
    """One line of plain text, shortened where there is no room."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._whole = text
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setText(text)

    def resizeEvent(self, event: object) -> None:
        """As much as there is room for."""
        super().resizeEvent(event)  # type: ignore[arg-type]
        self.setText(self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideRight, self.width()))
