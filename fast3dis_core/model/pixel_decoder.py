"""Geometry-injected pixel decoder: backbone features and a point map to F_dec and F_mask. Paper section 3.2.

Levels keep the paper's names 1/4 to 1/32; with 14-pixel patches the true strides are 3.5, 7, 14 and 28.
Views are independent here, so callers may pass them in chunks.
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

POINT_RANGE = 4.0  # normalized coordinates beyond it are clipped: far outliers must not drown the features


@dataclass(frozen=True, kw_only=True)
class PixelFeatures:
    """Output of the pixel decoder.

    Attributes
    ----------
    levels : tuple of 3 Tensors (B, S, C, h, w)
        1/32, 1/16, 1/8.
    injected : Tensor (B, S, C, h, w)
        1/32 right after geometry injection; its mean is the scene context gamma.
    mask_features : Tensor (B, S, C, round(H / 4), round(W / 4))
    """

    levels: tuple[Tensor, Tensor, Tensor]
    injected: Tensor
    mask_features: Tensor


class ResidualUnit(nn.Module):
    """Two 3x3 convolutions before which a ReLU stands, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Tensor (n, C, h, w), same shape out."""
        return x + self.conv2(functional.relu(self.conv1(functional.relu(x))))


class FusionBlock(nn.Module):
    """Bring the coarser level up, add the lateral one, refine."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.refine = ResidualUnit(channels)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, coarse: Tensor, lateral: Tensor) -> Tensor:
        """Tensors (n, C, h', w') and (n, C, h, w) to (n, C, h, w)."""
        raised = functional.interpolate(coarse, lateral.shape[-2:], mode="bilinear", align_corners=False)
        return self.out(self.refine(raised + lateral))


class PixelDecoder(nn.Module):
    """DPT-style decoder with the point map added at 1/32.

    Parameters
    ----------
    feature_dim : int
        Channels of each of the four backbone features.
    channels : int
        C.
    """

    def __init__(self, *, feature_dim: int, channels: int) -> None:
        super().__init__()
        # half of a DA3 feature is unnormalized (its local half), so each level is normalized first
        self.norms = nn.ModuleList(nn.LayerNorm(feature_dim) for _ in range(4))
        self.projections = nn.ModuleList(nn.Linear(feature_dim, channels) for _ in range(4))
        # the shallowest feature becomes the finest level
        self.resize = nn.ModuleList(
            [
                nn.ConvTranspose2d(channels, channels, 4, stride=4),
                nn.ConvTranspose2d(channels, channels, 2, stride=2),
                nn.Identity(),
                nn.Conv2d(channels, channels, 3, stride=2, padding=1),
            ]
        )
        self.point_projection = nn.Sequential(nn.Conv2d(3, channels, 1), nn.GELU(), nn.Conv2d(channels, channels, 1))
        self.deepest = ResidualUnit(channels)
        self.fusions = nn.ModuleList(FusionBlock(channels) for _ in range(3))
        self.mask_projection = nn.Conv2d(channels, channels, 1)

    def forward(self, features: tuple[Tensor, ...], points: Tensor, *, grid: tuple[int, int]) -> PixelFeatures:
        """Decode any number of views.

        Parameters
        ----------
        features : tuple of 4 Tensors (B, S, P, feature_dim)
            Patch features of the feature pass, shallow to deep.
        points : Tensor (B, S, H, W, 3)
            Point map in normalized coordinates; not finite where a pixel has no depth.
        grid : tuple of int
            Patch rows and columns, P = rows * columns.
        """
        batch, views, height, width = points.shape[:4]
        finest_to_deepest = [
            resize(projection(norm(feature)).flatten(0, 1).mT.unflatten(-1, grid))  # (B*S, C, h, w)
            for norm, projection, resize, feature in zip(
                self.norms, self.projections, self.resize, features, strict=True
            )
        ]
        level4, level8, level16, level32 = finest_to_deepest
        injected = level32 + self.point_projection(pool_points(points.flatten(0, 1), level32.shape[-2:]))
        level32 = self.deepest(injected)
        level16 = self.fusions[0](level32, level16)
        level8 = self.fusions[1](level16, level8)
        level4 = self.mask_projection(self.fusions[2](level8, level4))
        mask = functional.interpolate(
            level4, (round(height / 4), round(width / 4)), mode="bilinear", align_corners=False
        )
        split = (batch, views)
        return PixelFeatures(
            levels=(level32.unflatten(0, split), level16.unflatten(0, split), level8.unflatten(0, split)),
            injected=injected.unflatten(0, split),
            mask_features=mask.unflatten(0, split),
        )


def pool_points(points: Tensor, size: tuple[int, ...]) -> Tensor:
    """Average a point map over the cells of a coarser grid, leaving out pixels without depth.

    Parameters
    ----------
    points : Tensor (n, H, W, 3)
    size : tuple of int
        h, w.

    Returns
    -------
    Tensor (n, 3, h, w)
        Clipped to +-`POINT_RANGE`; zero in cells without any depth.
    """
    known = points.isfinite().all(-1, keepdim=True)
    clipped = points.clamp(-POINT_RANGE, POINT_RANGE).where(known, 0.0)
    pooled = functional.interpolate(clipped.movedim(-1, 1), size, mode="area")  # (n, 3, h, w)
    share = functional.interpolate(known.movedim(-1, 1).to(points.dtype), size, mode="area")  # (n, 1, h, w)
    return pooled / share.clamp(min=1e-6)
