"""What was predicted for one scene, as a value and as a small file, so that scoring needs no model.

One .npz per scene, of plain arrays: masks as bits, depth as float16 relative to its median. Masks are those of the
last decoder layer at image size, without any filter on points. What made them stands in the file as well, with a
digest of all settings that decide them. Paper section 4; the numbers drawn from it are left to `scoring`.
"""

import json
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.errors import DatasetError
from fast3dis_core.exports.atomic import atomic_file

Bool = NDArray[np.bool_]
Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]
Value = TypeVar("Value")

FORMAT_VERSION = 1
_MOST_DEPTH = 60_000.0  # medians; just within float16
_SHAPES = {
    "queries": "K",
    "scores": "K",
    "objectness": "K",
    "anchors": "K 3",
    "depth": "S H W",
    "intrinsics": "S 3 3",
    "world_to_camera": "S 4 4",
}


@dataclass(frozen=True, kw_only=True)
class ScenePrediction:
    """Instances and geometry of one scene.

    Attributes
    ----------
    scene_id : str
    masks : array (K, S, H, W) bool
        May overlap; mask k is one instance in all views.
    queries : array (K,) int32
        Number of the query, or of the cluster.
    scores : array (K,) float32
        Confidence that ranks the masks.
    objectness : array (K,) float32
        In [0, 1]; 1 for methods without it.
    anchors : array (K, 3) float32
        Predicted world; NaN for methods without them.
    depth : array (S, H, W) float32
        Predicted, or given; 0 where there is none.
    intrinsics : array (S, 3, 3) float32
    world_to_camera : array (S, 4, 4) float32
        World = camera of view 0, scene units.
    seconds : mapping of str to float
        By step.
    peak_memory : mapping of str to mapping of str to int
        By step: bytes of the machine, and of the device.
    made_by : mapping
        Device, precision, code and what else tells where it comes from; plain values.
    frames : tuple of S str
        Photos of the views; empty in files of earlier versions.
    """

    scene_id: str
    masks: Bool
    queries: Int32
    scores: Float32
    objectness: Float32
    anchors: Float32
    depth: Float32
    intrinsics: Float32
    world_to_camera: Float32
    seconds: Mapping[str, float] = field(default_factory=dict)
    peak_memory: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    made_by: Mapping[str, Any] = field(default_factory=dict)
    frames: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        sizes = dict(zip("KSHW", self.masks.shape, strict=True))
        for name, pattern in _SHAPES.items():
            expected = tuple(int(axis) if axis.isdigit() else sizes[axis] for axis in pattern.split())
            if getattr(self, name).shape != expected:
                raise ValueError(
                    f"ScenePrediction.{name}: expected shape {expected} for masks {self.masks.shape}, found "
                    f"{getattr(self, name).shape}"
                )
        if len(self.frames) not in (0, sizes["S"]):
            raise ValueError(f"ScenePrediction.frames: expected {sizes['S']} names, found {len(self.frames)}")


def write_prediction(path: Path, prediction: ScenePrediction, *, digest: str) -> None:
    """Write one file, whole or not at all; an older one is replaced.

    Parameters
    ----------
    path : Path
    prediction : ScenePrediction
    digest : str
        Of the settings.

    Raises
    ------
    ExportError
        If the disk refuses.
    """
    depth = prediction.depth
    known = depth[depth > 0]
    scale = np.float32(np.median(known)) if len(known) else np.float32(1)
    told = {
        "scene_id": prediction.scene_id,
        "seconds": dict(prediction.seconds),
        "peak_memory": {step: dict(peak) for step, peak in prediction.peak_memory.items()},
        "made_by": dict(prediction.made_by),
        "frames": list(prediction.frames),
    }
    count, views, height, width = prediction.masks.shape
    flat = prediction.masks.reshape(count, views, height * width)
    arrays = {
        "masks": np.packbits(flat, axis=-1),
        "queries": prediction.queries,
        "scores": prediction.scores,
        "objectness": prediction.objectness,
        "anchors": prediction.anchors,
        "depth": np.nan_to_num(depth / scale, nan=0.0).clip(0, _MOST_DEPTH).astype(np.float16),
        "depth_scale": scale,
        "intrinsics": prediction.intrinsics,
        "world_to_camera": prediction.world_to_camera,
    }
    write_archive(path, told, arrays, digest=digest)


def read_prediction(path: Path, *, digest: str | None) -> ScenePrediction:
    """Read what `write_prediction` wrote.

    Parameters
    ----------
    path : Path
    digest : str or None
        Of the settings it has to be made with; None where any will do.

    Raises
    ------
    DatasetError
        If the file is missing, damaged, or made with other settings.
    """

    def build(told: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> ScenePrediction:
        views, height, width = arrays["depth"].shape
        masks = np.unpackbits(arrays["masks"], axis=-1, count=height * width).astype(np.bool_)
        return ScenePrediction(
            scene_id=str(told["scene_id"]),
            masks=masks.reshape(len(masks), views, height, width),
            depth=arrays["depth"].astype(np.float32) * np.float32(arrays["depth_scale"]),
            seconds=told["seconds"],
            peak_memory=told["peak_memory"],
            made_by=told["made_by"],
            frames=tuple(str(name) for name in told.get("frames", ())),
            **{name: arrays[name] for name in _SHAPES if name != "depth"},
        )

    return read_archive(path, build, digest=digest)


def write_archive(path: Path, told: Mapping[str, Any], arrays: Mapping[str, Any], *, digest: str) -> None:
    """Write arrays and facts of one scene, whole or not at all; an older file is replaced.

    Parameters
    ----------
    path : Path
    told : mapping
        Plain values.
    arrays : mapping of str to array
    digest : str
        Of the settings.

    Raises
    ------
    ExportError
        If the disk refuses.
    """
    about = json.dumps({"format_version": FORMAT_VERSION, "digest": digest, **told}).encode()
    with atomic_file(path, overwrite=True) as file:
        np.savez_compressed(file, about=np.frombuffer(about, np.uint8), **arrays)


def read_archive(
    path: Path, build: Callable[[Mapping[str, Any], Mapping[str, NDArray[Any]]], Value], *, digest: str | None
) -> Value:
    """Read what `write_archive` wrote.

    Parameters
    ----------
    path : Path
    build : callable
        Makes the value of the facts and arrays; may raise ValueError, KeyError or TypeError for damage.
    digest : str or None
        Of the settings it has to be made with; None where any will do.

    Raises
    ------
    DatasetError
        If the file is missing, damaged, or made with other settings.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        told = json.loads(arrays["about"].tobytes())
        value = build(told, arrays)
        found = str(told["digest"])
    except FileNotFoundError as error:
        raise DatasetError(
            f"{path}: expected the predictions of a scene, found none; run the command again."
        ) from error
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise DatasetError(
            f"{path}: expected the predictions of a scene, found a damaged file ({error}); delete it, and the scene is "
            "predicted anew."
        ) from error
    if digest is not None and found != digest:
        raise DatasetError(
            f"{path}: expected predictions of the settings beside it, found those of others; delete it, and the scene "
            "is predicted anew."
        )
    return value
