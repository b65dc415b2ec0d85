"""What will be run: photos in their order, what is left out, and the settings of the run.

Frozen values of names, numbers and thumbnails; nothing is read or computed here. The photos are found by the core
(`app.workflow.Workflow.survey`), the estimate is made by it, and what deserves a warning is in `plan_warnings`.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fast3dis_core.config import GeometrySource, Precision, model_size
from fast3dis_core.errors import ConfigError
from fast3dis_core.photo_files import MAXIMUM_VIEWS, PHOTO_EXTENSIONS, PhotoSource, has_extension, uniform_indices

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What can be different in every run.

    Attributes
    ----------
    size : str
        Row of `MODEL_SIZES`.
    weights, heads : Path, optional
        Files to use instead of what is found on this machine.
    resolution : int, optional
        Long edge of the network images, pixels; None for that of the size.
    maximum_views : int
        Of more photos, this many are used, evenly spaced.
    device : str
        "auto", "cpu", "cuda", "cuda:1", "mps".
    precision : "auto", "float32" or "bfloat16"
        Of the feature pass.
    chunk_views : int
        Views whose maps are computed together; less needs less memory.
    geometry : "predicted", "posed" or "given"
        Where cameras and depth come from.
    untrained_heads : bool
        Let heads that nobody trained draw their random masks, instead of stopping at the geometry.

    Raises
    ------
    ConfigError
        For an unknown size or a number out of its range.
    """

    size: str = "nano"
    weights: Path | None = None
    heads: Path | None = None
    resolution: int | None = None
    maximum_views: int = MAXIMUM_VIEWS
    device: str = "auto"
    precision: Precision = "auto"
    chunk_views: int = 8
    geometry: GeometrySource = "predicted"
    untrained_heads: bool = False

    def __post_init__(self) -> None:
        model_size(self.size)
        for name, least in (("maximum_views", 1), ("chunk_views", 1), ("resolution", 14)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigError(f"{name} must be at least {least}, found {value}.")

    @property
    def long_edge(self) -> int:
        """Resolution that will be used, pixels."""
        return self.resolution or model_size(self.size).resolution

    @property
    def own_files(self) -> str:
        """Names of the files to use instead of what is found, such as "mine.safetensors + heads.safetensors"."""
        return " + ".join(path.name for path in (self.weights, self.heads) if path is not None)

    @property
    def model(self) -> tuple[Any, ...]:
        """What a loaded model depends on: equal values need no second loading."""
        return self.size, self.weights, self.heads, self.device, self.precision


@dataclass(frozen=True, kw_only=True)
class Photo:
    """One photo or video frame of a plan.

    Attributes
    ----------
    source : PhotoSource
    name : str
        Unique in its plan.
    size : (height, width)
        Upright, pixels; (0, 0) if unknown.
    modified : float
        Time of the file, seconds since 1970.
    included : bool
        Whether the user wants it.
    problem : str
        Why it cannot be used; empty for a good one.
    thumbnail : uint8 array (h, w, 3), optional
    """

    source: PhotoSource
    name: str
    size: tuple[int, int] = (0, 0)
    modified: float = 0.0
    included: bool = True
    problem: str = ""
    thumbnail: "NDArray[np.uint8] | None" = field(default=None, compare=False, repr=False)

    @property
    def usable(self) -> bool:
        """Whether a run may use it."""
        return self.included and not self.problem


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a run will cost on this machine, about.

    Attributes
    ----------
    seconds : float
    memory_low, memory_high : int
        Bytes.
    memory_there : int
        Bytes the device has in all; 0 if unknown.
    network_size : (height, width)
        Of the network images, pixels.
    cropped : int
        Photos that lose a part to bring all to one size.
    worst_crop : (str, float)
        The photo that loses most, and its lost share.
    device : str
        Where it will run: "CPU".
    problem : str
        Why nothing can be said, such as a device that is not there.
    """

    seconds: float = 0.0
    memory_low: int = 0
    memory_high: int = 0
    memory_there: int = 0
    network_size: tuple[int, int] = (0, 0)
    cropped: int = 0
    worst_crop: tuple[str, float] = ("", 0.0)
    device: str = ""
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run to come.

    Attributes
    ----------
    sources : tuple of Path
        What the user gave: folders, photos, videos.
    photos : tuple of Photo
        In the order of the views: the first one's camera is the world.
    settings : RunSettings
    notes : tuple of str
        Sentences about what was passed over.
    offers : frozenset of GeometrySource
        Where cameras and depth can come from, for these sources.
    sample : bool
        Whether the photos came with the program.
    complete : bool
        Whether every photo has been looked at.
    estimate : Estimate, optional
        None until it is made; it belongs to these photos and settings.
    """

    sources: tuple[Path, ...]
    photos: tuple[Photo, ...] = ()
    settings: RunSettings = RunSettings()
    notes: tuple[str, ...] = ()
    offers: frozenset[GeometrySource] = frozenset({"predicted"})
    sample: bool = False
    complete: bool = True
    estimate: Estimate | None = None

    @property
    def root(self) -> Path:
        """Folder or video that gives the scene its name; the common folder of several."""
        if not self.sources:
            return Path()
        first = self.sources[0]
        return first if len(self.sources) == 1 and not has_extension(first, PHOTO_EXTENSIONS) else first.parent

    @property
    def title(self) -> str:
        """Name of the scene."""
        return self.root.resolve().name

    @property
    def usable(self) -> tuple[Photo, ...]:
        """Photos the user wants and the program can read."""
        return tuple(photo for photo in self.photos if photo.usable)

    @property
    def chosen(self) -> tuple[Photo, ...]:
        """Photos of the run: the usable ones, thinned evenly to the most views."""
        usable = self.usable
        return tuple(usable[index] for index in uniform_indices(len(usable), self.settings.maximum_views))

    @property
    def left_out(self) -> tuple[str, ...]:
        """Sentences about photos that the run does not use."""
        notes = [f"Left out {photo.problem}." for photo in self.photos if photo.problem and photo.included]
        unwanted = sum(not photo.included for photo in self.photos)
        if unwanted:
            notes.append(f"{unwanted} of {len(self.photos)} photos were excluded by hand.")
        usable, chosen = len(self.usable), len(self.chosen)
        if chosen < usable:
            notes.append(f"Used {chosen} of {usable} photos, evenly spaced.")
        return tuple(notes)

    @property
    def ready(self) -> bool:
        """Whether it can be run."""
        return self.complete and bool(self.usable)

    def with_settings(self, settings: RunSettings) -> "Plan":
        """The same photos under other settings; the estimate goes."""
        return self if settings == self.settings else replace(self, settings=settings, estimate=None)

    def with_photos(self, photos: tuple[Photo, ...]) -> "Plan":
        """Other photos, order or choice; the estimate goes."""
        return replace(self, photos=photos, estimate=None)
