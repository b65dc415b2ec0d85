"""Colors of findings: points that two instances claim, points that nobody does, and points that changed hands.

As in `app.coloring` every point has a row of a table, so that 3D view and photos share both; here rows stand for
findings. Contested points take the colors of both claimants by turns: in cells of a fine checker in 3D, in stripes in
photos. The two failures of the paper's figure 4 are seen this way. NumPy alone.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from app.coloring import CLAIMED, HIDDEN, RECEDING, UNASSIGNED_RECEDING, filtered_row, painted_colors
from fast3dis_core.curation import Color, Curated
from fast3dis_core.difference import GAINED, LOST, PASSED
from fast3dis_core.reconstruction import Bool, Int32, PointCloud, UInt8

CELLS = 160  # of the checker along the scene's extent
STRIPES = 60  # across a photo
EXTENT_SAMPLE = 20_000  # points from which the extent is told
# a blue-orange pair for more and less, and a third that is neither
CHANGE_COLORS: dict[int, Color] = {GAINED: (74, 144, 226), LOST: (232, 131, 31), PASSED: (166, 108, 201)}
CHANGE_WORDS = {GAINED: "newly claimed", LOST: "no longer claimed", PASSED: "by another query"}


@dataclass(frozen=True, kw_only=True)
class FindingRows:
    """Entry of the table for every point.

    Attributes
    ----------
    rows, photo_rows : array (P,) int32
        In 3D and in photos.
    """

    rows: Int32
    photo_rows: Int32


@dataclass(frozen=True, kw_only=True)
class FindingTable:
    """How the entries are painted.

    Attributes
    ----------
    table : array (K, 4) uint8
        As `coloring.row_table`.
    legend : tuple of (color, words)
    """

    table: UInt8
    legend: tuple[tuple[Color, str], ...]


@dataclass(frozen=True, kw_only=True)
class FindingPaint:
    """Findings as they are on screen at one moment, for files.

    Attributes
    ----------
    rows : array (P,) int32
    table : array (K, 4) uint8
        Without the marks of a selection or of the pointer.
    paper : (red, green, blue)
        Behind the points.
    """

    rows: Int32
    table: UInt8
    paper: Color

    def colors(self, photo: UInt8) -> UInt8:
        """Of the points, array (P, 3) uint8, from their photo colors (P, 3)."""
        return painted_colors(photo, self.rows, self.table, self.paper)


def two_claimants(curated: Curated, front: AbstractSet[int]) -> tuple[Int32, Int32]:
    """The two shown instances that claim each point, by query + 1; 0 for nobody.

    Parameters
    ----------
    curated : Curated
    front : set of int
        Queries that come first, whatever their objectness.

    Returns
    -------
    first, second : array (P,) int32
        The one that is painted elsewhere, and the next.
    """
    first, second = (np.zeros(len(curated.keep), np.int32) for _ in range(2))
    for item in sorted(curated.shown, key=lambda shown: (shown.query in front, shown.objectness)):
        second[item.pixels] = first[item.pixels]
        first[item.pixels] = item.query + 1
    return first, second


def checker(cloud: PointCloud) -> Bool:
    """Which cells of a fine checker in space the points lie in, array (P,) bool."""
    known = np.flatnonzero(cloud.valid)
    if not len(known):
        return np.zeros(len(cloud.points), np.bool_)
    sample = cloud.points[known[:: max(1, len(known) // EXTENT_SAMPLE)]]
    low, high = np.percentile(sample, (1, 99), axis=0)
    cells = np.float32(CELLS / max(float(np.linalg.norm(high - low)), 1e-9))
    places = np.zeros(len(cloud.points), np.float32)
    for axis in range(3):  # three times faster than all axes at once
        places += np.floor(cloud.points[:, axis] * cells)
    places[~cloud.valid] = 0  # may not be finite
    return np.asarray(places.astype(np.int32) & 1, np.bool_)


def stripes(shape: tuple[int, int, int]) -> Bool:
    """Diagonal stripes over every photo, array (P,) bool, for S views of H x W."""
    views, height, width = shape
    across = np.add.outer(np.arange(height), np.arange(width)) // max(2, width // STRIPES)
    return np.tile((across % 2 == 1).ravel(), views)


def contested_rows(
    curated: Curated, owners: Int32, front: AbstractSet[int], gaps: Bool | None, patterns: tuple[Bool, Bool]
) -> FindingRows:
    """Contested points and gaps; see `contested_table`.

    Parameters
    ----------
    curated : Curated
    owners : array (P,) int32
        As `coloring.owner_rows`.
    front : set of int
        See `two_claimants`.
    gaps : array (P,) bool, optional
        Points that nobody claims with confidence; None while they are not known.
    patterns : (array (P,) bool, array (P,) bool)
        Of `checker` and `stripes`.
    """
    first, second = two_claimants(curated, front)
    clash = (second > 0) & curated.keep
    count = filtered_row(curated) + 1
    base = owners + count
    if gaps is not None:
        base[gaps & curated.keep & ~clash] = 2 * count
    painted = [np.where(clash, np.where(turn, first, second), base).astype(np.int32) for turn in patterns]
    return FindingRows(rows=painted[0], photo_rows=painted[1])


def contested_table(table: UInt8, gap_color: Color, *, gaps: bool) -> FindingTable:
    """The owners' table, once more with everything receding, and an entry for gaps.

    Parameters
    ----------
    table : array (N + 2, 4) uint8
        As `coloring.row_table`.
    gap_color : (red, green, blue)
    gaps : bool
        Whether they are known.
    """
    receding = table.copy()
    receding[receding[:, 3] == CLAIMED, 3] = RECEDING
    receding[0, 3] = min(int(receding[0, 3]), UNASSIGNED_RECEDING)
    kind = HIDDEN if table[0, 3] == HIDDEN else CLAIMED  # where some are isolated, everything else is hidden
    marks = np.array([(*gap_color, kind)], np.uint8)
    legend = [((128, 128, 128), "two claim it: both colors"), (gap_color, "gap: nobody claims it")]
    return FindingTable(table=np.concatenate([table, receding, marks]), legend=tuple(legend[: 1 + gaps]))


def changed_rows(curated: Curated, changes: UInt8) -> FindingRows:
    """What became of every point, array (P,) uint8 as `difference.point_changes`; see `changed_table`."""
    rows = changes.astype(np.int32)
    rows[~curated.keep] = len(CHANGE_COLORS) + 1
    return FindingRows(rows=rows, photo_rows=rows)


def changed_table() -> FindingTable:
    """Points as before recede to the photo; the last entry is hidden."""
    table = np.zeros((len(CHANGE_COLORS) + 2, 4), np.uint8)
    table[0, 3], table[-1, 3] = UNASSIGNED_RECEDING, HIDDEN
    for kind, color in CHANGE_COLORS.items():
        table[kind] = *color, CLAIMED
    return FindingTable(table=table, legend=tuple((color, CHANGE_WORDS[kind]) for kind, color in CHANGE_COLORS.items()))
