"""Undoable values and their history.

`Edits` is everything a user can change and take back: anchor overrides, the two thresholds of paper section 3.5,
filters, names, colors, merges, the true scale, and which instances are hidden. An undo is the assignment of an
earlier value; there are no command objects. Selection, current view and color mode are not undoable and live in
`session`.
"""

from dataclasses import dataclass
from math import isfinite

from fast3dis_core.config import InferenceConfig
from fast3dis_core.curation import Curation
from fast3dis_core.errors import ConfigError
from fast3dis_core.interventions import NO_INTERVENTIONS, Interventions
from fast3dis_core.reconstruction import AnchorOverride

CAPACITY = 100  # steps kept; beyond it the oldest is forgotten


@dataclass(frozen=True, kw_only=True)
class Edits(Curation):
    """One state of the user's wishes: a curation, for which nothing is recomputed, and what needs the core again.

    Attributes
    ----------
    overrides : tuple of AnchorOverride
        At most one per query; changing them decodes again.
    mask_threshold : float
        Theta of section 3.5, in [0, 1]; changing it assembles again.
    interventions : Interventions
        New queries and counterfactuals: experiments; changing them decodes again.
    scale : float, optional
        Meters per scene unit, once a known length was typed; above 0. Changes how lengths are said, nothing else.

    Raises
    ------
    ConfigError
        For a value out of its range or two overrides of one query.
    """

    overrides: tuple[AnchorOverride, ...] = ()
    mask_threshold: float = InferenceConfig.mask_threshold
    interventions: Interventions = NO_INTERVENTIONS
    scale: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 <= self.mask_threshold <= 1.0:
            raise ConfigError(f"mask_threshold must lie between 0 and 1, found {self.mask_threshold!r}.")
        if self.scale is not None and not (isfinite(self.scale) and self.scale > 0):
            raise ConfigError(f"scale must be a finite number of meters above 0 per scene unit, found {self.scale!r}.")
        queries = [override.query for override in self.overrides]
        if len(set(queries)) != len(queries):
            raise ConfigError(f"Expected at most one override per anchor, found queries {sorted(queries)}.")


@dataclass(frozen=True)
class Step:
    """One entry of the history: what was done, and the state it led to."""

    label: str
    edits: Edits
    gesture: str | None = None


class History:
    """Past and future states around the present one.

    Parameters
    ----------
    initial : Edits
        The state that undo ends at.
    capacity : int
        Steps that can be undone.
    """

    def __init__(self, initial: Edits, capacity: int = CAPACITY) -> None:
        self._steps = [Step("Start", initial)]
        self._present = 0
        self._capacity = capacity

    @property
    def edits(self) -> Edits:
        """The present state."""
        return self._steps[self._present].edits

    @property
    def undo_label(self) -> str | None:
        """What undo would take back, None if nothing."""
        return self._steps[self._present].label if self._present else None

    @property
    def redo_label(self) -> str | None:
        """What redo would do again, None if nothing."""
        following = self._present + 1
        return self._steps[following].label if following < len(self._steps) else None

    def record(self, label: str, edits: Edits, gesture: str | None = None) -> None:
        """Make `edits` the present state; what was undone before is forgotten.

        Parameters
        ----------
        label : str
            For the menu: "Undo <label>".
        edits : Edits
        gesture : str, optional
            Steps in a row with the same gesture become one; a drag that returns to its start leaves none.
        """
        present = self._steps[self._present]
        if edits == present.edits:
            return
        del self._steps[self._present + 1 :]
        if gesture is not None and present.gesture == gesture:
            self._steps.pop()
            if edits == self._steps[-1].edits:
                # back where the drag began: keep the gesture open, so that the rest of the drag is one step
                self._present = len(self._steps) - 1
                return
        self._steps.append(Step(label, edits, gesture))
        if len(self._steps) > self._capacity + 1:
            del self._steps[0]
        self._present = len(self._steps) - 1

    def finish_gesture(self) -> None:
        """End the running drag: the next step stands for itself even if its gesture has the same name."""
        present = self._steps[self._present]
        self._steps[self._present] = Step(present.label, present.edits)

    def undo(self) -> Edits:
        """Step back; the present state if there is nothing to undo."""
        self._present = max(self._present - 1, 0)
        return self.edits

    def redo(self) -> Edits:
        """Step forward; the present state if there is nothing to redo."""
        self._present = min(self._present + 1, len(self._steps) - 1)
        return self.edits
