"""The comparison: what can be compared with, its settings, its figures and lines; choices and selections back."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Protocol, get_args

from app.actions import Actions
from app.comparing import Side, with_settings
from app.comparison_words import PLAIN, as_csv, figures, meaning, name_of, summary, word
from app.presenters.other_painting import marked_others
from app.session.session import Display, Session
from app.workflow import Workflow
from fast3dis_core.counterpart import FeatureSettings, Line, PositionSettings, Settings, SideBySide, SurfaceSettings

SIDES: Mapping[Side, str] = {
    "clustering": "Clustering of the same features",
    "positions": "HDBSCAN on positions",
    "surface": "Felzenszwalb on the surface",
    "previous": "The previous run",
    "snapshot": "This result as it is now",
    "file": "Another result …",
    "truth": "Ground truth of the folder",
}
TELLS: Mapping[Side, str] = {
    "clustering": "HDBSCAN on the mask features, without queries: IGGT's way. About half a minute on a CPU.",
    "positions": "Density of the points alone, the weakest baseline of the paper.",
    "surface": "Folds of the surface alone.",
    "previous": "The result before this one, kept by itself.",
    "snapshot": "Kept as it is, so that what follows can be held against it.",
    "file": "A session (.f3d), an export, what fast3dis segment or evaluate wrote, a PLY with instances, or what "
    "another system predicted. Files and folders of results can be dropped here as well.",
    "truth": "True ids beside the photos: average precision, and what is wrong with every instance.",
}
# label, tip, lowest, highest, decimals
NUMBERS: Mapping[str, tuple[str, str, float, float, int]] = {
    "epsilon": ("Epsilon", "Clusters nearer than this are one; IGGT's presets: 0.005, 0.01, 0.06", 0.0, 2.0, 3),
    "min_cluster_size": ("Smallest cluster", "Fewer are noise: pixels, or thinned points", 2, 100_000, 0),
    "min_samples": ("Neighbors for density", "More make clusters more conservative", 2, 10_000, 0),
    "most_points": ("Points clustered", "Time grows almost with the square; the rest is filled in", 512, 100_000, 0),
    "voxel": ("Voxel, m", "Points are thinned to one in a cube of this edge", 0.005, 1.0, 3),
    "threshold": ("Threshold", "How much a border may exceed what is inside a segment", 0.001, 10.0, 3),
    "min_vertices": ("Smallest segment", "Smaller ones join a neighbor: thinned points", 1, 100_000, 0),
}


class Panel(Protocol):
    """What this presenter needs of the panel."""

    def set_sides(self, sides: Sequence[tuple[str, str, str]], chosen: str) -> None: ...
    def set_compare(self, text: str, *, enabled: bool, why: str) -> None: ...
    def set_fields(self, fields: Sequence[Any]) -> None: ...
    def set_facts(self, rows: Sequence[tuple[str, str, str]]) -> None: ...
    def set_result(self, *, shown: bool, summary: str = "", notes: Sequence[str] = ()) -> None: ...
    def set_lines(self, headers: tuple[str, str], lines: Sequence[Any]) -> None: ...
    def set_selection(self, numbers: frozenset[int]) -> None: ...
    def set_photos(self, other: bool) -> None: ...
    def set_drops(self, taken: bool) -> None: ...


class Questions(Protocol):
    """What the user is asked."""

    async def other_result(self) -> Path | None: ...


class ComparisonPresenter:
    """Session to panel, and back.

    Parameters
    ----------
    session, workflow, actions, panel, questions
    copy : callable
        Puts a text on the clipboard.
    """

    def __init__(
        self,
        session: Session,
        workflow: Workflow,
        actions: Actions,
        panel: Panel,
        questions: Questions,
        copy: Callable[[str], object],
    ) -> None:
        self._session, self._workflow, self._actions = session, workflow, actions
        self._panel, self._questions, self._copy = panel, questions, copy
        self._side: Side = "clustering"
        self._settings: dict[Side, Settings] = {
            "clustering": FeatureSettings(),
            "positions": PositionSettings(),
            "surface": SurfaceSettings(),
        }
        self._shown: SideBySide | None = None
        actions.bind("compare", self.compare, enabled=False)
        actions.bind("copy_comparison", self.copy, enabled=False)
        session.reconstruction_changed.connect(self._on_reconstruction)
        session.comparison_changed.connect(self._on_comparison)
        session.display_changed.connect(self._on_display)
        self._offer()
        self._refresh()

    def choose(self, side: str) -> None:
        """What to compare with."""
        assert side in get_args(Side), "the panel offers what there is"
        self._side = side  # type: ignore[assignment]
        self._offer()

    def set_number(self, name: str, value: float) -> None:
        """A setting of the chosen side."""
        self._settings[self._side] = with_settings(self._settings[self._side], **{name: value})
        self._offer()

    def compare(self) -> None:
        """Hold the result against the chosen side."""
        comparing, side = self._workflow.comparing, self._side
        if comparing.missing()[side]:
            return

        async def ask() -> None:
            path = await self._questions.other_result() if side == "file" else None
            if side != "file" or path is not None:
                await self._set_beside(side, path)

        self._workflow.start(ask())

    def drop(self, paths: Sequence[str]) -> None:
        """Files were dropped on the panel or the second view."""
        if len(paths) > 1:
            self._session.message(f"One result at a time: {len(paths)} were dropped.")
        elif not self._workflow.comparing.missing()["file"]:
            self.choose("file")
            self._workflow.start(self._set_beside("file", Path(paths[0])))

    async def _set_beside(self, side: Side, path: Path | None) -> None:
        self._session.show(replace(self._session.display, comparing=True, pair=None))
        await self._workflow.comparing.set_beside(side, settings=self._settings.get(side), path=path)

    def end(self) -> None:
        """Hold it against nothing."""
        self._workflow.comparing.end()

    def copy(self) -> None:
        """The lines as CSV."""
        if self._shown is not None:
            self._copy(as_csv(self._shown))
            self._session.message(f"Copied {len(self._shown.lines)} lines.")

    def select(self, numbers: frozenset[int]) -> None:
        """The user selected lines."""
        if self._shown is not None:
            lines = [self._shown.lines[number] for number in sorted(numbers)]
            own = frozenset(line.first for line in lines if line.first is not None)
            others = frozenset(line.second for line in lines if line.second is not None)
            self._session.show(replace(self._session.display, selection=own, others=others))

    def toggle_photos(self, other: bool) -> None:
        """Whether photos show the other side."""
        self._session.show(replace(self._session.display, other_photos=other))

    def _on_reconstruction(self, _: object) -> None:
        self._offer()

    def _on_comparison(self, _: object) -> None:
        self._offer()
        self._refresh()

    def _on_display(self, display: Display) -> None:
        self._panel.set_photos(display.other_photos)
        self._mark()

    def _offer(self) -> None:
        """Sides and settings."""
        missing, side, panel = self._workflow.comparing.missing(), self._side, self._panel
        panel.set_drops(not missing["file"])
        panel.set_sides([(key, text, missing[key]) for key, text in SIDES.items()], side)
        settings = self._settings.get(side)
        panel.set_fields([] if settings is None else [_field(settings, field.name) for field in fields(settings)])
        text = "Keep it" if side == "snapshot" else "Choose …" if side == "file" else "Compare"
        panel.set_compare(text, enabled=not missing[side], why=missing[side] or TELLS[side])
        self._actions.set("compare", enabled=not missing[side], text=f"Compare with {_in_sentence(SIDES[side])}")

    def _refresh(self) -> None:
        shown, panel = self._session.comparison, self._panel
        self._shown = shown
        self._actions.enable("copy_comparison", enabled=shown is not None)
        if shown is None:
            panel.set_facts(())
            panel.set_result(shown=False)
            panel.set_lines((PLAIN, "Other"), ())
            return
        counterpart = shown.counterpart
        panel.set_facts(figures(shown))
        panel.set_result(shown=True, summary=f"{summary(shown)}.", notes=_notes(shown))
        panel.set_lines(
            (PLAIN, "Object" if counterpart.kind == "truth" else "Other"), [_line(shown, line) for line in shown.lines]
        )
        self._mark()

    def _mark(self) -> None:
        shown = self._shown
        if shown is None:
            return
        display = self._session.display
        others = marked_others(shown, display)
        self._panel.set_selection(
            frozenset(
                number
                for number, line in enumerate(shown.lines)
                if (line.first is None or line.first in display.selection)
                and (line.second is None or line.second in others)
            )
        )


def _line(shown: SideBySide, line: Line) -> tuple[Any, ...]:
    kind, title = shown.counterpart.kind, shown.counterpart.title
    names = tuple(name.removeprefix("Instance ") for name in name_of(shown, line))
    own = None if line.first is None else shown.first.find(line.first)
    return (
        word(line.verdict, kind),
        meaning(line.verdict, kind, title),
        *names,
        None if own is None else own.color,
        None if line.second is None else shown.colors.get(line.second),
        line.iou if line.first is not None and line.second is not None else None,
        line.points,
    )


def _notes(shown: SideBySide) -> tuple[str, ...]:
    counterpart = shown.counterpart
    words = f"Time and memory: {counterpart.cost_words}." if counterpart.cost_words and counterpart.cost else ""
    return tuple(filter(None, (*counterpart.notes, words)))


def _field(settings: Settings, name: str) -> tuple[Any, ...]:
    label, tip, low, high, decimals = NUMBERS[name]
    return name, label, tip, float(getattr(settings, name)), low, high, decimals


def _in_sentence(words: str) -> str:
    return words if words.startswith(("HDBSCAN", "Felzenszwalb")) else words[0].lower() + words[1:]
