"""What a user calls instances and how they are colored, for the files: names, colors, and file names made of them."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from fast3dis_core.exports.names import instance_stem
from fast3dis_core.palette import instance_color, instance_palette
from fast3dis_core.reconstruction import UInt8

Color = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Names and colors of a user's own.

    Attributes
    ----------
    names : mapping of int to str
        By query number; an instance without one is called by its number.
    colors : mapping of int to (red, green, blue)
        sRGB, 0 to 255; an instance without one has its color of the palette.
    notes : tuple of str
        ASCII lines for the header of every file that has one: what was changed by hand.
    members : mapping of int to tuple of int
        All queries of an instance that was merged by hand, by the one it goes by.
    """

    names: Mapping[int, str] = field(default_factory=dict)
    colors: Mapping[int, Color] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    members: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("names", "colors", "members"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def name(self, query: int) -> str:
        """Such as "Sofa", or "Instance 12" where nobody gave a name."""
        return self.names.get(query) or f"Instance {query}"

    def stem(self, query: int) -> str:
        """File name without its ending: "Sofa_012", or "instance_012"; it ends in the number, so no two agree."""
        return instance_stem(query, self.names.get(query, ""))

    def color(self, query: int) -> Color:
        """The user's, or the palette's."""
        red, green, blue = self.colors[query] if query in self.colors else instance_color(query).tolist()
        return int(red), int(green), int(blue)

    def palette(self, count: int) -> UInt8:
        """Colors of the queries 0 to `count` - 1, array (count, 3) uint8."""
        palette = instance_palette(count)
        for query, color in self.colors.items():
            if 0 <= query < count:
                palette[query] = color
        return np.asarray(palette)

    def comments(self, queries: Collection[int]) -> list[str]:
        """What the user gave to these queries, and the notes, as lines for a header: ASCII, one fact each."""
        lines = [f"name of query {query}: {json.dumps(self.names[query])}" for query in queries if query in self.names]
        for what, values in (("color of", self.colors), ("merged by hand into", self.members)):
            given = ((query, values[query]) for query in queries if query in values)
            lines += [f"{what} query {query}: {' '.join(map(str, value))}" for query, value in given]
        return lines + list(self.notes)


PLAIN = Labels()
