"""Which files are photos, and in which order: names only, nothing is decoded (not in the paper).

Decoding is left to `photo` and `video`, making a batch of them to `images`. Needs nothing but the standard library,
so that a program can list photos before anything heavy is loaded.
"""

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from fast3dis_core.errors import ConfigError, ImageFolderError

PHOTO_EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".heic", ".heif")
VIDEO_EXTENSIONS = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm")
MAXIMUM_VIEWS = 50
CAPTURE_PHOTOS = "images"  # where captures with cameras keep their photos

Source: TypeAlias = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


@dataclass(frozen=True)
class PhotoSource:
    """Where the pixels of one photo are: a file, or one frame of a video."""

    path: Path
    frame: int | None = None


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What several folders and files have to offer.

    Attributes
    ----------
    files : tuple of Path
        Photos and videos: folders in natural order, the rest in the order given, each once.
    notes : tuple of str
        Sentences about what was passed over, by name.
    """

    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def uniform_indices(count: int, limit: int) -> tuple[int, ...]:
    """Evenly spaced indices of `count` items, first and last included.

    The k-th of `K = min(limit, count)` is `floor(k (count - 1) / (K - 1) + 0.5)`; with K = 1 it is 0. This is
    the view sampling of the evaluation protocol (paper 4).
    """
    if limit < 1:
        raise ConfigError(f"expected at least 1 view, found {limit}; choose e.g. {MAXIMUM_VIEWS}")
    chosen = min(limit, count)
    if chosen <= 1:
        return tuple(range(chosen))
    gaps = chosen - 1
    return tuple((2 * k * (count - 1) + gaps) // (2 * gaps) for k in range(chosen))


def natural_key(name: str) -> tuple[tuple[str | int, ...], str]:
    """Sort key that puts `view2` before `view10`, letter case and Unicode composition aside."""
    parts = re.split(r"(\d+)", unicodedata.normalize("NFC", name).casefold())
    return tuple(int(part) if place % 2 else part for place, part in enumerate(parts)), name


def list_images(source: Source) -> tuple[Path, ...]:
    """Photos of a folder in natural order; or the files of a list, in the order given; or one video.

    Parameters
    ----------
    source : path, str, or sequence of them
        A folder, one file, or a list of photos. Hidden files are ignored and subfolders not entered, but for
        `images/` of a capture (COLMAP, nerfstudio) whose root holds no photo.

    Raises
    ------
    ImageFolderError
        Nothing there, no photo, a file that is no photo, or a file listed twice.
    """
    if not isinstance(source, str | os.PathLike):
        return _listed([Path(item) for item in source])
    path = Path(source)
    if not path.exists():
        raise ImageFolderError(f"expected a folder of photos or a video at {path}, found nothing; check the path")
    if not path.is_dir():
        return _listed([path])
    try:
        entries = sorted((entry for entry in path.iterdir() if not entry.name.startswith(".")), key=_path_key)
    except OSError as error:
        found = (error.strerror or "an error").lower()
        raise ImageFolderError(f"expected a readable folder at {path}, found {found}; check its permissions") from error
    photos = tuple(entry for entry in entries if has_extension(entry, PHOTO_EXTENSIONS))
    capture = path / CAPTURE_PHOTOS
    if not photos and capture.is_dir():
        return list_images(capture)
    if not photos:
        raise ImageFolderError(_nothing_found(path, entries))
    return photos


def list_sources(sources: Iterable[str | os.PathLike[str]]) -> Listing:
    """Photos and videos of folders and files in any mixture; what cannot be used becomes a note.

    Raises
    ------
    ImageFolderError
        If nothing is left; with one source, the reason is that of `list_images`.
    """
    paths = [Path(source) for source in sources]
    files: dict[Path, Path] = {}  # by absolute path, so that nothing counts twice
    notes: list[str] = []
    reasons: list[str] = []
    for path in paths:
        try:
            found = list_images(path)
        except ImageFolderError as error:
            reasons.append(str(error))
            notes.append(f"Passed over: {error}.")
            continue
        notes.extend(_hidden_note(path))
        for file in found:
            if file.absolute() in files:
                notes.append(f"{file.name} was given twice and is used once.")
            files.setdefault(file.absolute(), file)
    if not files:
        raise ImageFolderError(reasons[0] if reasons else "expected photos or a folder of them, found nothing")
    return Listing(files=tuple(files.values()), notes=tuple(notes))


def view_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """Unique names to show: file names, or paths below the common folder where file names repeat."""
    names = [path.name for path in paths]
    if len(set(names)) < len(names):
        root = os.path.commonpath([path.absolute().parent for path in paths])
        names = [path.absolute().relative_to(root).as_posix() for path in paths]
    return tuple(names)


def selected_names(photos: Sequence[PhotoSource]) -> tuple[str, ...]:
    """Unique names to show, those of video frames with their number."""
    paths = list(dict.fromkeys(photo.path for photo in photos))
    names = dict(zip(paths, view_names(paths), strict=True))
    return tuple(
        names[photo.path] if photo.frame is None else f"{names[photo.path]}#{photo.frame:06d}" for photo in photos
    )


def _hidden_note(folder: Path) -> list[str]:
    """A sentence about hidden photos of a folder: most are left behind by other systems."""
    if not folder.is_dir():
        return []
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.startswith("."))
    names = [name for name in names if has_extension(Path(name), PHOTO_EXTENSIONS + VIDEO_EXTENSIONS)]
    if not names:
        return []
    count = "a hidden file" if len(names) == 1 else f"{len(names)} hidden files"
    return [f"Passed over {count} in {folder.name}: {listing(names)}."]


def listing(names: Sequence[str], most: int = 3) -> str:
    """The first names, and how many more."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _listed(paths: list[Path]) -> tuple[Path, ...]:
    if not paths:
        raise ImageFolderError("expected at least one photo, found an empty list; choose photos")
    seen: set[Path] = set()
    for path in paths:
        if not path.exists():
            raise ImageFolderError(f"expected a photo at {path}, found nothing; check the path")
        if has_extension(path, VIDEO_EXTENSIONS):
            if len(paths) > 1:
                raise ImageFolderError(f"expected photos only, found the video {path.name} among them; open it alone")
        elif not has_extension(path, PHOTO_EXTENSIONS):
            raise ImageFolderError(
                f"expected a photo ({' '.join(PHOTO_EXTENSIONS)}) or one video ({' '.join(VIDEO_EXTENSIONS)}), "
                f"found {path.name}; choose another file"
            )
        if path.absolute() in seen:
            raise ImageFolderError(f"expected different photos, found {path.name} twice; list it once")
        seen.add(path.absolute())
    return tuple(paths)


def _nothing_found(folder: Path, entries: list[Path]) -> str:
    """Why a folder holds no photo, and where photos may be instead."""
    expected = f"expected photos ({' '.join(PHOTO_EXTENSIONS)}) in {folder}"
    for entry in entries:
        if has_extension(entry, VIDEO_EXTENSIONS):
            return f"{expected}, found the video {entry.name}; open the video itself"
    if not entries:
        return f"{expected}, found an empty folder; choose another folder"
    inner = next((entry.name for entry in entries if _holds_photos(entry)), None)
    if inner is not None:
        return f"{expected}, found them in the folder {inner} inside; choose that one (one folder is one scene)"
    things = "1 other file or folder" if len(entries) == 1 else f"{len(entries)} other files and folders"
    return f"{expected}, found {things}, such as {entries[0].name}; choose another folder"


def _holds_photos(folder: Path) -> bool:
    try:
        return folder.is_dir() and any(has_extension(entry, PHOTO_EXTENSIONS) for entry in folder.iterdir())
    except OSError:
        return False


def has_extension(path: Path, extensions: tuple[str, ...]) -> bool:
    """Whether a file is named like one of a kind, letter case aside."""
    return path.suffix.lower() in extensions


def _path_key(path: Path) -> tuple[tuple[str | int, ...], str]:
    return natural_key(path.name)
