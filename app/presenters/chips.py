"""The chips above the viewport: what is filtered, hidden, isolated, thinned or doubtful, and how to take it back."""

from dataclasses import replace

from app.session.edits import Edits
from app.session.session import Origin, Session
from fast3dis_core.config import InferenceConfig
from fast3dis_core.curation import Curated
from fast3dis_core.interventions import NO_INTERVENTIONS, Interventions
from fast3dis_core.ledger import capacity

Chip = tuple[str, str, str, bool]  # key, text, tone ("normal", "warning" or "quiet"), removable

GEOMETRY_WORDS = {"posed": "Cameras from the folder", "given": "Cameras and depth from the folder"}
LEFT_OUT = "Left out "  # begins the notes of photos that could not be read
MASK_WORDS = {
    "coming": "Masks are on their way",
    "stopped": "Geometry only: the run ended before its masks",
    "missing": "Geometry only: this model has no trained heads",
}
# what the × of a filter's chip and "off" mean
FILTERS_OFF: dict[str, float] = {
    "objectness_threshold": InferenceConfig.objectness_floor,
    "minimum_points": 0,
    "duplicate_overlap": 0.0,
    "confidence_percentile": 0.0,
    "depth_edge": 0.0,
    "mask_threshold": InferenceConfig.mask_threshold,
}
UNDO_WORDS = {
    "objectness_threshold": "Remove the objectness filter",
    "minimum_points": "Remove the size filter",
    "duplicate_overlap": "Show duplicates",
    "confidence_percentile": "Remove the confidence filter",
    "depth_edge": "Remove the depth-edge filter",
    "mask_threshold": "Reset the mask threshold",
}


def chips(session: Session, drawn_points: tuple[int, int]) -> list[Chip]:
    """What there is to say now; nothing before the first result.

    Parameters
    ----------
    session : Session
    drawn_points : (int, int)
        Points drawn, and points there are.
    """
    curated, origin, display = session.curated, session.origin, session.display
    if curated is None or origin is None:
        return []
    found = _of_the_run(origin) + _of_experiments(session.edits)  # where there is little room, these are seen first
    if origin.masks == "there":
        found += _of_filters(curated, len(session.edits.interventions.prompts))
        if session.edits.mask_threshold != InferenceConfig.mask_threshold:
            found.append(("mask_threshold", f"Mask probability > {session.edits.mask_threshold:.2f}", "normal", True))
    if display.pair is not None:
        names = " and ".join(_name(curated, query) for query in display.pair)
        found.insert(0, ("pair", f"Side by side: {names}", "normal", True))
    if display.isolated:
        names = ", ".join(_name(curated, query) for query in sorted(display.isolated))
        found.append(("isolated", f"Isolated: {names}", "normal", True))
    if session.edits.scale is not None:
        unit = "modeled meter" if curated.reconstruction.is_metric else "scene unit"
        found.append(("scale", f"1 {unit} is {session.edits.scale:.3g} m", "normal", True))
    drawn, total = drawn_points
    if drawn < total:
        found.append(("points", f"{drawn:,} of {total:,} points drawn", "normal", False))
    notes = (note for note in origin.notes if not note.startswith(LEFT_OUT))
    found.extend((f"note{number}", note, "normal", False) for number, note in enumerate(notes))
    return found


def dismiss_chip(session: Session, key: str) -> None:
    """Take back what a chip says."""
    edits = session.edits
    if key in FILTERS_OFF:
        session.edit(UNDO_WORDS[key], replace(edits, **{key: FILTERS_OFF[key]}))  # type: ignore[arg-type]
    elif key == "hidden":
        session.edit("Show all instances", replace(edits, hidden=frozenset()))
    elif key == "scale":
        session.edit("Forget the true length", replace(edits, scale=None))
    elif key == "what_if":
        kept = replace(NO_INTERVENTIONS, prompts=edits.interventions.prompts)
        session.edit("Take all what-ifs back", replace(edits, interventions=kept))
    elif key == "prompts":
        gone = tuple(replace(prompt, removed=True) for prompt in edits.interventions.prompts)
        session.edit("Remove all new queries", replace(edits, interventions=replace(edits.interventions, prompts=gone)))
    elif key == "moved":
        session.edit("Reset all anchors", replace(edits, overrides=()))
    elif key == "pair":
        session.show(replace(session.display, pair=None))
    elif key == "isolated":
        session.show(replace(session.display, isolated=frozenset()))


def _of_the_run(origin: Origin) -> list[Chip]:
    found: list[Chip] = []
    if origin.masks in MASK_WORDS:
        found.append(("masks", MASK_WORDS[origin.masks], "normal" if origin.masks == "coming" else "warning", False))
    if origin.model_status and origin.masks != "missing":
        found.append(("status", origin.model_status, "warning" if origin.untrained else "quiet", False))
    if not origin.answers:
        found.append(("view_only", "View only: the session was saved without features", "normal", False))
    missing = [note.removeprefix(LEFT_OUT) for note in origin.notes if note.startswith(LEFT_OUT)]
    if missing:  # one line, however many: the others would be folded away behind it
        names = ", ".join(note.partition(": ")[0] for note in missing)
        text = f"Left out {missing[0]}" if len(missing) == 1 else f"{len(missing)} photos left out: {names}"
        found.append(("left_out", text, "warning", False))
    if origin.geometry in GEOMETRY_WORDS:
        found.append(("geometry", GEOMETRY_WORDS[origin.geometry], "normal", False))
    return found


def _of_experiments(edits: Edits) -> list[Chip]:
    """What makes this another result than the network's own."""
    found = _of_what_ifs(edits.interventions)
    own = sum(not prompt.removed for prompt in edits.interventions.prompts)
    if own:
        found.append(("prompts", f"Experiment: {own} new {'query' if own == 1 else 'queries'}", "warning", True))
    moved = len(edits.overrides)
    if moved:
        found.append(("moved", f"{moved} {'anchor' if moved == 1 else 'anchors'} moved by hand", "normal", True))
    return found


def _of_what_ifs(now: Interventions) -> list[Chip]:
    """One chip for everything that is taken out of the decoder: the result is an experiment."""
    parts = [
        f"{len(what)} {word}{'' if len(what) == 1 else 's'} {done}"
        for what, word, done in (
            (now.muted_queries, "query", "muted"),
            (now.muted_views, "view", "muted"),
            (now.cut_links, "link", "cut"),
        )
        if what
    ]
    parts = [part.replace("querys", "queries") for part in parts]
    parts += [] if now.self_attention else ["no self-attention"]
    return [("what_if", "What if: " + ", ".join(parts), "warning", True)] if parts else []


def _of_filters(curated: Curated, prompts: int) -> list[Chip]:
    """How much is shown, and one chip for every filter that drops anything."""
    wishes, queries, points = curated.curation, curated.queries, curated.dropped_points
    shown, total = queries["shown"], sum(queries.values())
    found: list[Chip] = [("queries", f"{shown} of {total} queries shown", "quiet", False)]
    used, there = capacity(curated, prompts=prompts)
    if used == there and there:
        found.append(("capacity", f"All {there} queries used: objects may be missing", "warning", False))
    for key, count, text in (
        ("hidden", queries["hidden"], "hidden"),
        ("objectness_threshold", queries["objectness"], f"below objectness {wishes.objectness_threshold:.2f}"),
        ("minimum_points", queries["size"] if wishes.minimum_points else 0, f"under {wishes.minimum_points:,} points"),
        ("duplicate_overlap", queries["duplicate"], "duplicate" if queries["duplicate"] == 1 else "duplicates"),
    ):
        if count:
            found.append((key, f"{count} {text}", "normal", True))
    for key, text in (
        ("confidence_percentile", f"{wishes.confidence_percentile:g} % least confident left out"),
        ("depth_edge", f"Flying pixels over {100 * wishes.depth_edge:g} % left out"),
    ):
        if points[key]:
            found.append((key, text, "normal", True))
    return found


def _name(curated: Curated, query: int) -> str:
    item = curated.find(query)
    return item.name if item is not None else f"Instance {query}"
