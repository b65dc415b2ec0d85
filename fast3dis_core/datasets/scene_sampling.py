"""Samples of annotated scenes: evenly spaced views at network size (paper 4.1: 50 views of a scan).

Photos go through the preprocessing of every other input; depth and ids are taken at the nearest pixel, never mixed.
"""

from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from fast3dis_core.datasets.annotated_scene import AnnotatedScene, Annotation
from fast3dis_core.datasets.sample import STRUCTURE, UNLABELED, LabeledSurface, SceneSample
from fast3dis_core.errors import DatasetError, ImageFolderError
from fast3dis_core.geometry.cameras import rebase
from fast3dis_core.images import MAXIMUM_VIEWS, ProcessedPhoto, batch_views, process_photo, uniform_indices
from fast3dis_core.preprocessing import LONG_EDGE, CommonCrop, Matrix, Size
from fast3dis_core.progress import Report, silent
from fast3dis_core.scene import SceneGeometry

STEP = "Reading views"

Value = TypeVar("Value", bound=np.generic)


def sampled_views(scene: AnnotatedScene, max_views: int = MAXIMUM_VIEWS) -> tuple[int, ...]:
    """Evenly spaced views of a scene, first and last included; all if there are no more than `max_views`."""
    return uniform_indices(len(scene.frames), max_views)


def sample_scene(
    scene: AnnotatedScene, *, max_views: int = MAXIMUM_VIEWS, long_edge: int = LONG_EDGE, report: Report = silent
) -> SceneSample:
    """Some views of a scene at network size, as a sample of one scene.

    Parameters
    ----------
    scene : AnnotatedScene
    max_views : int
    long_edge : int
        Pixels.
    report : Report
        Called for every view; raises `Cancelled` to stop.

    Returns
    -------
    SceneSample
        World = camera of the first view. Ids are those of the scene, 0 everywhere if it has none in its views; classes
        that are no objects in the data set's benchmark are all "structure". Geometry is None without cameras;
        confidence is 1 where depth is known, else 0. The surface holds the vertices of the mesh that may be scored.

    Raises
    ------
    DatasetError
        If files of the scene are missing or damaged.
    """
    chosen = sampled_views(scene, max_views)
    photos, sources = [], []
    for done, view in enumerate(chosen):
        report(STEP, done / len(chosen))
        pixels = scene.image(view)
        try:
            photos.append(process_photo(scene.frames[view], pixels, long_edge))
        except ImageFolderError as error:
            raise DatasetError(f"{scene.scene_id}: {error}") from error
        sources.append(_maps(scene, view, photos[-1]))
    report(STEP, 1.0)
    batch, crop = batch_views(photos, ())
    ids, depth = (_stacked([maps[place] for maps in sources], crop) for place in (0, 1))
    stored = [scene.world_to_camera(view) for view in chosen]
    known = [camera for camera in stored if camera is not None]
    geometry = None
    if len(known) == len(stored):
        intrinsics = torch.from_numpy(np.stack([scene.intrinsics(view) for view in chosen]))
        geometry = SceneGeometry(
            depth=depth,
            confidence=(depth > 0).float(),
            intrinsics=(batch.source_to_network @ intrinsics).float(),
            world_to_camera=rebase(torch.from_numpy(np.stack(known))).float(),
            is_metric=scene.is_metric,
        )
    annotation = scene.annotation()
    class_ids, class_names = _classes(annotation, int(ids.max()))
    return SceneSample(
        views=batch,
        instance_ids=ids,
        class_ids=class_ids,
        class_names=class_names,
        geometry=geometry,
        surface=_surface(scene, annotation, known[0]) if annotation and known else None,
    )


def nearest(values: NDArray[Value], source_to_network: Matrix, size: Size) -> NDArray[Value]:
    """Values (h, w) at the pixel centers of a resized image (H, W), each that of the pixel it falls into."""
    taken = values
    for axis, place in ((0, 1), (1, 0)):
        centers = np.arange(size[axis]) + 0.5
        stored = (centers - source_to_network[place, 2]) / source_to_network[place, place]
        taken = taken.take(np.floor(stored).astype(np.int64).clip(0, values.shape[axis] - 1), axis)
    return taken


def _maps(scene: AnnotatedScene, view: int, photo: ProcessedPhoto) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Ids and depth of a view at the size of its processed photo, 0 where it does not show the scene."""
    size = photo.image.shape[0], photo.image.shape[1]
    ids, depth, valid = scene.instance(view), scene.depth(view), scene.valid(view)
    for name, values in (("instance ids", ids), ("depth", depth), ("a mask", valid)):
        if values is not None and values.shape != photo.source_size:
            raise DatasetError(
                f"{scene.scene_id}, {scene.frames[view]}: expected {name} of the photo's {photo.source_size[1]} x "
                f"{photo.source_size[0]} pixels, found {values.shape[1]} x {values.shape[0]}; take the original files."
            )
    resized_ids = np.zeros(size, np.int32) if ids is None else nearest(ids, photo.matrix, size)
    resized_depth = np.zeros(size, np.float32) if depth is None else nearest(depth, photo.matrix, size)
    if valid is not None:
        shown = nearest(valid, photo.matrix, size)
        resized_ids, resized_depth = resized_ids * shown, resized_depth * shown
    return resized_ids, resized_depth


def _stacked(maps: list[NDArray[Value]], crop: CommonCrop) -> torch.Tensor:
    return torch.from_numpy(np.stack([crop.apply(view, values) for view, values in enumerate(maps)]))


def _classes(annotation: Annotation | None, highest: int) -> tuple[torch.Tensor, tuple[str, ...]]:
    """Classes of ids up to `highest` at least, and class names, as a sample has them."""
    if annotation is None:
        # ids without classes are objects all the same
        return torch.cat([torch.zeros(1), torch.ones(highest)]).long(), (UNLABELED, "object")
    kept = annotation.is_object()
    names = (UNLABELED, STRUCTURE, *(name for name in annotation.class_names[1:] if name in annotation.object_classes))
    places = np.where(kept, [names.index(name) if name in names else 1 for name in annotation.class_names], 1)
    places[0] = 0
    classes = np.zeros(max(highest + 1, len(annotation.class_ids)), np.int64)
    classes[: len(annotation.class_ids)] = places[annotation.class_ids]
    return torch.from_numpy(classes), names


def _surface(scene: AnnotatedScene, annotation: Annotation, world_to_first: Matrix) -> LabeledSurface | None:
    mesh, scored = scene.mesh(), scene.scored_vertices("objects")
    if mesh is None:
        return None
    points = mesh.vertices @ world_to_first[:3, :3].T + world_to_first[:3, 3]
    ids = annotation.vertex_ids
    if scored is not None:
        points, ids = points[scored], ids[scored]
    return LabeledSurface(points=torch.from_numpy(points).float(), ids=torch.from_numpy(ids))
