"""A row of chips: sentences on what is filtered, thinned or doubtful, each with a way to undo it."""

from collections.abc import Sequence

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from app.widgets.theme import Theme, icon

HEIGHT = 22  # of a chip, pixels


class ChipBar(QFrame):
    """Chips in the order given; too many are cut off at the right, with the full text as a tool tip.

    Signals
    -------
    dismissed(key)
        The × of a chip was clicked.
    """

    dismissed = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("chipBar")
        self._theme = theme
        self._chips: tuple[tuple[str, str, str, bool], ...] = ()
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(10, 6, 10, 6)
        self._row.setSpacing(6)
        self._row.addStretch(1)
        self.setMinimumHeight(HEIGHT + 12)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_chips(self, chips: Sequence[tuple[str, str, str, bool]]) -> None:
        """Show chips: (key, text, tone, removable), tone being "normal", "warning" or "quiet"."""
        if tuple(chips) == self._chips:
            return
        self._chips = tuple(chips)
        while self._row.count() > 1:
            self._row.takeAt(0).widget().deleteLater()
        for place, (key, text, tone, removable) in enumerate(chips):
            self._row.insertWidget(place, self._chip(key, text, tone, removable))

    def texts(self) -> list[str]:
        """Sentences on show."""
        return [text for _, text, _, _ in self._chips]

    def _chip(self, key: str, text: str, tone: str, removable: bool) -> QFrame:
        chip = QFrame()
        chip.setObjectName("chip")
        chip.setProperty("tone", tone)
        chip.setFixedHeight(HEIGHT)
        row = QHBoxLayout(chip)
        row.setContentsMargins(4 if tone == "quiet" else 10, 0, 4 if removable else 10, 0)
        row.setSpacing(4)
        color = self._theme.warning if tone == "warning" else self._theme.muted
        if tone == "warning":
            sign = QLabel()
            sign.setPixmap(icon("warning", color).pixmap(14, 14))
            row.addWidget(sign)
        row.addWidget(QLabel(text))
        chip.setToolTip(text)
        if removable:
            button = QToolButton()
            button.setObjectName(f"chipClose_{key}")
            button.setIcon(icon("close", color))
            button.setIconSize(QSize(12, 12))
            button.setAccessibleName(f"Undo: {text}")
            button.clicked.connect(lambda: self.dismissed.emit(key))
            row.addWidget(button)
        return chip
