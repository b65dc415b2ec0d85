"""Which weights go into a network, and what is left untrained.

Finding, reading and checking files is the business of `official_weights` and `checkpoints`; this module
decides what they mean together. It never downloads.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from fast3dis_core.checkpoints import (
    Checkpoint,
    Provenance,
    check_backbone,
    identify,
    load_backbone,
    load_checkpoint,
    restore,
)
from fast3dis_core.config import ModelConfig, model_size
from fast3dis_core.errors import CheckpointError
from fast3dis_core.inference.reporting import reporting_construction, reporting_copies
from fast3dis_core.model.fast3dis import Fast3DIS
from fast3dis_core.official_weights import find_weights, missing_weights

RANDOM = "random"  # in place of a path: start untrained on purpose, for timing
UNTRAINED_SEED = 0


@dataclass(frozen=True, kw_only=True)
class WeightsStatus:
    """What a loaded network knows.

    Attributes
    ----------
    backbone : str
        File of the Depth Anything 3 weights, or "" where they are random.
    heads : str
        File of what FAST3DIS trains, or "" where it is random.
    provenance : Provenance, optional
        Told by the FAST3DIS checkpoint.
    """

    backbone: str = ""
    heads: str = ""
    provenance: Provenance | None = None

    @property
    def trained(self) -> bool:
        """Whether both parts are trained."""
        return bool(self.backbone and self.heads)

    @property
    def geometry_only(self) -> bool:
        """Whether the backbone is trained and the heads are not: depth and cameras are real, masks would be random."""
        return bool(self.backbone) and not self.heads

    @property
    def sentence(self) -> str:
        """For the user; empty when nothing has to be said."""
        if not self.backbone and not self.heads:
            return "This model has an untrained backbone and untrained heads: what it predicts is random."
        if not self.heads:
            return "This model has untrained heads: masks and scores are random."
        return "" if self.backbone else "This model has an untrained backbone: the geometry it predicts is random."


def build_network(
    size: str,
    *,
    weights: str | Path | None = None,
    heads: str | Path | None = None,
    report: Callable[[float], None] = lambda fraction: None,
) -> tuple[Fast3DIS, WeightsStatus]:
    """Network of a size, filled from files.

    Parameters
    ----------
    size : str
        Row of `MODEL_SIZES`.
    weights : path, optional
        Complete FAST3DIS checkpoint, Depth Anything 3 weights, or "random". By default what `find_weights`
        finds; nano may start untrained where none is bundled, any other size may not.
    heads : path, optional
        Heads-only FAST3DIS checkpoint.
    report : callable
        Called with the fraction done; raises to stop. One file of weights is read without asking in between.

    Raises
    ------
    CheckpointError
        If a file is missing, damaged, or made for another size or backbone.
    ConfigError
        For an unknown size or one without cameras.
    """
    model_size(size)
    checkpoint = None if heads is None else load_checkpoint(heads)
    random = weights is not None and str(weights) == RANDOM
    path = None if random else find_weights(size, weights)
    if path is None and not random and size != "nano":
        raise missing_weights(size)
    if path is not None and identify(path).kind == "fast3dis":
        if checkpoint is not None:
            raise CheckpointError(
                f"{heads}: {path} is a complete FAST3DIS checkpoint with heads of its own; give either of the two."
            )
        checkpoint = load_checkpoint(path)
    elif path is not None and identify(path).kind == "fast3dis-heads":
        raise CheckpointError(
            f"{path}: expected a backbone, found FAST3DIS heads; give them with --heads, the backbone with --weights."
        )
    report(0.1)
    with reporting_construction(lambda: report(0.2)):
        network = untrained_network(_config(size, checkpoint))
    with reporting_copies(network, lambda: report(0.6)):
        if path is not None and (checkpoint is None or checkpoint.heads_only):
            if checkpoint is not None:
                check_backbone(checkpoint, path, report=lambda _, done: report(0.4 + 0.1 * done))
            load_backbone(network.backbone, path, size=size)
        if checkpoint is not None:
            restore(network, checkpoint)
    return network, WeightsStatus(
        backbone="" if path is None else str(path),
        heads="" if checkpoint is None else str(checkpoint.path),
        provenance=None if checkpoint is None else checkpoint.provenance,
    )


def untrained_network(config: ModelConfig) -> Fast3DIS:
    """A network with the same random weights every time; other random numbers are not disturbed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(UNTRAINED_SEED)
        return Fast3DIS(config)


def _config(size: str, checkpoint: Checkpoint | None) -> ModelConfig:
    if checkpoint is None:
        return ModelConfig.for_size(size)
    if checkpoint.config.size != size:
        raise CheckpointError(
            f"{checkpoint.path}: expected a checkpoint of size {size}, found size {checkpoint.config.size}; "
            f"choose --size {checkpoint.config.size} or another file."
        )
    return checkpoint.config
