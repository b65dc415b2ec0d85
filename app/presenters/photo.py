"""The large photo: session values to picture and layers; walking, playing and pictures back.

What the pointer is over belongs to `photo_pointer`.
"""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from app.actions import Actions
from app.coloring import overlay_colors
from app.number_colors import NumberScale, numbers_of
from app.photo_layers import (
    confidence_map,
    depth_map,
    map_limits,
    map_picture,
    of_view,
    outlines,
)
from app.presenters.painting import Painting
from app.session.ruler import Ruler
from app.session.session import Display, Session
from app.workflow import Workflow
from fast3dis_core.color_scales import scale_stops
from fast3dis_core.curation import Curated
from fast3dis_core.reconstruction import Reconstruction

ZOOM = 1.25  # of one key press
PICTURE_ACTIONS = ("save_picture", "copy_picture", "photo_larger", "photo_smaller", "photo_fit", "photo_actual")
PICTURE_TIME = 700  # ms of a view while they are played


class Panel(Protocol):
    """What this presenter needs of the panel around the photo."""

    def set_title(self, text: str) -> None: ...
    def set_controls(self, layer: str, ticks: Sequence[tuple[str, bool]], opacity: float) -> None: ...
    def set_scale(self, stops: NDArray[np.uint8] | None, ends: tuple[str, str]) -> None: ...
    def rendered(self) -> Any: ...
    def copy_picture(self) -> None: ...


class Photo(Protocol):
    """What this presenter needs of the photo."""

    def set_picture(self, picture: NDArray[np.uint8] | None) -> None: ...
    def set_overlay(self, overlay: NDArray[np.uint8] | None) -> None: ...
    def set_outlines(self, lines: Sequence[tuple[NDArray[np.float32], tuple[int, int, int], bool]]) -> None: ...
    def zoom(self, factor: float) -> None: ...
    def fit(self) -> None: ...
    def actual_size(self) -> None: ...


class Questions(Protocol):
    """What the user is asked."""

    async def save_picture_as(self, proposal: Path) -> Path | None: ...
    async def overwrite(self, path: Path) -> bool: ...


class PhotoPresenter:
    """Session to photo, and back.

    Parameters
    ----------
    session, workflow, actions, painting
    panel, photo, questions
        See the protocols.
    write : callable
        Writes a rendered picture to a path, whole or not at all; over a file only if its last argument says so.
    """

    def __init__(
        self,
        session: Session,
        workflow: Workflow,
        actions: Actions,
        painting: Painting,
        *,
        panel: Panel,
        photo: Photo,
        questions: Questions,
        write: Callable[[Any, Path, bool], object],
    ) -> None:
        self._session, self._workflow, self._actions, self._painting = session, workflow, actions, painting
        self._panel, self._photo, self._questions, self._write = panel, photo, questions, write
        self._pictured: tuple[object, ...] = ()
        self._painted: tuple[object, ...] = ()
        self._outlined: tuple[int, bytes] = (0, b"")  # view and owners that `_borders` is of,
        self._bordered: object = None  # and the rows it comes from
        self._borders: dict[int, NDArray[np.float32]] = {}  # of the view on show, by owner
        self._scaled: object = None
        self._scales: dict[str, tuple[float, float]] = {}
        for name, handler in (
            ("previous_view", lambda: self.step(-1)),
            ("next_view", lambda: self.step(1)),
            ("play_views", self.toggle_playing),
            ("photo_masks", lambda: self.tick("masks", not session.display.masks)),
            ("save_picture", self.save),
            ("copy_picture", self.copy),
            ("photo_larger", lambda: photo.zoom(ZOOM)),
            ("photo_smaller", lambda: photo.zoom(1 / ZOOM)),
            ("photo_fit", photo.fit),
            ("photo_actual", photo.actual_size),
        ):
            actions.bind(name, handler, enabled=False)
        session.reconstruction_changed.connect(self._on_change)
        session.edits_changed.connect(self._on_change)
        session.display_changed.connect(self._on_change)
        session.inspection_changed.connect(self._on_change)
        session.difference_changed.connect(self._on_change)
        session.comparison_changed.connect(self._on_change)

    # what the user does

    def step(self, by: int) -> None:
        """To the next or the previous view."""
        result = self._session.reconstruction
        if result is not None:
            view = min(max(self._session.display.view + by, 0), len(result.images) - 1)
            self._session.show(replace(self._session.display, view=view))

    def toggle_playing(self) -> None:
        """Let the views follow each other, or stop."""
        display, result = self._session.display, self._session.reconstruction
        last = result is not None and display.view + 1 >= len(result.images)
        again = 0 if last and not display.playing else display.view  # from the start, not stopped at once
        self._session.show(replace(display, playing=not display.playing, view=again))

    def play_on(self) -> None:
        """The clock of playing: one view further, and an end at the last."""
        display, result = self._session.display, self._session.reconstruction
        if result is None or display.view + 1 >= len(result.images):
            self._session.show(replace(display, playing=False))
        else:
            self.step(1)

    def choose_layer(self, layer: str) -> None:
        """Photo, depth or confidence."""
        self._session.show(replace(self._session.display, photo_layer=layer))  # type: ignore[arg-type]

    def tick(self, name: str, on: bool) -> None:
        """Masks, outlines or anchors."""
        self._session.show(replace(self._session.display, **{name: on}))  # type: ignore[arg-type]

    def set_opacity(self, share: float) -> None:
        """Of masks."""
        self._session.show(replace(self._session.display, mask_opacity=share))

    def copy(self) -> None:
        """The picture shown, with what lies over it, to the clipboard."""
        result = self._session.reconstruction
        if result is not None:
            self._panel.copy_picture()
            self._session.message(f"Copied the picture of {result.names[self._session.display.view]}")

    def save(self) -> None:
        """The picture shown, as PNG."""
        origin, result = self._session.origin, self._session.reconstruction
        if origin is None or result is None:
            return
        stem = Path(result.names[self._session.display.view]).stem
        proposal = origin.folder.resolve().parent / f"{origin.folder.resolve().name}_{stem}.png"

        async def ask() -> None:
            path = await self._questions.save_picture_as(proposal)
            if path is None:
                return
            exists = path.exists()
            if exists and not await self._questions.overwrite(path):
                return
            self._write(self._panel.rendered(), path, exists)
            self._session.message(f"Saved {path}")

        self._workflow.start(ask())

    # what the session says

    def _on_change(self, _: object) -> None:
        curated, display = self._session.curated, self._session.display
        self._actions.set("photo_masks", checked=display.masks)
        self._actions.set("play_views", checked=display.playing)
        if curated is None:
            return
        views = len(curated.reconstruction.images)
        self._actions.enable("play_views", "photo_masks", *PICTURE_ACTIONS, enabled=True)
        self._actions.enable("previous_view", enabled=display.view > 0)
        self._actions.enable("next_view", enabled=display.view + 1 < views)
        ticks = [("masks", display.masks), ("outlines", display.outlines), ("photo_anchors", display.photo_anchors)]
        self._panel.set_controls(display.photo_layer, ticks, display.mask_opacity)
        name = curated.reconstruction.names[display.view]
        self._panel.set_title(f"{display.view + 1} of {views} · {name}")
        self._show_picture(curated, display)
        self._show_layers(curated, display)

    def _show_picture(self, curated: Curated, display: Display) -> None:
        result, layer = curated.reconstruction, display.photo_layer
        ruler = Ruler.of(result.units, self._session.edits.scale)
        key = (id(result.cloud), display.view, layer, ruler)
        if key == self._pictured:
            return
        self._pictured = key
        if layer == "photo":
            self._photo.set_picture(result.images[display.view])
            self._panel.set_scale(None, ("", ""))
            return
        values = (depth_map if layer == "depth" else confidence_map)(result, display.view)
        low, high = self._limits(result, layer)
        self._photo.set_picture(map_picture(values, low, high))
        scale = NumberScale(title=layer, low=low, high=high, length=layer == "depth")
        self._panel.set_scale(scale_stops(scale.colors), numbers_of(scale, ruler.units, ruler.factor))

    def _limits(self, result: Reconstruction, layer: Literal["depth", "confidence"]) -> tuple[float, float]:
        """Of a map, worked out once for all views."""
        if self._scaled is not result.cloud:
            self._scaled, self._scales = result.cloud, {}
        if layer not in self._scales:
            self._scales[layer] = map_limits(result, layer)
        return self._scales[layer]

    def _show_layers(self, curated: Curated, display: Display) -> None:
        rows, table = self._painting.photo_rows(), self._painting.photo_table()
        wishes = (display.masks, display.outlines, display.mask_opacity, display.layer)
        key = (
            id(rows),
            id(table),
            display.view,
            display.selection,
            display.others,
            id(curated.reconstruction.cloud),
            *wishes,
        )
        if key == self._painted:
            return
        self._painted = key
        self._kept = rows, table, curated.reconstruction.cloud  # or their ids could come again
        owners = of_view(rows, curated.reconstruction, display.view)  # (H, W)
        colors = overlay_colors(table, display.mask_opacity)
        self._photo.set_overlay(colors[owners] if display.masks else None)
        owned = self._painting.photo_owners()
        bordered = display.outlines and display.color_mode != "difference"  # borders of owners would cover the changes
        self._photo.set_outlines(self._lines(curated, *owned, display) if bordered else ())

    def _lines(
        self,
        curated: Curated,
        rows: NDArray[np.int32],
        table: NDArray[np.uint8],
        marked: frozenset[int],
        display: Display,
    ) -> list[tuple[NDArray[np.float32], tuple[int, int, int], bool]]:
        drawn = overlay_colors(table, 1.0)[:, 3] > 0
        key = (display.view, drawn.tobytes())
        if rows is not self._bordered or key != self._outlined:  # the pointer changes colors only
            self._bordered, self._outlined = rows, key
            owners = of_view(rows, curated.reconstruction, display.view)
            found = outlines(np.where(drawn[owners], owners, 0))
            for owner, lines in self._borders.items():  # the very same lines are not drawn up again
                if owner in found and np.array_equal(found[owner], lines):
                    found[owner] = lines
            self._borders = found
        outlined = []
        for owner, lines in self._borders.items():
            red, green, blue = (int(channel) for channel in table[owner, :3])
            outlined.append((lines, (red, green, blue), owner - 1 in marked))
        return sorted(outlined, key=lambda each: each[2])  # those that stand out lie above the others
