"""The pointer over the large photo: what is known of a pixel, what lights up, what a click or a menu is about.

The probability of a mask is of the query that is selected alone, else of the one under the pointer; it is computed
for a whole view at once, so that the pointer can move on without asking again.
"""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.actions import Actions
from app.photo_layers import PixelFacts, of_view, pixel_facts
from app.presenters.other_selection import OtherSelection
from app.presenters.painting import Painting
from app.session.ruler import Ruler
from app.session.session import Display, Session
from app.workflow import Workflow
from fast3dis_core.curation import Curated, CuratedInstance
from fast3dis_core.reconstruction import Reconstruction


class Panel(Protocol):
    """What this presenter needs of the panel around the photo."""

    def set_facts(self, text: str, tip: str) -> None: ...


@dataclass(frozen=True, eq=False)
class _Question:
    """What a map of probabilities is of."""

    reconstruction: Reconstruction
    queries: tuple[int, ...]
    view: int

    def equals(self, other: "_Question | None") -> bool:
        """Whether the other one is about the same query of the very same result."""
        same = other is not None and other.reconstruction is self.reconstruction
        return same and other is not None and (other.queries, other.view) == (self.queries, self.view)


class PhotoPointerPresenter:
    """Pixels of the photo on show to the session.

    Parameters
    ----------
    session, workflow, actions, painting
    panel : Panel
    """

    def __init__(
        self, session: Session, workflow: Workflow, actions: Actions, painting: Painting, panel: Panel
    ) -> None:
        self._session, self._workflow, self._actions = session, workflow, actions
        self._painting, self._panel = painting, panel
        self._place = (-1, -1)
        self._sure: tuple[_Question, NDArray[np.float32] | None] | None = None  # the last answer
        self._asked: _Question | None = None
        self._selected = session.display.selection
        session.display_changed.connect(self._on_display)
        self._others = OtherSelection(session)
        self.divert: Callable[[int, int], bool] = lambda x, y: False  # takes clicks that are not about a selection

    def hover(self, x: int, y: int) -> None:
        """The pointer is over a pixel, or (-1) outside."""
        curated, display = self._session.curated, self._session.display
        self._place = (x, y)
        if curated is None or x < 0:
            self._panel.set_facts("", "")
            self._session.show(replace(display, hovered=None, hovered_other=None))
            return
        if self._painting.other.in_photos:
            query = self._other(curated, x, y)
            self._others.hover(query)
            words = (self._words(curated, pixel_facts(curated, display.view, x, y), (x, y), None),)
            self._panel.set_facts(" · ".join((*words, *self._others.words(query))), "")
            return
        owner = self._owner(curated, x, y)
        self._session.show(replace(display, hovered=None if owner is None else owner.query))
        self._tell(curated, owner)

    def click(self, x: int, y: int, additive: bool) -> None:
        """Select what owns a pixel; beside every instance, nothing."""
        if self.divert(x, y):
            return
        curated, display = self._session.curated, self._session.display
        if self._painting.other.in_photos:
            query = None if curated is None or x < 0 else self._other(curated, x, y)
            self._others.pick(query, additive=additive)
            return
        owner = None if curated is None or x < 0 else self._owner(curated, x, y)
        hit = frozenset() if owner is None else frozenset({owner.query})
        self._session.show(replace(display, selection=display.selection ^ hit if additive else hit))

    def fly(self, x: int, y: int) -> None:
        """To the instance that owns a pixel."""
        self.click(x, y, False)
        self._actions.trigger("fit_selection")

    def menu_for(self, x: int, y: int) -> str:
        """A menu is asked for at a pixel: select what owns it, unless it is selected already. The menu's title.

        Nothing can be done with instances of the other side of a comparison: they have none.
        """
        if self._painting.other.in_photos:
            return ""
        curated, selection = self._session.curated, self._session.display.selection
        owner = None if curated is None or x < 0 else self._owner(curated, x, y)
        if owner is None:
            return ""
        if owner.query not in selection:
            self.click(x, y, False)
        others = len(self._session.display.selection) - 1
        return f"{owner.name} and {others} more" if others else owner.name

    def _on_display(self, display: Display) -> None:
        """Another selection is asked about at the same place."""
        if display.selection == self._selected:
            return
        self._selected, curated = display.selection, self._session.curated
        if curated is not None and self._place[0] >= 0 and not self._painting.other.in_photos:
            self._tell(curated, self._owner(curated, *self._place))

    def _tell(self, curated: Curated, owner: CuratedInstance | None) -> None:
        x, y = self._place
        facts = pixel_facts(curated, self._session.display.view, x, y)
        lines = [f"{item.name} · {item.objectness:.2f} · {item.verdict}" for item in facts.claimants]
        words = [self._words(curated, facts, (x, y), owner), *self._probability(curated, owner)]
        self._panel.set_facts(" · ".join(words), "\n".join(lines) if len(lines) > 1 else "")

    def _probability(self, curated: Curated, owner: CuratedInstance | None) -> list[str]:
        """Of a query's mask at the pointer; if it is not known yet, it is asked for and told when it comes."""
        display, subject = self._session.display, owner
        if len(display.selection) == 1:
            subject = curated.find(next(iter(display.selection))) or owner
        if subject is None or self._session.previewing:
            return []
        question = _Question(curated.reconstruction, subject.members, display.view)
        if self._sure is None or not question.equals(self._sure[0]):
            if not question.equals(self._asked):
                self._asked = question
                self._workflow.start(self._ask(question))
            return []
        x, y = self._place
        whose = "" if owner is not None and owner.query == subject.query else f" of {subject.name}"
        return [] if self._sure[1] is None else [f"mask probability{whose} {self._sure[1][y, x]:.2f}"]

    async def _ask(self, question: "_Question") -> None:
        try:
            answer = await self._workflow.probe.probability(question.queries, question.view)
        finally:
            if self._asked is question:
                self._asked = None
        curated = self._session.curated
        if curated is not None and curated.reconstruction is question.reconstruction:
            self._sure = question, answer
            here = self._place[0] >= 0 and self._session.display.view == question.view
            if here and not self._painting.other.in_photos:
                self._tell(curated, self._owner(curated, *self._place))

    def _words(self, curated: Curated, facts: PixelFacts, pixel: tuple[int, int], owner: CuratedInstance | None) -> str:
        """Facts of a pixel in one line, units with every length."""
        ruler = Ruler.of(curated.reconstruction.units, self._session.edits.scale)
        parts = [f"({pixel[0]}, {pixel[1]})"]
        if facts.depth is not None and facts.confidence is not None:
            parts += [f"depth {facts.depth * ruler.factor:.2f} {ruler.units}", f"confidence {facts.confidence:.2f}"]
        if not facts.kept:
            parts.append("left out by a filter" if facts.depth is not None else "no depth")
        if owner is not None:
            number = "" if owner.name == f"Instance {owner.query}" else f" (query {owner.query})"
            parts.append(f"{owner.name}{number}")
            parts.append(f"objectness {owner.objectness:.2f}")
        return " · ".join(parts)

    def _other(self, curated: Curated, x: int, y: int) -> int | None:
        """The shown instance of the other side in whose color a pixel is painted."""
        width, view = curated.reconstruction.images.shape[2], self._session.display.view
        return self._others.owner(
            self._painting.other.photo_rows(), view * curated.reconstruction.pixels_per_view + y * width + x
        )

    def _owner(self, curated: Curated, x: int, y: int) -> CuratedInstance | None:
        """The shown instance in whose color a pixel is painted."""
        rows = of_view(self._painting.owners(), curated.reconstruction, self._session.display.view)
        query = int(rows[y, x]) - 1
        item = curated.find(query)
        return item if item is not None and item.query == query and item.verdict == "shown" else None
