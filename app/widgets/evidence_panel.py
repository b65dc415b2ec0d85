"""Where a query looked: its attention over the views, per layer and head, and how each camera sees its anchor."""

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.widgets.parts import plain_table, wrapped_label
from app.widgets.share_bars import FINDING, SHARE, WHOLE, ShareBars
from app.widgets.theme import Theme

HEADERS = ("View", "Attention", "Its anchor is")
VIEW = WHOLE + 1  # role of the view of a line
NOTE = "Attention says where a query read, not why it decided. It is a hint, no proof."


class EvidencePanel(QWidget):
    """Panel of the inspector.

    Signals
    -------
    layer_chosen(layer), head_chosen(head)
        From 1; 0 is the mean of all.
    view_chosen(view)
    copy_requested()
    """

    layer_chosen = Signal(int)
    head_chosen = Signal(int)
    view_chosen = Signal(int)
    copy_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("evidencePanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._title = wrapped_label("evidenceTitle")
        self._finding = wrapped_label("evidenceFinding")
        self.layer, self.head = _chooser("evidenceLayer", "Decoder layer"), _chooser("evidenceHead", "Head")
        self.layer.currentIndexChanged.connect(self.layer_chosen)
        self.head.currentIndexChanged.connect(self.head_chosen)
        self._copy = QPushButton("Copy CSV")
        self._copy.setObjectName("evidenceCopy")
        self._copy.setToolTip("Copy the attention of this query: every layer, head and view, with where it read")
        self._copy.clicked.connect(self.copy_requested)
        self.table = plain_table("evidenceTable", HEADERS, words=len(HEADERS), title="Attention by view")
        self._bars = ShareBars(theme, self.table)
        self._set_up_table()
        note = QLabel(NOTE)
        note.setObjectName("muted")
        note.setWordWrap(True)
        self._lay_out(note)
        self.set_empty("")

    def set_theme(self, theme: Theme) -> None:
        """Other colors."""
        self._bars.set_theme(theme)
        self.table.viewport().update()

    def set_empty(self, text: str) -> None:
        """Nothing to show, and why."""
        self._title.setText(text)
        self._finding.setText("")
        self.table.setRowCount(0)
        for widget in (self.layer, self.head, self._copy):
            widget.setEnabled(False)

    def set_choices(self, layers: int, heads: int, layer: int, head: int) -> None:
        """How many layers and heads there are, and which are shown; 0 is the mean of all."""
        for box, count, chosen, word in ((self.layer, layers, layer, "layers"), (self.head, heads, head, "heads")):
            with QSignalBlocker(box):
                if box.count() != count + 1:
                    box.clear()
                    box.addItems([f"Mean of {word}", *(f"{word[:-1].title()} {n + 1}" for n in range(count))])
                box.setCurrentIndex(chosen)

    def set_evidence(self, title: str, finding: str, rows: Sequence[tuple[int, str, float, str, bool, str]]) -> None:
        """One query.

        Parameters
        ----------
        title, finding : str
            Its name; what the attention adds up to, in sentences.
        rows : sequence of (view, name, share, words, whether it is a finding, more words)
            View -1 is no view.
        """
        self._title.setText(title)
        self._finding.setText(finding)
        self.table.setRowCount(len(rows))
        for number, (view, name, share, words, finds, more) in enumerate(rows):
            for column, text in enumerate((name if view < 0 else f"View {view + 1}", "", words)):
                item = self.table.item(number, column)
                if item is None:
                    item = QTableWidgetItem()
                    self.table.setItem(number, column, item)
                item.setText(text)
                item.setToolTip((name, f"{share:.2%} of its attention", more)[column])
                item.setData(VIEW, view)
            self.table.item(number, 1).setData(SHARE, share)
            self.table.item(number, 1).setData(FINDING, finds)
            self.table.item(number, 1).setData(WHOLE, max((row[2] for row in rows), default=1.0))
        for widget in (self.layer, self.head, self._copy):
            widget.setEnabled(True)

    def set_current(self, view: int) -> None:
        """Mark the line of the current view."""
        for number in range(self.table.rowCount()):
            if self.table.item(number, 0).data(VIEW) == view:
                if self.table.currentRow() != number:
                    with QSignalBlocker(self.table):
                        self.table.setCurrentCell(number, 0)
                return

    def _set_up_table(self) -> None:
        table = self.table
        table.setItemDelegateForColumn(1, self._bars)
        header = table.horizontalHeader()
        header.setStretchLastSection(True)
        for column, width in enumerate((76, 104, 120)):
            header.resizeSection(column, width)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        table.cellClicked.connect(self._tell_view)

    def _tell_view(self, row: int, _: int) -> None:
        view = self.table.item(row, 0).data(VIEW)
        if view >= 0:
            self.view_chosen.emit(view)

    def _lay_out(self, note: QLabel) -> None:
        choosers = QHBoxLayout()
        choosers.setSpacing(8)
        choosers.addWidget(self.layer, 1)
        choosers.addWidget(self.head, 1)
        choosers.addWidget(self._copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(8)
        column.addWidget(self._title)
        column.addLayout(choosers)
        column.addWidget(self._finding)
        column.addWidget(self.table, 1)
        column.addWidget(note)


def _chooser(name: str, title: str) -> QComboBox:
    box = QComboBox()
    box.setObjectName(name)
    box.setAccessibleName(title)
    box.setMinimumContentsLength(8)
    return box
