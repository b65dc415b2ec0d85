"""Which points of a cloud count: the depth-edge and confidence filters, with what they have in common remembered.

The rules are those of assembly (`fast3dis_core.inference.assembly`), so that a filter set afterwards gives the same
points as one set beforehand. What instances make of the points is `fast3dis_core.curation`. NumPy alone.
"""

import numpy as np

from fast3dis_core.reconstruction import Bool, Float32, Reconstruction, read_only

OUTLIERS = 1.0  # percent of the points left out of an extent at either end of an axis


class PointFilters:
    """The point filters of one cloud. Settings tried one after the other, as by a slider, cost little each.

    Answers depend on the arguments alone, in every thread; what is remembered only saves work.

    Parameters
    ----------
    reconstruction : Reconstruction
        Assembled without point filters.
    """

    def __init__(self, reconstruction: Reconstruction) -> None:
        self._reconstruction = reconstruction
        self.cloud = reconstruction.cloud
        self._surroundings: list[tuple[Float32, Float32, Float32]] | None = None
        self._firm: tuple[float, Bool] | None = None
        self._sorted: tuple[float, Float32] | None = None

    def firm(self, depth_edge: float) -> Bool:
        """Points that are valid and no flying pixels, array (P,) bool.

        Parameters
        ----------
        depth_edge : float
            Relative depth jump; 0 is off.
        """
        if not depth_edge:
            return self.cloud.valid
        known_firm = self._firm
        if known_firm is None or known_firm[0] != depth_edge:
            count, height, width = self._reconstruction.images.shape[:3]
            firm = np.array(self.cloud.valid).reshape(count, height, width)
            for known, (depth, near, far) in zip(firm, self._around(), strict=True):
                known &= ~between_surfaces(depth, near, far, depth_edge)
            known_firm = self._firm = depth_edge, read_only(firm.reshape(-1))
        return known_firm[1]

    def keep(self, confidence_percentile: float, depth_edge: float) -> Bool:
        """Points that pass both filters, array (P,) bool.

        Parameters
        ----------
        confidence_percentile : float
            In [0, 100]: of the firm points, those whose confidence is in this lowest share are left out.
        depth_edge : float
        """
        firm = self.firm(depth_edge)
        if not confidence_percentile:
            return firm
        ordered = self._sorted
        if ordered is None or ordered[0] != depth_edge:
            ordered = self._sorted = depth_edge, np.sort(self.cloud.confidence[firm])
        values = ordered[1]
        if not len(values):
            return firm
        rank = min(int(len(values) * confidence_percentile / 100), len(values) - 1)
        return read_only(firm & (self.cloud.confidence >= values[rank]))

    def _around(self) -> list[tuple[Float32, Float32, Float32]]:
        """Depth of every view, and the nearest and farthest depth around each pixel."""
        if self._surroundings is None:
            valid = self.cloud.valid.reshape(self._reconstruction.images.shape[:3])
            depths = (_depth(self._reconstruction, view) for view in range(len(valid)))
            self._surroundings = [(d, *surroundings(d, known)) for d, known in zip(depths, valid, strict=True)]
        return self._surroundings


def extent(points: Float32) -> Float32:
    """Size along each axis of points, array (M, 3), without the outermost ones; array (3,), 0 without points."""
    count = len(points)
    if not count:
        return np.zeros(3, np.float32)
    low = int(count * OUTLIERS / 100)
    ranked = np.sort(np.ascontiguousarray(points.T), axis=1)  # (3, count)
    return np.asarray(ranked[:, count - 1 - low] - ranked[:, low], np.float32)


def flying_pixels(depth: Float32, known: Bool, ratio: float) -> Bool:
    """Pixels that hang between two surfaces, as `inference.assembly.flying_pixels` finds them.

    Parameters
    ----------
    depth : array (H, W) float32
        Scene units.
    known : array (H, W) bool
        Pixels with a depth; others count as no neighbor.
    ratio : float
        A pixel flies if one neighbor is nearer and another farther, both by more than this share of the depth.

    Returns
    -------
    array (H, W) bool
    """
    return known & between_surfaces(depth, *surroundings(depth, known), ratio)


def surroundings(depth: Float32, known: Bool) -> tuple[Float32, Float32]:
    """Nearest and farthest known depth among each pixel and its eight neighbors, two arrays (H, W)."""
    far = _extreme(np.where(known, depth, -np.inf).astype(np.float32), np.maximum)
    near = _extreme(np.where(known, depth, np.inf).astype(np.float32), np.minimum)
    return near, far


def between_surfaces(depth: Float32, near: Float32, far: Float32, ratio: float) -> Bool:
    """Whether one neighbor is nearer and another farther, both by more than a share of the depth, array (H, W)."""
    with np.errstate(invalid="ignore"):
        return np.asarray((depth > near * (1 + ratio)) & (far > depth * (1 + ratio)))


def _extreme(values: Float32, choose: np.ufunc) -> Float32:
    """Largest or smallest value among each pixel and its eight neighbors, axis by axis."""
    for axis in (0, 1):
        values = np.moveaxis(values, axis, 0)
        best = values.copy()
        choose(best[1:], values[:-1], out=best[1:])
        choose(best[:-1], values[1:], out=best[:-1])
        values = np.moveaxis(best, 0, axis)
    return values


def _depth(reconstruction: Reconstruction, view: int) -> Float32:
    """Depth along z of one view's points, array (H, W)."""
    height, width = reconstruction.images.shape[1:3]
    rows = slice(view * height * width, (view + 1) * height * width)
    axis = reconstruction.world_to_camera[view, 2]  # (4,)
    return np.asarray(reconstruction.cloud.points[rows] @ axis[:3] + axis[3]).reshape(height, width)
