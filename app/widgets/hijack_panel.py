"""The hijack inspector: overlap matrix, who took what from whom, and what to do about a pair."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QPushButton,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.widgets.overlap_matrix import OverlapMatrix
from app.widgets.parts import plain_table, wrapped_label
from app.widgets.theme import Theme

HEADERS = ("Victim", "Taken by", "Share", "Pixels")
MATRIX_TIP = (
    "Every row and column is a query; a cell is the share of their masks that two queries both claim, on a log scale. "
    "Queries on one object stand together."
)


class HijackPanel(QWidget):
    """Panel of the inspector.

    Signals
    -------
    cell_clicked(row, column), cell_hovered(row, column)
        Places in the matrix.
    theft_chosen(number), group_chosen(number)
        A row of the list; a group of queries on one object.
    contested_toggled(on)
    keep_requested(), merge_requested(), mute_requested(), side_by_side_toggled()
        About the chosen pair.
    copy_requested(), matrix_copy_requested()
        About the list, and about the matrix.
    """

    cell_clicked = Signal(int, int)
    cell_hovered = Signal(int, int)
    theft_chosen = Signal(int)
    group_chosen = Signal(int)
    contested_toggled = Signal(bool)
    keep_requested = Signal()
    merge_requested = Signal()
    mute_requested = Signal()
    side_by_side_toggled = Signal()
    copy_requested = Signal()
    matrix_copy_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("hijackPanel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._hint = wrapped_label("hijackHint")
        self.matrix = OverlapMatrix(theme)
        self.matrix.setToolTip(MATRIX_TIP)
        self.groups = QComboBox()
        self.groups.setObjectName("hijackGroups")
        self.groups.setAccessibleName("Hijacked objects")
        self.groups.setMinimumContentsLength(10)
        self.groups.setToolTip("Queries that claim one object: pairwise overlap of a half or more")
        self.groups.activated.connect(self._tell_group)
        self._contested = QCheckBox("Color")
        self._contested.setObjectName("hijackContested")
        self._contested.setToolTip("Contested points in the colors of both claimants, gaps in the color of warnings")
        self._contested.clicked.connect(self.contested_toggled)
        self._pair = wrapped_label("hijackPair")
        self._copy, self._copies = self._copy_button()
        self.thefts = plain_table("theftTable", HEADERS, words=2, title="Who took pixels from whom")
        self._set_up_thefts()
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(8)
        column.addWidget(self._hint)
        first = QHBoxLayout()
        first.setSpacing(8)
        first.addWidget(self.groups, 1)
        first.addWidget(self._contested)
        first.addWidget(self._copy)
        column.addLayout(first)
        column.addWidget(self.matrix, 3)
        column.addWidget(self._pair)
        column.addLayout(self._buttons())
        column.addWidget(self.thefts, 2)
        self.matrix.pair_clicked.connect(self.cell_clicked)
        self.matrix.pair_hovered.connect(self.cell_hovered)
        self.set_hint("")
        self.set_pair("", enabled=False)

    def set_theme(self, theme: Theme) -> None:
        """Other colors."""
        self.matrix.set_theme(theme)

    def set_hint(self, text: str) -> None:
        """Why there is nothing to see."""
        self._hint.setText(text)
        self._hint.setVisible(bool(text))

    def set_matrix(self, picture: NDArray[np.uint8], edge: NDArray[np.uint8], tips: Sequence[Sequence[str]]) -> None:
        """See `OverlapMatrix.set_matrix`."""
        self.matrix.set_matrix(picture, edge, tips)

    def set_marked(self, row: int, column: int) -> None:
        """Mark the chosen pair in the matrix."""
        self.matrix.set_marked(row, column)

    def set_pair(self, text: str, *, enabled: bool) -> None:
        """What is known of the chosen pair, and whether something can be done about it."""
        self._pair.setText(text or "Click a cell or a row to choose a pair, or choose a group.")
        for button in self._about_pair:
            button.setEnabled(enabled)

    def set_groups(self, groups: Sequence[str]) -> None:
        """Groups of queries on one object, each as the names of its queries."""
        count = f"{len(groups)} hijacked object{'' if len(groups) == 1 else 's'}" if groups else "No hijacked object"
        texts = [count, *groups]
        if texts != [self.groups.itemText(place) for place in range(self.groups.count())]:
            self.groups.clear()
            self.groups.addItems(texts)
        self.groups.setEnabled(bool(groups))

    def set_contested(self, on: bool) -> None:
        """Whether contested points are colored."""
        self._contested.setChecked(on)

    def set_side_by_side(self, on: bool, *, enabled: bool) -> None:
        """Whether two queries stand side by side, and whether that can be changed."""
        self._beside.setChecked(on)
        self._beside.setEnabled(enabled)

    def set_copies(self, *, thefts: bool, matrix: bool) -> None:
        """Which of list and matrix can be copied."""
        for action, enabled in zip(self._copies, (thefts, matrix), strict=True):
            action.setEnabled(enabled)
        self._copy.setEnabled(thefts or matrix)

    def set_thefts(self, rows: Sequence[tuple[str, str, str, str]]) -> None:
        """Lines of the directed list: victim, thief, share, pixels."""
        self.thefts.setRowCount(len(rows))
        for number, row in enumerate(rows):
            for place, text in enumerate(row):
                item = QTableWidgetItem(text)
                side = Qt.AlignmentFlag.AlignLeft if place < 2 else Qt.AlignmentFlag.AlignRight
                item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
                item.setToolTip(text)
                self.thefts.setItem(number, place, item)

    def _tell_group(self, place: int) -> None:
        if place > 0:
            self.group_chosen.emit(place - 1)

    def _set_up_thefts(self) -> None:
        table = self.thefts
        header = table.horizontalHeader()
        for place in range(len(HEADERS)):
            mode = QHeaderView.ResizeMode.Stretch if place < 2 else QHeaderView.ResizeMode.ResizeToContents
            header.setSectionResizeMode(place, mode)
        table.cellClicked.connect(lambda row, _: self.theft_chosen.emit(row))
        table.cellActivated.connect(lambda row, _: self.theft_chosen.emit(row))

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(6)
        self._beside = QPushButton("Side by side")
        self._beside.setObjectName("hijackBeside")
        self._beside.setCheckable(True)
        self._beside.setToolTip(
            "Both masks next to each other, in 3D and in the photo, with what both claim marked (Esc ends it)"
        )
        self._beside.clicked.connect(lambda _=False: self.side_by_side_toggled.emit())
        row.addWidget(self._beside)
        made = []
        for text, name, signal, tip in (
            ("Keep the better", "hijackKeep", self.keep_requested, "Hide all but the surest of the selected queries"),
            ("Merge", "hijackMerge", self.merge_requested, "Make the selected queries one instance"),
            ("Mute", "hijackMute", self.mute_requested,
             "Decode again without all but the surest: an experiment"),
        ):  # fmt: skip
            button = QPushButton(text)
            button.setObjectName(name)
            button.setToolTip(tip)
            button.clicked.connect(signal)
            row.addWidget(button)
            made.append(button)
        row.addStretch(1)
        self._about_pair = made
        return row

    def _copy_button(self) -> tuple[QPushButton, tuple[QAction, QAction]]:
        """A button with what can be copied."""
        button = QPushButton("Copy CSV")
        button.setObjectName("hijackCopy")
        button.setToolTip("Copy the list or the matrix as a table")
        menu = QMenu(button)
        actions = (
            menu.addAction("List: who took what from whom", self.copy_requested.emit),
            menu.addAction("Matrix: overlap of every two queries", self.matrix_copy_requested.emit),
        )
        for action, name in zip(actions, ("hijackCopyList", "hijackCopyMatrix"), strict=True):
            action.setObjectName(name)
        button.setMenu(menu)
        button.setEnabled(False)
        return button, actions
