"""The first minutes with real mouse and keys: drop photos, leave one out, change a setting, run; samples at a click."""

import asyncio
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QAbstractSpinBox, QLineEdit, QPushButton, QSpinBox, QToolButton

from tests.app.standins import StandInSteps
from tests.gui.hands import carry, carry_files, click, has_masks, until
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


def test_photos_are_put_in_another_order_by_dragging_them(play):
    async def story(program):
        drop(program.window, "/photos/kitchen")
        await until(lambda: program.session.plan is not None and program.session.plan.ready, "the plan")
        await asyncio.sleep(0.1)  # layouts come to rest
        grid, seen = program.ways_in.ready_page.grid, []

        def place(row, aside=0):
            middle = grid.visualRect(grid.photos.index(row, 0)).center()
            return grid.viewport().mapTo(program.window, middle + QPoint(aside, 0))

        def order():
            return [int(photo.name[5]) for photo in program.session.plan.photos]

        await carry(program.window, place(0), place(2, 30), held=[lambda: seen.append(grid._place)])
        assert seen == [3], "the line where it would go"
        await until(lambda: order() == [1, 2, 0, 3], "the order")
        assert grid._place == -1
        assert grid.selected() == ("view_0.jpg",)

        click(grid.viewport(), grid.visualRect(grid.photos.index(0, 0)).center())
        click(grid.viewport(), grid.visualRect(grid.photos.index(1, 0)).center(), Qt.KeyboardModifier.ControlModifier)
        assert grid.selected() == ("view_1.jpg", "view_2.jpg")
        await carry(program.window, place(1), place(3, 30))
        await until(lambda: order() == [0, 3, 1, 2], "two at once")

        outside = program.ways_in.ready_page.form.mapTo(program.window, QPoint(40, 40))
        await carry(program.window, place(0), outside)
        assert order() == [0, 3, 1, 2], "dropped elsewhere it stays"
        click(button(program, "readyRun"))
        await until(lambda: has_masks(program), "a result")
        assert [photo.name[5] for photo in program.workflow._steps.plans[-1].chosen] == ["0", "3", "1", "2"]

    play(story, steps=StandInSteps(SCENE))


def test_photos_held_at_the_edge_of_the_grid_scroll_it(play):
    async def story(program):
        names = [f"/photos/view_{number:02}.jpg" for number in range(60)]
        program.ways_in.opening.open_paths(names)
        await until(lambda: program.session.plan is not None and program.session.plan.ready, "the plan")
        grid, seen = program.ways_in.ready_page.grid, []
        await until(lambda: grid.verticalScrollBar().maximum() > 400, "more photos than there is room for")
        port, bar = grid.viewport(), grid.verticalScrollBar()
        lower = port.mapTo(program.window, QPoint(200, port.height() - 8))
        upper = port.mapTo(program.window, QPoint(200, 8))

        def see():
            seen.append((bar.value(), grid._place))

        first = port.mapTo(program.window, grid.visualRect(grid.photos.index(0, 0)).center())
        await carry(program.window, first, *[lower] * 5, held=[see] * 5)
        places = [place for _, place in seen]
        values = [value for value, _ in seen]
        assert values == sorted(values)
        assert values[-1] > values[0], "it scrolls while photos are held there"
        assert places[-1] > places[0], "and the line goes with the photos that pass"
        await until(lambda: program.session.plan.photos[0].name != "view_00.jpg", "the order")
        moved = [photo.name for photo in program.session.plan.photos].index("view_00.jpg")
        assert moved >= places[-1] - 1
        still = bar.value()
        await asyncio.sleep(0.2)
        assert bar.value() == still, "it rests after the drop"

        grid.scrollTo(grid.photos.index(moved, 0))
        await asyncio.sleep(0.1)
        below = bar.value()
        shown = grid.visualRect(grid.photos.index(moved, 0))
        await carry(program.window, port.mapTo(program.window, shown.center()), *[upper] * 4, held=[see] * 4)
        assert bar.value() < below
        back = [photo.name for photo in program.session.plan.photos].index("view_00.jpg")
        assert back < moved

    play(story, steps=StandInSteps(SCENE))


def test_files_can_be_dropped_on_whatever_lies_under_the_pointer(play):
    async def story(program):
        surveyed = program.workflow._steps.surveyed
        window, sources = program.window, ("/photos/kitchen", "/films/walk.mp4", "/photos/one.jpg")
        await carry_files(window, sources[:1], window.rect().center())
        await until(lambda: program.session.plan is not None and program.session.plan.ready, "the plan of a folder")
        assert surveyed == [(Path("/photos/kitchen"),)]
        program.actions.trigger("run")
        await until(lambda: has_masks(program) and program.session.activity.idle, "a result")
        window.panels.set_shown("photoDock", True)
        search = program.table.findChild(QLineEdit, "instanceSearch")
        spin = program.decoding.findChild(QAbstractSpinBox)
        for target in (program.viewport.view, program.photos.panel.photo, program.table.view, search, spin):
            program.session.show(replace(program.session.display, setup=False))
            await until(target.isVisible, target.objectName())
            surveyed.clear()
            place = target.mapTo(window, target.rect().center())
            await carry_files(window, sources[1:], place)
            assert surveyed == [tuple(map(Path, sources[1:]))], target.objectName()
            await until(lambda: program.session.plan.ready, "the plan")
        assert search.text() == ""

    play(story, steps=StandInSteps(SCENE), window_size=(1560, 900))


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
