"""What the last change of the decoder did to every instance, in the panel of anchors: the biggest changes first.

`app.probe` holds the result against the one before it; the long table, against whatever one likes, is `what_if`.
"""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from app.presenters.what_if import changed_names, fate_words, short_name
from app.probe import Probe
from app.session.session import Difference, Session
from fast3dis_core.difference import FATES

Line = tuple[int, str, str, str, str]  # query, name, what became of it, IoU, points


class Panel(Protocol):
    """What this presenter needs of the list."""

    def set_changes(self, summary: str, lines: Sequence[Line]) -> None: ...


class LastChangePresenter:
    """Probe to list, and back.

    Parameters
    ----------
    session : Session
    probe : Probe
    panel : Panel
    """

    def __init__(self, session: Session, probe: Probe, panel: Panel) -> None:
        self._session, self._panel = session, panel
        probe.last_changed.connect(self._show)
        panel.set_changes("", ())

    def select(self, query: int) -> None:
        """A line was clicked."""
        self._session.show(replace(self._session.display, selection=frozenset({query})))

    def _show(self, difference: Difference | None) -> None:
        if difference is None:
            self._panel.set_changes("", ())
            return
        names = changed_names(self._session, difference)
        fates = Counter(change.fate for change in difference.changes)
        words = {"lost": "lost", "new": "new", "changed": "changed", "same": "as before"}
        summary = "Last change: " + ", ".join(f"{fates[fate]} {words[fate]}" for fate in FATES)
        self._panel.set_changes(
            summary,
            [
                (
                    change.query,
                    short_name(change.query, names),
                    fate_words(change, names),
                    f"IoU {change.iou:.2f}",
                    f"{change.points[0]:,} → {change.points[1]:,}",
                )
                for change in difference.changes
                if change.fate != "same"
            ],
        )
