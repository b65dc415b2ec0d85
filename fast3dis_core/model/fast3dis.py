"""Fast3DIS: the parts of paper sections 3.1 to 3.5, wired.

`encode` is the expensive half (geometry pass, feature pass, pixel decoder, anchor generator), `decode` the
cheap one (anchor decoder, heads). Both take and return the values of `fast3dis_core.scene` with a leading
axis B of scenes with equal S, H and W. Devices, precision, progress and thresholds are left to `inference`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fast3dis_core.config import PATCH_SIZE, ModelConfig, model_size
from fast3dis_core.interventions import NO_INTERVENTIONS, Interventions
from fast3dis_core.model.anchor_decoder import AnchorDecoder, DecoderCameras, LayerEvidence, decoder_cameras
from fast3dis_core.model.anchor_generator import AnchorGenerator
from fast3dis_core.model.decoder_start import decoder_start, silenced
from fast3dis_core.model.depth_anything3 import DepthAnything3
from fast3dis_core.model.dual_pass import GeometryPass, feature_pass, geometry_pass
from fast3dis_core.model.lora import add_adapters
from fast3dis_core.model.pixel_decoder import PixelDecoder, PixelFeatures
from fast3dis_core.model.prediction_heads import PredictionHeads
from fast3dis_core.model.scene_frame import scene_frame
from fast3dis_core.reconstruction import AnchorOverride
from fast3dis_core.scene import DecoderLayer, DecoderTrace, EncodedScene, PosedCameras, SceneFrame, SceneGeometry


@dataclass(frozen=True, kw_only=True)
class Held:
    """What is the same for all places that one query of a trace is followed to.

    Attributes
    ----------
    keys_and_values : tuple of L Tensors (B, N, 2C)
        What self-attention reads of the other queries.
    cameras : DecoderCameras
    """

    keys_and_values: tuple[Tensor, ...]
    cameras: DecoderCameras


class Fast3DIS(nn.Module):
    """Feed-forward anchored scene transformer for 3D instance segmentation.

    The backbone is frozen and stays in eval mode; trainable are its adapters and everything else.

    Parameters
    ----------
    config : ModelConfig
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = DepthAnything3(config.size)
        self.backbone.requires_grad_(False)
        blocks = self.backbone.any_view.backbone.pretrained.blocks
        add_adapters(blocks, rank=config.lora_rank, alpha=config.lora_alpha)
        channels = config.channels
        feature_dim = model_size(config.size).backbone.feature_dim
        self.pixel_decoder = PixelDecoder(feature_dim=feature_dim, channels=channels)
        self.anchor_generator = AnchorGenerator(num_queries=config.num_queries, channels=channels)
        self.anchor_decoder = AnchorDecoder(
            channels=channels,
            num_layers=config.num_layers,
            num_heads=config.num_heads,
            ffn_channels=config.ffn_channels,
        )
        self.heads = PredictionHeads(channels)
        self.train()

    def train(self, mode: bool = True) -> "Fast3DIS":
        """Switch the trained parts; the backbone stays in eval mode."""
        super().train(mode)
        self.backbone.eval()
        return self

    def encode(
        self,
        images: Tensor,
        *,
        cameras: PosedCameras | None = None,
        geometry: SceneGeometry | None = None,
        chunk_views: int = 8,
    ) -> EncodedScene:
        """Photos to everything `decode` needs.

        Parameters
        ----------
        images : Tensor (B, S, 3, H, W)
            RGB in [0, 1]; H and W multiples of 14.
        cameras : PosedCameras, optional
            Pose-conditioned geometry pass.
        geometry : SceneGeometry, optional
            Replaces the geometry pass.
        chunk_views : int
            Views that pass the per-view parts together.

        Raises
        ------
        GeometryError
            If there is no depth, or given cameras cannot be aligned.
        """
        with torch.no_grad():  # nothing before the blocks is trained
            tokens = self.embed(images)
        shared = None
        if geometry is None:
            shared = self.geometry_pass(images, tokens, cameras=cameras, chunk_views=chunk_views)
            geometry = shared.geometry
        features = self.feature_pass(images, tokens, shared)
        return self.decode_pixels(features, geometry, chunk_views=chunk_views)

    def embed(self, images: Tensor) -> Tensor:
        """Patch and position embedding, shared by both passes; Tensor (B, S, T, D)."""
        return self.backbone.any_view.embed(images)

    def geometry_pass(
        self, images: Tensor, tokens: Tensor, *, cameras: PosedCameras | None = None, chunk_views: int = 8
    ) -> GeometryPass:
        """Section 3.1, adapters off; see `dual_pass.geometry_pass`."""
        return geometry_pass(self.backbone, images, tokens, cameras=cameras, chunk_views=chunk_views)

    def feature_pass(self, images: Tensor, tokens: Tensor, shared: GeometryPass | None) -> Sequence[Tensor]:
        """Section 3.1, adapters on; see `dual_pass.feature_pass`."""
        return feature_pass(self.backbone, tokens, grid=patch_grid(images), shared=shared)

    def decode_pixels(
        self, features: Sequence[Tensor], geometry: SceneGeometry, *, chunk_views: int = 8
    ) -> EncodedScene:
        """Pixel decoder and anchor generator, sections 3.2 and 3.3.

        Parameters
        ----------
        features : sequence of 4 Tensors (B, S, P, feature_dim)
        geometry : SceneGeometry
        chunk_views : int
        """
        frame = scene_frame(geometry)
        grid = patch_grid(geometry.depth)
        chunks: list[PixelFeatures] = []
        for first in range(0, geometry.depth.shape[1], chunk_views):
            views = slice(first, first + chunk_views)
            points = normalized_points(geometry, frame, views)
            chunks.append(self.pixel_decoder(tuple(level[:, views] for level in features), points, grid=grid))
        context = torch.cat([chunk.injected.mean((-2, -1)) for chunk in chunks], dim=1).mean(1)  # (B, C)
        anchors, queries = self.anchor_generator(context)
        levels = [torch.cat([chunk.levels[index] for chunk in chunks], dim=1).float() for index in range(3)]
        return EncodedScene(
            geometry=geometry,
            frame=frame,
            features=(levels[0], levels[1], levels[2]),
            mask_features=torch.cat([chunk.mask_features for chunk in chunks], dim=1).float(),
            initial_anchors=frame.denormalize(anchors.float()),
            initial_queries=queries.float(),
        )

    def decode(
        self,
        encoded: EncodedScene,
        overrides: Sequence[AnchorOverride] = (),
        interventions: Interventions = NO_INTERVENTIONS,
        *,
        record: list[LayerEvidence] | None = None,
    ) -> DecoderTrace:
        """Anchors and queries through all layers, sections 3.4 and 3.5.

        Parameters
        ----------
        encoded : EncodedScene
            With a leading axis B.
        overrides : sequence of AnchorOverride
            World positions that replace generated anchors in every scene of the batch.
        interventions : Interventions
            Experiments; with prompts, N grows by their number.
        record : list, optional
            Takes one `LayerEvidence` per layer.

        Returns
        -------
        DecoderTrace
            L + 1 layers, 0 being the generator's output.
        """
        start = decoder_start(encoded, overrides, interventions)
        states = [(start.queries, start.anchors)]
        states += self.anchor_decoder(
            start.queries,
            start.anchors,
            encoded.features,
            decoder_cameras(encoded.geometry, encoded.frame),
            pinned=start.pinned,
            allowed=start.allowed,
            seen=start.seen,
            record=record,
        )
        layers = [self._layer(queries, spots, encoded.frame) for queries, spots in states]
        return DecoderTrace(layers=tuple(silenced(layer, start.silent) for layer in layers))

    def hold(self, encoded: EncodedScene, trace: DecoderTrace) -> Held:
        """What `follow` needs of a trace whatever the place: worth keeping while an anchor is dragged.

        Parameters
        ----------
        encoded : EncodedScene
            With a leading axis B.
        trace : DecoderTrace
            Of an earlier `decode`.
        """
        states = [(layer.queries, encoded.frame.normalize(layer.anchors)) for layer in trace.layers]
        cameras = decoder_cameras(encoded.geometry, encoded.frame)
        return Held(keys_and_values=self.anchor_decoder.hold(states), cameras=cameras)

    def follow(
        self,
        encoded: EncodedScene,
        trace: DecoderTrace,
        query: int,
        overrides: Sequence[AnchorOverride] = (),
        interventions: Interventions = NO_INTERVENTIONS,
        *,
        held: Held | None = None,
    ) -> DecoderTrace:
        """The trace with one query decoded again and all others held: a preview, in a fraction of the time.

        Parameters
        ----------
        encoded : EncodedScene
            With a leading axis B.
        trace : DecoderTrace
            Of an earlier `decode` with as many prompts.
        query : int
        overrides, interventions
            The new wishes; only what they say of `query` is followed.
        held : Held, optional
            As `hold` gives it of this trace.
        """
        held = held or self.hold(encoded, trace)
        start = decoder_start(encoded, overrides, interventions)
        followed = self.anchor_decoder.follow(
            query,
            held.keys_and_values,
            (start.queries[:, query : query + 1], start.anchors[:, query : query + 1]),
            encoded.features,
            held.cameras,
            pinned=start.pinned is not None and bool(start.pinned[query]),
            allowed=start.allowed,
            seen=start.seen,
        )
        queries, anchors = (torch.cat(parts, dim=1) for parts in zip(*followed, strict=True))  # (B, L + 1, ...)
        rows = self._layer(queries, anchors, encoded.frame)  # all layers have the same heads
        return DecoderTrace(layers=tuple(_with_row(old, query, rows, index) for index, old in enumerate(trace.layers)))

    def forward(
        self,
        images: Tensor,
        *,
        cameras: PosedCameras | None = None,
        geometry: SceneGeometry | None = None,
    ) -> tuple[EncodedScene, DecoderTrace]:
        """`encode`, then `decode`; for training."""
        encoded = self.encode(images, cameras=cameras, geometry=geometry)
        return encoded, self.decode(encoded)

    def _layer(self, queries: Tensor, anchors: Tensor, frame: SceneFrame) -> DecoderLayer:
        logits, embeddings = self.heads(queries)
        return DecoderLayer(
            anchors=frame.denormalize(anchors), queries=queries, objectness_logits=logits, mask_embeddings=embeddings
        )


def _with_row(layer: DecoderLayer, query: int, rows: DecoderLayer, index: int) -> DecoderLayer:
    """A layer with the state of one query replaced by one of several states."""

    def put(name: str) -> Tensor:
        values = getattr(layer, name).clone()
        values[:, query] = getattr(rows, name)[:, index]
        return values

    names = ("anchors", "queries", "objectness_logits", "mask_embeddings")
    return DecoderLayer(**{name: put(name) for name in names})


def patch_grid(images: Tensor) -> tuple[int, int]:
    """Patch rows and columns of maps (..., H, W)."""
    return images.shape[-2] // PATCH_SIZE, images.shape[-1] // PATCH_SIZE


def normalized_points(geometry: SceneGeometry, frame: SceneFrame, views: slice) -> Tensor:
    """Point map of some views in normalized coordinates, NaN where a pixel has no depth; (B, s, H, W, 3)."""
    part = SceneGeometry(
        depth=geometry.depth[:, views],
        confidence=geometry.confidence[:, views],
        intrinsics=geometry.intrinsics[:, views],
        world_to_camera=geometry.world_to_camera[:, views],
    )
    known = (part.depth > 0) & (part.confidence > 0)
    return frame.normalize(part.points()).where(known[..., None], torch.nan)
