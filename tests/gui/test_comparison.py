"""Comparing with mouse and keys: a second view beside the first, linked cameras, lines that select in both."""

import gc
import time
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QPushButton, QToolButton

from app.coloring import CLAIMED, RECEDING
from app.core_steps import CoreSteps
from app.viewport.poses import Pose
from fast3dis_core.apart import run_apart
from tests.app.standins import StandInSteps
from tests.gui.hands import click, drag, painted, press, until, wheel
from tests.gui.test_window import SCENE, opened

SAMPLE = Path(__file__).parents[2] / "resources" / "samples" / "study"
KEYS = {"compare": Qt.Key.Key_3, "explore": Qt.Key.Key_1}


class QuickCoreSteps(CoreSteps):
    """The real core on four small pictures."""

    def read(self, plan, report):
        few = replace(plan, photos=plan.photos[:4])
        return super().read(few.with_settings(replace(plan.settings, resolution=70)), report)


def sleep(inputs, report):
    """In the other process: a clustering that never looks up."""
    report("Clustering features", 0.1)
    time.sleep(600)


class StuckSteps(StandInSteps):
    """Clustering that hangs in its own process."""

    def feature_inputs(self, encoded, settings):
        return None

    def cluster(self, inputs, report):
        self._note("cluster")
        return run_apart(sleep, inputs, report=report)


def part(program, kind, name):
    found = program.window.findChild(kind, name)
    assert found is not None, f"no {name}"
    return found


def kinds(viewport):
    """Alpha of every owner as it is drawn."""
    return viewport._cloud._alpha


def pose(viewport):
    found = Pose.of(viewport.view.renderer.GetActiveCamera())
    return np.concatenate([found.position, found.focal_point, found.up])


async def split(program):
    await press(program.window, KEYS["compare"])
    await until(lambda: program.comparison.second is not None and program.comparison.stage.split, "two views")
    QCoreApplication.sendPostedEvents()  # layouts come to rest
    return program.comparison.second


async def frame_of(viewport):
    """A frame of what is shown now, with all points: what is picked is what is seen."""
    await until(lambda: not (viewport.camera.flying or viewport.motion.moving), "rest")
    frames = []
    connection = viewport.painted.connect(lambda: frames.append(1))
    viewport.view.request_render()
    await until(lambda: frames, "a frame")
    viewport.painted.disconnect(connection)


def plain_iou(first, second):
    one, other = set(first.tolist()), set(second.tolist())
    return len(one & other) / len(one | other)


def test_the_sample_beside_its_clustered_features(play):
    """Key 3, fewer points by typing, Compare, a line clicked: both views, the table and the photos show it."""

    async def story(program):
        program.open(SAMPLE)
        await until(lambda: program.session.origin is not None and program.session.origin.masks == "there", "masks", 50)
        await until(lambda: program.session.activity.idle, "rest")
        second = await split(program)
        click(part(program, QToolButton, "comparisonSettingsFold"))
        field = part(program, QDoubleSpinBox, "comparison_most_points")
        field.setFocus()
        field.selectAll()
        for digit in "700":
            field.lineEdit().insert(digit)
        field.interpretText()
        click(part(program, QPushButton, "comparisonRun"))
        await until(lambda: program.session.comparison is not None, "clusters", 50)
        comparison = program.session.comparison
        assert comparison.counterpart.kind == "clustering"
        assert "700 of" in comparison.counterpart.notes[0]
        ours = {item.query: item.pixels for item in comparison.first.shown}
        theirs = {item.query: item.pixels for item in comparison.second.shown}
        assert {line.first for line in comparison.lines} >= set(ours)
        for line in comparison.lines:
            if line.first is not None and line.second is not None:
                assert line.iou == pytest.approx(plain_iou(ours[line.first], theirs[line.second]))
        number = next(n for n, line in enumerate(comparison.lines) if line.verdict in ("same", "changed"))
        line, table = comparison.lines[number], program.comparison.panel.table
        click(table.viewport(), table.place_of(number))
        assert program.session.display.selection == {line.first}
        await until(lambda: (kinds(second)[[line.second + 1]] == CLAIMED).all(), "the partner lit")
        others = [query + 1 for query in theirs if query != line.second]
        assert (kinds(second)[others] == RECEDING).all()
        assert kinds(program.viewport)[line.first + 1] == CLAIMED
        assert tuple(comparison.colors[line.second]) == comparison.first.find(line.first).color
        rows = program.painting.photo_rows()
        click(part(program, QCheckBox, "comparisonPhotos"))
        assert (program.painting.photo_rows()[theirs[line.second]] == line.second + 1).all()
        click(part(program, QCheckBox, "comparisonPhotos"))
        assert program.painting.photo_rows() is rows

    play(story, steps=QuickCoreSteps(), geometry="given", threshold=0.1)


async def compared(program, side="surface"):
    program.comparison.presenter.choose(side)
    click(part(program, QPushButton, "comparisonRun"))
    await until(lambda: program.session.comparison is not None and program.session.activity.idle, "a comparison", 40)
    await frame_of(program.comparison.second)


def test_whichever_view_is_turned_the_other_follows(play):
    async def story(program):
        await opened(program)
        second = await split(program)
        await compared(program, "snapshot")
        first = program.viewport
        for turned, other in ((first, second), (second, first)):
            before = pose(turned)
            middle = QPointF(turned.view.rect().center())
            await drag(turned.view, middle, middle + QPointF(60, 25))
            assert not np.allclose(pose(turned), before)
            np.testing.assert_allclose(pose(other), pose(turned))
            wheel(turned.view, middle, 2)
            np.testing.assert_allclose(pose(other), pose(turned))
        await press(program.window, Qt.Key.Key_V)
        await until(lambda: not first.camera.flying, "the photo's view")
        assert np.allclose(pose(second)[:3], pose(first)[:3]), "both where the photo was taken"
        middle = QPointF(second.view.rect().center())
        await drag(second.view, middle, middle + QPointF(40, 10))
        assert not program.actions.state("through_photo").checked, "turning the second view leaves the photo too"
        np.testing.assert_allclose(pose(first), pose(second))

    play(story, steps=StandInSteps(SCENE))


def test_many_sizes_on_the_way_to_the_last_are_one_frame(play):
    """Splitting the stage and moving panels gives the 3D view several sizes in one turn; each frame takes its time."""

    async def story(program):
        await opened(program)
        view, frames = program.viewport.view, []
        await painted(program)
        view.painted.connect(lambda: frames.append(view.size()))
        size = view.size()
        for width in (300, 420, 360):
            view.resize(width, size.height())
        assert frames == [], "nothing is drawn in between"
        await painted(program)
        assert [frame.width() for frame in frames] == [360]
        picture = program.window.grab(view.rect().translated(view.mapTo(program.window, QPoint()))).toImage()
        middle = picture.height() // 2
        assert len({picture.pixel(x, middle) for x in range(0, picture.width(), 5)}) > 3, "and it is whole"
        frames.clear()
        await split(program)
        await painted(program)
        assert 1 <= len(frames) <= 2, "that of the stage in two, and one after the panels have moved"

    play(story, steps=StandInSteps(SCENE))


def test_a_hidden_second_view_is_not_drawn_and_comes_back_where_the_first_is(play):
    async def story(program):
        await opened(program)
        assert program.comparison.second is None, "nobody asked yet"
        second = await split(program)
        await compared(program, "snapshot")
        await press(program.window, KEYS["explore"])
        await until(lambda: not program.comparison.stage.split, "one view")
        first, frames = program.viewport, []
        await frame_of(first)
        second.painted.connect(lambda: frames.append(1))
        middle = QPointF(first.view.rect().center())
        await drag(first.view, middle, middle + QPointF(50, 0))
        await frame_of(first)
        assert not frames
        assert not np.allclose(pose(second), pose(first))
        await split(program)
        np.testing.assert_allclose(pose(second), pose(first))
        await until(lambda: frames, "a frame")

    play(story, steps=StandInSteps(SCENE))


def test_a_click_in_the_second_view_selects_its_partner(play):
    async def story(program):
        await opened(program)
        second = await split(program)
        await compared(program, "snapshot")
        program.actions.trigger("look_front")
        await frame_of(program.viewport)
        await frame_of(second)
        shape = second.view.rect()
        for share in np.linspace(0.2, 0.8, 13):
            click(second.view, QPointF(share * shape.width(), shape.height() / 2).toPoint())
            if program.session.display.others:
                break
        display = program.session.display
        assert len(display.others) == 1
        assert display.selection == display.others, "a copy: its partner is itself"
        lines = program.session.comparison.lines
        marked = program.comparison.panel.table._selection()
        assert {lines[number].second for number in marked} == display.others
        await photo_of_the_other_side(program, second)

    play(story, steps=StandInSteps(SCENE))


async def photo_of_the_other_side(program, second):
    """Clicked and hovered while it shows the other side, at one that is hidden in this result."""
    program.window.panels.set_shown("photoDock", True)
    click(part(program, QCheckBox, "comparisonPhotos"))
    area, width = SCENE.pixels_per_view, SCENE.images.shape[2]
    gone = int(np.bincount(program.painting.photo_rows()[:area])[1:9].argmax())  # what the first photo shows most of
    program.session.edit("Hide", replace(program.session.edits, hidden=frozenset({gone})))
    await until(lambda: gone not in {line.first for line in program.session.comparison.lines}, "the edit")
    photo = program.photos.panel.photo
    await until(lambda: photo.isVisible() and not photo.visibleRegion().isEmpty(), "the photo")
    QCoreApplication.sendPostedEvents()  # layouts come to rest
    places = np.flatnonzero(program.painting.photo_rows()[:area] == gone + 1)
    row = int(places[len(places) // 2])
    place = photo.place_of(row % width, row // width)
    click(photo, place)
    assert program.session.display.others == {gone}
    assert program.session.display.selection == frozenset(), "it has no partner"
    assert program.session.display.hovered_other == gone, "the pointer is over it"
    await until(lambda: (kinds(second)[[gone + 1]] == CLAIMED).all(), "it stands out in 3D")


def test_nothing_of_the_second_view_outlives_its_window(play):
    left = {}

    async def story(program):
        await opened(program)
        second = await split(program)
        await compared(program, "snapshot")
        for name, thing in (
            ("view", second),
            ("comparison", program.session.comparison),
            ("parts", program.comparison),
        ):
            left[name] = weakref.ref(thing)

    play(story, steps=StandInSteps(SCENE))
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    assert [name for name, thing in left.items() if thing() is not None] == []


def test_a_clustering_that_never_looks_up_is_cancelled_and_the_window_stays_alive(play):
    steps = StuckSteps(SCENE)

    async def story(program):
        await opened(program)
        await split(program)
        click(part(program, QPushButton, "comparisonRun"))
        await until(lambda: program.session.activity.step == "Clustering features", "the other process", 30)
        program.session.edit("mask", replace(program.session.edits, mask_threshold=0.8))
        await until(lambda: steps.mask_thresholds[-1] == 0.8, "an edit meanwhile")
        await until(lambda: part(program, QPushButton, "statusCancel").isVisible(), "a cancel button")
        click(part(program, QPushButton, "statusCancel"))
        await until(lambda: program.session.activity.idle, "the end", 10)
        assert program.session.comparison is None

    play(story, steps=steps)
