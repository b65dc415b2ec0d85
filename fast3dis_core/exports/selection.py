"""What goes into a file: which instances, which points, how thinned, and in whose words.

Shared by all formats, so that they agree with each other and with what the viewer shows.
"""

from collections.abc import Collection

import numpy as np

from fast3dis_core.exports.similarity import Similarity
from fast3dis_core.reconstruction import Instance, Int32, PointCloud, Reconstruction

FRAME = "world = camera of view 0 (OpenCV axes: x right, y down, z forward)"
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


def frame_facts(units: str, similarity: Similarity) -> dict[str, str]:
    """Units and frame of the written numbers, in words, for comments and metadata."""
    facts = {"units": units, "frame": FRAME}
    if not similarity.is_identity:
        facts["units"] = f"{units} times {similarity.scale!r}"
        facts["frame"] = f"transform @ {FRAME}"
        facts["transform"] = " ".join(repr(value) for value in similarity.numbers())
    return facts
