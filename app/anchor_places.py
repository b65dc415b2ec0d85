"""Between the pixels of a photo and places in the world, for anchors that are moved in a photo. NumPy alone.

Pixel coordinates have the middle of a pixel at +0.5, as everywhere; depth is along the camera's z axis.
"""

from collections.abc import Set as AbstractSet

import numpy as np

from app.photo_layers import ProjectedAnchors, depth_map, project_anchors
from fast3dis_core.curation import Curated, CuratedInstance
from fast3dis_core.reconstruction import Reconstruction

Position = tuple[float, float, float]
NEAREST = 1e-3  # share of its depth at which an anchor stays in front of the camera


def seen_anchors(result: Reconstruction, view: int, layer: int, moved: dict[int, Position]) -> ProjectedAnchors:
    """Anchors of a layer as a photo sees them, some of them elsewhere.

    Parameters
    ----------
    result : Reconstruction
    view, layer : int
    moved : dict of int to Position
        By query number, in place of where the layer has them.
    """
    anchors = np.array(result.anchors[layer])
    for query, position in moved.items():
        anchors[query] = position
    return project_anchors(anchors, result.world_to_camera[view], result.intrinsics[view], depth_map(result, view))


def depth_in_photo(result: Reconstruction, view: int, position: Position) -> float:
    """Depth of a place in a photo's camera, scene units; 0 or less behind it."""
    axis = result.world_to_camera[view, 2].astype(np.float64)
    return float(axis[:3] @ np.array(position) + axis[3])


def on_ray(result: Reconstruction, view: int, x: float, y: float, depth: float) -> Position:
    """The place at a depth on the ray through a pixel."""
    inverse = np.linalg.inv(result.intrinsics[view].astype(np.float64))
    camera = depth * (inverse @ np.array([x, y, 1.0]))
    motion = result.world_to_camera[view].astype(np.float64)
    place = motion[:3, :3].T @ (camera - motion[:3, 3])
    return float(place[0]), float(place[1]), float(place[2])


def claimant(curated: Curated, row: int, front: AbstractSet[int]) -> CuratedInstance | None:
    """The shown instance that has a cloud row: one of `front` if there is, else that of highest objectness."""
    for item in sorted(curated.shown, key=lambda item: (item.query not in front, -item.objectness)):
        place = int(np.searchsorted(item.pixels, row))
        if place < len(item.pixels) and int(item.pixels[place]) == row:
            return item
    return None


def surface_depth(result: Reconstruction, view: int, x: float, y: float) -> float | None:
    """Depth of the surface at a pixel, None outside the photo and where there is none."""
    height, width = result.images.shape[1:3]
    if not (0 <= x < width and 0 <= y < height):
        return None
    depth = float(depth_map(result, view)[int(y), int(x)])
    return depth if np.isfinite(depth) else None
