"""Which mask cells the losses look at: shared uniform points, uncertain points, points balanced over objects.

Cells are numbered through all views of a scene, 0 to S*h*w - 1, so an object seen in three of eight views is one
mask. Only labelled cells are drawn. All randomness comes from the generator passed in. Paper section 3.6; counts
from Mask2Former and SupCon.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from fast3dis_core.training.targets import UNLABELED, SceneTargets


@dataclass(frozen=True, kw_only=True)
class ScenePoints:
    """Labelled cells drawn without repetition, in random order: any leading part is a uniform sample as well.

    Attributes
    ----------
    cells : Tensor (B, Q) int64
    labels : Tensor (B, Q) int64
        Object row of each cell.
    drawn : Tensor (B, Q) bool
        False past the last labelled cell of a scene.
    """

    cells: Tensor
    labels: Tensor
    drawn: Tensor

    def first(self, count: int) -> "ScenePoints":
        """The first `count` points of every scene."""
        return ScenePoints(cells=self.cells[:, :count], labels=self.labels[:, :count], drawn=self.drawn[:, :count])


def draw_points(labels: Tensor, count: int, generator: torch.Generator) -> ScenePoints:
    """Draw labelled cells uniformly; a scene with fewer than `count` of them gives them all.

    Parameters
    ----------
    labels : Tensor (B, S, h, w) int64
        -1 = unlabelled.
    count : int
    generator : torch.Generator

    Returns
    -------
    ScenePoints
    """
    flat = labels.flatten(1)  # (B, M)
    labelled = flat != UNLABELED
    count = min(count, int(labelled.sum(1).max()))
    keys = _uniform(flat.shape, generator, flat.device).masked_fill(~labelled, 2.0)
    keys, cells = (value[:, :count] for value in keys.sort(dim=1))
    return ScenePoints(cells=cells, labels=flat.gather(1, cells), drawn=keys < 1)


def uncertain_points(
    logits: Tensor, drawn: Tensor, *, oversampling: float, uncertain_share: float
) -> tuple[Tensor, Tensor]:
    """Choose, for every object, the cells its mask losses are taken on.

    One in `oversampling` of the candidates is chosen: `uncertain_share` of these have the logits nearest to 0, the
    rest are the leading candidates, uniform because the candidates come in random order. A scene with fewer
    labelled cells than candidates wanted gets fewer points, in the same proportions.

    Parameters
    ----------
    logits : Tensor (B, G, Q)
        Of every object's query at all candidates.
    drawn : Tensor (B, Q) bool
        Which candidates exist; true entries come first.
    oversampling, uncertain_share : float

    Returns
    -------
    chosen : Tensor (B, G, K) int64
        Indices into Q.
    counted : Tensor (B, K) bool
        False where a scene has fewer points.
    """
    chosen = (drawn.sum(1) / oversampling).ceil()
    uncertain = (chosen * uncertain_share).floor().long()  # (B,)
    uniform = chosen.long() - uncertain
    widths = [int(width) for width in torch.stack([uncertain, uniform]).amax(1).tolist()]
    doubt = logits.detach().abs().masked_fill(~drawn[:, None], torch.inf)
    nearest = doubt.topk(widths[0], dim=-1, largest=False, sorted=True).indices  # (B, G, K - widths[1])
    ranks = [torch.arange(width, device=logits.device) for width in widths]
    leading = ranks[1].expand(*logits.shape[:2], -1)
    counted = torch.cat([ranks[0] < uncertain[:, None], ranks[1] < uniform[:, None]], dim=1)
    return torch.cat([nearest, leading], dim=-1), counted


def balanced_cells(
    targets: SceneTargets, *, objects: int, points: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Instance-balanced points I of eq. 7: as many for a cup as for a wall, spread over the views that show it.

    Parameters
    ----------
    targets : SceneTargets
    objects : int
        At most so many of a scene's objects, drawn uniformly.
    points : int
        Per object, dealt to its views in turn. Cells repeat only in a view with fewer cells than its share.
    generator : torch.Generator

    Returns
    -------
    cells : Tensor (B, I) int64
    labels : Tensor (B, I) int64
        Object row; -1 past the last object.
    """
    views = targets.labels.shape[1]
    present, device = targets.present, targets.labels.device
    keys = _uniform(present.shape, generator, device).masked_fill(~present, 2.0)
    picked = keys.argsort(dim=1)[:, :objects]  # (B, O)
    order, start, size = _cells_by_object_and_view(targets, generator)
    picked_views = picked[..., None].expand(-1, -1, views)
    start, size = start.gather(1, picked_views), size.gather(1, picked_views)  # (B, O, S)
    keys = _uniform(size.shape, generator, device).masked_fill(size == 0, 2.0)
    shown, shows = keys.argsort(dim=2), (size > 0).sum(2, keepdim=True).clamp(min=1)
    slot = torch.arange(points, device=device).expand(*picked.shape, -1)  # (B, O, points)
    view = shown.gather(2, slot % shows)
    within = (slot // shows) % size.gather(2, view).clamp(min=1)
    position = (start.gather(2, view) + within).flatten(1).clamp(max=order.shape[1] - 1)  # (B, I)
    labels = picked.where(present.gather(1, picked), UNLABELED).repeat_interleave(points, dim=1)
    return order.gather(1, position), labels


def _cells_by_object_and_view(targets: SceneTargets, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """All cells (B, M) grouped by object and view, random within a group; start and size of each group (B, G, S)."""
    scenes, views = targets.labels.shape[:2]
    count = targets.areas.shape[1]
    view = torch.arange(views, device=targets.labels.device)[:, None, None]
    group = (targets.labels * views + view).where(targets.labels != UNLABELED, count * views).flatten(1)  # (B, M)
    order = _uniform(group.shape, generator, group.device).argsort(dim=1)
    order = order.gather(1, group.gather(1, order).argsort(dim=1, stable=True))
    size = group.new_zeros(scenes, count * views + 1).scatter_add_(1, group, torch.ones_like(group))
    start = size.cumsum(1) - size
    return order, start[:, :-1].unflatten(1, (count, views)), size[:, :-1].unflatten(1, (count, views))


def _uniform(shape: torch.Size, generator: torch.Generator, device: torch.device) -> Tensor:
    """Numbers in [0, 1), drawn where the generator lives."""
    return torch.rand(shape, generator=generator, device=generator.device).to(device)
