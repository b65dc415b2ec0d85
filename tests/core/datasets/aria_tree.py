"""A folder in the format of Aria Synthetic Environments: two boxes on a floor, cast through the fisheye camera.

World: meters, z up. The floor has a rug whose id has no class, is "empty_space" far away, and then ends.
"""

import functools
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

from fast3dis_core.datasets.aria_synthetic import CAMERA, CAMERA_TO_DEVICE
from fast3dis_core.datasets.fisheye import CLOCKWISE

FLOOR, FAR, RUG = 7, 8, 900
TABLE, SOFA = 3001, 42  # as 8 bits these would be 185 and 42
CLASSES = {"0": "background", str(FLOOR): "floor", str(FAR): "empty_space", str(TABLE): "table", str(SOFA): "sofa"}
KNOWN = {FLOOR, TABLE, SOFA}
FAR_AWAY, END = 5.0, 8.0  # from the origin, meters
BOXES = {TABLE: ((-0.6, -0.4, 0.0), (0.6, 0.4, 0.75)), SOFA: ((0.9, -1.0, 0.0), (1.9, 0.8, 0.5))}
# where the camera stands and what it looks at
STANDS = (
    ((-2.2, -1.8, 1.6), (0.3, 0.0, 0.3)),
    ((-1.2, -2.4, 1.5), (0.5, 0.1, 0.2)),
    ((0.4, -2.6, 1.7), (0.6, 0.2, 0.4)),
)


class Cast(NamedTuple):
    """What rays hit: distance in ray lengths (0 = nothing), id, color."""

    distance: np.ndarray
    ids: np.ndarray
    colors: np.ndarray


def upright_to_world(stand):
    """Camera (4, 4) at `stand[0]` that looks at `stand[1]`, image upright."""
    position, target = (np.array(point) for point in stand)
    z = (target - position) / np.linalg.norm(target - position)
    x = np.cross(z, (0, 0, 1))
    x /= np.linalg.norm(x)
    motion = np.eye(4)
    motion[:3] = np.stack([x, np.cross(z, x), z, position], axis=-1)
    return motion


def cast(directions, camera_to_world):
    """Follow rays (..., 3) of a camera."""
    origin = camera_to_world[:3, 3]
    rays = directions @ camera_to_world[:3, :3].T
    with np.errstate(divide="ignore", invalid="ignore"):
        floor = -origin[2] / rays[..., 2]
        distance = np.where(floor > 0, floor, np.inf)
        place = origin + np.where(np.isfinite(distance), distance, 0)[..., None] * rays
        reach = np.linalg.norm(place[..., :2], axis=-1)
        distance, ids = np.where(reach > END, np.inf, distance), np.where(reach > FAR_AWAY, FAR, FLOOR)
        ids = np.where((np.abs(place[..., 0]) < 0.8) & (np.abs(place[..., 1] + 1.0) < 0.3), RUG, ids)
        for number, (low, high) in BOXES.items():
            near, far = np.sort(np.stack([(np.array(low) - origin) / rays, (np.array(high) - origin) / rays]), axis=0)
            entry, leave = near.max(-1), far.min(-1)
            hit = (entry < leave) & (entry > 0) & (entry < distance)
            distance, ids = np.where(hit, entry, distance), np.where(hit, number, ids)
    seen = np.isfinite(distance)
    distance, ids = np.where(seen, distance, 0), np.where(seen, ids, 0)
    place = origin + distance[..., None] * rays
    waves = 0.5 + 0.4 * np.sin(place @ np.array([[3.0, 0.7, 1.1], [0.5, 2.5, -1.0], [1.0, -1.5, 3.0]]) + (0, 1, 2))
    return Cast(distance, ids, np.where(seen[..., None], waves, 0))


@functools.cache
def stored_rays():
    """Unit rays (704, 704, 3) of the stored pixels by inverting the lens, and which pixels it is calibrated for."""
    height, width = CAMERA.size
    v, u = np.mgrid[:height, :width] + 0.5
    pixels = np.stack([u, v], axis=-1)
    goal = (pixels - CAMERA.center) / CAMERA.focal
    (p0, p1), bent = CAMERA.tangential, goal
    for _ in range(8):  # the tangential terms are small: the remainder shrinks a hundredfold each time
        x, y = bent[..., 0], bent[..., 1]
        square = x * x + y * y
        drift = [(2 * x * x + square) * p0 + 2 * x * y * p1, (2 * y * y + square) * p1 + 2 * x * y * p0]
        bent = goal - np.stack(drift, axis=-1)
    radius = np.linalg.norm(bent, axis=-1)
    radial = np.polynomial.Polynomial(np.ravel([(0, k) for k in (1, *CAMERA.radial)]))  # odd powers of the angle
    angles = np.linspace(0, 1.3, 4000)
    angle = np.interp(radius, radial(angles), angles)
    for _ in range(3):
        angle = angle - (radial(angle) - radius) / radial.deriv()(angle)
    axis = np.divide(bent, radius[..., None], out=np.zeros_like(bent), where=radius[..., None] > 0)
    rays = np.concatenate([np.sin(angle)[..., None] * axis, np.cos(angle)[..., None]], axis=-1)
    return rays, CAMERA.sees(pixels)


@functools.cache
def stored_frame(stand):
    """Photo, depth and ids of one frame as the data set stores them."""
    rays, valid = stored_rays()
    stored_to_world = upright_to_world(stand).copy()
    stored_to_world[:3, :3] = stored_to_world[:3, :3] @ CLOCKWISE
    found = cast(rays, stored_to_world)
    return (
        np.where(valid[..., None], found.colors * 255 + 0.5, 0).astype(np.uint8),
        np.where(valid, np.rint(found.distance * 1000).clip(0, 65535), 0).astype(np.uint16),
        np.where(valid, found.ids, 0).astype(np.uint16),
    )


def trajectory_row(stand):
    stored_to_world = upright_to_world(stand).copy()
    stored_to_world[:3, :3] = stored_to_world[:3, :3] @ CLOCKWISE
    device_to_world = stored_to_world @ np.linalg.inv(CAMERA_TO_DEVICE)
    numbers = [*device_to_world[:3, 3], *Rotation.from_matrix(device_to_world[:3, :3]).as_quat()]
    return ",".join(["graph", "100000", "-1", *(f"{number:.9f}" for number in numbers), "1.0"])


def write_scene(folder: Path, stands=STANDS, *, rows=None):
    """One scene with a frame for every stand; `rows` of the trajectory, by default one each."""
    for name in ("rgb", "depth", "instances"):
        (folder / name).mkdir(parents=True)
    for number, stand in enumerate(stands):
        photo, depth, ids = stored_frame(stand)
        Image.fromarray(photo).save(folder / "rgb" / f"vignette{number:07d}.jpg", quality=95)
        Image.fromarray(depth).save(folder / "depth" / f"depth{number:07d}.png", compress_level=1)
        Image.fromarray(ids).save(folder / "instances" / f"instance{number:07d}.png", compress_level=1)
    header = "#graph_uid,timestamp,utc,tx,ty,tz,qx,qy,qz,qw,quality"
    lines = [header, *(trajectory_row(stand) for stand in stands)][: None if rows is None else rows + 1]
    (folder / "trajectory.csv").write_text("\n".join(lines) + "\n")
    (folder / "object_instances_to_classes.json").write_text(json.dumps(CLASSES))
    return folder
