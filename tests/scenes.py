"""Synthetic scenes for tests: small, exact by construction, the same for the same seed.

A camera walks along a gentle arc in front of a wavy wall. Every query claims a ball around its anchor,
with a soft edge, so neighboring queries overlap as real ones do.
"""

import dataclasses

import numpy as np

from fast3dis_core.reconstruction import FilterReport, Instance, PointCloud, Reconstruction

LAYERS = 2
RADIUS = 0.45  # of a query's ball, scene units; the wall is about 3 units away
SOFTNESS = 0.06  # of the ball's edge, scene units


def synthetic_reconstruction(
    views: int = 3, height: int = 28, width: int = 42, queries: int = 5, seed: int = 0, *, is_metric: bool = False
) -> Reconstruction:
    """A complete `Reconstruction` with rigid cameras, unprojected points and overlapping instances.

    Every query is kept, in an order that differs from the query numbers. About one point in twenty is
    invalid, and one of those is not finite.

    Parameters
    ----------
    views, height, width, queries : int
    seed : int
    is_metric : bool

    Returns
    -------
    Reconstruction
    """
    rng = np.random.default_rng(seed)
    intrinsics = _intrinsics(views, height, width)
    world_to_camera = _arc_of_cameras(views)
    points = _unproject(_wavy_depth(views, height, width), intrinsics, world_to_camera)  # (P, 3)
    images = _wallpaper(points, rng).reshape(views, height, width, 3)  # (S, H, W, 3)

    valid = rng.random(len(points)) > 0.05
    if len(points):
        valid[-1] = False
        points[-1] = np.nan
    anchors = _anchors(points[valid], queries, rng)
    objectness = np.sort(rng.uniform(0.3, 0.98, size=(LAYERS + 1, queries)), axis=1)
    objectness = objectness[:, rng.permutation(queries)].astype(np.float32)
    with np.errstate(invalid="ignore"):
        distance = np.linalg.norm(points[:, None] - anchors[-1][None], axis=-1)  # (P, N)
    claims = 1 / (1 + np.exp(np.clip((distance - RADIUS) / SOFTNESS, -60, 60)))  # (P, N)
    weighted = np.nan_to_num(claims * objectness[-1])
    instances = [
        Instance(
            query=query,
            objectness=float(objectness[-1, query]),
            anchor=anchors[-1, query].copy(),
            pixels=np.flatnonzero(valid & (claims[:, query] > 0.5)).astype(np.int32),
        )
        for query in range(queries)
    ]
    return Reconstruction(
        names=tuple(f"view_{index:03d}.jpg" for index in range(views)),
        images=images,
        intrinsics=intrinsics,
        world_to_camera=world_to_camera,
        is_metric=is_metric,
        cloud=PointCloud(
            points=points,
            colors=images.reshape(-1, 3),
            confidence=rng.uniform(1, 5, len(points)).astype(np.float32),
            valid=valid,
        ),
        instances=tuple(sorted(instances, key=lambda item: -item.objectness)),
        anchors=anchors,
        objectness=objectness,
        overlap=(weighted.T @ weighted).astype(np.float32),
        filters=(
            FilterReport(
                name="confidence", setting=0.05, removed=int((~valid).sum()), total=len(points), unit="points"
            ),
        ),
    )


def replaced(reconstruction: Reconstruction, **changes: object) -> Reconstruction:
    """The same reconstruction with some fields exchanged."""
    return dataclasses.replace(reconstruction, **changes)


def _intrinsics(views: int, height: int, width: int) -> np.ndarray:
    matrix = np.array([[0.9 * width, 0, width / 2], [0, 0.9 * width, height / 2], [0, 0, 1]], np.float32)
    return np.repeat(matrix[None], views, axis=0)


def _arc_of_cameras(views: int) -> np.ndarray:
    """Rigid (S, 4, 4) float32; view 0 is the identity."""
    transforms = np.repeat(np.eye(4)[None], views, axis=0)
    for index in range(1, views):
        angle = 0.5 * index / max(views - 1, 1)
        rotation = np.array([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]])
        center = np.array([3 * np.sin(angle), 0.1 * angle, 3 - 3 * np.cos(angle)])  # 3 units from the wall's middle
        transforms[index, :3, :3] = rotation
        transforms[index, :3, 3] = -rotation @ center
    return transforms.astype(np.float32)


def _wavy_depth(views: int, height: int, width: int) -> np.ndarray:
    rows, columns = np.meshgrid(np.linspace(0, 1, height), np.linspace(0, 1, width), indexing="ij")
    phase = np.arange(views)[:, None, None] * 0.3
    return 3 + 0.3 * np.sin(5 * columns + phase) * np.cos(4 * rows)  # (S, H, W)


def _unproject(depth: np.ndarray, intrinsics: np.ndarray, world_to_camera: np.ndarray) -> np.ndarray:
    views, height, width = depth.shape
    rows, columns = np.meshgrid(np.arange(height) + 0.5, np.arange(width) + 0.5, indexing="ij")
    pixels = np.stack([columns, rows, np.ones_like(rows)], axis=-1).reshape(-1, 3)  # (H*W, 3)
    points = np.empty((views, height * width, 3))
    for view in range(views):
        camera = pixels @ np.linalg.inv(intrinsics[view].astype(float)).T * depth[view].reshape(-1, 1)
        rotation, shift = world_to_camera[view, :3, :3].astype(float), world_to_camera[view, :3, 3]
        points[view] = (camera - shift) @ rotation
    return points.reshape(-1, 3).astype(np.float32)  # (P, 3)


def _wallpaper(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Colors (P, 3) uint8 that depend on the place, with a little noise so that no two pixels agree by luck."""
    waves = 110 + 80 * np.sin(points * np.array([2.0, 3.0, 1.5]) + np.array([0.0, 1.0, 2.0]))
    return (waves + rng.integers(0, 40, points.shape)).clip(0, 255).astype(np.uint8)


def _anchors(points: np.ndarray, queries: int, rng: np.random.Generator) -> np.ndarray:
    """Anchors (L + 1, N, 3) float32 that end on points of the scene."""
    last = points[rng.choice(len(points), size=queries, replace=queries > len(points))] if queries else np.empty((0, 3))
    steps = np.arange(LAYERS, -1, -1)[:, None, None] * rng.normal(0, 0.05, (1, queries, 3))
    return (last[None] + steps).astype(np.float32)
