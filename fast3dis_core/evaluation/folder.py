"""The folder of an evaluation: what is in it, and for which settings (paper 4).

    settings.json             what decides the predictions
    predictions/SCENE.npz     one scene each, with a digest of these settings
    scores/PROTOCOL/SCENE.json  what one scene adds to the result; without ICP in PROTOCOL-no-icp
                              (PROTOCOL-without-duplicates-IOU here and below where these were dropped)
    result-PROTOCOL.json      what scoring made of them
    report-PROTOCOL.md        the same for people; .html is one file with everything in it
    curves-PROTOCOL.svg       precision over recall
    pictures-PROTOCOL.png     worst and best scenes

A scene whose file is there is not predicted again, so an evaluation may be stopped at any time, extended to more
scenes, shared out among processes, and scored anew without a model. Files of other settings are refused.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fast3dis_core.config import GeometrySource
from fast3dis_core.datasets.procedural_rooms import VERSION
from fast3dis_core.errors import ConfigError
from fast3dis_core.evaluation.predict import CLUSTERING, FLOOR, MASK_THRESHOLD, ViewMethod
from fast3dis_core.evaluation.prediction import ScenePrediction, read_prediction, write_prediction
from fast3dis_core.evaluation.surface_methods import SurfaceMethod
from fast3dis_core.evaluation.surface_prediction import (
    SurfacePrediction,
    read_surface_prediction,
    write_surface_prediction,
)
from fast3dis_core.exports.atomic import atomic_file, plain_disk_errors
from fast3dis_core.inference.loading import RANDOM
from fast3dis_core.official_weights import find_weights, missing_weights
from fast3dis_core.weight_files import file_sha256

DATASET = "procedural-rooms"


Method = ViewMethod | SurfaceMethod
SEES_VIEWS = ("fast3dis", "feature-clustering")
_LATER = ("resolution", "camera", "surface", "predictions")  # left out of the digest where they are None: see `digest`


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """What decides the prediction of a scene, besides its name.

    Attributes
    ----------
    split, size, method, geometry : str
        A split of rooms, or "". Methods that start from the surface have size "".
    views, height, width : int
        Views of a scene at most; height and width are 0 where they follow from the photos.
    weights : str
        SHA-256 of the weight file, "random", or "" without a network.
    heads : str
        SHA-256 of a file of heads alone, or "".
    dataset, data_version : str
    objectness_floor, mask_threshold : float
    clustering : mapping, optional
        Of feature clustering only.
    resolution : int, optional
        Long edge of photos that are not rendered.
    camera : str, optional
        Of data sets with several.
    surface : mapping, optional
        Settings of a method that starts from the surface.
    predictions : str, optional
        Where predictions of another system were taken from: name of the folder.
    """

    split: str
    size: str
    method: Method
    geometry: GeometrySource
    views: int
    height: int
    width: int
    weights: str
    heads: str = ""
    dataset: str = DATASET
    data_version: str = VERSION
    objectness_floor: float = FLOOR
    mask_threshold: float = MASK_THRESHOLD
    clustering: Mapping[str, Any] | None = None
    resolution: int | None = None
    camera: str | None = None
    surface: Mapping[str, Any] | None = None
    predictions: str | None = None

    @property
    def sees_views(self) -> bool:
        """Whether masks are over pixels of views, rather than over points of the surface."""
        return self.method in SEES_VIEWS

    @property
    def digest(self) -> str:
        """Hash of all of them; settings that came later count where they are set, so that older files stay valid."""
        told = {name: value for name, value in asdict(self).items() if name not in _LATER or value is not None}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def clustering_facts(method: str) -> dict[str, Any] | None:
    """Settings of the clustering, where there is one."""
    return asdict(CLUSTERING) if method == "feature-clustering" else None


def weights_identity(size: str, weights: str | Path | None) -> str:
    """SHA-256 of the file that `load_model` would take, or "random".

    Raises
    ------
    CheckpointError
        If there is none, for a size other than nano, or a named file is missing.
    """
    path = None if weights == RANDOM else find_weights(size, weights)
    if path is None and weights != RANDOM and size != "nano":
        raise missing_weights(size)
    return RANDOM if path is None else file_sha256(path)


class EvaluationFolder:
    """Files of one evaluation.

    Parameters
    ----------
    folder : Path or str
    settings : EvaluationSettings
    """

    def __init__(self, folder: Path | str, settings: EvaluationSettings) -> None:
        self.folder = Path(folder)
        self.settings = settings

    def begin(self) -> None:
        """Create the folder, or make sure that it is of these settings.

        Raises
        ------
        ConfigError
            If it holds predictions of other settings; the message names what differs.
        ExportError
            If the disk refuses.
        """
        path = self.folder / "settings.json"
        if path.exists():
            self._compare(path)
            return
        with plain_disk_errors(path):
            self.path("").parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path, overwrite=True) as file:  # other processes of the same run write the same
            file.write((json.dumps(asdict(self.settings), indent=1, sort_keys=True) + "\n").encode())

    def path(self, scene_id: str | int) -> Path:
        """File of a scene."""
        return self.folder / "predictions" / f"{scene_id}.npz"

    def score_path(self, scene_id: str | int, scoring: str, *, icp: bool) -> Path:
        """File of the score of a scene."""
        return self.folder / "scores" / (scoring if icp else f"{scoring}-no-icp") / f"{scene_id}.json"

    def missing(self, scene_ids: Sequence[str | int]) -> tuple[str | int, ...]:
        """Scenes that are not predicted yet."""
        return tuple(scene_id for scene_id in scene_ids if not self.path(scene_id).exists())

    def write(self, scene_id: str | int, prediction: ScenePrediction | SurfacePrediction) -> None:
        """Keep a prediction.

        Raises
        ------
        ExportError
            If the disk refuses.
        """
        if isinstance(prediction, ScenePrediction):
            write_prediction(self.path(scene_id), prediction, digest=self.settings.digest)
        else:
            write_surface_prediction(self.path(scene_id), prediction, digest=self.settings.digest)

    def read(self, scene_id: str | int) -> ScenePrediction | SurfacePrediction:
        """A prediction that was kept.

        Raises
        ------
        DatasetError
            If it is missing, damaged, or of other settings.
        """
        read = read_prediction if self.settings.sees_views else read_surface_prediction
        return read(self.path(scene_id), digest=self.settings.digest)

    def _compare(self, path: Path) -> None:
        try:
            found = json.loads(path.read_text("utf-8"))
            names = sorted({*found, *asdict(self.settings)})
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(
                f"{path}: expected the settings of an evaluation, found a damaged file ({error}); choose another --out."
            ) from error
        ours = json.loads(json.dumps(asdict(self.settings)))
        differing = [name for name in names if found.get(name) != ours.get(name)]
        if differing:
            told = ", ".join(f"{name} {_short(found.get(name))} (now {_short(ours.get(name))})" for name in differing)
            raise ConfigError(
                f"{self.folder} holds predictions made with other settings: {told}. Choose another --out, or the same "
                "settings."
            )


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return f"{text[:16]}…" if len(text) > 40 else text
