"""What every panel paints with: owners of points and the table of their colors, worked out once per change.

Viewport and photos pull from here, so both always show the same. The colors themselves are `app.coloring`.
"""

import numpy as np
from numpy.typing import NDArray

from app.coloring import owner_rows, row_table
from app.session.session import Session


class Painting:
    """Owner rows and color table of the session's present state."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows_key: tuple[object, ...] = ()
        self._table_key: tuple[object, ...] = ()
        self._rows: NDArray[np.int32] = np.zeros(0, np.int32)
        self._table: NDArray[np.uint8] = np.zeros((1, 4), np.uint8)

    def rows(self) -> NDArray[np.int32]:
        """Owner of every cloud point, array (P,) int32; the same object while nothing changed."""
        result, edits, display = self._session.reconstruction, self._session.edits, self._session.display
        assert result is not None, "there is nothing to paint before the first result"
        front = display.selection | display.isolated
        # the threshold moves owners only if somebody is hidden or in front: see `owner_rows`
        threshold = edits.objectness_threshold if edits.hidden or front else 0.0
        key = (result, threshold, edits.hidden, front)
        if not _same(key, self._rows_key):
            self._rows_key = key
            self._rows = owner_rows(result, threshold, edits.hidden, front)
        return self._rows

    def table(self) -> NDArray[np.uint8]:
        """Color and kind of every owner, array (N + 1, 4) uint8; the same object while nothing changed."""
        result, edits, display = self._session.reconstruction, self._session.edits, self._session.display
        assert result is not None, "there is nothing to paint before the first result"
        key = (result, edits.objectness_threshold, edits.hidden, display.selection, display.isolated)
        if not _same(key, self._table_key):
            self._table_key = key
            self._table = row_table(
                result,
                edits.objectness_threshold,
                hidden=edits.hidden,
                selection=display.selection,
                isolated=display.isolated,
            )
        return self._table


def _same(key: tuple[object, ...], other: tuple[object, ...]) -> bool:
    """Equality with the reconstruction, which comes first, compared by identity."""
    return len(other) > 0 and key[0] is other[0] and key[1:] == other[1:]
