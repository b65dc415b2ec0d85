"""What scrolls up and down as soon as it has less height than it needs, so that panels in a pile fit on any screen."""

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

LEAST = 96  # pixels of height that are worth being shown


class Scroller(QScrollArea):
    """Around one widget; as wide as that has to be at least, since nobody likes to read to and fro.

    Parameters
    ----------
    content : QWidget
    """

    def __init__(self, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panelScroller")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setWidget(content)

    def minimumSizeHint(self) -> QSize:
        """All of the width, little of the height."""
        least = self.widget().minimumSizeHint()
        if least.height() <= LEAST:
            return least
        return QSize(least.width() + self.verticalScrollBar().sizeHint().width(), LEAST)

    def sizeHint(self) -> QSize:
        """That of the content."""
        return self.widget().sizeHint()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The content needs another size."""
        if event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)
