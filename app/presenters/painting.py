"""What every panel paints with: rows of points and the table of their colors, worked out once per change.

Viewport and photos pull from here, so both always show the same. The colors themselves are `app.coloring`.
"""

from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from app.coloring import claim_order, claimed_rows, ordered_by_objectness, row_table
from app.finding_colors import (
    FindingPaint,
    FindingRows,
    FindingTable,
    changed_rows,
    changed_table,
    checker,
    contested_rows,
    contested_table,
    stripes,
)
from app.hijack_pictures import GAP_BID
from app.number_colors import (
    CLAIM_MODES,
    NumberScale,
    PointMode,
    instance_colors,
    point_values,
    table_mode,
    table_scale,
)
from app.presenters.other_painting import OtherPainting
from app.presenters.pair_painting import TITLE, PairPainting
from app.session.session import Session
from fast3dis_core.curation import Color, Curated, CuratedInstance

CHANGED = changed_table()
PAPERS: dict[str, Color] = {"white": (255, 255, 255), "black": (0, 0, 0)}  # backgrounds that are not the theme's
FINDING_TITLES = {"contested": "Contested points", "difference": "Changed points"}


class Painting:
    """Rows and color table of the session's present state.

    Rows are owners, and the table says how each is painted; in the modes that show findings both are others, and
    `owners` and `owner_table` still tell who is where.
    """

    def __init__(self, session: Session) -> None:
        self._session, self.other = session, OtherPainting(session)
        self.pair = PairPainting(session, self._patterns)
        self._keep: object = None
        self._painted: Curated | None = None
        self._rows_key: tuple[object, ...] = ()
        self._table_key: tuple[object, ...] = ()
        self._valued: tuple[object, object, object] = ("", 0, None)
        self._values: tuple[NDArray[np.float32], NumberScale] | None = None
        self._rows: NDArray[np.int32] = np.zeros(0, np.int32)
        self._below_of: tuple[object, ...] = ()
        self._below: NDArray[np.int32] = np.zeros(0, np.int32)
        self._table: NDArray[np.uint8] = np.zeros((1, 4), np.uint8)
        self._gap_color: Color = (255, 196, 107)
        self._paper: Color = (0, 0, 0)
        self._found: FindingRows | None = None
        self._found_of: tuple[object, ...] = ()
        self._front: frozenset[int] = frozenset()
        self._colored: FindingTable | None = None
        self._colored_of: tuple[object, ...] = ()
        self._patterned: object = None
        self._pattern: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None

    def set_gap_color(self, color: Color) -> None:
        """The theme's color of warnings."""
        self._gap_color = color

    def set_paper(self, color: Color) -> None:
        """The theme's color behind the points."""
        self._paper = color

    def for_files(self) -> FindingPaint | None:
        """Findings as files can have them; None in the other modes."""
        found, display = self._finding_rows(), self._session.display
        if found is None or self.pair.on:
            return None
        table = CHANGED.table
        if display.color_mode == "contested":
            owners = row_table(self._curated(), isolated=display.isolated)
            table = contested_table(owners, self._gap_color, gaps=self._session.inspection is not None).table
        paper = PAPERS.get(display.background, self._paper)
        return FindingPaint(rows=found.rows, table=table, paper=paper)

    def rows(self) -> NDArray[np.int32]:
        """Entry of the table for every cloud point, array (P,) int32; the same object while nothing changed."""
        if self.pair.on:
            return self.pair.sides()[0].rows
        found = self._finding_rows()
        return self.owners() if found is None else found.rows

    def photo_rows(self) -> NDArray[np.int32]:
        """The same for painting over photos; those of the other side of a comparison if the user wishes."""
        if self.other.in_photos:
            return self.other.photo_rows()
        found = self._finding_rows()
        return self.owners() if found is None else found.photo_rows

    def table(self) -> NDArray[np.uint8]:
        """Color and kind of every row, array (K, 4) uint8; the same object while nothing changed."""
        return self.pair.sides()[0].table if self.pair.on else self._usual_table()

    def photo_table(self) -> NDArray[np.uint8]:
        """The table for `photo_rows`."""
        return self.other.table() if self.other.in_photos else self._usual_table()

    def _usual_table(self) -> NDArray[np.uint8]:
        found = self._finding_table()
        return self.owner_table() if found is None else found.table

    def photo_owners(self) -> tuple[NDArray[np.int32], NDArray[np.uint8], frozenset[int]]:
        """Owners of the pixels of photos, their table, and queries whose outlines stand out."""
        if self.other.in_photos:
            lit = self.other.lit()
            shown = self.other.marked() | (frozenset() if lit is None else frozenset({lit}))
            return self.other.photo_rows(), self.other.table(), shown
        display = self._session.display
        hovered = frozenset() if display.hovered is None else frozenset({display.hovered})
        return self.owners(), self.owner_table(), display.selection | hovered

    def legend(self) -> tuple[tuple[Color, str], ...]:
        """Single colors and what they mean; empty where there are none."""
        if self.pair.on:
            return self.pair.legend(0)
        found = self._finding_table()
        return () if found is None else found.legend

    def legend_title(self) -> str:
        """What single colors are about."""
        return TITLE if self.pair.on else FINDING_TITLES.get(self._session.display.color_mode, "")

    def _finding_rows(self) -> FindingRows | None:
        """What is painted instead of owners; None in the other modes, or while it is not known."""
        session, mode, curated = self._session, self._session.display.color_mode, self._session.curated
        difference, inspection = session.difference, session.inspection
        if curated is None or mode not in ("contested", "difference") or (mode == "difference" and difference is None):
            self._found, self._found_of = None, ()
            return None
        key: tuple[object, ...]
        if mode == "difference" and difference is not None:
            key = (difference, curated.keep)
            if not _same(key, self._found_of):
                self._found_of, self._found = key, changed_rows(curated, difference.points)
            return self._found
        front = session.display.selection | session.display.isolated
        pixels = (item.pixels for item in curated.shown)
        key = (self.owners(), None if inspection is None else inspection.claims, *pixels)
        if not _same(key, self._found_of) or front != self._front:
            self._found_of, self._front = key, front
            gaps = None if inspection is None else inspection.claims.gaps(GAP_BID)
            self._found = contested_rows(curated, self.owners(), front, gaps, self._patterns(curated))
        return self._found

    def _finding_table(self) -> FindingTable | None:
        if self._finding_rows() is None:
            return None
        if self._session.display.color_mode == "difference":
            return CHANGED
        known = self._session.inspection is not None
        key = (self.owner_table(), self._gap_color, known)
        if not _same(key, self._colored_of):
            self._colored_of = key
            self._colored = contested_table(self.owner_table(), self._gap_color, gaps=known)
        return self._colored

    def _patterns(self, curated: Curated) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Checker and stripes of the cloud, worked out once."""
        result = curated.reconstruction
        if self._patterned is not result.cloud or self._pattern is None:
            self._patterned = result.cloud
            self._pattern = checker(result.cloud), stripes(result.images.shape[:3])
        return self._pattern

    def owners(self) -> NDArray[np.int32]:
        """Owner of every cloud point, array (P,) int32; the same object while nothing changed."""
        curated, display = self._curated(), self._session.display
        front = display.selection | display.isolated
        verdicts: tuple[str, ...] = ()
        if not ordered_by_objectness(curated, front):
            verdicts = tuple(item.verdict for item in curated.instances)
        key = (front, verdicts, *((item.query, id(item.pixels)) for item in curated.instances))
        if self._keep is not curated.keep or key != self._rows_key:
            same_points = self._keep is curated.keep
            rows = self._painted_over(curated, claim_order(curated, front), same_points)
            self._keep, self._rows_key = curated.keep, key
            self._rows = _kept(self._rows, rows) if same_points else rows
        return self._rows

    def _painted_over(self, curated: Curated, order: Sequence[CuratedInstance], same_points: bool) -> NDArray[np.int32]:
        """Owners; what lies below the topmost instance is kept, for in a drag it alone changes."""
        below: tuple[object, ...] = tuple(part for item in order[:-1] for part in (item.query, item.pixels))
        if not same_points or not _same(below, self._below_of):
            self._below_of, self._below = below, claimed_rows(curated, order[:-1])
        rows = self._below.copy()
        for item in order[-1:]:
            rows[item.pixels] = item.query + 1
        return rows

    def owner_table(self) -> NDArray[np.uint8]:
        """Color and kind of every owner, array (N + 2, 4) uint8; the same object while nothing changed."""
        curated, display = self._curated(), self._session.display
        mode = table_mode(display.color_mode)
        previewed = self._session.previewed
        key = (display.selection, display.isolated, display.hovered, previewed, mode)
        if self._painted is not curated or key != self._table_key:
            self._painted, self._table_key = curated, key
            table = row_table(
                curated,
                selection=display.selection,
                isolated=display.isolated,
                hovered=display.hovered,
                previewed=previewed,
                colors=instance_colors(curated, mode),
            )
            self._table = _kept(self._table, table)
        return self._table

    def values(self) -> tuple[NDArray[np.float32], NumberScale] | None:
        """Number of every point and their scale where single points have one; the same object while nothing changed."""
        mode, result = self._session.display.color_mode, self._session.reconstruction
        if result is None or mode not in get_args(PointMode) or self.pair.on:
            return None
        inspection = self._session.inspection
        claims = None if inspection is None else inspection.claims
        of = claims if mode in CLAIM_MODES else result.cloud
        if self._valued[:2] != (mode, id(of)) or self._valued[2] is not of:
            self._valued = (mode, id(of), of)
            self._values = point_values(result, mode, claims)  # type: ignore[arg-type]
        return self._values

    def scale(self) -> NumberScale | None:
        """What the present colors mean, None where they are no numbers."""
        values = self.values()
        if values is not None:
            return values[1]
        return table_scale(self._curated(), table_mode(self._session.display.color_mode))

    def _curated(self) -> Curated:
        curated = self._session.curated
        assert curated is not None, "there is nothing to paint before the first result"
        return curated


def _kept(old: NDArray[Any], new: NDArray[Any]) -> NDArray[Any]:
    """The old array if the new one says the same: whoever painted it need not paint again."""
    return old if np.array_equal(old, new) else new


def _same(key: tuple[object, ...], before: tuple[object, ...]) -> bool:
    """Whether both hold the very same objects."""
    return len(key) == len(before) and all(one is two for one, two in zip(key, before, strict=True))
