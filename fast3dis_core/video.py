"""Frames of a video file, sampled by index (not in the paper; videos stand for photo collections).

OpenCV decodes. Frames are counted and chosen exactly: the file is read in order instead of seeking, which is
inexact for variable frame rates. What becomes of a frame is left to the caller.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from fast3dis_core.errors import ImageFolderError
from fast3dis_core.preprocessing import Pixels

Frame = TypeVar("Frame")
REPORT_EVERY = 10  # grabbed frames between two reports, so that a cancel is noticed within a second


def sample_frames(
    path: Path,
    process: Callable[[int, Pixels], Frame],
    *,
    choose: Callable[[int], Sequence[int]],
    report: Callable[[float], None],
) -> tuple[list[Frame], int]:
    """Decode chosen frames of a video and process each at once.

    Parameters
    ----------
    path : Path
    process : callable
        Takes the frame number and the frame (h, w, 3) uint8 RGB, upright by the rotation metadata.
    choose : callable
        Takes the number of frames; returns the ascending numbers wanted.
    report : callable
        Takes the fraction done; may raise to stop.

    Returns
    -------
    frames : list
        What `process` returned, in order.
    total : int
        Number of frames in the video.

    Raises
    ------
    ImageFolderError
        The file is no video OpenCV can decode, or has no frame.
    """
    with _opened(path) as capture:
        claimed = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    total = claimed if claimed > 0 else _count(path, report)
    frames, seen = _decode(path, choose(total), process, report)
    if frames is None and seen:
        # the header promised more frames than there are
        total = seen
        frames, _ = _decode(path, choose(total), process, report)
    if frames is None or not total:
        raise ImageFolderError(
            f"{path.name}: expected a video with readable frames, found none; "
            "convert it to MP4 (H.264) or export photos"
        )
    report(1.0)
    return frames, total


def _decode(
    path: Path, wanted: Sequence[int], process: Callable[[int, Pixels], Frame], report: Callable[[float], None]
) -> tuple[list[Frame] | None, int]:
    """Processed frames, or None with the number of frames there are, when the video ends before the last one."""
    chosen = set(wanted)
    frames: list[Frame] = []
    if not chosen:
        return None, 0
    last = max(chosen)
    with _opened(path) as capture:
        for index in range(last + 1):
            if index % REPORT_EVERY == 0 or index in chosen:
                report(index / (last + 1))
            if not capture.grab():
                return None, index
            if index in chosen:
                decoded, frame = capture.retrieve()
                if not decoded:
                    return None, index
                frames.append(process(index, np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), dtype=np.uint8)))
    return frames, last + 1


def _count(path: Path, report: Callable[[float], None]) -> int:
    with _opened(path) as capture:
        count = 0
        while capture.grab():
            if count % REPORT_EVERY == 0:
                report(0.0)  # the end is unknown
            count += 1
    return count


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # the libraries' own lines come before ours and say less
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened():
            raise ImageFolderError(
                f"{path.name}: expected a video OpenCV can decode, found an unreadable file; "
                "convert it to MP4 (H.264) or export photos"
            )
        capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        yield capture
    finally:
        capture.release()
