"""The result of an evaluation for people: one Markdown page from one result.

Everything here is in the result file already; this module only lays it out. The same result gives the same text.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fast3dis_core.evaluation.figures import MEASURED_BY_GOALS, OTHERS, Figure, table

SCENES_SHOWN = 10  # worst ones


def report_text(result: Mapping[str, Any]) -> str:
    """Markdown page of one result.

    Parameters
    ----------
    result : mapping
        As `scoring.summarize` gives it.
    """
    parts = [
        f"# {result['settings']['dataset']}, {result['settings']['split']}: {result['settings']['method']}",
        _what(result),
        "## Figures with goals and floors",
        goals_table([("reached", result["figures"])], marked=("reached",) if is_held_to_goals(result) else ()),
        _goals_note(result),
        "## Average precision",
        _precision_table(result),
        "## All other figures",
        others_table([("reached", result["figures"])]),
        "## Geometry and alignment",
        _alignment(result),
        "## Time and memory",
        time_table(result),
        "## Worst scenes by T-mIoU",
        _scene_table(result),
        "## Where it comes from",
        _origin(result),
    ]
    return "\n\n".join(parts) + "\n"


def goals_table(columns: Sequence[tuple[str, Mapping[str, float | None]]], *, marked: Sequence[str] = ()) -> str:
    """Figures with goal and floor, and one column of reached values for each result.

    Parameters
    ----------
    columns : sequence of (str, mapping)
        Heading, and figures by name.
    marked : sequence of str
        Headings of columns in which "✓" marks a value that reaches its goal, and "✗" one that misses its floor.
    """
    rows: list[tuple[str, ...]] = []
    for figure in MEASURED_BY_GOALS:
        cells = []
        for heading, figures in columns:
            value = figures.get(figure.name)
            cells.append(figure.show(value) + (_mark(figure, value) if heading in marked else ""))
        rows.append((figure.title, figure.show(figure.goal), _floor(figure), *cells))
    return table(("figure", "goal", "floor", *(heading for heading, _ in columns)), rows)


def others_table(columns: Sequence[tuple[str, Mapping[str, float | None]]]) -> str:
    """All other figures, one column for each result."""
    rows = [(figure.title, *(figure.show(figures.get(figure.name)) for _, figures in columns)) for figure in OTHERS]
    return table(("figure", *(heading for heading, _ in columns)), rows)


def time_table(result: Mapping[str, Any]) -> str:
    """Seconds and peak memory of every step."""
    rows = []
    for step in result["steps"]:
        seconds, peak = result["seconds"]["median_by_step"][step], result["peak_memory_bytes"].get(step, {})
        rows.append((step, f"{seconds:.3f}", _gigabytes(peak.get("machine")), _gigabytes(peak.get("device"))))
    return table(("step", "seconds per scene, median", "peak memory, GB", "of the GPU, GB"), rows)


def hardware(result: Mapping[str, Any]) -> str:
    """Devices of all runs that made the predictions."""
    return "; ".join(sorted({f"{run['device']}, {run['precision']}" for run in result["runs"]}))


def _what(result: Mapping[str, Any]) -> str:
    settings, counts = result["settings"], result["average_precision"]["multi_view"]["counts"]
    lines = [
        f"{len(result['scenes'])} scenes ({settings['data_version']}), {settings['views']} views of "
        f"{settings['width']} x {settings['height']} pixels, geometry {settings['geometry']}, size {settings['size']}, "
        f"protocol `{result['protocol']}`: {counts['targets']} targets of {result['min_region_size']} pixels or more "
        f"in all views, {counts['predictions']} predictions, {counts['predictions_kept']} of them large enough.",
    ]
    status = result["model"]["status"]
    if status != "trained":
        lines.append(f"**{status}**")
    if settings["method"] == "feature-clustering":
        lines.append(
            "Feature clustering of the mask features of this model: every mask has the score 1, so that AP is that of "
            f"one point on its curve. Settings: {_settings(settings['clustering'])}."
        )
    return "\n\n".join(lines)


def is_held_to_goals(result: Mapping[str, Any]) -> bool:
    """Whether goals and floors are meant for this result."""
    settings = result["settings"]
    return (settings["split"], settings["geometry"], result["protocol"]) == ("val", "predicted", "objects")


def _goals_note(result: Mapping[str, Any]) -> str:
    marks = "✓ reaches the goal, ✗ misses the floor" if is_held_to_goals(result) else "Here they are for orientation"
    return (
        "Goals and floors hold for the bundled model on the validation rooms with predicted geometry and the protocol "
        f"`objects`. {marks}. Scores are objectness times the mean probability of the pixels kept; predictions below "
        f"an objectness of {result['settings']['objectness_floor']:g} are left out."
    )


def _precision_table(result: Mapping[str, Any]) -> str:
    rows = []
    for key, title in (("multi_view", "multi-view"), ("per_view", "per view"), ("surface", "3D surface points")):
        entry = result["average_precision"][key]
        if entry is None:
            rows.append((title, *["–"] * 6))
            continue
        counts = entry["counts"]
        values = [_number(entry[name]) for name in ("ap25", "ap50", "ap", "ap_50_95_incl")]
        rows.append((title, *values, str(counts["targets"]), str(counts["predictions_kept"])))
    mean = result["mean_of_scenes"]
    values = [_number(mean[name]) for name in ("ap25", "ap50", "ap")]
    rows.append(("mean over scenes, which is not AP", *values, "–", "–", "–"))
    return table(("", "AP25", "AP50", "AP", "AP, 0.95 included", "targets", "predictions"), rows)


def _alignment(result: Mapping[str, Any]) -> str:
    told = result["alignment"]
    methods = ", ".join(f"{name} {count}" for name, count in told["methods"].items())
    rmse, angle = told["center_rmse_median"], told["rotation_degrees_median"]
    lines = [
        f"Worlds aligned by their cameras (similarity, no ICP): {methods}; {told['weak']} of them weak. Median "
        f"distance of camera centers {_number(rmse)} m, of orientations {_number(angle)}°. A point takes part if a "
        f"surface point lies within {told['max_distance']:g} m; votes are resolved by {told['resolve']}.",
    ]
    anchors = result["anchors"]
    if anchors["counted"]:
        lines.append(
            f"Anchors: {anchors['inside']} of {anchors['counted']} active matched queries have theirs inside their "
            f"object or within {anchors['reach']:g} m of it."
        )
    return "\n\n".join(lines)


def _scene_table(result: Mapping[str, Any]) -> str:
    rows = []
    ranked = sorted(result["per_scene"], key=lambda row: (row["t_miou"] is None, row["t_miou"] or 0.0, row["scene"]))
    for row in ranked[:SCENES_SHOWN]:
        values = [
            _number(row[name]) for name in ("t_miou", "ap50", "surface_ap50", "depth_abs_rel", "rotation_degrees")
        ]
        rows.append((row["scene"], str(row["targets"]), *values, f"{row['alignment']} ({row['alignment_quality']})"))
    return table(
        ("scene", "targets", "T-mIoU", "AP50 of it alone", "3D AP50", "abs-rel", "rotation, °", "alignment"), rows
    )


def _origin(result: Mapping[str, Any]) -> str:
    settings, model, runs = result["settings"], result["model"], result["runs"]
    provenance = model["provenance"] or {}
    commits = ", ".join(sorted({run["code_commit"][:12] or "unknown" for run in runs}))
    lines = [
        f"- weights: {model['weights']}"
        + (f", SHA-256 `{settings['weights']}`" if len(settings["weights"]) == 64 else ""),
        f"- heads: {model['heads']}" + (f", SHA-256 `{settings['heads']}`" if settings["heads"] else ""),
    ]
    if provenance:
        lines.append(
            f"- trained on {provenance['data_version'] or 'unknown data'}: {provenance['steps']:,} steps, "
            f"{provenance['scenes_seen']:,} scenes, code {provenance['code_commit'][:12] or 'unknown'}"
        )
    lines += [
        f"- predicted by code {commits} on {hardware(result)}",
        f"- scored by code {result['code_commit'][:12] or 'unknown'}, {result['finished']}",
        f"- settings, digest `{result['digest'][:16]}`: {_settings(settings)}",
    ]
    return "\n".join(lines)


def _mark(figure: Figure, value: float | None) -> str:
    return " ✓" if figure.reaches_goal(value) else " ✗" if figure.misses_floor(value) else ""


def _floor(figure: Figure) -> str:
    return "reported" if figure.floor is None else figure.show(figure.floor)


def _settings(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items() if value is not None and value != "")


def _gigabytes(value: int | None) -> str:
    return "–" if value is None else f"{value / 1e9:.2f}"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
