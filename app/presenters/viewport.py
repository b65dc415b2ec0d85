"""Cloud, colors, cameras and picking: session values to the viewport, clicks to the selection."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.actions import Actions
from app.drawing_order import Drawable, PreparedCloud
from app.presenters.painting import Painting
from app.session.edits import Edits
from app.session.session import Display, Session
from fast3dis_core.reconstruction import PointCloud, Reconstruction


class View(Protocol):
    """What this presenter needs of the viewport."""

    def show_cloud(
        self,
        points: NDArray[np.float32],
        colors: NDArray[np.uint8],
        valid: NDArray[np.bool_],
        prepared: Drawable | None = None,
    ) -> None: ...
    def set_rows(self, rows: NDArray[np.int32]) -> None: ...
    def set_table(self, table: NDArray[np.uint8]) -> None: ...
    def set_photo_colors(self, photo: bool) -> None: ...
    def show_cameras(
        self, intrinsics: NDArray[np.float32], world_to_camera: NDArray[np.float32], size: tuple[int, int]
    ) -> None: ...
    def set_current_view(self, view: int) -> None: ...
    def fit_all(self) -> None: ...
    def fit_points(self, points: NDArray[np.float32]) -> None: ...


class ViewportPresenter:
    """Session to viewport, and back."""

    def __init__(
        self,
        session: Session,
        actions: Actions,
        painting: Painting,
        view: View,
        prepared: PreparedCloud | None = None,
    ) -> None:
        self._prepared = prepared or PreparedCloud()
        self._session, self._actions, self._painting, self._view = session, actions, painting, view
        actions.bind("fit", self.fit_all, enabled=False)
        actions.bind("fit_selection", self.fit_selection, enabled=False)
        self._cloud: PointCloud | None = None
        self._rows: NDArray[np.int32] | None = None
        self._table: NDArray[np.uint8] | None = None
        session.reconstruction_changed.connect(self._on_reconstruction)
        session.edits_changed.connect(self._on_edits)
        session.display_changed.connect(self._on_display)

    def pick(self, row: int, additive: bool) -> None:
        """A click on a cloud row; -1 is the background, which clears the selection."""
        query = int(self._painting.rows()[row]) - 1 if row >= 0 else -1
        shown = {instance.query for instance in self._session.shown()}
        hit = frozenset({query}) & shown
        display = self._session.display
        if additive:
            self._session.show(replace(display, selection=display.selection ^ hit))
        else:
            self._session.show(replace(display, selection=hit))

    def fit_all(self) -> None:
        """Show the whole scene."""
        self._view.fit_all()

    def fit_selection(self) -> None:
        """Move to the selected instances, or show everything if none is selected."""
        result, selection = self._session.reconstruction, self._session.display.selection
        if result is None:
            return
        chosen = [item.pixels for item in self._session.shown() if item.query in selection]
        if chosen:
            self._view.fit_points(result.cloud.points[np.concatenate(chosen)])
        else:
            self._view.fit_all()

    def _on_reconstruction(self, result: Reconstruction) -> None:
        self._actions.enable("fit", "fit_selection", enabled=True)
        if result.cloud is not self._cloud:
            self._cloud = result.cloud
            prepared = self._prepared.take(result.cloud)
            self._view.show_cloud(result.cloud.points, result.cloud.colors, result.cloud.valid, prepared)
            height, width = result.images.shape[1:3]
            self._view.show_cameras(result.intrinsics, result.world_to_camera, (height, width))
            self._view.fit_all()
            self._rows = None
        self._paint()

    def _on_edits(self, _: Edits) -> None:
        self._paint()

    def _on_display(self, display: Display) -> None:
        self._view.set_photo_colors(display.color_mode == "photo")
        self._view.set_current_view(display.view)
        self._paint()

    def _paint(self) -> None:
        if self._session.reconstruction is None:
            return
        rows, table = self._painting.rows(), self._painting.table()
        if rows is not self._rows:
            self._rows = rows
            self._view.set_rows(rows)
        if table is not self._table:
            self._table = table
            self._view.set_table(table)
