"""The one form every imported prediction takes. Paper section 4.1.

A system either marks the vertices of the scan it was given, or predicts points of its own. The first can be scored
as it is; the second is in the true world already, or has cameras by which it is brought there.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

World = Literal["gt", "predicted"]


@dataclass(frozen=True, kw_only=True)
class ImportTarget:
    """What a prediction has to fit.

    Attributes
    ----------
    scene_id : str
        Names the file or folder of the scene.
    vertices : array (V, 3) float64
        Of the scan, in the order of the data set's file.
    frames : tuple of str
        Photos that every system was given, in this order.
    """

    scene_id: str
    vertices: NDArray[np.float64]
    frames: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class VertexMasks:
    """Instances on the vertices of the scan.

    Attributes
    ----------
    masks : array (K, V) bool
        May overlap.
    """

    masks: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class LabelledPoints:
    """Predicted points with their instances.

    Attributes
    ----------
    points : array (P, 3) float32
        Finite; background included, since alignment needs all of them.
    instances : array (P,) int32
        0 to K - 1, or -1 for background.
    world : {"gt", "predicted"}
        "predicted" means that cameras have to align it first.
    frames : tuple of str
        Photos of the cameras; empty in the true world.
    world_to_camera : array (S, 4, 4) float64
        In the predicted world, one for each of `frames`.
    """

    points: NDArray[np.float32]
    instances: NDArray[np.int32]
    world: World
    frames: tuple[str, ...]
    world_to_camera: NDArray[np.float64]

    def __post_init__(self) -> None:
        shapes = (self.points.shape, self.instances.shape, self.world_to_camera.shape)
        count, views = len(self.points), len(self.frames)
        if shapes != ((count, 3), (count,), (views, 4, 4)) or (views == 0) != (self.world == "gt"):
            raise ValueError(
                "LabelledPoints: expected points (P, 3), instances (P,), cameras (S, 4, 4) for the S frames of a "
                f"predicted world and none for the true one, found {shapes}, {views} frames, world {self.world}"
            )


@dataclass(frozen=True, kw_only=True)
class ImportedScene:
    """What another system found in one scene.

    Attributes
    ----------
    scene_id, system : str
    found : VertexMasks or LabelledPoints
    scores : array (K,) float32
        Confidence that ranks the instances; 1 for systems that give none.
    notes : tuple of str
        What a report has to say beside the numbers.
    """

    scene_id: str
    system: str
    found: VertexMasks | LabelledPoints
    scores: NDArray[np.float32]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        count = len(self.scores)
        fits = (
            len(self.found.masks) == count
            if isinstance(self.found, VertexMasks)
            else self.found.instances.max(initial=-1) < count
        )
        if not fits or not np.isfinite(self.scores).all():
            raise ValueError(f"ImportedScene: expected a finite score for each instance, found {count} scores")

    def with_equal_scores(self) -> "ImportedScene":
        """The same with every score 1, the other of the two variants that published numbers use."""
        return replace(self, scores=np.ones_like(self.scores), notes=(*self.notes, "scores: all set to 1"))
