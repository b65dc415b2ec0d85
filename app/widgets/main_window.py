"""The window: tool bar, docks around the viewport, status bar; layout and Qt signals only.

The viewport and the panels are made elsewhere and handed in. Closing is a request: the program stops its
worker first and deletes the window afterwards.
"""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QSize, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDragLeaveEvent, QDropEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import (
    QLabel,
    QLineEdit,
    QMainWindow,
    QStackedWidget,
    QStatusBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.actions import TOOLBAR, Actions
from app.widgets.action_bars import ActionBars
from app.widgets.center_tabs import CenterTabs
from app.widgets.chips import ChipBar
from app.widgets.empty_page import EmptyPage
from app.widgets.error_dialog import ErrorDialog
from app.widgets.file_drops import dropped_paths
from app.widgets.panels import NARROW, Dock, Panels
from app.widgets.run_panel import Beat, RunLine, RunPage
from app.widgets.theme import Theme, icon

PROGRAM = "FAST3DIS viewer"
START_SIZE = QSize(1440, 900)
LEAST = QSize(320, 240)
MESSAGE_TIME = 15_000  # ms a sentence stays in the status bar


class MainWindow(QMainWindow):
    """Window around a viewport.

    Parameters
    ----------
    theme : Theme
    actions : Actions
        What menus, tool bar and keys offer.
    center : QWidget
        Fills the middle once there is a result, below the chips.
    docks : sequence of Dock
    pages : sequence of (str, QWidget)
        What else can fill the middle, by name.
    above : QWidget, optional
        Stands above whatever fills the middle.

    Signals
    -------
    paths_dropped(paths)
        A tuple of str, of local files and folders.
    cancel_requested(), chip_dismissed(key), clock_ticked()
    way_chosen(key)
        Out of an error.
    full_screen_changed(full)
    message_clicked(), errand_clicked()
        In the status bar.
    closing()
        Comes instead of closing.
    """

    paths_dropped = Signal(object)
    cancel_requested = Signal()
    chip_dismissed = Signal(str)
    clock_ticked = Signal()
    way_chosen = Signal(str)
    full_screen_changed = Signal(bool)
    message_clicked = Signal()
    errand_clicked = Signal()
    closing = Signal()

    def __init__(
        self,
        theme: Theme,
        actions: Actions,
        *,
        center: QWidget,
        docks: Sequence[Dock],
        pages: Sequence[tuple[str, QWidget]] = (),
        above: QWidget | None = None,
    ) -> None:
        super().__init__()
        self.setObjectName("mainWindow")
        self.setWindowTitle(PROGRAM)
        self.setWindowIcon(icon("application", theme.text))
        self.setAcceptDrops(True)
        self.resize(START_SIZE)
        self._theme, self._actions = theme, actions
        self._error: ErrorDialog | None = None
        self.run_page = RunPage(theme)
        self.chips = ChipBar(theme)
        tabs = CenterTabs(center)
        self._pages = QStackedWidget()
        self._pages.setMinimumSize(LEAST)  # else the widest page, shown or not, would widen every small window
        self._names: list[str] = []
        for name, page in (*pages, ("running", self.run_page), ("result", stacked(self.chips, tabs))):
            self._names.append(name)
            self._pages.addWidget(page)
        self.setCentralWidget(self._pages if above is None else stacked(above, self._pages))
        self.panels = Panels(self, docks, tabs)
        self.bars = ActionBars(self, actions, theme, TOOLBAR)
        self._model = QLabel()
        self._model.setObjectName("modelLabel")
        self.bars.bar.addWidget(self._model)
        self._build_status_bar()
        self._beat = Beat(self)
        self._beat.timeout.connect(self.clock_ticked)
        self.run_page.cancel_requested.connect(self.cancel_requested)
        self._run_line.cancel_requested.connect(self.cancel_requested)
        self.chips.dismissed.connect(self.chip_dismissed)
        self.set_page(self._names[0])
        for field in self.findChildren(QLineEdit):
            field.setAcceptDrops(False)  # files that are dropped there are meant for the window, not their paths for it

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab goes to what is on screen: Qt keeps panels behind others, and idle tab bars, outside of the window."""
        seen = {self.focusWidget()}
        while super().focusNextPrevChild(forward):
            now = self.focusWidget()
            if now in seen or self._on_screen(now):
                return True
            seen.add(now)
        return False

    def set_page(self, page: str) -> None:
        """What fills the middle; panels that the page does not have are hidden."""
        self._pages.setCurrentIndex(self._names.index(page))
        self.panels.set_page(page)

    def set_theme(self, theme: Theme) -> None:
        """Another theme, for everything below that draws with its colors: whoever has a `set_theme` is told."""
        self._theme = theme
        self.setWindowIcon(icon("application", theme.text))
        for child in (self.bars, *self.findChildren(QWidget)):
            if hasattr(child, "set_theme"):
                child.set_theme(theme)

    def set_full_screen(self, full: bool) -> None:
        """Fill the screen, or go back to the size before."""
        if full != self.isFullScreen():
            self.showFullScreen() if full else self.showNormal()

    def set_title(self, scene: str) -> None:
        """Name of the open scene, empty if there is none."""
        self.setWindowTitle(f"{scene}[*] — {PROGRAM}" if scene else PROGRAM)

    def set_modified(self, modified: bool) -> None:
        """Mark the title while there are edits that no file has."""
        self.setWindowModified(modified)

    def layout_state(self) -> bytes:
        """Where the panels are, and which are shown."""
        return self.panels.layout()

    def restore_layout(self, state: bytes) -> None:
        """Put the panels where they were; a state that does not fit is left alone."""
        self.panels.set_layout(state)

    def set_progress(
        self,
        title: str,
        rows: Sequence[tuple[str, str, str]],
        step: str,
        fraction: float,
        clock: str,
        *,
        quiet: bool,
    ) -> None:
        """Show a running job, as `RunPage.set_progress` takes it; an empty title says that none runs."""
        self._beat.set_running(bool(title))
        on_page = self._names[self._pages.currentIndex()] == "running"
        in_line = bool(title) and not on_page
        self._run_line.setVisible(in_line)
        for label in (self._points, self._device):
            label.setVisible(not in_line or quiet)
        if not quiet:  # which is over before anybody could look
            self.run_page.set_progress(title, rows, fraction, clock)
        self._run_line.set_progress(title, rows, step, fraction, clock, quiet)

    def set_environment(self, line: str) -> None:
        """Device and libraries."""
        self._device.setText(line)

    def set_model(self, text: str, tip: str) -> None:
        """Model of the result on show."""
        self._model.setText(text)
        self._model.setToolTip(tip)

    def set_points(self, text: str) -> None:
        """Points drawn and units."""
        self._points.setText(text)

    def set_errand(self, text: str, tip: str) -> None:
        """What goes on beside the runs, such as a download; empty if nothing does."""
        self._errand.setText(text)
        self._errand.setToolTip(tip)
        self._errand.setVisible(bool(text))

    def show_message(self, sentence: str) -> None:
        """A sentence in the status bar."""
        self.statusBar().showMessage(sentence, MESSAGE_TIME)

    def show_error(
        self, title: str, message: str, report: str, details: str, ways: Sequence[tuple[str, str]] = ()
    ) -> None:
        """One error at a time; a newer one takes the place of the older."""
        if self._error is not None:
            self._error.close()
        dialog = ErrorDialog(self._theme, title, message, report, details, self, ways=ways)
        dialog.way_chosen.connect(self.way_chosen)
        dialog.destroyed.connect(self._forget_error)
        self._error = dialog
        dialog.show()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask the program to end; it will delete the window."""
        event.ignore()
        self.closing.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrow window has another layout."""
        super().resizeEvent(event)
        self.panels.set_narrow(self.width() < NARROW)

    def changeEvent(self, event: QEvent) -> None:
        """Tell when the window fills the screen, or no longer does."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.WindowStateChange:
            self.full_screen_changed.emit(self.isFullScreen())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept local files and folders."""
        if dropped_paths(event):
            event.acceptProposedAction()
            self._light_up(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Forget them."""
        self._light_up(False)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Open them."""
        self._light_up(False)
        paths = dropped_paths(event)
        if paths:
            event.acceptProposedAction()
            self.paths_dropped.emit(paths)

    def _on_screen(self, widget: QWidget) -> bool:
        part = widget
        while part.parentWidget() not in (None, self):
            part = part.parentWidget()
        return self.rect().intersects(part.geometry())

    def _light_up(self, active: bool) -> None:
        """Tell a page that has a place for dropping."""
        page = self._pages.currentWidget()
        if isinstance(page, EmptyPage):
            page.set_drop_active(active)

    def _build_status_bar(self) -> None:
        bar = _StatusBar(self)
        bar.clicked.connect(self.message_clicked)
        self.setStatusBar(bar)
        bar.setSizeGripEnabled(False)
        bar.setMinimumWidth(LEAST.width())  # long lines are cut rather than widen the window
        self._run_line = RunLine(self._theme)
        self._run_line.hide()
        self._errand = QToolButton()
        self._errand.setObjectName("errandButton")
        self._errand.clicked.connect(self.errand_clicked)
        self._errand.hide()
        self._points = QLabel()
        self._device = QLabel()
        self._device.setObjectName("deviceLabel")
        for widget in (self._errand, self._run_line, self._points, self._device):
            bar.addPermanentWidget(widget)

    def _forget_error(self) -> None:
        self._error = None


def stacked(*widgets: QWidget, tall: int = -1) -> QWidget:
    """One above the other; that of index `tall` takes the height that is left."""
    box = QWidget()
    column = QVBoxLayout(box)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    for widget in widgets:
        column.addWidget(widget, int(widget is widgets[tall]))
    return box


class _StatusBar(QStatusBar):
    """Tells of clicks on its message.

    Signals
    -------
    clicked()
    """

    clicked = Signal()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Only where a message stands."""
        if self.currentMessage():
            self.clicked.emit()
        super().mouseReleaseEvent(event)
