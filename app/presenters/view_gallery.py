"""The strip of photos: thumbnails in the colors of the cloud, the current view both ways."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.coloring import thumbnail
from app.presenters.painting import Painting
from app.session.edits import Edits
from app.session.session import Display, Session

WIDTH = 160  # of a thumbnail, pixels


class Gallery(Protocol):
    """What this presenter needs of the strip."""

    def set_views(
        self, names: Sequence[str], shape: tuple[int, int], picture: Callable[[int], NDArray[np.uint8]]
    ) -> None: ...
    def set_current(self, view: int) -> None: ...


class ViewGalleryPresenter:
    """Session to strip, and back."""

    def __init__(self, session: Session, painting: Painting, gallery: Gallery) -> None:
        self._session, self._painting, self._gallery = session, painting, gallery
        self._rows: NDArray[np.int32] | None = None
        self._table: NDArray[np.uint8] | None = None
        session.reconstruction_changed.connect(self._on_reconstruction)
        session.edits_changed.connect(self._on_edits)
        session.display_changed.connect(self._on_display)
        session.inspection_changed.connect(self._on_reconstruction)
        session.difference_changed.connect(self._on_reconstruction)

    def choose(self, view: int) -> None:
        """The user chose a photo."""
        self._session.show(replace(self._session.display, view=view))

    def _on_reconstruction(self, _: object) -> None:
        self._paint()

    def _on_edits(self, _: Edits) -> None:
        self._paint()

    def _on_display(self, display: Display) -> None:
        self._paint()
        self._gallery.set_current(display.view)

    def _paint(self) -> None:
        result = self._session.reconstruction
        if result is None:
            return
        rows, table = self._painting.photo_rows(), self._painting.table()
        if rows is not self._rows or table is not self._table:
            self._rows, self._table = rows, table
            height, width = result.images.shape[1:3]
            picture = partial(thumbnail, result, rows, table, width=WIDTH)
            self._gallery.set_views(result.names, (height, width), picture)
