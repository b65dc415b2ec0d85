"""Reading a session file: the manifest first, then every entry it promises, and nothing else.

Whatever is wrong with a file ends in a `SessionError` that says what. Sizes are checked against the length of the
file before memory is taken, nothing is unpacked to disk, and the points are compared with their check sum, so that
a session is either equal to what was saved or not opened.
"""

import io
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fast3dis_core.errors import SessionError
from fast3dis_core.progress import Report, silent
from fast3dis_core.reconstruction import Bool, Float32, Instance, PointCloud, Reconstruction, UInt8
from fast3dis_core.session_files.entries import Array, EntryReader, octets, opened_session
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
    Beside,
    Manifest,
    Spec,
    expanded_size,
    from_document,
    parse,
    program_version,
)
from fast3dis_core.session_files.packing import from_planes, rows_between, run_ends, unpack_map
from fast3dis_core.session_files.photos import unpack_photo
from fast3dis_core.session_files.rays import predict, unpack_points
from fast3dis_core.session_files.values import SavedSession, SessionSummary


def read_session(path: str | Path, *, with_features: bool = True, report: Report = silent) -> SavedSession:
    """Open what `write_session` saved: equal values, down to the bits.

    Parameters
    ----------
    path : str or Path
    with_features : bool
        Whether to read the features, the largest part. Saving the result without them loses them.
    report : Report

    Raises
    ------
    SessionError
        If the file is missing, damaged, saved by a newer program, or too large for the memory.
    """
    path = Path(path)
    with opened_session(path) as reader:
        session = _read(reader, _manifest(reader), with_features=with_features, report=report)
    report(f"Opening {path.name}", 1.0)
    return session


def _read(reader: EntryReader, manifest: Manifest, *, with_features: bool, report: Report) -> SavedSession:
    """All that a manifest promises."""
    features = dict(manifest.features or {}) if with_features else {}
    specs = manifest.extent.arrays(own_colors=manifest.own_colors)
    own = {name: spec for name, spec in features.items() if isinstance(spec, Spec)}
    reader.afford(expanded_size(manifest))
    total = 3 * manifest.extent.points + sum(spec.size for spec in [*specs.values(), *own.values()])
    reader.follow(report, f"Opening {reader.path.name}", total)
    small = {
        name: reader.array(name, spec) for name, spec in specs.items() if name not in (CONFIDENCE, DEPTH, REMAINDER)
    }
    images = _images(reader, manifest)
    maps, points = _maps(reader, manifest, specs, small["cameras/rays"], keep_depth=DEPTH in features.values())
    reconstruction = Reconstruction(
        names=manifest.names,
        images=images,
        intrinsics=small["cameras/intrinsics"],
        world_to_camera=small["cameras/world_to_camera"],
        is_metric=manifest.is_metric,
        cloud=PointCloud(
            points=points.reshape(-1, 3),
            colors=small.get(COLORS, images.reshape(-1, 3)),
            confidence=maps[CONFIDENCE].reshape(-1),
            valid=_flags(small["cloud/valid"], manifest.extent.points),
        ),
        instances=_instances(reader, manifest, small),
        anchors=small["queries/anchors"],
        objectness=small["queries/objectness"],
        overlap=small["queries/overlap"],
        filters=manifest.filters,
    )
    arrays = {
        name: reader.array(f"features/{name}", spec) if isinstance(spec, Spec) else maps[spec]
        for name, spec in features.items()
    }
    layout = reader.content(LAYOUT) if manifest.has_layout else b""
    return SavedSession(
        reconstruction=reconstruction,
        origin=manifest.origin,
        edits=manifest.edits,
        names=manifest.instance_names,
        display=manifest.display,
        layout=layout,
        features=arrays if with_features and manifest.features is not None else None,
        beside=None if manifest.beside is None else _beside(reader, manifest.beside, reconstruction),
    )


def _beside(reader: EntryReader, beside: Beside, own: Reconstruction) -> SavedSession:
    """The session that the result is held against; a shared cloud is the result's own."""
    content = reader.array(BESIDE, beside.spec).tobytes()
    with opened_session(reader.path, io.BytesIO(content)) as within:
        manifest = _manifest(within)
        if manifest.beside is not None:
            raise reader.damaged("what it is held against is held against something, too")
        session = _read(within, manifest, with_features=True, report=silent)
    if not beside.shares_cloud:
        return session
    if session.reconstruction.images.shape != own.images.shape:
        raise reader.damaged("what it is held against has a cloud of another size")
    return replace(session, reconstruction=replace(session.reconstruction, images=own.images, cloud=own.cloud))


def session_summary(path: str | Path) -> SessionSummary:
    """The few facts a list of recent files shows; reads no array.

    Raises
    ------
    SessionError
        If the file is missing, damaged so far, or saved by a newer program.
    """
    path = Path(path)
    with opened_session(path) as reader:
        manifest = _manifest(reader)
        picture = reader.content(THUMBNAIL)
    extent = manifest.extent
    return SessionSummary(
        path=path,
        saved=manifest.saved,
        program_version=manifest.program_version,
        format_version=manifest.format_version,
        views=extent.views,
        height=extent.height,
        width=extent.width,
        instances=extent.instances,
        has_features=manifest.features is not None,
        origin=manifest.origin,
        thumbnail=picture,
    )


def _manifest(reader: EntryReader) -> Manifest:
    content = reader.content(MANIFEST)
    try:
        document = parse(content)
        version = document.get("format_version")
        if type(version) is not int or version < 1:
            raise ValueError(f"format_version: expected a number from 1 on, found {version!r:.60}")
        if version > FORMAT_VERSION:
            newer = document.get("program_version")
            raise SessionError(
                f"{reader.path} was saved in format {version} by version {newer!s:.20} of this program; "
                f"version {program_version()} reads up to format {FORMAT_VERSION}. Update the program."
            )
        return from_document(document)
    except (ValueError, OverflowError) as error:
        raise reader.damaged(error) from error


def _images(reader: EntryReader, manifest: Manifest) -> UInt8:
    extent = manifest.extent
    images = np.empty((extent.views, extent.height, extent.width, 3), np.uint8)
    for image, name in zip(images, extent.photos, strict=False):
        content = reader.content(name)
        try:
            image[:] = unpack_photo(content, extent.height, extent.width)
        except ValueError as error:
            raise reader.damaged(f"{name}: {error}") from error
    return images


def _maps(
    reader: EntryReader, manifest: Manifest, specs: Mapping[str, Spec], rays: Array, *, keep_depth: bool
) -> tuple[dict[str, Float32], Float32]:
    """Confidence, depth (if kept) and points, each (S, H, W, ...) float32."""
    extent = manifest.extent
    shape = extent.views, extent.height, extent.width
    maps: dict[str, Float32] = {CONFIDENCE: np.empty(shape, np.float32)}
    if keep_depth:
        maps[DEPTH] = np.empty(shape, np.float32)
    for view, packed in enumerate(reader.views(CONFIDENCE, specs[CONFIDENCE])):
        maps[CONFIDENCE][view] = unpack_map(packed)
    points = np.empty((*shape, 3), np.float32)
    both = zip(reader.views(DEPTH, specs[DEPTH]), reader.views(REMAINDER, specs[REMAINDER]), strict=True)
    for view, (packed, remainder) in enumerate(both):
        depth = unpack_map(packed)
        if keep_depth:
            maps[DEPTH][view] = depth
        points[view] = unpack_points(remainder, predict(rays[view], depth))
    if zlib.crc32(octets(points)) != manifest.points_crc32:
        raise reader.damaged("its points are not those that were saved")
    return maps, points


def _flags(packed: UInt8, count: int) -> Bool:
    return np.unpackbits(packed, count=count).view(np.bool_)


def _instances(reader: EntryReader, manifest: Manifest, arrays: Mapping[str, Any]) -> tuple[Instance, ...]:
    counts = arrays["instances/runs"]
    packed = from_planes(arrays["instances/rows"])
    if counts.min(initial=0) < 0 or counts.max(initial=0) > len(packed) or 2 * int(counts.sum()) != len(packed):
        raise reader.damaged("the masks are not cut at their instances")
    cuts = np.cumsum(2 * counts)[:-1]
    try:
        runs = [run_ends(part, manifest.extent.points) for part in np.split(packed, cuts)] if len(counts) else []
    except ValueError as error:
        raise reader.damaged(error) from error
    rows = sum(int((ends - starts).sum()) for starts, ends in runs)
    reader.afford(expanded_size(manifest) + 4 * rows)
    return tuple(
        Instance(
            query=query,
            objectness=objectness,
            anchor=anchor.copy(),
            pixels=rows_between(*ends),
            score=score,
        )
        for query, objectness, anchor, score, ends in zip(
            arrays["instances/queries"].tolist(),
            arrays["instances/objectness"].tolist(),
            arrays["instances/anchors"],
            manifest.instance_scores,
            runs,
            strict=True,
        )
    )
