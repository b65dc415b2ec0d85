"""The palette of commands: type a few letters, Enter runs what is chosen, Esc closes."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QPainter, QPalette
from PySide6.QtWidgets import (
    QDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

WIDTH, HEIGHT, ROW = 600, 420, 44  # pixels
NAME, TEXT, KEYS, HINT, ENABLED = (Qt.ItemDataRole.UserRole + number for number in range(5))


class CommandPalette(QDialog):
    """A line to type in and a list below it.

    Signals
    -------
    typed(text)
    chosen(name)
        The palette is closed already.
    """

    typed = Signal(str)
    chosen = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("commandPalette")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.line = QLineEdit()
        self.line.setObjectName("commandLine")
        self.line.setPlaceholderText("What do you want to do?")
        self.line.setAccessibleName("Search of commands")
        self.line.installEventFilter(self)
        self.line.textChanged.connect(self.typed)
        self.list = QListWidget()
        self.list.setObjectName("commandList")
        self.list.setAccessibleName("Commands found")
        self.list.setItemDelegate(_Row(self.list))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.itemClicked.connect(lambda _: self._choose())
        self._none = QLabel("No command is called like this.")
        self._none.setObjectName("muted")
        self._none.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 10, 10, 10)
        column.setSpacing(8)
        column.addWidget(self.line)
        column.addWidget(self.list, 1)
        column.addWidget(self._none, 1)

    def open_empty(self) -> None:
        """Over the upper middle of the window, with nothing typed."""
        window = self.parentWidget()
        width, height = min(WIDTH, window.width() - 40), min(HEIGHT, window.height() - 120)
        corner = window.mapToGlobal(window.rect().topLeft())
        self.setGeometry(corner.x() + (window.width() - width) // 2, corner.y() + 72, width, height)
        self.line.clear()
        self.show()
        self.activateWindow()
        self.line.setFocus(Qt.FocusReason.PopupFocusReason)

    def set_commands(self, rows: Sequence[tuple[str, str, str, str, bool]]) -> None:
        """Show commands: (name, text, keys, hint, enabled) each; the first is chosen."""
        self.list.clear()
        for row in rows:
            item = QListWidgetItem(row[1])
            for role, value in zip((NAME, TEXT, KEYS, HINT, ENABLED), row, strict=True):
                item.setData(role, value)
            item.setToolTip(row[3])
            self.list.addItem(item)
        self.list.setVisible(bool(rows))
        self._none.setVisible(not rows)
        self.list.setCurrentRow(0)

    def eventFilter(self, _: QObject, event: QEvent) -> bool:
        """Arrows move in the list, Enter runs; the line keeps the focus."""
        if event.type() != QEvent.Type.KeyPress or not isinstance(event, QKeyEvent):
            return False
        keys, last = Qt.Key, self.list.count() - 1
        steps = {keys.Key_Up: -1, keys.Key_Down: 1, keys.Key_PageUp: -8, keys.Key_PageDown: 8}
        if event.key() in steps:
            row = self.list.currentRow() + steps[Qt.Key(event.key())]
            self.list.setCurrentRow(min(max(row, 0), last))
        elif event.key() in (keys.Key_Return, keys.Key_Enter):
            self._choose()
        elif event.key() == keys.Key_Escape:
            self.reject()
        else:
            return False
        return True

    def _choose(self) -> None:
        item = self.list.currentItem()
        if item is not None and item.data(ENABLED):
            self.accept()
            self.chosen.emit(item.data(NAME))


class _Row(QStyledItemDelegate):
    """Text and keys in one line, the hint below."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(option.rect.width(), ROW)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        style = option.widget.style()
        style.drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, option.widget)
        area, roles = option.rect.adjusted(10, 4, -10, -4), QPalette.ColorRole
        upper = QRect(area.left(), area.top(), area.width(), area.height() // (2 if index.data(HINT) else 1))
        lower = upper.translated(0, upper.height())
        painter.save()
        keys = QKeySequence(index.data(KEYS)).toString(QKeySequence.SequenceFormat.NativeText)
        room = painter.fontMetrics().horizontalAdvance(keys) + 12 if keys else 0
        muted = option.palette.color(roles.PlaceholderText)
        painter.setPen(option.palette.color(roles.Text) if index.data(ENABLED) else muted)
        self._write(painter, upper.adjusted(0, 0, -room, 0), index.data(TEXT))
        painter.setPen(muted)
        painter.drawText(upper, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, keys)
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        self._write(painter, lower, index.data(HINT))
        painter.restore()

    def _write(self, painter: QPainter, place: QRect, text: str) -> None:
        elided = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, place.width())
        painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, elided)
