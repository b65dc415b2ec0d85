"""How the stage looks: background, shading, grid, axes, cameras and what is up; chosen in the View menu, remembered.

Two presenters, because there can be several stages and there is one menu: `StageLookPresenter` shows on one stage what
the session says, `StageChoicesPresenter` turns choices into what the session says and keeps them for the next start.
"""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, get_args

from app.actions import Actions
from app.session.display import Background, Up
from app.session.ruler import Ruler
from app.session.session import Display, Session

CAMERA_STEP, CAMERA_RANGE = 1.25, (0.1, 8.0)
# field of the display to its default; kept in the preferences, while what is up belongs to a scene
KEPT = ("background", "eye_dome", "grid", "axes", "cameras", "photo_planes", "frustum_scale")
SWITCHES = ("eye_dome", "grid", "axes", "cameras", "photo_planes")
BACKGROUNDS: tuple[Background, ...] = get_args(Background)
UPS: tuple[Up, ...] = get_args(Up)


class Stage(Protocol):
    """What this presenter needs of the viewport."""

    def set_background(self, kind: Any) -> None: ...
    def set_up(self, axis: str, flipped: bool) -> None: ...


class Dressing(Protocol):
    """What it needs of what surrounds the scene."""

    def set_eye_dome(self, on: bool) -> None: ...
    def set_gauge(self, on: bool) -> None: ...
    def set_grid(self, on: bool) -> None: ...
    def set_units(self, units: str, factor: float) -> None: ...


class Cameras(Protocol):
    """What it needs of the cameras on stage."""

    def set_look(self, *, shown: bool, hung: bool, scale: float) -> None: ...


class Memory(Protocol):
    """What it needs of the preferences."""

    def get(self, key: str, default: Any) -> Any: ...
    def set(self, key: str, value: Any) -> None: ...


class StageLookPresenter:
    """Session to one stage."""

    def __init__(self, session: Session, stage: Stage, dressing: Dressing, cameras: Cameras) -> None:
        self._session, self._stage, self._dressing, self._cameras = session, stage, dressing, cameras
        session.display_changed.connect(self._refresh)
        session.reconstruction_changed.connect(self._measure)
        session.edits_changed.connect(self._measure)
        self._refresh(session.display)
        self._measure(None)  # a second stage comes when there is a result already

    def _refresh(self, display: Display) -> None:
        self._stage.set_background(display.background)
        self._dressing.set_eye_dome(display.eye_dome)
        self._dressing.set_gauge(display.axes)
        self._dressing.set_grid(display.grid)
        self._cameras.set_look(shown=display.cameras, hung=display.photo_planes, scale=display.frustum_scale)
        self._stage.set_up(display.up, display.flipped)

    def _measure(self, _: object) -> None:
        result = self._session.reconstruction
        if result is not None:
            ruler = Ruler.of(result.units, self._session.edits.scale)
            self._dressing.set_units(ruler.units, ruler.factor)


class StageChoicesPresenter:
    """Menu to session, and to the preferences."""

    def __init__(self, session: Session, actions: Actions, memory: Memory) -> None:
        self._session, self._actions, self._memory = session, actions, memory
        handlers: dict[str, Callable[[], object]] = {name: partial(self.switch, name) for name in SWITCHES}
        handlers |= {f"background_{kind}": partial(self.choose, "background", kind) for kind in BACKGROUNDS}
        handlers |= {f"up_{up}": partial(self.choose, "up", up) for up in UPS}
        handlers |= {
            "flip_up": partial(self.switch, "flipped"),
            "larger_cameras": partial(self.resize_cameras, CAMERA_STEP),
            "smaller_cameras": partial(self.resize_cameras, 1 / CAMERA_STEP),
        }
        for name, handler in handlers.items():
            actions.bind(name, handler, enabled=False)
        self._names = tuple(handlers)
        session.reconstruction_changed.connect(lambda _: actions.enable(*self._names, enabled=True))
        session.display_changed.connect(self._refresh)
        self._recall()
        self._refresh(session.display)

    def switch(self, field: str) -> None:
        """On, or off."""
        self.choose(field, not getattr(self._session.display, field))

    def choose(self, field: str, value: Any) -> None:
        """One field of the display, by its name."""
        self._session.show(replace(self._session.display, **{field: value}))
        if field in KEPT:
            self._memory.set(f"view/{field}", value)

    def resize_cameras(self, factor: float) -> None:
        """Larger or smaller frustums."""
        smallest, largest = CAMERA_RANGE
        self.choose("frustum_scale", min(max(self._session.display.frustum_scale * factor, smallest), largest))

    def _recall(self) -> None:
        """What was chosen the last time, as far as it can be chosen."""
        usual, (smallest, largest) = Display(), CAMERA_RANGE
        found = {field: self._memory.get(f"view/{field}", getattr(usual, field)) for field in KEPT}
        if found["background"] not in BACKGROUNDS:
            found["background"] = usual.background
        found["frustum_scale"] = min(max(found["frustum_scale"], smallest), largest)
        self._session.show(replace(self._session.display, **found))

    def _refresh(self, display: Display) -> None:
        for name in SWITCHES:
            self._actions.set(name, checked=getattr(display, name))
        self._actions.set("flip_up", checked=display.flipped)
        for kind in BACKGROUNDS:
            self._actions.set(f"background_{kind}", checked=display.background == kind)
        for up in UPS:
            self._actions.set(f"up_{up}", checked=display.up == up)
