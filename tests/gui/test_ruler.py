"""Lengths on stage with real mouse and keys."""

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QInputDialog

from tests.app.standins import StandInSteps
from tests.gui.hands import click, painted, press, until
from tests.gui.test_window import SCENE, opened, place_of


def picture(program):
    return program.viewport.view.screenshot(return_img=True)


def test_a_selected_instance_shows_its_box_and_size(play):
    async def story(program):
        await opened(program)
        item = program.session.shown()[0]
        click(program.viewport.view, place_of(program, item.query))
        await painted(program)
        assert program.session.display.selection == {item.query}
        label = program.viewport._ruler.label
        assert label.isVisible()
        assert label.text().startswith(f"{item.name}: ")
        assert "wide × high × deep" in label.text()
        with_box = picture(program)
        program.actions.trigger("box")
        await painted(program)
        assert not label.isVisible()
        changed = np.any(picture(program) != with_box, axis=2).sum()
        assert changed > 100, "the lines of the box"

    play(story, steps=StandInSteps(SCENE))


def test_two_clicks_measure_a_typed_length_calibrates_and_escape_leaves(play):
    async def story(program):
        await opened(program)
        view, label = program.viewport.view, program.viewport._ruler.label
        places = [place_of(program, item.query) for item in program.session.shown()[:2]]
        await press(program.window, Qt.Key.Key_D)
        assert label.isVisible()
        without = picture(program)
        for place in places:
            click(view, place)
            await painted(program)
        assert label.text().startswith("Measured: ")
        assert np.any(picture(program) != without), "the line"
        assert not program.session.display.selection, "clicks measured"
        await press(program.window, Qt.Key.Key_D, Qt.KeyboardModifier.ShiftModifier)
        find = program.window.findChild
        await until(lambda: find(QInputDialog, "lengthDialog") is not None, "the question", 5.0)
        dialog = find(QInputDialog, "lengthDialog")
        dialog.setDoubleValue(2.5)
        dialog.accept()
        await until(lambda: label.text() == "Measured: 2.50 m", "the length in meters", 5.0)
        await press(program.window, Qt.Key.Key_Escape)
        assert not label.isVisible()
        assert not program.actions.state("measure").checked
        program.actions.trigger("undo")
        assert program.session.edits.scale is None

    play(story, steps=StandInSteps(SCENE))


def test_clicks_measure_though_an_anchor_is_in_the_way(play):
    async def story(program):
        await opened(program)
        view, label = program.viewport.view, program.viewport._ruler.label
        program.actions.trigger("anchors")
        await painted(program)
        spot = place_of(program, program.session.shown()[0].query)
        result = program.session.curated.reconstruction
        row = program.viewport._cloud.nearest(view.world_position(spot))
        program.viewport._anchors.move(0, result.cloud.points[row])
        program.actions.trigger("measure")
        await painted(program)
        click(view, spot)
        assert label.text() == "Measure: click a second point"
        assert not program.session.display.selection
        await press(program.window, Qt.Key.Key_Escape)
        program.viewport._anchors.move(0, result.cloud.points[row])
        click(view, spot)
        assert program.session.display.selection == {0}, "anchors come first again"

    play(story, steps=StandInSteps(SCENE))
