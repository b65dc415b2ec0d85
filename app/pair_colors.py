"""Two queries that claim one object, each by itself: what it claims, and what both claim, in 3D and in photos.

The two sides of a pair are drawn next to each other. Pixels that only one query claims have its color; those that both
claim are marked by a pattern, a fine checker in 3D and stripes in photos, so that color alone never says it. Masks are
those of the network, merged or not; points that a filter dropped are hidden as everywhere. NumPy alone.
"""

from dataclasses import dataclass

import numpy as np

from app.coloring import CLAIMED, HIDDEN, UNASSIGNED_RECEDING, overlay_colors
from app.photo_layers import of_view, outlines
from fast3dis_core.curation import Color
from fast3dis_core.evidence import Claims
from fast3dis_core.reconstruction import Bool, Float32, Int32, Reconstruction, UInt8

OWN, BOTH, FILTERED = 1, 2, 3  # rows of the table of a side; 0 is everything else
ALIKE = 120  # sum of the differences of three channels below which two colors make no pattern
DARK, LIGHT = (24, 24, 24), (255, 255, 255)
LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, kw_only=True)
class PairSide:
    """One of the two.

    Attributes
    ----------
    query : int
    objectness : float
        In the layer on show.
    claimed, contested : int
        Pixels it claims, and pixels of those that both claim.
    won : int or None
        Contested pixels on which it bids more than anybody; None while claims are not known.
    rows, photo_rows : array (P,) int32
        `OWN`, `BOTH` where the pattern shows the other's color, `FILTERED` or 0, for 3D and for photos.
    marks : array (P,) bool
        The contested pixels.
    table : array (4, 4) uint8
        As `coloring.row_table`.
    """

    query: int
    objectness: float
    claimed: int
    contested: int
    won: int | None
    rows: Int32
    photo_rows: Int32
    marks: Bool
    table: UInt8


def pair_sides(
    result: Reconstruction,
    keep: Bool,
    pair: tuple[int, int],
    colors: tuple[Color, Color],
    *,
    patterns: tuple[Bool, Bool],
    claims: Claims | None = None,
    layer: int = -1,
) -> tuple[PairSide, PairSide]:
    """Both sides of a pair.

    Parameters
    ----------
    result : Reconstruction
    keep : array (P,) bool
        Points that pass the point filters.
    pair : (int, int)
        Two query numbers; one without a mask claims nothing.
    colors : (color, color)
    patterns : (array (P,) bool, array (P,) bool)
        Of `finding_colors.checker` and `finding_colors.stripes`.
    claims : Claims, optional
        Of the result.
    layer : int
        Decoder layer on show.
    """
    masks = {item.query: item.pixels for item in result.instances if item.query in pair}
    none = np.zeros(0, np.int32)
    first, second = (masks.get(query, none) for query in pair)
    shared = np.intersect1d(first, second, assume_unique=True)
    marks = np.zeros(len(keep), np.bool_)
    marks[shared] = True
    scores = result.objectness[layer]
    sides = []
    for place, (query, own) in enumerate(zip(pair, (first, second), strict=True)):
        color, other = colors[place], colors[1 - place]
        painted = []
        for pattern in patterns:
            rows = np.zeros(len(keep), np.int32)
            rows[own] = OWN
            rows[shared] = np.where(pattern[shared] == bool(place), BOTH, OWN)  # one pattern, seen from both sides
            rows[~keep] = FILTERED
            painted.append(rows)
        side = PairSide(
            query=query,
            objectness=float(scores[query]) if query < len(scores) else 0.0,
            claimed=len(own),
            contested=len(shared),
            won=None if claims is None else int((claims.winner[shared] == query).sum()),
            rows=painted[0],
            photo_rows=painted[1],
            marks=marks,
            table=side_table(color, other),
        )
        sides.append(side)
    return sides[0], sides[1]


def side_table(color: Color, other: Color) -> UInt8:
    """How the rows of a side are painted, array (4, 4) uint8; what it does not claim recedes.

    Where the colors of the two are alike, the pattern takes black or white instead of the other's.
    """
    if sum(abs(one - two) for one, two in zip(color, other, strict=True)) < ALIKE:
        bright = sum(share * channel for share, channel in zip(LUMA, color, strict=True)) > 128
        other = DARK if bright else LIGHT
    table = np.zeros((4, 4), np.uint8)
    table[0, 3], table[FILTERED, 3] = UNASSIGNED_RECEDING, HIDDEN
    table[OWN], table[BOTH] = (*color, CLAIMED), (*other, CLAIMED)
    return table


def side_photo(
    result: Reconstruction, side: PairSide, view: int, opacity: float
) -> tuple[UInt8, list[tuple[Float32, Color, bool]]]:
    """What lies over a photo of one side.

    Parameters
    ----------
    result : Reconstruction
    side : PairSide
    view : int
    opacity : float
        Of masks, in [0, 1].

    Returns
    -------
    overlay : array (H, W, 4) uint8
        RGBA.
    lines : list of (array (M, 4) float32, color, bool)
        Borders as `photo_layers.outlines` has them: of the mask in its color, and of the contested pixels, which stand
        out.
    """
    rows = of_view(side.photo_rows, result, view)  # (H, W)
    overlay = overlay_colors(side.table, opacity)[rows]
    claimed = np.isin(rows, (OWN, BOTH)).astype(np.int32)
    marked = (of_view(side.marks, result, view) & (claimed > 0)).astype(np.int32)
    red, green, blue = (int(channel) for channel in side.table[OWN, :3])
    lines = [(found, (red, green, blue), False) for found in outlines(claimed).values()]
    lines += [(found, DARK, True) for found in outlines(marked).values()]
    return overlay, lines
