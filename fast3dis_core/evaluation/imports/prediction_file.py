"""One file of another system, read as plain arrays and checked. Paper section 4.1.

Every refusal names the file, the system and what to do; see `datasets.files`.
"""

import struct
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.datasets.files import DataSetFiles
from fast3dis_core.errors import DatasetError
from fast3dis_core.posed_input.frame import rigid

# what NumPy and zipfile raise on damaged files, unknown compression, encryption, and pickled objects; a header that was
# changed may be no Python, or ask for more memory than there is
_DAMAGE = (
    OSError, EOFError, ValueError, KeyError, TypeError, RuntimeError, zipfile.BadZipFile, zlib.error, struct.error,
    SyntaxError, tokenize.TokenError, OverflowError, MemoryError,
)  # fmt: skip
ON_THIS_MESH = "predict on the mesh of the data set, in its order of vertices"


@dataclass(frozen=True)
class PredictionFile:
    """A file and the system it is of.

    Attributes
    ----------
    path : Path
    files : DataSetFiles
        Name of the system and usual remedy.
    """

    path: Path
    files: DataSetFiles

    def refusal(self, expected: str, found: str, remedy: str | None = None) -> DatasetError:
        """The error about this file; to be raised by the caller."""
        return self.files.refusal(self.path, expected, found, remedy)

    def array(self) -> NDArray[Any]:
        """The array of a .npy file, never unpickled.

        Raises
        ------
        DatasetError
            If it does not read; the other methods raise it as well.
        """
        try:
            with self.path.open("rb") as file:
                array = np.load(file, allow_pickle=False)
        except _DAMAGE as error:
            raise self.refusal("an array", f"none that reads ({_reason(error)})") from error
        if not isinstance(array, np.ndarray):
            raise self.refusal("an array in .npy", "an archive of several")
        return array

    def arrays(self, *alternatives: Sequence[str], optional: Sequence[str] = ()) -> dict[str, NDArray[Any]]:
        """Arrays of a .npz file: those of the first group of names that is complete, and optional ones; no others."""
        wanted = " or ".join(", ".join(names) for names in alternatives)
        try:
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                chosen = next((names for names in alternatives if set(names) <= set(archive.files)), None)
                there = ", ".join(archive.files[:12]) or "nothing"
                arrays = {name: archive[name] for name in archive.files if chosen and name in {*chosen, *optional}}
        except _DAMAGE as error:
            raise self.refusal(f"an archive of {wanted}", f"none that reads ({_reason(error)})") from error
        if chosen is None:
            raise self.refusal(f"an archive of {wanted}", there)
        return arrays

    def shaped(self, name: str, array: NDArray[Any], shape: Sequence[int | str], *, kinds: str) -> NDArray[Any]:
        """The array, if it has a shape, letters standing for any size, and one of the kinds of numbers."""
        fits = array.ndim == len(shape) and all(
            isinstance(size, str) or size == found for size, found in zip(shape, array.shape, strict=True)
        )
        if not fits or array.dtype.kind not in kinds:
            numbers = "integers" if kinds == "iu" else "numbers"
            raise self.refusal(
                f"{name} of {numbers}, shape ({', '.join(map(str, shape))})", f"{array.dtype}, shape {array.shape}"
            )
        return array

    def masks(self, name: str, array: NDArray[Any], vertices: int, *, by_column: bool) -> NDArray[np.bool_]:
        """Masks (K, V) bool from 0 and 1, stored as (V, K) or (K, V)."""
        self.shaped(name, array, ("V", "K") if by_column else ("K", "V"), kinds="biuf")
        masks = array.T if by_column else array
        self.check_vertices(masks.shape[1], vertices)
        chosen = masks != 0
        if masks.dtype.kind != "b" and not (masks[chosen] == 1).all():
            raise self.refusal(f"{name} of 0 and 1", "other numbers")
        return np.ascontiguousarray(chosen)

    def scores(self, name: str, array: NDArray[Any], count: int) -> NDArray[np.float32]:
        """Finite scores (K,), one for each of `count` instances."""
        numbers = self.shaped(name, array, (count,), kinds="iuf").astype(np.float32)
        if not np.isfinite(numbers).all():
            raise self.refusal(f"finite {name}", f"{int((~np.isfinite(numbers)).sum())} with NaN or infinity")
        return numbers

    def cameras(self, name: str, array: NDArray[Any]) -> NDArray[np.float64]:
        """World-to-camera matrices (S, 3 or 4, 4) as (S, 4, 4), made exactly rigid."""
        rows = 3 if array.ndim == 3 and array.shape[1] == 3 else 4
        given = self.shaped(name, array, ("S", rows, 4), kinds="f").astype(np.float64)
        if rows == 3:
            given = np.concatenate([given, np.broadcast_to([[[0.0, 0, 0, 1]]], (len(given), 1, 4))], axis=1)
        with self.files.refusing(self.path, f"rigid {name}"):
            return np.stack([rigid(camera) for camera in given]) if len(given) else given

    def check_vertices(self, found: int, vertices: int) -> None:
        """Refuse labels or masks over another number of vertices than the scan has."""
        if found != vertices:
            raise self.refusal(f"labels of the {vertices} vertices of the scan", f"{found}", ON_THIS_MESH)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).partition("\n")[0]
