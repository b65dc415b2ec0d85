"""The inspector: one tab for each question about the decoder. It says when it is looked at, since answers cost time."""

from collections.abc import Sequence

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QDockWidget, QTabWidget, QWidget

SETTLING = 150  # ms that the inspector has to be on the screen before it counts as looked at


class Inspector(QTabWidget):
    """Panels in tabs.

    Parameters
    ----------
    panels : sequence of (str, QWidget)
        Titles and panels.

    Signals
    -------
    looked_at(there)
        Whether the inspector is on the screen.
    """

    looked_at = Signal(bool)

    def __init__(self, panels: Sequence[tuple[str, QWidget]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("inspector")
        self.setDocumentMode(True)
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(SETTLING)
        self._settling.timeout.connect(lambda: self.looked_at.emit(True))
        for title, panel in panels:
            self.addTab(panel, title)

    def follow(self, dock: QDockWidget) -> None:
        """Learn from its dock whether the inspector is looked at: behind another tab Qt calls it visible, too."""
        dock.visibilityChanged.connect(self._on_visibility)

    def _on_visibility(self, there: bool) -> None:
        if there:
            self._settling.start()  # docks that only find their places are seen for a moment
        else:
            self._settling.stop()
            self.looked_at.emit(False)
