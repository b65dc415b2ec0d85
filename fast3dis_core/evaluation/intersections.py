"""What predicted masks share with true objects, counted once for all figures.

Every figure of this room follows from the sizes of masks, objects and their intersections; thresholds and rules are
left to `average_precision` and `consistency`. An element is a vertex of a scan or a pixel of a view.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class MaskCounts:
    """Sizes and intersections of K masks and G objects.

    Attributes
    ----------
    object_sizes : array (G,) int64
        Objects by rising id; 0 for an object that is out of sight.
    shared : array (K, G) int64
        Elements in both mask and object.
    void : array (K,) int64
        Elements of the mask that belong to no object.
    """

    object_sizes: Int64
    shared: Int64
    void: Int64

    @property
    def mask_sizes(self) -> Int64:
        """Elements of each mask, array (K,) int64."""
        return self.shared.sum(axis=1) + self.void

    def iou(self) -> NDArray[np.float64]:
        """Intersection over union with void in the union, array (K, G); 0 where both are empty."""
        union = self.object_sizes + self.mask_sizes[:, None] - self.shared
        return self.shared / np.maximum(union, 1)


def number_objects(ids: NDArray[np.integer]) -> tuple[Int64, Int64]:
    """Replace ids by rows.

    Parameters
    ----------
    ids : array (...) of integers
        0 or less = no object.

    Returns
    -------
    values : array (G,) int64
        Ids of the objects, rising.
    rows : array (...) int64
        Row in `values`; G where there is no object.
    """
    values = np.unique(ids)
    values = values[values > 0]
    rows = np.searchsorted(values, ids).astype(np.int64, copy=False)
    rows[ids <= 0] = len(values)
    return values.astype(np.int64), rows


def count_shared(rows: Int64, masks: Bool, count: int) -> MaskCounts:
    """Count the elements of every mask by object.

    Parameters
    ----------
    rows : array (M,) int64
        From `number_objects`.
    masks : array (K, M) bool
    count : int
        G.

    Returns
    -------
    MaskCounts
    """
    table = np.empty((len(masks), count + 1), np.int64)
    for row, mask in zip(table, masks, strict=True):
        row[:] = np.bincount(rows[mask], minlength=count + 1)
    sizes = np.bincount(rows, minlength=count + 1)[:count]
    return MaskCounts(object_sizes=sizes, shared=table[:, :count], void=table[:, count])
