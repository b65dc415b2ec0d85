"""Session files: everything that is open into one .f3d and back, on the worker.

A file holds the result, edits, how it is looked at and, unless it would grow too large, the features that let the
decoder answer edits again. What values look like in the file is `app.session.stored`, the format is the core's. Which
questions are asked before is the presenter's business.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.autosave_files import State
from app.jobs import Jobs
from app.run_job import Scene
from app.session.display import Display
from app.session.edits import Edits
from app.session.kept_counterpart import opened_counterpart
from app.session.origin import Origin
from app.session.plan import RunSettings
from app.session.session import Session
from app.session.stored import from_plain, to_plain
from app.steps import Steps
from app.wishes import Wishes
from fast3dis_core.counterpart import Counterpart
from fast3dis_core.errors import SessionError
from fast3dis_core.reconstruction import PointCloud, Reconstruction

if TYPE_CHECKING:
    from fast3dis_core.progress import Report

POINT_BYTES = 7  # of a point with its pixel, packed: 6.4 in rendered rooms, more in noisy photos
FEATURES_LIMIT = 400 << 20  # bytes of features that are saved unasked; 50 views of nano at 504 pixels are above it


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What a file held.

    Attributes
    ----------
    edits, display
        As the user left them.
    computed : Wishes
        What the result was computed from; where it is not what `edits` ask for, the result is brought up to date.
    """

    reconstruction: Reconstruction
    origin: Origin
    edits: Edits
    display: Display
    computed: Wishes
    layout: bytes
    scene: Scene | None
    beside: Counterpart | None = None


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Everything that is open, at one moment.

    Attributes
    ----------
    computed : Wishes
        What the result was computed from; `edits` and `display` may already ask for more.
    beside : Counterpart, optional
        What it is held against.
    """

    reconstruction: Reconstruction
    origin: Origin
    edits: Edits
    display: Display
    scene: Scene | None
    computed: Wishes
    beside: Counterpart | None = None

    @property
    def settled(self) -> "Moment":
        """The same with edits that the result answers to."""
        edits, display = self.computed.within(self.edits, self.display)
        return replace(self, edits=edits, display=display)

    @property
    def clouds(self) -> tuple[PointCloud, ...]:
        """Of the result, and of what it is held against."""
        own = self.reconstruction.cloud
        return (own,) if self.beside is None else (own, self.beside.reconstruction.cloud)

    def plain(self) -> dict[str, Any]:
        """What a session file says beside arrays."""
        told = {"origin": to_plain(replace(self.origin, file=None))}
        if self.scene is not None:
            told["settings"] = to_plain(self.scene.settings)
        return {"origin": told, "edits": to_plain(self.edits), "display": to_plain(at_rest(self.display))}


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Bytes of a session file, about: without features, and with them if there are any."""

    without: int
    complete: int | None

    @property
    def features_unasked(self) -> bool:
        """Whether features are there and not so large that they are left out until asked for."""
        return self.complete is not None and self.complete - self.without <= FEATURES_LIMIT


@dataclass(frozen=True, kw_only=True)
class Saved:
    """A file that was written: its bytes, and whether edits of anchors and masks go on in it."""

    bytes: int
    complete: bool


class Keeper:
    """Saves and opens sessions. All methods belong to the event loop's thread.

    Parameters
    ----------
    session : Session
    steps : Steps
    jobs : Jobs
    state : callable
        The open scene, and what the result on show was computed from.
    settle : callable
        Brings the result up to date with the edits.
    adopt : callable
        Makes the scene of a file the open one.
    hold_against : callable
        Told what the result of a file was held against.
    """

    def __init__(
        self,
        session: Session,
        steps: Steps,
        jobs: Jobs,
        *,
        state: Callable[[], tuple[Scene | None, Wishes]],
        settle: Callable[[], Awaitable[None]],
        adopt: Callable[[Scene | None, Wishes], None],
        hold_against: Callable[[Counterpart], object] = lambda counterpart: None,
    ) -> None:
        self._session, self._steps, self._jobs = session, steps, jobs
        self._state, self._settle, self._adopt = state, settle, adopt
        self._hold_against = hold_against

    def moment(self) -> Moment | None:
        """What is open; None before the first result."""
        session = self._session
        if session.reconstruction is None or session.origin is None:
            return None
        scene, computed = self._state()
        return Moment(
            reconstruction=session.reconstruction,
            origin=session.origin,
            edits=session.edits,
            display=session.display,
            scene=scene,
            computed=computed,
            beside=None if session.comparison is None else session.comparison.counterpart,
        )

    @property
    def sizes(self) -> Sizes | None:
        """What a file would take, about; None before the first result."""
        moment = self.moment()
        if moment is None:
            return None
        clouds = {id(cloud): len(cloud.points) for cloud in moment.clouds}
        small, scene = POINT_BYTES * sum(clouds.values()), moment.scene
        return Sizes(without=small, complete=None if scene is None else small + scene.features_size)

    async def save(self, path: Path, *, layout: bytes = b"", features: bool = True, overwrite: bool = False) -> Saved:
        """Write everything that is open.

        Parameters
        ----------
        path : Path
        layout : bytes
            Of the window.
        features : bool
            Whether edits of anchors and masks shall work after opening, if they do now.
        overwrite : bool

        Raises
        ------
        ExportError
            If the file exists and `overwrite` is false, or the disk refuses.
        """
        session = self._session
        if Wishes.of(session.edits, session.display) != self._state()[1]:
            await self._settle()
        moment = self.moment()
        assert moment is not None, "there is nothing to save before the first result"
        steps, scene = self._steps, moment.scene

        def job(report: "Report") -> Saved:
            kept = None
            if features and scene is not None:
                kept = steps.features(scene.views, scene.encoded, scene.trace)
            steps.write_session(
                path, moment.reconstruction, moment.plain(), layout, kept, overwrite, report, moment.beside
            )
            return Saved(bytes=path.stat().st_size, complete=kept is not None)

        saved = await self._jobs.run(f"Saving {path.name}", job, line=f"write {path}", quiet=True)
        if session.origin is moment.origin:  # and not another scene's by now
            session.mark_saved(moment.edits, replace(moment.origin, file=path))
        return saved

    async def open(self, path: Path) -> bytes:
        """Show a saved session; the layout of its window comes back.

        Raises
        ------
        SessionError
            If the file is none, or damaged, or of a newer program; what is on show stays.
        """

        def job(report: "Report") -> Opened:
            opened = self._read(path, report)
            return replace(opened, origin=replace(opened.origin, file=path))

        opened = await self._jobs.run(f"Opening {path.name}", job)
        self._show(opened)
        if opened.beside is not None:
            self._hold_against(opened.beside)
        return opened.layout

    async def recover(self, folder: Path, state: State) -> bytes:
        """Show what a program left unsaved, as modified and without a file of its own; the layout comes back.

        Raises
        ------
        SessionError
            If a file is missing or damaged; what is on show stays.
        """

        def job(report: "Report") -> Opened:
            opened = self._read(folder / state.result, report, folder / state.features if state.features else None)
            edits, display = state.edits or opened.edits, state.display or opened.display
            if opened.scene is None:  # nobody can bring the result up to date
                edits, display = opened.computed.within(edits, display)
            return replace(
                opened,
                origin=replace(opened.origin, file=state.file),
                edits=edits,
                display=at_rest(display),
                layout=state.layout_bytes or opened.layout,
            )

        opened = await self._jobs.run(f"Recovering {state.scene or folder.name}", job)
        self._show(opened, saved=False)
        return opened.layout

    def _show(self, opened: Opened, *, saved: bool = True) -> None:
        self._adopt(opened.scene, opened.computed)
        self._session.reopen(opened.reconstruction, opened.origin, opened.edits, opened.display, saved=saved)

    def _read(self, path: Path, report: "Report", base: Path | None = None) -> Opened:
        """On the worker; `base` holds the features that the file itself does not repeat."""
        steps = self._steps
        saved = steps.read_session(path, report)
        features = saved.features
        if features is not None and base is not None:
            features = {**(steps.read_session(base, report).features or {}), **features}
        told = saved.origin
        origin = from_plain(Origin, told.get("origin", {"folder": str(path.parent)}))
        edits, display = from_plain(Edits, saved.edits), from_plain(Display, saved.display)
        if not -1 <= display.layer < len(saved.reconstruction.anchors):
            raise SessionError(f"The session shows layer {display.layer}, which its result does not have.")
        scene = None
        if features is not None and "settings" in told:
            settings = from_plain(RunSettings, told["settings"])
            views, encoded, trace = steps.from_features(features, saved.reconstruction)
            size = steps.features_size(views, encoded)
            scene = Scene(settings=settings, views=views, encoded=encoded, trace=trace, features_size=size)
        return Opened(
            reconstruction=saved.reconstruction,
            origin=replace(origin, answers=scene is not None),
            edits=edits,
            display=replace(at_rest(display), setup=False),
            computed=Wishes.of(edits, display),
            layout=saved.layout,
            scene=scene,
            beside=None if saved.beside is None else opened_counterpart(saved.beside, saved.reconstruction),
        )


def at_rest(display: Display) -> Display:
    """Without what passes by itself."""
    nobody: frozenset[int] = frozenset()
    return replace(
        display, hovered=None, hovered_other=None, playing=False, others=nobody, other_photos=False, pair=None
    )
