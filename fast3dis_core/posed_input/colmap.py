"""COLMAP sparse models, text and binary (paper 4: cameras of the data sets).

Only cameras and image poses are read; 2D points, 3D points, rigs and frames are left alone. World-to-camera, OpenCV
axes, pixel centers at +0.5, arbitrary scale.
"""

import math
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from fast3dis_core.errors import GeometryError
from fast3dis_core.posed_input.depth import depth_beside
from fast3dis_core.posed_input.frame import PosedFolder, PosedFrame
from fast3dis_core.posed_input.lens import Lens
from fast3dis_core.preprocessing import Matrix

MODELS = (  # by their number in binary files: name, parameters
    ("SIMPLE_PINHOLE", 3),
    ("PINHOLE", 4),
    ("SIMPLE_RADIAL", 4),
    ("RADIAL", 5),
    ("OPENCV", 8),
    ("OPENCV_FISHEYE", 8),
    ("FULL_OPENCV", 12),
    ("FOV", 5),
    ("SIMPLE_RADIAL_FISHEYE", 4),
    ("RADIAL_FISHEYE", 5),
    ("THIN_PRISM_FISHEYE", 12),
)
SUPPORTED = tuple(name for name, _ in MODELS[:7])

Value = TypeVar("Value")


class _Camera(NamedTuple):
    model: str
    width: int
    height: int
    parameters: tuple[float, ...]


class _Image(NamedTuple):
    quaternion: tuple[float, ...]  # w first
    translation: tuple[float, ...]
    camera: int
    name: str


def find_model(folder: Path) -> Path | None:
    """Folder of the sparse model: `sparse/0`, `sparse` or the folder itself."""
    for place in (folder / "sparse" / "0", folder / "sparse", folder):
        if _extension(place) is not None:
            return place
    return None


def read_colmap(folder: Path) -> PosedFolder:
    """Cameras of a COLMAP folder; photos in `images/` or the folder, depth maps in `depth/` by file stem.

    Raises
    ------
    GeometryError
        A file of the model is damaged, or names a camera that does not exist.
    """
    model = find_model(folder)
    assert model is not None
    extension = _extension(model)
    if extension == ".bin":
        cameras = _parsed(model / "cameras.bin", lambda path: dict(_binary_cameras(path.read_bytes())))
        images = _parsed(model / "images.bin", lambda path: list(_binary_images(path.read_bytes())))
    else:
        cameras = _parsed(model / "cameras.txt", lambda path: dict(_text_cameras(path.read_text("utf-8"))))
        images = _parsed(model / "images.txt", lambda path: list(_text_images(path.read_text("utf-8"))))
    root = folder / "images" if (folder / "images").is_dir() else folder
    frames = []
    for image in images:
        if image.camera not in cameras:
            raise GeometryError(
                f"{model.name}/images{extension}: expected a camera of cameras{extension} for {image.name}, "
                f"found number {image.camera}, which is not there; export the model again"
            )
        frames.append(
            PosedFrame(
                photo=root / image.name,
                lens=_lens(cameras[image.camera]),
                world_to_camera=_pose(image),
                depth=depth_beside(folder, image.name),
            )
        )
    return PosedFolder(frames=tuple(frames), is_metric=False)


def _extension(model: Path) -> str | None:
    for extension in (".bin", ".txt"):
        if all((model / f"{name}{extension}").is_file() for name in ("cameras", "images")):
            return extension
    return None


def _parsed(path: Path, parse: Callable[[Path], Value]) -> Value:
    try:
        return parse(path)
    except (OSError, ValueError, IndexError, struct.error, OverflowError) as error:
        raise GeometryError(
            f"{path}: expected a COLMAP file, found damaged data ({error}); export the model again"
        ) from error


def _text_cameras(text: str) -> Iterator[tuple[int, _Camera]]:
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            number, model, width, height, *parameters = line.split()
            yield int(number), _Camera(model, int(width), int(height), tuple(map(float, parameters)))


def _text_images(text: str) -> Iterator[_Image]:
    lines = (line.strip() for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in lines:
        if line:
            _, *pose, camera, name = line.split(maxsplit=9)
            numbers = tuple(map(float, pose))
            if len(numbers) != 7:
                raise ValueError(f"expected 10 entries, found: {line[:80]}")
            yield _Image(numbers[:4], numbers[4:], int(camera), name)
            next(lines, None)  # the 2D points, possibly an empty line


def _binary_cameras(data: bytes) -> Iterator[tuple[int, _Camera]]:
    (count,) = struct.unpack_from("<Q", data)
    offset = 8
    for _ in range(count):
        number, model, width, height = struct.unpack_from("<iiQQ", data, offset)
        if not 0 <= model < len(MODELS):
            raise ValueError(f"camera model number {model} is unknown")
        name, parameters = MODELS[model]
        yield number, _Camera(name, width, height, struct.unpack_from(f"<{parameters}d", data, offset + 24))
        offset += 24 + 8 * parameters


def _binary_images(data: bytes) -> Iterator[_Image]:
    (count,) = struct.unpack_from("<Q", data)
    offset = 8
    for _ in range(count):
        _, *pose, camera = struct.unpack_from("<i7di", data, offset)
        end = data.index(b"\0", offset + 64)
        name = data[offset + 64 : end].decode()
        yield _Image(tuple(pose[:4]), tuple(pose[4:]), camera, name)
        (points,) = struct.unpack_from("<Q", data, end + 1)
        offset = end + 9 + 24 * points
    if offset > len(data):
        raise ValueError("the file ends too early")


def _lens(camera: _Camera) -> Lens | GeometryError:
    size, values = (camera.height, camera.width), camera.parameters
    if camera.model not in SUPPORTED:
        return GeometryError(
            f"expected a camera model of {', '.join(SUPPORTED)}; found {camera.model}; "
            "undistort the photos with COLMAP first"
        )
    if len(values) != dict(MODELS)[camera.model]:
        return GeometryError(
            f"expected {dict(MODELS)[camera.model]} parameters of the camera model {camera.model}, "
            f"found {len(values)}; export the model again"
        )
    if camera.model in ("SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL"):
        focal, *center = values[:3]
        radial = (*values[3:], 0.0, 0.0, 0.0, 0.0)[:4]
        return Lens(size=size, focal=(focal, focal), center=(center[0], center[1]), distortion=radial)
    return Lens(
        size=size,
        focal=(values[0], values[1]),
        center=(values[2], values[3]),
        family="fisheye" if camera.model == "OPENCV_FISHEYE" else "perspective",
        distortion=values[4:],
    )


def _pose(image: _Image) -> Matrix:
    """World-to-camera (4, 4); a zero quaternion becomes NaN, for `check_frame` to refuse."""
    norm = math.hypot(*image.quaternion)
    w, x, y, z = np.array(image.quaternion) / (norm if 0 < norm < math.inf else np.nan)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y), image.translation[0]],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x), image.translation[1]],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y), image.translation[2]],
            [0, 0, 0, 1],
        ]
    )
