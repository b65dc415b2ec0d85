"""The two lines of the program as coroutines: photos to result, and edit to result.

`survey` looks at photos and makes the plan of a run; `run` reads them in full and encodes, decodes and assembles in
one job on the worker, and shows the geometry on the way; `open_folder` is the one after the other. Edits of anchors
decode and assemble again, edits of the mask threshold only assemble. An answer counts only if its scene is still the
open one and no newer answer is on show. What a run does on the worker is `app.run_job`; the steps themselves belong to
the core and are handed in as `Steps`. Errors end in `session.fail`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.arrivals import Arrivals
from app.comparing import Comparing
from app.exporter import Exporter
from app.filming import Filming
from app.jobs import COMPUTING, Jobs
from app.keeper import Keeper
from app.probe import Probe
from app.run_job import ModelShelf, Outcome, RunJob, Scene, origin_of
from app.session.activity import Activity, ModelFacts
from app.session.edits import Edits
from app.session.origin import PhotoFacts
from app.session.plan import Plan, RunSettings
from app.session.session import Display, MaskState, Session, Standing
from app.steps import Steps
from app.timetable import Timetable
from app.wishes import UpdateJob, Wishes
from app.worker import Worker
from fast3dis_core.curation import Curated
from fast3dis_core.errors import Cancelled, CheckpointError, ConfigError, DeviceMemoryError
from fast3dis_core.reconstruction import PointCloud, Reconstruction

if TYPE_CHECKING:
    from fast3dis_core.progress import Report
    from fast3dis_core.scene import DecoderTrace


@dataclass(frozen=True, kw_only=True)
class _Before:
    """What was on show before a run showed its geometry."""

    geometry: Reconstruction
    standing: Standing | None
    scene: Scene | None
    computed: Wishes


class Workflow:
    """Order of the steps. All methods belong to the event loop's thread.

    Parameters
    ----------
    session, worker, steps
    settings : RunSettings
        Of runs that bring none of their own.
    prepare : callable
        Told on the worker's thread of a cloud that will be shown.
    """

    def __init__(
        self,
        session: Session,
        worker: Worker,
        steps: Steps,
        settings: RunSettings,
        *,
        prepare: Callable[[PointCloud], None] = lambda cloud: None,
    ) -> None:
        self._prepare = prepare
        self._session, self._worker, self._steps = session, worker, steps
        self.defaults = settings  # of a plan's settings, until the user changes them
        self.may_replace: Callable[[], Awaitable[bool]] = _always  # asked before a run takes the place of the result
        self._jobs = Jobs(session, worker)
        self._shelf = ModelShelf(steps)
        self._timetable = Timetable()
        self._scene: Scene | None = None
        self._computed = Wishes()  # what the result on show was computed from
        self._asked = 0  # revisions: one per question to the worker ...
        self._answered = 0  # ... and the newest that was put on show
        self._asked_to_run = 0  # the revision of the newest run
        self._wanted = self._computed  # what was asked for last
        self.exporter, self.filming = Exporter(session, self._jobs), Filming(self._jobs)
        self._ran: Plan | None = None
        self.keeper = Keeper(
            session,
            steps,
            self._jobs,
            state=self._state,
            settle=self.recompute,
            adopt=self._open_scene,
            hold_against=lambda counterpart: self.start(self.comparing.restore(counterpart)),
        )
        self.probe = Probe(session, steps, self._shelf, self._jobs, start=self.start, state=self._state)
        self.comparing = Comparing(session, steps, self._shelf, self._jobs, state=self._state, start=self.start)
        session.edits_changed.connect(self._follow_edits)
        session.display_changed.connect(self._follow_display)

    @property
    def ran(self) -> Plan | None:
        """The plan that led to the result on show; None if that was opened from a file, or is not complete."""
        origin, plan = self._session.origin, self._ran
        return plan if plan is not None and origin is not None and plan.root == origin.folder else None

    @property
    def busy(self) -> bool:
        """Whether something that was started has not come to its end."""
        return self._jobs.running

    def start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run a coroutine beside the event loop; its error goes to the session."""
        return self._jobs.start(work)

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
        kept = settings or (self.defaults if before is None else before.settings)
        plan = Plan(sources=given, settings=replace(kept, geometry=self.defaults.geometry), sample=sample)
        arriving = Arrivals(self._session, replace(plan, complete=False), asyncio.get_running_loop())
        steps, frames = self._steps, kept.maximum_views
        try:
            known = await self._jobs.run(
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

        As soon as there is geometry it takes the stage, and the masks follow. A run that does not get to its end puts
        back what was on show before; where there was nothing, the geometry stays and says that it is alone: it has
        cost minutes and is right.

        Raises
        ------
        Fast3disError
            Of any step; `Cancelled` if the user stopped it, opened something else, or keeps what is open.
        """
        if not await self.may_replace():
            raise Cancelled("The user keeps what is open.")
        await self._run(plan)

    async def _run(self, plan: Plan) -> None:
        """A run whose photos may take the place of what is open."""
        self._worker.cancel(COMPUTING)
        self._asked += 1
        revision, edits, began = self._asked, self._session.edits, time.monotonic()
        loop, running = asyncio.get_running_loop(), True
        before: _Before | None = None  # set when the geometry is on show

        def show(seen: Curated, facts: ModelFacts, photos: PhotoFacts) -> None:
            nonlocal before
            if running and revision == self._asked_to_run:
                geometry, standing = seen.reconstruction, self._session.standing()
                before = _Before(geometry=geometry, standing=standing, scene=self._scene, computed=self._computed)
                self._scene = None
                self._session.open(geometry, origin_of(plan, facts, photos, "coming", began=began), curated=seen)

        job = RunJob(
            plan=plan,
            edits=edits,
            steps=self._steps,
            shelf=self._shelf,
            prepare=self._prepare,
            show_geometry=lambda *told: loop.call_soon_threadsafe(show, *told),
        )
        self._asked_to_run = revision
        try:
            outcome = await self._run_by_schedule(plan, job)
        except BaseException as error:
            running = False
            self._put_back(before)
            if isinstance(error, DeviceMemoryError):
                self.start(self._release())
            raise
        finally:
            running = False
            self._session.describe_model(self._shelf.facts)
        if revision < self._answered:
            return
        self._answered = revision
        self._scene, self._ran = outcome.scene, plan
        # the thresholds may have moved meanwhile: `open` keeps them, and what differs is computed again
        self._computed = self._wanted = Wishes(mask_threshold=edits.mask_threshold)
        masks: MaskState = "missing" if outcome.scene is None else "there"
        told = origin_of(plan, outcome.facts, outcome.photos, masks, began=began, cost=outcome.cost)
        if before is None:
            self._session.open(outcome.curated.reconstruction, told, curated=outcome.curated)
        else:
            self._session.replace(outcome.curated.reconstruction, told, curated=outcome.curated)
            self._follow_edits(self._session.edits)

    async def run_again(self, settings: RunSettings | None = None) -> None:
        """The same photos once more, under other settings.

        Raises
        ------
        Fast3disError
            Of any step.
        """
        before = self._session.plan
        if before is None or not before.ready:
            return
        plan = before if settings is None else before.with_settings(settings)
        self._session.prepare(plan)
        try:
            await self.run(plan)
        except (CheckpointError, ConfigError):  # settings that no run can use
            if self._session.plan is plan:
                self._session.prepare(before)
            raise

    async def unload(self) -> None:
        """Free the memory of the model. What is on show stays; an edit that needs the model loads it again."""
        facts = self._session.model

        def job(report: "Report") -> None:
            report("Unloading the model", 0.0)
            self._shelf.drop()

        await self._jobs.run("Unloading the model", job, line="unload", quiet=True)
        self._session.describe_model(self._shelf.facts)
        if facts is not None:
            self._session.message(f"Unloaded {facts.name}. It is loaded again when a run or an edit needs it.")

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
        update = self._begin_update()
        if update is not None:
            await update

    def _begin_update(self) -> Coroutine[Any, Any, None] | None:
        """The job of `recompute`, begun with this call, and what is to follow it; None where there is nothing to do."""
        scene, shown = self._scene, self._session.reconstruction
        if scene is None or shown is None:
            return None
        self._asked += 1
        revision, wishes = self._asked, Wishes.of(self._session.edits, self._session.display)
        self._wanted, seen = wishes, self._session.curated
        again = wishes.decoding != self._computed.decoding
        if again:
            self.probe.let_go()
        job = UpdateJob(
            scene=scene, wishes=wishes, decodes=again, shown=shown, seen=seen, steps=self._steps, shelf=self._shelf
        )
        # with the model unloaded this is no short job any more, and can be cancelled
        quiet = not again or self._shelf.holds(scene.settings)
        answer = self._jobs.begin("Updating masks", job, quiet=quiet)
        return self._end_update(answer, scene, wishes, revision)

    async def _end_update(
        self, answer: "Awaitable[tuple[DecoderTrace, Curated]]", scene: Scene, wishes: Wishes, revision: int
    ) -> None:
        try:
            trace, curated = await answer
        except BaseException:
            if revision == self._asked:  # nothing newer will take the place of the preview: back to what is exact
                self._session.preview(None)
            raise
        finally:
            self._session.describe_model(self._shelf.facts)
        if self._scene is None or self._scene.encoded is not scene.encoded or revision < self._answered:
            return  # another scene was opened, or a newer answer is on show
        before = self._session.reconstruction
        if before is not None and wishes.decoding != self._computed.decoding:
            self.probe.keep(self._computed, before)
        self._answered, self._computed = revision, wishes
        self._scene = replace(self._scene, trace=trace)
        self._session.replace(curated.reconstruction, curated=curated)
        self._follow_display(self._session.display)

    async def thin(self, cloud: PointCloud) -> None:
        """Prepare a cloud that is on show once more, such as for another number of drawn points."""
        await self._jobs.run("Thinning the cloud", lambda report: self._prepare(cloud), line="thin", quiet=True)

    def cancel(self) -> None:
        """Stop what runs, be it computing or writing a file; the result on show stays."""
        self._jobs.cancel()

    async def close(self) -> None:
        """Stop everything that runs and wait for it."""
        self._session.edits_changed.disconnect(self._follow_edits)
        self._session.display_changed.disconnect(self._follow_display)
        await self._jobs.close()
        self._scene = None
        self._shelf.drop()  # the thread has ended

    async def _release(self) -> None:
        """Give back what a run that failed for want of memory has left behind."""
        await self._worker.run(lambda report: self._steps.release(), line="release")

    def _put_back(self, before: _Before | None) -> None:
        """A run ended without a result; what was opened after its geometry is not touched."""
        session = self._session
        if before is not None and session.reconstruction is before.geometry and session.origin is not None:
            if before.standing is not None:
                self._scene, self._computed = before.scene, before.computed
                session.restore(before.standing)
            else:
                session.replace(before.geometry, replace(session.origin, masks="stopped"))
        self._follow_edits(session.edits)  # an update of the old scene may have made way for this job

    def _update(self) -> None:
        update = self._begin_update()
        if update is not None:
            self.start(update)

    def _follow_edits(self, edits: Edits) -> None:
        self.probe.note(edits)
        if Wishes.of(edits, self._session.display) != self._computed:
            self._update()
        else:
            self.probe.follow(self._session.display)

    def _follow_display(self, display: Display) -> None:
        if display.layer not in (self._computed.layer, self._wanted.layer):
            self._wanted = replace(self._wanted, layer=display.layer)
            self._update()
        else:
            self.probe.follow(display)

    def _open_scene(self, scene: Scene | None, computed: Wishes) -> None:
        self._asked += 1
        self._ran = None
        self._scene, self._computed, self._wanted, self._answered = scene, computed, computed, self._asked

    def _state(self) -> tuple[Scene | None, Wishes]:
        return self._scene, self._computed

    async def _run_by_schedule(self, plan: Plan, job: RunJob) -> Outcome:
        """Result of a run, with its steps listed beforehand; what they took is learned for the next one."""
        facts, loaded = self._shelf.facts, self._shelf.holds(plan.settings)
        alone = loaded and facts is not None and facts.geometry_only and not plan.settings.untrained_heads
        schedule = self._timetable.schedule(plan, loaded=loaded, geometry_only=alone)
        seconds = self._timetable.seconds(plan, schedule)
        started = Activity(job=f"Segmenting {plan.title}", schedule=schedule, expected_seconds=seconds)
        finished: list[tuple[str, float]] = []
        outcome = await self._jobs.run(started.job, job, started=started, finished=finished)
        self._timetable.learn(plan, finished)
        return outcome


async def _always() -> bool:
    return True
