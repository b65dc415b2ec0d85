"""A run in the real window: cancelled and closed in every step, geometry first, geometry alone, no long pause."""

import inspect
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QPushButton

from app.core_steps import CoreSteps
from app.session.plan import RunSettings
from fast3dis_core.errors import DeviceMemoryError
from fast3dis_core.exports import read_ply, write_scene_ply
from tests.app.standins import StandInQuestions, StandInSteps
from tests.gui.hands import click, has_masks, key, painted, until
from tests.scenes import synthetic_reconstruction

SMALL = RunSettings(resolution=98)
STEPS = (
    "Reading photos",
    "Loading the model",
    "Geometry pass",
    "Building the cloud",
    "Feature pass",
    "Pixel decoder",
    "Decoding queries",
    "Assembling instances",
    "Measuring overlap",
)
AFTER_GEOMETRY = STEPS[4:]


class HeldSteps(CoreSteps):
    """The real core, which stays in one step until it is told to stop or go on."""

    def __init__(self):
        self.hold, self.held = "", threading.Event()

    def _holding(self, report):
        def held(step, fraction):
            report(step, fraction)
            while step == self.hold:
                self.held.set()
                time.sleep(0.005)
                report(step, fraction)

        return held


def _held(name):
    """The step of the core with its `report` held; which argument that is, its signature says."""
    step = getattr(CoreSteps, name)
    place = list(inspect.signature(step).parameters).index("report")

    def call(self, *given):
        return step(*(self._holding(value) if index == place else value for index, value in enumerate((self, *given))))

    return call


for name in ("read", "load", "build", "encode", "decode", "assemble"):
    setattr(HeldSteps, name, _held(name))


async def started(program, photos, settings=SMALL):
    plan = await program.workflow.survey([photos], settings=settings)
    return program.workflow.start(program.workflow.run(plan))


def cancel_button(program):
    return next(
        button
        for name in ("runCancel", "statusCancel")
        if (button := program.window.findChild(QPushButton, name)).isVisible()
    )


@pytest.mark.parametrize("step", STEPS)
def test_cancel_in_every_step_leaves_the_last_result(play, photos, step, one_core_for_the_network):
    steps = HeldSteps()

    async def story(program):
        await (await started(program, photos))
        before, history = program.session.reconstruction, program.session.edits
        assert has_masks(program)
        if step == "Loading the model":
            await program.workflow.unload()
        steps.hold = step
        running = await started(program, photos)
        await until(steps.held.is_set, step)
        if step in AFTER_GEOMETRY:
            await until(lambda: program.session.origin.masks == "coming", "the geometry")
        await until(lambda: program.session.activity.step == step, "the step in words")
        click(cancel_button(program))
        await running  # nothing else ends a held step
        await until(lambda: not program.workflow.busy, "the worker")
        assert program.session.reconstruction is before
        assert program.session.edits == history
        assert program.session.activity.idle
        assert program.window._error is None
        steps.hold = ""
        await (await started(program, photos))  # and everything works again
        assert program.session.reconstruction is not before

    play(story, steps=steps)


@pytest.mark.parametrize("step", STEPS)
def test_closing_in_every_step_ends_everything(play, photos, step, one_core_for_the_network):
    steps = HeldSteps()
    steps.hold = step

    async def story(program):
        await started(program, photos)
        await until(steps.held.is_set, step)
        program.window.close()
        assert program.closed.is_set()

    play(story, steps=steps)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("inference")]


def test_geometry_comes_first_and_the_camera_stays_when_masks_come(play, photos, one_core_for_the_network):
    steps = HeldSteps()
    steps.hold = "Feature pass"

    async def story(program):
        running = await started(program, photos)
        await until(lambda: program.session.reconstruction is not None, "the geometry", 30)
        await painted(program)
        assert "Masks are on their way" in program.window.chips.texts()
        assert program.masks_page.explains
        assert program.viewport.drawn_points[0] > 0
        assert program.gallery.list.model().rowCount() == 2
        camera = program.viewport.view.renderer.GetActiveCamera()
        camera.Azimuth(25)
        program.viewport.view.request_render()
        await painted(program)
        position, cloud = camera.GetPosition(), program.session.reconstruction.cloud
        steps.hold = ""
        await running
        await painted(program)
        assert has_masks(program)
        assert program.session.reconstruction.cloud is cloud
        assert camera.GetPosition() == position
        assert not program.masks_page.explains
        assert "Masks are on their way" not in program.window.chips.texts()

    play(story, steps=steps)


def test_cancelling_the_first_run_after_its_geometry_keeps_it_and_says_so(play, photos, one_core_for_the_network):
    steps = HeldSteps()
    steps.hold = "Pixel decoder"

    async def story(program):
        running = await started(program, photos)
        await until(lambda: program.session.reconstruction is not None, "the geometry", 30)
        click(cancel_button(program))
        await running
        assert any(text.startswith("Geometry only") for text in program.window.chips.texts())
        again = program.window.findChild(QPushButton, "masksRun")
        assert again.isVisible()
        steps.hold = ""
        click(again)
        await until(lambda: has_masks(program), "the masks", 30)

    play(story, steps=steps)


@pytest.fixture
def small_backbone(tmp_path_factory):
    """Random weights of Depth Anything 3 small, in a file like the published one: its names, aliases left out."""
    import torch
    from safetensors.torch import save_file

    from fast3dis_core.model.depth_anything3 import DepthAnything3
    from fast3dis_core.weight_files import stored_name

    torch.manual_seed(0)
    state = DepthAnything3("small").state_dict()
    path = tmp_path_factory.mktemp("weights") / "model.safetensors"
    save_file({name: value.contiguous() for name, value in state.items() if stored_name(name) == name}, path)
    return path


def test_without_heads_the_whole_job_is_geometry(play, photos, small_backbone, tmp_path, one_core_for_the_network):
    """Published weights alone: cloud and cameras, an explanation for the masks, and a PLY of the cloud."""
    heads = StandInQuestions(heads_answer=None)
    target = tmp_path / "cloud.ply"

    async def story(program):
        settings = RunSettings(size="small", weights=small_backbone, resolution=98)
        await (await started(program, photos, settings))
        await painted(program)
        assert program.session.origin.masks == "missing"
        assert program.session.model.geometry_only
        assert program.session.reconstruction.instances == ()
        assert "Geometry only: this model has no trained heads" in program.window.chips.texts()
        assert not any("random" in text for text in program.window.chips.texts())
        assert program.masks_page.explains
        command = program.window.findChild(QPushButton, "masksCopy")
        assert command.isVisible()
        click(program.window.findChild(QPushButton, "masksHeads"))
        await until(lambda: heads.asked == ["heads"], "the question")

        seen = program.session.curated.as_reconstruction()
        write_scene_ply(target, seen, threshold=0.0)
        vertices = read_ply(target).vertices
        assert len(vertices) == int(seen.cloud.valid.sum()) > 1000
        points = np.stack([vertices[axis] for axis in "xyz"], axis=1)
        assert np.array_equal(points, seen.cloud.points[seen.cloud.valid])

        click(program.window.findChild(QPushButton, "masksRandom"))  # asked for by name
        await until(lambda: has_masks(program), "the random masks", 60)
        assert any("random" in text for text in program.window.chips.texts())

    play(story, steps=CoreSteps(), questions=heads)


def test_out_of_memory_offers_ways_out_and_keeps_the_result(play):
    scene = synthetic_reconstruction(views=4, height=56, width=84, queries=8)
    steps = StandInSteps(scene)

    async def story(program):
        await program.workflow.open_folder(Path("/photos/kitchen"))
        before, encode = program.session.reconstruction, steps.encode

        def refuse(*_):
            raise DeviceMemoryError("The device ran out of memory.")

        steps.encode = refuse
        await program.workflow.start(program.workflow.open_folder(Path("/photos/bath")))
        await until(lambda: program.window._error is not None, "the error")
        assert program.session.reconstruction is before
        steps.encode = encode
        click(program.window._error.findChild(QPushButton, "errorWay_views"))
        await until(lambda: program.session.origin.folder == Path("/photos/bath"), "the second try")
        assert program.session.plan.settings.maximum_views == 2
        assert steps.plans[-1].settings.maximum_views == 2

    play(story, steps=steps)


def test_the_model_is_unloaded_by_the_menu_and_loaded_by_the_next_run(play):
    steps = StandInSteps()

    async def story(program):
        await program.workflow.open_folder(Path("/photos/kitchen"))
        program.actions.trigger("unload")
        await until(lambda: program.session.model is None, "the model to go")
        assert "Unloaded nano" in program.window.statusBar().currentMessage()
        assert not program.actions.state("unload").enabled
        await program.workflow.run_again()
        assert steps.calls.count("load") == 2

    play(story, steps=steps)


def test_the_window_keeps_beating_through_a_whole_run(play, photos, one_core_for_the_network):
    """Reading to masks, geometry shown on the way, then assembled again: no gap above a tenth of it all."""
    beats = []

    async def story(program):
        settings = RunSettings(resolution=196)
        await (await started(program, photos, settings))  # imports torch and loads the network
        timer = QTimer(program.window, interval=10)
        timer.timeout.connect(lambda: beats.append(time.monotonic()))
        timer.start()
        began = time.monotonic()
        for _ in range(3):
            await (await started(program, photos, settings))
            for value in (0.4, 0.6, 0.5):
                program.session.edit("x", replace(program.session.edits, mask_threshold=value))
                await until(lambda: program.session.activity.idle, "the masks")
            key(program.window, Qt.Key.Key_C)
        timer.stop()
        return began, time.monotonic()

    began, ended = play(story, steps=CoreSteps())
    inside = [began, *(beat for beat in beats if began < beat < ended), ended]
    assert max(np.diff(inside)) < (ended - began) / 10
