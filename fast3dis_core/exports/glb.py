"""The scene as one binary glTF 2.0 file: points per instance, unclaimed points, camera frustums.

Every point is written once, to its owner; nodes are called `instance_012` or what the user called the instance,
`unassigned` and `cameras`. The
data keep the frame of the reconstruction; a root node turns OpenCV axes to glTF's (y up, z backward). glTF
defines vertex colors as linear light, so sRGB bytes are decoded: viewers that follow the standard show the
photo's color. Paper section 3.5.
"""

import json
import struct
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.errors import ExportError
from fast3dis_core.exports.atomic import atomic_file
from fast3dis_core.exports.colors import ColorMode, point_colors
from fast3dis_core.exports.labels import PLAIN, Labels
from fast3dis_core.exports.selection import chosen, frame_facts, thinned, voxel_thinned, writable_rows
from fast3dis_core.exports.similarity import Similarity, Transform
from fast3dis_core.progress import Report, silent
from fast3dis_core.reconstruction import Float32, Instance, Int32, Reconstruction, UInt8, exclusive_rows

CHUNK = 2**18  # points between two looks at `report`
LARGEST_FILE = 2**32 - 1  # glTF counts bytes in 32 bits
FRUSTUM_SIZE = 0.05  # depth of a frustum, in diagonals of the box around the points
FRUSTUM_COLOR = (90, 90, 90)  # sRGB

_FLOAT, _UNSIGNED_BYTE = 5126, 5121
_ARRAY_BUFFER = 34962
_POINTS, _LINES = 0, 1
_POSITION_BYTES, _COLOR_BYTES = 12, 4
_OPENCV_TO_GLTF = [1, 0, 0, 0, 0, -1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1]  # its own transpose: column order is no matter
# a frustum: apex 0, image corners 1 to 4 in turn
_EDGES = np.array([0, 1, 0, 2, 0, 3, 0, 4, 1, 2, 2, 3, 3, 4, 4, 1])


def write_glb(
    path: str | Path,
    reconstruction: Reconstruction,
    *,
    threshold: float,
    queries: Collection[int] | None = None,
    colors: ColorMode = "photo",
    labels: Labels = PLAIN,
    voxel_size: float | None = None,
    cameras: bool = True,
    max_points: int | None = None,
    transform: Transform | None = None,
    overwrite: bool = False,
    report: Report = silent,
) -> int:
    """Write all valid points, grouped by owner, and the cameras as line frustums.

    Parameters
    ----------
    path : str or Path
        In an existing folder.
    reconstruction : Reconstruction
    threshold, queries, colors, labels, voxel_size, transform, overwrite, report
        As in `write_scene_ply`.
    cameras : bool
        Whether to add the frustums.
    max_points : int, optional
        Thin the points evenly to at most this number; the file's `asset.extras` tell both counts.

    Returns
    -------
    int
        Points written.

    Raises
    ------
    ExportError
        If the file exists and `overwrite` is false, cannot be written, would be larger than glTF allows, or
        `transform` is no similarity.
    """
    path = Path(path)
    similarity = Similarity.of(transform)
    instances = chosen(reconstruction, threshold, queries)
    owner = exclusive_rows(instances, len(reconstruction.cloud.points))
    available = writable_rows(reconstruction.cloud)
    rows = thinned(
        voxel_thinned(reconstruction.cloud, available, voxel_size, similarity, owner),
        max_points,
    )
    scene = _Scene(reconstruction, similarity, colors, labels, owner)
    meshes = []
    for instance, group in _groups(rows, owner[rows], instances):
        report(f"Writing {path.name}", 0.0)
        meshes.append(scene.points(instance, group))
    if cameras and len(reconstruction.names):
        meshes.append(scene.frustums(rows))
    extras = {
        **frame_facts(reconstruction.units, similarity),
        "objectness_threshold": threshold,
        "points": len(rows),
        "points_before_thinning": len(available),
        "vertex_colors": "linear, as glTF demands",
    }
    _write(path, _document(meshes, extras), meshes, overwrite, report)
    return len(rows)


@dataclass(frozen=True)
class _Mesh:
    """One primitive; vertices are made chunk by chunk when they are written."""

    name: str
    mode: int
    count: int
    lowest: list[float]
    highest: list[float]
    source: "_Scene"
    rows: Int32 | None = None
    positions: Float32 | None = None
    extras: dict[str, Any] | None = None

    def position_chunks(self) -> Iterator[Float32]:
        """Positions (up to CHUNK, 3) float32."""
        if self.positions is not None:
            yield self.positions
        else:
            assert self.rows is not None
            for start in range(0, self.count, CHUNK):
                yield self.source.place(self.rows[start : start + CHUNK])

    def color_chunks(self) -> Iterator[UInt8]:
        """Colors (up to CHUNK, 4) uint8, linear, opaque."""
        if self.rows is None:
            yield _linear_rgba(np.tile(np.array(FRUSTUM_COLOR, np.uint8), (self.count, 1)))
        else:
            for start in range(0, self.count, CHUNK):
                yield _linear_rgba(self.source.shade(self.rows[start : start + CHUNK]))


@dataclass(frozen=True)
class _Scene:
    """Where vertices come from."""

    reconstruction: Reconstruction
    similarity: Similarity
    colors: ColorMode
    labels: Labels
    owner: Int32

    def place(self, rows: Int32) -> Float32:
        return self.similarity.points(self.reconstruction.cloud.points[rows])

    def shade(self, rows: Int32) -> UInt8:
        return point_colors(self.reconstruction.cloud.colors[rows], self.owner[rows], self.colors, self.labels)

    def points(self, instance: Instance | None, rows: Int32) -> _Mesh:
        lowest, highest = self._bounds(rows)
        name, extras = "unassigned", None
        if instance is not None:
            query = instance.query
            name = self.labels.names.get(query) or f"instance_{query:03d}"
            extras = {"query": query, "objectness": instance.objectness, "color": self.labels.color(query)}
        return _Mesh(name, _POINTS, len(rows), lowest, highest, self, rows=rows, extras=extras)

    def frustums(self, rows: Int32) -> _Mesh:
        """Line segments for all cameras, in the written frame."""
        lowest, highest = (np.array(bound) for bound in self._bounds(rows))
        depth = FRUSTUM_SIZE * float(np.linalg.norm(highest - lowest)) or FRUSTUM_SIZE
        world_to_camera = self.similarity.world_to_camera(self.reconstruction.world_to_camera)
        height, width = self.reconstruction.images.shape[1:3]
        corners = np.array([[0, 0, 1], [width, 0, 1], [width, height, 1], [0, height, 1]], np.float64)
        rays = corners @ np.linalg.inv(self.reconstruction.intrinsics.astype(np.float64)).transpose(
            0, 2, 1
        )  # (S, 4, 3)
        camera = np.concatenate([np.zeros((len(rays), 1, 3)), depth * rays], axis=1)  # (S, 5, 3)
        # the inverse of a rigid motion applied to row vectors: (x - t) R
        corners = (camera - world_to_camera[:, None, :3, 3]) @ world_to_camera[:, :3, :3]  # (S, 5, 3)
        lines = corners[:, _EDGES].reshape(-1, 3).astype(np.float32)  # (S * 16, 3)
        return _Mesh(
            "cameras", _LINES, len(lines), lines.min(axis=0).tolist(), lines.max(axis=0).tolist(), self, positions=lines
        )

    def _bounds(self, rows: Int32) -> tuple[list[float], list[float]]:
        lowest, highest = np.full(3, np.inf, np.float32), np.full(3, -np.inf, np.float32)
        for start in range(0, len(rows), CHUNK):
            place = self.place(rows[start : start + CHUNK])
            lowest, highest = np.minimum(lowest, place.min(axis=0)), np.maximum(highest, place.max(axis=0))
        return (lowest.tolist(), highest.tolist()) if len(rows) else ([0.0] * 3, [0.0] * 3)


def _groups(rows: Int32, owner: Int32, instances: Sequence[Instance]) -> Iterator[tuple[Instance | None, Int32]]:
    """Owners and rows of the point groups that are not empty: glTF forbids empty accessors."""
    order = np.argsort(owner, kind="stable")
    owners = [None, *sorted(instances, key=lambda item: item.query)]
    starts = np.searchsorted(owner[order], [-1 if item is None else item.query for item in owners])
    for item, group in zip(owners, np.split(rows[order], starts[1:]), strict=True):
        if len(group):
            yield item, group


def _document(meshes: Sequence[_Mesh], extras: dict[str, Any]) -> dict[str, Any]:
    """The JSON half of the file."""
    nodes: list[dict[str, Any]] = [{"name": "fast3dis", "matrix": _OPENCV_TO_GLTF}]
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "fast3dis-viewer", "extras": extras},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": nodes,
    }
    if not meshes:
        return document  # lists must not be empty in glTF
    nodes[0]["children"] = list(range(1, len(meshes) + 1))
    views: list[dict[str, int]] = []
    accessors: list[dict[str, Any]] = []
    primitives: list[dict[str, Any]] = []
    offset = 0
    for index, mesh in enumerate(meshes):
        for size in (_POSITION_BYTES, _COLOR_BYTES):
            length = mesh.count * size
            views.append({"buffer": 0, "byteOffset": offset, "byteLength": length, "target": _ARRAY_BUFFER})
            offset += length
        position = {"componentType": _FLOAT, "type": "VEC3", "min": mesh.lowest, "max": mesh.highest}
        color = {"componentType": _UNSIGNED_BYTE, "type": "VEC4", "normalized": True}
        accessors += [
            {"bufferView": 2 * index, "count": mesh.count, **position},
            {"bufferView": 2 * index + 1, "count": mesh.count, **color},
        ]
        attributes = {"POSITION": 2 * index, "COLOR_0": 2 * index + 1}
        primitives.append({"attributes": attributes, "mode": mesh.mode, "material": 0})
        nodes.append({"name": mesh.name, "mesh": index})
        if mesh.extras is not None:
            nodes[-1]["extras"] = mesh.extras
    document |= {
        "meshes": [
            {"name": mesh.name, "primitives": [primitive]} for mesh, primitive in zip(meshes, primitives, strict=True)
        ],
        "materials": [{"name": "unlit", "extensions": {"KHR_materials_unlit": {}}}],
        "extensionsUsed": ["KHR_materials_unlit"],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": offset}],
    }
    return document


def _write(path: Path, document: dict[str, Any], meshes: Sequence[_Mesh], overwrite: bool, report: Report) -> None:
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode("ascii")
    text += b" " * (-len(text) % 4)  # chunks end on multiples of four bytes; vertices always do
    binary = sum(mesh.count * (_POSITION_BYTES + _COLOR_BYTES) for mesh in meshes)
    total = 12 + 8 + len(text) + (8 + binary if binary else 0)
    if total > LARGEST_FILE:
        raise ExportError(
            f"{path.name} would have {total} bytes, and glTF allows {LARGEST_FILE}: set max_points, or write PLY."
        )
    with atomic_file(path, overwrite=overwrite) as file:
        file.write(struct.pack("<4sII", b"glTF", 2, total))
        file.write(struct.pack("<I4s", len(text), b"JSON") + text)
        if binary:
            file.write(struct.pack("<I4s", binary, b"BIN\0"))
        done = 0
        for mesh in meshes:
            chunks: Iterator[NDArray[Any]] = chain(mesh.position_chunks(), mesh.color_chunks())
            for chunk in chunks:
                report(f"Writing {path.name}", done / binary)
                file.write(np.ascontiguousarray(chunk).data)
                done += chunk.nbytes
        report(f"Writing {path.name}", 1.0)


def _linear_rgba(colors: UInt8) -> UInt8:
    """Opaque linear colors (P, 4) of sRGB colors (P, 3), both uint8."""
    rgba = np.full((len(colors), 4), 255, np.uint8)
    rgba[:, :3] = _LINEAR[colors]
    return rgba


def _linear_table() -> UInt8:
    encoded = np.arange(256) / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    return np.round(255 * linear).astype(np.uint8)


_LINEAR = _linear_table()
