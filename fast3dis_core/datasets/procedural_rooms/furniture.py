"""Builders of furniture: each draws sizes and looks and returns a `Prototype`.

Sizes are those of shops, in meters. The front of an object looks toward +y, its back stands against a
wall. Where furniture goes is decided in `arrangement`; what stands on it comes from `small_things`.
"""

import numpy as np

from fast3dis_core.datasets.procedural_rooms import materials
from fast3dis_core.datasets.procedural_rooms.primitives import (
    BOX,
    FRUSTUM,
    Part,
    Prototype,
    Support,
    box,
    cylinder,
    ellipsoid,
    tilted,
)

Rng = np.random.Generator


def _surface(rng: Rng) -> materials.Material:
    return materials.wood(rng) if rng.random() < 0.65 else materials.paint(rng)


def _legs(rng: Rng, x: float, y: float, top: float, material: int, inset: float = 0.04) -> list[Part]:
    """Four legs under a top of half extents x, y: square, round or tapering."""
    radius, style = rng.uniform(0.014, 0.035), rng.random()
    legs = []
    for sx in (-1, 1):
        for sy in (-1, 1):
            px, py = sx * (x - inset - radius), sy * (y - inset - radius)
            if style < 0.5:
                legs.append(box((px - radius, px + radius), (py - radius, py + radius), (0, top), material))
            else:
                taper = 1.0 if style < 0.7 else 1.6
                legs.append(cylinder(px, py, (0, top), radius / taper, material, taper))
    return legs


def dining_table(rng: Rng) -> Prototype:
    """Rectangular on four legs, or round on a column."""
    top, thick = rng.uniform(0.71, 0.77), rng.uniform(0.025, 0.05)
    looks = [_surface(rng), materials.metal(rng) if rng.random() < 0.4 else _surface(rng)]
    if rng.random() < 0.3:
        radius = rng.uniform(0.42, 0.62)
        parts = [
            cylinder(0, 0, (top - thick, top), radius),
            cylinder(0, 0, (0.03, top - thick), rng.uniform(0.04, 0.07), 1),
            cylinder(0, 0, (0, 0.03), radius * rng.uniform(0.5, 0.7), 1, taper=0.8),
        ]
        inner = 0.68 * radius
        return Prototype("table", parts, looks, [Support((0, 0, top), (inner, inner), 1.0, "table")])
    x, y = rng.uniform(1.2, 2.0) / 2, rng.uniform(0.38, 0.5)
    parts = [box((-x, x), (-y, y), (top - thick, top)), *_legs(rng, x, y, top - thick, 1)]
    if rng.random() < 0.5:
        rail = (top - thick - 0.08, top - thick)
        parts.append(box((-x + 0.07, x - 0.07), (-y + 0.05, -y + 0.07), rail, 1))
        parts.append(box((-x + 0.07, x - 0.07), (y - 0.07, y - 0.05), rail, 1))
    return Prototype("table", parts, looks, [Support((0, 0, top), (x - 0.03, y - 0.03), 1.0, "table")])


def desk(rng: Rng) -> Prototype:
    """Top with a drawer block on one side and legs or a panel on the other."""
    x, y, top, thick = rng.uniform(0.55, 0.85), rng.uniform(0.3, 0.4), rng.uniform(0.71, 0.76), 0.03
    side = rng.choice([-1, 1])
    looks = [_surface(rng), _surface(rng), materials.metal(rng)]
    parts = [box((-x, x), (-y, y), (top - thick, top))]
    if rng.random() < 0.6:
        inner, outer = side * (x - 0.42), side * (x - 0.01)
        span = (min(inner, outer), max(inner, outer))
        bottom, ceiling = 0.04, top - thick
        parts.append(box(span, (-y + 0.02, y - 0.03), (bottom, ceiling), 1))
        for level in range(3):
            low = bottom + 0.012 + level * (ceiling - bottom) / 3
            high = bottom + (level + 1) * (ceiling - bottom) / 3 - 0.012
            parts.append(box((span[0] + 0.012, span[1] - 0.012), (y - 0.03, y - 0.018), (low, high), 0))
            middle = (span[0] + span[1]) / 2
            handle = (low + high) / 2
            parts.append(box((middle - 0.06, middle + 0.06), (y - 0.018, y - 0.004), (handle, handle + 0.012), 2))
        far = -side * (x - 0.03)
        parts.append(box((far - 0.015, far + 0.015), (-y + 0.02, y - 0.03), (0, top - thick), 1))
    else:
        parts += _legs(rng, x, y, top - thick, 2)
        parts.append(box((-x + 0.06, x - 0.06), (-y + 0.04, -y + 0.055), (top - 0.35, top - thick), 1))
    return Prototype("desk", parts, looks, [Support((0, 0, top), (x - 0.03, y - 0.03), 1.0, "desk")])


def chair(rng: Rng) -> Prototype:
    """Four legs, a seat, and a back of slats or a panel; sometimes arms."""
    x, y, seat = rng.uniform(0.2, 0.24), rng.uniform(0.2, 0.24), rng.uniform(0.43, 0.47)
    looks = [_surface(rng), materials.fabric(rng) if rng.random() < 0.5 else _surface(rng)]
    thick, high = rng.uniform(0.025, 0.06), rng.uniform(0.8, 1.0)
    parts = [box((-x, x), (-y, y), (seat - thick, seat), 1), *_legs(rng, x, y, seat - thick, 0, inset=0.005)]
    for side in (-1, 1):
        post = side * (x - 0.017)
        parts.append(box((post - 0.016, post + 0.016), (-y, -y + 0.03), (seat, high), 0))
    if rng.random() < 0.5:
        for level in range(3):
            low = seat + 0.12 + level * (high - seat - 0.14) / 3
            parts.append(box((-x + 0.033, x - 0.033), (-y + 0.006, -y + 0.024), (low, low + 0.06), 0))
    else:
        parts.append(box((-x + 0.033, x - 0.033), (-y + 0.004, -y + 0.034), (seat + 0.1, high - 0.01), 1))
    if rng.random() < 0.25:
        for side in (-1, 1):
            post = side * (x + 0.012)
            parts.append(box((post - 0.018, post + 0.018), (-y, y - 0.06), (seat + 0.2, seat + 0.225), 0))
            parts.append(box((post - 0.014, post + 0.014), (y - 0.1, y - 0.07), (seat - thick, seat + 0.2), 0))
    return Prototype("chair", parts, looks)


def office_chair(rng: Rng) -> Prototype:
    """Swivel chair on a five-armed foot."""
    seat = rng.uniform(0.44, 0.52)
    looks = [materials.fabric(rng), materials.metal(rng), materials.plastic(rng)]
    half = rng.uniform(0.22, 0.25)
    parts = [
        box((-half, half), (-half, half), (seat - 0.07, seat)),
        cylinder(0, 0, (0.1, seat - 0.07), 0.028, 1),
        Part(BOX, (0, -half, seat + 0.36), (half * 0.92, 0.035, 0.26), 0, tilted(pitch=0.12)),
        box((-0.03, 0.03), (-half - 0.035, -half - 0.005), (seat - 0.05, seat + 0.15), 2),
    ]
    turn = rng.uniform(0, 2 * np.pi)
    for arm in range(5):
        angle = turn + arm * 2 * np.pi / 5
        cos, sin = float(np.cos(angle)), float(np.sin(angle))
        parts.append(Part(BOX, (0.14 * cos, 0.14 * sin, 0.085), (0.14, 0.018, 0.014), 2, tilted(yaw=angle)))
        parts.append(ellipsoid((0.27 * cos, 0.27 * sin, 0.035), (0.03, 0.03, 0.035), 2))
    if rng.random() < 0.5:
        for side in (-1, 1):
            middle = side * (half + 0.02)
            parts.append(box((middle - 0.025, middle + 0.025), (-0.14, 0.12), (seat + 0.18, seat + 0.205), 2))
            parts.append(box((middle - 0.012, middle + 0.012), (-0.06, -0.02), (seat - 0.06, seat + 0.18), 2))
    return Prototype("chair", parts, looks)


def stool(rng: Rng) -> Prototype:
    """Round seat on three or four splayed legs, or a padded drum."""
    seat, radius = rng.uniform(0.42, 0.65), rng.uniform(0.16, 0.2)
    if rng.random() < 0.35:
        seat, radius = rng.uniform(0.36, 0.46), rng.uniform(0.2, 0.3)
        looks = [materials.fabric(rng), materials.wood(rng)]
        parts = [cylinder(0, 0, (0.04, seat), radius), cylinder(0, 0, (0, 0.04), radius * 0.9, 1)]
        return Prototype("stool", parts, looks, [Support((0, 0, seat), (radius * 0.6, radius * 0.6), 0.5, "stool")])
    looks = [_surface(rng), materials.wood(rng)]
    parts = [cylinder(0, 0, (seat - 0.035, seat), radius)]
    count = int(rng.integers(3, 5))
    for leg in range(count):
        angle = 2 * np.pi * (leg + 0.5) / count
        cos, sin = float(np.cos(angle)), float(np.sin(angle))
        lean, reach = 0.14, radius * 0.72
        axes = tilted(roll=-lean, yaw=angle)
        middle = (seat - 0.035) / 2
        parts.append(Part(FRUSTUM, (reach * cos, reach * sin, middle), (0.016, 0.016, middle - 0.002), 1, axes))
    return Prototype("stool", parts, looks, [Support((0, 0, seat), (radius * 0.6, radius * 0.6), 0.5, "stool")])


def sofa(rng: Rng, seats: int | None = None) -> Prototype:
    """Base, back, arms and seat cushions; an armchair with one seat."""
    seats = seats or int(rng.integers(2, 4))
    x = seats * rng.uniform(0.3, 0.36)
    depth, seat, back, arm = (
        rng.uniform(0.4, 0.47),
        rng.uniform(0.38, 0.44),
        rng.uniform(0.72, 0.92),
        rng.uniform(0.1, 0.2),
    )
    looks = [materials.fabric(rng), materials.wood(rng)]
    looks.append(looks[0] if rng.random() < 0.7 else materials.fabric(rng))
    foot = rng.uniform(0.05, 0.14)
    rest = rng.uniform(0.52, 0.64)
    parts = [
        box((-x, x), (-depth, depth - 0.02), (foot, seat - 0.14)),
        box((-x, x), (-depth, -depth + 0.2), (seat - 0.14, back)),
        box((-x - arm, -x), (-depth, depth), (foot, rest)),
        box((x, x + arm), (-depth, depth), (foot, rest)),
    ]
    for index in range(seats):
        low = -x + index * 2 * x / seats
        parts.append(box((low + 0.005, low + 2 * x / seats - 0.005), (-depth + 0.2, depth), (seat - 0.14, seat), 2))
    for px in (-x - arm + 0.05, x + arm - 0.05):
        for py in (-depth + 0.05, depth - 0.06):
            parts.append(cylinder(px, py, (0, foot), 0.02, 1))
    name = "sofa" if seats > 1 else "armchair"
    middle = (-depth + 0.2 + depth) / 2
    return Prototype(name, parts, looks, [Support((0, middle, seat), (x - 0.02, depth - 0.12), 0.8, "sofa")])


def armchair(rng: Rng) -> Prototype:
    """A sofa for one."""
    return sofa(rng, 1)


def bed(rng: Rng) -> Prototype:
    """Frame, mattress, headboard and a blanket."""
    x, y = rng.choice([0.45, 0.6, 0.8, 0.9]), 1.02
    base, thick = rng.uniform(0.22, 0.34), rng.uniform(0.16, 0.24)
    looks = [
        _surface(rng),
        materials.Material(materials.linear(0.1, 0.04, 0.93), mottle=0.04, bevel=0.05),
        materials.fabric(rng),
    ]
    top = base + thick
    head = rng.uniform(0.8, 1.15)
    end = y - rng.uniform(0.02, 0.06)
    start = rng.uniform(-0.5, 0.1)
    parts = [
        box((-x - 0.04, x + 0.04), (-y, y + 0.03), (base - 0.2, base), 0),
        box((-x, x), (-y + 0.01, y), (base, top), 1),
        box((-x - 0.05, x + 0.05), (-y - 0.05, -y), (0, head), 0),
        box((-x - 0.012, x + 0.012), (start, end + 0.05), (base + 0.03, top + 0.02), 2),
    ]
    for px in (-x + 0.02, x - 0.02):
        parts.append(box((px - 0.035, px + 0.035), (y - 0.06, y + 0.01), (0, base - 0.2), 0))
    pillows = Support((0, -y + 0.32, top), (x - 0.04, 0.24), 0.8, "pillow")
    blanket = Support((0, (start + end) / 2 + 0.02, top + 0.02), (x - 0.1, (end - start) / 2 - 0.08), 0.8, "bed")
    return Prototype("bed", parts, looks, [pillows, blanket])


def shelf(rng: Rng) -> Prototype:
    """Open bookcase; every board is a support."""
    x, depth, high = rng.uniform(0.35, 0.6), rng.uniform(0.13, 0.19), rng.choice([0.8, 1.1, 1.5, 1.9, 2.05])
    levels = max(2, round(high / rng.uniform(0.3, 0.4)))
    looks = [_surface(rng), _surface(rng)]
    thick, foot = 0.02, rng.uniform(0.0, 0.08)
    parts = [
        box((-x, -x + thick), (-depth, depth), (0, high)),
        box((x - thick, x), (-depth, depth), (0, high)),
        box((-x + thick, x - thick), (-depth, -depth + 0.008), (foot, high), int(rng.random() < 0.3)),
    ]
    supports = []
    pitch = (high - thick - foot) / levels
    for level in range(levels + 1):
        low = foot + level * pitch
        parts.append(box((-x + thick, x - thick), (-depth + 0.008, depth - 0.004), (low, low + thick)))
        free = pitch - thick if level < levels else 0.5
        inside = (x - thick - 0.01, depth - 0.012) if level < levels else (x - 0.02, depth - 0.02)
        supports.append(Support((0, 0.002, low + thick), inside, free, "shelf" if level < levels else "cabinet"))
    return Prototype("shelf", parts, looks, supports)


def cabinet(rng: Rng, size: tuple[float, float, float] | None = None, name: str = "cabinet") -> Prototype:
    """Body with doors or drawers, knobs, feet or a plinth."""
    x, depth, high = size or (rng.uniform(0.4, 0.85), rng.uniform(0.2, 0.27), rng.uniform(0.7, 1.15))
    looks = [_surface(rng), _surface(rng), materials.metal(rng)]
    if rng.random() < 0.5:
        looks[1] = looks[0]
    foot = rng.uniform(0.04, 0.15)
    front = depth - 0.02
    parts = [box((-x, x), (-depth, front), (foot, high))]
    columns = max(1, round(2 * x / rng.uniform(0.4, 0.6)))
    rows = 1 if rng.random() < 0.45 else max(1, round((high - foot) / rng.uniform(0.2, 0.32)))
    for column in range(columns):
        left = -x + column * 2 * x / columns + 0.006
        right = -x + (column + 1) * 2 * x / columns - 0.006
        for row in range(rows):
            low = foot + row * (high - foot) / rows + 0.006
            top = foot + (row + 1) * (high - foot) / rows - 0.006
            parts.append(box((left, right), (front, front + 0.016), (low, top), 1))
            knob_x = (left + right) / 2 if rows > 1 else (right - 0.04 if column % 2 == 0 else left + 0.04)
            knob_z = (low + top) / 2
            parts.append(ellipsoid((knob_x, front + 0.022, knob_z), (0.013, 0.013, 0.013), 2))
    for px in (-x + 0.03, x - 0.03):
        for py in (-depth + 0.03, depth - 0.05):
            parts.append(box((px - 0.02, px + 0.02), (py - 0.02, py + 0.02), (0, foot), 0))
    supports = [Support((0, 0, high), (x - 0.02, depth - 0.02), 0.9, "cabinet")] if high < 1.5 else []
    return Prototype(name, parts, looks, supports)


def wardrobe(rng: Rng) -> Prototype:
    """A cabinet as high as a person."""
    return cabinet(rng, (rng.uniform(0.45, 0.9), rng.uniform(0.27, 0.31), rng.uniform(1.75, 2.1)), "wardrobe")


def nightstand(rng: Rng) -> Prototype:
    """A small cabinet for the side of a bed."""
    return cabinet(rng, (rng.uniform(0.2, 0.26), rng.uniform(0.17, 0.22), rng.uniform(0.42, 0.58)), "nightstand")


def tv_board(rng: Rng) -> Prototype:
    """A low, wide cabinet whose top carries a screen."""
    made = cabinet(rng, (rng.uniform(0.6, 0.95), rng.uniform(0.19, 0.24), rng.uniform(0.38, 0.55)))
    top = made.supports[0]
    return Prototype(made.name, made.parts, made.materials, [Support(top.center, top.half, 1.2, "tv")])


def coffee_table(rng: Rng) -> Prototype:
    """Low table, rectangular or round, sometimes with a lower board."""
    top, thick = rng.uniform(0.36, 0.46), rng.uniform(0.02, 0.045)
    looks = [_surface(rng), materials.metal(rng) if rng.random() < 0.5 else _surface(rng)]
    if rng.random() < 0.35:
        radius = rng.uniform(0.3, 0.45)
        parts = [cylinder(0, 0, (top - thick, top), radius)]
        parts += _legs(rng, radius * 0.72, radius * 0.72, top - thick, 1)
        inner = radius * 0.68
        return Prototype("table", parts, looks, [Support((0, 0, top), (inner, inner), 0.8, "table")])
    x, y = rng.uniform(0.4, 0.62), rng.uniform(0.25, 0.34)
    parts = [box((-x, x), (-y, y), (top - thick, top)), *_legs(rng, x, y, top - thick, 1)]
    if rng.random() < 0.4:
        parts.append(box((-x + 0.06, x - 0.06), (-y + 0.06, y - 0.06), (0.12, 0.14), 1))
    return Prototype("table", parts, looks, [Support((0, 0, top), (x - 0.03, y - 0.03), 0.8, "table")])


def bench(rng: Rng) -> Prototype:
    """Long seat without a back."""
    x, y, seat = rng.uniform(0.45, 0.7), rng.uniform(0.16, 0.21), rng.uniform(0.42, 0.47)
    looks = [materials.fabric(rng) if rng.random() < 0.5 else materials.wood(rng), materials.wood(rng)]
    parts = [box((-x, x), (-y, y), (seat - 0.06, seat)), *_legs(rng, x, y, seat - 0.06, 1)]
    return Prototype("bench", parts, looks, [Support((0, 0, seat), (x - 0.03, y - 0.03), 0.6, "stool")])
