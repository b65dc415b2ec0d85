"""The two lines of the program as coroutines: photos to result, and edit to result.

`survey` looks at photos and makes the plan of a run; `run` reads them in full and encodes, decodes and assembles in
one job on the worker; `open_folder` is the one after the other. Edits of anchors decode and assemble again, edits of
the mask threshold only assemble. An answer counts only if its scene is still the open one and no newer answer is on
show. The steps themselves belong to the core and are handed in as `Steps`; `app.core_steps` is the real set. Errors end
in `session.fail`.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from app.arrivals import Arrivals
from app.session.edits import Edits
from app.session.plan import Photo, Plan, RunSettings
from app.session.session import IDLE, Activity, Origin, Session
from app.worker import Worker
from fast3dis_core.errors import Cancelled
from fast3dis_core.reconstruction import AnchorOverride, Reconstruction

if TYPE_CHECKING:
    from fast3dis_core.progress import Report
    from fast3dis_core.scene import DecoderTrace, EncodedScene, PosedCameras, SceneGeometry, ViewBatch

Result = TypeVar("Result")
COMPUTING = "compute"  # the worker's line for everything that changes the result
WAITING = "Waiting for the worker"


class Steps(Protocol):
    """What the core does for the program. All methods run on the worker thread."""

    def describe(self) -> str:
        """Line about device and libraries."""

    def survey(self, sources: tuple[Path, ...], found: Callable[[Photo], None], frames: int, report: "Report") -> Plan:
        """Look at photos: each is handed to `found` at once; the plan has notes and offers, and no photos yet."""

    def read(self, plan: Plan, report: "Report") -> "tuple[ViewBatch, PosedCameras | SceneGeometry | None]":
        """The chosen photos of a plan, with cameras or depth where it asks for them."""

    def load(self, settings: RunSettings, report: "Report") -> Any:
        """A model, sealed."""

    def name_model(self, model: Any) -> tuple[str, str]:
        """Size and device, and a sentence about the weights."""

    def encode(
        self,
        model: Any,
        views: "ViewBatch",
        geometry: "PosedCameras | SceneGeometry | None",
        chunk_views: int,
        report: "Report",
    ) -> "EncodedScene":
        """The expensive step."""

    def decode(self, model: Any, encoded: "EncodedScene", overrides: tuple[AnchorOverride, ...]) -> "DecoderTrace":
        """Anchors and queries."""

    def assemble(
        self,
        views: "ViewBatch",
        encoded: "EncodedScene",
        trace: "DecoderTrace",
        mask_threshold: float,
        previous: Reconstruction | None,
        report: "Report",
    ) -> Reconstruction:
        """Masks to points."""

    def export(self, path: Path, reconstruction: Reconstruction, query: int, overwrite: bool, report: "Report") -> int:
        """Write one instance; the number of points written."""


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """Sealed values of the open scene; looked into on the worker only."""

    model: Any
    views: "ViewBatch"
    encoded: "EncodedScene"
    trace: "DecoderTrace"


class Workflow:
    """Order of the steps. All methods belong to the event loop's thread."""

    def __init__(self, session: Session, worker: Worker, steps: Steps, settings: RunSettings) -> None:
        self._session, self._worker, self._steps, self._settings = session, worker, steps, settings
        self._model: Any = None
        self._loaded: tuple[Any, ...] = ()  # `RunSettings.model` of it
        self._scene: _Scene | None = None
        self._computed = Edits()  # what the result on show was computed from
        self._asked = 0  # revisions: one per question to the worker ...
        self._answered = 0  # ... and the newest that was put on show
        self._watched: object = None  # the job whose progress is shown: the newest asked for
        self._tasks: set[asyncio.Task[None]] = set()
        session.edits_changed.connect(self._follow_edits)

    def start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run a coroutine beside the event loop; its error goes to the session."""
        task = asyncio.get_running_loop().create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def describe_environment(self) -> None:
        """Fill the line about device and libraries; imports them, so it is a job."""
        try:
            line = await self._worker.run(lambda report: self._steps.describe(), line="describe")
        except Cancelled:
            return  # the program closes
        self._session.describe_environment(line)

    async def survey(
        self, sources: Sequence[Path], *, settings: RunSettings | None = None, sample: bool = False
    ) -> Plan:
        """Look at photos of folders, files and videos, and make the plan of a run; it is in the session at once.

        Parameters
        ----------
        sources : sequence of Path
        settings : RunSettings, optional
            Of the run; default: those of the last plan, else of the program.
        sample : bool
            Whether the photos came with the program.

        Raises
        ------
        Fast3disError
            If there is nothing to read, or `Cancelled`; the plan is as it was then.
        """
        given = tuple(Path(source) for source in sources)
        self._worker.cancel(COMPUTING)
        before = self._session.plan
        kept = settings or (self._settings if before is None else before.settings)
        plan = Plan(sources=given, settings=replace(kept, geometry=self._settings.geometry), sample=sample)
        arriving = Arrivals(self._session, replace(plan, complete=False), asyncio.get_running_loop())
        steps, frames = self._steps, kept.maximum_views
        try:
            known = await self._run(
                f"Looking at {plan.title}", lambda report: steps.survey(given, arriving.add, frames, report)
            )
        except Exception:
            self._session.prepare(before)
            raise
        finally:
            arriving.close()
        plan = replace(plan, photos=arriving.photos, notes=known.notes, offers=known.offers)
        self._session.prepare(plan)
        return plan

    async def run(self, plan: Plan) -> None:
        """Photos to result. The previous result stays until there is a new one.

        Raises
        ------
        Fast3disError
            Of any step; `Cancelled` if the user stopped it or opened something else.
        """
        self._worker.cancel(COMPUTING)
        self._asked += 1
        revision, edits, began = self._asked, self._session.edits, time.monotonic()
        settings, steps = plan.settings, self._steps

        def job(report: "Report") -> tuple[_Scene, Reconstruction, tuple[str, str]]:
            report("Reading photos", 0.0)
            views, geometry = steps.read(plan, report)
            fits = self._model is not None and self._loaded == settings.model
            model = self._model if fits else steps.load(settings, report)
            encoded = steps.encode(model, views, geometry, settings.chunk_views, report)
            report("Decoding queries", 0.0)
            trace = steps.decode(model, encoded, ())
            reconstruction = steps.assemble(views, encoded, trace, edits.mask_threshold, None, report)
            scene = _Scene(model=model, views=views, encoded=encoded, trace=trace)
            return scene, reconstruction, steps.name_model(model)

        try:
            scene, reconstruction, (name, status) = await self._run(f"Segmenting {plan.title}", job)
        except Exception:
            self._follow_edits(self._session.edits)  # an update of the old scene may have made way for this job
            raise
        if revision < self._answered:
            return
        self._answered = revision
        self._scene, self._model, self._loaded = scene, scene.model, settings.model
        # the thresholds may have moved meanwhile: `open` keeps them, and what differs is computed again
        self._computed = Edits(mask_threshold=edits.mask_threshold)
        self._session.open(
            reconstruction,
            Origin(
                folder=plan.root,
                model=name,
                model_status=status,
                geometry=settings.geometry,
                seconds=time.monotonic() - began,
                notes=scene.views.notes,
            ),
        )

    async def open_folder(self, folder: Path, *, sample: bool = False) -> None:
        """A folder, photo or video to its result, as the settings are: `survey`, then `run`.

        Raises
        ------
        Fast3disError
            Of either.
        """
        await self.run(await self.survey([Path(folder)], sample=sample))

    async def recompute(self) -> None:
        """Bring the result up to date with the edits: decode if anchors changed, then assemble."""
        scene, shown, edits = self._scene, self._session.reconstruction, self._session.edits
        if scene is None or shown is None:
            return
        self._asked += 1
        revision, again = self._asked, edits.overrides != self._computed.overrides
        steps = self._steps

        def job(report: "Report") -> "tuple[DecoderTrace, Reconstruction]":
            trace = steps.decode(scene.model, scene.encoded, edits.overrides) if again else scene.trace
            return trace, steps.assemble(scene.views, scene.encoded, trace, edits.mask_threshold, shown, report)

        trace, reconstruction = await self._run("Updating masks", job, quiet=True)
        if self._scene is None or self._scene.encoded is not scene.encoded or revision < self._answered:
            return  # another scene was opened, or a newer answer is on show
        self._answered, self._computed = revision, edits
        self._scene = replace(self._scene, trace=trace)
        self._session.replace(reconstruction)

    async def export(self, path: Path, query: int, *, overwrite: bool = False) -> None:
        """Write one instance as PLY and say where.

        Raises
        ------
        ExportError
            If the file exists and `overwrite` is false, or the disk refuses.
        """
        curated = self._session.curated
        assert curated is not None, "export needs a result"
        reconstruction = curated.as_reconstruction({query})
        count = await self._run(
            f"Writing {path.name}",
            lambda report: self._steps.export(path, reconstruction, query, overwrite, report),
            line=f"write {path}",
            quiet=True,
        )
        self._session.message(f"Wrote {count:,} points of instance {query} to {path}")

    def cancel(self) -> None:
        """Stop the running job; the result on show stays."""
        self._worker.cancel(COMPUTING)

    async def close(self) -> None:
        """Stop everything that runs and wait for it."""
        self._session.edits_changed.disconnect(self._follow_edits)
        await self._worker.close()
        waiting = {task for task in self._tasks if task is not asyncio.current_task()}
        for task in waiting:  # such as one that asks the user for a file name
            task.cancel()
        if waiting:
            await asyncio.wait(waiting)
        self._scene = self._model = None

    def _follow_edits(self, edits: Edits) -> None:
        computed = self._computed
        if (edits.overrides, edits.mask_threshold) != (computed.overrides, computed.mask_threshold):
            self.start(self.recompute())

    async def _run(
        self, title: str, job: "Callable[[Report], Result]", *, line: str = COMPUTING, quiet: bool = False
    ) -> Result:
        """Result of a job, with the session's activity following it while nothing newer was asked for."""
        began = time.monotonic()
        self._watched = token = object()
        self._session.report(Activity(job=title, step=WAITING, job_started=began, step_started=began, quiet=quiet))

        def follow(step: str, fraction: float) -> None:
            if self._watched is token:
                self._session.report(advance(self._session.activity, step, fraction, time.monotonic()))

        try:
            return await self._worker.run(job, line=line, on_progress=follow)
        finally:
            if self._watched is token:
                self._session.report(IDLE)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - the last stop: everything is shown to the user
            self._session.fail(error)


def advance(activity: Activity, step: str, fraction: float, now: float) -> Activity:
    """The activity after a report: a new step moves the old one, with its seconds, to the finished ones."""
    if step == activity.step:
        return replace(activity, fraction=fraction)
    finished = activity.finished
    if activity.step != WAITING:
        finished += ((activity.step, now - activity.step_started),)
    return replace(activity, step=step, fraction=fraction, finished=finished, step_started=now)
