"""Point clouds as binary PLY, of one instance or of the scene, and back.

Little endian, packed: `x y z` float, `red green blue` uchar, `instance` int (query number, -1 where no
instance claims the point), `objectness` float (0 there), `view` ushort. Comments carry units and frame.
The writer is ours because the libraries drop custom properties, rename types or are GPL.
Paper section 3.5.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.errors import ExportError
from fast3dis_core.exports.atomic import atomic_file, atomic_folder
from fast3dis_core.exports.colors import ColorMode, point_colors
from fast3dis_core.exports.labels import PLAIN, Labels
from fast3dis_core.exports.selection import chosen, frame_facts, voxel_thinned, writable_rows
from fast3dis_core.exports.similarity import Similarity, Transform
from fast3dis_core.progress import Report, silent
from fast3dis_core.reconstruction import Float32, Instance, Int32, PointCloud, Reconstruction, exclusive_rows

CHUNK = 2**18  # points per write: a few MB of memory, and a few ms between looks at `report`
MOST_VIEWS = 2**16  # `view` is a ushort
_MAGIC = ["ply", "format binary_little_endian 1.0"]
_TYPE_NAMES = {np.dtype("<f4"): "float", np.dtype("u1"): "uchar", np.dtype("<i4"): "int", np.dtype("<u2"): "ushort"}


@dataclass(frozen=True)
class PlyPoints:
    """What a PLY file holds.

    Attributes
    ----------
    vertices : structured array (P,)
        One field per property.
    comments : tuple of str
    """

    vertices: NDArray[np.void]
    comments: tuple[str, ...]


def write_ply(
    path: str | Path,
    cloud: PointCloud,
    instance: Instance | None = None,
    *,
    views: int | None = None,
    units: str = "scene units",
    colors: ColorMode = "photo",
    labels: Labels = PLAIN,
    voxel_size: float | None = None,
    transform: Transform | None = None,
    overwrite: bool = False,
    report: Report = silent,
) -> int:
    """Write the valid points of a cloud, or the points that one instance claims.

    Parameters
    ----------
    path : str or Path
        In an existing folder.
    cloud : PointCloud
    instance : Instance, optional
        Without it all valid points are written, claimed by nobody.
    views : int, optional
        Number of views S of the cloud; without it the `view` property is left out.
    units : str
        Word for lengths.
    colors : {"photo", "instance"}
    labels : Labels
        Names and colors that a user gave.
    voxel_size : float, optional
        Thin to one point in a voxel of this edge, in written units.
    transform : array (4, 4) or Similarity, optional
        From world to the written frame.
    overwrite : bool
    report : Report

    Returns
    -------
    int
        Points written; a file of 0 points is legal.

    Raises
    ------
    ExportError
        If the file exists and `overwrite` is false, cannot be written, or `transform` is no similarity.
    """
    claims = [] if instance is None else [instance]
    comments = [f"objectness of query {item.query}: {item.objectness!r}" for item in claims]
    comments += labels.comments([item.query for item in claims])
    similarity = Similarity.of(transform)
    rows = writable_rows(cloud, None if instance is None else instance.pixels)
    content = _Content(
        cloud=cloud,
        rows=voxel_thinned(cloud, rows, voxel_size, similarity),
        owner=exclusive_rows(claims, len(cloud.points)),
        objectness=_by_query(claims),
        colors=colors,
        labels=labels,
        views=views,
        comments=(*comments, *_voxel_comments(voxel_size), *_frame_comments(units, similarity)),
        similarity=similarity,
    )
    return _write(Path(path), content, overwrite, report)


def write_instance_ply(
    path: str | Path,
    reconstruction: Reconstruction,
    query: int,
    *,
    colors: ColorMode = "photo",
    labels: Labels = PLAIN,
    voxel_size: float | None = None,
    transform: Transform | None = None,
    overwrite: bool = False,
    report: Report = silent,
) -> int:
    """Write all points that query `query` claims, contested ones included; see `write_ply`.

    Raises
    ------
    ExportError
        As `write_ply`, and if the reconstruction kept no such query.
    """
    for instance in reconstruction.instances:
        if instance.query == query:
            return write_ply(
                path,
                reconstruction.cloud,
                instance,
                views=len(reconstruction.names),
                units=reconstruction.units,
                colors=colors,
                labels=labels,
                voxel_size=voxel_size,
                transform=transform,
                overwrite=overwrite,
                report=report,
            )
    raise ExportError(f"Query {query} is not among the {len(reconstruction.instances)} instances of this scene.")


def write_instance_plys(
    folder: str | Path,
    reconstruction: Reconstruction,
    *,
    threshold: float,
    queries: Collection[int] | None = None,
    colors: ColorMode = "photo",
    labels: Labels = PLAIN,
    voxel_size: float | None = None,
    transform: Transform | None = None,
    overwrite: bool = False,
    report: Report = silent,
) -> tuple[str, ...]:
    """Write one file per instance, `instance_012.ply` for query 12, or `Sofa_012.ply`: all of them or none.

    Parameters
    ----------
    folder : str or Path
        Created if missing.
    reconstruction : Reconstruction
    threshold : float
        Objectness below which instances are left out.
    queries : collection of int, optional
        Of the instances at the threshold only these.
    colors, labels, voxel_size, transform, overwrite, report
        As in `write_ply`.

    Returns
    -------
    tuple of str
        File names in the folder, by falling objectness.

    Raises
    ------
    ExportError
        As `write_ply`.
    """
    instances = chosen(reconstruction, threshold, queries)
    names = tuple(f"{labels.stem(instance.query)}.ply" for instance in instances)
    style: dict[str, Any] = {"colors": colors, "labels": labels, "voxel_size": voxel_size, "transform": transform}
    with atomic_folder(folder, names, overwrite=overwrite) as staging:
        for done, (name, instance) in enumerate(zip(names, instances, strict=True)):

            def part(step: str, fraction: float, done: int = done) -> None:
                report(step, (done + fraction) / len(names))

            write_instance_ply(staging / name, reconstruction, instance.query, report=part, **style)
    return names


def write_scene_ply(
    path: str | Path,
    reconstruction: Reconstruction,
    *,
    threshold: float,
    queries: Collection[int] | None = None,
    colors: ColorMode = "photo",
    labels: Labels = PLAIN,
    voxel_size: float | None = None,
    transform: Transform | None = None,
    overwrite: bool = False,
    report: Report = silent,
) -> int:
    """Write every valid point once, with its owner: the claimant of highest objectness.

    Parameters
    ----------
    path : str or Path
    reconstruction : Reconstruction
    threshold : float
        Objectness below which instances claim nothing.
    queries : collection of int, optional
        Of the instances at the threshold only these; the points of others are written as unclaimed.
    colors, labels, voxel_size, transform, overwrite, report
        As in `write_ply`; points of different owners are thinned apart.

    Returns
    -------
    int
        Points written.

    Raises
    ------
    ExportError
        As `write_ply`.
    """
    cloud = reconstruction.cloud
    instances = chosen(reconstruction, threshold, queries)
    similarity = Similarity.of(transform)
    owner = exclusive_rows(instances, len(cloud.points))
    comments = [f"objectness threshold: {threshold!r}", *labels.comments([item.query for item in instances])]
    content = _Content(
        cloud=cloud,
        rows=voxel_thinned(cloud, writable_rows(cloud), voxel_size, similarity, owner),
        owner=owner,
        objectness=_by_query(instances),
        colors=colors,
        labels=labels,
        views=len(reconstruction.names),
        comments=(*comments, *_voxel_comments(voxel_size), *_frame_comments(reconstruction.units, similarity)),
        similarity=similarity,
    )
    return _write(Path(path), content, overwrite, report)


def read_ply(path: str | Path) -> PlyPoints:
    """Read a PLY file written by this module, for comparison with a later run.

    Raises
    ------
    ExportError
        If the file cannot be read or was not written by this module.
    """
    try:
        with open(path, "rb") as file:
            lines = _header_lines(file)
            body = file.read()
    except OSError as error:
        raise ExportError(f"{path} cannot be read: {error.strerror}.") from error
    counts = [line.removeprefix("element vertex ") for line in lines if line.startswith("element ")]
    properties = [line for line in lines if line.startswith("property ")]
    known = [
        dtype for dtype in (_dtype(with_view=True), _dtype(with_view=False)) if properties == _property_lines(dtype)
    ]
    if lines[:2] != _MAGIC or not known or len(counts) != 1 or not counts[0].isdecimal():
        raise ExportError(f"{path} is not a point cloud written by this program: its PLY header differs.")
    expected = int(counts[0]) * known[0].itemsize
    if len(body) != expected:
        raise ExportError(f"{path} is damaged: expected {expected} bytes of points, found {len(body)}.")
    comments = tuple(line.removeprefix("comment ") for line in lines if line.startswith("comment "))
    return PlyPoints(np.frombuffer(body, known[0]), comments)


@dataclass(frozen=True, kw_only=True)
class _Content:
    """Everything one file is made of; rows `rows` of the cloud."""

    cloud: PointCloud
    rows: Int32
    owner: Int32
    objectness: Float32
    colors: ColorMode
    labels: Labels
    views: int | None
    comments: tuple[str, ...]
    similarity: Similarity

    def dtype(self) -> np.dtype[np.void]:
        return _dtype(with_view=self.views is not None)

    def header(self) -> bytes:
        lines = [
            *_MAGIC,
            "comment fast3dis-viewer",
            *(f"comment {comment}" for comment in self.comments),
            "comment instance is a query number, -1 where no instance claims the point",
            f"element vertex {len(self.rows)}",
            *_property_lines(self.dtype()),
            "end_header",
        ]
        return "".join(f"{line}\n" for line in lines).encode("ascii")

    def chunks(self) -> Iterator[tuple[float, NDArray[np.void]]]:
        """Pairs of the fraction done before, and the next vertices."""
        for start in range(0, len(self.rows), CHUNK):
            rows = self.rows[start : start + CHUNK]
            owner = self.owner[rows]
            vertices = np.empty(len(rows), self.dtype())
            for axis, values in zip("xyz", self.similarity.points(self.cloud.points[rows]).T, strict=True):
                vertices[axis] = values
            colors = point_colors(self.cloud.colors[rows], owner, self.colors, self.labels)
            for channel, shades in zip(("red", "green", "blue"), colors.T, strict=True):
                vertices[channel] = shades
            vertices["instance"] = owner
            vertices["objectness"] = self.objectness[owner]
            if self.views is not None:
                vertices["view"] = rows // (len(self.cloud.points) // self.views)
            yield start / len(self.rows), vertices


def _write(path: Path, content: _Content, overwrite: bool, report: Report) -> int:
    if content.views is not None and content.views > MOST_VIEWS:
        raise ExportError(f"A PLY file of ours can tell {MOST_VIEWS} views apart, this scene has {content.views}.")
    written = 0
    with atomic_file(path, overwrite=overwrite) as file:
        file.write(content.header())
        for fraction, vertices in content.chunks():
            report(f"Writing {path.name}", fraction)
            file.write(vertices.data)
            written += len(vertices)
        report(f"Writing {path.name}", 1.0)
    return written


def _dtype(*, with_view: bool) -> np.dtype[np.void]:
    """One packed vertex."""
    fields = [(axis, "<f4") for axis in "xyz"] + [(channel, "u1") for channel in ("red", "green", "blue")]
    fields += [("instance", "<i4"), ("objectness", "<f4")]
    return np.dtype([*fields, ("view", "<u2")] if with_view else fields)


def _property_lines(dtype: np.dtype[np.void]) -> list[str]:
    return [f"property {_TYPE_NAMES[dtype[name]]} {name}" for name in dtype.names or ()]


def _by_query(instances: Sequence[Instance]) -> Float32:
    """Objectness by query number; the last entry is 0 and answers to -1, nobody."""
    table = np.zeros(2 + max((instance.query for instance in instances), default=-1), np.float32)
    for instance in instances:
        table[instance.query] = instance.objectness
    return table


def _voxel_comments(voxel_size: float | None) -> list[str]:
    return [] if voxel_size is None else [f"voxel size: {voxel_size!r}"]


def _frame_comments(units: str, similarity: Similarity) -> list[str]:
    return [f"{name}: {value}" for name, value in frame_facts(units, similarity).items()]


def _header_lines(file: BinaryIO) -> list[str]:
    lines: list[str] = []
    while len(lines) < 10_000:  # ours have about twenty and two for each named query; a header has an end
        line = file.readline(4096)
        if not line or line == b"end_header\n":
            break
        lines.append(line.decode("ascii", "replace").rstrip("\n"))
    return lines
