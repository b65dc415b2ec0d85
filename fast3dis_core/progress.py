"""How a long job tells where it is, and learns that it should stop.

A job receives one callable, `report(step, fraction)`. The step is a sentence part shown to the user
("Geometry pass"), the fraction runs from 0 to 1 within that step. The callable raises
`fast3dis_core.errors.Cancelled` when the job should end; jobs do not catch it.
"""

from collections.abc import Callable
from typing import TypeAlias

Report: TypeAlias = Callable[[str, float], None]


def silent(step: str, fraction: float) -> None:
    """Report to nobody; the default of every long function."""
