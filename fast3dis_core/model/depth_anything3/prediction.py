"""What Depth Anything 3 returns: one frozen value, with None where a network has nothing to say."""

from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class DepthPrediction:
    """Depth and cameras of B scenes with S views each, in the caller's order of views.

    Camera axes are OpenCV; the world is about the camera frame of the reference view, in one arbitrary
    scale per scene, unless `is_metric` or given cameras say otherwise.

    Attributes
    ----------
    depth : Tensor (B, S, H, W)
        Along camera z, positive. Of the monocular networks: meters once multiplied by
        (fx + fy) / 2 / 300.
    confidence : Tensor (B, S, H, W) or None
        Above 1 (1 for filled sky), higher is better. None from monocular networks.
    world_to_camera : Tensor (B, S, 4, 4) or None
        None from monocular networks, and where cameras were not wanted.
    intrinsics : Tensor (B, S, 3, 3) or None
        Pixels of H x W, principal point at (W / 2, H / 2) unless from rays or given.
    sky : Tensor (B, S, H, W) or None
        Monocular networks only: below 0.3 is not sky.
    scale : Tensor () or None
        Nested network only: meters per unit of its any-view part.
    reference : Tensor (B,) int64 or None
        The chosen reference view; None where it is view 0 unchosen (one or two views, given cameras).
    camera_tokens : Tensor (B, S, D) or None
        Of given cameras.
    exported : dict of int to Tensor (B, S, gh, gw, D)
        Normalized patch tokens of the layers asked for.
    ray : Tensor (B, S, 8 gh, 8 gw, 6) or None
        Direction and origin, world; only on request.
    ray_confidence : Tensor (B, S, 8 gh, 8 gw) or None
        Above 1; only on request.
    is_metric : bool
        Depth and translations are in meters.
    """

    depth: Tensor
    confidence: Tensor | None = None
    world_to_camera: Tensor | None = None
    intrinsics: Tensor | None = None
    sky: Tensor | None = None
    scale: Tensor | None = None
    reference: Tensor | None = None
    camera_tokens: Tensor | None = None
    exported: dict[int, Tensor] = field(default_factory=dict)
    ray: Tensor | None = None
    ray_confidence: Tensor | None = None
    is_metric: bool = False
