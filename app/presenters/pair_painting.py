"""Two queries side by side, as both halves of the stage and both photos paint them; worked out once per change.

What the patterns look like is `app.pair_colors`.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from app.pair_colors import PairSide, pair_sides
from app.session.session import Session
from fast3dis_core.curation import Color, Curated, CuratedInstance
from fast3dis_core.palette import instance_color

TITLE = "Side by side"  # of the legend
GRAY = (128, 128, 128)  # beside words on a pattern of two colors
Patterns = tuple[NDArray[np.bool_], NDArray[np.bool_]]


class PairPainting:
    """Both sides of the session's pair.

    Parameters
    ----------
    session : Session
    patterns : callable
        Checker and stripes of a result's cloud.
    """

    def __init__(self, session: Session, patterns: Callable[[Curated], Patterns]) -> None:
        self._session, self._patterns = session, patterns
        self._sides: tuple[PairSide, PairSide] | None = None
        self._of: tuple[object, ...] = ()
        self._pixels: tuple[object, ...] = ()

    @property
    def on(self) -> bool:
        """Whether two queries stand side by side."""
        return self._session.display.pair is not None and self._session.reconstruction is not None

    def sides(self) -> tuple[PairSide, PairSide]:
        """Both, the same objects while nothing changed."""
        session, pair = self._session, self._session.display.pair
        curated, inspection = session.curated, session.inspection
        assert pair is not None, "there is a pair while `on`"
        assert curated is not None, "there is a result while `on`"
        result, colors = curated.reconstruction, (self._color(pair[0]), self._color(pair[1]))
        claims = None if inspection is None else inspection.claims
        pixels = (curated.keep, claims, *(item.pixels for item in result.instances if item.query in pair))
        of = (pair, colors, session.display.layer)
        same = len(pixels) == len(self._pixels) and all(a is b for a, b in zip(pixels, self._pixels, strict=True))
        if self._sides is None or of != self._of or not same:
            self._of, self._pixels = of, pixels
            self._sides = pair_sides(
                result,
                curated.keep,
                pair,
                colors,
                patterns=self._patterns(curated),
                claims=claims,
                layer=session.display.layer,
            )
        return self._sides

    def name(self, query: int) -> str:
        """What a query is called; one that was merged into another has its number."""
        item = self._instance(query)
        return f"Query {query}" if item is None else item.name

    def legend(self, place: int) -> tuple[tuple[Color, str], ...]:
        """Single colors of a side and what they mean."""
        side = self.sides()[place]
        red, green, blue = (int(channel) for channel in side.table[1, :3])
        words = "both claim it: checkered" if side.contested else "they share no pixel"
        return ((red, green, blue), f"{self.name(side.query)} · objectness {side.objectness:.2f}"), (GRAY, words)

    def _instance(self, query: int) -> CuratedInstance | None:
        """The one whose own number this is: not one that the query was merged into."""
        curated = self._session.curated
        return None if curated is None else next((item for item in curated.instances if item.query == query), None)

    def _color(self, query: int) -> Color:
        item = self._instance(query)
        if item is not None:
            return item.color
        red, green, blue = (int(channel) for channel in instance_color(query, self._session.display.palette))
        return red, green, blue
