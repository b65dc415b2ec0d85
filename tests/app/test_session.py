"""The session: one signal per value, quiet when nothing changed, on its own thread only."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from app.session.edits import Edits
from app.session.session import Activity, Display, Origin, Session
from fast3dis_core.errors import Cancelled, ImageFolderError
from tests.scenes import synthetic_reconstruction


@pytest.fixture
def session():
    return Session()


def listen(signal):
    heard = []
    signal.connect(lambda value: heard.append(value))
    return heard


def test_edits_are_announced_once_and_can_be_undone_and_redone(session):
    heard = listen(session.edits_changed)
    changed = replace(session.edits, hidden=frozenset({4}))
    session.edit("Hide instance 4", changed)
    session.edit("Hide instance 4", changed)
    assert heard == [changed]
    assert session.undo_label == "Hide instance 4"
    session.undo()
    assert session.edits == Edits()
    session.redo()
    assert heard == [changed, Edits(), changed]


def test_undo_without_history_says_nothing(session):
    heard = listen(session.edits_changed)
    session.undo()
    session.redo()
    assert heard == []


def test_display_and_activity_are_quiet_when_equal(session):
    display, activity = listen(session.display_changed), listen(session.activity_changed)
    session.show(Display(view=2))
    session.show(Display(view=2))
    session.report(Activity(job="Segmenting"))
    session.report(Activity(job="Segmenting"))
    assert len(display) == 1
    assert len(activity) == 1


def test_another_scene_keeps_thresholds_and_colors_and_drops_the_rest(session):
    session.edit("x", Edits(objectness_threshold=0.6, mask_threshold=0.4, hidden=frozenset({1})))
    session.show(Display(view=3, selection=frozenset({1}), isolated=frozenset({1}), color_mode="photo"))
    result = synthetic_reconstruction()
    session.open(result, Origin(folder=Path("kitchen")))
    assert session.edits == Edits(objectness_threshold=0.6, mask_threshold=0.4)
    assert session.display == Display(color_mode="photo")
    assert session.undo_label is None
    assert session.reconstruction is result


def test_shown_follows_the_objectness_threshold(session):
    result = synthetic_reconstruction(queries=8)
    session.open(result, Origin(folder=Path("kitchen")))
    middle = result.instances[4].objectness
    session.edit("threshold", replace(session.edits, objectness_threshold=middle, duplicate_overlap=0.0))
    assert [item.query for item in session.shown()] == [item.query for item in result.instances[:5]]


def test_cancelled_is_silent_and_everything_else_is_not(session):
    heard = listen(session.failed)
    session.fail(Cancelled("stop"))
    error = ImageFolderError("No images")
    session.fail(error)
    assert heard == [error]


def test_an_error_inside_a_listener_is_told_as_itself(session):
    def stumble(_):
        raise ValueError("stumbled")

    session.messaged.connect(stumble)
    heard = listen(session.failed)
    try:
        session.message("hello")
    except Exception as error:  # noqa: BLE001 - psygnal's wrapper is what is tested
        session.fail(error)
    assert [type(error) for error in heard] == [ValueError]


def test_other_threads_are_refused(session):
    caught = []

    def intrude():
        try:
            session.message("from elsewhere")
        except AssertionError as error:
            caught.append(str(error))

    thread = threading.Thread(target=intrude)
    thread.start()
    thread.join()
    assert caught == ["the session belongs to the GUI thread"]


@pytest.mark.parametrize(
    ("status", "untrained"), [("Untrained heads: random.", True), ("", False), ("nano, step 4000", False)]
)
def test_origin_knows_untrained_weights(status, untrained):
    assert Origin(folder=Path(), model_status=status).untrained is untrained
