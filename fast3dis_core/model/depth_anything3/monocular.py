"""The monocular network: depth up to the focal length, and sky, one view at a time (paper 3.1).

It is the metric half of the nested model and usable alone. It predicts no cameras.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fast3dis_core.config import PATCH_SIZE, DepthAnything3Config
from fast3dis_core.model.depth_anything3.any_view import CHUNK_VIEWS, Backbone, normalize_images
from fast3dis_core.model.depth_anything3.depth_head import DPT
from fast3dis_core.model.depth_anything3.prediction import DepthPrediction

SKY_THRESHOLD = 0.3  # sky scores below it are not sky
SKY_QUANTILE = 0.99  # of the depths that are not sky: where the sky is put
SAMPLE_SIZE = 100_000  # quantiles of more values are taken of a random sample of this size
MINIMUM_PIXELS = 10  # sky is left alone unless there are more pixels of both kinds


class MonocularNetwork(nn.Module):
    """Depth and sky of single views.

    Parameters
    ----------
    config : DepthAnything3Config
        With `head="dpt"`.
    """

    def __init__(self, config: DepthAnything3Config) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config)
        self.head = DPT(config)

    def predict_depth(
        self, features: Sequence[Tensor], height: int, width: int, *, chunk_views: int = CHUNK_VIEWS
    ) -> tuple[Tensor, Tensor]:
        """Raw depth and sky score from backbone features; float32 even under autocast.

        Parameters
        ----------
        features : 4 Tensors (B, S, P, feature_dim)
        height, width : int
            Of the images.
        chunk_views : int
            Views in the head at a time.

        Returns
        -------
        depth, sky : Tensor (B, S, H, W)
        """
        batch, views = features[0].shape[:2]
        flat = [level.flatten(0, 1) for level in features]  # (B*S, P, feature_dim)
        chunks = []
        with torch.autocast(features[0].device.type, enabled=False):
            for first in range(0, batch * views, chunk_views):
                part = [level[first : first + chunk_views].float() for level in flat]
                chunks.append(self.head(part, height, width))
        depth, sky = (torch.cat(column).unflatten(0, (batch, views)) for column in zip(*chunks, strict=True))
        return depth, sky

    def forward(
        self,
        images: Tensor,
        *,
        export_layers: Sequence[int] = (),
        chunk_views: int = CHUNK_VIEWS,
        generator: torch.Generator | None = None,
    ) -> DepthPrediction:
        """Depth with the sky at a far distance. See `DepthAnything3.forward`."""
        height, width = images.shape[-2:]
        transformer = self.backbone.pretrained
        output = transformer(
            transformer.embed(normalize_images(images)),
            grid=(height // PATCH_SIZE, width // PATCH_SIZE),
            export_layers=export_layers,
        )
        depth, sky = self.predict_depth(output.features, height, width, chunk_views=chunk_views)
        return DepthPrediction(depth=fill_sky(depth, sky, generator=generator), sky=sky, exported=output.exported)


def fill_sky(depth: Tensor, sky: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Put the sky at the 0.99 quantile of the depths that are not sky.

    Parameters
    ----------
    depth, sky : Tensor (...)
        One quantile for all of them together.
    generator : torch.Generator, optional
        On the CPU; draws the sample of large inputs. Seeded with 0 by default.

    Returns
    -------
    Tensor (...)
        `depth` itself if there are at most 10 pixels of sky or of anything else.
    """
    is_sky = ~(sky < SKY_THRESHOLD)
    count = int(is_sky.sum())
    if count <= MINIMUM_PIXELS or is_sky.numel() - count <= MINIMUM_PIXELS:
        return depth
    values = depth[~is_sky]
    if values.numel() > SAMPLE_SIZE:
        draws = torch.randint(values.numel(), (SAMPLE_SIZE,), generator=generator or seeded_generator())
        values = values[draws.to(values.device)]
    return torch.where(is_sky, torch.quantile(values, SKY_QUANTILE), depth)


def seeded_generator() -> torch.Generator:
    """The default generator: a fresh one on the CPU with seed 0, so that results are repeatable."""
    return torch.Generator().manual_seed(0)
