"""Whether anchors are where their instances are: at the object, far from its middle, on top of each other, unused.

The decoder reads features at anchors only (eq. 3), so an anchor away from what its query claims is a finding. What a
user makes of it is left to the viewer. Paper sections 3.3 and 3.4. Importing the module needs NumPy alone; measuring
needs SciPy's trees.
"""

from dataclasses import dataclass

import numpy as np

from fast3dis_core.curation import Curated
from fast3dis_core.reconstruction import Float32, Reconstruction

ACTIVE = 0.3  # objectness from which a query counts as used, as in evaluation
REACH = 0.10  # meters from the surface at which an anchor is still at its object
RELATIVE_REACH = 0.02  # the same as a share of the scene's extent where units are not meters
SAMPLE = 20_000  # points of an instance that are searched


@dataclass(frozen=True, kw_only=True)
class AnchorHealth:
    """One anchor of the last layer.

    Attributes
    ----------
    query : int
    objectness : float
    inside : bool or None
        In the box around its instance's points or within reach of one; None without an instance.
    surface_distance, centroid_distance : float or None
        To the nearest point of the instance and to their mean, scene units.
    traveled : float
        Length of its way through the layers, scene units.
    duplicates : tuple of int
        Active queries whose anchors are within reach; empty if it is not active itself.
    active_layers : int
        Layers 0 to L in which its objectness reaches `ACTIVE`.
    """

    query: int
    objectness: float
    inside: bool | None
    surface_distance: float | None
    centroid_distance: float | None
    traveled: float
    duplicates: tuple[int, ...]
    active_layers: int

    @property
    def never_active(self) -> bool:
        """Whether no layer took it for an object."""
        return self.active_layers == 0


def reach(reconstruction: Reconstruction) -> float:
    """Distance up to which an anchor is at a place, scene units."""
    if reconstruction.is_metric:
        return REACH
    points = reconstruction.cloud.points[reconstruction.cloud.valid]
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return REACH
    low, high = np.percentile(points[:: max(1, len(points) // SAMPLE)], (1, 99), axis=0)
    return float(np.linalg.norm(high - low)) * RELATIVE_REACH


def measure_anchors(curated: Curated) -> tuple[AnchorHealth, ...]:
    """Health of every anchor, by query number.

    Parameters
    ----------
    curated : Curated
        Its instances, shown or not, are what anchors are held against; a merged one stands for all its members.
    """
    from scipy.spatial import cKDTree

    result = curated.reconstruction
    last, scores, near = result.anchors[-1], result.objectness, reach(result)
    active = np.flatnonzero(scores[-1] >= ACTIVE)
    neighbors: dict[int, tuple[int, ...]] = {}
    if len(active):
        for place, found in zip(active, cKDTree(last[active]).query_ball_point(last[active], near), strict=True):
            neighbors[int(place)] = tuple(sorted(int(active[other]) for other in found if active[other] != place))
    ways = np.linalg.norm(np.diff(result.anchors, axis=0), axis=-1).sum(axis=0)  # (N,)
    owners = {member: item for item in curated.instances for member in item.members}
    found = []
    for query, anchor in enumerate(last):
        item = owners.get(query)
        points = None if item is None else result.cloud.points[item.pixels]
        inside, surface, middle = (None, None, None) if points is None else _place(anchor, points, near)
        found.append(
            AnchorHealth(
                query=query,
                objectness=float(scores[-1, query]),
                inside=inside,
                surface_distance=surface,
                centroid_distance=middle,
                traveled=float(ways[query]),
                duplicates=neighbors.get(query, ()),
                active_layers=int((scores[:, query] >= ACTIVE).sum()),
            )
        )
    return tuple(found)


def _place(anchor: Float32, points: Float32, near: float) -> tuple[bool | None, float | None, float | None]:
    """Whether the anchor is at the points, and its distances to the nearest one and to their mean."""
    if not len(points):
        return None, None, None
    sample = points[:: max(1, len(points) // SAMPLE)].astype(np.float64)
    surface = float(np.sqrt(((sample - anchor) ** 2).sum(axis=1).min()))
    boxed = bool(((points.min(axis=0) <= anchor) & (anchor <= points.max(axis=0))).all())
    return boxed or surface <= near, surface, float(np.linalg.norm(sample.mean(axis=0) - anchor))
