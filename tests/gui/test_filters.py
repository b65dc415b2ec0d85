"""The filters with real mouse and keys: a drag is one step, the histogram selects, fields take numbers."""

import asyncio

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtWidgets import QCheckBox, QPushButton, QSlider

from app.widgets.decoding_panel import SCALES
from tests.app.standins import StandInSteps
from tests.gui.hands import LEFT, NONE, click, drag, key, mouse, until, wheel
from tests.gui.test_instances import FLOORED, write
from tests.gui.test_window import SCENE, button, opened


def handle(program, key_of_filter):
    return program.decoding.slider(key_of_filter).findChild(QSlider)


def at(slider, share):
    """A place on a slider, the ends being those of its handle's way."""
    return QPoint(round(7 + share * (slider.width() - 14)), slider.height() // 2)


@pytest.mark.parametrize("name", SCALES)
def test_every_position_of_a_handle_is_a_number_that_leads_back_to_it(name):
    scale = SCALES[name]
    values = [scale.to_value(position) for position in range(scale.positions + 1)]
    assert values == sorted(values)
    assert values[0] == 0
    for value in values:
        assert round(value, scale.decimals) == value, "the field can show it"
        assert scale.to_value(scale.to_position(value)) == value
    assert scale.to_position(10 * values[-1]) == scale.positions


@pytest.mark.parametrize(
    ("name", "share", "low", "high"),
    [
        ("objectness_threshold", 0.6, 0.55, 0.65),
        ("minimum_points", 0.5, 100, 1000),
        ("confidence_percentile", 0.4, 35, 45),
        ("mask_threshold", 0.7, 0.65, 0.75),
    ],
)
def test_a_drag_acts_live_and_undo_restores_to_the_bit(play, name, share, low, high):
    async def story(program):
        await opened(program)
        slider, seen = handle(program, name), []
        program.session.edits_changed.connect(lambda edits: seen.append(getattr(edits, name)))
        before = program.session.edits

        def painted():
            return program._viewport._painting.table()[program._viewport._painting.rows()]

        picture = painted().copy()
        await drag(slider, at(slider, slider.value() / slider.maximum()), at(slider, share), steps=10)
        assert low <= getattr(program.session.edits, name) <= high
        assert seen[-1] == getattr(program.session.edits, name)
        assert len(seen) > 1, "it acts while the mouse is down"
        await until(lambda: program.session.activity.idle, "masks, where they are assembled again")
        click(button(program, "toolUndo"))
        assert program.session.edits == before
        assert program.session.undo_label is None
        if name == "mask_threshold":
            await until(lambda: np.array_equal(painted(), picture), "the masks of before")
        assert np.array_equal(painted(), picture)

    play(story, steps=StandInSteps(SCENE))


def test_a_press_beside_the_handle_jumps_there_and_drags_on(play):
    async def story(program):
        await opened(program)
        slider = handle(program, "confidence_percentile")
        await drag(slider, at(slider, 0.5), at(slider, 0.8))
        assert program.session.edits.confidence_percentile == pytest.approx(80, abs=2)
        click(button(program, "toolUndo"))
        assert program.session.undo_label is None, "jump and drag are one step"

    play(story, steps=StandInSteps(SCENE))


def test_a_number_is_typed_and_the_handle_follows(play):
    async def story(program):
        await opened(program)
        field = program.decoding.slider("minimum_points").field
        field.setFocus()
        field.selectAll()
        write(field, "250")
        assert program.session.edits.minimum_points == 50, "not before it is complete"
        key(field, Qt.Key.Key_Return)
        assert program.session.edits.minimum_points == 250
        assert handle(program, "minimum_points").value() == 48
        assert field.value() == 250, "the handle is coarser than the field"
        assert program.actions.state("undo").text == "Undo Smallest instance 250 points"

    play(story, steps=StandInSteps(SCENE))


def test_ticks_of_the_histogram_are_clicked_and_brushed(play):
    async def story(program):
        await opened(program)
        histogram = program.decoding.histogram
        scores = {query: float(score) for query, score in enumerate(SCENE.objectness[-1])}
        best = max(scores, key=scores.get)
        middle = histogram.height() // 2
        click(histogram, QPoint(round(histogram.place(scores[best])), middle))
        assert program.session.display.selection == {best}
        await drag(histogram, QPoint(round(histogram.place(0.5)), middle), QPoint(round(histogram.place(0.9)), middle))
        expected = {query for query, score in scores.items() if 0.5 <= score <= 0.9}
        assert expected
        assert program.session.display.selection == expected
        click(histogram, QPoint(round(histogram.place(0.1)), middle))
        assert program.session.display.selection == frozenset()

    play(story, steps=StandInSteps(FLOORED))


def test_the_histogram_lines_up_with_the_slider_below(play):
    async def story(program):
        await opened(program)
        slider, histogram = handle(program, "objectness_threshold"), program.decoding.histogram
        for share in (0.1, 0.5, 0.9):
            click(slider, at(slider, share))
            value = program.session.edits.objectness_threshold
            place = slider.mapFromGlobal(histogram.mapToGlobal(QPoint(round(histogram.place(value)), 0))).x()
            assert abs(place - at(slider, share).x()) <= 3

    play(story, steps=StandInSteps(SCENE))


def test_edges_are_switched_and_filters_reset(play):
    async def story(program):
        await opened(program)
        switch = program.window.findChild(QCheckBox, "edgesOn")
        assert switch.isChecked()
        click(switch, QPoint(8, switch.height() // 2))
        assert program.session.edits.depth_edge == 0
        assert not handle(program, "depth_edge").isEnabled()
        reset = program.window.findChild(QPushButton, "resetFilters")
        assert reset.isEnabled()
        click(reset)
        assert program.session.edits.depth_edge == 0.04
        assert not reset.isEnabled()
        click(button(program, "toolUndo"))
        assert program.session.edits.depth_edge == 0

    play(story, steps=StandInSteps(SCENE))


def test_chips_say_what_is_dropped_and_their_cross_ends_it(play):
    async def story(program):
        await opened(program)
        program._decoding.set("minimum_points", 100_000)
        assert "8 under 100,000 points" in program.window.chips.texts()
        assert program.table.listed() == []
        click(button(program, "chipClose_minimum_points"))
        assert program.session.edits.minimum_points == 0
        assert len(program.table.listed()) == 8

    play(story, steps=StandInSteps(SCENE))


def test_the_wheel_scrolls_and_changes_no_filter(play):
    async def story(program):
        await opened(program)
        before = program.session.edits
        for name in ("objectness_threshold", "minimum_points"):
            slider = program.decoding.slider(name)
            wheel(slider.slider, QPoint(20, 10), -3)
            wheel(slider.field, QPoint(20, 10), -3)
        assert program.session.edits == before

    play(story, steps=StandInSteps(SCENE))


def test_a_drag_is_told_at_the_pace_of_the_screen(play):
    """Many moves in one go are few values; the last one is never lost."""

    async def story(program):
        await opened(program)
        slider, seen = handle(program, "objectness_threshold"), []
        program.decoding.changed.connect(lambda name, value: seen.append(value))
        start, end = at(slider, 0.3), at(slider, 0.9)
        mouse(slider, QEvent.Type.MouseButtonPress, start, LEFT, LEFT)
        for step in range(1, 61):
            mouse(slider, QEvent.Type.MouseMove, QPointF(start) + QPointF(end - start) * step / 60, NONE, LEFT)
        mouse(slider, QEvent.Type.MouseButtonRelease, end, LEFT, NONE)
        assert 1 < len(seen) < 30
        assert seen[-1] == program.decoding.objectness.value() == pytest.approx(0.9, abs=0.02)
        await asyncio.sleep(0.1)
        assert seen[-1] == program.session.edits.objectness_threshold

    play(story, steps=StandInSteps(SCENE))


def test_duplicates_are_dropped_by_a_slider_and_say_of_whom(play):
    async def story(program):
        await opened(program)
        slider, before = handle(program, "duplicate_overlap"), len(program.session.shown())
        assert slider.value() == 0, "off by default"
        await drag(slider, at(slider, 0), at(slider, 0.3), steps=6)
        curated = program.session.curated
        double = [item for item in curated.instances if item.verdict == "duplicate"]
        assert double
        assert len(program.session.shown()) == before - len(double)
        for item in double:
            better = curated.find(item.duplicate_of)
            assert better.objectness >= item.objectness
            assert len(np.intersect1d(item.pixels, better.pixels)) > 0.25 * len(np.union1d(item.pixels, better.pixels))
            assert curated.reason(item) == f"duplicate of {better.name}"
        click(button(program, "toolUndo"))
        assert program.session.undo_label is None
        assert len(program.session.shown()) == before

    play(story, steps=StandInSteps(SCENE))
