"""Several results beside each other and beside the paper: one page of tables, one plot of curves. Paper table 1.

Everything comes from result files of `fast3dis evaluate`. Results of other scenes, another protocol or another data set
are not put into one table in silence: what differs is told first.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fast3dis_core.errors import DatasetError
from fast3dis_core.evaluation.charts import svg
from fast3dis_core.evaluation.figures import number, table
from fast3dis_core.evaluation.published import DATA_SETS, TABLE_1
from fast3dis_core.evaluation.report import curve_chart, hardware, has_views, method_title

_NAMES = ("ap25", "ap50", "ap")
CURVE = "0.50"  # IoU threshold of the curves


def comparison_text(results: Sequence[Mapping[str, Any]], *, curves: str = "") -> str:
    """Markdown page of several results.

    Parameters
    ----------
    results : sequence of mapping
        As `results.summarize` gives them.
    curves : str
        Name of the file of `comparison_svg` beside the page; empty for none.

    Raises
    ------
    DatasetError
        If there is none.
    """
    if not results:
        raise DatasetError("A comparison needs results of fast3dis evaluate, found none; give result-*.json files.")
    parts = [f"# {len(results)} results beside each other", *_differences(results)]
    parts += ["## Average precision", _note(results), _precision_table(results)]
    if curves:
        parts += [f"![Precision over recall at IoU {CURVE}]({curves})"]
    parts += ["## Beside the paper", _reported_note(results), _reported_table(results)]
    parts += ["## Time and memory", _time_table(results)]
    parts += ["## Scenes", _scene_text(results)]
    return "\n\n".join(parts) + "\n"


def comparison_svg(results: Sequence[Mapping[str, Any]]) -> str:
    """Precision over recall at IoU 0.50 of every result."""
    charts = []
    for key, title in (("surface", "3D surface"), ("multi_view", "All views together")):
        curves = [(label(result), (result.get("curves", {}).get(key) or {}).get(CURVE)) for result in results]
        known = [(name, curve) for name, curve in curves if curve]
        if known or key == "surface":
            charts.append(curve_chart(f"{title}, IoU {CURVE}", known))
    return svg(charts)


def label(result: Mapping[str, Any]) -> str:
    """Method of a result, with what it was told, and what was left out of it."""
    dropped = result.get("duplicate_overlap", 0.0)
    return _method(result) + (f", duplicates over IoU {dropped:g} dropped" if dropped else "")


def _method(result: Mapping[str, Any]) -> str:
    settings = result["settings"]
    if not has_views(result):
        return (
            f"{method_title(settings)} (true surface)" if settings["method"] != "imported" else method_title(settings)
        )
    return f"{method_title(settings)} ({settings['size']}, geometry {settings['geometry']})"


def _differences(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the results have in common, and a warning where they have not."""
    first = results[0]
    shared = set(first["scenes"]).intersection(*(set(result["scenes"]) for result in results[1:]))
    told = {
        "data set": {result["settings"]["dataset"] for result in results},
        "split": {result["settings"]["split"] for result in results},
        "protocol": {result["protocol"] for result in results},
        "scenes": {tuple(result["scenes"]) for result in results},
    }
    differing = [name for name, values in told.items() if len(values) > 1]
    parts = []
    if differing:
        counts = ", ".join(f"{label(result)} {len(result['scenes'])}" for result in results)
        parts.append(
            f"**These results differ in {' and '.join(differing)}: their numbers do not compare one to one.** Scenes: "
            f"{counts}; {len(shared)} are common to all."
        )
    else:
        settings = first["settings"]
        place = f"{DATA_SETS.get(settings['dataset'], settings['dataset'])} {settings['split']}".strip()
        parts.append(f"All of the same {len(shared)} scenes of {place}, protocol `{first['protocol']}`.")
    untrained = [label(result) for result in results if (result["model"] or {}).get("status", "trained") != "trained"]
    if untrained:
        parts.append(f"**Untrained weights: {', '.join(untrained)}.**")
    return parts


def _note(results: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "AP is the mean over IoU 0.50 to 0.90. In 3D all methods are scored on the same surface: methods on the true "
        "surface start from it, predictions of views are brought onto it. Over pixels of all views only methods with "
        "masks over views can be scored."
    ]
    for result in results:
        lost, scenes = result["alignment"].get("not_aligned", 0), len(result["scenes"])
        if lost:
            lines.append(f"{label(result)}: {lost} of {scenes} scenes could not be aligned and are left out in 3D.")
    return " ".join(lines)


def _precision_table(results: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for result in results:
        precision = result["average_precision"]
        cells = []
        for key in ("surface", "multi_view"):
            entry = precision.get(key)
            cells += [number(entry[name] if entry else None) for name in _NAMES]
            cells.append(str(entry["counts"]["targets"]) if entry and entry["counts"]["scenes"] else "–")
        rows.append((label(result), str(len(result["scenes"])), *cells))
    heads = [f"{place} {name}" for place in ("3D", "pixels") for name in ("AP25", "AP50", "AP", "targets")]
    return table(("", "scenes", *heads), rows)


def _reported_note(results: Sequence[Mapping[str, Any]]) -> str:
    there = {result["settings"]["dataset"] for result in results} & set(DATA_SETS)
    text = "Percent, class-agnostic AP in 3D. The paper's protocol is not told in full, so its numbers are quoted."
    return text if there else f"{text} They are of other scenes than those above."


def _reported_table(results: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for result in results:
        here, figures = result["settings"]["dataset"], result["figures"]
        if here not in DATA_SETS:
            continue
        values = [figures[f"surface_{name}"] for name in _NAMES]
        ours = ["–" if value is None else f"{100 * value:.1f}" for value in values]
        cells = [cell for name in DATA_SETS for cell in (ours if name == here else ["–"] * 3)]
        rows.append((f"**{label(result)}, measured here**", *cells))
    for method, told in TABLE_1.items():
        rows.append((f"{method} (reported)", *(f"{value:.1f}" for name in DATA_SETS for value in told[name])))
    return table(
        ("method", *(f"{title} {name}" for title in DATA_SETS.values() for name in ("AP25", "AP50", "AP"))), rows
    )


def _time_table(results: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for result in results:
        peaks = result["peak_memory_bytes"].values()
        cells = [_gigabytes([peak.get(name) for peak in peaks]) for name in ("machine", "device")]
        seconds = result["figures"]["seconds_per_scene"]
        told = "–" if seconds is None else f"{seconds:.2f}"
        rows.append((label(result), told, *cells, hardware(result)))
    return table(("", "seconds per scene, median", "peak memory, GB", "of the GPU, GB", "on"), rows)


def _scene_text(results: Sequence[Mapping[str, Any]]) -> str:
    scenes = dict.fromkeys(scene for result in results for scene in result["scenes"])
    rows = []
    for scene in scenes:
        values = [next((row for row in result["per_scene"] if row["scene"] == scene), None) for result in results]
        rows.append((scene, *(number(row["surface_ap50"] if row else None) for row in values)))
    heads = [label(result) for result in results]
    return "3D AP50 of every scene by itself.\n\n" + table(("scene", *heads), rows)


def _gigabytes(values: Sequence[int | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{max(known) / 1e9:.2f}" if known else "–"
