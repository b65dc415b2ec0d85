"""Builders of screens, books, dishes and the many small things that stand on furniture or on the floor.

These are the paper's small objects (section 4.1). Sizes in meters, front toward +y. Which thing goes on
which support is the table `ON` at the end; where exactly is decided in `arrangement`.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from fast3dis_core.datasets.procedural_rooms import materials
from fast3dis_core.datasets.procedural_rooms.lamps_and_plants import (
    desk_lamp,
    floor_lamp,
    potted_plant,
    small_plant,
    table_lamp,
)
from fast3dis_core.datasets.procedural_rooms.primitives import (
    BOX,
    ELLIPSOID,
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
Builder: TypeAlias = Callable[[Rng], Prototype]


def carton(rng: Rng) -> Prototype:
    """Moving box with tape, or a colored crate with a lid."""
    x, y, z = rng.uniform(0.15, 0.3), rng.uniform(0.13, 0.24), rng.uniform(0.2, 0.42)
    if rng.random() < 0.6:
        looks = [materials.cardboard(rng), materials.Material((0.55, 0.42, 0.25), specular=0.3, gloss=0.8)]
        parts = [box((-x, x), (-y, y), (0, z)), box((-x, x), (-0.025, 0.025), (z - 0.06, z + 0.001), 1)]
        parts.append(box((-x - 0.001, x + 0.001), (-0.025, 0.025), (z - 0.09, z - 0.01), 1))
    else:
        looks = [materials.plastic(rng), materials.plastic(rng)]
        parts = [
            box((-x, x), (-y, y), (0, z - 0.03)),
            box((-x - 0.01, x + 0.01), (-y - 0.01, y + 0.01), (z - 0.03, z), 1),
        ]
    return Prototype("box", parts, looks, [Support((0, 0, z + 0.001), (x - 0.01, y - 0.01), 0.5, "box")])


def small_box(rng: Rng) -> Prototype:
    """Shoe box, tin or gift."""
    x, y, z = rng.uniform(0.05, 0.14), rng.uniform(0.05, 0.1), rng.uniform(0.05, 0.14)
    looks = [materials.cushion_cloth(rng), materials.plastic(rng)]
    parts = [
        box((-x, x), (-y, y), (0, z * 0.75)),
        box((-x - 0.004, x + 0.004), (-y - 0.004, y + 0.004), (z * 0.75, z), 1),
    ]
    return Prototype("box", parts, looks)


def bin_(rng: Rng) -> Prototype:
    """Waste bin, round or square."""
    radius, high = rng.uniform(0.11, 0.17), rng.uniform(0.26, 0.4)
    looks = [materials.plastic(rng) if rng.random() < 0.6 else materials.metal(rng), materials.Material((0.012,) * 3)]
    if rng.random() < 0.7:
        parts = [
            cylinder(0, 0, (0, high), radius * 0.8, 0, taper=1.25),
            cylinder(0, 0, (high - 0.01, high + 0.002), radius * 0.93, 1),
        ]
    else:
        parts = [
            box((-radius, radius), (-radius, radius), (0, high)),
            box((-radius * 0.9, radius * 0.9), (-radius * 0.9, radius * 0.9), (high - 0.01, high + 0.002), 1),
        ]
    return Prototype("bin", parts, looks)


def cushion(rng: Rng) -> Prototype:
    """Throw cushion leaning back."""
    half, thick = rng.uniform(0.17, 0.23), rng.uniform(0.06, 0.085)
    lean = rng.uniform(0.25, 0.5)
    cos, sin = float(np.cos(lean)), float(np.sin(lean))
    reach = float(np.hypot(half * cos, thick * sin))  # height of a leaning ellipse
    axes = tilted(pitch=lean)
    return Prototype(
        "cushion",
        [Part(ELLIPSOID, (0, 0, reach - 0.003), (half, thick, half), 0, axes)],
        [materials.cushion_cloth(rng)],
    )


def pillow(rng: Rng) -> Prototype:
    """Pillow lying flat."""
    thick = rng.uniform(0.06, 0.09)
    cloth = materials.Material(materials.linear(rng.random(), rng.uniform(0, 0.25), 0.93), mottle=0.05)
    half = (rng.uniform(0.26, 0.36), rng.uniform(0.18, 0.22), thick)
    return Prototype("cushion", [ellipsoid((0, 0, thick - 0.003), half)], [cloth])


def cup(rng: Rng) -> Prototype:
    """Mug with a handle."""
    radius, high = rng.uniform(0.033, 0.045), rng.uniform(0.075, 0.11)
    looks = [materials.ceramic(rng), materials.Material((0.06, 0.03, 0.015), specular=0.3, gloss=0.9)]
    parts = [
        cylinder(0, 0, (0, high), radius * 0.9, 0, taper=1.1),
        cylinder(0, 0, (high - 0.01, high + 0.001), radius * 0.88, 1),
        box((radius * 0.9, radius + 0.022), (-0.006, 0.006), (high * 0.72, high * 0.84)),
        box((radius * 0.9, radius + 0.022), (-0.006, 0.006), (high * 0.2, high * 0.32)),
        box((radius + 0.012, radius + 0.024), (-0.006, 0.006), (high * 0.2, high * 0.84)),
    ]
    return Prototype("cup", parts, looks)


def bottle(rng: Rng) -> Prototype:
    """Body, shoulder, neck and cap."""
    radius, high = rng.uniform(0.03, 0.042), rng.uniform(0.2, 0.32)
    glass = materials.Material(
        materials.linear(rng.uniform(0.0, 0.7), rng.uniform(0.3, 0.8), rng.uniform(0.25, 0.7)),
        specular=0.45,
        gloss=0.95,
        mottle=0.0,
    )
    looks = [glass, materials.plastic(rng), materials.book_cover(rng)]
    parts = [
        cylinder(0, 0, (0, high * 0.6), radius),
        cylinder(0, 0, (high * 0.6, high * 0.78), radius, 0, taper=0.38),
        cylinder(0, 0, (high * 0.78, high * 0.94), radius * 0.38),
        cylinder(0, 0, (high * 0.93, high), radius * 0.46, 1),
        cylinder(0, 0, (high * 0.18, high * 0.45), radius * 1.02, 2),
    ]
    return Prototype("bottle", parts, looks)


def bowl(rng: Rng) -> Prototype:
    """Bowl with fruit."""
    radius, high = rng.uniform(0.09, 0.15), rng.uniform(0.05, 0.08)
    fruit = materials.Material(
        materials.linear(rng.choice([0.0, 0.03, 0.08, 0.15, 0.28]), 0.85, 0.85), specular=0.15, gloss=0.7
    )
    parts = [cylinder(0, 0, (0, high), radius * 0.55, 0, taper=1.8)]
    size = radius * 0.36
    for index in range(int(rng.integers(0, 5))):
        angle = index * 1.57
        x, y = radius * 0.45 * float(np.cos(angle)), radius * 0.45 * float(np.sin(angle))
        parts.append(ellipsoid((x, y, high + size * 0.55), (size, size, size), 1))
    return Prototype("bowl", parts, [materials.ceramic(rng), fruit])


def vase(rng: Rng) -> Prototype:
    """Round body and a flaring neck, sometimes with twigs."""
    radius, high = rng.uniform(0.05, 0.1), rng.uniform(0.16, 0.32)
    parts = [
        ellipsoid((0, 0, high * 0.36), (radius, radius, high * 0.36)),
        cylinder(0, 0, (0, 0.01), radius * 0.5),
        cylinder(0, 0, (high * 0.6, high), radius * 0.4, 0, taper=1.4),
    ]
    if rng.random() < 0.4:
        for index in range(4):
            axes = tilted(roll=rng.uniform(0.1, 0.35), yaw=index * 1.6)
            tip = axes[2] * high * 0.5
            center = (float(tip[0]), float(tip[1]), high * 0.9 + float(tip[2]))
            parts.append(Part(ELLIPSOID, center, (0.012, 0.03, high * 0.55), 1, axes))
    return Prototype("vase", parts, [materials.ceramic(rng), materials.leaf(rng)])


def _book_parts(x: float, y: float, low: float, thick: float, cover: int, axes: np.ndarray | None = None) -> list[Part]:
    pages = box((-x + 0.004, x + 0.001), (-y + 0.004, y - 0.004), (low + 0.003, low + thick - 0.003), 0)
    parts = [
        box((-x, x), (-y, y), (low, low + 0.003), cover),
        box((-x, x), (-y, y), (low + thick - 0.003, low + thick), cover),
        box((-x, -x + 0.003), (-y, y), (low, low + thick), cover),
        pages,
    ]
    if axes is None:
        return parts
    return [Part(BOX, tuple((np.asarray(p.center) @ axes).tolist()), p.half, p.material, axes) for p in parts]


def _paper() -> materials.Material:
    return materials.Material((0.75, 0.72, 0.64), specular=0.0, mottle=0.12, bevel=0.0)


def book(rng: Rng) -> Prototype:
    """One book lying flat."""
    parts = _book_parts(rng.uniform(0.06, 0.1), rng.uniform(0.09, 0.14), 0.0, rng.uniform(0.015, 0.05), 1)
    return Prototype("book", parts, [_paper(), materials.book_cover(rng)])


def book_pile(rng: Rng) -> Prototype:
    """Two to five books, one object, each turned a little."""
    looks, parts, low = [_paper()], [], 0.0
    for index in range(int(rng.integers(2, 6))):
        looks.append(materials.book_cover(rng))
        thick = rng.uniform(0.015, 0.04)
        flat = _book_parts(
            rng.uniform(0.075, 0.1), rng.uniform(0.1, 0.13), low, thick, index + 1, tilted(yaw=rng.normal(0, 0.15))
        )
        parts += flat
        low += thick
    return Prototype("books", parts, looks)


def book_row(rng: Rng) -> Prototype:
    """Upright books side by side, one object; spines toward +y."""
    looks, parts, x = [_paper()], [], 0.0
    count = int(rng.integers(4, 13))
    depth = rng.uniform(0.075, 0.1)
    for index in range(count):
        looks.append(materials.book_cover(rng))
        thick, high = rng.uniform(0.016, 0.045), rng.uniform(0.17, 0.255)
        back = depth - rng.uniform(0, 0.015)
        parts.append(box((x, x + thick), (-depth, back), (0, high), index + 1))
        parts.append(
            box((x + 0.003, x + thick - 0.003), (-depth + 0.003, back - 0.004), (high - 0.004, high + 0.0005), 0)
        )
        x += thick + 0.0008
    shifted = [Part(p.kind, (p.center[0] - x / 2, p.center[1], p.center[2]), p.half, p.material) for p in parts]
    return Prototype("books", shifted, looks)


def monitor(rng: Rng) -> Prototype:
    """Display on a stand."""
    x, z = rng.uniform(0.24, 0.34), rng.uniform(0.14, 0.19)
    low = rng.uniform(0.1, 0.16)
    body = materials.Material((0.02,) * 3, specular=0.2, gloss=0.8) if rng.random() < 0.7 else materials.metal(rng)
    parts = [
        box((-0.11, 0.11), (-0.08, 0.08), (0, 0.012)),
        box((-0.025, 0.025), (-0.045, -0.025), (0.012, low + z)),
        box((-x, x), (-0.025, 0.0), (low, low + 2 * z)),
        box((-x + 0.012, x - 0.012), (0.0, 0.002), (low + 0.012, low + 2 * z - 0.012), 1),
    ]
    return Prototype("monitor", parts, [body, materials.screen(rng)])


def television(rng: Rng) -> Prototype:
    """Wide screen on two feet."""
    x = rng.uniform(0.42, 0.62)
    z = x * 0.56
    parts = [
        box((-x, x), (-0.03, 0.0), (0.05, 0.05 + 2 * z)),
        box((-x + 0.012, x - 0.012), (0.0, 0.002), (0.062, 0.038 + 2 * z), 1),
        box((-x * 0.7, -x * 0.7 + 0.03), (-0.11, 0.11), (0, 0.055)),
        box((x * 0.7 - 0.03, x * 0.7), (-0.11, 0.11), (0, 0.055)),
    ]
    return Prototype(
        "monitor", parts, [materials.Material((0.015,) * 3, specular=0.3, gloss=0.9), materials.screen(rng)]
    )


def laptop(rng: Rng) -> Prototype:
    """Open laptop."""
    x, y, lean = rng.uniform(0.15, 0.18), rng.uniform(0.105, 0.125), rng.uniform(0.1, 0.5)
    axes = tilted(pitch=lean)
    up, out = axes[2], axes[1]
    hinge = np.array([0.0, -y + 0.004, 0.016])
    lid = hinge + y * up
    glass = lid + 0.0045 * out
    parts = [
        box((-x, x), (-y, y), (0, 0.016)),
        box((-x + 0.03, x - 0.03), (-y + 0.03, y - 0.09), (0.016, 0.018), 1),
        Part(BOX, tuple(lid.tolist()), (x, 0.004, y), 0, axes),
        Part(BOX, tuple(glass.tolist()), (x - 0.01, 0.001, y - 0.01), 2, axes),
    ]
    return Prototype("laptop", parts, [materials.metal(rng), materials.Material((0.02,) * 3), materials.screen(rng)])


def keyboard(rng: Rng) -> Prototype:
    """Keyboard with keys as a checkered plate."""
    x = rng.uniform(0.18, 0.23)
    keys = materials.Material((0.03,) * 3, (0.12,) * 3, materials.CHECKER, 0.019, mottle=0.0)
    parts = [box((-x, x), (-0.065, 0.065), (0, 0.016)), box((-x + 0.01, x - 0.01), (-0.055, 0.055), (0.016, 0.022), 1)]
    return Prototype("keyboard", parts, [materials.plastic(rng), keys])


def ball(rng: Rng) -> Prototype:
    """Ball for the floor."""
    radius = rng.uniform(0.08, 0.16)
    return Prototype("ball", [ellipsoid((0, 0, radius), (radius, radius, radius))], [materials.cushion_cloth(rng)])


def clock(rng: Rng) -> Prototype:
    """Alarm clock on feet."""
    radius = rng.uniform(0.04, 0.06)
    axes = tilted(pitch=-np.pi / 2)  # the cylinder's axis along y
    parts = [
        Part(FRUSTUM, (0, 0, radius + 0.008), (radius, radius, 0.025), 0, axes),
        Part(FRUSTUM, (0, 0, radius + 0.008), (radius * 0.85, radius * 0.85, 0.027), 1, axes),
        box((-0.02, 0.02), (-0.012, 0.012), (0, 0.02)),
    ]
    return Prototype("clock", parts, [materials.plastic(rng), materials.Material((0.85, 0.85, 0.8), mottle=0.0)])


# what may stand on a support, by its purpose; repeated names are more likely
ON: Mapping[str, tuple[Builder, ...]] = {
    "table": (cup, cup, bottle, bowl, vase, book, book_pile, small_plant, small_box, laptop),
    "desk": (cup, cup, book, book_pile, book_row, desk_lamp, small_plant, small_box, bottle),
    "shelf": (
        book_row,
        book_row,
        book_row,
        book_row,
        book_pile,
        book_pile,
        small_box,
        small_box,
        vase,
        small_plant,
        bowl,
        ball,
    ),
    "cabinet": (table_lamp, vase, small_plant, book_pile, bowl, small_box, clock, bottle, book_row),
    "sofa": (cushion,),
    "pillow": (pillow,),
    "bed": (book, book, book_pile, small_box, laptop),
    "tv": (small_plant, small_box, vase, book_pile),
    "stool": (book, small_box, small_plant, cup),
    "box": (small_box, book_pile, book, ball),
}

# what may stand on the floor without furniture
ON_FLOOR: tuple[Builder, ...] = (potted_plant, carton, carton, bin_, ball, floor_lamp)
