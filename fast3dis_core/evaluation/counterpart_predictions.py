"""What `fast3dis evaluate` predicted for a scene, as the other side of a comparison.

Such a file holds masks, depth and cameras and no photos; these are the result's. Views are told apart by the names of
their photos, and in files of earlier versions, which lack them, by their order. Paper section 4.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from fast3dis_core.cost import Cost
from fast3dis_core.counterpart import Counterpart
from fast3dis_core.datasets.files import DataSetFiles
from fast3dis_core.evaluation.counterparts import other_result
from fast3dis_core.evaluation.prediction import ScenePrediction, read_archive, read_prediction
from fast3dis_core.evaluation.surface_prediction import KIND as ON_SURFACE
from fast3dis_core.geometry.cameras import unproject
from fast3dis_core.reconstruction import Instance, PointCloud, Reconstruction, UInt8

SAVED = DataSetFiles(
    name="what fast3dis evaluate saves", remedy="choose a file of its folder predictions/, made of these photos"
)
UNSEEN = 128  # gray of photos that the result does not have
FILTERS = ("objectness_threshold", "minimum_points")  # followed by queries with an objectness of their own


def predicted_counterpart(path: Path, result: Reconstruction) -> Counterpart:
    """A saved prediction as the other side.

    Parameters
    ----------
    path : Path
        `predictions/SCENE.npz` of the folder of an evaluation.
    result : Reconstruction
        Of some of the same photos.

    Returns
    -------
    Counterpart
        It follows the result's thresholds of instances if it has an objectness.

    Raises
    ------
    DatasetError
        If the file is damaged, holds masks over the points of a scan, or has none of these photos.
    """
    kind = read_archive(path, lambda told, _: str(told.get("kind", "")), digest=None)
    if kind == ON_SURFACE:
        raise SAVED.refusal(
            path,
            "masks over photos",
            "masks over the points of a scan, which are not in it",
            "hold such methods against each other by fast3dis compare, or cluster the points here",
        )
    saved = read_prediction(path, digest=None)
    names, told = _frames(path, saved, result)
    method, words = _made_by(path)
    ranked = bool((saved.objectness < 1).any())
    cost = Cost(seconds=sum(saved.seconds.values())) if saved.seconds else None  # of memory only the whole is known
    other = other_result(
        as_reconstruction(saved, names, result), result, title=f"{saved.scene_id}, evaluated{method}", kind="file"
    )
    return replace(other, follows=FILTERS if ranked else (), cost=cost, notes=(*words, *told, *other.notes))


def as_reconstruction(saved: ScenePrediction, names: Sequence[str], result: Reconstruction) -> Reconstruction:
    """A prediction as a result; photos, as far as they are known, and units are those of another result."""
    count, _, height, width = saved.masks.shape
    images = _images(names, result, height, width)
    parts = (torch.from_numpy(np.array(part)) for part in (saved.depth, saved.intrinsics, saved.world_to_camera))
    points = unproject(*parts).numpy().astype(np.float32).reshape(-1, 3)
    valid = ((saved.depth > 0) & np.isfinite(saved.depth)).ravel() & np.isfinite(points).all(axis=1)
    points[~valid] = 0
    queries = max((int(query) for query in saved.queries), default=-1) + 1
    anchors, objectness = np.zeros((1, queries, 3), np.float32), np.zeros((1, queries), np.float32)
    instances = []
    for number in sorted(range(count), key=lambda place: (-saved.objectness[place], saved.queries[place])):
        pixels = np.flatnonzero(saved.masks[number].ravel() & valid).astype(np.int32)
        if not len(pixels):
            continue
        query, anchor = int(saved.queries[number]), saved.anchors[number]
        if not np.isfinite(anchor).all():  # clusters have none
            anchor = points[pixels].mean(axis=0)
        anchors[0, query], objectness[0, query] = anchor, saved.objectness[number]
        instances.append(
            Instance(
                query=query,
                objectness=float(saved.objectness[number]),
                anchor=anchors[0, query].copy(),
                pixels=pixels,
                score=float(saved.scores[number]),
            )
        )
    return Reconstruction(
        names=tuple(names),
        images=images,
        intrinsics=np.array(saved.intrinsics),
        world_to_camera=np.array(saved.world_to_camera),
        is_metric=result.is_metric,
        cloud=PointCloud(
            points=points, colors=images.reshape(-1, 3), confidence=np.ones(len(points), np.float32), valid=valid
        ),
        instances=tuple(instances),
        anchors=anchors,
        objectness=objectness,
        overlap=np.zeros((queries, queries), np.float32),
    )


def _frames(path: Path, saved: ScenePrediction, result: Reconstruction) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Photos of the views, named as those of the result, and what had to be assumed."""
    views = saved.masks.shape[1]
    if set(saved.frames) & set(result.names):
        return saved.frames, ()
    by_stem = {Path(name).stem: name for name in result.names}
    if len(by_stem) == len(result.names) and {Path(name).stem for name in saved.frames} & set(by_stem):
        return tuple(by_stem.get(Path(name).stem, name) for name in saved.frames), ()
    if views != len(result.names):
        found = ", ".join(saved.frames[:3]) or f"{views} views without names"
        raise SAVED.refusal(path, f"some of the {len(result.names)} photos of this result", found)
    return result.names, ("It does not name these photos: views were taken to be in the same order.",)


def _images(names: Sequence[str], result: Reconstruction, height: int, width: int) -> UInt8:
    images = np.full((len(names), height, width, 3), UNSEEN, np.uint8)
    there = {name: view for view, name in enumerate(result.names)}
    for image, name in zip(images, names, strict=True):
        if name in there:
            photo = result.images[there[name]]
            same = photo.shape == image.shape
            image[:] = photo if same else cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    return images


def _made_by(path: Path) -> tuple[str, tuple[str, ...]]:
    """Part of a title, and sentences, from the settings beside the folder of predictions; empty without them."""
    try:
        told = json.loads((path.parent.parent / "settings.json").read_text(encoding="utf-8"))
        method, size, geometry = (str(told[name]) for name in ("method", "size", "geometry"))
    except (OSError, ValueError, KeyError, TypeError):
        return "", ()
    return f" · {method} {size}".rstrip(), (f"Predicted by fast3dis evaluate with geometry {geometry}.",)
