"""AP against the benchmark's own numbers, and the rules that follow from its matching."""

import itertools
import json
import weakref
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fast3dis_core.errors import EvaluationError
from fast3dis_core.evaluation.average_precision import (
    IOU_THRESHOLDS,
    SceneRecords,
    average_precision,
    pooled,
    precision_recall,
    scene_records,
)
from tests.conftest import golden_folder

FIGURES = ("ap", "ap50", "ap25", "ap_50_95_incl")


def golden_cases(config):
    for path in sorted(golden_folder(config, "eval").glob("*.json")):
        case = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(case, dict) and "scenes" in case:  # index.json and other topics are not cases
            yield pytest.param(case, id=path.stem)


def pytest_generate_tests(metafunc):
    if "golden_case" in metafunc.fixturenames:
        metafunc.parametrize("golden_case", list(golden_cases(metafunc.config)))


def read_scene(scene, labels):
    values, lengths = zip(*scene["gt_ids_rle"], strict=True)
    ids = np.repeat(values, lengths)
    assert len(ids) == scene["num_vertices"]
    if labels != [1]:  # several kept labels are one class: number their objects anew, in the order of their ids
        kept = np.unique(ids[np.isin(ids // 1000, labels)])
        ids = np.where(np.isin(ids, kept), 1000 + np.searchsorted(kept, ids), 0)
    masks = np.zeros((len(scene["predictions"]), len(ids)), bool)
    for mask, prediction in zip(masks, scene["predictions"], strict=True):
        for start, length in prediction["mask_runs"]:
            mask[start : start + length] = True
    return {
        "gt_ids": ids,
        "masks": masks,
        "scores": np.array([prediction["confidence"] for prediction in scene["predictions"]]),
    }


def scenes_of(case):
    return [read_scene(scene, case["valid_label_ids"]) for scene in case["scenes"]]


def test_the_benchmarks_own_numbers(golden_case):
    expected = golden_case["expected"]
    found = average_precision(scenes_of(golden_case), golden_case["min_region_size"])
    for name in FIGURES:
        if name in expected:
            assert found[name] == pytest.approx(expected[name], abs=1e-9), name
    for iou, value in expected.get("ap_by_iou", {}).items():
        assert found["ap_by_iou"][iou] == pytest.approx(value, abs=1e-9), iou


def test_shipped_cases_are_all_there(shipped_golden):
    listed = json.loads((shipped_golden / "eval/index.json").read_text())
    assert {path.stem for path in (shipped_golden / "eval").glob("*.json")} == {*listed, "index"}
    assert len(listed) == 34


def runs(*parts, total=1000):
    """Ids or masks from (start, stop, value)."""
    values = np.zeros(total, np.int64)
    for start, stop, value in parts:
        values[start:stop] = value
    return values


def mask(*spans, total=1000):
    return runs(*((start, stop, 1) for start, stop in spans), total=total).astype(bool)


def ap(ids, masks, scores, **options):
    return average_precision([{"gt_ids": ids, "masks": np.array(masks), "scores": np.array(scores)}], **options)


TWO = runs((0, 400, 1001), (400, 800, 1002))


@st.composite
def scenes(draw, vertices=60):
    """Small scenes with void, small objects, overlapping masks and equal scores; for a min_region_size of 5."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    choices = np.array([0, 7, 1001, 1002, 1003, 1500, 2001, -3])
    ids = np.repeat(random.choice(choices, vertices // 3), 3)
    masks = []
    for _ in range(draw(st.integers(0, 7))):
        chosen = (ids == random.choice(choices)) ^ (random.random(vertices) < random.choice([0.02, 0.2, 0.5]))
        masks.append(chosen)
    claims = np.array(masks, bool).reshape(len(masks), vertices)
    return {"gt_ids": ids, "masks": claims, "scores": random.integers(1, 5, len(masks)) / 4}


def plain_ap(scenes, limit, smallest):
    """The rules once more with sets and loops, an object and a mask at a time."""
    records, missed = [], 0
    for scene in scenes:
        everything = {int(i): {*np.flatnonzero(scene["gt_ids"] == i)} for i in np.unique(scene["gt_ids"])}
        objects = {i: where for i, where in everything.items() if 1000 <= i < 2000}
        void = set().union(*(where for i, where in everything.items() if i not in objects))
        claims = [({*np.flatnonzero(m)}, s) for m, s in zip(scene["masks"], scene["scores"], strict=True)]
        claims = [claim for claim in claims if len(claim[0]) >= smallest]
        taken = set()
        for identity in sorted(objects):
            target, best = objects[identity], None
            if len(target) < smallest:
                continue
            for number, (claim, score) in enumerate(claims):
                if number in taken or len(claim & target) / len(claim | target) <= limit + 1e-12:
                    continue
                if best is None:
                    best = score
                    taken.add(number)
                else:
                    records.append((min(best, score), False))
                    best = max(best, score)
            if best is None:
                missed += 1
            else:
                records.append((best, True))
        for claim, score in claims:
            if any(len(claim & target) / len(claim | target) > limit + 1e-12 for target in objects.values()):
                continue
            ignored = len(claim & void) + sum(len(claim & t) for t in objects.values() if len(t) < smallest)
            if ignored / len(claim) <= limit + 1e-12:
                records.append((score, False))
    positives = missed + sum(right for _, right in records)
    if not positives:
        return None
    points = [(0.0, 1.0)]
    for score in sorted({score for score, _ in records}, reverse=True):
        ranked = [right for other, right in records if other >= score]
        points.append((sum(ranked) / positives, sum(ranked) / len(ranked)))
    return sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in itertools.pairwise(points))


@given(st.lists(scenes(), max_size=3))
@settings(max_examples=60, deadline=None)
def test_agrees_with_plain_loops(several):
    found = average_precision(several, 5)
    for iou in IOU_THRESHOLDS:
        assert found["ap_by_iou"][f"{iou:.2f}"] == pytest.approx(plain_ap(several, iou, 5), abs=1e-12), iou


@given(scenes(), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_the_order_of_vertices_means_nothing(scene, seed):
    order = np.random.default_rng(seed).permutation(len(scene["gt_ids"]))
    shuffled = {**scene, "gt_ids": scene["gt_ids"][order], "masks": scene["masks"][:, order]}
    assert average_precision([shuffled], 5) == average_precision([scene], 5)


@given(st.lists(scenes(), min_size=1, max_size=3), st.integers(2, 3))
@settings(max_examples=25, deadline=None)
def test_repeating_all_scenes_changes_counts_alone(several, times):
    once, often = average_precision(several, 5), average_precision(several * times, 5)
    assert often["counts"]["targets"] == times * once["counts"]["targets"]
    for name in FIGURES:
        assert often[name] == pytest.approx(once[name], abs=1e-12)


@given(scenes())
@settings(max_examples=25, deadline=None)
def test_only_the_ranking_of_scores_matters(scene):
    assert average_precision([{**scene, "scores": 0.01 * scene["scores"] ** 3}], 5) == average_precision([scene], 5)


@given(st.lists(scenes(), max_size=3))
@settings(max_examples=15, deadline=None)
def test_records_survive_storage_and_add_up(several):
    parts = [scene_records(**scene, min_region_size=5) for scene in several]
    stored = [SceneRecords.from_mapping(json.loads(json.dumps(part.to_mapping()))) for part in parts]
    assert pooled(stored) == pooled(parts) == pooled(reversed(parts)) == average_precision(several, 5)


@pytest.mark.parametrize(
    "damage", [lambda m: m.pop("targets"), lambda m: m["by_iou"]["0.50"]["scores"].append(1.0), lambda m: m.clear()]
)
def test_damaged_records_are_refused(damage):
    mapping = scene_records(TWO, np.zeros((0, 1000), bool), []).to_mapping()
    damage(mapping)
    with pytest.raises(EvaluationError, match="scored anew"):
        SceneRecords.from_mapping(mapping)


# ---- consequences of the matching rules


def test_a_mask_on_a_small_object_never_hurts():
    ids = runs((0, 400, 1001), (400, 499, 1002))
    assert ap(ids, [mask((0, 400)), mask((399, 500))], [0.5, 0.9])["ap"] == 1


@pytest.mark.parametrize("size", [99, 100, 101])
def test_objects_and_masks_count_from_the_minimum_size_on(size):
    found = ap(runs((0, size, 1001)), [mask((0, size))], [0.5])
    assert found["counts"]["targets"] == found["counts"]["predictions_kept"] == int(size >= 100)
    assert found["ap"] == (1 if size >= 100 else None)


def test_a_mask_taken_by_one_object_leaves_another_without():
    both = mask((0, 800))  # IoU 0.5 with each
    found = ap(TWO, [both], [0.9])
    assert found["ap25"] == 0.5
    assert found["counts"]["records"]["0.25"] == {"matches": 1, "false_positives": 0, "missed": 1}


def test_a_duplicate_may_serve_a_later_object_at_a_quarter():
    exact, both = mask((0, 400)), mask((0, 800))
    counts = ap(TWO, [exact, both], [0.9, 0.8])["counts"]["records"]["0.25"]
    assert counts == {"matches": 2, "false_positives": 1, "missed": 0}
    counts = ap(TWO, [both, exact], [0.8, 0.9])["counts"]["records"]["0.25"]
    assert counts == {"matches": 1, "false_positives": 1, "missed": 1}  # the order decided which one was taken


@given(st.permutations(range(4)))
@settings(deadline=None)
def test_where_masks_serve_one_object_each_their_order_means_nothing(order):
    masks = np.array([mask((0, 400)), mask((0, 390)), mask((400, 800)), mask((410, 800))])
    scores = np.array([0.9, 0.8, 0.3, 0.7])
    listed = list(order)
    assert ap(TWO, masks[listed], scores[listed]) == ap(TWO, masks, scores)


def test_the_score_follows_the_best_duplicate_even_if_its_mask_is_worse():
    records = scene_records(TWO, np.array([mask((0, 400)), mask((0, 300))]), [0.2, 0.9])
    half = records.by_iou[1]
    assert half.scores[half.is_match].tolist() == [0.9]
    assert half.scores[~half.is_match].tolist() == [0.2]


@pytest.mark.parametrize(
    "parts", [(1, 4), (1, 2), (11, 20), (3, 5), (13, 20), (7, 10), (3, 4), (4, 5), (17, 20), (9, 10)]
)
def test_equality_is_never_a_match(parts):
    """Every threshold as a fraction; one vertex more makes the match."""
    share, whole = parts
    size = whole * 100
    ids = runs((0, size, 1001), total=2 * size)
    nominal = f"{share / whole:.2f}"
    for more, expected in ((0, 0.0), (1, 1.0)):
        found = ap(ids, [mask((0, share * 100 + more), total=2 * size)], [1.0])
        assert found["ap_by_iou"][nominal] == expected


@pytest.mark.parametrize("share", [50, 55, 60, 65, 70, 75, 80, 85, 90, 95])
def test_the_ignore_limit_is_the_threshold_itself(share):
    ids = runs((0, 400, 1001), (400, 800, 1002))
    stray = mask((400, 500 - share), (800, 800 + share))  # 100 vertices, `share` of them void
    counts = ap(ids, [mask((0, 400)), mask((400, 800)), stray], [0.1, 0.2, 0.9])["counts"]["records"]
    for iou in IOU_THRESHOLDS:
        assert counts[f"{iou:.2f}"]["false_positives"] == int(share / 100 < iou + 1e-9), iou


def test_ids_below_a_thousand_are_void():
    found = ap(runs((0, 400, 1001), (400, 800, 700)), [mask((0, 400)), mask((400, 800))], [0.5, 0.9])
    assert found["counts"]["targets"] == 1
    assert found["ap"] == 1


def test_pooled_is_not_the_mean_of_scenes():
    sure = {"gt_ids": TWO, "masks": np.array([mask((100, 300))]), "scores": [0.9]}
    unsure = {"gt_ids": TWO, "masks": np.array([mask((0, 400)), mask((400, 800))]), "scores": [0.2, 0.2]}
    together = average_precision([sure, unsure])["ap50"]
    alone = [average_precision([scene])["ap50"] for scene in (sure, unsure)]
    assert alone == [0, 1]
    assert together == pytest.approx((0 + 2 / 3) / 2 * 0.5)


def test_the_curve_has_a_point_per_distinct_score():
    masks = np.array([mask((0, 400)), mask((400, 500)), mask((400, 800))])
    curve = precision_recall([scene_records(TWO, masks, [0.9, 0.5, 0.5])], 0.5)
    assert curve.scores.tolist() == [0.9, 0.5]
    assert curve.recall.tolist() == [0.5, 1.0]
    assert curve.precision.tolist() == [1.0, pytest.approx(2 / 3)]
    assert precision_recall([], 0.75) is None


def test_nothing_to_find_is_undefined_and_nothing_found_is_zero():
    nothing = average_precision([])
    assert [nothing[name] for name in FIGURES] == [None] * 4
    empty = ap(TWO, np.zeros((0, 1000), bool), [])
    assert [empty[name] for name in FIGURES] == [0.0] * 4
    json.dumps([nothing, empty], allow_nan=False)


# ---- the door


@dataclass(eq=False)
class Scene:
    gt_ids: np.ndarray
    masks: np.ndarray
    scores: np.ndarray


def test_scenes_are_read_once_and_let_go():
    alive = []

    def stream():
        for _ in range(3):
            assert all(reference() is None for reference in alive)
            scene = Scene(gt_ids=TWO, masks=np.array([mask((0, 400))]), scores=np.array([0.5]))
            alive.append(weakref.ref(scene))
            yield scene
            del scene

    found = average_precision(stream())
    assert found["counts"]["scenes"] == 3
    assert found["counts"]["records"]["0.50"] == {"matches": 3, "false_positives": 0, "missed": 3}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"masks": np.zeros((1, 999), bool)}, "same scan"),
        ({"masks": np.zeros((1, 1000))}, "thresholded"),
        ({"scores": [0.5, 0.5]}, "each of 1 masks"),
        ({"scores": [float("nan")]}, "1 that are not finite"),
        ({"scores": ["high"]}, "other things"),
        ({"gt_ids": TWO * 0.5}, "one integer per vertex"),
    ],
)
def test_what_cannot_be_scored_is_refused(change, message):
    scene = {"gt_ids": TWO, "masks": np.zeros((1, 1000), bool), "scores": [0.5], **change}
    with pytest.raises(EvaluationError, match=message):
        average_precision([scene])


def test_a_scene_without_masks_is_refused():
    with pytest.raises(EvaluationError, match="without masks"):
        average_precision([{"gt_ids": TWO}])


@given(scenes())
@settings(max_examples=20, deadline=None)
def test_exact_masks_are_perfect(scene):
    ids = scene["gt_ids"]
    values = [value for value in np.unique(ids) if 1000 <= value < 2000]
    assume(any((ids == value).sum() >= 5 for value in values))
    found = ap(ids, [ids == value for value in values], np.ones(len(values)), min_region_size=5)
    assert found["ap_50_95_incl"] == 1
