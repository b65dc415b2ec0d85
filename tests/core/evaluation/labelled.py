"""Small scenes of labelled masks for tests."""

import numpy as np
from hypothesis import strategies as st

from fast3dis_core.evaluation.multi_view import LabelledMasks


def labelled_masks(gt_ids, masks, scores=None, objectness=None):
    gt_ids = np.asarray(gt_ids, np.int32)
    masks = np.asarray(masks, bool).reshape(-1, *gt_ids.shape)
    scores = np.linspace(0.9, 0.5, len(masks)) if scores is None else np.asarray(scores, float)
    objectness = np.ones(len(masks)) if objectness is None else np.asarray(objectness, np.float32)
    return LabelledMasks("room", gt_ids, masks, scores, objectness)


@st.composite
def random_scenes(draw, views=3, side=8):
    """Blocks of ids that come and go, masks that follow them more or less, some of them inactive."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = np.array([0, 3, 4, 70000, 200])
    blocks = random.choice(values, (views, side // 2, side // 2))
    ids = np.kron(blocks, np.ones((1, 2, 2), np.int32)).astype(np.int32)
    masks = []
    for _ in range(draw(st.integers(0, 6))):
        target = np.where(random.random((views, 1, 1)) < 0.8, random.choice(values), random.choice(values))
        masks.append((ids == target) ^ (random.random(ids.shape) < random.choice([0.0, 0.1, 0.4])))
    return labelled_masks(ids, masks, random.integers(1, 5, len(masks)) / 4, random.random(len(masks)))
