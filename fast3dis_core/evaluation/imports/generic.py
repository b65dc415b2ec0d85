"""Predictions of any system, written as PLY or as an archive of our own. Paper section 4.1.

The archive is also what every import can be written in. It holds `masks` (V, K), or `points` (P, 3) with `instance`
(P,) and `frame`, which is "gt" for the true world or "predicted"; then `frames` and `world_to_camera` (S, 4, 4) come
along. `scores` (K,) is always there.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.datasets.files import DataSetFiles
from fast3dis_core.datasets.mesh import read_vertices
from fast3dis_core.evaluation.imports.imported import ImportedScene, ImportTarget, LabelledPoints, VertexMasks
from fast3dis_core.evaluation.imports.prediction_file import PredictionFile
from fast3dis_core.exports.atomic import atomic_file

PLY = DataSetFiles(name="a PLY of points with instances", remedy="write vertices of x, y, z, instance and score")
NPZ = DataSetFiles(
    name="an archive of instances",
    remedy="write masks (V, K) and scores (K,), or points, instance, scores and frame, by numpy.savez",
)
SAME_PLACE = 1e-3  # meters by which a vertex may be off in a text file and still be the scan's own
_SCORES = ("score", "objectness")  # the second is what this program writes


def generic_ply(folder: Path, target: ImportTarget) -> ImportedScene:
    """Read `SCENE.ply`: vertices of `x y z instance`, and `score` or none.

    Vertices that are those of the scan, row by row, are its masks; others are points in the world of the scan, and vote
    for its vertices. An instance has one score, which each of its vertices repeats.

    Parameters
    ----------
    folder : Path
    target : ImportTarget

    Returns
    -------
    ImportedScene

    Raises
    ------
    DatasetError
        If the file is missing, damaged, without instances, or not finite.
    """
    file = PredictionFile(folder / f"{target.scene_id}.ply", PLY)
    columns = read_vertices(file.path, PLY)
    missing = [name for name in ("x", "y", "z", "instance") if name not in columns]
    if missing:
        raise file.refusal(f"the property {missing[0]}", ", ".join(columns) or "none")
    points = np.stack([columns[axis].astype(np.float64) for axis in "xyz"], axis=-1)
    if not np.isfinite(points).all():
        raise file.refusal("finite points", "NaN or infinity", "leave invalid points out")
    given = columns["instance"].astype(np.float64)
    labels = np.where(np.isfinite(given), given, 0).astype(np.int64)
    if (labels != given).any():
        raise file.refusal("integers as instances", "fractions, NaN or infinity")
    ids, rows = np.unique(labels, return_inverse=True)
    none = int((ids < 0).sum())
    instances = np.maximum(rows - none, -1).astype(np.int32)
    count = len(ids) - none
    scores, note = _scores(file, columns, instances, count)
    found: VertexMasks | LabelledPoints
    if len(points) == len(target.vertices) and np.abs(points - target.vertices).max(initial=0) <= SAME_PLACE:
        found = VertexMasks(masks=instances == np.arange(count)[:, None])
        notes = (note, "vertices are those of the scan")
    else:
        found = _in_true_world(points, instances)
        notes = (note, "points were taken to be in the world of the scan")
    return ImportedScene(scene_id=target.scene_id, system="ply", found=found, scores=scores, notes=notes)


def generic_npz(folder: Path, target: ImportTarget) -> ImportedScene:
    """Read `SCENE.npz` in the form described above.

    Parameters
    ----------
    folder : Path
    target : ImportTarget

    Returns
    -------
    ImportedScene

    Raises
    ------
    DatasetError
        If the file is missing, damaged, of other shapes, about another number of vertices, or of photos that are not
        those of the scene.
    """
    file = PredictionFile(folder / f"{target.scene_id}.npz", NPZ)
    arrays = file.arrays(
        ("masks", "scores"),
        ("points", "instance", "scores", "frame"),
        optional=("frames", "world_to_camera", "system", "notes"),
    )
    if "masks" in arrays:
        masks = file.masks("masks", arrays["masks"], len(target.vertices), by_column=True)
        scores = file.scores("scores", arrays["scores"], len(masks))
        found: VertexMasks | LabelledPoints = VertexMasks(masks=masks)
    else:
        scores = file.scores("scores", arrays["scores"], arrays["scores"].size)
        found = _points(file, arrays, target, len(scores))
    return ImportedScene(
        scene_id=target.scene_id,
        system="".join(_texts(file, "system", arrays.get("system", np.array("npz")))),
        found=found,
        scores=scores,
        notes=_texts(file, "notes", arrays.get("notes", np.array([], np.str_))),
    )


def write_imported(folder: Path, scene: ImportedScene) -> Path:
    """Write `SCENE.npz` for `generic_npz`, whole or not at all; an older one is replaced.

    Raises
    ------
    ExportError
        If the disk refuses.
    """
    path = folder / f"{scene.scene_id}.npz"
    found = scene.found
    arrays: dict[str, Any] = {
        "scores": scene.scores,
        "system": np.array(scene.system),
        "notes": np.array(scene.notes, np.str_),
    }
    if isinstance(found, VertexMasks):
        arrays["masks"] = found.masks.T
    else:
        arrays |= {"points": found.points, "instance": found.instances, "frame": np.array(found.world)}
        arrays |= {"frames": np.array(found.frames, np.str_), "world_to_camera": found.world_to_camera}
    with atomic_file(path, overwrite=True) as file:
        np.savez_compressed(file, **arrays)
    return path


def _scores(
    file: PredictionFile, columns: dict[str, NDArray[Any]], instances: NDArray[np.int32], count: int
) -> tuple[NDArray[np.float32], str]:
    """Score of each instance, and a note on where it comes from."""
    name = next((name for name in _SCORES if name in columns), None)
    if name is None:
        return np.ones(count, np.float32), "scores: all 1, the file has none"
    member = instances >= 0
    scores = np.zeros(count)
    scores[instances[member]] = columns[name][member]
    if (scores[instances[member]] != columns[name][member]).any():  # also where one is NaN
        raise file.refusal(f"one finite {name} for each instance", "instances with several or NaN")
    return file.scores(name, scores, count), f"scores: the property {name}"


def _points(file: PredictionFile, arrays: dict[str, NDArray[Any]], target: ImportTarget, count: int) -> LabelledPoints:
    points = file.shaped("points", arrays["points"], ("P", 3), kinds="f").astype(np.float32)
    instances = file.shaped("instance", arrays["instance"], (len(points),), kinds="iu").astype(np.int64)
    if not np.isfinite(points).all():
        raise file.refusal("finite points", "NaN or infinity", "leave invalid points out")
    if instances.max(initial=-1) >= count:
        raise file.refusal(f"instances 0 to {count - 1}, one for each score", f"{instances.max()}")
    instances = np.maximum(instances, -1)
    world = "".join(_texts(file, "frame", arrays["frame"]))
    if world == "gt":
        return _in_true_world(points, instances)
    if world != "predicted":
        raise file.refusal('a frame "gt" or "predicted"', repr(world[:20]))
    if not {"frames", "world_to_camera"} <= set(arrays):
        raise file.refusal("frames and world_to_camera of a predicted world", "none")
    frames = _texts(file, "frames", arrays["frames"])
    unknown = sorted(set(frames) - set(target.frames))
    if unknown or len(set(frames)) < len(frames) or not frames:
        raise file.refusal(
            f"photos among the {len(target.frames)} of the scene, each once",
            f"{', '.join(unknown[:3]) or f'{len(frames)} names'}",
            "predict the photos that all systems see",
        )
    cameras = file.cameras("world_to_camera", arrays["world_to_camera"])
    if len(cameras) != len(frames):
        raise file.refusal(f"cameras of {len(frames)} frames", f"{len(cameras)}")
    return LabelledPoints(
        points=points,
        instances=instances.astype(np.int32),
        world="predicted",
        frames=frames,
        world_to_camera=cameras,
    )


def _in_true_world(points: NDArray[Any], instances: NDArray[Any]) -> LabelledPoints:
    return LabelledPoints(
        points=points.astype(np.float32),
        instances=instances.astype(np.int32),
        world="gt",
        frames=(),
        world_to_camera=np.zeros((0, 4, 4)),
    )


def _texts(file: PredictionFile, name: str, array: NDArray[Any]) -> tuple[str, ...]:
    if array.dtype.kind != "U":
        raise file.refusal(f"{name} as text", f"{array.dtype}")
    return tuple(array.ravel().tolist())
