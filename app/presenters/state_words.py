"""What is open and in force, as short lines for a report: the scene, thresholds, filters, colors and edits.

Names that the user gave are counted, not told: a report is read by strangers.
"""

from collections import Counter
from collections.abc import Iterable

from app.presenters.export_words import counted
from app.session.edits import Edits
from app.session.session import Session
from fast3dis_core.curation import Curated
from fast3dis_core.interventions import Interventions

MOST = 12  # numbers named in one line

Row = tuple[str, object]


def scene_rows(session: Session) -> list[Row]:
    """The result on show; nothing before the first."""
    result, origin = session.reconstruction, session.origin
    if result is None or origin is None:
        return []
    views, height, width = result.images.shape[:3]
    saved = "no file" if origin.file is None else str(origin.file)
    return [
        (
            "result",
            f"{counted(views, 'view')} of {width} x {height}, {origin.geometry} geometry, {origin.seconds:.1f} s",
        ),
        ("model", ", ".join(filter(None, (origin.told_model, origin.model_status)))),
        ("masks", origin.masks + ("" if origin.answers else ", saved without features")),
        ("saved", saved + (", with unsaved changes" if session.modified else "")),
    ]


def rows_in_force(session: Session) -> list[Row]:
    """Thresholds, filters, colors and edits as they are now."""
    edits, display, curated = session.edits, session.display, session.curated
    edge = f"{100 * edits.depth_edge:g} %" if edits.depth_edge else "off"
    twins = f"{100 * edits.duplicate_overlap:g} %" if edits.duplicate_overlap else "off"
    rows: list[Row] = [
        ("thresholds", f"objectness {edits.objectness_threshold:.2f}, mask {edits.mask_threshold:.2f}"),
        (
            "filters",
            f"at least {counted(edits.minimum_points, 'point')}, least confident {edits.confidence_percentile:g} %, "
            f"depth edge {edge}, duplicates {twins}",
        ),
    ]
    if curated is not None:
        rows.append(("shown", _shown(curated)))
    of_its_own = f", {counted(len(edits.colors), 'color')} of the user's" if edits.colors else ""
    rows.append(("colors", f"{display.color_mode}, {display.palette} palette{of_its_own}"))
    layer = "last layer" if display.layer < 0 else f"layer {display.layer}"
    rows.append(("looked at", f"view {display.view}, {layer}, selected {_numbers(display.selection)}"))
    if display.isolated:
        rows.append(("isolated", _numbers(display.isolated)))
    return rows + _edits(edits) + _what_ifs(edits.interventions)


def _shown(curated: Curated) -> str:
    verdicts = Counter(item.verdict for item in curated.instances)
    dropped = ", ".join(f"{count} by {verdict}" for verdict, count in sorted(verdicts.items()) if verdict != "shown")
    kept, there = int(curated.keep.sum()), len(curated.keep)
    return (
        f"{verdicts['shown']} of {len(curated.instances)} instances{f' ({dropped})' if dropped else ''}, "
        f"{kept:,} of {there:,} points"
    )


def _edits(edits: Edits) -> list[Row]:
    moved = [item.query for item in edits.overrides if not item.pinned]
    pinned = [item.query for item in edits.overrides if item.pinned]
    rows: list[Row] = [
        (what, _numbers(queries))
        for what, queries in (("hidden", edits.hidden), ("moved anchors", moved), ("pinned anchors", pinned))
        if queries
    ]
    if edits.merged:
        rows.append(("merged", ", ".join("+".join(map(str, group)) for group in edits.merged[:MOST])))
    if edits.names:
        rows.append(("renamed", _numbers(edits.names)))
    if edits.scale is not None:
        rows.append(("scale", f"1 scene unit is {edits.scale:.4g} m"))
    return rows


def _what_ifs(now: Interventions) -> list[Row]:
    rows: list[Row] = [
        (what, _numbers(numbers))
        for what, numbers in (("muted queries", now.muted_queries), ("muted views", now.muted_views))
        if numbers
    ]
    rows += [("cut links", len(now.cut_links))] if now.cut_links else []
    rows += [] if now.self_attention else [("self-attention", "off")]
    rows += [("prompts", len(now.prompts))] if now.prompts else []
    return rows


def _numbers(queries: Iterable[int]) -> str:
    """Such as "3, 12, 40"; of many the first ones and how many there are."""
    numbers = sorted(queries)
    if not numbers:
        return "nothing"
    text = ", ".join(map(str, numbers[:MOST]))
    return text if len(numbers) <= MOST else f"{text} … ({len(numbers)})"
