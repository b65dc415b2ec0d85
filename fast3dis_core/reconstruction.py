"""NumPy values that cross from the core to the application: what was reconstructed and found.

One index serves three uses. `Instance.pixels` are rows of the cloud: they select points for export,
mask pixels of view s (rows s*H*W to (s+1)*H*W), and colors. Overlaps between instances are kept.
Paper section 3.5. This module needs NumPy alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
UInt8 = NDArray[np.uint8]
Int32 = NDArray[np.int32]
Bool = NDArray[np.bool_]


def read_only(array: np.ndarray) -> np.ndarray:
    """The array itself, locked against writing."""
    array.flags.writeable = False
    return array


@dataclass(frozen=True, kw_only=True)
class AnchorOverride:
    """A user's wish for one anchor.

    Attributes
    ----------
    query : int
    position : tuple of 3 float
        World, scene units; replaces A^0 of eq. 1.
    pinned : bool
        A pinned anchor skips refinement (eq. 5) and stays at `position` through all layers.
    """

    query: int
    position: tuple[float, float, float]
    pinned: bool = False


@dataclass(frozen=True, kw_only=True)
class FilterReport:
    """What one filter did: its name, its setting, and how many of how many things it removed."""

    name: str
    setting: float
    removed: int
    total: int
    unit: str


@dataclass(frozen=True, kw_only=True)
class PointCloud:
    """One point per pixel of every view, in view, row, column order.

    Attributes
    ----------
    points : array (P, 3) float32
        World, scene units; P = S*H*W.
    colors : array (P, 3) uint8
        A view of the images.
    confidence : array (P,) float32
        Depth confidence, at least 0.
    valid : array (P,) bool
        False where a filter removed the point or its depth is not a positive finite number.
    """

    points: Float32
    colors: UInt8
    confidence: Float32
    valid: Bool

    def __post_init__(self) -> None:
        count = len(self.points)
        for name, shape in (
            ("points", (count, 3)),
            ("colors", (count, 3)),
            ("confidence", (count,)),
            ("valid", (count,)),
        ):
            if getattr(self, name).shape != shape:
                raise ValueError(f"PointCloud.{name}: expected shape {shape}, found {getattr(self, name).shape}")
            read_only(getattr(self, name))


@dataclass(frozen=True, kw_only=True)
class Instance:
    """A query that was kept, and the pixels it claims in all views.

    Attributes
    ----------
    query : int
        Identity for the whole session: colors, selection and file names use it.
    objectness : float
        In [0, 1].
    anchor : array (3,) float32
        World; where the shown decoder layer left the anchor.
    pixels : array (M,) int32
        Sorted rows of the cloud, all valid.
    score : float or None
        What ranks it in average precision, see `ranking_score`; None where nobody measured it.
    """

    query: int
    objectness: float
    anchor: Float32
    pixels: Int32
    score: float | None = None

    def __post_init__(self) -> None:
        read_only(self.anchor)
        read_only(self.pixels)

    @property
    def rank(self) -> float:
        """Its score, or its objectness without one."""
        return self.objectness if self.score is None else self.score


@dataclass(frozen=True, kw_only=True)
class Reconstruction:
    """The result of a run. All arrays are read-only.

    Attributes
    ----------
    names : tuple of S str
    images : array (S, H, W, 3) uint8
    intrinsics : array (S, 3, 3) float32
        Pixels of H x W.
    world_to_camera : array (S, 4, 4) float32
    is_metric : bool
    cloud : PointCloud
    instances : tuple of Instance
        Queries at or above the objectness floor, by falling objectness.
    anchors : array (L + 1, N, 3) float32
        World, per decoder layer, 0 being the generator's output.
    objectness : array (L + 1, N) float32
    overlap : array (N, N) float32
        Expected double claims `sum_m c_i p_i c_j p_j` over all mask pixels (the terms of eq. 8).
    filters : tuple of FilterReport
    """

    names: tuple[str, ...]
    images: UInt8
    intrinsics: Float32
    world_to_camera: Float32
    is_metric: bool
    cloud: PointCloud
    instances: tuple[Instance, ...]
    anchors: Float32
    objectness: Float32
    overlap: Float32
    filters: tuple[FilterReport, ...] = field(default=())

    def __post_init__(self) -> None:
        views, height, width = self.images.shape[:3]
        if len(self.cloud.points) != views * height * width:
            raise ValueError(
                f"Reconstruction.cloud: expected {views * height * width} points for images "
                f"{self.images.shape}, found {len(self.cloud.points)}"
            )
        for name in ("images", "intrinsics", "world_to_camera", "anchors", "objectness", "overlap"):
            read_only(getattr(self, name))

    @property
    def units(self) -> str:
        """Word for lengths: "m" or "scene units"."""
        return "m" if self.is_metric else "scene units"

    @property
    def pixels_per_view(self) -> int:
        """H * W."""
        return int(self.images.shape[1] * self.images.shape[2])

    def shown(self, threshold: float) -> tuple[Instance, ...]:
        """Instances whose objectness reaches `threshold` (delta of section 3.5)."""
        return tuple(instance for instance in self.instances if instance.objectness >= threshold)

    def views_seen(self, instance: Instance) -> Int32:
        """Indices of the views in which the instance has pixels, array (V,) int32."""
        return np.unique(instance.pixels // self.pixels_per_view).astype(np.int32)


def ranking_score(objectness: float, certainty: float) -> float:
    """Objectness times the mean probability of the pixels of the mask, as in Mask2Former; a number of float32."""
    return float(np.float32(objectness * certainty))


def exclusive_rows(instances: Iterable[Instance], count: int) -> Int32:
    """One owner per cloud row, for colors and id images: the claimant of highest objectness.

    Parameters
    ----------
    instances : iterable of Instance
    count : int
        Number of cloud rows P.

    Returns
    -------
    array (P,) int32
        Query number, -1 where nobody claims the row.
    """
    owner = np.full(count, -1, np.int32)
    for instance in sorted(instances, key=lambda item: item.objectness):
        owner[instance.pixels] = instance.query
    return owner
