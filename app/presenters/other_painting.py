"""What the other side of a comparison is painted with: in its own viewport, and over photos if the user wishes.

Owners of points and the table of their colors, worked out once per change, as `painting` does for the result itself.
"""

import numpy as np
from numpy.typing import NDArray

from app.coloring import owner_rows, row_table
from app.session.session import Display, Session
from fast3dis_core.counterpart import SideBySide

NOBODY = frozenset({-1})  # a query nobody has: where others are isolated, nothing of this side is


class OtherPainting:
    """Owner rows and color table of the session's comparison. All but `in_photos` need one.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rows: NDArray[np.int32] = np.zeros(0, np.int32)
        self._rows_of: tuple[object, frozenset[int]] = (None, frozenset())
        self._photo_rows: NDArray[np.int32] = self._rows
        self._photo_rows_of: NDArray[np.int32] | None = None
        self._table: NDArray[np.uint8] = np.zeros((1, 4), np.uint8)
        self._table_of: tuple[object, tuple[object, ...]] = (None, ())

    @property
    def in_photos(self) -> bool:
        """Whether photos show this side."""
        return self._session.display.other_photos and self._session.comparison is not None

    def rows(self) -> NDArray[np.int32]:
        """Owner of every point of its own cloud, array (Q,) int32; the same object while nothing changed."""
        second, front = self._comparison().second, self.marked() | self._isolated()
        if self._rows_of[0] is not second or self._rows_of[1] != front:
            self._rows_of, self._rows = (second, front), owner_rows(second, front)
        return self._rows

    def photo_rows(self) -> NDArray[np.int32]:
        """Owner of every pixel of the result, array (P,) int32; 0 where this side has none."""
        rows, places = self.rows(), self._comparison().counterpart.rows
        if places is None:
            return rows
        if self._photo_rows_of is not rows:
            self._photo_rows_of = rows
            self._photo_rows = np.where(places >= 0, rows[places], 0).astype(np.int32)
        return self._photo_rows

    def table(self) -> NDArray[np.uint8]:
        """Color and kind of every owner, array (N + 2, 4) uint8; the same object while nothing changed."""
        comparison = self._comparison()
        marks = self.marked(), self._isolated(), self.lit()
        if self._table_of[0] is not comparison or self._table_of[1] != marks:
            self._table_of = comparison, marks
            self._table = row_table(
                comparison.second, selection=marks[0], isolated=marks[1], hovered=marks[2], colors=comparison.colors
            )
        return self._table

    def lit(self) -> int | None:
        """Query of this side that the pointer is over, or the partner of what it is over."""
        display = self._session.display
        if display.hovered_other is not None or display.hovered is None:
            return display.hovered_other
        lines = (line for line in self._comparison().lines if line.first == display.hovered)  # by falling IoU
        return next((line.second for line in lines if line.second is not None), None)

    def marked(self) -> frozenset[int]:
        """Queries of this side that are selected, or on a line with one that is."""
        return marked_others(self._comparison(), self._session.display)

    def _isolated(self) -> frozenset[int]:
        isolated = self._session.display.isolated
        if not isolated:
            return frozenset()
        return frozenset().union(*(self._comparison().seconds_of(query) for query in isolated)) or NOBODY

    def _comparison(self) -> SideBySide:
        comparison = self._session.comparison
        assert comparison is not None, "there is nothing to paint without a comparison"
        return comparison


def marked_others(comparison: SideBySide, display: Display) -> frozenset[int]:
    """Queries of the other side that are selected, or on a line with one that is."""
    return display.others or frozenset().union(*(comparison.seconds_of(query) for query in display.selection))
