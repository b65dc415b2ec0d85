"""Writing a session file: view by view into a temporary file, which takes the name when it is whole.

Memory beyond the session itself stays at one view, the runs of all masks, and the packed bytes of what the result is
held against. The photos are packed as PNG, maps and
points as `packing` and `rays` describe; features are stored as they are, since deflate gains little on them and
takes its time.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import numpy as np

from fast3dis_core.errors import ExportError
from fast3dis_core.exports.atomic import atomic_file
from fast3dis_core.progress import Report, silent
from fast3dis_core.reconstruction import Float32, Instance, PointCloud, Reconstruction, UInt8
from fast3dis_core.session_files.entries import LEVEL, Array, EntryWriter, largest_expansion, octets
from fast3dis_core.session_files.manifest import (
    BESIDE,
    COLORS,
    CONFIDENCE,
    DEPTH,
    FORMAT_VERSION,
    LAYOUT,
    MANIFEST,
    REMAINDER,
    THUMBNAIL,
    Alias,
    Beside,
    Extent,
    Manifest,
    Spec,
    expanded_size,
    program_version,
)
from fast3dis_core.session_files.packing import Words, pack_map, pack_rows, planes, run_ends
from fast3dis_core.session_files.photos import pack_photo, thumbnail
from fast3dis_core.session_files.rays import Rays, depth_along, pack_points, predict, rays_of
from fast3dis_core.session_files.values import Features, SavedSession, same_bits

DEPTH_FEATURE = "geometry/depth"  # the depth that points were made from, if features hold it
_ALIKE = 1e-4  # relative difference of depths below which points are those of that depth


def write_session(path: str | Path, session: SavedSession, *, overwrite: bool = False, report: Report = silent) -> None:
    """Save a session as one file.

    Parameters
    ----------
    path : str or Path
        In an existing folder.
    session : SavedSession
    overwrite : bool
        An existing file stays as it was until the new one is whole.
    report : Report

    Raises
    ------
    ExportError
        If the file exists and `overwrite` is false, or cannot be written.
    ValueError
        For masks that are not sorted rows of the cloud: the caller's mistake.
    """
    path = Path(path)
    step = f"Saving {path.name}"
    with atomic_file(path, overwrite=overwrite) as file:
        _write(file, session, path.name, step, report)
    report(step, 1.0)


def _write(file: BinaryIO, session: SavedSession, name: str, step: str, report: Report) -> None:
    """The whole file of a session; `name` is for messages."""
    reconstruction = session.reconstruction
    cloud, features = reconstruction.cloud, session.features
    masks = [_pack_mask(instance, len(cloud.points)) for instance in reconstruction.instances]
    extent = _extent_of(reconstruction, runs=sum(map(len, masks)) // 2)
    own_colors = not same_bits(cloud.colors, reconstruction.images.reshape(-1, 3))
    specs = extent.arrays(own_colors=own_colors)
    total = 3 * extent.points + sum(spec.size for spec in specs.values())
    total += sum(array.nbytes for array in (features or {}).values())
    depth = _depth_feature(reconstruction, features)
    described = None if features is None else _describe(features, reconstruction, depth)
    content = b"" if session.beside is None else _packed_beside(session.beside, reconstruction, name)
    beside = None if session.beside is None else Beside(len(content), _shares_cloud(session.beside, reconstruction))
    manifest = _manifest_of(session, extent, own_colors, described, beside)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        writer = EntryWriter(archive, step=step, total=total, report=report)
        writer.content(MANIFEST, manifest.to_json(), deflate=True)
        writer.content(THUMBNAIL, thumbnail(reconstruction.images))
        if session.layout:
            writer.content(LAYOUT, session.layout, deflate=True)
        _write_reconstruction(writer, reconstruction, specs, depth)
        _write_masks(writer, specs, masks)
        for entry, photo in zip(extent.photos, reconstruction.images, strict=False):
            writer.content(entry, pack_photo(photo))
        for feature, spec in (described or {}).items():
            if isinstance(spec, Spec):
                assert features is not None
                writer.array(f"features/{feature}", features[feature], spec, deflate=False)
        if beside is not None:
            writer.array(BESIDE, np.frombuffer(content, np.uint8), beside.spec, deflate=False)
    expanded = expanded_size(manifest) + 4 * sum(len(instance.pixels) for instance in reconstruction.instances)
    if expanded > largest_expansion(file.tell()):
        raise ExportError(
            f"{name} would shrink {expanded:,} bytes to {file.tell():,}, which no reader should trust: "
            "remove instances that cover everything."
        )


def _shares_cloud(beside: SavedSession, own: Reconstruction) -> bool:
    other = beside.reconstruction
    return other.cloud is own.cloud and other.images is own.images


def _packed_beside(beside: SavedSession, own: Reconstruction, name: str) -> bytes:
    """A session file within the file, without a cloud if it is that of the file: zeros take no room."""
    if _shares_cloud(beside, own):
        blank = np.zeros_like(own.images)
        nothing = np.zeros(len(own.cloud.points), np.float32)
        cloud = PointCloud(
            points=np.zeros_like(own.cloud.points),
            colors=blank.reshape(-1, 3),
            confidence=nothing,
            valid=nothing.astype(np.bool_),
        )
        beside = replace(beside, reconstruction=replace(beside.reconstruction, images=blank, cloud=cloud))
    file = io.BytesIO()
    _write(file, beside, name, "", silent)
    return file.getvalue()


def _extent_of(reconstruction: Reconstruction, *, runs: int) -> Extent:
    views, height, width = reconstruction.images.shape[:3]
    layers, queries = reconstruction.objectness.shape
    return Extent(
        views=views,
        height=height,
        width=width,
        layers=layers,
        queries=queries,
        instances=len(reconstruction.instances),
        runs=runs,
    )


def _manifest_of(
    session: SavedSession,
    extent: Extent,
    own_colors: bool,
    features: dict[str, Spec | Alias] | None,
    beside: Beside | None,
) -> Manifest:
    reconstruction = session.reconstruction
    return Manifest(
        saved=datetime.now(UTC),
        program_version=program_version(),
        format_version=FORMAT_VERSION,
        extent=extent,
        names=reconstruction.names,
        is_metric=bool(reconstruction.is_metric),
        own_colors=own_colors,
        points_crc32=zlib.crc32(octets(np.ascontiguousarray(reconstruction.cloud.points))),
        filters=reconstruction.filters,
        origin=session.origin,
        edits=session.edits,
        display=session.display,
        instance_names=session.names,
        instance_scores=tuple(item.score for item in reconstruction.instances),
        has_layout=bool(session.layout),
        features=features,
        beside=beside,
    )


def _depth_feature(reconstruction: Reconstruction, features: Features | None) -> Float32 | None:
    """The depth in `features`, if the points were made from it."""
    depth = (features or {}).get(DEPTH_FEATURE)
    shape = reconstruction.images.shape[:3]
    if depth is None or depth.shape != shape or depth.dtype != np.float32 or not depth.size:
        return None
    view = len(depth) // 2
    seen = depth_along(reconstruction.cloud.points.reshape(*shape, 3)[view], reconstruction.world_to_camera[view])
    with np.errstate(all="ignore"):
        alike = np.abs(seen - depth[view]) <= _ALIKE * np.abs(depth[view])
    return depth if alike.mean() > 0.5 else None


def _describe(features: Features, reconstruction: Reconstruction, depth: Float32 | None) -> dict[str, Spec | Alias]:
    """What each feature is in the file: an entry of its own, or one of the cloud's."""
    described: dict[str, Spec | Alias] = {}
    confidence = reconstruction.cloud.confidence.reshape(reconstruction.images.shape[:3])  # (S, H, W)
    for name, array in features.items():
        if depth is not None and array is depth:
            described[name] = DEPTH
        elif same_bits(array, confidence):
            described[name] = CONFIDENCE
        else:
            described[name] = Spec(array.dtype.str, array.shape)
    return described


def _write_reconstruction(
    writer: EntryWriter, reconstruction: Reconstruction, specs: dict[str, Spec], depth: Float32 | None
) -> None:
    cloud, instances = reconstruction.cloud, reconstruction.instances
    rays = rays_of(reconstruction.intrinsics, reconstruction.world_to_camera)
    small: dict[str, Array] = {
        "cameras/intrinsics": reconstruction.intrinsics,
        "cameras/world_to_camera": reconstruction.world_to_camera,
        "cameras/rays": rays,
        "cloud/valid": np.packbits(cloud.valid),
        "queries/anchors": reconstruction.anchors,
        "queries/objectness": reconstruction.objectness,
        "queries/overlap": reconstruction.overlap,
        "instances/queries": np.array([instance.query for instance in instances], np.int64),
        "instances/objectness": np.array([instance.objectness for instance in instances], np.float64),
        "instances/anchors": np.array([instance.anchor for instance in instances], np.float32).reshape(-1, 3),  # (K, 3)
    }
    if COLORS in specs:
        small[COLORS] = cloud.colors
    for name, array in small.items():
        writer.array(name, array, specs[name])
    shape = reconstruction.images.shape[:3]
    confidence = cloud.confidence.reshape(shape)  # (S, H, W)
    points = cloud.points.reshape(*shape, 3)  # (S, H, W, 3)
    writer.blocks(CONFIDENCE, (pack_map(view) for view in confidence), specs[CONFIDENCE])

    def depths() -> Iterator[Float32]:
        for view in range(len(points)):
            yield depth[view] if depth is not None else depth_along(points[view], reconstruction.world_to_camera[view])

    writer.blocks(DEPTH, (pack_map(view) for view in depths()), specs[DEPTH])
    writer.blocks(REMAINDER, _remainders(points, rays, depths()), specs[REMAINDER])


def _remainders(points: Float32, rays: Rays, depths: Iterator[Float32]) -> Iterator[UInt8]:
    for view, ray, depth in zip(points, rays, depths, strict=True):
        yield pack_points(view, predict(ray, depth))


def _pack_mask(instance: Instance, count: int) -> Words:
    packed = pack_rows(instance.pixels)
    try:
        run_ends(packed, count)
    except ValueError as error:
        raise ValueError(f"pixels of instance {instance.query}: expected sorted, unique rows, but {error}") from error
    return packed


def _write_masks(writer: EntryWriter, specs: dict[str, Spec], masks: list[Words]) -> None:
    runs = np.array([len(packed) // 2 for packed in masks], np.int64)
    writer.array("instances/runs", runs, specs["instances/runs"])
    rows = np.concatenate([np.empty(0, np.uint32), *masks])  # (2 R,)
    writer.array("instances/rows", planes(rows), specs["instances/rows"])
