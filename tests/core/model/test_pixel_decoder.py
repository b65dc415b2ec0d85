import torch

from fast3dis_core.model.pixel_decoder import POINT_RANGE, PixelDecoder, pool_points


def features(views, grid, dim=12):
    return tuple(torch.randn(1, views, grid[0] * grid[1], dim) for _ in range(4))


def test_levels_have_the_strides_of_the_paper():
    decoder = PixelDecoder(feature_dim=12, channels=8)
    out = decoder(features(2, (3, 5)), torch.randn(1, 2, 42, 70, 3), grid=(3, 5))
    assert [tuple(level.shape) for level in out.levels] == [(1, 2, 8, 2, 3), (1, 2, 8, 3, 5), (1, 2, 8, 6, 10)]
    assert out.injected.shape == (1, 2, 8, 2, 3)
    assert out.mask_features.shape == (1, 2, 8, round(42 / 4), round(70 / 4))


def test_views_do_not_see_each_other():
    decoder, maps, points = PixelDecoder(feature_dim=12, channels=8), features(3, (3, 5)), torch.randn(1, 3, 42, 70, 3)
    together = decoder(maps, points, grid=(3, 5))
    alone = decoder(tuple(level[:, 1:2] for level in maps), points[:, 1:2], grid=(3, 5))
    torch.testing.assert_close(together.mask_features[:, 1:2], alone.mask_features, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(together.levels[0][:, 1:2], alone.levels[0], rtol=1e-4, atol=1e-5)


def test_geometry_reaches_every_output():
    decoder, maps = PixelDecoder(feature_dim=12, channels=8), features(1, (3, 5))
    near = decoder(maps, torch.zeros(1, 1, 42, 70, 3), grid=(3, 5))
    far = decoder(maps, torch.ones(1, 1, 42, 70, 3), grid=(3, 5))
    for one, other in zip((*near.levels, near.mask_features), (*far.levels, far.mask_features), strict=True):
        assert (one - other).abs().max() > 1e-4


def test_points_are_averaged_over_the_pixels_that_have_depth():
    points = torch.full((1, 4, 4, 3), 2.0)
    points[0, :2, :2] = torch.nan  # an empty cell
    points[0, 2, 2] = torch.nan  # a cell with a hole
    points[0, 3, 3] = 3.5
    points[0, 0, 3] = 1e9  # an outlier
    pooled = pool_points(points, (2, 2))
    assert pooled[0, :, 0, 0].tolist() == [0.0] * 3
    torch.testing.assert_close(pooled[0, 0, 1, 1], torch.tensor((2 + 2 + 3.5) / 3))
    torch.testing.assert_close(pooled[0, 0, 0, 1], torch.tensor((2 + 2 + 2 + POINT_RANGE) / 4))
