"""An integer array out of a .pth file, without running anything that is in it. Paper section 4.1.

Such a file describes how NumPy built the array. torch's restricted reader follows the description, but every name in it
stands for a small class of this module that only takes notes; NumPy's own way of reading pickles is not used.
"""

import math
import pickle
import struct
import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fast3dis_core.evaluation.imports.prediction_file import PredictionFile

# what torch.load has been seen to raise on damaged bytes
_DAMAGE = (
    RuntimeError, EOFError, OSError, ValueError, LookupError, AttributeError, TypeError, AssertionError, struct.error,
    OverflowError, MemoryError,
)  # fmt: skip
_KINDS = tuple(f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8))


class _Type:
    """Stands for numpy.dtype."""

    def __init__(self, code: str, *_: bool) -> None:
        if code not in _KINDS:
            raise pickle.UnpicklingError(f"numbers of kind {code!r:.20}")
        self.code = code
        self.order = "<"

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] not in ("<", ">", "|"):
            raise pickle.UnpicklingError(f"byte order {state[1]!r:.20}")
        self.order = state[1]


class _Array:
    """Stands for numpy.ndarray."""

    def __init__(self) -> None:
        self.values: NDArray[Any] | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, by_column, content = state
        if not isinstance(kind, _Type) or not isinstance(content, bytes) or not isinstance(shape, tuple):
            raise pickle.UnpicklingError("an array of objects")
        dtype = np.dtype(kind.order + kind.code)
        if len(content) != math.prod(shape) * dtype.itemsize:
            raise pickle.UnpicklingError("an array that contradicts its size")
        flat = np.frombuffer(content, dtype)
        self.values = flat.reshape(shape, order="F" if by_column else "C")


def _empty_array(kind: type, *_: Any) -> _Array:
    """Stand for the function that begins an array; its content follows."""
    if kind is not _Array:
        raise pickle.UnpicklingError(f"an array of class {kind!r:.40}")
    return _Array()


def _encoded(text: str, encoding: str) -> bytes:
    """Stand for the function by which old protocols store bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes in {encoding!r:.20}")
    return text.encode("latin1")


_STAND_INS: list[Any] = [
    (_Array, "numpy.ndarray"),
    (_Type, "numpy.dtype"),
    (_empty_array, "numpy._core.multiarray._reconstruct"),
    (_empty_array, "numpy.core.multiarray._reconstruct"),
    (_encoded, "_codecs.encode"),
]


def read_pickled_array(file: PredictionFile) -> NDArray[Any]:
    """The one array that torch.save put into a file.

    Parameters
    ----------
    file : PredictionFile

    Returns
    -------
    array of integers

    Raises
    ------
    DatasetError
        If the file is missing or damaged, or holds anything but an array of integers; nothing in it was run.
    """
    expected = "an array of integers written by torch.save"
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_STAND_INS):
            warnings.simplefilter("ignore")  # about old pickle protocols: read or refused either way
            content = torch.load(file.path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise file.refusal(
            expected,
            f"something else that was not opened ({str(error).partition(chr(10))[0]})",
            "store the array with numpy.save as .npy",
        ) from error
    except _DAMAGE as error:
        reason = str(getattr(error, "strerror", None) or error).partition("\n")[0]
        raise file.refusal(expected, f"none that reads ({reason})") from error
    if not isinstance(content, _Array) or content.values is None:
        raise file.refusal(expected, f"a {type(content).__name__}", "store the array with numpy.save as .npy")
    return content.values
