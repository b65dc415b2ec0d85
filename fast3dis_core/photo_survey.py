"""A first look at photos before a run: sizes and small pictures, one by one (not in the paper).

Nothing is refused here: a photo that cannot be read is told with its reason, so that a user can go on without it.
Reading at network size is left to `images`. Needs no torch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from fast3dis_core.config import PATCH_SIZE
from fast3dis_core.errors import ImageFolderError
from fast3dis_core.photo import read_thumbnail
from fast3dis_core.photo_files import VIDEO_EXTENSIONS, PhotoSource, has_extension, uniform_indices
from fast3dis_core.preprocessing import Pixels, Size
from fast3dis_core.progress import Report, silent
from fast3dis_core.video import sample_frames

STEP = "Looking at the photos"


@dataclass(frozen=True, kw_only=True)
class SurveyedPhoto:
    """What is known of a photo before it is read in full.

    Attributes
    ----------
    source : PhotoSource
    size : (height, width)
        Upright; (0, 0) where it could not be read.
    thumbnail : uint8 array (h, w, 3), or None
    problem : str
        Why it cannot be used; empty for a good one.
    """

    source: PhotoSource
    size: Size = (0, 0)
    thumbnail: Pixels | None = field(default=None, compare=False, repr=False)
    problem: str = ""


def survey_photos(
    files: Sequence[Path],
    found: Callable[[SurveyedPhoto], None],
    *,
    long_edge: int,
    frames: int,
    report: Report = silent,
) -> None:
    """Look at photos and at evenly spaced frames of videos.

    Parameters
    ----------
    files : sequence of Path
    found : callable
        Called for each photo in turn, as soon as it is decoded.
    long_edge : int
        Of thumbnails, pixels.
    frames : int
        Most frames of one video.
    report : callable
    """
    for done, path in enumerate(files):
        report(STEP, done / len(files))
        try:
            if has_extension(path, VIDEO_EXTENSIONS):
                _survey_video(path, found, long_edge, frames, report)
            else:
                thumbnail, size = read_thumbnail(path, long_edge)
                found(_judged(PhotoSource(path), thumbnail, size))
        except ImageFolderError as error:
            found(SurveyedPhoto(source=PhotoSource(path), problem=str(error)))
    report(STEP, 1.0)


def _survey_video(
    path: Path, found: Callable[[SurveyedPhoto], None], long_edge: int, frames: int, report: Report
) -> None:
    def look(index: int, frame: Pixels) -> SurveyedPhoto:
        height, width = frame.shape[:2]
        scale = min(1.0, long_edge / max(height, width))
        small = (max(1, round(width * scale)), max(1, round(height * scale)))
        thumbnail = np.asarray(cv2.resize(frame, small, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        return _judged(PhotoSource(path, index), thumbnail, (height, width))

    # a header may promise more frames than there are: only then would a second look follow, so photos wait for the end
    surveyed, _ = sample_frames(
        path, look, choose=lambda count: uniform_indices(count, frames), report=lambda share: report(STEP, share)
    )
    for photo in surveyed:
        found(photo)


def _judged(source: PhotoSource, thumbnail: Pixels, size: Size) -> SurveyedPhoto:
    problem = ""
    if min(size) < PATCH_SIZE:
        problem = (
            f"{source.path.name}: expected a photo of at least {PATCH_SIZE} x {PATCH_SIZE} pixels, "
            f"found {size[1]} x {size[0]}; leave it out"
        )
    return SurveyedPhoto(source=source, size=size, thumbnail=thumbnail, problem=problem)
