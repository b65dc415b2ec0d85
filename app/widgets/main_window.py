"""The window: tool bar, docks around the viewport, status bar; layout and Qt signals only.

The viewport and the panels are made elsewhere and handed in. Closing is a request: the program stops its
worker first and deletes the window afterwards.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import (
    QAction,
    QActionGroup,
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QIcon,
    QKeySequence,
)
from PySide6.QtWidgets import (
    QDockWidget,
    QLabel,
    QMainWindow,
    QSizePolicy,
    QStackedWidget,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.widgets.chips import ChipBar
from app.widgets.empty_page import EmptyPage
from app.widgets.error_dialog import ErrorDialog
from app.widgets.run_panel import Beat, RunLine, RunPage
from app.widgets.theme import Theme, icon

PROGRAM = "FAST3DIS viewer"
START_SIZE = QSize(1440, 900)
MESSAGE_TIME = 15_000  # ms a sentence stays in the status bar

Page = Literal["empty", "running", "result"]


class MainWindow(QMainWindow):
    """Window around a viewport.

    Signals
    -------
    Named after what the user wants; `closing` comes instead of closing.
    """

    open_requested = Signal()
    sample_requested = Signal()
    folder_dropped = Signal(str)
    cancel_requested = Signal()
    undo_requested = Signal()
    redo_requested = Signal()
    fit_requested = Signal()
    fit_selection_requested = Signal()
    color_mode_requested = Signal(str)
    export_requested = Signal()
    isolate_requested = Signal()
    hide_requested = Signal()
    show_all_requested = Signal()
    step_back_requested = Signal()
    chip_dismissed = Signal(str)
    clock_ticked = Signal()
    closing = Signal()

    def __init__(
        self, theme: Theme, *, viewport: QWidget, gallery: QWidget, table: QWidget, decoding: QWidget, has_samples: bool
    ) -> None:
        super().__init__()
        self.setObjectName("mainWindow")
        self.setWindowTitle(PROGRAM)
        self.setWindowIcon(icon("application", theme.text))
        self.setAcceptDrops(True)
        self.resize(START_SIZE)
        self._theme = theme
        self._error: ErrorDialog | None = None
        self.empty_page = EmptyPage(theme, has_samples=has_samples)
        self.run_page = RunPage(theme)
        self.chips = ChipBar(theme)
        self._pages = QStackedWidget()
        self._build_center(viewport)
        self._docks = [
            self._dock("Views", "viewsDock", gallery, Qt.DockWidgetArea.LeftDockWidgetArea),
            self._dock("Instances", "instancesDock", _stacked(table, decoding), Qt.DockWidgetArea.RightDockWidgetArea),
        ]
        self.resizeDocks(self._docks, [204, 406], Qt.Orientation.Horizontal)
        self._build_toolbar(has_samples)
        self._build_shortcuts()
        self._build_status_bar()
        self._beat = Beat(self)
        self._beat.timeout.connect(self.clock_ticked)
        self._connect_pages()
        self.set_page("empty")

    def set_page(self, page: Page) -> None:
        """What fills the middle; without a result the docks would be empty and are hidden."""
        self._pages.setCurrentIndex(("empty", "running", "result").index(page))
        for dock in self._docks:
            dock.setVisible(page == "result")
        for action in (self._fit, self._color_photo, self._color_instance):
            action.setEnabled(page == "result")

    def set_title(self, scene: str) -> None:
        """Name of the open scene, empty if there is none."""
        self.setWindowTitle(f"{scene} — {PROGRAM}" if scene else PROGRAM)

    def set_progress(
        self,
        title: str,
        finished: Sequence[tuple[str, str]],
        step: str,
        fraction: float,
        clock: str,
        *,
        quiet: bool,
    ) -> None:
        """Show a running job; an empty title says that none runs."""
        self._beat.set_running(bool(title))
        on_page = self._pages.currentIndex() == 1
        in_line = bool(title) and not on_page
        self._run_line.setVisible(in_line)
        for label in (self._points, self._device):
            label.setVisible(not in_line or quiet)
        self.run_page.set_progress(title, finished, step, fraction, clock)
        self._run_line.set_progress(title, step, fraction, clock, quiet)

    def set_history(self, undo: str | None, redo: str | None) -> None:
        """What undo and redo would do."""
        for action, verb, label in ((self._undo, "Undo", undo), (self._redo, "Redo", redo)):
            action.setEnabled(label is not None)
            keys = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
            action.setToolTip(f"{verb} {label or ''}".strip() + f" ({keys})")

    def set_color_mode(self, mode: str) -> None:
        """Mark "instance" or "photo"."""
        (self._color_photo if mode == "photo" else self._color_instance).setChecked(True)

    def set_export(self, enabled: bool, tip: str) -> None:
        """Whether there is something to export, and what."""
        self._export.setEnabled(enabled)
        self._export.setToolTip(tip)

    def set_environment(self, line: str) -> None:
        """Device and libraries."""
        self.empty_page.set_environment(line)
        self._device.setText(line)

    def set_model(self, text: str, tip: str) -> None:
        """Model of the result on show."""
        self._model.setText(text)
        self._model.setToolTip(tip)

    def set_points(self, text: str) -> None:
        """Points drawn and units."""
        self._points.setText(text)

    def show_message(self, sentence: str) -> None:
        """A sentence in the status bar."""
        self.statusBar().showMessage(sentence, MESSAGE_TIME)

    def show_error(self, title: str, message: str, report: str, details: str) -> None:
        """One error at a time; a newer one takes the place of the older."""
        if self._error is not None:
            self._error.close()
        dialog = ErrorDialog(self._theme, title, message, report, details, self)
        dialog.destroyed.connect(self._forget_error)
        self._error = dialog
        dialog.show()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask the program to end; it will delete the window."""
        event.ignore()
        self.closing.emit()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept a folder."""
        if _dropped_path(event) is not None:
            event.acceptProposedAction()
            self.empty_page.set_drop_active(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """Forget the folder."""
        self.empty_page.set_drop_active(False)
        super().dragLeaveEvent(event)

    def dropEvent(self, event: QDropEvent) -> None:
        """Open the folder."""
        self.empty_page.set_drop_active(False)
        path = _dropped_path(event)
        if path is not None:
            event.acceptProposedAction()
            self.folder_dropped.emit(str(path))

    def _build_center(self, viewport: QWidget) -> None:
        result = QWidget()
        column = QVBoxLayout(result)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.chips)
        column.addWidget(viewport, 1)
        for page in (self.empty_page, self.run_page, result):
            self._pages.addWidget(page)
        self.setCentralWidget(self._pages)

    def _dock(self, title: str, name: str, content: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title)
        dock.setObjectName(name)
        dock.setFeatures(QDockWidget.DockWidgetFeature.DockWidgetMovable)
        dock.setWidget(content)
        self.addDockWidget(area, dock)
        return dock

    def _build_toolbar(self, has_samples: bool) -> None:
        bar = QToolBar("Main")
        bar.setObjectName("mainToolBar")
        bar.setMovable(False)
        bar.setIconSize(QSize(18, 18))
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.addToolBar(bar)

        self._open = self._action(bar, "Open", "open", "Ctrl+O", self.open_requested.emit, "Open a folder of photos")
        self._sample = self._action(bar, "Sample", "sample", "", self.sample_requested.emit, "Open the sample photos")
        self._sample.setEnabled(has_samples)
        bar.addSeparator()
        self._undo = self._action(bar, "Undo", "undo", "Ctrl+Z", self.undo_requested.emit, "Undo", icon_only=True)
        self._redo = self._action(bar, "Redo", "redo", "Ctrl+Shift+Z", self.redo_requested.emit, "Redo", icon_only=True)
        bar.addSeparator()
        bar.addWidget(QLabel("Color by"))
        group = QActionGroup(self)
        self._color_instance = self._action(
            bar, "Instance", "", "", lambda: self.color_mode_requested.emit("instance"), "Color by instance (C)"
        )
        self._color_photo = self._action(
            bar, "Photo", "", "", lambda: self.color_mode_requested.emit("photo"), "Color by photo (C)"
        )
        for action in (self._color_instance, self._color_photo):
            action.setCheckable(True)
            group.addAction(action)
        bar.addSeparator()
        self._fit = self._action(bar, "Fit", "fit", "A", self.fit_requested.emit, "Show the whole scene")
        spring = QWidget()
        spring.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        bar.addWidget(spring)
        self._model = QLabel()
        self._model.setObjectName("modelLabel")
        bar.addWidget(self._model)
        self._export = self._action(bar, "Export", "export", "Ctrl+E", self.export_requested.emit, "Export")

    def _action(
        self,
        bar: QToolBar,
        text: str,
        picture: str,
        keys: str,
        wish: Callable[[], object],
        tip: str,
        *,
        icon_only: bool = False,
    ) -> QAction:
        colors = (self._theme.text, self._theme.line)
        action = QAction(icon(picture, *colors) if picture else QIcon(), text, self)
        action.setObjectName(f"action{text}")
        action.setToolTip(tip + (f" ({keys})" if keys else ""))
        if keys:
            action.setShortcut(QKeySequence(keys))
        action.triggered.connect(lambda _checked: wish())
        bar.addAction(action)
        button = bar.widgetForAction(action)
        assert isinstance(button, QToolButton)
        button.setObjectName(f"tool{text}")
        if icon_only:
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        return action

    def _build_shortcuts(self) -> None:
        modes = {"instance": "photo", "photo": "instance"}
        for keys, wish in (
            ("O", self.open_requested.emit),
            ("F", self.fit_selection_requested.emit),
            ("I", self.isolate_requested.emit),
            ("H", self.hide_requested.emit),
            ("Shift+H", self.show_all_requested.emit),
            ("Esc", self.step_back_requested.emit),
            ("C", lambda: self.color_mode_requested.emit(modes[self._color_mode()])),
        ):
            action = QAction(self)
            action.setShortcut(QKeySequence(keys))
            action.triggered.connect(lambda _checked, wish=wish: wish())
            self.addAction(action)

    def _color_mode(self) -> str:
        return "photo" if self._color_photo.isChecked() else "instance"

    def _build_status_bar(self) -> None:
        bar = self.statusBar()
        bar.setSizeGripEnabled(False)
        self._run_line = RunLine(self._theme)
        self._run_line.hide()
        self._points = QLabel()
        self._device = QLabel()
        self._device.setObjectName("deviceLabel")
        for widget in (self._run_line, self._points, self._device):
            bar.addPermanentWidget(widget)

    def _connect_pages(self) -> None:
        self.empty_page.open_requested.connect(self.open_requested)
        self.empty_page.sample_requested.connect(self.sample_requested)
        self.run_page.cancel_requested.connect(self.cancel_requested)
        self._run_line.cancel_requested.connect(self.cancel_requested)
        self.chips.dismissed.connect(self.chip_dismissed)

    def _forget_error(self) -> None:
        self._error = None


def _stacked(*widgets: QWidget) -> QWidget:
    box = QWidget()
    column = QVBoxLayout(box)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    for widget in widgets:
        column.addWidget(widget)
    return box


def _dropped_path(event: QDropEvent) -> Path | None:
    """The one local folder or file that is dropped, else None."""
    urls = [url for url in event.mimeData().urls() if url.isLocalFile()]
    return Path(urls[0].toLocalFile()) if len(urls) == 1 else None
