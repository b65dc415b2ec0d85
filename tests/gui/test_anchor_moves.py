"""Anchors moved by real mouse, wheel and keys: along axes, on surfaces, by nudges, and in the large photo."""

import numpy as np
from PySide6.QtCore import QEvent, QPointF, Qt

from tests.gui.hands import LEFT, NONE, mouse, on_screen, painted, press, until, wheel
from tests.gui.test_photos import with_photo
from tests.gui.test_stage import Following, staged
from tests.gui.test_window import SCENE

SHIFT, ALT, PLAIN = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.NoModifier
WIDE = {"window_size": (1560, 900)}


def hold(widget, place):
    mouse(widget, QEvent.Type.MouseMove, place, NONE, NONE)
    mouse(widget, QEvent.Type.MouseButtonPress, place, LEFT, LEFT)


async def move(program, widget, place, modifiers=PLAIN):
    mouse(widget, QEvent.Type.MouseMove, place, NONE, LEFT, modifiers)
    await until(lambda: program.session.previewing and not program.workflow.busy, "a preview", 10.0)


async def let_go(program, widget, place):
    mouse(widget, QEvent.Type.MouseButtonRelease, place, LEFT, NONE)
    await until(lambda: not program.workflow.busy, "the exact answer", 10.0)


def position(program):
    (override,) = program.session.edits.overrides
    return np.array(override.position)


def test_a_key_binds_a_drag_to_an_axis_and_frees_it_again(play):
    async def story(program):
        anchors = await staged(program)
        view, query = program.viewport.view, program.session.shown()[0].query
        start = on_screen(program, anchors[query])
        note = program.viewport.anchor_tool.note
        hold(view, start)
        await move(program, view, start + QPointF(30, 20))
        assert "facing you" in note.text()
        await press(program.window, Qt.Key.Key_Y)
        await until(lambda: "along Y" in note.text(), "the word for it")
        assert note.isVisible()
        await move(program, view, start + QPointF(60, 45))
        state = program.inspector.drag.state
        moved = np.array(state.position) - anchors[query]
        assert abs(moved[1]) > 1e-3
        assert np.allclose(moved[[0, 2]], 0, atol=1e-6), "along Y and nothing else"
        # of all places on the axis it is the one nearest to the pointer
        spot, pointer = on_screen(program, state.position), start + QPointF(60, 45)
        for step in (-0.02, 0.02):
            other = on_screen(program, np.array(state.position) + np.array([0, step, 0]))
            assert _distance(other, pointer) > _distance(spot, pointer) - 1.5
        await press(program.window, Qt.Key.Key_Y)
        await until(lambda: "facing you" in note.text(), "to be free again")
        await press(program.window, Qt.Key.Key_X)
        end = start + QPointF(50, 10)
        await move(program, view, end)
        await let_go(program, view, end)
        assert np.allclose((position(program) - anchors[query])[1:], 0, atol=1e-6)
        assert not note.isVisible()
        assert not program.actions.state("lock_x").enabled

    play(story, steps=Following(SCENE))


def _distance(one, other):
    return (one - other).manhattanLength()


def test_with_shift_an_anchor_lands_on_the_surface_under_the_pointer(play):
    async def story(program):
        anchors = await staged(program)
        view, query = program.viewport.view, program.session.shown()[0].query
        start = on_screen(program, anchors[query])
        hold(view, start)
        end = start + QPointF(40, 12)
        await move(program, view, end, SHIFT)
        assert "on the surface" in program.viewport.anchor_tool.note.text()
        await let_go(program, view, end)
        gap = np.linalg.norm(SCENE.cloud.points[SCENE.cloud.valid] - position(program), axis=1).min()
        assert gap < 1e-6, "a point of the cloud"
        assert _distance(on_screen(program, position(program)), end) < 12

    play(story, steps=Following(SCENE))


def test_nudges_move_as_the_screen_has_it_and_are_one_step(play):
    async def story(program):
        anchors = await staged(program)
        query = program.session.shown()[0].query
        program.session.show(_choosing(program, query))
        before = on_screen(program, anchors[query])
        for _ in range(3):
            await press(program.window, Qt.Key.Key_Right, ALT)
        await until(lambda: not program.workflow.busy, "the answer")
        after = on_screen(program, position(program))
        assert 12 < after.x() - before.x() < 24
        assert abs(after.y() - before.y()) < 2
        program.actions.trigger("undo")
        assert program.session.edits.overrides == ()

    play(story, steps=Following(SCENE))


def _choosing(program, query):
    from dataclasses import replace

    return replace(program.session.display, selection=frozenset({query}))


async def photo_with_anchors(program):
    photo = await with_photo(program)
    program.photos.presenter.tick("photo_anchors", True)
    await painted(program)
    mark = next(each for each in photo.anchors.anchors if each.sight in ("visible", "occluded"))
    return photo, mark, photo.transform().map(QPointF(mark.x, mark.y))


def pixel(program, place):
    result, view = program.session.reconstruction, program.session.display.view
    camera = result.world_to_camera[view] @ np.append(place, 1.0)
    image = result.intrinsics[view] @ camera[:3]
    return image[0] / image[2], image[1] / image[2], camera[2]


def test_an_anchor_dragged_in_the_photo_moves_on_its_ray_and_the_wheel_changes_its_depth(play):
    async def story(program):
        photo, mark, start = await photo_with_anchors(program)
        anchor = SCENE.anchors[-1, mark.query]
        _, _, depth = pixel(program, anchor)
        zoom = photo.transform()
        hold(photo, start)
        end = start + QPointF(40, -20)
        await move(program, photo, end)
        goal = zoom.inverted()[0].map(end)
        place = program.inspector.drag.state.position
        assert np.allclose(pixel(program, place), (goal.x(), goal.y(), depth), atol=0.02)
        wheel(photo, end, 3)
        await until(lambda: not program.workflow.busy, "the preview")
        assert photo.transform() == zoom, "the wheel is the anchor's meanwhile"
        farther = pixel(program, program.inspector.drag.state.position)
        assert np.allclose(farther[:2], (goal.x(), goal.y()), atol=0.02)
        assert farther[2] > 1.05 * depth
        assert "depth" in photo.anchors.note
        on_stage = program.viewport._anchors.position(mark.query)
        assert np.allclose(on_stage, program.inspector.drag.state.position, atol=1e-5), "seen in 3D at once"
        await let_go(program, photo, end)
        assert np.allclose(pixel(program, position(program)), farther, atol=1e-3)
        assert photo.anchors.note == ""
        program.actions.trigger("undo")
        await until(lambda: not program.workflow.busy, "the old masks")
        assert program.session.edits.overrides == ()

    play(story, steps=Following(SCENE), **WIDE)


def test_in_the_photo_shift_keeps_to_the_surface_and_escape_gives_up(play):
    async def story(program):
        photo, mark, start = await photo_with_anchors(program)
        before = program.session.curated.find(mark.query).pixels
        hold(photo, start)
        end = start + QPointF(30, 10)
        await move(program, photo, end, SHIFT)
        assert "on the surface" in photo.anchors.note
        surface = SCENE.cloud.points[SCENE.cloud.valid]
        gap = np.linalg.norm(surface - np.array(program.inspector.drag.state.position), axis=1).min()
        assert gap < 0.05, "within the pixel of the map"
        program.actions.trigger("step_back")
        mouse(photo, QEvent.Type.MouseButtonRelease, end, LEFT, NONE)
        assert program.session.edits.overrides == ()
        assert not program.session.previewing
        assert np.array_equal(program.session.curated.find(mark.query).pixels, before)

    play(story, steps=Following(SCENE), **WIDE)
