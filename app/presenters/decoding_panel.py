"""The filters: sliders to undoable edits, and back, with how much each drops."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from app.actions import Actions
from app.session.edits import Edits
from app.session.session import Session
from fast3dis_core.config import InferenceConfig
from fast3dis_core.curation import Curated, Verdict

FLOOR = InferenceConfig.objectness_floor
STEP = 0.01  # of objectness by key
PERCENT = 100  # the panel has depth edges and overlaps in percent
PERCENTAGES = ("depth_edge", "duplicate_overlap")
DEFAULTS: dict[str, float] = {
    "objectness_threshold": InferenceConfig.objectness_threshold,
    "mask_threshold": InferenceConfig.mask_threshold,
    "minimum_points": InferenceConfig.minimum_points,
    "duplicate_overlap": InferenceConfig.duplicate_overlap,
    "confidence_percentile": InferenceConfig.confidence_percentile,
    "depth_edge": InferenceConfig.depth_edge,
}
LABELS: dict[str, Callable[[float], str]] = {
    "objectness_threshold": lambda value: f"Objectness {value:.2f}",
    "mask_threshold": lambda value: f"Mask threshold {value:.2f}",
    "minimum_points": lambda value: f"Smallest instance {value:,.0f} points",
    "duplicate_overlap": lambda value: f"Duplicates over {PERCENT * value:g} % overlap" if value else "Duplicates off",
    "confidence_percentile": lambda value: f"Leave out {value:g} % least confident",
    "depth_edge": lambda value: f"Depth edges {PERCENT * value:g} %" if value else "Depth edges off",
}


class Panel(Protocol):
    """What this presenter needs of the panel."""

    def set_filter(self, key: str, value: float, drops: str) -> None: ...
    def set_edges(self, on: bool) -> None: ...
    def set_queries(
        self, ticks: Sequence[tuple[int, str, float, tuple[int, int, int], bool]], selection: frozenset[int]
    ) -> None: ...
    def set_reset(self, enabled: bool) -> None: ...


class DecodingPanelPresenter:
    """Session to sliders, and back. The steps of one drag are one step of the history."""

    def __init__(self, session: Session, actions: Actions, panel: Panel) -> None:
        self._session, self._actions, self._panel = session, actions, panel
        self._edge = InferenceConfig.depth_edge  # what the switch turns on: the last setting that was not off
        self._told: Curated | None = None
        actions.bind("reset_filters", self.reset, enabled=False)
        actions.bind("objectness_down", lambda: self._step(-STEP), enabled=False)
        actions.bind("objectness_up", lambda: self._step(STEP), enabled=False)
        session.reconstruction_changed.connect(self._refresh)
        session.edits_changed.connect(self._refresh)
        session.display_changed.connect(self._refresh)
        self._refresh()

    def set(self, key: str, value: float) -> None:
        """A handle moved, or a number was typed; depth edges and overlaps come in percent."""
        if key == "objectness_threshold":
            value = max(round(value, 2), FLOOR)
        elif key == "mask_threshold":
            value = round(value, 2)
        elif key == "minimum_points":
            value = round(value)
        elif key in PERCENTAGES:
            value = round(value / PERCENT, 4)
        self._edit(key, value, gesture=key)
        self._refresh()  # a handle below the floor goes back to it

    def switch_edges(self, on: bool) -> None:
        """The depth-edge filter was switched."""
        self._edit("depth_edge", self._edge if on else 0.0)

    def choose(self, queries: frozenset[int], additive: bool) -> None:
        """Queries were chosen in the histogram."""
        curated, display = self._session.curated, self._session.display
        owners = curated.owners if curated is not None else {}
        chosen = frozenset(owners.get(query, query) for query in queries)
        self._session.show(replace(display, selection=display.selection ^ chosen if additive else chosen))

    def reset(self) -> None:
        """All filters as they are by default."""
        self._session.edit("Reset filters", replace(self._session.edits, **DEFAULTS))  # type: ignore[arg-type]

    def finish_gesture(self) -> None:
        """The handle was let go."""
        self._session.finish_gesture()

    def _step(self, by: float) -> None:
        self.set("objectness_threshold", min(self._session.edits.objectness_threshold + by, 1.0))

    def _edit(self, key: str, value: float, gesture: str | None = None) -> None:
        edits = replace(self._session.edits, **{key: value})  # type: ignore[arg-type]
        self._session.edit(LABELS[key](value), edits, gesture)

    def _refresh(self, _: object = None) -> None:
        if self._session.previewing:
            return
        session, panel, edits = self._session, self._panel, self._session.edits
        self._edge = edits.depth_edge or self._edge
        curated = session.curated
        drops = _drops(curated) if curated is not None else {}
        for key in DEFAULTS:
            value = self._edge if key == "depth_edge" else getattr(edits, key)
            value = PERCENT * value if key in PERCENTAGES else value
            panel.set_filter(key, round(value, 4), drops.get(key, ""))
        panel.set_edges(bool(edits.depth_edge))
        if curated is not None:
            panel.set_queries(_ticks(curated), session.display.selection)
        changed = _differs(edits)
        panel.set_reset(changed)
        self._actions.enable("reset_filters", enabled=changed)
        self._actions.enable("objectness_down", enabled=curated is not None and edits.objectness_threshold > FLOOR)
        self._actions.enable("objectness_up", enabled=curated is not None and edits.objectness_threshold < 1)


def _differs(edits: Edits) -> bool:
    return any(getattr(edits, key) != default for key, default in DEFAULTS.items())


def _drops(curated: Curated) -> dict[str, str]:
    """What each filter drops, one after the other, in words."""
    queries, points = curated.queries, curated.dropped_points
    pixels = sum(len(item.pixels) for item in curated.instances)

    def drops(verdict: Verdict) -> str:
        return f"drops {queries[verdict]:,} {'query' if queries[verdict] == 1 else 'queries'}"

    return {
        "objectness_threshold": drops("objectness"),
        "mask_threshold": f"{pixels:,} mask pixels",
        "minimum_points": drops("size"),
        "duplicate_overlap": drops("duplicate") if curated.curation.duplicate_overlap else "off",
        "confidence_percentile": f"drops {points['confidence_percentile']:,} points",
        "depth_edge": f"drops {points['depth_edge']:,} points" if curated.curation.depth_edge else "off",
    }


def _ticks(curated: Curated) -> list[tuple[int, str, float, tuple[int, int, int], bool]]:
    """Every query at its own objectness, in the color of its instance."""
    scores = curated.reconstruction.objectness[-1]
    return [
        (query, item.name, float(scores[query]), item.color, item.verdict == "shown")
        for item in (*curated.instances, *curated.unassembled)
        for query in item.members
    ]
