"""Over-segments of a mesh and the groups of them that annotators made (paper 4.1: ScanNet and ScanNet++).

Both data sets write `segIndices`, the segment of every vertex, and `segGroups`, objects as lists of segments. How
groups that share segments are told apart differs, and is left to the loaders.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.datasets.files import DataSetFiles

SEGMENTS = "segIndices, the segment of every vertex,"
GROUPS = "segGroups, objects as lists of segments,"


class Group(NamedTuple):
    """One annotated object."""

    number: int  # objectId of the annotation
    label: str
    segments: NDArray[np.int64]


def read_segments(path: Path, files: DataSetFiles) -> NDArray[np.int64]:
    """Segment of every vertex, array (V,).

    Raises
    ------
    DatasetError
        If the file is missing or holds something else.
    """
    stored = _numbers(files.json(path, SEGMENTS).get("segIndices"))
    if stored is None:
        raise files.refusal(path, SEGMENTS, "none")
    return stored


def read_groups(path: Path, files: DataSetFiles) -> list[Group]:
    """Annotated objects, in the order of the file; `DatasetError` as in `read_segments`."""
    stored = files.json(path, GROUPS).get("segGroups")
    if not isinstance(stored, list):
        raise files.refusal(path, GROUPS, "none")
    return [_group(entry, place, path, files) for place, entry in enumerate(stored)]


def members(segments: NDArray[np.int64], groups: Sequence[Group]) -> list[NDArray[np.int64]]:
    """Vertices of every group, arrays (n,), rising."""
    order = np.argsort(segments, kind="stable")
    ordered = segments[order]
    found = []
    for group in groups:
        wanted = np.unique(group.segments)
        first, last = (np.searchsorted(ordered, wanted, side=side) for side in ("left", "right"))
        rows = [order[start:stop] for start, stop in zip(first, last, strict=True)]
        found.append(np.sort(np.concatenate([*rows, np.empty(0, np.int64)])).astype(np.int64))
    return found


def _group(entry: Any, place: int, path: Path, files: DataSetFiles) -> Group:
    fields = entry if isinstance(entry, dict) else {}
    number, label, segments = fields.get("objectId"), fields.get("label"), _numbers(fields.get("segments"))
    if not isinstance(number, int) or number < 0 or not isinstance(label, str) or segments is None:
        raise files.refusal(path, "an objectId, a label and segments in every group", f"group {place}: {entry!r:.80}")
    return Group(number, label.strip(), segments)


def _numbers(stored: Any) -> NDArray[np.int64] | None:
    """A list of whole numbers as an array, None if it is something else."""
    if not isinstance(stored, list):
        return None
    try:
        values = np.array(stored) if stored else np.empty(0, np.int64)
    except ValueError:  # lists of different lengths
        return None
    return values.astype(np.int64) if values.ndim == 1 and values.dtype.kind in "iu" else None
