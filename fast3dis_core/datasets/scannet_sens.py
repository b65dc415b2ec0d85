"""ScanNet's .sens recordings: photos, depth and cameras of a scene in one file of gigabytes (paper 4.1: test scenes).

The file is walked through once, from frame header to frame header, without touching what lies between; a frame is
read and decoded when it is asked for. Little endian, version 4 of the published format.
"""

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fast3dis_core.datasets.files import DECODING_ERRORS, DataSetFiles
from fast3dis_core.preprocessing import Matrix, Pixels, Size

VERSION = 4
SENS = "a .sens recording"
COLOR_CODECS = {0: "raw", 1: "PNG", 2: "JPEG"}
DEPTH_CODECS = {0: "raw", 1: "zlib"}  # 2 is "occi", which only ScanNet's own library reads

_FRAME_HEADER = struct.Struct("<64s4Q")  # camera to world, time stamps, bytes of color and of depth
_MOST_PIXELS = 2**26  # of an image; more is a damaged header


class _Frame(NamedTuple):
    camera_to_world: Matrix
    color: int  # where its bytes start
    color_bytes: int
    depth_bytes: int


@dataclass(frozen=True, kw_only=True)
class SensHeader:
    """What a recording says about all its frames.

    Attributes
    ----------
    color_intrinsics, depth_intrinsics : array (3, 3) float64
        As stored: pixels that count from the center of the first one.
    color_codec, depth_codec : int
    color_size, depth_size : (height, width)
    depth_shift : float
        Stored units of one meter.
    frames : int
    """

    color_intrinsics: Matrix
    depth_intrinsics: Matrix
    color_codec: int
    depth_codec: int
    color_size: Size
    depth_size: Size
    depth_shift: float
    frames: int


class SensRecording:
    """One recording.

    Parameters
    ----------
    path : Path
    files : DataSetFiles
        For errors.

    Attributes
    ----------
    header : SensHeader

    Raises
    ------
    DatasetError
        If it does not read, ends too early, or is of a kind that cannot be decoded; the methods raise it as well.
    """

    def __init__(self, path: Path, files: DataSetFiles) -> None:
        self.path, self._files = path, files
        try:
            with path.open("rb") as file:
                self.header = self._read_header(file)
                end = path.stat().st_size
                self._frames = [self._read_frame(file, number, end) for number in range(self.header.frames)]
        except struct.error as error:
            raise files.refusal(path, SENS, "a file that ends in its header") from error
        except OSError as error:
            raise files.refusal(path, SENS, f"none that reads ({error.strerror})") from error

    def __len__(self) -> int:
        return len(self._frames)

    def camera_to_world(self, frame: int) -> Matrix:
        """Camera to world as stored, array (4, 4) float64; not finite where tracking was lost."""
        return self._frames[frame].camera_to_world

    def image(self, frame: int) -> Pixels:
        """RGB photo (h, w, 3) uint8."""
        place, size = self._frames[frame], self.header.color_size
        data = self._payload(place.color, place.color_bytes)
        name = COLOR_CODECS[self.header.color_codec]
        if name == "raw":
            if len(data) != 3 * size[0] * size[1]:
                raise self._damaged(frame, f"a raw photo of {len(data)} bytes")
            return np.frombuffer(data, np.uint8).reshape(*size, 3)
        try:
            with Image.open(io.BytesIO(data), formats=(name,)) as image:
                if (image.height, image.width) != size:
                    raise ValueError(f"{image.width} x {image.height} pixels")
                return np.asarray(image.convert("RGB"))
        except DECODING_ERRORS as error:
            raise self._damaged(frame, f"a {name} photo that does not decode ({error})") from error

    def depth(self, frame: int) -> NDArray[np.float32]:
        """Depth along z in the depth camera's pixels, meters, 0 where unknown, array (h, w)."""
        place, size = self._frames[frame], self.header.depth_size
        data, expected = self._payload(place.color + place.color_bytes, place.depth_bytes), 2 * size[0] * size[1]
        if DEPTH_CODECS[self.header.depth_codec] == "zlib":
            try:
                data = zlib.decompressobj().decompress(data, expected + 1)
            except zlib.error as error:
                raise self._damaged(frame, f"depth that does not decode ({error})") from error
        if len(data) != expected:
            raise self._damaged(frame, f"depth of {len(data)} bytes where {expected} are needed")
        stored = np.frombuffer(data, "<u2").reshape(size)
        return (stored / np.float32(self.header.depth_shift)).astype(np.float32)

    def _read_header(self, file: BinaryIO) -> SensHeader:
        version, named = struct.unpack("<IQ", file.read(12))
        if version != VERSION or named > 2**16:
            raise self._files.refusal(self.path, f"{SENS} of version {VERSION}", f"version {version}")
        file.seek(named, io.SEEK_CUR)
        matrices = np.frombuffer(file.read(256).ljust(256, b"\0"), "<f4").astype(np.float64).reshape(4, 4, 4)
        color, depth, color_width, color_height, depth_width, depth_height, shift, frames = struct.unpack(
            "<2i4IfQ", file.read(36)
        )
        if color not in COLOR_CODECS or depth not in DEPTH_CODECS:
            raise self._files.refusal(
                self.path,
                f"photos in {', '.join(COLOR_CODECS.values())} and depth in {', '.join(DEPTH_CODECS.values())}",
                f"the kinds {color} and {depth}",
                "extract it with the data set's own SensReader into color/, depth/, pose/ and intrinsic/",
            )
        pixels = color_width * color_height, depth_width * depth_height
        sane = min(pixels) > 0 and max(pixels) <= _MOST_PIXELS and shift > 0
        if not sane or not np.isfinite(matrices[[0, 2]]).all():
            raise self._files.refusal(
                self.path,
                SENS,
                f"sizes {color_width} x {color_height} and {depth_width} x {depth_height}, shift {shift:g}, or "
                "intrinsics that are no numbers",
            )
        return SensHeader(
            color_intrinsics=matrices[0, :3, :3],
            depth_intrinsics=matrices[2, :3, :3],
            color_codec=color,
            depth_codec=depth,
            color_size=(color_height, color_width),
            depth_size=(depth_height, depth_width),
            depth_shift=shift,
            frames=frames,
        )

    def _read_frame(self, file: BinaryIO, number: int, end: int) -> _Frame:
        data = file.read(_FRAME_HEADER.size)
        place = file.tell()
        if len(data) < _FRAME_HEADER.size:
            raise self._files.refusal(self.path, f"{self.header.frames} frames", f"the end of the file in {number}")
        pose, _, _, color_bytes, depth_bytes = _FRAME_HEADER.unpack(data)
        if place + color_bytes + depth_bytes > end:
            raise self._files.refusal(self.path, f"{self.header.frames} frames", f"the end of the file in {number}")
        file.seek(color_bytes + depth_bytes, io.SEEK_CUR)
        matrix = np.frombuffer(pose, "<f4").astype(np.float64).reshape(4, 4)
        return _Frame(matrix, place, color_bytes, depth_bytes)

    def _payload(self, start: int, count: int) -> bytes:
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                return file.read(count)
        except OSError as error:
            raise self._files.refusal(self.path, SENS, f"none that reads ({error.strerror})") from error

    def _damaged(self, frame: int, found: str) -> Exception:
        return self._files.refusal(f"{self.path}, frame {frame}", SENS, found)
