"""What makes a room a living room, a study, a bedroom, a dining room or a store.

A theme places the furniture that gives a room its sense; the small things follow in `arrangement`.
Groups are built as people build them: twins side by side, chairs around tables, a lamp beside the sofa.
"""

from collections.abc import Callable, Mapping

import numpy as np

from fast3dis_core.datasets.procedural_rooms import furniture, lamps_and_plants, small_things
from fast3dis_core.datasets.procedural_rooms.furnisher import Furnisher
from fast3dis_core.datasets.procedural_rooms.occupancy import Placed
from fast3dis_core.datasets.procedural_rooms.primitives import Prototype
from fast3dis_core.datasets.procedural_rooms.small_things import Builder


def living_room(room: Furnisher) -> None:
    """Sofa group, screen, shelves."""
    rng = room.rng
    sofa = room.against_wall(furniture.sofa(rng), tries=30)
    if sofa is not None:
        if rng.random() < 0.7:
            room.lay_rug(sofa.to_layout((0, 1.0, 0))[:2], (rng.uniform(0.8, 1.1), rng.uniform(0.6, 0.9)), sofa.yaw)
        room.in_front(furniture.coffee_table(rng), sofa, rng.uniform(0.25, 0.45))
        _pair_beside(
            room, sofa, lambda r: furniture.nightstand(r) if r.random() < 0.5 else lamps_and_plants.floor_lamp(r)
        )
        seat = furniture.armchair(rng)
        if rng.random() < 0.6:
            room.in_front(seat, sofa, rng.uniform(1.2, 1.7), shift=-0.5)
            room.in_front(seat, sofa, rng.uniform(1.2, 1.7), shift=0.5)
        holder = next((s for s in room.supports if s[0] is sofa), None)
        for _ in range(int(rng.integers(1, 4))):
            if holder is not None:
                room.onto(small_things.cushion(rng), *holder)
    board = room.against_wall(furniture.tv_board(rng))
    if board is not None:
        room.onto(small_things.television(rng), *room.supports[-1])
    _shelves(room)
    _maybe(room, 0.7, lamps_and_plants.potted_plant)
    _maybe(room, 0.5, furniture.cabinet)


def study(room: Furnisher) -> None:
    """Desks with screens, swivel chairs, bookcases."""
    rng = room.rng
    table = furniture.desk(rng)
    seat = furniture.office_chair(rng) if rng.random() < 0.7 else furniture.chair(rng)
    first = room.against_wall(table, tries=30)
    desks = [first]
    if first is not None and rng.random() < 0.5:
        desks.append(room.beside(table, first, int(rng.choice([-1, 1]))))
    screen = small_things.monitor(rng)
    for item in desks:
        if item is None:
            continue
        support = item.prototype.supports[0]
        _screens(room, item, screen)
        room.onto(small_things.keyboard(rng), item, support)
        room.in_front(seat, item, float(rng.uniform(-0.12, 0.15)), shift=float(rng.uniform(-0.15, 0.15)))
        if rng.random() < 0.5:
            room.beside(small_things.bin_(rng), item, int(rng.choice([-1, 1])), 0.02)
    _shelves(room)
    _shelves(room)
    _maybe(room, 0.6, furniture.cabinet)
    _maybe(room, 0.5, furniture.armchair)
    _maybe(room, 0.6, lamps_and_plants.potted_plant)
    _maybe(room, 0.4, lamps_and_plants.floor_lamp)


def bedroom(room: Furnisher) -> None:
    """Bed between two nightstands, wardrobe, chest."""
    rng = room.rng
    bed = room.against_wall(furniture.bed(rng), tries=40)
    if bed is not None:
        for _ in range(2):
            room.onto(small_things.pillow(rng), bed, bed.prototype.supports[0])
        stand, lamp = furniture.nightstand(rng), lamps_and_plants.table_lamp(rng)
        for side in (-1, 1):
            placed = room.beside(stand, bed, side, float(rng.choice([0.0, 0.01, 0.08])))
            if placed is not None:
                room.onto(lamp, placed, stand.supports[0])
        if rng.random() < 0.5:
            room.in_front(furniture.bench(rng), bed, 0.04)
        if rng.random() < 0.5:
            x = bed.prototype.bounds()[1][0] + 0.6
            room.lay_rug(bed.to_layout((x, 0.2, 0))[:2], (0.45, 0.75), bed.yaw)
    wardrobe = furniture.wardrobe(rng)
    placed = room.against_wall(wardrobe, tries=20)
    if placed is not None and rng.random() < 0.5:
        room.beside(wardrobe, placed, int(rng.choice([-1, 1])))
    _maybe(room, 0.7, furniture.cabinet)
    _maybe(room, 0.6, furniture.chair)
    _shelves(room)
    _maybe(room, 0.5, lamps_and_plants.potted_plant)


def dining_room(room: Furnisher) -> None:
    """Table in the middle with equal chairs, sideboard."""
    rng = room.rng
    table = room.anywhere(furniture.dining_table(rng), 40, aligned=True)
    if table is not None:
        if rng.random() < 0.4:
            room.lay_rug(table.position[:2], (1.4, 1.05), table.yaw)
        _chairs_around(room, table)
    board = room.against_wall(furniture.cabinet(rng), tries=20)
    if board is not None and rng.random() < 0.5:
        room.beside(board.prototype, board, int(rng.choice([-1, 1])))
    _shelves(room)
    _maybe(room, 0.5, furniture.bench)
    _maybe(room, 0.5, furniture.armchair)
    _maybe(room, 0.8, lamps_and_plants.potted_plant)
    _maybe(room, 0.4, lamps_and_plants.floor_lamp)


def store(room: Furnisher) -> None:
    """A mix: shelves, stacked boxes, a table, stools."""
    rng = room.rng
    _shelves(room)
    _shelves(room)
    for _ in range(int(rng.integers(2, 5))):
        carton = small_things.carton(rng)
        placed = room.against_wall(carton)
        if placed is None:
            continue
        if rng.random() < 0.6:
            room.onto(small_things.carton(rng), placed, carton.supports[0])
        if rng.random() < 0.6:
            room.beside(carton, placed, int(rng.choice([-1, 1])))
    bench = room.anywhere(furniture.dining_table(rng), 20, aligned=True)
    stool = furniture.stool(rng)
    if bench is not None:
        for _ in range(int(rng.integers(1, 4))):
            room.in_front(stool, bench, float(rng.uniform(-0.1, 0.2)), shift=float(rng.uniform(-0.5, 0.5)))
    for builder in (furniture.cabinet, furniture.wardrobe, furniture.sofa, furniture.desk, furniture.stool):
        _maybe(room, 0.4, builder)


THEMES: Mapping[str, Callable[[Furnisher], None]] = {
    "living room": living_room,
    "study": study,
    "bedroom": bedroom,
    "dining room": dining_room,
    "store": store,
}


def _maybe(room: Furnisher, chance: float, builder: Builder) -> None:
    if room.rng.random() < chance:
        room.against_wall(builder(room.rng))


def _shelves(room: Furnisher) -> None:
    """One bookcase, or two or three identical ones side by side."""
    rng = room.rng
    shelf = furniture.shelf(rng)
    placed = room.against_wall(shelf)
    side = int(rng.choice([-1, 1]))
    while placed is not None and rng.random() < 0.4:
        placed = room.beside(shelf, placed, side)


def _pair_beside(room: Furnisher, item: Placed, builder: Builder) -> None:
    """The same thing on one side or on both."""
    rng = room.rng
    prototype = builder(rng)
    for side in (-1, 1):
        if rng.random() < 0.7:
            room.beside(prototype, item, side, float(rng.choice([0.0, 0.01, 0.1])))


def _screens(room: Furnisher, desk: Placed, screen: Prototype) -> None:
    """One monitor, or two touching twins, at the back of a desk."""
    rng = room.rng
    support = desk.prototype.supports[0]
    low, high = screen.bounds()
    wide = high[0] - low[0]
    y = support.center[1] - support.half[1] - low[1] + 0.03
    offsets = [0.0]
    if 2 * wide < 2 * support.half[0] and rng.random() < 0.6:
        offsets = [-wide / 2, wide / 2]
    for x in offsets:
        point = desk.to_layout((float(x), float(y), support.center[2]))
        room.try_at(screen, point, desk.yaw, zones=False)


def _chairs_around(room: Furnisher, table: Placed) -> None:
    """Two to eight identical chairs pushed under the table or drawn back a little."""
    rng = room.rng
    seat = furniture.chair(rng)
    reach = seat.bounds()[1][1]
    half = table.prototype.bounds()[1]
    if len(table.prototype.parts) == 3:  # a round top on a column
        turns = np.arange(int(rng.integers(3, 5)))
        places = [(0.0, float(half[0]), float(turn)) for turn in turns * 2 * np.pi / len(turns)]
    else:
        places = [(x * half[0], float(half[1]), turn) for turn in (0.0, np.pi) for x in (-0.45, 0.45)]
        places += [(0.0, float(half[0]), turn) for turn in (np.pi / 2, -np.pi / 2)]
    for x, distance, turn in places:
        if rng.random() < 0.12:
            continue
        yaw = table.yaw + turn + float(rng.normal(0, 0.06))
        for drawn_back in (float(rng.uniform(-0.25, 0.2)), 0.06):
            y = -(distance + drawn_back + reach)
            spot = (np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y, 0.0)
            if room.try_at(seat, table.to_layout(spot), yaw) is not None:
                break
