"""Mask logits at image size, and the pixels they claim. Paper section 3.5, eq. 6.

Streamed over views and blocks of queries, so that memory does not grow with either. A mask covers a small part of
the photos: on a CPU only what lies around logits above the threshold is brought to image size, which comes to the
same pixels in a fraction of the time. What becomes of the pixels is left to `assembly` and others.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from fast3dis_core.masks import resize_logits
from fast3dis_core.model.prediction_heads import mask_logits
from fast3dis_core.progress import Report, silent
from fast3dis_core.scene import DecoderLayer

BLOCK = 1 << 22  # image-size mask logits held at a time
STEP = "Assembling instances"
_NOWHERE, _NOTHING = np.empty(0, np.int64), np.empty(0, np.float32)
ROUNDING = 1e-6  # of the largest logit: what interpolation may add to the largest of the four it mixes


def image_logits(
    layer: DecoderLayer,
    mask_features: Tensor,
    queries: Sequence[int],
    size: tuple[int, int],
    *,
    report: Report = silent,
) -> Iterator[tuple[int, int, Tensor]]:
    """Mask logits at image size, streamed over views and blocks of queries.

    Parameters
    ----------
    layer : DecoderLayer
        Of one scene.
    mask_features : Tensor (S, C, h, w)
    queries : sequence of int
    size : (int, int)
        Height and width, pixels.
    report : Report

    Yields
    ------
    view : int
    first : int
        Place in `queries` of the first query of the block.
    logits : Tensor (n, H, W)
    """
    height, width = size
    block = max(1, BLOCK // (height * width))
    for view, logits in _coarse_logits(layer, mask_features, queries, report):
        for first in range(0, len(queries), block):
            report(STEP, (view + first / len(queries)) / len(mask_features))
            yield view, first, resize_logits(logits[first : first + block], height, width)
    report(STEP, 1.0)


def claims(
    layer: DecoderLayer,
    mask_features: Tensor,
    queries: Sequence[int],
    size: tuple[int, int],
    threshold: float,
    *,
    report: Report = silent,
) -> Iterator[tuple[int, int, np.ndarray, float]]:
    """Pixels that masks claim, view by view and mask by mask.

    Parameters
    ----------
    layer : DecoderLayer
        Of one scene.
    mask_features : Tensor (S, C, h, w)
    queries : sequence of int
    size : (int, int)
        Height and width, pixels.
    threshold : float
        Probability that a pixel has to exceed.
    report : Report

    Yields
    ------
    view : int
    place : int
        In `queries`.
    claimed : array (M,) int64
        Rising rows of H * W.
    certainty : float
        Sum of their probabilities; over M it is the mean that ranks a mask.
    """
    if mask_features.device.type != "cpu":  # many small pieces would wait for the device many times
        for view, first, large in image_logits(layer, mask_features, queries, size, report=report):
            for place, (claimed, certainty) in enumerate(claimed_pixels(large, threshold), first):
                yield view, place, claimed, certainty
        return
    for view, logits in _coarse_logits(layer, mask_features, queries, report):
        for place, (claimed, certainty) in enumerate(claimed_nearby(logits, size, threshold)):
            yield view, place, claimed, certainty
    report(STEP, 1.0)


def claimed_pixels(logits: Tensor, threshold: float) -> Iterator[tuple[np.ndarray, float]]:
    """Pixels of masks at image size, and how sure they are together, mask by mask.

    Parameters
    ----------
    logits : Tensor (n, H, W)
    threshold : float

    Yields
    ------
    claimed, certainty
        See `claims`.
    """
    count, size = len(logits), logits[0].numel() if len(logits) else 0
    above = (logits > _logit(threshold)).flatten()
    claimed = np.flatnonzero(above.cpu().numpy())
    cuts = np.searchsorted(claimed, np.arange(count + 1) * size)
    # few pixels are claimed: cheaper than probabilities everywhere
    sums = _certainties(logits.flatten()[torch.from_numpy(claimed).to(logits.device)], cuts)
    for number, (first, last) in enumerate(pairwise(cuts)):
        yield claimed[first:last] - number * size, float(sums[number])


def claimed_nearby(logits: Tensor, size: tuple[int, int], threshold: float) -> Iterator[tuple[np.ndarray, float]]:
    """`claimed_pixels` of logits brought to image size, computed only around those above the threshold.

    Parameters
    ----------
    logits : Tensor (n, h, w)
        At mask resolution, on the CPU.
    size : (int, int)
        H and W, pixels.
    threshold : float

    Yields
    ------
    claimed, certainty
        See `claims`.
    """
    bound, values = _logit(threshold), logits.numpy()
    found, chances = [_NOWHERE] * len(values), [_NOTHING] * len(values)
    for number, rows, columns in _boxes(values, size, bound):
        # a whole axis has its own length, for that need not be a multiple
        top, high = _pixels(rows, values.shape[1], size[0])
        left, wide = _pixels(columns, values.shape[2], size[1])
        piece = resize_logits(torch.from_numpy(values[number, rows, columns])[None], high, wide).numpy().ravel()
        inside = np.flatnonzero(piece > bound)
        chances[number] = piece[inside]
        found[number] = inside + inside // wide * (size[1] - wide) + (top * size[1] + left)
    cuts = np.cumsum([0, *map(len, found)])
    sums = _certainties(torch.from_numpy(np.concatenate([_NOTHING, *chances])), cuts)
    yield from zip(found, map(float, sums), strict=True)


def _coarse_logits(
    layer: DecoderLayer, mask_features: Tensor, queries: Sequence[int], report: Report
) -> Iterator[tuple[int, Tensor]]:
    """Views, and the logits (n, h, w) of some queries in each, at mask resolution."""
    picked = replace(
        layer,
        anchors=layer.anchors[list(queries)],
        queries=layer.queries[list(queries)],
        objectness_logits=layer.objectness_logits[list(queries)],
        mask_embeddings=layer.mask_embeddings[list(queries)],
    )
    for view in range(len(mask_features)):
        report(STEP, view / len(mask_features))
        yield view, mask_logits(picked, mask_features[view : view + 1])[0]


def _boxes(values: np.ndarray, size: tuple[int, int], bound: float) -> Iterator[tuple[int, slice, slice]]:
    """Numbers of masks that may claim anything, and the rows and columns of logits that decide where.

    Interpolation mixes neighbors: a pixel above the bound has one above it beside it. A border of one more is part of
    the box, since it is mixed in. Places in a box are those in the whole, moved, only where one logit is so many
    pixels that all of them are exact in floating point; else the whole of that axis is taken.
    """
    margin = ROUNDING * np.abs(values).max(axis=(1, 2), initial=0.0, keepdims=True)
    near = ~(values <= bound - margin)  # what is no number counts too
    axes = []
    for axis, (small, length) in enumerate(zip(values.shape[1:], size, strict=True)):
        seen, ratio = near.any(axis=2 - axis), length // small  # (n, small)
        if length % small or ratio & (ratio - 1):
            axes.append([slice(0, small)] * len(values))
        else:
            first, last = seen.argmax(1) - 1, small - seen[:, ::-1].argmax(1) + 1
            axes.append([slice(max(0, start), min(small, end)) for start, end in zip(first, last, strict=True)])
    for number in np.flatnonzero(near.any(axis=(1, 2))):
        yield int(number), axes[0][number], axes[1][number]


def _pixels(side: slice, small: int, length: int) -> tuple[int, int]:
    """First pixel of a side of a box, and how many they are, on an axis of `small` logits and `length` pixels."""
    if side == slice(0, small):
        return 0, length
    return side.start * (length // small), (side.stop - side.start) * (length // small)


def _certainties(logits: Tensor, cuts: np.ndarray) -> np.ndarray:
    """Sums of the probabilities between cuts; each is the same whatever else is asked for."""
    chances = logits.sigmoid().double().cpu().numpy()
    sums = np.zeros(len(cuts) - 1)
    some = np.flatnonzero(np.diff(cuts))
    if len(some):
        sums[some] = np.add.reduceat(chances, cuts[some])
    return sums


def _logit(probability: float) -> float:
    if probability <= 0:
        return -math.inf
    return math.inf if probability >= 1 else math.log(probability / (1 - probability))
