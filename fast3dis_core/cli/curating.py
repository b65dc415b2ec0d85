"""What a user of the command line wishes of single instances: hidden, merged, named, colored, as in the viewer.

Texts of options to a `Curation`, and that to the result and the labels that are written. What the wishes mean is the
business of `fast3dis_core.curation` and `fast3dis_core.exports.scope`.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fast3dis_core.config import InferenceConfig
from fast3dis_core.curation import Color, Curation, curate
from fast3dis_core.errors import ConfigError
from fast3dis_core.exports.labels import Labels
from fast3dis_core.exports.scope import exported, labels_of
from fast3dis_core.palette import PaletteName
from fast3dis_core.reconstruction import Reconstruction

_COLOR = re.compile(r"#?([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})")


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """By query number; `rest` is whether points that no written instance claims are written, too."""

    hidden: frozenset[int] = frozenset()
    merged: tuple[tuple[int, ...], ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    colors: Mapping[int, Color] = field(default_factory=dict)
    palette: PaletteName = "standard"
    rest: bool = True

    @property
    def none(self) -> bool:
        """Whether everything is written as the network gave it."""
        return self == Wishes()


def parse_wishes(
    hide: str | None,
    merge: Sequence[str] | None,
    name: Sequence[str] | None,
    color: Sequence[str] | None,
    *,
    palette: PaletteName,
    rest: bool,
) -> Wishes:
    """Wishes from the texts of the options.

    Raises
    ------
    ConfigError
        For a text that cannot be read, or a query in two groups.
    """
    wishes = Wishes(
        hidden=frozenset() if hide is None else frozenset(numbers("--hide", hide)),
        merged=tuple(numbers("--merge", text) for text in merge or ()),
        names=dict(_pair("--name", text, "3=Sofa") for text in name or ()),
        colors={query: _color(text) for query, text in (_pair("--color", text, "3=#c08040") for text in color or ())},
        palette=palette,
        rest=rest,
    )
    Curation(merged=wishes.merged)  # refuses a query in two groups
    return wishes


def numbers(option: str, text: str) -> tuple[int, ...]:
    """Query numbers of a comma-separated list.

    Raises
    ------
    ConfigError
        If it is none.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise ConfigError(f"{option}: expected numbers such as 3,12,40, found {text!r}.")
    return tuple(int(part) for part in parts)


def assembling(config: InferenceConfig, wishes: Wishes) -> InferenceConfig:
    """Settings of the assembly: with wishes, instances are judged too small or duplicates after they are merged."""
    return config if wishes.none else replace(config, minimum_points=0, duplicate_overlap=0.0)


def unknown_queries(
    result: Reconstruction, config: InferenceConfig, wishes: Wishes, queries: Collection[int] | None
) -> str:
    """A sentence about numbers in the options that no instance at the threshold has; empty if there are none."""
    shown = {instance.query for instance in result.shown(config.objectness_threshold)}
    asked = {
        "--queries": queries or (),
        "--hide": wishes.hidden,
        "--merge": [query for group in wishes.merged for query in group],
        "--name": wishes.names,
        "--color": wishes.colors,
    }
    unknown = {option: sorted(set(given) - shown) for option, given in asked.items()}
    told = [f"{', '.join(map(str, missing))} ({option})" for option, missing in unknown.items() if missing]
    if not told:
        return ""
    there = ", ".join(map(str, sorted(shown))) or "none"
    threshold = f"{config.objectness_threshold:g}"
    return f"No instance has number {'; '.join(told)} here; at objectness {threshold} there are {there}."


def as_wished(
    result: Reconstruction, config: InferenceConfig, wishes: Wishes, queries: Collection[int] | None
) -> tuple[Reconstruction, Labels | None]:
    """The result that is written, and its names and colors; `result` was assembled with `assembling` settings."""
    if wishes.none:
        return result, None
    curation = Curation(
        objectness_threshold=config.objectness_threshold,
        minimum_points=config.minimum_points,
        duplicate_overlap=config.duplicate_overlap,
        confidence_percentile=0.0,  # these two were applied when the result was assembled
        depth_edge=0.0,
        hidden=wishes.hidden - frozenset(queries or ()),
        merged=wishes.merged,
        names=wishes.names,
        colors=wishes.colors,
    )
    curated = curate(result, curation, palette=wishes.palette)
    shown = {item.query for item in curated.shown}
    written = shown if queries is None else shown & set(queries)
    return exported(curated, written, rest=wishes.rest), labels_of(curated)


def _pair(option: str, text: str, example: str) -> tuple[int, str]:
    query, equals, value = text.partition("=")
    if not (equals and query.strip().isascii() and query.strip().isdigit() and value.strip()):
        raise ConfigError(f"{option}: expected a number and its value such as {example}, found {text!r}.")
    return int(query), value


def _color(text: str) -> Color:
    found = _COLOR.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"--color: expected a color such as #c08040, found {text!r}.")
    red, green, blue = (int(part, 16) for part in found.groups())
    return red, green, blue
