"""What the window shows before there is a result: the ways in, what was open before, and where it will be computed."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QPixmap
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.widgets.theme import Theme, icon

ICON = 44  # pixels
WIDTH = 960  # of the content, pixels
SAMPLE = QSize(196, 132)  # of a sample's picture
MOST_RECENT = 5


class EmptyPage(QWidget):
    """Drop zone with the ways in, samples as pictures, recent scenes.

    Parameters
    ----------
    theme : Theme
    samples : sequence of (str, str, str)
        Path, name, and picture file of each bundled sample.

    Signals
    -------
    open_requested(), files_requested(), session_requested(), weights_requested()
    sample_requested(path), recent_requested(path)
    """

    open_requested = Signal()
    files_requested = Signal()
    session_requested = Signal()
    weights_requested = Signal()
    sample_requested = Signal(str)
    recent_requested = Signal(str)

    def __init__(
        self, theme: Theme, *, samples: Sequence[tuple[str, str, str]] = (), parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("emptyPage")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._rows: tuple[tuple[str, str, str, bool], ...] | None = None  # None until anybody said
        content = QWidget()
        content.setMaximumWidth(WIDTH)
        content.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        column = QVBoxLayout(content)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(18)
        column.addWidget(self._make_zone(theme))
        lower = QHBoxLayout()
        lower.setSpacing(32)
        lower.addLayout(self._make_samples(samples), 0)
        lower.addLayout(self._make_recent(), 1)
        column.addLayout(lower)
        self._environment = _label("Looking at the device …", "environmentLine")
        column.addWidget(self._environment)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.addStretch(1)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(content, 1000)
        row.addStretch(1)
        page.addLayout(row)
        page.addStretch(1)

    def set_theme(self, theme: Theme) -> None:
        """The picture in the colors of another theme."""
        self._picture.setPixmap(icon("drop", theme.muted).pixmap(ICON, ICON))

    def set_environment(self, line: str) -> None:
        """Device, memory, versions, weights."""
        self._environment.setText(line)

    def set_sessions_enabled(self, enabled: bool) -> None:
        """Whether saved sessions can be opened."""
        self._session.setEnabled(enabled)

    def set_recent(self, rows: Sequence[tuple[str, str, str, bool]]) -> None:
        """Scenes opened before: path, name, where, and whether they are still there."""
        if tuple(rows) == self._rows:
            return
        self._rows = tuple(rows)
        while self._recent.count():
            item = self._recent.takeAt(0)
            if item.widget() is not None:
                item.widget().deleteLater()
        for path, name, where, there in rows[:MOST_RECENT]:
            self._recent.addWidget(self._recent_row(path, name, where, there))
        if not rows:
            hint = QLabel("Scenes you open are listed here.")
            hint.setObjectName("muted")
            self._recent.addWidget(hint)

    def set_drop_active(self, active: bool) -> None:
        """Light up while something droppable hovers."""
        self._zone.setProperty("active", active)
        self._zone.style().unpolish(self._zone)
        self._zone.style().polish(self._zone)

    def _make_zone(self, theme: Theme) -> QFrame:
        self._zone = QFrame()
        self._zone.setObjectName("dropZone")
        self._zone.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        column = QVBoxLayout(self._zone)
        column.setContentsMargins(32, 24, 32, 24)
        column.setSpacing(8)
        self._picture = QLabel()
        self.set_theme(theme)
        column.addWidget(self._picture, alignment=Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(_label("Drop photos, a folder of them, or a video here", "headline"))
        column.addWidget(
            _label("2 to 50 photos of one room or object, taken from different places. No poses needed.", "subline")
        )
        column.addSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addStretch(1)
        for name, text, signal, tip in (
            ("emptyOpen", "Open folder …", self.open_requested, "A folder of photos (Ctrl+O)"),
            ("emptyFiles", "Open photos or video …", self.files_requested, "Single files (Ctrl+Alt+O)"),
            ("emptySession", "Open session …", self.session_requested, "Results saved before"),
            ("emptyWeights", "Get weights …", self.weights_requested, "Networks for photographs"),
        ):
            button = QPushButton(text)
            button.setObjectName(name)
            button.setToolTip(tip)
            button.setProperty("primary", name == "emptyOpen")
            button.clicked.connect(signal)
            row.addWidget(button)
            if name == "emptySession":
                self._session = button
        row.addStretch(1)
        column.addLayout(row)
        return self._zone

    def _make_samples(self, samples: Sequence[tuple[str, str, str]]) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(8)
        heading = QLabel("Samples, rendered: they run at once")
        heading.setObjectName("sideHeading")
        column.addWidget(heading)
        row = QHBoxLayout()
        row.setSpacing(12)
        for path, name, picture in samples:
            row.addWidget(self._sample(path, name, picture))
        if not samples:
            missing = QLabel("This installation has no sample photos.")
            missing.setObjectName("muted")
            row.addWidget(missing)
        row.addStretch(1)
        column.addLayout(row)
        column.addStretch(1)
        return column

    def _sample(self, path: str, name: str, picture: str) -> QToolButton:
        button = QToolButton()
        button.setObjectName(f"sample_{Path(path).name}")
        button.setProperty("card", True)
        button.setText(name)
        button.setToolTip(f"Open the sample “{name}” and run it")
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        pixmap = QPixmap(picture).scaled(
            SAMPLE * 2, Qt.AspectRatioMode.KeepAspectRatioByExpanding, Qt.TransformationMode.SmoothTransformation
        )
        corner_x, corner_y = (pixmap.width() - 2 * SAMPLE.width()) // 2, (pixmap.height() - 2 * SAMPLE.height()) // 2
        button.setIcon(QIcon(pixmap.copy(corner_x, corner_y, 2 * SAMPLE.width(), 2 * SAMPLE.height())))
        button.setIconSize(SAMPLE)
        button.clicked.connect(lambda: self.sample_requested.emit(path))
        return button

    def _make_recent(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.setSpacing(8)
        heading = QLabel("Recent")
        heading.setObjectName("sideHeading")
        column.addWidget(heading)
        self._recent = QVBoxLayout()
        self._recent.setSpacing(2)
        column.addLayout(self._recent)
        column.addStretch(1)
        return column

    def _recent_row(self, path: str, name: str, where: str, there: bool) -> QPushButton:
        button = _TwoLines(name, where)
        button.setObjectName("recentRow")
        button.setProperty("missing", not there)
        button.setToolTip(path if there else f"{path} is not there any more")
        button.setAccessibleName(f"{name}, {where}")
        button.clicked.connect(lambda: self.recent_requested.emit(path))
        return button


class _TwoLines(QPushButton):
    """A button with a name and, below it, a quieter line; both are shortened where there is no room."""

    def __init__(self, name: str, where: str) -> None:
        super().__init__()
        self._lines = (name, where)
        self._labels = (QLabel(), QLabel())
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 3, 8, 3)
        column.setSpacing(0)
        for label, style in zip(self._labels, ("recentName", "recentWhere"), strict=True):
            label.setObjectName(style)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            column.addWidget(label)
        self.setFixedHeight(42)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def resizeEvent(self, event: object) -> None:
        """As much of both as there is room for."""
        super().resizeEvent(event)  # type: ignore[arg-type]
        for label, line in zip(self._labels, self._lines, strict=True):
            room = max(40, self.width() - 18)
            label.setText(label.fontMetrics().elidedText(line, Qt.TextElideMode.ElideMiddle, room))


def _label(text: str, name: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName(name)
    label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
    label.setWordWrap(True)
    return label
