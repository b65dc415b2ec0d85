"""The room itself: floor, ceiling, walls with openings, skirting, windows, doors and pictures.

Everything here is labelled `structure`: one instance per floor, ceiling and wall (with its skirting), and
one per window, door, picture and ceiling lamp. Walls are slabs that stand outside the floor outline, cut
into boxes around their openings. Furniture is left to `arrangement`.
"""

from dataclasses import dataclass, field

import numpy as np

from fast3dis_core.datasets.procedural_rooms import materials
from fast3dis_core.datasets.procedural_rooms.materials import Material
from fast3dis_core.datasets.procedural_rooms.primitives import (
    Array,
    Part,
    Prototype,
    box,
    cylinder,
)
from fast3dis_core.datasets.sample import STRUCTURE

Rng = np.random.Generator

THICKNESS = 0.16  # of walls, meters
CORRIDOR = 1.4  # depth of what is seen through a doorway, meters


@dataclass(frozen=True)
class Opening:
    """A rectangular hole in a wall: along the wall from `start` to `end`, from `low` to `high`."""

    kind: str  # "window", "door" or "doorway"
    start: float
    end: float
    low: float
    high: float


@dataclass(frozen=True)
class Wall:
    """One straight wall.

    Attributes
    ----------
    start : array (2,)
        Corner of the floor where it begins.
    along : array (2,)
        Unit vector along the wall; the room lies to its left.
    length : float
    openings : list of Opening
        Sorted by start, not overlapping.
    convex_start, convex_end : bool
        Whether the corner points outward, where the slab must reach past it to close the room.
    """

    start: Array
    along: Array
    length: float
    openings: list[Opening] = field(default_factory=list)
    convex_start: bool = True
    convex_end: bool = True

    @property
    def inward(self) -> Array:
        """Unit normal into the room, array (2,)."""
        return np.array([-self.along[1], self.along[0]])

    @property
    def yaw(self) -> float:
        """Turn that takes +x to `along`, so that an object's front looks into the room."""
        return float(np.arctan2(self.along[1], self.along[0]))

    def axes(self) -> Array:
        """Rows: along, inward, up."""
        return np.array([[*self.along, 0.0], [*self.inward, 0.0], [0.0, 0.0, 1.0]])

    def place(self, part: Part) -> Part:
        """A part given in wall coordinates (along, inward, up), in the layout frame."""
        axes = self.axes()
        center = np.asarray(part.center) @ axes + [*self.start, 0.0]
        return Part(part.kind, tuple(center.tolist()), part.half, part.material, part.axes @ axes, part.taper)


@dataclass(frozen=True)
class Shell:
    """Outline, walls and height of a room, before it is furnished."""

    outline: Array
    walls: list[Wall]
    height: float


def draw_shell(rng: Rng) -> Shell:
    """Rectangular or L-shaped room of 3 to 8 m with windows and a door or an open doorway."""
    width, depth = 3.0 + 2.6 * rng.beta(1.2, 1.6, 2)
    if rng.random() < 0.12:
        width = rng.uniform(5.6, 8.0)
    height = rng.uniform(2.3, 3.2)
    outline = [(0.0, 0.0), (width, 0.0), (width, depth), (0.0, depth)]
    if min(width, depth) > 3.8 and rng.random() < 0.35:
        x, y = width * rng.uniform(0.5, 0.68), depth * rng.uniform(0.5, 0.68)
        outline = [(0.0, 0.0), (width, 0.0), (width, y), (x, y), (x, depth), (0.0, depth)]
    corners = np.array(outline)
    corners = corners - np.array([width, depth]) / 2
    steps = np.roll(corners, -1, axis=0) - corners
    lengths = np.linalg.norm(steps, axis=1)
    along = steps / lengths[:, None]
    turns = np.roll(along, 1, axis=0)[:, 0] * along[:, 1] - np.roll(along, 1, axis=0)[:, 1] * along[:, 0]
    convex = turns > 0
    count = len(corners)
    walls = [
        Wall(corners[i], along[i], float(lengths[i]), [], bool(convex[i]), bool(convex[(i + 1) % count]))
        for i in range(count)
    ]
    _cut_openings(walls, height, rng)
    return Shell(corners, walls, float(height))


def _cut_openings(walls: list[Wall], height: float, rng: Rng) -> None:
    order = rng.permutation(len(walls))
    outer = [int(i) for i in order if walls[int(i)].convex_start and walls[int(i)].convex_end]
    door_wall = walls[outer[0]]
    wide, high = rng.uniform(0.8, 1.0), min(rng.uniform(1.98, 2.1), height - 0.2)
    start = rng.uniform(0.15, door_wall.length - wide - 0.15)
    kind = "doorway" if rng.random() < 0.45 else "door"
    door_wall.openings.append(Opening(kind, start, start + wide, 0.0, high))
    for index in outer[1 : 1 + int(rng.integers(0, 3))]:
        wall = walls[index]
        wide = min(rng.uniform(0.8, 2.2), wall.length - 1.0)
        low = rng.uniform(0.75, 1.05)
        top = min(low + rng.uniform(0.9, 1.4), height - 0.2)
        middle = wall.length / 2 + rng.uniform(-1, 1) * (wall.length - wide - 0.8) / 2
        wall.openings.append(Opening("window", middle - wide / 2, middle + wide / 2, low, top))


def build_structure(shell: Shell, rng: Rng) -> list[Prototype]:
    """Floor, ceiling, walls, windows and doors as objects already in the layout frame."""
    low, high = shell.outline.min(0), shell.outline.max(0)
    x, y = (low[0] - THICKNESS, high[0] + THICKNESS), (low[1] - THICKNESS, high[1] + THICKNESS)
    height = shell.height
    paint, skirting = materials.wall(rng), materials.paint(rng)
    if rng.random() < 0.6:
        skirting = Material(materials.linear(0.1, 0.03, 0.93), bevel=0.004)
    accent = materials.wall(rng) if rng.random() < 0.35 else paint
    white = Material(materials.linear(rng.uniform(0.05, 0.15), rng.uniform(0, 0.06), 0.95), mottle=0.02, bevel=0.0)
    parts = [
        Prototype(STRUCTURE, [box(x, y, (-0.1, 0.0))], [materials.floor(rng)]),
        Prototype(STRUCTURE, [box(x, y, (height, height + 0.1))], [white]),
    ]
    board = rng.uniform(0.06, 0.11)
    accented = int(rng.integers(len(shell.walls)))
    for index, wall in enumerate(shell.walls):
        look = accent if index == accented else paint
        parts.append(_wall_object(wall, height, board, [look, skirting]))
        parts += [_fitting(wall, opening, rng) for opening in wall.openings]
    return parts


def _wall_object(wall: Wall, height: float, board: float, looks: list[Material]) -> Prototype:
    """Slab in boxes around the openings, and the skirting between doors."""
    start = -THICKNESS if wall.convex_start else 0.0
    end = wall.length + (THICKNESS if wall.convex_end else 0.0)
    slab = (-THICKNESS, 0.0)
    parts, left, foot = [], start, 0.013
    for hole in wall.openings:
        parts.append(box((left, hole.start), slab, (0, height)))
        parts.append(box((hole.start, hole.end), slab, (hole.high, height)))
        if hole.low > 0:
            parts.append(box((hole.start, hole.end), slab, (0, hole.low)))
        left = hole.end
    parts.append(box((left, end), slab, (0, height)))
    doors = [hole for hole in wall.openings if hole.low == 0]
    left = 0.0
    for hole in doors:
        parts.append(box((left, hole.start - 0.05), (0, foot), (0, board), 1))
        left = hole.end + 0.05
    parts.append(box((left, wall.length), (0, foot), (0, board), 1))
    return Prototype(STRUCTURE, [wall.place(part) for part in parts], looks)


def _fitting(wall: Wall, hole: Opening, rng: Rng) -> Prototype:
    frame = Material(materials.linear(0.1, 0.03, 0.92), specular=0.15, bevel=0.004)
    if rng.random() < 0.35:
        frame = materials.wood(rng)
    if hole.kind == "window":
        return _window(wall, hole, frame, rng)
    if hole.kind == "door":
        return _door(wall, hole, frame, rng)
    return _doorway(wall, hole, frame, rng)


def _window(wall: Wall, hole: Opening, frame: Material, rng: Rng) -> Prototype:
    horizon = materials.linear(rng.uniform(0.08, 0.6), rng.uniform(0.05, 0.3), 0.95)
    sky = Material(
        horizon, materials.linear(0.57, rng.uniform(0.15, 0.5), 0.98), materials.GRADIENT, 1.0, 0.3, 0.9, 1.1, 0.0, 0.0
    )
    a, b, low, high = hole.start, hole.end, hole.low, hole.high
    rim, y = 0.05, (-0.11, -0.05)
    parts = [
        box((a, b), (-0.1, -0.08), (low, high), 1),
        box((a, a + rim), y, (low, high)),
        box((b - rim, b), y, (low, high)),
        box((a, b), y, (low, low + rim)),
        box((a, b), y, (high - rim, high)),
        box((a - 0.04, b + 0.04), (-0.05, 0.05), (low - 0.03, low)),
    ]
    panes = int(rng.integers(1, 4))
    for index in range(1, panes):
        middle = a + (b - a) * index / panes
        parts.append(box((middle - 0.022, middle + 0.022), y, (low, high)))
    if rng.random() < 0.3:
        middle = (low + high) / 2
        parts.append(box((a, b), y, (middle - 0.018, middle + 0.018)))
    return Prototype(STRUCTURE, [wall.place(part) for part in parts], [frame, sky])


def _casing(hole: Opening) -> list[Part]:
    """Frame around a door, proud of the wall."""
    a, b, high, wide = hole.start, hole.end, hole.high, 0.05
    return [
        box((a - wide, a), (-THICKNESS, 0.016), (0, high + wide)),
        box((b, b + wide), (-THICKNESS, 0.016), (0, high + wide)),
        box((a, b), (-THICKNESS, 0.016), (high, high + wide)),
    ]


def _door(wall: Wall, hole: Opening, frame: Material, rng: Rng) -> Prototype:
    looks = [frame, materials.wood(rng) if rng.random() < 0.5 else frame, materials.metal(rng)]
    a, b, high = hole.start, hole.end, hole.high
    leaf = (-0.09, -0.05)
    parts = [*_casing(hole), box((a, b), leaf, (0, high), 1)]
    for low, top in ((0.15, 0.48), (0.54, 0.93)):
        parts.append(box((a + 0.14, b - 0.14), (-0.05, -0.042), (low * high, top * high), 1))
    handle = b - 0.07
    parts.append(box((handle - 0.1, handle + 0.01), (-0.012, 0.0), (1.03, 1.05), 2))
    parts.append(box((handle - 0.01, handle + 0.01), (-0.05, 0.0), (1.03, 1.05), 2))
    return Prototype(STRUCTURE, [wall.place(part) for part in parts], looks)


def _doorway(wall: Wall, hole: Opening, frame: Material, rng: Rng) -> Prototype:
    """Casing and a dim corridor behind it, closed on all sides."""
    back = -THICKNESS - CORRIDOR
    a, b, high = hole.start - 0.6, hole.end + 0.6, hole.high + 0.3
    looks = [frame, materials.wall(rng), materials.floor(rng)]
    deep = (back, -THICKNESS)
    parts = [
        *_casing(hole),
        box((hole.start, hole.end), (-THICKNESS, 0.0), (-0.1, 0.001), 2),
        box((a, b), deep, (-0.1, 0.0), 2),
        box((a, b), deep, (high, high + 0.1), 1),
        box((a, b), (back - 0.1, back), (0, high), 1),
        box((a - 0.1, a), deep, (0, high), 1),
        box((b, b + 0.1), deep, (0, high), 1),
        box((a, hole.start), (-THICKNESS - 0.02, -THICKNESS), (0, high), 1),
        box((hole.end, b), (-THICKNESS - 0.02, -THICKNESS), (0, high), 1),
        box((hole.start, hole.end), (-THICKNESS - 0.02, -THICKNESS), (hole.high, high), 1),
    ]
    return Prototype(STRUCTURE, [wall.place(part) for part in parts], looks)


def picture(wall: Wall, middle: float, half: tuple[float, float], z: float, rng: Rng) -> Prototype:
    """Framed picture on a wall, centered `middle` along it and `z` above the floor."""
    x, tall = half
    frame = materials.wood(rng) if rng.random() < 0.5 else materials.paint(rng)
    paper = Material(materials.linear(0.12, 0.04, 0.93), mottle=0.02, bevel=0.0)
    rim, edge = 0.025, rng.uniform(0.0, 0.07)
    parts = [
        box((middle - x, middle + x), (0.0, 0.02), (z - tall, z + tall)),
        box((middle - x + rim, middle + x - rim), (0.0, 0.022), (z - tall + rim, z + tall - rim), 1),
        box(
            (middle - x + rim + edge, middle + x - rim - edge),
            (0.0, 0.024),
            (z - tall + rim + edge, z + tall - rim - edge),
            2,
        ),
    ]
    return Prototype(STRUCTURE, [wall.place(part) for part in parts], [frame, paper, materials.picture(rng)])


def ceiling_lamp(x: float, y: float, height: float, rng: Rng) -> Prototype:
    """A flat round lamp, or a shade on a cord."""
    glow = Material(materials.linear(0.11, rng.uniform(0.02, 0.2), 0.98), emission=0.95, mottle=0.0, bevel=0.0)
    cord = Material((0.02, 0.02, 0.02))
    if rng.random() < 0.5:
        parts = [cylinder(x, y, (height - 0.07, height), rng.uniform(0.16, 0.26))]
    else:
        drop = rng.uniform(0.25, 0.5)
        radius = rng.uniform(0.12, 0.24)
        top = height - drop
        parts = [
            cylinder(x, y, (top, height), 0.006, 1),
            cylinder(x, y, (top - 0.18, top), radius, taper=rng.uniform(0.3, 1.0)),
        ]
    return Prototype(STRUCTURE, parts, [glow, cord])


def inside(outline: Array, points: Array, margin: float = 0.0) -> Array:
    """Which points (n, 2) lie inside a rectilinear outline, at least `margin` from its walls; bool (n,)."""
    following = np.roll(outline, -1, axis=0)
    a, step = outline, following - outline
    rise = points[:, None, 1] - a[None, :, 1]
    crossing = (a[None, :, 1] > points[:, None, 1]) != (following[None, :, 1] > points[:, None, 1])
    slope = np.divide(step[:, 0], step[:, 1], out=np.zeros(len(step)), where=step[:, 1] != 0)
    hit = points[:, None, 0] < a[None, :, 0] + slope * rise
    odd = (crossing & hit).sum(1) % 2 == 1
    share = np.clip(((points[:, None] - a) * step).sum(-1) / (step**2).sum(-1), 0, 1)
    gap = np.linalg.norm(points[:, None] - (a + share[..., None] * step), axis=-1).min(1)
    return np.asarray(odd & (gap >= margin))
