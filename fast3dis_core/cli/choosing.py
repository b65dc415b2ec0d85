"""Which photos a run uses and where its anchors are, if a user of the command line says so: texts of options to values.

What an anchor of one's own means is the business of the decoder (paper section 3.4), reading photos that of `images`.
"""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path

from fast3dis_core.errors import ConfigError, ImageFolderError
from fast3dis_core.photo_files import CAPTURE_PHOTOS, PHOTO_EXTENSIONS, VIDEO_EXTENSIONS, PhotoSource, has_extension
from fast3dis_core.reconstruction import AnchorOverride

PINNED = "pinned"


def chosen_photos(source: Path, texts: Sequence[str]) -> tuple[PhotoSource, ...]:
    """Photos and video frames by their names, in the order given.

    Parameters
    ----------
    source : Path
        Folder of photos, or a video.
    texts : sequence of str
        Each a path below the folder or a whole one; frame 12 of a video is "clip.mp4#12".

    Raises
    ------
    ImageFolderError
        For a name that leads nowhere, is no photo, or occurs twice.
    """
    folder = source if source.is_dir() else source.parent
    chosen: list[PhotoSource] = []
    for text in texts:
        photo = _photo(folder, text)
        if photo in chosen:
            raise ImageFolderError(f"expected different photos, found --view {text} twice; name it once")
        chosen.append(photo)
    return tuple(chosen)


def _photo(folder: Path, text: str) -> PhotoSource:
    name, _, frame = text.rpartition("#")
    of_video = frame.isascii() and frame.isdigit() and has_extension(Path(name), VIDEO_EXTENSIONS)
    path = folder / (name if of_video else text)
    if not path.exists() and (folder / CAPTURE_PHOTOS / text).exists():
        path = folder / CAPTURE_PHOTOS / text
    if not path.is_file():
        raise ImageFolderError(f"expected a photo at {path}, found nothing; check --view {text}")
    if not of_video and not has_extension(path, PHOTO_EXTENSIONS):
        raise ImageFolderError(
            f"expected a photo ({' '.join(PHOTO_EXTENSIONS)}) or a frame such as clip.mp4#12, found --view {text}"
        )
    return PhotoSource(path, int(frame) if of_video else None)


def parse_anchors(texts: Sequence[str]) -> tuple[AnchorOverride, ...]:
    """Anchors set by hand, such as "3=0.1,0.2,1.5" or "3=0.1,0.2,1.5,pinned".

    Raises
    ------
    ConfigError
        For a text that cannot be read, or a query that occurs twice.
    """
    anchors = [_anchor(text) for text in texts]
    queries = [anchor.query for anchor in anchors]
    if len(set(queries)) < len(queries):
        raise ConfigError(f"--anchor: expected every query once, found {', '.join(map(str, queries))}.")
    return tuple(anchors)


def _anchor(text: str) -> AnchorOverride:
    query, _, value = text.partition("=")
    parts = [part.strip() for part in value.split(",")]
    pinned = parts[-1] == PINNED
    place = _numbers(parts[:-1] if pinned else parts)
    if not (query.strip().isascii() and query.strip().isdigit() and len(place) == 3):
        raise ConfigError(
            f"--anchor: expected a query and a position such as 3=0.1,0.2,1.5 or 3=0.1,0.2,1.5,{PINNED}, "
            f"found {text!r}."
        )
    return AnchorOverride(query=int(query), position=(place[0], place[1], place[2]), pinned=pinned)


def _numbers(parts: Sequence[str]) -> list[float]:
    """Finite numbers, none if a part is not one."""
    try:
        values = [float(part) for part in parts]
    except ValueError:
        return []
    return values if all(map(isfinite, values)) else []
