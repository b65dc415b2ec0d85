"""A floor with two boxes, cast analytically and as a mesh, for trees in the formats of scanned data sets.

World: meters, z up. Objects: FLOOR, a grid of 12 x 12 vertices of which the rows of one border are nobody's; TABLE and
STOOL, boxes of eight vertices each. Pixels have their centers at +0.5.
"""

from typing import NamedTuple

import numpy as np

from tests.core.datasets.aria_tree import upright_to_world

NOBODY, FLOOR, TABLE, STOOL = 0, 1, 2, 3
HALF = 2.0  # of the floor's side
SIDE = 12  # vertices along it
BOXES = {TABLE: ((-0.6, -0.5, 0.0), (0.5, 0.4, 0.7)), STOOL: ((0.9, -0.9, 0.0), (1.4, -0.4, 0.45))}
STANDS = tuple(
    upright_to_world(stand)
    for stand in (
        ((-2.2, -1.8, 1.6), (0.3, 0.0, 0.3)),
        ((-1.2, -2.4, 1.5), (0.5, 0.1, 0.2)),
        ((0.4, -2.6, 1.7), (0.6, 0.2, 0.4)),
    )
)
SIZE = (48, 64)
K = np.array([[52.0, 0.0, 31.0], [0.0, 50.0, 25.0], [0.0, 0.0, 1.0]])
SEEN = {NOBODY, FLOOR, TABLE, STOOL}


class Seen(NamedTuple):
    """What the pixels of one photo show: depth along z (0 = nothing), object, color."""

    depth: np.ndarray
    ids: np.ndarray
    photo: np.ndarray


def pixel_rays(k=K, size=SIZE):
    """Rays (h, w, 3) of a pinhole camera with z = 1."""
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    return np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(k).T


def cast(camera_to_world, rays=None):
    """Follow rays (..., 3) with z = 1 of a camera."""
    rays = pixel_rays() if rays is None else rays
    origin, directions = camera_to_world[:3, 3], rays @ camera_to_world[:3, :3].T
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = -origin[2] / directions[..., 2]
        place = origin + depth[..., None] * directions
        depth = np.where((depth > 0) & (np.abs(place[..., :2]).max(-1) <= HALF), depth, np.inf)
        ids = np.where(nobodys(place), NOBODY, FLOOR)
        for number, (low, high) in BOXES.items():
            planes = np.stack([(np.array(corner) - origin) / directions for corner in (low, high)])
            near, far = np.sort(planes, axis=0)
            entry, leave = near.max(-1), far.min(-1)
            hit = (entry < leave) & (entry > 0) & (entry < depth)
            depth, ids = np.where(hit, entry, depth), np.where(hit, number, ids)
    seen = np.isfinite(depth)
    depth, ids = np.where(seen, depth, 0), np.where(seen, ids, NOBODY)
    place = origin + depth[..., None] * directions
    waves = 0.5 + 0.4 * np.sin(place @ np.array([[3.0, 0.7, 1.1], [0.5, 2.5, -1.0], [1.0, -1.5, 3.0]]) + (0, 1, 2))
    return Seen(depth, ids, (np.where(seen[..., None], waves, 0) * 255 + 0.5).astype(np.uint8))


def nobodys(place):
    """Floor between the last two rows of vertices."""
    return place[..., 1] > HALF - 2 * HALF / (SIDE - 1)


def quads():
    """Vertices (V, 3), quads (F, 4), object of every vertex (V,) and of every quad (F,)."""
    line = np.linspace(-HALF, HALF, SIDE)
    grid = np.stack([*np.meshgrid(line, line), np.zeros((SIDE, SIDE))], axis=-1).reshape(-1, 3)
    corner = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    floor = np.stack([corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]], axis=-1).reshape(-1, 4)
    on_floor = np.where(nobodys(grid), NOBODY, FLOOR)
    vertices, faces, of_vertex = [grid], [floor], [on_floor]
    of_face = [np.where(nobodys(grid[floor].mean(1)), NOBODY, FLOOR)]
    for number, (low, high) in BOXES.items():
        bits = np.arange(8)[:, None] >> np.arange(3) & 1
        start = sum(map(len, vertices))
        vertices.append(np.where(bits, high, low))
        sides = [[0, 1, 3, 2], [4, 5, 7, 6], [0, 1, 5, 4], [2, 3, 7, 6], [0, 2, 6, 4], [1, 3, 7, 5]]
        faces.append(np.array(sides) + start)
        of_vertex.append(np.full(8, number))
        of_face.append(np.full(6, number))
    return tuple(np.concatenate(parts) for parts in (vertices, faces, of_vertex, of_face))


def triangles():
    """Vertices (V, 3), triangles (F, 3), object of every vertex (V,)."""
    vertices, faces, of_vertex, _ = quads()
    return vertices, np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]]), of_vertex


def write_ply(path, vertices, faces, *, kind="binary_little_endian", properties=None, colors=True):
    """A PLY mesh as scanners write them; face properties stand after the corners, as int."""
    properties = properties or {}
    order = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "="}[kind]
    vertex_type = [(axis, order + "f4") for axis in "xyz"]
    if colors:
        vertex_type += [(channel, "u1") for channel in ("red", "green", "blue", "alpha")]
    rows = np.zeros(len(vertices), vertex_type)
    for axis, values in zip("xyz", vertices.T, strict=True):
        rows[axis] = values
    count = faces.shape[1]
    face_rows = np.zeros(
        len(faces), [("n", "u1"), ("corners", order + "i4", (count,)), *((name, order + "i4") for name in properties)]
    )
    face_rows["n"], face_rows["corners"] = count, faces
    for name, values in properties.items():
        face_rows[name] = values
    names = {"f4": "float", "u1": "uchar"}
    header = [
        "ply", f"format {kind} 1.0", "comment written by a test", f"element vertex {len(rows)}",
        *(f"property {names[rows.dtype[name].str[1:]]} {name}" for name in rows.dtype.names),
        f"element face {len(faces)}", "property list uchar int vertex_indices",
        *(f"property int {name}" for name in properties), "end_header",
    ]  # fmt: skip
    if kind == "ascii":
        body = [" ".join(map(str, row)) for row in rows.tolist()]
        body += [" ".join(map(str, [n, *corners, *rest])) for n, corners, *rest in face_rows.tolist()]
        path.write_text("\n".join([*header, *body]) + "\n")
    else:
        path.write_bytes("\n".join(header).encode() + b"\n" + rows.tobytes() + face_rows.tobytes())
