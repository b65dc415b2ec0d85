"""Photos and videos to a `ViewBatch`: order, orientation, sampling, network size (paper 3.1).

Every photo is resized as soon as it is decoded, so that one full-size photo is held at a time. Decoding is left
to `photo` and `video`, the resampling to `preprocessing`, cameras that come with a folder to `posed_input`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fast3dis_core.config import PATCH_SIZE
from fast3dis_core.errors import ImageFolderError
from fast3dis_core.photo import read_photo
from fast3dis_core.photo_files import (
    MAXIMUM_VIEWS,
    PHOTO_EXTENSIONS,
    VIDEO_EXTENSIONS,
    PhotoSource,
    Source,
    has_extension,
    list_images,
    natural_key,
    selected_names,
    uniform_indices,
    view_names,
)
from fast3dis_core.preprocessing import (
    LONG_EDGE,
    CommonCrop,
    Matrix,
    Method,
    Pixels,
    Size,
    common_crop,
    plan_resize,
)
from fast3dis_core.progress import Report, silent
from fast3dis_core.scene import ViewBatch
from fast3dis_core.video import sample_frames

__all__ = [
    "MAXIMUM_VIEWS",
    "PHOTO_EXTENSIONS",
    "STEP",
    "VIDEO_EXTENSIONS",
    "PhotoSource",
    "ProcessedPhoto",
    "Source",
    "batch_views",
    "list_images",
    "natural_key",
    "prepare_images",
    "process_photo",
    "read_image_folder",
    "read_selected",
    "stack_views",
    "uniform_indices",
    "view_names",
]

STEP = "Reading photos"
STRETCHED = 1.25  # change of a photo's shape that is told


def prepare_images(
    arrays: Sequence[Pixels], *, long_edge: int = LONG_EDGE, method: Method = "upper_bound_resize"
) -> tuple[Tensor, Tensor]:
    """Resize decoded photos to one network size, as Depth Anything 3 does.

    Parameters
    ----------
    arrays : sequence of S uint8 arrays (h, w, 3)
        RGB; sizes may differ, the batch is then center-cropped to its smallest height and width.
    long_edge : int
    method : str
        See `plan_resize`.

    Returns
    -------
    images : Tensor (S, 3, H, W) float32
        RGB in [0, 1].
    source_to_network : Tensor (S, 3, 3) float64
        `K_network = source_to_network @ K_photo`.

    Raises
    ------
    ConfigError
        Unknown method, or a bound below one patch.
    ImageFolderError
        No image, an array of another shape or type, or a side that vanishes.
    """
    if not len(arrays):
        raise ImageFolderError("expected at least one image, found none; pass (h, w, 3) uint8 arrays")
    resized, matrices = [], []
    for number, array in enumerate(arrays):
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
            raise ImageFolderError(
                f"image {number}: expected a uint8 array (h, w, 3), found {array.dtype} {array.shape}; "
                "convert it to RGB first"
            )
        try:
            plan = plan_resize(*array.shape[:2], long_edge=long_edge, method=method)
        except ImageFolderError as error:
            raise ImageFolderError(f"image {number}: {error}") from error
        resized.append(plan.apply(array))
        matrices.append(plan.matrix())
    images, source_to_network, _ = stack_views(resized, matrices)
    return images, source_to_network


def stack_views(resized: Sequence[Pixels], matrices: Sequence[Matrix]) -> tuple[Tensor, Tensor, CommonCrop]:
    """Crop processed photos to their common size and make the tensors of a `ViewBatch`.

    Parameters
    ----------
    resized : sequence of S uint8 arrays (H_s, W_s, 3)
    matrices : sequence of S arrays (3, 3)
        `ResizePlan.matrix` of each.

    Returns
    -------
    images : Tensor (S, 3, H, W) float32 in [0, 1]
    source_to_network : Tensor (S, 3, 3) float64
    crop : CommonCrop
    """
    crop = common_crop([(image.shape[0], image.shape[1]) for image in resized])
    images = torch.empty(len(resized), 3, *crop.size)
    for view, image in enumerate(resized):
        pixels = torch.from_numpy(np.ascontiguousarray(crop.apply(view, image)))
        images[view] = pixels.permute(2, 0, 1)  # (3, H, W)
    images /= 255
    return images, torch.from_numpy(np.stack([crop.matrix(view) @ m for view, m in enumerate(matrices)])), crop


def read_image_folder(
    source: Source,
    *,
    long_edge: int = LONG_EDGE,
    max_views: int = MAXIMUM_VIEWS,
    skip_bad: bool = False,
    report: Report = silent,
) -> ViewBatch:
    """Read the photos of a folder, a list of photos, or the frames of one video.

    Photos are upright (EXIF orientation applied), of any bit depth and color mode Pillow converts to RGB;
    alpha is dropped. More than `max_views` are sampled evenly. One photo is decoded at a time.

    Parameters
    ----------
    source : path, str, or sequence of them
        See `list_images`.
    long_edge : int
        Longest side of the network images, pixels.
    max_views : int
        Most views to use.
    skip_bad : bool
        Leave unreadable photos out, with a note, instead of stopping.
    report : callable
        Called for every photo; raises `Cancelled` to stop.

    Returns
    -------
    ViewBatch
        With `notes` on sampling, crops, enlarged and skipped photos.

    Raises
    ------
    ImageFolderError
        Nothing to read, or an unusable photo, named.
    """
    plan_resize(LONG_EDGE, LONG_EDGE, long_edge=long_edge)  # a bad setting must not be blamed on a photo
    paths = list_images(source)
    notes: list[str] = []
    if len(paths) == 1 and has_extension(paths[0], VIDEO_EXTENSIONS):
        photos = _read_video(paths[0], long_edge, max_views, notes, report)
    else:
        photos = _read_photos(paths, long_edge, max_views, notes, skip_bad, report)
    return batch_views(photos, notes)[0]


@dataclass(frozen=True, kw_only=True)
class ProcessedPhoto:
    """One photo at network size, before the crop of the batch.

    Attributes
    ----------
    name : str
    source_size : (height, width)
        Of the decoded photo.
    image : uint8 array (H_s, W_s, 3)
    matrix : array (3, 3)
        Pixels of the photo to pixels of `image`.
    """

    name: str
    source_size: Size
    image: Pixels
    matrix: Matrix


def read_selected(
    photos: Sequence[PhotoSource], *, long_edge: int = LONG_EDGE, notes: Sequence[str] = (), report: Report = silent
) -> ViewBatch:
    """Read exactly these photos and video frames, in this order.

    Parameters
    ----------
    photos : sequence of PhotoSource
    long_edge, report
        As in `read_image_folder`.
    notes : sequence of str
        What the caller has to say about the choice.

    Raises
    ------
    ImageFolderError
        Nothing to read, or an unusable photo, named.
    """
    if not photos:
        raise ImageFolderError("expected at least one photo, found none; include a photo")
    plan_resize(LONG_EDGE, LONG_EDGE, long_edge=long_edge)  # a bad setting must not be blamed on a photo
    names = dict(zip(photos, selected_names(photos), strict=True))
    done = 0

    def count(_fraction: float = 0.0) -> None:
        report(STEP, min(done / len(photos), 1.0))

    processed: dict[PhotoSource, ProcessedPhoto] = {}
    for path, frames in _by_file(photos).items():
        count()
        if frames:
            processed.update(_read_frames(path, frames, names, long_edge, count))
        else:
            source = PhotoSource(path)
            processed[source] = process_photo(names[source], read_photo(path), long_edge)
        done = len(processed)
    report(STEP, 1.0)
    return batch_views([processed[photo] for photo in photos], notes)[0]


def _by_file(photos: Sequence[PhotoSource]) -> Mapping[Path, list[int]]:
    """Frames wanted of each file, ascending; none of a photo."""
    files: dict[Path, list[int]] = {}
    for photo in photos:
        frames = files.setdefault(photo.path, [])
        if photo.frame is not None:
            frames.append(photo.frame)
    return {path: sorted(frames) for path, frames in files.items()}


def _read_frames(
    path: Path, frames: list[int], names: Mapping[PhotoSource, str], long_edge: int, report: Callable[[float], None]
) -> dict[PhotoSource, ProcessedPhoto]:
    def process(index: int, frame: Pixels) -> ProcessedPhoto:
        return process_photo(names[PhotoSource(path, index)], frame, long_edge)

    read, _ = sample_frames(path, process, choose=lambda _total: frames, report=report)
    return {PhotoSource(path, index): photo for index, photo in zip(frames, read, strict=True)}


def process_photo(name: str, pixels: Pixels, long_edge: int) -> ProcessedPhoto:
    """Bring one decoded photo (h, w, 3) to network size; `ImageFolderError` names it if it is too small."""
    height, width = pixels.shape[:2]
    if min(height, width) < PATCH_SIZE:
        raise ImageFolderError(
            f"{name}: expected a photo of at least {PATCH_SIZE} x {PATCH_SIZE} pixels, found {width} x {height}; "
            "leave it out"
        )
    try:
        plan = plan_resize(height, width, long_edge=long_edge)
    except ImageFolderError as error:
        raise ImageFolderError(f"{name}: {error}") from error
    return ProcessedPhoto(name=name, source_size=(height, width), image=plan.apply(pixels), matrix=plan.matrix())


def batch_views(photos: Sequence[ProcessedPhoto], notes: Sequence[str]) -> tuple[ViewBatch, CommonCrop]:
    """Make the `ViewBatch` of processed photos, adding notes on crops, on enlarged and on distorted photos."""
    images, source_to_network, crop = stack_views([photo.image for photo in photos], [p.matrix for p in photos])
    views = ViewBatch(
        images=images,
        names=tuple(photo.name for photo in photos),
        source_sizes=torch.tensor([photo.source_size for photo in photos], dtype=torch.int64),
        source_to_network=source_to_network,
        notes=(*notes, *_crop_notes(photos, crop), *_enlarged_notes(photos), *_stretched_notes(photos)),
    )
    return views, crop


def _read_photos(
    paths: Sequence[Path], long_edge: int, max_views: int, notes: list[str], skip_bad: bool, report: Report
) -> list[ProcessedPhoto]:
    chosen = uniform_indices(len(paths), max_views)
    if len(chosen) < len(paths):
        notes.append(f"Used {len(chosen)} of {len(paths)} photos, evenly spaced.")
    names = view_names(paths)
    photos: list[ProcessedPhoto] = []
    for done, index in enumerate(chosen):
        report(STEP, done / len(chosen))
        try:
            # no name for the pixels: the next photo would be decoded while this one is held
            photos.append(process_photo(names[index], read_photo(paths[index]), long_edge))
        except ImageFolderError as error:
            if not skip_bad:
                raise ImageFolderError(f"{error}, or leave bad photos out (skip_bad, --skip-bad)") from error
            notes.append(f"Left out {str(error).rpartition('; ')[0] or error}.")  # there is nothing left to do about it
    if not photos:
        last = notes[-1].removeprefix("Left out ").removesuffix(".")
        raise ImageFolderError(
            f"expected at least one readable photo, found none of {len(chosen)}, the last being {last}; "
            "choose other photos, or save these again as JPEG or PNG"
        )
    report(STEP, 1.0)
    return photos


def _read_video(path: Path, long_edge: int, max_views: int, notes: list[str], report: Report) -> list[ProcessedPhoto]:
    def process(index: int, frame: Pixels) -> ProcessedPhoto:
        return process_photo(f"{path.name}#{index:06d}", frame, long_edge)

    frames, total = sample_frames(
        path, process, choose=lambda count: uniform_indices(count, max_views), report=lambda done: report(STEP, done)
    )
    if len(frames) < total:
        notes.append(f"Used {len(frames)} of {total} frames of {path.name}, evenly spaced.")
    return frames


def _crop_notes(photos: Sequence[ProcessedPhoto], crop: CommonCrop) -> Iterator[str]:
    lost = {photo.name: crop.lost(view) for view, photo in enumerate(photos) if crop.lost(view)}
    if lost:
        worst = max(lost, key=lambda name: lost[name])
        yield (
            f"Photo shapes differ: {len(lost)} of {len(photos)} were cropped to {crop.size[1]} x {crop.size[0]} "
            f"pixels around their center ({worst} loses {lost[worst]:.0%})."
        )


def _stretched_notes(photos: Sequence[ProcessedPhoto]) -> Iterator[str]:
    """Photos so long and thin that rounding to whole patches changes their shape."""
    stretched = {}
    for photo in photos:
        (height, width), (high, wide) = photo.source_size, photo.image.shape[:2]
        factor = (wide * height) / (high * width)
        stretched[photo.name] = max(factor, 1 / factor)
    thin = {name: factor for name, factor in stretched.items() if factor > STRETCHED}
    if thin:
        worst = max(thin, key=lambda name: thin[name])
        yield (
            f"Too long and thin to keep their shape: {len(thin)} of {len(photos)} photos "
            f"({worst} is stretched by {thin[worst] - 1:.0%}); a higher resolution or a crop keeps it."
        )


def _enlarged_notes(photos: Sequence[ProcessedPhoto]) -> Iterator[str]:
    small = [photo for photo in photos if max(photo.source_size) < max(photo.image.shape[:2])]
    if small:
        worst = min(small, key=lambda photo: max(photo.source_size))
        yield (
            f"Smaller than the network size and enlarged: {len(small)} of {len(photos)} photos "
            f"(smallest: {worst.name}, {worst.source_size[1]} x {worst.source_size[0]}); expect less detail."
        )
