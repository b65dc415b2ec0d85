"""Which palette instances take their colors from: a choice in the View menu, the same in every panel and export."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from dataclasses import replace
from functools import partial
from typing import Protocol, get_args

from app.actions import Actions
from app.session.session import Session
from fast3dis_core.palette import PaletteName

PALETTES: tuple[PaletteName, ...] = get_args(PaletteName)
PALETTE = "view/palette"  # in the preferences


class Memory(Protocol):
    """What this presenter needs of the preferences."""

    def get(self, key: str, default: str) -> str: ...
    def set(self, key: str, value: str) -> None: ...


class PalettePresenter:
    """Session to menu, and back. The choice is remembered: eyes stay the same from scene to scene."""

    def __init__(self, session: Session, actions: Actions, memory: Memory) -> None:
        self._session, self._actions, self._memory = session, actions, memory
        for name in PALETTES:
            actions.bind(f"palette_{name}", partial(self.choose, name))
        session.display_changed.connect(self._refresh)
        remembered = memory.get(PALETTE, PALETTES[0])
        session.show(replace(session.display, palette=next((n for n in PALETTES if n == remembered), PALETTES[0])))
        self._refresh()

    def choose(self, palette: PaletteName) -> None:
        """Color by this palette from now on; colors that the user gave stay."""
        self._session.show(replace(self._session.display, palette=palette))
        self._memory.set(PALETTE, palette)

    def _refresh(self, _: object = None) -> None:
        for name in PALETTES:
            self._actions.set(f"palette_{name}", checked=self._session.display.palette == name)
