"""What if: counterfactuals inside the decoder as edits, and what they came to as a table.

A query, a view or a link of the self-attention is taken out, and everything after the pixel decoder runs again. What
of it the backbone had seen before stays seen, and the panel says so. The difference is asked for by `app.probe`.
"""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, cast

from app.actions import Actions
from app.probe import WHAT_IF
from app.session.display import Reference
from app.session.session import Difference, Session
from fast3dis_core.difference import GAINED, LOST, PASSED, QueryChange, changes_csv
from fast3dis_core.interventions import NO_INTERVENTIONS, Interventions
from fast3dis_core.reconstruction import Reconstruction

SEEN_BEFORE = (
    "A muted view is only muted in the decoder: the backbone saw it, and its features of the other views know it."
)
Chip = tuple[str, str, str, bool]


class Panel(Protocol):
    """What this presenter needs of the panel."""

    def set_empty(self, text: str) -> None: ...
    def set_choices(
        self, query: tuple[str, bool], links: Sequence[tuple[str, bool]], view: tuple[str, bool], *, attention: bool
    ) -> None: ...
    def set_forced(self, chips: Sequence[Chip], note: str) -> None: ...
    def set_reference(self, reference: str, *, colored: bool) -> None: ...
    def set_changes(self, summary: str, rows: Sequence[tuple[Any, ...]]) -> None: ...
    def set_selection(self, queries: frozenset[int]) -> None: ...


class WhatIfPresenter:
    """Session to panel, and back.

    Parameters
    ----------
    session, actions
    panel : Panel
    copy : callable
        Puts a text on the clipboard.
    """

    def __init__(self, session: Session, actions: Actions, panel: Panel, copy: Callable[[str], object]) -> None:
        self._session, self._actions, self._panel, self._copy = session, actions, panel, copy
        self._color_before = session.display.color_mode
        for name, handler in (
            ("mute_query", self.mute_queries),
            ("mute_view", self.mute_view),
            ("self_attention", self.toggle_attention),
            ("revert_what_if", self.revert),
            ("copy_changes", self.copy),
        ):
            actions.bind(name, handler, enabled=False)
        session.reconstruction_changed.connect(self._refresh)
        session.edits_changed.connect(self._refresh)
        session.display_changed.connect(self._refresh)
        session.difference_changed.connect(self._refresh)
        self._refresh(None)

    # what the user does

    def mute_queries(self) -> None:
        """Decode without the selected queries, or with them again if all are muted."""
        chosen, now = self._chosen(), self._now
        if chosen:
            muted = now.muted_queries - chosen if chosen <= now.muted_queries else now.muted_queries | chosen
            verb = "Hear" if muted < now.muted_queries else "Mute"
            self._change(f"{verb} {_queries(chosen)}", muted_queries=frozenset(muted))

    def mute_view(self) -> None:
        """Decode without the current view, or with it again."""
        view, now = self._session.display.view, self._now
        verb = "Use" if view in now.muted_views else "Mute"
        self._change(f"{verb} view {view + 1} in the decoder", muted_views=now.muted_views ^ {view})

    def cut_link(self, number: int) -> None:
        """One of the two selected queries does not hear the other any more, or again."""
        links = self._links()
        if number < len(links):
            link, now = links[number], self._now
            verb = "Restore" if link in now.cut_links else "Cut"
            self._change(f"{verb} the link from {link[1]} to {link[0]}", cut_links=now.cut_links ^ {link})

    def toggle_attention(self) -> None:
        """Every query by itself, or not."""
        on = not self._now.self_attention
        self._change(f"Switch self-attention {'on' if on else 'off'}", self_attention=on)

    def dismiss(self, key: str) -> None:
        """Take one change back."""
        kind, *numbers = key.split("_")
        now, places = self._now, [int(number) for number in numbers]
        if kind == "query":
            self._change(f"Hear query {places[0]}", muted_queries=now.muted_queries - set(places))
        elif kind == "view":
            self._change(f"Use view {places[0] + 1} in the decoder", muted_views=now.muted_views - set(places))
        elif kind == "link":
            link = (places[0], places[1])
            self._change(f"Restore the link from {link[1]} to {link[0]}", cut_links=now.cut_links - {link})
        elif kind == "attention":
            self._change("Switch self-attention on", self_attention=True)

    def revert(self) -> None:
        """Take every change of this panel back; queries of the user's own stay."""
        kept = replace(NO_INTERVENTIONS, prompts=self._now.prompts)
        edits = self._session.edits
        self._session.edit("Take all what-ifs back", replace(edits, interventions=kept))

    def choose_reference(self, reference: str) -> None:
        """Hold the result against another."""
        self._session.show(replace(self._session.display, reference=cast("Reference", reference)))

    def color_changes(self, on: bool) -> None:
        """Show the changes in 3D and in the photos, or what was shown before."""
        display = self._session.display
        if on and display.color_mode != "difference":
            self._color_before = display.color_mode
        self._session.show(replace(display, color_mode="difference" if on else self._color_before))

    def select(self, query: int) -> None:
        """A line was clicked."""
        self._session.show(replace(self._session.display, selection=frozenset({query})))

    def copy(self) -> None:
        """The table as CSV."""
        difference = self._session.difference
        if difference is not None:
            self._copy(changes_csv(difference.changes, changed_names(self._session, difference)))
            self._session.message(f"Copied {len(difference.changes)} lines.")

    # what the session says

    @property
    def _now(self) -> Interventions:
        return self._session.edits.interventions

    def _change(self, label: str, **changes: Any) -> None:
        edits = self._session.edits
        self._session.edit(label, replace(edits, interventions=replace(edits.interventions, **changes)))

    def _chosen(self) -> frozenset[int]:
        """Selected queries, with those merged into them."""
        curated, chosen = self._session.curated, self._session.display.selection
        if curated is None:
            return frozenset()
        members = {item.query: item.members for item in curated.instances}
        count = len(curated.reconstruction.objectness[-1])
        return frozenset(query for one in chosen for query in members.get(one, (one,)) if query < count)

    def _links(self) -> tuple[tuple[int, int], ...]:
        """(i, j) and (j, i) of two selected queries: the first hears the second."""
        chosen = sorted(self._session.display.selection)
        return ((chosen[0], chosen[1]), (chosen[1], chosen[0])) if len(chosen) == 2 else ()

    def _refresh(self, _: object) -> None:
        session, actions, now = self._session, self._actions, self._now
        origin, result = session.origin, session.reconstruction
        ready = result is not None and origin is not None and origin.masks == "there" and origin.answers
        chosen = self._chosen() if ready else frozenset()
        forced = replace(now, prompts=()) != NO_INTERVENTIONS
        actions.enable("mute_query", enabled=bool(chosen))
        actions.enable("mute_view", enabled=ready)
        actions.set("self_attention", enabled=ready, checked=now.self_attention)
        actions.enable("revert_what_if", enabled=ready and forced)
        difference = session.difference
        actions.enable("copy_changes", enabled=ready and difference is not None)
        if session.display.tab != WHAT_IF:
            return
        if not ready or result is None:
            self._panel.set_empty(self._why_empty())
            return
        self._panel.set_empty("")
        self._show_choices(result, chosen)
        self._panel.set_forced(_forced(now), SEEN_BEFORE if now.muted_views else "")
        self._panel.set_reference(session.display.reference, colored=session.display.color_mode == "difference")
        if difference is None:
            self._panel.set_changes("Comparing …", ())
        else:
            self._panel.set_changes(_summary(difference), self._rows(difference))
        self._panel.set_selection(session.display.selection)

    def _why_empty(self) -> str:
        origin = self._session.origin
        if self._session.reconstruction is None or origin is None or origin.masks != "there":
            return "Open a result with masks to ask what would be without a query or a view."
        return "This session was saved without features: the decoder cannot answer. Run its photos again."

    def _show_choices(self, result: Reconstruction, chosen: frozenset[int]) -> None:
        now, view = self._now, self._session.display.view
        heard = not chosen or not chosen <= now.muted_queries
        words = _queries(chosen) if chosen else "the selected query"
        links = [
            (f"{'Cut' if link not in now.cut_links else 'Restore'} {link[1]} → {link[0]}", True)
            for link in self._links()
        ]
        last = len(result.images) - len(now.muted_views) <= 1 and view not in now.muted_views
        self._panel.set_choices(
            (f"{'Mute' if heard else 'Hear'} {words}", bool(chosen)),
            links or [("Cut a link", False), ("Cut it back", False)],
            (f"{'Use' if view in now.muted_views else 'Mute'} view {view + 1}", not last),
            attention=now.self_attention,
        )

    def _rows(self, difference: Difference) -> list[tuple[Any, ...]]:
        """Query, name, fate in words, IoU, points before and after, objectness before and after."""
        names, layer = changed_names(self._session, difference), self._session.display.layer
        return [
            (
                change.query,
                short_name(change.query, names),
                fate_words(change, names),
                change.iou,
                *change.points,
                _score(difference.reference, layer, change.query),
                _score(difference.reconstruction, layer, change.query),
            )
            for change in difference.changes
        ]


def changed_names(session: Session, difference: Difference) -> dict[int, str]:
    """What the queries of a difference are called."""
    curated, given = session.curated, session.edits.names
    known = {} if curated is None else {item.query: item.name for item in curated.instances}
    return {
        change.query: known.get(change.query) or given.get(change.query) or f"Instance {change.query}"
        for change in difference.changes
    }


def _score(result: Reconstruction, layer: int, query: int) -> float | None:
    """Objectness whether it is shown or not; None for a query that is not there."""
    scores = result.objectness[layer]
    return float(scores[query]) if query < len(scores) else None


def fate_words(change: QueryChange, names: Mapping[int, str]) -> str:
    """What became of a query."""
    if change.fate == "lost" and change.heir is not None:
        return f"lost to {short_name(change.heir, names)}"
    return "as before" if change.fate == "same" else change.fate


def short_name(query: int, names: Mapping[int, str]) -> str:
    """The number, with the name if the user gave one."""
    name = names.get(query, f"Instance {query}")
    return str(query) if name == f"Instance {query}" else f"{query} · {name}"


def _summary(difference: Difference) -> str:
    if difference.reference is difference.reconstruction:
        return "Nothing in the decoder differs: mute something, or drag an anchor."
    fates = Counter(change.fate for change in difference.changes)
    return (
        f"{fates['lost']} lost, {fates['new']} new, {fates['changed']} changed, {fates['same']} as before. Of the "
        f"points {difference.count(GAINED):,} are newly claimed, {difference.count(LOST):,} no longer, and "
        f"{difference.count(PASSED):,} by another query."
    )


def _forced(now: Interventions) -> list[Chip]:
    """What is taken out, as chips to put back."""
    found = [(f"query_{query}", f"Query {query} muted", "warning", True) for query in sorted(now.muted_queries)]
    found += [(f"view_{view}", f"View {view + 1} muted", "warning", True) for view in sorted(now.muted_views)]
    found += [
        (f"link_{one}_{other}", f"{one} does not hear {other}", "warning", True) for one, other in sorted(now.cut_links)
    ]
    if not now.self_attention:
        found.append(("attention", "No self-attention", "warning", True))
    return found


def _queries(queries: frozenset[int]) -> str:
    """Such as "query 3" or "4 queries"."""
    return f"query {min(queries)}" if len(queries) == 1 else f"{len(queries)} queries"
