"""Colors that stand for numbers: which number a point or an instance has in a color mode, and the scale that shows it.

Instances keep their own colors in the other modes; those are `app.coloring`. NumPy alone.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.color_scales import ScaleName, scale_colors
from fast3dis_core.curation import Curated, CuratedInstance
from fast3dis_core.evidence import Claims
from fast3dis_core.reconstruction import Reconstruction

Float32 = NDArray[np.float32]
CLIPPED = 2.0  # percent of the points at either end of a scale that take its end color
TICKS = 5  # of a legend, at most

TableMode = Literal["instance", "objectness", "query"]  # colors of whole instances
PointMode = Literal["confidence", "view", "depth", "claims", "margin", "bid"]  # colors of single points
CLAIM_MODES = ("claims", "margin", "bid")
ASKING_MODES = (*CLAIM_MODES, "contested")  # need an inspection


@dataclass(frozen=True, kw_only=True)
class NumberScale:
    """What the colors of a mode mean.

    Attributes
    ----------
    title : str
    low, high : float
        Numbers at the two ends.
    whole : bool
        Whether only whole numbers occur.
    length : bool
        Whether the numbers are lengths in scene units.
    colors : "viridis" or "cividis"
    """

    title: str
    low: float
    high: float
    whole: bool = False
    length: bool = False
    colors: ScaleName = "viridis"


def table_mode(mode: str) -> TableMode:
    """Colors of the table of instances; modes that color single points leave it as it is."""
    return "objectness" if mode == "objectness" else "query" if mode == "query" else "instance"


def table_scale(curated: Curated, mode: TableMode) -> NumberScale | None:
    """Meaning of the colors of instances; None where every instance has its own."""
    if mode == "objectness":
        return NumberScale(title="Objectness", low=0.0, high=1.0)
    if mode == "query":
        last = max(1, len(curated.reconstruction.objectness[-1]) - 1)
        return NumberScale(title="Query", low=0, high=last, whole=True, colors="cividis")
    return None


def instance_colors(curated: Curated, mode: TableMode) -> dict[int, tuple[int, int, int]]:
    """Color of every instance by its query: its own, or that of its number."""
    scale = table_scale(curated, mode)
    if scale is None:
        return {item.query: item.color for item in curated.instances}
    return {item.query: _color(item, scale, mode) for item in curated.instances}


def _color(item: CuratedInstance, scale: NumberScale, mode: TableMode) -> tuple[int, int, int]:
    number = np.array(item.objectness if mode == "objectness" else item.query, float)
    red, green, blue = scale_colors(number, scale.low, scale.high, scale.colors)
    return int(red), int(green), int(blue)


def point_values(
    reconstruction: Reconstruction, mode: PointMode, claims: Claims | None = None
) -> tuple[Float32, NumberScale] | None:
    """A number for every cloud point, and the scale that shows it.

    Parameters
    ----------
    reconstruction : Reconstruction
    mode : str
        Depth confidence; index of the photo, from 1 as users count; depth along the photo's axis, scene units; number
        of queries that claim the point; highest bid less the second; highest bid (dark: the black gaps of figure 4).
    claims : Claims, optional
        Of the result, for the last three.

    Returns
    -------
    (array (P,) float32, NumberScale), or None while there are no claims
    """
    cloud, views = reconstruction.cloud, len(reconstruction.images)
    if mode in CLAIM_MODES:
        return None if claims is None else _of_claims(claims, mode)
    if mode == "view":
        values = np.repeat(np.arange(1, views + 1, dtype=np.float32), reconstruction.pixels_per_view)
        return values, NumberScale(title="View", low=1, high=max(2, views), whole=True, colors="cividis")
    if mode == "confidence":
        values = cloud.confidence
    else:
        axes = reconstruction.world_to_camera[:, 2]  # (S, 4)
        points = cloud.points.reshape(views, -1, 3)  # (S, H*W, 3)
        with np.errstate(invalid="ignore"):  # points that are not valid may not be finite
            values = (np.einsum("sna,sa->sn", points, axes[:, :3]) + axes[:, 3:]).ravel()
    known = values[cloud.valid]
    low, high = np.percentile(known, (CLIPPED, 100 - CLIPPED)) if len(known) else (0.0, 1.0)
    scale = NumberScale(title=mode.title(), low=float(low), high=float(high), length=mode == "depth")
    return np.asarray(values, np.float32), scale


def _of_claims(claims: Claims, mode: PointMode) -> tuple[Float32, NumberScale]:
    if mode == "claims":
        most = max(2, int(claims.count.max(initial=0)))
        scale = NumberScale(title="Claims", low=0, high=most, whole=True)
        return claims.count.astype(np.float32), scale
    if mode == "margin":
        return claims.margin, NumberScale(title="Margin of the best claim", low=0.0, high=1.0, colors="cividis")
    return claims.best, NumberScale(title="Best claim (dark: gaps)", low=0.0, high=1.0)


def scale_ticks(low: float, high: float) -> tuple[float, ...]:
    """Round numbers between two others for a legend: steps of 1, 2 or 5 times a power of ten, at most `TICKS`."""
    if not high > low:
        return ()
    rough = (high - low) / TICKS
    power = 10.0 ** np.floor(np.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    return tuple(float(number * step) for number in np.arange(first, last + 1))[:TICKS]


def ticks_of(scale: NumberScale, factor: float = 1.0) -> tuple[tuple[float, str], ...]:
    """Round numbers between the two ends: share of the way from one to the other, and the number in words."""
    low, high = (scale.low * factor, scale.high * factor) if scale.length else (scale.low, scale.high)
    numbers = [number for number in scale_ticks(low, high) if not scale.whole or number == round(number)]
    return tuple(((number - low) / (high - low), f"{number:.6g}") for number in numbers if low < number < high)


def numbers_of(scale: NumberScale, units: str, factor: float = 1.0) -> tuple[str, str]:
    """The two ends in words; lengths are said in `units`, of which a scene unit has `factor`."""
    if scale.whole:
        return f"{scale.low:.0f}", f"{scale.high:.0f}"
    unit, times = (f" {units}", factor) if scale.length else ("", 1.0)
    return f"{scale.low * times:.2f}{unit}", f"{scale.high * times:.2f}{unit}"
