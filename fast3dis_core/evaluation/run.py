"""An evaluation in two loops: predict every scene into a file, then score from the files (paper 4).

Under torchrun the first loop is shared out, and one process does the second when all files are there. What the folder
holds, and which settings belong together, is left to `folder`.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fast3dis_core.baselines.feature_clustering import load_hdbscan
from fast3dis_core.errors import DatasetError
from fast3dis_core.evaluation.folder import EvaluationFolder
from fast3dis_core.evaluation.predict import maker, predict_scene
from fast3dis_core.evaluation.report import report_text
from fast3dis_core.evaluation.rooms import EvaluationRooms
from fast3dis_core.evaluation.scoring import score_scene, summarize
from fast3dis_core.evaluation.sheets import in_columns, scene_picture
from fast3dis_core.exports.atomic import atomic_file
from fast3dis_core.exports.report import write_report
from fast3dis_core.inference.machine import model_facts
from fast3dis_core.inference.steps import LoadedModel
from fast3dis_core.pictures import write_sheet
from fast3dis_core.progress import Report, silent

PATIENCE = 3600.0  # seconds without a new file after which other processes count as gone
_LOOK = 0.5  # seconds between two looks for files of other processes


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
