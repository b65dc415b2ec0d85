"""`session.json`: which entries a session file has, and everything in it that is not an array.

The manifest states the extent of the scene; shape and type of every entry follow from it, so a reader knows what to
expect before it reads, and refuses what is too large before it allocates. Its own values are checked one by one,
because files travel.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

import fast3dis_core
from fast3dis_core.reconstruction import FilterReport
from fast3dis_core.session_files.values import DTYPES, FEATURE_NAME, Plain, plain

SUFFIX = ".f3d"
FORMAT = "fast3dis session"
FORMAT_VERSION = 1  # raised when a reader of the previous version would misread a file

MANIFEST = "session.json"
LAYOUT = "layout.bin"
THUMBNAIL = "thumbnail.png"
COLORS = "cloud/colors"  # only there if they are not the photos'
DEPTH = "cloud/depth"
CONFIDENCE = "cloud/confidence"
REMAINDER = "cloud/remainder"
BESIDE = "beside"  # a whole session file as bytes

_ROWS = 2**31  # rows of the cloud are int32
_LARGEST = 2**48  # elements of an array


class Spec(NamedTuple):
    """Type and shape of an array, the type as .npy headers spell it."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        return math.prod(self.shape) * int(self.dtype[2:])


class Beside(NamedTuple):
    """What a session says of the one beside it."""

    size: int  # of its entry, bytes
    shares_cloud: bool

    @property
    def spec(self) -> Spec:
        """Of its entry."""
        return Spec("|u1", (self.size,))


Alias: TypeAlias = str  # DEPTH or CONFIDENCE: a feature that the cloud's arrays hold already


@dataclass(frozen=True, kw_only=True)
class Extent:
    """Lengths of all axes.

    Attributes
    ----------
    views, height, width : int
    layers : int
        Of `Reconstruction.anchors`: decoder layers and the generator.
    queries, instances : int
    runs : int
        Runs of rows in all masks together.
    """

    views: int
    height: int
    width: int
    layers: int
    queries: int
    instances: int
    runs: int

    @property
    def points(self) -> int:
        """S * H * W."""
        return self.views * self.height * self.width

    @property
    def photos(self) -> tuple[str, ...]:
        """Entries of the photos, in view order."""
        return tuple(f"photos/{view:04d}.png" for view in range(self.views)) if self.points else ()

    def arrays(self, *, own_colors: bool) -> dict[str, Spec]:
        """What the array entries of a reconstruction must be, by name without suffix."""
        views, height, width, queries, instances = self.views, self.height, self.width, self.queries, self.instances
        specs = {
            "cameras/intrinsics": Spec("<f4", (views, 3, 3)),
            "cameras/world_to_camera": Spec("<f4", (views, 4, 4)),
            "cameras/rays": Spec("<f8", (views, 3, 4)),
            DEPTH: Spec("|u1", (views, 4, height, width)),
            REMAINDER: Spec("|u1", (views, 3, 4, height, width)),
            CONFIDENCE: Spec("|u1", (views, 4, height, width)),
            "cloud/valid": Spec("|u1", (-(-self.points // 8),)),
            "queries/anchors": Spec("<f4", (self.layers, queries, 3)),
            "queries/objectness": Spec("<f4", (self.layers, queries)),
            "queries/overlap": Spec("<f4", (queries, queries)),
            "instances/queries": Spec("<i8", (instances,)),
            "instances/objectness": Spec("<f8", (instances,)),
            "instances/anchors": Spec("<f4", (instances, 3)),
            "instances/runs": Spec("<i8", (instances,)),
            "instances/rows": Spec("|u1", (4, 2 * self.runs)),
        }
        if own_colors:
            specs[COLORS] = Spec("|u1", (self.points, 3))
        return specs


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Contents of `session.json`.

    Attributes
    ----------
    saved : datetime
        In UTC.
    program_version : str
    format_version : int
    extent : Extent
    names : tuple of S str
        Of the photos.
    is_metric : bool
    own_colors : bool
        Whether the cloud's colors are not the photos'.
    points_crc32 : int
        Of the points as they went in.
    filters : tuple of FilterReport
    origin, edits, display : mapping
    instance_names : mapping of int to str
    instance_scores : tuple of K float or None
        Earlier versions wrote none.
    has_layout : bool
    features : mapping of str to Spec or Alias, or None
    beside : Beside or None
        Earlier versions wrote none.
    """

    saved: datetime
    program_version: str
    format_version: int
    extent: Extent
    names: tuple[str, ...]
    is_metric: bool
    own_colors: bool
    points_crc32: int
    filters: tuple[FilterReport, ...]
    origin: Plain
    edits: Plain
    display: Plain
    instance_names: Mapping[int, str]
    instance_scores: tuple[float | None, ...]
    has_layout: bool
    features: Mapping[str, Spec | Alias] | None
    beside: Beside | None = None

    def to_json(self) -> bytes:
        """The entry's content: ASCII, numbers that come back exactly."""
        document = {
            "format": FORMAT,
            "format_version": self.format_version,
            "program_version": self.program_version,
            "saved": self.saved.isoformat(timespec="seconds"),
            "extent": asdict(self.extent),
            "views": list(self.names),
            "is_metric": self.is_metric,
            "own_colors": self.own_colors,
            "points_crc32": self.points_crc32,
            "filters": [{**asdict(item), "setting": _number(item.setting)} for item in self.filters],
            "origin": self.origin,
            "edits": self.edits,
            "display": self.display,
            "instance_names": {str(query): name for query, name in self.instance_names.items()},
            "instance_scores": self.instance_scores,
            "has_layout": self.has_layout,
            "features": None if self.features is None else dict(self.features),
            **({} if self.beside is None else {"beside": self.beside._asdict()}),
        }
        return json.dumps(document, indent=1, allow_nan=False).encode("ascii")


def expanded_size(manifest: Manifest) -> int:
    """Bytes that a session takes in memory, without the rows of its masks."""
    specs = manifest.extent.arrays(own_colors=manifest.own_colors)
    features = [spec for spec in (manifest.features or {}).values() if isinstance(spec, Spec)]
    features += [] if manifest.beside is None else [manifest.beside.spec]
    # photos, the unpacked flags of valid points, and everything else in the size it is stored in
    return 4 * manifest.extent.points + sum(spec.size for spec in [*specs.values(), *features])


def program_version() -> str:
    """Version of the installed package."""
    return fast3dis_core.__version__


def parse(content: bytes) -> dict[str, Any]:
    """The JSON object of a manifest, not checked further.

    Raises
    ------
    ValueError
        If it is no JSON object of a session file.
    """
    try:
        document = json.loads(content, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError(f"{MANIFEST} is nested too deeply") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"{MANIFEST} is not the one of a session")
    return document


def from_document(document: Mapping[str, Any]) -> Manifest:
    """The manifest that `to_json` wrote, of a format version known to be readable.

    Raises
    ------
    ValueError
        With the first thing that is not as it should be.
    """
    extent = _extent(_take(document, "extent", dict))
    names = tuple(_strings(_take(document, "views", list), "views"))
    if len(names) != extent.views:
        raise ValueError(f"views: expected {extent.views} names, found {len(names)}")
    features = _take(document, "features", dict, type(None))
    return Manifest(
        saved=_time(_take(document, "saved", str)),
        program_version=_take(document, "program_version", str),
        format_version=_take(document, "format_version", int),
        extent=extent,
        names=names,
        is_metric=_take(document, "is_metric", bool),
        own_colors=_take(document, "own_colors", bool),
        points_crc32=_take(document, "points_crc32", int),
        filters=tuple(_filter(item) for item in _take(document, "filters", list)),
        origin=plain(_take(document, "origin", dict), "origin"),
        edits=plain(_take(document, "edits", dict), "edits"),
        display=plain(_take(document, "display", dict), "display"),
        instance_names=_instance_names(_take(document, "instance_names", dict)),
        instance_scores=_instance_scores(document, extent.instances),
        has_layout=_take(document, "has_layout", bool),
        features=None if features is None else {name: _feature(name, item) for name, item in features.items()},
        beside=_beside(document),
    )


def _take(document: Mapping[str, Any], key: str, *kinds: type) -> Any:
    """A value of one of these types; JSON true is no integer here."""
    if key not in document:
        raise ValueError(f"{MANIFEST} lacks {key!r}")
    value = document[key]
    if type(value) not in kinds:
        expected = " or ".join(kind.__name__ for kind in kinds)
        raise ValueError(f"{key}: expected {expected}, found {value!r:.60}")
    return value


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"saved: expected a time with its zone, found {text!r:.60}")
    return time


def _extent(document: Mapping[str, Any]) -> Extent:
    lengths = {item.name: _take(document, item.name, int) for item in fields(Extent)}
    extent = Extent(**lengths)
    if min(lengths.values()) < 0 or max(*lengths.values(), extent.points) >= _ROWS:
        raise ValueError(f"extent: expected lengths and points from 0 to 2**31, found {lengths}")
    for spec in extent.arrays(own_colors=True).values():
        _check_shape(spec.shape)
    return extent


def _check_shape(shape: tuple[int, ...]) -> None:
    """Refuse what NumPy would: a product beyond an index, even of an array that is empty for another axis."""
    if len(shape) > 8 or math.prod(max(axis, 1) for axis in shape) >= _LARGEST:
        raise ValueError(f"expected fewer elements than {_LARGEST:,}, found shape {shape!r:.60}")


def _strings(values: list[Any], where: str) -> list[str]:
    if not all(isinstance(value, str) for value in values):
        raise ValueError(f"{where}: expected strings only")
    return values


def _filter(document: Any) -> FilterReport:
    if not isinstance(document, dict):
        raise ValueError(f"filters: expected objects, found {document!r:.60}")
    setting = _take(document, "setting", int, float, str)
    return FilterReport(
        name=_take(document, "name", str),
        setting=float(setting) if isinstance(setting, str) else setting,
        removed=_take(document, "removed", int),
        total=_take(document, "total", int),
        unit=_take(document, "unit", str),
    )


def _instance_names(document: Mapping[str, Any]) -> dict[int, str]:
    _strings(list(document.values()), "instance_names")
    return {int(query): name for query, name in document.items()}


def _instance_scores(document: Mapping[str, Any], count: int) -> tuple[float | None, ...]:
    if "instance_scores" not in document:
        return (None,) * count
    scores = _take(document, "instance_scores", list)
    if len(scores) != count or not all(type(score) in (float, type(None)) for score in scores):
        raise ValueError(f"instance_scores: expected {count} numbers or null")
    return tuple(scores)


def _beside(document: Mapping[str, Any]) -> Beside | None:
    if "beside" not in document:
        return None
    found = _take(document, "beside", dict)
    beside = Beside(size=_take(found, "size", int), shares_cloud=_take(found, "shares_cloud", bool))
    if not 0 <= beside.size < _ROWS:
        raise ValueError(f"beside: expected bytes from 0 to 2**31, found {beside.size}")
    return beside


def _feature(name: str, value: Any) -> Spec | Alias:
    if not FEATURE_NAME.fullmatch(name):
        raise ValueError(f"features: unknown kind of name {name!r:.60}")
    if value in (DEPTH, CONFIDENCE):
        return str(value)
    match value:
        case [str(dtype), list(shape)] if dtype in DTYPES and all(type(axis) is int and axis >= 0 for axis in shape):
            _check_shape(tuple(shape))
            return Spec(dtype, tuple(shape))
    raise ValueError(f"features: {name} should be a type and a shape, found {value!r:.60}")


def _number(setting: float) -> float | str:
    """The setting itself, or its name: JSON has no word for infinity."""
    return setting if math.isfinite(setting) else repr(float(setting))


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON number")
