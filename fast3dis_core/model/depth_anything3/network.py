"""Depth Anything 3 as one module: loads official weights by name, predicts depth and cameras (paper 3.1).

Reading files is left to `checkpoints`, resizing photos to `images`, the two passes of FAST3DIS to
`dual_pass`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fast3dis_core.config import ModelSize, ReferenceStrategy, model_size
from fast3dis_core.errors import ConfigError
from fast3dis_core.model.depth_anything3.any_view import CHUNK_VIEWS, AnyViewNetwork
from fast3dis_core.model.depth_anything3.monocular import MonocularNetwork
from fast3dis_core.model.depth_anything3.nested import NestedNetwork
from fast3dis_core.model.depth_anything3.pose_conditioning import align_to_given, normalize_cameras
from fast3dis_core.model.depth_anything3.prediction import DepthPrediction
from fast3dis_core.scene import PosedCameras

GAUSSIAN_PRESETS = ("da3-giant", "da3nested-giant-large")  # their files also hold a Gaussian-splatting head


class DepthAnything3(nn.Module):
    """Depth, and for several views also cameras, from photos.

    Parameters
    ----------
    size : str or ModelSize
        A name of `fast3dis_core.config.MODEL_SIZES` or a row of your own.

    Attributes
    ----------
    model : AnyViewNetwork, MonocularNetwork or NestedNetwork
        Parameter names below `model.` are those of the official files, so
        `load_state_dict(state, strict=True)` accepts such a file unchanged: the shared norm of the ray
        branches, which files hold once, is filled in, and the Gaussian head of the giant files dropped.

    Notes
    -----
    Weights start at random, deterministic under `torch.manual_seed`. Autocast may surround the call; it
    reaches the transformer only, heads and cameras stay in float32. All of it is differentiable.

    Examples
    --------
    >>> model = DepthAnything3("small").eval()
    >>> with torch.inference_mode():
    ...     prediction = model(torch.rand(1, 3, 3, 98, 126))
    >>> prediction.depth.shape, prediction.world_to_camera.shape
    (torch.Size([1, 3, 98, 126]), torch.Size([1, 3, 4, 4]))
    """

    def __init__(self, size: str | ModelSize) -> None:
        super().__init__()
        self.size = model_size(size) if isinstance(size, str) else size
        gaussian = self.size.preset in GAUSSIAN_PRESETS
        self.model: AnyViewNetwork | MonocularNetwork | NestedNetwork
        if self.size.metric is not None:
            self.model = NestedNetwork(self.size.backbone, self.size.metric, drop_gaussian_head=gaussian)
        elif self.size.backbone.head == "dual_dpt":
            self.model = AnyViewNetwork(self.size.backbone, drop_gaussian_head=gaussian)
        else:
            self.model = MonocularNetwork(self.size.backbone)

    @property
    def any_view(self) -> AnyViewNetwork:
        """The network that sees all views together: `model`, or its any-view part if nested.

        Raises
        ------
        ConfigError
            For a monocular size.
        """
        if isinstance(self.model, AnyViewNetwork):
            return self.model
        if isinstance(self.model, NestedNetwork):
            return self.model.da3
        raise ConfigError(f"Size {self.size.preset!r} sees one view at a time: choose an any-view size such as small.")

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
        """Run the network.

        Parameters
        ----------
        images : Tensor (B, S, 3, H, W)
            RGB in [0, 1]; H and W are multiples of 14.
        embedded : Tensor (B, S, T, D), optional
            `any_view.embed(images)`, where the caller has it already.
        cameras : PosedCameras with (B, S, 4, 4) and (B, S, 3, 3), optional
            Known cameras, already normalized (`normalize_cameras`); intrinsics in pixels of H x W. The
            network still predicts its own. `forward_posed` normalizes before and aligns after.
        reference_strategy : {"saddle_balanced", "saddle_sim_range", "middle", "first"}
            How the reference view is chosen, for three or more views without given cameras.
        use_ray_pose : bool
            Cameras from the ray map instead of the camera decoder: slower, somewhat more accurate.
        export_layers : sequence of int
            Blocks whose patch tokens are returned in `exported`, views in the caller's order.
        rays : bool
            Return the ray map, which is not computed otherwise.
        predict_cameras : bool
            Off: `world_to_camera` and `intrinsics` are None.
        chunk_views : int
            Views in the depth head at a time; lower it to save memory.
        generator : torch.Generator, optional
            On the CPU; for draws of ray pose and of quantiles over many pixels. A fresh one with seed 0
            by default.

        Returns
        -------
        DepthPrediction

        Raises
        ------
        ConfigError
            If a monocular network is asked for cameras or rays, or for an unknown strategy or layer.
        GeometryError
            If rays do not determine cameras, or a nested network sees nothing but sky.
        ValueError
            If the images have another shape.
        """
        if isinstance(self.model, MonocularNetwork):
            if embedded is not None or cameras is not None or use_ray_pose or rays:
                raise ConfigError(
                    f"Size {self.size.preset!r} sees one view at a time: it takes no cameras or shared embedding and "
                    "predicts no rays. Choose an any-view size such as small."
                )
            monocular: DepthPrediction = self.model(
                images, export_layers=export_layers, chunk_views=chunk_views, generator=generator
            )
            return monocular
        any_view: DepthPrediction = self.model(
            images,
            embedded=embedded,
            cameras=cameras,
            reference_strategy=reference_strategy,
            use_ray_pose=use_ray_pose,
            export_layers=export_layers,
            rays=rays,
            predict_cameras=predict_cameras,
            chunk_views=chunk_views,
            generator=generator,
        )
        return any_view

    def forward_posed(
        self,
        images: Tensor,
        cameras: PosedCameras,
        *,
        embedded: Tensor | None = None,
        keep_given_scale: bool = True,
        use_ray_pose: bool = False,
        export_layers: Sequence[int] = (),
        rays: bool = False,
        chunk_views: int = CHUNK_VIEWS,
        generator: torch.Generator | None = None,
    ) -> DepthPrediction:
        """Run the network on known cameras and return depth in their world.

        Parameters
        ----------
        images : Tensor (B, S, 3, H, W)
        cameras : PosedCameras with (B, S, 4, 4) and (B, S, 3, 3)
            In any world and scale; intrinsics in pixels of H x W.
        embedded : Tensor (B, S, T, D), optional
            As in `forward`.
        keep_given_scale : bool
            On: depth is brought to the scale of the given cameras, which are returned. Off: depth stays
            as predicted and the given cameras are moved into the predicted world.
        use_ray_pose, export_layers, rays, chunk_views, generator
            As in `forward`.

        Returns
        -------
        DepthPrediction
            With given intrinsics. `ray` is not aligned.

        Raises
        ------
        GeometryError
            If the predicted camera centers coincide while the given ones do not.
        """
        normalized = PosedCameras(
            world_to_camera=normalize_cameras(cameras.world_to_camera), intrinsics=cameras.intrinsics
        )
        prediction = self(
            images,
            embedded=embedded,
            cameras=normalized,
            use_ray_pose=use_ray_pose,
            export_layers=export_layers,
            rays=rays,
            chunk_views=chunk_views,
            generator=generator,
        )
        return align_to_given(prediction, cameras, keep_given_scale=keep_given_scale)
