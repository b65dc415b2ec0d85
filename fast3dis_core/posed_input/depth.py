"""Depth maps that come with photos (paper 3.1: an RGB-D folder brings what the geometry pass would predict).

Depth is along the camera's z axis. Values are never interpolated: between two surfaces the mean belongs to neither.
"""

import struct
import tokenize
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fast3dis_core.errors import GeometryError
from fast3dis_core.posed_input.lens import Lens, bend, same_aspect
from fast3dis_core.preprocessing import Matrix, Size

DEPTH_EXTENSIONS = (".png", ".npy", ".npz")
MILLIMETER = 0.001

# what NumPy, zipfile and Pillow raise on damaged files
_DECODING_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    MemoryError,
    RuntimeError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def depth_beside(folder: Path, name: str) -> Path:
    """The depth map of a photo in `depth/`: same stem, any format; the .png name if there is none."""
    plain = folder / "depth" / Path(name).with_suffix(".png")
    found = (plain.with_suffix(extension) for extension in (*DEPTH_EXTENSIONS, ".exr"))
    return next((path for path in found if path.exists()), plain)


def read_depth(path: Path | None, scale: float | None) -> NDArray[np.float32]:
    """Read a depth map.

    Parameters
    ----------
    path : Path or None
        16-bit PNG, .npy, or .npz (its array `depth`, or its only one).
    scale : float or None
        Scene units of one stored unit. By default whole numbers are millimeters and the scene is in meters;
        floating-point values are scene units.

    Returns
    -------
    array (h, w) float32
        Scene units; 0 where the depth is missing, negative or not finite.

    Raises
    ------
    GeometryError
        Missing, damaged, or of another kind.
    """
    if path is None:
        raise GeometryError("expected a depth map, found none named; add one or read the folder without depth")
    if path.suffix.lower() not in DEPTH_EXTENSIONS:
        raise GeometryError(
            f"expected depth as {', '.join(DEPTH_EXTENSIONS)}; found {path.name}; convert it, for example to .npy"
        )
    if not path.is_file():
        raise GeometryError(f"expected its depth map {path}, found none; add it or read the folder without depth")
    try:
        values = _stored(path)
    except _DECODING_ERRORS as error:
        raise GeometryError(f"expected a depth map in {path.name}, found damaged data ({error}); replace it") from error
    if values.ndim == 3 and 1 in (values.shape[0], values.shape[2]):
        values = values[0] if values.shape[0] == 1 else values[..., 0]
    if values.ndim != 2 or 0 in values.shape or values.dtype.kind not in "uif" or values.dtype == np.uint8:
        raise GeometryError(
            f"expected depth of shape (h, w) in 16 bits or floating point in {path.name}, "
            f"found {values.dtype} {values.shape}; replace it by metric depth, not a picture of it"
        )
    if scale is None:
        scale = 1.0 if values.dtype.kind == "f" else MILLIMETER
    depth = np.asarray(values * np.float64(scale), dtype=np.float32)
    return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0))


def sample_depth(depth: NDArray[np.float32], lens: Lens, photo_to_network: Matrix, size: Size) -> NDArray[np.float32]:
    """Depth at the pixel centers of a network image, nearest neighbor.

    Parameters
    ----------
    depth : array (h, w)
        Covers the photo as taken, at any resolution of the photo's shape.
    lens : Lens
        Of the photo as taken; its straightening is followed backwards.
    photo_to_network : array (3, 3)
        Pixels of the straightened photo to pixels of the network image.
    size : (height, width) of the network image

    Returns
    -------
    array (H, W) float32

    Raises
    ------
    GeometryError
        The depth map has another shape than the photo.
    """
    stored: Size = (depth.shape[0], depth.shape[1])
    if not same_aspect(stored, lens.size):
        raise GeometryError(
            f"expected depth of the photo's shape ({lens.size[1]} x {lens.size[0]}), "
            f"found {stored[1]} x {stored[0]}; render or crop the depth to the photo"
        )
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    network = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])  # (3, H*W)
    straight = (np.linalg.inv(photo_to_network) @ network)[:2].T  # (H*W, 2)
    taken = bend(straight, lens) * (stored[1] / lens.size[1], stored[0] / lens.size[0])
    column, row = np.floor(taken).astype(np.int64).T
    seen = (column >= 0) & (column < stored[1]) & (row >= 0) & (row < stored[0])
    sampled = np.where(seen, depth[row.clip(0, stored[0] - 1), column.clip(0, stored[1] - 1)], np.float32(0))
    return sampled.reshape(size)  # (H, W)


def _stored(path: Path) -> NDArray[Any]:
    if path.suffix.lower() == ".png":
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(path, formats=("PNG",))
        with image:
            if not image.mode.startswith("I"):
                raise ValueError(f"a PNG of mode {image.mode}, not 16-bit gray")
            return np.asarray(image)
    with path.open("rb") as file:  # np.load forgets to close what it opened when the content is damaged
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        names = loaded.files
        if "depth" not in names and len(names) != 1:
            raise ValueError(f"arrays {', '.join(names)}, none named depth")
        return np.asarray(loaded["depth" if "depth" in names else names[0]])
