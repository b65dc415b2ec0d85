"""Predictions on a surface: their files, methods that start from shape, and imports of predicted worlds."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.baselines.felzenszwalb import SegmentationSettings
from fast3dis_core.baselines.geometry_hdbscan import GeometrySettings
from fast3dis_core.errors import ConfigError, DatasetError, EvaluationError
from fast3dis_core.evaluation.average_precision import pooled
from fast3dis_core.evaluation.imports import ImportedScene, LabelledPoints, write_imported
from fast3dis_core.evaluation.results import summarize
from fast3dis_core.evaluation.scoring import score_surface
from fast3dis_core.evaluation.sheets import on_views, scene_picture, to_one_width
from fast3dis_core.evaluation.sources import TruthSurface
from fast3dis_core.evaluation.surface_methods import ImportSettings, predict_surface, settings_facts, settings_of
from fast3dis_core.evaluation.surface_prediction import (
    SurfacePrediction,
    read_surface_prediction,
    write_surface_prediction,
)
from tests.core.evaluation.rooms import SEEDS, some_similarity, true_prediction
from tests.core.evaluation.test_comparison import SURFACE


def two_plates(gap=1.0, side=20, spacing=0.04):
    """Two level plates one above the other as one mesh, each an object."""
    line = spacing * np.arange(side)
    plate = np.stack([*np.meshgrid(line, line), np.zeros((side, side))], axis=-1).reshape(-1, 3)
    corner = np.arange(side * side).reshape(side, side)
    square = np.stack([corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]], axis=-1).reshape(-1, 4)
    faces = np.concatenate([square[:, [0, 1, 2]], square[:, [0, 2, 3]]])
    ids = np.repeat(np.array([1001, 1002], np.int32), len(plate))
    return TruthSurface(
        points=np.concatenate([plate, plate + np.array((0, 0, gap))]),
        gt_ids={"objects": ids, "all": ids},
        scored={"objects": None, "all": None},
        world_to_first=np.eye(4),
        faces=np.concatenate([faces, faces + len(plate)]).astype(np.int32),
    )


def ap(prediction, surface, protocol="objects"):
    return pooled([score_surface(prediction, surface, protocol=protocol).surface.records])


@pytest.mark.parametrize("method", [SegmentationSettings(threshold=0.5, min_vertices=100), GeometrySettings()])
def test_objects_that_do_not_touch_are_found_by_shape_alone(method):
    surface = two_plates()
    found = predict_surface("7", surface, settings=method)
    assert ap(found, surface)["ap_50_95_incl"] == 1
    assert (found.scores == 1).all()
    assert found.notes == ("scores: all 1, the method has none",)
    assert sum(found.seconds.values()) > 0


def test_points_that_do_not_count_are_taken_out():
    surface = two_plates()
    exact = np.stack([surface.gt_ids["all"] == 1001, surface.gt_ids["all"] == 1002])
    spilled = exact.copy()
    spilled[0, 400:700] = True  # onto the other plate
    prediction = SurfacePrediction(scene_id="7", masks=spilled, scores=np.ones(2, np.float32))
    counted = np.ones(800, bool)
    counted[400:700] = False
    masked = replace(surface, scored={"objects": counted, "all": None})
    assert ap(prediction, masked)["ap"] == 1
    assert ap(prediction, masked, "all")["ap"] < 1


def test_masks_over_other_points_are_refused():
    prediction = SurfacePrediction(scene_id="7", masks=np.ones((1, 3), bool), scores=np.ones(1, np.float32))
    with pytest.raises(EvaluationError, match="expected masks over the 800 points"):
        score_surface(prediction, two_plates(), protocol="objects")
    with pytest.raises(ValueError, match="of 2 scores"):
        replace(prediction, scores=np.ones(2, np.float32))


def test_settings_come_back_from_plain_values():
    for method, value in (
        ("felzenszwalb", SegmentationSettings(threshold=0.1, min_vertices=7)),
        ("geometry-hdbscan", GeometrySettings(voxel=0.02)),
        ("imported", ImportSettings(system="npz", icp=False, equal_scores=True)),
    ):
        assert settings_of(method, settings_facts(value)) == value
    with pytest.raises(ConfigError, match="expected one of iggt"):
        ImportSettings(system="mine")


@settings(max_examples=25, deadline=None)
@given(count=st.integers(0, 5), points=st.integers(1, 40), aligned=st.booleans(), seed=st.integers(0, 2**16))
def test_predictions_survive_their_file(tmp_path_factory, count, points, aligned, seed):
    rng = np.random.default_rng(seed)
    prediction = SurfacePrediction(
        scene_id="7",
        masks=rng.random((count, points)) > 0.5 if aligned else None,
        scores=rng.random(count).astype(np.float32),
        figures={"a": 1.5, "b": None, "c": "x"},
        notes=("one", "two"),
        seconds={"b": 1.5, "a": 0.25},
        peak_memory={"b": {"machine": 7}},
        made_by={"device": "cpu"},
    )
    path = tmp_path_factory.mktemp("file") / "7.npz"
    write_surface_prediction(path, prediction, digest="d")
    found = read_surface_prediction(path, digest="d")
    if aligned:
        np.testing.assert_array_equal(found.masks, prediction.masks)
    else:
        assert found.masks is None
    np.testing.assert_array_equal(found.scores, prediction.scores)
    for name in ("scene_id", "figures", "notes", "seconds", "peak_memory", "made_by"):
        assert getattr(found, name) == getattr(prediction, name)
    with pytest.raises(DatasetError, match="those of others"):
        read_surface_prediction(path, digest="e")


# --- imports ---------------------------------------------------------------------------------------------


def imported_points(rooms, seed, folder, *, similarity=None, frames=None):
    """The truth of a room as points of a predicted world, as another system would write it."""
    sample = rooms.sample(seed)
    right = true_prediction(sample)
    points = sample.geometry.points().double()
    cameras = sample.geometry.world_to_camera.double()
    if similarity is not None:
        points, cameras = similarity.transform(points.reshape(-1, 3)), similarity.move_cameras(cameras)
    owner = np.full(right.masks.shape[1:], -1, np.int32)
    for number, mask in enumerate(right.masks):
        owner[mask] = number
    names = sample.views.names if frames is None else frames
    scene = ImportedScene(
        scene_id=str(seed),
        system="made up",
        found=LabelledPoints(
            points=points.reshape(-1, 3).numpy().astype(np.float32),
            instances=owner.ravel(),
            world="predicted",
            frames=tuple(names),
            world_to_camera=cameras.numpy()[: len(names)],
        ),
        scores=np.linspace(0.9, 0.1, len(right.scores)).astype(np.float32),
    )
    write_imported(folder, scene)
    return sample


@pytest.mark.parametrize("similarity", [None, some_similarity(0.3, seed=4)])
def test_the_truth_in_a_predicted_world_is_found_on_the_surface(rooms, tmp_path, similarity):
    imported_points(rooms, SEEDS[0], tmp_path, similarity=similarity)
    surface, cameras = rooms.surface(SEEDS[0]), rooms.cameras(SEEDS[0])
    found = predict_surface(
        str(SEEDS[0]), surface, settings=ImportSettings(system="npz"), cameras=cameras, folder=tmp_path
    )
    figures = ap(found, surface, "all")
    assert figures["ap25"] == pytest.approx(1.0)
    assert figures["ap50"] > 0.9  # a point between two objects may go to either
    assert found.figures["alignment_method"] in ("umeyama", "orientation")
    assert found.figures["center_rmse"] < 1e-3
    equal = predict_surface(
        str(SEEDS[0]), surface, settings=ImportSettings(system="npz", equal_scores=True), cameras=cameras,
        folder=tmp_path,
    )  # fmt: skip
    assert (equal.scores == 1).all()
    assert "scores: all set to 1" in equal.notes


def test_a_world_that_cannot_be_aligned_is_told_and_left_out(rooms, tmp_path):
    """One camera tells a rotation, so that alignment is weak; none at all is not possible to import."""
    surface = rooms.surface(SEEDS[0])
    lost = SurfacePrediction(
        scene_id="7", masks=None, scores=np.ones(1, np.float32),
        figures={"alignment_method": "none", "alignment_quality": "none", "reason": "no cameras"},
        made_by={"device": "cpu", "precision": "float64", "code_commit": "", "versions": {}},
    )  # fmt: skip
    score = score_surface(lost, surface, protocol="objects")
    assert score.surface is None
    result = summarize([score], settings=SURFACE, digest="0", protocol="objects", name="x")
    assert result["alignment"]["not_aligned"] == 1
    assert result["figures"]["surface_ap50"] is None


# --- pictures --------------------------------------------------------------------------------------------


def test_a_prediction_on_the_surface_is_drawn_into_the_views(rooms):
    sample, surface = rooms.sample(SEEDS[0]), rooms.surface(SEEDS[0])
    ids = surface.gt_ids["all"]
    masks = ids == np.unique(ids[ids > 0])[:, None]
    prediction = SurfacePrediction(scene_id="7", masks=masks, scores=np.ones(len(masks), np.float32))
    seen = on_views(prediction, surface, sample)
    owner = seen.masks.any(axis=0)
    assert owner[sample.instance_ids.numpy() > 0].mean() > 0.95
    picture = scene_picture(sample, seen)
    height = sample.instance_ids.shape[1]
    same = (picture[height : 2 * height] == picture[2 * height :]).all(axis=-1)
    assert same.mean() > 0.9  # truth and the same truth by way of points
    wider = np.zeros((5, 9, 3), np.uint8)
    assert [entry.shape for entry in to_one_width([wider, wider[:3, :4]])] == [(5, 9, 3)] * 2
