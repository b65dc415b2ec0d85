"""What the program asks of the core, step by step: the door behind which everything heavy lies.

`app.core_steps` is the real set, tests have another. Which step follows which is in `app.run_job` and `app.workflow`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from app.session.activity import ModelFacts
from app.session.origin import PhotoFacts
from app.session.plan import Photo, Plan, RunSettings
from fast3dis_core.cost import Cost
from fast3dis_core.counterpart import (
    Counterpart,
    FeatureSettings,
    PositionSettings,
    SideBySide,
    SurfaceSettings,
    Truth,
)
from fast3dis_core.curation import Curated, Curation
from fast3dis_core.evidence import Claims, Evidence
from fast3dis_core.interventions import AnchorPrompt, Interventions
from fast3dis_core.reconstruction import AnchorOverride, Reconstruction
from fast3dis_core.session_files.values import Features, SavedSession

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fast3dis_core.progress import Report
    from fast3dis_core.scene import DecoderTrace, EncodedScene, PosedCameras, SceneGeometry, ViewBatch


class ComparisonSteps(Protocol):
    """What the core does for comparisons; implemented by `app.other_sides`."""

    def feature_inputs(self, encoded: "EncodedScene", settings: FeatureSettings) -> Any:
        """What clustering needs of a scene, as arrays of its own, sealed."""

    def cluster(self, inputs: Any, report: "Report") -> Any:
        """Labels of features, in another process, sealed."""

    def clustered(self, result: Reconstruction, found: Any, own_cost: Cost) -> Counterpart:
        """Labels of features as a counterpart."""

    def from_positions(
        self, curated: Curated, settings: PositionSettings | SurfaceSettings, report: "Report"
    ) -> Counterpart:
        """Clusters of points, in another process."""

    def other_result(
        self,
        other: Reconstruction,
        result: Reconstruction,
        title: str,
        curation: Curation,
        costs: tuple[Cost | None, Cost | None],
    ) -> Counterpart:
        """Another result of the same photos."""

    def read_counterpart(self, path: Path, result: Reconstruction, report: "Report") -> Counterpart:
        """A file of another program or run."""

    def read_truth(self, folder: Path, result: Reconstruction, long_edge: int | None, straight: bool) -> Truth | None:
        """True ids of a folder of photos, if it has any."""

    def true_counterpart(self, result: Reconstruction, truth: Truth) -> Counterpart:
        """The truth as a counterpart."""

    def set_beside(
        self, counterpart: Counterpart, first: Curated, truth: Truth | None, previous: SideBySide | None
    ) -> SideBySide:
        """Both sides, line by line."""


class Steps(ComparisonSteps, Protocol):
    """What the core does for the program. All methods run on the worker thread."""

    def describe(self) -> str:
        """Line about device and libraries."""

    def survey(self, sources: tuple[Path, ...], found: Callable[[Photo], None], frames: int, report: "Report") -> Plan:
        """Look at photos: each is handed to `found` at once; the plan has notes and offers, and no photos yet."""

    def read(self, plan: Plan, report: "Report") -> "tuple[ViewBatch, PosedCameras | SceneGeometry | None, PhotoFacts]":
        """The chosen photos of a plan, with cameras or depth where it asks for them."""

    def load(self, settings: RunSettings, report: "Report") -> Any:
        """A model, sealed."""

    def facts(self, model: Any) -> ModelFacts:
        """Name, state and size of a model."""

    def release(self) -> None:
        """Give memory that nobody holds any more back to the system."""

    def see(
        self,
        model: Any,
        views: "ViewBatch",
        geometry: "PosedCameras | SceneGeometry | None",
        chunk_views: int,
        report: "Report",
    ) -> "SceneGeometry":
        """The geometry pass alone."""

    def build(self, views: "ViewBatch", geometry: "SceneGeometry", report: "Report") -> Reconstruction:
        """Cloud and cameras, without instances."""

    def encode(
        self,
        model: Any,
        views: "ViewBatch",
        geometry: "PosedCameras | SceneGeometry | None",
        chunk_views: int,
        report: "Report",
        on_geometry: "Callable[[SceneGeometry], None]",
    ) -> "EncodedScene":
        """The expensive step; `on_geometry` is called as soon as there is geometry."""

    def decode(
        self,
        model: Any,
        encoded: "EncodedScene",
        overrides: tuple[AnchorOverride, ...],
        interventions: Interventions,
        report: "Report",
    ) -> "DecoderTrace":
        """Anchors and queries."""

    def follow(
        self,
        model: Any,
        encoded: "EncodedScene",
        trace: "DecoderTrace",
        query: int,
        overrides: tuple[AnchorOverride, ...],
        interventions: Interventions,
    ) -> "DecoderTrace":
        """One query decoded again, the others held."""

    def propose(
        self,
        model: Any,
        encoded: "EncodedScene",
        position: tuple[float, float, float],
        overrides: tuple[AnchorOverride, ...],
        interventions: Interventions,
    ) -> tuple[tuple[AnchorPrompt, float], ...]:
        """A new query at a place with each kind of content, and its objectness; by falling objectness."""

    def assemble(
        self,
        views: "ViewBatch",
        encoded: "EncodedScene",
        trace: "DecoderTrace",
        mask_threshold: float,
        layer: int,
        previous: Reconstruction | None,
        report: "Report",
    ) -> Reconstruction:
        """Masks to points; cloud and photos are those of `previous`."""

    def assemble_one(
        self,
        views: "ViewBatch",
        encoded: "EncodedScene",
        trace: "DecoderTrace",
        mask_threshold: float,
        layer: int,
        query: int,
        previous: Reconstruction,
    ) -> Reconstruction:
        """The mask of one query; everything else is that of `previous`."""

    def measure(
        self,
        encoded: "EncodedScene",
        trace: "DecoderTrace",
        mask_threshold: float,
        layer: int,
        shown: Reconstruction,
        report: "Report",
    ) -> Claims:
        """Who competes for every pixel."""

    def probability(
        self, encoded: "EncodedScene", trace: "DecoderTrace", queries: tuple[int, ...], view: int, layer: int
    ) -> "NDArray[np.float32]":
        """How sure the network is of every pixel (H, W) of a view that it belongs to one of some queries."""

    def look(
        self,
        model: Any,
        encoded: "EncodedScene",
        overrides: tuple[AnchorOverride, ...],
        interventions: Interventions,
    ) -> Evidence:
        """What the cross-attention looks at."""

    def features(self, views: "ViewBatch", encoded: "EncodedScene", trace: "DecoderTrace") -> Features:
        """Arrays from which the decoder can go on; memory is shared."""

    def features_size(self, views: "ViewBatch", encoded: "EncodedScene") -> int:
        """Bytes of these arrays, about."""

    def from_features(
        self, features: Features, reconstruction: Reconstruction
    ) -> "tuple[ViewBatch, EncodedScene, DecoderTrace]":
        """The values that `features` was given."""

    def write_session(
        self,
        path: Path,
        reconstruction: Reconstruction,
        plain: dict[str, Any],
        layout: bytes,
        features: Features | None,
        overwrite: bool,
        report: "Report",
        beside: Counterpart | None = None,
    ) -> None:
        """Write a session file; `plain` has origin, edits and display as JSON values."""

    def read_session(self, path: Path, report: "Report") -> SavedSession:
        """Read one."""
