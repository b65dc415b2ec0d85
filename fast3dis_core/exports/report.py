"""Facts about a result as plain JSON values: per instance and in total. For people, tables and scripts."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fast3dis_core.errors import ExportError
from fast3dis_core.exports.atomic import atomic_file
from fast3dis_core.exports.labels import Labels
from fast3dis_core.exports.selection import chosen, frame_facts, writable_rows
from fast3dis_core.exports.similarity import Similarity, Transform
from fast3dis_core.reconstruction import Instance, Reconstruction


def describe(
    reconstruction: Reconstruction,
    threshold: float,
    *,
    queries: Collection[int] | None = None,
    labels: Labels | None = None,
    transform: Transform | None = None,
) -> dict[str, Any]:
    """Plain facts about the instances at or above the objectness `threshold`.

    Parameters
    ----------
    reconstruction : Reconstruction
    threshold : float
    queries : collection of int, optional
        Of the instances at the threshold only these.
    labels : Labels, optional
        If given, each instance also has its `name`, its `color` as a list of 3, and `merged`: the queries it was merged
        from by hand, none as a rule.
    transform : array (4, 4) or Similarity, optional
        From world to the frame of the positions.

    Returns
    -------
    dict
        `instances`: by falling objectness, each with `query`, `objectness`, `points`, `views` (indices),
        `anchor`, `centroid`, `box` (`min`, `max`; axis-aligned); positions are lists of 3, or None without
        points. Besides: `points` (`total`, `valid`, `claimed`, `contested`: by more than one instance),
        `views` (names), `filters`, `objectness_threshold`, `units`, `frame`, and `transform` if given.

    Raises
    ------
    ExportError
        If `transform` is no similarity.
    """
    similarity = Similarity.of(transform)
    instances = chosen(reconstruction, threshold, queries)
    claims = np.zeros(len(reconstruction.cloud.points), np.int32)
    for instance in instances:
        claims[writable_rows(reconstruction.cloud, instance.pixels)] += 1
    return {
        **frame_facts(reconstruction.units, similarity),
        "objectness_threshold": float(threshold),
        "views": list(reconstruction.names),
        "points": {
            "total": len(claims),
            "valid": len(writable_rows(reconstruction.cloud)),
            "claimed": int(np.count_nonzero(claims)),
            "contested": int(np.count_nonzero(claims > 1)),
        },
        "filters": [
            {
                "name": item.name,
                "setting": item.setting,
                "removed": item.removed,
                "total": item.total,
                "unit": item.unit,
            }
            for item in reconstruction.filters
        ],
        "instances": [_describe_instance(reconstruction, instance, similarity, labels) for instance in instances],
    }


def write_report(path: str | Path, facts: Mapping[str, Any], *, overwrite: bool = False) -> None:
    """Write facts as JSON: UTF-8, sorted keys, so that two runs can be compared line by line.

    Parameters
    ----------
    path : str or Path
        In an existing folder.
    facts : mapping
        Plain values, as `describe` gives them.
    overwrite : bool

    Raises
    ------
    ExportError
        If a number is not finite, the file exists and `overwrite` is false, or cannot be written.
    """
    where = _not_finite(facts, "facts")
    if where is not None:
        raise ExportError(f"{where} is not a finite number, which JSON cannot hold: leave it out or write null.")
    text = json.dumps(facts, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    with atomic_file(path, overwrite=overwrite) as file:
        # half of a surrogate pair, as undecodable file names have it, becomes its own JSON escape
        file.write(f"{text}\n".encode("utf-8", "backslashreplace"))


def _describe_instance(
    reconstruction: Reconstruction, instance: Instance, similarity: Similarity, labels: Labels | None
) -> dict[str, Any]:
    points = similarity.points(reconstruction.cloud.points[writable_rows(reconstruction.cloud, instance.pixels)])
    known = len(points) > 0
    given: dict[str, Any] = {}
    if labels is not None:
        merged = list(labels.members.get(instance.query, ()))
        given = {"name": labels.name(instance.query), "color": list(labels.color(instance.query)), "merged": merged}
    return {
        **given,
        "query": instance.query,
        "objectness": float(instance.objectness),
        "points": len(points),
        "views": reconstruction.views_seen(instance).tolist(),
        "anchor": similarity.points(instance.anchor[None])[0].tolist(),
        "centroid": points.mean(axis=0, dtype=np.float64).tolist() if known else None,
        "box": {"min": points.min(axis=0).tolist(), "max": points.max(axis=0).tolist()} if known else None,
    }


def _not_finite(value: Any, name: str) -> str | None:
    """Where the first number that is not finite stands; None if there is none."""
    if isinstance(value, float):
        return None if np.isfinite(value) else name
    items: list[tuple[str, Any]] = []
    if isinstance(value, Mapping):
        items = [(f"{name}.{key}", item) for key, item in value.items()]
    elif isinstance(value, list | tuple):
        items = [(f"{name}[{index}]", item) for index, item in enumerate(value)]
    return next((where for key, item in items if (where := _not_finite(item, key)) is not None), None)
