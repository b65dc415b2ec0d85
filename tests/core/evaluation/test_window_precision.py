"""What the window says of a scene beside its truth is what an evaluation says of it."""

import dataclasses

import numpy as np
import pytest
import torch

from fast3dis_core import assemble_instances, decode_queries, encode_scene, load_model
from fast3dis_core.config import InferenceConfig
from fast3dis_core.counterpart import Truth
from fast3dis_core.curation import Curation, curate
from fast3dis_core.evaluation.average_precision import pooled
from fast3dis_core.evaluation.beside import set_beside
from fast3dis_core.evaluation.counterpart_files import truth_counterpart
from fast3dis_core.evaluation.predict import predict_scene
from fast3dis_core.evaluation.rooms import EvaluationRooms
from fast3dis_core.evaluation.scoring import score_scene
from tests.core.evaluation.rooms import SEEDS

FILTERED = Curation(objectness_threshold=0.4, minimum_points=200, confidence_percentile=5.0, depth_edge=0.05)
EVERY_POINT = InferenceConfig(minimum_points=0, confidence_percentile=0.0, depth_edge=0.0, duplicate_overlap=0.0)


@pytest.fixture(scope="module")
def scene(room_cache):
    rooms = EvaluationRooms(room_cache, views=4, size=(84, 112))
    rooms.prepare(SEEDS[:1])
    return rooms.sample(SEEDS[0])


@pytest.fixture(scope="module")
def model():
    return load_model("nano")


@pytest.fixture(scope="module")
def evaluated(scene, model):
    prediction = predict_scene(model, scene, scene_id="room", method="fast3dis", geometry="given")
    figures = pooled(score_scene(prediction, scene, protocol="objects").multi_view)
    return prediction, figures


@pytest.fixture(scope="module")
def beside(scene, model):
    """The scene as the window has it: assembled without filters, seen through them."""
    encoded = encode_scene(model, scene.views, geometry=scene.geometry)
    result = assemble_instances(scene.views, encoded, decode_queries(model, encoded), config=EVERY_POINT)
    names = {value: scene.class_names[place] for value, place in enumerate(scene.class_ids.tolist())}
    structure = torch.tensor([names[int(value)] == "structure" for value in scene.instance_ids.ravel()])
    ids = scene.instance_ids.ravel().where(~structure, -scene.instance_ids.ravel())
    truth = Truth(ids=ids.numpy().astype(np.int32), names={})
    return set_beside(truth_counterpart(result, truth), curate(result, FILTERED), truth=truth), truth


def test_without_filters_it_is_that_of_the_evaluation(evaluated, beside):
    _, figures = evaluated
    own, none = beside[0].unfiltered
    assert none is None
    assert figures["ap25"] > 0
    for name in ("ap", "ap50", "ap25"):
        assert getattr(own, name) == pytest.approx(figures[name], abs=1e-12)
    assert own.objects == figures["counts"]["targets"]
    assert beside[0].precision[0] != own, "what the filters leave is another matter"


def test_masks_and_scores_are_the_very_same(evaluated, beside):
    prediction, _ = evaluated
    instances = {item.query: item for item in beside[0].first.reconstruction.instances}
    for number, query in enumerate(prediction.queries.tolist()):
        found = np.flatnonzero(prediction.masks[number])
        if len(found):
            np.testing.assert_array_equal(instances[query].pixels, found)
            assert instances[query].score == prediction.scores[number]
    by_score, by_objectness = (
        sorted(instances, key=lambda query: getattr(instances[query], name)) for name in ("score", "objectness")
    )
    assert by_score != by_objectness, "else ranking by objectness would do"


def test_an_edit_takes_what_did_not_change(beside):
    before, truth = beside
    looser = curate(before.first.reconstruction, dataclasses.replace(FILTERED, objectness_threshold=0.05))
    after = set_beside(before.counterpart, looser, truth=truth, previous=before)
    assert after.unfiltered is before.unfiltered
    assert after.precision != before.precision
