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


# linear sRGB to what dichromats see of it. The module chooses by Machado et al. (2009); Viénot et al. (1999) is a model
# of its own, so a color that only looks safe to the module's matrices is found out
MACHADO = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
VIENOT = {
    "protanopia": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "deuteranopia": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
}
EYES = {
    "all cones": np.eye(3),
    **{f"{name}, Machado": np.array(matrix) for name, matrix in MACHADO.items()},
    **{f"{name}, Vienot": np.array(matrix) for name, matrix in VIENOT.items()},
}


def seen_by(eyes, colors):
    """The colors as a screen would show them to somebody with all cones who should see what `eyes` see."""
    encoded = colors / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ EYES[eyes].T, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def closest(palette, count, eyes):
    apart = distances(seen_by(eyes, instance_palette(count, palette)))
    np.fill_diagonal(apart, np.inf)
    return apart.min()


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize(("count", "least"), [(12, 0.09), (40, 0.04), (80, 0.03)])
def test_safe_colors_are_told_apart_by_everybody(eyes, count, least):
    """The limits that `instance_color` documents."""
    if "Vienot" in eyes and count > 12:
        least = 0.02  # just noticeable; the other model was not chosen by
    assert closest("safe", count, eyes) > least


@pytest.mark.parametrize("eyes", ["protanopia, Machado", "deuteranopia, Machado", "tritanopia, Machado"])
def test_the_standard_colors_are_not_safe(eyes):
    """Else nobody would need the others."""
    assert closest("standard", 12, eyes) < closest("safe", 12, eyes)


def test_safe_colors_are_as_long_a_list_as_anybody_needs():
    palette = instance_palette(500, "safe")
    assert len(np.unique(palette[:240], axis=0)) == 240
    assert np.array_equal(palette[240:], palette[np.arange(240, 500) % 240])
    for query in (0, 79, 80, 239, 240):
        assert np.array_equal(instance_color(query, "safe"), palette[query])
    assert np.array_equal(instance_palette(12, "safe"), palette[:12])
    assert np.linalg.norm(oklab(palette[:80])[:, 1:], axis=1).min() > 0.055


def test_the_first_safe_colors_stay_what_they_were():
    """Colors are a promise to files and sessions: the order must not depend on machine or release."""
    first = ["".join(f"{channel:02x}" for channel in color) for color in instance_palette(4, "safe")]
    assert first == ["2513cb", "ede361", "cd4616", "1da4ec"]
