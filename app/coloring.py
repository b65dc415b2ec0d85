"""Colors of points and photos as arrays: which instance owns a point, and how each instance is painted.

A point or pixel has a *row*: 0 if no instance claims it, query number + 1 if one does, and one more for points
that a filter dropped. A *table* holds one RGBA per row. Alpha is no transparency but says what the row is: an
instance, one that is only a preview, a place nobody claims (painted with the photo's dimmed color), either of them
receding beside a selection, or hidden. So a live filter of instances is a change of the small table only; the
viewport and the photos share both.
Paper section 3.5 keeps overlaps; one owner per point is chosen here, for painting only. NumPy alone.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.curation import Color, Curated, CuratedInstance
from fast3dis_core.palette import instance_palette
from fast3dis_core.reconstruction import Reconstruction

UInt8 = NDArray[np.uint8]
Int32 = NDArray[np.int32]

HIDDEN, UNASSIGNED_RECEDING, UNASSIGNED, RECEDING, PREVIEW, CLAIMED = 0, 64, 128, 192, 224, 255  # alpha of a row
OVERLAY = 0.6  # share of an instance's color over a photo
PREVIEW_SHARE = 0.7  # of the color of an instance that is only a preview; the rest is photo
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # Rec. 709
UNASSIGNED_COLOR = 0.35  # share of its color that a point nobody claims has left beside gray
# share of its color that a point keeps, the rest is what is behind it
KEPT = {HIDDEN: 0.0, UNASSIGNED_RECEDING: 0.18, UNASSIGNED: 0.45, RECEDING: 0.25, PREVIEW: 1.0, CLAIMED: 1.0}
BRIGHTENING = 0.45  # share of white in the color of what is under the pointer


def owner_rows(curated: Curated, front: AbstractSet[int]) -> Int32:
    """One owner per cloud point, for painting.

    Parameters
    ----------
    curated : Curated
    front : set of int
        Query numbers.

    Returns
    -------
    array (P,) int32
        Query number + 1 of the last in `claim_order`, 0 where nobody claims the point, `filtered_row` where a point
        filter dropped it.
    """
    return claimed_rows(curated, claim_order(curated, front))


def claim_order(curated: Curated, front: AbstractSet[int]) -> list[CuratedInstance]:
    """Instances in the order in which they are painted over each other.

    Last of all come shown queries in `front` (selected or isolated), before them other shown ones, then hidden ones,
    in front or not, then those that a filter dropped; within each the one of highest objectness is the last. Moving
    the objectness threshold alone changes no owner while `ordered_by_objectness`.
    """
    plain = ordered_by_objectness(curated, front)

    def priority(item: CuratedInstance) -> tuple[bool, bool, bool, float]:
        above = plain or item.verdict in ("shown", "hidden")
        shown = above and item.verdict != "hidden"  # hidden beats selected: else it would cut a hole into its neighbors
        return shown and item.query in front, shown, above, item.objectness

    return sorted(curated.instances, key=priority)


def claimed_rows(curated: Curated, order: Sequence[CuratedInstance]) -> Int32:
    """Owner of every cloud point where these instances are painted over each other, array (P,) int32."""
    rows = np.zeros(len(curated.keep), np.int32)
    rows[~curated.keep] = filtered_row(curated)  # which no instance claims
    for item in order:
        rows[item.pixels] = item.query + 1
    return rows


def ordered_by_objectness(curated: Curated, front: AbstractSet[int]) -> bool:
    """Whether objectness alone decides between claimants: nothing is hidden, in front, or too small."""
    return not front and all(item.verdict in ("shown", "objectness") for item in curated.instances)


def filtered_row(curated: Curated) -> int:
    """Row of points that a point filter dropped: behind the rows of all queries."""
    return len(curated.reconstruction.objectness[-1]) + 1


def row_table(
    curated: Curated,
    *,
    selection: AbstractSet[int] = frozenset(),
    isolated: AbstractSet[int] = frozenset(),
    hovered: int | None = None,
    previewed: int | None = None,
    colors: Mapping[int, Color] | None = None,
) -> UInt8:
    """How every row is painted.

    Parameters
    ----------
    curated : Curated
        Queries that a filter dropped look unassigned.
    selection, isolated : set of int
        Query numbers. If `isolated` is not empty, everything else is hidden.
    hovered : int, optional
        Query number of the instance that is lit up: brighter, and not receding.
    previewed : int, optional
        Query number of the instance that is only a preview.
    colors : mapping of int to (red, green, blue), optional
        By query number, in place of the instances' own.

    Returns
    -------
    array (N + 2, 4) uint8
        RGBA; see the module for the meaning of alpha.
    """
    last = filtered_row(curated)
    table = np.zeros((last + 1, 4), np.uint8)
    present = [item for item in curated.instances if item.verdict in ("shown", "hidden")]
    lit = selection & {item.query for item in present if item.verdict == "shown"}
    table[:, 3] = HIDDEN if isolated else UNASSIGNED_RECEDING if lit else UNASSIGNED
    table[last, 3] = HIDDEN
    for item in present:
        row = item.query + 1
        if item.verdict == "hidden" or (isolated and item.query not in isolated):
            table[row, 3] = HIDDEN
        else:
            color = item.color if colors is None else colors[item.query]
            table[row] = *color, RECEDING if lit and item.query not in lit else CLAIMED
            if previewed is not None and previewed in item.members:
                table[row] = *color, PREVIEW
            elif item.query == hovered:
                table[row] = *brightened(color), CLAIMED
    return table


def anchor_colors(curated: Curated) -> UInt8:
    """Color of every query's anchor, array (N, 3) uint8: that of its instance, or of the palette without one."""
    colors = np.array(instance_palette(len(curated.reconstruction.objectness[-1])))
    for item in curated.instances:
        for member in item.members:
            colors[member] = item.color
    return colors


def brightened(color: Color) -> Color:
    """The color of an instance while the pointer is over it."""
    red, green, blue = (round(channel + BRIGHTENING * (255 - channel)) for channel in color)
    return red, green, blue


def painted_colors(photo: UInt8, rows: Int32, table: UInt8, paper: Color) -> UInt8:
    """The color in which every point is drawn in 3D, where its row says it, as the shader of the cloud has it.

    Parameters
    ----------
    photo : array (P, 3) uint8
    rows : array (P,) int32
        Entries of the table.
    table : array (K, 4) uint8
        As `row_table`.
    paper : (red, green, blue)
        Behind the points: what recedes moves towards it.

    Returns
    -------
    array (P, 3) uint8
        What is hidden has the color of the paper.
    """
    colors = np.empty((len(photo), 3), np.uint8)
    kinds, behind = table[:, 3][rows], np.array(paper, np.float32)
    for kind in np.unique(kinds):
        here = np.flatnonzero(kinds == kind)
        seen = photo[here].astype(np.float32)  # (M, 3)
        own = table[rows[here], :3].astype(np.float32)
        gray = seen @ LUMA[:, None]  # (M, 1)
        shade = {CLAIMED: own, RECEDING: own, PREVIEW: seen + PREVIEW_SHARE * (own - seen)}.get(int(kind))
        shade = gray + UNASSIGNED_COLOR * (seen - gray) if shade is None else shade
        colors[here] = np.rint(behind + KEPT[int(kind)] * (shade - behind))
    return colors


def overlay_colors(table: UInt8, opacity: float) -> UInt8:
    """The same colors for painting over a photo.

    Parameters
    ----------
    table : array (N + 2, 4) uint8
        As `row_table` gives it.
    opacity : float
        In [0, 1], of an instance; one that recedes beside a selection gets a third of it.

    Returns
    -------
    array (N + 2, 4) uint8
        RGBA with true alpha: 0 wherever there is no instance to see.
    """
    shares = np.zeros(256, np.float64)
    shares[CLAIMED], shares[RECEDING], shares[PREVIEW] = opacity, opacity / 3, opacity * PREVIEW_SHARE
    colors = table.copy()
    colors[:, 3] = np.rint(255 * shares[table[:, 3]])
    return colors


def overlay(photo: UInt8, rows: Int32, table: UInt8) -> UInt8:
    """Photo with its instances painted over it.

    Parameters
    ----------
    photo : array (h, w, 3) uint8
    rows : array (h, w) int32
        Owner rows of its pixels.
    table : array (N + 2, 4) uint8
        As `row_table` gives it.

    Returns
    -------
    array (h, w, 3) uint8
    """
    painted = overlay_colors(table, OVERLAY)[rows]  # (h, w, 4)
    share = painted[..., 3:] / np.float32(255)  # (h, w, 1)
    return (photo + share * (painted[..., :3].astype(np.float32) - photo)).astype(np.uint8)


def thumbnail(reconstruction: Reconstruction, rows: Int32, table: UInt8, view: int, width: int) -> UInt8:
    """A small photo of one view with its instances painted over it, (h, w, 3) uint8 with w near `width`."""
    stride = max(1, reconstruction.images.shape[2] // width)
    photo = reconstruction.images[view, ::stride, ::stride]  # (h, w, 3)
    owners = rows.reshape(reconstruction.images.shape[:3])[view, ::stride, ::stride]  # (h, w)
    return overlay(photo, owners, table)
