"""The two thresholds: sliders to undoable edits, and back."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from dataclasses import replace
from typing import Protocol

from app.session.edits import Edits
from app.session.session import Session
from fast3dis_core.config import InferenceConfig


class Panel(Protocol):
    """What this presenter needs of the panel."""

    def set_range(self, lowest: float) -> None: ...
    def set_values(self, objectness: float, mask: float) -> None: ...


class DecodingPanelPresenter:
    """Session to sliders, and back. The steps of one drag are one step of the history."""

    def __init__(self, session: Session, panel: Panel) -> None:
        self._session, self._panel = session, panel
        session.edits_changed.connect(self._on_edits)
        panel.set_range(InferenceConfig.objectness_floor)
        self._on_edits(session.edits)

    def set_objectness(self, value: float) -> None:
        """The objectness slider moved."""
        value = round(value, 2)
        edits = replace(self._session.edits, objectness_threshold=value)
        self._session.edit(f"Objectness {value:.2f}", edits, gesture="objectness")

    def set_mask(self, value: float) -> None:
        """The mask slider moved."""
        value = round(value, 2)
        edits = replace(self._session.edits, mask_threshold=value)
        self._session.edit(f"Mask threshold {value:.2f}", edits, gesture="mask")

    def finish_gesture(self) -> None:
        """The handle was let go."""
        self._session.finish_gesture()

    def _on_edits(self, edits: Edits) -> None:
        self._panel.set_values(edits.objectness_threshold, edits.mask_threshold)
