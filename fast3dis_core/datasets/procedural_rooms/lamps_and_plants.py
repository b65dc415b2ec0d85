"""Builders of lamps and plants, for the floor, the desk and the sill.

Sizes in meters. Lamps glow or not; the light of a room comes from `arrangement`.
"""

import numpy as np

from fast3dis_core.datasets.procedural_rooms import materials
from fast3dis_core.datasets.procedural_rooms.primitives import (
    ELLIPSOID,
    FRUSTUM,
    Part,
    Prototype,
    cylinder,
    ellipsoid,
    tilted,
)

Rng = np.random.Generator


def floor_lamp(rng: Rng) -> Prototype:
    """Disc, pole and shade."""
    high, radius = rng.uniform(1.4, 1.8), rng.uniform(0.14, 0.22)
    shade = rng.uniform(0.2, 0.3)
    parts = [
        cylinder(0, 0, (0, 0.025), rng.uniform(0.12, 0.16)),
        cylinder(0, 0, (0.025, high - shade), 0.012),
        cylinder(0, 0, (high - shade, high), radius, 1, taper=rng.uniform(0.5, 0.95)),
    ]
    return Prototype("lamp", parts, [materials.metal(rng), materials.shade(rng)])


def table_lamp(rng: Rng) -> Prototype:
    """Foot of ceramic or metal, and a shade."""
    high, radius = rng.uniform(0.34, 0.55), rng.uniform(0.09, 0.15)
    foot = materials.ceramic(rng) if rng.random() < 0.6 else materials.metal(rng)
    neck = high * rng.uniform(0.5, 0.6)
    body = (
        [ellipsoid((0, 0, neck * 0.45), (0.065, 0.065, neck * 0.45)), cylinder(0, 0, (0, 0.015), 0.05)]
        if rng.random() < 0.5
        else [cylinder(0, 0, (0, 0.02), 0.07), cylinder(0, 0, (0.02, neck), 0.02, taper=0.7)]
    )
    parts = [
        *body,
        cylinder(0, 0, (neck * 0.88, neck + 0.02), 0.008, 2),
        cylinder(0, 0, (neck, high), radius, 1, taper=rng.uniform(0.5, 0.9)),
    ]
    return Prototype("lamp", parts, [foot, materials.shade(rng), materials.metal(rng)])


def desk_lamp(rng: Rng) -> Prototype:
    """Two arms and a tilted cone."""
    parts = [
        cylinder(0, 0, (0, 0.02), 0.07),
        Part(FRUSTUM, (0.045, 0, 0.18), (0.008, 0.008, 0.17), 0, tilted(roll=0.28)),
        Part(FRUSTUM, (0.02, 0, 0.385), (0.008, 0.008, 0.1), 0, tilted(roll=-0.75)),
        Part(FRUSTUM, (-0.08, 0, 0.42), (0.065, 0.065, 0.055), 1, tilted(roll=0.5), 0.35),
    ]
    return Prototype("lamp", parts, [materials.metal(rng), materials.plastic(rng)])


def potted_plant(rng: Rng) -> Prototype:
    """A floor plant: leaves on a fan of stems, a round bush, or a small conifer."""
    return _plant(rng, rng.uniform(0.7, 1.5), rng.uniform(0.12, 0.2))


def small_plant(rng: Rng) -> Prototype:
    """The same for a window sill or a table."""
    return _plant(rng, rng.uniform(0.18, 0.4), rng.uniform(0.045, 0.08))


def _plant(rng: Rng, high: float, radius: float) -> Prototype:
    pot = radius * rng.uniform(1.4, 2.0)
    looks = [
        materials.ceramic(rng),
        materials.soil(),
        materials.leaf(rng),
        materials.leaf(rng),
        materials.Material((0.09, 0.05, 0.025), mottle=0.3),
    ]
    parts = [
        cylinder(0, 0, (0, pot), radius * 0.72, 0, taper=1.39),
        cylinder(0, 0, (pot, pot + 0.004), radius * 0.9, 1),
    ]
    crown, style = high - pot, rng.random()
    if style < 0.5:
        count = int(rng.integers(7, 13))
        for index in range(count):
            yaw = index * 2.4 + rng.uniform(-0.4, 0.4)
            lean = rng.uniform(0.15, 0.95)
            length = crown * rng.uniform(0.45, 0.62)
            reach = float(np.sin(lean)) * length
            x, y = reach * float(np.cos(yaw)), reach * float(np.sin(yaw))
            z = pot + float(np.cos(lean)) * length
            axes = tilted(roll=lean, yaw=yaw)
            half = (length * 0.06 + 0.004, length * rng.uniform(0.16, 0.3), length)
            parts.append(Part(ELLIPSOID, (x, y, z), half, 2 + index % 2, axes))
    elif style < 0.8:
        parts.append(cylinder(0, 0, (pot, pot + crown * 0.6), radius * 0.1 + 0.003, 4))
        for index in range(int(rng.integers(4, 8))):
            yaw, size = index * 2.4, crown * rng.uniform(0.16, 0.26)
            out = crown * rng.uniform(0.05, 0.2)
            z = high - size - crown * rng.uniform(0.0, 0.35)
            parts.append(
                ellipsoid(
                    (out * float(np.cos(yaw)), out * float(np.sin(yaw)), z), (size, size, size * 0.8), 2 + index % 2
                )
            )
    else:
        for index in range(3):
            low = pot + 0.02 + crown * (0.02 + 0.27 * index)
            wide = max(radius * 1.5, crown * 0.24) * (1 - 0.27 * index)
            parts.append(cylinder(0, 0, (low, low + crown * 0.42), wide, 2 + index % 2, taper=0.0))
        parts.append(cylinder(0, 0, (pot, pot + crown * 0.1), radius * 0.15, 4))
    return Prototype("plant", parts, looks)
