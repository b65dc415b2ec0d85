"""Two queries side by side: their masks on the two halves of the stage, each above the photo with the same mask.

While they are there, the stage is not that of a comparison. The first half of the stage is drawn by its own presenter,
as always; the second half and both photos are drawn here. Which two it are is chosen by `hijacks`.
"""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.actions import Actions
from app.drawing_order import Drawable
from app.pair_colors import PairSide, side_photo
from app.presenters.pair_painting import TITLE, PairPainting
from app.presenters.viewport import View
from app.session.session import Display, Session
from fast3dis_core.color_scales import scale_stops
from fast3dis_core.reconstruction import Reconstruction


class Stage(Protocol):
    """What this presenter needs of the stage around the viewports."""

    def set_split(self, on: bool) -> None: ...
    def set_photos(self, on: bool) -> None: ...
    def set_first(self, title: str, facts: str) -> None: ...
    def set_second(self, title: str, facts: str, instead: str = "") -> None: ...


class Photo(Protocol):
    """What it needs of either photo."""

    def set_picture(self, picture: NDArray[np.uint8] | None) -> None: ...
    def set_overlay(self, overlay: NDArray[np.uint8] | None) -> None: ...
    def set_outlines(self, lines: Sequence[tuple[NDArray[np.float32], tuple[int, int, int], bool]]) -> None: ...


class SideBySidePresenter:
    """Session to the halves of the stage, and back.

    Parameters
    ----------
    session, actions
    painting : PairPainting
    stage : Stage
    view : callable
        The second viewport; None before the stage was split.
    photos : (Photo, Photo)
    drawable : callable
        What the first viewport draws: the second draws the same.
    make_room : callable
        Told when the pair comes and when it goes.
    """

    def __init__(
        self,
        session: Session,
        actions: Actions,
        painting: PairPainting,
        *,
        stage: Stage,
        view: Callable[[], View | None],
        photos: tuple[Photo, Photo],
        drawable: Callable[[], Drawable | None],
        make_room: Callable[[bool], object],
    ) -> None:
        self._session, self._actions, self._painting = session, actions, painting
        self._stage, self._view, self._photos = stage, view, photos
        self._drawable, self._make_room = drawable, make_room
        self._on = False
        self._shown: object = None  # cloud of the second view
        self._side: PairSide | None = None  # and what it is painted with
        self._worded: tuple[object, ...] = ()
        self._pictured: tuple[object, ...] = ()
        self._kept: tuple[object, ...] = ()
        for signal in (
            session.reconstruction_changed,
            session.edits_changed,
            session.display_changed,
            session.inspection_changed,
        ):
            signal.connect(self._refresh)

    def pick(self, row: int, additive: bool) -> None:
        """A click on a cloud row of the second half: its query is selected, the background clears the selection."""
        hit, display = frozenset(self._claimants(row)[:1]), self._session.display
        self._session.show(replace(display, selection=display.selection ^ hit if additive else hit))

    def hover(self, row: int) -> None:
        """The pointer rests on a cloud row of the second half."""
        found = self._claimants(row)
        self._session.show(replace(self._session.display, hovered=found[0] if found else None))

    def explain(self, row: int) -> None:
        """The pointer has rested there for a while: say who claims it."""
        view = self._view()
        if view is not None:
            found, name = self._claimants(row), self._painting.name
            others = f"\nSo does {name(found[1])}" if len(found) > 1 else ""
            view.set_tip(f"{name(found[0])} claims it{others}" if found else "Not claimed by this query")

    def _claimants(self, row: int) -> list[int]:
        """The second query, and after it the first, as far as they claim a cloud row; nobody if the second does not."""
        if not self._painting.on or row < 0:
            return []
        first, second = self._painting.sides()
        return [side.query for side in (second, first) if side.rows[row]] if second.rows[row] else []

    def _refresh(self, _: object) -> None:
        on, stage = self._painting.on, self._stage
        self._actions.set("side_by_side", checked=on)
        if on != self._on:
            self._on = on
            self._shown = self._side = None
            self._worded = self._pictured = ()
            self._make_room(on)
            stage.set_photos(on)
            self._clear_legend()
        if not on:
            return
        stage.set_split(True)
        curated, view = self._session.curated, self._view()
        assert curated is not None, "a pair belongs to a result"
        assert view is not None, "a split stage has a second view"
        sides = self._painting.sides()
        self._show_words(sides)
        self._show_second(view, curated.reconstruction, sides[1])
        self._show_photos(curated.reconstruction, sides, self._session.display)

    def _clear_legend(self) -> None:
        """The second view may be of something else from now on."""
        view = self._view()
        if view is not None:
            view.set_legend("", scale_stops("viridis"), ("", ""))

    def _show_words(self, sides: tuple[PairSide, PairSide]) -> None:
        titles = tuple((self._painting.name(side.query), _facts(side)) for side in sides)
        if titles != self._worded:
            self._worded = titles
            self._stage.set_first(*titles[0])
            self._stage.set_second(*titles[1])

    def _show_second(self, view: View, result: Reconstruction, side: PairSide) -> None:
        display, cloud = self._session.display, result.cloud
        if cloud is not self._shown:
            self._shown, self._side = cloud, None
            height, width = result.images.shape[1:3]
            view.show_cloud(cloud.points, cloud.colors, cloud.valid, self._drawable())
            view.show_cameras(result.intrinsics, result.world_to_camera, (height, width), result.images)
        if side is not self._side:
            self._side = side
            view.set_rows(side.rows)
            view.set_table(side.table)
            view.set_point_colors("row")
            view.set_swatches(TITLE, self._painting.legend(1))
        view.set_point_scale(display.point_scale)
        view.set_current_view(display.view)

    def _show_photos(self, result: Reconstruction, sides: tuple[PairSide, PairSide], display: Display) -> None:
        shown = (id(sides), id(result.images), display.view, display.mask_opacity)
        if shown == self._pictured:
            return
        self._pictured, self._kept = shown, (sides, result.images)  # or their ids could come again
        for photo, side in zip(self._photos, sides, strict=True):
            overlay, lines = side_photo(result, side, display.view, display.mask_opacity)
            photo.set_picture(result.images[display.view])
            photo.set_overlay(overlay)
            photo.set_outlines(lines)


def _facts(side: PairSide) -> str:
    """Such as "5,154 pixels, 62% contested, wins 87%": of those that both claim, those on which it bids most."""
    if not side.claimed:
        return "claims nothing"
    words = f"{side.claimed:,} pixels, {side.contested / side.claimed:.0%} contested"
    if side.won is not None and side.contested:
        words += f", wins {side.won / side.contested:.0%}"
    return words
