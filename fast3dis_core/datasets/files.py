"""Files of a data set, read and checked: every refusal names the file, the data set and what to do (paper 4.1).

One `DataSetFiles` per data set says how it is called and how a bad file is replaced. Decoding is that of `photo` and
`posed_input`; ids are read bit by bit as stored, since a converted id is another object. What the numbers mean is left
to the loaders.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fast3dis_core.errors import DatasetError, GeometryError, ImageFolderError
from fast3dis_core.photo import photo_size, read_photo
from fast3dis_core.posed_input.depth import read_depth
from fast3dis_core.posed_input.frame import invert, rigid
from fast3dis_core.preprocessing import Matrix, Pixels, Size

# what Pillow raises on damaged files
DECODING_ERRORS = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError)
_GRAY = {8: ("L",), 16: ("I;16", "I;16B", "I;16L", "I")}


@dataclass(frozen=True, kw_only=True)
class DataSetFiles:
    """How the files of one data set are read.

    Attributes
    ----------
    name : str
        Of the data set, as messages say it.
    remedy : str
        What to do about a file that is missing or damaged, as a sentence part.
    """

    name: str
    remedy: str

    def refusal(self, path: Path | str, expected: str, found: str, remedy: str | None = None) -> DatasetError:
        """The error about one file; to be raised by the caller."""
        return DatasetError(f"{path}: expected {expected} of {self.name}, found {found}; {remedy or self.remedy}.")

    @contextmanager
    def refusing(self, path: Path | str, expected: str) -> Iterator[None]:
        """Turn what the readers of photos, depth and cameras raise into the error about a file of this data set."""
        try:
            yield
        except (GeometryError, ImageFolderError) as error:
            raise self.refusal(path, expected, f"none that can be used ({error})") from error

    def bytes(self, path: Path, expected: str = "this file") -> bytes:
        """Content of a file.

        Raises
        ------
        DatasetError
            If it does not read; the other methods raise it as well, also for content that is not as documented.
        """
        try:
            return path.read_bytes()
        except OSError as error:
            raise self.refusal(path, expected, f"none that reads ({error.strerror})") from error

    def lines(self, path: Path, expected: str = "this file") -> list[str]:
        """Lines of a text file, stripped, without empty ones."""
        try:
            text = self.bytes(path, expected).decode("utf-8")
        except UnicodeDecodeError as error:
            raise self.refusal(path, expected, f"no text ({error.reason})") from error
        return [line.strip() for line in text.splitlines() if line.strip()]

    def json(self, path: Path, expected: str = "a JSON object") -> dict[str, Any]:
        """A JSON object."""
        try:
            content = json.loads(self.bytes(path, expected))
        except ValueError as error:
            raise self.refusal(path, expected, f"damaged data ({error})") from error
        if not isinstance(content, dict):
            raise self.refusal(path, expected, f"a {type(content).__name__}")
        return content

    def numbers(self, path: Path, expected: str) -> NDArray[np.float64]:
        """Rows of numbers of one length, array (R, C); infinite ones and NaN are numbers."""
        try:
            return np.array([[float(text) for text in line.split()] for line in self.lines(path, expected)], ndmin=2)
        except ValueError as error:
            raise self.refusal(path, expected, f"something else ({error})") from error

    def matrix(self, path: Path) -> Matrix:
        """A matrix (4, 4) of a text file."""
        matrix = self.numbers(path, "a matrix of 4 x 4 numbers")
        if matrix.shape != (4, 4):
            raise self.refusal(path, "a matrix of 4 x 4 numbers", f"shape {matrix.shape}")
        return matrix

    def image_size(self, path: Path, expected: str = "a photo") -> Size:
        """Height and width of a photo or map as stored, from its header."""
        with self.refusing(path, expected):
            return photo_size(path)

    def photo(self, path: Path, size: Size) -> Pixels:
        """RGB photo (h, w, 3) of the given size, as stored: cameras belong to stored pixels."""
        with self.refusing(path, "a photo"):
            pixels = read_photo(path, oriented=False)
        self.check_size(path, pixels, size)
        return pixels

    def depth(self, path: Path, scale: float) -> NDArray[np.float32]:
        """Depth (h, w) of a 16-bit PNG, stored units times `scale`; 0 where there is none."""
        with self.refusing(path, "a 16-bit depth map"):
            return read_depth(path, scale)

    def gray(
        self, path: Path, bits: int, *, size: Size | None = None, file: BinaryIO | None = None
    ) -> NDArray[np.uint16]:
        """Values (h, w) of a gray PNG of 8 or 16 bits.

        Parameters
        ----------
        path : Path
            Named in errors, and read unless `file` is given.
        bits : int
            As documented: numbers in another depth, or places in a palette, are no ids.
        size : (height, width), optional
            Checked.
        file : binary file, optional
            Holds the content, such as a part of an archive.
        """
        expected = f"a gray PNG of {bits} bits"
        try:
            with Image.open(file or path, formats=("PNG",)) as image:
                mode, values = image.mode, np.asarray(image)
        except DECODING_ERRORS as error:
            raise self.refusal(path, expected, f"none that reads ({error})") from error
        if mode not in _GRAY[bits]:
            raise self.refusal(
                path, expected, f"mode {mode}", "a conversion has changed the numbers: take the original"
            )
        if size is not None:
            self.check_size(path, values, size)
        return values.astype(np.uint16)

    def check_size(self, path: Path, pixels: NDArray[Any], size: Size) -> None:
        """Refuse an image that has not the size its camera was calibrated for."""
        height, width = pixels.shape[:2]
        if (height, width) != size:
            raise self.refusal(
                path, f"{size[1]} x {size[0]} pixels", f"{width} x {height}", "take the original, not a resized copy"
            )

    def numbered(self, folder: Path, pattern: str) -> dict[int, Path]:
        """Files whose names match a pattern with one number, by that number, rising: 9 before 10.

        Parameters
        ----------
        folder : Path
        pattern : str
            Regular expression for the whole name; its only group is the number.
        """
        name = re.compile(pattern, re.ASCII)
        try:
            matches = [(name.fullmatch(path.name), path) for path in folder.iterdir()]
        except OSError as error:
            raise self.refusal(folder, "this folder", f"none that reads ({error.strerror})") from error
        return dict(sorted((int(match[1]), path) for match, path in matches if match))

    def to_camera(self, camera_to_world: Matrix, place: Path | str) -> Matrix:
        """World to camera of a finite camera-to-world matrix (4, 4) with few digits; the result is exactly rigid."""
        with self.refusing(place, "a camera-to-world matrix"):
            return rigid(invert(camera_to_world))
