"""Scenes to evaluate on, whatever data set they come from: views for the network, a surface to score on. Paper 4.1.

Rooms of the generator are in `rooms`; here are scanned data sets and folders with cameras. A scan brings its mesh.
Without one the surface is what depth and ids of the views show, so that every method is scored on the same points.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from fast3dis_core.config import PATCH_SIZE
from fast3dis_core.datasets.annotated_scene import AnnotatedScene
from fast3dis_core.datasets.aria_synthetic import AriaSyntheticScene
from fast3dis_core.datasets.completeness import KINDS
from fast3dis_core.datasets.posed_scene import PosedScene
from fast3dis_core.datasets.replica import ReplicaScene
from fast3dis_core.datasets.sample import STRUCTURE, SceneSample
from fast3dis_core.datasets.scannet import ScanNetScene
from fast3dis_core.datasets.scannetpp import Device, ScanNetPlusPlusScene
from fast3dis_core.datasets.scene_sampling import sample_scene, sampled_views
from fast3dis_core.datasets.surface import visible_surface
from fast3dis_core.errors import ConfigError, DatasetError
from fast3dis_core.evaluation.protocol import PROTOCOLS, class_agnostic, encode
from fast3dis_core.geometry.cameras import invert_rigid
from fast3dis_core.images import natural_key, uniform_indices
from fast3dis_core.posed_input.folder import find_cameras
from fast3dis_core.preprocessing import Matrix
from fast3dis_core.progress import Report, silent

VIEWS = 50  # of a scene, as in the paper
LONG_EDGE = 504
ARIA_STRUCTURE = frozenset({"wall", "floor", "ceiling"})
_LISTED = "folders with cameras, or one such folder"


@dataclass(frozen=True, kw_only=True)
class TruthSurface:
    """What predictions are scored on in 3D.

    Attributes
    ----------
    points : array (V, 3) float64
        World of the data set: vertices of its mesh in the order of its file, or points seen by the views.
    gt_ids : mapping of str to array (V,) int32
        By protocol, as `average_precision` reads them: 1001, 1002, ... for objects, 0 = void.
    scored : mapping of str to array (V,) bool or None
        By protocol: points that count; the others are taken out. None where all do.
    world_to_first : array (4, 4) float64
        World of the data set to the camera of the first view, the world of predictions that need no alignment.
    faces : array (F, 3) int32, optional
        Of a mesh.
    cameras : array (V, 3) float64, optional
        Where there is no mesh: center of the camera that saw each point.
    """

    points: NDArray[np.float64]
    gt_ids: Mapping[str, NDArray[np.int32]]
    scored: Mapping[str, NDArray[np.bool_] | None]
    world_to_first: Matrix
    faces: NDArray[np.int32] | None = None
    cameras: NDArray[np.float64] | None = None

    def in_first(self) -> NDArray[np.float64]:
        """Points in the camera frame of the first view, array (V, 3)."""
        return np.asarray(self.points @ self.world_to_first[:3, :3].T + self.world_to_first[:3, 3])


class EvaluationSource(Protocol):
    """Scenes by their name."""

    @property
    def scene_ids(self) -> Sequence[str]:
        """All of them, in the order they are evaluated."""

    def prepare(self, scene_ids: Sequence[str], *, device: torch.device | str, report: Report) -> int:
        """Do what is done once for all of these scenes; returns how many needed it."""

    def sample(self, scene_id: str) -> SceneSample:
        """Views, ids and, where they are known, cameras and depth."""

    def surface(self, scene_id: str) -> TruthSurface | None:
        """The true surface; None where neither scan nor depth with ids is there."""

    def cameras(self, scene_id: str) -> Mapping[str, Matrix]:
        """World of the data set to camera by photo, of the views that `sample` has, in their order."""


class ScannedScenes:
    """Scenes of a data set on disk; an `EvaluationSource`.

    Parameters
    ----------
    dataset : {"scannet", "scannetpp", "replica", "posed-folder"}
    root : Path
        Folder of the data set; for "posed-folder" a folder with cameras, or one that holds such folders.
    views : int
        Of each scene, at most, evenly spaced.
    long_edge : int
        Pixels.
    camera : {"dslr", "iphone"}
        Of ScanNet++.

    Raises
    ------
    DatasetError
        If there is no scene.
    """

    def __init__(
        self, dataset: str, root: Path, *, views: int = VIEWS, long_edge: int = LONG_EDGE, camera: Device = "dslr"
    ) -> None:
        self.views, self.long_edge = views, long_edge
        self._folders = posed_folders(root) if dataset == "posed-folder" else data_set_scenes(dataset, root)
        openers: Mapping[str, Callable[[Path], AnnotatedScene]] = {
            "scannet": ScanNetScene,
            "scannetpp": lambda folder: ScanNetPlusPlusScene(folder, device=camera),
            "replica": ReplicaScene,
            "posed-folder": PosedScene,
        }
        self._open = openers[dataset]
        self.scene_ids = tuple(self._folders)
        self._last: tuple[str, AnnotatedScene] | None = None

    def prepare(self, scene_ids: Sequence[str], *, device: torch.device | str, report: Report = silent) -> int:
        """Nothing has to be done."""
        del scene_ids, device, report
        return 0

    def sample(self, scene_id: str) -> SceneSample:
        """Evenly spaced views at network size; `DatasetError` as `sample_scene`."""
        scene = self._scene(scene_id)
        sample = sample_scene(scene, max_views=self.views, long_edge=self.long_edge)
        return replace(sample, surface=None)  # of this protocol and that; see `surface`

    def surface(self, scene_id: str) -> TruthSurface | None:
        """Vertices of the mesh; without one, points that depth and ids of the views show."""
        scene = self._scene(scene_id)
        mesh = scene.mesh()
        if mesh is None:
            return surface_of_views(self.sample(scene_id), next(iter(self.cameras(scene_id).values()), None))
        ids = {name: _encoded(scene, name) for name in PROTOCOLS}
        return TruthSurface(
            points=mesh.vertices,
            gt_ids=ids,
            scored={"objects": scene.scored_vertices("objects"), "all": scene.scored_vertices("all")},
            world_to_first=next(iter(self.cameras(scene_id).values())),
            faces=mesh.faces,
        )

    def cameras(self, scene_id: str) -> dict[str, Matrix]:
        """World of the data set to camera by photo."""
        scene = self._scene(scene_id)
        chosen = [(scene.frames[view], scene.world_to_camera(view)) for view in sampled_views(scene, self.views)]
        return {name: camera for name, camera in chosen if camera is not None}

    def _scene(self, scene_id: str) -> AnnotatedScene:
        """The scene; the last one is kept, with the mesh it has read."""
        if self._last is None or self._last[0] != scene_id:
            self._last = scene_id, self._open(_folder_of(self._folders, scene_id))
        return self._last[1]


class AriaScenes:
    """Scenes of Aria Synthetic Environments; an `EvaluationSource`.

    Parameters
    ----------
    root : Path
    views : int
    long_edge : int
        Pixels; photos are square.

    Raises
    ------
    DatasetError
        If there is no scene.
    ConfigError
        If the long edge is no multiple of the patch.
    """

    def __init__(self, root: Path, *, views: int = VIEWS, long_edge: int = LONG_EDGE) -> None:
        if long_edge < PATCH_SIZE or long_edge % PATCH_SIZE:
            raise ConfigError(f"--resolution: expected a multiple of {PATCH_SIZE}, found {long_edge}.")
        self.views, self.size = views, (long_edge, long_edge)
        self._folders = data_set_scenes("aria-synthetic", root)
        self.scene_ids = tuple(self._folders)

    def prepare(self, scene_ids: Sequence[str], *, device: torch.device | str, report: Report = silent) -> int:
        """Nothing has to be done."""
        del scene_ids, device, report
        return 0

    def sample(self, scene_id: str) -> SceneSample:
        """Evenly spaced views; walls, floors and ceilings are structure."""
        scene, chosen = self._scene(scene_id)
        sample = scene.sample(chosen)
        names = tuple(STRUCTURE if name in ARIA_STRUCTURE else name for name in sample.class_names)
        return replace(sample, class_names=names)

    def surface(self, scene_id: str) -> TruthSurface | None:
        """Points that depth and ids of the views show."""
        return surface_of_views(self.sample(scene_id), next(iter(self.cameras(scene_id).values())))

    def cameras(self, scene_id: str) -> dict[str, Matrix]:
        """World of the data set to camera by photo."""
        scene, chosen = self._scene(scene_id)
        cameras = (scene.world_to_camera(view) for view in chosen)
        return dict(zip(scene.photo_names(chosen), cameras, strict=True))

    def _scene(self, scene_id: str) -> tuple[AriaSyntheticScene, tuple[int, ...]]:
        scene = AriaSyntheticScene(_folder_of(self._folders, scene_id), size=self.size)
        return scene, uniform_indices(len(scene), self.views)


def surface_of_views(sample: SceneSample, world_to_first: Matrix | None = None) -> TruthSurface | None:
    """Points that the views show, with their ids, as the surface to score on.

    Parameters
    ----------
    sample : SceneSample
        Its own surface points are taken where it has them.
    world_to_first : array (4, 4), optional
        World the points are wanted in, to the camera of view 0; by default they stay in that camera's frame.

    Returns
    -------
    TruthSurface or None
        None without depth or without ids.
    """
    truth = sample.geometry
    if truth is None or not bool((truth.depth > 0).any()) or not bool((sample.instance_ids > 0).any()):
        return None
    found = sample.surface
    if found is None:
        found = visible_surface(
            truth.depth[None], sample.instance_ids[None], truth.intrinsics[None], truth.world_to_camera[None]
        )
        found = replace(found, points=found.points[0], ids=found.ids[0])
    points = found.points.double().cpu().numpy()
    points, first = np.unique(points, axis=0, return_index=True)  # of two at one place one would get all votes
    ids, classes = found.ids.cpu().numpy()[first], sample.class_ids.cpu().numpy()
    centers = invert_rigid(truth.world_to_camera.double()).cpu().numpy()[:, :3, 3]
    depth_rows = _nearest_cameras(points, centers, sample)
    to_first = np.eye(4) if world_to_first is None else world_to_first
    back = np.linalg.inv(to_first)
    return TruthSurface(
        points=points @ back[:3, :3].T + back[:3, 3],
        gt_ids={name: encode(ids, classes, sample.class_names, name) for name in PROTOCOLS},
        scored=dict.fromkeys(PROTOCOLS),
        world_to_first=to_first,
        cameras=centers[depth_rows] @ back[:3, :3].T + back[:3, 3],
    )


def data_set_scenes(dataset: str, root: Path) -> dict[str, Path]:
    """Folders of the scenes of a data set, by name.

    Raises
    ------
    DatasetError
        If there is none.
    """
    kind = KINDS[dataset]
    found = kind.scenes(root) if root.is_dir() else {}
    if not found:
        raise DatasetError(
            f"{root}: expected scenes of {kind.data_set} ({kind.layout}), found none; check --root, or run fast3dis "
            "datasets check on it."
        )
    return found


def posed_folders(root: Path) -> dict[str, Path]:
    """Folders with cameras by name: the root itself, or those in it.

    Raises
    ------
    DatasetError
        If there is none.
    """
    if root.is_dir() and find_cameras(root) is not None:
        return {root.absolute().name: root}
    inside = sorted(root.iterdir(), key=lambda entry: natural_key(entry.name)) if root.is_dir() else []
    found = {entry.name: entry for entry in inside if entry.is_dir() and find_cameras(entry) is not None}
    if not found:
        raise DatasetError(f"{root}: expected {_LISTED}, found none; check --root.")
    return found


def chosen_scenes(there: Sequence[str], listed: Path | None, count: int | None) -> tuple[str, ...]:
    """Scenes to evaluate: those of a list in its order, by default all; of them the first `count`.

    Raises
    ------
    DatasetError
        If the list does not read, or names a scene that is not there.
    ConfigError
        If there are fewer than `count`.
    """
    chosen = tuple(there)
    if listed is not None:
        try:
            chosen = tuple(dict.fromkeys(listed.read_text("utf-8").split()))
        except (OSError, UnicodeDecodeError) as error:
            raise DatasetError(f"{listed}: expected names of scenes, found none that read ({error}).") from error
        missing = [name for name in chosen if name not in set(there)]
        if missing or not chosen:
            raise DatasetError(
                f"{listed}: expected scenes that are there, {len(missing)} of {len(chosen)} are missing"
                f"{f', such as {missing[0]}' if missing else ''}; complete the data set or shorten the list."
            )
    if count is not None and count > len(chosen):
        raise ConfigError(f"--scenes: there are {len(chosen)}, found {count}.")
    return chosen[:count]


def _folder_of(folders: Mapping[str, Path], scene_id: str) -> Path:
    if scene_id not in folders:
        raise DatasetError(f"Scene {scene_id}: expected one of {len(folders)} scenes, found none of this name.")
    return folders[scene_id]


def _encoded(scene: AnnotatedScene, protocol: str) -> NDArray[np.int32]:
    ids = scene.gt_vertex_ids("all" if protocol == "all" else "objects")
    assert ids is not None  # a mesh without labels is refused by the loaders
    return class_agnostic(ids)


def _nearest_cameras(
    points: NDArray[np.float64], centers: NDArray[np.float64], sample: SceneSample
) -> NDArray[np.int64]:
    """Row of a camera that sees each point (P,): the one whose depth agrees best."""
    truth = sample.geometry
    assert truth is not None
    depth = truth.depth.cpu().numpy()
    best, rows = np.full(len(points), np.inf), np.zeros(len(points), np.int64)
    for view in range(len(centers)):
        camera = truth.world_to_camera[view].double().cpu().numpy()
        seen = points @ camera[:3, :3].T + camera[:3, 3]
        z = np.maximum(seen[:, 2], 1e-6)
        pixel = np.floor((seen @ truth.intrinsics[view].double().cpu().numpy().T)[:, :2] / z[:, None])
        inside = (seen[:, 2] > 1e-6) & (pixel >= 0).all(1) & (pixel < depth.shape[:0:-1]).all(1)
        column, row = pixel[inside].astype(np.int64).T
        gap = np.full(len(points), np.inf)
        gap[inside] = np.abs(depth[view, row, column] - seen[inside, 2])
        better = gap < best
        best[better], rows[better] = gap[better], view
    return rows
