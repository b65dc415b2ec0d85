"""The large photo: panel, presenter, and the clock that plays the views."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtGui import QAction, QImage
from PySide6.QtWidgets import QWidget

from app.composition.stage import INSTANCE_MENU, png
from app.presenters.photo import PICTURE_TIME, PhotoPresenter
from app.presenters.photo_pointer import PhotoPointerPresenter
from app.widgets.photo_panel import PhotoPanel
from fast3dis_core.exports.atomic import atomic_file

if TYPE_CHECKING:
    from app.actions import Actions
    from app.presenters.painting import Painting
    from app.session.session import Display, Session
    from app.widgets.dialogs import Dialogs
    from app.widgets.theme import Theme
    from app.workflow import Workflow

PHOTO_MENU = ("photo_fit", "photo_actual", "photo_larger", "photo_smaller", "copy_picture", "save_picture")


class PhotoParts:
    """Panel with its presenter.

    Parameters
    ----------
    theme : Theme
    """

    def __init__(self, theme: "Theme") -> None:
        self.panel = PhotoPanel(theme)

    def connect(
        self,
        session: "Session",
        workflow: "Workflow",
        actions: "Actions",
        painting: "Painting",
        *,
        questions: "Dialogs",
        strip: QWidget,
    ) -> None:
        """Make the presenter and connect everything."""
        panel, photo = self.panel, self.panel.photo
        self.presenter = presenter = PhotoPresenter(
            session, workflow, actions, painting, panel=panel, photo=photo, questions=questions, write=_write
        )
        self.pointer = pointer = PhotoPointerPresenter(session, workflow, actions, painting, panel)
        self._clock = QTimer(panel)
        self._clock.setInterval(PICTURE_TIME)
        self._clock.timeout.connect(self._play_on)
        self._seen = (photo, strip)
        session.display_changed.connect(self._follow)
        for signal, slot in (
            (panel.layer_chosen, presenter.choose_layer),
            (panel.ticked, presenter.tick),
            (panel.opacity_changed, presenter.set_opacity),
            (panel.stepped, presenter.step),
            (panel.save_requested, presenter.save),
            (panel.copy_requested, presenter.copy),
            (photo.hovered, pointer.hover),
            (photo.clicked, pointer.click),
            (photo.double_clicked, pointer.fly),
            (photo.menu_asked, lambda x, y, place: panel.menu.pop_up(pointer.menu_for(x, y), place)),
        ):
            signal.connect(slot)

    def set_menu(self, action: "Callable[[str], QAction]") -> None:
        """Fill the photo's menu with the window's actions."""
        of_instance, of_photo = ([action(name) for name in names] for names in (INSTANCE_MENU, PHOTO_MENU))
        self.panel.menu.set_actions(of_instance, of_photo)

    def close(self) -> None:
        """Stop the clock."""
        self._clock.stop()

    def _play_on(self) -> None:
        """One view further, as long as anybody could see it."""
        if any(widget.isVisible() for widget in self._seen):
            self.presenter.play_on()
        else:
            self.presenter.toggle_playing()

    def _follow(self, display: "Display") -> None:
        if display.playing != self._clock.isActive():
            self._clock.start() if display.playing else self._clock.stop()


def _write(picture: QImage, path: Path, overwrite: bool) -> None:
    content = png(picture)
    with atomic_file(path, overwrite=overwrite) as file:
        file.write(content)
