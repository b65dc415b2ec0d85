"""What the options of `fast3dis evaluate` mean: which scenes, which method with which settings, into which folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fast3dis_core.errors import ConfigError

if TYPE_CHECKING:
    from fast3dis_core.config import GeometrySource
    from fast3dis_core.datasets.scannetpp import Device
    from fast3dis_core.evaluation.folder import EvaluationFolder, EvaluationSettings, Method
    from fast3dis_core.evaluation.sources import EvaluationSource

ROOM_VIEWS, MOST_ROOM_VIEWS = 6, 12


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Scenes, where they come from, and the folder they are predicted into."""

    source: "EvaluationSource"
    scene_ids: Sequence[str]
    folder: "EvaluationFolder"


def plan_evaluation(
    *,
    dataset: str,
    root: Path | None,
    scene_list: Path | None,
    camera: "Device",
    split: str,
    count: int | None,
    views: int | None,
    resolution: int | None,
    cache: Path | None,
    method: "Method",
    system: str | None,
    predictions: Path | None,
    equal_scores: bool,
    threshold: float | None,
    min_vertices: int | None,
    size: str,
    weights: str | None,
    heads: Path | None,
    geometry: "GeometrySource",
    icp: bool,
    out: Path | None,
) -> Plan:
    """Read the options as a person means them.

    Raises
    ------
    ConfigError
        If options contradict each other, or have impossible values.
    CheckpointError
        If there are no weights for the size.
    DatasetError
        If there are no scenes.
    """
    from fast3dis_core.config import ModelConfig, model_size
    from fast3dis_core.datasets.procedural_rooms import VERSION
    from fast3dis_core.evaluation.folder import (
        SEES_VIEWS,
        EvaluationFolder,
        EvaluationSettings,
        clustering_facts,
        weights_identity,
    )
    from fast3dis_core.evaluation.rooms import size_of
    from fast3dis_core.evaluation.sources import VIEWS, chosen_scenes

    networked, rooms = method in SEES_VIEWS, dataset == "procedural-rooms"
    _check_together(dataset, root, method, system, predictions)
    ModelConfig.for_size(size)  # a size that cannot segment is told before its weights are asked for
    surface = None if networked else _surface_facts(method, system, icp, equal_scores, threshold, min_vertices)
    long_edge = resolution or model_size(size).resolution
    wanted = views or (ROOM_VIEWS if rooms else VIEWS)
    if rooms and wanted > MOST_ROOM_VIEWS:
        raise ConfigError(f"--views: a room is rendered in up to {MOST_ROOM_VIEWS} views, found {wanted}.")
    height, width = size_of(long_edge) if rooms else (0, 0)
    source = _source(dataset, root, split, wanted, long_edge, camera, cache)
    scene_ids = chosen_scenes(source.scene_ids, scene_list, count)
    settings = EvaluationSettings(
        split=split if rooms else "",
        size=size if networked else "",
        method=method,
        geometry=geometry if networked else "given",
        views=wanted,
        height=height,
        width=width,
        weights=weights_identity(size, weights) if networked else "",
        heads=weights_identity(size, heads) if heads and networked else "",
        dataset=dataset,
        clustering=clustering_facts(method),
        resolution=None if rooms else long_edge,
        camera=camera if dataset == "scannetpp" else None,
        surface=surface,
        predictions=predictions.absolute().name if predictions else None,
        data_version=VERSION if rooms else "",
    )
    return Plan(
        source=source, scene_ids=scene_ids, folder=EvaluationFolder(out or _default_folder(settings, system), settings)
    )


def _check_together(dataset: str, root: Path | None, method: str, system: str | None, predictions: Path | None) -> None:
    """Refuse options that need others."""
    if (dataset == "procedural-rooms") != (root is None):
        raise ConfigError(
            f"--dataset {dataset}: expected --root with the folder of the data set, found none."
            if root is None
            else "--root: expected --dataset with one that lies on disk, found procedural-rooms, which are rendered."
        )
    if (method == "imported") != (system is not None) or (method == "imported") != (predictions is not None):
        raise ConfigError(
            "--method imported goes with --system and --predictions, and these go with nothing else; found method "
            f"{method}, system {system or 'none'}, predictions {predictions or 'none'}."
        )


def _surface_facts(
    method: str, system: str | None, icp: bool, equal_scores: bool, threshold: float | None, min_vertices: int | None
) -> dict[str, Any]:
    from dataclasses import replace

    from fast3dis_core.baselines.geometry_hdbscan import GeometrySettings
    from fast3dis_core.evaluation.surface_methods import FELZENSZWALB, ImportSettings, settings_facts

    if method == "imported":
        return settings_facts(ImportSettings(system=system or "", icp=icp, equal_scores=equal_scores))
    if method == "geometry-hdbscan":
        return settings_facts(GeometrySettings())
    changes: dict[str, Any] = {"threshold": threshold, "min_vertices": min_vertices}
    return settings_facts(replace(FELZENSZWALB, **{k: v for k, v in changes.items() if v is not None}))


def _source(
    dataset: str, root: Path | None, split: str, views: int, long_edge: int, camera: "Device", cache: Path | None
) -> "EvaluationSource":
    from fast3dis_core.datasets.rendered import default_cache
    from fast3dis_core.evaluation.rooms import EvaluationRooms, room_seeds, size_of
    from fast3dis_core.evaluation.sources import AriaScenes, ScannedScenes

    if root is None:
        seeds = room_seeds(split, None)
        return EvaluationRooms(cache or default_cache(), views=views, size=size_of(long_edge), seeds=seeds)
    if dataset == "aria-synthetic":
        return AriaScenes(root, views=views, long_edge=long_edge)
    return ScannedScenes(dataset, root, views=views, long_edge=long_edge, camera=camera)


def _default_folder(settings: "EvaluationSettings", system: str | None) -> Path:
    if settings.method not in ("fast3dis", "feature-clustering"):
        place = settings.split or settings.dataset
        name = system if settings.method == "imported" else settings.method
        return Path("evaluation") / f"{name}-{place}"
    method = "" if settings.method == "fast3dis" else f"-{settings.method}"
    return Path("evaluation") / f"{settings.size}-{settings.split or settings.dataset}-{settings.geometry}{method}"
