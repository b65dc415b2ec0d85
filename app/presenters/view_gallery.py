"""The strip of photos: thumbnails in the colors of the cloud, the current view both ways, and the next run's choice."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.actions import Actions
from app.coloring import anchor_colors, thumbnail
from app.photo_layers import anchor_in_views, doubtful_views
from app.presenters.evidence import LOOK_WORDS
from app.presenters.evidence import TAB as EVIDENCE
from app.presenters.painting import Painting
from app.probe import ANCHORS
from app.session.edits import Edits
from app.session.plan import Photo, Plan
from app.session.session import Display, Session
from fast3dis_core.reconstruction import Reconstruction

ANCHOR_TABS = (ANCHORS, EVIDENCE)  # of the inspector, whose subject is one anchor
Mark = tuple[float, float, str]  # shares of a picture's width and height, and how its camera sees the place


class Gallery(Protocol):
    """What this presenter needs of the strip."""

    def set_views(
        self, names: Sequence[str], shape: tuple[int, int], picture: Callable[[int, int], NDArray[np.uint8]]
    ) -> None: ...
    def set_tips(self, tip: Callable[[int], str]) -> None: ...
    def set_doubtful(self, reasons: Mapping[int, str]) -> None: ...
    def set_excluded(self, views: frozenset[int], *, possible: bool) -> None: ...
    def set_current(self, view: int) -> None: ...
    def set_marks(self, color: tuple[int, int, int], marks: Sequence[Mark]) -> None: ...


class ViewGalleryPresenter:
    """Session to strip, and back.

    Parameters
    ----------
    session, actions, painting
    gallery : Gallery
    copy : callable
        Puts a text on the clipboard.
    """

    def __init__(
        self, session: Session, actions: Actions, painting: Painting, gallery: Gallery, copy: Callable[[str], object]
    ) -> None:
        self._session, self._actions, self._painting = session, actions, painting
        self._gallery, self._copy = gallery, copy
        self._rows: NDArray[np.int32] | None = None
        self._table: NDArray[np.uint8] | None = None
        self._doubted: object = None  # the cloud whose views were judged
        self._doubtful: dict[int, str] = {}
        self._marked: tuple[object, ...] = ()  # what the marks are of,
        self._marked_in: object = None  # and the result they are in
        self._sights: tuple[str, ...] = ()
        gallery.set_tips(self.facts)
        session.reconstruction_changed.connect(self._on_reconstruction)
        session.edits_changed.connect(self._on_edits)
        session.display_changed.connect(self._on_display)
        session.inspection_changed.connect(self._on_colors)
        session.difference_changed.connect(self._on_colors)
        session.plan_changed.connect(self._on_plan)
        session.comparison_changed.connect(self._on_colors)

    def choose(self, view: int) -> None:
        """The user chose a photo."""
        self._session.show(replace(self._session.display, view=view))

    def look(self, view: int) -> None:
        """Through the camera of a photo."""
        self.choose(view)
        if not self._actions.state("through_photo").checked:
            self._actions.trigger("through_photo")

    def copy_name(self, name: str) -> None:
        """Of a photo, to the clipboard."""
        self._copy(name)
        self._session.message(f"Copied {name}")

    def toggle_exclusion(self, view: int) -> None:
        """Leave a photo out of the next run, or take it in again; the result stays as it is."""
        plan, result = self._plan(), self._session.reconstruction
        if plan is None or result is None:
            return
        name = result.names[view]
        photos = tuple(_turned(photo) if photo.name == name else photo for photo in plan.photos)
        self._session.prepare(plan.with_photos(photos))
        left_out = any(photo.name == name and not photo.included for photo in photos)
        self._session.message(f"The next run {'leaves out' if left_out else 'uses'} {name}")

    def facts(self, view: int) -> str:
        """What is known of a photo, line by line."""
        curated = self._session.curated
        assert curated is not None, "a strip without a result has no views"
        result = curated.reconstruction
        height, width = result.images.shape[1:3]
        count = sum(bool(item.points_per_view[view]) for item in curated.shown)
        lines = [
            f"View {view + 1} of {len(result.images)}: {result.names[view]}",
            f"{width} x {height} pixels · {count} instance{'' if count == 1 else 's'} shown",
        ]
        if view in self._doubtful:
            lines.append(self._doubtful[view])
        if self._sights:
            lines.append(f"The selected anchor is {LOOK_WORDS[self._sights[view]]}")
        if view in self._excluded():
            lines.append("Left out of the next run")
        return "\n".join(lines)

    def _on_reconstruction(self, result: Reconstruction) -> None:
        self._paint()
        if result.cloud is not self._doubted:
            self._doubted = result.cloud
            self._doubtful = {
                view: f"Its depth is in doubt: median confidence {own:.2f}, {usual:.2f} in the other views"
                for view, (own, usual) in doubtful_views(result).items()
            }
            self._gallery.set_doubtful(self._doubtful)
        self._mark()
        self._on_plan()

    def _on_edits(self, _: Edits) -> None:
        self._paint()
        self._mark()

    def _on_colors(self, _: object) -> None:
        self._paint()

    def _on_display(self, display: Display) -> None:
        self._paint()
        self._mark()
        self._gallery.set_current(display.view)

    def _on_plan(self, _: object = None) -> None:
        self._gallery.set_excluded(self._excluded(), possible=self._plan() is not None)

    def _plan(self) -> Plan | None:
        """The next run, if it is of the photos on show."""
        plan, origin = self._session.plan, self._session.origin
        same = plan is not None and plan.complete and origin is not None and plan.root == origin.folder
        return plan if same else None

    def _excluded(self) -> frozenset[int]:
        plan, result = self._plan(), self._session.reconstruction
        if plan is None or result is None:
            return frozenset()
        unwanted = {photo.name for photo in plan.photos if not photo.included}
        return frozenset(view for view, name in enumerate(result.names) if name in unwanted)

    def _mark(self) -> None:
        """The selected query's anchor in every picture, while anchors are looked at; not while one is dragged."""
        display, curated = self._session.display, self._session.curated
        if self._session.previewing or curated is None:
            return
        result, chosen = curated.reconstruction, sorted(display.selection)
        looked_at = display.anchors or display.photo_anchors or display.tab in ANCHOR_TABS
        query = chosen[0] if looked_at and len(chosen) == 1 and chosen[0] < result.anchors.shape[1] else None
        color = (0, 0, 0)
        if query is not None:
            red, green, blue = (int(channel) for channel in anchor_colors(curated)[query])
            color = (red, green, blue)
        key = (query, display.layer, color)
        if key == self._marked and (query is None or result is self._marked_in):
            return
        self._marked, self._marked_in = key, result
        if query is None:
            self._sights = ()
            self._gallery.set_marks(color, ())
            return
        height, width = result.images.shape[1:3]
        seen = anchor_in_views(result, result.anchors[display.layer, query])
        self._sights = seen.sights
        places = ((float(x) / width, float(y) / height) for x, y in seen.positions)
        self._gallery.set_marks(color, [(*place, sight) for place, sight in zip(places, seen.sights, strict=True)])

    def _paint(self) -> None:
        result = self._session.reconstruction
        if result is None or self._session.previewing:  # small pictures of what changes many times a second
            return
        rows, table = self._painting.photo_rows(), self._painting.photo_table()
        if rows is not self._rows or table is not self._table:
            self._rows, self._table = rows, table
            height, width = result.images.shape[1:3]
            self._gallery.set_views(result.names, (height, width), partial(thumbnail, result, rows, table))


def _turned(photo: Photo) -> Photo:
    return replace(photo, included=not photo.included)
