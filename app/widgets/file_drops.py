"""Files and folders dropped on a part of the window that has a use of its own for them."""

from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QWidget


class FileDrops(QObject):
    """Takes what is dropped on a widget, and marks the widget meanwhile: its property `dropping` is set.

    Parameters
    ----------
    widget : QWidget
        What lies in it takes no drops itself.

    Signals
    -------
    dropped(paths)
        Tuple of str.
    """

    dropped = Signal(object)

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self._widget = widget
        widget.installEventFilter(self)

    def set_taken(self, taken: bool) -> None:
        """Whether drops are for this widget; otherwise they are for the window."""
        self._widget.setAcceptDrops(taken)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Drags of local files that are over the widget, leave it, or end in it."""
        kind = event.type()
        if kind in (QEvent.Type.DragEnter, QEvent.Type.DragMove, QEvent.Type.Drop):
            assert isinstance(event, QDropEvent), "its children are drags, too"
            paths = dropped_paths(event)
            if not paths:
                return False
            event.acceptProposedAction()
            self._mark(kind != QEvent.Type.Drop)
            if kind == QEvent.Type.Drop:
                self.dropped.emit(paths)
            return True
        if kind == QEvent.Type.DragLeave:
            self._mark(False)
        return super().eventFilter(watched, event)

    def _mark(self, dropping: bool) -> None:
        if self._widget.property("dropping") != dropping:
            self._widget.setProperty("dropping", dropping)
            for part in (self._widget, *self._widget.findChildren(QWidget)):
                part.style().unpolish(part)
                part.style().polish(part)


def dropped_paths(event: QDropEvent) -> tuple[str, ...]:
    """Local files and folders that are dropped."""
    return tuple(str(Path(url.toLocalFile())) for url in event.mimeData().urls() if url.isLocalFile())
