"""Pictures and films of the stage as files: drawn on the GUI thread frame by frame, written on the worker.

Drawing needs the graphics and therefore the GUI thread, which gets its turn between two frames, and whoever asked is
told if these are slow; encoding and the disk are the worker's. A film is stopped like any job, and nothing of it is
left then. GIFs are written by Pillow, MP4s by OpenCV as VP9 with 4:2:0 color, which browsers and most players show;
its wheels have no encoder for H.264.
"""

import asyncio
import queue
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.jobs import Jobs
from app.session.picture_wish import FilmWish
from fast3dis_core.errors import Cancelled, ExportError
from fast3dis_core.exports.atomic import atomic_file, atomic_folder

if TYPE_CHECKING:
    from fast3dis_core.progress import Report

Frame = NDArray[np.uint8]  # (height, width, 3) RGB
WAITING = 2  # frames drawn ahead of the writer
PATIENCE = 0.05  # seconds between two looks at whether to stop
TURN = 0.01  # seconds that the window has between two frames at least, for clicks and keys that waited
PAUSE = 0.2  # seconds of drawing a frame in which the window is seen to stand still
COLORS = 256  # of a frame of a GIF


class Filming:
    """Belongs to the event loop's thread.

    Parameters
    ----------
    jobs : Jobs
    """

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    async def save(self, path: Path, encode: Callable[[], bytes], *, overwrite: bool) -> None:
        """Write a picture, whole or not at all; `encode` makes its bytes on the worker.

        Raises
        ------
        ExportError
            If the file exists and `overwrite` is false, or the disk refuses.
        """

        def job(report: "Report") -> None:
            with atomic_file(path, overwrite=overwrite) as file:
                file.write(encode())

        await self._jobs.run(f"Writing {path.name}", job, line=f"write {path}", quiet=True)

    async def film(
        self,
        path: Path,
        wish: FilmWish,
        draw: Callable[[float], Frame],
        *,
        overwrite: bool,
        warn: Callable[[float], object] = lambda seconds: None,
    ) -> None:
        """Draw and write a film.

        Parameters
        ----------
        path : Path
        wish : FilmWish
        draw : callable
            Takes the share of the turn, returns the frame; called on this thread.
        overwrite : bool
        warn : callable
            Told once how many seconds a frame takes, if the window stands still for it.

        Raises
        ------
        ExportError
            If the file exists and `overwrite` is false, the disk refuses, or OpenCV cannot write MP4 here.
        Cancelled
            If the user stopped it; nothing is left then.
        """
        frames: queue.Queue[Frame | None] = queue.Queue(WAITING)

        def job(report: "Report") -> None:
            write_film(path, wish, _arriving(frames, wish.frames, report), overwrite=overwrite)

        writing = asyncio.ensure_future(self._jobs.run(f"Filming {path.name}", job, line=f"write {path}"))
        try:
            for number in range(wish.frames):
                await _room(frames, writing)
                if writing.done():
                    break
                began = time.perf_counter()
                frames.put_nowait(draw(number / wish.frames))
                spent = time.perf_counter() - began
                if number == 1 and spent > PAUSE:  # the first one makes ready what the others use
                    warn(spent)
        except BaseException:
            await _room(frames, writing)
            if not writing.done():
                frames.put_nowait(None)  # not the error itself: the worker clears the frames of what it raises
                await asyncio.wait([writing])
                writing.exception()  # that it stopped for this
            raise
        await writing


async def _room(frames: "queue.Queue[Frame | None]", writing: "asyncio.Future[None]") -> None:
    """Let the window live, at least once, until there is room for a frame or nobody wants any."""
    await asyncio.sleep(TURN)
    while frames.full() and not writing.done():
        await asyncio.sleep(PATIENCE / 5)


def _arriving(frames: "queue.Queue[Frame | None]", count: int, report: "Report") -> Iterator[Frame]:
    """Frames as they are drawn; asked for on the worker's thread."""
    for number in range(count):
        while True:
            report("Filming", number / count)
            try:
                frame = frames.get(timeout=PATIENCE)
            except queue.Empty:
                continue
            break
        if frame is None:
            raise Cancelled("A frame could not be drawn.")
        yield frame


def write_film(path: Path, wish: FilmWish, frames: Iterator[Frame], *, overwrite: bool) -> None:
    """Write frames as they come; the file appears whole or not at all.

    Raises
    ------
    ExportError
        If the file exists and `overwrite` is false, the disk refuses, or OpenCV cannot write MP4 here.
    """
    if wish.format == "gif":
        _write_gif(path, wish.rate, frames, overwrite=overwrite)
    else:
        _write_mp4(path, wish.rate, frames, overwrite=overwrite)


def _write_gif(path: Path, rate: int, frames: Iterator[Frame], *, overwrite: bool) -> None:
    from PIL import Image

    def reduced() -> "Iterator[Image.Image]":
        for frame in frames:
            yield Image.fromarray(frame).quantize(COLORS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)

    pictures = reduced()
    with atomic_file(path, overwrite=overwrite) as file:
        first = next(pictures)
        first.save(file, "GIF", save_all=True, append_images=pictures, duration=round(1000 / rate), loop=0)


def _write_mp4(path: Path, rate: int, frames: Iterator[Frame], *, overwrite: bool) -> None:
    import cv2

    with atomic_folder(path.parent, [path.name], overwrite=overwrite) as staging:
        staging.mkdir(parents=True, exist_ok=True)
        writer = None
        try:
            for frame in frames:
                if writer is None:
                    size, code = (frame.shape[1], frame.shape[0]), cv2.VideoWriter.fourcc(*"vp09")
                    writer = cv2.VideoWriter(str(staging / path.name), cv2.CAP_FFMPEG, code, rate, size)
                    if not writer.isOpened():
                        raise ExportError(
                            f"{path.name} was not written: OpenCV has no encoder for VP9 on this computer. Choose GIF."
                        )
                writer.write(np.ascontiguousarray(frame[..., ::-1]))
        finally:
            if writer is not None:
                writer.release()
