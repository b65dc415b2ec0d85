"""How many instances there would be at other thresholds of objectness and of mask probability (paper section 3.5).

Along objectness the answer is exact for a result as the user sees it; along the mask threshold it follows from areas
that `Claims` has counted before point filters and merges. This module needs NumPy alone.
"""

import csv
import io

import numpy as np

from fast3dis_core.curation import Curated, CuratedInstance
from fast3dis_core.evidence import AREA_THRESHOLDS, Claims
from fast3dis_core.reconstruction import Float32, Int32


def objectness_counts(curated: Curated, levels: Float32, *, own: int = 0) -> Int32:
    """Instances that pass every filter at other objectness thresholds, those hidden by hand among them.

    Parameters
    ----------
    curated : Curated
        With its mask threshold, point filters and merges.
    levels : array (D,)
    own : int
        The last so many queries are the user's own: instances of nothing else are experiments, and do not count.

    Returns
    -------
    array (D,) int32
    """
    least = max(1, curated.curation.minimum_points)
    passing = [item for item in network_instances(curated, own) if len(item.pixels) >= least]
    passing = [item for item in passing if item.duplicate_of is None]
    scores = np.array([item.objectness for item in passing], np.float64)
    return np.asarray((scores[None, :] >= np.asarray(levels, np.float64)[:, None]).sum(axis=1), np.int32)


def network_instances(curated: Curated, own: int) -> list[CuratedInstance]:
    """Instances that have a query of the network; the last `own` queries are the user's."""
    trained = len(curated.reconstruction.objectness[-1]) - own
    return [item for item in curated.instances if min(item.members) < trained]


def threshold_grid(claims: Claims, curated: Curated, levels: Float32, *, layer: int = -1, own: int = 0) -> Int32:
    """Instances over both thresholds, before point filters and merges.

    Parameters
    ----------
    claims : Claims
        Of the result.
    curated : Curated
        For objectness and the smallest instance.
    levels : array (D,)
        Of objectness.
    layer : int
        Decoder layer on show.
    own : int
        The last so many queries are the user's own, and do not count.

    Returns
    -------
    array (D, T) int32
        Over `levels` and `evidence.AREA_THRESHOLDS`.
    """
    scores = curated.reconstruction.objectness[layer].copy()
    scores[len(scores) - own :] = -1  # below every threshold
    return claims.instance_counts(scores, levels, curated.curation.minimum_points)


def grid_csv(grid: Int32, levels: Float32) -> str:
    """A grid as CSV: a line for each objectness, a column for each mask threshold."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["objectness / mask threshold", *(f"{edge:.2f}" for edge in AREA_THRESHOLDS)])
    for level, counts in zip(levels, grid, strict=True):
        table.writerow([f"{level:.2f}", *(int(count) for count in counts)])
    return text.getvalue()
