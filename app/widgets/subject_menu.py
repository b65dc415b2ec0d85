"""A menu that begins with what can be done with a subject under the pointer, if there is one."""

from collections.abc import Sequence

from PySide6.QtCore import QPoint
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget


class SubjectMenu(QMenu):
    """Actions about the subject below its name, then those about the place.

    Parameters
    ----------
    name : str
        Object name.
    parent : QWidget
    """

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._subject = QAction(parent)  # title of the upper part; a menu deletes its own when it is cleared
        self._subject.setEnabled(False)
        self._about: tuple[QAction, ...] = ()
        self._always: tuple[QAction, ...] = ()

    def set_actions(self, about: Sequence[QAction], always: Sequence[QAction]) -> None:
        """What can be done with a subject, and what always can."""
        self._about, self._always = tuple(about), tuple(always)

    def pop_up(self, subject: str, place: QPoint) -> None:
        """Open it at a place on the screen, without the upper part if there is no subject."""
        self.clear()
        if subject:
            self._subject.setText(subject)
            self.addActions([self._subject, *self._about])
            self.addSeparator()
        self.addActions(list(self._always))
        self.popup(place)  # without a loop of its own, which would hold up whoever waits for the worker
