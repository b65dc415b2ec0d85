"""The inspector: one tab for each question about the decoder, below the figures of the whole result.

It says which tab is looked at, since answers cost time.
"""

from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QDockWidget, QLabel, QTabWidget, QVBoxLayout, QWidget

SETTLING = 150  # ms that the inspector has to be on the screen before it counts as looked at
FIGURES_TIP = (
    "Hijack rate: queries that claim an object which a surer query claims too, as a share of all queries above the "
    "floor. Claimed twice: pixels with two claims or more, as a share of all claimed pixels. Gaps: pixels that nobody "
    "claims with confidence, as a share of all pixels."
)


class Inspector(QWidget):
    """Panels in tabs.

    Parameters
    ----------
    panels : sequence of (str, QWidget)
        Titles and panels.

    Signals
    -------
    looked_at(tab)
        Title of the tab on the screen; empty while there is none.
    """

    looked_at = Signal(str)

    def __init__(self, panels: Sequence[tuple[str, QWidget]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("inspector")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._figures = QLabel()
        self._figures.setObjectName("inspectorFigures")
        self._figures.setWordWrap(True)
        self._figures.setToolTip(FIGURES_TIP)
        self.tabs = QTabWidget()
        self.tabs.setObjectName("inspectorTabs")
        self.tabs.setAccessibleName("Inspector")
        self.tabs.tabBar().setAccessibleName("Parts of the inspector")
        self.tabs.setDocumentMode(True)
        self._there = False
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(SETTLING)
        self._settling.timeout.connect(self._settle)
        for title, panel in panels:
            self.tabs.addTab(panel, title)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._figures)
        column.addWidget(self.tabs, 1)
        self.tabs.currentChanged.connect(self._on_tab)
        self.set_figures("")

    def set_figures(self, text: str) -> None:
        """Figures of the whole result, in whichever tab."""
        self._figures.setText(text)
        self._figures.setVisible(bool(text))

    def setCurrentIndex(self, index: int) -> None:
        """Bring a tab to the front."""
        self.tabs.setCurrentIndex(index)

    def show_tab(self, title: str) -> None:
        """Bring the tab of a title to the front."""
        titles = [self.tabs.tabText(index) for index in range(self.tabs.count())]
        self.tabs.setCurrentIndex(titles.index(title))

    def follow(self, dock: QDockWidget) -> None:
        """Learn from its dock whether the inspector is looked at: behind another tab Qt calls it visible, too."""
        dock.visibilityChanged.connect(self._on_visibility)

    def _on_visibility(self, there: bool) -> None:
        if there:
            self._settling.start()  # docks that only find their places are seen for a moment
        else:
            self._settling.stop()
            self._there = False
            self.looked_at.emit("")

    def _settle(self) -> None:
        self._there = True
        self._on_tab()

    def _on_tab(self) -> None:
        if self._there:
            self.looked_at.emit(self.tabs.tabText(self.tabs.currentIndex()))
