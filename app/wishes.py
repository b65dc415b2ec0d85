"""What edits ask of the worker: decode and assemble again, preview one query, look at evidence and claims.

Jobs on the sealed values of the open scene; which of them is wanted, and whether its answer still counts, is decided
by `app.workflow`. The model is fetched only by jobs that decode.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from app.run_job import ModelShelf, Scene
from app.session.edits import Edits
from app.session.session import Difference, Display, Inspection
from app.steps import Steps
from fast3dis_core.anchor_health import measure_anchors
from fast3dis_core.curation import Curated, Curation, curate
from fast3dis_core.difference import point_changes, query_changes
from fast3dis_core.interventions import NO_INTERVENTIONS, AnchorPrompt, Interventions
from fast3dis_core.reconstruction import AnchorOverride, Reconstruction

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fast3dis_core.progress import Report
    from fast3dis_core.scene import DecoderTrace

Decoding = tuple[tuple[AnchorOverride, ...], Interventions]


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What a result is computed from, beside the encoded scene.

    Attributes
    ----------
    overrides : tuple of AnchorOverride
    interventions : Interventions
    mask_threshold : float
    layer : int
        Decoder layer shown; -1 is the last.
    """

    overrides: tuple[AnchorOverride, ...] = ()
    interventions: Interventions = NO_INTERVENTIONS
    mask_threshold: float = Edits.mask_threshold
    layer: int = -1

    @classmethod
    def of(cls, edits: Edits, display: Display) -> "Wishes":
        """The present ones."""
        return cls(
            overrides=edits.overrides,
            interventions=edits.interventions,
            mask_threshold=edits.mask_threshold,
            layer=display.layer,
        )

    def within(self, edits: Edits, display: Display) -> tuple[Edits, Display]:
        """Edits and display that ask for this and nothing more."""
        edits = replace(
            edits,
            overrides=self.overrides,
            interventions=self.interventions,
            mask_threshold=self.mask_threshold,
        )
        return edits, replace(display, layer=self.layer)

    @property
    def decoding(self) -> Decoding:
        """What decoding depends on; the rest is assembly."""
        return self.overrides, self.interventions


@dataclass(frozen=True, kw_only=True)
class UpdateJob:
    """Bring the result up to date: decode if anchors changed, then assemble.

    Attributes
    ----------
    scene : Scene
    wishes : Wishes
    decodes : bool
        Whether the trace of the scene is out of date.
    shown : Reconstruction
        Its cloud is kept.
    seen : Curated, optional
        That as the user sees it; the answer is curated alike.
    steps : Steps
    shelf : ModelShelf
    """

    scene: Scene
    wishes: Wishes
    decodes: bool
    shown: Reconstruction
    seen: Curated | None
    steps: Steps
    shelf: ModelShelf

    def __call__(self, report: "Report") -> "tuple[DecoderTrace, Curated]":
        """Run."""
        scene, wishes, trace = self.scene, self.wishes, self.scene.trace
        if self.decodes:
            model = self.shelf.fetch(scene.settings, report)
            trace = self.steps.decode(model, scene.encoded, wishes.overrides, wishes.interventions, report)
        result = self.steps.assemble(
            scene.views, scene.encoded, trace, wishes.mask_threshold, wishes.layer, self.shown, report
        )
        wanted: Curation = Edits() if self.seen is None else self.seen.curation
        return trace, curate(result, wanted, previous=self.seen)


@dataclass(frozen=True, kw_only=True)
class PreviewJob:
    """One query decoded again, the others held as they are; see `UpdateJob` for the attributes."""

    query: int
    scene: Scene
    wishes: Wishes
    shown: Reconstruction
    steps: Steps
    shelf: ModelShelf

    def __call__(self, report: "Report") -> Reconstruction:
        """Run."""
        scene, wishes = self.scene, self.wishes
        model = self.shelf.fetch(scene.settings, report)
        trace = self.steps.follow(model, scene.encoded, scene.trace, self.query, wishes.overrides, wishes.interventions)
        return self.steps.assemble_one(
            scene.views, scene.encoded, trace, wishes.mask_threshold, wishes.layer, self.query, self.shown
        )


@dataclass(frozen=True, kw_only=True)
class ProposeJob:
    """A new query at a place, with each kind of content; see `UpdateJob` for the attributes."""

    position: tuple[float, float, float]
    scene: Scene
    wishes: Wishes
    steps: Steps
    shelf: ModelShelf

    def __call__(self, report: "Report") -> tuple[tuple[AnchorPrompt, float], ...]:
        """Run."""
        model, wishes = self.shelf.fetch(self.scene.settings, report), self.wishes
        return self.steps.propose(model, self.scene.encoded, self.position, wishes.overrides, wishes.interventions)


@dataclass(frozen=True, kw_only=True)
class ProbabilityJob:
    """How sure the network is of some queries in a view; see `UpdateJob` for the attributes."""

    queries: tuple[int, ...]
    view: int
    scene: Scene
    wishes: Wishes
    steps: Steps

    def __call__(self, report: "Report") -> "NDArray[np.float32]":
        """Run."""
        return self.steps.probability(self.scene.encoded, self.scene.trace, self.queries, self.view, self.wishes.layer)


@dataclass(frozen=True, kw_only=True)
class InspectJob:
    """Evidence and claims of the result on show; see `UpdateJob` for the attributes."""

    scene: Scene
    wishes: Wishes
    shown: Reconstruction
    steps: Steps
    shelf: ModelShelf

    def __call__(self, report: "Report") -> Inspection:
        """Run."""
        scene, wishes = self.scene, self.wishes
        claims = self.steps.measure(scene.encoded, scene.trace, wishes.mask_threshold, wishes.layer, self.shown, report)
        model = self.shelf.fetch(scene.settings, report)
        evidence = self.steps.look(model, scene.encoded, wishes.overrides, wishes.interventions)
        off = Curation(minimum_points=0, duplicate_overlap=0.0, confidence_percentile=0.0, depth_edge=0.0)
        whole = curate(self.shown, off)
        health = measure_anchors(whole)
        return Inspection(reconstruction=self.shown, claims=claims, evidence=evidence, health=health)


@dataclass(frozen=True, kw_only=True)
class DifferenceJob:
    """The result on show beside what other wishes come to; see `UpdateJob` for the attributes.

    Attributes
    ----------
    reference : Reconstruction, optional
        What the wishes come to, if it is known.
    """

    scene: Scene
    wishes: Wishes
    shown: Reconstruction
    seen: Curated
    reference: Reconstruction | None
    steps: Steps
    shelf: ModelShelf

    def __call__(self, report: "Report") -> Difference:
        """Run."""
        scene, wishes, reference = self.scene, self.wishes, self.reference
        if reference is None:
            model = self.shelf.fetch(scene.settings, report)
            trace = self.steps.decode(model, scene.encoded, wishes.overrides, wishes.interventions, report)
            reference = self.steps.assemble(
                scene.views, scene.encoded, trace, wishes.mask_threshold, wishes.layer, self.shown, report
            )
        before = curate(reference, self.seen.curation, palette=self.seen.palette, previous=self.seen).shown
        after, points = self.seen.shown, len(self.shown.cloud.points)
        return Difference(
            reconstruction=self.shown,
            reference=reference,
            curation=self.seen.curation,
            changes=query_changes(before, after, points),
            points=point_changes(before, after, points),
        )
