"""Comparisons in words: what verdicts are called and mean, what both sides cost, and their lines as CSV."""

import csv
import io
from collections import Counter
from collections.abc import Mapping

from app.session.edits import Edits
from app.session.origin import Origin
from fast3dis_core.cost import Cost
from fast3dis_core.counterpart import Kind, Line, Precision, SideBySide, Verdict
from fast3dis_core.curation import Curation
from fast3dis_core.reconstruction import Reconstruction

PLAIN = "This result"
# of two results: what became of the instances of one in the other
RELATIONS: Mapping[str, tuple[str, str]] = {
    "same": ("Same", "An IoU of 0.95 or more."),
    "changed": ("Changed", "A pair, one to one, with an IoU of 0.50 or more."),
    "lost": ("Lost", "Only {first} has it."),
    "new": ("New", "Only {second} has it."),
    "split": ("Split", "One of {first} is several of {second}: at least half of each lies in it."),
    "merged": ("Merged", "At least half of one of {first} lies in one of {second} that has a partner already."),
}
# of a result beside the truth
MISTAKES: Mapping[str, tuple[str, str]] = {
    "correct": ("Correct", "Found this object with an IoU of 0.50 or more, the first to do so by its score."),
    "duplicate": ("Duplicate", "Its object was found already by an instance of a higher score."),
    "merge": ("Merge", "Covers at least half of two objects or more."),
    "split": ("Split", "Lies in one object, of which it is a part."),
    "inexact": ("Inexact", "At an object, but too far off: an IoU below 0.50."),
    "background": ("Background", "At no object."),
    "ignored": ("Ignored", "On a wall, a floor or a ceiling: neither right nor wrong."),
    "miss": ("Missed", "An object that no instance found."),
}
ORDER: tuple[Verdict, ...] = (
    "same", "changed", "correct", "split", "merged", "lost", "new", "duplicate", "merge", "inexact", "background",
    "miss", "ignored",
)  # fmt: skip
BEFORE: tuple[Kind, ...] = ("run",)  # kinds that were there before: what they have alone is lost


def word(verdict: Verdict, kind: Kind) -> str:
    """What a verdict is called."""
    return _table(kind)[verdict][0]


def meaning(verdict: Verdict, kind: Kind, title: str) -> str:
    """What a verdict means."""
    sides = (title, "this result") if kind in BEFORE else ("this result", title)
    return _table(kind)[verdict][1].format(first=sides[0], second=sides[1])


def summary(comparison: SideBySide) -> str:
    """Such as "14 pairs, mean IoU 0.72 · 3 lost · 2 new"; the counts are those of the lines."""
    kind = comparison.counterpart.kind
    counts = Counter(line.verdict for line in comparison.lines)
    mean = comparison.mean_iou
    parts = [f"Mean IoU of pairs {mean:.2f}"] if mean is not None else ["No pairs"]
    parts += [f"{counts[verdict]} {word(verdict, kind).lower()}" for verdict in ORDER if counts[verdict]]
    return " · ".join(parts)


def runs_apart(own: tuple[Origin, Reconstruction], other: tuple[Origin, Reconstruction]) -> list[tuple[str, str, str]]:
    """In what two runs differ: rows of a name and what it is for either."""
    rows = zip(_run(*own), _run(*other), strict=True)
    return [(name, ours, theirs) for (name, ours), (_, theirs) in rows if ours != theirs]


def _run(origin: Origin, result: Reconstruction) -> tuple[tuple[str, str], ...]:
    views, height, width = result.images.shape[:3]
    return (
        ("Model", origin.model),
        ("Weights", origin.weights or "as found"),
        ("Geometry", origin.geometry),
        ("Views", f"{views}"),
        ("Image", f"{width} × {height} px"),
    )


def filters_apart(one: Curation, other: Curation) -> list[tuple[str, str, str]]:
    """The same of thresholds."""
    rows = [
        ("Objectness over", f"{one.objectness_threshold:.2f}", f"{other.objectness_threshold:.2f}"),
        ("Smallest", f"{one.minimum_points:,} points", f"{other.minimum_points:,} points"),
    ]
    if isinstance(one, Edits) and isinstance(other, Edits):
        rows += [
            ("Mask over", f"{one.mask_threshold:.2f}", f"{other.mask_threshold:.2f}"),
            ("Moved anchors", f"{len(one.overrides)}", f"{len(other.overrides)}"),
            ("What-ifs", _some(one), _some(other)),
        ]
    return [row for row in rows if row[1] != row[2]]


def _some(edits: Edits) -> str:
    return "none" if edits.interventions.none else "some"


def figures(comparison: SideBySide) -> list[tuple[str, str, str]]:
    """Rows of a name and what it is for either side, titles first; of two results what differs in their making, too."""
    counterpart, (own, other) = comparison.counterpart, comparison.precision
    rows = [
        ("", PLAIN, counterpart.title),
        *counterpart.apart,
        *(filters_apart(comparison.first.curation, comparison.second.curation) if counterpart.kind == "run" else ()),
        ("Instances", f"{len(comparison.first.shown)}", f"{len(comparison.second.shown)}"),
    ]
    if counterpart.cost is not None or counterpart.own_cost is not None:
        rows.append(("Time", seconds_words(counterpart.own_cost), seconds_words(counterpart.cost)))
        rows.append(("Memory", memory_words(counterpart.own_cost), memory_words(counterpart.cost)))
    if own is not None or other is not None:
        rows += [
            (name, percent(own, field), percent(other, field))
            for name, field in (("AP25", "ap25"), ("AP50", "ap50"), ("AP", "ap"))
        ]
        first, second = (percent(side, "ap") for side in comparison.unfiltered)
        rows.append(("AP, no filters", first, second))
    return rows


def heading(cost: Cost | None, count: int) -> str:
    """Such as "31 instances · 28.4 s · 410 MB"."""
    parts = [f"{count} instance{'' if count == 1 else 's'}"]
    if cost is not None:
        parts += [seconds_words(cost)] + ([memory_words(cost)] if cost.memory is not None else [])
    return " · ".join(parts)


def seconds_words(cost: Cost | None) -> str:
    """Seconds with their unit."""
    if cost is None:
        return "–"
    return f"{cost.seconds:.2f} s" if cost.seconds < 10 else f"{cost.seconds:.1f} s"


def memory_words(cost: Cost | None) -> str:
    """By how much the program grew."""
    if cost is None or cost.memory is None:
        return "–"
    return f"{cost.memory / 1e9:.1f} GB" if cost.memory >= 1e9 else f"{cost.memory / 1e6:.0f} MB"


def percent(precision: Precision | None, field: str) -> str:
    """A figure of precision in percent."""
    value = None if precision is None else getattr(precision, field)
    return "–" if value is None else f"{100 * value:.1f} %"


def as_csv(comparison: SideBySide) -> str:
    """All lines; figures of both sides above them, as comments."""
    text = io.StringIO()
    for name, own, other in figures(comparison):
        text.write(f"# {name}: {own} | {other}\n" if name else f"# {own} | {other}\n")
    text.write(f"# {summary(comparison)}\n")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("verdict", "query", "name", "other query", "other name", "iou", "points", "other points"))
    for line in comparison.lines:
        names = name_of(comparison, line)
        writer.writerow(
            (
                line.verdict,
                "" if line.first is None else line.first,
                names[0],
                "" if line.second is None else line.second,
                names[1],
                f"{line.iou:.6f}",
                *line.points,
            )
        )
    return text.getvalue()


def name_of(comparison: SideBySide, line: Line) -> tuple[str, str]:
    """Names of both sides of a line, empty where there is nothing."""
    found = []
    for query, side in ((line.first, comparison.first), (line.second, comparison.second)):
        item = None if query is None else side.find(query)
        found.append("" if item is None else item.name)
    return found[0], found[1]


def _table(kind: Kind) -> Mapping[str, tuple[str, str]]:
    return MISTAKES if kind == "truth" else RELATIONS
