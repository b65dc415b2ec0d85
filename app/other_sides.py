"""The other sides of a comparison, made by the core. Mixed into `CoreSteps`.

Every call is made on a worker's thread and imports what it needs; nothing here decides or shows anything.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from fast3dis_core.reconstruction import Reconstruction

if TYPE_CHECKING:
    from fast3dis_core.progress import Report
    from fast3dis_core.scene import EncodedScene


class OtherSides:
    """Implements `app.steps.ComparisonSteps`."""

    def feature_inputs(self, encoded: "EncodedScene", settings: FeatureSettings) -> Any:
        """What clustering needs of a scene, as arrays of its own."""
        from fast3dis_core.evaluation.counterparts import feature_inputs

        return feature_inputs(encoded, settings)

    def cluster(self, inputs: Any, report: "Report") -> Any:
        """Labels of features, in another process."""
        from fast3dis_core.apart import run_apart
        from fast3dis_core.evaluation.counterparts import label_features

        return run_apart(label_features, *inputs, report=report)

    def clustered(self, result: Reconstruction, found: Any, own_cost: Cost) -> Counterpart:
        """Labels of features as a counterpart."""
        from fast3dis_core.evaluation.counterparts import finish_features

        return finish_features(result, found, own_cost)

    def from_positions(
        self, curated: Curated, settings: PositionSettings | SurfaceSettings, report: "Report"
    ) -> Counterpart:
        """Clusters of points, in another process."""
        from fast3dis_core.evaluation.counterparts import from_positions

        return from_positions(curated, settings, report=report)

    def other_result(
        self,
        other: Reconstruction,
        result: Reconstruction,
        title: str,
        curation: Curation,
        costs: tuple[Cost | None, Cost | None],
    ) -> Counterpart:
        """Another result of the same photos."""
        from fast3dis_core.evaluation.counterparts import other_result

        return other_result(other, result, title=title, curation=curation, cost=costs[0], own_cost=costs[1])

    def read_counterpart(self, path: Path, result: Reconstruction, report: "Report") -> Counterpart:
        """A file of another program or run."""
        from fast3dis_core.evaluation.counterpart_files import read_counterpart

        return read_counterpart(path, result, report=report)

    def read_truth(self, folder: Path, result: Reconstruction, long_edge: int | None, straight: bool) -> Truth | None:
        """True ids of a folder of photos, if it has any."""
        from fast3dis_core.evaluation.counterpart_files import read_truth

        return read_truth(folder, result, long_edge=long_edge, straight=straight)

    def true_counterpart(self, result: Reconstruction, truth: Truth) -> Counterpart:
        """The truth as a counterpart."""
        from fast3dis_core.evaluation.counterpart_files import truth_counterpart

        return truth_counterpart(result, truth)

    def set_beside(
        self, counterpart: Counterpart, first: Curated, truth: Truth | None, previous: SideBySide | None
    ) -> SideBySide:
        """Both sides, line by line."""
        from fast3dis_core.evaluation.beside import set_beside

        return set_beside(counterpart, first, truth=truth, previous=previous)
