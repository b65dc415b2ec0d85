"""Instance ids as the losses want them: object numbers at mask resolution, and object centers in space.

Ids of a `SceneSample` are arbitrary and lie at image size; here they become rows 0 to G - 1 of a batch of scenes,
largest object first, on the cells of `mask_features`. Which cells a loss looks at is left to `sampling`. Paper
section 3.6.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fast3dis_core.config import LossConfig
from fast3dis_core.datasets.sample import SceneSample
from fast3dis_core.scene import SceneFrame, SceneGeometry

UNLABELED = -1


@dataclass(frozen=True, kw_only=True)
class SceneTargets:
    """Objects of B scenes; G is the largest count among them.

    Attributes
    ----------
    labels : Tensor (B, S, h, w) int64
        Row of the object a mask cell belongs to; -1 = unlabelled, which no loss but the overlap penalty sees.
    valid : Tensor (B, S, h, w) bool
        Cells that show something; the others count nowhere.
    areas : Tensor (B, G) int64
        Cells of every object over all views, falling; 0 past the last object of a scene.
    ids : Tensor (B, G) int64
        Instance id of every row; 0 past the last object.
    """

    labels: Tensor
    valid: Tensor
    areas: Tensor
    ids: Tensor

    @property
    def present(self) -> Tensor:
        """Which rows are objects, Tensor (B, G) bool."""
        return self.areas > 0


def sample_targets(sample: SceneSample, size: tuple[int, int], *, config: LossConfig) -> SceneTargets:
    """Targets of a batch of samples, without the classes that `config` ignores.

    Parameters
    ----------
    sample : SceneSample
        With a leading axis B.
    size : tuple of int
        Height and width of `mask_features`.
    config : LossConfig

    Returns
    -------
    SceneTargets
    """
    ids = sample.instance_ids
    names = sample.class_names
    ignored = [names.index(name) for name in config.ignored_classes if name in names]
    if ignored:
        wanted = ~torch.isin(sample.class_ids, torch.tensor(ignored, device=ids.device))  # (B, I)
        kept = wanted.gather(1, ids.flatten(1).clamp(min=0).long()).view_as(ids)  # (B, S, H, W)
        ids = ids * kept
    return mask_targets(ids, size, minimum_cells=config.minimum_cells)


def mask_targets(
    instance_ids: Tensor, size: tuple[int, int], *, minimum_cells: int, valid: Tensor | None = None
) -> SceneTargets:
    """Bring ids to mask resolution and number the objects that are large enough.

    Parameters
    ----------
    instance_ids : Tensor (B, S, H, W) integer
        0 or less = unlabelled.
    size : tuple of int
        h, w.
    minimum_cells : int
        Objects with fewer cells in all views together become unlabelled.
    valid : Tensor (B, S, H, W) bool, optional
        False where a pixel shows nothing (image circle, anonymized faces).

    Returns
    -------
    SceneTargets
    """
    ids = at_mask_cells(instance_ids, size)  # (B, S, h, w)
    seen = torch.ones_like(ids, dtype=torch.bool) if valid is None else at_mask_cells(valid, size)
    scenes = len(ids)
    # numbering the distinct ids first keeps the tables small whatever numbers a data set uses
    distinct, number = torch.where(seen, ids, 0).flatten(1).unique(return_inverse=True)  # (K,), (B, M)
    areas = torch.zeros(scenes, len(distinct), dtype=torch.int64, device=ids.device)
    areas.scatter_add_(1, number, torch.ones_like(number))  # (B, K)
    areas = areas.where((areas >= minimum_cells) & (distinct > 0), 0)
    areas, order = areas.sort(dim=1, descending=True, stable=True)
    count = int((areas > 0).sum(1).max()) if areas.numel() else 0
    rows = torch.arange(len(distinct), device=ids.device).where(areas > 0, UNLABELED)  # (B, K)
    labels = torch.empty_like(order).scatter_(1, order, rows).gather(1, number).view_as(ids)
    areas, order = areas[:, :count], order[:, :count]
    return SceneTargets(labels=labels, valid=seen, areas=areas, ids=distinct[order].where(areas > 0, 0).long())


def at_mask_cells(values: Tensor, size: tuple[int, int]) -> Tensor:
    """Value of the pixel that holds the center of each mask cell: (..., H, W) to (..., h, w).

    Ids are not interpolated: between objects 3 and 5 there is no object 4.
    """
    height, width = values.shape[-2:]
    rows = ((torch.arange(size[0], device=values.device) + 0.5) * (height / size[0])).long()
    columns = ((torch.arange(size[1], device=values.device) + 0.5) * (width / size[1])).long()
    return values[..., rows[:, None], columns]


@torch.no_grad()
def object_centers(geometry: SceneGeometry, frame: SceneFrame, targets: SceneTargets) -> tuple[Tensor, Tensor]:
    """Mean point of every object in the predicted geometry, since that is the frame the anchors live in.

    Parameters
    ----------
    geometry, frame : SceneGeometry, SceneFrame
        With a leading axis B.
    targets : SceneTargets

    Returns
    -------
    centers : Tensor (B, G, 3)
        Normalized coordinates.
    known : Tensor (B, G) bool
        False for rows without any cell of known depth.
    """
    size = (targets.labels.shape[-2], targets.labels.shape[-1])
    points = frame.normalize(geometry.points())  # (B, S, H, W, 3)
    points = at_mask_cells(points.movedim(-1, 1), size).flatten(2).mT  # (B, M, 3)
    depth = at_mask_cells(geometry.depth * (geometry.confidence > 0), size).flatten(1)
    labels = targets.labels.flatten(1)  # (B, M)
    usable = (labels != UNLABELED) & (depth > 0) & points.isfinite().all(-1)
    count = targets.areas.shape[1]
    rows = labels.where(usable, count)  # unusable cells add up in a row of their own, dropped below
    sums = points.new_zeros(len(points), count + 1, 3)
    sums.scatter_add_(1, rows[..., None].expand_as(points), points.where(usable[..., None], 0))
    cells = points.new_zeros(len(points), count + 1).scatter_add_(1, rows, usable.to(points.dtype))
    return sums[:, :-1] / cells[:, :-1, None].clamp(min=1), cells[:, :-1] > 0
