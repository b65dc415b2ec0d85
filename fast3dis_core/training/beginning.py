"""From settings and a weight file to a stage that is ready to train; and what the weights that come out are.

The file a run begins from is noted with its hash, since a frozen backbone is not part of the run's states. Reading
files is left to `checkpoints`, finding them to `official_weights`. Paper section 3.1: the backbone is frozen.
"""

import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fast3dis_core.checkpoints import Provenance, identify, load_backbone, load_checkpoint, restore
from fast3dis_core.config import TrainingConfig
from fast3dis_core.errors import CheckpointError
from fast3dis_core.inference.loading import RANDOM
from fast3dis_core.inference.machine import code_commit
from fast3dis_core.model.fast3dis import Fast3DIS
from fast3dis_core.official_weights import OFFICIAL_WEIGHTS, require_weights
from fast3dis_core.training.run_directory import Counters
from fast3dis_core.training.stage import Stage
from fast3dis_core.training.stage_geometry import GeometryNetwork, GeometryStage
from fast3dis_core.training.stage_instances import InstanceStage
from fast3dis_core.weight_files import file_sha256


def first_weights(config: TrainingConfig, weights: str | None) -> dict[str, str]:
    """The file a run begins from: path and hash; empty for none.

    Parameters
    ----------
    config : TrainingConfig
    weights : str, optional
        A file, or "random". By default geometry starts from scratch, and instances from what `find_weights` finds.

    Raises
    ------
    CheckpointError
        If there are no weights to freeze.
    """
    if weights == RANDOM or (weights is None and config.stage == "geometry"):
        return {}
    path = require_weights(config.model.size, weights).resolve()
    return {"path": str(path), "sha256": file_sha256(path)}


def build_stage(config: TrainingConfig, weights: Mapping[str, str], *, device: torch.device, precision: str) -> Stage:
    """Network of the run's seed, filled from the file it begins from.

    Parameters
    ----------
    config : TrainingConfig
    weights : mapping
        From `first_weights`.
    device : torch.device
    precision : {"float32", "bfloat16"}

    Raises
    ------
    CheckpointError
        If the file is gone, has changed, or is made for another size.
    """
    path = Path(weights["path"]) if weights else None
    if path is not None:
        _check_unchanged(path, weights["sha256"])
    with torch.random.fork_rng(devices=[]):  # drawn on the CPU: the same start on every device
        torch.manual_seed(config.seed)
        if config.stage == "geometry":
            geometry = GeometryNetwork(config.model.size)
            if path is not None:
                _fill_geometry(geometry, path, config.model.size)
            return GeometryStage(config, geometry.to(device), precision=precision)
        network = Fast3DIS(config.model)
    if path is not None and identify(path).kind == "fast3dis":
        restore(network, load_checkpoint(path))
    elif path is not None:
        load_backbone(network.backbone, path, size=config.model.size)
    complete = path is None or not _is_official(config.model.size)
    return InstanceStage(config, network.to(device), precision=precision, complete=complete)


def provenance(
    config: TrainingConfig,
    weights: Mapping[str, str],
    counters: Counters,
    figures: Mapping[str, float],
    *,
    data_version: str,
) -> Provenance:
    """What is said about the weights of a run in their file.

    Parameters
    ----------
    config : TrainingConfig
    weights : mapping
        From `first_weights`.
    counters : Counters
    figures : mapping of str to float
        Of the latest validation; those that are no numbers are left out.
    data_version : str
        Of the scenes it was trained on.
    """
    size = config.model.size
    official = next((row for row in OFFICIAL_WEIGHTS if row.size == size and not row.deprecated), None)
    return Provenance(
        backbone=official.name if official and weights else size,
        backbone_sha256=weights.get("sha256", "") if config.stage == "instances" else "",
        data_version=data_version,
        steps=counters.step,
        scenes_seen=counters.scenes_seen,
        code_commit=code_commit(),
        license=official.license if official and weights else "Apache-2.0",
        metrics={name: value for name, value in figures.items() if value == value},
    )


def environment(device: torch.device, precision: str, world: int, data_version: str) -> dict[str, Any]:
    """What a result may depend on besides the settings."""
    cuda = device.type == "cuda"
    return {
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name(device) if cuda else platform.processor() or platform.machine(),
        "cuda": torch.version.cuda if cuda else None,
        "precision": precision,
        "processes": world,
        "threads": torch.get_num_threads(),
        "code_commit": code_commit(),
        "data_version": data_version,
    }


def _check_unchanged(path: Path, sha256: str) -> None:
    if not path.exists():
        raise CheckpointError(f"{path}: the weights this run began from are gone; put the same file back.")
    if file_sha256(path) != sha256:
        raise CheckpointError(
            f"{path}: expected the weights this run began from (SHA-256 {sha256[:16]}…), found another file; put the "
            "old one back, or begin a new run."
        )


def _fill_geometry(network: GeometryNetwork, path: Path, size: str) -> None:
    """Backbone from a Depth Anything 3 file or out of a complete FAST3DIS checkpoint."""
    if identify(path).kind != "fast3dis":
        load_backbone(network.backbone, path, size=size)
        return
    checkpoint = load_checkpoint(path)
    holder = Fast3DIS(checkpoint.config)
    restore(holder, checkpoint)
    state = {name: value for name, value in holder.backbone.state_dict().items() if ".lora_" not in name}
    network.backbone.load_state_dict(state)


def _is_official(size: str) -> bool:
    return any(row.size == size for row in OFFICIAL_WEIGHTS)
