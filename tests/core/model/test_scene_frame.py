from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.errors import GeometryError
from fast3dis_core.model.scene_frame import masked_quantile, scene_frame
from tests.core.model.encoded import random_geometry


@given(st.floats(0.01, 100.0))
@settings(max_examples=20, deadline=None)
def test_scales_with_the_scene(factor):
    geometry = random_geometry()
    motion = geometry.world_to_camera.clone()
    motion[..., :3, 3] *= factor
    scaled = scene_frame(replace(geometry, depth=geometry.depth * factor, world_to_camera=motion))
    frame = scene_frame(geometry)
    torch.testing.assert_close(scaled.center, frame.center * factor, rtol=1e-4, atol=1e-5 * factor)
    torch.testing.assert_close(scaled.scale, frame.scale * factor, rtol=1e-4, atol=0.0)


def test_matches_a_plain_reading():
    geometry = random_geometry(seed=4)
    points = geometry.points().reshape(-1, 3)
    confidence = geometry.confidence.reshape(-1)
    kept = points[confidence >= confidence.sort().values[round(0.2 * (len(confidence) - 1))]]
    rank = round(0.5 * (len(kept) - 1))
    center = kept.sort(dim=0).values[rank]
    extent = (kept - center).abs().amax(1).sort().values[round(0.8 * (len(kept) - 1))]
    frame = scene_frame(geometry)
    torch.testing.assert_close(frame.center[0], center)
    torch.testing.assert_close(frame.scale[0], extent)


def test_batch_equals_single_and_missing_depth_does_not_count():
    first, second = random_geometry(seed=1), random_geometry(seed=2)
    holes = second.depth.clone()
    holes[..., :9] = 0
    second = replace(second, depth=holes)
    both = replace(
        first,
        **{
            name: torch.cat([getattr(first, name), getattr(second, name)])
            for name in ("depth", "confidence", "intrinsics", "world_to_camera")
        },
    )
    frame = scene_frame(both)
    for index, single in enumerate((first, second)):
        alone = scene_frame(single)
        torch.testing.assert_close(frame.center[index], alone.center[0])
        torch.testing.assert_close(frame.scale[index], alone.scale[0])


def test_no_depth_at_all_is_a_geometry_error():
    geometry = random_geometry()
    with pytest.raises(GeometryError, match="depth above zero"):
        scene_frame(replace(geometry, depth=torch.zeros_like(geometry.depth)))


def test_round_trip_of_the_frame():
    frame = scene_frame(random_geometry())
    points = torch.randn(1, 7, 4, 3)
    torch.testing.assert_close(frame.denormalize(frame.normalize(points)), points)


def test_masked_quantile_ignores_the_rest():
    values = torch.tensor([[5.0, 1.0, 9.0, 3.0], [2.0, 8.0, 4.0, 6.0]])
    mask = torch.tensor([[True, True, False, True], [False, True, False, False]])
    assert masked_quantile(values, mask, 0.5).tolist() == [3.0, 8.0]
