"""Images, depth and ids of prepared rooms, tile by tile.

Tiles of all views of all rooms form one list that is worked off in chunks: small enough for the cache of a
CPU, large enough to keep a GPU busy. A chunk never changes a result.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fast3dis_core.datasets.procedural_rooms.cameras import intrinsics_of
from fast3dis_core.datasets.procedural_rooms.packing import PreparedScenes
from fast3dis_core.datasets.procedural_rooms.ray_caster import (
    TILE,
    EyeRays,
    TileGrid,
    cast,
    tile_grid,
    visible_rows_columns,
)
from fast3dis_core.datasets.procedural_rooms.shading import shade, surface
from fast3dis_core.datasets.procedural_rooms.solids import MISS

CPU_TILES = 2048  # tiles in work at once on a CPU: enough to hide the cost of a call, some megabytes each
GPU_TILES = 1 << 15  # and on a GPU: some gigabytes


@dataclass(frozen=True)
class Frames:
    """Rendered views of B rooms: `color` (B, S, 3, H, W), `depth`, `ids` (B, S, H, W), `normals` in layout axes."""

    color: Tensor | None
    depth: Tensor
    ids: Tensor
    normals: Tensor | None


def intrinsics_at(scenes: PreparedScenes, height: int, width: int) -> Tensor:
    """K of every view, (B, S, 3, 3) float32."""
    views = scenes.camera_to_layout.shape[1]
    matrices = np.stack([intrinsics_of(float(field), height, width) for field in scenes.field_of_view.cpu()])
    single = torch.as_tensor(matrices, dtype=torch.float32, device=scenes.camera_to_layout.device)
    return single[:, None].repeat(1, views, 1, 1)  # (B, S, 3, 3)


def render_frames(
    scenes: PreparedScenes,
    *,
    height: int,
    width: int,
    color: bool = True,
    shadow_samples: int = 1,
    normals: bool = False,
    tiles_per_chunk: int | None = None,
) -> Frames:
    """Render every view of prepared rooms.

    Parameters
    ----------
    scenes : PreparedScenes
    height, width : int
        Pixels.
    color : bool
        Off: depth and ids only.
    shadow_samples : int
        Visibility tests per light: 0 no shadows, 1 hard, more soft.
    normals : bool
    tiles_per_chunk : int, optional
        Tiles in work at once; bounds memory, changes nothing else.

    Returns
    -------
    Frames
    """
    device = scenes.instance.device
    grid = tile_grid(scenes.camera_to_layout.float(), intrinsics_at(scenes, height, width), height, width)
    rows, columns = visible_rows_columns(scenes.solids, grid)
    batch, views, down, across = grid.shape
    chunk = tiles_per_chunk or (CPU_TILES if device.type == "cpu" else GPU_TILES)
    pieces: list[tuple[Tensor | None, ...]] = []
    for tiles in torch.arange(batch * views * down * across, device=device).split(chunk):
        view, y, x = tiles // (down * across), tiles // across % down, tiles % across
        candidate = rows.flatten(0, 1)[view, y] & columns.flatten(0, 1)[view, x]
        pieces.append(
            _render_tiles(
                scenes, grid, view, y, x, candidate, color=color, shadow_samples=shadow_samples, normals=normals
            )
        )

    def image(index: int) -> Tensor | None:
        parts = [piece[index] for piece in pieces]
        whole = [part for part in parts if part is not None]
        if not whole:
            return None
        return _untile(torch.cat(whole, dim=-1), batch, views, down, across)[..., :height, :width].contiguous()

    depth, ids = image(0), image(1)
    assert depth is not None
    assert ids is not None
    return Frames(color=image(2), depth=depth[:, :, 0], ids=ids[:, :, 0], normals=image(3))


def _render_tiles(
    scenes: PreparedScenes,
    grid: TileGrid,
    view: Tensor,
    y: Tensor,
    x: Tensor,
    candidate: Tensor,
    *,
    color: bool,
    shadow_samples: int,
    normals: bool,
) -> tuple[Tensor | None, ...]:
    """Depth, ids, color and normals (c, RAYS, T) of some tiles."""
    inner = torch.arange(TILE, device=view.device)
    scene = view // grid.shape[1]
    rays = EyeRays(
        scene=scene,
        eye=grid.eye.flatten(0, 1)[view],
        turn=grid.turn.flatten(0, 1)[view],
        x=grid.x.flatten(0, 1)[view[:, None], x[:, None] * TILE + inner].T.contiguous(),  # (TILE, T)
        y=grid.y.flatten(0, 1)[view[:, None], y[:, None] * TILE + inner].T.contiguous(),
    )
    hits = cast(scenes.solids, rays, candidate)
    met = hits.depth < MISS
    depth = torch.where(met, hits.depth, 0.0)
    ids = torch.where(met, scenes.instance[scene].gather(1, hits.solid.T).T, 0).to(torch.int32)
    if not (color or normals):
        return depth[None], ids[None], None, None
    pixel = grid.x[..., 1] - grid.x[..., 0]  # (B, S) width of a pixel at depth 1
    footprint = depth.clamp(min=1e-3) * pixel.flatten()[view]
    found = surface(scenes.solids, scenes.materials, rays, hits, footprint)
    rgb = None
    if color:
        rgb = met * shade(
            found, scenes.solids, scenes.lights, scene, rays.eye, footprint, shadow_samples=shadow_samples
        )
    return depth[None], ids[None], rgb, met * found.normal if normals else None


def _untile(tiles: Tensor, batch: int, views: int, down: int, across: int) -> Tensor:
    """Put (c, RAYS, T) back into images (B, S, c, ny * TILE, nx * TILE)."""
    channels = tiles.shape[0]
    grid = tiles.reshape(channels, TILE, TILE, batch, views, down, across)
    return grid.permute(3, 4, 0, 5, 1, 6, 2).reshape(batch, views, channels, down * TILE, across * TILE)
