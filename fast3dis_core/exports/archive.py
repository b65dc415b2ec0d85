"""`reconstruction.npz`: a whole `Reconstruction` in plain NumPy arrays, and back, bit for bit.

Any program with `numpy.load` can read it; nothing is pickled. Lists of instances and filters are stored as
one array per field; `instance_pixels` holds all pixel lists in a row, cut at `instance_offsets`. Names and colors are
those a user gave, or sees; places and cameras are in the written frame, to which `transform` led from that of view 0.
"""

import math
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.errors import ExportError
from fast3dis_core.exports.atomic import atomic_file
from fast3dis_core.exports.labels import PLAIN, Labels
from fast3dis_core.exports.selection import written_units
from fast3dis_core.exports.similarity import Similarity, Transform
from fast3dis_core.progress import Report, silent
from fast3dis_core.reconstruction import FilterReport, Instance, PointCloud, Reconstruction

Arrays: TypeAlias = dict[str, NDArray[Any]]

FORMAT_VERSION = 3
CHUNK = 2**21  # bytes between two looks at `report`; deflate takes about 50 ms for them
_LEVEL = 1  # floats hardly shrink, and higher levels only cost time

# field: kind and shape; letters must agree across fields
_LAYOUT = {
    "format_version": ("int64", ""),
    "names": ("U", "S"),
    "images": ("uint8", "S H W 3"),
    "intrinsics": ("float32", "S 3 3"),
    "world_to_camera": ("float32", "S 4 4"),
    "is_metric": ("bool", ""),
    "points": ("float32", "P 3"),
    "colors": ("uint8", "P 3"),
    "confidence": ("float32", "P"),
    "valid": ("bool", "P"),
    "anchors": ("float32", "L N 3"),
    "objectness": ("float32", "L N"),
    "overlap": ("float32", "N N"),
    "instance_queries": ("int64", "K"),
    "instance_objectness": ("float64", "K"),
    "instance_anchors": ("float32", "K 3"),
    "instance_pixels": ("int32", "M"),
    "instance_offsets": ("int64", "O"),
    "filter_names": ("U", "F"),
    "filter_settings": ("float64", "F"),
    "filter_removed": ("int64", "F"),
    "filter_totals": ("int64", "F"),
    "filter_units": ("U", "F"),
}
_SINCE_2 = {
    "instance_names": ("U", "K"),
    "instance_colors": ("uint8", "K 3"),
    "transform": ("float64", "4 4"),
    "units": ("U", ""),
}
_SINCE_3 = {"instance_scores": ("float64", "K")}  # NaN where nobody measured it


def write_npz(
    path: str | Path,
    reconstruction: Reconstruction,
    *,
    labels: Labels = PLAIN,
    transform: Transform | None = None,
    overwrite: bool = False,
    report: Report = silent,
) -> None:
    """Write everything a reconstruction holds.

    Parameters
    ----------
    path : str or Path
        In an existing folder.
    reconstruction : Reconstruction
    labels : Labels
        Names and colors that a user gave.
    transform : array (4, 4) or Similarity, optional
        From world to the written frame, of points, anchors and cameras.
    overwrite : bool
    report : Report

    Raises
    ------
    ExportError
        If the file exists and `overwrite` is false, cannot be written, or `transform` is no similarity.
    """
    path = Path(path)
    similarity = Similarity.of(transform)
    arrays = _to_arrays(moved(reconstruction, similarity))
    arrays |= _labels_to_arrays(reconstruction, labels)
    arrays["transform"] = similarity.matrix
    arrays["units"] = np.array(written_units(reconstruction.units, similarity), np.str_)
    fault = _layout_fault(arrays)
    assert fault is None, fault  # the types promise it
    total = sum(array.nbytes for array in arrays.values())
    done = 0
    with (
        atomic_file(path, overwrite=overwrite) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive,
    ):
        for name, array in arrays.items():
            # by name: an entry of one's own would ignore the level; opened so, all entries have the date 1980
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(member, np.lib.format.header_data_from_array_1_0(array))
                for start, part in _parts(array):
                    report(f"Writing {path.name}", (done + start) / total)
                    member.write(part)
            done += array.nbytes
        report(f"Writing {path.name}", 1.0)


def read_npz(path: str | Path, *, report: Report = silent) -> Reconstruction:
    """Read what `write_npz` wrote: an equal `Reconstruction`, down to the bits, in the frame it was written in.

    Raises
    ------
    ExportError
        If the file cannot be read, is damaged, or is not of this format.
    """
    return _from_arrays(_read(Path(path), report))


def read_npz_labels(path: str | Path, *, report: Report = silent) -> Labels:
    """Names that a user gave and all colors, as `write_npz` was told; none from older files.

    Raises
    ------
    ExportError
        As `read_npz`.
    """
    arrays = _read(Path(path), report)
    if "instance_names" not in arrays:
        return PLAIN
    queries = arrays["instance_queries"].tolist()
    names = dict(zip(queries, arrays["instance_names"].tolist(), strict=True))
    colors = {query: (r, g, b) for query, (r, g, b) in zip(queries, arrays["instance_colors"].tolist(), strict=True)}
    return Labels(names={query: name for query, name in names.items() if name != PLAIN.name(query)}, colors=colors)


def moved(reconstruction: Reconstruction, similarity: Similarity) -> Reconstruction:
    """The same scene in another frame; the very same for the identity.

    Raises
    ------
    ExportError
        If points leave the range of float32.
    """
    metric = written_units(reconstruction.units, similarity) == "m"
    if similarity.is_identity and metric == reconstruction.is_metric:
        return reconstruction
    anchors = reconstruction.anchors
    return replace(
        reconstruction,
        world_to_camera=similarity.world_to_camera(reconstruction.world_to_camera).astype(np.float32),
        is_metric=metric,
        cloud=replace(reconstruction.cloud, points=similarity.points(reconstruction.cloud.points)),
        instances=tuple(
            replace(instance, anchor=similarity.points(instance.anchor[None])[0])
            for instance in reconstruction.instances
        ),
        anchors=similarity.points(anchors.reshape(-1, 3)).reshape(anchors.shape),  # (L + 1, N, 3)
    )


def _read(path: Path, report: Report) -> Arrays:
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = _read_all(archive, path, report)
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, struct.error) as error:
        raise ExportError(f"{path} cannot be read, or is damaged: {error}. Export it again.") from error
    # zipfile names compression methods and encryption it does not know in these two
    except (ValueError, NotImplementedError, RuntimeError) as error:
        raise ExportError(f"{path} is damaged or no reconstruction: {error}. Choose a reconstruction.npz.") from error
    version = arrays.get("format_version", np.array(0))
    if version.shape == () and version.dtype.kind == "i" and version > FORMAT_VERSION:
        raise ExportError(f"{path} has format {version}, this program reads up to {FORMAT_VERSION}: update it.")
    fault = _layout_fault(arrays) or _content_fault(arrays)
    if fault is not None:
        raise ExportError(f"{path} is damaged or no reconstruction: {fault}. Choose a reconstruction.npz.")
    return arrays


def _labels_to_arrays(reconstruction: Reconstruction, labels: Labels) -> Arrays:
    queries = [instance.query for instance in reconstruction.instances]
    return {
        "instance_names": np.array([labels.name(query) for query in queries], np.str_),
        "instance_colors": np.array([labels.color(query) for query in queries], np.uint8).reshape(-1, 3),  # (K, 3)
    }


def _to_arrays(reconstruction: Reconstruction) -> Arrays:
    cloud, instances, filters = reconstruction.cloud, reconstruction.instances, reconstruction.filters
    lengths = [0, *(len(instance.pixels) for instance in instances)]
    arrays: Arrays = {
        "format_version": np.array(FORMAT_VERSION),
        "names": np.array(reconstruction.names, np.str_),
        "images": reconstruction.images,
        "intrinsics": reconstruction.intrinsics,
        "world_to_camera": reconstruction.world_to_camera,
        "is_metric": np.array(reconstruction.is_metric),
        "points": cloud.points,
        "colors": cloud.colors,
        "confidence": cloud.confidence,
        "valid": cloud.valid,
        "anchors": reconstruction.anchors,
        "objectness": reconstruction.objectness,
        "overlap": reconstruction.overlap,
        "instance_queries": np.array([instance.query for instance in instances], np.int64),
        "instance_objectness": np.array([instance.objectness for instance in instances], np.float64),
        "instance_scores": np.array([_nan_for_none(instance.score) for instance in instances], np.float64),
        "instance_anchors": np.array([instance.anchor for instance in instances], np.float32).reshape(-1, 3),  # (K, 3)
        "instance_pixels": np.concatenate([np.empty(0, np.int32), *(instance.pixels for instance in instances)]),
        "instance_offsets": np.cumsum(lengths, dtype=np.int64),
        "filter_names": np.array([item.name for item in filters], np.str_),
        "filter_settings": np.array([item.setting for item in filters], np.float64),
        "filter_removed": np.array([item.removed for item in filters], np.int64),
        "filter_totals": np.array([item.total for item in filters], np.int64),
        "filter_units": np.array([item.unit for item in filters], np.str_),
    }
    return {name: np.asarray(array, order="C") for name, array in arrays.items()}


def _nan_for_none(score: float | None) -> float:
    return math.nan if score is None else score


def _from_arrays(arrays: Arrays) -> Reconstruction:
    images, colors = arrays["images"], arrays["colors"]
    if np.array_equal(images.reshape(-1, 3), colors):  # (P, 3)
        colors = images.reshape(-1, 3)  # the usual case: a view, not a second copy in memory
    offsets = arrays["instance_offsets"].tolist()
    scores = arrays.get("instance_scores", np.full(len(offsets) - 1, np.nan)).tolist()
    instances = tuple(
        Instance(
            query=query,
            objectness=objectness,
            anchor=anchor,
            pixels=arrays["instance_pixels"][start:stop],
            score=None if math.isnan(score) else score,
        )
        for query, objectness, anchor, score, start, stop in zip(
            arrays["instance_queries"].tolist(),
            arrays["instance_objectness"].tolist(),
            arrays["instance_anchors"],
            scores,
            offsets[:-1],
            offsets[1:],
            strict=True,
        )
    )
    columns = (arrays[f"filter_{name}"].tolist() for name in ("names", "settings", "removed", "totals", "units"))
    return Reconstruction(
        names=tuple(arrays["names"].tolist()),
        images=images,
        intrinsics=arrays["intrinsics"],
        world_to_camera=arrays["world_to_camera"],
        is_metric=bool(arrays["is_metric"]),
        cloud=PointCloud(
            points=arrays["points"], colors=colors, confidence=arrays["confidence"], valid=arrays["valid"]
        ),
        instances=instances,
        anchors=arrays["anchors"],
        objectness=arrays["objectness"],
        overlap=arrays["overlap"],
        filters=tuple(
            FilterReport(name=name, setting=setting, removed=removed, total=total, unit=unit)
            for name, setting, removed, total, unit in zip(*columns, strict=True)
        ),
    )


def _layout_fault(arrays: Arrays) -> str | None:
    """What is wrong with names, kinds or shapes, in words; None if nothing is."""
    version = arrays.get("format_version", 0)
    layout = _LAYOUT if np.array_equal(version, 1) else _LAYOUT | _SINCE_2
    layout = layout if any(np.array_equal(version, earlier) for earlier in (1, 2)) else layout | _SINCE_3
    if set(arrays) != set(layout):
        return f"expected the arrays {', '.join(layout)}; found {', '.join(arrays) or 'none'}"
    sizes: dict[str, int] = {}
    for name, (kind, pattern) in layout.items():
        array, axes = arrays[name], pattern.split()
        fits = len(axes) == array.ndim and all(
            size == (int(axis) if axis.isdigit() else sizes.setdefault(axis, size))
            for axis, size in zip(axes, array.shape, strict=True)
        )
        if not fits or (array.dtype.kind != "U" if kind == "U" else array.dtype != np.dtype(kind)):
            return f"{name} should be {kind} of shape ({', '.join(axes)}), found {array.dtype} of shape {array.shape}"
    return None


def _content_fault(arrays: Arrays) -> str | None:
    """What contradicts what, in words; None if nothing does."""
    views, height, width = arrays["images"].shape[:3]
    count = len(arrays["points"])
    if count != views * height * width:
        return f"{views} images of {width} x {height} pixels need as many points, found {count}"
    offsets, pixels = arrays["instance_offsets"], arrays["instance_pixels"]
    if (
        len(offsets) != len(arrays["instance_queries"]) + 1
        or (offsets[0], offsets[-1]) != (0, len(pixels))
        or (np.diff(offsets) < 0).any()
    ):
        return "instance_offsets do not cut instance_pixels"
    rising = np.diff(pixels) > 0
    rising[offsets[(offsets > 0) & (offsets < len(pixels))] - 1] = True  # from one instance to the next
    if not rising.all() or pixels.min(initial=0) < 0 or pixels.max(initial=-1) >= count:
        return f"instance_pixels are not sorted rows of {count} points"
    return None


def _read_all(archive: zipfile.ZipFile, path: Path, report: Report) -> Arrays:
    arrays: Arrays = {}
    total = sum(entry.file_size for entry in archive.infolist()) or 1
    done = 0
    for entry in archive.infolist():
        with archive.open(entry) as member:
            array = _empty_like_header(member, entry.file_size)
            for start, part in _parts(array):
                report(f"Reading {path.name}", min((done + start) / total, 1.0))
                if _fill(member, part) < len(part):
                    raise EOFError(f"{entry.filename} ends early")
            member.read(1)  # the check sum is compared at the end
        arrays[entry.filename.removesuffix(".npy")] = array
        done += entry.file_size
    return arrays


def _empty_like_header(member: IO[bytes], size: int) -> NDArray[Any]:
    """An array as the .npy header describes it, if that agrees with the member's `size` in bytes.

    A damaged header could otherwise ask for all memory before its check sum is known.
    """
    version = np.lib.format.read_magic(member)
    if version != (1, 0):
        raise ValueError(f"array format {version} is unknown")
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(member)
    if fortran_order or dtype.hasobject or member.tell() + math.prod(shape) * dtype.itemsize != size:
        raise ValueError("an array header contradicts its file")
    return np.empty(shape, dtype)


def _parts(array: NDArray[Any]) -> Iterator[tuple[int, memoryview]]:
    """Pairs of start and writable bytes of a contiguous array, CHUNK by CHUNK."""
    content = array.reshape(-1).view(np.uint8).data
    for start in range(0, len(content), CHUNK):
        yield start, content[start : start + CHUNK]


def _fill(member: IO[bytes], part: memoryview) -> int:
    """Read until `part` is full or the member ends; the number of bytes read."""
    filled = 0
    while filled < len(part):
        content = member.read(len(part) - filled)
        if not content:
            break
        part[filled : filled + len(content)] = content
        filled += len(content)
    return filled
