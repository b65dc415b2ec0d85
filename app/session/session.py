"""The open session: frozen values with one signal each, owned by the GUI thread.

`plan` (the run to come), `reconstruction` (with the `Origin` it came from), `edits` (undoable), `display`
(not undoable) and `activity`; and `failed`, through which every error passes. Widgets hold no state that matters: they
are told. Undo is in `edits`, computing in `app.workflow`, translation to widgets in `app.presenters`.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from psygnal import EmitLoopError, Signal

from app.session.activity import IDLE as IDLE
from app.session.activity import Activity as Activity
from app.session.activity import ModelFacts as ModelFacts
from app.session.display import ColorMode as ColorMode
from app.session.display import Display as Display
from app.session.display import PhotoLayer as PhotoLayer
from app.session.edits import Edits, History
from app.session.inspection import Difference as Difference
from app.session.inspection import Inspection as Inspection
from app.session.origin import MaskState as MaskState
from app.session.origin import Origin as Origin
from app.session.plan import Plan
from fast3dis_core.counterpart import SideBySide
from fast3dis_core.curation import Curated, CuratedInstance, curate
from fast3dis_core.errors import Cancelled
from fast3dis_core.reconstruction import Reconstruction

# they stay when another scene is opened
FILTERS = (
    "objectness_threshold",
    "mask_threshold",
    "minimum_points",
    "duplicate_overlap",
    "confidence_percentile",
    "depth_edge",
)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What was on show, to be put back if a run that already shows its geometry does not get to its end."""

    reconstruction: Reconstruction
    origin: Origin
    history: History
    display: Display
    saved: Edits | None


class Session:
    """What is open. All methods belong to the thread that made the session.

    Parameters
    ----------
    initial : Edits, optional
        Thresholds to start with.

    Notes
    -----
    Signals carry the new value; `failed` carries the exception; `messaged` a sentence for the status bar;
    `environment_changed` the line about device and libraries.
    """

    reconstruction_changed = Signal(object)
    plan_changed = Signal(object)
    edits_changed = Signal(Edits)
    display_changed = Signal(Display)
    activity_changed = Signal(Activity)
    model_changed = Signal(object)
    inspection_changed = Signal(object)
    difference_changed = Signal(object)
    comparison_changed = Signal(object)
    saved_changed = Signal(bool)
    environment_changed = Signal(str)
    messaged = Signal(str)
    failed = Signal(Exception)

    def __init__(self, initial: Edits | None = None) -> None:
        self._thread = threading.get_ident()
        self._history = History(initial or Edits())
        self._plan: Plan | None = None
        self._reconstruction: Reconstruction | None = None
        self._curated: Curated | None = None
        self._preview: Reconstruction | None = None
        self._previewed: int | None = None  # its query that is followed
        self._inspection: Inspection | None = None
        self._difference: Difference | None = None
        self._comparison: SideBySide | None = None
        # what is in the file, or was there at the beginning; None where no file has what is on show
        self._saved: Edits | None = self._history.edits
        self._origin: Origin | None = None
        self._display = Display()
        self._color_with_masks = self._display.color_mode  # to go back to when masks come
        self._activity = IDLE
        self._model: ModelFacts | None = None
        self._environment = ""

    @property
    def plan(self) -> Plan | None:
        """The run to come, or the one that led to the result; None before photos were given."""
        return self._plan

    @property
    def reconstruction(self) -> Reconstruction | None:
        """The result on show, None before the first."""
        return self._reconstruction

    @property
    def origin(self) -> Origin | None:
        """Where the result came from."""
        return self._origin

    @property
    def edits(self) -> Edits:
        """The undoable values."""
        return self._history.edits

    @property
    def display(self) -> Display:
        """How the result is looked at."""
        return self._display

    @property
    def activity(self) -> Activity:
        """What the worker is doing."""
        return self._activity

    @property
    def model(self) -> ModelFacts | None:
        """The model that is loaded, None if none is."""
        return self._model

    @property
    def environment(self) -> str:
        """Line about device and libraries, empty until the worker has looked."""
        return self._environment

    @property
    def undo_label(self) -> str | None:
        """What undo would take back."""
        return self._history.undo_label

    @property
    def redo_label(self) -> str | None:
        """What redo would do again."""
        return self._history.redo_label

    def prepare(self, plan: Plan | None) -> None:
        """Say what would be run."""
        self._check_thread()
        if plan is self._plan:
            return
        self._plan = plan
        self.plan_changed.emit(plan)

    def open(self, reconstruction: Reconstruction, origin: Origin, *, curated: Curated | None = None) -> None:
        """Show another scene: thresholds and filters stay, what belongs to the old scene's queries goes.

        Where `curated` is given, of this result, the worker has done what is costly of it.
        """
        self._check_thread()
        kept = Edits(**{name: getattr(self.edits, name) for name in FILTERS})
        self._history, self._saved = History(kept), kept
        nobody: frozenset[int] = frozenset()
        self._display = replace(
            self._display,
            view=0,
            selection=nobody,
            isolated=nobody,
            others=nobody,
            hovered=None,
            hovered_other=None,
            playing=False,
            pair=None,
        )
        if origin.masks != "there":  # nothing to color by instance
            self._color_with_masks = self._display.color_mode
            self._display = replace(self._display, color_mode="photo")
        self._preview, self._reconstruction, self._origin = None, reconstruction, origin
        self._curated, self._difference = curated or self._curated, None
        self.reconstruction_changed.emit(reconstruction)
        self.edits_changed.emit(self.edits)
        self.display_changed.emit(self._display)

    def replace(
        self, reconstruction: Reconstruction, origin: Origin | None = None, *, curated: Curated | None = None
    ) -> None:
        """Show another result of the same scene: after edits, or with `origin` when its masks have come."""
        self._check_thread()
        assert self._reconstruction is not None, "replace() needs an open scene"
        waited = self._origin is not None and self._origin.masks != "there"
        self._preview, self._reconstruction, self._origin = None, reconstruction, origin or self._origin
        self._curated = curated or self._curated
        self.reconstruction_changed.emit(reconstruction)
        if waited and origin is not None and origin.masks == "there" and self._display.color_mode == "photo":
            self.show(replace(self._display, color_mode=self._color_with_masks))

    def reopen(
        self, reconstruction: Reconstruction, origin: Origin, edits: Edits, display: Display, *, saved: bool = True
    ) -> None:
        """Show a session; there is nothing to undo in it. One that no file has as it is (`saved`) is modified."""
        self._check_thread()
        self._history, self._display, self._saved = History(edits), display, edits if saved else None
        self._preview, self._reconstruction, self._origin = None, reconstruction, origin
        self.reconstruction_changed.emit(reconstruction)
        self.edits_changed.emit(self.edits)
        self.display_changed.emit(self._display)
        self.saved_changed.emit(self.modified)

    def mark_saved(self, edits: Edits, origin: Origin) -> None:
        """A file has these edits now."""
        self._check_thread()
        self._saved, self._origin = edits, origin
        self.saved_changed.emit(self.modified)

    def preview(self, reconstruction: Reconstruction | None, query: int | None = None) -> None:
        """Show what a drag of a query would come to, or end that; the result stays, and `replace` ends it too."""
        self._check_thread()
        if reconstruction is not self._preview and self._reconstruction is not None:
            self._preview, self._previewed = reconstruction, query
            self.reconstruction_changed.emit(reconstruction or self._reconstruction)

    def inspect(self, inspection: Inspection) -> None:
        """Show evidence and claims of the result."""
        self._check_thread()
        self._inspection = inspection
        self.inspection_changed.emit(inspection)

    def compare(self, difference: Difference) -> None:
        """Show what the result is held against."""
        self._check_thread()
        self._difference = difference
        self.difference_changed.emit(difference)

    def set_beside(self, comparison: SideBySide | None) -> None:
        """Show the result beside something else, or end that."""
        self._check_thread()
        self._comparison = comparison
        self.comparison_changed.emit(comparison)

    def standing(self) -> Standing | None:
        """What is on show, for `restore`; None before the first result."""
        if self._reconstruction is None or self._origin is None:
            return None
        return Standing(
            reconstruction=self._reconstruction,
            origin=self._origin,
            history=self._history,
            display=self._display,
            saved=self._saved,
        )

    def restore(self, standing: Standing) -> None:
        """Put back what was on show, with its history."""
        self._check_thread()
        self._history, self._display, self._saved = standing.history, standing.display, standing.saved
        self._preview, self._reconstruction, self._origin = None, standing.reconstruction, standing.origin
        self.reconstruction_changed.emit(standing.reconstruction)
        self.edits_changed.emit(self.edits)
        self.display_changed.emit(self._display)

    def edit(self, label: str, edits: Edits, gesture: str | None = None) -> None:
        """Change the undoable values; see `History.record`."""
        self._check_thread()
        if edits == self.edits:
            return
        self._history.record(label, edits, gesture)
        self._tell_edits()

    def finish_gesture(self) -> None:
        """The mouse button went up: the next change is a step of its own."""
        self._check_thread()
        self._history.finish_gesture()

    def undo(self) -> None:
        """Take the last edit back."""
        self._travel(self._history.undo)

    def redo(self) -> None:
        """Do the last undone edit again."""
        self._travel(self._history.redo)

    def show(self, display: Display) -> None:
        """Change how the result is looked at."""
        self._check_thread()
        if display.selection != self._display.selection and display.others is self._display.others:
            display = replace(display, others=frozenset())  # they were chosen beside another selection
        if display.hovered != self._display.hovered and display.hovered_other == self._display.hovered_other:
            display = replace(display, hovered_other=None)  # the pointer is elsewhere
        if display == self._display:
            return
        self._display = display
        self.display_changed.emit(display)

    def report(self, activity: Activity) -> None:
        """Say what the worker is doing."""
        self._check_thread()
        if activity == self._activity:
            return
        self._activity = activity
        self.activity_changed.emit(activity)

    def describe_model(self, facts: ModelFacts | None) -> None:
        """Say which model is loaded."""
        self._check_thread()
        if facts != self._model:
            self._model = facts
            self.model_changed.emit(facts)

    def describe_environment(self, line: str) -> None:
        """Say which device and libraries there are."""
        self._check_thread()
        self._environment = line
        self.environment_changed.emit(line)

    def message(self, sentence: str) -> None:
        """Tell the user something that needs no answer."""
        self._check_thread()
        self.messaged.emit(sentence)

    def fail(self, error: Exception) -> None:
        """Tell the user about an error; a cancelled job is none."""
        self._check_thread()
        if isinstance(error, EmitLoopError) and isinstance(error.__cause__, Exception):
            error = error.__cause__  # what went wrong, not that a signal was on its way
        if not isinstance(error, Cancelled):
            self.failed.emit(error)

    @property
    def modified(self) -> bool:
        """Whether there are edits that no file has."""
        return self._reconstruction is not None and self.edits != self._saved

    @property
    def previewing(self) -> bool:
        """Whether what is on show is the preview of a drag, not a result."""
        return self._preview is not None

    @property
    def previewed(self) -> int | None:
        """The query whose preview is on show: it is seen whatever its objectness; None without a preview."""
        return self._previewed if self._preview is not None else None

    @property
    def inspection(self) -> Inspection | None:
        """Evidence and claims of the result on show; None until they are asked for, and after every change."""
        there = self._inspection
        return there if there is not None and there.reconstruction is self._reconstruction else None

    @property
    def difference(self) -> Difference | None:
        """What became of the queries of the result on show; None until it is asked for, and after every change."""
        there = self._difference
        return there if there is not None and there.reconstruction is self._reconstruction else None

    @property
    def comparison(self) -> SideBySide | None:
        """What the result on show is held against; None without, and once its points are on show no more."""
        there, shown = self._comparison, self._reconstruction
        return there if there and shown and there.first.reconstruction.cloud is shown.cloud else None

    @property
    def curated(self) -> Curated | None:
        """What is on show, under the present edits, None before the first; the same object while neither changed."""
        shown = self._preview or self._reconstruction
        if shown is None:
            return None
        old = self._curated
        palette = self._display.palette
        if old is None or old.palette != palette or old.reconstruction is not shown or old.curation is not self.edits:
            curated = curate(shown, self.edits, palette=palette, previous=old)
            self._curated = curated if self.previewed is None else curated.revealing(self._previewed)
        return self._curated

    def shown(self) -> tuple[CuratedInstance, ...]:
        """Instances that pass every filter, those hidden by hand included, by falling objectness."""
        curated = self.curated
        return () if curated is None else tuple(i for i in curated.instances if i.verdict in ("shown", "hidden"))

    def _travel(self, move: Callable[[], Edits]) -> None:
        self._check_thread()
        before = self.edits
        move()
        if self.edits != before:
            self._tell_edits()

    def _tell_edits(self) -> None:
        self.edits_changed.emit(self.edits)
        self.saved_changed.emit(self.modified)

    def _check_thread(self) -> None:
        assert threading.get_ident() == self._thread, "the session belongs to the GUI thread"
