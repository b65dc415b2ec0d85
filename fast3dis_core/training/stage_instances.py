"""Stage 2: FAST3DIS on a frozen backbone (paper 3.1 to 3.6), adapters and everything behind the backbone trained.

The geometry pass runs without gradients in float32; in a share of the steps the true geometry replaces it, so that
photos with depth are of use later. What is minimized is left to `criterion`, what is watched to `watch`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from fast3dis_core.checkpoints import Provenance, save_checkpoint, wanted_state
from fast3dis_core.config import TrainingConfig
from fast3dis_core.datasets.sample import SceneSample
from fast3dis_core.inference.steps import autocast
from fast3dis_core.model.fast3dis import Fast3DIS
from fast3dis_core.model.prediction_heads import mask_logits, objectness
from fast3dis_core.pictures import Picture, label_image, photo, rows_of_views, winning_query
from fast3dis_core.scene import DecoderLayer, DecoderTrace, EncodedScene, SceneGeometry
from fast3dis_core.training.batches import StepPlan
from fast3dis_core.training.criterion import Objective, objective
from fast3dis_core.training.matcher import Matching
from fast3dis_core.training.stage import TOTAL, StepLoss, Validation
from fast3dis_core.training.targets import SceneTargets, sample_targets
from fast3dis_core.training.watch import ACTIVE, FailureWatch, failure_watch

PER_LAYER = ("classification", "bce", "dice", "overlap", "anchor")
VALIDATION_SEED = 0  # of the points a validation scene is matched on


@dataclass(frozen=True, kw_only=True)
class _Pass:
    """All values of one forward pass."""

    encoded: EncodedScene
    trace: DecoderTrace
    targets: SceneTargets
    found: Objective

    def watch(self) -> FailureWatch:
        """Figures of the last layer."""
        return failure_watch(self.encoded, self.trace.layers[-1], self.targets, self.found.matchings[-1])


class InstanceStage:
    """Stage 2, as `stage.Stage` describes it.

    Parameters
    ----------
    config : TrainingConfig
    network : Fast3DIS
        On the device it is to be trained on.
    precision : {"float32", "bfloat16"}
        Of feature pass and pixel decoder.
    complete : bool
        Whether the exported file holds the backbone as well, because no other file does.
    """

    def __init__(self, config: TrainingConfig, network: Fast3DIS, *, precision: str, complete: bool) -> None:
        self.config = config
        self.network = network.train()
        self.precision = precision
        self.complete = complete
        self.trained: Mapping[str, nn.Parameter] = {
            name.replace("backbone.", "adapters.", 1): value
            for name, value in network.named_parameters()
            if value.requires_grad
        }
        self._latest: _Pass | None = None

    def loss(self, sample: SceneSample, plan: StepPlan, *, progress: float, generator: torch.Generator) -> StepLoss:
        """Eq. 9 for one batch."""
        given = sample.geometry if plan.draw < self.config.given_geometry_share else None
        done = self._forward(sample, given, progress=progress, generator=generator)
        self._latest = done
        terms = {name: getattr(done.found, name).sum() for name in PER_LAYER}
        terms = {TOTAL: done.found.total.detach(), **terms, "contrastive": done.found.contrastive}
        return StepLoss(total=done.found.total, terms=terms)

    def watch(self) -> Mapping[str, float]:
        """The failure watch of the latest batch, and lambda."""
        assert self._latest is not None
        return {"overlap_weight": self._latest.found.overlap_weight, **_flat(self._latest.watch())}

    @torch.no_grad()
    def validate(self, sample: SceneSample, *, given: SceneGeometry | None = None) -> Validation:
        """IoU of matched masks over all views, and the failure watch; on predicted geometry unless it is given."""
        self.network.eval()
        generator = torch.Generator(sample.views.images.device).manual_seed(VALIDATION_SEED)
        done = self._forward(sample, given, progress=1.0, generator=generator)
        self.network.train()
        layer, matching = done.trace.layers[-1], done.found.matchings[-1]
        quality = matched_ious(layer, done.encoded.mask_features, done.targets, matching)[matching.matched]
        figures = {
            "loss": float(done.found.total),
            "matched_iou": float(quality.mean()),
            "matched_above_half": float((quality > 0.5).float().mean()),
            **_flat(done.watch()),
        }
        return Validation(figures=figures, picture=_picture(sample, done))

    def state(self) -> dict[str, Tensor]:
        """What FAST3DIS trains; the frozen backbone has a file of its own."""
        return wanted_state(self.network, heads_only=True)

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Put it back."""
        self.network.load_state_dict({**self.network.state_dict(), **state})

    def export(self, path: Path, provenance: Provenance) -> None:
        """Write a FAST3DIS checkpoint."""
        save_checkpoint(path, self.network, provenance, heads_only=not self.complete)

    def _forward(
        self, sample: SceneSample, given: SceneGeometry | None, *, progress: float, generator: torch.Generator
    ) -> _Pass:
        images, network = sample.views.images, self.network
        views = images.shape[0] * images.shape[1]
        with torch.no_grad():  # float32: adapters are off here, and cameras want digits
            tokens = network.embed(images)
            shared = None if given is not None else network.geometry_pass(images, tokens, chunk_views=views)
        geometry = shared.geometry if shared is not None else given
        assert geometry is not None
        with autocast(images.device, self.precision):
            features = network.feature_pass(images, tokens, shared)
            encoded = network.decode_pixels(features, geometry, chunk_views=views)
        trace = network.decode(encoded)  # float32, as in inference: anchors are projected in it
        height, width = encoded.mask_features.shape[-2:]
        targets = sample_targets(sample, (height, width), config=self.config.loss)
        found = objective(encoded, trace, targets, progress=progress, config=self.config.loss, generator=generator)
        return _Pass(encoded=encoded, trace=trace, targets=targets, found=found)


@torch.no_grad()
def matched_ious(layer: DecoderLayer, mask_features: Tensor, targets: SceneTargets, matching: Matching) -> Tensor:
    """IoU over all views of every object and the mask of its query, on labelled cells.

    Parameters
    ----------
    layer : DecoderLayer
    mask_features : Tensor (B, S, C, h, w)
    targets : SceneTargets
    matching : Matching

    Returns
    -------
    Tensor (B, G)
        Meaningless where not `matching.matched`.
    """
    masks = mask_logits(layer, mask_features) > 0  # (B, S, N, h, w)
    masks = masks.transpose(1, 2).flatten(2)  # (B, N, M)
    masks = masks.gather(1, matching.queries[..., None].expand(-1, -1, masks.shape[-1]))  # (B, G, M)
    labels = targets.labels.flatten(1)[:, None]  # (B, 1, M)
    truth = labels == torch.arange(targets.areas.shape[1], device=labels.device)[:, None]  # (B, G, M)
    counted = labels >= 0
    shared = (masks & truth).sum(-1)
    return shared / ((masks & counted) | truth).sum(-1).clamp(min=1)


def _flat(watch: FailureWatch) -> dict[str, float]:
    """Figures as plain numbers; of the anchors the mean over views."""
    return {
        name: sum(value) / len(value) if isinstance(value, tuple) else float(value)
        for name, value in vars(watch).items()
    }


def _picture(sample: SceneSample, done: _Pass) -> Picture:
    """Photo, true objects in the colors of their queries, and the strongest claim of every cell."""
    images, layer, matching = sample.views.images[0], done.trace.layers[-1], done.found.matchings[-1]
    queries = torch.cat([matching.queries[0].where(matching.matched[0], -1), matching.queries.new_tensor([-1])])
    logits = mask_logits(layer, done.encoded.mask_features)[0]  # (S, N, h, w)
    won = winning_query(logits, objectness(layer)[0], active=ACTIVE)
    size = (images.shape[-2], images.shape[-1])
    return rows_of_views([photo(images), label_image(queries[done.targets.labels[0]], size), label_image(won, size)])
