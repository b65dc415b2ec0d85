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
from fast3dis_core.evaluation.folder import EvaluationFolder, EvaluationSettings
from fast3dis_core.evaluation.page import html_page
from fast3dis_core.evaluation.predict import maker, predict_scene, surface_maker
from fast3dis_core.evaluation.prediction import ScenePrediction
from fast3dis_core.evaluation.protocol import STANDARD, Scoring
from fast3dis_core.evaluation.repeats import without_duplicates
from fast3dis_core.evaluation.report import curves_svg, ranked_by, report_text
from fast3dis_core.evaluation.results import summarize
from fast3dis_core.evaluation.score_files import code_identity, read_score, score_key, write_score
from fast3dis_core.evaluation.scoring import SceneScore, score_scene, score_surface
from fast3dis_core.evaluation.sheets import in_columns, on_views, scene_picture, to_one_width
from fast3dis_core.evaluation.sources import EvaluationSource, TruthSurface
from fast3dis_core.evaluation.surface_methods import predict_surface, settings_of
from fast3dis_core.evaluation.surface_prediction import SurfacePrediction
from fast3dis_core.exports.atomic import atomic_file
from fast3dis_core.exports.report import write_report
from fast3dis_core.images import uniform_indices
from fast3dis_core.inference.machine import model_facts
from fast3dis_core.inference.steps import LoadedModel
from fast3dis_core.pictures import write_sheet
from fast3dis_core.progress import Report, silent

PREDICTING, SCORING = "Predicting scenes", "Scoring scenes"  # steps reported
PICTURED_VIEWS = 6
PATIENCE = 3600.0  # seconds without a new file after which other processes count as gone
_LOOK = 0.5  # seconds between two looks for files of other processes


def predict_scenes(
    folder: EvaluationFolder,
    source: EvaluationSource,
    scene_ids: Sequence[str | int],
    load: Callable[[], LoadedModel],
    *,
    imported: Path | None = None,
    report: Report = silent,
) -> int:
    """The first loop: predict what is missing.

    Parameters
    ----------
    folder : EvaluationFolder
        Begun.
    source : EvaluationSource
    scene_ids : sequence of str or int
        Share of this process.
    load : callable
        Gives the model; called only if a scene is missing and the method has one.
    imported : Path, optional
        Folder with predictions of another system, for the method "imported".
    report : Report

    Returns
    -------
    int
        How many scenes were predicted.

    Raises
    ------
    ConfigError
        If clustering is asked for and its package is not installed.
    DatasetError, EvaluationError
        If a scene is damaged or lacks what the method needs, or an imported prediction does not fit it.
    Cancelled
        If `report` says so; scenes predicted until then stay.
    """
    missing = folder.missing(scene_ids)
    if not missing:
        return 0
    settings = folder.settings
    if settings.method in ("feature-clustering", "geometry-hdbscan"):
        load_hdbscan()  # told before anything is computed, and not counted as time of the first scene
    model = load() if settings.sees_views else None
    source.prepare([str(name) for name in missing], device=model.device if model else "cpu", report=report)
    made_by = {**maker(model), "model": _model(model)} if model else surface_maker()
    for done, scene_id in enumerate(missing):
        asked = _asked(report, done / len(missing))
        asked("", 0.0)
        prediction: ScenePrediction | SurfacePrediction
        if model is not None:
            assert settings.method in ("fast3dis", "feature-clustering"), "what needs a network sees views"
            prediction = predict_scene(
                model,
                source.sample(str(scene_id)),
                scene_id=str(scene_id),
                method=settings.method,
                geometry=settings.geometry,
                made_by=made_by,
                report=asked,
            )
        else:
            prediction = predict_surface(
                str(scene_id),
                needed_surface(source, str(scene_id)),
                settings=settings_of(settings.method, settings.surface or {}),
                cameras=source.cameras(str(scene_id)) if settings.method == "imported" else None,
                folder=imported,
                made_by=made_by,
                report=asked,
            )
        folder.write(scene_id, prediction)
    report(PREDICTING, 1.0)
    return len(missing)


def needed_surface(source: EvaluationSource, scene_id: str) -> TruthSurface:
    """The surface of a scene for a method that cannot do without.

    Raises
    ------
    DatasetError
        If there is none.
    """
    surface = source.surface(scene_id)
    if surface is None:
        raise DatasetError(
            f"{scene_id}: expected a labelled mesh, or depth and instance ids of the views, found neither; this method "
            "starts from a true surface."
        )
    return surface


def _asked(report: Report, fraction: float) -> Report:
    """Ask `report` whether to stop at every step of a scene, without showing the steps."""
    return lambda _step, _fraction: report(PREDICTING, fraction)


def await_scores(
    folder: EvaluationFolder,
    scene_ids: Sequence[str | int],
    scoring: Scoring = STANDARD,
    *,
    patience: float = PATIENCE,
    report: Report = silent,
) -> None:
    """Wait for the scores of other processes.

    Parameters
    ----------
    folder : EvaluationFolder
    scene_ids : sequence of str or int
        All scenes.
    scoring : Scoring
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
    code, since = code_identity(), time.monotonic()
    left = [name for name in scene_ids if _kept_score(folder, name, scoring, code) is None]
    while left:
        report("Waiting for others", 1 - len(left) / len(scene_ids))
        time.sleep(min(_LOOK, patience))
        before = len(left)
        left = [name for name in left if _kept_score(folder, name, scoring, code) is None]
        if len(left) < before:
            since = time.monotonic()
        elif time.monotonic() - since > patience:
            raise DatasetError(
                f"{folder.folder}: expected scores of {len(scene_ids)} scenes, {len(left)} are missing and none came "
                f"for {patience:.0f} s; run the command again, it continues."
            )


def score_scenes(
    folder: EvaluationFolder,
    source: EvaluationSource,
    scene_ids: Sequence[str | int],
    scoring: Scoring = STANDARD,
    *,
    report: Report = silent,
) -> tuple[SceneScore, ...]:
    """The second loop: score predictions that are there; scores that were kept are not made again.

    Parameters
    ----------
    folder : EvaluationFolder
    source : EvaluationSource
    scene_ids : sequence of str or int
        Share of this process.
    scoring : Scoring
    report : Report

    Returns
    -------
    tuple of SceneScore
        In the order of the scenes.

    Raises
    ------
    DatasetError, EvaluationError
        If a prediction is missing, damaged, or does not fit its scene.
    Cancelled
        If `report` says so; scenes scored until then stay.
    """
    code, scores = code_identity(), []
    for done, scene_id in enumerate(scene_ids):
        report(SCORING, done / len(scene_ids))
        score = _kept_score(folder, scene_id, scoring, code)
        if score is None:
            score = _score(folder, source, scene_id, scoring)
            key = score_key(folder.path(scene_id), scoring=scoring.name, icp=scoring.icp, code=code)
            write_score(folder.score_path(scene_id, scoring.name, icp=scoring.icp), score, key=key)
        scores.append(score)
    report(SCORING, 1.0)
    return tuple(scores)


def summarize_scores(
    folder: EvaluationFolder, scores: Sequence[SceneScore], scoring: Scoring = STANDARD
) -> dict[str, Any]:
    """The result of all scenes; see `results.summarize`."""
    told = folder.settings.surface or {}
    return summarize(
        scores,
        settings=asdict(folder.settings),
        digest=folder.settings.digest,
        protocol=scoring.protocol,
        name=folder.folder.resolve().name,
        icp=refines(folder.settings, icp=scoring.icp) or bool(told.get("icp")),
        duplicate_overlap=scoring.duplicate_overlap,
    )


def refines(settings: EvaluationSettings, *, icp: bool) -> bool:
    """Whether alignments are refined on points: only predicted worlds are, and true depth needs none."""
    return icp and settings.sees_views and settings.geometry != "given"


def _kept_score(folder: EvaluationFolder, scene_id: str | int, scoring: Scoring, code: str) -> SceneScore | None:
    if not folder.path(scene_id).exists():
        return None
    key = score_key(folder.path(scene_id), scoring=scoring.name, icp=scoring.icp, code=code)
    return read_score(folder.score_path(scene_id, scoring.name, icp=scoring.icp), key=key)


def _score(folder: EvaluationFolder, source: EvaluationSource, scene_id: str | int, scoring: Scoring) -> SceneScore:
    prediction, name = without_duplicates(folder.read(scene_id), scoring.duplicate_overlap), str(scene_id)
    protocol, icp = scoring.protocol, refines(folder.settings, icp=scoring.icp)
    if isinstance(prediction, ScenePrediction):
        return score_scene(prediction, source.sample(name), source.surface(name), protocol=protocol, icp=icp)
    frames = tuple(source.cameras(name)) if folder.settings.method == "imported" else ()
    return score_surface(prediction, needed_surface(source, name), protocol=protocol, frames=frames)


def write_result(
    folder: EvaluationFolder, result: Mapping[str, Any], *, pictures: Mapping[str, Sequence[str]] | None = None
) -> tuple[Path, ...]:
    """Write the result for programs and for people. Older files of this protocol and filter are replaced.

    Parameters
    ----------
    folder : EvaluationFolder
    result : mapping
    pictures : mapping of str to sequence of str, optional
        Names of sheets that lie in the folder, with the scenes on each.

    Returns
    -------
    tuple of Path
        Result, curves, and the report as Markdown and as HTML.

    Raises
    ------
    ExportError
        If the disk refuses.
    """
    name = Scoring(protocol=result["protocol"], duplicate_overlap=result["duplicate_overlap"]).name
    data = folder.folder / f"result-{name}.json"
    write_report(data, result, overwrite=True)
    curves = folder.folder / f"curves-{name}.svg"
    text = report_text(result, curves=curves.name, pictures=pictures)
    pages = {
        curves: curves_svg(result),
        folder.folder / f"report-{name}.md": text,
    }
    for path, content in pages.items():
        with atomic_file(path, overwrite=True) as file:
            file.write(content.encode())
    page = folder.folder / f"report-{name}.html"
    with atomic_file(page, overwrite=True) as file:
        file.write(html_page(text, folder=folder.folder).encode())
    return data, *pages, page


def extreme_scenes(result: Mapping[str, Any], count: int) -> tuple[str, ...]:
    """The `count` worst scenes, worst first, and then as many of the best, best first; each once.

    Scenes are ranked by T-mIoU, or by AP50 on the surface where masks are not over views.
    """
    key = ranked_by(result)
    rows = [row for row in result["per_scene"] if row[key] is not None]
    ranked = [str(row["scene"]) for row in sorted(rows, key=lambda row: (row[key], row["scene"]))]
    return tuple(dict.fromkeys([*ranked[:count], *ranked[: -count - 1 : -1]]))


def write_pictures(
    path: Path,
    folder: EvaluationFolder,
    source: EvaluationSource,
    scene_ids: Sequence[str | int],
    *,
    columns: int = 1,
    views: Sequence[int] | None = None,
    duplicate_overlap: float = 0.0,
) -> None:
    """Write one PNG sheet of some scenes: photo, truth and prediction of each.

    Parameters
    ----------
    path : Path
        Replaced if it is there.
    folder : EvaluationFolder
    source : EvaluationSource
    scene_ids : sequence of str or int
        At least one.
    columns : int
        Scenes side by side.
    views : sequence of int, optional
        Of every scene; by default up to `PICTURED_VIEWS`, evenly spaced.
    duplicate_overlap : float
        As for `score_scenes`.

    Raises
    ------
    DatasetError
        If a prediction is missing or damaged.
    ExportError
        If the disk refuses.
    """
    pictures = []
    for scene_id in scene_ids:
        prediction = without_duplicates(folder.read(scene_id), duplicate_overlap)
        sample = source.sample(str(scene_id))
        if isinstance(prediction, SurfacePrediction):
            prediction = on_views(prediction, needed_surface(source, str(scene_id)), sample)
        shown = uniform_indices(len(sample.views), PICTURED_VIEWS) if views is None else views
        pictures.append(scene_picture(sample, prediction, views=shown))
    write_sheet(path, in_columns(to_one_width(pictures), columns))


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
