"""Which solid every pixel sees, and which light reaches it, for many views of many rooms at once.

Images are cut into 8 x 8 tiles. A solid is a candidate for a tile if its oriented box crosses the tile's
pyramid of view; the pairs (tile, candidate) form one long list, so the work is the same whether rooms are
alike or not, and nothing loops over rays, views or rooms. Rays lie along the first axis and pairs along
the last, which keeps every operation contiguous. The nearest candidate of a tile is found rank by rank.
Solids are intersected in `solids`; light and color are left to `shading`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fast3dis_core.datasets.procedural_rooms.primitives import BOX, ELLIPSOID, FRUSTUM
from fast3dis_core.datasets.procedural_rooms.solids import MISS, entry

TILE = 8
RAYS = TILE * TILE

_RANK_BITS = 9
MOST_SOLIDS = 1 << _RANK_BITS  # per room: a rank must fit beside the depth in one integer
_RANK_MASK = MOST_SOLIDS - 1
_ARRIVED = 0.9995  # share of a shadow ray after which a hit is the surface itself


@dataclass(frozen=True)
class SolidTable:
    """Solids of B rooms, padded to equal number P.

    Attributes
    ----------
    kind : Tensor (B, P) int64
        -1 for padding.
    center, half : Tensor (B, P, 3)
        Layout frame, meters.
    axes : Tensor (B, P, 3, 3)
        Rows are the local axes.
    to_unit : Tensor (B, P, 3, 3)
        `axes / half`: linear part of the map from the layout frame to solid coordinates.
    taper : Tensor (B, P)
    casts_shadow : Tensor (B, P) bool
    """

    kind: Tensor
    center: Tensor
    half: Tensor
    axes: Tensor
    to_unit: Tensor
    taper: Tensor
    casts_shadow: Tensor


@dataclass(frozen=True)
class Pairs:
    """Candidates of T tiles for one kind of solid, sorted by rank within their tile, then by tile.

    Attributes
    ----------
    tile, solid : Tensor (n,) int64
        Place of the tile in `order`, and row of the solid in its room.
    rank : Tensor (n,) int32
    order : Tensor (T,) int64
        Tiles by falling number of candidates.
    sizes : list of int
        Pairs of each rank; they belong to as many tiles at the front of `order`.
    """

    tile: Tensor
    solid: Tensor
    rank: Tensor
    order: Tensor
    sizes: list[int]

    def spread(self, values: Tensor) -> Tensor:
        """Values (..., T) of tiles repeated for their pairs, (..., n); copies runs instead of gathering."""
        ordered = values[..., self.order]
        return torch.cat([ordered[..., :size] for size in self.sizes], dim=-1) if self.sizes else ordered[..., :0]

    def smallest(self, values: Tensor, start: float) -> Tensor:
        """Minimum of values (R, n) over the pairs of every tile, (R, T), tiles sorted as in `order`."""
        best = torch.full((len(values), len(self.order)), start, dtype=values.dtype, device=values.device)
        first = 0
        for size in self.sizes:
            ahead = best[:, :size]
            torch.minimum(ahead, values[:, first : first + size], out=ahead)
            first += size
        return best


def sort_pairs(tile: Tensor, solid: Tensor, tiles: int) -> Pairs:
    """Order pairs by rank, then by tile; they come ordered by tile (both Tensor (n,)), of `tiles` tiles."""
    counts = torch.bincount(tile, minlength=tiles)
    order = counts.sort(descending=True, stable=True).indices
    position = torch.empty_like(order)
    position[order] = torch.arange(tiles, device=tile.device)
    first = counts.cumsum(0) - counts
    rank = torch.arange(len(tile), device=tile.device) - first[tile]
    sizes = torch.bincount(rank)
    place = (sizes.cumsum(0) - sizes)[rank] + position[tile]
    by_rank = torch.empty(3, len(tile), dtype=torch.int64, device=tile.device)
    by_rank[:, place] = torch.stack([position[tile], solid, rank])
    return Pairs(by_rank[0], by_rank[1], by_rank[2].to(torch.int32), order, sizes.tolist())


def pairs_by_kind(table: SolidTable, scene: Tensor, candidate: Tensor) -> list[tuple[int, Pairs]]:
    """Pairs of the true entries of a (T, P) table, for every kind of solid."""
    tile, solid = candidate.nonzero().unbind(1)
    kinds = table.kind[scene[tile], solid]
    result = []
    for kind in (BOX, ELLIPSOID, FRUSTUM):
        chosen = (kinds == kind).nonzero().squeeze(1)
        result.append((kind, sort_pairs(tile[chosen], solid[chosen], len(candidate))))
    return result


@dataclass(frozen=True)
class TileGrid:
    """Cameras of B x S views and the tiles of their images.

    Attributes
    ----------
    eye : Tensor (B, S, 3)
        Layout frame.
    turn : Tensor (B, S, 3, 3)
        Columns are the camera axes in the layout frame.
    x : Tensor (B, S, nx * TILE)
        Camera x of the ray through every pixel column, at z = 1.
    y : Tensor (B, S, ny * TILE)
    x_edges : Tensor (B, S, nx + 1)
        Camera x at tile borders.
    y_edges : Tensor (B, S, ny + 1)
    """

    eye: Tensor
    turn: Tensor
    x: Tensor
    y: Tensor
    x_edges: Tensor
    y_edges: Tensor

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """B, S, tile rows, tile columns."""
        return (*self.eye.shape[:2], self.y_edges.shape[-1] - 1, self.x_edges.shape[-1] - 1)


def tile_grid(camera_to_layout: Tensor, intrinsics: Tensor, height: int, width: int) -> TileGrid:
    """Grid for cameras (B, S, 4, 4) with intrinsics (B, S, 3, 3), pixel centers at +0.5."""
    columns, rows = -(-width // TILE), -(-height // TILE)

    def spread(axis: int, positions: Tensor) -> Tensor:
        return (positions - intrinsics[..., axis, 2, None]) / intrinsics[..., axis, axis, None]

    def steps(count: int, shift: float, stride: int) -> Tensor:
        return torch.arange(count, device=intrinsics.device, dtype=intrinsics.dtype) * stride + shift

    return TileGrid(
        eye=camera_to_layout[..., :3, 3],
        turn=camera_to_layout[..., :3, :3],
        x=spread(0, steps(columns * TILE, 0.5, 1)),
        y=spread(1, steps(rows * TILE, 0.5, 1)),
        x_edges=spread(0, steps(columns + 1, 0.0, TILE)),
        y_edges=spread(1, steps(rows + 1, 0.0, TILE)),
    )


def visible_rows_columns(table: SolidTable, grid: TileGrid) -> tuple[Tensor, Tensor]:
    """Which tile rows and columns a solid's box may cross.

    Returns
    -------
    rows : Tensor (B, S, ny, P) bool
    columns : Tensor (B, S, nx, P) bool
        A solid is a candidate for a tile if both its row and its column are true.
    """
    turn = grid.turn[:, :, None]  # (B, S, 1, 3, 3)
    offset = table.center[:, None] - grid.eye[:, :, None]
    center = (offset[..., None] * turn).sum(-2).movedim(-1, 0).contiguous()  # (3, B, S, P)
    spans = table.axes * table.half[..., None]  # (B, P, 3, 3)
    spans = (spans[:, None, ..., None] * turn[..., None, :, :]).sum(-2)  # (B, S, P, 3, 3) half axes in camera axes
    spans = spans.permute(3, 4, 0, 1, 2).contiguous()  # (3 half axes, 3 camera axes, B, S, P)
    real = (table.kind >= 0)[:, None] & (center[2] + spans[:, 2].abs().sum(0) > 0)  # (B, S, P)

    def crossed(axis: int, edges: Tensor) -> Tensor:
        edge = edges[..., None]  # (B, S, n + 1, 1)
        side = center[axis][..., None, :] - edge * center[2][..., None, :]  # (B, S, n + 1, P)
        reach = torch.zeros_like(side)
        for span in spans:
            reach += (span[axis][..., None, :] - edge * span[2][..., None, :]).abs_()
        beyond_low = side[..., :-1, :] + reach[..., :-1, :] >= 0
        beyond_high = side[..., 1:, :] - reach[..., 1:, :] <= 0
        return beyond_low & beyond_high & real[..., None, :]

    return crossed(1, grid.y_edges), crossed(0, grid.x_edges)


@dataclass(frozen=True)
class Hits:
    """What the rays of T tiles meet first.

    Attributes
    ----------
    depth : Tensor (RAYS, T)
        z-depth, meters; `MISS` or more where nothing is met.
    solid : Tensor (RAYS, T) int64
        Row of the solid in its room; 0 where nothing is met.
    """

    depth: Tensor
    solid: Tensor


@dataclass(frozen=True)
class EyeRays:
    """Rays through the pixel centers of T tiles: `direction = turn @ (x, y, 1)`, so t is the z-depth.

    Attributes
    ----------
    scene : Tensor (T,) int64
        Room of every tile.
    eye : Tensor (T, 3)
        Layout frame.
    turn : Tensor (T, 3, 3)
        Columns are the camera axes.
    x, y : Tensor (TILE, T)
        Of the columns and rows of a tile.
    """

    scene: Tensor
    eye: Tensor
    turn: Tensor
    x: Tensor
    y: Tensor

    def directions(self) -> Tensor:
        """Layout frame, Tensor (3, RAYS, T)."""
        rows = self.turn[:, :, 1].T[:, None] * self.y + self.turn[:, :, 2].T[:, None]  # (3, TILE, T)
        columns = self.turn[:, :, 0].T[:, None] * self.x
        return (rows[:, :, None] + columns[:, None]).flatten(1, 2)  # (3, RAYS, T)


def cast(table: SolidTable, rays: EyeRays, candidate: Tensor) -> Hits:
    """First hits of eye rays.

    Parameters
    ----------
    table : SolidTable
    rays : EyeRays
    candidate : Tensor (T, P) bool
        Which solids a tile may see.
    """
    found = []
    for kind, pairs in pairs_by_kind(table, rays.scene, candidate):
        room = rays.scene[pairs.order[pairs.tile]]
        found.append((pairs, _eye_entries(kind, table, rays, pairs, room)))
    return _winners(found)


def _eye_entries(kind: int, table: SolidTable, rays: EyeRays, pairs: Pairs, room: Tensor) -> Tensor:
    """Entry parameter (RAYS, n) of every ray of a tile into the candidate of a pair."""
    tile = pairs.order[pairs.tile]
    to_unit = table.to_unit[room, pairs.solid]  # (n, 3, 3)
    start = (to_unit * (rays.eye[tile] - table.center[room, pairs.solid])[:, None]).sum(-1).T.contiguous()  # (3, n)
    # solid axes by camera axes: directions then need two short products instead of nine long ones
    turn = torch.matmul(to_unit[..., None, :], rays.turn[tile][:, None]).squeeze(2).permute(1, 2, 0).contiguous()
    x, y = pairs.spread(rays.x), pairs.spread(rays.y)  # (TILE, n)
    direction = []
    for axis in range(3):
        column, row = turn[axis, 0] * x, torch.addcmul(turn[axis, 2], turn[axis, 1], y)
        direction.append((row[:, None] + column[None]).flatten(0, 1))  # (RAYS, n)
    return entry(
        kind,
        (start[0], start[1], start[2]),
        (direction[0], direction[1], direction[2]),
        table.taper[room, pairs.solid],
    )


def _winners(found: list[tuple[Pairs, Tensor]]) -> Hits:
    """Nearest candidate of every ray over all kinds.

    The bits of a positive float sort like the number, so the last ones can carry the rank: depths that
    agree to 1 in 16,000 count as equal, and the lower rank wins.
    """
    shape, device = (RAYS, len(found[0][0].order)), found[0][1].device
    most = torch.iinfo(torch.int32).max
    depth = torch.full(shape, 2 * MISS, device=device)
    solid = torch.zeros(shape, dtype=torch.int64, device=device)
    overall = torch.full(shape, most, dtype=torch.int32, device=device)
    for pairs, depths in found:
        if not pairs.sizes:
            continue
        keys = pairs.smallest((depths.view(torch.int32) & ~_RANK_MASK).bitwise_or_(pairs.rank), most)
        position = torch.empty_like(pairs.order)
        position[pairs.order] = torch.arange(shape[1], device=device)
        keys = keys[:, position]
        sizes = torch.tensor(pairs.sizes, device=device)
        offset = sizes.cumsum(0) - sizes
        ray, tile = (keys < overall).nonzero().unbind(1)
        won = keys[ray, tile]
        pair = offset[(won & _RANK_MASK).long().clamp_(max=len(pairs.sizes) - 1)] + position[tile]
        depth[ray, tile] = depths[ray, pair]
        solid[ray, tile] = pairs.solid[pair]
        overall[ray, tile] = won
    return Hits(depth, torch.where(depth < MISS, solid, 0))


def occluded(table: SolidTable, scene: Tensor, points: Tensor, light: Tensor) -> Tensor:
    """Which points a small light does not reach.

    Parameters
    ----------
    table : SolidTable
    scene : Tensor (T,) int64
    points : Tensor (3, RAYS, T)
        Layout frame, lifted off their own surface.
    light : Tensor (T, 3)

    Returns
    -------
    Tensor (RAYS, T) float32
        1 in shadow, 0 in light.
    """
    shadow = torch.zeros(points.shape[1:], device=points.device)
    toward = points - light.T[:, None]  # (3, RAYS, T)
    for kind, pairs in pairs_by_kind(table, scene, _between(table, scene, points, light)):
        if not pairs.sizes:
            continue
        nearest = pairs.smallest(_light_entries(kind, table, scene, toward, light, pairs), 2.0)
        unsorted = torch.empty_like(nearest)
        unsorted[:, pairs.order] = nearest
        shadow = torch.maximum(shadow, (unsorted < _ARRIVED).to(shadow.dtype))
    return shadow


def _light_entries(kind: int, table: SolidTable, scene: Tensor, toward: Tensor, light: Tensor, pairs: Pairs) -> Tensor:
    """Share of the way from the light to every point at which a solid is entered, (RAYS, n).

    Seen from the light, the origin is one per pair, as it is for eye rays.
    """
    tile = pairs.order[pairs.tile]
    room = scene[tile]
    to_unit = table.to_unit[room, pairs.solid]  # (n, 3, 3)
    start = (to_unit * (light[tile] - table.center[room, pairs.solid])[:, None]).sum(-1).T.contiguous()  # (3, n)
    rows = to_unit.permute(1, 2, 0).contiguous()  # (3, 3, n)
    world = pairs.spread(toward)  # (3, RAYS, n)
    direction = [(world[0] * row[0]).addcmul_(world[1], row[1]).addcmul_(world[2], row[2]) for row in rows.unbind(0)]
    return entry(
        kind,
        (start[0], start[1], start[2]),
        (direction[0], direction[1], direction[2]),
        table.taper[room, pairs.solid],
    )


def _between(table: SolidTable, scene: Tensor, points: Tensor, light: Tensor) -> Tensor:
    """Solids whose box may cross the rays from the light to a tile's points, Tensor (T, P) bool."""
    low, high = points.amin(1), points.amax(1)  # (3, T)
    middle, reach = (low + high) / 2, (high - low) / 2
    step = middle - light.T
    length = step.square().sum(0).clamp(min=1e-9)  # (T,)
    centers = table.center.permute(2, 0, 1).contiguous()  # (3, B, P)
    offset = [centers[i][scene] - light[:, i, None] for i in range(3)]  # (T, P) each
    along = (offset[0] * step[0, :, None]).addcmul_(offset[1], step[1, :, None]).addcmul_(offset[2], step[2, :, None])
    along = along.div_(length[:, None]).clamp_(0, 1)
    gap = torch.zeros_like(along)
    for axis in range(3):
        gap += offset[axis].addcmul_(along, step[axis, :, None], value=-1).square_()
    radius = table.half.square().sum(-1).sqrt() * table.casts_shadow - 1e3 * ~table.casts_shadow  # (B, P)
    bound = radius[scene].addcmul_(along, reach.square().sum(0).sqrt()[:, None])
    rough = (gap <= bound.square()) & (bound > 0)
    tile, solid = rough.nonzero().unbind(1)
    reach, step = reach.T, step.T
    room = scene[tile]
    axes, half = table.axes[room, solid], table.half[room, solid]
    wide = half + (axes.abs() * reach[tile][:, None]).sum(-1)  # (n, 3)
    start = (axes * (light[tile] - table.center[room, solid])[:, None]).sum(-1)
    ray = (axes * step[tile][:, None]).sum(-1)
    inverse = ray.reciprocal().clamp(-1e9, 1e9)
    enter = (-start * inverse - wide * inverse.abs()).amax(-1)
    leave = (-start * inverse + wide * inverse.abs()).amin(-1)
    kept = torch.zeros_like(rough)
    kept[tile, solid] = (enter <= leave) & (leave >= 0) & (enter <= 1)
    return kept
