"""The second viewport: what the result is held against, in the colors of its partners; clicks back to the selection."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.comparison_words import PLAIN, heading
from app.drawing_order import PreparedCloud
from app.presenters.other_painting import OtherPainting
from app.presenters.other_selection import OtherSelection
from app.presenters.viewport import View
from app.session.session import Display, Session
from fast3dis_core.counterpart import Counterpart, SideBySide
from fast3dis_core.reconstruction import PointCloud

NOTHING_YET = "Choose in the panel Compare what to hold this result against,\nor drop another result here."


class Stage(Protocol):
    """What this presenter needs of the stage around the viewports."""

    def set_split(self, on: bool) -> None: ...
    def set_drops(self, taken: bool) -> None: ...
    def set_first(self, title: str, facts: str) -> None: ...
    def set_second(self, title: str, facts: str, instead: str = "") -> None: ...


class SecondViewPresenter:
    """Session to the second viewport, and back.

    Parameters
    ----------
    session : Session
    painting : OtherPainting
    stage : Stage
    view : callable
        The second viewport; None before the stage was split.
    prepared : PreparedCloud
        Clouds put in order by the worker.
    """

    def __init__(
        self,
        session: Session,
        painting: OtherPainting,
        stage: Stage,
        view: Callable[[], View | None],
        prepared: PreparedCloud,
    ) -> None:
        self._session, self._painting = session, painting
        self._stage, self._view, self._prepared = stage, view, prepared
        self._selection = OtherSelection(session)
        self._cloud: PointCloud | None = None
        self._rows: NDArray[np.int32] | None = None
        self._table: NDArray[np.uint8] | None = None
        self._lens: Counterpart | None = None
        session.comparison_changed.connect(self._on_comparison)
        session.reconstruction_changed.connect(self._on_reconstruction)
        session.display_changed.connect(self._on_display)

    def pick(self, row: int, additive: bool) -> None:
        """A click on a cloud row of the other side; -1 is the background, which clears the selection."""
        self._selection.pick(self._owner(row), additive=additive)

    def hover(self, row: int) -> None:
        """The pointer rests on a cloud row of the other side."""
        self._selection.hover(self._owner(row))

    def explain(self, row: int) -> None:
        """The pointer has rested on a cloud row for a while: say whose it is, and who is its partner."""
        view = self._view()
        if self._session.comparison is not None and view is not None:
            view.set_tip("\n".join(self._selection.words(self._owner(row))))

    def _owner(self, row: int) -> int | None:
        return None if self._rows is None else self._selection.owner(self._rows, row)

    def _on_comparison(self, _: object) -> None:
        self._refresh()

    def _on_reconstruction(self, _: object) -> None:
        self._refresh()

    def _on_display(self, _: Display) -> None:
        self._refresh()

    def _refresh(self) -> None:
        session, stage = self._session, self._stage
        display, comparison = session.display, session.comparison
        if display.pair is not None:  # its presenter has the stage, and draws over what this one drew
            self._cloud = self._rows = self._table = self._lens = None
            stage.set_drops(False)
            return
        on = display.comparing and session.reconstruction is not None
        stage.set_drops(on and session.origin is not None and session.origin.masks == "there")
        stage.set_split(on)
        if not on:
            return
        origin = session.origin
        title = " · ".join(filter(None, (PLAIN, origin.weights, origin.model))) if origin else PLAIN
        view = self._view()
        assert view is not None, "a split stage has a second view"
        if comparison is None:
            count = 0 if session.curated is None else len(session.curated.shown)
            stage.set_first(title, heading(None, count))
            stage.set_second("", "", NOTHING_YET)
            return
        counterpart = comparison.counterpart
        stage.set_first(title, heading(counterpart.own_cost, len(comparison.first.shown)))
        stage.set_second(counterpart.title, heading(counterpart.cost, len(comparison.second.shown)))
        self._show(view, comparison)

    def _show(self, view: View, comparison: SideBySide) -> None:
        """Cloud, owners and colors, each only if it is another."""
        display, second = self._session.display, comparison.second
        result = second.reconstruction
        if result.cloud is not self._cloud:
            self._cloud = result.cloud
            prepared = self._prepared.take(result.cloud)
            view.show_cloud(result.cloud.points, result.cloud.colors, result.cloud.valid, prepared)
            self._rows = self._table = None
        if comparison.counterpart is not self._lens:
            self._lens = comparison.counterpart
            height, width = result.images.shape[1:3]
            view.show_cameras(result.intrinsics, result.world_to_camera, (height, width), result.images)
        rows, table = self._painting.rows(), self._painting.table()
        if rows is not self._rows:
            self._rows = rows
            view.set_rows(rows)
        if table is not self._table:
            self._table = table
            view.set_table(table)
        view.set_point_colors("photo" if display.color_mode == "photo" else "row")
        view.set_point_scale(display.point_scale)
        if display.view < len(result.names):
            view.set_current_view(display.view)
