"""Several formats in one folder: what an export writes, by the names of `--exports`, and under which file names.

Command line and viewer both write through here, so that equal wishes give equal files. The formats themselves are
left to the other modules; how the folder appears at once, to the caller.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fast3dis_core.errors import ConfigError
from fast3dis_core.exports.archive import write_npz
from fast3dis_core.exports.cameras import (
    COLMAP_POINTS,
    colmap_files,
    transforms_files,
    write_colmap_text,
    write_transforms_json,
)
from fast3dis_core.exports.colors import ColorMode
from fast3dis_core.exports.glb import write_glb
from fast3dis_core.exports.labels import PLAIN, Labels
from fast3dis_core.exports.masks import write_id_masks, write_overlays
from fast3dis_core.exports.names import view_stems
from fast3dis_core.exports.ply import write_instance_ply, write_scene_ply
from fast3dis_core.exports.report import write_report
from fast3dis_core.exports.selection import chosen, voxel_thinned, writable_rows
from fast3dis_core.exports.similarity import Similarity, Transform
from fast3dis_core.progress import Report
from fast3dis_core.reconstruction import Instance, Int32, Reconstruction, UInt8, exclusive_rows

REPORT = "report"
_VERTEX, _GLB_POINT, _COLMAP_POINT = 25, 16, 70  # bytes of a point in a file
_PNG_PIXEL, _OVERLAY_PIXEL, _MASK_PIXEL = 1.8, 1.6, 0.05  # bytes of a pixel, as seen on photos of rooms
_NPZ_SHARE = 0.8  # of the arrays' bytes that deflate leaves


@dataclass(frozen=True, kw_only=True)
class Style:
    """What exports agree on.

    Attributes
    ----------
    threshold : float
        Least objectness of an instance.
    colors : ColorMode
        Of the points of the whole scene.
    transform : array (4, 4) or Similarity, optional
        From the world of view 0 to the frame of the files.
    queries : frozenset of int, optional
        Of the instances at the threshold only these.
    instance_colors : ColorMode
        Of the points in files of single instances.
    labels : Labels, optional
        Names and colors that a user gave.
    painted : Labels, optional
        Colors of instances in point clouds and overlays where they are not those of `labels`, such as of a scale.
    point_colors : array (P, 3) uint8, optional
        Of the points of PLY and GLB in place of the photos' colors.
    voxel_size : float, optional
        Thins point clouds to one point in a voxel of this edge, written units; id masks, overlays and
        reconstruction.npz keep every pixel.
    """

    threshold: float
    colors: ColorMode
    transform: Transform | None = None
    queries: frozenset[int] | None = None
    instance_colors: ColorMode = "photo"
    labels: Labels | None = None
    painted: Labels | None = None
    point_colors: UInt8 | None = None
    voxel_size: float | None = None

    @property
    def given_labels(self) -> Labels:
        """The labels, or none."""
        return self.labels or PLAIN

    @property
    def looks(self) -> Labels:
        """Names, and the colors that are painted with."""
        return self.painted or self.given_labels

    @property
    def thinning(self) -> dict[str, Any]:
        """What all point formats take."""
        return {"transform": self.transform, "voxel_size": self.voxel_size}

    @property
    def scene(self) -> dict[str, Any]:
        """What formats of a whole scene take."""
        return {
            "threshold": self.threshold,
            "queries": self.queries,
            "colors": self.colors,
            "labels": self.looks,
            **self.thinning,
        }


@dataclass(frozen=True, kw_only=True)
class Extent:
    """How much an export will write.

    Attributes
    ----------
    instances : int
    points : int
        Of the scene, or of all files of instances if that is more.
    files : int
    bytes : int
    steps : tuple of (str, float)
        What `write_outputs` reports, one after the other, with the bytes of each.
    """

    instances: int
    points: int
    files: int
    bytes: int
    steps: tuple[tuple[str, float], ...] = ()


Writer = Callable[[Path, Reconstruction, Style, Report], Any]


def _instances(path: Path, result: Reconstruction, style: Style, report: Report) -> None:
    path.mkdir(parents=True)
    shown = _chosen(result, style)
    looks: dict[str, Any] = {"colors": style.instance_colors, "labels": style.looks, **style.thinning}
    result = _seen(result, style)
    for done, instance in enumerate(shown):
        file = path / _instance_file(style, instance)
        write_instance_ply(file, result, instance.query, report=_part(report, done, len(shown)), **looks)


def _scene(path: Path, result: Reconstruction, style: Style, report: Report) -> None:
    write_scene_ply(path, _seen(result, style), report=report, **style.scene)


def _glb(path: Path, result: Reconstruction, style: Style, report: Report) -> None:
    write_glb(path, _seen(result, style), report=report, **style.scene)


def _masks(path: Path, result: Reconstruction, style: Style, report: Report) -> None:
    write_id_masks(path, result, threshold=style.threshold, queries=style.queries, report=report)


def _overlays(path: Path, result: Reconstruction, style: Style, report: Report) -> None:
    chosen_ones: dict[str, Any] = {"threshold": style.threshold, "queries": style.queries}
    write_overlays(path, result, labels=style.looks, report=report, **chosen_ones)


def _transforms(path: Path, result: Reconstruction, style: Style, report: Report) -> None:
    write_transforms_json(path, result, transform=style.transform, report=report)


def _colmap(path: Path, result: Reconstruction, style: Style, report: Report) -> None:
    write_colmap_text(path, result, report=report, **style.thinning)


def _npz(path: Path, result: Reconstruction, style: Style, report: Report) -> None:
    write_npz(path, result, labels=style.given_labels, transform=style.transform, report=report)


# name in --exports: file or folder it writes, and how; the report comes last and is written by `write_facts`
_WRITERS: Mapping[str, tuple[str, Writer]] = {
    "ply": ("instances", _instances),
    "scene": ("scene.ply", _scene),
    "glb": ("scene.glb", _glb),
    "masks": ("masks", _masks),
    "overlays": ("overlays", _overlays),
    "transforms": ("transforms", _transforms),
    "colmap": ("colmap", _colmap),
    "npz": ("reconstruction.npz", _npz),
}
_REPORT_FILE = "report.json"
EXPORTS: tuple[str, ...] = (*_WRITERS, REPORT)
OUTPUTS: tuple[str, ...] = (*(name for name, _ in _WRITERS.values()), _REPORT_FILE)


def parse_exports(text: str) -> tuple[str, ...]:
    """Names from a comma-separated list, in the order of `EXPORTS`.

    Raises
    ------
    ConfigError
        For an unknown name, or none at all.
    """
    wanted = {name.strip() for name in text.split(",") if name.strip()}
    unknown = sorted(wanted - {*EXPORTS, "all"})
    if unknown or not wanted:
        raise ConfigError(
            f"--exports {text!r}: expected names out of {', '.join(EXPORTS)}, or all; found "
            f"{', '.join(unknown) or 'none'}."
        )
    return EXPORTS if "all" in wanted else tuple(name for name in EXPORTS if name in wanted)


def write_outputs(
    folder: Path, result: Reconstruction, *, exports: Collection[str], style: Style, report: Report
) -> None:
    """Write everything but the report.

    Raises
    ------
    ExportError
        If the disk refuses.
    Cancelled
        If `report` says so.
    """
    for name in exports:
        if name in _WRITERS:
            file_name, write = _WRITERS[name]
            write(folder / file_name, result, style, _named(report, _step(file_name)))


def write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write report.json."""
    write_report(folder / _REPORT_FILE, facts)


def planned_files(result: Reconstruction, *, exports: Collection[str], style: Style) -> tuple[str, ...]:
    """Every file that `write_outputs` and `write_facts` will write, relative to the folder, with "/"."""
    pictures = [f"{stem}.png" for stem in view_stems(result.names)]
    inside: Mapping[str, Collection[str]] = {
        "ply": [_instance_file(style, instance) for instance in _chosen(result, style)],
        "masks": pictures,
        "overlays": pictures,
        "transforms": transforms_files(result),
        "colmap": colmap_files(result),
    }
    files: list[str] = []
    for name in exports:
        place = _REPORT_FILE if name == REPORT else _WRITERS[name][0]
        files += [f"{place}/{file}" for file in inside[name]] if name in inside else [place]
    return tuple(files)


def measure(result: Reconstruction, *, exports: Collection[str], style: Style) -> Extent:
    """How much an export will write: numbers are exact, bytes a good guess."""
    instances = _chosen(result, style)
    similarity = Similarity.of(style.transform)

    def thinned(rows: Int32 | None, owner: Int32 | None = None) -> int:
        return len(voxel_thinned(result.cloud, writable_rows(result.cloud, rows), style.voxel_size, similarity, owner))

    pixels = result.images.size // 3
    claimed = sum(thinned(instance.pixels) for instance in instances) if "ply" in exports else 0
    whole = cameras = 0
    if {"scene", "glb"} & set(exports):
        owner = None if style.voxel_size is None else exclusive_rows(instances, len(result.cloud.points))
        whole = thinned(None, owner)
    if "colmap" in exports:
        cameras = min(thinned(None), COLMAP_POINTS)
    size = {
        "ply": claimed * _VERTEX,
        "scene": whole * _VERTEX,
        "glb": whole * _GLB_POINT,
        "masks": pixels * _MASK_PIXEL,
        "overlays": pixels * _OVERLAY_PIXEL,
        "transforms": pixels * _PNG_PIXEL,
        "colmap": pixels * _PNG_PIXEL + cameras * _COLMAP_POINT,
        "npz": _NPZ_SHARE * (35 * pixels + sum(instance.pixels.nbytes for instance in result.instances)),
        REPORT: 2000 + 500 * len(instances),
    }
    return Extent(
        instances=len(instances),
        points=max(whole, claimed, cameras),
        files=len(planned_files(result, exports=exports, style=style)),
        bytes=round(sum(size[name] for name in exports)),
        steps=tuple((_step(_WRITERS[name][0]), float(size[name])) for name in exports if name in _WRITERS),
    )


def _chosen(result: Reconstruction, style: Style) -> tuple[Instance, ...]:
    return chosen(result, style.threshold, style.queries)


def _instance_file(style: Style, instance: Instance) -> str:
    return f"{style.given_labels.stem(instance.query)}.ply"


def _seen(result: Reconstruction, style: Style) -> Reconstruction:
    """With points in the colors of the style, if it has any."""
    if style.point_colors is None:
        return result
    return replace(result, cloud=replace(result.cloud, colors=style.point_colors))


def _step(file_name: str) -> str:
    return f"Writing {file_name}"


def _named(report: Report, step: str) -> Report:
    """Report everything an export does as one step."""
    return lambda _, fraction: report(step, fraction)


def _part(report: Report, done: int, count: int) -> Report:
    """Report item `done` of `count` as its share of the step."""
    return lambda step, fraction: report(step, (done + fraction) / count)
