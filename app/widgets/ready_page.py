"""The page before a run: photos on the left, settings, cost and the way on to the right."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.widgets.chips import ChipBar
from app.widgets.elided_label import ElidedLabel
from app.widgets.photo_grid import PhotoGrid
from app.widgets.run_settings import RunSettingsForm
from app.widgets.theme import Theme, icon

SIDE = 360  # width of the panel on the right, pixels


class ReadyPage(QWidget):
    """Grid, form and a button.

    Signals
    -------
    run_requested(), all_requested(included), sort_requested(by), advice_taken(key)
    And those of `PhotoGrid` and `RunSettingsForm`, which are `grid` and `form`.
    """

    run_requested = Signal()
    all_requested = Signal(bool)
    sort_requested = Signal(str)
    advice_taken = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("readyPage")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = theme
        self._advice_shown: tuple[str, tuple[tuple[str, str], ...]] = ("", ())
        self.grid, self.form = PhotoGrid(theme), RunSettingsForm()
        self.chips = ChipBar(theme)
        self._title, self._subtitle = ElidedLabel("headline"), ElidedLabel("subline")
        left = QVBoxLayout()
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(0)
        left.addWidget(self._head())
        left.addWidget(self.chips)
        left.addWidget(self.grid, 1)
        page = QHBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(0)
        page.addLayout(left, 1)
        page.addWidget(self._side())

    def set_title(self, title: str, subtitle: str) -> None:
        """Name of the scene; how many photos and where."""
        self._title.set_text(title)
        self._subtitle.set_text(subtitle)

    def set_photos(self, tiles: Sequence[tuple[str, str, str, bool, str, Any]]) -> None:
        """See `PhotoGrid.set_photos`."""
        self.grid.set_photos(tiles)

    def set_choices(self, field: str, choices: Sequence[tuple[str, str, bool]]) -> None:
        """See `RunSettingsForm.set_choices`."""
        self.form.set_choices(field, choices)

    def set_value(self, field: str, value: object) -> None:
        """See `RunSettingsForm.set_value`."""
        self.form.set_value(field, value)

    def set_note(self, field: str, note: str) -> None:
        """See `RunSettingsForm.set_note`."""
        self.form.set_note(field, note)

    def set_notices(self, chips: Sequence[tuple[str, str, str, bool]]) -> None:
        """Sentences on this run: key, text, tone, removable."""
        self.chips.set_chips(chips)
        self.chips.setVisible(bool(chips))

    def set_advice(self, text: str, actions: Sequence[tuple[str, str]]) -> None:
        """A sentence with buttons, by key and words; none if empty."""
        advice = (text, tuple(actions))
        if advice == self._advice_shown:
            return
        self._advice_shown = advice
        self._advice.setVisible(bool(text))
        self._advice_text.setText(text)
        while self._advice_row.count():
            item = self._advice_row.takeAt(0)
            if item.widget() is not None:
                item.widget().deleteLater()
        for key, words in actions:
            button = QPushButton(words)
            button.setObjectName(f"advice_{key}")
            button.clicked.connect(lambda _checked=False, chosen=key: self.advice_taken.emit(chosen))
            self._advice_row.addWidget(button)
        self._advice_row.addStretch(1)

    def set_estimate(self, text: str, details: str) -> None:
        """What the run will cost."""
        self._estimate.setText(text)
        self._details.setText(details)

    def set_run(self, text: str, *, enabled: bool) -> None:
        """Words of the button, and whether it can be clicked."""
        self._run.setText(text)
        self._run.setEnabled(enabled)

    def _head(self) -> QWidget:
        head = QFrame()
        head.setObjectName("readyHead")
        row = QHBoxLayout(head)
        row.setContentsMargins(20, 14, 14, 12)
        row.setSpacing(6)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._title)
        words.addWidget(self._subtitle)
        row.addLayout(words, 1)
        for name, text, tip, signal, value in (
            ("sortName", "By name", "Order the photos by their names", self.sort_requested, "name"),
            ("sortTime", "By time", "Order the photos by the time of their files", self.sort_requested, "time"),
            ("includeAll", "All", "Include all photos", self.all_requested, True),
            ("includeNone", "None", "Exclude all photos", self.all_requested, False),
        ):
            button = QPushButton(text)
            button.setObjectName(name)
            button.setToolTip(tip)
            button.clicked.connect(lambda _checked=False, send=signal, what=value: send.emit(what))
            row.addWidget(button, alignment=Qt.AlignmentFlag.AlignBottom)
        return head

    def _side(self) -> QWidget:
        side = QFrame()
        side.setObjectName("readySide")
        side.setFixedWidth(SIDE)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        inside = QWidget()
        inside.setObjectName("readySideInside")
        content = QVBoxLayout(inside)
        content.setContentsMargins(20, 16, 20, 12)
        content.setSpacing(12)
        heading = QLabel("Run")
        heading.setObjectName("sideHeading")
        content.addWidget(heading)
        content.addWidget(self._make_advice())
        content.addWidget(self.form)
        content.addStretch(1)
        scroll = QScrollArea()
        scroll.setObjectName("readyScroll")
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # what lies inside scrolls into sight when it gets the focus
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(inside)
        column.addWidget(scroll, 1)
        column.addWidget(self._foot())
        return side

    def _make_advice(self) -> QFrame:
        self._advice = QFrame()
        self._advice.setObjectName("advice")
        column = QVBoxLayout(self._advice)
        column.setContentsMargins(12, 10, 12, 10)
        column.setSpacing(8)
        top = QHBoxLayout()
        sign = QLabel()
        sign.setPixmap(icon("warning", self._theme.warning).pixmap(QSize(20, 20)))
        top.addWidget(sign, alignment=Qt.AlignmentFlag.AlignTop)
        self._advice_text = QLabel()
        self._advice_text.setObjectName("adviceText")
        self._advice_text.setWordWrap(True)
        top.addWidget(self._advice_text, 1)
        column.addLayout(top)
        self._advice_row = QHBoxLayout()
        column.addLayout(self._advice_row)
        self._advice.hide()
        return self._advice

    def _foot(self) -> QWidget:
        foot = QFrame()
        foot.setObjectName("readyFoot")
        column = QVBoxLayout(foot)
        column.setContentsMargins(20, 12, 20, 16)
        column.setSpacing(4)
        self._estimate, self._details = QLabel(), QLabel()
        self._estimate.setObjectName("estimate")
        self._details.setObjectName("settingNote")
        for label in (self._estimate, self._details):
            label.setWordWrap(True)
            column.addWidget(label)
        column.addSpacing(8)
        self._run = QPushButton("Run")
        self._run.setObjectName("readyRun")
        self._run.setProperty("primary", True)
        self._run.setToolTip("Segment the chosen photos (Ctrl+R)")
        self._run.setMinimumHeight(36)
        self._run.clicked.connect(self.run_requested)
        column.addWidget(self._run)
        return foot
