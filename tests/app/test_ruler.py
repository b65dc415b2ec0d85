"""Lengths of the scene with a stand-in stage."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.actions import Actions
from app.presenters.ruler import RulerPresenter
from app.session.ruler import Ruler
from app.session.session import Origin, Session
from tests.app.standins import UNFILTERED
from tests.scenes import synthetic_reconstruction

RESULT = synthetic_reconstruction(queries=6)
FIRST, SECOND = RESULT.instances[0], RESULT.instances[1]


class Stage:
    """Measures along the world axes."""

    def __init__(self):
        self.boxes, self.text = [], ""

    def set_box(self, points):
        self.boxes.append(points)
        return tuple(float(side) for side in np.ptp(points, axis=0)) if len(points) else (0.0, 0.0, 0.0)

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
def presenter(session, actions, stage):
    presenter = RulerPresenter(session, actions, stage)
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
