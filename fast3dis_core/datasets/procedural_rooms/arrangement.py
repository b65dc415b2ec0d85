"""From a seed to a furnished room: theme, pictures, small things, lights.

A room gets a theme (`themes`), pictures, and small things on supports and on the floor until the drawn
number of objects is reached. Nothing overlaps (`occupancy`), everything rests on something. The result is a
`RoomLayout` in the layout frame; cameras are left to `cameras`.
"""

import numpy as np

from fast3dis_core.datasets.procedural_rooms import materials, small_things
from fast3dis_core.datasets.procedural_rooms.furnisher import FEWEST_OBJECTS, MOST_OBJECTS, Furnisher
from fast3dis_core.datasets.procedural_rooms.occupancy import Placed, place
from fast3dis_core.datasets.procedural_rooms.primitives import Array, Light, RoomLayout, Support
from fast3dis_core.datasets.procedural_rooms.structure import ceiling_lamp, inside, picture
from fast3dis_core.datasets.procedural_rooms.themes import THEMES
from fast3dis_core.datasets.sample import UNLABELED

_ATTEMPTS = 20
_MISSES = 25  # things in a row that found no place: the room is as full as it gets


def draw_layout(seed: int, version: str) -> RoomLayout:
    """The room of a seed.

    Parameters
    ----------
    seed : int
        At least 0.
    version : str
        Of the generator; another version draws other rooms.

    Returns
    -------
    RoomLayout
    """
    for attempt in range(_ATTEMPTS):
        room = Furnisher(np.random.default_rng([attempt, seed, *version.encode()]))
        themes = list(THEMES.values())
        themes[int(room.rng.integers(len(themes)))](room)
        _hang_pictures(room)
        _fill(room)
        if FEWEST_OBJECTS <= len(room.objects) <= MOST_OBJECTS:
            return _layout(room)
    raise AssertionError(f"seed {seed}: no room with {FEWEST_OBJECTS} objects in {_ATTEMPTS} attempts")


def _fill(room: Furnisher) -> None:
    """Small things onto supports and floor until the room is full or nothing fits any more."""
    misses = 0
    while not room.full and misses < _MISSES:
        on_support = room.supports and room.rng.random() < 0.85
        placed = _put_on_support(room) if on_support else _put_on_floor(room)
        misses = 0 if placed else misses + 1


def _put_on_support(room: Furnisher) -> bool:
    rng = room.rng
    holder, support = room.supports[int(rng.integers(len(room.supports)))]
    choices = small_things.ON[support.purpose]
    item = room.onto(choices[int(rng.integers(len(choices)))](rng), holder, support)
    if item is not None and rng.random() < 0.25:
        _twin(room, item, holder, support)
    return item is not None


def _put_on_floor(room: Furnisher) -> bool:
    rng = room.rng
    prototype = small_things.ON_FLOOR[int(rng.integers(len(small_things.ON_FLOOR)))](rng)
    item = room.against_wall(prototype, tries=4) if rng.random() < 0.7 else room.anywhere(prototype, 4)
    if item is not None and rng.random() < 0.3:
        room.beside(prototype, item, int(rng.choice([-1, 1])), float(rng.choice([0.0, 0.0, 0.1])))
    return item is not None


def _twin(room: Furnisher, item: Placed, holder: Placed, support: Support) -> None:
    """A second, identical thing right beside one on the same support."""
    low, high = item.prototype.bounds()
    gap = float(room.rng.choice([0.0, 0.0, 0.03]))
    point = item.to_layout(((high[0] - low[0] + gap) * float(room.rng.choice([-1, 1])), 0.0, 0.0))
    x, y = (point - holder.to_layout(support.center))[:2]
    cos, sin = np.cos(holder.yaw), np.sin(holder.yaw)
    reach = 0.5 * max(high[0] - low[0], high[1] - low[1])
    local = np.abs([cos * x + sin * y, -sin * x + cos * y])  # from the middle of the support
    if (local + reach <= support.half).all():
        room.try_at(item.prototype, point, item.yaw, zones=False)


def _hang_pictures(room: Furnisher) -> None:
    rng = room.rng
    for wall in room.shell.walls:
        for _ in range(int(rng.integers(0, 3))):
            half = (rng.uniform(0.15, 0.5), rng.uniform(0.15, 0.4))
            if wall.length < 2 * half[0] + 0.6:
                continue
            middle = rng.uniform(half[0] + 0.2, wall.length - half[0] - 0.2)
            z = rng.uniform(1.45, 1.7)
            if any(h.start - 0.15 < middle + half[0] and middle - half[0] < h.end + 0.15 for h in wall.openings):
                continue
            item = place(picture(wall, middle, half, z, rng), np.zeros(3), 0.0)
            if item.high[2] < room.shell.height - 0.1 and room.occupancy.fits(item):
                room.occupancy.add(item)
                room.structure.append(item)


def _lights(room: Furnisher) -> tuple[tuple[Light, Light], Placed, Array]:
    """Ceiling lamp and window (or a second lamp), and the ambient light."""
    rng = room.rng
    low, high = room.shell.outline.min(0), room.shell.outline.max(0)
    spots = np.array([(low + high) / 2 + rng.uniform(-0.25, 0.25, 2) * (high - low) for _ in range(20)])
    middle = spots[np.argmax(inside(room.shell.outline, spots, 0.6))]
    height = room.shell.height
    lamp = place(ceiling_lamp(middle[0], middle[1], height, rng), np.zeros(3), 0.0)
    area = float(np.prod(high - low))
    warm = np.array(materials.linear(rng.uniform(0.06, 0.13), rng.uniform(0.03, 0.3), 1.0))
    first = Light(np.array([middle[0], middle[1], lamp.low[2] - 0.03]), warm * (0.9 + 0.16 * area), 0.12)
    windows = [(w, h) for w in room.shell.walls for h in w.openings if h.kind == "window"]
    if windows:
        wall, hole = windows[int(rng.integers(len(windows)))]
        spot = wall.start + wall.along * (hole.start + hole.end) / 2 + wall.inward * 0.5
        position = np.array([*spot, 0.35 * hole.low + 0.65 * hole.high])
        cool = np.array(materials.linear(rng.uniform(0.53, 0.62), rng.uniform(0.02, 0.2), 1.0))
        second = Light(position, cool * rng.uniform(0.6, 1.4) * (0.8 + 0.12 * area), 0.3)
    else:
        far = spots[np.argmax(np.where(inside(room.shell.outline, spots, 0.4), np.abs(spots - middle).sum(1), -1))]
        second = Light(np.array([*far, height * rng.uniform(0.6, 0.85)]), warm * (0.5 + 0.08 * area), 0.12)
    ambient = rng.uniform(0.16, 0.34) * (0.6 * warm + 0.4)
    return (first, second), lamp, np.asarray(ambient)


def _layout(room: Furnisher) -> RoomLayout:
    lights, lamp, ambient = _lights(room)
    everything = [*room.objects, *room.structure, lamp]
    names, parts, instance, material = [UNLABELED], [], [], []
    rows: list[list[float]] = []
    for index, item in enumerate(everything):
        names.append(item.prototype.name)
        first = len(rows)
        rows += [look.row() for look in item.prototype.materials]
        parts += list(item.prototype.parts)
        instance += [index + 1] * len(item.prototype.parts)
        material += [first + part.material for part in item.prototype.parts]
    big = [item for item in room.objects if item.position[2] < 0.1 and item.prototype.name != "rug"]
    focus = np.mean([(item.low + item.high) / 2 for item in big], axis=0)
    return RoomLayout(
        kind=np.array([part.kind for part in parts]),
        taper=np.array([part.taper for part in parts]),
        instance=np.array(instance),
        center=np.concatenate([item.centers for item in everything]),
        half=np.concatenate([item.half for item in everything]),
        axes=np.concatenate([item.axes for item in everything]),
        material=np.array(material),
        materials=np.array(rows),
        names=tuple(names),
        lights=lights,
        ambient=ambient,
        outline=room.shell.outline,
        height=room.shell.height,
        focus=focus,
        doorway=any(hole.kind == "doorway" for wall in room.shell.walls for hole in wall.openings),
    )
