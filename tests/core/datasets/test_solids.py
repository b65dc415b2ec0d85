"""Depth of single solids against a march along the ray, which knows only what is inside."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.datasets.procedural_rooms.primitives import BOX, ELLIPSOID, FRUSTUM, tilted
from fast3dis_core.datasets.procedural_rooms.ray_caster import (
    TILE,
    EyeRays,
    SolidTable,
    cast,
    occluded,
    tile_grid,
    visible_rows_columns,
)
from fast3dis_core.datasets.procedural_rooms.solids import MISS

SIZE = 16  # pixels
FOCAL = 14.0

lengths = st.floats(0.05, 1.0)
angles = st.floats(-np.pi, np.pi)


def table_of(kind, center, half, axes, taper):
    """One room with solids given as lists."""
    center, half, axes = (torch.tensor(np.array(a), dtype=torch.float32)[None] for a in (center, half, axes))
    return SolidTable(
        kind=torch.tensor([kind]),
        center=center,
        half=half,
        axes=axes,
        to_unit=axes / half[..., None],
        taper=torch.tensor([taper], dtype=torch.float32),
        casts_shadow=torch.ones(1, len(kind), dtype=torch.bool),
    )


def depth_and_solid(table):
    """Images (SIZE, SIZE) seen from the origin along +z."""
    matrix = torch.tensor([[FOCAL, 0, SIZE / 2], [0, FOCAL, SIZE / 2], [0, 0, 1.0]])[None, None]
    grid = tile_grid(torch.eye(4)[None, None], matrix, SIZE, SIZE)
    rows, columns = visible_rows_columns(table, grid)
    y, x = (i.flatten() for i in torch.meshgrid(torch.arange(2), torch.arange(2), indexing="ij"))
    inner = torch.arange(TILE)
    rays = EyeRays(
        scene=torch.zeros(4, dtype=torch.int64),
        eye=torch.zeros(4, 3),
        turn=torch.eye(3).repeat(4, 1, 1),
        x=grid.x[0, 0, x[:, None] * TILE + inner].T,
        y=grid.y[0, 0, y[:, None] * TILE + inner].T,
    )
    hits = cast(table, rays, rows[0, 0, y] & columns[0, 0, x])

    def image(tiles):
        return tiles.reshape(TILE, TILE, 2, 2).permute(2, 0, 3, 1).reshape(SIZE, SIZE).numpy()

    return image(hits.depth), image(hits.solid)


def is_inside(kind, taper, unit, margin=0.0):
    """Whether points (..., 3) of unit coordinates lie in a solid."""
    if kind == BOX:
        return (np.abs(unit) <= 1 - margin).all(-1)
    if kind == ELLIPSOID:
        return np.linalg.norm(unit, axis=-1) <= 1 - margin
    radius = (1 + taper) / 2 + (taper - 1) / 2 * unit[..., 2]
    return (np.abs(unit[..., 2]) <= 1 - margin) & (np.hypot(unit[..., 0], unit[..., 1]) <= radius - margin)


def marched_depth(kind, center, half, axes, taper, steps=3000):
    """First depth on a fine grid that is inside, nan for a miss; and the number of steps inside."""
    pixels = (np.arange(SIZE) + 0.5 - SIZE / 2) / FOCAL
    rays = np.stack([*np.meshgrid(pixels, pixels), np.ones((SIZE, SIZE))], axis=-1)
    depths = np.linspace(0.0, 7.0, steps)
    points = rays[..., None, :] * depths[:, None] - center  # (H, W, steps, 3)
    inside = is_inside(kind, taper, points @ np.asarray(axes).T / half)
    first = depths[inside.argmax(-1)]
    return np.where(inside.any(-1), first, np.nan), inside.sum(-1), depths[1]


@pytest.mark.parametrize("kind", [BOX, ELLIPSOID, FRUSTUM])
@settings(max_examples=15, deadline=None)
@given(
    place=st.tuples(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5), st.floats(2.6, 4.5)),
    half=st.tuples(lengths, lengths, lengths),
    turn=st.tuples(angles, angles, angles),
    taper=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_depth_is_where_the_ray_enters(kind, place, half, turn, taper):
    axes = tilted(*turn)
    depth, _ = depth_and_solid(table_of([kind], [place], [half], [axes], [taper]))
    expected, inside, step = marched_depth(kind, np.array(place), np.array(half), axes, taper)
    clear = inside >= 3  # thinner chords may fall between two steps
    assert (depth[clear] < MISS).all()
    assert (depth[inside == 0][depth[inside == 0] < MISS] > 0).all()
    np.testing.assert_allclose(depth[clear], expected[clear], atol=1.1 * step)
    missed_by_far = inside == 0
    hit_only_by_us = (depth < MISS) & missed_by_far
    assert hit_only_by_us.sum() <= 2 + 0.1 * clear.sum()  # grazing rays only


def test_a_box_facing_the_camera_has_constant_depth():
    depth, _ = depth_and_solid(table_of([BOX], [[0, 0, 3.0]], [[9, 9, 0.5]], [np.eye(3)], [1.0]))
    np.testing.assert_allclose(depth, 2.5, rtol=1e-6)


def test_the_nearest_of_many_solids_wins_whatever_their_order():
    rng = np.random.default_rng(3)
    count = 40
    kind = rng.integers(0, 3, count).tolist()
    center = rng.uniform([-1, -1, 2], [1, 1, 5], (count, 3))
    half = rng.uniform(0.05, 0.4, (count, 3))
    axes = np.stack([tilted(*rng.uniform(-3, 3, 3)) for _ in range(count)])
    taper = rng.uniform(0, 1, count)
    together, solid = depth_and_solid(table_of(kind, center, half, axes, taper.tolist()))
    alone = np.stack(
        [depth_and_solid(table_of([kind[i]], center[[i]], half[[i]], axes[[i]], [taper[i]]))[0] for i in range(count)]
    )
    hit = together < MISS
    assert hit.sum() > 60
    np.testing.assert_array_equal(hit, alone.min(0) < MISS)
    np.testing.assert_allclose(together[hit], alone.min(0)[hit], rtol=1e-4)
    np.testing.assert_array_equal(together[hit], np.take_along_axis(alone, solid[None], 0)[0][hit])


def test_what_surrounds_or_follows_the_eye_is_not_seen():
    for center in ([0, 0, 0], [0, 0, -3.0]):
        depth, _ = depth_and_solid(table_of([ELLIPSOID], [center], [[0.5, 0.5, 0.5]], [np.eye(3)], [1.0]))
        assert (depth > MISS).all()


@pytest.mark.parametrize("kind", [BOX, ELLIPSOID, FRUSTUM])
def test_shadow_of_a_solid_between_light_and_floor(kind):
    table = table_of([kind], [[0, 0, 1.0]], [[0.3, 0.3, 0.3]], [np.eye(3)], [1.0])
    x = torch.linspace(-2, 2, TILE * TILE)
    points = torch.stack([x, torch.zeros_like(x), torch.zeros_like(x)])[..., None]  # a line on the floor
    dark = occluded(table, torch.zeros(1, dtype=torch.int64), points, torch.tensor([[0.0, 0.0, 2.0]]))[:, 0]
    # the silhouette from a light one meter above the middle, projected to the floor
    edge = {BOX: 2 * 0.3 / 0.7, ELLIPSOID: 2 * 0.3 / np.sqrt(1 - 0.09), FRUSTUM: 2 * 0.3 / 0.7}[kind]
    clear = (x.abs() - edge).abs() > 0.05
    np.testing.assert_array_equal(dark[clear].numpy(), (x.abs() < edge)[clear].numpy())
