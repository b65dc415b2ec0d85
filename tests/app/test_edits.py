"""History: undo and redo are inverse, drags merge, the cap holds."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.session.edits import CAPACITY, Edits, History
from fast3dis_core.errors import ConfigError
from fast3dis_core.reconstruction import AnchorOverride

thresholds = st.floats(0, 1)
states = st.builds(
    Edits, objectness_threshold=thresholds, mask_threshold=thresholds, hidden=st.frozensets(st.integers(0, 79))
)


@given(st.lists(states, max_size=30))
def test_undoing_everything_returns_to_the_start_and_redoing_to_the_end(edits):
    history = History(Edits())
    visited = [Edits()]
    for state in edits:
        history.record("step", state)
        if state != visited[-1]:
            visited.append(state)
    for expected in reversed(visited[:-1]):
        assert history.undo() == expected
    assert history.undo_label is None
    for expected in visited[1:]:
        assert history.redo() == expected
    assert history.redo_label is None


@given(st.integers(1, 8), st.integers(1, 30))
def test_only_the_newest_steps_are_kept(capacity, count):
    history = History(Edits(), capacity)
    for number in range(count):
        history.record(f"step {number}", Edits(hidden=frozenset({number})))
    undone = 0
    while history.undo_label is not None:
        history.undo()
        undone += 1
    assert undone == min(capacity, count)


def test_the_default_capacity_is_one_hundred():
    history = History(Edits())
    for number in range(2 * CAPACITY):
        history.record("step", Edits(hidden=frozenset({number})))
    for _ in range(CAPACITY):
        assert history.undo_label is not None
        history.undo()
    assert history.undo_label is None
    assert CAPACITY == 100


@given(st.lists(thresholds, min_size=1, max_size=20))
def test_a_drag_is_one_step(values):
    history = History(Edits(objectness_threshold=0.3))
    for value in values:
        history.record("drag", replace(history.edits, objectness_threshold=value), gesture="objectness")
    assert history.edits.objectness_threshold == values[-1]
    if values[-1] != 0.3:
        assert history.undo() == Edits(objectness_threshold=0.3)
    assert history.undo_label is None


def test_a_drag_back_to_its_start_leaves_no_step():
    history = History(Edits(objectness_threshold=0.3))
    for value in (0.4, 0.5, 0.3):
        history.record("drag", Edits(objectness_threshold=value), gesture="objectness")
    assert history.undo_label is None


def test_two_drags_of_one_slider_are_two_steps():
    history = History(Edits(objectness_threshold=0.3))
    history.record("first", Edits(objectness_threshold=0.4), gesture="objectness")
    history.finish_gesture()
    history.record("second", Edits(objectness_threshold=0.5), gesture="objectness")
    assert history.undo().objectness_threshold == 0.4
    assert history.undo().objectness_threshold == 0.3


def test_a_new_step_forgets_what_was_undone():
    history = History(Edits())
    history.record("hide", Edits(hidden=frozenset({1})))
    history.undo()
    history.record("other", Edits(hidden=frozenset({2})))
    assert history.redo_label is None
    assert history.redo() == Edits(hidden=frozenset({2}))


def test_recording_the_present_state_keeps_the_future():
    history = History(Edits())
    history.record("hide", Edits(hidden=frozenset({1})))
    history.undo()
    history.record("nothing", Edits())
    assert history.redo_label == "hide"


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_thresholds_outside_the_unit_interval_are_refused(value):
    with pytest.raises(ConfigError, match="between 0 and 1"):
        Edits(mask_threshold=value)


def test_one_override_per_anchor():
    override = AnchorOverride(query=3, position=(0.0, 0.0, 0.0))
    with pytest.raises(ConfigError, match="one override"):
        Edits(overrides=(override, override))
