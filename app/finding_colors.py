"""Colors of findings: points that two instances claim, points that nobody does, and points that changed hands.

As in `app.coloring` every point has a row of a table, so that 3D view and photos share both; here rows stand for
findings. Contested points take the colors of both claimants by turns: in cells of a fine checker in 3D, in stripes in
photos. The two failures of the paper's figure 4 are seen this way. NumPy alone.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from app.coloring import CLAIMED, HIDDEN, RECEDING, UNASSIGNED_RECEDING
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
class Findings:
    """What is painted.

    Attributes
    ----------
    rows, photo_rows : array (P,) int32
        Entry of the table for every point, in 3D and in photos.
    table : array (K, 4) uint8
        As `coloring.row_table`.
    legend : tuple of (color, words)
    """

    rows: Int32
    photo_rows: Int32
    table: UInt8
    legend: tuple[tuple[Color, str], ...]


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
    known = cloud.points[cloud.valid]
    if not len(known):
        return np.zeros(len(cloud.points), np.bool_)
    low, high = np.percentile(known[:: max(1, len(known) // EXTENT_SAMPLE)], (1, 99), axis=0)
    size = max(float(np.linalg.norm(high - low)) / CELLS, 1e-9)
    cells = np.floor(np.where(cloud.valid[:, None], cloud.points - low, 0) / size).astype(np.int64)
    return np.asarray(cells.sum(axis=1) % 2 == 1)


def stripes(shape: tuple[int, int, int]) -> Bool:
    """Diagonal stripes over every photo, array (P,) bool, for S views of H x W."""
    views, height, width = shape
    across = np.add.outer(np.arange(height), np.arange(width)) // max(2, width // STRIPES)
    return np.tile((across % 2 == 1).ravel(), views)


def contested(
    curated: Curated, owners: Int32, table: UInt8, front: AbstractSet[int], gaps: Bool | None, gap_color: Color
) -> Findings:
    """Contested points and gaps over everything else, which recedes.

    Parameters
    ----------
    curated : Curated
    owners : array (P,) int32
    table : array (N + 2, 4) uint8
        As points are painted otherwise.
    front : set of int
    gaps : array (P,) bool, optional
        Points that nobody claims with confidence; None while they are not known.
    gap_color : (red, green, blue)
    """
    count = len(table)
    first, second = two_claimants(curated, front)
    clash = (second > 0) & curated.keep
    receding = table.copy()
    receding[receding[:, 3] == CLAIMED, 3] = RECEDING
    receding[0, 3] = min(int(receding[0, 3]), UNASSIGNED_RECEDING)
    marks = np.array([(*gap_color, CLAIMED)], np.uint8)
    base = owners + count
    if gaps is not None:
        base[gaps & curated.keep & ~clash & (table[owners, 3] != HIDDEN)] = 2 * count
    painted = [
        np.where(clash, np.where(turn, first, second), base).astype(np.int32)
        for turn in (checker(curated.reconstruction.cloud), stripes(curated.reconstruction.images.shape[:3]))
    ]
    legend = [((128, 128, 128), "two claim it: both colors")]
    legend += [] if gaps is None else [(gap_color, "gap: nobody claims it")]
    return Findings(
        rows=painted[0], photo_rows=painted[1], table=np.concatenate([table, receding, marks]), legend=tuple(legend)
    )


def changed(curated: Curated, changes: UInt8) -> Findings:
    """What became of every point; those as before recede to the photo.

    Parameters
    ----------
    curated : Curated
    changes : array (P,) uint8
        As `difference.point_changes`.
    """
    table = np.zeros((5, 4), np.uint8)
    table[0, 3] = UNASSIGNED_RECEDING
    for kind, color in CHANGE_COLORS.items():
        table[kind] = *color, CLAIMED
    table[4, 3] = HIDDEN
    rows = changes.astype(np.int32)
    rows[~curated.keep] = 4
    legend = tuple((color, CHANGE_WORDS[kind]) for kind, color in CHANGE_COLORS.items())
    return Findings(rows=rows, photo_rows=rows, table=table, legend=legend)
