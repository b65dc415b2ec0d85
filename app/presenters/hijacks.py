"""The hijack inspector: claims of the session to matrix, list and figures; what to do about a pair back."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.actions import Actions
from app.hijack_pictures import HijackFacts, hijack_facts, matrix_picture, thieves_csv
from app.session.edits import Edits
from app.session.session import Display, Inspection, Session
from fast3dis_core.config import InferenceConfig
from fast3dis_core.curation import Curated
from fast3dis_core.palette import instance_palette


class Panel(Protocol):
    """What this presenter needs of the panel."""

    def set_hint(self, text: str) -> None: ...
    def set_matrix(
        self, picture: NDArray[np.uint8], edge: NDArray[np.uint8], tips: Sequence[Sequence[str]]
    ) -> None: ...
    def set_marked(self, row: int, column: int) -> None: ...
    def set_pair(self, text: str, *, enabled: bool) -> None: ...
    def set_thefts(self, rows: Sequence[tuple[str, str, str, str]]) -> None: ...


class HijackPresenter:
    """Session to panel, and back. A pair is a selection of two queries, as everywhere.

    Parameters
    ----------
    session : Session
    actions : Actions
    panel : Panel
    copy : callable
        Puts a text on the clipboard.
    tell : callable
        Shows the figures of the whole result, where they are seen whatever else is.
    """

    def __init__(
        self,
        session: Session,
        actions: Actions,
        panel: Panel,
        copy: Callable[[str], object],
        tell: Callable[[str], object],
    ) -> None:
        self._session, self._panel, self._copy, self._tell = session, panel, copy, tell
        self._facts: HijackFacts | None = None
        actions.bind("copy_thefts", self.copy, enabled=False)
        self._actions = actions
        session.inspection_changed.connect(self._on_inspection)
        session.reconstruction_changed.connect(self._on_reconstruction)
        session.edits_changed.connect(self._on_edits)
        session.display_changed.connect(self._on_display)
        self._refresh()

    def choose_cell(self, row: int, column: int) -> None:
        """A cell of the matrix was clicked."""
        if self._facts is not None:
            order = self._facts.order
            self._select({order[row], order[column]})

    def hover_cell(self, row: int, column: int) -> None:
        """The pointer is over a cell, or left."""
        query = self._facts.order[row] if self._facts is not None and row >= 0 else None
        self._session.show(replace(self._session.display, hovered=query))

    def choose_theft(self, number: int) -> None:
        """A row of the list was clicked."""
        if self._facts is not None:
            victim, thief, _, _ = self._facts.thieves[number]
            self._select({victim, thief})

    def keep_better(self) -> None:
        """Hide the weaker of the pair."""
        pair = self._pair()
        if pair is not None:
            better, weaker = pair
            edits = self._session.edits
            label = f"Keep {self._name(better)}, hide {self._name(weaker)}"
            self._session.edit(label, replace(edits, hidden=edits.hidden | {weaker}))

    def merge(self) -> None:
        """Make the pair one instance, with whatever either was merged with."""
        pair, curated = self._pair(), self._session.curated
        if pair is None or curated is None:
            return
        edits = self._session.edits
        old = [group for group in edits.merged if set(group) & set(pair)]
        members = dict.fromkeys([pair[0], *pair, *(query for group in old for query in group)])
        kept = tuple(group for group in edits.merged if group not in old)
        label = f"Merge {self._name(pair[1])} into {self._name(pair[0])}"
        self._session.edit(label, replace(edits, merged=(*kept, tuple(members))))

    def mute(self) -> None:
        """Decode again without the weaker of the pair."""
        pair = self._pair()
        if pair is not None:
            edits = self._session.edits
            muted = edits.interventions.muted_queries | {pair[1]}
            changed = replace(edits.interventions, muted_queries=muted)
            self._session.edit(f"Mute {self._name(pair[1])}", replace(edits, interventions=changed))

    def copy(self) -> None:
        """The list as CSV."""
        if self._facts is not None:
            self._copy(thieves_csv(self._facts, dict(self._names())))
            self._session.message(f"Copied {len(self._facts.thieves)} lines.")

    def _select(self, queries: set[int]) -> None:
        self._session.show(replace(self._session.display, selection=frozenset(queries)))

    def _pair(self) -> tuple[int, int] | None:
        """The two selected queries, the better first."""
        facts, result = self._facts, self._session.reconstruction
        chosen = sorted(self._session.display.selection)
        if facts is None or result is None or len(chosen) != 2 or not set(chosen) <= set(facts.order):
            return None
        scores = result.objectness[self._session.display.layer]
        weaker, better = sorted(chosen, key=lambda query: (float(scores[query]), -query))
        return better, weaker

    def _on_inspection(self, inspection: Inspection) -> None:
        floor, layer = InferenceConfig.objectness_floor, self._session.display.layer
        self._facts = hijack_facts(inspection.reconstruction, inspection.claims, floor=floor, layer=layer)
        self._refresh()

    def _on_reconstruction(self, _: object) -> None:
        if self._session.inspection is None:
            self._facts = None
        self._refresh()

    def _on_edits(self, _: Edits) -> None:
        self._refresh()

    def _on_display(self, _: Display) -> None:
        if self._facts is None:
            self._panel.set_hint(self._hint())
            self._tell(self._hint())
        self._mark()

    def _refresh(self) -> None:
        facts, panel = self._facts, self._panel
        self._actions.enable("copy_thefts", enabled=bool(facts and facts.thieves))
        if facts is None:
            hint = self._hint()
            panel.set_hint(hint)
            self._tell(hint)
            panel.set_matrix(np.zeros((0, 0, 3), np.uint8), np.zeros((0, 3), np.uint8), ())
            panel.set_thefts(())
            self._mark()
            return
        panel.set_hint("")
        self._tell(f"Hijack rate {facts.rate:.1%} · claimed twice {facts.double_claimed:.1%} · gaps {facts.gaps:.1%}")
        names = self._names()
        colors = self._colors()
        order = list(facts.order)
        tips = [
            [f"{names[one]} and {names[other]}: {facts.shares[i, j]:.1%} in common" for j, other in enumerate(order)]
            for i, one in enumerate(order)
        ]
        panel.set_matrix(matrix_picture(facts.shares), colors[order], tips)
        panel.set_thefts(
            [
                (names[victim], names[thief], f"{share:.0%}", f"{pixels:,}")
                for victim, thief, share, pixels in facts.thieves
            ]
        )
        self._mark()

    def _hint(self) -> str:
        """Why there are no figures."""
        origin = self._session.origin
        if self._session.reconstruction is None or origin is None or origin.masks != "there":
            return "Open a result with masks to see which queries claim the same object."
        if not origin.answers:
            return "This session was saved without features, so claims cannot be measured."
        return "Measuring claims …" if self._session.display.inspecting else ""

    def _mark(self) -> None:
        pair, facts = self._pair(), self._facts
        if pair is None or facts is None:
            self._panel.set_marked(-1, -1)
            self._panel.set_pair("", enabled=False)
            return
        better, weaker = pair
        places = facts.order.index(better), facts.order.index(weaker)
        self._panel.set_marked(*places)
        names = self._names()
        taken = {(victim, thief): share for victim, thief, share, _ in facts.thieves}
        text = f"{names[better]} and {names[weaker]} share {facts.shares[places]:.1%} of what both cover."
        for victim, thief in ((weaker, better), (better, weaker)):
            if (victim, thief) in taken:
                text += f" {names[thief]} wins {taken[victim, thief]:.0%} of the claim of {names[victim]}."
        self._panel.set_pair(text, enabled=True)

    def _name(self, query: int) -> str:
        return self._names()[query]

    def _names(self) -> dict[int, str]:
        curated = self._session.curated
        names = {} if curated is None else {item.query: item.name for item in curated.instances}
        count = 0 if self._session.reconstruction is None else len(self._session.reconstruction.objectness[-1])
        return {query: names.get(query, f"Query {query}") for query in range(count)}

    def _colors(self) -> NDArray[np.uint8]:
        curated: Curated | None = self._session.curated
        assert curated is not None, "there are claims only of a result"
        colors = instance_palette(len(curated.reconstruction.objectness[-1])).copy()
        for item in curated.instances:
            colors[item.query] = item.color
        return colors
