"""Where weights come from: the published Depth Anything 3 files, the bundle, and the hub's cache.

`OFFICIAL_WEIGHTS` lists every published file with its license and size. `find_weights` looks at what is on
this machine; nothing here touches the network, which is left to `downloads`. Reading the files is left to
`weight_files` and `checkpoints`.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from fast3dis_core.config import MODEL_SIZES, model_size
from fast3dis_core.errors import CheckpointError
from fast3dis_core.progress import Report, silent
from fast3dis_core.transfers import megabytes
from fast3dis_core.weight_files import Shapes, WeightIdentity, check_shapes, file_sha256, identify_file, read_header

ENVIRONMENT = "FAST3DIS_WEIGHTS"  # a weight file, or a folder of them
FILE_NAME = "model.safetensors"  # in every published repository

_APACHE = "Apache-2.0"
_NON_COMMERCIAL = "CC BY-NC 4.0"
_HEADER_BYTES = 150  # of one tensor in a .safetensors header, about

LICENSE_TERMS: Mapping[str, str] = {
    _APACHE: "Free use, also commercial, with notice. https://www.apache.org/licenses/LICENSE-2.0",
    _NON_COMMERCIAL: (
        "Creative Commons Attribution-NonCommercial 4.0: credit the authors; no commercial use, of the weights or of "
        "anything trained from them. https://creativecommons.org/licenses/by-nc/4.0/legalcode"
    ),
}


@dataclass(frozen=True, kw_only=True)
class OfficialWeights:
    """One published weight file.

    Attributes
    ----------
    size : str
        Row of `MODEL_SIZES`.
    repository : str
        On the Hugging Face hub.
    license : str
        Key of `LICENSE_TERMS`.
    parameters : int
        Count of stored float32 values, Gaussian head included.
    tensors : int
        Count of stored tensors.
    deprecated : bool
        Replaced by the "-1.1" file, which was trained again after a fix.
    """

    size: str
    repository: str
    license: str
    parameters: int
    tensors: int
    deprecated: bool = False

    @property
    def name(self) -> str:
        """Last part of the repository, such as "DA3-BASE"."""
        return self.repository.rpartition("/")[2]

    @property
    def preset(self) -> str:
        """Name of the network in the published `config.json`."""
        return MODEL_SIZES[self.size].preset

    @property
    def non_commercial(self) -> bool:
        """Whether the license forbids commercial use."""
        return self.license == _NON_COMMERCIAL

    @property
    def approximate_bytes(self) -> int:
        """File size, to within a header's length."""
        return 4 * self.parameters + _HEADER_BYTES * self.tensors

    @property
    def page(self) -> str:
        """Web page of the source."""
        return f"https://huggingface.co/{self.repository}"

    @property
    def download_command(self) -> str:
        """Exact command line that downloads this file."""
        which = self.name if self.deprecated else self.size
        return f"fast3dis weights download {which}{' --accept-license' if self.non_commercial else ''}"


def _row(size: str, name: str, license_: str, parameters: int, tensors: int, deprecated: bool = False) -> Any:
    return OfficialWeights(
        size=size,
        repository=f"depth-anything/{name}",
        license=license_,
        parameters=parameters,
        tensors=tensors,
        deprecated=deprecated,
    )


OFFICIAL_WEIGHTS: tuple[OfficialWeights, ...] = (
    _row("small", "DA3-SMALL", _APACHE, 34_299_463, 437),
    _row("base", "DA3-BASE", _APACHE, 135_366_599, 437),
    _row("large", "DA3-LARGE-1.1", _NON_COMMERCIAL, 410_941_767, 637),
    _row("large", "DA3-LARGE", _NON_COMMERCIAL, 410_941_767, 637, deprecated=True),
    _row("giant", "DA3-GIANT-1.1", _NON_COMMERCIAL, 1_355_674_125, 971),
    _row("giant", "DA3-GIANT", _NON_COMMERCIAL, 1_355_674_125, 971, deprecated=True),
    _row("nested-giant-large", "DA3NESTED-GIANT-LARGE-1.1", _NON_COMMERCIAL, 1_689_845_519, 1377),
    _row("nested-giant-large", "DA3NESTED-GIANT-LARGE", _NON_COMMERCIAL, 1_689_845_519, 1377, deprecated=True),
    _row("metric-large", "DA3METRIC-LARGE", _APACHE, 334_171_394, 406),
    _row("mono-large", "DA3MONO-LARGE", _APACHE, 334_171_394, 406),
)


@dataclass(frozen=True, kw_only=True)
class VerifiedWeights:
    """A weight file that was read in full and recognized.

    Attributes
    ----------
    path : Path
    identity : WeightIdentity
    sha256 : str
        Computed from the file.
    recorded_sha256 : str or None
        What the hub recorded for it; None where nothing is recorded, so that there was nothing to compare.
    """

    path: Path
    identity: WeightIdentity
    sha256: str
    recorded_sha256: str | None


def official_weights(name: str) -> OfficialWeights:
    """Published file by size (the current one) or by repository name.

    Raises
    ------
    CheckpointError
        If nothing is published under this name.
    """
    for weights in OFFICIAL_WEIGHTS:
        if name == weights.size or name.lower() in (weights.name.lower(), weights.repository.lower()):
            return weights
    if name == "nano":
        raise CheckpointError("Size nano comes with the program: there is nothing to download.")
    sizes = ", ".join(dict.fromkeys(weights.size for weights in OFFICIAL_WEIGHTS))
    raise CheckpointError(f"Unknown weights {name!r}: expected a size ({sizes}) or a name of `fast3dis weights list`.")


def find_weights(size: str, explicit: str | Path | None = None) -> Path | None:
    """Weight file of a size on this machine; the network is never asked.

    Looked for in this order: `explicit`, the variable FAST3DIS_WEIGHTS, the bundle, the hub's cache.

    Parameters
    ----------
    size : str
        Row of `MODEL_SIZES`.
    explicit : str or Path, optional
        A weight file, or a folder holding `model.safetensors` or `<size>.safetensors`.

    Returns
    -------
    Path or None
        None if nothing is found; `require_weights` raises instead.

    Raises
    ------
    CheckpointError
        If `explicit` or FAST3DIS_WEIGHTS names something that is not there.
    """
    model_size(size)
    if explicit is not None:
        return _named_file(Path(explicit).expanduser(), size, "the given weights")
    environment = os.environ.get(ENVIRONMENT)
    if environment:
        path = Path(environment).expanduser()
        if not path.is_dir():
            return _named_file(path, size, ENVIRONMENT)
        found = _in_folder(path, size)
        if found:
            return found
    return bundled_file(size) or _in_cache(size, None)


def require_weights(size: str, explicit: str | Path | None = None) -> Path:
    """`find_weights`, or a CheckpointError naming the file, its size, its license and the line that gets it."""
    found = find_weights(size, explicit)
    if found is None:
        raise missing_weights(size)
    return found


def cached_file(weights: OfficialWeights, cache: Path | None = None) -> Path | None:
    """Where a published file lies in the hub's cache (by default the user's), or None."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(weights.repository, FILE_NAME, cache_dir=cache)
    return Path(found) if isinstance(found, str) else None


def missing_weights(size: str) -> CheckpointError:
    """Error to raise where the weights of a size are needed and not on this machine."""
    published = [weights for weights in OFFICIAL_WEIGHTS if weights.size == size and not weights.deprecated]
    if not published:
        return CheckpointError(
            f"No weights for size {size}: expected {size}.safetensors in the program's resources/models, found "
            f"nothing; install the program again, or give a file with --weights or {ENVIRONMENT}."
        )
    weights = published[0]
    return CheckpointError(
        f"No weights for size {size} on this machine: expected {FILE_NAME} of {weights.repository} "
        f"({megabytes(weights.approximate_bytes)}, {weights.license}). Get it with `{weights.download_command}`, "
        f"or give a file with --weights or {ENVIRONMENT}."
    )


def verify(
    path: Path, size: str, *, expected: Shapes | None = None, report: Report = silent, sha256: str | None = None
) -> VerifiedWeights:
    """Check a weight file: header, size, tensors, and its hash against the hub's record where there is one.

    Parameters
    ----------
    path : Path
    size : str
        Row of `MODEL_SIZES`.
    expected : mapping of str to tuple of int, optional
        Names and shapes of the network's state dict, for the full comparison.
    report : callable
    sha256 : str, optional
        Of the file, if it was just computed.

    Raises
    ------
    CheckpointError
        Naming what was expected and found.
    """
    identity = identify_file(path)
    shapes = read_header(path).shapes
    if size not in identity.sizes:
        check_shapes({}, shapes, size=size, path=path, identity=identity)
    if expected is not None:
        check_shapes(expected, shapes, size=size, path=path, identity=identity)
    found, recorded = sha256 or file_sha256(path, report), recorded_sha256(path)
    if recorded is not None and found != recorded:
        raise CheckpointError(
            f"{path} is damaged: expected SHA-256 {recorded}, found {found}; "
            f"delete {path.resolve()} and download it again."
        )
    return VerifiedWeights(path=path, identity=identity, sha256=found, recorded_sha256=recorded)


def recorded_sha256(path: Path) -> str | None:
    """SHA-256 that the hub recorded for a file of its cache: the name of the blob a snapshot links to."""
    blob = path.resolve()
    is_hash = blob.parent.name == "blobs" and re.fullmatch(r"[0-9a-f]{64}", blob.name)
    return blob.name if is_hash else None


def _named_file(path: Path, size: str, who: str) -> Path:
    """A file somebody asked for by name."""
    if path.is_dir():
        found = _in_folder(path, size) or (path / FILE_NAME if (path / FILE_NAME).is_file() else None)
        if found is None:
            raise CheckpointError(
                f"No weights of size {size} in {path}: expected {FILE_NAME} or {size}.safetensors; "
                "give the file itself."
            )
        return found
    if not path.exists():
        raise CheckpointError(
            f"No weight file at {path} ({who}): expected a .safetensors file, or a folder holding {FILE_NAME}; "
            "check the path, or see `fast3dis weights list`."
        )
    return path


def _in_folder(folder: Path, size: str) -> Path | None:
    """File of a size in a folder of weights, of hub-named folders, or laid out as the hub's cache."""
    names = [f"{size}.safetensors"]
    for weights in OFFICIAL_WEIGHTS:
        if weights.size == size:
            names += [f"{weights.name}/{FILE_NAME}", f"{weights.repository}/{FILE_NAME}", f"{weights.name}.safetensors"]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    own = folder / FILE_NAME
    if own.is_file() and size in identify_file(own).sizes:
        return own
    return _in_cache(size, folder)


def bundled_file(size: str) -> Path | None:
    """Weight file that comes with the program, or None."""
    entry = resources.files("resources").joinpath("models", f"{size}.safetensors")
    return entry if isinstance(entry, Path) and entry.is_file() else None


def _in_cache(size: str, cache: Path | None) -> Path | None:
    """File of a size in a cache of the hub; the deprecated release only where it is the only one there."""
    files = (cached_file(weights, cache) for weights in OFFICIAL_WEIGHTS if weights.size == size)
    return next((path for path in files if path is not None), None)
