"""Ids per pixel of every view: IGGT's demo, and PanSt3R. Paper sections 4.1 and 4.4.

Both predict points in a world of their own, so cameras come along. Walls and floors are instances like any other.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.datasets.files import DataSetFiles
from fast3dis_core.evaluation.imports.imported import ImportedScene, ImportTarget, LabelledPoints
from fast3dis_core.evaluation.imports.prediction_file import PredictionFile

IGGT = DataSetFiles(name="IGGT's demo", remedy="run it on the photos of this scene, and keep the folder it writes")
PANST3R = DataSetFiles(
    name="PanSt3R",
    remedy="store pan, pts3d, world_to_camera, segment_ids and segment_scores of this scene with numpy.savez",
)
DEPTH_ERROR = 0.02  # median share by which points may miss their depth: another one means another kind of camera


def iggt_demo(folder: Path, target: ImportTarget) -> ImportedScene:
    """Read `SCENE/dbscan_masks/mask_000.npy ...` and `SCENE/predictions.npz`.

    The order of the masks is that of the photos. Label 0 is a cluster too, and every score is 1.

    Parameters
    ----------
    folder : Path
    target : ImportTarget
        With the photos the demo was given, in the order of their file names.

    Returns
    -------
    ImportedScene

    Raises
    ------
    DatasetError
        If a file is missing, damaged, of another shape, or not about these photos.
    """
    place = folder / target.scene_id
    archive = PredictionFile(place / "predictions.npz", IGGT)
    arrays = archive.arrays(("world_points_from_depth", "extrinsic", "depth"))
    points = archive.shaped("world_points_from_depth", arrays["world_points_from_depth"], ("S", "H", "W", 3), kinds="f")
    points = _of_photos(archive, points, target)
    views, height, width, _ = points.shape
    depth = archive.shaped("depth", arrays["depth"], (views, height, width, 1), kinds="f")[..., 0]
    cameras = archive.cameras("extrinsic", arrays["extrinsic"])
    _check_depth(archive, points, depth, cameras)
    masks = place / "dbscan_masks"
    numbered = IGGT.numbered(masks, r"mask_(\d+)\.npy")
    if list(numbered) != list(range(views)):
        raise IGGT.refusal(masks, f"mask_000.npy to mask_{views - 1:03}.npy", f"{len(numbered)} masks")
    labels = np.empty((views, height, width), np.int64)
    for view, path in numbered.items():
        mask = PredictionFile(path, IGGT)
        labels[view] = mask.shaped("a mask", mask.array(), (height, width), kinds="iu")
    ids = np.unique(labels[labels >= 0])
    return ImportedScene(
        scene_id=target.scene_id,
        system="iggt",
        found=_labelled(points, _rows(labels, ids), cameras, target, known=depth > 0),
        scores=np.ones(len(ids), np.float32),
        notes=("scores: all 1, the demo has none", "walls and floors are instances"),
    )


def panst3r(folder: Path, target: ImportTarget) -> ImportedScene:
    """Read `SCENE.npz` with `pan`, `pts3d`, `world_to_camera`, `segment_ids` and `segment_scores`.

    The demo itself writes meshes only. Segment 0 is void; classes are left out, so that a wall is an instance unless
    its pixels were set to 0. A score is what was stored: class probability times mask confidence.

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
        If the file is missing, damaged, of other shapes, or not about these photos.
    """
    file = PredictionFile(folder / f"{target.scene_id}.npz", PANST3R)
    arrays = file.arrays(("pan", "pts3d", "world_to_camera", "segment_ids", "segment_scores"))
    points = _of_photos(file, file.shaped("pts3d", arrays["pts3d"], ("S", "H", "W", 3), kinds="f"), target)
    labels = file.shaped("pan", arrays["pan"], points.shape[:3], kinds="iu").astype(np.int64)
    cameras = file.cameras("world_to_camera", arrays["world_to_camera"])
    _check_in_front(file, points, cameras)
    ids = file.shaped("segment_ids", arrays["segment_ids"], ("N",), kinds="iu").astype(np.int64)
    scores = file.scores("segment_scores", arrays["segment_scores"], len(ids))
    if len(np.unique(ids)) < len(ids) or (ids == 0).any():
        raise file.refusal("segment_ids that differ and are not 0", f"{ids.tolist()[:12]}")
    unlisted = np.setdiff1d(labels, [*ids, 0])
    if len(unlisted):
        raise file.refusal(
            "every id of pan in segment_ids",
            f"{unlisted.tolist()[:12]} without a score",
            "list all segments, and set pixels that are not to count to 0",
        )
    order = np.argsort(ids)
    return ImportedScene(
        scene_id=target.scene_id,
        system="panst3r",
        found=_labelled(points, _rows(labels, ids[order]), cameras, target, known=None),
        scores=scores[order],
        notes=("classes left out: a segment of a stuff class is an instance unless its pixels were set to 0",),
    )


def _of_photos(file: PredictionFile, points: NDArray[Any], target: ImportTarget) -> NDArray[Any]:
    if len(points) != len(target.frames):
        raise file.refusal(
            f"the {len(target.frames)} photos of the scene that all systems see",
            f"{len(points)}",
            "predict these photos, in the order of their names",
        )
    return points


def _check_depth(file: PredictionFile, points: NDArray[Any], depth: NDArray[Any], cameras: NDArray[np.float64]) -> None:
    """Refuse cameras that do not see the points at their depth: the inverse matrices, or those of another run."""
    missed = np.abs(_depth_of(file, points, cameras) - depth) / np.where(depth > 0, depth, np.nan)
    error = np.nanmedian(missed) if np.isfinite(missed).any() else 0.0
    if error > DEPTH_ERROR:
        raise file.refusal(
            "points that lie at their depth before world-to-camera matrices", f"a median error of {error:.0%}"
        )


def _check_in_front(file: PredictionFile, points: NDArray[Any], cameras: NDArray[np.float64]) -> None:
    depth = _depth_of(file, points, cameras)
    known = np.isfinite(depth)
    if known.any() and (depth[known] > 0).mean() < 0.5:
        raise file.refusal("points before world-to-camera matrices", "most of them behind: are these camera to world?")


def _depth_of(file: PredictionFile, points: NDArray[Any], cameras: NDArray[np.float64]) -> NDArray[np.float64]:
    """Depth of the points in their own views, array (S, H, W)."""
    if len(cameras) != len(points):
        raise file.refusal(f"cameras of {len(points)} views", f"{len(cameras)}")
    axis, offset = cameras[:, 2, :3], cameras[:, 2, 3]
    with np.errstate(invalid="ignore"):  # points at infinity
        return np.einsum("shwc,sc->shw", points, axis) + offset[:, None, None]


def _rows(labels: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.int32]:
    """Place of each label in the rising `ids`, or -1."""
    places = np.searchsorted(ids, labels)
    known = np.isin(labels, ids)
    return np.where(known, places, -1).astype(np.int32)


def _labelled(
    points: NDArray[Any],
    instances: NDArray[np.int32],
    cameras: NDArray[np.float64],
    target: ImportTarget,
    known: NDArray[np.bool_] | None,
) -> LabelledPoints:
    """All pixels with a point, in the order of views, rows and columns."""
    usable = np.isfinite(points).all(axis=-1)  # (S, H, W)
    if known is not None:
        usable &= known
    return LabelledPoints(
        points=points[usable].astype(np.float32),
        instances=instances[usable],
        world="predicted",
        frames=target.frames,
        world_to_camera=cameras,
    )
