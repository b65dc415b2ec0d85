"""What a result is held against as a part of its session file, and back.

The other side is stored as it was made, since a clustering takes half a minute and the run before may be gone; its
lines and figures follow from both sides when the file is opened. How values look in the file is `stored`, the format is
the core's.
"""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from app.session.edits import Edits
from app.session.stored import from_plain, to_plain
from fast3dis_core.cost import Cost
from fast3dis_core.counterpart import Counterpart, Kind
from fast3dis_core.curation import Curation
from fast3dis_core.errors import SessionError
from fast3dis_core.reconstruction import Reconstruction

if TYPE_CHECKING:
    from fast3dis_core.session_files import SavedSession

ROWS = "rows"  # among the arrays of the other side


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What a counterpart says beside arrays and its curation; see `Counterpart`."""

    kind: Kind
    title: str
    follows: tuple[str, ...] = ()
    cost: Cost | None = None
    own_cost: Cost | None = None
    cost_words: str = ""
    apart: tuple[tuple[str, str, str], ...] = ()
    notes: tuple[str, ...] = ()


def saved_counterpart(counterpart: Counterpart) -> "SavedSession":
    """For `SavedSession.beside`."""
    from fast3dis_core.session_files import SavedSession

    told = _Told(**{field.name: getattr(counterpart, field.name) for field in fields(_Told)})
    edited = isinstance(counterpart.curation, Edits)
    return SavedSession(
        reconstruction=counterpart.reconstruction,
        origin={"counterpart": to_plain(told)},
        edits={"edits" if edited else "curation": to_plain(counterpart.curation)},
        features={} if counterpart.rows is None else {ROWS: counterpart.rows},
    )


def opened_counterpart(saved: "SavedSession", result: Reconstruction) -> Counterpart:
    """The counterpart of a result that `saved_counterpart` was given.

    Raises
    ------
    SessionError
        If the file does not say what it takes.
    """
    told = from_plain(_Told, saved.origin.get("counterpart", {}))
    rows = (saved.features or {}).get(ROWS)
    points, others = len(result.cloud.points), len(saved.reconstruction.cloud.points)
    if rows is None:
        fits = points == others
    else:
        fits = rows.dtype == "<i4" and rows.shape == (points,) and -1 <= rows.min(initial=0) <= rows.max(initial=0)
        fits = fits and rows.max(initial=-1) < others
    if not fits:
        raise SessionError(
            f"What the session's result is held against does not fit: expected rows of {others:,} points for "
            f"{points:,}. Save the session again in the program that wrote it, without a comparison."
        )
    return Counterpart(
        reconstruction=saved.reconstruction,
        rows=rows,
        curation=_curation(saved.edits),
        **{field.name: getattr(told, field.name) for field in fields(_Told)},
    )


def _curation(edits: Any) -> Curation:
    return from_plain(Edits, edits["edits"]) if "edits" in edits else from_plain(Curation, edits.get("curation", {}))
