"""The middle of the window: the 3D view, and in a narrow window the photo as a second tab."""

from PySide6.QtWidgets import QStackedLayout, QTabBar, QVBoxLayout, QWidget


class CenterTabs(QWidget):
    """The 3D view, and in a narrow window the photo as a second tab.

    Parameters
    ----------
    center : QWidget
    """

    def __init__(self, center: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tabs = QTabBar()
        self.tabs.setObjectName("centerTabs")
        self.tabs.setDrawBase(False)
        self.tabs.setExpanding(False)
        self.tabs.addTab("3D view")
        self.tabs.hide()
        self._pages = QStackedLayout()
        self._pages.addWidget(center)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.tabs)
        column.addLayout(self._pages, 1)
        self.tabs.currentChanged.connect(self._pages.setCurrentIndex)

    def add(self, title: str, widget: QWidget) -> None:
        """A second tab."""
        self._pages.addWidget(widget)
        self.tabs.addTab(title)
        self.tabs.show()

    def remove(self, widget: QWidget) -> None:
        """Back to the 3D view alone; the widget is the caller's again."""
        self.tabs.removeTab(1)
        self.tabs.hide()
        self._pages.removeWidget(widget)
        self._pages.setCurrentIndex(0)
