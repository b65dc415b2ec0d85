"""Meshes of scans, and the PLY files they come in (paper 4.1: ground truth on vertices).

Read are files as the data sets write them: vertices with scalar properties, then faces with one list of corners, all
of the same number, and scalar properties; text, or binary of either byte order. Whole blocks are read at once.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.datasets.files import DataSetFiles

MESH, POINTS = "a PLY mesh", "PLY points"

_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
_ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "="}
_CORNERS = ("vertex_indices", "vertex_index")
_LONGEST_HEADER = 2**16  # bytes


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """A surface of triangles.

    Attributes
    ----------
    vertices : array (V, 3) float64
        World of the data set.
    faces : array (F, 3) int32
        Rows of `vertices`.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int32]


@dataclass(frozen=True, kw_only=True)
class Polygons:
    """A surface of polygons with the same number n of corners, as stored.

    Attributes
    ----------
    vertices : array (V, 3) float64
    corners : array (F, n) int32
        Rows of `vertices`.
    properties : mapping of str to array (F,)
        The scalar properties of the faces.
    """

    vertices: NDArray[np.float64]
    corners: NDArray[np.int32]
    properties: Mapping[str, NDArray[Any]]

    @property
    def triangles_each(self) -> int:
        """Triangles one polygon becomes."""
        return self.corners.shape[1] - 2

    def triangulated(self) -> Mesh:
        """The same surface in triangles that fan out from the first corner, in the order of the polygons."""
        fan = [(0, second, second + 1) for second in range(1, self.triangles_each + 1)]
        faces = self.corners[:, fan].reshape(-1, 3)  # (F * triangles_each, 3)
        return Mesh(vertices=self.vertices, faces=faces)


@dataclass(frozen=True, kw_only=True)
class _Element:
    name: str
    count: int
    scalars: list[tuple[str, str]] = field(default_factory=list)  # name, type
    lists: list[tuple[str, str, str]] = field(default_factory=list)  # name, type of the count, type of the entries
    order: list[str] = field(default_factory=list)  # names of all properties


class _UnreadableError(Exception):
    """What is wrong with a PLY file, as a sentence part."""


def read_polygons(path: Path, files: DataSetFiles) -> Polygons:
    """Read a mesh.

    Parameters
    ----------
    path : Path
    files : DataSetFiles
        Of the data set, for errors.

    Raises
    ------
    DatasetError
        If it does not read, is no PLY mesh of the kind described above, or names vertices it does not have.
    """
    content = files.bytes(path, MESH)
    try:
        order, elements, start = _header(content)
        vertex, face = _mesh_elements(elements)
        body = memoryview(content)[start:]
        vertices, faces = _text_rows(body, vertex, face) if order == "=" else _binary_rows(body, vertex, face, order)
        corners = faces[face.lists[0][0]].astype(np.int64)
        if corners.size and not 0 <= corners.min() <= corners.max() < vertex.count:
            raise _UnreadableError(f"corners {corners.min()} to {corners.max()} of {vertex.count} vertices")
    except _UnreadableError as problem:
        raise files.refusal(path, MESH, str(problem)) from problem
    return Polygons(
        vertices=np.stack([vertices[axis].astype(np.float64) for axis in "xyz"], axis=-1),
        corners=corners.astype(np.int32),
        properties={name: faces[name] for name, _ in face.scalars},
    )


def read_triangles(path: Path, files: DataSetFiles) -> Mesh:
    """Read a mesh as triangles; `DatasetError` as in `read_polygons`."""
    return read_polygons(path, files).triangulated()


def read_vertices(path: Path, files: DataSetFiles) -> dict[str, NDArray[Any]]:
    """Read the vertices of a PLY file, with or without faces.

    Parameters
    ----------
    path : Path
    files : DataSetFiles
        Of the data set, for errors.

    Returns
    -------
    dict of str to array (V,)
        Scalar properties.

    Raises
    ------
    DatasetError
        If it does not read, does not begin with vertices, or they hold lists.
    """
    content = files.bytes(path, POINTS)
    try:
        order, elements, start = _header(content)
        if not elements or elements[0].name != "vertex" or elements[0].lists:
            raise _UnreadableError(f"elements {', '.join(element.name for element in elements) or 'none'}")
        vertex, body = elements[0], memoryview(content)[start:]
        if order != "=":
            rows = _binary_vertices(body, vertex, order)
            return {name: rows[name] for name, _ in vertex.scalars}
        table = _text_table(bytes(body).split(), vertex.count, len(vertex.scalars))
        return {name: table[:, column].astype(kind) for column, (name, kind) in enumerate(vertex.scalars)}
    except _UnreadableError as problem:
        raise files.refusal(path, POINTS, str(problem)) from problem


def check_vertices(count: int, mesh: Mesh, path: Path, files: DataSetFiles) -> None:
    """Refuse labels of a file that are not as many as there are vertices, with `DatasetError`."""
    if count != len(mesh.vertices):
        raise files.refusal(
            path, f"one label for each of the {len(mesh.vertices)} vertices", f"{count}", "labels and mesh must match"
        )


def _header(content: bytes) -> tuple[str, list[_Element], int]:
    """Byte order ("=" for text), elements, and where the body starts."""
    end = content.find(b"end_header", 0, _LONGEST_HEADER)
    start = content.find(b"\n", end) + 1
    if not content.startswith(b"ply") or end < 0 or not start:
        raise _UnreadableError("no PLY header")
    order, elements = "", []
    for line in content[:end].decode("ascii", "replace").splitlines()[1:]:
        words = line.split() or ["comment"]
        try:
            match words:
                case ["format", kind, _]:
                    order = _ORDERS[kind]
                case ["element", name, count]:
                    elements.append(_Element(name=name, count=int(count)))
                case ["property", "list", counts, entries, name]:
                    elements[-1].lists.append((name, _TYPES[counts], _TYPES[entries]))
                    elements[-1].order.append(name)
                case ["property", kind, name]:
                    elements[-1].scalars.append((name, _TYPES[kind]))
                    elements[-1].order.append(name)
                case ["comment" | "obj_info", *_]:
                    pass
                case _:
                    raise ValueError
        except (ValueError, KeyError, IndexError) as error:
            raise _UnreadableError(f"the header line {line[:80]!r}") from error
    if not order:
        raise _UnreadableError("a header without format")
    return order, elements, start


def _mesh_elements(elements: list[_Element]) -> tuple[_Element, _Element]:
    if [element.name for element in elements[:2]] != ["vertex", "face"]:
        raise _UnreadableError(f"elements {', '.join(element.name for element in elements) or 'none'}")
    vertex, face = elements[:2]
    if vertex.lists or not {"x", "y", "z"} <= {name for name, _ in vertex.scalars}:
        raise _UnreadableError(f"vertices of {', '.join(vertex.order)}")
    if [name for name, _, _ in face.lists] not in [[name] for name in _CORNERS]:
        raise _UnreadableError(f"faces of {', '.join(face.order)}")
    return vertex, face


def _binary_vertices(body: memoryview, vertex: _Element, order: str) -> NDArray[np.void]:
    vertex_type = np.dtype([(name, order + kind) for name, kind in vertex.scalars])
    first = vertex.count * vertex_type.itemsize
    if len(body) < first:
        raise _UnreadableError(f"{len(body)} bytes where {vertex.count} vertices take {first}")
    return np.frombuffer(body, vertex_type, vertex.count)


def _text_table(words: list[bytes], rows: int, columns: int) -> NDArray[np.float64]:
    if len(words) < rows * columns:
        raise _UnreadableError(f"{len(words)} numbers where {rows * columns} are announced")
    try:
        return np.array(words[: rows * columns], "S").astype(np.float64).reshape(rows, columns)
    except ValueError as error:
        raise _UnreadableError(f"no numbers ({error})") from error


def _binary_rows(
    body: memoryview, vertex: _Element, face: _Element, order: str
) -> tuple[NDArray[np.void], NDArray[np.void]]:
    vertices = _binary_vertices(body, vertex, order)
    first = vertices.nbytes
    scalars, (name, counts, entries) = dict(face.scalars), face.lists[0]
    ahead = sum(np.dtype(scalars[other]).itemsize for other in face.order[: face.order.index(name)])
    corners, at = 3, first + ahead
    if face.count and at + np.dtype(counts).itemsize <= len(body):
        corners = int(np.frombuffer(body, order + counts, 1, at)[0])
    fields: list[Any] = []
    for other in face.order:
        if other == name:
            fields += [("", order + counts), (name, order + entries, (_checked(corners),))]
        else:
            fields.append((other, order + scalars[other]))
    face_type = np.dtype(fields)
    if len(body) < first + face.count * face_type.itemsize:
        raise _UnreadableError(
            f"{len(body) - first} bytes where {face.count} faces of {corners} corners take "
            f"{face.count * face_type.itemsize}"
        )
    faces = np.frombuffer(body, face_type, face.count, first)
    _check_counts(faces[f"f{face.order.index(name)}"], corners)
    return vertices, faces


def _text_rows(body: memoryview, vertex: _Element, face: _Element) -> tuple[dict[str, Any], dict[str, Any]]:
    words = bytes(body).split()
    split, (name, _, _) = vertex.count * len(vertex.order), face.lists[0]
    at = face.order.index(name)
    try:
        corners = _checked(int(words[split + at])) if face.count else 3
        end = split + face.count * (len(face.order) + corners)
        if len(words) < end:
            raise _UnreadableError(f"{len(words)} numbers where {end} are announced")
        table = np.array(words[:split], "S").astype(np.float64).reshape(vertex.count, len(vertex.order))
        rows = np.array(words[split:end], "S").astype(np.float64).reshape(face.count, len(face.order) + corners)
    except (ValueError, IndexError) as error:
        raise _UnreadableError(f"no numbers ({error})") from error
    widths = [1 + corners if other == name else 1 for other in face.order]
    places = dict(zip(face.order, itertools.accumulate(widths, initial=0), strict=False))
    _check_counts(rows[:, places[name]], corners)
    columns: dict[str, Any] = {other: rows[:, place] for other, place in places.items()}
    columns[name] = rows[:, places[name] + 1 : places[name] + 1 + corners]
    for other, kind in face.scalars:
        columns[other] = columns[other].astype(kind)
    return {axis: table[:, column] for column, axis in enumerate(vertex.order)}, columns


def _checked(corners: int) -> int:
    if not 3 <= corners <= 64:
        raise _UnreadableError(f"a face of {corners} corners")
    return corners


def _check_counts(counts: NDArray[Any], corners: int) -> None:
    if (counts != corners).any():
        raise _UnreadableError(f"faces of {corners} and of {int(counts[counts != corners][0])} corners")
