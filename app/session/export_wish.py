"""What a user wants written: which instances, in which formats, how, and where to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fast3dis_core.errors import ConfigError
from fast3dis_core.exports.colors import ColorMode

Scope = Literal["selected", "visible", "all"]


@dataclass(frozen=True, kw_only=True)
class ExportWish:
    """An export to come.

    Attributes
    ----------
    folder : Path
    scope : "selected", "visible" or "all"
        All are those that pass the filters, hidden or not.
    formats : tuple of str
        Names of `fast3dis_core.exports.outputs.EXPORTS`.
    colors : "instance" or "photo"
        Of points in files of the whole scene.
    rest : bool
        Whether files of the whole scene hold points that no instance claims, too.
    voxel_size : float
        Edge of a voxel that keeps one point, written units; 0 keeps every point.
    scale : float
        Written units per scene unit.

    Raises
    ------
    ConfigError
        For a length that is not possible.
    """

    folder: Path = Path()
    scope: Scope = "visible"
    formats: tuple[str, ...] = ("ply", "report")
    colors: ColorMode = "instance"
    rest: bool = True
    voxel_size: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not self.voxel_size >= 0:
            raise ConfigError(f"voxel_size must be at least 0, found {self.voxel_size!r}.")
        if not self.scale > 0:
            raise ConfigError(f"scale must be above 0, found {self.scale!r}.")
