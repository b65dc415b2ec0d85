"""File names: instances by query number, views by the stem of their photo."""

import re
import unicodedata
from collections.abc import Sequence

LONGEST_STEM = 180  # bytes of UTF-8; disks allow 255 for a name, and extensions and counters follow
_EXTENSION = re.compile(r"(?<=[^/])\.[A-Za-z][A-Za-z0-9]{1,4}$")  # of a photo; "scan 1.5" has none
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*#%/\\\ud800-\udfff]')  # on some system, in UTF-8, or in URLs
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # device names of Windows


def instance_file_name(query: int, extension: str, name: str = "") -> str:
    """File name of one instance, by its query number: `instance_012.ply`, or `Sofa_012.ply` with a name."""
    return f"{instance_stem(query, name)}{extension}"


def instance_stem(query: int, name: str = "") -> str:
    """The same without the extension; the number at its end tells instances of one name apart."""
    stem = f"{_sanitized(name) or 'instance'}_{query:03d}"
    return f"_{stem}" if _RESERVED.fullmatch(stem) else stem


def view_stems(names: Sequence[str], *, spaces: bool = True) -> tuple[str, ...]:
    """File stems for views, one per name, that every common disk accepts and tells apart.

    A photo's extension is dropped, folders become part of the stem ("left/001.jpg" gives "left_001"),
    characters that some system forbids become "_", and equal stems are numbered ("a", "a_2").

    Parameters
    ----------
    names : sequence of str
        Names of the views.
    spaces : bool
        False also replaces white space, for formats that separate words by it.

    Returns
    -------
    tuple of str
        Unique without regard to case and Unicode normal form.
    """
    stems: list[str] = []
    taken: set[str] = set()
    for name in names:
        stem = _clean(name, spaces=spaces)
        number, candidate = 1, stem
        while _folded(candidate) in taken:
            number += 1
            candidate = f"{stem}_{number}"
        taken.add(_folded(candidate))
        stems.append(candidate)
    return tuple(stems)


def _clean(name: str, *, spaces: bool) -> str:
    folders = _EXTENSION.sub("", name.replace("\\", "/")).split("/")
    parts = [part for part in folders if part not in ("", ".", "..")]
    stem = _sanitized("_".join(parts))
    if not spaces:
        stem = re.sub(r"\s", "_", stem)
    if _RESERVED.fullmatch(stem):
        stem = f"_{stem}"
    return stem or "view"


def _sanitized(name: str) -> str:
    """What every common disk takes as the beginning of a file name; empty if nothing is left."""
    stem = _FORBIDDEN.sub("_", name).strip(". ")
    return stem.encode()[:LONGEST_STEM].decode(errors="ignore").rstrip(". ")


def _folded(stem: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", stem).casefold())
