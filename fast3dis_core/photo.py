"""One photo file to RGB pixels: format, orientation, bit depth (not in the paper).

Pillow decodes; its errors and warnings are translated here. Resizing is left to `preprocessing`, the choice of
files to `images`.
"""

import functools
import logging
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from fast3dis_core.errors import ImageFolderError
from fast3dis_core.preprocessing import Pixels, Size

logger = logging.getLogger(__name__)

MAXIMUM_PIXELS = 178_000_000  # just under Pillow's own refusal; half a gigabyte of RGB

_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow and pillow-heif have no error of their own for damaged files; these come out of their parsers
_DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    IndexError,
    KeyError,
    TypeError,
    RuntimeError,
)


def read_photo(path: Path, *, oriented: bool = True) -> Pixels:
    """Decode one photo to RGB.

    Parameters
    ----------
    path : Path
    oriented : bool
        Turn the photo upright by its EXIF orientation. TIFF and HEIC are always upright: their decoders turn.

    Returns
    -------
    uint8 array (h, w, 3)
        Possibly read-only.

    Raises
    ------
    ImageFolderError
        Missing, unreadable, damaged, too large, or of a kind without an RGB meaning.
    """
    with _opened(path) as image:
        image.load()
        return _to_rgb(path.name, _upright(image) if oriented else image)


def read_thumbnail(path: Path, long_edge: int) -> tuple[Pixels, Size]:
    """A small upright picture of a photo, and the height and width of the upright photo.

    JPEG is decoded at a fraction of its size, which is about ten times as fast for a 12-megapixel photo.

    Parameters
    ----------
    path : Path
    long_edge : int
        Longest side of the picture, pixels; smaller photos are not enlarged.

    Raises
    ------
    ImageFolderError
        As in `read_photo`.
    """
    with _opened(path) as image:
        stored = image.width, image.height
        image.draft("RGB", (long_edge, long_edge))  # of JPEG only; others are left as they are
        image.load()
        upright = _upright(image)
        turned = (upright.width > upright.height) != (stored[0] > stored[1]) and stored[0] != stored[1]
        pixels = Image.fromarray(_to_rgb(path.name, upright))
        pixels.thumbnail((long_edge, long_edge))
        return np.array(pixels), stored if turned else stored[::-1]


def photo_size(path: Path) -> Size:
    """Height and width as stored, from the header alone; `ImageFolderError` as in `read_photo`."""
    with _opened(path) as image:
        return image.height, image.width


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a photo and translate whatever goes wrong until it is closed."""
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            heif = _is_heif(path)
            if heif:
                _register_heif()
            with Image.open(path, formats=("HEIF",) if heif else _FORMATS) as image:
                _check_pixel_count(path.name, image.width, image.height)
                yield image
    except Image.DecompressionBombError as error:
        raise ImageFolderError(
            f"{path.name}: expected at most {MAXIMUM_PIXELS // 1_000_000} megapixels, found more; make it smaller first"
        ) from error
    except _DECODING_ERRORS as error:
        raise ImageFolderError(
            f"{path.name}: expected a readable photo, found {_damage(path, error)}; repair or remove it"
        ) from error
    for warning in caught:
        logger.info("%s: %s", path.name, warning.message)


def _upright(image: Image.Image) -> Image.Image:
    # after load(), which turns TIFF and HEIC and drops their tag; only the tag is read, because Pillow's own
    # exif_transpose also rewrites the block and fails on harmless foreign entries
    turn = _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    return image if turn is None else image.transpose(turn)


def _to_rgb(name: str, image: Image.Image) -> Pixels:
    if image.mode.startswith("I;16"):
        gray = (np.asarray(image) >> 8).astype(np.uint8)  # the high byte, as Pillow does for 16-bit RGB
        return np.repeat(gray[..., None], 3, axis=2)  # (h, w, 3)
    if image.mode in ("F", "I"):
        raise ImageFolderError(
            f"{name}: expected 8 or 16 bits per channel, found 32-bit or floating-point values; "
            "save it as a PNG or JPEG first"
        )
    return np.asarray(image.convert("RGB"))


def _check_pixel_count(name: str, width: int, height: int) -> None:
    if width * height > MAXIMUM_PIXELS:
        raise ImageFolderError(
            f"{name}: expected at most {MAXIMUM_PIXELS // 1_000_000} megapixels, "
            f"found {width * height / 1e6:.0f} ({width} x {height}); make it smaller first"
        )


def _is_heif(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(12)
    return start[4:8] == b"ftyp" and start[8:12] in _HEIF_BRANDS


@functools.cache
def _register_heif() -> None:
    try:
        import pillow_heif
    except ImportError as error:
        raise ImageFolderError(
            "expected photos this installation can read, found HEIC; "
            "run: pip install fast3dis-viewer[heic], or convert them to JPEG"
        ) from error
    pillow_heif.register_heif_opener()


def _damage(path: Path, error: Exception) -> str:
    if path.is_dir():
        return "a folder"
    if isinstance(error, FileNotFoundError | PermissionError):
        return reason(error)
    if path.stat().st_size == 0:
        return "an empty file"
    if isinstance(error, UnidentifiedImageError):
        return f"no image format it knows (a file of {path.stat().st_size} bytes)"
    return f"damaged data ({' '.join(str(error).split()) or type(error).__name__})"


def reason(error: OSError) -> str:
    """What the system said, in lower case, without the path."""
    return (error.strerror or type(error).__name__).lower()
