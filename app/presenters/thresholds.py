"""The threshold explorer: how many instances there would be at other thresholds, as curves and as a map.

Moving a threshold there is moving it in the filters: `presenters.decoding_panel` takes it.
"""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from app.actions import Actions
from app.session.session import Inspection, Session
from fast3dis_core.color_scales import scale_colors
from fast3dis_core.config import InferenceConfig
from fast3dis_core.curation import Curated
from fast3dis_core.evidence import AREA_THRESHOLDS, Claims
from fast3dis_core.thresholds import grid_csv, network_instances, objectness_counts, threshold_grid

TAB = "Thresholds"  # of the inspector
FINE = np.linspace(0, 1, 101, dtype=np.float32)  # objectness along the curve
COARSE = np.array(AREA_THRESHOLDS, np.float32)  # and along the map

Curve = Sequence[tuple[float, int]]


class Panel(Protocol):
    """What this presenter needs of the panel."""

    def set_empty(self, text: str) -> None: ...
    def set_summary(self, text: str) -> None: ...
    def set_objectness(self, curve: Curve, value: float) -> None: ...
    def set_mask(self, curve: Curve, value: float) -> None: ...
    def set_map(self, picture: NDArray[np.uint8], counts: NDArray[np.int32]) -> None: ...


class ThresholdsPresenter:
    """Session to panel.

    Parameters
    ----------
    session, actions
    panel : Panel
    copy : callable
        Puts a text on the clipboard.
    """

    def __init__(self, session: Session, actions: Actions, panel: Panel, copy: Callable[[str], object]) -> None:
        self._session, self._panel, self._copy = session, panel, copy
        self._claims: Claims | None = None  # the last ones: areas outlive a change of the mask threshold
        self._inspection: Inspection | None = None
        self._claims_of: tuple[object, ...] = ()
        self._mapped: tuple[int, ...] = ()
        self._mapped_claims: Claims | None = None
        self._actions = actions
        actions.bind("copy_thresholds", self.copy, enabled=False)
        session.reconstruction_changed.connect(self._refresh)
        session.edits_changed.connect(self._refresh)
        session.display_changed.connect(self._refresh)
        session.inspection_changed.connect(self._refresh)
        self._refresh(None)

    def move(self, objectness: float, mask: float) -> None:
        """The cross of the map is dragged: both thresholds at once."""
        floor = InferenceConfig.objectness_floor
        label = f"Objectness {max(objectness, floor):.2f}, mask threshold {mask:.2f}"
        edits = replace(self._session.edits, objectness_threshold=max(objectness, floor), mask_threshold=mask)
        self._session.edit(label, edits, "thresholds")

    def copy(self) -> None:
        """The map as CSV."""
        curated = self._session.curated
        if curated is not None and self._claims is not None:
            grid = threshold_grid(self._claims, curated, COARSE, layer=self._session.display.layer, own=self._own)
            self._copy(grid_csv(grid, COARSE))
            self._session.message(f"Copied {grid.size} numbers.")

    @property
    def _own(self) -> int:
        """The last so many queries are the user's own: experiments are in no count, and the summary says so."""
        return len(self._session.edits.interventions.prompts)

    def _refresh(self, _: object) -> None:
        session, curated = self._session, self._session.curated
        self._keep_claims()
        ready = curated is not None and session.origin is not None and session.origin.masks == "there"
        self._actions.enable("copy_thresholds", enabled=ready and self._claims is not None)
        if session.display.tab != TAB:
            return
        if curated is None or not ready:
            self._panel.set_empty("Open a result with masks to see how many instances other thresholds would give.")
            return
        self._panel.set_empty("")
        edits, own = session.edits, self._own
        network = {item.query for item in network_instances(curated, own)}
        shown = [item.query in network for item in session.shown()]
        count, experiments = sum(shown), len(shown) - sum(shown)
        self._panel.set_summary(
            f"{count} instance{'' if count == 1 else 's'} at objectness {edits.objectness_threshold:.2f}, mask "
            f"threshold {edits.mask_threshold:.2f}{f' · without {experiments} of your own' if experiments else ''}"
        )
        counts = objectness_counts(curated, FINE, own=own)
        self._panel.set_objectness(_curve(FINE, counts), edits.objectness_threshold)
        self._show_grid(curated)

    def _show_grid(self, curated: Curated) -> None:
        edits, layer = self._session.edits, self._session.display.layer
        if self._claims is None:
            self._panel.set_mask((), edits.mask_threshold)
            self._mapped_claims = None
            self._panel.set_map(np.zeros((0, 0, 3), np.uint8), np.zeros((0, 0), np.int32))
            return
        level = np.array([edits.objectness_threshold], np.float32)
        along = threshold_grid(self._claims, curated, level, layer=layer, own=self._own)[0]
        self._panel.set_mask(_curve(COARSE, along), edits.mask_threshold)
        mapped = (edits.minimum_points, layer)
        if mapped != self._mapped or self._mapped_claims is not self._claims:
            self._mapped, self._mapped_claims = mapped, self._claims
            grid = threshold_grid(self._claims, curated, COARSE, layer=layer, own=self._own)
            self._panel.set_map(scale_colors(grid.astype(np.float32), 0, float(grid.max(initial=1))), grid)

    def _keep_claims(self) -> None:
        """Take new claims; areas hold while neither anchors nor interventions nor the layer are others."""
        session, inspection = self._session, self._session.inspection
        edits, result = session.edits, session.reconstruction
        of = (None if result is None else id(result.cloud), edits.overrides, edits.interventions, session.display.layer)
        if inspection is not None and inspection is not self._inspection:  # an old one is there until the answer is
            self._inspection, self._claims_of = inspection, of
        kept = None if self._inspection is None else self._inspection.claims
        fits = kept is not None and result is not None and len(kept.areas) == result.objectness.shape[1]
        self._claims = kept if fits and of == self._claims_of else None


def _curve(levels: NDArray[np.float32], counts: NDArray[np.int32]) -> Curve:
    return tuple(zip((round(float(level), 4) for level in levels), counts.tolist(), strict=True))
