"""The window's frame: pages, progress, history, errors."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, get_args

from app.actions import Actions
from app.number_colors import ASKING_MODES
from app.presenters.chips import chips, dismiss_chip
from app.presenters.run_panel import duration
from app.presenters.ways_out import Way, ways_out
from app.report import card_line
from app.session.edits import Edits
from app.session.ruler import Ruler
from app.session.session import Activity, ColorMode, Origin, Session
from app.workflow import Workflow
from fast3dis_core.errors import DeviceMemoryError, Fast3disError

COLOR_MODES: tuple[ColorMode, ...] = get_args(ColorMode)
MEMORY_WORDS = "The device ran out of memory before the run was done. What was on show before is unchanged. "


class Window(Protocol):
    """What this presenter needs of the window."""

    def set_page(self, page: Any) -> None: ...
    def set_title(self, scene: str) -> None: ...
    def set_environment(self, line: str) -> None: ...
    def set_model(self, text: str, tip: str) -> None: ...
    def set_points(self, text: str) -> None: ...
    def show_message(self, sentence: str) -> None: ...
    def show_error(
        self, title: str, message: str, report: str, details: str, ways: Sequence[tuple[str, str]] = ()
    ) -> None: ...


class Chips(Protocol):
    """What this presenter needs of the row of chips."""

    def set_chips(self, chips: Sequence[tuple[str, str, str, bool]]) -> None: ...


class MainWindowPresenter:
    """Session and workflow to window, and back.

    Parameters
    ----------
    session, workflow, actions
    window, chips
        See the protocols.
    drawn_points : callable
        Points drawn and points there are, from the viewport.
    report : callable
        Report of an error, to be copied.
    abandon : callable
        Gives up a drag in the viewport; whether there was one.
    """

    def __init__(
        self,
        session: Session,
        workflow: Workflow,
        actions: Actions,
        *,
        window: Window,
        chips: Chips,
        drawn_points: Callable[[], tuple[int, int]],
        report: Callable[[Exception], str] = repr,
        abandon: Callable[[], bool] = lambda: False,
    ) -> None:
        self._session, self._workflow, self._actions, self._window = session, workflow, actions, window
        self._chips, self._drawn_points, self._report, self._abandon = chips, drawn_points, report, abandon
        self._ways: tuple[Way, ...] = ()
        session.plan_changed.connect(self._on_plan)
        session.reconstruction_changed.connect(self._on_reconstruction)
        session.edits_changed.connect(self._on_edits)
        session.display_changed.connect(self._on_display)
        session.activity_changed.connect(self._on_activity)
        session.environment_changed.connect(window.set_environment)
        session.messaged.connect(window.show_message)
        session.failed.connect(self._on_failed)
        self._bind()
        self._refresh()

    # wishes of the user

    def next_color_mode(self) -> None:
        """Go through the ways of coloring."""
        modes = [mode for mode in COLOR_MODES if mode != "difference"]  # which is of one question only
        now = self._session.display.color_mode
        self.set_color_mode(modes[(modes.index(now) + 1) % len(modes) if now in modes else 0])

    def set_color_mode(self, mode: ColorMode) -> None:
        """Color by what colors then mean; some meanings have to be measured first."""
        display = self._session.display
        asks = display.inspecting or mode in ASKING_MODES
        self._session.show(replace(display, color_mode=mode, inspecting=asks))

    def step_back(self) -> None:
        """Esc: give up a drag, else end a pair side by side, else leave the isolation, else drop the selection."""
        if self._abandon():
            return
        display = self._session.display
        if display.pair is not None:
            self._session.show(replace(display, pair=None))
        elif display.isolated:
            self._session.show(replace(display, isolated=frozenset()))
        elif display.selection:
            self._session.show(replace(display, selection=frozenset()))

    def dismiss_chip(self, key: str) -> None:
        """Undo what a chip says."""
        dismiss_chip(self._session, key)

    def refresh_chips(self) -> None:
        """As many points are drawn as there are now."""
        self._chips.set_chips(chips(self._session, self._drawn_points()))

    # what the session says

    def _on_plan(self, _: object) -> None:
        self._window.set_page(self._page())

    def _on_reconstruction(self, _: object) -> None:
        if not self._session.previewing:
            self._refresh()

    def _on_edits(self, _: Edits) -> None:
        self._refresh()

    def _on_display(self, _: object) -> None:
        self._refresh()

    def _on_activity(self, activity: Activity) -> None:
        self._window.set_page(self._page())

    def _on_failed(self, error: Exception) -> None:
        expected = isinstance(error, Fast3disError)
        details = "" if expected else "".join(traceback.format_exception(error))
        words = str(error)
        message = _sentence(words) if expected else f"{type(error).__name__}: {error}"
        title = "This did not work" if expected else "An error in the program"
        report = self._report(error)
        self._ways = ()
        if isinstance(error, DeviceMemoryError):
            known = self._session.environment + (self._session.model.name if self._session.model else "")
            self._ways = ways_out(self._session.plan, "CPU" if "CPU" in known else "")
            title, message = "Out of memory", MEMORY_WORDS + ("Run again with less:" if self._ways else f"{message}")
        self._window.show_error(title, message, report, details, [(way.key, way.label) for way in self._ways])

    def choose_way(self, key: str) -> None:
        """Out of the last error: run again with other settings."""
        settings = {way.key: way.settings for way in self._ways}
        if key in settings:
            self._workflow.start(self._workflow.run_again(settings[key]))

    def _refresh(self) -> None:
        session, window = self._session, self._window
        window.set_page(self._page())
        origin = session.origin
        window.set_title(origin.folder.resolve().name if origin else "")
        window.set_model(origin.model if origin else "", _model_tip(origin))
        self._refresh_actions()
        self.refresh_chips()
        if session.reconstruction is not None:
            units = Ruler.of(session.reconstruction.units, session.edits.scale).units
            window.set_points(f"{session.reconstruction.cloud.valid.sum():,} points · {units}")

    def _page(self) -> str:
        """What fills the middle: the plan when it is asked for, else the result, else what leads to one."""
        session = self._session
        if session.display.setup and session.plan is not None:
            return "ready"
        if session.reconstruction is not None:
            return "result"
        if not session.activity.idle and not session.activity.quiet:
            return "running"
        return "empty" if session.plan is None else "ready"

    def _bind(self) -> None:
        actions, session = self._actions, self._session
        actions.bind("undo", session.undo)
        actions.bind("redo", session.redo)
        actions.bind("step_back", self.step_back)
        actions.bind("next_color", self.next_color_mode)
        for mode in COLOR_MODES:
            actions.bind(f"color_{mode}", partial(self.set_color_mode, mode))

    def _refresh_actions(self) -> None:
        session, actions = self._session, self._actions
        for name, verb, label in (("undo", "Undo", session.undo_label), ("redo", "Redo", session.redo_label)):
            actions.set(name, enabled=label is not None, text=f"{verb} {label or ''}".strip())
        there = session.reconstruction is not None
        for mode in COLOR_MODES:
            actions.set(f"color_{mode}", enabled=there, checked=session.display.color_mode == mode)
        actions.enable("next_color", enabled=there)


def _sentence(words: str) -> str:
    """Message of an error as the window says it: with a capital and a full stop."""
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "…", "?")) else ".")


def _model_tip(origin: Origin | None) -> str:
    if origin is None:
        return ""
    if origin.masks == "missing":
        return f"Depth Anything 3 weights without FAST3DIS heads. Run time: {duration(origin.seconds)}."
    advice = " Load trained weights with --weights FILE." if origin.untrained else ""
    words = origin.model_status or "Trained weights."
    if origin.weights:
        words = f"Weights: {origin.weights}." + (f" {origin.model_status}" if origin.model_status else "")
    elif origin.model.startswith("nano") and not origin.untrained:
        words = f"nano: bundled, Apache-2.0, trained on rendered rooms. {card_line()}"
    return f"{words}{advice} Run time: {duration(origin.seconds)}."
