"""Weights in and out of files: published Depth Anything 3 weights, and FAST3DIS checkpoints of our own.

A checkpoint is one .safetensors file whose metadata hold a format version, the `ModelConfig` and where the
weights come from. It is complete (backbone and heads, as the bundled one), or it holds what FAST3DIS trains
(adapters, pixel decoder, anchors, decoder, heads; paper 3.1-3.5) and names the backbone it was trained on.
Files of torch.save are read by `torch_files`. Recognizing files without torch is left to `weight_files`, finding
and downloading them to `official_weights`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from fast3dis_core.config import ModelConfig, from_mapping, to_mapping
from fast3dis_core.errors import CheckpointError, ConfigError
from fast3dis_core.exports.atomic import atomic_file
from fast3dis_core.official_weights import recorded_sha256
from fast3dis_core.progress import Report, silent
from fast3dis_core.torch_files import read_torch_state
from fast3dis_core.weight_files import (
    CHECKPOINT_KEY,
    WeightIdentity,
    check_shapes,
    file_sha256,
    identify_file,
    identify_shapes,
    read_header,
    stored_name,
)

FORMAT_VERSION = 1  # raised when a reader of the previous version would misread a file
_BACKBONE = "backbone."  # prefix of the frozen Depth Anything 3 inside FAST3DIS
_ADAPTER = ".lora_"  # trained tensors inside the backbone
_TORCH = (".pt", ".pth")  # suffixes of files written by torch.save
_LARGEST_HALF = torch.finfo(torch.float16).max


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where weights come from; shown to the user and written into every result."""

    backbone: str = ""  # size or repository of the backbone, such as "depth-anything/DA3-BASE"
    backbone_sha256: str = ""  # of the file it was read from; empty when the backbone was trained along
    data_version: str = ""  # of the training data's generator or release
    steps: int = 0
    scenes_seen: int = 0
    code_commit: str = ""
    license: str = ""  # of these weights; a non-commercial backbone passes its license on
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A FAST3DIS checkpoint in memory.

    Attributes
    ----------
    path : Path
    config : ModelConfig
    provenance : Provenance
    heads_only : bool
        Whether the backbone is missing and has to come from its own file.
    state : mapping of str to Tensor
        By parameter name; float32 wherever the file holds floating point.
    """

    path: Path
    config: ModelConfig
    provenance: Provenance
    heads_only: bool
    state: Mapping[str, Tensor]


class Network(Protocol):
    """What this module needs of FAST3DIS: its config, and tensors by name."""

    @property
    def config(self) -> ModelConfig:
        """Stored beside the weights."""

    def state_dict(self) -> dict[str, Any]:
        """Parameters and buffers by name."""

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Any:
        """Copy tensors into the parameters of these names."""


def read_state(path: Path | str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a weight file.

    Parameters
    ----------
    path : Path or str
        A .safetensors file, or a .pt / .pth file holding a state dict of plain tensors (metadata are empty then).

    Returns
    -------
    state : dict of str to Tensor
        On the CPU, in the stored types.
    metadata : dict of str to str

    Raises
    ------
    CheckpointError
        If the file is missing, a folder, empty, truncated, of another kind, or would have to run code.
    """
    path = Path(path)
    if path.is_dir() or path.suffix == ".safetensors" or not path.exists():
        header = read_header(path)
        try:
            return load_file(path), dict(header.metadata)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{path} is damaged ({error}): download or export it again.") from error
    if path.suffix in _TORCH:
        return read_torch_state(path), {}
    raise CheckpointError(
        f"{path}: expected a weight file named .safetensors (or .pt, .pth), found {path.suffix or 'no'} suffix; "
        "give the weight file itself."
    )


def identify(path: Path | str) -> WeightIdentity:
    """Kind and size of a weight file, from its header; of a .pt file, from its tensors.

    Raises
    ------
    CheckpointError
        If the file cannot be read (see `read_state`).
    """
    path = Path(path)
    return identify_shapes(_shapes(read_state(path)[0])) if path.suffix in _TORCH else identify_file(path)


def load_backbone(backbone: nn.Module, path: Path | str, *, size: str) -> WeightIdentity:
    """Fill a Depth Anything 3 network from a published file.

    Parameters
    ----------
    backbone : nn.Module
        Its parameter names are the file's; adapters in it are left as they are.
    path : Path or str
    size : str
        Row of `MODEL_SIZES` the network was built from.

    Returns
    -------
    WeightIdentity
        What the file is.

    Raises
    ------
    CheckpointError
        If the file cannot be read, holds numbers that are not finite, or belongs to another size; nothing is
        loaded then.
    """
    path = Path(path)
    state, metadata = read_state(path)
    identity = identify_shapes(_shapes(state), metadata) if path.suffix in _TORCH else identify_file(path)
    expected = {key: value for key, value in backbone.state_dict().items() if _ADAPTER not in key}
    check_shapes(_shapes(expected), _shapes(state), size=size, path=path, identity=identity)
    # strict would ask a published file for our adapters; all the rest was compared just now
    _refuse_damage(path, state)
    backbone.load_state_dict(_with_shared_names(expected, state), strict=False)
    return identity


def load_checkpoint(path: Path | str) -> Checkpoint:
    """Read a FAST3DIS checkpoint.

    Parameters
    ----------
    path : Path or str
        A .safetensors file written by `save_checkpoint`.

    Raises
    ------
    CheckpointError
        If the file cannot be read, is no FAST3DIS checkpoint, has a newer format, or holds numbers that are not
        finite.
    """
    path = Path(path)
    state, metadata = read_state(path)
    if CHECKPOINT_KEY not in metadata:
        found = identify_shapes(_shapes(state), metadata).description
        raise CheckpointError(
            f"{path}: expected a FAST3DIS checkpoint, found {found}; a published Depth Anything 3 file goes to "
            "--weights, FAST3DIS heads to --heads."
        )
    try:
        told = json.loads(metadata[CHECKPOINT_KEY])
        if int(told["format_version"]) > FORMAT_VERSION:
            raise CheckpointError(
                f"{path}: expected checkpoint format {FORMAT_VERSION} or older, found {told['format_version']}; "
                "a newer fast3dis-viewer wrote it: update this one."
            )
        config = from_mapping(ModelConfig, told["config"])
        provenance = from_mapping(Provenance, told["provenance"])
        heads_only = {"complete": False, "heads": True}[told["contents"]]
    except (KeyError, ValueError, AttributeError, TypeError, ConfigError) as error:
        raise CheckpointError(f"{path}: the checkpoint's metadata are damaged ({error}); get it again.") from error
    _refuse_damage(path, state)
    floats = {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
    return Checkpoint(path=path, config=config, provenance=provenance, heads_only=heads_only, state=floats)


def restore(network: Network, checkpoint: Checkpoint) -> None:
    """Copy a checkpoint into a network; heads-only checkpoints leave the backbone as it is.

    Parameters
    ----------
    network : Network
        FAST3DIS, built from `checkpoint.config`.
    checkpoint : Checkpoint

    Raises
    ------
    CheckpointError
        If the network has another config or other tensors; nothing is loaded then.
    """
    ours, theirs = to_mapping(network.config), to_mapping(checkpoint.config)
    differing = [f"{name} {theirs[name]} (expected {ours[name]})" for name in ours if ours[name] != theirs[name]]
    if differing:
        raise CheckpointError(
            f"{checkpoint.path}: expected a checkpoint made for this network, found one of size "
            f"{checkpoint.config.size} with {', '.join(differing)}; choose that size or another checkpoint."
        )
    expected = wanted_state(network, heads_only=checkpoint.heads_only)
    contents = "heads" if checkpoint.heads_only else "complete"
    metadata = {CHECKPOINT_KEY: json.dumps({"contents": contents, "config": theirs})}
    check_shapes(
        _shapes(expected),
        _shapes(checkpoint.state),
        size=network.config.size,
        path=checkpoint.path,
        identity=identify_shapes(_shapes(checkpoint.state), metadata),
    )
    # strict would ask a heads-only file for the backbone; what has to be there was compared just now
    network.load_state_dict(_with_shared_names(expected, checkpoint.state), strict=not checkpoint.heads_only)


def wanted_state(network: Network, *, heads_only: bool) -> dict[str, Any]:
    """Tensors of a network that a checkpoint holds: all, or those that FAST3DIS trains."""
    return {key: value for key, value in network.state_dict().items() if _is_trained(key) or not heads_only}


def check_backbone(checkpoint: Checkpoint, path: Path, *, report: Report = silent) -> None:
    """Refuse a backbone file other than the one the heads were trained on.

    Parameters
    ----------
    checkpoint : Checkpoint
    path : Path
        Backbone file; hashed unless the hub's cache tells its hash.
    report : Report

    Raises
    ------
    CheckpointError
        If the hashes differ.
    """
    wanted = checkpoint.provenance.backbone_sha256
    if not checkpoint.heads_only or not wanted:
        return
    found = recorded_sha256(path) or file_sha256(path, report)
    if found != wanted:
        raise CheckpointError(
            f"{checkpoint.path}: expected the backbone it was trained on ({checkpoint.provenance.backbone}, "
            f"SHA-256 {wanted[:16]}…), found {path} with {found[:16]}…; give that file with --weights."
        )


def save_checkpoint(
    path: Path | str,
    network: Network,
    provenance: Provenance,
    *,
    heads_only: bool = False,
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write a checkpoint; the file appears whole or not at all, and replaces an older one of this name.

    Parameters
    ----------
    path : Path or str
    network : Network
    provenance : Provenance
    heads_only : bool
        Leave the frozen backbone out; `provenance` then has to name it, with its SHA-256.
    dtype : torch.dtype
        Storage type of floating-point tensors; loading gives float32 again.

    Raises
    ------
    CheckpointError
        If a value is not finite, does not fit `dtype`, or heads would be saved without naming their backbone.
    ExportError
        If the file cannot be written.
    """
    path = Path(path)
    if heads_only and not (provenance.backbone and provenance.backbone_sha256):
        raise CheckpointError(
            f"{path}: a checkpoint of heads alone needs the name and SHA-256 of its backbone; found "
            f"{provenance.backbone or 'no name'}, {provenance.backbone_sha256 or 'no hash'}."
        )
    tensors: dict[str, Tensor] = {}
    for key, value in wanted_state(network, heads_only=heads_only).items():
        if stored_name(key) == key:
            tensors[key] = _storable(key, value, dtype, path)
    told = {
        "format_version": FORMAT_VERSION,
        "contents": "heads" if heads_only else "complete",
        "config": to_mapping(network.config),
        "provenance": to_mapping(provenance),
    }
    # one entry: the library writes several in random order, and equal weights should be equal files
    metadata = {CHECKPOINT_KEY: json.dumps(told, sort_keys=True, allow_nan=False)}
    with atomic_file(path, overwrite=True) as file:
        file.write(save(tensors, metadata=metadata))


def _is_trained(key: str) -> bool:
    """Whether a tensor belongs to what FAST3DIS trains, rather than to the frozen backbone."""
    return not key.startswith(_BACKBONE) or _ADAPTER in key


def _shapes(state: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in state.items()}


def _with_shared_names(expected: Mapping[str, Any], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The file's tensors under every name the network has for them; Gaussian heads left out."""
    stored = {stored_name(key): value for key, value in state.items()}
    return {key: stored[stored_name(key)] for key in expected}


def _storable(key: str, value: Tensor, dtype: torch.dtype, path: Path) -> Tensor:
    value = value.detach().cpu()
    if value.is_floating_point():
        limit = _LARGEST_HALF if dtype is torch.float16 else float("inf")
        if not _finite(value) or bool((value.abs() > limit).any()):
            raise CheckpointError(
                f"{path} is not written: expected finite values within the range of {dtype}, found others in {key}."
            )
        value = value.to(dtype)
    return value.contiguous()


def _refuse_damage(path: Path, state: Mapping[str, Tensor]) -> None:
    """Raise `CheckpointError` for numbers that are not finite: the network would find nothing and not say why."""
    broken = next((key for key, value in state.items() if value.is_floating_point() and not _finite(value)), None)
    if broken is not None:
        raise CheckpointError(
            f"{path} is damaged: expected finite numbers, found others in {broken}; download or export it again."
        )


def _finite(value: Tensor) -> bool:
    """Whether all values are finite; a sum tells it in one pass and without a copy, unless it overflows."""
    return bool(value.sum(dtype=torch.float32).isfinite()) or bool(torch.isfinite(value).all())
