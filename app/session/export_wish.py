"""What a user wants written: which instances, in which formats, how, and where to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fast3dis_core.errors import ConfigError

Scope = Literal["selected", "visible", "all"]
Colors = Literal["screen", "instance", "photo"]
Frame = Literal["view0", "folder"]
Lengths = Literal["shown", "scene", "own"]


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
    colors : "screen", "instance" or "photo"
        Of points: as they are on screen, of their instances, or of the photos.
    frame : "view0" or "folder"
        Camera of view 0, or world of the cameras that came with the photos.
    lengths : "shown", "scene" or "own"
        As the window says them (meters, once a true length was typed), in scene units, or times `scale`.
    rest : bool
        Whether files of the whole scene hold points that no instance claims, too.
    voxel_size : float
        Edge of a voxel that keeps one point, written units; 0 keeps every point.
    scale : float
        Written units per scene unit, for lengths of one's own.

    Raises
    ------
    ConfigError
        For a length that is not possible.
    """

    folder: Path = Path()
    scope: Scope = "visible"
    formats: tuple[str, ...] = ("ply", "report")
    colors: Colors = "screen"
    frame: Frame = "view0"
    lengths: Lengths = "shown"
    rest: bool = True
    voxel_size: float = 0.0
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not self.voxel_size >= 0:
            raise ConfigError(f"voxel_size must be at least 0, found {self.voxel_size!r}.")
        if not self.scale > 0:
            raise ConfigError(f"scale must be above 0, found {self.scale!r}.")
