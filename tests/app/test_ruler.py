"""Lengths of the scene with a stand-in stage."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.actions import Actions
from app.presenters.chips import chips, dismiss_chip
from app.presenters.instance_table import InstanceTablePresenter
from app.presenters.ruler import RulerPresenter
from app.session.edits import Edits
from app.session.ruler import Ruler
from app.session.session import Origin, Session
from fast3dis_core.errors import ConfigError
from tests.app.standins import UNFILTERED, Recorder, StandInQuestions
from tests.scenes import synthetic_reconstruction

RESULT = synthetic_reconstruction(queries=6)
FIRST, SECOND = RESULT.instances[0], RESULT.instances[1]


class Stage:
    """Measures along the world axes."""

    def __init__(self):
        self.boxes, self.text, self.line, self.measuring = [], "", (), False

    def set_box(self, points):
        self.boxes.append(points)
        return tuple(float(side) for side in np.ptp(points, axis=0)) if len(points) else (0.0, 0.0, 0.0)

    def set_line(self, places):
        self.line = places

    def set_measuring(self, on):
        self.measuring = on

    def set_lengths(self, text):
        self.text = text


@pytest.fixture
def session():
    return Session(UNFILTERED)


@pytest.fixture
def actions():
    return Actions()


@pytest.fixture
def stage():
    return Stage()


@pytest.fixture
def questions():
    return StandInQuestions()


@pytest.fixture
def selecting():
    return []


@pytest.fixture
def presenter(session, actions, stage, questions, selecting):
    presenter = RulerPresenter(
        session,
        actions,
        stage,
        questions=questions,
        start=asyncio.run,
        otherwise=lambda row, additive: selecting.append(row),
    )
    session.open(RESULT, Origin(folder=Path("/photos/kitchen"), model="nano · CPU"))
    return presenter


def select(session, *queries):
    session.show(replace(session.display, selection=frozenset(queries)))


@pytest.mark.parametrize(
    ("length", "words"),
    [(0.0, "0 m"), (1.23456, "1.23 m"), (0.012345, "0.0123 m"), (1234.5, "1,234 m"), (12.0, "12.0 m")],
)
def test_lengths_have_three_digits_and_units(length, words):
    assert Ruler("m").text(length) == words


def test_what_is_selected_has_a_box_with_its_lengths(presenter, session, stage):
    select(session, FIRST.query)
    assert np.array_equal(stage.boxes[-1], RESULT.cloud.points[FIRST.pixels])
    sides = np.ptp(RESULT.cloud.points[FIRST.pixels], axis=0)
    assert stage.text == f"Instance {FIRST.query}: {Ruler(RESULT.units).text(*sides)} (wide × high × deep)"
    select(session)
    assert len(stage.boxes[-1]) == 0
    assert stage.text == ""


def test_the_box_is_not_measured_again_for_other_news(presenter, session, stage):
    select(session, FIRST.query, SECOND.query)
    count = len(stage.boxes)
    session.show(replace(session.display, view=1))
    assert len(stage.boxes) == count
    assert stage.text.startswith("2 instances: ")


def test_the_box_can_be_switched_off(presenter, session, actions, stage):
    select(session, FIRST.query)
    actions.trigger("box")
    assert not actions.state("box").checked
    assert len(stage.boxes[-1]) == 0
    assert stage.text == ""


def test_two_clicks_measure_and_a_third_begins_again(presenter, session, actions, stage, selecting):
    presenter.pick(3, False)
    assert selecting == [3], "a click selects while nothing is measured"
    actions.trigger("measure")
    assert stage.measuring
    assert actions.state("measure").checked
    first, second = int(FIRST.pixels[0]), int(SECOND.pixels[-1])
    presenter.pick(first, False)
    presenter.pick(-1, False)
    assert len(stage.line) == 1, "the background is no point"
    assert not actions.state("calibrate").enabled
    presenter.pick(second, False)
    length = float(np.linalg.norm(RESULT.cloud.points[first] - RESULT.cloud.points[second]))
    assert stage.text == f"Measured: {Ruler(RESULT.units).text(length)}"
    assert np.allclose(stage.line, RESULT.cloud.points[[first, second]])
    presenter.pick(second, False)
    assert len(stage.line) == 1
    assert selecting == [3]
    assert presenter.leave()
    assert (stage.line, stage.text, stage.measuring) == ((), "", False)
    assert not presenter.leave(), "Esc then means something else"


def test_a_known_length_scales_every_length_until_it_is_undone(presenter, session, actions, stage, questions):
    table = Recorder()
    InstanceTablePresenter(session, actions, table)
    actions.trigger("measure")
    ends = int(FIRST.pixels[0]), int(SECOND.pixels[-1])
    for row in ends:
        presenter.pick(row, False)
    length = float(np.linalg.norm(np.subtract(*RESULT.cloud.points[list(ends)])))
    actions.trigger("calibrate")
    assert session.edits.scale is None, "the user thought better of it"
    questions.length_answer = 2.5
    actions.trigger("calibrate")
    assert session.edits.scale == pytest.approx(2.5 / length)
    assert stage.text == "Measured: 2.50 m"
    size = session.curated.find(FIRST.query).size
    rows = {row[0]: row for row in table.told("set_rows")}
    assert rows[FIRST.query][7] == pytest.approx(size * 2.5 / length)
    assert table.told("set_units") == "m"
    assert session.undo_label == "Set the true length"
    session.undo()
    assert session.edits.scale is None
    assert stage.text == f"Measured: {Ruler(RESULT.units).text(length)}"
    assert {row[0]: row for row in table.told("set_rows")}[FIRST.query][7] == pytest.approx(size)


def test_the_chip_of_a_true_length_takes_it_back(presenter, session):
    session.edit("Set the true length", replace(session.edits, scale=0.5))
    (chip,) = [chip for chip in chips(session, (1, 1)) if chip[0] == "scale"]
    assert chip[1].endswith("is 0.5 m")
    dismiss_chip(session, "scale")
    assert session.edits.scale is None


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_an_impossible_scale_is_refused(scale):
    with pytest.raises(ConfigError, match="scale"):
        Edits(scale=scale)
