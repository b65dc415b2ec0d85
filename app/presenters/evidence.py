"""Where the selected query looked: its attention to bars, the places it read to crosshairs in the large photo."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import isfinite
from typing import Protocol

from app.actions import Actions
from app.session.session import Display, Session
from fast3dis_core.query_evidence import QueryEvidence, evidence_csv, query_evidence

TAB = "Evidence"  # of the inspector
LOOK_WORDS = {
    "visible": "in the open",
    "occluded": "hidden by a surface",
    "unknown": "where there is no depth",
    "outside": "outside the photo",
    "behind": "behind the camera",
    "muted": "in a muted view",
}
SHORT_WORDS = {
    "visible": "open",
    "occluded": "hidden",
    "unknown": "no depth",
    "outside": "outside",
    "behind": "behind",
    "muted": "muted",
}
Row = tuple[int, str, float, str, bool, str]  # view, name, share, words, whether it is a finding, whole words
Mark = tuple[float, float, str, bool]  # pixel x and y, words, whether it is the one that counts


class Panel(Protocol):
    """What this presenter needs of the panel."""

    def set_empty(self, text: str) -> None: ...
    def set_choices(self, layers: int, heads: int, layer: int, head: int) -> None: ...
    def set_evidence(self, title: str, finding: str, rows: Sequence[Row]) -> None: ...
    def set_current(self, view: int) -> None: ...


class Photo(Protocol):
    """What this presenter needs of the large photo."""

    def set_crosshairs(self, marks: Sequence[Mark]) -> None: ...


class EvidencePresenter:
    """Session to panel and photo, and back.

    Parameters
    ----------
    session, actions
    panel, photo
        See the protocols.
    copy : callable
        Puts a text on the clipboard.
    """

    def __init__(
        self, session: Session, actions: Actions, panel: Panel, photo: Photo, copy: Callable[[str], object]
    ) -> None:
        self._session, self._actions, self._panel, self._photo, self._copy = session, actions, panel, photo, copy
        self._told: tuple[object, ...] = ()
        self._known: QueryEvidence | None = None
        actions.bind("copy_evidence", self.copy, enabled=False)
        session.reconstruction_changed.connect(self._refresh)
        session.edits_changed.connect(self._refresh)
        session.inspection_changed.connect(self._refresh)
        session.display_changed.connect(self._refresh)
        self._refresh(None)

    def choose_layer(self, layer: int) -> None:
        """A layer from 1, or 0 for the mean of all."""
        self._session.show(replace(self._session.display, evidence_layer=layer))

    def choose_head(self, head: int) -> None:
        """A head from 1, or 0 for the mean of all."""
        self._session.show(replace(self._session.display, evidence_head=head))

    def choose_view(self, view: int) -> None:
        """A line was clicked."""
        self._session.show(replace(self._session.display, view=view))

    def copy(self) -> None:
        """Everything known of the query's attention, as CSV."""
        inspection, query = self._session.inspection, self._one()
        if inspection is not None and query is not None:
            self._copy(evidence_csv(inspection.reconstruction, inspection.evidence, [query]))
            self._session.message(f"Copied the attention of query {query}.")

    def _one(self) -> int | None:
        """The one selected query, None for none and for several."""
        chosen, inspection = self._session.display.selection, self._session.inspection
        if inspection is None or len(chosen) != 1:
            return None
        (query,) = chosen
        return query if query < inspection.evidence.weights.shape[1] else None

    def _refresh(self, _: object) -> None:
        display, inspection, query = self._session.display, self._session.inspection, self._one()
        self._actions.enable("copy_evidence", enabled=query is not None)
        if display.tab != TAB or inspection is None or query is None:
            self._known, self._told = None, ()
            self._photo.set_crosshairs(())
            if display.tab == TAB:
                self._panel.set_empty(self._why_empty(display))
            return
        layers, _, _, heads = inspection.evidence.weights.shape
        layer, head = min(display.evidence_layer, layers), min(display.evidence_head, heads)
        name = self._name(query)
        told = (inspection, query, layer, head, name)
        if told != self._told:
            self._told = told
            self._known = query_evidence(
                inspection.reconstruction,
                inspection.evidence,
                query,
                layer=layer or None,
                head=head - 1 if head else None,
            )
            self._panel.set_choices(layers, heads, layer, head)
            self._panel.set_evidence(name, _finding(self._known), _rows(self._known, inspection.reconstruction.names))
        self._panel.set_current(display.view)
        assert self._known is not None, "it was worked out just now or before"
        self._photo.set_crosshairs(_marks(self._known, display.view))

    def _why_empty(self, display: Display) -> str:
        origin = self._session.origin
        if self._session.reconstruction is None or origin is None or origin.masks != "there":
            return "Open a result with masks to see where its queries looked."
        if not origin.answers:
            return "This session was saved without features, so attention cannot be measured. Run its photos again."
        if self._session.inspection is None:
            return "Measuring …"
        return "Select one query to see where it looked." if len(display.selection) != 1 else "There is no such query."

    def _name(self, query: int) -> str:
        curated = self._session.curated
        item = None if curated is None else curated.find(query)
        return f"Query {query}" + ("" if item is None or item.name == f"Instance {query}" else f" · {item.name}")


def _finding(known: QueryEvidence) -> str:
    """What the attention adds up to."""
    left_out = sum(known.masses.get(look, 0.0) for look in ("outside", "behind", "muted"))
    return (
        f"{known.hidden:.1%} of its attention is on views where a surface hides the anchor, {known.nowhere:.1%} on no "
        f"view at all, {left_out:.1%} on views that do not show it: the decoder leaves those out."
    )


def _rows(known: QueryEvidence, names: Sequence[str]) -> list[Row]:
    rows = [(-1, "No view", known.nowhere, "seen by nobody", False, "Attention that falls on no view at all")]
    for view, name in enumerate(names):
        looks = Counter(str(look) for look in known.looks[:, view])
        words = whole = LOOK_WORDS[max(looks, key=lambda look: looks[look])]
        if len(looks) > 1:
            words = " · ".join(f"{count} {SHORT_WORDS[look]}" for look, count in looks.most_common())
            whole = ", ".join(f"{LOOK_WORDS[look]} in {count}" for look, count in looks.most_common()) + " layers"
        rows.append((view, f"{view + 1} · {name}", float(known.shares[view]), words, "occluded" in looks, whole))
    return rows


def _marks(known: QueryEvidence, view: int) -> list[Mark]:
    """Where the shown layers read in one photo; the last of them counts."""
    places = [(float(x), float(y)) for x, y in known.positions[:, view]]
    seen = [place for place in places if isfinite(place[0])]
    share = f"{float(known.shares[view]):.0%}"
    return [(x, y, share if n == len(seen) - 1 else "", n == len(seen) - 1) for n, (x, y) in enumerate(seen)]
