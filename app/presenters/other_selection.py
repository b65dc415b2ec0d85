"""The pointer over the other side of a comparison, wherever that is painted: its second view, and photos.

A click selects on the side that is painted; who is on a line with what is selected stands out on the other. The same
for what the pointer is over.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from app.presenters.other_painting import marked_others
from app.session.session import Session
from fast3dis_core.counterpart import Line, SideBySide


class OtherSelection:
    """Queries of the other side to the session. Nothing is done without a comparison.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def owner(self, rows: NDArray[np.int32], place: int) -> int | None:
        """Shown query that a place is painted as: of a cloud, or of photos."""
        comparison = self._session.comparison
        if comparison is None or not 0 <= place < len(rows):
            return None
        query = int(rows[place]) - 1
        return query if query in {item.query for item in comparison.second.shown} else None

    def pick(self, query: int | None, *, additive: bool) -> None:
        """A click on an instance; beside every one it clears the selection."""
        comparison, display = self._session.comparison, self._session.display
        if comparison is None:
            return
        hit = frozenset() if query is None else frozenset({query})
        others = (marked_others(comparison, display) ^ hit) if additive else hit
        own = frozenset().union(*(comparison.firsts_of(other) for other in others))
        self._session.show(replace(display, selection=own, others=others))

    def hover(self, query: int | None) -> None:
        """The pointer is over an instance: it lights up, and so does its partner."""
        comparison, display = self._session.comparison, self._session.display
        if comparison is not None:
            line = None if query is None else _best(comparison, query)
            partner = None if line is None else line.first
            self._session.show(replace(display, hovered=partner, hovered_other=query))

    def words(self, query: int | None) -> tuple[str, ...]:
        """Its name and size, whose it is, and who is its partner."""
        comparison = self._session.comparison
        if comparison is None:
            return ()
        title, item = comparison.counterpart.title, None if query is None else comparison.second.find(query)
        if item is None:
            return (f"{title}: nobody's",)
        line = _best(comparison, item.query)
        own = None if line is None or line.first is None else comparison.first.find(line.first)
        partner = "no partner" if own is None or line is None else f"IoU {line.iou:.2f} with {own.name}"
        return f"{item.name} · {len(item.pixels):,} points", title, partner


def _best(comparison: SideBySide, query: int) -> Line | None:
    """The line of a query of the other side; of several that of the highest IoU."""
    lines = [line for line in comparison.lines if line.second == query]
    return max(lines, key=lambda line: line.iou, default=None)
