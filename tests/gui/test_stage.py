"""The stage with real mouse and keys: anchors dragged, colors that mean numbers, photos looked through, hover."""

from dataclasses import replace

import numpy as np
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtWidgets import QApplication, QMenu

from fast3dis_core.reconstruction import AnchorOverride
from tests.app.standins import StandInSteps
from tests.gui.hands import LEFT, NONE, click, drag, mouse, on_screen, painted, press, until, wheel
from tests.gui.test_window import SCENE, opened, place_of

RIGHT = Qt.MouseButton.RightButton


class Following(StandInSteps):
    """Where an anchor is dragged, its mask takes the points within reach."""

    reach = 0.5

    def assemble_one(self, views, encoded, trace, mask_threshold, layer, query, previous):
        from tests.app.standins import with_instances

        (override,) = [item for item in trace.overrides if item.query == query]
        return with_instances(previous, [self._moved(item, override) for item in previous.instances])

    def assemble(self, views, encoded, trace, mask_threshold, layer, previous, report):
        from tests.app.standins import with_instances

        result = super().assemble(views, encoded, trace, mask_threshold, layer, previous, report)
        parts = result.instances
        for override in trace.overrides:
            parts = [self._moved(item, override) for item in parts]
        return with_instances(result, parts)

    def _moved(self, item, override):
        from fast3dis_core.reconstruction import Instance

        if item.query != override.query:
            return item
        cloud = self.reconstruction.cloud
        with np.errstate(invalid="ignore"):
            near = np.linalg.norm(cloud.points - np.array(override.position, np.float32), axis=1) < self.reach
        pixels = np.flatnonzero(near & cloud.valid).astype(np.int32)
        return Instance(query=item.query, objectness=item.objectness, anchor=item.anchor.copy(), pixels=pixels)


async def staged(program):
    await opened(program)
    program.actions.trigger("anchors")
    await painted(program)
    return program.session.curated.reconstruction.anchors[-1]


def drag_parts(view, start, end, steps=6):
    mouse(view, QEvent.Type.MouseMove, start, NONE, NONE)
    mouse(view, QEvent.Type.MouseButtonPress, start, LEFT, LEFT)
    for step in range(1, steps + 1):
        yield start + (end - start) * (step / steps)


async def drag_anchor(program, query, end, *, give_up=False):
    view = program.viewport.view
    anchors = program.session.curated.reconstruction.anchors[-1]
    start = on_screen(program, anchors[query])
    for place in drag_parts(view, start, end):
        mouse(view, QEvent.Type.MouseMove, place, NONE, LEFT)
        await until(lambda: program.session.previewing or program.workflow.busy, "a preview", 5.0)
    await until(lambda: program.session.previewing and not program.workflow.busy, "the last preview", 5.0)
    if give_up:
        program.actions.trigger("step_back")
    mouse(view, QEvent.Type.MouseButtonRelease, end, LEFT, NONE)
    await until(lambda: not program.workflow.busy, "the exact answer", 5.0)


def test_a_dragged_anchor_takes_its_mask_along_and_undo_brings_it_back_to_the_bit(play):
    steps = Following(SCENE)

    async def story(program):
        anchors = await staged(program)
        query, other = (item.query for item in program.session.shown()[:2])
        before = {item.query: item.pixels.copy() for item in program.session.curated.instances}
        camera = program.viewport.view.renderer.GetActiveCamera().GetPosition()
        await drag_anchor(program, query, on_screen(program, anchors[other]))
        assert program.viewport.view.renderer.GetActiveCamera().GetPosition() == camera, "anchors before the camera"
        (override,) = program.session.edits.overrides
        assert isinstance(override, AnchorOverride)
        assert override.query == query
        assert program.session.undo_label == f"Move anchor {query}"
        assert "follow" in steps.calls
        moved = program.session.curated.find(query).pixels
        there = SCENE.cloud.points[moved].mean(axis=0)
        old = SCENE.cloud.points[before[query]].mean(axis=0)
        assert np.linalg.norm(there - np.array(override.position)) < np.linalg.norm(old - np.array(override.position))
        program.actions.trigger("undo")
        await until(lambda: not program.workflow.busy, "the old masks")
        for item in program.session.curated.instances:
            assert item.pixels.tobytes() == before[item.query].tobytes()

    play(story, steps=steps)


def test_escape_gives_a_drag_up(play):
    async def story(program):
        anchors = await staged(program)
        query, other = (item.query for item in program.session.shown()[:2])
        before = program.session.curated.find(query).pixels
        await drag_anchor(program, query, on_screen(program, anchors[other]), give_up=True)
        assert program.session.edits.overrides == ()
        assert not program.session.previewing
        assert np.array_equal(program.session.curated.find(query).pixels, before)

    play(story, steps=Following(SCENE))


def test_a_click_on_an_anchor_selects_its_query(play):
    async def story(program):
        anchors = await staged(program)
        query = program.session.shown()[2].query
        click(program.viewport.view, on_screen(program, anchors[query]))
        assert program.session.display.selection == {query}
        program.actions.trigger("pin")
        assert program.session.edits.overrides[0].pinned

    play(story, steps=Following(SCENE))


def test_keys_show_anchors_and_walk_color_modes(play):
    async def story(program):
        await opened(program)
        await press(program.window, Qt.Key.Key_N)
        assert program.session.display.anchors
        await press(program.window, Qt.Key.Key_C)
        await press(program.window, Qt.Key.Key_C)
        assert program.session.display.color_mode == "objectness"
        legend = program.viewport.dressing.legend
        assert legend.isVisible()
        assert legend.words == ("Objectness", "0.00", "1.00")
        program.actions.trigger("color_claims")
        await until(lambda: program.session.inspection is not None, "claims")
        assert legend.words[0] == "Claims"
        program.actions.trigger("color_instance")
        assert not legend.isVisible()

    play(story, steps=StandInSteps(SCENE))


def test_through_a_photo_every_point_lies_on_its_pixel(play):
    async def story(program):
        await opened(program)
        program.session.show(program.session.display.__class__(view=1))
        before = program.viewport.view.renderer.GetActiveCamera().GetPosition()
        program.actions.trigger("through_photo")
        await painted(program)
        view = program.viewport.view
        height, width = SCENE.images.shape[1:3]
        scale = min(view.height() / height, view.width() / width)
        left, top = (view.width() - scale * width) / 2, (view.height() - scale * height) / 2
        rows = np.arange(height * width, 2 * height * width)[::311]
        for row in rows[SCENE.cloud.valid[rows]]:
            y, x = divmod(row - height * width, width)
            place = on_screen(program, SCENE.cloud.points[row])
            expected = QPointF(left + (x + 0.5) * scale, top + (y + 0.5) * scale)
            assert (place - expected).manhattanLength() < 2.5, "logical pixels; on_screen itself rounds by one"
        program.actions.trigger("through_photo")
        await painted(program)
        assert np.allclose(program.viewport.view.renderer.GetActiveCamera().GetPosition(), before, atol=1e-6)

    play(story, steps=StandInSteps(SCENE))


def test_resting_on_an_instance_lights_it_up_everywhere(play):
    async def story(program):
        await opened(program)
        query = program.session.shown()[0].query
        mouse(program.viewport.view, QEvent.Type.MouseMove, place_of(program, query), NONE, NONE)
        await until(lambda: program.session.display.hovered == query, "the hover")
        mouse(program.viewport.view, QEvent.Type.MouseMove, QPointF(4, 4), NONE, NONE)
        await until(lambda: program.session.display.hovered is None, "the end of it")

    play(story, steps=StandInSteps(SCENE))


def test_the_mark_goes_when_the_pointer_leaves_the_stage(play):
    async def story(program):
        await opened(program)
        view, query = program.viewport.view, program.session.shown()[0].query
        mouse(view, QEvent.Type.MouseMove, place_of(program, query), NONE, NONE)
        await until(lambda: program.session.display.hovered == query, "the hover")
        QApplication.sendEvent(view, QEvent(QEvent.Type.Leave))
        assert program.session.display.hovered is None

    play(story, steps=StandInSteps(SCENE))


def test_a_rest_on_a_point_tells_its_facts_until_the_pointer_moves(play):
    async def story(program):
        await opened(program)
        item, tip = program.session.shown()[0], program.viewport.tip
        rows = []
        tip.rested.connect(rows.append)
        spot = place_of(program, item.query)
        mouse(program.viewport.view, QEvent.Type.MouseMove, spot, NONE, NONE)
        await until(lambda: tip.text, "the tool tip")
        view, pixel = divmod(rows[-1], SCENE.pixels_per_view)
        down, across = divmod(pixel, SCENE.images.shape[2])
        lines = tip.text.split("\n")
        assert lines[:2] == [item.name, f"Query {item.query}, objectness {item.objectness:.2f}"]
        assert lines[2:4] == [f"View {view + 1}: {SCENE.names[view]}", f"Pixel {across}, {down}"]
        assert lines[4].endswith(" scene units")
        assert (on_screen(program, SCENE.cloud.points[rows[-1]]) - spot).manhattanLength() < 12
        mouse(program.viewport.view, QEvent.Type.MouseMove, QPointF(4, 4), NONE, NONE)
        await until(lambda: not tip.text, "the end of it")

    play(story, steps=StandInSteps(SCENE))


def test_sides_and_parallel_views_keep_the_scene_in_sight(play):
    async def story(program):
        await opened(program)
        view = program.viewport.view
        for action in ("look_top", "look_side", "orthographic", "look_front", "fit"):
            program.actions.trigger(action)
            await painted(program)
            points = SCENE.cloud.points[SCENE.cloud.valid][::97]
            inside = [view.rect().contains(on_screen(program, point).toPoint()) for point in points]
            assert np.mean(inside) > 0.95, action
        assert view.renderer.GetActiveCamera().GetParallelProjection()

    play(story, steps=StandInSteps(SCENE))


async def right_click(program, place):
    """The menu, and its actions by their words."""
    view = program.viewport.view
    mouse(view, QEvent.Type.MouseButtonPress, place, RIGHT, RIGHT)
    mouse(view, QEvent.Type.MouseButtonRelease, place, RIGHT, NONE)
    menu = program.window.findChild(QMenu, "stageMenu")
    await until(menu.isVisible, "the menu", 5.0)
    return menu, {action.text(): action for action in menu.actions() if action.text()}


def test_a_right_click_offers_what_can_be_done_with_the_instance_there(play):
    async def story(program):
        await opened(program)
        session = program.session
        await painted(program)
        queries = [item.query for item in session.shown() if place_of(program, item.query) is not None]
        first, second = queries[:2]
        menu, items = await right_click(program, place_of(program, second))
        assert session.display.selection == {second}
        assert next(iter(items)) == f"Instance {second}"
        menu.close()
        items["Hide selected"].trigger()
        assert session.edits.hidden == {second}
        program.actions.trigger("undo")

        session.show(replace(session.display, selection=frozenset({first, second})))
        await painted(program)
        menu, items = await right_click(program, place_of(program, first))
        assert session.display.selection == {first, second}, "a menu of a selection leaves it as it is"
        assert next(iter(items)).endswith(" and 1 more")
        menu.close()

        menu, items = await right_click(program, QPointF(4, 4))
        assert "Hide selected" not in items, "there is no instance"
        assert "From the top" in items
        menu.close()

    play(story, steps=StandInSteps(SCENE))


def test_a_right_drag_zooms_and_opens_no_menu(play):
    async def story(program):
        await opened(program)
        view, camera = program.viewport.view, program.viewport.view.renderer.GetActiveCamera()
        before, start = camera.GetDistance(), QPointF(300, 300)
        mouse(view, QEvent.Type.MouseButtonPress, start, RIGHT, RIGHT)
        for step in range(1, 6):
            mouse(view, QEvent.Type.MouseMove, start + QPointF(0, 15 * step), NONE, RIGHT)
        mouse(view, QEvent.Type.MouseButtonRelease, start + QPointF(0, 75), RIGHT, NONE)
        await painted(program)
        assert camera.GetDistance() != before
        assert not program.window.findChild(QMenu, "stageMenu").isVisible()

    play(story, steps=StandInSteps(SCENE))


def test_fit_keeps_the_direction_and_reset_brings_the_first_look_back(play):
    async def story(program):
        await opened(program)
        await painted(program)
        camera = program.viewport.view.renderer.GetActiveCamera()

        def pose():
            return np.array([camera.GetPosition(), camera.GetFocalPoint()])

        first = pose()
        await drag(program.viewport.view, QPointF(200, 200), QPointF(400, 260))
        for _ in range(6):
            wheel(program.viewport.view, QPointF(300, 300), 1)
        await painted(program)
        ahead = np.array(camera.GetDirectionOfProjection())
        await press(program.window, Qt.Key.Key_A)
        await painted(program)
        assert np.allclose(camera.GetDirectionOfProjection(), ahead, atol=1e-4)
        assert not np.allclose(pose(), first, atol=0.05)
        await press(program.window, Qt.Key.Key_A, Qt.KeyboardModifier.ShiftModifier)
        await painted(program)
        assert np.allclose(pose(), first, atol=1e-4)

    play(story, steps=StandInSteps(SCENE))


def test_a_key_makes_points_larger_and_another_smaller(play):
    async def story(program):
        await opened(program)
        await painted(program)
        counts = [_painted_pixels(program)]
        for key in (Qt.Key.Key_Plus, Qt.Key.Key_Minus, Qt.Key.Key_Minus):
            for _ in range(4):
                await press(program.window, key)
            await painted(program)
            counts.append(_painted_pixels(program))
        usual, large, again, small = counts
        assert large > 1.02 * usual  # the surface was closed before
        assert again == usual > small

    play(story, steps=StandInSteps(SCENE))


def _painted_pixels(program):
    picture = program.viewport.view.screenshot(return_img=True)
    return int((picture != picture[0, 0]).any(axis=-1).sum())
