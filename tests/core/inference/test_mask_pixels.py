from dataclasses import replace

import numpy as np
import pytest
import torch

from fast3dis_core.inference import mask_pixels
from fast3dis_core.inference.mask_pixels import claimed_nearby, claimed_pixels, claims, image_logits
from fast3dis_core.masks import resize_logits
from fast3dis_core.scene import scene
from tests.core.inference.test_assembly import make
from tests.core.model.encoded import random_scene

SIZES = [  # of logits, and of the photo: powers of two, other whole numbers, fractions, and one axis of each kind
    ((42, 56), (168, 224)),
    ((8, 8), (8, 8)),
    ((6, 7), (18, 21)),
    ((7, 10), (28, 42)),
    ((94, 126), (378, 504)),
]


def blobs(size, seed=0):
    """Masks as a decoder draws them, and such as touch borders and corners, cover everything, or nothing."""
    height, width = size
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    masks = [
        6 - 0.9 * np.hypot((y - rng.uniform(0, height)) * 20 / height, (x - rng.uniform(0, width)) * 20 / width)
        for _ in range(20)
    ]
    masks += [np.full(size, -5.0), np.full(size, 5.0), np.zeros(size), rng.normal(-2, 3, size)]
    for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1), (height // 2, -1)):
        masks.append(np.full(size, -40.0))
        masks[-1][corner] = 50.0
    return torch.from_numpy(np.stack(masks)).float()


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 0.97, 1.0])
@pytest.mark.parametrize(("small", "large"), SIZES)
def test_reading_around_the_masks_finds_what_reading_everything_finds(small, large, threshold):
    logits = blobs(small)
    nearby = list(claimed_nearby(logits, large, threshold))
    everywhere = list(claimed_pixels(resize_logits(logits, *large), threshold))
    assert len(nearby) == len(everywhere) == len(logits)
    for (claimed, certainty), (expected, sure) in zip(nearby, everywhere, strict=True):
        np.testing.assert_array_equal(claimed, expected)
        assert certainty == pytest.approx(sure, rel=1e-6)


def test_what_is_no_number_is_read_everywhere():
    logits = blobs((7, 10))
    logits[0, 3, 3], logits[1, 2, 2] = torch.nan, torch.inf
    for one, other in zip(
        claimed_nearby(logits, (28, 40), 0.5), claimed_pixels(resize_logits(logits, 28, 40), 0.5), strict=True
    ):
        np.testing.assert_array_equal(one[0], other[0])


def test_little_is_brought_to_image_size(monkeypatch):
    """Else it would be no faster: a mask takes its box and a border, an empty one nothing."""
    read = []

    def spy(logits, height, width):
        read.append(len(logits) * height * width)
        return resize_logits(logits, height, width)

    monkeypatch.setattr(mask_pixels, "resize_logits", spy)
    logits = torch.full((3, 40, 60), -9.0)
    logits[0, 10:14, 20:25] = 9.0
    logits[2, 0, 59] = 9.0
    list(claimed_nearby(logits, (160, 240), 0.5))
    assert read == [(4 + 2) * 4 * (5 + 2) * 4, 2 * 4 * 2 * 4]


def test_a_mask_is_the_same_whoever_else_is_asked_for():
    _, encoded, trace = make(height=56, width=112, queries=9)
    layer, size = trace.layers[-1], (56, 112)
    layer = replace(layer, mask_embeddings=torch.randn(9, 16, generator=torch.Generator().manual_seed(1)))
    alone = {
        (view, query): (claimed, certainty)
        for query in range(9)
        for view, _, claimed, certainty in claims(layer, encoded.mask_features[:, :16], [query], size, 0.5)
    }
    together = list(claims(layer, encoded.mask_features[:, :16], range(9), size, 0.5))
    assert len(together) == len(alone)
    for view, place, claimed, certainty in together:
        np.testing.assert_array_equal(claimed, alone[view, place][0])
        assert certainty == pytest.approx(alone[view, place][1], rel=1e-6)


def test_blocks_of_queries_change_nothing(monkeypatch):
    _, encoded, trace = make()
    whole = [logits for _, _, logits in image_logits(trace.layers[-1], encoded.mask_features, range(6), (28, 42))]
    monkeypatch.setattr(mask_pixels, "BLOCK", 28 * 42)
    single = list(image_logits(trace.layers[-1], encoded.mask_features, range(6), (28, 42)))
    assert [(view, first) for view, first, _ in single] == [(view, first) for view in range(3) for first in range(6)]
    torch.testing.assert_close(torch.cat([logits for _, _, logits in single]), torch.cat(whole))


def test_nobody_claims_nothing():
    encoded = scene(random_scene(views=2, height=28, width=42, queries=3, seed=0), 0)
    _, _, trace = make(views=2, queries=3)
    assert list(claims(trace.layers[-1], encoded.mask_features, [], (28, 42), 0.5)) == []
