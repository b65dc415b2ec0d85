"""What a user changed inside the decoder, as a log for files: moved anchors, new and removed queries, counterfactuals.

A result made with any of it is an experiment, and every file of it says so: as JSON values in the report, as lines in
headers. Evaluation never sees such a result: it computes its own. This module needs NumPy alone.
"""

from collections.abc import Sequence
from typing import Any

from fast3dis_core.interventions import Interventions
from fast3dis_core.reconstruction import AnchorOverride

Entry = dict[str, Any]


def edit_log(overrides: Sequence[AnchorOverride], interventions: Interventions, queries: int) -> tuple[Entry, ...]:
    """One JSON value per change, new queries first, then by kind.

    Parameters
    ----------
    overrides : sequence of AnchorOverride
    interventions : Interventions
    queries : int
        N of the result, prompts among them.

    Returns
    -------
    tuple of dict
        Each with `edit`: "new query", "removed query" (a prompt taken back), "moved anchor", "muted query", "muted
        view", "cut link" or "self-attention off"; and what belongs to it. Positions are of the world of view 0.
    """
    first = queries - len(interventions.prompts)
    log: list[Entry] = [
        {
            "edit": "removed query" if prompt.removed else "new query",
            "query": first + index,
            "position": list(prompt.position),
            "content": prompt.content,
            "pinned": prompt.pinned,
        }
        for index, prompt in enumerate(interventions.prompts)
    ]
    log += [
        {"edit": "moved anchor", "query": item.query, "position": list(item.position), "pinned": item.pinned}
        for item in sorted(overrides, key=lambda item: item.query)
    ]
    log += [{"edit": "muted query", "query": query} for query in sorted(interventions.muted_queries)]
    log += [{"edit": "muted view", "view": view} for view in sorted(interventions.muted_views)]
    log += [{"edit": "cut link", "query": one, "from": other} for one, other in sorted(interventions.cut_links)]
    if not interventions.self_attention:
        log.append({"edit": "self-attention off"})
    return tuple(log)


def edit_lines(log: Sequence[Entry]) -> tuple[str, ...]:
    """The log as ASCII lines for a header, such as "experiment: new query 80 at 0.1 0.2 1.5, content nearest"."""
    return tuple(f"experiment: {_words(entry)}" for entry in log)


def _words(entry: Entry) -> str:
    words = str(entry["edit"])
    words += "".join(f" {entry[name]}" for name in ("query", "view") if name in entry)
    if "from" in entry:
        words += f" from {entry['from']}"
    if "position" in entry:
        words += " at " + " ".join(f"{value:.6g}" for value in entry["position"])
    if "content" in entry:
        content = entry["content"]
        words += f", content {content}" if isinstance(content, str) else f", content of query {content}"
    return words + (", held through all layers" if entry.get("pinned") else "")
