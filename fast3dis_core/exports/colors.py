"""Colors of points and pixels in exports: as photographed, or by owner.

The palette itself is `fast3dis_core.palette`; the viewer's other color modes are the application's.
"""

from typing import Literal, TypeAlias

import numpy as np

from fast3dis_core.exports.labels import PLAIN, Labels
from fast3dis_core.reconstruction import Int32, UInt8

ColorMode: TypeAlias = Literal["photo", "instance"]

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # Rec. 709
_GRAY_SHARE = 0.8  # unclaimed points keep a hint of their photo color ...
_DIMMING = 0.5  # ... and step back behind the instances


def point_colors(photo: UInt8, owner: Int32, mode: ColorMode, labels: Labels = PLAIN) -> UInt8:
    """Colors of points.

    Parameters
    ----------
    photo : array (P, 3) uint8
    owner : array (P,) int32
        Query number, -1 for nobody.
    mode : {"photo", "instance"}
        "instance" gives claimed points their owner's color and fades all others.
    labels : Labels
        A user's colors; those of the palette otherwise.

    Returns
    -------
    array (P, 3) uint8

    Raises
    ------
    ValueError
        If the mode is neither.
    """
    if mode == "photo":
        return photo
    if mode != "instance":
        raise ValueError(f'colors must be "photo" or "instance", found {mode!r}')
    gray = (photo @ _LUMA)[:, None]
    faded = _DIMMING * (_GRAY_SHARE * gray + (1 - _GRAY_SHARE) * photo)
    palette = labels.palette(int(owner.max(initial=-1)) + 1)
    colors = faded.astype(np.uint8)
    claimed = owner >= 0
    colors[claimed] = palette[owner[claimed]]
    return colors
