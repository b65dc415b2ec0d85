"""nerfstudio's transforms.json (paper 4: cameras of the data sets).

Camera-to-world in OpenGL axes (x right, y up, z back); the world is taken as it is. Intrinsics stand at the top of the
file or in each frame.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fast3dis_core.errors import GeometryError, ImageFolderError
from fast3dis_core.images import PHOTO_EXTENSIONS
from fast3dis_core.photo import photo_size
from fast3dis_core.posed_input.frame import PosedFolder, PosedFrame, invert
from fast3dis_core.posed_input.lens import Lens
from fast3dis_core.preprocessing import Matrix

FILE = "transforms.json"
PERSPECTIVE = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL")
FISHEYE = "OPENCV_FISHEYE"


def read_transforms(folder: Path) -> PosedFolder:
    """Cameras of a folder with a transforms.json; depth by `depth_file_path`.

    The world is metric if depth says so: whole numbers in millimeters, or a `depth_unit_scale_factor`.

    Raises
    ------
    GeometryError
        The file is no JSON of the documented form.
    """
    path = folder / FILE
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise GeometryError(f"{path}: expected a JSON file, found damaged data ({error}); write it again") from error
    listed = content.get("frames") if isinstance(content, dict) else None
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise GeometryError(f"{path}: expected a list named frames, found none; write it again")
    entries = [{**content, **entry} for entry in listed]
    frames = tuple(_frame(folder, entry, number) for number, entry in enumerate(entries))
    ignored = [folder / entry["mask_path"] for entry in entries if isinstance(entry.get("mask_path"), str)]
    return PosedFolder(
        frames=frames,
        is_metric=any(frame.depth and (frame.depth_scale or frame.depth.suffix == ".png") for frame in frames),
        ignored=(*ignored, *(frame.depth for frame in frames if frame.depth)),
    )


def _frame(folder: Path, entry: dict[str, Any], number: int) -> PosedFrame:
    name = entry.get("file_path")
    if not isinstance(name, str) or not name:
        raise GeometryError(f"{FILE}: expected a file_path in frame {number}, found {name!r}; write the file again")
    photo, depth = _photo(folder, name), entry.get("depth_file_path")
    try:
        lens: Lens | GeometryError = _lens(entry, photo)
    except GeometryError as error:
        lens = error
    return PosedFrame(
        photo=photo,
        lens=lens,
        world_to_camera=_pose(entry, name),
        depth=folder / depth if isinstance(depth, str) else None,
        depth_scale=_number(entry, "depth_unit_scale_factor"),
    )


def _photo(folder: Path, name: str) -> Path:
    path = folder / name.replace("\\", "/")
    if path.suffix.lower() in PHOTO_EXTENSIONS:
        return path
    # Blender's exporter leaves the extension out
    return next((found for found in _with_extensions(path) if found.exists()), path)


def _with_extensions(path: Path) -> Iterator[Path]:
    for extension in (".png", *PHOTO_EXTENSIONS):
        yield path.with_name(path.name + extension)


def _pose(entry: dict[str, Any], name: str) -> Matrix:
    try:
        matrix = np.array(entry.get("transform_matrix"), dtype=np.float64)
    except (ValueError, TypeError):
        matrix = np.empty(0)
    if matrix.shape not in ((4, 4), (3, 4)):
        raise GeometryError(
            f"{FILE}: expected a 4 x 4 transform_matrix for {name}, found shape {matrix.shape}; write the file again"
        )
    camera_to_world = np.eye(4)
    camera_to_world[: len(matrix)] = matrix
    camera_to_world[:, 1:3] *= -1  # OpenGL axes to OpenCV axes
    return invert(camera_to_world)


def _lens(entry: dict[str, Any], photo: Path) -> Lens:
    model = entry.get("camera_model", "OPENCV")
    if model not in (*PERSPECTIVE, FISHEYE):
        raise GeometryError(
            f"expected a camera_model of {', '.join(PERSPECTIVE)}, {FISHEYE}; found {model}; undistort the photos first"
        )
    height, width = _number(entry, "h"), _number(entry, "w")
    if height is None or width is None:
        try:
            height, width = photo_size(photo)
        except ImageFolderError as error:
            raise GeometryError(str(error)) from error
    focal_x, focal_y = _focal(entry, "x", width), _focal(entry, "y", height)
    if focal_x is None:
        raise GeometryError(f"expected fl_x or camera_angle_x, found neither; add the focal length to {FILE}")
    center_x, center_y = _number(entry, "cx"), _number(entry, "cy")
    return Lens(
        size=(round(height), round(width)),
        focal=(focal_x, focal_x if focal_y is None else focal_y),
        center=(width / 2 if center_x is None else center_x, height / 2 if center_y is None else center_y),
        family="fisheye" if model == FISHEYE else "perspective",
        distortion=_distortion(entry, model),
    )


def _distortion(entry: dict[str, Any], model: str) -> tuple[float, ...]:
    k1, k2, k3, k4, p1, p2 = (_number(entry, key) or 0.0 for key in ("k1", "k2", "k3", "k4", "p1", "p2"))
    # a coefficient the lens family does not have must not be dropped in silence
    if model == FISHEYE:
        foreign = {"p1": p1, "p2": p2}
        coefficients: tuple[float, ...] = (k1, k2, k3, k4)
    elif "PINHOLE" in model:
        foreign, coefficients = {"k1": k1, "k2": k2, "k3": k3, "k4": k4, "p1": p1, "p2": p2}, ()
    else:
        foreign, coefficients = {"k4": k4}, (k1, k2, p1, p2, k3)
    if any(foreign.values()):
        raise GeometryError(
            f"expected no {', '.join(foreign)} with the camera model {model}, "
            f"found {foreign}; name another camera_model or undistort the photos first"
        )
    return coefficients


def _number(entry: dict[str, Any], key: str) -> float | None:
    value = entry.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise GeometryError(f"{FILE}: expected a finite number for {key}, found {value!r}; correct it")
    return float(value)


def _focal(entry: dict[str, Any], axis: str, side: float) -> float | None:
    """Focal length in pixels: given, or from the full angle in radians under which a side is seen."""
    focal, angle = _number(entry, f"fl_{axis}"), _number(entry, f"camera_angle_{axis}")
    if focal is not None or angle is None:
        return focal
    if not 0 < angle < math.pi:
        raise GeometryError(f"{FILE}: expected camera_angle_{axis} between 0 and pi radians, found {angle}; correct it")
    return side / (2 * math.tan(angle / 2))
