"""What the window shows before there is a result: what to do, and where it will be computed."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.widgets.theme import Theme, icon

ICON = 56  # pixels


class EmptyPage(QWidget):
    """Drop zone with the two ways in.

    Signals
    -------
    open_requested(), sample_requested()
    """

    open_requested = Signal()
    sample_requested = Signal()

    def __init__(self, theme: Theme, *, has_samples: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("emptyPage")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._zone = QFrame()
        self._zone.setObjectName("dropZone")
        self._zone.setFixedSize(620, 380)
        self._environment = _label("Looking at the device …", "environmentLine")
        column = QVBoxLayout(self._zone)
        column.setContentsMargins(48, 36, 48, 28)
        column.setSpacing(10)
        column.addStretch(1)
        self._picture = QLabel()
        self.set_theme(theme)
        column.addWidget(self._picture, alignment=Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(_label("Drop a folder of photos here", "headline"))
        column.addWidget(
            _label("2 to 50 photos of one room or object, taken from different places.\nNo poses needed.", "subline")
        )
        column.addSpacing(14)
        column.addLayout(self._buttons(has_samples))
        column.addStretch(1)
        column.addWidget(self._environment)
        page = QVBoxLayout(self)
        page.addWidget(self._zone, alignment=Qt.AlignmentFlag.AlignCenter)

    def set_theme(self, theme: Theme) -> None:
        """The picture in the colors of another theme."""
        self._picture.setPixmap(icon("drop", theme.muted).pixmap(ICON, ICON))

    def set_environment(self, line: str) -> None:
        """Line about device and libraries."""
        self._environment.setText(line)

    def set_drop_active(self, active: bool) -> None:
        """Light up while something droppable hovers."""
        self._zone.setProperty("active", active)
        self._zone.style().unpolish(self._zone)
        self._zone.style().polish(self._zone)

    def _buttons(self, has_samples: bool) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addStretch(1)
        open_button = QPushButton("Open folder …")
        open_button.setObjectName("emptyOpen")
        open_button.setProperty("primary", True)
        open_button.clicked.connect(self.open_requested)
        row.addWidget(open_button)
        sample_button = QPushButton("Open sample")
        sample_button.setObjectName("emptySample")
        sample_button.clicked.connect(self.sample_requested)
        if not has_samples:
            sample_button.setEnabled(False)
            sample_button.setToolTip("This installation has no sample photos.")
        row.addWidget(sample_button)
        row.addStretch(1)
        return row


def _label(text: str, name: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName(name)
    label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
    label.setWordWrap(True)
    return label
