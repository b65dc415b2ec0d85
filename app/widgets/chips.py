"""A row of chips: sentences on what is filtered, thinned or doubtful, each with a way to undo it."""

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLayout, QLayoutItem, QSizePolicy, QToolButton, QWidget

from app.widgets.theme import Theme, icon

HEIGHT = 22  # of a chip, pixels


class ChipBar(QFrame):
    """Chips in the order given, in as many rows as they need.

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
        self._rows = _Rows(self)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def set_chips(self, chips: Sequence[tuple[str, str, str, bool]]) -> None:
        """Show chips: (key, text, tone, removable), tone being "normal", "warning" or "quiet"."""
        if tuple(chips) == self._chips:
            return
        self._chips = tuple(chips)
        while self._rows.count():
            item = self._rows.takeAt(0)
            if item is not None:
                item.widget().deleteLater()
        for key, text, tone, removable in chips:
            self._rows.addWidget(self._chip(key, text, tone, removable))
        self.updateGeometry()

    def set_theme(self, theme: Theme) -> None:
        """Signs in the colors of another theme."""
        self._theme = theme
        chips, self._chips = self._chips, ()
        self.set_chips(chips)

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


class _Rows(QLayout):
    """Left to right, then down, like words on a page."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self.setContentsMargins(10, 7, 10, 7)
        self.setSpacing(6)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._arrange(QRect(0, 0, width, 0), place=False)

    def sizeHint(self) -> QSize:
        return QSize(0, self.heightForWidth(max(1, self.parentWidget().width())))

    def minimumSize(self) -> QSize:
        return self.sizeHint()

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._arrange(rect, place=True)

    def _arrange(self, rect: QRect, *, place: bool) -> int:
        """Height that the rows take; puts the items there if asked to."""
        margins = self.contentsMargins()
        left, right = rect.left() + margins.left(), rect.right() - margins.right()
        corner, bottom = QPoint(left, rect.top() + margins.top()), rect.top() + margins.top()
        for item in self._items:
            size = item.sizeHint().boundedTo(QSize(max(1, right - left), HEIGHT))
            if corner.x() > left and corner.x() + size.width() > right:
                corner = QPoint(left, bottom + self.spacing())
            if place:
                item.setGeometry(QRect(corner, size))
            bottom = corner.y() + HEIGHT
            corner = corner + QPoint(size.width() + self.spacing(), 0)
        return bottom + margins.bottom() - rect.top()
