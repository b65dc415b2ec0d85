"""What a run writes, by the names of `--exports`, and under which file names. Formats are left to `exports`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fast3dis_core.errors import ConfigError
from fast3dis_core.exports import (
    instance_file_name,
    write_colmap_text,
    write_glb,
    write_id_masks,
    write_instance_ply,
    write_npz,
    write_overlays,
    write_report,
    write_scene_ply,
    write_transforms_json,
)
from fast3dis_core.exports.colors import ColorMode
from fast3dis_core.progress import Report
from fast3dis_core.reconstruction import Reconstruction

REPORT = "report"


@dataclass(frozen=True, kw_only=True)
class Style:
    """What exports agree on.

    Attributes
    ----------
    threshold : float
        Least objectness of an instance.
    colors : ColorMode
        Of the points.
    transform : array (4, 4) float64, optional
        From the world of view 0 to the frame of the files; reconstruction.npz keeps view 0.
    """

    threshold: float
    colors: ColorMode
    transform: NDArray[np.float64] | None = None


Writer = Callable[[Path, Reconstruction, Style, Report], Any]


def _instances(path: Path, result: Reconstruction, style: Style, report: Report) -> None:
    path.mkdir()
    shown = result.shown(style.threshold)
    for done, instance in enumerate(shown):
        file = path / instance_file_name(instance.query, ".ply")
        part = _part(report, done, len(shown))
        write_instance_ply(file, result, instance.query, transform=style.transform, report=part)


def _scene(path: Path, result: Reconstruction, style: Style, report: Report) -> None:
    write_scene_ply(
        path, result, threshold=style.threshold, colors=style.colors, transform=style.transform, report=report
    )


def _glb(path: Path, result: Reconstruction, style: Style, report: Report) -> None:
    write_glb(path, result, threshold=style.threshold, colors=style.colors, transform=style.transform, report=report)


def _masks(path: Path, result: Reconstruction, style: Style, report: Report) -> None:
    write_id_masks(path, result, threshold=style.threshold, report=report)


def _overlays(path: Path, result: Reconstruction, style: Style, report: Report) -> None:
    write_overlays(path, result, threshold=style.threshold, report=report)


def _transforms(path: Path, result: Reconstruction, style: Style, report: Report) -> None:
    write_transforms_json(path, result, transform=style.transform, report=report)


def _colmap(path: Path, result: Reconstruction, style: Style, report: Report) -> None:
    write_colmap_text(path, result, transform=style.transform, report=report)


def _npz(path: Path, result: Reconstruction, _: Style, report: Report) -> None:
    write_npz(path, result, report=report)


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
    folder: Path, result: Reconstruction, *, exports: tuple[str, ...], style: Style, report: Report
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
            write(folder / file_name, result, style, _named(report, f"Writing {file_name}"))


def _named(report: Report, step: str) -> Report:
    """Report everything an export does as one step."""
    return lambda _, fraction: report(step, fraction)


def _part(report: Report, done: int, count: int) -> Report:
    """Report item `done` of `count` as its share of the step."""
    return lambda step, fraction: report(step, (done + fraction) / count)


def write_facts(folder: Path, facts: Mapping[str, Any]) -> None:
    """Write report.json."""
    write_report(folder / _REPORT_FILE, facts)
