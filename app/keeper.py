"""Session files: everything that is open into one .f3d and back, on the worker.

A file holds the result, edits, how it is looked at and, unless it would grow too large, the features that let the
decoder answer edits again. What values look like in the file is `app.session.stored`, the format is the core's. Which
questions are asked before is the presenter's business.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.jobs import Jobs
from app.run_job import Scene
from app.session.display import Display
from app.session.edits import Edits
from app.session.origin import Origin
from app.session.plan import RunSettings
from app.session.session import Session
from app.session.stored import from_plain, to_plain
from app.steps import Steps
from app.wishes import Wishes
from fast3dis_core.errors import SessionError
from fast3dis_core.reconstruction import Reconstruction

if TYPE_CHECKING:
    from fast3dis_core.progress import Report

FEATURES_LIMIT = 400 << 20  # bytes of features that are saved unasked; 50 views of nano at 504 pixels are above it


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What a file held."""

    reconstruction: Reconstruction
    origin: Origin
    edits: Edits
    display: Display
    layout: bytes
    scene: Scene | None


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
    ) -> None:
        self._session, self._steps, self._jobs = session, steps, jobs
        self._state, self._settle, self._adopt = state, settle, adopt

    async def save(
        self, path: Path, *, layout: bytes = b"", features: bool = True, overwrite: bool = False, quiet: bool = False
    ) -> None:
        """Write everything that is open.

        Parameters
        ----------
        path : Path
        layout : bytes
            Of the window.
        features : bool
            Whether edits of anchors and masks shall work after opening; only if they are not too large.
        overwrite : bool
        quiet : bool
            A copy for an accident: the session is not marked as saved, and nothing is said.

        Raises
        ------
        ExportError
            If the file exists and `overwrite` is false, or the disk refuses.
        """
        session = self._session
        if Wishes.of(session.edits, session.display) != self._state()[1]:
            await self._settle()
        result, origin, edits, display = session.reconstruction, session.origin, session.edits, session.display
        assert result is not None, "there is nothing to save before the first result"
        assert origin is not None, "a result has an origin"
        scene, _ = self._state()
        told = {"origin": to_plain(replace(origin, file=None))}
        if scene is not None:
            told["settings"] = to_plain(scene.settings)
        steps = self._steps

        def job(report: "Report") -> bool:
            kept = None
            if features and scene is not None and steps.features_size(scene.views, scene.encoded) <= FEATURES_LIMIT:
                kept = steps.features(scene.views, scene.encoded, scene.trace)
            plain = {"origin": told, "edits": to_plain(edits), "display": to_plain(replace(display, hovered=None))}
            steps.write_session(path, result, plain, layout, kept, overwrite, report)
            return kept is not None

        complete = await self._jobs.run(f"Saving {path.name}", job, line=f"write {path}", quiet=True)
        if quiet:
            return
        session.mark_saved(edits, replace(origin, file=path))
        rest = "" if complete or scene is None else " without features: opened again, it can be looked at only"
        session.message(f"Saved {path}{rest}.")

    async def open(self, path: Path) -> bytes:
        """Show a saved session; the layout of its window comes back.

        Raises
        ------
        SessionError
            If the file is none, or damaged, or of a newer program; what is on show stays.
        """
        steps = self._steps

        def job(report: "Report") -> Opened:
            saved = steps.read_session(path, report)
            told = saved.origin
            origin = from_plain(Origin, told.get("origin", {"folder": str(path.parent)}))
            edits, display = from_plain(Edits, saved.edits), from_plain(Display, saved.display)
            if not -1 <= display.layer < len(saved.reconstruction.anchors):
                raise SessionError(f"The session shows layer {display.layer}, which its result does not have.")
            scene = None
            if saved.features is not None and "settings" in told:
                settings = from_plain(RunSettings, told["settings"])
                views, encoded, trace = steps.from_features(saved.features, saved.reconstruction)
                scene = Scene(settings=settings, views=views, encoded=encoded, trace=trace)
            return Opened(
                reconstruction=saved.reconstruction,
                origin=replace(origin, answers=scene is not None, file=path),
                edits=edits,
                display=replace(display, hovered=None, playing=False, setup=False),
                layout=saved.layout,
                scene=scene,
            )

        opened: Any = await self._jobs.run(f"Opening {path.name}", job)
        self._adopt(opened.scene, Wishes.of(opened.edits, opened.display))
        self._session.reopen(opened.reconstruction, opened.origin, opened.edits, opened.display)
        return opened.layout
