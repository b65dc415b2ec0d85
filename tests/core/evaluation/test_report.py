"""The page of a result: everything it says is in the result, and goals are marked where they are meant."""

import copy

import pytest

from fast3dis_core.evaluation.figures import FIGURES, MEASURED_BY_GOALS, Figure, missed_floors, table
from fast3dis_core.evaluation.report import report_text
from fast3dis_core.evaluation.results import summarize
from fast3dis_core.evaluation.scoring import score_scene
from tests.core.evaluation.rooms import SEEDS, true_prediction

SETTINGS = {
    "split": "val", "size": "nano", "method": "fast3dis", "geometry": "predicted", "views": 3, "height": 56,
    "width": 70, "weights": "a" * 64, "heads": "", "dataset": "procedural-rooms", "data_version": "rooms-1",
    "objectness_floor": 0.05, "mask_threshold": 0.5, "clustering": None,
}  # fmt: skip


@pytest.fixture(scope="module")
def result(rooms):
    scores = [
        score_scene(true_prediction(rooms.sample(seed), scene_id=str(seed)), rooms.sample(seed), protocol="objects")
        for seed in SEEDS
    ]
    return summarize(scores, settings=SETTINGS, digest="d" * 64, protocol="objects", name="nano-val")


def changed(result, settings=(), **figures):
    other = copy.deepcopy(result)
    other["figures"].update(figures)
    other["settings"].update(settings)
    return other


def row(text, title):
    return next(line for line in text.splitlines() if line.startswith(f"| {title} |"))


def test_every_figure_has_its_number_and_the_other_way_round(result):
    assert set(FIGURES) == set(result["figures"])


def test_goals_and_floors_are_bounds_on_the_right_side():
    ap50, depth = FIGURES["ap50"], FIGURES["depth_abs_rel"]
    assert [ap50.misses_floor(value) for value in (0.19, 0.20, None)] == [True, False, True]
    assert [depth.misses_floor(value) for value in (0.21, 0.20, None)] == [True, False, True]
    assert [ap50.reaches_goal(value) for value in (0.64, 0.65, None)] == [False, True, False]
    assert [depth.reaches_goal(value) for value in (0.07, 0.06, None)] == [False, True, False]
    reported = FIGURES["hijack_rate"]
    assert not reported.misses_floor(1.0)
    good = {figure.name: figure.goal for figure in MEASURED_BY_GOALS}
    assert missed_floors(good) == ()
    assert [figure.name for figure in missed_floors({**good, "ap25": 0.3, "hijack_rate": 1.0})] == ["ap25"]


def test_numbers_carry_their_unit():
    shown = [
        FIGURES["ap"].show(0.12345), FIGURES["hijack_rate"].show(0.0312), FIGURES["rotation_degrees"].show(2.04),
        FIGURES["seconds_per_scene"].show(1.5), FIGURES["ap"].show(None),
    ]  # fmt: skip
    assert shown == ["0.123", "3.1 %", "2.0°", "1.50 s", "–"]
    assert Figure(name="x", title="x").show(0.0) == "0.000"


def test_tables_are_rectangular_whatever_is_in_them():
    lines = table(("a", "b"), [("x|y", "1"), ("z", "2")]).splitlines()
    assert lines[1] == "| --- | ---: |"
    assert {line.count("|") for line in lines} == {3}


def test_the_page_says_what_was_measured(result):
    text = report_text(result)
    assert text == report_text(copy.deepcopy(result))
    counts = result["average_precision"]["multi_view"]["counts"]
    assert "2 scenes (rooms-1), 3 views of 70 x 56 pixels, geometry predicted, size nano" in text
    assert f"protocol `objects`: {counts['targets']} targets" in text
    assert row(text, "AP50") == "| AP50 | 0.650 | 0.200 | 1.000 ✓ |"
    assert "| Geometry pass | 0.500 | 1.00 | – |" in text
    assert text.index("| Geometry pass |") < text.index("| Feature pass |")
    assert f"SHA-256 `{'a' * 64}`" in text
    assert "cpu (test), float32" in text
    assert all(f"| {seed} |" in text for seed in SEEDS)


def test_goals_are_marked_only_where_they_are_meant(result):
    text = report_text(changed(result, ap50=0.1))
    assert row(text, "AP50").endswith("| 0.100 ✗ |")
    for other in ({"split": "test"}, {"geometry": "given"}):
        text = report_text(changed(result, other, ap50=0.1))
        assert row(text, "AP50").endswith("| 0.100 |")
        assert "for orientation" in text


def test_what_is_undefined_is_a_dash(result):
    empty = changed(result, **dict.fromkeys(result["figures"]))
    empty["average_precision"]["surface"] = None
    empty["per_scene"][0]["t_miou"] = None
    text = report_text(empty)
    assert row(text, "AP50").endswith("| – ✗ |")
    assert row(text, "Scene PQ") == "| Scene PQ | – |"
    assert "None" not in text
    assert "| nan" not in text


def test_untrained_weights_are_told(result):
    untrained = copy.deepcopy(result)
    untrained["model"]["status"] = "This model is random."
    assert "**This model is random.**" in report_text(untrained)
