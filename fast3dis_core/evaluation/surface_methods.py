"""Methods without a network: instances of a true surface from its shape, and predictions of other systems. Paper 4.1.

The geometric baselines begin with the true surface, as in the paper, so that nothing of theirs has to be aligned. Other
systems' predictions are read in their own files and brought onto the surface once, alignment and ICP included.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from fast3dis_core.baselines.felzenszwalb import SegmentationSettings, mesh_graph, neighbor_graph, segment_graph
from fast3dis_core.baselines.geometry_hdbscan import GeometrySettings, cluster_geometry
from fast3dis_core.baselines.point_instances import PointInstances
from fast3dis_core.errors import ConfigError
from fast3dis_core.evaluation.average_precision import MIN_REGION_SIZE
from fast3dis_core.evaluation.imports import SYSTEMS, ImportTarget, import_scene, surface_masks
from fast3dis_core.evaluation.sources import TruthSurface
from fast3dis_core.evaluation.surface_prediction import SurfacePrediction
from fast3dis_core.inference.machine import StepMeter
from fast3dis_core.preprocessing import Matrix
from fast3dis_core.progress import Report, silent

SurfaceMethod = Literal["geometry-hdbscan", "felzenszwalb", "imported"]
READING = "Reading predictions"  # step reported
GRAPH = "Building the graph"

# ScanNet's own settings (0.01 and 20) give segments, not objects. Of thresholds 0.01, 0.05, 0.1 and 0.5 and of sizes 20
# and 100 these reach the highest AP on the first 20 validation rooms; for scans, choose on training scenes.
FELZENSZWALB = SegmentationSettings(threshold=0.5, min_vertices=100)


@dataclass(frozen=True, kw_only=True)
class ImportSettings:
    """Which predictions are imported, and how they are brought onto the surface.

    Attributes
    ----------
    system : str
        A name in `imports.SYSTEMS`.
    icp : bool
        Of predicted worlds, after their cameras.
    equal_scores : bool
        Every score 1, the other of the two variants that published numbers use.
    """

    system: str
    icp: bool = True
    equal_scores: bool = False

    def __post_init__(self) -> None:
        if self.system not in SYSTEMS:
            raise ConfigError(f"--system: expected one of {', '.join(SYSTEMS)}, found {self.system!r}.")


SurfaceSettings = GeometrySettings | SegmentationSettings | ImportSettings


def settings_of(method: str, told: Mapping[str, Any]) -> SurfaceSettings:
    """Settings of a method from plain values, as `settings_facts` gives them."""
    kinds = {"geometry-hdbscan": GeometrySettings, "felzenszwalb": SegmentationSettings, "imported": ImportSettings}
    kind = kinds[method]
    return kind(**{field.name: told[field.name] for field in fields(kind)})


def settings_facts(settings: SurfaceSettings) -> dict[str, Any]:
    """Plain values of settings."""
    return asdict(settings)


def predict_surface(
    scene_id: str,
    surface: TruthSurface,
    *,
    settings: SurfaceSettings,
    cameras: Mapping[str, Matrix] | None = None,
    folder: Path | None = None,
    made_by: Mapping[str, Any] | None = None,
    report: Report = silent,
) -> SurfacePrediction:
    """Instances of one scene.

    Parameters
    ----------
    scene_id : str
    surface : TruthSurface
        Its ids are not looked at.
    settings : GeometrySettings, SegmentationSettings or ImportSettings
        Their kind is the method.
    cameras : mapping of str to array (4, 4), optional
        For imports: true world to camera, by photo.
    folder : Path, optional
        For imports: with files or folders of all scenes.
    made_by : mapping, optional
        Noted in the prediction.
    report : Report

    Returns
    -------
    SurfacePrediction
        Masks of fewer points than count are left out of what a baseline found.

    Raises
    ------
    ConfigError
        If a package is missing.
    DatasetError, EvaluationError, GeometryError
        If an imported prediction is missing, damaged or does not fit, or the surface has no points.
    Cancelled
        If `report` says so.
    """
    meter = StepMeter(torch.device("cpu"), report)
    if isinstance(settings, ImportSettings):
        found = _imported(scene_id, surface, settings, cameras or {}, folder or Path(), meter)
    else:
        found = _from_shape(scene_id, surface, settings, meter)
    meter.finish()
    return SurfacePrediction(
        scene_id=scene_id,
        masks=found.masks,
        scores=found.scores,
        figures=found.figures,
        notes=found.notes,
        seconds={step: round(value, 6) for step, value in meter.seconds.items()},
        peak_memory=meter.peak_memory,
        made_by=made_by or {},
    )


def _from_shape(
    scene_id: str, surface: TruthSurface, settings: GeometrySettings | SegmentationSettings, meter: StepMeter
) -> SurfacePrediction:
    figures: dict[str, Any]
    if isinstance(settings, GeometrySettings):
        clustered = cluster_geometry(surface.points, settings=settings, report=meter)
        instances: PointInstances = clustered.instances
        figures = {
            "voxel": clustered.voxel,
            "clustered_points": clustered.clustered,
            "noise_share": clustered.noise_share,
        }
    else:
        meter(GRAPH, 0.0)
        if surface.faces is not None:
            graph = mesh_graph(surface.points, surface.faces)
        else:
            assert surface.cameras is not None
            graph = neighbor_graph(surface.points, surface.cameras)
        instances = segment_graph(graph, settings=settings, report=meter)
        figures = {"edges": len(graph.edges)}
    masks, scores = instances.masks(least=MIN_REGION_SIZE)
    figures["instances"] = len(instances.scores)
    return SurfacePrediction(
        scene_id=scene_id, masks=masks, scores=scores, figures=figures, notes=("scores: all 1, the method has none",)
    )


def _imported(
    scene_id: str,
    surface: TruthSurface,
    settings: ImportSettings,
    cameras: Mapping[str, Matrix],
    folder: Path,
    meter: StepMeter,
) -> SurfacePrediction:
    meter(READING, 0.0)
    target = ImportTarget(scene_id=scene_id, vertices=surface.points, frames=tuple(cameras))
    scene = import_scene(settings.system, folder, target)
    if settings.equal_scores:
        scene = scene.with_equal_scores()
    meter("Aligning and transferring", 0.0)
    found = surface_masks(
        scene, surface.points, {name: np.asarray(value) for name, value in cameras.items()}, icp=settings.icp
    )
    return SurfacePrediction(
        scene_id=scene_id, masks=found.masks, scores=found.scores, figures=found.figures, notes=scene.notes
    )
