"""The page before a run: photos to choose and order, settings, warnings, and what the run will cost."""

# ruff: noqa: D102 - methods of a protocol are documented where they are implemented

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol, get_args

from app.actions import Actions
from app.inventory import Inventory
from app.presenters.run_panel import duration
from app.recents import Recents
from app.session.plan import Photo, Plan, RunSettings
from app.session.plan_warnings import notices, rooms_only
from app.session.session import Activity, Session
from app.workflow import Workflow
from fast3dis_core.config import MODEL_SIZES, GeometrySource, Precision
from fast3dis_core.photo_files import natural_key

GEOMETRY_WORDS: dict[GeometrySource, str] = {
    "predicted": "Predicted from the photos",
    "posed": "Folder's cameras",
    "given": "Folder's cameras and depth",
}
PRECISION_WORDS: dict[Precision, str] = {
    "auto": "Automatic",
    "float32": "Full (float32)",
    "bfloat16": "Half (bfloat16)",
}
NOT_COMPUTING = ("Reading photos", "Loading the model", "Waiting for its turn")


class ReadyPage(Protocol):
    """What this presenter needs of the page."""

    def set_title(self, title: str, subtitle: str) -> None: ...
    def set_photos(self, tiles: Sequence[tuple[str, str, str, bool, str, Any]]) -> None: ...
    def set_choices(self, field: str, choices: Sequence[tuple[str, str, bool]]) -> None: ...
    def set_value(self, field: str, value: object) -> None: ...
    def set_note(self, field: str, note: str) -> None: ...
    def set_notices(self, chips: Sequence[tuple[str, str, str, bool]]) -> None: ...
    def set_advice(self, text: str, actions: Sequence[tuple[str, str]]) -> None: ...
    def set_estimate(self, text: str, details: str) -> None: ...
    def set_run(self, text: str, *, enabled: bool) -> None: ...


class ReadyPagePresenter:
    """Plan to page, and back.

    Parameters
    ----------
    session, workflow, actions, inventory, recents
    page
        See the protocol.
    """

    def __init__(
        self,
        session: Session,
        workflow: Workflow,
        actions: Actions,
        inventory: Inventory,
        recents: Recents,
        *,
        page: ReadyPage,
    ) -> None:
        self._session, self._workflow, self._actions, self._inventory = session, workflow, actions, inventory
        self._recents, self._page = recents, page
        self._last_activity = Activity()
        self._running: Plan | None = None
        session.plan_changed.connect(self._on_plan)
        session.activity_changed.connect(self._on_activity)
        session.display_changed.connect(self._refresh_actions)
        session.reconstruction_changed.connect(self._on_reconstruction)
        inventory.changed.connect(self._on_inventory)
        actions.bind("run", self.run, enabled=False)
        actions.bind("setup", self.set_up, enabled=False)
        self._on_inventory()

    # wishes of the user

    def run(self) -> None:
        """Run the plan; the result on show stays until there is a new one."""
        plan = self._session.plan
        if plan is None or not plan.ready:
            return
        self._running = plan
        self._session.show(replace(self._session.display, setup=False))
        self._workflow.start(self._workflow.run(plan))

    def set_up(self) -> None:
        """Show the plan, or the result again."""
        if self._session.plan is not None:
            self._session.show(replace(self._session.display, setup=not self._session.display.setup))

    def set_included(self, names: frozenset[str], included: bool) -> None:
        """Take photos into the run, or leave them out."""
        self._change_photos(
            lambda photos: tuple(
                replace(photo, included=included) if photo.name in names else photo for photo in photos
            )
        )

    def include_all(self, included: bool) -> None:
        """All or none."""
        self._change_photos(lambda photos: tuple(replace(photo, included=included) for photo in photos))

    def move(self, names: Sequence[str], place: int) -> None:
        """Put photos before the one that is now at a place, in the order they have."""

        def moved(photos: tuple[Photo, ...]) -> tuple[Photo, ...]:
            wanted = frozenset(names)
            before = [photo for photo in photos[:place] if photo.name not in wanted]
            after = [photo for photo in photos[place:] if photo.name not in wanted]
            return (*before, *(photo for photo in photos if photo.name in wanted), *after)

        self._change_photos(moved)

    def sort(self, by: str) -> None:
        """Order by "name" or "time" of the file."""
        if by == "time":
            self._change_photos(lambda photos: tuple(sorted(photos, key=lambda photo: photo.modified)))
        else:
            self._change_photos(lambda photos: tuple(sorted(photos, key=lambda photo: natural_key(photo.name))))

    def set_setting(self, field: str, value: object) -> None:
        """One of `RunSettings`, by its name."""
        plan = self._session.plan
        if plan is None:
            return
        changes: dict[str, Any] = {field: value}
        if field == "size":
            changes |= {"resolution": None, "weights": None, "heads": None}  # belonged to the other size
        if field == "resolution" and value == replace(plan.settings, resolution=None).long_edge:
            changes = {"resolution": None}
        self._session.prepare(plan.with_settings(replace(plan.settings, **changes)))

    def take_advice(self, key: str) -> None:
        """Follow the advice on weights: a size, or the dialog that gets them."""
        if key in MODEL_SIZES:
            self.set_setting("size", key)
        else:
            self._actions.trigger(key)

    # what the session says

    def _on_plan(self, plan: Plan | None) -> None:
        self._refresh_actions()
        if plan is None:
            return
        self._page.set_title(plan.title, self._subtitle(plan))
        order = {photo.name: number for number, photo in enumerate(plan.chosen, start=1)}
        self._page.set_photos([_tile(photo, order.get(photo.name, 0)) for photo in plan.photos])
        self._show_settings(plan.settings)
        self._show_geometry(plan)
        self._page.set_notices([(item.key, item.text, item.tone, False) for item in notices(plan)])
        self._page.set_advice(*self._advice(plan))
        self._page.set_estimate(*self._cost(plan))

    def _on_activity(self, activity: Activity) -> None:
        if not activity.idle and not activity.quiet:
            self._last_activity = activity
        self._refresh_actions()

    def _on_reconstruction(self, _: object) -> None:
        """Learn from the run that ended how fast this machine is."""
        plan, origin = self._running, self._session.origin
        if plan is not None and plan.estimate is not None and plan.estimate.seconds > 0 and origin is not None:
            idle = sum(seconds for step, seconds in self._last_activity.finished if step in NOT_COMPUTING)
            took = origin.seconds - idle
            if took > 0:
                self._recents.note_pace(_pace_key(plan), took / plan.estimate.seconds)
        self._running = None
        if self._session.plan is not None:
            self._page.set_estimate(*self._cost(self._session.plan))

    def _on_inventory(self) -> None:
        there = self._inventory.belongings
        sizes = [name for name, row in MODEL_SIZES.items() if row.backbone.cameras]
        self._page.set_choices("size", [(size, self._size_words(size), True) for size in sizes])
        names = {"cpu": "CPU", "mps": "Apple GPU"}
        devices = [("auto", "Automatic", True), *((name, names.get(name, name), True) for name in there.devices)]
        self._page.set_choices("device", devices)
        self._page.set_choices("precision", [(name, words, True) for name, words in PRECISION_WORDS.items()])
        if self._session.plan is not None:
            self._on_plan(self._session.plan)

    def _show_settings(self, settings: RunSettings) -> None:
        page = self._page
        for field in ("size", "maximum_views", "device", "precision", "chunk_views"):
            page.set_value(field, getattr(settings, field))
        page.set_value("resolution", settings.long_edge)
        page.set_value("weights", "" if settings.weights is None else settings.weights.name)
        page.set_value("heads", "" if settings.heads is None else settings.heads.name)
        trained = replace(settings, resolution=None).long_edge
        page.set_note("resolution", "" if settings.long_edge == trained else f"{settings.size} is at home at {trained}")
        page.set_note("weights", self._weights_note(settings))

    def _show_geometry(self, plan: Plan) -> None:
        modes: tuple[GeometrySource, ...] = get_args(GeometrySource)
        self._page.set_choices("geometry", [(mode, GEOMETRY_WORDS[mode], mode in plan.offers) for mode in modes])
        self._page.set_value("geometry", plan.settings.geometry)
        if "given" in plan.offers:
            note = "The folder offers cameras and depth"
        elif "posed" in plan.offers:
            note = "The folder offers cameras"
        else:
            note = "These photos come without cameras" if plan.complete else ""
        self._page.set_note("geometry", note)

    def _subtitle(self, plan: Plan) -> str:
        count = len(plan.photos)
        where = str(plan.root) if len(plan.sources) == 1 else f"{len(plan.sources)} items in {plan.root}"
        if not plan.complete:
            return f"{count} photos so far · {where}"
        return f"{len(plan.usable)} of {count} photos · {where}"

    def _size_words(self, size: str) -> str:
        there = self._inventory.belongings
        if not there.files:
            return size  # nobody has looked yet
        if size not in there.sizes:
            return f"{size} — not on this machine"
        return size if size in there.heads else f"{size} — geometry only"

    def _weights_note(self, settings: RunSettings) -> str:
        there = self._inventory.belongings
        if not there.files:
            return ""
        if settings.weights is None and settings.size not in there.sizes:
            return "These weights are not on this machine: get them, or choose a file"
        if settings.size in there.heads or settings.heads is not None or settings.weights is not None:
            return ""
        return "Without FAST3DIS heads there are no instances: train them, or choose a file of heads"

    def _advice(self, plan: Plan) -> tuple[str, Sequence[tuple[str, str]]]:
        if not plan.complete or not rooms_only(plan):
            return "", ()
        found = [size for size in self._inventory.belongings.sizes if size != "nano"]
        text = (
            "The bundled nano has only seen rendered rooms: expect poor geometry and masks on photographs. For those, "
            "use a Depth Anything 3 size: its geometry is made for them."
        )
        return text, (*((size, f"Use {size}") for size in found[:2]), ("get_weights", "Get weights …"))

    def _cost(self, plan: Plan) -> tuple[str, str]:
        if self._inventory.examined is not None:
            return f"Looking at {self._inventory.examined.name} …", ""
        estimate = plan.estimate
        if estimate is None:
            return ("Estimating …" if plan.ready else ""), ""
        if estimate.problem:
            return "", estimate.problem
        pace = self._recents.pace(_pace_key(plan))
        seconds = estimate.seconds * (pace or 1.0)
        low, high = estimate.memory_low / 1e9, estimate.memory_high / 1e9
        height, width = estimate.network_size
        text = f"About {roughly(seconds)}, {low:.1f} to {high:.1f} GB of memory"
        basis = "from earlier runs here" if pace is not None else "from the speed of this machine"
        views = f"{len(plan.chosen)} view{'' if len(plan.chosen) == 1 else 's'}"
        return text, f"{views} of {width} x {height} pixels on {estimate.device}; time {basis}"

    def _refresh_actions(self, _: object = None) -> None:
        session, plan = self._session, self._session.plan
        busy = not session.activity.idle and not session.activity.quiet
        ready = plan is not None and plan.ready and not busy and self._inventory.examined is None
        self._actions.enable("run", enabled=ready)
        both = plan is not None and session.reconstruction is not None
        text = "Back to the result" if both and session.display.setup else "Photos and settings …"
        self._actions.set("setup", enabled=both, text=text)
        count = 0 if plan is None else len(plan.chosen)
        self._page.set_run(f"Run {count} view{'' if count == 1 else 's'}" if count else "Run", enabled=ready)

    def _change_photos(self, change: Callable[[tuple[Photo, ...]], tuple[Photo, ...]]) -> None:
        plan = self._session.plan
        if plan is None or not plan.complete:
            return
        photos = change(plan.photos)
        if photos != plan.photos:
            self._session.prepare(plan.with_photos(photos))


def _tile(photo: Photo, number: int) -> tuple[str, str, str, bool, str, Any]:
    """Name, caption, number in the run, whether included, the problem, the picture."""
    height, width = photo.size
    caption = f"{width} x {height}" if width else "cannot be read"
    return photo.name, caption, str(number or ""), photo.included, photo.problem, photo.thumbnail


def _pace_key(plan: Plan) -> str:
    device = plan.estimate.device if plan.estimate is not None else ""
    return f"{plan.settings.size} {device} {plan.settings.geometry}"


def roughly(seconds: float) -> str:
    """Such as "8 s", "40 s", "3 min" or "2 h": no digit that nobody can promise."""
    if seconds < 10:
        return f"{max(1, round(seconds))} s"
    if seconds < 60:
        return f"{5 * round(seconds / 5)} s"
    if seconds < 120:
        return duration(10 * round(seconds / 10))
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
