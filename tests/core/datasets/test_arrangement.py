"""Rooms as people build them: nothing inside anything else, nothing in the air, twins and neighbors."""

from collections import Counter

import numpy as np
import pytest

from fast3dis_core.datasets.procedural_rooms import CLASS_NAMES, MOST_INSTANCES, VERSION
from fast3dis_core.datasets.procedural_rooms.arrangement import draw_layout
from fast3dis_core.datasets.procedural_rooms.furnisher import FEWEST_OBJECTS, MOST_OBJECTS
from fast3dis_core.datasets.procedural_rooms.primitives import reach_along
from fast3dis_core.datasets.procedural_rooms.ray_caster import MOST_SOLIDS
from fast3dis_core.datasets.sample import STRUCTURE
from tests.core.datasets.test_solids import is_inside

SEEDS = range(40, 52)
DEEPEST = 0.01  # meters


@pytest.fixture(scope="module")
def layouts():
    return [draw_layout(seed, VERSION) for seed in SEEDS]


def objects_of(layout):
    """Number of objects; their ids come first."""
    return sum(name not in (STRUCTURE, "unlabeled") for name in layout.names)


def inside_shrunk(layout, solid, points, margin):
    """Which points lie deeper than `margin` meters below the faces of a solid."""
    half = layout.half[solid] - margin
    if (half <= 0).any():
        return np.zeros(len(points), bool)
    unit = (points - layout.center[solid]) @ layout.axes[solid].T / half
    return is_inside(layout.kind[solid], layout.taper[solid], unit)


def test_the_same_seed_draws_the_same_room_and_another_version_another():
    first, again, other = draw_layout(7, VERSION), draw_layout(7, VERSION), draw_layout(7, VERSION + "x")
    np.testing.assert_array_equal(first.center, again.center)
    np.testing.assert_array_equal(first.materials, again.materials)
    assert first.names == again.names
    assert first.center.shape != other.center.shape or not np.array_equal(first.center, other.center)


def test_sizes_are_within_bounds(layouts):
    for layout in layouts:
        extent = layout.outline.max(0) - layout.outline.min(0)
        assert (extent >= 3).all()
        assert (extent <= 8).all()
        assert 2.3 <= layout.height <= 3.2
        assert FEWEST_OBJECTS <= objects_of(layout) <= MOST_OBJECTS
        assert len(layout.names) <= MOST_INSTANCES
        assert len(layout.kind) <= MOST_SOLIDS
        assert set(layout.names) <= set(CLASS_NAMES)
        assert (layout.half > 0).all()
        np.testing.assert_allclose(
            layout.axes @ layout.axes.swapaxes(1, 2), np.eye(3)[None].repeat(len(layout.axes), 0), atol=1e-9
        )


def test_no_object_is_deeper_in_another_than_a_centimeter(layouts):
    rng = np.random.default_rng(0)
    for layout in layouts:
        reach = reach_along(layout.kind, layout.axes, layout.half)
        low, high = layout.center - reach, layout.center + reach
        mine = np.flatnonzero(~layout.is_structure)
        for solid in mine:
            unit = rng.uniform(-1, 1, (400, 3))
            unit = unit[is_inside(layout.kind[solid], layout.taper[solid], unit)]
            points = (unit * layout.half[solid]) @ layout.axes[solid] + layout.center[solid]
            near = (low < high[solid]).all(1) & (high > low[solid]).all(1) & (layout.instance != layout.instance[solid])
            for other in np.flatnonzero(near):
                assert not inside_shrunk(layout, other, points, DEEPEST).any(), (
                    layout.names[layout.instance[solid]],
                    layout.names[layout.instance[other]],
                )


def test_every_object_rests_on_something(layouts):
    for layout in layouts:
        reach = reach_along(layout.kind, layout.axes, layout.half)
        low, high = layout.center - reach, layout.center + reach
        for instance in range(1, objects_of(layout) + 1):
            own = layout.instance == instance
            foot = low[own, 2].min()
            if foot <= 0.01:
                assert foot > -0.02
                continue
            box_low, box_high = low[own].min(0), high[own].max(0)
            under = ~own & (np.abs(high[:, 2] - foot) < 0.012)
            under &= (low[:, :2] < box_high[:2]).all(1) & (high[:, :2] > box_low[:2]).all(1)
            assert under.any(), layout.names[instance]


def test_rooms_have_small_things_on_big_ones_twins_and_touching_neighbors(layouts):
    standing, twins, touching = 0, 0, 0
    for layout in layouts:
        reach = reach_along(layout.kind, layout.axes, layout.half)
        boxes = []
        shapes = Counter()
        for instance in range(1, objects_of(layout) + 1):
            own = layout.instance == instance
            boxes.append(((layout.center - reach)[own].min(0), (layout.center + reach)[own].max(0)))
            shapes[layout.half[own].round(6).tobytes()] += 1
        standing += sum(low[2] > 0.2 for low, _ in boxes)
        twins += sum(count - 1 for count in shapes.values())
        for index, (low, high) in enumerate(boxes):
            for other_low, other_high in boxes[:index]:
                gap = np.maximum(low - other_high, other_low - high)
                touching += bool(gap.max() < 0.012)
    assert standing >= 4 * len(layouts)
    assert twins >= len(layouts) / 2
    assert touching >= 2 * len(layouts)


def test_rooms_differ(layouts):
    assert len({layout.names for layout in layouts}) == len(layouts)
    assert {len(layout.outline) for layout in (draw_layout(seed, VERSION) for seed in range(12))} == {4, 6}
