"""What of a data set is on this disk, scene by scene, and what is missing (paper 4.1).

Files are looked for and the cameras of every scene are read, which tells how many frames can be used. Photos, depth
and meshes are not decoded: that happens when a scene is read, with an error that names the file.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fast3dis_core.datasets import aria_files, replica, replica_labels, scannet, scannet_labels, scannetpp
from fast3dis_core.datasets import scannetpp_labels as labels_of_scannetpp
from fast3dis_core.datasets.aria_synthetic import AriaSyntheticScene
from fast3dis_core.datasets.replica import ReplicaScene
from fast3dis_core.datasets.scannet import ScanNetScene
from fast3dis_core.datasets.scannetpp import ScanNetPlusPlusScene
from fast3dis_core.errors import ConfigError, DatasetError
from fast3dis_core.progress import Report, silent

STEP = "Looking at scenes"


@dataclass(frozen=True, kw_only=True)
class Part:
    """A file or folder that a data set may have.

    Attributes
    ----------
    name : str
        Below the scene, or the root.
    found : bool
    needed : bool
        Whether evaluation is impossible without.
    """

    name: str
    found: bool
    needed: bool = True


@dataclass(frozen=True, kw_only=True)
class SceneReport:
    """One scene.

    Attributes
    ----------
    scene_id : str
    frames : mapping of str to int
        Frames that can be used, by camera.
    parts : tuple of Part
    problems : tuple of str
        Cameras that cannot be read, and why.
    """

    scene_id: str
    frames: Mapping[str, int]
    parts: tuple[Part, ...]
    problems: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Needed parts that are not there."""
        return tuple(part.name for part in self.parts if part.needed and not part.found)

    @property
    def complete(self) -> bool:
        """Whether the scene can be evaluated on: nothing is missing, and one camera has frames."""
        return not self.missing and bool(self.frames)


@dataclass(frozen=True, kw_only=True)
class DatasetReport:
    """A whole folder.

    Attributes
    ----------
    kind : str
        A key of `KINDS`.
    data_set : str
        The name in full.
    shared : tuple of Part
        What all scenes need.
    scenes : tuple of SceneReport
        By name.
    """

    kind: str
    data_set: str
    shared: tuple[Part, ...]
    scenes: tuple[SceneReport, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Needed parts that all scenes lack."""
        return tuple(part.name for part in self.shared if part.needed and not part.found)

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return not self.missing and all(scene.complete for scene in self.scenes)


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """How one data set is looked at.

    `scenes` finds the folders of scenes by name, `shared` and `parts` what should be there, `cameras` opens each camera
    of a scene and returns how many frames it has. With `camera_folders` cameras have folders, which may be missing.
    """

    data_set: str
    layout: str
    scenes: Callable[[Path], dict[str, Path]]
    shared: Callable[[Path], list[Part]]
    parts: Callable[[Path], list[Part]]
    cameras: Mapping[str, Callable[[Path], int]]
    camera_folders: bool = False


def check_folder(root: Path | str, kind: str | None = None, *, report: Report = silent) -> DatasetReport:
    """Look at a folder of a data set.

    Parameters
    ----------
    root : Path or str
    kind : str, optional
        A key of `KINDS`; by default the folder tells.
    report : Report
        Called for every scene; raises `Cancelled` to stop.

    Returns
    -------
    DatasetReport

    Raises
    ------
    ConfigError
        For an unknown kind.
    DatasetError
        If there is no scene of the kind, or of any.
    """
    root = Path(root)
    if kind is not None and kind not in KINDS:
        raise ConfigError(f"--dataset: expected one of {', '.join(KINDS)}, found {kind!r}.")
    if not root.is_dir():
        raise DatasetError(f"{root}: expected the folder of a data set, found none; check the path.")
    found = {name: scenes for name in KINDS if kind in (None, name) and (scenes := KINDS[name].scenes(root))}
    if not found:
        wanted = "; ".join(f"{KINDS[name].data_set}: {KINDS[name].layout}" for name in KINDS if kind in (None, name))
        raise DatasetError(f"{root}: expected scenes ({wanted}), found none; name the folder that holds them.")
    if len(found) > 1:
        raise DatasetError(
            f"{root}: expected scenes of one data set, found those of {' and '.join(found)}; say which with --dataset."
        )
    ((name, scenes),) = found.items()
    reports = []
    for done, (scene_id, folder) in enumerate(scenes.items()):
        report(STEP, done / len(scenes))
        reports.append(_look(KINDS[name], scene_id, folder))
    report(STEP, 1.0)
    kind_found = KINDS[name]
    return DatasetReport(
        kind=name, data_set=kind_found.data_set, shared=tuple(kind_found.shared(root)), scenes=tuple(reports)
    )


def _look(kind: _Kind, scene_id: str, folder: Path) -> SceneReport:
    frames, problems = {}, []
    for camera, count in kind.cameras.items():
        if kind.camera_folders and not (folder / camera).is_dir():
            continue
        try:
            frames[camera] = count(folder)
        except DatasetError as error:
            problems.append(str(error))
    return SceneReport(scene_id=scene_id, frames=frames, parts=tuple(kind.parts(folder)), problems=tuple(problems))


def _folders(root: Path) -> Iterator[Path]:
    """Subfolders by name."""
    return iter(sorted(entry for entry in root.iterdir() if entry.is_dir())) if root.is_dir() else iter(())


def _files(folder: Path, names: Sequence[str], *, needed: bool = True) -> list[Part]:
    return [Part(name=name, found=(folder / name).exists(), needed=needed) for name in names]


def _aria_scenes(root: Path) -> dict[str, Path]:
    numbered = [entry for entry in _folders(root) if re.fullmatch("0|[1-9][0-9]*", entry.name, re.ASCII)]
    known = [entry for entry in numbered if len(aria_files.missing_parts(entry)) < len(_ARIA_PARTS)]
    return {entry.name: entry for entry in sorted(known, key=lambda entry: int(entry.name))}


def _aria_parts(scene: Path) -> list[Part]:
    missing = aria_files.missing_parts(scene)
    return [Part(name=name, found=name not in missing) for name in _ARIA_PARTS]


_ARIA_PARTS = ("rgb", "depth", "instances", aria_files.TRAJECTORIES[0], aria_files.CLASSES)


def _scannet_scenes(root: Path) -> dict[str, Path]:
    places = [entry for place in (root, root / "scans") for entry in _folders(place)]
    return {entry.name: entry for entry in places if re.fullmatch(scannet.SCENE_NAME, entry.name)}


def _scannet_shared(root: Path) -> list[Part]:
    found = scannet.find_label_table(root) or scannet.find_label_table(root / "scans")
    return [Part(name=scannet_labels.LABEL_TABLE, found=found is not None)]


def _scannet_parts(scene: Path) -> list[Part]:
    sens = f"{scene.name}.sens"
    recording = _files(scene, [sens])
    if not recording[0].found and (scene / "color").is_dir():
        recording = _files(scene, scannet.EXTRACTED)
    labels = [scannet_labels.mesh_file(scene), *scannet_labels.annotation_files(scene)]
    ids = [scene / "instance-filt", scene / f"{scene.name}_2d-instance-filt.zip"]
    return [
        *recording,
        *_files(scene, [path.name for path in labels]),
        Part(name=ids[1].name, found=any(path.exists() for path in ids), needed=False),
    ]


def _scannetpp_scenes(root: Path) -> dict[str, Path]:
    known = ("dslr", "iphone", "scans")
    return {entry.name: entry for entry in _folders(root / "data") if any((entry / name).is_dir() for name in known)}


def _scannetpp_shared(root: Path) -> list[Part]:
    names = (labels_of_scannetpp.CLASSES, labels_of_scannetpp.OBJECT_CLASSES, labels_of_scannetpp.CLASS_TABLE)
    return _files(root, [f"metadata/{name}" for name in names])


def _scannetpp_parts(scene: Path) -> list[Part]:
    labels = labels_of_scannetpp
    parts = _files(
        scene, [f"scans/{name}" for name in (labels.MESH, labels.SEGMENTS, labels.GROUPS, labels.ANONYMIZED)]
    )
    cameras = {device: (f"{device}/colmap", f"{device}/{scannetpp.FOLDERS[device].photos}") for device in _DEVICES}
    if (scene / "dslr" / scannetpp.UNDISTORTED.photos).is_dir():
        cameras["dslr"] = ("dslr/colmap", f"dslr/{scannetpp.UNDISTORTED.photos}")
    usable = any(all((scene / name).is_dir() for name in names) for names in cameras.values())
    for device, names in cameras.items():
        parts += _files(scene, names, needed=not usable and (device == "dslr" or (scene / device).is_dir()))
        masks = f"{device}/{scannetpp.FOLDERS[device].masks}"
        parts += _files(scene, [masks, f"{device}/{scannetpp.RENDERED_DEPTH}"], needed=False)
    return parts


_DEVICES: tuple[scannetpp.Device, ...] = ("dslr", "iphone")


def _replica_scenes(root: Path) -> dict[str, Path]:
    """Scenes under the name of the renderings; the folder need not exist where only labels are there."""
    known = (replica.FRAMES, replica.TRAJECTORY, replica.HABITAT)
    there = [entry for entry in _folders(root) if any((entry / name).exists() for name in known)]
    return {replica.plain_name(entry.name): root / replica.plain_name(entry.name) for entry in there}


def _replica_parts(scene: Path) -> list[Part]:
    labels = replica.find_labels(scene)
    found = scene / replica.HABITAT if labels is None else labels / replica.HABITAT
    names = (replica_labels.MESH, replica_labels.INFORMATION)
    return [
        *_files(scene, (replica.FRAMES, replica.TRAJECTORY)),
        *(Part(name=f"{replica.HABITAT}/{name}", found=(found / name).is_file()) for name in names),
    ]


def _nothing(root: Path) -> list[Part]:
    """Scenes need nothing but themselves."""
    del root
    return []


KINDS: Mapping[str, _Kind] = {
    "aria-synthetic": _Kind(
        data_set=aria_files.DATA_SET,
        layout="folders 0, 1, 2, …",
        scenes=_aria_scenes,
        shared=_nothing,
        parts=_aria_parts,
        cameras={"rgb": lambda scene: len(AriaSyntheticScene(scene))},
    ),
    "scannet": _Kind(
        data_set=scannet_labels.SCANNET.name,
        layout="folders such as scans/scene0011_00",
        scenes=_scannet_scenes,
        shared=_scannet_shared,
        parts=_scannet_parts,
        cameras={"color": lambda scene: len(ScanNetScene(scene).frames)},
    ),
    "scannetpp": _Kind(
        data_set=labels_of_scannetpp.SCANNETPP.name,
        layout="folders such as data/7b6477cb95 with dslr, iphone, scans",
        scenes=_scannetpp_scenes,
        shared=_scannetpp_shared,
        parts=_scannetpp_parts,
        cameras={
            "dslr": lambda scene: len(ScanNetPlusPlusScene(scene, device="dslr").frames),
            "iphone": lambda scene: len(ScanNetPlusPlusScene(scene, device="iphone").frames),
        },
        camera_folders=True,
    ),
    "replica": _Kind(
        data_set=replica_labels.REPLICA.name,
        layout="folders such as room0 with results and traj.txt, and room_0 with habitat",
        scenes=_replica_scenes,
        shared=_nothing,
        parts=_replica_parts,
        cameras={"rendered": lambda scene: len(ReplicaScene(scene).frames)},
    ),
}
