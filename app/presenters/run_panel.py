"""Progress in words and one bar: steps done with their times, the running one, those to come; cancel and unload.

How far a job is and what it still needs is worked out in `app.session.activity`; here it becomes sentences.
"""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from app.actions import Actions
from app.session.activity import Activity, seconds_left, seconds_of, share_done
from app.session.session import Session
from app.workflow import Workflow

Row = tuple[str, str, str]  # name, "done", "now" or "later", and what is said of its time


class ProgressView(Protocol):
    """What this presenter needs of the window."""

    def set_progress(
        self, title: str, rows: Sequence[Row], step: str, fraction: float, clock: str, *, quiet: bool
    ) -> None: ...


class RunPanelPresenter:
    """Activity and loaded model to the window's progress; cancel and unload back.

    Parameters
    ----------
    session, workflow, actions
    view : ProgressView
    clock : callable
        Monotonic seconds.
    """

    def __init__(
        self,
        session: Session,
        workflow: Workflow,
        actions: Actions,
        view: ProgressView,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session, self._workflow, self._actions = session, workflow, actions
        self._view, self._clock = view, clock
        actions.bind("cancel", workflow.cancel, enabled=False)
        actions.bind("unload", self.unload, enabled=False)
        session.activity_changed.connect(self._on_activity)
        session.model_changed.connect(self._on_model)

    def unload(self) -> None:
        """Free the memory of the model."""
        self._workflow.start(self._workflow.unload())

    def tick(self) -> None:
        """The clock moved on while something runs."""
        self._on_activity(self._session.activity)

    def _on_activity(self, activity: Activity) -> None:
        self._actions.enable("cancel", enabled=not activity.idle)
        self._offer_unloading()
        now = self._clock()
        self._view.set_progress(
            activity.job,
            step_rows(activity),
            step_text(activity),
            share_done(activity),
            clock_text(activity, now),
            quiet=activity.quiet,
        )

    def _on_model(self, _: object) -> None:
        self._offer_unloading()

    def _offer_unloading(self) -> None:
        facts = self._session.model
        tip = "No model is loaded"
        if facts is not None:
            tip = f"Free the {facts.bytes / 1e6:,.0f} MB that {facts.name} takes; the next run loads it again"
        self._actions.set("unload", enabled=facts is not None and self._session.activity.idle, tip=tip)


def step_rows(activity: Activity) -> list[Row]:
    """Every step of a job: done with its time, running with its share, to come with what it will take, about."""
    rows: list[Row] = [(name, "done", seconds_text(spent)) for name, spent in activity.finished]
    if activity.idle:
        return rows
    rows.append((activity.step, "now", f"{activity.fraction:.0%}" if activity.fraction else ""))
    begun = {name for name, _, _ in rows}
    order = [name for name, _ in activity.schedule]
    passed = max((order.index(name) for name in begun if name in order), default=-1)
    for name in order[passed + 1 :]:
        expected = seconds_of(activity, name)
        rows.append((name, "later", f"about {duration(expected)}" if expected >= 0.5 else ""))
    return rows


def step_text(activity: Activity) -> str:
    """The running step and its place: "Feature pass (5 of 9)"."""
    rows = step_rows(activity)
    if activity.idle or len(activity.schedule) < 2:
        return activity.step
    place = next((number for number, row in enumerate(rows, 1) if row[1] == "now"), 0)
    return f"{activity.step} ({place} of {len(rows)})"


def clock_text(activity: Activity, now: float) -> str:
    """Time since the start, and what the whole job still needs if that can be told."""
    if activity.idle:
        return ""
    text = f"{duration(now - activity.job_started)} elapsed"
    left = seconds_left(activity, now)
    if left is None or now - activity.job_started < 0.5:
        return text
    return f"{text} · about {duration(left)} left" if left >= 1 else f"{text} · nearly done"


def duration(seconds: float) -> str:
    """Such as "7 s" or "2 min 05 s"."""
    minutes, rest = divmod(round(max(seconds, 0.0)), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def seconds_text(seconds: float) -> str:
    """Time of a finished step: tenths of a second while they matter."""
    return f"{seconds:.1f} s" if seconds < 60 else duration(seconds)
