"""The nested model: any-view depth and cameras brought to meters by a monocular metric network (paper 3.1).

Both networks see all images; the metric one treats every view alone. One scale for the whole batch
comes from the pixels both agree to be near and sure; the sky is put far away.
"""

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fast3dis_core.config import DepthAnything3Config, ReferenceStrategy
from fast3dis_core.errors import GeometryError
from fast3dis_core.model.depth_anything3.any_view import CHUNK_VIEWS, AnyViewNetwork
from fast3dis_core.model.depth_anything3.monocular import (
    MINIMUM_PIXELS,
    SAMPLE_SIZE,
    SKY_QUANTILE,
    SKY_THRESHOLD,
    MonocularNetwork,
    seeded_generator,
)
from fast3dis_core.model.depth_anything3.prediction import DepthPrediction
from fast3dis_core.scene import PosedCameras

CANONICAL_FOCAL = 300.0  # pixels; at this focal length the metric network's depth is in meters
MINIMUM_METRIC_DEPTH = 0.01  # meters; smaller values do not vote on the scale
MINIMUM_DEPTH = 0.001  # units of the any-view network
FARTHEST_SKY = 200.0  # meters


class NestedNetwork(nn.Module):
    """Any-view network `da3` and metric network `da3_metric`.

    Parameters
    ----------
    any_view, metric : DepthAnything3Config
    drop_gaussian_head : bool
        See `AnyViewNetwork`.
    """

    def __init__(
        self, any_view: DepthAnything3Config, metric: DepthAnything3Config, *, drop_gaussian_head: bool = False
    ) -> None:
        super().__init__()
        self.da3 = AnyViewNetwork(any_view, drop_gaussian_head=drop_gaussian_head)
        self.da3_metric = MonocularNetwork(metric)

    def forward(
        self,
        images: Tensor,
        *,
        embedded: Tensor | None = None,
        cameras: PosedCameras | None = None,
        reference_strategy: ReferenceStrategy = "saddle_balanced",
        use_ray_pose: bool = False,
        export_layers: Sequence[int] = (),
        rays: bool = False,
        predict_cameras: bool = True,
        chunk_views: int = CHUNK_VIEWS,
        generator: torch.Generator | None = None,
    ) -> DepthPrediction:
        """Both networks and their combination. See `DepthAnything3.forward`."""
        generator = generator or seeded_generator()
        prediction: DepthPrediction = self.da3(
            images,
            embedded=embedded,
            cameras=cameras,
            reference_strategy=reference_strategy,
            use_ray_pose=use_ray_pose,
            export_layers=export_layers,
            rays=rays,
            chunk_views=chunk_views,
            generator=generator,
        )
        metric: DepthPrediction = self.da3_metric(images, chunk_views=chunk_views, generator=generator)
        assert metric.sky is not None
        combined = combine(prediction, metric.depth, metric.sky, generator=generator)
        if not predict_cameras:  # they were needed for the focal length
            combined = dataclasses.replace(combined, world_to_camera=None, intrinsics=None)
        return combined


def metric_depth(depth: Tensor, intrinsics: Tensor) -> Tensor:
    """Meters from the depth of a metric network.

    Parameters
    ----------
    depth : Tensor (B, S, H, W)
        For a focal length of 300 pixels.
    intrinsics : Tensor (B, S, 3, 3)
        Pixels of H x W.

    Returns
    -------
    Tensor (B, S, H, W)
    """
    focal = (intrinsics[..., 0, 0] + intrinsics[..., 1, 1]) / 2
    return depth * (focal / CANONICAL_FOCAL)[..., None, None]


def combine(
    prediction: DepthPrediction, depth: Tensor, sky: Tensor, *, generator: torch.Generator | None = None
) -> DepthPrediction:
    """Bring an any-view prediction to meters and put its sky far away.

    Parameters
    ----------
    prediction : DepthPrediction
        Of the any-view network, with cameras.
    depth, sky : Tensor (B, S, H, W)
        Of the metric network; the depth for a focal length of 300 pixels.
    generator : torch.Generator, optional
        On the CPU; samples the quantiles of large inputs. Seeded with 0 by default.

    Returns
    -------
    DepthPrediction
        Depth and translations in meters, with `scale`; sky pixels at the far distance with
        confidence 1.

    Raises
    ------
    GeometryError
        If at most ten pixels are not sky.
    """
    assert prediction.confidence is not None
    assert prediction.world_to_camera is not None
    assert prediction.intrinsics is not None
    generator = generator or seeded_generator()
    metric = metric_depth(depth, prediction.intrinsics)
    ground = sky < SKY_THRESHOLD
    if int(ground.sum()) <= MINIMUM_PIXELS:
        raise GeometryError(
            f"Metric scale needs more than {MINIMUM_PIXELS} pixels that are not sky, found {int(ground.sum())}: use "
            "other photos, or a size without metric scale."
        )
    median = torch.quantile(_sample(prediction.confidence[ground], generator), 0.5)
    votes = (
        ground
        & (prediction.confidence >= median)
        & (metric > MINIMUM_METRIC_DEPTH)
        & (prediction.depth > MINIMUM_DEPTH)
    )
    ours, theirs = prediction.depth[votes], metric[votes]
    scale = (theirs * ours).sum() / ours.square().sum().clamp(min=1e-12)
    scaled = prediction.depth * scale
    far = torch.quantile(_sample(scaled[ground], generator), SKY_QUANTILE).clamp(max=FARTHEST_SKY)
    in_meters = torch.ones_like(prediction.world_to_camera)
    in_meters[..., :3, 3] = scale
    return dataclasses.replace(
        prediction,
        depth=torch.where(ground, scaled, far),
        confidence=torch.where(ground, prediction.confidence, 1.0),
        world_to_camera=prediction.world_to_camera * in_meters,
        scale=scale,
        is_metric=True,
    )


def _sample(values: Tensor, generator: torch.Generator) -> Tensor:
    """At most 100 000 of the values, without replacement."""
    if values.numel() <= SAMPLE_SIZE:
        return values
    return values[torch.randperm(values.numel(), generator=generator)[:SAMPLE_SIZE].to(values.device)]
