"""Predict into files, score from files: what is kept, what is done again, and figures of predictions that are right."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.config import ModelConfig
from fast3dis_core.errors import Cancelled, CheckpointError, ConfigError, DatasetError
from fast3dis_core.evaluation import folder as files
from fast3dis_core.evaluation import predict, run
from fast3dis_core.evaluation.folder import EvaluationFolder, EvaluationSettings
from fast3dis_core.evaluation.predict import MASK_THRESHOLD, predict_scene, query_instances
from fast3dis_core.evaluation.prediction import ScenePrediction, read_prediction, write_prediction
from fast3dis_core.evaluation.protocol import Scoring
from fast3dis_core.evaluation.results import summarize
from fast3dis_core.evaluation.rooms import room_seeds, size_of
from fast3dis_core.evaluation.scoring import score_scene
from fast3dis_core.evaluation.sheets import in_columns, scene_picture
from fast3dis_core.inference.loading import WeightsStatus, untrained_network
from fast3dis_core.inference.steps import LoadedModel, decode_queries, encode_scene
from fast3dis_core.masks import resize_logits
from fast3dis_core.model.prediction_heads import mask_logits, objectness
from tests.core.evaluation.rooms import SEEDS, SIZE, VIEWS, some_similarity, true_prediction

SETTINGS = EvaluationSettings(
    split="val",
    size="nano",
    method="fast3dis",
    geometry="predicted",
    views=VIEWS,
    height=SIZE[0],
    width=SIZE[1],
    weights="random",
)


@pytest.fixture(scope="module")
def model():
    network = untrained_network(ModelConfig.for_size("nano", num_queries=8)).eval().requires_grad_(False)
    return LoadedModel(network=network, device=torch.device("cpu"), precision="float32", weights=WeightsStatus())


@pytest.fixture
def folder(tmp_path):
    found = EvaluationFolder(tmp_path / "out", SETTINGS)
    found.begin()
    return found


def result_of(scores, geometry="predicted"):
    settings = {**vars(SETTINGS), "geometry": geometry}
    return summarize(scores, settings=settings, digest="0", protocol="objects", name="room")


# --- scenes ----------------------------------------------------------------------------------------------


def test_splits_and_sizes():
    assert room_seeds("val", 3) == (1_000_000_000, 1_000_000_001, 1_000_000_002)
    assert len(room_seeds("test", None)) == 200
    assert set(room_seeds("val", None)).isdisjoint(room_seeds("test", None))
    assert (size_of(224), size_of(504), size_of(70)) == ((168, 224), (378, 504), (56, 70))
    for wrong in (lambda: room_seeds("train", 1), lambda: room_seeds("val", 201), lambda: size_of(100)):
        with pytest.raises(ConfigError, match=r"expected|has 200"):
            wrong()


def test_a_room_from_the_cache_is_a_room_with_its_surface(sample):
    assert sample.views.images.shape == (VIEWS, 3, *SIZE)
    every = sample.geometry.points().reshape(-1, 3)
    distance = (sample.surface.points[:50, None] - every).norm(dim=-1).amin(1)
    assert float(distance.max()) < 1e-5
    assert set(sample.surface.ids.unique().tolist()) <= set(sample.instance_ids.unique().tolist())


# --- files -----------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(0, 5),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    scale=st.floats(1e-3, 1e4),
    seed=st.integers(0, 2**16),
)
def test_predictions_survive_their_file(tmp_path_factory, count, shape, scale, seed):
    rng = np.random.default_rng(seed)
    depth = (scale * rng.uniform(0.2, 5, shape)).astype(np.float32) * (rng.random(shape) > 0.2)
    prediction = ScenePrediction(
        scene_id="7",
        masks=rng.random((count, *shape)) > 0.5,
        queries=np.arange(count, dtype=np.int32),
        scores=rng.random(count).astype(np.float32),
        objectness=rng.random(count).astype(np.float32),
        anchors=rng.normal(size=(count, 3)).astype(np.float32),
        depth=depth,
        intrinsics=rng.normal(size=(shape[0], 3, 3)).astype(np.float32),
        world_to_camera=rng.normal(size=(shape[0], 4, 4)).astype(np.float32),
        seconds={"b": 1.5, "a": 0.25},
        peak_memory={"b": {"machine": 7}},
        made_by={"device": "cpu"},
    )
    path = tmp_path_factory.mktemp("file") / "7.npz"
    write_prediction(path, prediction, digest="d")
    found = read_prediction(path, digest="d")
    for name in ("masks", "queries", "scores", "objectness", "anchors", "intrinsics", "world_to_camera"):
        np.testing.assert_array_equal(getattr(found, name), getattr(prediction, name))
    np.testing.assert_allclose(found.depth, depth, rtol=1e-3)
    np.testing.assert_array_equal(found.depth > 0, depth > 0)
    assert (found.scene_id, found.made_by, found.peak_memory) == ("7", {"device": "cpu"}, {"b": {"machine": 7}})
    assert list(found.seconds.items()) == [("b", 1.5), ("a", 0.25)]  # steps keep their order


def test_damage_and_other_settings_are_refused(sample, tmp_path):
    path = tmp_path / "7.npz"
    with pytest.raises(DatasetError, match="found none; run the command again"):
        read_prediction(path, digest="d")
    write_prediction(path, true_prediction(sample), digest="d")
    with pytest.raises(DatasetError, match="those of others; delete it"):
        read_prediction(path, digest="e")
    whole = path.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"PK" + whole[2:400]):
        path.write_bytes(damaged)
        with pytest.raises(DatasetError, match="damaged file"):
            read_prediction(path, digest="d")


def test_arrays_that_do_not_fit_are_refused(sample):
    with pytest.raises(ValueError, match=r"ScenePrediction.scores: expected shape"):
        replace(true_prediction(sample), scores=np.ones(1, np.float32))


# --- prediction ------------------------------------------------------------------------------------------


def test_masks_and_scores_follow_the_protocol(model, sample):
    encoded = encode_scene(model, sample.views)
    layer = decode_queries(model, encoded).layers[-1]
    layer = replace(layer, objectness_logits=torch.linspace(-4, 4, 8))
    found = query_instances(layer, encoded)
    active = objectness(layer)
    expected = [query for query in range(8) if active[query] >= 0.05]
    assert found.queries.tolist() == expected
    assert 0 < len(expected) < 8
    logits = torch.stack([resize_logits(view, *SIZE) for view in mask_logits(layer, encoded.mask_features)], dim=1)
    for place, query in enumerate(expected):
        chance = logits[query].sigmoid()
        kept = chance > MASK_THRESHOLD
        np.testing.assert_array_equal(found.masks[place], kept.numpy())
        mean = float(chance[kept].mean()) if kept.any() else 0.0
        assert found.scores[place] == pytest.approx(float(active[query]) * mean, rel=1e-5)
        assert found.objectness[place] == pytest.approx(float(active[query]))


@pytest.mark.parametrize("geometry", ["predicted", "posed", "given"])
def test_the_network_is_told_what_was_asked_for(model, sample, geometry):
    found = predict_scene(model, sample, scene_id="7", method="fast3dis", geometry=geometry)
    truth = sample.geometry
    same_cameras = np.allclose(found.world_to_camera, truth.world_to_camera.numpy(), atol=1e-4)
    assert same_cameras == (geometry != "predicted")
    assert np.allclose(found.depth, truth.depth.numpy()) == (geometry == "given")
    assert ("Geometry pass" in found.seconds) == (geometry != "given")
    assert {"Feature pass", "Pixel decoder", "Anchors and queries", "Assembling instances"} <= set(found.seconds)
    assert set(found.peak_memory) == set(found.seconds)


def test_clusters_own_every_pixel_and_have_no_scores(model, sample, monkeypatch):
    monkeypatch.setattr(predict, "CLUSTERING", replace(predict.CLUSTERING, most_points=400))
    found = predict_scene(model, sample, scene_id="7", method="feature-clustering", geometry="given")
    assert (found.masks.sum(axis=0) == 1).all()
    assert (found.scores == 1).all()
    assert np.isnan(found.anchors).all()
    assert {"Smoothing features", "Clustering features", "Filling in pixels"} <= set(found.seconds)
    score = score_scene(found, sample, protocol="objects")
    assert len(score.anchors) == 0


# --- the two loops ---------------------------------------------------------------------------------------


def test_what_is_there_is_not_predicted_again(model, rooms, folder):
    loads = []

    def load():
        loads.append(1)
        return model

    assert run.predict_scenes(folder, rooms, SEEDS[:1], load) == 1
    first = folder.path(SEEDS[0]).read_bytes()
    again = EvaluationFolder(folder.folder, SETTINGS)
    again.begin()
    assert again.missing(SEEDS) == SEEDS[1:]
    assert run.predict_scenes(again, rooms, SEEDS, load) == 1
    assert folder.path(SEEDS[0]).read_bytes() == first
    assert run.predict_scenes(again, rooms, SEEDS, lambda: pytest.fail("no model is needed")) == 0
    assert len(loads) == 2
    result = run.summarize_scores(again, run.score_scenes(again, rooms, SEEDS))
    assert result["scenes"] == [str(seed) for seed in SEEDS]
    assert result["runs"][0]["scenes"] == 2
    assert result["model"]["status"].startswith("This model has an untrained backbone")
    data, _, page, _ = run.write_result(again, result)
    assert json.loads(data.read_text()) == json.loads(json.dumps(result))
    assert page.read_text().startswith("# procedural-rooms, val: FAST3DIS\n")


def test_a_stopped_run_keeps_its_scenes(model, rooms, folder):
    def stop(step, fraction):
        if step == "Predicting scenes" and fraction > 0:
            raise Cancelled

    with pytest.raises(Cancelled):
        run.predict_scenes(folder, rooms, SEEDS, lambda: model, report=stop)
    assert folder.missing(SEEDS) == SEEDS[1:]
    assert sorted(path.name for path in folder.path(0).parent.iterdir()) == [f"{SEEDS[0]}.npz"]


def test_other_settings_are_refused_by_name(folder):
    other = replace(SETTINGS, weights="a" * 64, geometry="given")
    with pytest.raises(
        ConfigError, match=r"geometry predicted \(now given\), weights random \(now aaaaaaaaaaaaaaaa…\)"
    ):
        EvaluationFolder(folder.folder, other).begin()
    assert other.digest != SETTINGS.digest == replace(SETTINGS).digest
    (folder.folder / "settings.json").write_text("[")
    with pytest.raises(ConfigError, match="damaged"):
        folder.begin()


def test_settings_that_came_later_leave_older_predictions_valid(folder):
    later = {"resolution", "camera", "surface", "predictions"}
    older = {name: value for name, value in vars(SETTINGS).items() if name not in later}
    assert SETTINGS.digest == hashlib.sha256(json.dumps(older, sort_keys=True).encode()).hexdigest()
    (folder.folder / "settings.json").write_text(json.dumps(older))
    folder.begin()
    assert replace(SETTINGS, resolution=504).digest != SETTINGS.digest


def test_the_hash_of_the_weights(tmp_path, monkeypatch):
    monkeypatch.delenv("FAST3DIS_WEIGHTS", raising=False)
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"one")
    one = files.weights_identity("nano", path)
    path.write_bytes(b"two")
    assert len(one) == 64
    assert files.weights_identity("nano", path) != one
    assert files.weights_identity("base", "random") == "random"
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(files, "find_weights", lambda size, weights: None)
    with pytest.raises(CheckpointError, match="base"):
        files.weights_identity("base", None)


def test_scores_are_kept_and_made_anew_when_anything_changed(rooms, folder, sample, monkeypatch):
    made = []
    score = run.score_scene
    monkeypatch.setattr(run, "score_scene", lambda *given, **named: made.append(1) or score(*given, **named))
    folder.write(SEEDS[0], true_prediction(sample, scene_id="7"))
    first = run.score_scenes(folder, rooms, SEEDS[:1])
    again = run.score_scenes(folder, rooms, SEEDS[:1])
    assert len(made) == 1
    one, two = (run.summarize_scores(folder, scores) for scores in (first, again))
    assert {**one, "finished": ""} == {**two, "finished": ""}
    run.score_scenes(folder, rooms, SEEDS[:1], Scoring(protocol="all"))
    run.score_scenes(folder, rooms, SEEDS[:1], Scoring(icp=False))
    assert len(made) == 3
    folder.write(SEEDS[0], true_prediction(sample, scene_id="7", ids=[]))  # another prediction
    other = run.score_scenes(folder, rooms, SEEDS[:1])
    assert len(made) == 4
    assert run.summarize_scores(folder, other)["figures"]["ap50"] == 0
    folder.score_path(SEEDS[0], "objects", icp=True).write_text("{")
    run.score_scenes(folder, rooms, SEEDS[:1])
    monkeypatch.setattr(run, "code_identity", lambda: "other code")
    run.score_scenes(folder, rooms, SEEDS[:1])
    assert len(made) == 6


def test_rank_zero_waits_for_the_others(rooms, folder, sample):
    with pytest.raises(DatasetError, match="2 are missing and none came"):
        run.await_scores(folder, SEEDS, patience=0.05)
    asked = []

    def others(step, fraction):
        folder.write(SEEDS[len(asked)], true_prediction(sample))
        run.score_scenes(folder, rooms, SEEDS[len(asked) :][:1])
        asked.append(fraction)

    run.await_scores(folder, SEEDS, patience=0.05, report=others)
    assert asked == [0.0, 0.5]


# --- scoring ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("similarity", [None, some_similarity(0.37), some_similarity(20.0, seed=3)])
@pytest.mark.parametrize("protocol", ["objects", "all"])
def test_the_truth_in_any_world_is_perfect(rooms, similarity, protocol):
    scores = [
        score_scene(true_prediction(rooms.sample(seed), similarity=similarity), rooms.sample(seed), protocol=protocol)
        for seed in SEEDS
    ]
    result = summarize(scores, settings=vars(SETTINGS), digest="0", protocol=protocol, name="room")
    figures = result["figures"]
    perfect = ("ap25", "ap50", "ap", "ap_50_95_incl", "per_view_ap50", "matched_miou", "t_miou", "t_sr", "pq")
    for name in (*perfect, "anchors_inside", "surface_ap25"):
        assert figures[name] == pytest.approx(1.0), name
    for name in ("identity_gap_ap50", "hijack_rate", "double_claim_rate", "gap_rate", "switches_per_object"):
        assert figures[name] == pytest.approx(0.0), name
    for name in ("rotation_degrees", "translation_degrees", "field_of_view_degrees"):
        assert figures[name] == pytest.approx(0.0, abs=0.05), name
    assert figures["depth_abs_rel"] < 1e-3
    assert figures["surface_ap50"] > 0.9  # a vertex between two objects may go to either
    assert result["alignment"]["methods"] == {"orientation": 1, "umeyama": 1}  # one path is a straight line
    assert figures["seconds_per_scene"] == pytest.approx(0.75)
    assert result["peak_memory_bytes"]["Feature pass"] == {"machine": 2_000_000_000}
    walls = protocol == "all"
    assert (result["average_precision"]["multi_view"]["counts"]["targets"] > 20) == walls


def test_a_missing_object_costs_recall_and_a_gap(sample):
    objects = sample.object_ids().numpy()
    sizes = np.array([int((sample.instance_ids == number).sum()) for number in objects])
    targets = objects[sizes >= 100]
    lost = true_prediction(
        sample, ids=[number for number in np.unique(sample.instance_ids) if number not in targets[:1]]
    )
    figures = result_of([score_scene(lost, sample, protocol="objects")])["figures"]
    assert figures["ap50"] == pytest.approx((len(targets) - 1) / len(targets))
    assert figures["gap_rate"] == pytest.approx(sizes[sizes >= 100][0] / sizes.sum())


def test_identities_that_change_between_views_cost_what_masks_alone_do_not(sample):
    right = true_prediction(sample)
    masks = right.masks.copy()
    masks[:, 1] = np.roll(masks[:, 1], 1, axis=0)  # in view 1 every object carries another number
    figures = result_of([score_scene(replace(right, masks=masks), sample, protocol="objects")])["figures"]
    assert figures["per_view_ap50"] == pytest.approx(1.0)
    assert figures["ap50"] < 0.9
    assert figures["identity_gap_ap50"] == pytest.approx(figures["per_view_ap50"] - figures["ap50"])
    assert figures["switches_per_object"] > 0.5
    assert figures["surface_ap50"] < 0.9


def test_two_queries_on_everything_hijack_everything(sample):
    right = true_prediction(sample)
    names = ("masks", "scores", "objectness", "anchors")
    double = {name: np.concatenate([getattr(right, name)] * 2) for name in names}
    prediction = replace(right, **double, queries=np.arange(len(double["scores"]), dtype=np.int32))
    figures = result_of([score_scene(prediction, sample, protocol="objects")])["figures"]
    assert figures["hijack_rate"] == 1.0
    assert figures["double_claim_rate"] > 0.95
    assert figures["ap50"] < 1


def test_what_was_given_has_no_error(sample):
    score = score_scene(true_prediction(sample), sample, protocol="objects")
    names = ("depth_abs_rel", "rotation_degrees", "translation_degrees", "field_of_view_degrees")
    given_figures, posed = (result_of([score], geometry)["figures"] for geometry in ("given", "posed"))
    assert [given_figures[name] for name in names] == [None] * 4
    assert posed["depth_abs_rel"] is not None
    assert [posed[name] for name in names[1:]] == [None] * 3


def test_no_prediction_at_all_is_zero_not_an_error(sample):
    figures = result_of([score_scene(true_prediction(sample, ids=[]), sample, protocol="objects")])["figures"]
    assert (figures["ap50"], figures["surface_ap50"], figures["t_miou"], figures["anchors_inside"]) == (0, 0, 0, None)
    assert figures["gap_rate"] == 1.0


# --- pictures --------------------------------------------------------------------------------------------


def test_matched_instances_share_their_color(sample):
    right = true_prediction(sample)
    picture = scene_picture(sample, right)
    height, width = SIZE
    assert picture.shape == (3 * height, VIEWS * width, 3)
    truth, found = picture[height : 2 * height], picture[2 * height :]
    np.testing.assert_array_equal(truth, found)
    labels = np.concatenate(list(sample.instance_ids.numpy()), axis=1)
    assert len(np.unique(truth.reshape(-1, 3), axis=0)) == len(np.unique(labels))
    lost = int(np.unique(labels[labels > 0])[0])
    rest = [number for number in np.unique(labels) if number not in (0, lost)]
    picture = scene_picture(sample, true_prediction(sample, ids=rest), views=[0, 2])
    assert picture.shape == (3 * height, 2 * width, 3)
    truth, found = picture[height : 2 * height], picture[2 * height :]
    shown = np.concatenate([sample.instance_ids[0], sample.instance_ids[2]], axis=1)
    differs = (truth != found).any(axis=-1)
    np.testing.assert_array_equal(differs, shown == lost)
    missing = {tuple(color) for color in truth[shown == lost]}
    assert missing.isdisjoint({tuple(color) for color in found.reshape(-1, 3)})


def test_sheets_are_filled_up(sample):
    picture = scene_picture(sample, true_prediction(sample))
    rows = in_columns([picture] * 3, 2)
    assert [row.shape for row in rows] == [(3 * SIZE[0], 2 * VIEWS * SIZE[1] + 4, 3)] * 2
    assert (rows[1][:, -VIEWS * SIZE[1] :] == 255).all()


def test_extremes_are_named_once():
    quality = {"1": 0.5, "2": 0.1, "3": 0.9, "4": None, "5": 0.1}
    result = {"per_scene": [{"scene": scene, "t_miou": value} for scene, value in quality.items()]}
    assert run.extreme_scenes(result, 1) == ("2", "3")
    assert run.extreme_scenes(result, 3) == ("2", "5", "1", "3")
