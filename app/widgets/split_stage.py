"""The stage in two: the 3D view, and beside it a second one for what the result is held against.

The second view is made when it is first asked for. Each half says what it shows in a line above it; while there is one
half only, nothing is above it. Below both views there can be a photo each. What the views draw, and that they look from
one place, is not known here.
"""

from collections.abc import Callable

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.widgets.file_drops import FileDrops

HEADER = 30  # pixels
LEAST = 160  # width of a half
TITLE = 110  # width of a title, if it needs as much
BELOW = 0.42  # share of the height that a photo below a view has


class SplitStage(QSplitter):
    """One view or two.

    Parameters
    ----------
    first : QWidget
    make_second : callable
        Makes the second view.
    photos : (QWidget, QWidget), optional
        For below the first and the second view.

    Signals
    -------
    split_changed(on)
        The second view was shown, and exists from now on, or was hidden.
    dropped(paths)
        On the second half.
    """

    split_changed = Signal(bool)
    dropped = Signal(object)

    def __init__(
        self,
        first: QWidget,
        make_second: Callable[[], QWidget],
        photos: tuple[QWidget, QWidget] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setObjectName("splitStage")
        self.setChildrenCollapsible(False)
        self.setHandleWidth(3)
        self._make = make_second
        below = photos or (None, None)
        self._first, self._below_second = _Half("firstStage", first, below[0]), below[1]
        self.addWidget(self._first)
        self._second: _Half | None = None
        self._drops: FileDrops | None = None
        self._taken = False
        self._empty = _Empty()
        for waiting in (self._empty, self._below_second):
            if waiting is not None:  # for a second half: with a parent it goes with the window, if that never comes
                waiting.setParent(self._first)
                waiting.hide()

    @property
    def split(self) -> bool:
        """Whether there are two halves on show."""
        return self._second is not None and not self._second.isHidden()

    def set_split(self, on: bool) -> None:
        """Show two halves, or one."""
        if on == self.split:
            return
        if self._second is None:
            pages = QStackedWidget()
            pages.addWidget(self._empty)
            pages.addWidget(self._make())
            self._second = _Half("secondStage", pages, self._below_second)
            self._pages = pages
            self._drops = FileDrops(self._second)
            self._drops.dropped.connect(self.dropped)
            self._drops.set_taken(self._taken)
            self.addWidget(self._second)
        self._second.setVisible(on)
        self._second.header.setVisible(on)
        self._first.header.setVisible(on)
        if on:
            half = self.width() // 2
            self.setSizes([half, self.width() - half])
        self.split_changed.emit(on)

    def set_drops(self, taken: bool) -> None:
        """Whether results can be dropped on the second half."""
        self._taken = taken
        if self._drops is not None:
            self._drops.set_taken(taken)

    def set_photos(self, on: bool) -> None:
        """Show a photo below each view, or none."""
        if self._second is None and on:
            self.set_split(True)
        for half in (self._first, self._second):
            if half is not None:
                half.set_below(on)

    def set_first(self, title: str, facts: str) -> None:
        """What the first half shows."""
        self._first.header.set_words(title, facts)

    def set_second(self, title: str, facts: str, instead: str = "") -> None:
        """What the second half shows; or a sentence in its place, where it has nothing to show."""
        self._empty.setText(instead)
        if self._second is not None:
            self._second.header.set_words(title, facts)
            self._pages.setCurrentIndex(0 if instead else 1)


class _Half(QWidget):
    """A view below a line of words, and perhaps a photo below the view."""

    def __init__(self, name: str, view: QWidget, photo: QWidget | None) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setMinimumWidth(LEAST)
        self.header = _Header(name)
        self.header.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.header)
        self._parts = QSplitter(Qt.Orientation.Vertical)
        self._parts.setChildrenCollapsible(False)
        self._parts.setHandleWidth(3)
        self._parts.addWidget(view)
        self._photo = photo
        if photo is not None:
            photo.hide()
            self._parts.addWidget(photo)
        column.addWidget(self._parts, 1)

    def set_below(self, on: bool) -> None:
        """Show the photo below the view, or not."""
        if self._photo is not None:
            self._photo.setVisible(on)
            height = max(1, self._parts.height())
            self._parts.setSizes([round(height * (1 - BELOW)), round(height * BELOW)])


class _Header(QWidget):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName("stageHeader")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedHeight(HEADER)
        self._title, self._facts = _Elided(TITLE), _Elided(24)
        self._title.setObjectName(f"{name}Title")
        self._facts.setObjectName(f"{name}Facts")
        self._facts.setProperty("tone", "muted")
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 0, 10, 0)
        row.setSpacing(10)
        for label, stretch in ((self._title, 1), (self._facts, 0)):
            label.setSizePolicy(
                QSizePolicy.Policy.Ignored if stretch else QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred
            )
            row.addWidget(label, stretch)
        self._facts.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)

    def set_words(self, title: str, facts: str) -> None:
        self._title.setText(title)
        self._facts.setText(facts)
        self.setToolTip(f"{title}\n{facts}".strip())


class _Elided(QLabel):
    """A line that ends in an ellipsis where it has no room.

    Parameters
    ----------
    least : int
        Pixels it has at least, unless its text needs fewer.
    """

    def __init__(self, least: int) -> None:
        super().__init__()
        self._least = least

    def minimumSizeHint(self) -> QSize:
        """It can do with little."""
        whole = super().minimumSizeHint()
        return QSize(min(self._least, whole.width()), whole.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """The text as far as it fits."""
        painter = QPainter(self)
        painter.setPen(self.palette().windowText().color())
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), int(self.alignment()), text)


class _Empty(QLabel):
    """In place of the second view."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("secondStageEmpty")
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setWordWrap(True)
        self.setContentsMargins(24, 24, 24, 24)
