"""The window as a user meets it: open, run, look, filter, export, cancel, close. Real mouse and key events."""

import asyncio
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QAbstractSlider, QApplication, QLabel, QPushButton, QToolButton
from scipy.spatial import cKDTree

from app.core_steps import CoreSteps
from fast3dis_core.exports import read_ply
from tests.app.standins import StandInQuestions, StandInSteps
from tests.gui.hands import click, drag, has_masks, key, on_screen, painted, until, wheel
from tests.scenes import synthetic_reconstruction

SCENE = synthetic_reconstruction(views=4, height=56, width=84, queries=8)  # 18,816 points


class SmallCoreSteps(CoreSteps):
    """The real core on small pictures: 13,720 points of two photos."""

    long_edge = 98

    def read(self, plan, report):
        return super().read(plan.with_settings(replace(plan.settings, resolution=self.long_edge)), report)


def button(program, name):
    found = program.window.findChild((QPushButton, QToolButton)[name.startswith(("tool", "chip"))], name)
    assert found is not None, f"no button {name}"
    return found


def handle(slider):
    """The part of a labeled slider that takes mouse and keys."""
    return slider.findChild(QAbstractSlider)


async def opened(program):
    """The stand-in scene, run at once."""
    program.open(Path("/photos/kitchen"))
    await until(lambda: has_masks(program) and program.session.activity.idle, "a result")
    await asyncio.sleep(0.1)  # layouts come to rest when the progress goes
    await painted(program)


def drop(window, path):
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    place, action = QPointF(200, 200), Qt.DropAction.CopyAction
    entered = QDragEnterEvent(place, action, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(window, entered)
    assert entered.isAccepted()
    dropped = QDropEvent(place, action, mime, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(window, dropped)


def place_of(program, query):
    """A spot where an instance is the foremost thing within a few pixels, None if there is none."""
    cloud = program.session.reconstruction.cloud
    kept = program.session.curated.keep
    owners = program._viewport._painting.rows()[kept] - 1
    view = program.viewport.view
    matrix = view.renderer.GetActiveCamera().GetCompositeProjectionTransformMatrix(view.width() / view.height(), -1, 1)
    matrix = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
    points = cloud.points[kept]
    projected = np.c_[points, np.ones(len(points))] @ matrix.T
    flat = (projected[:, :2] / projected[:, 3:] + 1) / 2 * (view.width(), view.height())
    depth = projected[:, 2] / projected[:, 3]
    tree = cKDTree(flat)
    for candidate in np.flatnonzero(owners == query):
        near = tree.query_ball_point(flat[candidate], 5)
        foremost = near[np.argmin(depth[near])]
        if len(near) > 3 and all(owners[place] == query for place in near if depth[place] < depth[foremost] + 0.002):
            spot = on_screen(program, points[candidate])
            if program.viewport.cameras.find(spot) < 0:
                return spot
    return None


def test_from_photos_to_a_ply_with_the_real_network(play, photos, tmp_path, one_core_for_the_network):
    """Open, run, click a point, filter by keys and by mouse, export by click, read the file back."""
    questions = StandInQuestions(folder_answer=photos)

    async def story(program):
        click(button(program, "emptyOpen"))
        run = button(program, "readyRun")
        await until(lambda: run.isVisible() and run.isEnabled(), "the ready page")
        click(run)
        await until(lambda: has_masks(program), "a result of the real network", 50)
        await painted(program)
        result = program.session.reconstruction
        assert len(result.cloud.points) <= 20_000
        assert result.instances, "the test needs at least one instance above the floor"

        lowest = min(item.objectness for item in result.instances)
        slider = program.decoding.objectness
        for _ in range(100):
            if slider.value() <= lowest:
                break
            key(handle(slider), Qt.Key.Key_Left)
        assert {item.verdict for item in program.session.curated.instances} <= {"shown", "size"}

        await painted(program)
        rows = program._viewport._painting.rows()
        drawn = program.viewport._cloud._drawn
        claimed = drawn[rows[drawn] > 0]
        spots = (on_screen(program, point) for point in result.cloud.points[claimed[len(claimed) // 2 :]])
        spot = next(spot for spot in spots if program.viewport.cameras.find(spot) < 0)
        click(program.viewport.view, spot)
        assert len(program.session.display.selection) == 1
        (query,) = program.session.display.selection
        assert program.table._selection() == {query}

        instance = program.session.curated.find(query)
        click(button(program, "tableExport"))
        dialog = program.exports.dialog
        write = dialog.findChild(QPushButton, "exportWrite")
        await until(lambda: "1 instance" in dialog.findChild(QLabel, "exportPreview").text(), "the preview")
        click(write)
        shown = dialog.findChild(QPushButton, "exportShow")
        await until(shown.isVisible, "the outcome")
        (target,) = (tmp_path / "kitchen-export" / "instances").iterdir()
        vertices = read_ply(target).vertices
        points = np.stack([vertices[axis] for axis in "xyz"], axis=1)
        assert np.array_equal(points, result.cloud.points[instance.pixels])
        assert (vertices["instance"] == query).all()
        assert str(tmp_path / "kitchen-export") in program.window.statusBar().currentMessage()
        dialog.close()

    play(story, steps=SmallCoreSteps(), questions=questions)


def test_a_click_selects_everywhere_and_the_background_clears(play):
    async def story(program):
        await opened(program)
        query = program.session.shown()[0].query
        click(program.viewport.view, place_of(program, query))
        assert program.session.display.selection == {query}
        assert program.table._selection() == {query}
        assert button(program, "tableExport").isEnabled()
        await painted(program)
        click(program.viewport.view, QPoint(5, 5))
        assert program.session.display.selection == frozenset()
        assert program.table._selection() == frozenset()

    play(story, steps=StandInSteps(SCENE))


def test_ctrl_click_adds_and_a_row_of_the_table_selects(play):
    async def story(program):
        await opened(program)
        first, *others = (item.query for item in program.session.shown())
        click(program.viewport.view, place_of(program, first))
        await painted(program)
        second, place = next((query, spot) for query in others if (spot := place_of(program, query)) is not None)
        click(program.viewport.view, place, Qt.KeyboardModifier.ControlModifier)
        assert program.session.display.selection == {first, second}
        view = program.table.view
        click(view.viewport(), view.visualRect(view.model().index(2, 1)).center())
        assert program.session.display.selection == {program.session.shown()[2].query}

    play(story, steps=StandInSteps(SCENE))


def test_hidden_points_are_neither_drawn_nor_hit(play):
    async def story(program):
        await opened(program)
        query = program.session.shown()[0].query
        place = place_of(program, query)
        view = program.table.view
        index = view.model().index(0, 0)
        rect = view.visualRect(index)
        click(view.viewport(), QPoint(rect.left() + 13, rect.center().y()))
        assert program.session.edits.hidden == {query}
        assert "1 hidden" in program.window.chips.texts()
        await painted(program)
        click(program.viewport.view, place)
        assert query not in program.session.display.selection
        click(button(program, "chipClose_hidden"))
        assert program.session.edits.hidden == frozenset()

    play(story, steps=StandInSteps(SCENE))


def test_the_objectness_slider_filters_live_without_the_worker(play):
    steps = StandInSteps(SCENE)

    async def story(program):
        await opened(program)
        steps.calls.clear()
        slider = program.decoding.objectness
        inner = handle(slider)
        at = inner.rect()
        start = QPoint(round(at.width() * slider.value()), at.center().y())
        await drag(inner, start, QPoint(round(at.width() * 0.6), at.center().y()))
        value = program.session.edits.objectness_threshold
        assert 0.5 < value < 0.75
        shown = [item for item in SCENE.instances if item.objectness >= value]
        assert 0 < len(shown) < len(SCENE.instances)
        assert len(program.table.listed()) == len(shown)
        assert any(text.startswith(f"{len(shown)} of 8 queries shown") for text in program.window.chips.texts())
        assert steps.calls == []
        click(button(program, "toolUndo"))
        assert program.session.edits.objectness_threshold == pytest.approx(0.3)
        assert slider.value() == pytest.approx(0.3)
        click(button(program, "toolRedo"))
        assert program.session.edits.objectness_threshold == value

    play(story, steps=steps)


def test_the_mask_slider_assembles_again(play):
    steps = StandInSteps(SCENE)

    async def story(program):
        await opened(program)
        before = program.session.reconstruction
        for _ in range(3):
            key(handle(program.decoding.mask), Qt.Key.Key_Right)
        await until(lambda: steps.mask_thresholds[-1] == pytest.approx(0.53), "the last threshold")
        await until(lambda: program.session.activity.idle, "the worker")
        assert program.session.reconstruction is not before
        assert steps.calls.count("encode") == 1

    play(story, steps=steps)


def test_color_mode_isolate_and_escape_by_keys(play):
    async def story(program):
        await opened(program)
        window = program.window
        program.actions.trigger("color_photo")
        assert program.session.display.color_mode == "photo"
        query = program.session.shown()[1].query
        program.table.selected.emit(frozenset({query}))
        click(button(program, "tableIsolate"))
        assert program.session.display.isolated == {query}
        window.activateWindow()
        for _ in range(2):
            program.actions.trigger("step_back")
        assert program.session.display.selection == frozenset()
        program.actions.trigger("color_instance")
        assert program.session.display.color_mode == "instance"

    play(story, steps=StandInSteps(SCENE))


def test_cancel_in_the_middle_of_a_step_keeps_the_result(play):
    steps = StandInSteps(SCENE)

    async def story(program):
        await opened(program)
        before = program.session.reconstruction
        steps.gate.clear()
        program.open(Path("/photos/bath"))
        await until(lambda: steps.calls.count("encode") == 2, "the second run")
        cancel = button(program, "statusCancel")
        await until(cancel.isVisible, "the cancel button")
        click(cancel)
        await until(lambda: program.session.activity.idle, "the end of the run")
        assert not steps.gate.is_set(), "the step itself would still wait"
        assert program.session.reconstruction is before
        assert program.window._error is None
        assert not cancel.isVisible()

    play(story, steps=steps)


def test_cancelling_the_first_run_returns_to_the_plan(play):
    steps = StandInSteps(SCENE)
    steps.gate.clear()

    async def story(program):
        program.open(Path("/photos/kitchen"))
        cancel = button(program, "runCancel")
        await until(lambda: "encode" in steps.calls and cancel.isVisible(), "the run and its cancel button")
        click(cancel)
        await until(program.ways_in.ready_page.isVisible, "the ready page", 1.0)

    play(story, steps=steps)


def test_a_bad_folder_shows_the_error_and_keeps_the_result(play):
    async def story(program):
        await opened(program)
        before = program.session.reconstruction
        drop(program.window, "/photos/empty")
        await until(lambda: program.window._error is not None, "the error")
        dialog = program.window._error
        assert "No images in /photos/empty" in dialog.message
        click(dialog.findChild(QPushButton, "errorCopy"))
        assert "ImageFolderError" in QApplication.clipboard().text()
        click(dialog.findChild(QPushButton, "errorClose"))
        await until(lambda: program.window._error is None, "the dialog to go")
        assert program.session.reconstruction is before

    play(story, steps=StandInSteps(SCENE))


def test_closing_while_running_ends_the_run(play):
    steps = StandInSteps(SCENE)
    steps.gate.clear()

    async def story(program):
        program.open(Path("/photos/kitchen"))
        await until(lambda: "encode" in steps.calls, "the run")
        program.window.close()
        assert program.closed.is_set()
        assert program.window.isVisible(), "the window goes when the worker has stopped, not before"

    play(story, steps=steps)
    assert not steps.gate.is_set(), "the step itself would still wait"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("inference")]


def test_an_interaction_costs_one_render_per_move(play):
    async def story(program):
        await opened(program)
        view = program.viewport.view
        renders = []
        tag = view.renderer.AddObserver("EndEvent", lambda *_: renders.append(1))
        await drag(view, QPoint(200, 200), QPoint(260, 230), steps=12)
        await painted(program)
        view.renderer.RemoveObserver(tag)
        assert 1 <= len(renders) <= 14

    play(story, steps=StandInSteps(SCENE))


def test_many_changes_in_one_turn_are_one_render(play):
    async def story(program):
        await opened(program)
        program.session.edit("hide", replace(program.session.edits, hidden=frozenset({7})))
        await painted(program)  # the chip that says so may cost the viewport a row
        renders = []
        tag = program.viewport.view.renderer.AddObserver("EndEvent", lambda *_: renders.append(1))
        for query in range(4):
            program.session.edit("hide", replace(program.session.edits, hidden=frozenset({query})))
        await painted(program)
        program.viewport.view.renderer.RemoveObserver(tag)
        assert len(renders) == 1

    play(story, steps=StandInSteps(SCENE))


def test_an_idle_window_does_not_render(play):
    async def story(program):
        await opened(program)
        renders = []
        tag = program.viewport.view.renderer.AddObserver("EndEvent", lambda *_: renders.append(1))
        await asyncio.sleep(0.5)
        program.viewport.view.renderer.RemoveObserver(tag)
        assert renders == []

    play(story, steps=StandInSteps(SCENE))


def test_slow_scenes_move_as_a_stand_in_and_come_back_whole(play, monkeypatch):
    monkeypatch.setattr("app.viewport.motion.SLOW_FRAME", 0.0)

    async def story(program):
        await opened(program)
        layer, view = program.viewport._cloud, program.viewport.view
        wheel(view, QPoint(300, 300), 1)
        assert (layer._full.actor.GetVisibility(), layer._stand_in.actor.GetVisibility()) == (0, 1)
        await painted(program)
        assert (layer._full.actor.GetVisibility(), layer._stand_in.actor.GetVisibility()) == (1, 0)

    play(story, steps=StandInSteps(SCENE))


def test_fit_looks_at_the_scene_upright(play):
    async def story(program):
        await opened(program)
        await drag(program.viewport.view, QPoint(200, 200), QPoint(400, 300))
        program.actions.trigger("fit")
        await painted(program)
        view = program.viewport.view
        points = program.session.reconstruction.cloud.points[::97]
        places = [on_screen(program, point) for point in points[np.isfinite(points).all(axis=1)]]
        inside = [view.rect().contains(place.toPoint()) for place in places]
        assert np.mean(inside) > 0.97
        top, bottom = on_screen(program, (0, -1, 3)), on_screen(program, (0, 1, 3))
        assert top.y() < bottom.y(), "the cameras' y axis points down"

    play(story, steps=StandInSteps(SCENE))


def test_the_event_loop_keeps_beating_during_an_encode(play, photos, one_core_for_the_network):
    """No gap between beats of a 10 ms timer may exceed a tenth of the job."""
    steps, spans, beats = SmallCoreSteps(), [], []
    steps.long_edge = 196
    encode = steps.encode

    def timed(*args):
        began = time.monotonic()
        encoded = [encode(*args) for _ in range(10)][-1]  # seconds, beside which opening the run panel is short
        spans.append((began, time.monotonic()))
        return encoded

    async def story(program):
        await program.workflow.open_folder(photos)  # imports torch and loads the network
        steps.encode = timed
        timer = QTimer(program.window, interval=10)
        timer.timeout.connect(lambda: beats.append(time.monotonic()))
        timer.start()
        await program.workflow.open_folder(photos)
        timer.stop()

    play(story, steps=steps)
    ((began, ended),) = spans
    inside = [began, *(beat for beat in beats if began < beat < ended), ended]
    assert max(np.diff(inside)) < (ended - began) / 10


def test_a_screenshot_holds_the_window_and_the_viewport(play, tmp_path):
    target = tmp_path / "window.png"

    async def story(program):
        await opened(program)
        await program.save_screenshot(target)
        view = program.viewport.view
        corner = view.mapTo(program.window, QPoint(0, 0))
        return corner.x(), corner.y(), view.width(), view.height()

    left, top, width, height = play(story, steps=StandInSteps(SCENE))
    picture = np.asarray(Image.open(target).convert("RGB"))
    assert picture.shape[:2] == (800, 1280)
    inside = picture[top : top + height, left : left + width].reshape(-1, 3)
    assert len(np.unique(inside, axis=0)) > 20, "the viewport is in the picture, in the colors of its instances"
