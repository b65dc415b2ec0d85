"""The ledger of all N queries: what became of each, and which decision kept it from being shown.

Decoders of this kind drop most of their queries without a word; here every drop has one. Paper section 3.5. This
module needs NumPy alone.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from fast3dis_core.config import InferenceConfig
from fast3dis_core.curation import Curated


@dataclass(frozen=True, kw_only=True)
class LedgerLine:
    """One query.

    Attributes
    ----------
    query : int
    name : str
        That of the instance it belongs to; "Query <number>" without one.
    objectness : float
        In the layer shown.
    points : int
        Of its instance, after the point filters; 0 without one.
    shown : bool
    reason : str
        Why it is not shown; for a merged query, under which one it is. Empty if it is shown by itself.
    """

    query: int
    name: str
    objectness: float
    points: int
    shown: bool
    reason: str


def query_ledger(
    curated: Curated, *, layer: int = -1, silent: Collection[int] = (), removed: Collection[int] = ()
) -> tuple[LedgerLine, ...]:
    """What became of every query, by number.

    Parameters
    ----------
    curated : Curated
    layer : int
        Decoder layer it was assembled from.
    silent : collection of int
        Queries that were muted, or prompts that were removed.
    removed : collection of int
        Those of them that were removed.
    """
    scores, floor = curated.reconstruction.objectness[layer], InferenceConfig.objectness_floor
    owners = {member: item for item in curated.instances for member in item.members}
    lines = []
    for query, score in enumerate(np.asarray(scores, float)):
        item = owners.get(query)
        if item is not None:
            reason = curated.reason(item)
            if query != item.query:
                reason = f"merged into {item.name}" + (f", {reason}" if reason else "")
            name, points, shown = item.name, len(item.pixels), item.verdict == "shown"
        else:
            name, points, shown = f"Query {query}", 0, False
            if query in silent:
                reason = "removed" if query in removed else "muted"
            elif score < floor:
                reason = f"objectness {score:.3f} < {floor:.2f}, the floor of assembly"
            else:
                reason = "empty mask: no pixel above the mask threshold"
        lines.append(
            LedgerLine(query=query, name=name, objectness=float(score), points=points, shown=shown, reason=reason)
        )
    return tuple(lines)


def capacity(curated: Curated, *, layer: int = -1, prompts: int = 0) -> tuple[int, int]:
    """Queries at or above the objectness threshold, and queries there are: at the limit, objects go without one.

    The last `prompts` queries are the user's own and do not count: they say nothing of the network.
    """
    every = curated.reconstruction.objectness[layer]
    scores = every[: len(every) - prompts]
    return int((scores >= curated.curation.objectness_threshold).sum()), len(scores)
