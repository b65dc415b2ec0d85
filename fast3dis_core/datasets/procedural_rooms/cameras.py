"""Camera paths through a room: orbits, walks, turns on the spot, and wide pairs.

`propose_paths` draws several paths of S views that keep clear of walls and objects; `rate_paths` looks
at small depth and id images of all of them to find the best: many objects seen, neighbors that
share what they see, no view filled by something near. Layout frame; cameras look along +z (OpenCV axes).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fast3dis_core.datasets.procedural_rooms.primitives import Array, RoomLayout, turn_z
from fast3dis_core.datasets.procedural_rooms.structure import inside
from fast3dis_core.geometry.cameras import invert_rigid, project, unproject

Rng = np.random.Generator

CLEARANCE = 0.25  # between a camera and any solid, meters
OVERLAP = 0.4  # share of one view's points that some neighboring view must contain

_EYES = 120  # free places from which those of the cameras are drawn
_JITTER = 0.05  # by which the eyes of an orbit may leave their sampled places, meters
_NEAR = 0.7  # meters; a view should not be filled by what is nearer
_DULL = 0.08  # share of pixels on objects below which a view is a view of a wall
_WALL = 1.0  # median depth below which a view stares at something, meters

MODES = ("orbit", "walk", "turn", "pairs")


@dataclass(frozen=True)
class Path:
    """S cameras of one room.

    Attributes
    ----------
    camera_to_layout : array (S, 4, 4)
    field_of_view : float
        Horizontal, radians; the same for all views.
    """

    camera_to_layout: Array
    field_of_view: float


def propose_paths(layout: RoomLayout, views: int, count: int, rng: Rng) -> list[Path]:
    """Draw `count` paths that keep clear of everything.

    Parameters
    ----------
    layout : RoomLayout
    views : int
    count : int
    rng : Generator
    """
    eyes = _free_eyes(layout, rng)
    mode = MODES[int(rng.choice(4, p=[0.4, 0.25, 0.15, 0.2]))]
    return [_path(layout, eyes, mode if index < count - 2 else "orbit", views, rng) for index in range(count)]


def _free_eyes(layout: RoomLayout, rng: Rng) -> Array:
    """Positions at eye height that keep the clearance, array (n, 3); a denser search if few are found."""
    low, high = layout.outline.min(0), layout.outline.max(0)
    found = np.empty((0, 3))
    top = min(1.85, layout.height - CLEARANCE - 0.05)
    for _ in range(12):
        points = np.column_stack([rng.uniform(low, high, (300, 2)), rng.uniform(0.95, top, 300)])
        points = points[inside(layout.outline, points[:, :2], CLEARANCE + 0.05)]
        found = np.vstack([found, points[distance_to_solids(layout, points) >= CLEARANCE + _JITTER]])
        if len(found) >= _EYES:
            break
    assert len(found) > 0, "a room without a free place for a camera"
    return found[:_EYES]


def distance_to_solids(layout: RoomLayout, points: Array) -> Array:
    """Distance of points (n, 3) to the nearest solid's box, array (n,); 0 inside one."""
    offset = points.T - layout.center[:, :, None]  # (P, 3, n)
    beyond = np.maximum(np.abs(layout.axes @ offset) - layout.half[:, :, None], 0)
    return np.asarray(np.sqrt((beyond**2).sum(1)).min(0))


def _path(layout: RoomLayout, eyes: Array, mode: str, views: int, rng: Rng) -> Path:
    field = np.deg2rad(rng.uniform(50, 90))
    target = layout.focus + rng.normal(0, [0.3, 0.3, 0.1])
    target[2] = np.clip(target[2], 0.35, 1.1)
    chosen = _eye_sequence(eyes, target, mode, views, rng)
    transforms = []
    for index, eye in enumerate(chosen):
        look = target + rng.normal(0, [0.25, 0.25, 0.12])
        if mode == "walk":
            ahead = chosen[-1] - chosen[0]
            share = 0.35 * float(np.linalg.norm(target - eye)) / max(float(np.linalg.norm(ahead)), 1e-6)
            look = look + ahead * share
        if mode == "turn":
            away = target - eye
            spread = 0.5 * field * min(1.0, 5 / max(views - 1, 1))
            turn = (index - (views - 1) / 2) * spread
            look = eye + turn_z(float(turn)) @ away
        transforms.append(look_at(eye, look, float(rng.normal(0, 0.03))))
    return Path(np.stack(transforms), float(field))


def _eye_sequence(eyes: Array, target: Array, mode: str, views: int, rng: Rng) -> Array:
    """Eyes of a path: by angle around the target, along a line, close together, or any."""
    offset = eyes[:, :2] - target[:2]
    distance = np.linalg.norm(offset, axis=1)
    far = np.flatnonzero(distance >= min(1.6, float(np.quantile(distance, 0.6))))
    if mode == "orbit":
        angle = np.arctan2(offset[far, 1], offset[far, 0])
        start, arc = rng.uniform(-np.pi, np.pi), np.deg2rad(rng.uniform(15, 32)) * (views - 1)
        wanted = start + np.linspace(0, min(arc, 1.75 * np.pi), views)
        gap = np.abs((angle[None] - wanted[:, None] + np.pi) % (2 * np.pi) - np.pi)
        radius = np.quantile(distance[far], rng.uniform(0.5, 1.0))
        cost = gap + 0.25 * np.abs(distance[far][None] - radius)
        return np.asarray(eyes[far[cost.argmin(1)]] + rng.uniform(-1, 1, (views, 3)) * _JITTER / 3)
    first = eyes[far[int(rng.integers(len(far)))]]
    if mode == "turn":
        near = np.argsort(np.linalg.norm(eyes - first, axis=1))
        return np.asarray(eyes[near[: max(1, min(len(near), 3))]][rng.integers(0, min(3, len(near)), views)])
    if mode == "walk":
        step = np.linalg.norm(eyes - first, axis=1)
        last = eyes[np.argmin(np.abs(step - rng.uniform(0.25, 0.5) * views))]
        wanted = first + np.linspace(0, 1, views)[:, None] * (last - first)
        cost = np.linalg.norm(eyes[None] - wanted[:, None], axis=-1)
        return np.asarray(eyes[cost.argmin(1)])
    return np.asarray(eyes[far[rng.integers(0, len(far), views)]])


def look_at(eye: Array, target: Array, roll: float) -> Array:
    """Camera-to-layout transform (4, 4) with the image's down close to -z, rolled about the view axis."""
    forward = target - eye
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right = right / np.linalg.norm(right)
    down = np.cross(forward, right)
    cos, sin = np.cos(roll), np.sin(roll)
    transform = np.eye(4)
    transform[:3, :3] = np.column_stack([cos * right + sin * down, cos * down - sin * right, forward])
    transform[:3, 3] = eye
    return transform


def intrinsics_of(field_of_view: float, height: int, width: int) -> Array:
    """Square pixels, principal point in the middle, K (3, 3) in pixels."""
    focal = width / 2 / np.tan(field_of_view / 2)
    return np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])


def view_overlap(depth: Tensor, intrinsics: Tensor, camera_to_layout: Tensor) -> Tensor:
    """Share of each view's points that fall into each other view's image, occluded or not.

    Parameters
    ----------
    depth : Tensor (..., S, H, W)
    intrinsics : Tensor (..., S, 3, 3)
    camera_to_layout : Tensor (..., S, 4, 4)

    Returns
    -------
    Tensor (..., S, S)
        Entry (i, j): points of view i seen by the camera of view j.
    """
    height, width = depth.shape[-2:]
    world_to_camera = invert_rigid(camera_to_layout)
    points = unproject(depth, intrinsics, world_to_camera).flatten(-3, -2)  # (..., S, H*W, 3)
    pixels, z = project(points.flatten(-3, -2), intrinsics, world_to_camera)  # (..., S, S*H*W, 2)
    seen = (z > 0) & (pixels > 0).all(-1) & (pixels[..., 0] < width) & (pixels[..., 1] < height)
    views = depth.shape[-3]
    return seen.unflatten(-1, (views, height * width)).float().mean(-1).mT


def rate_paths(depth: Tensor, ids: Tensor, overlap: Tensor, objects: int) -> tuple[Tensor, Tensor]:
    """How good paths are: objects seen, seen twice, large in the image; no view blocked, dull or alone.

    Parameters
    ----------
    depth : Tensor (A, S, H, W)
        Small images of A paths.
    ids : Tensor (A, S, H, W)
        Instance ids, objects first.
    overlap : Tensor (A, S, S)
    objects : int
        Ids 1 to `objects` are objects.

    Returns
    -------
    score : Tensor (A,)
    acceptable : Tensor (A,) bool
        Some neighbors overlap enough, and no view is dull or stares at something near.
    """
    seen = torch.stack([(ids == index + 1).flatten(2).any(-1) for index in range(objects)], -1)  # (A, S, objects)
    coverage = seen.any(1).float().mean(-1)
    shared = (seen.sum(1) > 1).float().mean(-1)
    interest = ((ids > 0) & (ids <= objects)).flatten(2).float().mean(-1)  # (A, S) share of pixels on objects
    near = (depth.flatten(2) < _NEAR).float().mean(-1).amax(-1)
    close = depth.flatten(2).median(-1).values.amin(-1)
    neighbors = torch.diagonal(overlap, 1, -2, -1) if overlap.shape[-1] > 1 else torch.ones_like(interest)
    alone = neighbors.amax(-1) < OVERLAP
    dull = interest.amin(-1) < _DULL
    staring = close < _WALL
    penalty = 4 * alone.float() + 2 * dull.float() + 2 * staring.float() + 4 * near.clamp(min=0.12)
    score = coverage + 0.5 * shared + 0.8 * interest.clamp(max=0.5).mean(-1) + 0.3 * neighbors.mean(-1) - penalty
    return score, ~(alone | dull | staring)
