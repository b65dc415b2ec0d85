"""Colors of points and photos as arrays: which instance owns a point, and how each instance is painted.

A point or pixel has a *row*: 0 if no instance claims it, else query number + 1. A *table* holds one RGBA
per row. Alpha is no transparency but says what the row is: an instance, a place nobody claims (painted with
the photo's dimmed color), either of them receding beside a selection, or hidden. So a live filter is a
change of the small table only; the viewport and the photos share both. Paper section 3.5 keeps overlaps;
one owner per point is chosen here, for painting only. NumPy alone.
"""

from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.palette import instance_palette
from fast3dis_core.reconstruction import Reconstruction

UInt8 = NDArray[np.uint8]
Int32 = NDArray[np.int32]

HIDDEN, UNASSIGNED_RECEDING, UNASSIGNED, RECEDING, CLAIMED = 0, 64, 128, 192, 255  # alpha of a row
OVERLAY = 0.6  # share of an instance's color over a photo
RECEDING_OVERLAY = 0.2  # the same beside a selection


def owner_rows(
    reconstruction: Reconstruction, threshold: float, hidden: AbstractSet[int], front: AbstractSet[int]
) -> Int32:
    """One owner per cloud point, for painting.

    Among several claimants the order is: queries in `front` (selected or isolated), then shown ones, then
    hidden ones, then those below the threshold; within each the one of highest objectness. Moving the
    threshold alone changes no owner unless something is hidden or in front.

    Parameters
    ----------
    reconstruction : Reconstruction
    threshold : float
        Objectness.
    hidden, front : set of int
        Query numbers.

    Returns
    -------
    array (P,) int32
        Query number + 1, 0 where nobody claims the point.
    """
    rows = np.zeros(len(reconstruction.cloud.points), np.int32)

    def priority(query: int, objectness: float) -> tuple[bool, bool, bool, float]:
        above = objectness >= threshold or not (hidden or front)
        return above and query in front, above and query not in hidden, above, objectness

    for instance in sorted(reconstruction.instances, key=lambda item: priority(item.query, item.objectness)):
        rows[instance.pixels] = instance.query + 1
    return rows


def row_table(
    reconstruction: Reconstruction,
    threshold: float,
    *,
    hidden: AbstractSet[int] = frozenset(),
    selection: AbstractSet[int] = frozenset(),
    isolated: AbstractSet[int] = frozenset(),
) -> UInt8:
    """How every row is painted.

    Parameters
    ----------
    reconstruction : Reconstruction
    threshold : float
        Objectness; queries below it look unassigned.
    hidden, selection, isolated : set of int
        Query numbers. If `isolated` is not empty, everything else is hidden.

    Returns
    -------
    array (N + 1, 4) uint8
        RGBA; see the module for the meaning of alpha.
    """
    count = len(reconstruction.objectness[-1])
    table = np.zeros((count + 1, 4), np.uint8)
    palette = instance_palette(count)
    lit = selection & {instance.query for instance in reconstruction.shown(threshold)}
    table[:, 3] = HIDDEN if isolated else UNASSIGNED_RECEDING if lit else UNASSIGNED
    for instance in reconstruction.shown(threshold):
        query = instance.query
        if query in hidden or (isolated and query not in isolated):
            table[query + 1, 3] = HIDDEN
            continue
        table[query + 1] = *palette[query], RECEDING if lit and query not in lit else CLAIMED
    return table


def overlay(photo: UInt8, rows: Int32, table: UInt8) -> UInt8:
    """Photo with its instances painted over it.

    Parameters
    ----------
    photo : array (h, w, 3) uint8
    rows : array (h, w) int32
        Owner rows of its pixels.
    table : array (N + 1, 4) uint8

    Returns
    -------
    array (h, w, 3) uint8
    """
    painted = table[rows]  # (h, w, 4)
    shares = np.zeros(256, np.float32)
    shares[CLAIMED], shares[RECEDING] = OVERLAY, RECEDING_OVERLAY
    share = shares[painted[..., 3:]]  # (h, w, 1)
    return (photo + share * (painted[..., :3].astype(np.float32) - photo)).astype(np.uint8)


def thumbnails(reconstruction: Reconstruction, rows: Int32, table: UInt8, width: int) -> list[UInt8]:
    """One small photo per view with its instances painted over it, each (h, w, 3) uint8 with w near `width`."""
    stride = max(1, reconstruction.images.shape[2] // width)
    photos = reconstruction.images[:, ::stride, ::stride]  # (S, h, w, 3)
    owners = rows.reshape(reconstruction.images.shape[:3])[:, ::stride, ::stride]  # (S, h, w)
    return [overlay(photo, owner, table) for photo, owner in zip(photos, owners, strict=True)]
