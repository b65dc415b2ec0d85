"""The result of an evaluation for people: one Markdown page from one result.

Everything here is in the result file already; this module only lays it out, beside what the paper reports. The same
result gives the same text. `page` makes HTML of it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from fast3dis_core.evaluation.charts import COLORS, Axis, Chart, Marker, Series, svg
from fast3dis_core.evaluation.figures import MEASURED_BY_GOALS, OTHERS, Figure, number, table
from fast3dis_core.evaluation.published import DATA_SETS, TABLE_1
from fast3dis_core.evaluation.repeats import told as duplicates_told

TITLES: Mapping[str, str] = {
    "fast3dis": "FAST3DIS",
    "feature-clustering": "Feature clustering",
    "geometry-hdbscan": "HDBSCAN",
    "felzenszwalb": "Felzenszwalb",
    "imported": "Imported",
}
_MEASURES = (
    ("multi_view", "multi-view, pixels"),
    ("per_view", "per view, pixels"),
    ("surface", "3D surface"),
    ("surface_coarse", "3D surface, points up to 0.10 m away"),
    ("surface_visible", "3D surface, unseen points void"),
    ("surface_bound", "bound: perfect masks on what the views show"),
)


def report_text(
    result: Mapping[str, Any], *, curves: str = "", pictures: Mapping[str, Sequence[str]] | None = None
) -> str:
    """Markdown page of one result.

    Parameters
    ----------
    result : mapping
        As `results.summarize` gives it.
    curves : str
        Name of the file of `curves_svg` beside the page; empty for none.
    pictures : mapping of str to sequence of str, optional
        Names of sheets beside the page, with the scenes on each.
    """
    settings = result["settings"]
    parts = [f"# {_place(settings)}: {method_title(settings)}", _what(result)]
    if settings["method"] == "fast3dis" and settings["dataset"] == "procedural-rooms":
        marked = ("reached",) if is_held_to_goals(result) else ()
        parts += ["## Figures with goals and floors", goals_table([("reached", result["figures"])], marked=marked)]
        parts += [_goals_note(result)]
    parts += ["## Average precision", _precision_table(result), _precision_note(result)]
    if curves:
        parts += [f"![Precision over recall]({curves})"]
    parts += ["## Beside the paper", *_beside_the_paper(result)]
    if has_views(result):
        parts += ["## All other figures", others_table([("reached", result["figures"])])]
    parts += ["## Geometry and alignment", _alignment(result), "## Time and memory", time_table(result)]
    for name, scenes in (pictures or {}).items():
        parts += ["## Worst and best scenes", f"From the top: {', '.join(scenes)}. Rows: photo, truth, prediction."]
        parts += [f"![Photo, truth and prediction of {len(scenes)} scenes]({name})"]
    parts += [f"## Scenes, worst {_RANKS[ranked_by(result)]} first", _scene_table(result)]
    parts += ["## Where it comes from", _origin(result)]
    return "\n\n".join(parts) + "\n"


def has_views(result: Mapping[str, Any]) -> bool:
    """Whether masks are over pixels of views."""
    return result["settings"]["method"] in ("fast3dis", "feature-clustering")


def ranked_by(result: Mapping[str, Any]) -> str:
    """Name of the figure that tells worse scenes from better ones."""
    seen = any(row.get("t_miou") is not None for row in result["per_scene"])
    return "t_miou" if seen else "surface_ap50"


def method_title(settings: Mapping[str, Any]) -> str:
    """Method as a table says it."""
    if settings["method"] == "imported":
        return f"{settings['surface']['system']}, imported"
    return TITLES.get(settings["method"], settings["method"])


def curves_svg(result: Mapping[str, Any]) -> str:
    """Precision over recall at IoU 0.25, 0.50 and 0.75."""
    charts = []
    for key, title in (("multi_view", "All views together"), ("surface", "3D surface")):
        found = result.get("curves", {}).get(key) or {}
        if found or key == "surface":
            charts.append(curve_chart(title, [(f"IoU {iou}", curve) for iou, curve in found.items()]))
    return svg(charts)


def curve_chart(title: str, curves: Sequence[tuple[str, Mapping[str, Sequence[float]]]]) -> Chart:
    """Precision over recall, one line each; with few points also markers."""
    series: list[Series] = []
    for place, (name, curve) in enumerate(curves):
        marker: Marker = _MARKERS[place % len(_MARKERS)] if len(curve["recall"]) <= _FEW else "none"
        lines = sum(entry.marker == "none" for entry in series)  # so far, without markers to tell them apart
        series.append(
            Series(
                name=name,
                x=curve["recall"],
                y=curve["precision"],
                color=COLORS[place % len(COLORS)],
                marker=marker,
                dashed=marker == "none" and lines % 3 == 1,
                dotted=marker == "none" and lines % 3 == 2,
            )
        )
    x, y = (Axis(label=label, low=0.0, high=1.0) for label in ("recall", "precision"))
    return Chart(title=title, x=x, y=y, series=series)


_MARKERS: tuple[Marker, ...] = ("circle", "square", "triangle", "diamond")
_FEW = 12  # points of a curve that are marked
_RANKS = {"t_miou": "T-mIoU", "surface_ap50": "3D AP50"}


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


def _place(settings: Mapping[str, Any]) -> str:
    split = f", {settings['split']}" if settings["split"] else ""
    return f"{DATA_SETS.get(settings['dataset'], settings['dataset'])}{split}"


def _what(result: Mapping[str, Any]) -> str:
    settings = result["settings"]
    measured = "multi_view" if has_views(result) else "surface"
    counted = result["average_precision"][measured]
    counts = counted["counts"] if counted else {"targets": 0, "predictions": 0, "predictions_kept": 0}
    unit = "pixels or more in all views" if measured == "multi_view" else "points or more of the surface"
    lines = [
        f"{_scenes(result)}{_seen(settings)}, "
        f"protocol `{result['protocol']}`: {counts['targets']} targets of {result['min_region_size']} "
        f"{unit}, {counts['predictions']} predictions, {counts['predictions_kept']} of them large enough.",
    ]
    dropped = duplicates_told(result.get("duplicate_overlap", 0.0))
    if dropped:
        lines.append(f"**{dropped}**")
    status = (result["model"] or {}).get("status", "trained")
    if status != "trained":
        lines.append(f"**{status}**")
    if settings["method"] == "feature-clustering":
        lines.append(
            "Feature clustering of the mask features of this model: every mask has the score 1, so that AP is that of "
            f"one point on its curve. Settings: {_settings(settings['clustering'])}."
        )
    elif settings["method"] != "fast3dis":
        begins = (
            "Read from the files of another system."
            if settings["method"] == "imported"
            else "Starts from the true surface itself, as in the paper: no photo and no network is involved."
        )
        lines.append(f"{begins} Settings: {_settings(settings['surface'])}.")
    return "\n\n".join(lines)


def _scenes(result: Mapping[str, Any]) -> str:
    count, version = len(result["scenes"]), result["settings"]["data_version"]
    return f"{count} scene{'' if count == 1 else 's'}" + (f" ({version})" if version else "")


def _seen(settings: Mapping[str, Any]) -> str:
    if settings["method"] not in ("fast3dis", "feature-clustering"):
        return ""
    size = (
        f"{settings['width']} x {settings['height']} pixels"
        if settings["width"]
        else f"a long edge of {settings['resolution']} pixels"
    )
    count = f"{settings['views']} views" if settings["width"] else f"up to {settings['views']} views"
    return f", {count} of {size}, geometry {settings['geometry']}, size {settings['size']}"


def is_held_to_goals(result: Mapping[str, Any]) -> bool:
    """Whether goals and floors are meant for this result."""
    settings = result["settings"]
    if result.get("duplicate_overlap"):
        return False
    held = (settings["dataset"], settings["split"], settings["geometry"], result["protocol"])
    return held == ("procedural-rooms", "val", "predicted", "objects")


def _goals_note(result: Mapping[str, Any]) -> str:
    marks = "✓ reaches the goal, ✗ misses the floor" if is_held_to_goals(result) else "Here they are for orientation"
    return (
        "Goals and floors hold for the bundled model on the validation rooms with predicted geometry and the protocol "
        f"`objects`. {marks}. Scores are objectness times the mean probability of the pixels kept; predictions below "
        f"an objectness of {result['settings']['objectness_floor']:g} are left out."
    )


def _precision_table(result: Mapping[str, Any]) -> str:
    rows = []
    for key, title in _MEASURES:
        entry = result["average_precision"].get(key)
        if entry is None or (not entry["counts"]["scenes"] and key in ("multi_view", "per_view")):
            continue
        counts = entry["counts"]
        values = [number(entry[name]) for name in ("ap25", "ap50", "ap", "ap_50_95_incl")]
        rows.append((title, *values, str(counts["targets"]), str(counts["predictions_kept"])))
    mean = result["mean_of_scenes"]
    for start, title in (("", "pixels"), ("surface_", "3D")):
        values = [number(mean.get(f"{start}{name}")) for name in ("ap25", "ap50", "ap")]
        if any(value != "–" for value in values):
            rows.append((f"mean over scenes, {title}, which is not AP", *values, "–", "–", "–"))
    return table(("", "AP25", "AP50", "AP", "AP, 0.95 included", "targets", "predictions"), rows)


def _precision_note(result: Mapping[str, Any]) -> str:
    told = (
        "AP is the mean over IoU 0.50 to 0.90 as the benchmark's script has it. Predictions of all scenes are pooled "
        "before they are ranked."
    )
    lost = result["alignment"].get("not_aligned", 0)
    if lost:
        told += f" **{lost} of {len(result['scenes'])} scenes could not be aligned and are left out in 3D.**"
    return told


def _beside_the_paper(result: Mapping[str, Any]) -> list[str]:
    settings, figures = result["settings"], result["figures"]
    rows = [
        (f"{method} (reported)", *(f"{value:.1f}" for name in DATA_SETS for value in values[name]))
        for method, values in TABLE_1.items()
    ]
    here = [figures[f"surface_{name}"] for name in ("ap25", "ap50", "ap")]
    ours = ["–" if value is None else f"{100 * value:.1f}" for value in here]
    known = settings["dataset"] in DATA_SETS
    if known:
        cells = [cell for name in DATA_SETS for cell in (ours if name == settings["dataset"] else ["–"] * 3)]
        rows.insert(0, (f"**{method_title(settings)}, measured here**", *cells))
    note = (
        "Table 1 of the paper, percent, class-agnostic AP in 3D. Its protocol is not told in full (classes, scores, "
        "ICP, cut-off), so the numbers are quoted, not goals."
    )
    if not known:
        note += f" They are of other scenes: in 3D this run reaches {' / '.join(ours)} on {_place(settings)}."
    heads = [f"{title} {name}" for title in DATA_SETS.values() for name in ("AP25", "AP50", "AP")]
    return [note, table(("method", *heads), rows)]


def _alignment(result: Mapping[str, Any]) -> str:
    told = result["alignment"]
    lines = []
    if told["methods"]:
        methods = ", ".join(f"{name} {count}" for name, count in told["methods"].items())
        rmse, angle = told["center_rmse_median"], told["rotation_degrees_median"]
        lines.append(
            f"Worlds aligned by their cameras (similarity): {methods}; {told['weak']} of them weak. Median distance of "
            f"camera centers {number(rmse)} m, of orientations {number(angle)}°. A point takes part if a surface "
            f"point lies within {told['max_distance']:g} m; votes are resolved by {told['resolve']}."
        )
        lines.append(_icp(told))
    else:
        lines.append("Nothing had to be aligned.")
    anchors = result["anchors"]
    if anchors["counted"]:
        lines.append(
            f"Anchors: {anchors['inside']} of {anchors['counted']} active matched queries have theirs inside their "
            f"object or within {anchors['reach']:g} m of it."
        )
    return "\n\n".join(lines)


def _icp(told: Mapping[str, Any]) -> str:
    if told["icp"] == "none" or not told.get("icp_refined"):
        return "No ICP."
    return (
        f"ICP ({told['icp']}, rigid) was accepted in {told['icp_accepted']} of {told['icp_refined']} scenes: median "
        f"share of points within 0.05 m {number(told['inlier_fraction_before_median'])} before, "
        f"{number(told['inlier_fraction_after_median'])} after; their distance "
        f"{number(told['rmse_before_median'])} m before, {number(told['rmse_after_median'])} m after."
    )


def _scene_table(result: Mapping[str, Any]) -> str:
    key = ranked_by(result)
    ranked = sorted(result["per_scene"], key=lambda row: (row[key] is None, row[key] or 0.0, row["scene"]))
    if not has_views(result):
        rows = []
        for row in ranked:
            values = [number(row[name]) for name in ("surface_ap25", "surface_ap50", "surface_ap")]
            seconds = f"{sum(row['seconds'].values()):.2f}"
            rows.append((row["scene"], str(row["targets"]), str(row["predictions"]), *values, _aligned(row), seconds))
        heads = ("scene", "targets", "predictions", "3D AP25 of it alone", "3D AP50", "3D AP", "alignment", "seconds")
        return table(heads, rows)
    rows = []
    for row in ranked:
        values = [number(row[name]) for name in ("t_miou", "ap50", "surface_ap50", "depth_abs_rel", "rotation_degrees")]
        inliers = number(row.get("more", {}).get("inlier_fraction_after"))
        rows.append((row["scene"], str(row["targets"]), *values, _aligned(row), inliers))
    heads = ("scene", "targets", "T-mIoU", "AP50 of it alone", "3D AP50", "abs-rel", "rotation, °", "alignment")
    return table((*heads, "inliers after ICP"), rows)


def _aligned(row: Mapping[str, Any]) -> str:
    return f"{row['alignment']} ({row['alignment_quality']})" if row["alignment"] else "–"


def _origin(result: Mapping[str, Any]) -> str:
    settings, model, runs = result["settings"], result["model"], result["runs"]
    commits = ", ".join(sorted({run["code_commit"][:12] or "unknown" for run in runs}))
    lines = []
    if model:
        provenance = model["provenance"] or {}
        lines += [
            f"- weights: {model['weights']}"
            + (f", SHA-256 `{settings['weights']}`" if len(settings["weights"]) == 64 else ""),
            f"- heads: {model['heads']}" + (f", SHA-256 `{settings['heads']}`" if settings["heads"] else ""),
        ]
        if provenance:
            lines.append(
                f"- trained on {provenance['data_version'] or 'unknown data'}: {provenance['steps']:,} steps, "
                f"{provenance['scenes_seen']:,} scenes, code {provenance['code_commit'][:12] or 'unknown'}"
            )
    notes = dict.fromkeys(note for row in result["per_scene"] for note in row.get("more", {}).get("notes", ()))
    lines += [f"- {note}" for note in notes]
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
