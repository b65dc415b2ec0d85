"""What every camera format comes down to: a photo, its lens, where the camera stood (paper 3)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fast3dis_core.errors import GeometryError
from fast3dis_core.posed_input.lens import Lens, is_sane
from fast3dis_core.preprocessing import Matrix

RIGID_TOLERANCE = 1e-3  # of R^T R against the identity; text files keep few digits


@dataclass(frozen=True, kw_only=True)
class PosedFrame:
    """One camera of a folder, as found; `check_frame` has yet to judge it.

    Attributes
    ----------
    photo : Path
        Need not exist.
    lens : Lens or GeometryError
        The error says why this camera cannot be used.
    world_to_camera : array (4, 4) float64
        From the folder's own world, OpenCV axes.
    depth : Path or None
    depth_scale : float or None
        Scene units of one stored unit; None lets the stored type decide (see `read_depth`).
    """

    photo: Path
    lens: Lens | GeometryError
    world_to_camera: Matrix
    depth: Path | None = None
    depth_scale: float | None = None


@dataclass(frozen=True, kw_only=True)
class PosedFolder:
    """All cameras of a folder.

    Attributes
    ----------
    frames : tuple of PosedFrame
    is_metric : bool
        Whether the folder's world is in meters.
    ignored : tuple of Path
        Pictures that are no photos, such as masks and depth maps beside the photos.
    """

    frames: tuple[PosedFrame, ...]
    is_metric: bool
    ignored: tuple[Path, ...] = ()


def check_frame(frame: PosedFrame) -> tuple[Lens, Matrix]:
    """Lens and `world_to_camera` (4, 4) with an exact rotation, or `GeometryError`."""
    if isinstance(frame.lens, GeometryError):
        raise frame.lens
    frame.lens.check()
    return frame.lens, rigid(frame.world_to_camera)


def rigid(transform: Matrix) -> Matrix:
    """Nearest rigid motion to a (4, 4) matrix that is one up to rounding; otherwise `GeometryError`."""
    if not is_sane(transform):
        raise GeometryError(
            "expected a finite camera matrix, found NaN, infinity or absurd values; remove the photo or its camera"
        )
    rotation = transform[:3, :3]
    error = np.abs(rotation.T @ rotation - np.eye(3)).max()
    if error > RIGID_TOLERANCE or np.linalg.det(rotation) <= 0 or np.abs(transform[3] - (0, 0, 0, 1)).max() > 1e-6:
        raise GeometryError(
            "expected a rigid camera matrix (a rotation and a translation), found one that is not "
            f"(determinant {np.linalg.det(rotation):.3g}, off by {error:.2g}); remove scale, shear or mirroring from it"
        )
    left, _, right = np.linalg.svd(rotation)
    exact = np.eye(4)
    exact[:3, :3], exact[:3, 3] = left @ right, transform[:3, 3]
    return exact


def invert(transform: Matrix) -> Matrix:
    """Inverse of a camera-to-world matrix (4, 4); one that has none becomes NaN, for `check_frame` to refuse."""
    try:
        return np.asarray(np.linalg.inv(transform))
    except np.linalg.LinAlgError:
        return np.full((4, 4), np.nan)
