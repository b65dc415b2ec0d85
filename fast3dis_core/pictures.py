"""Sheets of pictures: what the network made of a scene, beside the truth.

Rows are photo, truth and prediction, columns are views. Instances have the colors of their query number, as in the
app; true objects those of the query matched to them, so that right looks the same in both rows. Training draws its
validation scenes so, evaluation its best and worst ones. Paper figure 3.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fast3dis_core.errors import ExportError
from fast3dis_core.exports.atomic import atomic_file
from fast3dis_core.palette import instance_palette

GAP = 4  # pixels between the scenes of a sheet
NOTHING = 32  # gray of pixels that nobody claims

Picture = NDArray[np.uint8]


def photo(images: Tensor) -> Picture:
    """RGB (S, 3, H, W) in [0, 1] to an array (S, H, W, 3)."""
    return np.ascontiguousarray((images.movedim(1, -1).clamp(0, 1) * 255 + 0.5).byte().cpu().numpy())


def depth_image(depth: Tensor, limit: float) -> Picture:
    """Depth (S, H, W) as gray that darkens with distance, white at 0 and black at `limit`."""
    gray = (255 * (1 - depth / max(limit, 1e-6)).clamp(0, 1)).byte().cpu().numpy()
    return np.repeat(gray[..., None], 3, axis=-1)  # (S, H, W, 3)


def label_image(labels: Tensor, size: tuple[int, int]) -> Picture:
    """Query numbers (S, h, w), -1 for none, as colors at image size, array (S, H, W, 3)."""
    numbers = labels.cpu().numpy()
    colors = np.concatenate([instance_palette(int(numbers.max(initial=0)) + 1), np.full((1, 3), NOTHING, np.uint8)])
    small = colors[numbers]  # -1 is the last row
    large = [cv2.resize(view, size[::-1], interpolation=cv2.INTER_NEAREST) for view in small]
    return np.stack(large).astype(np.uint8)


def rows_of_views(rows: Sequence[Picture]) -> Picture:
    """Rows of S views (S, H, W, 3) as one picture (rows * H, S * W, 3)."""
    return np.concatenate([np.concatenate(list(row), axis=1) for row in rows], axis=0)


def write_sheet(path: Path, scenes: Sequence[Picture]) -> None:
    """Write pictures of equal width below each other as one PNG.

    Raises
    ------
    ExportError
        If the disk refuses.
    """
    gap = np.full((GAP, scenes[0].shape[1], 3), 255, np.uint8)
    sheet = np.concatenate([part for scene in scenes for part in (scene, gap)][:-1])
    done, buffer = cv2.imencode(".png", sheet[..., ::-1])
    if not done:
        raise ExportError(f"{path}: a picture of shape {sheet.shape} could not be encoded; use fewer scenes.")
    with atomic_file(path, overwrite=True) as file:
        file.write(bytes(buffer))


def winning_query(logits: Tensor, objectness: Tensor, *, active: float) -> Tensor:
    """Query with the highest c * p at every cell, -1 where no active query claims it.

    Parameters
    ----------
    logits : Tensor (S, N, h, w)
    objectness : Tensor (N,)
    active : float
        Least objectness.

    Returns
    -------
    Tensor (S, h, w) int64
    """
    claims = logits.sigmoid() * objectness[:, None, None]
    claims = claims.where((logits > 0) & (objectness > active)[:, None, None], 0)
    best, query = claims.max(dim=1)
    return torch.where(best > 0, query, -1)
