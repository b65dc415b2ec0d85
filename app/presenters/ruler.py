"""Lengths of the scene: how large the selected instances are."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.actions import Actions
from app.presenters.instance_table import called
from app.session.ruler import Ruler
from app.session.session import Session
from fast3dis_core.curation import CuratedInstance
from fast3dis_core.reconstruction import Float32


class Stage(Protocol):
    """What this presenter needs of the viewport."""

    def set_box(self, points: NDArray[np.float32]) -> tuple[float, float, float]: ...
    def set_lengths(self, text: str) -> None: ...


class RulerPresenter:
    """Session to the lengths on stage, and back."""

    def __init__(self, session: Session, actions: Actions, stage: Stage) -> None:
        self._session, self._actions, self._stage = session, actions, stage
        self._boxed: tuple[CuratedInstance, ...] = ()
        self._size = (0.0, 0.0, 0.0)
        actions.bind("box", self.toggle_box, enabled=False)
        for signal in (session.reconstruction_changed, session.edits_changed, session.display_changed):
            signal.connect(self._refresh)

    def toggle_box(self) -> None:
        """With the box of what is selected, or without."""
        display = self._session.display
        self._session.show(replace(display, box=not display.box))

    def _refresh(self, _: object) -> None:
        result, display = self._session.reconstruction, self._session.display
        if result is None:
            return
        self._actions.set("box", enabled=True, checked=display.box)
        chosen = tuple(item for item in self._session.shown() if item.query in display.selection and len(item.pixels))
        self._show_box(result.cloud.points, chosen if display.box else ())
        self._stage.set_lengths(self._words())

    def _show_box(self, points: Float32, chosen: tuple[CuratedInstance, ...]) -> None:
        if [id(item) for item in chosen] == [id(item) for item in self._boxed]:
            return
        self._boxed = chosen
        rows = np.concatenate([item.pixels for item in chosen]) if chosen else np.zeros(0, np.int32)
        self._size = self._stage.set_box(points[rows])

    def _words(self) -> str:
        if not self._boxed:
            return ""
        name = called(self._session, [item.query for item in self._boxed])
        return f"{name}: {self._ruler().text(*self._size)} (wide × high × deep)"

    def _ruler(self) -> Ruler:
        result = self._session.reconstruction
        assert result is not None, "lengths belong to a result"
        return Ruler(result.units)
