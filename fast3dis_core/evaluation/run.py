"""An evaluation in two loops: predict every scene into a file, then score from the files (paper 4).

    settings.json             what decides the predictions, with its digest, and the model they are of
    predictions/SEED.npz      one scene each
    result-PROTOCOL.json      what `scoring` made of them
    report-PROTOCOL.md        the same for people
    pictures-PROTOCOL.png     some scenes, on request

A scene whose file is there is not predicted again, so an evaluation may be stopped at any time, extended to more
scenes, shared out among processes, and scored anew without a model. Files of other settings are refused.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fast3dis_core.baselines.feature_clustering import load_hdbscan
from fast3dis_core.datasets.procedural_rooms import VERSION
from fast3dis_core.errors import ConfigError, DatasetError
from fast3dis_core.evaluation.predict import (
    CLUSTERING,
    FLOOR,
    MASK_THRESHOLD,
    GeometrySource,
    Method,
    maker,
    predict_scene,
)
from fast3dis_core.evaluation.prediction import ScenePrediction, read_prediction, write_prediction
from fast3dis_core.evaluation.report import report_text
from fast3dis_core.evaluation.rooms import EvaluationRooms, Split
from fast3dis_core.evaluation.scoring import score_scene, summarize
from fast3dis_core.evaluation.sheets import in_columns, scene_picture
from fast3dis_core.exports.atomic import atomic_file, plain_disk_errors
from fast3dis_core.exports.report import write_report
from fast3dis_core.inference.loading import RANDOM
from fast3dis_core.inference.machine import model_facts
from fast3dis_core.inference.steps import LoadedModel
from fast3dis_core.official_weights import find_weights, missing_weights
from fast3dis_core.pictures import write_sheet
from fast3dis_core.progress import Report, silent
from fast3dis_core.weight_files import file_sha256

DATASET = "procedural-rooms"
PATIENCE = 3600.0  # seconds without a new file after which other processes count as gone
_LOOK = 0.5  # seconds between two looks for files of other processes


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """What decides the prediction of a scene, besides its seed.

    Attributes
    ----------
    split, size, method, geometry : str
    views, height, width : int
    weights : str
        SHA-256 of the weight file, or "random".
    heads : str
        SHA-256 of a file of heads alone, or "".
    dataset, data_version : str
    objectness_floor, mask_threshold : float
    clustering : mapping, optional
        Of feature clustering only.
    """

    split: Split
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

    @property
    def digest(self) -> str:
        """Hash of all of them."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def clustering_facts(method: Method) -> dict[str, Any] | None:
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
            self.path(0).parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path, overwrite=True) as file:  # other processes of the same run write the same
            file.write((json.dumps(asdict(self.settings), indent=1, sort_keys=True) + "\n").encode())

    def path(self, seed: int) -> Path:
        """File of a scene."""
        return self.folder / "predictions" / f"{seed}.npz"

    def missing(self, seeds: Sequence[int]) -> tuple[int, ...]:
        """Scenes that are not predicted yet."""
        return tuple(seed for seed in seeds if not self.path(seed).exists())

    def write(self, seed: int, prediction: ScenePrediction) -> None:
        """Keep a prediction.

        Raises
        ------
        ExportError
            If the disk refuses.
        """
        write_prediction(self.path(seed), prediction, digest=self.settings.digest)

    def read(self, seed: int) -> ScenePrediction:
        """A prediction that was kept.

        Raises
        ------
        DatasetError
            If it is missing, damaged, or of other settings.
        """
        return read_prediction(self.path(seed), digest=self.settings.digest)

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


def predict_rooms(
    folder: EvaluationFolder,
    rooms: EvaluationRooms,
    seeds: Sequence[int],
    load: Callable[[], LoadedModel],
    *,
    report: Report = silent,
) -> int:
    """The first loop: predict what is missing.

    Parameters
    ----------
    folder : EvaluationFolder
        Begun.
    rooms : EvaluationRooms
    seeds : sequence of int
        Share of this process.
    load : callable
        Gives the model; called only if a scene is missing.
    report : Report

    Returns
    -------
    int
        How many scenes were predicted.

    Raises
    ------
    ConfigError
        If feature clustering is asked for and its package is not installed.
    Cancelled
        If `report` says so; scenes predicted until then stay.
    """
    missing = folder.missing(seeds)
    if not missing:
        return 0
    if folder.settings.method == "feature-clustering":
        load_hdbscan()  # told before anything is computed, and not counted as time of the first scene
    model = load()
    rooms.render(missing, device=model.device, report=report)
    made_by = {**maker(model), "model": _model(model)}
    for done, seed in enumerate(missing):
        prediction = predict_scene(
            model,
            rooms.sample(seed),
            scene_id=str(seed),
            method=folder.settings.method,
            geometry=folder.settings.geometry,
            made_by=made_by,
            report=_asked(report, done / len(missing)),
        )
        folder.write(seed, prediction)
    report("Predicting rooms", 1.0)
    return len(missing)


def _asked(report: Report, fraction: float) -> Report:
    """Ask `report` whether to stop at every step of a scene, without showing the steps."""
    return lambda _step, _fraction: report("Predicting rooms", fraction)


def await_predictions(
    folder: EvaluationFolder, seeds: Sequence[int], *, patience: float = PATIENCE, report: Report = silent
) -> None:
    """Wait for the files of other processes.

    Parameters
    ----------
    folder : EvaluationFolder
    seeds : sequence of int
        All scenes.
    patience : float
        Seconds without a new file.
    report : Report

    Raises
    ------
    DatasetError
        If no file came for so long.
    Cancelled
        If `report` says so.
    """
    left, since = len(folder.missing(seeds)), time.monotonic()
    while left:
        report("Waiting for others", 1 - left / len(seeds))
        time.sleep(min(_LOOK, patience))
        before, left = left, len(folder.missing(seeds))
        if left < before:
            since = time.monotonic()
        elif time.monotonic() - since > patience:
            raise DatasetError(
                f"{folder.folder}: expected predictions of {len(seeds)} scenes, {left} are missing and none came for "
                f"{patience:.0f} s; run the command again, it continues."
            )


def score_rooms(
    folder: EvaluationFolder, rooms: EvaluationRooms, seeds: Sequence[int], *, protocol: str, report: Report = silent
) -> dict[str, Any]:
    """The second loop: the result of predictions that are there.

    Parameters
    ----------
    folder : EvaluationFolder
    rooms : EvaluationRooms
    seeds : sequence of int
        At least one.
    protocol : str
    report : Report

    Returns
    -------
    dict
        See `scoring.summarize`.

    Raises
    ------
    DatasetError, EvaluationError
        If a prediction is missing, damaged, or does not fit its room.
    Cancelled
        If `report` says so.
    """
    scores = []
    for done, seed in enumerate(seeds):
        report("Scoring rooms", done / len(seeds))
        scores.append(score_scene(folder.read(seed), rooms.sample(seed), protocol=protocol))
    report("Scoring rooms", 1.0)
    return summarize(
        scores,
        settings=asdict(folder.settings),
        digest=folder.settings.digest,
        protocol=protocol,
        name=folder.folder.resolve().name,
    )


def write_result(folder: EvaluationFolder, result: Mapping[str, Any]) -> tuple[Path, Path]:
    """Write the result for programs and for people; returns both files. Older ones of this protocol are replaced.

    Raises
    ------
    ExportError
        If the disk refuses.
    """
    data = folder.folder / f"result-{result['protocol']}.json"
    page = folder.folder / f"report-{result['protocol']}.md"
    write_report(data, result, overwrite=True)
    with atomic_file(page, overwrite=True) as file:
        file.write(report_text(result).encode())
    return data, page


def extreme_scenes(result: Mapping[str, Any], count: int) -> tuple[int, ...]:
    """The `count` worst scenes by T-mIoU, worst first, and then as many of the best, best first; each once."""
    rows = [row for row in result["per_scene"] if row["t_miou"] is not None]
    ranked = [int(row["scene"]) for row in sorted(rows, key=lambda row: (row["t_miou"], row["scene"]))]
    return tuple(dict.fromkeys([*ranked[:count], *ranked[: -count - 1 : -1]]))


def write_pictures(
    path: Path,
    folder: EvaluationFolder,
    rooms: EvaluationRooms,
    seeds: Sequence[int],
    *,
    columns: int = 1,
    views: Sequence[int] | None = None,
) -> None:
    """Write one PNG sheet of some scenes: photo, truth and prediction of each.

    Parameters
    ----------
    path : Path
        Replaced if it is there.
    folder : EvaluationFolder
    rooms : EvaluationRooms
    seeds : sequence of int
        At least one.
    columns : int
        Scenes side by side.
    views : sequence of int, optional
        Of every scene; by default all.

    Raises
    ------
    DatasetError
        If a prediction is missing or damaged.
    ExportError
        If the disk refuses.
    """
    pictures = [scene_picture(rooms.sample(seed), folder.read(seed), views=views) for seed in seeds]
    write_sheet(path, in_columns(pictures, columns))


def _model(model: LoadedModel) -> dict[str, Any]:
    """Facts about the network; of its files only the names, since folders differ from machine to machine."""
    facts = model_facts(model)
    return {
        "config": facts["config"],
        "weights": Path(facts["weights"]).name,
        "heads": Path(facts["heads"]).name,
        "status": facts["status"],
        "provenance": facts["provenance"],
    }


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return f"{text[:16]}…" if len(text) > 40 else text
