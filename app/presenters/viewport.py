"""Cloud, colors, cameras and picking: session values to the viewport, clicks to the selection."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from app.actions import Actions
from app.drawing_order import Drawable, PreparedCloud
from app.number_colors import numbers_of, ticks_of
from app.point_facts import point_facts
from app.presenters.painting import Painting
from app.session.edits import Edits
from app.session.ruler import Ruler
from app.session.session import Display, Session
from fast3dis_core.color_scales import scale_stops
from fast3dis_core.reconstruction import PointCloud, Reconstruction

Side = Literal["front", "top", "side"]
CAMERA_ACTIONS = (
    "fit",
    "fit_selection",
    "reset_look",
    "look_front",
    "look_top",
    "look_side",
    "orthographic",
    "through_photo",
    "larger_points",
    "smaller_points",
)
POINT_STEP, POINT_RANGE = 1.25, (0.5, 6.0)


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
    def set_point_colors(self, by: str) -> None: ...
    def set_values(self, values: NDArray[np.float32], low: float, high: float, stops: NDArray[np.uint8]) -> None: ...
    def set_legend(
        self,
        title: str,
        stops: NDArray[np.uint8],
        ends: tuple[str, str],
        ticks: Sequence[tuple[float, str]] = (),
    ) -> None: ...
    def set_swatches(self, title: str, swatches: Sequence[tuple[tuple[int, int, int], str]]) -> None: ...
    def show_cameras(
        self,
        intrinsics: NDArray[np.float32],
        world_to_camera: NDArray[np.float32],
        size: tuple[int, int],
        photos: NDArray[np.uint8] | None = None,
    ) -> None: ...
    def set_current_view(self, view: int) -> None: ...
    def fit_all(self, *, fly: bool = False) -> None: ...
    def fit_scene(self) -> None: ...
    def look_from(self, side: Side) -> None: ...
    def set_orthographic(self, on: bool) -> None: ...
    def set_point_scale(self, scale: float) -> None: ...
    def look_through(self, view: int) -> None: ...
    def leave_photo(self) -> None: ...
    def fit_points(self, points: NDArray[np.float32]) -> None: ...
    def set_tip(self, text: str) -> None: ...


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
        self._through = False
        for name, handler in (
            ("fit", self.fit_all),
            ("fit_selection", self.fit_selection),
            ("reset_look", lambda: view.fit_all(fly=True)),
            ("look_front", partial(self.look_from, "front")),
            ("look_top", partial(self.look_from, "top")),
            ("look_side", partial(self.look_from, "side")),
            ("orthographic", self.toggle_orthographic),
            ("larger_points", lambda: self.resize_points(POINT_STEP)),
            ("smaller_points", lambda: self.resize_points(1 / POINT_STEP)),
            ("through_photo", self.toggle_photo),
        ):
            actions.bind(name, handler, enabled=False)
        self._cloud: PointCloud | None = None
        self._rows: NDArray[np.int32] | None = None
        self._table: NDArray[np.uint8] | None = None
        self._values: object = None
        self._numbers: tuple[object, ...] = ()
        self._orthographic, self._looked_through = False, 0
        session.reconstruction_changed.connect(self._on_reconstruction)
        session.edits_changed.connect(self._on_edits)
        session.display_changed.connect(self._on_display)
        session.inspection_changed.connect(self._on_inspection)
        session.difference_changed.connect(self._on_inspection)

    def pick(self, row: int, additive: bool) -> None:
        """A click on a cloud row; -1 is the background, which clears the selection."""
        query = int(self._painting.owners()[row]) - 1 if row >= 0 else -1
        shown = {instance.query for instance in self._session.shown()}
        hit = frozenset({query}) & shown
        display = self._session.display
        if additive:
            self._session.show(replace(display, selection=display.selection ^ hit))
        else:
            self._session.show(replace(display, selection=hit))

    def menu_for(self, row: int) -> str:
        """A menu is asked for at a cloud row: select what owns it, unless it is selected. The menu's title."""
        query = int(self._painting.owners()[row]) - 1 if row >= 0 else -1
        item = next((item for item in self._session.shown() if item.query == query), None)
        if item is None:
            return ""
        if query not in self._session.display.selection:
            self.pick(row, False)
        others = len(self._session.display.selection) - 1
        return f"{item.name} and {others} more" if others else item.name

    def fit_all(self) -> None:
        """Show the whole scene from the present direction."""
        self._view.fit_scene()

    def look_from(self, side: Side) -> None:
        """The whole scene along one of its axes."""
        self._view.look_from(side)

    def toggle_orthographic(self) -> None:
        """Without perspective, or with."""
        display = self._session.display
        self._session.show(replace(display, orthographic=not display.orthographic))

    def resize_points(self, factor: float) -> None:
        """Larger or smaller points."""
        display, (smallest, largest) = self._session.display, POINT_RANGE
        scale = min(max(display.point_scale * factor, smallest), largest)
        self._session.show(replace(display, point_scale=scale))

    def toggle_photo(self) -> None:
        """Into the camera of the current photo, or back to where the user was."""
        self._through = not self._through
        if self._through:
            self._view.look_through(self._session.display.view)
        else:
            self._view.leave_photo()
        self._actions.set("through_photo", checked=self._through)

    def photo_left(self) -> None:
        """The user turned away from the photo's own view."""
        self._through = False
        self._actions.set("through_photo", checked=False)

    def hover(self, row: int) -> None:
        """The pointer rests on a cloud row; -1 is the background."""
        query = int(self._painting.owners()[row]) - 1 if row >= 0 else -1
        there = query in {instance.query for instance in self._session.shown()}
        self._session.show(replace(self._session.display, hovered=query if there else None))

    def explain(self, row: int) -> None:
        """The pointer has rested on a cloud row for a while: say what is known of it."""
        curated = self._session.curated
        if curated is not None and 0 <= row < len(curated.reconstruction.cloud.points):
            self._view.set_tip(point_facts(curated, row, int(self._painting.owners()[row]) - 1))

    def hover_camera(self, view: int) -> None:
        """The pointer rests on a camera, -1 for none: say which photo it took."""
        result = self._session.reconstruction
        if result is not None and 0 <= view < len(result.names):
            self._view.set_tip(f"View {view + 1} of {len(result.names)}: {result.names[view]}")

    def pick_camera(self, view: int) -> None:
        """A camera was clicked: its photo is the current one."""
        self._session.show(replace(self._session.display, view=view))

    def enter_camera(self, view: int) -> None:
        """A camera was double-clicked: look through it."""
        self.pick_camera(view)
        if not self._through:
            self.toggle_photo()

    def draw_again(self) -> None:
        """The same cloud, thinned otherwise."""
        result = self._session.reconstruction
        if result is not None:
            self._show_points(result)
            self._paint()

    def fit_selection(self) -> None:
        """Move to the selected instances, or show everything if none is selected."""
        result, selection = self._session.reconstruction, self._session.display.selection
        if result is None:
            return
        chosen = [item.pixels for item in self._session.shown() if item.query in selection]
        comparison, others = self._session.comparison, self._session.display.others
        if not chosen and comparison is not None:  # what has no partner here is where it is there: worlds are one
            result = comparison.second.reconstruction
            chosen = [item.pixels for item in comparison.second.shown if item.query in others]
        if chosen:
            self._view.fit_points(result.cloud.points[np.concatenate(chosen)])
        else:
            self._view.fit_scene()

    def _on_reconstruction(self, result: Reconstruction) -> None:
        self._actions.enable(*CAMERA_ACTIONS, enabled=True)
        if result.cloud is not self._cloud:
            self._show_points(result)
            height, width = result.images.shape[1:3]
            self._view.show_cameras(result.intrinsics, result.world_to_camera, (height, width), result.images)
            self._view.fit_all()
        self._paint()

    def _show_points(self, result: Reconstruction) -> None:
        cloud = self._cloud = result.cloud
        self._view.show_cloud(cloud.points, cloud.colors, cloud.valid, self._prepared.take(cloud))
        self._rows = self._values = None

    def _on_edits(self, _: Edits) -> None:
        self._paint()

    def _on_inspection(self, _: object) -> None:
        self._paint()

    def _on_display(self, display: Display) -> None:
        self._view.set_current_view(display.view)
        if display.orthographic != self._orthographic:
            self._orthographic = display.orthographic
            self._view.set_orthographic(display.orthographic)
            self._actions.set("orthographic", checked=display.orthographic)
        self._view.set_point_scale(display.point_scale)
        if self._through and display.view != self._looked_through:
            self._view.look_through(display.view)
        self._looked_through = display.view
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
        self._paint_numbers()

    def _paint_numbers(self) -> None:
        """Colors that stand for numbers, and the legend that says which."""
        result, mode = self._session.reconstruction, self._session.display.color_mode
        assert result is not None, "numbers belong to a result"
        values, scale = self._painting.values(), self._painting.scale()
        if values is not None and values is not self._values:
            self._values = values
            numbers, meaning = values
            self._view.set_values(numbers, meaning.low, meaning.high, scale_stops(meaning.colors))
        plain = mode == "photo" and not self._painting.pair.on
        by = "value" if values is not None else "photo" if plain else "row"
        ruler = Ruler.of(result.units, self._session.edits.scale)
        words = self._painting.legend()
        if (by, scale, ruler, words, mode) == self._numbers:
            return
        self._numbers = (by, scale, ruler, words, mode)
        self._view.set_point_colors(by)
        if words:
            self._view.set_swatches(self._painting.legend_title(), words)
        elif scale is None:
            self._view.set_legend("", scale_stops("viridis"), ("", ""))
        else:
            ends = numbers_of(scale, ruler.units, ruler.factor)
            self._view.set_legend(scale.title, scale_stops(scale.colors), ends, ticks_of(scale, ruler.factor))
