"""Votes of points for vertices: golden cases, plain loops, and what a perfect prediction gives."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fast3dis_core.errors import ConfigError, EvaluationError
from fast3dis_core.evaluation.average_precision import average_precision
from fast3dis_core.evaluation.surface_transfer import nearest_vertices, vertex_masks
from tests.conftest import golden_folder

RULES = ("majority", "confidence", "any")


def pytest_generate_tests(metafunc):
    if "transfer_case" in metafunc.fixturenames:
        path = golden_folder(metafunc.config, "transfer") / "transfer.json"
        cases = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
        metafunc.parametrize("transfer_case", [pytest.param(case, id=case["name"]) for case in cases])


@pytest.mark.parametrize("rule", RULES)
def test_golden(transfer_case, rule):
    case = transfer_case
    nearest = nearest_vertices(case["vertices"], case["points"], max_distance=case["max_distance"])
    scores = [case["instance_score"][str(number)] for number in range(len(case["instance_score"]))]
    masks = vertex_masks(
        nearest,
        case["instance"],
        scores=scores,
        vertices=len(case["vertices"]),
        weights=case["point_weight"],
        resolve=rule,
        min_votes=case["min_votes"],
    )
    found = {str(number): np.flatnonzero(mask).tolist() for number, mask in enumerate(masks)}
    assert found == case["expected"][rule]


def test_shipped_cases_are_all_there(shipped_golden):
    assert len(json.loads((shipped_golden / "transfer/transfer.json").read_text())) == 7


@st.composite
def votes(draw):
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, instances, vertices = draw(st.integers(0, 60)), draw(st.integers(1, 5)), draw(st.integers(1, 8))
    return {
        "nearest": random.integers(-1, vertices, count),
        "instances": random.integers(-1, instances, count),
        "scores": random.integers(1, 4, instances) / 4,
        "vertices": vertices,
        "weights": random.integers(1, 4, count) / 4,
    }


@given(votes(), st.sampled_from(RULES), st.integers(1, 3))
@settings(max_examples=80, deadline=None)
def test_agrees_with_plain_loops(cast, rule, min_votes):
    found = vertex_masks(**cast, resolve=rule, min_votes=min_votes)
    expected = np.zeros_like(found)
    for vertex in range(cast["vertices"]):
        best = None
        for instance in range(len(cast["scores"])):
            mine = (cast["nearest"] == vertex) & (cast["instances"] == instance)
            if mine.sum() < min_votes:
                continue
            amount = mine.sum() if rule == "majority" else cast["weights"][mine].sum()
            rank = (amount, cast["scores"][instance], -instance)
            expected[instance, vertex] = rule == "any"
            best = max(best, (rank, instance)) if best else (rank, instance)
        if best and rule != "any":
            expected[best[1], vertex] = True
    assert np.array_equal(found, expected)


@given(votes(), st.sampled_from(RULES), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_the_order_of_votes_means_nothing(cast, rule, seed):
    order = np.random.default_rng(seed).permutation(len(cast["nearest"]))
    shuffled = {**cast, **{name: cast[name][order] for name in ("nearest", "instances", "weights")}}
    masks = vertex_masks(**cast, resolve=rule)
    assert np.array_equal(vertex_masks(**shuffled, resolve=rule), masks)
    if rule != "any":
        assert masks.sum(axis=0).max() <= 1


def test_points_near_a_labelled_surface_give_its_objects_back():
    random = np.random.default_rng(0)
    vertices = random.uniform(0, 4, (3000, 3))
    ids = np.where(vertices[:, 0] < 1, 1001, np.where(vertices[:, 0] < 3, 1002, 0))
    points = np.concatenate([vertices, vertices + 10]) + random.normal(size=(6000, 3)) * 1e-4  # half of them far away
    instances = np.concatenate([ids, ids]) - 1001
    masks = vertex_masks(
        nearest_vertices(vertices, points), np.maximum(instances, -1), scores=[0.9, 0.8], vertices=len(vertices)
    )
    assert average_precision([{"gt_ids": ids, "masks": masks, "scores": [0.9, 0.8]}])["ap_50_95_incl"] == 1


@given(st.integers(1, 200), st.floats(0.01, 2))
@settings(max_examples=40, deadline=None)
def test_exactly_at_the_limit_is_kept(step, limit):
    far = np.array([[limit, 0, 0], [0, limit * (1 + 1e-6), 0], [step * 3.0, 0, 0]])
    assert nearest_vertices([[0.0, 0, 0], [step * 3.0, 0, 0]], far, max_distance=limit).tolist()[1:] == [-1, 1]
    assert nearest_vertices([[0.0, 0, 0]], far[:1], max_distance=limit).tolist() == [0]


def test_no_points_and_no_instances_are_legal():
    assert nearest_vertices([[0, 0, 0]], np.zeros((0, 3))).shape == (0,)
    assert vertex_masks([], [], scores=[], vertices=4).shape == (0, 4)
    assert not vertex_masks([], [], scores=[0.5], vertices=4).any()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"resolve": "best"}, ConfigError, "majority, confidence, any"),
        ({"resolve": "confidence"}, ConfigError, "mask probability"),
        ({"instances": [0]}, EvaluationError, "one list each"),
        ({"instances": [0.0, 0.5]}, EvaluationError, "integers"),
        ({"nearest": [0, 4]}, EvaluationError, "vertex 4"),
        ({"instances": [0, 1]}, EvaluationError, "instance 1"),
        ({"scores": [np.inf]}, EvaluationError, "not finite"),
    ],
)
def test_votes_that_do_not_fit_are_refused(change, error, message):
    cast = {"nearest": [0, 1], "instances": [0, 0], "scores": [0.5], "vertices": 4, **change}
    with pytest.raises(error, match=message):
        vertex_masks(**cast)


@pytest.mark.parametrize(
    ("vertices", "points"), [(np.zeros((0, 3)), np.zeros((1, 3))), ([[0, 0, 0]], [[np.nan, 0, 0]])]
)
def test_positions_that_are_none_are_refused(vertices, points):
    with pytest.raises(EvaluationError, match="finite"):
        nearest_vertices(vertices, points)
