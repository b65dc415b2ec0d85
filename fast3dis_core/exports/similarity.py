"""A similarity given by the caller (choice of frame, known scale), applied to points and cameras alike, and its words.

`p_export = transform @ p_world` with `transform = [s R, t; 0, 1]`. Rotations stay rotations: the scale
enters the translations of the cameras, so that a transformed scene projects to the same pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fast3dis_core.errors import ExportError
from fast3dis_core.reconstruction import Float32

Float64 = NDArray[np.float64]
Transform: TypeAlias = Union[ArrayLike, "Similarity"]  # what writers take: a matrix, or one with words
FRAME = "world = camera of view 0 (OpenCV axes: x right, y down, z forward)"
FOLDER_FRAME = "world of the cameras that came with the photos"
TOLERANCE = 1e-4  # relative; a similarity estimated in float32 passes, a shear does not


@dataclass(frozen=True)
class Similarity:
    """A checked 4x4 similarity.

    Attributes
    ----------
    matrix : array (4, 4) float64
    scale : float
        Export units per world unit, above 0.
    is_identity : bool
    units : str, optional
        Word for written lengths, such as "m"; without it they are called world units times the scale.
    frame : str, optional
        Words for the written frame; without them it is called the transformed world.
    """

    matrix: Float64
    scale: float
    is_identity: bool
    units: str | None = None
    frame: str | None = None

    @classmethod
    def of(cls, transform: Transform | None, *, units: str | None = None, frame: str | None = None) -> "Similarity":
        """Check a transform from outside; None is the identity, and one that was checked is returned as it is.

        Raises
        ------
        ExportError
            If it is not a finite 4x4 rotation, uniform positive scale and shift.
        """
        if isinstance(transform, Similarity):
            return transform
        if transform is None:
            return cls(np.eye(4), 1.0, True, units, frame)
        matrix = np.array(transform, dtype=np.float64)
        if matrix.shape != (4, 4):
            raise ExportError(f"The export transform must be a 4x4 matrix, found shape {matrix.shape}.")
        linear = matrix[:3, :3]
        gram = linear.T @ linear
        scale = float(np.sqrt(np.trace(gram) / 3))
        if not (
            np.isfinite(matrix).all()
            and np.array_equal(matrix[3], (0, 0, 0, 1))
            and np.linalg.det(linear) > 0
            and np.allclose(gram, scale**2 * np.eye(3), rtol=0, atol=TOLERANCE * scale**2)
        ):
            raise ExportError(
                "The export transform must be a similarity: rotation without mirroring, one positive scale, a shift, "
                f"and a last row of 0 0 0 1. Found\n{matrix}"
            )
        return cls(matrix, scale, bool(np.array_equal(matrix, np.eye(4))), units, frame)

    @classmethod
    def written(
        cls, *, world_to_folder: ArrayLike | None = None, scale: float = 1.0, meters: bool = False
    ) -> "Similarity":
        """From the world of view 0 to the frame a user chose.

        Parameters
        ----------
        world_to_folder : array (4, 4), optional
            To the world of the cameras that came with the photos; without it the frame is that of view 0.
        scale : float
            Written units per scene unit.
        meters : bool
            Whether the written units are meters.
        """
        to_frame = np.eye(4) if world_to_folder is None else np.asarray(world_to_folder, np.float64)
        scaled = np.diag([scale] * 3 + [1.0]) @ to_frame
        words = FRAME if world_to_folder is None else FOLDER_FRAME
        return cls.of(scaled, units="m" if meters else None, frame=words)

    def points(self, points: Float32) -> Float32:
        """World points (P, 3) float32 in the export frame; bit-equal for the identity.

        Raises
        ------
        ExportError
            If they leave the range of float32.
        """
        if self.is_identity:
            return points
        moved = points.astype(np.float64) @ self.matrix[:3, :3].T + self.matrix[:3, 3]
        if np.abs(moved).max(initial=0.0) > np.finfo(np.float32).max:
            raise ExportError("The export transform moves points beyond what the file can hold: check its scale.")
        return moved.astype(np.float32)

    def world_to_camera(self, world_to_camera: Float32) -> Float64:
        """Cameras (S, 4, 4) that see the transformed points at the same pixels, depths times `scale`."""
        cameras = world_to_camera.astype(np.float64)
        if self.is_identity:
            return cameras
        rotation = cameras[:, :3, :3] @ (self.matrix[:3, :3] / self.scale).T
        moved = cameras.copy()
        moved[:, :3, :3] = rotation
        moved[:, :3, 3] = self.scale * cameras[:, :3, 3] - rotation @ self.matrix[:3, 3]
        return moved

    def numbers(self) -> Sequence[float]:
        """The 16 numbers, row by row, for comments and metadata."""
        return [float(value) for value in self.matrix.ravel()]
