"""The stage beside its points: how it looks, how many points it draws, pictures and films of it."""

from typing import TYPE_CHECKING

from PySide6.QtCore import QBuffer, QIODevice
from PySide6.QtGui import QGuiApplication, QImage

from app.presenters.pictures import PicturesPresenter
from app.presenters.point_budget import PointBudgetPresenter
from app.presenters.stage_look import StageChoicesPresenter, StageLookPresenter
from app.presenters.viewport import ViewportPresenter
from app.widgets.picture_dialogs import FilmDialog, PictureDialog
from app.widgets.subject_menu import SubjectMenu
from fast3dis_core.errors import ExportError

INSTANCE_MENU = ("fit_selection", "isolate", "hide", "rename", "copy_name", "recolor", "merge", "split", "export")
STAGE_MENU = ("fit", "reset_look", "look_front", "look_top", "look_side", "through_photo", "measure", "picture")

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QWidget

    from app.actions import Actions
    from app.drawing_order import PreparedCloud
    from app.presenters.painting import Painting
    from app.session.session import Session
    from app.viewport.viewport import Viewport
    from app.widgets.dialogs import Dialogs
    from app.widgets.preferences import Preferences
    from app.workflow import Workflow


class StageParts:
    """Presenters and dialogs of one stage: its points and its look at once, what the menu offers with `offer`.

    Parameters
    ----------
    session, workflow, actions, painting, viewport, prepared
    """

    def __init__(
        self,
        session: "Session",
        workflow: "Workflow",
        actions: "Actions",
        painting: "Painting",
        viewport: "Viewport",
        prepared: "PreparedCloud",
    ) -> None:
        self._session, self._workflow, self._actions = session, workflow, actions
        self._viewport, self._prepared = viewport, prepared
        self.points = points = ViewportPresenter(session, actions, painting, viewport, prepared)
        self.look = StageLookPresenter(session, viewport, viewport.dressing, viewport.cameras)
        for signal, slot in (
            (viewport.hovered, points.hover),
            (viewport.tip.rested, points.explain),
            (viewport.photo_left, points.photo_left),
            (viewport.cameras.hovered, points.hover_camera),
            (viewport.cameras.picked, points.pick_camera),
            (viewport.cameras.entered, points.enter_camera),
        ):
            signal.connect(slot)

    def set_menu(self, action: "Callable[[str], QAction]") -> None:
        """What a right click offers, made of the window's actions."""
        menu = SubjectMenu("stageMenu", self._viewport)
        menu.set_actions(*([action(name) for name in names] for names in (INSTANCE_MENU, STAGE_MENU)))
        self._viewport.pointing.menu_asked.connect(lambda row, place: menu.pop_up(self.points.menu_for(row), place))

    def offer(
        self,
        questions: "Dialogs",
        preferences: "Preferences",
        window: "QWidget",
        *,
        thinned: "Callable[[], object]",
    ) -> None:
        """Bind what the menu has of the stage; `thinned` is told when another number of points is drawn."""
        self._window = window
        common = self._session, self._workflow, self._actions
        self.choices = StageChoicesPresenter(self._session, self._actions, preferences)
        self.budget = PointBudgetPresenter(
            *common,
            stage=self._viewport,
            memory=preferences,
            prepared=self._prepared,
            redraw=lambda: (self.points.draw_again(), thinned()),
        )
        self.pictures = PicturesPresenter(
            *common,
            stage=self._viewport.pictures,
            questions=questions,
            memory=preferences,
            picture_dialog=self._make_picture_dialog,
            film_dialog=self._make_film_dialog,
            encode=png,
            copy=_copy,
        )

    def _make_picture_dialog(self) -> PictureDialog:
        dialog, pictures = PictureDialog(self._window), self.pictures
        for signal, slot in (
            (dialog.changed, pictures.choose_picture),
            (dialog.save_requested, pictures.save_picture),
            (dialog.copy_requested, pictures.copy),
            (dialog.dismissed, pictures.closed),
        ):
            signal.connect(slot)
        return dialog

    def _make_film_dialog(self) -> FilmDialog:
        dialog, pictures = FilmDialog(self._window), self.pictures
        for signal, slot in (
            (dialog.changed, pictures.choose_film),
            (dialog.save_requested, pictures.save_film),
            (dialog.dismissed, pictures.closed),
        ):
            signal.connect(slot)
        return dialog


def png(picture: QImage) -> bytes:
    """A picture as the bytes of a PNG.

    Raises
    ------
    ExportError
        If Qt cannot.
    """
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not picture.save(buffer, "PNG"):
        raise ExportError("The picture was not written: no PNG came of it. Try a smaller size.")
    return bytes(buffer.data().data())


def _copy(picture: QImage) -> None:
    QGuiApplication.clipboard().setImage(picture)
