"""Colors of instances: distinct, deterministic, and told apart by a perceptual measure of the test's own."""

import numpy as np
import pytest

from fast3dis_core.palette import instance_color, instance_palette


def oklab(colors):
    """sRGB to OKLab by the forward matrices, independent of the module's inverse ones."""
    encoded = colors / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    cones = (
        linear
        @ np.array(
            [
                [0.4122214708, 0.5363325363, 0.0514459929],
                [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005],
            ]
        ).T
    )
    return (
        np.cbrt(cones)
        @ np.array(
            [
                [0.2104542553, 0.7936177850, -0.0040720468],
                [1.9779984951, -2.4285922050, 0.4505937099],
                [0.0259040371, 0.7827717662, -0.8086757660],
            ]
        ).T
    )


def distances(colors):
    lab = oklab(colors)
    return np.linalg.norm(lab[:, None] - lab[None], axis=-1)


def test_eighty_colors_are_told_apart():
    apart = distances(instance_palette(80))
    np.fill_diagonal(apart, np.inf)
    assert apart.min() > 0.045  # 0.02 is just noticeable in OKLab


def test_consecutive_queries_differ_strongly():
    apart = distances(instance_palette(80))
    assert min(apart[index, index + 1] for index in range(79)) > 0.2


def test_no_color_passes_for_gray():
    chroma = np.linalg.norm(oklab(instance_palette(80))[:, 1:], axis=1)
    assert chroma.min() > 0.06


def test_hues_are_equally_spaced():
    lab = oklab(instance_palette(80))
    hue = np.sort(np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) % 360)
    assert np.allclose(np.diff(hue), 360 / 80, atol=1.5)  # eight bits move a hue by up to a degree


def test_palette_and_single_color_agree_in_every_turn():
    palette = instance_palette(250)
    assert palette.shape == (250, 3)
    assert palette.dtype == np.uint8
    for query in (0, 1, 79, 80, 81, 159, 160, 249):
        assert np.array_equal(instance_color(query), palette[query])
    assert np.array_equal(instance_palette(80), palette[:80])
    assert len(np.unique(palette, axis=0)) == 250


def test_caller_cannot_change_the_palette():
    instance_color(3)[:] = 0
    instance_palette(5)[:] = 0
    assert instance_color(3).any()


def test_empty_and_negative():
    assert instance_palette(0).shape == (0, 3)
    with pytest.raises(ValueError, match="at least 0"):
        instance_color(-1)
