"""One folder to one output folder: read, encode, decode, assemble, write, report."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fast3dis_core.cli.choosing import chosen_photos
from fast3dis_core.cli.curating import Wishes, as_wished, assembling, unknown_queries
from fast3dis_core.cli.exits import Interrupts
from fast3dis_core.cli.progress import StepDisplay
from fast3dis_core.cli.staging import refuse_existing_outputs, staged_folder
from fast3dis_core.config import GeometrySource, InferenceConfig, ModelConfig, to_mapping
from fast3dis_core.edit_log import edit_lines, edit_log
from fast3dis_core.exports import describe
from fast3dis_core.exports.colors import ColorMode
from fast3dis_core.exports.labels import PLAIN
from fast3dis_core.exports.outputs import OUTPUTS, REPORT, Style, write_facts, write_outputs
from fast3dis_core.exports.selection import meters_correction
from fast3dis_core.exports.similarity import Similarity
from fast3dis_core.images import read_image_folder, read_selected
from fast3dis_core.inference.assembly import assemble_instances
from fast3dis_core.inference.machine import memory_there, model_facts, peak_memory, versions
from fast3dis_core.inference.memory import MemoryEstimate, estimate_memory
from fast3dis_core.inference.steps import LoadedModel, choose_device, decode_queries, encode_scene
from fast3dis_core.interventions import NO_INTERVENTIONS
from fast3dis_core.posed_input import read_posed_folder
from fast3dis_core.reconstruction import AnchorOverride, Reconstruction
from fast3dis_core.scene import PosedCameras, SceneGeometry, ViewBatch

Frame = Literal["view0", "folder"]


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What is the same for every folder of a run."""

    geometry: GeometrySource
    resolution: int  # long edge, pixels
    max_views: int
    photos: tuple[str, ...] = ()  # these alone, in this order; empty for those of the folder
    skip_bad: bool
    chunk_views: int
    inference: InferenceConfig
    anchors: tuple[AnchorOverride, ...] = ()  # set by hand
    exports: tuple[str, ...]
    colors: ColorMode
    frame: Frame  # of the files: camera of view 0, or the world of the folder's cameras
    scale: float = 1.0  # written units per scene unit
    meters: bool = False  # whether the written units are meters
    instance_colors: ColorMode = "photo"  # of the points in files of single instances
    wishes: Wishes = field(default_factory=Wishes)
    queries: frozenset[int] | None = None  # of the instances at the threshold only these
    voxel_size: float | None = None  # written units; None keeps every point
    overwrite: bool


@dataclass(frozen=True, kw_only=True)
class SceneInput:
    """Photos of one folder and what came with them."""

    views: ViewBatch
    geometry: PosedCameras | SceneGeometry | None = None
    folder_to_world: list[list[float]] | None = None


def read_scene(source: Path, settings: RunSettings, report: StepDisplay) -> SceneInput:
    """Photos, and with `posed` their cameras, and with `given` their depth.

    Raises
    ------
    ImageFolderError, GeometryError
    """
    chosen = chosen_photos(source, settings.photos)
    if settings.geometry == "predicted" and chosen:
        return SceneInput(views=read_selected(chosen, long_edge=settings.resolution, report=report))
    if settings.geometry == "predicted":
        views = read_image_folder(
            source,
            long_edge=settings.resolution,
            max_views=settings.max_views,
            skip_bad=settings.skip_bad,
            report=report,
        )
        return SceneInput(views=views)
    posed = read_posed_folder(
        source,
        with_depth=settings.geometry == "given",
        long_edge=settings.resolution,
        max_views=len(chosen) or settings.max_views,
        skip_bad=settings.skip_bad,
        photos=[photo.path for photo in chosen] or None,
        report=report,
    )
    return SceneInput(
        views=posed.views,
        geometry=posed.cameras if settings.geometry == "posed" else posed.geometry,
        folder_to_world=posed.folder_to_world.tolist(),
    )


def run_scene(
    source: Path,
    target: Path,
    settings: RunSettings,
    load: Callable[[], LoadedModel],
    display: StepDisplay,
    interrupts: Interrupts,
) -> dict[str, Any]:
    """Segment one folder.

    Parameters
    ----------
    source, target : Path
    settings : RunSettings
    load : callable
        Gives the model; called once the photos are read, so that bad input is told at once.
    display : StepDisplay
    interrupts : Interrupts

    Returns
    -------
    dict
        The facts of report.json.

    Raises
    ------
    Fast3disError
        Of every kind; the target is as it was then.
    """
    with staged_folder(target, OUTPUTS, interrupts, overwrite=settings.overwrite) as staging:
        scene = read_scene(source, settings, display)
        display.finish()
        for note in scene.views.notes:
            display.say(note)
        model = load()
        memory = expected_memory(model.config, scene.views, settings)
        display.say(f"Expected memory: {memory_text(memory)}.")
        display.say(too_much(memory, memory_there(model.device)))
        encoded = encode_scene(
            model, scene.views, geometry=scene.geometry, chunk_views=settings.chunk_views, report=display
        )
        display("Anchors and queries", 0.0)
        trace = decode_queries(model, encoded, settings.anchors)
        config = assembling(settings.inference, settings.wishes)
        result = assemble_instances(scene.views, encoded, trace, config=config, report=display)
        del encoded, trace
        display.say(unknown_queries(result, settings.inference, settings.wishes, settings.queries))
        result, labels = as_wished(result, settings.inference, settings.wishes, settings.queries)
        log = edit_log(settings.anchors, NO_INTERVENTIONS, len(result.objectness[-1]))
        if log:  # an experiment, and every file says so
            labels = replace(labels or PLAIN, notes=edit_lines(log))
        transform = _transform(scene, settings)
        style = Style(
            threshold=settings.inference.objectness_threshold,
            colors=settings.colors,
            instance_colors=settings.instance_colors,
            labels=labels,
            transform=transform,
            queries=settings.queries,
            voxel_size=settings.voxel_size,
        )
        display.say(_correction(result, transform))
        write_outputs(staging, result, exports=settings.exports, style=style, report=display)
        display.finish()
        facts = {
            "input": input_facts(source, scene, settings),
            "model": model_facts(model),
            "edits": list(log),
            "config": {
                "inference": to_mapping(settings.inference),
                "exports": list(settings.exports),
                "frame": settings.frame,
                "scale": settings.scale,
                "meters": settings.meters,
                "queries": None if settings.queries is None else sorted(settings.queries),
                "voxel_size": settings.voxel_size,
            },
            "result": describe(
                result, style.threshold, queries=style.queries, labels=style.given_labels, transform=transform
            ),
            "seconds": {step: round(spent, 3) for step, spent in display.seconds.items()},
            "peak_memory_bytes": peak_memory(model.device),
            "versions": versions(),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        if REPORT in settings.exports:
            write_facts(staging, facts)
        interrupts.check()
    return facts


def _transform(scene: SceneInput, settings: RunSettings) -> Similarity | None:
    """From the world of view 0 to the frame of the files, None if they are the same."""
    if settings.frame == "view0" and settings.scale == 1.0 and not settings.meters:
        return None
    world_to_folder = None if settings.frame == "view0" else np.linalg.inv(np.array(scene.folder_to_world))
    return Similarity.written(world_to_folder=world_to_folder, scale=settings.scale, meters=settings.meters)


def _correction(result: Reconstruction, transform: Similarity | None) -> str:
    """A note on `--meters` for a scene whose lengths are meters: nobody should rescale it without being told."""
    told = "" if transform is None else meters_correction(result.units, transform)
    return f"Lengths of this scene are meters already; with --meters {told}." if told else ""


def preview_scene(
    source: Path, target: Path, settings: RunSettings, display: StepDisplay, *, size: str, device: str
) -> dict[str, Any]:
    """What a run would read and need, and whether it could write; nothing is computed and nothing written."""
    there = memory_there(choose_device(device))
    refuse_existing_outputs(target, OUTPUTS, overwrite=settings.overwrite)
    scene = read_scene(source, settings, display)
    display.finish()
    memory = expected_memory(ModelConfig.for_size(size), scene.views, settings)
    display.say(too_much(memory, there))
    return {
        "input": input_facts(source, scene, settings),
        "estimated_memory_bytes": {"likely": memory.bytes, "low": memory.low, "high": memory.high},
        "memory_bytes": there,
    }


def expected_memory(config: ModelConfig, views: ViewBatch, settings: RunSettings) -> MemoryEstimate:
    """Peak memory that this run will need."""
    count, _, height, width = views.images.shape
    shape = {"views": count, "height": height, "width": width, "chunk_views": settings.chunk_views}
    return estimate_memory(config, early_cloud=False, **shape)


def memory_text(memory: MemoryEstimate) -> str:
    """Such as "0.9 to 1.3 GB"."""
    return f"{memory.low / 1e9:.1f} to {memory.high / 1e9:.1f} GB"


def too_much(memory: MemoryEstimate, there: int) -> str:
    """A sentence for a run that needs more than a device has; else nothing.

    Parameters
    ----------
    memory : MemoryEstimate
    there : int
        Bytes; 0 if unknown.
    """
    if not 0 < there < memory.high:
        return ""
    enough = "too little" if there < memory.low else "perhaps too little"
    return f"There are {there / 1e9:.1f} GB, {enough}: a lower --resolution or --max-views needs less."


def input_facts(source: Path, scene: SceneInput, settings: RunSettings) -> dict[str, Any]:
    """Which photos were read, and how."""
    height, width = scene.views.images.shape[-2:]
    facts = {
        "source": str(source),
        "photos": list(scene.views.names),
        "photo_sizes": scene.views.source_sizes.tolist(),
        "network_size": [height, width],
        "notes": list(scene.views.notes),
        "geometry": settings.geometry,
        "resolution": settings.resolution,
        "max_views": settings.max_views,
        "skip_bad": settings.skip_bad,
    }
    return facts if scene.folder_to_world is None else {**facts, "folder_to_world": scene.folder_to_world}
