"""The threshold explorer: curves and map follow every edit, and moving both is one step."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.actions import Actions
from app.presenters.thresholds import COARSE, FINE, TAB, ThresholdsPresenter
from app.session.session import Inspection, Origin, Session
from fast3dis_core.evidence import AREA_THRESHOLDS
from fast3dis_core.interventions import AnchorPrompt
from tests.app.standins import UNFILTERED, Recorder
from tests.app.test_hijacks import CLAIMS, EVIDENCE, RESULT
from tests.scenes import synthetic_reconstruction

AREAS = -np.sort(-np.random.default_rng(1).integers(0, 900, (8, len(AREA_THRESHOLDS))), axis=1)


class Desk:
    def __init__(self):
        self.session, self.actions, self.panel, self.copied = Session(UNFILTERED), Actions(), Recorder(), []
        self.presenter = ThresholdsPresenter(self.session, self.actions, self.panel, self.copied.append)
        self.session.open(RESULT, Origin(folder=Path("room")))
        self.session.show(replace(self.session.display, tab=TAB))

    def inspect(self):
        claims = replace(CLAIMS, areas=AREAS)
        self.session.inspect(Inspection(reconstruction=self.session.reconstruction, claims=claims, evidence=EVIDENCE))


@pytest.fixture
def desk():
    return Desk()


def plain_count(objectness, smallest, column):
    scores = RESULT.objectness[-1]
    return sum(scores[query] >= objectness and AREAS[query, column] >= max(1, smallest) for query in range(8))


def test_the_curve_over_objectness_is_exact_at_once(desk):
    curve, value = desk.panel.told("set_objectness")
    assert value == desk.session.edits.objectness_threshold
    for level, count in curve:
        assert count == sum(item.objectness >= np.float32(level) for item in RESULT.instances)
    assert len(curve) == len(FINE)
    assert desk.panel.told("set_summary").startswith(f"{len(desk.session.shown())} instances at objectness 0.30")


def test_the_others_come_with_the_claims(desk):
    assert desk.panel.told("set_mask")[0] == ()
    assert not desk.actions.state("copy_thresholds").enabled
    desk.inspect()
    edits = desk.session.edits
    curve, value = desk.panel.told("set_mask")
    assert value == edits.mask_threshold
    for column, (edge, count) in enumerate(curve):
        assert edge == AREA_THRESHOLDS[column]
        assert count == plain_count(edits.objectness_threshold, 0, column)
    picture, counts = desk.panel.told("set_map")
    assert picture.shape == (*counts.shape, 3)
    for row, level in enumerate(COARSE):
        for column in range(len(AREA_THRESHOLDS)):
            assert counts[row, column] == plain_count(level, 0, column)


def test_queries_of_the_users_own_are_in_no_count_and_the_summary_says_so(desk):
    """Of eight queries the last two were set by the user: an experiment is never a part of figures unsaid."""
    prompts = (AnchorPrompt(position=(0.0, 0.0, 1.0)),) * 2
    edits = desk.session.edits
    desk.session.edit("new", replace(edits, interventions=replace(edits.interventions, prompts=prompts)))
    desk.inspect()
    own = [item for item in desk.session.shown() if item.query >= 6]
    assert own, "the user's are on show"
    count = len(desk.session.shown()) - len(own)
    summary = f"{count} instances at objectness 0.30, mask threshold 0.50 · without {len(own)} of your own"
    assert desk.panel.told("set_summary") == summary
    network = [item.objectness for item in RESULT.instances if item.query < 6]
    for level, found in desk.panel.told("set_objectness")[0]:
        assert found == sum(score >= np.float32(level) for score in network)
    scores = RESULT.objectness[-1]
    plain = lambda level, column: sum(scores[q] >= level and AREAS[q, column] >= 1 for q in range(6))  # noqa: E731
    assert [found for _, found in desk.panel.told("set_mask")[0]] == [
        plain(edits.objectness_threshold, column) for column in range(len(AREA_THRESHOLDS))
    ]
    counts = desk.panel.told("set_map")[1]
    assert counts[3, 2] == plain(COARSE[3], 2)
    desk.actions.trigger("copy_thresholds")
    assert int(desk.copied[0].splitlines()[1].split(",")[1]) == plain(COARSE[0], 0)


def test_edits_are_followed_without_measuring_again(desk):
    desk.inspect()
    desk.session.edit("x", replace(desk.session.edits, minimum_points=300, objectness_threshold=0.5))
    curve, _ = desk.panel.told("set_mask")
    assert [count for _, count in curve] == [plain_count(0.5, 300, column) for column in range(len(curve))]
    assert desk.panel.told("set_map")[1][0, 0] == plain_count(COARSE[0], 300, 0)


def test_areas_outlive_the_mask_threshold_but_no_change_of_the_decoder(desk):
    desk.inspect()
    desk.session.edit("x", replace(desk.session.edits, mask_threshold=0.7))
    desk.session.replace(replace(RESULT, names=RESULT.names))
    assert desk.panel.told("set_mask")[0], "no curve flickers away while the line is dragged"
    muted = replace(desk.session.edits.interventions, muted_queries=frozenset({1}))
    desk.session.edit("x", replace(desk.session.edits, interventions=muted))
    assert desk.panel.told("set_mask")[0] == ()


def test_areas_of_other_queries_are_never_taken_for_those_of_the_result(desk):
    """A new query: until its answer is here the old inspection still is, and then its result comes without one."""
    desk.inspect()
    before = desk.panel.told("set_map")[1]
    prompts = (AnchorPrompt(position=(0.0, 0.0, 1.0)),)
    interventions = replace(desk.session.edits.interventions, prompts=prompts)
    desk.session.edit("new", replace(desk.session.edits, interventions=interventions))
    assert desk.panel.told("set_mask")[0] == ()
    desk.session.show(replace(desk.session.display, view=1))
    assert desk.panel.told("set_mask")[0] == (), "still none"
    desk.session.undo()
    assert np.array_equal(desk.panel.told("set_map")[1], before), "they are those of the result on show"
    desk.session.redo()
    nine = synthetic_reconstruction(queries=9)
    desk.session.replace(replace(nine, cloud=RESULT.cloud))
    assert desk.panel.told("set_mask")[0] == ()
    desk.session.edit("later", replace(desk.session.edits, objectness_threshold=0.4))
    assert desk.panel.told("set_mask")[0] == ()


def test_the_cross_moves_both_in_one_step(desk):
    for step in range(5):
        desk.presenter.move(0.4 + step / 100, 0.6 + step / 100)
    edits = desk.session.edits
    assert (edits.objectness_threshold, edits.mask_threshold) == (0.44, 0.64)
    desk.presenter.move(0.0, 0.64)
    assert desk.session.edits.objectness_threshold == 0.05, "the floor of assembly"
    desk.session.undo()
    assert desk.session.edits == UNFILTERED


def test_the_map_is_copied(desk):
    desk.inspect()
    desk.actions.trigger("copy_thresholds")
    assert desk.copied[0].count("\n") == 1 + len(COARSE)


def test_without_masks_it_says_so(desk):
    desk.session.open(RESULT, Origin(folder=Path("room"), masks="missing"))
    assert "Open a result with masks" in desk.panel.told("set_empty")
