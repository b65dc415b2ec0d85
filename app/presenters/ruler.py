"""Lengths of the scene: how large the selected instances are, how far apart two points, and what that is in meters."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

import math
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from app.actions import Actions
from app.presenters.instance_table import called
from app.session.ruler import Ruler
from app.session.session import Session
from fast3dis_core.curation import CuratedInstance
from fast3dis_core.reconstruction import Float32, PointCloud

Place = tuple[float, float, float]  # world


class Stage(Protocol):
    """What this presenter needs of the viewport."""

    def set_box(self, points: NDArray[np.float32]) -> tuple[float, float, float]: ...
    def set_lengths(self, text: str) -> None: ...
    def set_measuring(self, on: bool) -> None: ...
    def set_line(self, places: Sequence[Place]) -> None: ...


class Questions(Protocol):
    """What the user is asked."""

    async def true_length(self, measured: str) -> float | None: ...


class RulerPresenter:
    """Session to the lengths on stage, and back.

    Parameters
    ----------
    session, actions
    stage, questions
        See the protocols.
    start : callable
        Runs a coroutine and reports its errors.
    otherwise : callable
        What a click means while nothing is measured: row of the cloud, and whether Ctrl was held.
    """

    def __init__(
        self,
        session: Session,
        actions: Actions,
        stage: Stage,
        *,
        questions: Questions,
        start: Callable[[Coroutine[Any, Any, None]], object],
        otherwise: Callable[[int, bool], None],
    ) -> None:
        self._session, self._actions, self._stage = session, actions, stage
        self._questions, self._start, self._otherwise = questions, start, otherwise
        self._measuring = False
        self._places: tuple[Place, ...] = ()
        self._cloud: PointCloud | None = None
        self._boxed: tuple[CuratedInstance, ...] = ()
        self._upright: object = None  # what was up when the box was drawn
        self._size = (0.0, 0.0, 0.0)
        actions.bind("box", self.toggle_box, enabled=False)
        actions.bind("measure", self.toggle, enabled=False)
        actions.bind("calibrate", self.calibrate, enabled=False)
        for signal in (session.reconstruction_changed, session.edits_changed, session.display_changed):
            signal.connect(self._refresh)

    def toggle_box(self) -> None:
        """With the box of what is selected, or without."""
        display = self._session.display
        self._session.show(replace(display, box=not display.box))

    def toggle(self) -> None:
        """Begin to measure, or leave it."""
        if not self.leave():
            self._measuring = True
            self._show_line()

    def leave(self) -> bool:
        """Stop measuring and take the line away; whether there was something to leave."""
        there, self._measuring, self._places = self._measuring, False, ()
        if there:
            self._show_line()
        return there

    def pick(self, row: int, additive: bool) -> None:
        """A click on a cloud row: an end of the line while measuring; the background, -1, is none."""
        result = self._session.reconstruction
        if not self._measuring or result is None:
            self._otherwise(row, additive)
        elif row >= 0:
            x, y, z = (float(value) for value in result.cloud.points[row])
            self._places = ((x, y, z),) if len(self._places) == 2 else (*self._places, (x, y, z))
            self._show_line()

    def calibrate(self) -> None:
        """Ask how long the measured line is in truth."""
        length = self._length()
        if length <= 0:
            return

        async def ask() -> None:
            meters = await self._questions.true_length(self._ruler().text(length))
            if meters is not None:
                self._session.edit("Set the true length", replace(self._session.edits, scale=meters / length))

        self._start(ask())

    def _length(self) -> float:
        """Of the measured line, scene units; 0 while there is none."""
        return math.dist(*self._places) if len(self._places) == 2 else 0.0

    def _show_line(self) -> None:
        self._stage.set_measuring(self._measuring)
        self._stage.set_line(self._places)
        self._actions.set("measure", checked=self._measuring)
        self._actions.enable("calibrate", enabled=self._length() > 0)
        self._stage.set_lengths(self._words())

    def _refresh(self, _: object) -> None:
        result, display = self._session.reconstruction, self._session.display
        if result is None:
            return
        if result.cloud is not self._cloud:
            self._cloud = result.cloud
            self.leave()
            self._actions.enable("measure", enabled=True)
        self._actions.set("box", enabled=True, checked=display.box)
        chosen = tuple(item for item in self._session.shown() if item.query in display.selection and len(item.pixels))
        self._show_box(result.cloud.points, chosen if display.box else ())
        self._stage.set_lengths(self._words())

    def _show_box(self, points: Float32, chosen: tuple[CuratedInstance, ...]) -> None:
        display = self._session.display
        upright = display.up, display.flipped
        if [id(item) for item in chosen] == [id(item) for item in self._boxed] and upright == self._upright:
            return
        self._boxed, self._upright = chosen, upright
        rows = np.concatenate([item.pixels for item in chosen]) if chosen else np.zeros(0, np.int32)
        self._size = self._stage.set_box(points[rows])

    def _words(self) -> str:
        lines = []
        if self._boxed:
            name = called(self._session, [item.query for item in self._boxed])
            lines.append(f"{name}: {self._ruler().text(*self._size)} (wide × high × deep)")
        if self._measuring:
            asks = ("Measure: click a point", "Measure: click a second point")
            ends = len(self._places)
            lines.append(asks[ends] if ends < 2 else f"Measured: {self._ruler().text(self._length())}")
        return "\n".join(lines)

    def _ruler(self) -> Ruler:
        result = self._session.reconstruction
        assert result is not None, "lengths belong to a result"
        return Ruler.of(result.units, self._session.edits.scale)
