"""What a user makes of a result without touching it: filters, names, colors, merges, applied as a view of it.

A `Curation` holds the wishes; `curate` applies them to a `Reconstruction` and says of every instance whether it is
shown, and if not, which filter dropped it. Nothing is removed: another curation of the same result brings it back.
Viewer and exports both work from a `Curated`, so that what is seen is what is written. Paper section 3.5 has the two
thresholds; the point filters are the product's and live in `point_filters`. This module needs NumPy alone.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Literal

import numpy as np

from fast3dis_core.config import InferenceConfig
from fast3dis_core.duplicates import Pairs, close_pairs, duplicates, original
from fast3dis_core.errors import ConfigError
from fast3dis_core.palette import PaletteName, instance_color
from fast3dis_core.point_filters import PointFilters, extent
from fast3dis_core.reconstruction import Bool, Float32, Instance, Int32, Reconstruction, read_only

Color = tuple[int, int, int]
Verdict = Literal["shown", "hidden", "objectness", "size", "duplicate", "floor"]
SIZE_SAMPLE = 2_000  # points at most from which the extent of an object is told


@dataclass(frozen=True, kw_only=True)
class Curation:
    """A user's wishes for one result.

    Attributes
    ----------
    objectness_threshold : float
        Delta of section 3.5, in [0, 1].
    minimum_points : int
        Smaller instances are not shown; counted after the point filters.
    confidence_percentile : float
        In [0, 100]: points whose depth confidence is in this lowest share are left out.
    depth_edge : float
        Relative depth jump to both sides that marks a flying pixel; 0 is off.
    duplicate_overlap : float
        In [0, 1]: an instance whose points have a higher IoU with those of a better one is not shown; 0 is off.
    hidden : frozenset of int
        Query numbers hidden by hand.
    merged : tuple of tuples of int
        Queries that are one object, each group under its first query; no query is in two groups.
    names : mapping of int to str
        Names the user gave; others are called "Instance <query>".
    colors : mapping of int to (red, green, blue)
        Colors the user gave, 0 to 255; others come from the palette.

    Raises
    ------
    ConfigError
        For a value out of its range, or a query in two groups.
    """

    objectness_threshold: float = InferenceConfig.objectness_threshold
    minimum_points: int = InferenceConfig.minimum_points
    confidence_percentile: float = InferenceConfig.confidence_percentile
    depth_edge: float = InferenceConfig.depth_edge
    duplicate_overlap: float = InferenceConfig.duplicate_overlap
    hidden: frozenset[int] = frozenset()
    merged: tuple[tuple[int, ...], ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    colors: Mapping[int, Color] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shares = (("objectness_threshold", 1.0), ("duplicate_overlap", 1.0), ("confidence_percentile", 100.0))
        for name, highest in shares:
            value = getattr(self, name)
            if not 0.0 <= value <= highest:
                raise ConfigError(f"{name} must lie between 0 and {highest:g}, found {value!r}.")
        for name in ("minimum_points", "depth_edge"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} must be at least 0, found {getattr(self, name)!r}.")
        members = [query for group in self.merged for query in group]
        if len(set(members)) != len(members) or any(len(group) < 2 for group in self.merged):
            raise ConfigError(f"Expected groups of two or more queries, each query in one group, found {self.merged}.")
        for name in ("names", "colors"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))


@dataclass(frozen=True, kw_only=True)
class CuratedInstance:
    """One object as the user sees it: a query, or several merged ones.

    Attributes
    ----------
    query : int
        The one it goes by; of merged queries the first of their group that was found.
    members : tuple of int
        All its queries, `query` among them.
    objectness, rank : float
        The highest of its members.
    anchor : array (3,) float32
        Of `query`; world, scene units.
    pixels : array (M,) int32
        Sorted rows of the cloud that all filters keep.
    points_per_view : array (S,) int32
    extent : array (3,) float32
        Along the world axes, scene units, without the outermost hundredth; 0 without points.
    name : str
    color : (int, int, int)
        sRGB, 0 to 255.
    verdict : str
        "shown", or what keeps it from being shown: "hidden" (by hand), "objectness", "size", "duplicate", or "floor"
        for a query that was not assembled since its objectness is below the floor of the run.
    duplicate_of : int or None
        Query of the better instance with the same points, whatever the verdict.
    """

    query: int
    members: tuple[int, ...]
    objectness: float
    rank: float
    anchor: Float32
    pixels: Int32
    points_per_view: Int32
    extent: Float32
    name: str
    color: Color
    verdict: Verdict
    duplicate_of: int | None = None

    @property
    def views(self) -> int:
        """In how many views it has pixels."""
        return int(np.count_nonzero(self.points_per_view))

    @property
    def size(self) -> float:
        """Longest side of its extent, scene units."""
        return float(self.extent.max())


@dataclass(frozen=True, kw_only=True)
class Curated:
    """A result as the user sees it.

    Attributes
    ----------
    reconstruction : Reconstruction
        Untouched.
    curation : Curation
    keep : array (P,) bool
        Points that pass the point filters.
    instances : tuple of CuratedInstance
        All of them, shown or not, by falling objectness.
    palette : "standard" or "safe"
        Where colors come from that the user did not give.
    filters : PointFilters
        Of the cloud; kept from one answer to the next.
    singles : tuple of CuratedInstance
        Before anything is merged.
    pairs : mapping
        Which of them share points, as `duplicates.close_pairs` has it; both kept as well.
    """

    reconstruction: Reconstruction
    curation: Curation
    keep: Bool
    instances: tuple[CuratedInstance, ...]
    palette: PaletteName = "standard"
    filters: PointFilters = field(repr=False, compare=False)
    singles: tuple[CuratedInstance, ...] = field(default=(), repr=False, compare=False)
    pairs: Pairs = field(default_factory=dict, repr=False, compare=False)

    @property
    def shown(self) -> tuple[CuratedInstance, ...]:
        """What passes every filter and is not hidden by hand."""
        return tuple(item for item in self.instances if item.verdict == "shown")

    @property
    def owners(self) -> Mapping[int, int]:
        """Query that every assembled query goes by: itself unless it was merged."""
        return {member: item.query for item in self.instances for member in item.members}

    @cached_property
    def unassembled(self) -> tuple[CuratedInstance, ...]:
        """Queries below the floor of the run, by falling objectness: without points, never shown."""
        whole, taken = self.reconstruction, self.owners
        scores = whole.objectness[-1] if len(whole.objectness) else ()
        missing = sorted((-float(score), query) for query, score in enumerate(scores) if query not in taken)
        none = read_only(np.zeros(0, np.int32))
        return tuple(
            _judge(_facts(whole, (self._bare(query, -score, none),), none), self.curation, self.palette, "floor")
            for score, query in missing
        )

    @cached_property
    def queries(self) -> Mapping[Verdict, int]:
        """How many queries got each verdict; every query of the result counts once, as its instance is judged."""
        counts: Counter[Verdict] = Counter()
        for item in (*self.instances, *self.unassembled):
            counts[item.verdict] += len(item.members)
        return counts

    @property
    def dropped_points(self) -> Mapping[str, int]:
        """How many points the filters "depth_edge" and "confidence_percentile" drop, one after the other."""
        valid = np.count_nonzero(self.reconstruction.cloud.valid)
        firm = np.count_nonzero(self.filters.firm(self.curation.depth_edge))
        kept = np.count_nonzero(self.keep)
        return {"depth_edge": int(valid - firm), "confidence_percentile": int(firm - kept)}

    def find(self, query: int) -> CuratedInstance | None:
        """The instance that a query belongs to, None if it was not assembled."""
        return next((item for item in self.instances if query in item.members), None)

    def reason(self, instance: CuratedInstance) -> str:
        """Why an instance is not shown, in words; empty if it is."""
        wishes = self.curation
        if instance.verdict == "objectness":
            score, threshold = instance.objectness, wishes.objectness_threshold
            digits = next((count for count in (2, 3, 4) if f"{score:.{count}f}" != f"{threshold:.{count}f}"), 6)
            return f"objectness {score:.{digits}f} < {threshold:.{digits}f}"
        if instance.verdict == "floor":
            return f"objectness {instance.objectness:.2f}: not assembled"
        if instance.verdict == "size":
            count = len(instance.pixels)
            return f"{count:,} points < {wishes.minimum_points:,}" if count else "no points"
        if instance.verdict == "duplicate":
            better = self.find(instance.query if instance.duplicate_of is None else instance.duplicate_of)
            return f"duplicate of {better.name}" if better is not None else "duplicate"
        return "hidden by hand" if instance.verdict == "hidden" else ""

    def revealing(self, query: int | None) -> "Curated":
        """The same with one query shown whatever its objectness: what is being changed by hand has to be seen."""
        instances = tuple(
            replace(item, verdict="shown") if query in item.members and item.verdict == "objectness" else item
            for item in self.instances
        )
        return replace(self, instances=instances)

    def as_reconstruction(self, queries: Collection[int] | None = None) -> Reconstruction:
        """The kept points and the shown instances, or those of `queries`, as a result of its own for the exports."""
        whole = self.reconstruction
        chosen = self.shown if queries is None else [item for item in self.instances if item.query in queries]
        instances = tuple(
            Instance(
                query=item.query, objectness=item.objectness, anchor=item.anchor, pixels=item.pixels, score=item.rank
            )
            for item in chosen
        )
        return replace(whole, cloud=replace(whole.cloud, valid=self.keep), instances=instances)

    def _bare(self, query: int, objectness: float, pixels: Int32) -> Instance:
        anchor = np.array(self.reconstruction.anchors[-1, query], np.float32)
        return Instance(query=query, objectness=objectness, anchor=anchor, pixels=pixels)


def curate(
    reconstruction: Reconstruction,
    curation: Curation,
    *,
    palette: PaletteName = "standard",
    previous: Curated | None = None,
) -> Curated:
    """A result as a user wishes to see it.

    Parameters
    ----------
    reconstruction : Reconstruction
        Assembled without point filters, so that they can be taken back.
    curation : Curation
    palette : "standard" or "safe"
    previous : Curated, optional
        An earlier answer; what did not change is taken from it. The answer is the same without.

    Returns
    -------
    Curated
    """
    known: dict[tuple[int, ...], CuratedInstance] = {}
    if previous is None or previous.reconstruction.cloud is not reconstruction.cloud:
        filters, previous = PointFilters(reconstruction), None
    else:
        filters = previous.filters
    if previous is not None and _point_filters(previous.curation) == _point_filters(curation):
        keep = previous.keep
        old = {item.query: item for item in previous.reconstruction.instances}
        before = (*previous.singles, *previous.instances)
        known = {_identity(old[member] for member in item.members): item for item in before}
    else:
        keep = filters.keep(curation.confidence_percentile, curation.depth_edge)

    def facts_of(parts: tuple[Instance, ...]) -> CuratedInstance:
        key = _identity(parts)
        if key not in known:
            known[key] = _unite(reconstruction, parts, keep)
        return known[key]

    singles = tuple(facts_of((item,)) for item in reconstruction.instances)
    pairs = _pairs(singles, reconstruction, curation.duplicate_overlap, previous)
    repeated = duplicates([item for item in singles if len(item.pixels) >= max(1, curation.minimum_points)], pairs)
    found = [facts_of(parts) for parts in _groups(reconstruction.instances, curation.merged)]
    found.sort(key=lambda item: (-item.objectness, item.query))
    return Curated(
        reconstruction=reconstruction,
        curation=curation,
        keep=keep,
        instances=tuple(_judge(facts, curation, palette, better=original(facts.members, repeated)) for facts in found),
        palette=palette,
        filters=filters,
        singles=singles,
        pairs=pairs,
    )


def _pairs(
    singles: tuple[CuratedInstance, ...], whole: Reconstruction, limit: float, previous: Curated | None
) -> Pairs:
    """Which instances share more points than `limit`; what `previous` knows is not measured again."""
    if not limit:
        return {}
    known = previous.pairs if previous is not None and previous.curation.duplicate_overlap == limit else None
    return close_pairs(singles, points=len(whole.cloud.points), views=len(whole.images), limit=limit, known=known)


def _point_filters(curation: Curation) -> tuple[float, float]:
    return curation.confidence_percentile, curation.depth_edge


def _identity(parts: Iterable[Instance]) -> tuple[int, ...]:
    """The very same values, not equal ones: comparing their pixels would cost more than it saves."""
    return tuple(id(part) for part in parts)


def _groups(instances: tuple[Instance, ...], merged: tuple[tuple[int, ...], ...]) -> list[tuple[Instance, ...]]:
    """Instances that are one object, in the order of their group; most stand alone."""
    there = {item.query: item for item in instances}
    together = [tuple(there[query] for query in group if query in there) for group in merged]
    taken = {query for group in merged for query in group}
    return [group for group in together if group] + [(item,) for item in instances if item.query not in taken]


def _unite(reconstruction: Reconstruction, parts: tuple[Instance, ...], keep: Bool) -> CuratedInstance:
    pixels = parts[0].pixels if len(parts) == 1 else np.unique(np.concatenate([part.pixels for part in parts]))
    return _facts(reconstruction, parts, read_only(pixels.compress(keep.take(pixels))))


def _facts(reconstruction: Reconstruction, parts: tuple[Instance, ...], pixels: Int32) -> CuratedInstance:
    views = len(reconstruction.images)
    sample = reconstruction.cloud.points.take(pixels[:: max(1, -(-len(pixels) // SIZE_SAMPLE))], axis=0)
    bounds = np.searchsorted(pixels, np.arange(views + 1, dtype=np.int32) * reconstruction.pixels_per_view)
    return CuratedInstance(
        query=parts[0].query,
        members=tuple(part.query for part in parts),
        objectness=max(part.objectness for part in parts),
        rank=max(part.rank for part in parts),
        anchor=parts[0].anchor,
        pixels=pixels,
        points_per_view=read_only(np.diff(bounds).astype(np.int32)),
        extent=read_only(extent(sample)),
        name="",
        color=(0, 0, 0),
        verdict="shown",
    )


def _judge(
    facts: CuratedInstance,
    curation: Curation,
    palette: PaletteName,
    verdict: Verdict | None = None,
    *,
    better: int | None = None,
) -> CuratedInstance:
    """The same object under the present wishes; the very same where they change nothing."""
    query = facts.query
    if verdict is None:
        if facts.objectness < curation.objectness_threshold:
            verdict = "objectness"
        elif len(facts.pixels) < max(1, curation.minimum_points):
            verdict = "size"
        elif better is not None:
            verdict = "duplicate"
        else:
            verdict = "hidden" if query in curation.hidden else "shown"
    name = curation.names.get(query) or f"Instance {query}"
    given = curation.colors[query] if query in curation.colors else instance_color(query, palette)
    red, green, blue = (int(channel) for channel in given)
    color = (red, green, blue)
    if (name, color, verdict, better) == (facts.name, facts.color, facts.verdict, facts.duplicate_of):
        return facts
    return replace(facts, name=name, color=color, verdict=verdict, duplicate_of=better)
