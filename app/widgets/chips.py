"""A row of chips: sentences on what is filtered, thinned or doubtful, each with a way to undo it.

The row is one chip high, whatever there is to say, so that the viewport below keeps its size and is not drawn again
for a new chip. Long sentences end in an ellipsis; chips without room fold into "+3", which lists them.
"""

from collections.abc import Sequence

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from app.widgets.theme import Theme, icon

HEIGHT = 24  # of a chip, pixels
MARGIN, SPACING = 6, 6  # around the row, and between two chips
WIDEST = 340  # of a chip in a row in which not all have room
NARROWEST = 150  # of a chip that shares the row with others
MORE = 48  # width of the button of the folded ones
LIST_WIDTH = 460  # of the list of folded chips

Chip = tuple[str, str, str, bool]  # key, text, tone, removable


class ChipBar(QFrame):
    """Chips in the order given, as many as have room.

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
        self._chips: tuple[Chip, ...] = ()
        self._made: list[_Chip] = []
        self._folded: tuple[Chip, ...] = ()
        self._list: _List | None = None
        self._more = QToolButton(self)
        self._more.setObjectName("chipMore")
        self._more.clicked.connect(self._show_list)
        self._more.hide()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(HEIGHT + 2 * MARGIN)

    def set_chips(self, chips: Sequence[Chip]) -> None:
        """Show chips: (key, text, tone, removable), tone being "normal", "warning" or "quiet"."""
        if tuple(chips) == self._chips:
            return
        self._chips = tuple(chips)
        for old in self._made:
            old.hide()
            old.deleteLater()
        self._made = [_Chip(self._theme, chip, self) for chip in self._chips]
        for made in self._made:
            made.dismissed.connect(self.dismissed)
        self._arrange()
        if self._list is not None:
            self._list.close()

    def set_theme(self, theme: Theme) -> None:
        """Signs in the colors of another theme."""
        self._theme = theme
        chips, self._chips = self._chips, ()
        self.set_chips(chips)

    def texts(self) -> list[str]:
        """Sentences on show, the folded ones among them."""
        return [text for _, text, _, _ in self._chips]

    def resizeEvent(self, event: QResizeEvent) -> None:
        """More room, fewer folded."""
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        room = self.width() - 2 * MARGIN - SPACING
        widths = fitted([made.sizeHint().width() for made in self._made], room)
        place = MARGIN + SPACING // 2
        for made, width in zip(self._made, [*widths, *[0] * (len(self._made) - len(widths))], strict=True):
            made.setGeometry(place, MARGIN, max(1, width), HEIGHT)
            made.setVisible(width > 0)
            place += width + SPACING if width else 0
        self._folded = self._chips[len(widths) :]
        self._more.setText(f"+{len(self._folded)}")
        self._more.setToolTip("\n".join(text for _, text, _, _ in self._folded))
        self._more.setAccessibleName(f"{len(self._folded)} more")
        self._more.setGeometry(place, MARGIN, MORE, HEIGHT)
        self._more.setVisible(bool(self._folded))

    def _show_list(self) -> None:
        self._list = _List(self._theme, self._folded, self)
        self._list.dismissed.connect(self.dismissed)
        self._list.destroyed.connect(self._forget_list)
        self._list.open_below(self._more)

    def _forget_list(self) -> None:
        self._list = None


def fitted(wanted: Sequence[int], room: int) -> list[int]:
    """Widths of the first chips that have room beside each other and the button of the others.

    Parameters
    ----------
    wanted : sequence of int
        Width of every chip with its whole text.
    room : int
        Of the row.

    Returns
    -------
    list of int
        No longer than `wanted`; at least one if there is any chip. Wide chips give way first, down to `NARROWEST`.
    """
    if sum(wanted) + SPACING * (len(wanted) - 1) <= room:
        return list(wanted)
    widths = [min(width, WIDEST) for width in wanted]
    least = [min(width, NARROWEST) for width in widths]
    count = len(widths)
    while count > 1 and sum(least[:count]) + SPACING * (count - 1) + _button(count, len(widths)) > room:
        count -= 1
    left = room - SPACING * (count - 1) - _button(count, len(widths))
    if count == 1:
        return [max(1, min(widths[0], left))]
    cap, narrower = WIDEST, 0  # the widest give way until the rest of the room, shared out, is enough for them
    for place, width in enumerate(sorted(widths[:count])):
        cap = (left - narrower) // (count - place)
        if width > cap:
            break
        narrower += width
    else:
        cap = WIDEST
    return [min(width, cap) for width in widths[:count]]


def _button(count: int, total: int) -> int:
    return MORE + SPACING if count < total else 0


class _Chip(QFrame):
    """One sentence.

    Signals
    -------
    dismissed(key)
    """

    dismissed = Signal(str)

    def __init__(self, theme: Theme, chip: Chip, parent: QWidget) -> None:
        super().__init__(parent)
        key, text, tone, removable = chip
        self.setObjectName("chip")
        self.setProperty("tone", tone)
        self.setFixedHeight(HEIGHT)
        self.setToolTip(text)
        row = QHBoxLayout(self)
        row.setContentsMargins(4 if tone == "quiet" else 10, 0, 2 if removable else 10, 0)
        row.setSpacing(4)
        color = theme.warning if tone == "warning" else theme.muted
        if tone == "warning":
            sign = QLabel()
            sign.setPixmap(icon("warning", color).pixmap(14, 14))
            row.addWidget(sign)
        row.addWidget(_Text(text), 1)
        if removable:
            button = QToolButton()
            button.setObjectName(f"chipClose_{key}")
            button.setIcon(icon("close", color))
            button.setIconSize(QSize(12, 12))
            button.setFixedSize(HEIGHT, HEIGHT)
            button.setAccessibleName(f"Undo: {text}")
            button.clicked.connect(lambda: self.dismissed.emit(key))
            row.addWidget(button)


class _Text(QLabel):
    """A line that ends in an ellipsis where it has no room."""

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()


class _List(QFrame):
    """The folded chips under each other, until the next click elsewhere.

    Signals
    -------
    dismissed(key)
    """

    dismissed = Signal(str)

    def __init__(self, theme: Theme, chips: Sequence[Chip], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("chipList")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(SPACING)
        for chip in chips:
            made = _Chip(theme, chip, self)
            made.setMaximumWidth(LIST_WIDTH)
            made.dismissed.connect(self.dismissed)
            column.addWidget(made, 0, Qt.AlignmentFlag.AlignLeft)

    def open_below(self, button: QWidget) -> None:
        """Its right edge under that of a widget."""
        self.adjustSize()
        corner = button.mapToGlobal(QPoint(button.width() - self.width(), button.height() + 4))
        self.move(max(0, corner.x()), corner.y())
        self.show()
