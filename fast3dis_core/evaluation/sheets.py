"""Pictures of scored scenes: photo, truth and prediction below each other, views side by side.

A true instance has the color of the query matched to it, so that right looks the same in both rows; one without a
query has a color that no query has. Walls are instances here whatever the protocol, since queries claim them too.
Where masks overlap, the one of highest score is shown. Paper figure 3.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from fast3dis_core.datasets.sample import SceneSample
from fast3dis_core.evaluation.consistency import ACTIVE
from fast3dis_core.evaluation.multi_view import LabelledMasks
from fast3dis_core.evaluation.prediction import ScenePrediction
from fast3dis_core.evaluation.sources import TruthSurface
from fast3dis_core.evaluation.surface_prediction import SurfacePrediction
from fast3dis_core.evaluation.surface_transfer import NO_VERTEX, nearest_vertices
from fast3dis_core.pictures import GAP, Picture, label_image, photo, rows_of_views

DRAWN = 200  # instances of a surface that are drawn at most
REACH = 0.10  # meters between a pixel's point and the point of the surface it shows
MATCH_IOU = 0.25  # over all views, above which a query has found an object


def scene_picture(sample: SceneSample, prediction: ScenePrediction, *, views: Sequence[int] | None = None) -> Picture:
    """Three rows of views of one scene.

    Parameters
    ----------
    sample : SceneSample
    prediction : ScenePrediction
        Of the same scene.
    views : sequence of int, optional
        Columns; by default all.

    Returns
    -------
    array (3 * H, columns * W, 3) uint8
    """
    active = np.flatnonzero(prediction.objectness > ACTIVE)
    scene = LabelledMasks(
        scene_id=prediction.scene_id,
        gt_ids=sample.instance_ids.cpu().numpy(),
        masks=prediction.masks[active],
        scores=prediction.scores[active],
        objectness=prediction.objectness[active],
    )
    queries = prediction.queries[active]
    pairs = matched_pairs(scene)
    free = int(prediction.queries.max(initial=-1)) + 1
    colors = free + np.arange(len(scene.objects) + 1)  # of objects nobody found
    colors[pairs[1]] = queries[pairs[0]]
    colors[-1] = -1
    owner = np.full(scene.gt_ids.shape, -1)
    for place in np.argsort(scene.scores, kind="stable"):
        owner[scene.masks[place]] = queries[place]
    columns = list(range(len(owner)) if views is None else views)
    size = (sample.instance_ids.shape[1], sample.instance_ids.shape[2])
    return rows_of_views(
        [
            photo(sample.views.images[columns]),
            label_image(torch.from_numpy(colors[scene.rows][columns]), size),
            label_image(torch.from_numpy(owner[columns]), size),
        ]
    )


def matched_pairs(scene: LabelledMasks) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Masks and rows of objects that belong together: largest sum of IoUs over all views, each above `MATCH_IOU`."""
    iou = scene.scene_counts.iou()
    masks, objects = linear_sum_assignment(iou, maximize=True)
    good = iou[masks, objects] > MATCH_IOU
    return masks[good], objects[good]


def on_views(prediction: SurfacePrediction, surface: TruthSurface, sample: SceneSample) -> ScenePrediction:
    """A prediction on the surface as the views see it, to be drawn: a pixel is that of its nearest point.

    Parameters
    ----------
    prediction : SurfacePrediction
        Its `DRAWN` largest instances are kept.
    surface : TruthSurface
    sample : SceneSample
        With true depth; pixels without are nobody's.

    Returns
    -------
    ScenePrediction
        With the true geometry.
    """
    truth = sample.geometry
    assert truth is not None
    masks = np.zeros((0, len(surface.points)), np.bool_) if prediction.masks is None else prediction.masks
    order = np.argsort(-masks.sum(axis=1), kind="stable")[:DRAWN]
    known = (truth.depth > 0).cpu().numpy()
    nearest = nearest_vertices(surface.in_first(), truth.points().double().cpu().numpy()[known], max_distance=REACH)
    drawn = np.zeros((len(order), *known.shape), np.bool_)
    for place, row in enumerate(order):
        drawn[place][known] = masks[row][nearest] & (nearest != NO_VERTEX)
    scores = prediction.scores[order].astype(np.float32)
    return ScenePrediction(
        scene_id=prediction.scene_id,
        masks=drawn,
        queries=np.arange(len(order), dtype=np.int32),
        scores=scores,
        objectness=np.ones(len(order), np.float32),
        anchors=np.full((len(order), 3), np.nan, np.float32),
        depth=truth.depth.float().cpu().numpy(),
        intrinsics=truth.intrinsics.float().cpu().numpy(),
        world_to_camera=truth.world_to_camera.float().cpu().numpy(),
    )


def to_one_width(pictures: Sequence[Picture]) -> list[Picture]:
    """Pictures of one shape: filled up with white to the right and below."""
    height, width = (max(picture.shape[axis] for picture in pictures) for axis in (0, 1))
    filled = []
    for picture in pictures:
        sheet = np.full((height, width, 3), 255, np.uint8)
        sheet[: picture.shape[0], : picture.shape[1]] = picture
        filled.append(sheet)
    return filled


def in_columns(pictures: Sequence[Picture], columns: int) -> list[Picture]:
    """Pictures of one size side by side, `columns` in a row; the last row is filled up with white."""
    blank = np.full_like(pictures[0], 255)
    gap = np.full((blank.shape[0], GAP, 3), 255, np.uint8)
    rows = []
    for first in range(0, len(pictures), columns):
        row = [*pictures[first : first + columns]]
        row += [blank] * (columns - len(row))
        parts = [part for picture in row for part in (picture, gap)][:-1]
        rows.append(np.concatenate(parts, axis=1))
    return rows
