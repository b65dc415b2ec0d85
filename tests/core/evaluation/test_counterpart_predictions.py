"""What evaluations and runs leave on disk is found and held against a result."""

import dataclasses
import json

import numpy as np
import pytest

from fast3dis_core.curation import Curation, curate
from fast3dis_core.errors import DatasetError
from fast3dis_core.evaluation.beside import set_beside
from fast3dis_core.evaluation.counterpart_files import read_counterpart, result_file
from fast3dis_core.evaluation.prediction import ScenePrediction, write_prediction
from fast3dis_core.evaluation.surface_prediction import SurfacePrediction, write_surface_prediction
from fast3dis_core.exports import write_npz
from tests.scenes import synthetic_reconstruction

RESULT = synthetic_reconstruction(views=4, height=28, width=42, queries=6)
OPEN = Curation(objectness_threshold=0.0, minimum_points=1, confidence_percentile=0.0, depth_edge=0.0)


def predicted(result, **changes):
    """The same scene as an evaluation saves it."""
    views, height, width = result.images.shape[:3]
    masks = np.zeros((len(result.instances), views * height * width), np.bool_)
    for mask, item in zip(masks, result.instances, strict=True):
        mask[item.pixels] = True
    axis = result.world_to_camera[:, 2].astype(np.float64)
    points = result.cloud.points.reshape(views, height, width, 3)
    depth = np.einsum("shwc,sc->shw", points, axis[:, :3]) + axis[:, 3, None, None]
    objectness = np.array([item.objectness for item in result.instances], np.float32)
    fields = {
        "scene_id": "kitchen",
        "masks": masks.reshape(-1, views, height, width),
        "queries": np.array([item.query for item in result.instances], np.int32),
        "scores": 0.9 * objectness,
        "objectness": objectness,
        "anchors": np.stack([item.anchor for item in result.instances]),
        "depth": np.where(result.cloud.valid.reshape(views, height, width), depth, 0).astype(np.float32),
        "intrinsics": np.array(result.intrinsics),
        "world_to_camera": np.array(result.world_to_camera),
        "seconds": {"Encoding": 2.0, "Masks": 0.5},
        "frames": result.names,
    }
    return ScenePrediction(**fields | changes)


def saved(folder, prediction, **settings):
    path = folder / "predictions" / f"{prediction.scene_id}.npz"
    path.parent.mkdir(parents=True)
    write_prediction(path, prediction, digest="of its settings")
    (folder / "settings.json").write_text(json.dumps(settings))
    return path


def same(counterpart, result=RESULT):
    beside = set_beside(counterpart, curate(result, OPEN))
    return {(line.first, line.second) for line in beside.lines if line.verdict == "same"}


PAIRS = {(query, query) for query in range(6)}


def test_a_saved_prediction_is_the_result_again(tmp_path):
    path = saved(tmp_path, predicted(RESULT), method="fast3dis", size="nano", geometry="given")
    found = read_counterpart(path, RESULT)
    assert same(found) == PAIRS
    assert found.title == "kitchen, evaluated · fast3dis nano"
    assert found.cost.seconds == 2.5
    assert "geometry given" in found.notes[0]
    np.testing.assert_allclose(
        found.reconstruction.cloud.points[RESULT.cloud.valid], RESULT.cloud.points[RESULT.cloud.valid], atol=5e-3
    )


def test_its_instances_pass_the_thresholds_of_the_result(tmp_path):
    found = read_counterpart(saved(tmp_path, predicted(RESULT)), RESULT)
    middle = float(np.median([item.objectness for item in RESULT.instances]))
    beside = set_beside(found, curate(RESULT, dataclasses.replace(OPEN, objectness_threshold=middle)))
    assert len(beside.first.shown) == len(beside.second.shown) == 3
    clusters = predicted(RESULT, objectness=np.ones(6, np.float32), anchors=np.full((6, 3), np.nan, np.float32))
    found = read_counterpart(saved(tmp_path / "clusters", clusters), RESULT)
    assert found.follows == ()
    assert np.isfinite(found.reconstruction.anchors).all()


def test_views_are_told_apart_by_their_photos_or_by_their_order(tmp_path):
    order = [2, 0, 3, 1]
    turned = predicted(
        RESULT,
        masks=predicted(RESULT).masks[:, order],
        depth=predicted(RESULT).depth[order],
        intrinsics=RESULT.intrinsics[order],
        world_to_camera=RESULT.world_to_camera[order],
    )
    named = dataclasses.replace(turned, frames=tuple(RESULT.names[view] for view in order))
    assert same(read_counterpart(saved(tmp_path / "a", named), RESULT)) == PAIRS
    elsewhere = dataclasses.replace(named, frames=tuple(name.replace(".jpg", ".png") for name in named.frames))
    assert same(read_counterpart(saved(tmp_path / "b", elsewhere), RESULT)) == PAIRS
    nameless = read_counterpart(saved(tmp_path / "c", predicted(RESULT, frames=())), RESULT)
    assert same(nameless) == PAIRS
    assert "same order" in nameless.notes[0]
    few = synthetic_reconstruction(views=3, height=28, width=42, queries=6)
    with pytest.raises(DatasetError, match="some of the 3 photos"):
        read_counterpart(saved(tmp_path / "d", predicted(RESULT, frames=())), few)


def test_masks_over_a_scan_are_refused_in_words(tmp_path):
    path = tmp_path / "scan.npz"
    prediction = SurfacePrediction(scene_id="scan", masks=np.ones((2, 9), np.bool_), scores=np.ones(2, np.float32))
    write_surface_prediction(path, prediction, digest="d")
    with pytest.raises(DatasetError, match="points of a scan"):
        read_counterpart(path, RESULT)


def test_a_folder_of_results_is_its_file(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(DatasetError, match="none"):
        read_counterpart(tmp_path / "out", RESULT)
    write_npz(tmp_path / "out" / "reconstruction.npz", RESULT)
    (tmp_path / "out" / "report.json").write_text("{}")
    for path in (tmp_path / "out", tmp_path / "out" / "report.json"):
        assert same(read_counterpart(path, RESULT)) == PAIRS
    alone = saved(tmp_path / "evaluation", predicted(RESULT))
    assert result_file(tmp_path / "evaluation") == alone
    write_prediction(alone.with_name("other.npz"), predicted(RESULT), digest="d")
    with pytest.raises(DatasetError, match=r"2 of them, kitchen\.npz"):
        result_file(tmp_path / "evaluation")


def test_photos_of_another_size_and_photos_that_are_not_there(tmp_path):
    larger = synthetic_reconstruction(views=4, height=56, width=84, queries=6)
    extra = predicted(larger, frames=(*RESULT.names[:3], "stranger.jpg"))
    found = read_counterpart(saved(tmp_path, extra), RESULT)
    assert found.reconstruction.images.shape == larger.images.shape
    assert (found.reconstruction.images[3] == 128).all()
    assert "3 photos that both have" in " ".join(found.notes)
