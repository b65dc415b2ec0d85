"""What if: take a query, a view or a link out of the decoder, and see what became of every instance."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.widgets.chips import ChipBar
from app.widgets.parts import plain_table, wrapped_label
from app.widgets.theme import Theme

HEADERS = ("Query", "Became", "IoU", "Points", "Objectness")
REFERENCES = (("untouched", "Beside the untouched result"), ("previous", "Beside that before the last change"))
WIDTHS = (52, 90, 44, 106, 94)  # logical pixels
QUERY = Qt.ItemDataRole.UserRole


class WhatIfPanel(QWidget):
    """Panel of the inspector.

    Signals
    -------
    query_requested(), view_requested(), link_requested(number), attention_requested(), revert_requested()
        About what is taken out of the decoder.
    put_back(key)
        The × of a chip.
    reference_chosen(reference), color_toggled(on), query_chosen(query), copy_requested()
        About the difference.
    """

    query_requested = Signal()
    view_requested = Signal()
    link_requested = Signal(int)
    attention_requested = Signal()
    revert_requested = Signal()
    put_back = Signal(str)
    reference_chosen = Signal(str)
    color_toggled = Signal(bool)
    query_chosen = Signal(int)
    copy_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("whatIfPanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._empty = wrapped_label("whatIfEmpty")
        self._make_choices()
        self.chips = ChipBar(theme)
        self.chips.setObjectName("whatIfChips")
        self.chips.dismissed.connect(self.put_back)
        self._note = wrapped_label("muted")
        self.reference = QComboBox()
        self.reference.setObjectName("whatIfReference")
        self.reference.setAccessibleName("Compared with")
        self.reference.setMinimumContentsLength(12)
        for name, text in REFERENCES:
            self.reference.addItem(text, name)
        self.reference.currentIndexChanged.connect(lambda _: self.reference_chosen.emit(self.reference.currentData()))
        self._color = QCheckBox("Color")
        self._color.setObjectName("whatIfColor")
        self._color.setToolTip("Show in 3D and in the photos which points are claimed newly, no longer, or by another")
        self._color.clicked.connect(self.color_toggled)
        self._copy = QPushButton("Copy CSV")
        self._copy.setObjectName("whatIfCopy")
        self._copy.clicked.connect(self.copy_requested)
        self._summary = wrapped_label("whatIfSummary")
        self.table = plain_table("whatIfTable", HEADERS, words=2, title="What became of the instances")
        self._set_up_table()
        self._lay_out()
        self.set_empty("")

    def set_theme(self, theme: Theme) -> None:
        """Other colors."""
        self.chips.set_theme(theme)

    def set_empty(self, text: str) -> None:
        """Why there is nothing to ask; nothing if there is."""
        self._empty.setText(text)
        self._empty.setVisible(bool(text))
        self._content.setVisible(not text)

    def set_choices(
        self, query: tuple[str, bool], links: Sequence[tuple[str, bool]], view: tuple[str, bool], *, attention: bool
    ) -> None:
        """Words of the buttons and whether they can be pressed, and whether there is self-attention."""
        for button, (text, enabled) in zip((self._query, *self._links, self._view), (query, *links, view), strict=True):
            button.setText(text)
            button.setEnabled(enabled)
        self._attention.setChecked(attention)

    def set_forced(self, chips: Sequence[tuple[str, str, str, bool]], note: str) -> None:
        """What is taken out: (key, text, tone, removable), and a sentence on what that means."""
        self.chips.set_chips(chips)
        self.chips.setVisible(bool(chips))
        self._revert.setEnabled(bool(chips))
        self._note.setText(note)
        self._note.setVisible(bool(note))

    def set_reference(self, reference: str, *, colored: bool) -> None:
        """What the result is held against, and whether the changes are in the colors."""
        with QSignalBlocker(self.reference):
            self.reference.setCurrentIndex(self.reference.findData(reference))
        self._color.setChecked(colored)

    def set_changes(self, summary: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Lines: query, name, what became of it, IoU, points before and after, objectness before and after."""
        self._summary.setText(summary)
        self._copy.setEnabled(bool(rows))
        self.table.setRowCount(len(rows))
        for number, (query, name, became, iou, before, after, score, now) in enumerate(rows):
            texts = (
                name,
                became,
                f"{iou:.2f}",
                f"{before:,}" if before == after else f"{before:,} → {after:,}",
                f"{_score(score)} → {_score(now)}",
            )
            for column, text in enumerate(texts):
                item = self.table.item(number, column)
                if item is None:
                    item = QTableWidgetItem()
                    side = Qt.AlignmentFlag.AlignLeft if column < 2 else Qt.AlignmentFlag.AlignRight
                    item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
                    self.table.setItem(number, column, item)
                item.setText(text)
                item.setToolTip(text)
                item.setData(QUERY, query)

    def set_selection(self, queries: frozenset[int]) -> None:
        """Mark the line of the selected query."""
        row = next((n for n in range(self.table.rowCount()) if self.table.item(n, 0).data(QUERY) in queries), -1)
        if len(queries) != 1 or row < 0:
            self.table.clearSelection()
        elif self.table.currentRow() != row or not self.table.selectedItems():
            self.table.selectRow(row)

    def _make_choices(self) -> None:
        self._query = _button("whatIfQuery", "Decode as if the selected queries were not there", self.query_requested)
        self._view = _button("whatIfView", "Decode as if no anchor were seen in the current view", self.view_requested)
        self._links = [
            _button(f"whatIfLink{number}", "Select two queries: one no longer attends to the other", None)
            for number in range(2)
        ]
        for number, button in enumerate(self._links):
            button.clicked.connect(lambda _=False, number=number: self.link_requested.emit(number))
        self._attention = QCheckBox("Self-attention")
        self._attention.setObjectName("whatIfAttention")
        self._attention.setToolTip("Without it every query decides by itself, and hijacks go unnoticed")
        self._attention.clicked.connect(self.attention_requested)
        self._revert = _button("whatIfRevert", "Put everything back into the decoder", self.revert_requested)
        self._revert.setText("Revert all")

    def _set_up_table(self) -> None:
        table = self.table
        header = table.horizontalHeader()
        for column in range(len(HEADERS)):
            header.resizeSection(column, WIDTHS[column])
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(3, QHeaderView.ResizeMode.ResizeToContents)  # two numbers and an arrow
        table.cellClicked.connect(lambda row, _: self.query_chosen.emit(self.table.item(row, 0).data(QUERY)))

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setSpacing(6)
        grid.addWidget(self._query, 0, 0)
        grid.addWidget(self._view, 0, 1)
        for column, button in enumerate(self._links):
            grid.addWidget(button, 1, column)
        grid.addWidget(self._attention, 2, 0)
        grid.addWidget(self._revert, 2, 1)
        against = QHBoxLayout()
        against.setSpacing(8)
        against.addWidget(self.reference, 1)
        against.addWidget(self._color)
        against.addWidget(self._copy)
        self._content = QWidget()
        inside = QVBoxLayout(self._content)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(8)
        inside.addLayout(grid)
        inside.addWidget(self.chips)
        inside.addWidget(self._note)
        inside.addLayout(against)
        inside.addWidget(self._summary)
        inside.addWidget(self.table, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.addWidget(self._empty)
        column.addWidget(self._content, 1)
        column.addStretch(0)


def _score(score: float | None) -> str:
    return "–" if score is None else f"{score:.2f}"


def _button(name: str, tip: str, signal: Any) -> QPushButton:
    button = QPushButton()
    button.setObjectName(name)
    button.setToolTip(tip)
    if signal is not None:
        button.clicked.connect(lambda _=False: signal.emit())
    return button
