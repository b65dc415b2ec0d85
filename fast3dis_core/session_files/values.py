"""What a session file holds, as frozen values: a whole session, and the few facts a list of recent files shows.

Mappings are plain JSON values, so that this room knows nothing of the app: what they mean is the app's business.
They are copied and checked here, once, and what comes back from a file is equal to what went in.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.reconstruction import Reconstruction, read_only

Plain: TypeAlias = Mapping[str, Any]  # str to None, bool, int, finite float, str, and lists and dicts of these
Features: TypeAlias = Mapping[str, NDArray[Any]]

# the types a file may hold, as .npy headers spell them; fixed, so that no machine has to guess
DTYPES = frozenset({"|b1", "|u1", "|i1", "<u2", "<i2", "<f2", "<u4", "<i4", "<f4", "<u8", "<i8", "<f8"})
FEATURE_NAME = re.compile(r"[a-z0-9_]{1,40}(/[a-z0-9_]{1,40}){0,3}")  # also the name of its entry
DEEPEST = 50  # lists within lists; a reader must not run out of stack


@dataclass(frozen=True, kw_only=True)
class SavedSession:
    """Everything that is open.

    Attributes
    ----------
    reconstruction : Reconstruction
    origin : mapping
        Plain JSON values: where the result came from (folder, model, weights, status, geometry, seconds, notes).
    edits : mapping
        Plain JSON values: what the user changed and could undo.
    names : mapping of int to str
        Names the user gave, by query number.
    display : mapping
        Plain JSON values: how the result is looked at.
    layout : bytes
        Docks and sizes of the window; opaque.
    features : mapping of str to array, optional
        Encoded scene and decoder trace (see `tensors`), so that decoding can go on; None without them. Names
        are lower case words with "/", arrays bool, integer or float.

    beside : SavedSession, optional
        Another result that this one is held against; `features` are whatever arrays belong to it. A cloud and photos
        that are this session's very own are stored once, and come back as one.

    Raises
    ------
    ValueError
        For values that no file can hold: the caller's mistake. Tuples become lists.
    """

    reconstruction: Reconstruction
    origin: Plain = field(default_factory=dict)
    edits: Plain = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    display: Plain = field(default_factory=dict)
    layout: bytes = b""
    features: Features | None = None
    beside: "SavedSession | None" = None

    def __post_init__(self) -> None:
        for name in ("origin", "edits", "display"):
            object.__setattr__(self, name, plain(dict(getattr(self, name)), name))
        if self.beside is not None and self.beside.beside is not None:
            raise ValueError("SavedSession.beside: expected a result that nothing is held against")
        object.__setattr__(self, "names", {int(query): str(name) for query, name in self.names.items()})
        for name, array in (self.features or {}).items():
            if not FEATURE_NAME.fullmatch(name):
                raise ValueError(f"SavedSession.features: expected names such as 'trace/anchors', found {name!r}")
            if array.dtype.str not in DTYPES:
                raise ValueError(f"SavedSession.features: {name} has type {array.dtype}, which no file holds")
            read_only(array)


@dataclass(frozen=True, kw_only=True)
class SessionSummary:
    """What a list of recent files shows.

    Attributes
    ----------
    path : Path
    saved : datetime
        In UTC.
    program_version : str
        That saved it.
    format_version : int
    views, height, width, instances : int
    has_features : bool
        Whether decoding can go on, with the right weights.
    origin : mapping
    thumbnail : bytes
        PNG of the first photo; empty if there is none.
    """

    path: Path
    saved: datetime
    program_version: str
    format_version: int
    views: int
    height: int
    width: int
    instances: int
    has_features: bool
    origin: Plain
    thumbnail: bytes


def plain(value: Any, where: str, depth: int = 0) -> Any:
    """A deep copy of JSON values in their plain types.

    Raises
    ------
    ValueError
        For anything else, named with its place.
    """
    if depth > DEEPEST:
        raise ValueError(f"SavedSession.{where}: expected at most {DEEPEST} levels of lists and mappings")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    if isinstance(value, list | tuple):
        return [plain(item, f"{where}[{index}]", depth + 1) for index, item in enumerate(value)]
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {str(key): plain(item, f"{where}.{key}", depth + 1) for key, item in value.items()}
    raise ValueError(f"SavedSession.{where}: expected plain JSON values, found {type(value).__name__} {value!r:.60}")


def same_bits(one: NDArray[Any], other: NDArray[Any]) -> bool:
    """Whether two arrays have equal types, shapes and bits; NaN is equal to itself here."""
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    whole = np.dtype(f"u{one.dtype.itemsize}")
    return bool(np.array_equal(np.ascontiguousarray(one).view(whole), np.ascontiguousarray(other).view(whole)))
