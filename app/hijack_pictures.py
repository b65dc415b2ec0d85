"""The overlap matrix as a picture and as a table: what the hijack inspector shows, as arrays and plain rows.

Values come from `fast3dis_core.hijacking` and `Claims`; colors are on a log scale, since a theft of one pixel in a
hundred is worth seeing beside one of all. NumPy alone.
"""

import csv
import io
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.color_scales import scale_colors
from fast3dis_core.evidence import Claims
from fast3dis_core.hijacking import clustered_order, hijack_groups, hijack_rate, soft_iou
from fast3dis_core.reconstruction import Reconstruction

LEAST_THEFT = 0.02  # share of the victim's claim from which a theft is listed
LEAST = 1e-3  # share of overlap at the dark end of the scale
GAP_BID = 0.15  # bid c p below which a pixel counts as claimed by nobody: half of the usual objectness threshold


@dataclass(frozen=True, kw_only=True)
class HijackFacts:
    """What the inspector shows of one result.

    Attributes
    ----------
    order : tuple of int
        Queries in the order of rows and columns; only those at or above the floor.
    shares : array (n, n)
        `soft_iou` in that order.
    groups : tuple of tuple of int
        Queries on one object.
    rate : float
        Hijack rate: queries that are not the surest of their group.
    double_claimed, gaps : float
        Shares of the pixels.
    left_out : int
        Active queries of the user's own: they are in matrix, groups and list, and in none of these three figures.
    overlaps : array (N, N)
        `soft_iou` of all queries, by number.
    thieves : tuple of (victim, thief, share, pixels)
        By falling number of pixels: a tenth of a wardrobe matters more than all of a speck.
    """

    order: tuple[int, ...]
    shares: NDArray[np.float64]
    groups: tuple[tuple[int, ...], ...]
    rate: float
    double_claimed: float
    gaps: float
    left_out: int
    overlaps: NDArray[np.float64]
    thieves: tuple[tuple[int, int, float, int], ...]


def hijack_facts(
    reconstruction: Reconstruction, claims: Claims, *, floor: float, layer: int = -1, own: int = 0
) -> HijackFacts:
    """Everything the inspector shows.

    Parameters
    ----------
    reconstruction : Reconstruction
    claims : Claims
        Of it.
    floor : float
        Objectness from which queries take part.
    layer : int
        Decoder layer on show.
    own : int
        The last so many queries are the user's own.
    """
    objectness = reconstruction.objectness[layer]
    active = objectness >= floor
    trained = objectness[: len(objectness) - own]
    order = [int(query) for query in clustered_order(reconstruction.overlap, objectness) if active[query]]
    shares = soft_iou(reconstruction.overlap, objectness)
    groups = hijack_groups(reconstruction.overlap, objectness, objectness_floor=floor)
    count = len(trained)
    found = hijack_groups(reconstruction.overlap[:count, :count], trained, objectness_floor=floor) if own else groups
    thefts = [row for row in claims.thieves(LEAST_THEFT) if active[row[0]] and active[row[1]]]
    return HijackFacts(
        order=tuple(order),
        shares=shares[np.ix_(order, order)],
        groups=groups,
        rate=hijack_rate(found, int(active[:count].sum())),
        double_claimed=claims.double_claimed,
        gaps=claims.gap_share(GAP_BID),
        left_out=int(active[count:].sum()),
        overlaps=shares,
        thieves=tuple(sorted(thefts, key=lambda row: (-row[3], row[0], row[1]))),
    )


def contested_view(reconstruction: Reconstruction, queries: Collection[int]) -> tuple[int, int]:
    """Where two queries or more meet: the view with most of the pixels that all of them claim, and how many in all.

    Parameters
    ----------
    reconstruction : Reconstruction
    queries : collection of int

    Returns
    -------
    (int, int)
        View, or -1 where they share none; pixels in all views, before any filter of the viewer's.
    """
    masks = [item.pixels for item in reconstruction.instances if item.query in queries]
    if len(masks) < len(queries) or not masks:
        return -1, 0
    shared = masks[0]
    for mask in masks[1:]:
        shared = np.intersect1d(shared, mask, assume_unique=True)
    if not len(shared):
        return -1, 0
    return int(np.bincount(shared // reconstruction.pixels_per_view).argmax()), len(shared)


def matrix_picture(shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Colors of a matrix of shares on a log scale, array (n, n, 3) uint8; the diagonal is left dark."""
    values = np.log10(np.clip(shares, LEAST, 1.0))
    colors = scale_colors(values, np.log10(LEAST), 0.0)
    np.einsum("iic->ic", colors)[:] = 24
    return colors


def matrix_csv(facts: HijackFacts) -> str:
    """The overlaps of all N queries as CSV, query numbers in the first row and the first column."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["query", *range(len(facts.overlaps))])
    for query, row in enumerate(facts.overlaps):
        table.writerow([query, *(f"{value:.6f}" for value in row)])
    return text.getvalue()


def thieves_csv(facts: HijackFacts, names: dict[int, str]) -> str:
    """The directed list as CSV: victim, thief, their names, share of the victim's claim, pixels."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["victim", "victim name", "thief", "thief name", "share of the victim's claim", "pixels"])
    for victim, thief, share, pixels in facts.thieves:
        row = [victim, names.get(victim, ""), thief, names.get(thief, ""), f"{share:.6f}", pixels]
        table.writerow(row)
    return text.getvalue()
