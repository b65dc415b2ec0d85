"""A posed folder of plain matrices: `images/`, `poses/*.txt`, `intrinsics.txt`, `depth/` (paper 4).

A pose is camera-to-world (4 x 4, OpenCV axes) and belongs to the photos of the same stem. The intrinsics (3 x 3 or
4 x 4) hold for all photos, in pixels of the first one as stored.
"""

from pathlib import Path

import numpy as np

from fast3dis_core.errors import GeometryError, ImageFolderError
from fast3dis_core.images import list_images
from fast3dis_core.photo import photo_size
from fast3dis_core.posed_input.depth import depth_beside
from fast3dis_core.posed_input.frame import PosedFolder, PosedFrame, invert
from fast3dis_core.posed_input.lens import Lens
from fast3dis_core.preprocessing import Matrix


def is_posed_folder(folder: Path) -> bool:
    """Whether the three parts of the format are there."""
    return (folder / "images").is_dir() and (folder / "intrinsics.txt").is_file() and bool(_pose_files(folder))


def read_matrices(folder: Path) -> PosedFolder:
    """Cameras of a posed folder; metric if it has depth in whole millimeters.

    Raises
    ------
    GeometryError
        No photo, or a file that is not a matrix.
    """
    try:
        photos = list_images(folder / "images")
        size = photo_size(photos[0])
    except ImageFolderError as error:
        raise GeometryError(str(error)) from error
    intrinsics = _matrix(folder / "intrinsics.txt", sides=(3, 4))
    lens = Lens(
        size=size,
        focal=(intrinsics[0, 0], intrinsics[1, 1]),
        center=(intrinsics[0, 2], intrinsics[1, 2]),
        skew=intrinsics[0, 1],
    )
    frames = []
    for file in _pose_files(folder):
        world_to_camera = invert(_matrix(file, sides=(4,)))
        of_pose = [photo for photo in photos if photo.stem == file.stem] or [folder / "images" / file.stem]
        frames += [
            PosedFrame(photo=photo, lens=lens, world_to_camera=world_to_camera, depth=depth_beside(folder, photo.name))
            for photo in of_pose
        ]
    has_depth = any(frame.depth and frame.depth.suffix == ".png" and frame.depth.exists() for frame in frames)
    return PosedFolder(frames=tuple(frames), is_metric=has_depth)


def _pose_files(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "poses").glob("*.txt") if not path.name.startswith("."))


def _matrix(path: Path, *, sides: tuple[int, ...]) -> Matrix:
    try:
        rows = [line.split() for line in path.read_text("utf-8").splitlines() if line.strip()]
        matrix = np.array([[float(value) for value in row] for row in rows])
    except (OSError, ValueError) as error:
        raise GeometryError(
            f"{path}: expected a matrix of numbers, found damaged data ({error}); write it again"
        ) from error
    if matrix.shape not in [(side, side) for side in sides]:
        expected = " or ".join(f"{side} x {side}" for side in sides)
        raise GeometryError(f"{path}: expected a matrix {expected}, found shape {matrix.shape}; write it again")
    return matrix
