"""Results of trainings that differ in their objective, side by side, and what they say about the paper's claims (4.5).

A training is told by the name of its evaluation folder: "full" for the whole objective, "no-regularizers" without
eq. 7 and 8, "fixed-overlap" and "low-overlap" for a static penalty. Names that end in "-seed" and a number are runs of
one training. A claim counts as confirmed only if every run on one side beats every run on the other.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fast3dis_core.evaluation.figures import FIGURES, table

FULL = "full"
SHOWN = ("ap25", "ap50", "ap", "hijack_rate", "double_claim_rate", "gap_rate_at_boundaries", "gap_rate_elsewhere")
# (training, figure that should be larger than with the whole objective, claim of the paper)
CLAIMS: tuple[tuple[str, str, str], ...] = (
    ("no-regularizers", "hijack_rate", "Without both regularizers queries hijack each other's objects"),
    ("no-regularizers", "switches_per_100_views", "Without both regularizers identities change between views"),
    ("fixed-overlap", "gap_rate_at_boundaries", "A high static overlap penalty leaves black gaps between objects"),
    ("low-overlap", "hijack_rate", "A low static overlap penalty does not end hijacking"),
)
_SEED = re.compile(r"-seed\d+$")


def ablation_text(results: Sequence[Mapping[str, Any]]) -> str:
    """Table of all trainings and a sentence for each claim.

    Parameters
    ----------
    results : sequence of mapping
        At least one, each of a run.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for result in sorted(results, key=lambda result: str(result["name"])):
        groups.setdefault(_SEED.sub("", result["name"]), []).append(result)
    rows = []
    for name, runs in sorted(groups.items(), key=lambda item: (item[0] != FULL, item[0])):
        provenance = runs[0]["model"]["provenance"] or {}
        rows.append(
            (name, str(len(runs)), f"{provenance.get('scenes_seen', 0):,}", *(_range(runs, figure) for figure in SHOWN))
        )
    header = ("training", "runs", "scenes seen", *(FIGURES[name].title for name in SHOWN))
    rooms = sorted({f"{len(run['scenes'])} {run['settings']['split']} rooms" for run in results})
    note = f"Mean over runs, lowest and highest in brackets; {', '.join(rooms)}."
    return "\n\n".join([note, table(header, rows), "\n".join(f"- {line}" for line in _findings(groups))])


def _findings(groups: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    lines = []
    for name, key, claim in CLAIMS:
        here, full = (_values(groups.get(group, ()), key) for group in (name, FULL))
        if not here or not full:
            lines.append(f"{claim}: not tested, since `{FULL if here else name}` was not evaluated.")
            continue
        verdict = "open, the runs overlap"
        if min(here) > max(full):
            verdict = "**confirmed**"
        elif max(here) < min(full):
            verdict = "**contradicted**"
        shown = [_range(groups[group], key) for group in (name, FULL)]
        lines.append(
            f"{claim}: {verdict}. {FIGURES[key].title}: {shown[0]} against {shown[1]} with the whole objective, "
            f"{len(here)} against {len(full)} runs."
        )
    return lines


def _values(runs: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    return [run["figures"][key] for run in runs if run["figures"].get(key) is not None]


def _range(runs: Sequence[Mapping[str, Any]], key: str) -> str:
    values, figure = _values(runs, key), FIGURES[key]
    if not values:
        return figure.show(None)
    mean = figure.show(sum(values) / len(values))
    return mean if len(values) == 1 else f"{mean} ({figure.show(min(values))} to {figure.show(max(values))})"
