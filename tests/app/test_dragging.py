"""An anchor that is dragged, without widgets: what begins when, what is dropped, what is on show after an error."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.actions import Actions
from app.presenters.painting import Painting
from app.presenters.view_gallery import ViewGalleryPresenter
from app.session.activity import IDLE
from fast3dis_core.errors import DeviceMemoryError
from fast3dis_core.reconstruction import AnchorOverride
from tests.app.standins import Recorder, with_instances
from tests.app.test_workflow import drive

OVERRIDE = AnchorOverride(query=2, position=(1.0, 2.0, 3.0))
LONG = 5.0  # seconds


def let_go(desk):
    desk.session.edit("Move anchor 2", replace(desk.session.edits, overrides=(OVERRIDE,)))


def slow(step):
    """The same step, which waits for a gate; tells when it has begun."""
    begun, gate = threading.Event(), threading.Event()

    def waiting(*args):
        begun.set()
        assert gate.wait(LONG)
        return step(*args)

    return waiting, begun, gate


@pytest.mark.parametrize(
    ("step", "ask"), [("follow", lambda desk: desk.workflow.probe.drag(OVERRIDE)), ("decode", let_go)]
)
def test_the_decoder_is_at_work_before_the_event_loop_turns(step, ask):
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        begun = threading.Event()
        inner = getattr(desk.steps, step)
        setattr(desk.steps, step, lambda *args: (begun.set(), inner(*args))[1])
        ask(desk)
        assert begun.wait(LONG), "a frame that is due in this turn would have to be waited for"

    drive(story)


def test_previews_are_not_told_as_activity():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        desk.activities.clear()
        for _ in range(3):
            desk.workflow.probe.drag(OVERRIDE)
            await desk.settle()
        assert desk.session.previewing
        assert desk.activities == [], "they would make the status bar flicker"

    drive(story)


def test_a_preview_that_has_to_load_the_model_first_is_told():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        await desk.workflow.unload()
        desk.activities.clear()
        desk.workflow.probe.drag(OVERRIDE)
        await desk.settle()
        assert "Preview" in [activity.job for activity in desk.activities]
        assert desk.activities[-1] == IDLE

    drive(story)


def test_letting_go_does_not_wait_for_the_preview_in_line():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        desk.steps.follow, begun, gate = slow(desk.steps.follow)
        desk.steps.calls.clear()
        previews = []
        desk.session.reconstruction_changed.connect(lambda _: previews.append(desk.session.previewing))
        desk.workflow.probe.drag(OVERRIDE)
        assert begun.wait(LONG)
        desk.workflow.probe.drag(OVERRIDE)  # waits for the first
        let_go(desk)
        gate.set()
        await desk.settle()
        assert desk.steps.calls == ["follow", "assemble_one", "decode", "assemble"]
        assert previews == [False], "nor is what is late put on show before the answer"
        assert desk.failed == []

    drive(story)


def test_after_an_exact_decode_that_failed_the_last_exact_state_is_on_show_again():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        result, before = desk.session.reconstruction, desk.session.curated.find(2).pixels
        desk.workflow.probe.drag(OVERRIDE)
        await desk.settle()
        assert len(desk.session.curated.find(2).pixels) < len(before)

        decode, error = desk.steps.decode, DeviceMemoryError("The device ran out of memory.")

        def refuse(*_):
            raise error

        desk.steps.decode = refuse
        let_go(desk)
        await desk.settle()
        assert desk.failed == [error]
        assert not desk.session.previewing
        assert desk.session.reconstruction is result
        assert np.array_equal(desk.session.curated.find(2).pixels, before)
        assert desk.session.activity == IDLE

        desk.steps.decode = decode
        desk.session.undo()
        await desk.settle()
        assert desk.session.edits.overrides == ()
        assert desk.failed == [error]
        let_go(desk)
        await desk.settle()
        assert desk.steps.calls[-2:] == ["decode", "assemble"], "the next try is not spoiled"

    drive(story)


def test_a_failure_does_not_end_the_preview_of_a_newer_question():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        desk.workflow.probe.drag(OVERRIDE)
        await desk.settle()
        inner, (waiting, begun, gate) = desk.steps.decode, slow(desk.steps.decode)

        def refuse(*args):
            waiting(*args)
            raise DeviceMemoryError("The device ran out of memory.")

        desk.steps.decode = refuse
        shown = []
        desk.session.reconstruction_changed.connect(lambda _: shown.append(desk.session.previewing))
        let_go(desk)
        assert begun.wait(LONG)
        desk.steps.decode = inner
        desk.threshold(0.6)  # asks again, for the anchor too
        gate.set()
        await desk.settle()
        assert len(desk.failed) == 1
        assert shown == [False], "the answer took the place of the preview, nothing in between"
        assert desk.steps.mask_thresholds[-1] == 0.6

    drive(story)


def test_what_a_preview_does_not_change_is_not_painted_again():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        session, strip = desk.session, Recorder()
        painting = Painting(session)
        presenter = ViewGalleryPresenter(session, Actions(), painting, strip, list)
        session.show(replace(session.display, selection=frozenset({2}), view=1))
        rows, pictures = painting.rows(), len(strip.all_told("set_views"))
        same = with_instances(session.reconstruction, session.reconstruction.instances)
        session.preview(same, 2)
        assert painting.rows() is rows
        desk.workflow.probe.drag(OVERRIDE)
        await desk.settle()
        assert session.previewing
        assert painting.rows() is not rows
        assert len(strip.all_told("set_views")) == pictures, "small pictures wait for the exact answer"
        let_go(desk)
        await desk.settle()
        assert len(strip.all_told("set_views")) == pictures + 1
        assert presenter is not None

    drive(story)
