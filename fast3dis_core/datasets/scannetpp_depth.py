"""Depth of ScanNet++'s phone, all frames of a scene in one file (paper 4.1: test scenes).

Two generations of the file exist. Either all frames are one raw-deflate stream of float32 meters; it is unpacked from
the front, so frames are best asked for in rising order. Or each frame is a record of its own, with its length in
front, packed by LZ4 (uint16 millimeters) or raw-deflate (float32 meters).
"""

import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.datasets.files import DataSetFiles
from fast3dis_core.preprocessing import Size

FRAME_SIZE: Size = (192, 256)
DEPTH = "depth of the phone"

_PIXELS = FRAME_SIZE[0] * FRAME_SIZE[1]
_MILLIMETER = np.float32(0.001)
_RAW = -zlib.MAX_WBITS  # deflate without header and checksum
_PIECE = 2**16  # packed bytes read at once


class DepthRecords:
    """The frames of a depth.bin.

    Parameters
    ----------
    path : Path
    files : DataSetFiles
        For errors.

    Raises
    ------
    DatasetError
        If it does not read; `depth` raises it as well.
    """

    def __init__(self, path: Path, files: DataSetFiles) -> None:
        self._path, self._files = path, files
        try:
            self._records = _records(path)
        except OSError as error:
            raise files.refusal(path, DEPTH, f"none that reads ({error.strerror})") from error
        self._next, self._position, self._stream = 0, 0, zlib.decompressobj(_RAW)

    def depth(self, frame: int) -> NDArray[np.float32]:
        """Depth along z, meters, 0 where unknown, array (192, 256)."""
        try:
            stored = self._streamed(frame) if self._records is None else self._recorded(frame)
        except (OSError, ValueError, zlib.error) as error:
            raise self._files.refusal(f"{self._path}, frame {frame}", DEPTH, f"none that unpacks ({error})") from error
        depth = stored.astype(np.float32) * (_MILLIMETER if stored.dtype.kind == "u" else np.float32(1))
        return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(0)).reshape(FRAME_SIZE)

    def _recorded(self, frame: int) -> NDArray[np.generic]:
        assert self._records is not None
        if frame >= len(self._records):
            raise ValueError(f"there are {len(self._records)} frames")
        start, count = self._records[frame]
        with self._path.open("rb") as file:
            file.seek(start)
            data = file.read(count)
        packed = zlib.decompressobj(_RAW)
        try:
            unpacked = packed.decompress(data, 4 * _PIXELS + 1)
        except zlib.error:
            unpacked = b""
        if packed.eof and len(unpacked) == 4 * _PIXELS:
            return np.frombuffer(unpacked, "<f4")
        return np.frombuffer(unpacked_lz4(data, 2 * _PIXELS), "<u2")

    def _streamed(self, frame: int) -> NDArray[np.generic]:
        if frame < self._next:
            self._next, self._position, self._stream = 0, 0, zlib.decompressobj(_RAW)
        with self._path.open("rb") as file:
            file.seek(self._position)
            while self._next <= frame:
                content = bytearray()
                while len(content) < 4 * _PIXELS:
                    packed = self._stream.unconsumed_tail or file.read(_PIECE)
                    if not packed:
                        raise ValueError(f"there are {self._next} frames")
                    content += self._stream.decompress(packed, 4 * _PIXELS - len(content))
                self._next += 1
            self._position = file.tell()
        return np.frombuffer(bytes(content), "<f4")


def unpacked_lz4(data: bytes, size: int) -> bytes:
    """Unpack one LZ4 block.

    Parameters
    ----------
    data : bytes
    size : int
        Bytes it holds, which the format does not say.

    Raises
    ------
    ValueError
        If it is no such block.
    """
    unpacked, place = bytearray(), 0

    def length(short: int) -> int:
        """A length of four bits; the largest one goes on in further bytes."""
        nonlocal place
        total, more = short, short == 15
        while more:
            total += data[place]
            more = data[place] == 255
            place += 1
        return total

    try:
        while place < len(data) and len(unpacked) <= size:
            token = data[place]
            place += 1
            literals = length(token >> 4)
            unpacked += data[place : place + literals]
            place += literals
            if place >= len(data):
                break  # the last sequence has literals only
            back = data[place] | data[place + 1] << 8
            place += 2
            repeated = length(token & 15) + 4
            start = len(unpacked) - back
            if not back or start < 0:
                raise ValueError("a match before the beginning")
            # a match may overlap what it writes: then its period repeats
            unpacked += (bytes(unpacked[start : start + repeated]) * (repeated // back + 1))[:repeated]
    except IndexError as error:
        raise ValueError("a block that ends too early") from error
    if len(unpacked) != size:
        raise ValueError(f"{len(unpacked)} bytes where {size} are needed")
    return bytes(unpacked)


def _records(path: Path) -> list[tuple[int, int]] | None:
    """Start and length of every record; None if lengths do not lead to the end of the file, as in a single stream."""
    end = path.stat().st_size
    found, place = [], 0
    with path.open("rb") as file:
        while place + 4 < end:
            file.seek(place)
            (count,) = struct.unpack("<I", file.read(4))
            found.append((place + 4, count))
            place += 4 + count
    return found if place == end and found else None
