"""The moves of furnishing: against a wall, beside, in front, anywhere, onto a support.

A `Furnisher` holds a room while it is being filled. Every move tries a few places and leaves the room
as it is if none is free. What is placed in which order is left to `themes` and `arrangement`.
"""

import numpy as np

from fast3dis_core.datasets.procedural_rooms import materials
from fast3dis_core.datasets.procedural_rooms.occupancy import Occupancy, Placed, place
from fast3dis_core.datasets.procedural_rooms.primitives import Array, Prototype, Support, box
from fast3dis_core.datasets.procedural_rooms.structure import Shell, Wall, build_structure, draw_shell, inside

Rng = np.random.Generator

MOST_OBJECTS = 40
FEWEST_OBJECTS = 6
SKIRTING = 0.015  # furniture keeps this distance from a wall, meters
RUG = 0.0035  # thickness of a rug, below the tolerance of `occupancy`, meters


class Furnisher:
    """A room under construction.

    Attributes
    ----------
    rng : Generator
    shell : Shell
    occupancy : Occupancy
        All that is placed, structure included.
    structure, objects : list of Placed
    supports : list of (Placed, Support)
        Surfaces on which more can be put, with their owners.
    wanted : int
        Number of objects at which the room is full.
    """

    def __init__(self, rng: Rng) -> None:
        self.rng = rng
        self.shell: Shell = draw_shell(rng)
        self.occupancy = Occupancy()
        self.structure = [place(item, np.zeros(3), 0.0) for item in build_structure(self.shell, rng)]
        self.objects: list[Placed] = []
        self.supports: list[tuple[Placed, Support]] = []
        self.wanted = int(rng.triangular(FEWEST_OBJECTS + 2, 28, MOST_OBJECTS + 0.99))
        for item in self.structure:
            self.occupancy.add(item)
        for wall in self.shell.walls:
            self._reserve_openings(wall)

    def _reserve_openings(self, wall: Wall) -> None:
        for hole in wall.openings:
            reach = 0.45 if hole.kind == "window" else 0.8
            ends = [wall.start + wall.along * s + wall.inward * d for s in (hole.start, hole.end) for d in (0.0, reach)]
            low, high = np.min(ends, axis=0), np.max(ends, axis=0)
            self.occupancy.keep_free(np.array([*low, hole.low]), np.array([*high, hole.high]))

    @property
    def full(self) -> bool:
        """Whether the drawn number of objects is reached."""
        return len(self.objects) >= self.wanted

    def try_at(self, prototype: Prototype, position: Array, yaw: float, *, zones: bool = True) -> Placed | None:
        """Place an object if it fits, else leave the room as it is."""
        item = place(prototype, np.asarray(position, np.float64), yaw)
        if self.full or not self.occupancy.fits(item, zones=zones) or not self.indoors(item):
            return None
        self.occupancy.add(item)
        self.objects.append(item)
        self.supports += [(item, support) for support in prototype.supports]
        return item

    def indoors(self, item: Placed) -> bool:
        """Whether an object stands within the outline and below the ceiling."""
        x, y = (item.low[0], item.high[0]), (item.low[1], item.high[1])
        corners = np.array([(a, b) for a in x for b in y])
        return bool(inside(self.shell.outline, corners).all()) and item.high[2] < self.shell.height

    def against_wall(self, prototype: Prototype, tries: int = 12) -> Placed | None:
        """Back to a wall, somewhere along it; sometimes in the corner."""
        low, high = prototype.bounds()
        for _ in range(tries):
            chosen = self.shell.walls[int(self.rng.integers(len(self.shell.walls)))]
            room = chosen.length - (high[0] - low[0]) - 2 * SKIRTING
            if room <= 0:
                continue
            share = self.rng.choice([0.0, 1.0, self.rng.random(), self.rng.random(), 0.5])
            along = SKIRTING - low[0] + share * room
            gap = SKIRTING + self.rng.choice([0.0, 0.0, self.rng.uniform(0, 0.06)])
            position = chosen.start + chosen.along * along + chosen.inward * (gap - low[1])
            item = self.try_at(prototype, np.array([*position, 0.0]), chosen.yaw)
            if item is not None:
                return item
        return None

    def beside(self, prototype: Prototype, other: Placed, side: int, gap: float = 0.0) -> Placed | None:
        """Next to an object, backs aligned; `side` -1 is its left as seen from behind, 1 its right."""
        low, high = prototype.bounds()
        other_low, other_high = other.prototype.bounds()
        x = other_high[0] + gap - low[0] if side > 0 else other_low[0] - gap - high[0]
        point = other.to_layout((float(x), float(other_low[1] - low[1]), 0.0))
        return self.try_at(prototype, np.array([point[0], point[1], 0.0]), other.yaw)

    def in_front(self, prototype: Prototype, other: Placed, gap: float, *, shift: float = 0.0) -> Placed | None:
        """Before an object, turned toward it, `gap` from front to front."""
        high, other_high = prototype.bounds()[1], other.prototype.bounds()[1]
        y = other_high[1] + gap + high[1]
        point = other.to_layout((shift, float(y), 0.0))
        yaw = other.yaw + np.pi
        return self.try_at(prototype, np.array([point[0], point[1], 0.0]), yaw)

    def anywhere(self, prototype: Prototype, tries: int = 12, *, aligned: bool = False) -> Placed | None:
        """Free on the floor."""
        low, high = self.shell.outline.min(0), self.shell.outline.max(0)
        for _ in range(tries):
            spot = self.rng.uniform(low, high)
            yaw = self.rng.integers(4) * np.pi / 2 if aligned else self.rng.uniform(0, 2 * np.pi)
            item = self.try_at(prototype, np.array([*spot, 0.0]), float(yaw))
            if item is not None:
                return item
        return None

    def onto(self, prototype: Prototype, holder: Placed, support: Support, tries: int = 6) -> Placed | None:
        """On a support, wherever it fits below the clearance."""
        low, high = prototype.bounds()
        if high[2] - low[2] > support.clearance:
            return None
        free_turn = support.purpose in ("table", "stool", "box", "bed")
        for _ in range(tries):
            turn = self.rng.uniform(0, 2 * np.pi) if free_turn else self.rng.normal(0, 0.08)
            if support.purpose in ("shelf", "sofa", "pillow", "tv"):
                turn = 0.0
            cos, sin = abs(np.cos(turn)), abs(np.sin(turn))
            reach = np.maximum(np.abs(low[:2]), np.abs(high[:2]))
            size = np.array([cos * reach[0] + sin * reach[1], sin * reach[0] + cos * reach[1]])
            room = np.array(support.half) - size
            if (room < 0).any():
                continue
            spot = self._spot(support, room)
            point = holder.to_layout((support.center[0] + spot[0], support.center[1] + spot[1], support.center[2]))
            item = self.try_at(prototype, point, holder.yaw + float(turn), zones=False)
            if item is not None:
                return item
        return None

    def _spot(self, support: Support, room: Array) -> Array:
        spot = self.rng.uniform(-1, 1, 2) * room
        if support.purpose == "sofa":
            spot[1] = -room[1] + 0.02
        if support.purpose == "shelf":
            spot[1] = room[1] * self.rng.uniform(0.4, 1.0)
        return spot

    def lay_rug(self, center: Array, half: tuple[float, float], yaw: float) -> None:
        """Put down a rug so thin that furniture may stand on it."""
        cloth = materials.cushion_cloth(self.rng)
        rug = Prototype("rug", [box((-half[0], half[0]), (-half[1], half[1]), (0.0, RUG))], [cloth])
        self.try_at(rug, np.array([center[0], center[1], 0.0]), yaw, zones=False)
