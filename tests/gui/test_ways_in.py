"""The first minutes with real mouse and keys: drop photos, leave one out, change a setting, run; samples at a click."""

from pathlib import Path

from PySide6.QtWidgets import QPushButton, QSpinBox, QToolButton

from tests.app.standins import StandInSteps
from tests.gui.hands import click, has_masks, until
from tests.gui.test_window import SCENE, button, drop


def find(program, kind, name):
    found = program.window.findChild(kind, name)
    assert found is not None, name
    return found


def test_photos_are_dropped_one_is_left_out_and_the_rest_run(play):
    async def story(program):
        drop(program.window, "/photos/kitchen")
        page = program.ways_in.ready_page
        await until(lambda: page.isVisible() and program.session.plan.estimate is not None, "the ready page")
        grid = page.grid
        click(grid.viewport(), grid.check_place(0).center())
        await until(lambda: len(program.session.plan.chosen) == 3, "three photos")
        assert not program.session.plan.photos[0].included
        click(button(program, "readyRun"))
        await until(lambda: has_masks(program), "a result")
        click(button(program, "toolSetup"))
        assert page.isVisible()
        click(button(program, "toolSetup"))
        assert not page.isVisible()

    play(story, steps=StandInSteps(SCENE))


def test_a_setting_is_changed_with_the_keyboard(play):
    async def story(program):
        drop(program.window, "/photos/kitchen")
        await until(lambda: program.session.plan is not None and program.session.plan.ready, "the plan")
        spin = find(program, QSpinBox, "setting_maximum_views")
        before = program.session.plan.settings.maximum_views
        spin.stepDown()
        await until(lambda: program.session.plan.settings.maximum_views == before - 1, "the setting")

    play(story, steps=StandInSteps(SCENE))


def test_a_sample_runs_at_a_click(play):
    async def story(program):
        sample = program.ways_in.samples[0]
        click(find(program, QToolButton, f"sample_{Path(sample).name}"))
        await until(lambda: has_masks(program), "a result")
        assert program.session.plan.sample

    play(story, steps=StandInSteps(SCENE))


def test_the_empty_page_offers_every_way_in(play):
    async def story(program):
        names = {widget.objectName() for widget in program.ways_in.empty_page.findChildren(QPushButton)}
        assert {"emptyOpen", "emptySession", "emptyWeights"} <= names
        assert all(find(program, QPushButton, name).isEnabled() for name in ("emptyOpen", "emptySession"))

    play(story, steps=StandInSteps(SCENE))
