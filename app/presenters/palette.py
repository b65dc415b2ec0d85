"""Which palette instances take their colors from: a choice in the View menu, the same in every panel and export."""

from dataclasses import replace
from functools import partial
from typing import get_args

from app.actions import Actions
from app.session.session import Session
from fast3dis_core.palette import PaletteName

PALETTES: tuple[PaletteName, ...] = get_args(PaletteName)


class PalettePresenter:
    """Session to menu, and back."""

    def __init__(self, session: Session, actions: Actions) -> None:
        self._session, self._actions = session, actions
        for name in PALETTES:
            actions.bind(f"palette_{name}", partial(self.choose, name))
        session.display_changed.connect(self._refresh)
        self._refresh()

    def choose(self, palette: PaletteName) -> None:
        """Color by this palette from now on; colors that the user gave stay."""
        self._session.show(replace(self._session.display, palette=palette))

    def _refresh(self, _: object = None) -> None:
        for name in PALETTES:
            self._actions.set(f"palette_{name}", checked=self._session.display.palette == name)
