"""Photos as the network saw them, in PNG: lossless, and any program shows them.

Pillow is imported when the first photo is packed or unpacked. Run lengths as deflate strategy make PNGs of real
photos as small as the highest sensible level does, in a quarter of its time: 0.29 MB for 504 x 378.
"""

import struct
import zlib
from io import BytesIO

import numpy as np

from fast3dis_core.reconstruction import UInt8

THUMBNAIL = 160  # longest side, pixels
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


def pack_photo(photo: UInt8) -> bytes:
    """A photo (H, W, 3) uint8 as a PNG file."""
    from PIL import Image

    stream = BytesIO()
    Image.fromarray(photo).save(stream, "PNG", compress_type=zlib.Z_RLE)
    return stream.getvalue()


def unpack_photo(content: bytes, height: int, width: int) -> UInt8:
    """The photo that `pack_photo` was given.

    Raises
    ------
    ValueError
        If the content is no PNG of this size in RGB.
    """
    from PIL import Image

    # Pillow is asked only for what is expected: its own reaction to huge sizes is a warning
    if content[:24] != _PNG + struct.pack(">II", width, height):
        raise ValueError(f"expected a PNG image of {width} x {height} pixels, found {content[:24]!r}")
    try:
        with Image.open(BytesIO(content), formats=("PNG",)) as image:
            if image.mode != "RGB":
                raise ValueError(f"expected an RGB image, found {image.mode}")
            return np.array(image)
    # what Pillow raises on damaged or hostile content, besides ValueError
    except (OSError, SyntaxError, EOFError, zlib.error, struct.error) as error:
        raise ValueError(str(error)) from error


def thumbnail(images: UInt8) -> bytes:
    """A small PNG of the first of the photos (S, H, W, 3); empty if there is none."""
    if not images.size:
        return b""
    height, width = images.shape[1:3]
    block = -(-max(height, width) // THUMBNAIL)
    rows, columns = max(height // block, 1), max(width // block, 1)
    tall, wide = min(block, height), min(block, width)
    parts = images[0, : rows * tall, : columns * wide].reshape(rows, tall, columns, wide, 3)
    return pack_photo(parts.mean(axis=(1, 3)).round().astype(np.uint8))  # (rows, columns, 3)
