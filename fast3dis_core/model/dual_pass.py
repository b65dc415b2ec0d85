"""Geometry pass and feature pass over one frozen backbone. Paper section 3.1.

What the adapters do not touch is computed once and shared: patch and position embedding, the choice of
the reference view, the camera tokens of given poses. The geometry pass runs without gradients and computes
no ray branch; the feature pass runs no depth or camera head. World is re-based to view 0 here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fast3dis_core.geometry.cameras import rebase
from fast3dis_core.model.depth_anything3 import DepthAnything3
from fast3dis_core.model.lora import adapters
from fast3dis_core.scene import PosedCameras, SceneGeometry


@dataclass(frozen=True, kw_only=True)
class GeometryPass:
    """Geometry, and what the feature pass takes over from it.

    Attributes
    ----------
    geometry : SceneGeometry
        With a leading axis B.
    reference : Tensor (B,) int64, optional
        Reference view of the global attention; None for one or two views and for given poses.
    camera_tokens : Tensor (B, S, D), optional
        Tokens of given cameras.
    """

    geometry: SceneGeometry
    reference: Tensor | None
    camera_tokens: Tensor | None


@torch.no_grad()
def geometry_pass(
    backbone: DepthAnything3,
    images: Tensor,
    tokens: Tensor,
    *,
    cameras: PosedCameras | None = None,
    chunk_views: int = 8,
) -> GeometryPass:
    """Depth and cameras from the frozen network, adapters off.

    Parameters
    ----------
    backbone : DepthAnything3
    images : Tensor (B, S, 3, H, W)
        RGB in [0, 1].
    tokens : Tensor (B, S, T, D)
        From `embed`.
    cameras : PosedCameras, optional
        With a leading axis B: pose-conditioned mode. Depth is brought to the scale of the given cameras,
        which are returned as they are.
    chunk_views : int
        Views whose depth maps are computed together.

    Raises
    ------
    GeometryError
        If given cameras cannot be aligned with the predicted ones.
    """
    with adapters(backbone, enabled=False):
        if cameras is None:
            prediction = backbone(images, embedded=tokens, chunk_views=chunk_views)
        else:
            prediction = backbone.forward_posed(images, cameras, embedded=tokens, chunk_views=chunk_views)
    assert prediction.confidence is not None
    assert prediction.intrinsics is not None
    assert prediction.world_to_camera is not None
    geometry = SceneGeometry(
        depth=prediction.depth,
        confidence=prediction.confidence,
        intrinsics=prediction.intrinsics,
        world_to_camera=rebase(prediction.world_to_camera),
        is_metric=prediction.is_metric,
    )
    return GeometryPass(geometry=geometry, reference=prediction.reference, camera_tokens=prediction.camera_tokens)


def feature_pass(
    backbone: DepthAnything3,
    tokens: Tensor,
    *,
    grid: tuple[int, int],
    shared: GeometryPass | None = None,
) -> Sequence[Tensor]:
    """Features of the four out layers, adapters on.

    Parameters
    ----------
    backbone : DepthAnything3
    tokens : Tensor (B, S, T, D)
        From `embed`.
    grid : tuple of int
        Patch rows and columns.
    shared : GeometryPass, optional
        Absent when geometry is given: the reference view is then chosen here.

    Returns
    -------
    sequence of 4 Tensors (B, S, P, feature_dim)
    """
    with adapters(backbone, enabled=True):
        output = backbone.any_view.backbone.pretrained(
            tokens,
            grid=grid,
            reference=None if shared is None else shared.reference,
            camera_tokens=None if shared is None else shared.camera_tokens,
        )
    return output.features
