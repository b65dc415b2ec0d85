"""What a weight file says about itself, before any tensor is read.

Reads the header of a .safetensors file (names, shapes, metadata), tells damaged and mistaken files apart
in words, and recognizes the size a set of tensor shapes belongs to (published Depth Anything 3 files and
our own checkpoints, paper 3.1). It needs no torch, so listing and checking weights is quick. Tensors and
checkpoints are left to `checkpoints`; where files come from, to `official_weights`.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fast3dis_core.config import MODEL_SIZES
from fast3dis_core.errors import CheckpointError
from fast3dis_core.progress import Report, silent

Shapes = Mapping[str, tuple[int, ...]]
Kind = Literal["depth-anything-3", "fast3dis", "fast3dis-heads", "unknown"]

CHECKPOINT_KEY = "fast3dis"  # of the one metadata entry of our own checkpoints, a JSON object
ZIP = b"PK\x03\x04"  # start of a torch.save file
_LARGEST_HEADER = 100_000_000  # bytes; the limit of the safetensors format
_ITEM_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
_HASH_CHUNK = 1 << 22  # bytes; small enough for a stop within a second on a slow disk

_BLOCK = re.compile(r"pretrained\.blocks\.(\d+)\.")
_ALIAS = re.compile(r"(output_conv2_aux\.)[1-3](\.2\.)")


@dataclass(frozen=True, kw_only=True)
class WeightHeader:
    """Header of a .safetensors file.

    Attributes
    ----------
    shapes : mapping of str to tuple of int
        Tensor names as stored, each with its shape.
    metadata : mapping of str to str
    """

    shapes: Shapes
    metadata: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class WeightIdentity:
    """What a weight file holds.

    Attributes
    ----------
    kind : "depth-anything-3", "fast3dis", "fast3dis-heads" or "unknown"
        A published backbone, a complete checkpoint of ours, trained parts without the backbone, or neither.
    sizes : tuple of str
        Rows of `MODEL_SIZES` it fits. Two for the monocular networks, which only `config.json` tells apart;
        none when nothing is recognized.
    description : str
        For messages: "Depth Anything 3, size base (768 wide, 12 blocks)".
    """

    kind: Kind
    sizes: tuple[str, ...]
    description: str


def stored_name(key: str) -> str:
    """Name under which a tensor is stored in a file.

    The four auxiliary output branches of Depth Anything 3 share one LayerNorm, and a file holds it once,
    under the name of branch 0: safetensors stores a shared tensor once.
    """
    return _ALIAS.sub(r"\g<1>0\2", key)


def read_header(path: Path) -> WeightHeader:
    """Names, shapes and metadata of a .safetensors file; checks that the file is whole.

    Parameters
    ----------
    path : Path

    Raises
    ------
    CheckpointError
        If the file is missing, a folder, empty, truncated, or something else under this name.
    """
    size = _regular_file_size(path)
    try:
        with path.open("rb") as file:
            start = file.read(8)
            length = int.from_bytes(start, "little")
            plausible = len(start) == 8 and 2 <= length <= min(size - 8, _LARGEST_HEADER)
            raw = file.read(length) if plausible else b""
    except OSError as error:
        raise _unreadable(path, error) from error
    mistaken = recognize_mistake(path)
    if mistaken:
        raise CheckpointError(f"{path}: expected a .safetensors weight file, found {mistaken}")
    if len(start) == 8 and size - 8 < length <= _LARGEST_HEADER:
        raise _truncated(path, 8 + length, size)
    try:
        entries = json.loads(raw.decode("utf-8"))
        metadata = entries.pop("__metadata__", {})
        shapes = {name: tuple(int(side) for side in entry["shape"]) for name, entry in entries.items()}
        end = max((int(entry["data_offsets"][1]) for entry in entries.values()), default=0)
        _check_extents(entries)
    except (UnicodeDecodeError, ValueError, AttributeError, KeyError, TypeError, IndexError) as error:
        raise CheckpointError(
            f"{path}: expected a .safetensors weight file, found {size:,} bytes without its header; "
            "the file is damaged or of another kind: download or export it again."
        ) from error
    if 8 + length + end != size:
        raise _truncated(path, 8 + length + end, size)
    return WeightHeader(shapes=shapes, metadata=metadata)


def recognize_mistake(path: Path) -> str | None:
    """Words for a file that is commonly found under the name of a weight file, with what to do; else None."""
    try:
        with path.open("rb") as file:
            start = file.read(512)
    except OSError as error:
        raise _unreadable(path, error) from error
    text = start.lstrip().lower()
    if start.startswith(b"version https://git-lfs"):
        return "a git-lfs pointer, not the file it points to: run `git lfs pull`, or download the file itself."
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "a web page: the download was an error or log-in page; download the file again."
    if start.startswith(b'{"error"'):
        return "the error message of a server: download the file again."
    if start.startswith(ZIP) and path.suffix not in (".pt", ".pth"):
        return "a zip archive, as torch.save writes: rename it to .pt if it comes from a source you trust."
    is_header = start[5:9] == b"\0\0\0{"  # the length of one may well begin as a pickle does: 640 bytes are 80 02
    if start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05") and not is_header:
        return "a pickle, which can run code when opened: get the weights as .safetensors."
    return None


def identify_file(path: Path) -> WeightIdentity:
    """Tell kind and size of a .safetensors file from its header and a `config.json` beside it.

    Parameters
    ----------
    path : Path

    Raises
    ------
    CheckpointError
        If the file cannot be read (see `read_header`), or `config.json` contradicts the tensors.
    """
    header = read_header(path)
    identity = identify_shapes(header.shapes, header.metadata)
    preset = _published_preset(path.with_name("config.json"))
    if preset is None or identity.kind != "depth-anything-3":
        return identity
    named = tuple(size for size in identity.sizes if MODEL_SIZES[size].preset == preset)
    if identity.sizes and not named:
        raise CheckpointError(
            f"{path}: config.json beside it names {preset}, but the tensors are those of {identity.description}; "
            "take both files from the same place."
        )
    return WeightIdentity(kind=identity.kind, sizes=named, description=identity.description)


def identify_shapes(shapes: Shapes, metadata: Mapping[str, str] | None = None) -> WeightIdentity:
    """Tell kind and size from tensor names and shapes.

    Parameters
    ----------
    shapes : mapping of str to tuple of int
    metadata : mapping of str to str, optional
        Of a .safetensors file; marks our own checkpoints.
    """
    ours = CHECKPOINT_KEY in (metadata or {})
    signature = _signature({key.removeprefix("backbone.") if ours else key: shape for key, shape in shapes.items()})
    if ours:
        contents, size = _told_by_checkpoint(metadata or {})
        sizes = (size,) if size in MODEL_SIZES else ()
        if contents == "heads":
            return WeightIdentity(
                kind="fast3dis-heads", sizes=sizes, description=f"FAST3DIS heads, size {size}, without backbone"
            )
        return WeightIdentity(
            kind="fast3dis", sizes=sizes, description=f"a FAST3DIS checkpoint, size {size}{_measures(signature)}"
        )
    if signature is None:
        sample = ", ".join(sorted(shapes)[:2]) or "none"
        return WeightIdentity(
            kind="unknown",
            sizes=(),
            description=f"{len(shapes)} tensors that are not Depth Anything 3's (names such as {sample})",
        )
    fitting = tuple(size for size in MODEL_SIZES if _registry_signature(size) == signature)
    name = f"size {' or '.join(fitting)}" if fitting else "of no known size"
    return WeightIdentity(
        kind="depth-anything-3", sizes=fitting, description=f"Depth Anything 3, {name}{_measures(signature)}"
    )


def check_shapes(expected: Shapes, found: Shapes, *, size: str, path: Path, identity: WeightIdentity) -> None:
    """Refuse tensors that do not fill a network exactly.

    Parameters
    ----------
    expected : mapping of str to tuple of int
        Of the network's state dict.
    found : mapping of str to tuple of int
        Of the file. Repeated names of a shared tensor may be missing (`stored_name`), Gaussian heads
        (`gs_head`, not used here) may be present.
    size : str
        Model size of the network, for the message.
    path : Path
    identity : WeightIdentity
        Of the file, for the message.

    Raises
    ------
    CheckpointError
        Naming the size expected, and what the file seems to be.
    """
    wanted = {stored_name(key): tuple(shape) for key, shape in expected.items()}
    given = {stored_name(key): tuple(shape) for key, shape in found.items() if ".gs_head." not in key}
    if given == wanted:
        return
    if size not in identity.sizes:
        usable = [fitting for fitting in identity.sizes if MODEL_SIZES[fitting].backbone.cameras]
        way_out = f"choose --size {usable[0]} or other weights" if usable else "choose other weights"
        raise CheckpointError(f"{path}: expected weights of size {size}, found {identity.description}; {way_out}.")
    problems = []
    missing, surplus = sorted(wanted.keys() - given.keys()), sorted(given.keys() - wanted.keys())
    changed = sorted(key for key in wanted.keys() & given.keys() if wanted[key] != given[key])
    if missing:
        problems.append(f"{len(missing)} tensors are missing (first {missing[0]})")
    if surplus:
        problems.append(f"{len(surplus)} are unknown (first {surplus[0]})")
    if changed:
        first = changed[0]
        problems.append(f"{len(changed)} have another shape (first {first}: {given[first]} instead of {wanted[first]})")
    raise CheckpointError(
        f"{path}: expected the {len(wanted)} tensors of size {size}, found {identity.description}, of which "
        f"{', '.join(problems)}; the file is incomplete or made by another version: get it again."
    )


def usable_size(path: Path, identity: WeightIdentity, size: str, *, heads: bool = False) -> str:
    """Size to run a chosen file with: the one wished for if it fits, else the one the file is made for.

    Parameters
    ----------
    path : Path
    identity : WeightIdentity
        Of the file.
    size : str
        Wished for.
    heads : bool
        Whether trained parts for Depth Anything 3 weights are wanted, and not weights that run by themselves.

    Raises
    ------
    CheckpointError
        If the file is of another kind, or fits no size that can be run.
    """
    found, wanted = identity.description, "FAST3DIS heads" if heads else "Depth Anything 3 or FAST3DIS weights"
    fitting = [each for each in identity.sizes if MODEL_SIZES[each].backbone.cameras]
    if heads != (identity.kind == "fast3dis-heads") and identity.kind != "unknown":
        way_out = "choose it as heads" if identity.kind == "fast3dis-heads" else "choose it as weights"
        raise CheckpointError(f"{path}: expected {wanted}, found {found}; {way_out}.")
    if not fitting:
        reason = ", which sees one view at a time" if identity.sizes else ""
        raise CheckpointError(f"{path}: expected {wanted}, found {found}{reason}; choose another file.")
    return size if size in fitting else fitting[0]


def file_sha256(path: Path, report: Report = silent) -> str:
    """SHA-256 of a file, 64 hexadecimal digits.

    Raises
    ------
    CheckpointError
        If the file cannot be read.
    """
    size, done, digest = _regular_file_size(path), 0, hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_HASH_CHUNK):
                digest.update(chunk)
                done += len(chunk)
                report("Computing SHA-256", min(done / size, 1.0))
    except OSError as error:
        raise _unreadable(path, error) from error
    return digest.hexdigest()


def _regular_file_size(path: Path) -> int:
    """Bytes of an existing, non-empty file."""
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder: expected a weight file, such as the model.safetensors inside it.")
    try:
        size = path.stat().st_size
    except FileNotFoundError as error:
        raise CheckpointError(
            f"No weight file at {path}: expected a .safetensors file; check the path, or see `fast3dis weights list`."
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    if not path.is_file():
        raise CheckpointError(f"{path} is not a regular file: expected a .safetensors weight file.")
    if size == 0:
        raise CheckpointError(f"{path} is empty: expected a .safetensors weight file; download or export it again.")
    return size


def _check_extents(entries: Mapping[str, Any]) -> None:
    """Raise ValueError where a tensor's byte range disagrees with its shape."""
    for name, entry in entries.items():
        start, end = entry["data_offsets"]
        count = 1
        for side in entry["shape"]:
            count *= side
        item = _ITEM_BYTES.get(entry["dtype"])
        if item is not None and end - start != count * item:
            raise ValueError(f"{name}: {end - start} bytes for shape {entry['shape']}")


def _published_preset(path: Path) -> str | None:
    """`model_name` of a published `config.json`; other keys are upstream's and ignored."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read as JSON ({error}); get it again or remove it.") from error
    name = content.get("model_name") if isinstance(content, dict) else None
    known = {row.preset for row in MODEL_SIZES.values()}
    return name if name in known else None  # a config.json of something else says nothing about these weights


def _told_by_checkpoint(metadata: Mapping[str, str]) -> tuple[str, str]:
    """Contents and size by a checkpoint's own account."""
    try:
        told = json.loads(metadata[CHECKPOINT_KEY])
        return str(told["contents"]), str(told["config"]["size"])
    except (ValueError, KeyError, TypeError):
        return "unknown", "unknown"


Signature = tuple[int, int, bool, bool, bool]  # width, blocks, SwiGLU, cameras, nested


def _signature(shapes: Shapes) -> Signature | None:
    """What tells the published networks apart; of a nested file, its any-view network's."""
    nested = any(key.startswith("model.da3_metric.") for key in shapes)
    prefix = "model.da3." if nested else "model."
    keys = [key for key in shapes if key.startswith(prefix)]
    patch = shapes.get(f"{prefix}backbone.pretrained.patch_embed.proj.weight", ())
    blocks = {int(match[1]) for key in keys if (match := _BLOCK.search(key))}
    if len(patch) != 4 or not blocks:
        return None
    swiglu = any(".mlp.w12." in key for key in keys)
    cameras = any(key.startswith(f"{prefix}cam_dec.") for key in keys)
    return patch[0], max(blocks) + 1, swiglu, cameras, nested


def _registry_signature(size: str) -> Signature:
    row = MODEL_SIZES[size]
    backbone = row.backbone
    return backbone.embed_dim, backbone.depth, backbone.ffn == "swiglu", backbone.cameras, row.metric is not None


def _measures(signature: Signature | None) -> str:
    if signature is None:
        return ""
    width, blocks, _, cameras, nested = signature
    return f" ({width} wide, {blocks} blocks{', nested' if nested else ''}{'' if cameras else ', no cameras'})"


def _truncated(path: Path, expected: int, found: int) -> CheckpointError:
    word = "truncated" if found < expected else "damaged"
    return CheckpointError(
        f"{path} is {word}: expected {expected:,} bytes by its own header, found {found:,}; download or copy it again."
    )


def _unreadable(path: Path, error: OSError) -> CheckpointError:
    return CheckpointError(
        f"{path} cannot be read ({error.strerror or error}): expected a weight file; check its permissions."
    )
