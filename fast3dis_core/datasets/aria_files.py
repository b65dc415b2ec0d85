"""Files of one scene of Aria Synthetic Environments, checked and decoded (paper 4.1: training scenes).

Layout and units are those of the data set's published format. Documentation and files differ in two names:
trajectories end in .csv or .txt, maps in .png; depth or ids in JPEG come from other people's conversions and are
damaged by them, so they are refused. What the numbers mean in space is left to `aria_synthetic`.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.transform import Rotation

from fast3dis_core.errors import DatasetError, ImageFolderError
from fast3dis_core.photo import read_photo
from fast3dis_core.preprocessing import Matrix, Pixels, Size

DATA_SET = "Aria Synthetic Environments"
TRAJECTORIES = ("trajectory.csv", "trajectory.txt")
CLASSES = "object_instances_to_classes.json"
MOST_IDS = 2**16  # ids are stored in 16 bits

_TRANSLATION, _QUATERNION = slice(3, 6), slice(6, 10)  # columns of a trajectory
_NORM_TOLERANCE = 1e-2  # of quaternions, which are written with a few digits
# what Pillow raises on damaged files
_DECODING_ERRORS = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError)


class FrameFiles(NamedTuple):
    """Files of one frame."""

    photo: Path
    depth: Path
    instances: Path


def scene_numbers(root: Path) -> tuple[int, ...]:
    """Numbers of the scenes in a folder, rising; a scene is a subfolder named by its number.

    Raises
    ------
    DatasetError
        If there are none.
    """
    try:
        names = [entry.name for entry in root.iterdir() if entry.is_dir()]
    except OSError as error:
        raise DatasetError(
            f"{root}: expected a folder of {DATA_SET}, found none that reads ({error}); check the path."
        ) from error
    numbers = sorted(int(name) for name in names if re.fullmatch("0|[1-9][0-9]*", name, re.ASCII))
    if not numbers:
        raise DatasetError(
            f"{root}: expected the scenes of {DATA_SET} as folders 0, 1, 2, …, found none among {len(names)} folders; "
            "name the folder that the chunks were unpacked into."
        )
    return tuple(numbers)


def missing_parts(scene: Path) -> tuple[str, ...]:
    """Names of the folders and files that a scene lacks; what is in them is not looked at."""
    missing = [name for name in ("rgb", "depth", "instances") if not (scene / name).is_dir()]
    if not any((scene / name).is_file() for name in TRAJECTORIES):
        missing.append(TRAJECTORIES[0])
    if not (scene / CLASSES).is_file():
        missing.append(CLASSES)
    return tuple(missing)


def frame_files(scene: Path) -> dict[int, FrameFiles]:
    """Files of the frames for which photo, depth and ids are all there, by frame number, rising.

    Raises
    ------
    DatasetError
        If a folder is missing, maps are JPEG, or no frame is complete.
    """
    photos = _numbered(scene, "rgb", "vignette", ".jpg")
    depth = _numbered(scene, "depth", "depth", ".png")
    instances = _numbered(scene, "instances", "instance", ".png")
    complete = sorted(photos.keys() & depth.keys() & instances.keys())
    if not complete:
        raise DatasetError(
            f"{scene}: expected frames of {DATA_SET} with photo, depth and ids, found {len(photos)} photos, "
            f"{len(depth)} depth maps and {len(instances)} id maps without a common number; unpack the scene again."
        )
    return {number: FrameFiles(photos[number], depth[number], instances[number]) for number in complete}


def read_trajectory(scene: Path) -> NDArray[np.float64]:
    """World <- device of every frame, array (R, 4, 4), meters.

    Raises
    ------
    DatasetError
        If there is no trajectory, or a row is not as documented; the line is named.
    """
    path = next((scene / name for name in TRAJECTORIES if (scene / name).is_file()), None)
    if path is None:
        raise DatasetError(
            f"{scene}: expected {' or '.join(TRAJECTORIES)} of {DATA_SET}, found neither; unpack the scene again."
        )
    lines = _text(path).rstrip().splitlines()
    if len(lines) < 2 or _numbers(lines[0]) is not None:  # without the header, rows would belong to other frames
        raise DatasetError(
            f"{path}: expected a header line and one row per frame, as in {DATA_SET}, found {len(lines)} lines that "
            f"begin with {''.join(lines[:1])[:80]!r}; download the file again."
        )
    rows = []
    for line, text in enumerate(lines[1:], start=2):
        numbers = _numbers(text)
        if numbers is None:
            raise DatasetError(
                f"{path}, line {line}: expected tx, ty, tz, qx, qy, qz, qw in columns 4 to 10, as in {DATA_SET}, found "
                f"{text[:80]!r}; download the file again."
            )
        rows.append(numbers)
    poses = np.array(rows)
    norms = np.linalg.norm(poses[:, 3:], axis=1)
    wrong = ~(np.isfinite(poses).all(1) & (np.abs(norms - 1) < _NORM_TOLERANCE))
    if wrong.any():
        raise DatasetError(
            f"{path}, line {int(wrong.argmax()) + 2}: expected finite numbers and a unit quaternion, as in {DATA_SET}, "
            f"found {poses[wrong.argmax()].tolist()}; download the file again."
        )
    return rigid(poses[:, 3:], poses[:, :3])


def read_classes(scene: Path) -> Mapping[int, str]:
    """Class name of every instance id.

    Raises
    ------
    DatasetError
        If the file is missing or is no table of ids and names.
    """
    path = scene / CLASSES
    try:
        table = json.loads(_text(path))
        named = {int(number): name for number, name in table.items()}
    except (ValueError, AttributeError) as error:
        raise DatasetError(
            f'{path}: expected {{"id": "class name", …}} of {DATA_SET}, found something else ({error}); download the '
            "file again."
        ) from error
    wrong = [number for number, name in named.items() if not 0 <= number < MOST_IDS or not isinstance(name, str)]
    if wrong:
        raise DatasetError(
            f"{path}: expected ids below {MOST_IDS} with a class name each, as in {DATA_SET}, found {wrong[0]}: "
            f"{named[wrong[0]]!r}; download the file again."
        )
    return named


def read_image(path: Path, size: Size) -> Pixels:
    """RGB photo (h, w, 3) of the given size.

    Raises
    ------
    DatasetError
        If it does not read, or has another size.
    """
    try:
        pixels = read_photo(path, oriented=False)
    except ImageFolderError as error:
        raise DatasetError(
            f"{path}: expected a photo of {DATA_SET}, found one that does not read; unpack the scene again ({error})."
        ) from error
    _check_size(path, (pixels.shape[0], pixels.shape[1]), size)
    return pixels


def read_map(path: Path, size: Size) -> NDArray[np.uint16]:
    """16-bit map (h, w) of depth or ids of the given size.

    Raises
    ------
    DatasetError
        If it does not read, is no 16-bit gray PNG, or has another size.
    """
    try:
        with Image.open(path, formats=("PNG",)) as image:
            mode = image.mode
            values = np.asarray(image)
    except _DECODING_ERRORS as error:
        raise DatasetError(
            f"{path}: expected a 16-bit PNG of {DATA_SET}, found a file that does not read ({error}); unpack the scene "
            "again."
        ) from error
    if not mode.startswith("I"):
        raise DatasetError(
            f"{path}: expected 16-bit gray of {DATA_SET}, found mode {mode}; a conversion has cut the numbers, take "
            "the original file."
        )
    _check_size(path, (values.shape[0], values.shape[1]), size)
    return values.astype(np.uint16)


def rigid(quaternions: NDArray[np.float64], translations: NDArray[np.float64]) -> Matrix:
    """Motions (..., 4, 4) of quaternions (..., 4), x y z w, and translations (..., 3)."""
    motions = np.zeros((*translations.shape[:-1], 4, 4))
    motions[..., :3, :3] = Rotation.from_quat(quaternions).as_matrix()
    motions[..., :3, 3] = translations
    motions[..., 3, 3] = 1
    return motions


def _numbered(scene: Path, folder: str, stem: str, suffix: str) -> dict[int, Path]:
    """Files such as rgb/vignette0000012.jpg by their number."""
    place, pattern = scene / folder, re.compile(rf"{stem}([0-9]+)(\.[a-z]+)")
    try:
        matches = [(pattern.fullmatch(path.name), path) for path in place.iterdir()]
    except OSError as error:
        raise DatasetError(
            f"{place}: expected this folder of {DATA_SET}, found none that reads ({error}); unpack the whole scene "
            "(scenes of the test split have no depth and no ids: take a train chunk)."
        ) from error
    found: dict[str, dict[int, Path]] = {}
    for match, path in matches:
        if match:
            found.setdefault(match[2], {})[int(match[1])] = path
    wanted = found.get(suffix, {})
    lossy = {**found.get(".jpg", {}), **found.get(".jpeg", {})}.keys() - wanted.keys()
    if suffix == ".png" and lossy:
        raise DatasetError(
            f"{place}: expected 16-bit PNG of {DATA_SET}, found JPEG ({stem}{min(lossy):07d}), which changes numbers; "
            "take the original files."
        )
    return wanted


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"{path}: expected this file of {DATA_SET}, found none that reads ({error}); unpack the scene again."
        ) from error


def _numbers(line: str) -> list[float] | None:
    """Position and quaternion of one row of a trajectory, None if it is no such row."""
    columns = line.split(",")
    try:
        values = [float(text) for text in (*columns[_TRANSLATION], *columns[_QUATERNION])]
    except ValueError:
        return None
    return values if len(values) == 7 else None


def _check_size(path: Path, found: Size, expected: Size) -> None:
    if found != expected:
        raise DatasetError(
            f"{path}: expected {expected[1]} x {expected[0]} pixels, the size {DATA_SET} is calibrated for, found "
            f"{found[1]} x {found[0]}; take the original file."
        )
