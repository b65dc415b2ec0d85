"""What the geometric baselines give: a number for every point, and a score for every number. Paper section 4.1."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NO_INSTANCE = -1


@dataclass(frozen=True, kw_only=True)
class PointInstances:
    """Exclusive instances of points or vertices.

    Attributes
    ----------
    labels : array (P,) int32
        0 to K - 1, the largest instance first; `NO_INSTANCE` where there is none.
    scores : array (K,) float32
        Confidence that ranks them.
    """

    labels: NDArray[np.int32]
    scores: NDArray[np.float32]

    def masks(self, least: int = 1) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Masks (k, P) bool and scores (k,) of the instances of at least so many points, as evaluation takes them.

        An over-segmentation has thousands of instances that are too small to count; their masks would fill memory.
        """
        sizes = np.bincount(self.labels[self.labels >= 0], minlength=len(self.scores))
        count = int((sizes >= least).sum())  # the largest come first
        masks = np.zeros((count, len(self.labels)), np.bool_)
        rows = np.flatnonzero((self.labels >= 0) & (self.labels < count))
        masks[self.labels[rows], rows] = True
        return masks, self.scores[:count]


def ranked_labels(labels: NDArray[np.integer]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Number labels by falling size; of equally large ones the one whose label is lower comes first.

    Parameters
    ----------
    labels : array (P,) of integers
        Less than 0 = none.

    Returns
    -------
    ranked : array (P,) int32
        0 to K - 1, or `NO_INSTANCE`.
    values : array (K,) int64
        Label each number had before.
    """
    values, rows, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    none = int((values < 0).sum())
    order = np.argsort(-sizes[none:], kind="stable")
    table = np.full(len(values), NO_INSTANCE, np.int32)
    table[none + order] = np.arange(len(order), dtype=np.int32)
    return table[rows], values[none:][order].astype(np.int64)
