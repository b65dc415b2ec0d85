import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.geometry.cameras import invert_rigid, project, rebase, unproject
from fast3dis_core.model.anchor_decoder import decoder_cameras
from fast3dis_core.model.position_encoding import FourierEncoding3D
from fast3dis_core.model.scene_frame import scene_frame
from tests.core.model.encoded import random_geometry


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_projecting_what_was_unprojected_gives_the_pixel_centers(seed):
    geometry = random_geometry(2, 14, 28, seed)
    world = unproject(geometry.depth, geometry.intrinsics, geometry.world_to_camera)  # (1, 2, 14, 28, 3)
    for view in range(2):
        camera = slice(view, view + 1)
        pixels, depth = project(
            world[0, view].reshape(1, -1, 3), geometry.intrinsics[:, camera], geometry.world_to_camera[:, camera]
        )
        rows, columns = torch.meshgrid(torch.arange(14) + 0.5, torch.arange(28) + 0.5, indexing="ij")
        torch.testing.assert_close(pixels[0, 0], torch.stack([columns, rows], -1).reshape(-1, 2), rtol=0, atol=1e-2)
        torch.testing.assert_close(depth[0, 0], geometry.depth[0, view].reshape(-1), rtol=1e-4, atol=1e-4)


def test_rigid_inverse_and_rebasing():
    motion = random_geometry(4).world_to_camera
    identity = torch.eye(4).expand_as(motion)
    torch.testing.assert_close(motion @ invert_rigid(motion), identity, rtol=0, atol=1e-5)
    assert invert_rigid(motion[..., :3, :]).shape[-2:] == (3, 4)
    based = rebase(motion)
    assert torch.equal(based[:, 0], torch.eye(4)[None])
    torch.testing.assert_close(based @ motion[:, :1], motion, rtol=1e-5, atol=1e-5)


def test_geometry_ignores_autocast():
    """bfloat16 would move points by centimeters."""
    geometry = random_geometry(3)
    frame, encoding = scene_frame(geometry), FourierEncoding3D(16)

    def everything():
        cameras = decoder_cameras(geometry, scene_frame(geometry))
        points = geometry.points()
        image, depth = project(points.flatten(1, 3), geometry.intrinsics, geometry.world_to_camera)
        encoded = encoding(frame.normalize(points))
        return points, image, depth, encoded, cameras.intrinsics, cameras.normalized_to_camera

    exact = everything()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = everything()
    assert all(torch.equal(one, other) for one, other in zip(exact, inside, strict=True))
