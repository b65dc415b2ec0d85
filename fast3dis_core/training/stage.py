"""What a stage of training is to the trainer: a module, a loss for a batch, a score for a validation scene.

There are two: `stage_geometry` stands in for the pre-training of Depth Anything 3 (paper 3.1), `stage_instances` is
FAST3DIS itself (paper 3.6). The loop, the optimizer and all files are left to others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fast3dis_core.checkpoints import Provenance
from fast3dis_core.datasets.sample import SceneSample
from fast3dis_core.training.batches import StepPlan

TOTAL = "total"  # key of the loss itself among its terms


@dataclass(frozen=True, kw_only=True)
class StepLoss:
    """Loss of one forward pass.

    Attributes
    ----------
    total : Tensor ()
        With gradients; mean over the scenes of the pass.
    terms : mapping of str to Tensor ()
        What it is made of, unweighted, without gradients; the same names in every pass of a stage.
    """

    total: Tensor
    terms: Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Score of one validation scene.

    Attributes
    ----------
    figures : mapping of str to float
        NaN where there is nothing to measure.
    picture : array (h, w, 3) uint8
        One column per view: photo, truth, prediction.
    """

    figures: Mapping[str, float]
    picture: NDArray[np.uint8]


class Stage(Protocol):
    """Either stage."""

    @property
    def trained(self) -> Mapping[str, nn.Parameter]:
        """Parameters by name; what comes before the first dot is the room its gradients are counted in."""

    def loss(self, sample: SceneSample, plan: StepPlan, *, progress: float, generator: torch.Generator) -> StepLoss:
        """Loss of a batch of B scenes on the device; `progress` is t in [0, 1]."""

    def watch(self) -> Mapping[str, float]:
        """Figures of the latest batch that tell how training fails."""

    def validate(self, sample: SceneSample) -> Validation:
        """Score a batch of one scene."""

    def state(self) -> dict[str, Tensor]:
        """Everything learned, by name."""

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Put back what `state` gave."""

    def export(self, path: Path, provenance: Provenance) -> None:
        """Write the weights as the rest of the package reads them."""
