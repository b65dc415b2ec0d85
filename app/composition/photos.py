"""The large photo: panel, presenter, and the clock that plays the views."""

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QIODevice, QTimer
from PySide6.QtGui import QImage

from app.presenters.photo import PICTURE_TIME, PhotoPresenter
from app.widgets.photo_panel import PhotoPanel
from fast3dis_core.errors import ExportError
from fast3dis_core.exports.atomic import atomic_file

if TYPE_CHECKING:
    from app.actions import Actions
    from app.presenters.painting import Painting
    from app.session.session import Display, Session
    from app.widgets.dialogs import Dialogs
    from app.widgets.theme import Theme
    from app.workflow import Workflow


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
    ) -> None:
        """Make the presenter and connect everything."""
        panel, photo = self.panel, self.panel.photo
        self.presenter = presenter = PhotoPresenter(
            session, workflow, actions, painting, panel=panel, photo=photo, questions=questions, write=_write
        )
        self._clock = QTimer(panel)
        self._clock.setInterval(PICTURE_TIME)
        self._clock.timeout.connect(presenter.play_on)
        session.display_changed.connect(self._follow)
        for signal, slot in (
            (panel.layer_chosen, presenter.choose_layer),
            (panel.ticked, presenter.tick),
            (panel.opacity_changed, presenter.set_opacity),
            (panel.stepped, presenter.step),
            (panel.save_requested, presenter.save),
            (photo.hovered, presenter.hover),
            (photo.clicked, presenter.click),
            (photo.double_clicked, presenter.fly),
        ):
            signal.connect(slot)

    def close(self) -> None:
        """Stop the clock."""
        self._clock.stop()

    def _follow(self, display: "Display") -> None:
        if display.playing != self._clock.isActive():
            self._clock.start() if display.playing else self._clock.stop()


def _write(picture: QImage, path: Path, overwrite: bool) -> None:
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not picture.save(buffer, "PNG"):
        raise ExportError(f"{path.name} was not written: no PNG came of the picture. Show a photo and save it again.")
    with atomic_file(path, overwrite=overwrite) as file:
        file.write(buffer.data().data())
