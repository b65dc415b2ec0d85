"""What goes into a file: which instances, which points, how thinned, and in whose words.

Shared by all formats, so that they agree with each other and with what the viewer shows.
"""

from collections.abc import Collection

import numpy as np

from fast3dis_core.errors import ExportError
from fast3dis_core.exports.similarity import FRAME, Similarity
from fast3dis_core.reconstruction import Instance, Int32, PointCloud, Reconstruction

_MOST_CELLS = 2**21  # per axis, so that a voxel is one number of 63 bits
THINNING_SEED = 0  # the same scene thins to the same points every time


def chosen(reconstruction: Reconstruction, threshold: float, queries: Collection[int] | None) -> tuple[Instance, ...]:
    """Instances at or above the objectness `threshold`, and of these only `queries` unless None."""
    return tuple(
        instance for instance in reconstruction.shown(threshold) if queries is None or instance.query in queries
    )


def writable_rows(cloud: PointCloud, among: Int32 | None = None) -> Int32:
    """Rows that may be written, sorted array (R,) int32: valid, and finite whatever `valid` says.

    `among` limits the answer to some rows; then only those are looked at.
    """
    if among is None:
        return np.flatnonzero(cloud.valid & np.isfinite(cloud.points).all(axis=1)).astype(np.int32)
    return np.asarray(among[cloud.valid[among] & np.isfinite(cloud.points[among]).all(axis=1)])


def thinned(rows: Int32, max_points: int | None) -> Int32:
    """At most `max_points` of the rows, drawn evenly with a fixed seed, still sorted."""
    if max_points is None or len(rows) <= max_points:
        return rows
    generator = np.random.default_rng(THINNING_SEED)
    return np.sort(generator.choice(rows, size=max_points, replace=False, shuffle=False))


def voxel_thinned(
    cloud: PointCloud, rows: Int32, voxel_size: float | None, similarity: Similarity, owner: Int32 | None = None
) -> Int32:
    """One of the rows for each voxel that holds any: the one of highest confidence, so that its color is a real one.

    Parameters
    ----------
    cloud : PointCloud
    rows : array (R,) int32
        Sorted, of finite points.
    voxel_size : float, optional
        Edge of a voxel, written units; None keeps all rows.
    similarity : Similarity
        From world to the written frame.
    owner : array (P,) int32, optional
        Points of different owners do not stand for each other.

    Returns
    -------
    array (n,) int32
        Sorted.

    Raises
    ------
    ExportError
        If the size is not above 0, or so small that the scene has too many voxels.
    """
    if voxel_size is None or not len(rows):
        return rows
    if not (np.isfinite(voxel_size) and voxel_size > 0):
        raise ExportError(f"The voxel size must be above 0, found {voxel_size:g}: leave it out to keep every point.")
    cells = np.floor(cloud.points[rows].astype(np.float64) * (similarity.scale / voxel_size))
    cells -= cells.min(axis=0)
    if not cells.max() < _MOST_CELLS:
        raise ExportError(
            f"Voxels of {voxel_size:g} are too small for this scene: at most {_MOST_CELLS:,} fit along an axis. "
            "Choose a larger size, or leave it out to keep every point."
        )
    x, y, z = cells.astype(np.int64).T
    voxel = (x * _MOST_CELLS + y) * _MOST_CELLS + z
    group = np.zeros(len(rows), np.int32) if owner is None else owner[rows]
    order = np.lexsort((-cloud.confidence[rows], voxel, group))
    first = np.ones(len(rows), np.bool_)
    first[1:] = (np.diff(voxel[order]) != 0) | (np.diff(group[order]) != 0)
    return np.sort(rows[order[first]])


def frame_facts(units: str, similarity: Similarity) -> dict[str, str]:
    """Units and frame of the written numbers, in words, for comments and metadata."""
    facts = {"units": written_units(units, similarity), "frame": similarity.frame or FRAME}
    if correction := meters_correction(units, similarity):
        facts["correction"] = correction
    if not similarity.is_identity:
        facts["frame"] = similarity.frame or f"transform @ {FRAME}"
        facts["transform"] = " ".join(repr(value) for value in similarity.numbers())
    return facts


def meters_correction(units: str, similarity: Similarity) -> str:
    """That lengths which were meters already are other meters in the files; empty where they are not."""
    scale = round(similarity.scale, 12)
    return f"every meter of the scene is written as {scale!r} m" if units == similarity.units and scale != 1.0 else ""


def written_units(units: str, similarity: Similarity) -> str:
    """Word for written lengths of a scene in `units`."""
    scale = round(similarity.scale, 12)  # a rotation's scale is 1 to the last digits only
    return similarity.units or (units if scale == 1.0 else f"{units} times {scale!r}")
