"""What every panel paints with: owners of points and the table of their colors, worked out once per change.

Viewport and photos pull from here, so both always show the same. The colors themselves are `app.coloring`.
"""

from typing import get_args

import numpy as np
from numpy.typing import NDArray

from app.coloring import ordered_by_objectness, owner_rows, row_table
from app.number_colors import (
    CLAIM_MODES,
    NumberScale,
    PointMode,
    instance_colors,
    point_values,
    table_mode,
    table_scale,
)
from app.session.session import Session
from fast3dis_core.curation import Curated


class Painting:
    """Owner rows and color table of the session's present state."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._keep: object = None
        self._painted: Curated | None = None
        self._rows_key: tuple[object, ...] = ()
        self._table_key: tuple[object, ...] = ()
        self._valued: tuple[object, object, object] = ("", 0, None)
        self._values: tuple[NDArray[np.float32], NumberScale] | None = None
        self._rows: NDArray[np.int32] = np.zeros(0, np.int32)
        self._table: NDArray[np.uint8] = np.zeros((1, 4), np.uint8)

    def rows(self) -> NDArray[np.int32]:
        """Owner of every cloud point, array (P,) int32; the same object while nothing changed."""
        curated, display = self._curated(), self._session.display
        front = display.selection | display.isolated
        verdicts: tuple[str, ...] = ()
        if not ordered_by_objectness(curated, front):
            verdicts = tuple(item.verdict for item in curated.instances)
        key = (front, verdicts, *((item.query, id(item.pixels)) for item in curated.instances))
        if self._keep is not curated.keep or key != self._rows_key:
            self._keep, self._rows_key = curated.keep, key
            self._rows = owner_rows(curated, front)
        return self._rows

    def table(self) -> NDArray[np.uint8]:
        """Color and kind of every owner, array (N + 2, 4) uint8; the same object while nothing changed."""
        curated, display = self._curated(), self._session.display
        mode = table_mode(display.color_mode)
        previewed = self._session.previewed
        key = (display.selection, display.isolated, display.hovered, previewed, mode)
        if self._painted is not curated or key != self._table_key:
            self._painted, self._table_key = curated, key
            self._table = row_table(
                curated,
                selection=display.selection,
                isolated=display.isolated,
                hovered=display.hovered,
                previewed=previewed,
                colors=instance_colors(curated, mode),
            )
        return self._table

    def values(self) -> tuple[NDArray[np.float32], NumberScale] | None:
        """Number of every point and their scale where single points have one; the same object while nothing changed."""
        mode, result = self._session.display.color_mode, self._session.reconstruction
        if result is None or mode not in get_args(PointMode):
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
