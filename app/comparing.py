"""Holds the result against something else: which sides there are, how they are made, and what is kept up to date.

Clustering goes on in another process, so that edits go on beside it; everything else is short and is done on the
worker. The result before the present one is kept by itself, as long as it is of the same photos. Lines, IoU and figures
are the core's (`fast3dis_core.evaluation.beside`).
"""

import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from app.comparison_words import runs_apart
from app.jobs import Jobs
from app.run_job import ModelShelf, Scene
from app.session.edits import Edits
from app.session.origin import Origin
from app.session.session import Session
from app.session.stored import from_plain
from app.steps import Steps
from app.wishes import Wishes
from fast3dis_core.cost import Cost, measured
from fast3dis_core.counterpart import (
    Counterpart,
    FeatureSettings,
    PositionSettings,
    Settings,
    SideBySide,
    SurfaceSettings,
    Truth,
)
from fast3dis_core.curation import Curated
from fast3dis_core.errors import DatasetError
from fast3dis_core.reconstruction import PointCloud, Reconstruction
from fast3dis_core.session_files.manifest import SUFFIX

if TYPE_CHECKING:
    from fast3dis_core.progress import Report

Side = Literal["clustering", "positions", "surface", "previous", "snapshot", "file", "truth"]
LINE, UPDATE = "compare", "compare again"  # of the worker
TRUE_IDS = "instance"  # folder beside the photos
MEASURED = 3  # times decoding and assembling are measured; the fastest counts


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A result that was on show, as it was."""

    reconstruction: Reconstruction
    origin: Origin
    edits: Edits


class Comparing:
    """Makes comparisons and keeps them. All methods belong to the event loop's thread.

    Parameters
    ----------
    session : Session
    steps : Steps
    shelf : ModelShelf
    jobs : Jobs
    state : callable
        The open scene, and what the result on show was computed from.
    start : callable
        Runs a coroutine beside the event loop.

    Attributes
    ----------
    prepare : callable
        Told on the worker's thread of a cloud that the other side will show.
    """

    def __init__(
        self,
        session: Session,
        steps: Steps,
        shelf: ModelShelf,
        jobs: Jobs,
        *,
        state: Callable[[], tuple[Scene | None, Wishes]],
        start: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._session, self._steps, self._shelf, self._jobs = session, steps, shelf, jobs
        self._state, self._start = state, start
        self.prepare: Callable[[PointCloud], None] = lambda cloud: None
        self._latest: Kept | None = None
        self._previous: Kept | None = None
        self._truth: tuple[PointCloud, Truth | None] | None = None
        session.reconstruction_changed.connect(self._on_reconstruction)
        session.edits_changed.connect(self._on_edits)

    def missing(self) -> Mapping[Side, str]:
        """Why a side cannot be chosen now, in a sentence; empty if it can."""
        session, (scene, _) = self._session, self._state()
        origin = session.origin
        if session.reconstruction is None or origin is None or origin.masks != "there":
            return dict.fromkeys(_SIDES, "Open a result with masks first.")
        told: dict[Side, str] = dict.fromkeys(_SIDES, "")
        if scene is None:
            told["clustering"] = "The features are gone: this session was saved without them. Run again."
        if self._previous is None:
            told["previous"] = "Run the same photos again, with other settings or weights: the result before is kept."
        if not (origin.folder / TRUE_IDS).is_dir():
            told["truth"] = f"There are no true ids: expected 16-bit PNG in {origin.folder.name}/{TRUE_IDS}/."
        return told

    async def set_beside(self, side: Side, *, settings: Settings | None = None, path: Path | None = None) -> None:
        """Hold the result against something else; it is in the session then.

        Parameters
        ----------
        side : str
        settings : FeatureSettings, PositionSettings or SurfaceSettings, optional
            Of a baseline.
        path : Path, optional
            Of a file.

        Raises
        ------
        Fast3disError
            Of any step, or `Cancelled`.
        """
        shown = self._session.curated
        if shown is None:
            return
        self._jobs.cancel(LINE)
        if side == "clustering":
            make = await self._cluster(shown, settings if isinstance(settings, FeatureSettings) else FeatureSettings())
        elif side in ("positions", "surface"):
            wished = settings or (PositionSettings() if side == "positions" else SurfaceSettings())
            assert not isinstance(wished, FeatureSettings), "settings are those of the side"
            title = "Clustering positions" if side == "positions" else "Segmenting the surface"
            found = await self._jobs.run(
                title, lambda report: self._steps.from_positions(shown, wished, report), line=LINE, waits=True
            )
            origin = self._session.origin
            found = replace(found, own_cost=None if origin is None else cost_of(origin))

            def make(report: "Report", truth: Truth | None) -> Counterpart:
                return found

        else:
            make = self._maker(side, shown, path)
        await self._show(make, side)

    async def restore(self, counterpart: Counterpart) -> None:
        """Hold the result of a session file against what it was held against."""
        shown = self._session.curated
        assert shown is not None, "its result is on show"
        try:
            if counterpart.kind == "truth":  # as the folder has it now
                await self._show(self._maker("truth", shown, None), "truth")
            else:
                await self._show(lambda report, truth: counterpart, "snapshot")
        except DatasetError as error:
            self._session.message(f"Not compared with {counterpart.title} again: {error}")

    async def _show(self, make: "Make", side: Side) -> None:
        comparison, truth, problem = await self._jobs.run(
            "Comparing", self._job(make, side), line=LINE, quiet=side != "file"
        )
        if self._same_cloud(comparison):
            self._truth = comparison.first.reconstruction.cloud, truth
            self._session.set_beside(comparison)
            if problem:
                self._session.message(f"True ids were left out: {problem}")
            self._keep_up()  # with edits made meanwhile

    def end(self) -> None:
        """Hold it against nothing."""
        self._jobs.cancel(LINE)
        self._session.set_beside(None)

    async def _cluster(self, shown: Curated, settings: FeatureSettings) -> "Make":
        """Cluster the features that the queries see, and measure what the queries take."""
        scene, wishes = self._state()
        steps, shelf, result = self._steps, self._shelf, shown.reconstruction
        if scene is None:
            raise DatasetError(self.missing()["clustering"])

        def inputs(report: "Report") -> tuple[Any, Cost]:
            model = shelf.fetch(scene.settings, report)
            costs = []
            for _ in range(MEASURED):
                steps.release()  # what is held for later would hide what is needed
                with measured() as cost:
                    trace = steps.decode(model, scene.encoded, wishes.overrides, wishes.interventions, report)
                    steps.assemble(
                        scene.views, scene.encoded, trace, wishes.mask_threshold, wishes.layer, result, report
                    )
                costs += cost
            fastest = min(costs, key=lambda cost: cost.seconds)
            known = [cost.memory for cost in costs if cost.memory is not None]
            own = Cost(seconds=fastest.seconds, memory=max(known) if known else None)
            return steps.feature_inputs(scene.encoded, settings), own

        arrays, own = await self._jobs.run("Measuring the decoder", inputs, line=LINE)
        found = await self._jobs.run(
            "Clustering features", lambda report: steps.cluster(arrays, report), line=LINE, waits=True
        )
        return lambda report, truth: steps.clustered(result, found, own)

    def _maker(self, side: Side, shown: Curated, path: Path | None) -> "Make":
        """How a side is made that takes no time."""
        steps, result, origin = self._steps, shown.reconstruction, self._session.origin
        assert origin is not None, "a result has an origin"
        if side == "truth":

            def truth_side(report: "Report", truth: Truth | None) -> Counterpart:
                if truth is None:
                    raise DatasetError(f"There are no true ids in {origin.folder / TRUE_IDS}.")
                return steps.true_counterpart(result, truth)

            return truth_side
        if side == "file":
            assert path is not None, "a file was chosen"
            if path.suffix.lower() == SUFFIX:
                return lambda report, truth: self._of_session_file(path, result, origin, report)
            own_cost = cost_of(origin)

            def read(report: "Report", truth: Truth | None) -> Counterpart:
                found = steps.read_counterpart(path, result, report)
                return found if found.cost is None else replace(found, own_cost=own_cost)

            return read
        if side == "previous":
            kept = self._previous
            assert kept is not None, "there is a result before"
            return lambda report, truth: self._of_run(kept, result, origin, "Previous run")
        edits, title = self._session.edits, f"This result as of {time.strftime('%H:%M:%S')}"
        return lambda report, truth: steps.other_result(result, result, title, edits, (None, None))

    def _of_session_file(self, path: Path, result: Reconstruction, origin: Origin, report: "Report") -> Counterpart:
        saved = self._steps.read_session(path, report)
        edits = from_plain(Edits, saved.edits)
        told = from_plain(Origin, saved.origin.get("origin", {"folder": str(path.parent)}))
        kept = Kept(reconstruction=saved.reconstruction, origin=told, edits=edits)
        return self._of_run(kept, result, origin, path.name)

    def _of_run(self, kept: Kept, result: Reconstruction, origin: Origin, name: str) -> Counterpart:
        """Another run of the same photos; its weights are named first, for a title may be cut."""
        title = " · ".join(filter(None, (name, kept.origin.weights, kept.origin.model)))
        costs = cost_of(kept.origin), cost_of(origin)
        found = self._steps.other_result(kept.reconstruction, result, title, kept.edits, costs)
        apart = runs_apart((origin, result), (kept.origin, kept.reconstruction))
        return replace(found, apart=tuple(apart))

    def _job(self, make: "Make", side: Side) -> "Callable[[Report], tuple[SideBySide, Truth | None, str]]":
        """Make a side and hold the result against it, as it is by then; with the truth, and why there is none."""
        session, steps, prepare = self._session, self._steps, self.prepare
        curated, read = session.curated, self._truth_reader()
        assert curated is not None, "the result is on show"

        def job(report: "Report") -> tuple[SideBySide, Truth | None, str]:
            report("Comparing", 0.0)
            truth, problem = None, ""
            try:
                truth = read()
            except DatasetError as error:
                if side == "truth":
                    raise
                problem = str(error)
            counterpart = make(report, truth)
            prepare(counterpart.reconstruction.cloud)
            return steps.set_beside(counterpart, curated, truth, None), truth, problem

        return job

    def _truth_reader(self) -> Callable[[], Truth | None]:
        """Reads true ids, once for every cloud."""
        session, steps = self._session, self._steps
        origin, result, plan = session.origin, session.reconstruction, session.plan
        assert origin is not None, "a result has an origin"
        assert result is not None, "a result is on show"
        known = self._truth
        straight = origin.geometry in ("posed", "given")
        same = plan is not None and plan.root == origin.folder
        long_edge = plan.settings.long_edge if plan is not None and same else None

        def read() -> Truth | None:
            if known is not None and known[0] is result.cloud and known[1] is not None:
                return known[1]
            return steps.read_truth(origin.folder, result, long_edge, straight)

        return read

    def _on_reconstruction(self, result: Reconstruction) -> None:
        before, session = self._latest, self._session
        self._note()
        if before is not None and before.reconstruction.cloud is not result.cloud:
            if self._latest is not before:
                same_photos = bool(set(before.reconstruction.names) & set(result.names))
                same_photos &= before.origin.folder == self._latest.origin.folder if self._latest else False
                self._previous = before if same_photos else None
            self._jobs.cancel(LINE)
            if session.comparison is None:
                session.set_beside(None)
        self._keep_up()

    def _on_edits(self, _: Edits) -> None:
        self._note()
        self._keep_up()

    def _note(self) -> None:
        """Remember the result as it is; a preview and a result that is not whole are none."""
        session = self._session
        result, origin = session.reconstruction, session.origin
        if result is not None and origin is not None and origin.masks == "there" and not session.previewing:
            self._latest = Kept(reconstruction=result, origin=origin, edits=session.edits)

    def _keep_up(self) -> None:
        session = self._session
        comparison = session.comparison
        if comparison is not None and not session.previewing and session.curated is not comparison.first:
            self._start(self._again())

    async def _again(self) -> None:
        """The same sides after an edit; the newest question wins."""
        session, steps = self._session, self._steps
        comparison, curated = session.comparison, session.curated
        if comparison is None or curated is None or session.previewing:
            return
        truth = self._truth[1] if self._truth is not None and self._same_cloud(comparison) else None

        def job(report: "Report") -> SideBySide:
            report("Comparing", 0.0)
            return steps.set_beside(comparison.counterpart, curated, truth, comparison)

        found = await self._jobs.run("Comparing", job, line=UPDATE, quiet=True)
        now = session.comparison
        if now is not None and now.counterpart is found.counterpart and session.curated is curated:
            session.set_beside(found)

    def _same_cloud(self, comparison: SideBySide) -> bool:
        result = self._session.reconstruction
        return result is not None and result.cloud is comparison.first.reconstruction.cloud


_SIDES: tuple[Side, ...] = ("clustering", "positions", "surface", "previous", "snapshot", "file", "truth")
Make = Callable[["Report", Truth | None], Counterpart]


def cost_of(origin: Origin) -> Cost | None:
    """What a run took; None if nobody wrote it down."""
    seconds = origin.computing or origin.seconds
    return Cost(seconds=seconds, memory=origin.memory) if seconds else None


def with_settings(settings: Settings, **changes: float) -> Settings:
    """The same settings with other numbers, whole ones where they are sizes."""
    kinds = {name: type(getattr(settings, name)) for name in changes}
    return replace(settings, **{name: kinds[name](value) for name, value in changes.items()})
