"""Frames of a drag: an anchor and its mask come in one, and a slow decoder does not hold the anchor back."""

import asyncio
import threading

import pytest
from PySide6.QtCore import QEvent, QObject, QPointF

from tests.gui.hands import LEFT, NONE, mouse, on_screen, painted, until
from tests.gui.test_stage import Following, staged
from tests.gui.test_window import SCENE

LONG = 60_000  # ms that nobody waits


class Held(Following):
    """Previews wait for a gate."""

    opened = threading.Event()

    def assemble_one(self, *args):
        assert self.opened.wait(20)
        return super().assemble_one(*args)


@pytest.fixture(autouse=True)
def always_a_stand_in(monkeypatch):
    monkeypatch.setattr("app.viewport.motion.SLOW_HELD_FRAME", 0.0)


def take(program, query):
    """Hold the anchor of a query; where it is in the viewport."""
    place = on_screen(program, program.session.reconstruction.anchors[-1, query])
    mouse(program.viewport.view, QEvent.Type.MouseMove, place, NONE, NONE)
    mouse(program.viewport.view, QEvent.Type.MouseButtonPress, place, LEFT, LEFT)
    return place


def test_a_move_is_one_frame_with_the_mask_and_letting_go_another_with_all_points(play, monkeypatch):
    for name in ("PATIENCE", "EXACT_PATIENCE"):
        monkeypatch.setattr(f"app.viewport.motion.{name}", LONG)

    async def story(program):
        await staged(program)
        session, view, cloud, frames = program.session, program.viewport.view, program.viewport._cloud, []
        query = session.shown()[0].query
        start = take(program, query)
        mouse(view, QEvent.Type.MouseMove, start + QPointF(8, 6), NONE, LEFT)
        await until(lambda: session.previewing and not program.workflow.busy, "the first preview")
        await until(lambda: not view._stale, "its frame")

        def note():
            rows = program._viewport._painting.rows()
            mine = session.curated.find(query).pixels
            frames.append(
                (session.previewing, bool((rows[mine] == query + 1).all()), cloud._full.actor.GetVisibility())
            )

        program.viewport.painted.connect(note)
        for step in range(2, 6):
            frames.clear()
            mouse(view, QEvent.Type.MouseMove, start + step * QPointF(8, 6), NONE, LEFT)
            await until(lambda: frames, "a frame")
            await asyncio.sleep(0.35)  # longer than the camera's rest
            assert frames == [(True, True, 0)], "one frame, with the preview's colors, of the stand-in"
        frames.clear()
        mouse(view, QEvent.Type.MouseButtonRelease, start + 5 * QPointF(8, 6), LEFT, NONE)
        await until(lambda: frames and not program.workflow.busy, "the exact answer")
        await asyncio.sleep(0.35)
        assert frames == [(False, True, 1)], "one frame, of the exact answer, with all points"
        await painted(program)

    play(story, steps=Following(SCENE))


def test_an_anchor_goes_ahead_of_a_mask_that_takes_long(play):
    async def story(program):
        await staged(program)
        view, frames = program.viewport.view, []
        steps.opened.clear()
        query = program.session.shown()[0].query
        start = take(program, query)
        program.viewport.painted.connect(lambda: frames.append(program.session.previewing))
        end = start + QPointF(40, 30)
        mouse(view, QEvent.Type.MouseMove, end, NONE, LEFT)
        await until(lambda: frames, "a frame without the mask")
        assert frames == [False]
        spot = on_screen(program, program.viewport._anchors.position(query))
        assert (spot - end).manhattanLength() < 2, "the anchor is under the pointer"
        steps.opened.set()
        await until(lambda: frames[-1], "the mask")
        mouse(view, QEvent.Type.MouseButtonRelease, end, LEFT, NONE)
        await until(lambda: not program.workflow.busy, "the exact answer")

    steps = Held(SCENE)
    play(story, steps=steps)


def test_the_photo_is_painted_with_the_frame_and_not_before_it(play, monkeypatch):
    """The window is put together as a whole: a picture of its own would hold up the frame."""
    for name in ("PATIENCE", "EXACT_PATIENCE"):
        monkeypatch.setattr(f"app.viewport.motion.{name}", LONG)

    async def story(program):
        await staged(program)
        session, view, photo = program.session, program.viewport.view, program.photos.panel.photo
        assert photo.isVisible()
        query = session.shown()[0].query
        start = take(program, query)
        mouse(view, QEvent.Type.MouseMove, start + QPointF(8, 6), NONE, LEFT)
        await until(lambda: session.previewing and not view._stale, "the first preview")
        steps.opened.clear()
        before = painted_parts(photo)
        mouse(view, QEvent.Type.MouseMove, start + QPointF(40, 30), NONE, LEFT)
        await asyncio.sleep(0.3)
        assert before == [], "nothing of the new place is shown while its mask is not there"
        steps.opened.set()
        await until(lambda: before, "the photo")
        await until(lambda: not view._stale, "the frame")
        mouse(view, QEvent.Type.MouseButtonRelease, start + QPointF(40, 30), LEFT, NONE)
        await until(lambda: not program.workflow.busy, "the exact answer")
        assert photo.updatesEnabled(), "it goes on as usual"
        photo.removeEventFilter(photo._spy)
        del photo._spy

    steps = Held(SCENE)
    steps.opened.set()
    play(story, steps=steps, window_size=(1440, 900))


def painted_parts(widget):
    """A list that grows with every paint of a widget."""
    painted = []

    class Spy(QObject):
        def eventFilter(self, _, event):
            if event.type() == QEvent.Type.Paint:
                painted.append(True)
            return False

    widget._spy = Spy()
    widget.installEventFilter(widget._spy)
    return painted
