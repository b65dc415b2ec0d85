"""Anchors dragged in the bundled sample with the bundled network, by real mouse and keys."""

import numpy as np
import pytest
from PySide6.QtCore import QEvent

from fast3dis_core.reconstruction import AnchorOverride
from tests.gui.hands import LEFT, NONE, mouse, on_screen, painted, until
from tests.gui.real_sample import moved_pixels, object_ids, open_sample, share_on, way_to_another_object

pytestmark = pytest.mark.usefixtures("one_core_for_the_network")


async def face(program, start, end):
    """Turn the camera so that the way from start to end lies in the plane that faces it, both in sight."""
    start, end = np.array(start, float), np.array(end, float)
    way = end - start
    up = np.array(program.viewport.camera.up, float)
    across = np.cross(way, up)
    across /= np.linalg.norm(across)
    middle, distance = (start + end) / 2, 2.5 * np.linalg.norm(way) + 0.5
    camera = program.viewport.view.renderer.GetActiveCamera()
    camera.SetFocalPoint(*middle)
    camera.SetPosition(*(middle - distance * across))
    camera.SetViewUp(*up)
    program.viewport.view.renderer.ResetCameraClippingRange()
    program.viewport.view.request_render()
    await painted(program)


async def drag(program, start, end, steps=5):
    """Move the mouse with the left button down, and wait for the preview of every place; it stays down."""
    view = program.viewport.view
    mouse(view, QEvent.Type.MouseMove, start, NONE, NONE)
    mouse(view, QEvent.Type.MouseButtonPress, start, LEFT, LEFT)
    for step in range(1, steps + 1):
        mouse(view, QEvent.Type.MouseMove, start + (end - start) * (step / steps), NONE, LEFT)
        await until(lambda: program.session.previewing and not program.workflow.busy, "a preview")


def test_an_anchor_dragged_to_another_object_takes_its_mask_there_and_undo_brings_it_back(play):
    async def story(program):
        session = program.session
        await open_sample(program)
        ids = object_ids(program)
        query, number, target = way_to_another_object(program, ids)
        old = session.reconstruction
        before = session.curated.find(query).pixels
        anchor = old.anchors[-1, query]
        await face(program, anchor, target)
        start, end = on_screen(program, anchor), on_screen(program, target)
        await drag(program, start, end)

        preview = session.curated.find(query).pixels
        rows = program._viewport._painting.rows()
        assert (rows[preview] == query + 1).all(), "the preview is what is painted"
        assert share_on(before, ids, number) < 0.2, "it began elsewhere"
        assert share_on(preview, ids, number) > 0.5, "the preview lies on the object"
        assert session.reconstruction is old, "nothing is decided while the button is down"
        others = [item.query for item in old.instances if item.query != query]
        assert all(_pixels(session, other) is _pixels_of(old, other) for other in others), "the others are held"

        mouse(program.viewport.view, QEvent.Type.MouseButtonRelease, end, LEFT, NONE)
        await until(lambda: not program.workflow.busy, "the exact answer")
        (override,) = session.edits.overrides
        assert override.query == query
        assert np.allclose(override.position, target, atol=0.02)
        assert share_on(session.curated.find(query).pixels, ids, number) > 0.5
        exact = moved_pixels(program, AnchorOverride(query=query, position=override.position))
        assert np.array_equal(_pixels(session, query), exact), "what is on show is the decoder's own answer"

        program.actions.trigger("undo")
        await until(lambda: not program.workflow.busy, "the old result")
        new = session.reconstruction
        assert len(new.instances) == len(old.instances)
        for one, other in zip(old.instances, new.instances, strict=True):
            assert (one.query, one.objectness) == (other.query, other.objectness)
            assert one.pixels.tobytes() == other.pixels.tobytes()
        for name in ("anchors", "objectness", "overlap"):
            assert getattr(old, name).tobytes() == getattr(new, name).tobytes(), name

    play(story)


def _pixels_of(result, query):
    return next((item.pixels for item in result.instances if item.query == query), None)


def _pixels(session, query):
    """As the core gave them, without the point filters."""
    return _pixels_of(session.curated.reconstruction, query)
