"""Masks of one scene over all its views beside the true ids, and their records for average precision.

Where no scan exists, pixels stand in for vertices: once with all views of a scene as one list, which asks for mask
and identity, and once with every view by itself, which asks for the mask alone. The distance between the two is what
failures of identity cost. What happens between views is told by `consistency`. Paper section 4.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.errors import EvaluationError
from fast3dis_core.evaluation.average_precision import (
    MIN_REGION_SIZE,
    SceneRecords,
    checked_scores,
    records_of_counts,
)
from fast3dis_core.evaluation.intersections import Bool, Int64, MaskCounts, count_shared, number_objects


@dataclass(frozen=True)
class LabelledMasks:
    """Predicted masks and true ids of S views of one scene.

    Attributes
    ----------
    scene_id : str
    gt_ids : array (S, H, W) int32
        An object has the same positive number in all views, any number; 0 = ignore.
    masks : array (K, S, H, W) bool
        May overlap; mask k is one instance in all views.
    scores : array (K,) float
        Confidences that rank the masks.
    objectness : array (K,) float
        In [0, 1]; which masks count as claims. A method without it gives 1.

    Raises
    ------
    EvaluationError
        If shapes or types do not fit, or a number is not finite.
    """

    scene_id: str
    gt_ids: NDArray[np.integer]
    masks: Bool
    scores: NDArray[np.floating]
    objectness: NDArray[np.floating]

    def __post_init__(self) -> None:
        if self.gt_ids.ndim != 3 or not np.issubdtype(self.gt_ids.dtype, np.integer):
            raise EvaluationError(
                f"Scene {self.scene_id}: expected integer ids (S, H, W), found {self.gt_ids.dtype} of shape "
                f"{self.gt_ids.shape}."
            )
        if self.masks.dtype != np.bool_ or self.masks.shape[1:] != self.gt_ids.shape or self.masks.ndim != 4:
            raise EvaluationError(
                f"Scene {self.scene_id}: expected bool masks of shape (K, {', '.join(map(str, self.gt_ids.shape))}), "
                f"found {self.masks.dtype} of shape {self.masks.shape}: predict at the resolution of the labels."
            )
        checked_scores(self.scores, len(self.masks))
        checked_scores(self.objectness, len(self.masks))

    @cached_property
    def _numbered(self) -> tuple[Int64, Int64]:
        return number_objects(self.gt_ids)

    @property
    def objects(self) -> Int64:
        """Ids of the objects, array (G,) int64, rising."""
        return self._numbered[0]

    @property
    def rows(self) -> Int64:
        """Row of every pixel in `objects`, array (S, H, W) int64; G = ignore."""
        return self._numbered[1]

    @cached_property
    def view_counts(self) -> tuple[MaskCounts, ...]:
        """Intersections of all masks with all objects, view by view; counted once."""
        return tuple(
            count_shared(rows.ravel(), self.masks[:, view].reshape(len(self.masks), rows.size), len(self.objects))
            for view, rows in enumerate(self.rows)
        )

    @property
    def scene_counts(self) -> MaskCounts:
        """Intersections over all views together."""
        views, masks, objects = self.view_counts, len(self.masks), len(self.objects)
        return MaskCounts(
            object_sizes=sum((view.object_sizes for view in views), np.zeros(objects, np.int64)),
            shared=sum((view.shared for view in views), np.zeros((masks, objects), np.int64)),
            void=sum((view.void for view in views), np.zeros(masks, np.int64)),
        )


def multi_view_records(scene: LabelledMasks, min_region_size: int = MIN_REGION_SIZE) -> list[SceneRecords]:
    """Records of all views as one list of pixels.

    Parameters
    ----------
    scene : LabelledMasks
    min_region_size : int
        Pixels in all views together. 100 is meant for a long edge of 504.

    Returns
    -------
    list of one SceneRecords
        For `average_precision.pooled`.
    """
    return [records_of_counts(scene.scene_counts, scene.scores, min_region_size=min_region_size)]


def per_view_records(scene: LabelledMasks, min_region_size: int = MIN_REGION_SIZE) -> list[SceneRecords]:
    """Records of every view as a scene of its own.

    Parameters
    ----------
    scene : LabelledMasks
    min_region_size : int
        Pixels in one view. 100 is meant for a long edge of 504.

    Returns
    -------
    list of S SceneRecords
        For `average_precision.pooled`.
    """
    return [records_of_counts(counts, scene.scores, min_region_size=min_region_size) for counts in scene.view_counts]
