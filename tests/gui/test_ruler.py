"""Lengths on stage with real mouse and keys."""

import numpy as np

from tests.app.standins import StandInSteps
from tests.gui.hands import click, painted
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
