"""A folder with cameras, and perhaps depth, to `PosedViews` (paper 4: training targets and evaluation).

Photos are taken as stored: cameras were estimated on stored pixels, whatever EXIF says. Only if the stored photo does
not have the shape its camera was calibrated for, and the photo turned upright does, it is turned. Photos of distorted
lenses are straightened before they are resized. Poses stay in float64 until they are re-based to view 0, so that worlds
with large coordinates lose nothing.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fast3dis_core.errors import GeometryError, ImageFolderError
from fast3dis_core.geometry.cameras import rebase
from fast3dis_core.images import (
    MAXIMUM_VIEWS,
    PHOTO_EXTENSIONS,
    STEP,
    ProcessedPhoto,
    batch_views,
    natural_key,
    process_photo,
    uniform_indices,
    view_names,
)
from fast3dis_core.photo import read_photo
from fast3dis_core.photo_files import listing
from fast3dis_core.posed_input.colmap import find_model, read_colmap
from fast3dis_core.posed_input.depth import read_depth, sample_depth
from fast3dis_core.posed_input.frame import PosedFolder, PosedFrame, check_frame
from fast3dis_core.posed_input.lens import Lens, straighten
from fast3dis_core.posed_input.matrices import is_posed_folder, read_matrices
from fast3dis_core.posed_input.transforms import FILE, read_transforms
from fast3dis_core.preprocessing import LONG_EDGE, CommonCrop, Matrix, Pixels, plan_resize
from fast3dis_core.progress import Report, silent
from fast3dis_core.scene import PosedCameras, SceneGeometry, ViewBatch

Kind: TypeAlias = Literal["transforms", "colmap", "matrices"]

_READERS: dict[Kind, Callable[[Path], PosedFolder]] = {
    "transforms": read_transforms,
    "colmap": read_colmap,
    "matrices": read_matrices,
}
_NAMED = 5  # photos listed in a message before it says how many more


@dataclass(frozen=True, kw_only=True)
class PosedViews:
    """Photos with the cameras that came with them.

    Attributes
    ----------
    views : ViewBatch
        `source_to_network` starts at the straightened photo where the lens was distorted.
    cameras : PosedCameras
        World = camera frame of view 0.
    geometry : SceneGeometry or None
        Given depth; confidence 1 where it is valid, 0 elsewhere. None unless depth was asked for.
    folder_to_world : Tensor (4, 4) float64
        The folder's own world to the world of view 0; its inverse brings results back.
    """

    views: ViewBatch
    cameras: PosedCameras
    geometry: SceneGeometry | None
    folder_to_world: Tensor


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    name: str
    frame: PosedFrame
    lens: Lens
    world_to_camera: Matrix  # from the folder's world, exactly rigid


@dataclass(frozen=True, kw_only=True)
class _View:
    candidate: _Candidate
    photo: ProcessedPhoto
    intrinsics: Matrix  # of the straightened photo
    depth: NDArray[np.float32] | None  # before the crop of the batch


def find_cameras(folder: str | os.PathLike[str]) -> Kind | None:
    """Which camera format a folder has: a transforms.json goes before a COLMAP model, that before plain matrices."""
    path = Path(folder)
    if (path / FILE).is_file():
        return "transforms"
    if find_model(path) is not None:
        return "colmap"
    return "matrices" if is_posed_folder(path) else None


def read_cameras(folder: Path) -> PosedFolder:
    """Cameras of a folder in whichever format it has, as found: photos and lenses have yet to be judged.

    Raises
    ------
    GeometryError
        No cameras, or a damaged file.
    """
    kind = find_cameras(folder)
    if kind is None:
        raise GeometryError(_no_cameras(folder))
    return _READERS[kind](folder)


def read_posed_folder(
    folder: str | os.PathLike[str],
    *,
    with_depth: bool = False,
    long_edge: int = LONG_EDGE,
    max_views: int = MAXIMUM_VIEWS,
    skip_bad: bool = False,
    photos: Sequence[Path] | None = None,
    notes: Sequence[str] = (),
    report: Report = silent,
) -> PosedViews:
    """Read photos, cameras and, if asked, depth of one folder.

    Parameters
    ----------
    folder : path
        See `colmap`, `transforms` and `matrices` for the layouts.
    with_depth : bool
        Read a depth map for every view.
    long_edge, max_views, report
        As in `read_image_folder`; views are in natural order of the photo names.
    skip_bad : bool
        Leave out, with a note, photos without a usable camera, depth map or content, and cameras without a photo.
    photos : sequence of Path, optional
        Use these only, in this order; those without a camera are left out with a note.
    notes : sequence of str
        What the caller has to say about that choice.

    Raises
    ------
    GeometryError
        No cameras, or cameras, depth and photos that do not fit together; the photo is named.
    ImageFolderError
        An unreadable photo, named.
    ConfigError
        A setting below its minimum.
    """
    folder = Path(folder)
    found = read_cameras(folder)
    plan_resize(LONG_EDGE, LONG_EDGE, long_edge=long_edge)  # a bad setting must not be blamed on a photo
    notes = list(notes)
    frames = _matched(found, folder, skip_bad, notes) if photos is None else _selected(found, folder, photos, notes)
    usable = _usable(frames, skip_bad, notes)
    chosen = uniform_indices(len(usable), max_views)
    if len(chosen) < len(usable):
        notes.append(f"Used {len(chosen)} of {len(usable)} photos, evenly spaced.")
    views: list[_View] = []
    for done, index in enumerate(chosen):
        report(STEP, done / len(chosen))
        with _leaving_out(usable[index].name, skip_bad, notes):
            views.append(_read_view(usable[index], long_edge, with_depth))
    if not views:
        raise GeometryError(f"expected at least one usable photo in {folder}, found none; {notes[-1]}")
    report(STEP, 1.0)
    bent = sum(not view.candidate.lens.is_pinhole for view in views)
    if bent:
        notes.append(f"Straightened {bent} of {len(views)} photos by their lens distortion.")
    return _posed_views(views, notes, is_metric=found.is_metric, with_depth=with_depth)


def _matched(found: PosedFolder, folder: Path, skip_bad: bool, notes: list[str]) -> list[PosedFrame]:
    """Frames whose photo exists, in natural order; every photo must have its camera and the reverse."""
    frames = sorted(found.frames, key=lambda frame: natural_key(_below(frame.photo, folder)))
    twice = {first.photo for first, second in pairwise(frames) if first.photo == second.photo}
    if twice:
        raise GeometryError(
            f"expected one camera per photo, found several for {_listing(twice, folder)}; remove the others"
        )
    present = [frame for frame in frames if frame.photo.is_file()]
    if not present:
        wanted = f"such as {_below(frames[0].photo, folder)}" if frames else "but the camera file names none"
        raise GeometryError(
            f"expected the photos that the cameras of {folder} name, {wanted}; found none of {len(frames)}; "
            "put the photos there or correct the names"
        )
    missing = [frame.photo for frame in frames if not frame.photo.is_file()]
    known = {frame.photo for frame in frames} | set(found.ignored)
    strays = [photo for photo in _photos_beside(present) if photo not in known]
    for paths, lack in ((missing, "cameras have no photo"), (strays, "photos have no camera")):
        if paths:
            total = len(present) + len(paths)
            problem = f"{len(paths)} of {total} {lack}: {_listing(paths, folder)}"
            if not skip_bad:
                raise GeometryError(
                    f"expected a camera for every photo and a photo for every camera in {folder}, "
                    f"found that {problem}; remove them or skip them"
                )
            notes.append(f"Left out: {problem}.")
    return present


def _selected(found: PosedFolder, folder: Path, photos: Sequence[Path], notes: list[str]) -> list[PosedFrame]:
    """Frames of the given photos, in their order."""
    frames = {frame.photo.resolve(): frame for frame in found.frames}
    without = [photo for photo in photos if photo.resolve() not in frames]
    if len(without) == len(photos):
        raise GeometryError(
            f"expected photos that have a camera in {folder}, found none of {len(photos)}: "
            f"{_listing(without, folder)}; include photos with cameras, or predict the cameras"
        )
    if without:
        notes.append(f"Left out: {len(without)} of {len(photos)} photos have no camera: {_listing(without, folder)}.")
    return [frames[photo.resolve()] for photo in photos if photo.resolve() in frames]


def _photos_beside(frames: Sequence[PosedFrame]) -> list[Path]:
    """Photos in the folders that hold the photos of `frames`."""
    beside = {path for folder in {frame.photo.parent for frame in frames} for path in folder.iterdir()}
    photos = (path for path in beside if path.suffix.lower() in PHOTO_EXTENSIONS and not path.name.startswith("."))
    return sorted(photos, key=lambda path: natural_key(path.as_posix()))


def _usable(frames: Sequence[PosedFrame], skip_bad: bool, notes: list[str]) -> list[_Candidate]:
    usable = []
    for frame, name in zip(frames, view_names([frame.photo for frame in frames]), strict=True):
        with _leaving_out(name, skip_bad, notes):
            lens, world_to_camera = check_frame(frame)
            usable.append(_Candidate(name=name, frame=frame, lens=lens, world_to_camera=world_to_camera))
    return usable


@contextmanager
def _leaving_out(name: str, skip_bad: bool, notes: list[str]) -> Iterator[None]:
    """Name the photo in errors of its camera or depth, and turn errors into notes if asked to."""
    try:
        yield
    except (GeometryError, ImageFolderError) as error:
        message = str(error) if isinstance(error, ImageFolderError) else f"{name}: {error}"
        if not skip_bad:
            raise type(error)(message) from error
        notes.append(f"Left out {message}.")


def _read_view(candidate: _Candidate, long_edge: int, with_depth: bool) -> _View:
    lens, pixels = _taken(candidate)
    photo = process_photo(candidate.name, straighten(pixels, lens), long_edge)
    depth = None
    if with_depth:
        stored = read_depth(candidate.frame.depth, candidate.frame.depth_scale)
        depth = sample_depth(stored, lens, photo.matrix, (photo.image.shape[0], photo.image.shape[1]))
    return _View(candidate=candidate, photo=photo, intrinsics=lens.straightened().matrix(), depth=depth)


def _taken(candidate: _Candidate) -> tuple[Lens, Pixels]:
    """The photo as its camera saw it, and the lens at the photo's size."""
    lens, path = candidate.lens, candidate.frame.photo
    stored = read_photo(path, oriented=False)
    pixels = stored
    if not lens.fits((stored.shape[0], stored.shape[1])):
        pixels = read_photo(path, oriented=True)
    size = pixels.shape[0], pixels.shape[1]
    if not lens.fits(size):
        raise GeometryError(
            f"expected a photo of the shape its camera file says ({lens.size[1]} x {lens.size[0]}), "
            f"found {stored.shape[1]} x {stored.shape[0]}; use the photos the cameras were made from"
        )
    return lens if size == lens.size else lens.resized(size), pixels


def _posed_views(views: Sequence[_View], notes: Sequence[str], *, is_metric: bool, with_depth: bool) -> PosedViews:
    batch, crop = batch_views([view.photo for view in views], notes)
    intrinsics = (batch.source_to_network @ torch.from_numpy(np.stack([view.intrinsics for view in views]))).float()
    in_folder = torch.from_numpy(np.stack([view.candidate.world_to_camera for view in views]))
    world_to_camera = rebase(in_folder).float()
    geometry = None
    if with_depth:
        depth = _stacked_depth(views, crop)
        geometry = SceneGeometry(
            depth=depth,
            confidence=(depth > 0).float(),
            intrinsics=intrinsics,
            world_to_camera=world_to_camera,
            is_metric=is_metric,
        )
    return PosedViews(
        views=batch,
        cameras=PosedCameras(intrinsics=intrinsics, world_to_camera=world_to_camera, is_metric=is_metric),
        geometry=geometry,
        folder_to_world=in_folder[0].clone(),
    )


def _stacked_depth(views: Sequence[_View], crop: CommonCrop) -> Tensor:
    maps = [crop.apply(number, view.depth) for number, view in enumerate(views) if view.depth is not None]
    depth = torch.from_numpy(np.stack(maps))  # (S, H, W)
    if not (depth > 0).any():
        raise GeometryError(
            "expected some valid depth, found only missing values in all views; read the folder without depth"
        )
    return depth


def _no_cameras(folder: Path) -> str:
    formats = "transforms.json, a COLMAP model (sparse/0), or images/ with poses/ and intrinsics.txt"
    if folder.is_file():
        return (
            f"expected a folder of photos with cameras, found the file {folder.name}; cameras belong to photos, "
            "so export the frames of a video first"
        )
    if not folder.is_dir():
        return f"expected a folder of photos with cameras at {folder}, found nothing; check the path"
    return f"expected cameras in {folder} ({formats}), found none; read it as photos without cameras"


def _listing(paths: Iterable[Path], folder: Path) -> str:
    return listing([_below(path, folder) for path in paths], most=_NAMED)


def _below(path: Path, folder: Path) -> str:
    return (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()
