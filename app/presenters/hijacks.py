"""The hijack inspector: claims of the session to matrix, list and figures; what to do about a pair back."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.actions import Actions
from app.hijack_pictures import HijackFacts, contested_view, hijack_facts, matrix_csv, matrix_picture, thieves_csv
from app.session.edits import Edits
from app.session.session import Display, Inspection, Session
from fast3dis_core.config import InferenceConfig
from fast3dis_core.curation import Curated
from fast3dis_core.palette import instance_palette
from fast3dis_core.reconstruction import Reconstruction


class Panel(Protocol):
    """What this presenter needs of the panel."""

    def set_hint(self, text: str) -> None: ...
    def set_matrix(
        self, picture: NDArray[np.uint8], edge: NDArray[np.uint8], tips: Sequence[Sequence[str]]
    ) -> None: ...
    def set_marked(self, row: int, column: int) -> None: ...
    def set_pair(self, text: str, *, enabled: bool) -> None: ...
    def set_groups(self, groups: Sequence[str]) -> None: ...
    def set_contested(self, on: bool) -> None: ...
    def set_side_by_side(self, on: bool, *, enabled: bool) -> None: ...
    def set_copies(self, *, thefts: bool, matrix: bool) -> None: ...
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
        self._color_before = session.display.color_mode
        self._met: tuple[Reconstruction, tuple[int, ...], int] | None = None  # pixels that the chosen ones share
        actions.bind("copy_thefts", self.copy, enabled=False)
        actions.bind("copy_matrix", self.copy_matrix, enabled=False)
        actions.bind("side_by_side", self.toggle_side_by_side, enabled=False)
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

    def choose_group(self, number: int) -> None:
        """One of the groups on one object was chosen."""
        if self._facts is not None:
            self._select(set(self._facts.groups[number]))

    def mark_contested(self, on: bool) -> None:
        """Color contested points in 3D and photos, or as before."""
        display = self._session.display
        if on and display.color_mode != "contested":
            self._color_before = display.color_mode
        self._session.show(replace(display, color_mode="contested" if on else self._color_before))

    def keep_better(self) -> None:
        """Hide all but the surest of the chosen ones."""
        better, *others = self._chosen() or (-1,)
        if others:
            edits = self._session.edits
            label = f"Keep {self._name(better)}, hide {self._named(others)}"
            self._session.edit(label, replace(edits, hidden=edits.hidden | set(others)))

    def merge(self) -> None:
        """Make the chosen ones one instance, with whatever they were merged with."""
        chosen = self._chosen()
        if len(chosen) < 2:
            return
        edits = self._session.edits
        old = [group for group in edits.merged if set(group) & set(chosen)]
        members = dict.fromkeys([*chosen, *(query for group in old for query in group)])
        kept = tuple(group for group in edits.merged if group not in old)
        label = f"Merge {self._named(chosen[1:])} into {self._name(chosen[0])}"
        self._session.edit(label, replace(edits, merged=(*kept, tuple(members))))

    def mute(self) -> None:
        """Decode again without all but the surest of the chosen ones."""
        others = self._chosen()[1:]
        if others:
            edits = self._session.edits
            muted = edits.interventions.muted_queries | set(others)
            changed = replace(edits.interventions, muted_queries=muted)
            self._session.edit(f"Mute {self._named(others)}", replace(edits, interventions=changed))

    def copy(self) -> None:
        """The list as CSV."""
        if self._facts is not None:
            self._copy(thieves_csv(self._facts, dict(self._names())))
            self._session.message(f"Copied {len(self._facts.thieves)} lines.")

    def copy_matrix(self) -> None:
        """All overlaps as CSV."""
        if self._facts is not None:
            self._copy(matrix_csv(self._facts))
            count = len(self._facts.overlaps)
            self._session.message(f"Copied the overlaps of {count} × {count} queries.")

    def toggle_side_by_side(self) -> None:
        """The two surest of the chosen ones next to each other, or the stage as it was."""
        display, chosen = self._session.display, self._chosen()
        pair = (chosen[0], chosen[1]) if display.pair is None and chosen else None
        self._session.show(replace(display, pair=pair))

    def _select(self, queries: set[int]) -> None:
        """Select queries, and go to the photo that shows best what they share; a pair on the stage gives way."""
        result, display = self._session.reconstruction, self._session.display
        view = -1 if result is None else contested_view(result, queries)[0]
        sure, pair = self._surest(frozenset(queries)), display.pair
        if pair is not None and len(sure) > 1:
            pair = sure[0], sure[1]
        view = display.view if view < 0 else view
        self._session.show(replace(display, selection=frozenset(queries), view=view, pair=pair))

    def _chosen(self) -> tuple[int, ...]:
        """The selected queries if they are two or more, the surest first; else nobody."""
        return self._surest(self._session.display.selection)

    def _surest(self, chosen: frozenset[int]) -> tuple[int, ...]:
        facts, result = self._facts, self._session.reconstruction
        if facts is None or result is None or len(chosen) < 2 or not chosen <= set(facts.order):
            return ()
        scores = result.objectness[self._session.display.layer]
        return tuple(sorted(chosen, key=lambda query: (-float(scores[query]), query)))

    def _on_inspection(self, inspection: Inspection) -> None:
        floor, layer = InferenceConfig.objectness_floor, self._session.display.layer
        own = len(self._session.edits.interventions.prompts)
        self._facts = hijack_facts(inspection.reconstruction, inspection.claims, floor=floor, layer=layer, own=own)
        self._refresh()

    def _on_reconstruction(self, _: object) -> None:
        if self._session.previewing:
            return
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
        self._actions.enable("copy_matrix", enabled=facts is not None)
        panel.set_copies(thefts=bool(facts and facts.thieves), matrix=facts is not None)
        if facts is None:
            hint = self._hint()
            panel.set_hint(hint)
            self._tell(hint)
            panel.set_matrix(np.zeros((0, 0, 3), np.uint8), np.zeros((0, 3), np.uint8), ())
            panel.set_thefts(())
            panel.set_groups(())
            self._mark()
            return
        panel.set_hint("")
        self._tell(_figures(facts))
        names = self._names()
        colors = self._colors()
        order = list(facts.order)
        tips = [
            [f"{names[one]} and {names[other]}: {facts.shares[i, j]:.1%} in common" for j, other in enumerate(order)]
            for i, one in enumerate(order)
        ]
        panel.set_matrix(matrix_picture(facts.shares), colors[order], tips)
        panel.set_groups([", ".join(names[query] for query in group) for group in facts.groups])
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
        chosen, facts, result = self._chosen(), self._facts, self._session.reconstruction
        paired = self._session.display.pair is not None
        self._panel.set_contested(self._session.display.color_mode == "contested")
        self._panel.set_side_by_side(paired, enabled=paired or bool(chosen))
        self._actions.enable("side_by_side", enabled=paired or bool(chosen))
        if not chosen or facts is None or result is None:
            self._panel.set_marked(-1, -1)
            self._panel.set_pair("", enabled=False)
            return
        names, (better, weaker) = self._names(), chosen[:2]
        places = facts.order.index(better), facts.order.index(weaker)
        if self._met is None or self._met[0] is not result or self._met[1] != chosen:  # not for every hover
            self._met = result, chosen, contested_view(result, chosen)[1]
        pixels = self._met[2]
        if len(chosen) > 2:
            self._panel.set_marked(-1, -1)
            text = f"{names[better]} is the surest of {len(chosen)}; all of them claim {pixels:,} pixels."
            self._panel.set_pair(text, enabled=True)
            return
        self._panel.set_marked(*places)
        taken = {(victim, thief): share for victim, thief, share, _ in facts.thieves}
        text = f"{names[better]} and {names[weaker]} share {facts.shares[places]:.1%}, {pixels:,} pixels."
        for victim, thief in ((weaker, better), (better, weaker)):
            if (victim, thief) in taken:
                text += f" {names[thief]} wins {taken[victim, thief]:.0%} of the claim of {names[victim]}."
        self._panel.set_pair(text, enabled=True)

    def _named(self, queries: Sequence[int]) -> str:
        return self._name(queries[0]) if len(queries) == 1 else f"{len(queries)} others"

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


def _figures(facts: HijackFacts) -> str:
    """Figures of the network alone: queries of the user's own are experiments, and it says that they are left out."""
    figures = f"Hijack rate {facts.rate:.1%} · claimed twice {facts.double_claimed:.1%} · gaps {facts.gaps:.1%}"
    if not facts.left_out:
        return figures
    return f"{figures} · without {facts.left_out} {'query' if facts.left_out == 1 else 'queries'} of your own"
