"""Duplicates left out of predictions before they are scored: which ones, and that the standard stays what it was."""

from dataclasses import replace

import numpy as np
import pytest

from fast3dis_core.errors import ConfigError
from fast3dis_core.evaluation import run
from fast3dis_core.evaluation.folder import EvaluationFolder
from fast3dis_core.evaluation.protocol import Scoring
from fast3dis_core.evaluation.repeats import told, without_duplicates
from fast3dis_core.evaluation.report import is_held_to_goals, report_text
from fast3dis_core.evaluation.surface_prediction import SurfacePrediction
from tests.core.evaluation.rooms import SEEDS, true_prediction
from tests.core.evaluation.test_run import SETTINGS


def repeated(prediction, times=3):
    """Every mask several times: whole, then without a fifth and of less objectness; scores go by object."""
    count = len(prediction.masks)
    copies = np.repeat(prediction.masks.reshape(1, count, -1), times, axis=0)
    for mask in copies[1:].reshape(-1, copies.shape[-1]):
        mask[np.flatnonzero(mask)[::5]] = False
    return replace(
        prediction,
        masks=copies.reshape(-1, *prediction.masks.shape[1:]),
        queries=np.arange(times * count, dtype=np.int32),
        scores=np.tile(np.linspace(1, 0.5, count), times).astype(np.float32),
        objectness=np.repeat(np.linspace(1, 0.5, times), count).astype(np.float32),
        anchors=np.tile(prediction.anchors, (times, 1)),
    )


@pytest.fixture
def truth(rooms):
    sample = rooms.sample(SEEDS[0])
    ids, pixels = np.unique(sample.instance_ids[sample.instance_ids > 0], return_counts=True)
    return true_prediction(sample, scene_id=str(SEEDS[0]), ids=ids[pixels > 100])


def test_the_better_mask_stays_and_every_row_with_it(truth):
    found = without_duplicates(repeated(truth), 0.5)
    assert found.queries.tolist() == list(range(len(truth.masks)))
    assert np.array_equal(found.masks, truth.masks)
    assert np.array_equal(found.anchors, truth.anchors)
    assert set(found.objectness.tolist()) == {1.0}
    assert found.seconds == truth.seconds


def test_nothing_is_left_out_without_a_limit_or_without_repetition(truth):
    many = repeated(truth)
    assert without_duplicates(many, 0.0) is many
    assert without_duplicates(truth, 0.01) is truth
    assert len(without_duplicates(many, 0.99).masks) == 2 * len(truth.masks), (
        "halves differ from wholes, not from halves"
    )


def test_on_a_surface_the_higher_score_stays():
    masks = np.zeros((3, 10), bool)
    masks[0, :5] = masks[1, :6] = masks[2, 7:] = True
    surface = SurfacePrediction(scene_id="x", masks=masks, scores=np.array([0.1, 0.9, 0.5], np.float32))
    found = without_duplicates(surface, 0.5)
    assert np.array_equal(found.masks, masks[1:])
    assert found.scores.tolist() == pytest.approx([0.9, 0.5])
    lost = replace(surface, masks=None)
    assert without_duplicates(lost, 0.5) is lost


@pytest.mark.parametrize("limit", [-0.1, 1.0, float("nan")])
def test_what_is_no_overlap_is_refused(limit):
    with pytest.raises(ConfigError, match="expected an IoU"):
        Scoring(duplicate_overlap=limit)


def test_both_results_stand_beside_each_other_and_only_one_is_the_standard(rooms, truth, tmp_path):
    folder = EvaluationFolder(tmp_path, SETTINGS)
    folder.begin()
    folder.write(SEEDS[0], repeated(truth))
    results, files = [], []
    for limit in (0.0, 0.5, 0.0):
        scores = run.score_scenes(folder, rooms, SEEDS[:1], Scoring(duplicate_overlap=limit))
        results.append(run.summarize_scores(folder, scores, Scoring(duplicate_overlap=limit)))
        files.append([path.name for path in run.write_result(folder, results[-1])])
    standard, filtered, again = results
    assert [result["duplicate_overlap"] for result in results] == [0.0, 0.5, 0.0]
    assert filtered["figures"]["ap50"] > standard["figures"]["ap50"] == again["figures"]["ap50"]
    assert not set(files[0]) & set(files[1])
    assert f"result-{Scoring(duplicate_overlap=0.5).name}.json" in files[1]
    assert files[2] == files[0]
    assert told(0.5) in report_text(filtered)
    assert "uplicate" not in report_text(standard)
    assert not is_held_to_goals(filtered)
