"""Whether the geometry of a scene closes: depth, ids, cameras and mesh tell of one world."""

import numpy as np
import torch

from fast3dis_core.datasets.mesh_rendering import render_faces
from fast3dis_core.geometry.cameras import project, unproject
from tests.core.datasets.boxed_room import cast


def points_of(scene, view):
    """World points (h, w, 3) of a view, and where its depth is known."""
    depth, k, camera = scene.depth(view), scene.intrinsics(view), scene.world_to_camera(view)
    points = unproject(torch.from_numpy(depth).double(), torch.from_numpy(k), torch.from_numpy(camera))
    return points.numpy(), depth > 0


def assert_frames_agree(scene, first, second, *, tolerance=0.002, share=0.94):
    """Points of one view lie where the camera of another meets the room, with the same ids."""
    points, known = points_of(scene, first)
    k, camera = scene.intrinsics(second), scene.world_to_camera(second)
    pixels, depth = project(torch.from_numpy(points[known]), torch.from_numpy(k)[None], torch.from_numpy(camera)[None])
    pixels, depth, size = pixels[0].numpy(), depth[0].numpy(), scene.image(second).shape
    inside = (depth > 0) & (pixels >= 0).all(1) & (pixels < (size[1], size[0])).all(1)
    rays = np.concatenate([pixels, np.ones((len(pixels), 1))], axis=1) @ np.linalg.inv(k).T
    met = cast(np.linalg.inv(camera), rays).depth
    visible = inside & (met > 0.95 * depth)  # nothing stands in front, but for what stands on the floor just there
    assert visible.sum() > 0.2 * known.sum()
    assert (np.abs(met - depth) < tolerance * depth)[visible].mean() > share
    ids, others = scene.instance(first), scene.instance(second)
    if ids is not None:
        x, y = np.floor(pixels[visible]).astype(int).T
        assert (ids[known][visible] == others[y, x]).mean() > 0.93  # pixels are large, so borders are long


def assert_there_and_back(scene, view):
    """The points of a view project to the centers of their pixels."""
    points, known = points_of(scene, view)
    k, camera = (torch.from_numpy(read(view))[None] for read in (scene.intrinsics, scene.world_to_camera))
    pixels, _ = project(torch.from_numpy(points[known]), k, camera)
    y, x = np.nonzero(known)
    assert np.abs(pixels[0].numpy() - np.stack([x, y], axis=-1) - 0.5).max() < 1e-3


def assert_on_mesh(scene, view, *, tolerance=0.003, share=0.97):
    """The mesh, seen from the camera of a view, has the depth of the view."""
    mesh, depth = scene.mesh(), scene.depth(view)
    rendered = render_faces(mesh, scene.intrinsics(view), scene.world_to_camera(view), depth.shape).depth
    both = (depth > 0) & (rendered > 0)
    assert both.sum() > 0.9 * max((depth > 0).sum(), (rendered > 0).sum())
    assert (np.abs(depth - rendered)[both] < tolerance * depth[both]).mean() > share
