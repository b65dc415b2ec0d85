"""One run from photos to result, as it goes on the worker's thread; and the one model that is kept between runs.

The geometry is handed over as soon as its pass has ended, so that it can be looked at while the masks are computed; its
cloud is built once and is the cloud of the result. Without trained heads there is nothing after it. Nothing of the
session is touched here: `app.workflow` decides what is shown.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from app.session.activity import ModelFacts
from app.session.edits import Edits
from app.session.origin import MaskState, Origin, PhotoFacts
from app.session.plan import Plan, RunSettings
from app.steps import Steps
from app.timetable import DECODE, READ
from fast3dis_core.cost import Cost, measured
from fast3dis_core.curation import Curated, curate
from fast3dis_core.interventions import NO_INTERVENTIONS
from fast3dis_core.reconstruction import PointCloud

if TYPE_CHECKING:
    from fast3dis_core.progress import Report
    from fast3dis_core.scene import DecoderTrace, EncodedScene, SceneGeometry, ViewBatch


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Sealed values of the open scene, which answer to edits; looked into on the worker only.

    The model is not among them: it can be unloaded, and is loaded again from `settings` when it is needed. What the
    features take in a file, bytes, is known beforehand: other threads must not ask tensors.
    """

    settings: RunSettings
    views: "ViewBatch"
    encoded: "EncodedScene"
    trace: "DecoderTrace"
    features_size: int = 0


UNKNOWN = Cost(seconds=0.0)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run came to; `scene` is None where there is geometry alone.

    The cost is that from read photos to the result, by a model that is loaded: whether a run had to load one says
    nothing about its model or its settings.
    """

    curated: Curated
    scene: Scene | None
    facts: ModelFacts
    photos: PhotoFacts
    cost: Cost = UNKNOWN


class ModelShelf:
    """Holds one loaded model. Fetched and dropped on the worker's thread, one job at a time.

    Parameters
    ----------
    steps : Steps
    """

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._model: Any = None
        self._key: tuple[Any, ...] | None = None
        self.facts: ModelFacts | None = None  # also read by the event loop's thread; None if nothing is loaded

    def holds(self, settings: RunSettings) -> bool:
        """Whether the model of these settings is loaded."""
        return self._key == settings.model

    def fetch(self, settings: RunSettings, report: "Report") -> Any:
        """The model of these settings; another one goes before it is loaded, so that two never share the memory."""
        if not self.holds(settings):
            self.drop()
            model = self._steps.load(settings, report)  # may raise: then nothing is held
            self._model, self._key, self.facts = model, settings.model, self._steps.facts(model)
        return self._model

    def drop(self) -> None:
        """Free the model, if there is one."""
        if self._model is not None:
            self._model = self._key = self.facts = None
            self._steps.release()


def origin_of(
    plan: Plan, facts: ModelFacts, photos: PhotoFacts, masks: MaskState, *, began: float, cost: Cost = UNKNOWN
) -> Origin:
    """Where the result of a run comes from that began at this time of the monotonic clock."""
    return Origin(
        folder=plan.root,
        model=facts.name,
        weights=plan.settings.own_files,
        model_status=facts.status,
        geometry=plan.settings.geometry,
        seconds=time.monotonic() - began,
        computing=cost.seconds,
        memory=cost.memory,
        notes=photos.notes,
        world_to_folder=photos.world_to_folder,
        masks=masks,
    )


@dataclass(frozen=True, kw_only=True)
class RunJob:
    """A job for the worker.

    Attributes
    ----------
    plan : Plan
    edits : Edits
        As they are when it starts.
    steps : Steps
    shelf : ModelShelf
    prepare : callable
        Told on the worker's thread of a cloud that will be shown.
    show_geometry : callable
        Called on the worker's thread with a result without instances as the user will see it, the facts of the model,
        and what was found out about the photos.
    """

    plan: Plan
    edits: Edits
    steps: Steps
    shelf: ModelShelf
    prepare: Callable[[PointCloud], None]
    show_geometry: Callable[[Curated, ModelFacts, PhotoFacts], object]

    def __call__(self, report: "Report") -> Outcome:
        """Run, and measure it."""
        report(READ, 0.0)
        views, given, photos = self.steps.read(self.plan, report)
        model = self.shelf.fetch(self.plan.settings, report)
        self.steps.release()  # what the run before left behind would hide what this one needs
        with measured() as cost:
            outcome = self._run(model, views, given, photos, report)
        return replace(outcome, cost=cost[0])

    def _run(self, model: Any, views: "ViewBatch", given: Any, photos: PhotoFacts, report: "Report") -> Outcome:
        steps, settings, facts = self.steps, self.plan.settings, self.shelf.facts
        assert facts is not None
        if facts.geometry_only and not settings.untrained_heads:
            geometry = self._seen(views, steps.see(model, views, given, settings.chunk_views, report), report)
            return Outcome(curated=geometry, scene=None, facts=facts, photos=photos)
        seen: list[Curated] = []

        def on_geometry(geometry: "SceneGeometry") -> None:
            seen.append(self._seen(views, geometry, report))
            self.show_geometry(seen[0], facts, photos)

        encoded = steps.encode(model, views, given, settings.chunk_views, report, on_geometry)
        report(DECODE, 0.0)
        trace = steps.decode(model, encoded, (), NO_INTERVENTIONS, report)
        cloud = seen[0].reconstruction
        result = steps.assemble(views, encoded, trace, self.edits.mask_threshold, -1, cloud, report)
        curated = curate(result, self.edits, previous=seen[0])
        size = steps.features_size(views, encoded)
        scene = Scene(settings=settings, views=views, encoded=encoded, trace=trace, features_size=size)
        return Outcome(curated=curated, scene=scene, facts=facts, photos=photos)

    def _seen(self, views: "ViewBatch", geometry: "SceneGeometry", report: "Report") -> Curated:
        """Cloud and cameras as they will be shown: worked out here, so that the window does not stand still."""
        built = self.steps.build(views, geometry, report)
        self.prepare(built.cloud)
        return curate(built, self.edits)
