"""Files to hold a result against: results of other programs and runs, and the true ids that lie in a folder of photos.

An imported prediction is brought onto the cloud of the result: points of another world by the cameras of their photos,
then every point of the cloud takes the instance of the nearest imported point. True ids are 16-bit PNG in instance/,
as `fast3dis scenes render` writes them. Paper sections 4.1 and 4.2.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from fast3dis_core.counterpart import EVERYTHING, Counterpart, Truth, labelled_result
from fast3dis_core.curation import Curation
from fast3dis_core.datasets.files import DataSetFiles
from fast3dis_core.datasets.posed_scene import IDS, PosedScene, instance_classes
from fast3dis_core.datasets.sample import STRUCTURE
from fast3dis_core.datasets.scene_sampling import nearest
from fast3dis_core.errors import DatasetError
from fast3dis_core.evaluation.alignment_ladder import align_worlds
from fast3dis_core.evaluation.counterpart_predictions import predicted_counterpart
from fast3dis_core.evaluation.counterparts import ROOM, other_result
from fast3dis_core.evaluation.imports import ImportedScene, ImportTarget, LabelledPoints, import_scene
from fast3dis_core.evaluation.surface_transfer import MAX_DISTANCE
from fast3dis_core.exports.archive import read_npz
from fast3dis_core.preprocessing import common_crop, plan_resize
from fast3dis_core.progress import Report, silent
from fast3dis_core.reconstruction import Reconstruction

READING = "Reading the other result"  # step reported
TRANSFER = "Finding nearest points"  # step reported
NEAR = MAX_DISTANCE / (2 * ROOM)  # share of the scene's diagonal, where its units are unknown
IN_FOLDERS = ("reconstruction.npz", "predictions.npz", "scene.ply")  # of `segment` and the viewer; of IGGT's demo
REPORT, PREDICTIONS = "report.json", "predictions"
SIDE = DataSetFiles(name="a result to compare with", remedy="choose a .f3d, .npz or .ply file of these photos")
SUBMITTED = (  # what was expected, found, and can be done
    "instances over photos or points",
    "text, as benchmarks take it: masks over the vertices of a scan, which is not in it",
    "score it with fast3dis evaluate --method imported and hold it against others by fast3dis compare",
)
TRUE_IDS = DataSetFiles(name="true ids", remedy="write one gray 16-bit PNG for each photo into instance/")


def read_counterpart(path: Path, result: Reconstruction, *, report: Report = silent) -> Counterpart:
    """A file of another result of the same photos.

    Parameters
    ----------
    path : Path
        `reconstruction.npz` of an export; a file of `fast3dis evaluate`'s predictions; a `.ply` with `instance`; an
        archive of PanSt3R, or of the form that imports are written in; `predictions.npz` in a folder of IGGT's demo.
        Or a folder with one of them, such as `fast3dis segment` and IGGT's demo write, or its `report.json`.
    result : Reconstruction
    report : Report

    Returns
    -------
    Counterpart

    Raises
    ------
    DatasetError, ExportError
        If the file is missing, damaged, of no such form, or does not fit the result.
    Cancelled
        If `report` says so.
    """
    report(READING, 0.0)
    path = result_file(path)
    system = _system(path)
    if system == "prediction":
        return predicted_counterpart(path, result)
    if system == "reconstruction":
        return other_result(read_npz(path, report=report), result, title=path.name, kind="file")
    folder, name = (path.parent.parent, path.parent.name) if system == "iggt" else (path.parent, path.stem)
    vertices = result.cloud.points[result.cloud.valid].astype(np.float64)
    scene = import_scene(system, folder, ImportTarget(scene_id=name, vertices=vertices, frames=result.names))
    report(TRANSFER, 0.0)
    labels, notes = _on_cloud(scene, result)
    return Counterpart(
        kind="file",
        title=f"{path.name} ({system})",
        reconstruction=labelled_result(result, labels, scores=dict(enumerate(scene.scores.tolist()))),
        notes=(*scene.notes, *notes),
    )


def result_file(path: Path) -> Path:
    """The file that a path is about: itself, or the one of a folder of results, named or given by its report.

    Raises
    ------
    DatasetError
        If a folder has none, or several.
    """
    folder = path.parent if path.name == REPORT else path
    if not folder.is_dir():
        return path
    for name in IN_FOLDERS:
        if (folder / name).is_file():
            return folder / name
    several = sorted([*(folder / PREDICTIONS).glob("*.npz"), *folder.glob("*.npz")])
    if len(several) == 1:
        return several[0]
    if any(folder.glob("*.txt")):
        raise SIDE.refusal(folder, *SUBMITTED)
    found = f"{len(several)} of them, {', '.join(file.name for file in several[:3])} …" if several else "none"
    raise SIDE.refusal(folder, "one file", found, "choose one of these" if several else None)


def read_truth(
    folder: Path, result: Reconstruction, *, long_edge: int | None = None, straight: bool = False
) -> Truth | None:
    """True ids of the photos of a result.

    Parameters
    ----------
    folder : Path
        Of the photos.
    result : Reconstruction
    long_edge : int, optional
        Of the run, for photos of several shapes; where all have one shape, the result itself tells.
    straight : bool
        Whether the photos were straightened by the cameras of the folder.

    Returns
    -------
    Truth or None
        None without a folder instance/. Objects are numbered as in the files; of classes called "structure" below 0.
        Where ids have classes, one without labels nothing.

    Raises
    ------
    DatasetError
        If files are missing, damaged, or of another shape than their photos.
    """
    if not (folder / IDS).is_dir():
        return None
    read = _straightened(folder) if straight else lambda name: _stored(folder, name)
    maps = [read(name) for name in result.names]
    height, width = result.images.shape[1:3]
    for edge in dict.fromkeys((max(height, width), long_edge or max(height, width))):
        plans = [plan_resize(*ids.shape, long_edge=edge) for ids in maps]
        crop = common_crop([plan.size for plan in plans])
        if crop.size == (height, width):
            break
    else:
        raise TRUE_IDS.refusal(folder / IDS, f"the shapes of the photos ({width} x {height})", f"{crop.size[::-1]}")
    ids = np.stack(
        [
            crop.apply(view, nearest(ids, plan.matrix(), plan.size))
            for view, (ids, plan) in enumerate(zip(maps, plans, strict=True))
        ]
    )  # (S, H, W)
    names = instance_classes(folder)
    if names:
        ids = np.where(np.isin(ids, list(names)), ids, 0)
    structure = [value for value, name in names.items() if name == STRUCTURE]
    signed = np.where(np.isin(ids, structure), -ids, ids).astype(np.int32).ravel()
    objects = {value: name for value, name in names.items() if name != STRUCTURE}
    return Truth(ids=signed, names=objects)


def truth_counterpart(result: Reconstruction, truth: Truth) -> Counterpart:
    """The truth as the other side: an instance for each object, named by its class."""
    ids = np.where(truth.ids > 0, truth.ids, -1)
    objects = {int(value): int(value) for value in np.unique(ids[ids >= 0])}
    numbered: dict[int, str] = {value: f"{truth.names.get(value, 'object')} {value}" for value in objects}
    return Counterpart(
        kind="truth",
        title="Ground truth",
        reconstruction=labelled_result(result, ids, queries=objects, least=1),
        curation=Curation(
            objectness_threshold=0.0,
            minimum_points=EVERYTHING.minimum_points,
            confidence_percentile=0.0,
            depth_edge=0.0,
            names=numbered,
        ),
        notes=(
            "Scored are the shown instances; walls, floors and unlabelled pixels do not count. Without filters, as "
            "fast3dis evaluate scores, are all instances and all points.",
        ),
    )


def _system(path: Path) -> str:
    """Whose file this is."""
    if path.suffix.lower() == ".ply":
        return "ply"
    if path.suffix.lower() == ".txt":
        raise SIDE.refusal(path, *SUBMITTED)
    if path.suffix.lower() != ".npz":
        raise SIDE.refusal(path, "a .f3d, .npz or .ply file", path.suffix or "no ending")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            there = set(archive.files)
    except (OSError, ValueError, EOFError) as error:
        raise SIDE.refusal(path, "an archive of arrays", f"none that reads ({error})") from error
    for system, wanted in (
        ("prediction", {"about", "masks", "scores"}),
        ("reconstruction", {"instance_pixels", "instance_offsets"}),
        ("panst3r", {"pan", "pts3d"}),
        ("npz", {"scores", "masks"}),
        ("npz", {"scores", "points", "instance"}),
        ("iggt", {"world_points_from_depth", "extrinsic"}),
    ):
        if wanted <= there:
            return system
    raise SIDE.refusal(path, "arrays of a known system", ", ".join(sorted(there)[:8]) or "none")


def _on_cloud(scene: ImportedScene, result: Reconstruction) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Instance of every cloud row, -1 for none; and how it came about."""
    labels = np.full(len(result.cloud.valid), -1, np.int32)
    there = np.flatnonzero(result.cloud.valid)
    found = scene.found
    if not isinstance(found, LabelledPoints):
        ranked = np.argsort(scene.scores, kind="stable")  # the best of overlapping ones is last
        for number in ranked:
            labels[there[found.masks[number]]] = number
        return labels, ()
    points, notes = found.points.astype(np.float64), []
    if found.world == "predicted":
        views = {name: view for view, name in enumerate(result.names)}
        aligned = align_worlds(found.world_to_camera, result.world_to_camera[[views[name] for name in found.frames]])
        if aligned.similarity is None:
            raise DatasetError(
                f"{scene.system}: its cameras do not tell how its world lies in this one. {aligned.reason}"
            )
        turn = (aligned.similarity.scale * aligned.similarity.rotation).numpy()
        points = points @ turn.T + aligned.similarity.translation.numpy()
        notes.append(f"Brought into this world by its cameras: scale {float(aligned.similarity.scale):.3f}.")
    own = result.cloud.points[there].astype(np.float64)
    limit = MAX_DISTANCE
    if not result.is_metric:
        low, high = np.percentile(own[:: max(1, len(own) // 20_000)], [1, 99], axis=0)
        limit = NEAR * float(np.linalg.norm(high - low))
    distance, near = cKDTree(points).query(own, distance_upper_bound=limit)
    close = np.isfinite(distance)
    labels[there[close]] = found.instances[near[close]]
    notes.append(f"{close.mean():.0%} of the points have an imported point within {limit:.3g} {result.units}.")
    return labels, tuple(notes)


def _straightened(folder: Path) -> Callable[[str], NDArray[np.int32]]:
    scene = PosedScene(folder)
    places = {name: view for view, name in enumerate(scene.frames)}

    def read(name: str) -> NDArray[np.int32]:
        if name not in places:
            raise TRUE_IDS.refusal(folder / IDS, f"a camera for {name}", "none")
        ids = scene.instance(places[name])
        assert ids is not None, "the folder was looked for"
        return ids

    return read


def _stored(folder: Path, name: str) -> NDArray[np.int32]:
    return TRUE_IDS.gray(folder / IDS / f"{Path(name).stem}.png", 16).astype(np.int32)
