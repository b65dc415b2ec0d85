"""`SceneSample`: photos of one scene with instance ids and, where known, geometry and surface points.

Every data set ends here, `training` and `evaluation` start here. Like the values of
`fast3dis_core.scene`, a sample may carry one more axis B of scenes in front of every tensor;
`fast3dis_core.scene.scene(sample, index)` takes one out. Files and formats are left to the loaders.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fast3dis_core.scene import SceneGeometry, ViewBatch

UNLABELED = "unlabeled"
STRUCTURE = "structure"  # class of walls, floor and ceiling, which the `objects` protocol drops


@dataclass(frozen=True, kw_only=True)
class LabeledSurface:
    """Points on the true surface of a scene, for scoring in 3D.

    Attributes
    ----------
    points : Tensor (P, 3)
        World: the camera frame of view 0, scene units.
    ids : Tensor (P,) int32
        Instance ids; 0 = none.
    """

    points: Tensor
    ids: Tensor

    def __post_init__(self) -> None:
        if self.points.shape[-1] != 3 or self.ids.shape != self.points.shape[:-1]:
            raise ValueError(
                f"LabeledSurface: expected points (P, 3) and ids (P,), found {tuple(self.points.shape)} "
                f"and {tuple(self.ids.shape)}"
            )


@dataclass(frozen=True, kw_only=True)
class SceneSample:
    """One training or test scene.

    Attributes
    ----------
    views : ViewBatch
    instance_ids : Tensor (S, H, W) int32
        0 = unlabelled; an object has the same positive number in all views.
    class_ids : Tensor (I,) int64
        Class of every id below I, as an index into `class_names`; 0 for ids that label nothing.
    class_names : tuple of str
        Entry 0 is "unlabeled".
    geometry : SceneGeometry, optional
        True depth and cameras, world = camera of view 0.
    normals : Tensor (S, 3, H, W), optional
        Unit surface normals, camera axes of the same view.
    surface : LabeledSurface, optional
    """

    views: ViewBatch
    instance_ids: Tensor
    class_ids: Tensor
    class_names: tuple[str, ...]
    geometry: SceneGeometry | None = None
    normals: Tensor | None = None
    surface: LabeledSurface | None = None

    def __post_init__(self) -> None:
        images = self.views.images
        expected = (*images.shape[:-3], *images.shape[-2:])
        if tuple(self.instance_ids.shape) != expected:
            raise ValueError(
                f"SceneSample.instance_ids: expected shape {expected} for images {tuple(images.shape)}, "
                f"found {tuple(self.instance_ids.shape)}"
            )
        if self.class_ids.ndim != self.instance_ids.ndim - 2:
            raise ValueError(f"SceneSample.class_ids: expected shape (I,), found {tuple(self.class_ids.shape)}")

    def ids_of_class(self, name: str) -> Tensor:
        """Instance ids of one class, Tensor (n,) int64; of a single scene."""
        if name not in self.class_names:
            return self.class_ids.new_empty(0)
        return torch.nonzero(self.class_ids == self.class_names.index(name)).squeeze(1)

    def object_ids(self) -> Tensor:
        """Ids of everything labelled that is not structure, Tensor (n,) int64; of a single scene."""
        labelled = self.class_ids > 0
        if STRUCTURE in self.class_names:
            labelled = labelled & (self.class_ids != self.class_names.index(STRUCTURE))
        return torch.nonzero(labelled).squeeze(1)
