"""Comparison and pairs: the panel, the stage in two with linked cameras, their presenters, and what connects them."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

from app.drawing_order import PreparedCloud
from app.presenters.comparison import ComparisonPresenter
from app.presenters.second_view import SecondViewPresenter
from app.presenters.side_by_side import SideBySidePresenter
from app.presenters.stage_look import StageLookPresenter
from app.viewport.linked_cameras import LinkedCameras
from app.viewport.viewport import Viewport
from app.widgets.comparison_panel import ComparisonPanel
from app.widgets.panels import PHOTO, Panels
from app.widgets.photo_view import PhotoView
from app.widgets.split_stage import SplitStage
from app.widgets.theme import Theme

if TYPE_CHECKING:
    from app.actions import Actions
    from app.presenters.painting import Painting
    from app.session.session import Session
    from app.widgets.dialogs import Dialogs
    from app.workflow import Workflow


class ComparisonParts:
    """Panel and stage with their presenters; the second viewport is made when it is first shown.

    Parameters
    ----------
    theme : Theme
    first : Viewport
        Of the result.
    """

    def __init__(self, theme: Theme, first: Viewport) -> None:
        self._theme, self._first = theme, first
        self.photos = PhotoView(theme), PhotoView(theme)  # of two queries side by side
        for photo, name in zip(self.photos, ("firstPairPhoto", "secondPairPhoto"), strict=True):
            photo.setObjectName(name)
        self.panel, self.stage = ComparisonPanel(), SplitStage(first, self._make_second, self.photos)
        self.second: Viewport | None = None
        self._prepared = PreparedCloud()

    def connect(
        self,
        session: "Session",
        workflow: "Workflow",
        actions: "Actions",
        painting: "Painting",
        *,
        questions: "Dialogs",
        panels: Panels,
    ) -> None:
        """Make the presenters and connect everything."""
        panel = self.panel
        copy = QGuiApplication.clipboard().setText
        self._session = session
        self.presenter = presenter = ComparisonPresenter(session, workflow, actions, panel, questions, copy)
        self.view = SecondViewPresenter(session, painting.other, self.stage, lambda: self.second, self._prepared)
        self.pair = SideBySidePresenter(
            session,
            actions,
            painting.pair,
            stage=self.stage,
            view=lambda: self.second,
            photos=self.photos,
            drawable=lambda: self._first.drawable,
            make_room=partial(panels.set_aside, PHOTO),  # the pair has photos of its own
        )
        self._paired = painting.pair
        workflow.comparing.prepare = self._prepared.prepare
        one, other = self.photos
        for signal, slot in (
            (panel.side_chosen, presenter.choose),
            (panel.setting_changed, presenter.set_number),
            (panel.compare_requested, presenter.compare),
            (panel.end_requested, presenter.end),
            (panel.copy_requested, presenter.copy),
            (panel.lines_chosen, presenter.select),
            (panel.photos_toggled, presenter.toggle_photos),
            (panel.dropped, presenter.drop),
            (self.stage.dropped, presenter.drop),
            (one.looked, lambda: other.follow(one)),
            (other.looked, lambda: one.follow(other)),
        ):
            signal.connect(slot)

    def arrange(self, name: str) -> None:
        """An arrangement was chosen: in one of them the stage is in two."""
        self._session.show(replace(self._session.display, comparing=name == "compare", pair=None))

    def set_theme(self, theme: Theme) -> None:
        """Colors of the second viewport."""
        self._theme = theme
        for photo in self.photos:
            photo.set_theme(theme)
        if self.second is not None:
            self.second.set_colors(*theme.stage)

    def close(self) -> None:
        """Free the graphics."""
        if self.second is not None:
            self.second.close_view()

    def _on_second(self, name: str, *values: object) -> None:
        """Mouse over the second view: it shows one of a pair, or the other side of a comparison."""
        getattr(self.pair if self._paired.on else self.view, name)(*values)

    def _make_second(self) -> Viewport:
        second = Viewport()
        second.setObjectName("secondViewport")
        self.second = second
        self.set_theme(self._theme)
        self._look = StageLookPresenter(self._session, second, second.dressing, second.cameras)
        self._links = LinkedCameras(self._first, second)
        self._prepared.budget = second.point_budget
        for signal, slot in (
            (second.picked, partial(self._on_second, "pick")),
            (second.hovered, partial(self._on_second, "hover")),
            (second.tip.rested, partial(self._on_second, "explain")),
            (self.stage.split_changed, self._links.set_linked),
        ):
            signal.connect(slot)
        return second
