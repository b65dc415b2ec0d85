"""What the export dialog says: choices with their numbers, what a wish comes to, and what was written."""

from collections.abc import Mapping, Sequence

from app.exporter import FINDING_MODES, Order, Written
from app.session.edits import Edits
from app.session.export_wish import Scope
from app.session.origin import Origin
from app.session.plan import Plan
from app.session.session import Display, Session
from fast3dis_core.curation import Curated
from fast3dis_core.exports.outputs import Extent

Choices = tuple[tuple[str, str], ...]  # key and text of each
SEEN = {
    "instance": "of the instances",
    "photo": "of the photos",
    "bid": "best claim",
    "contested": "contested points and gaps",
    "difference": "changed points",
}
NO_CAMERAS = "Only with cameras that came with the photos, and a run that used them"


def scope_texts(counts: Mapping[Scope, int]) -> dict[Scope, str]:
    """Radio buttons with how many instances each is about."""
    words: tuple[tuple[Scope, str], ...] = (
        ("visible", "Visible instances"),
        ("selected", "Selected instances"),
        ("all", "All that pass the filters"),
    )
    return {scope: f"{text} ({counts[scope]})" for scope, text in words}


def color_choices(seen: str) -> Choices:
    """Colors of points; `seen` is the mode of the colors on screen if files can have them."""
    own = (("instance", "Of the instances"), ("photo", "Of the photos"))
    return (("screen", f"As on screen: {SEEN.get(seen, seen)}"), *own) if seen else own


def color_tip(display: Display, seen: str) -> str:
    """Why files cannot have the colors on screen, or what they are without."""
    if display.pair is not None:
        return "Two queries stand side by side, each with colors of its own: files cannot have both"
    if not seen:
        return "What the colors on screen show is still being worked out: files can have them then"
    return "The marks of a selection and of the pointer are left out" if seen in FINDING_MODES else ""


def frame_choices(origin: Origin, first: str) -> Choices:
    """Frames that the files can have; `first` is the name of the first photo."""
    view = (("view0", f"Camera of the first photo, {first}"),)
    return view if origin.world_to_folder is None else (*view, ("folder", "World of the photos' own cameras"))


def length_choices(units: str, edits: Edits) -> Choices:
    """Lengths that the files can have; `units` are those of the result."""
    plain = "Meters" if units == "m" else "Scene units"
    own = ("own", f"{plain} times a factor")
    if edits.scale is None:
        return (("shown", plain), own)
    if units == "m":  # of the model, which the user corrected
        return (("shown", f"Meters, as measured (× {edits.scale:.4g})"), ("scene", "Meters of the model"), own)
    return (("shown", f"Meters, as measured: {edits.scale:.4g} m per scene unit"), ("scene", plain), own)


def rest_tip(order: Order) -> str:
    """Why points of nobody can be written or not."""
    if order.wish.scope == "selected":
        return "Files of selected instances hold their points only"
    if order.wish.rest and not order.rest:
        return "While instances are isolated, their points alone are on show and written"
    return "In files of the whole scene"


def command_tip(missing: Sequence[str], plan: Plan | None) -> str:
    """What the copied command line comes to."""
    if plan is None:
        return "Only for a result of a run, not for one from a file"
    words = "The fast3dis call that writes the same files"
    return f"{words}, without {', '.join(missing)}" if missing else words


def other_side(session: Session) -> str:
    """What photos show instead of this result, and is not exported; empty while they show this result."""
    comparison = session.comparison
    return comparison.counterpart.title if comparison is not None and session.display.other_photos else ""


def preview_text(order: Order, extent: Extent, selected: int, other: str = "") -> str:
    """What will be written, and what will not.

    Parameters
    ----------
    order, extent
    selected : int
        How many queries are selected.
    other : str
        As of `other_side`.
    """
    parts = [
        counted(extent.instances, "instance"),
        counted(extent.points, "point"),
        counted(extent.files, "file"),
        f"about {bytes_text(extent.bytes)}",
    ]
    missing = left_out(order.curated, order, selected)
    lines = [" · ".join(parts), *([f"Left out: {' · '.join(missing)}."] if missing else [])]
    return "\n".join([*([f"Of this result, not of what the photos show: {other}."] if other else []), *lines])


def left_out(curated: Curated, order: Order, selected: int) -> list[str]:
    """What the scope and the filters keep from being written."""
    if order.wish.scope == "selected":
        short = selected - len(order.queries)
        return [f"{short} of {selected} selected queries, which do not pass the filters"] if short else []
    found = []
    if order.wish.scope == "visible":
        hidden = sum(item.verdict == "hidden" for item in curated.instances)
        aside = len(curated.shown) - len(order.queries)
        found += [f"{hidden} hidden by hand"] if hidden else []
        found += [f"{aside} outside the isolation"] if aside else []
    queries = curated.queries
    whole = sum(queries.values())
    dropped = whole - queries["shown"] - queries["hidden"]
    return found + ([f"{dropped} of {whole} queries, which do not pass the filters"] if dropped else [])


def schedule_of(extent: Extent | None) -> tuple[tuple[str, float], ...]:
    """Steps of writing with their shares."""
    return () if extent is None else extent.steps


def written_text(written: Written) -> str:
    """Such as "Wrote 14 files, 23 MB"."""
    return f"Wrote {counted(written.files, 'file')}, {bytes_text(written.bytes)}"


def counted(count: int, word: str) -> str:
    """Such as "1 file" or "1,200 files"."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def bytes_text(count: float) -> str:
    """Such as "930 B", "8.4 MB" or "23 MB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5 or unit == "GB":
            break
        count /= 1000
    return f"{count:.1f} {unit}" if count < 9.95 and unit != "B" else f"{count:,.0f} {unit}"
