"""load_model, encode_scene, decode_queries: the steps of a run, on one scene.

Device, precision, chunking over views, progress and cancelling live here, and nowhere in `model`. Each step
takes and returns frozen values; nothing is kept between calls but the loaded network. Paper sections 3.1-3.4.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fast3dis_core.config import ModelConfig
from fast3dis_core.errors import ConfigError, DeviceMemoryError
from fast3dis_core.inference.loading import WeightsStatus, build_network
from fast3dis_core.inference.reporting import Mark, feature_marks, geometry_marks, pixel_marks, reporting
from fast3dis_core.interventions import NO_INTERVENTIONS, Interventions
from fast3dis_core.model.dual_pass import GeometryPass
from fast3dis_core.model.fast3dis import Fast3DIS
from fast3dis_core.progress import Report, silent
from fast3dis_core.reconstruction import AnchorOverride
from fast3dis_core.scene import (
    DecoderTrace,
    EncodedScene,
    PosedCameras,
    SceneGeometry,
    ViewBatch,
    batched,
    scene,
    to_device,
)

LITTLE = 1 << 24  # multiplications of samples with a square matrix that one thread does as soon as two
CHUNK_VIEWS = 8  # views whose per-view maps are computed together
LOAD_STEP, GEOMETRY_STEP, DECODE_STEP = "Loading the model", "Geometry pass", "Decoding queries"


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A network ready to run.

    Attributes
    ----------
    network : Fast3DIS
    device : torch.device
    precision : str
        "float32" or "bfloat16": the type of the feature pass. Geometry is always float32.
    weights : WeightsStatus
        Where the weights came from and what is untrained.
    """

    network: Fast3DIS
    device: torch.device
    precision: str
    weights: WeightsStatus

    @property
    def config(self) -> ModelConfig:
        """Configuration of the network."""
        return self.network.config

    @property
    def status(self) -> str:
        """What the user must know about the weights; empty when all are trained."""
        return self.weights.sentence


def choose_device(name: str = "auto") -> torch.device:
    """Device by name; "auto" takes CUDA, then Apple's MPS, then the CPU.

    Raises
    ------
    ConfigError
        If the named device is not there.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"Unknown device {name!r}: expected auto, cpu, cuda, cuda:0 or mps.") from error
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(device.type, False):
        raise ConfigError(f"Device {name!r} is not available here: use --device cpu, or install a torch build for it.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"Device {name!r} does not exist: {torch.cuda.device_count()} CUDA device(s) found.")
    return device


def choose_precision(name: str, device: torch.device) -> str:
    """Type of the feature pass; "auto" takes bfloat16 on CUDA devices that have it, else float32.

    Raises
    ------
    ConfigError
        For an unknown name, or bfloat16 on a device without it.
    """
    able = device.type == "cpu" or (device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False))
    if name == "auto":
        return "bfloat16" if device.type == "cuda" and able else "float32"
    if name not in ("float32", "bfloat16"):
        raise ConfigError(f"Unknown precision {name!r}: expected auto, float32 or bfloat16.")
    if name == "bfloat16" and not able:
        raise ConfigError(f"Device {device} has no bfloat16: use --precision float32.")
    return name


def load_model(
    size: str = "nano",
    *,
    weights: str | Path | None = None,
    heads: str | Path | None = None,
    device: str = "auto",
    precision: str = "auto",
    report: Report = silent,
) -> LoadedModel:
    """Build a network and load its weights; never touches the network.

    Parameters
    ----------
    size : str
        Row of `MODEL_SIZES`.
    weights : path, optional
        A complete FAST3DIS checkpoint, Depth Anything 3 weights, or "random". Default: `FAST3DIS_WEIGHTS`,
        the bundled nano, or what `fast3dis weights download` stored.
    heads : path, optional
        A heads-only FAST3DIS checkpoint for Depth Anything 3 weights.
    device : str
        "auto", "cpu", "cuda", "cuda:1", "mps".
    precision : str
        "auto", "float32", "bfloat16".
    report : Report

    Raises
    ------
    CheckpointError
        If weights are missing, damaged or of another size.
    ConfigError
        For an unknown size, device or precision.
    """
    target = choose_device(device)
    kind = choose_precision(precision, target)
    report(LOAD_STEP, 0.0)
    with memory_errors():
        network, status = build_network(size, weights=weights, heads=heads, report=lambda done: report(LOAD_STEP, done))
        network.eval().requires_grad_(False)
        for part in network.children():  # each is a piece, so that a large model can be stopped on its way to a device
            report(LOAD_STEP, 0.9)
            part.to(target)
    report(LOAD_STEP, 1.0)
    return LoadedModel(network=network, device=target, precision=kind, weights=status)


@torch.inference_mode()
def encode_scene(
    model: LoadedModel,
    views: ViewBatch,
    *,
    geometry: PosedCameras | SceneGeometry | None = None,
    chunk_views: int = CHUNK_VIEWS,
    report: Report = silent,
    on_geometry: Callable[[SceneGeometry], None] | None = None,
) -> EncodedScene:
    """Photos to geometry, features and initial anchors; the expensive step.

    Parameters
    ----------
    model : LoadedModel
    views : ViewBatch
    geometry : PosedCameras or SceneGeometry, optional
        Cameras: pose-conditioned geometry pass. Geometry: replaces that pass.
    chunk_views : int
        Views that pass the per-view parts together; less needs less memory.
    report : Report
    on_geometry : callable, optional
        Called with the geometry, on the CPU, as soon as it is known.

    Returns
    -------
    EncodedScene
        On the model's device.

    Raises
    ------
    DeviceMemoryError
        With ways out.
    GeometryError
        If there is no depth, or given cameras cannot be aligned.
    Cancelled
        If `report` says so; asked before every layer and every piece of one.
    """
    network, device = model.network, model.device
    _check_chunk(chunk_views)
    count, (height, width) = len(views), views.images.shape[-2:]
    with memory_errors():
        known, tokens, shared = _see(model, views, geometry, chunk_views, report)
        if on_geometry is not None:
            on_geometry(to_device(scene(known, 0), torch.device("cpu")))
        marks = feature_marks(network, count, height, width)
        images = views.images.to(device)[None]  # (1, S, 3, H, W)
        with reporting(network, marks, report, "Feature pass"), autocast(device, model.precision):
            features = network.feature_pass(images, tokens, shared)
            del tokens, shared, images
        marks = pixel_marks(network, count, chunk_views)
        with reporting(network, marks, report, "Pixel decoder"), autocast(device, model.precision):
            encoded = network.decode_pixels(features, known, chunk_views=chunk_views)
        return scene(encoded, 0)


@torch.inference_mode()
def predict_geometry(
    model: LoadedModel,
    views: ViewBatch,
    *,
    geometry: PosedCameras | SceneGeometry | None = None,
    chunk_views: int = CHUNK_VIEWS,
    report: Report = silent,
) -> SceneGeometry:
    """The geometry pass alone: all that a Depth Anything 3 backbone without FAST3DIS heads can tell.

    Parameters and errors are those of `encode_scene`.

    Returns
    -------
    SceneGeometry
        On the CPU.
    """
    _check_chunk(chunk_views)
    with memory_errors():
        known, _, _ = _see(model, views, geometry, chunk_views, report)
        return to_device(scene(known, 0), torch.device("cpu"))


def _see(
    model: LoadedModel,
    views: ViewBatch,
    geometry: PosedCameras | SceneGeometry | None,
    chunk_views: int,
    report: Report,
) -> tuple[SceneGeometry, Tensor, GeometryPass | None]:
    """Geometry, known or predicted, with a leading axis of one scene; and what the feature pass takes over."""
    network, device = model.network, model.device
    images = views.images.to(device)[None]  # (1, S, 3, H, W)
    if isinstance(geometry, SceneGeometry):
        return batched(to_device(geometry, device)), network.embed(images), None
    cameras = None if geometry is None else batched(to_device(geometry, device))
    height, width = images.shape[-2:]
    marks = geometry_marks(network, len(views), height, width, chunk_views)
    with reporting(network, marks, report, GEOMETRY_STEP):
        tokens = network.embed(images)
        shared = network.geometry_pass(images, tokens, cameras=cameras, chunk_views=chunk_views)
    return shared.geometry, tokens, shared


def _check_chunk(chunk_views: int) -> None:
    if chunk_views < 1:
        raise ConfigError(f"chunk_views must be at least 1, found {chunk_views}.")


@torch.inference_mode()
def decode_queries(
    model: LoadedModel,
    encoded: EncodedScene,
    overrides: Sequence[AnchorOverride] = (),
    *,
    interventions: Interventions = NO_INTERVENTIONS,
    report: Report = silent,
) -> DecoderTrace:
    """Anchors and queries through the decoder; tens of milliseconds.

    Parameters
    ----------
    model : LoadedModel
    encoded : EncodedScene
    overrides : sequence of AnchorOverride
    interventions : Interventions
        New queries and counterfactuals: experiments.
    report : Report

    Raises
    ------
    ConfigError
        If a query or a view does not exist.
    DeviceMemoryError
    """
    check_wishes(encoded, overrides, interventions)
    decoder = model.network.anchor_decoder
    marks = [Mark(layer, 1.0) for layer in decoder.layers]
    samples = len(encoded.initial_anchors) * len(encoded.mask_features)
    with memory_errors(), reporting(decoder, marks, report, DECODE_STEP), little_work(model, samples):
        known = batched(to_device(encoded, model.device))
        return scene(model.network.decode(known, overrides, interventions), 0)


def check_wishes(encoded: EncodedScene, overrides: Sequence[AnchorOverride], interventions: Interventions) -> None:
    """Compare the numbers in a user's wishes with the scene.

    Raises
    ------
    ConfigError
        If a query or a view does not exist.
    """
    count = len(encoded.initial_anchors)
    interventions.check(queries=count, views=len(encoded.mask_features))
    total = count + len(interventions.prompts)
    for override in overrides:
        if not 0 <= override.query < total:
            raise ConfigError(f"Expected a query between 0 and {total - 1}, found {override.query}.")


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """bfloat16 where it is asked for, else nothing."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


@contextmanager
def little_work(model: LoadedModel, samples: int) -> Iterator[None]:
    """Leave decoding of few samples to one thread: more would wake and wait for each other longer than they work.

    Parameters
    ----------
    model : LoadedModel
    samples : int
        Queries times views.
    """
    threads = torch.get_num_threads()
    little = model.device.type == "cpu" and samples * model.config.channels**2 < LITTLE
    if little:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if little:
            torch.set_num_threads(threads)


@contextmanager
def memory_errors() -> Iterator[None]:
    """Translate out-of-memory errors of any device."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise DeviceMemoryError(_OUT_OF_MEMORY) from error
    except RuntimeError as error:
        if "allocate memory" in str(error) or "out of memory" in str(error):
            raise DeviceMemoryError(_OUT_OF_MEMORY) from error
        raise


_OUT_OF_MEMORY = (
    "The device ran out of memory. Ways out: fewer photos (--max-views), a lower resolution (--resolution), "
    "a smaller model (--size), smaller chunks (--chunk-views 1), or --device cpu."
)
