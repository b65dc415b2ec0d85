"""The tool tip of a point: asked for once the pointer rests on it, gone with the next move.

What it says is the presenter's business.
"""

import html

from PySide6.QtCore import QObject, QPointF, QTimer, Signal
from PySide6.QtWidgets import QToolTip

from app.viewport.scene_view import SceneView

LINGER = 450  # ms the pointer stays on a point before its facts are asked for


class PointTip(QObject):
    """Waits for the pointer to rest.

    Parameters
    ----------
    view : SceneView
        Whose pointer it is.

    Signals
    -------
    rested(row)
        The pointer has been on one cloud row for a while.
    """

    rested = Signal(int)

    def __init__(self, view: SceneView) -> None:
        super().__init__(view)
        self._view, self._row, self._place = view, -1, QPointF()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(LINGER)
        self._timer.timeout.connect(lambda: self.rested.emit(self._row))
        view.pointed.connect(self.end)
        view.wheeled.connect(self.end)
        view.pointed_away.connect(self.end)

    @property
    def text(self) -> str:
        """What is said now; empty for nothing."""
        return QToolTip.text() if QToolTip.isVisible() else ""

    def begin(self, row: int, place: QPointF) -> None:
        """The pointer came to a cloud row, -1 for none, at a logical position."""
        self._row, self._place = row, place
        if row >= 0:
            self._timer.start()

    def show(self, text: str) -> None:
        """Say something beside the pointer; nothing for no text. A name with brackets is no markup."""
        text = html.escape(text).replace("\n", "<br>") if "<" in text or "&" in text else text
        QToolTip.showText(self._view.mapToGlobal(self._place).toPoint(), text, self._view)

    def end(self, *_: object) -> None:
        """The pointer moved on."""
        self._timer.stop()
        if QToolTip.isVisible():
            QToolTip.hideText()
