"""Queries of the user's own: a click makes an anchor, two clicks split an instance; contents are offered by score.

Nothing of this was seen in training. Each is an experiment: an edit like any other, marked wherever it shows.
"""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, Literal, Protocol, cast

from app.actions import Actions
from app.anchor_places import claimant
from app.presenters.anchor_drag import Position
from app.session.session import Session
from fast3dis_core.curation import CuratedInstance
from fast3dis_core.interventions import AnchorPrompt, Interventions, PromptContent

Mode = Literal["", "anchor", "split"]
CONTENTS = {"nearest": "of the nearest query", "mean": "mean of all queries", "sampled": "features at this place"}


class Probe(Protocol):
    """What tells of the decoder."""

    @property
    def generated(self) -> int: ...
    async def propose(self, position: Position) -> tuple[tuple[AnchorPrompt, float], ...]: ...


class Stage(Protocol):
    """What this presenter needs of the viewport."""

    def set_measuring(self, on: bool) -> None: ...


class Note(Protocol):
    """What this presenter needs of the words over the scene."""

    def tell(self, text: str) -> None: ...


class Panel(Protocol):
    """What this presenter needs of the panel."""

    def set_prompt(self, choices: Sequence[tuple[str, str]], chosen: str) -> None: ...
    def set_modes(self, mode: str, *, enabled: bool) -> None: ...


class PromptsPresenter:
    """Clicks and choices to edits.

    Parameters
    ----------
    session, actions
    probe, stage, note, panel
        See the protocols.
    start : callable
        Runs a coroutine beside the event loop.
    """

    def __init__(
        self,
        session: Session,
        actions: Actions,
        probe: Probe,
        *,
        stage: Stage,
        note: Note,
        panel: Panel,
        start: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._session, self._actions, self._probe, self._start = session, actions, probe, start
        self._stage, self._note, self._panel = stage, note, panel
        self.mode: Mode = ""
        self._first: tuple[CuratedInstance, Position] | None = None  # of a split: what, and where the first anchor is
        self._scores: dict[tuple[Position, str], float] = {}
        for name, handler in (
            ("new_anchor", lambda: self.toggle("anchor")),
            ("split_anchors", lambda: self.toggle("split")),
            ("remove_query", self.remove),
        ):
            actions.bind(name, handler, enabled=False)
        session.reconstruction_changed.connect(self._on_result)
        session.edits_changed.connect(self._refresh)
        session.display_changed.connect(self._refresh)
        self._refresh(None)

    # what the user does

    def toggle(self, mode: Mode) -> None:
        """Let the next click place an anchor, or the next two split an instance; the same again ends that."""
        self._enter("" if self.mode == mode else mode)
        if self.mode and not self._session.display.anchors:
            self._session.show(replace(self._session.display, anchors=True))

    def cancel(self) -> bool:
        """Esc: leave the mode; whether there was one."""
        there = bool(self.mode)
        if there:
            self._enter("")
        return there

    def pick(self, row: int) -> bool:
        """A click on a cloud row, -1 beside all; whether it was meant for an anchor."""
        result = self._session.reconstruction
        if not self.mode or result is None:
            return False
        if row < 0:
            self._note.tell("There is no surface here. " + self._words())
            return True
        x, y, z = (float(value) for value in result.cloud.points[row])
        if self.mode == "anchor":
            self._enter("")
            self._start(self._place((x, y, z)))
        else:
            self._split(row, (x, y, z))
        return True

    def pick_pixel(self, x: int, y: int) -> bool:
        """A click on a pixel of the current photo."""
        result, view = self._session.reconstruction, self._session.display.view
        if not self.mode or result is None:
            return False
        row = -1 if x < 0 else view * result.pixels_per_view + y * result.images.shape[2] + x
        return self.pick(row if row >= 0 and bool(result.cloud.valid[row]) else -1)

    def choose_content(self, content: str) -> None:
        """The selected query of the user's own begins with something else."""
        number, prompts = self._number(), self._now.prompts
        if number is None or prompts[number].content == content:
            return
        changed = replace(prompts[number], content=cast("PromptContent", content))
        query = self._queries() - len(prompts) + number
        self._edit(f"New anchor {query}", _with(prompts, number, changed), gesture=f"content {query}")

    def remove(self) -> None:
        """Take the selected queries out: the user's own are gone, others are muted."""
        chosen, now = self._removable(), self._now
        if not chosen:
            return
        first = self._queries() - len(now.prompts)
        prompts = tuple(
            replace(prompt, removed=True) if first + number in chosen else prompt
            for number, prompt in enumerate(now.prompts)
        )
        muted = now.muted_queries | {query for query in chosen if query < first}
        words = f"query {min(chosen)}" if len(chosen) == 1 else f"{len(chosen)} queries"
        edits = self._session.edits
        changed = replace(now, prompts=prompts, muted_queries=muted)
        self._session.edit(f"Remove {words}", replace(edits, interventions=changed))
        self._session.show(replace(self._session.display, selection=frozenset()))

    # how it is done

    async def _place(self, position: Position) -> None:
        """Ask what each content would come to, and take the best."""
        proposals = await self._probe.propose(position)
        if not proposals:
            self._session.message("Without features there is no decoder to ask: run these photos again.")
            return
        query = self._queries()
        self._scores |= {(position, str(prompt.content)): score for prompt, score in proposals}
        self._edit(f"New anchor {query}", (*self._now.prompts, proposals[0][0]), gesture=f"content {query}")
        self._session.show(replace(self._session.display, selection=frozenset({query})))
        best, threshold = proposals[0][1], self._session.edits.objectness_threshold
        if best < threshold:
            self._session.message(
                f"Query {query} comes to an objectness of {best:.2f}, below the threshold of {threshold:.2f}: lower "
                "that to see its mask, or drag its anchor."
            )

    def _split(self, row: int, position: Position) -> None:
        """The first click says what and where, the second where else."""
        curated = self._session.curated
        assert curated is not None, "rows belong to a result"
        item = claimant(curated, row, self._session.display.selection)
        if self._first is None:
            if item is None:
                self._note.tell("No instance is shown here. " + self._words())
                return
            self._first = item, position
            self._session.show(replace(self._session.display, selection=frozenset({item.query})))
            self._note.tell(self._words())
            return
        whole, place = self._first
        if row not in whole.pixels:
            self._note.tell(f"This is not {whole.name}. " + self._words())
            return
        self._enter("")
        self._split_at(whole, place, position)

    def _split_at(self, whole: CuratedInstance, *places: Position) -> None:
        """Two anchors with the content of the old one, held where they were put; the old one hears no more."""
        now, count = self._now, self._queries()
        first = count - len(now.prompts)
        content = whole.query if whole.query < first else now.prompts[whole.query - first].content
        prompts = tuple(
            replace(prompt, removed=True) if first + number in whole.members else prompt
            for number, prompt in enumerate(now.prompts)
        )
        parts = tuple(AnchorPrompt(position=place, content=content, pinned=True) for place in places)
        muted = now.muted_queries | {query for query in whole.members if query < first}
        edits = self._session.edits
        changed = replace(now, prompts=(*prompts, *parts), muted_queries=muted)
        merged = tuple(group for group in edits.merged if not set(group) & set(whole.members))
        label = f"Split {whole.name} by two anchors"
        self._session.edit(label, replace(edits, interventions=changed, merged=merged))
        chosen = frozenset(count + number for number in range(len(places)))
        self._session.show(replace(self._session.display, selection=chosen))

    def _edit(self, label: str, prompts: tuple[AnchorPrompt, ...], gesture: str | None = None) -> None:
        edits = self._session.edits
        changed = replace(edits.interventions, prompts=prompts)
        self._session.edit(label, replace(edits, interventions=changed), gesture)

    def _enter(self, mode: Mode) -> None:
        self.mode, self._first = mode, None
        self._stage.set_measuring(bool(mode))
        self._note.tell(self._words())
        self._refresh(None)

    def _words(self) -> str:
        if self.mode == "anchor":
            return "Click a surface, in 3D or in the photo, to put a new anchor there · Esc ends"
        if self.mode == "split" and self._first is not None:
            return f"Click another place of {self._first[0].name} · Esc ends"
        return (
            "Click one place of an instance, then another, to split it by two anchors · Esc ends" if self.mode else ""
        )

    # what the session says

    @property
    def _now(self) -> Interventions:
        return self._session.edits.interventions

    def _queries(self) -> int:
        """N with the present edits: the result may still be that of the last ones."""
        result = self._session.reconstruction
        shown = 0 if result is None else len(result.objectness[-1])
        return max(shown, self._generated() + len(self._now.prompts))

    def _generated(self) -> int:
        """N of the generator."""
        return self._probe.generated

    def _number(self) -> int | None:
        """Which prompt is selected, None for none and for several."""
        chosen, prompts = self._session.display.selection, self._now.prompts
        if len(chosen) != 1:
            return None
        number = min(chosen) - self._generated()
        return number if 0 <= number < len(prompts) and not prompts[number].removed else None

    def _removable(self) -> frozenset[int]:
        """Selected queries that are there."""
        first, now = self._generated(), self._now
        there = self._queries()
        return frozenset(
            query for query in self._session.display.selection if query < there and query not in now.silent(first)
        )

    def _on_result(self, _: object) -> None:
        if not self._session.previewing:
            self._refresh(None)

    def _refresh(self, _: object) -> None:
        session, origin = self._session, self._session.origin
        ready = session.reconstruction is not None and origin is not None and origin.masks == "there" and origin.answers
        for name, mode in (("new_anchor", "anchor"), ("split_anchors", "split")):
            self._actions.set(name, enabled=ready, checked=self.mode == mode)
        self._actions.enable("remove_query", enabled=ready and bool(self._removable()))
        self._panel.set_modes(self.mode, enabled=ready)
        number = self._number() if ready else None
        if number is None:
            self._panel.set_prompt((), "")
            return
        prompt = self._now.prompts[number]
        choices = {name: self._scores.get((prompt.position, name)) for name in CONTENTS}
        ordered = sorted(choices, key=lambda name: -(choices[name] or 0.0))
        words = [(name, _offer(name, choices[name])) for name in ordered]
        if not isinstance(prompt.content, str):
            words.insert(0, (str(prompt.content), f"of query {prompt.content}"))
        self._panel.set_prompt(words, str(prompt.content))


def _offer(content: str, score: float | None) -> str:
    """Such as "of the nearest query · 0.41"."""
    return CONTENTS[content] if score is None else f"{CONTENTS[content]} · {score:.2f}"


def _with(prompts: tuple[AnchorPrompt, ...], number: int, prompt: AnchorPrompt) -> tuple[AnchorPrompt, ...]:
    return (*prompts[:number], prompt, *prompts[number + 1 :])
