"""Lengths in words: scene units until somebody says how long something is, meters from then on."""

from dataclasses import dataclass
from math import floor, log10


@dataclass(frozen=True)
class Ruler:
    """How a length of the scene is said.

    Attributes
    ----------
    units : str
        "m" or "scene units".
    factor : float
        Shown length of one scene unit.
    """

    units: str = "scene units"
    factor: float = 1.0

    @classmethod
    def of(cls, units: str, scale: float | None) -> "Ruler":
        """Ruler of a result in `units`; meters per scene unit, if the user told them, count for more."""
        return cls(units) if scale is None else cls("m", scale)

    def text(self, *lengths: float) -> str:
        """Such as "1.24 m" or "1.24 × 0.310 m"; lengths in scene units, three significant digits."""
        return f"{' × '.join(_number(length * self.factor) for length in lengths)} {self.units}"


def _number(shown: float) -> str:
    if shown == 0:
        return "0"
    return f"{shown:,.{max(0, 2 - floor(log10(abs(shown))))}f}"
