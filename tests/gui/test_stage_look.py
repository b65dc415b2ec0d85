"""How the stage looks, with real mouse and keys: cameras, photos in space, background, floor, axes, up, budget."""

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from fast3dis_core.reconstruction import Reconstruction
from tests.app.standins import StandInSteps
from tests.gui.hands import NONE, click, mouse, on_screen, painted, press, until
from tests.gui.test_window import SCENE, opened

DOUBLE = QEvent.Type.MouseButtonDblClick


def picture(program):
    return program.viewport.view.screenshot(return_img=True).astype(int)


def center(program, view):
    """Where the middle of an upper edge of a frustum is, logical pixels."""
    corners = program.viewport.cameras.layer._corners[view]
    return on_screen(program, corners[:2].mean(axis=0))


async def seen_from_the_side(program):
    """Far enough from the frustums that each is seen as a whole, with nothing before it."""
    for _ in range(6):
        program.actions.trigger("larger_cameras")
    program.actions.trigger("look_side")
    await painted(program)


def test_a_camera_under_the_pointer_says_which_it_is_and_a_click_makes_it_the_current_view(play):
    async def story(program):
        await opened(program)
        await seen_from_the_side(program)
        view, before = program.viewport.view, picture(program)
        mouse(view, QEvent.Type.MouseMove, center(program, 2), NONE, NONE)
        await until(lambda: program.viewport.tip.text, "the tip", 5.0)
        assert program.viewport.tip.text == f"View 3 of 4: {SCENE.names[2]}"
        assert view.cursor().shape() == Qt.CursorShape.PointingHandCursor
        await painted(program)
        assert np.abs(picture(program) - before).sum() > 0, "it is brighter"
        click(view, center(program, 2))
        assert program.session.display.view == 2
        assert not program.session.display.selection
        QApplication.sendEvent(view, QEvent(QEvent.Type.Leave))
        assert view.cursor().shape() == Qt.CursorShape.ArrowCursor

    play(story, steps=StandInSteps(SCENE))


def test_a_double_click_looks_through_a_camera_and_moving_away_leaves_it(play):
    async def story(program):
        await opened(program)
        await seen_from_the_side(program)
        view = program.viewport.view
        mouse(view, DOUBLE, center(program, 1), Qt.MouseButton.LeftButton, Qt.MouseButton.LeftButton)
        await painted(program)
        assert program.session.display.view == 1
        assert program.actions.state("through_photo").checked
        eye = -SCENE.world_to_camera[1, :3, :3].T @ SCENE.world_to_camera[1, :3, 3]
        assert np.allclose(view.renderer.GetActiveCamera().GetPosition(), eye, atol=1e-4)
        program.actions.trigger("fit")
        await painted(program)
        assert not program.actions.state("through_photo").checked

    play(story, steps=StandInSteps(SCENE))


@pytest.mark.parametrize(("hung", "share"), [(False, 0.3), (True, 1.0)])
def test_the_current_photo_fills_its_frustum_lightly_and_all_photos_can_hang(play, hung, share):
    """In an empty scene the photo over a black background has exactly its share of the color."""
    flat = np.full(SCENE.images.shape, 200, np.uint8)
    cloud = replace(SCENE.cloud, valid=np.zeros(len(SCENE.cloud.valid), bool), colors=flat.reshape(-1, 3))
    values = {name: getattr(SCENE, name) for name in ("names", "intrinsics", "world_to_camera", "is_metric", "overlap")}
    values |= {"anchors": SCENE.anchors, "objectness": SCENE.objectness}
    empty = Reconstruction(**values, images=flat, cloud=cloud, instances=())

    async def story(program):
        await opened(program)
        program.actions.trigger("background_black")
        if hung:
            program.actions.trigger("photo_planes")
        program.viewport.camera.look_at(program.viewport.cameras.layer._corners[0, :5], fly=False)
        await painted(program)
        spot = on_screen(program, program.viewport.cameras.layer._corners[0, :4].mean(axis=0))
        height = program.viewport.view.height()
        colors = picture(program)[round(spot.y()) - 2 : round(spot.y()) + 3, round(spot.x()) - 2 : round(spot.x()) + 3]
        assert height > 100
        assert abs(np.median(colors) - 200 * share) < 8

    play(story, steps=StandInSteps(empty))


def test_a_hung_photo_lies_upright_where_its_camera_saw_it(play):
    """Seen through its own camera, its plane is the photo, corner by corner."""
    rng = np.random.default_rng(1)
    blocks = rng.integers(0, 255, (4, 7, 8, 3)).astype(np.uint8)
    photos = blocks.repeat(8, axis=1).repeat(SCENE.images.shape[2] // 8 + 1, axis=2)
    photos = np.ascontiguousarray(photos[:, : SCENE.images.shape[1], : SCENE.images.shape[2]])

    async def story(program):
        await opened(program)
        layer, view = program.viewport.cameras.layer, program.viewport.view
        layer.set_photos(photos)
        program.actions.trigger("photo_planes")
        program.actions.trigger("through_photo")
        await painted(program)
        layer.set_inside(-1)  # its own photo is not hung while the user looks through it
        view.request_render()
        await painted(program)
        height, width = photos.shape[1:3]
        scale = min(view.height() / height, view.width() / width)
        left, top = (view.width() - scale * width) / 2, (view.height() - scale * height) / 2
        rows, columns = np.mgrid[4:height:8, 5:width:11]
        seen = picture(program)[(top + scale * (rows + 0.5)).astype(int), (left + scale * (columns + 0.5)).astype(int)]
        wrong = np.abs(seen - photos[0, rows, columns]).max(axis=-1) > 40  # lines of cameras cross it
        assert wrong.mean() < 0.15

    play(story, steps=StandInSteps(SCENE))


def test_background_up_grid_and_axes_are_choices_of_the_menu(play):
    async def story(program):
        await opened(program)
        dressing, view = program.viewport.dressing, program.viewport.view
        assert dressing.gauge.isVisible()
        program.actions.trigger("background_white")
        await painted(program)
        assert (picture(program)[5, 5] == 255).all()
        assert dressing.ink == (20, 22, 26), "text is read on white"
        program.actions.trigger("background_gradient")
        await painted(program)
        assert picture(program)[5, 5].sum() > picture(program)[-5, -5].sum() + 30
        program.actions.trigger("background_theme")
        await painted(program)
        without = picture(program)
        program.actions.trigger("grid")
        await painted(program)
        assert np.any(picture(program) != without, axis=2).sum() > 500, "lines on the floor"
        assert " · cells " in dressing.gauge.words
        up = np.array(program.viewport.camera.up)
        program.actions.trigger("flip_up")
        await painted(program)
        assert np.allclose(program.viewport.camera.up, -up)
        program.actions.trigger("up_z")
        await painted(program)
        assert np.allclose(program.viewport.camera.up, (0, 0, -1)), "still upside down"
        assert abs(np.dot(view.renderer.GetActiveCamera().GetViewUp(), (0, 0, -1))) > 0.5
        program.actions.trigger("axes")
        assert not dressing.gauge.isVisible()

    play(story, steps=StandInSteps(SCENE))


def test_the_scale_bar_is_as_long_as_it_says(play):
    async def story(program):
        await opened(program)
        for action in ("look_front", "orthographic"):
            program.actions.trigger(action)
            await painted(program)
            shown, pixels = program.viewport.dressing.gauge.length()
            camera = program.viewport.view.renderer.GetActiveCamera()
            focus, right = np.array(camera.GetFocalPoint()), np.array([1.0, 0.0, 0.0])
            right = np.cross(camera.GetDirectionOfProjection(), camera.GetViewUp())
            ends = on_screen(program, focus), on_screen(program, focus + shown * right)
            assert abs((ends[1] - ends[0]).manhattanLength() - pixels) < 3
        program.session.edit("x", replace(program.session.edits, scale=2.0))
        meters, longer = program.viewport.dressing.gauge.length()
        assert meters / longer == pytest.approx(2 * shown / pixels)
        assert program.viewport.dressing.gauge.words.endswith(" m")

    play(story, steps=StandInSteps(SCENE))


def test_shading_by_depth_darkens_borders_and_clicks_still_hit(play):
    async def story(program):
        await opened(program)
        view = program.viewport.view
        without = picture(program)
        spot = QPointF(view.width() / 2, view.height() / 2)
        place = view.world_position(spot)
        program.actions.trigger("eye_dome")
        await painted(program)
        shaded = picture(program)
        changed = np.any(shaded != without, axis=2)
        assert changed.sum() > 300
        assert shaded[changed].sum() < without[changed].sum()
        assert view.world_position(spot) == pytest.approx(place, abs=1e-3)
        program.actions.trigger("eye_dome")
        await painted(program)
        assert np.array_equal(picture(program), without)

    play(story, steps=StandInSteps(SCENE))


def test_fewer_points_are_drawn_on_request_and_a_chip_says_so(play):
    async def story(program):
        await opened(program)
        total = program.viewport.drawn_points[1]
        assert program.viewport.drawn_points == (total, total)
        rows = program.viewport._cloud._rows.copy()
        program._stage.budget.choose(500)
        await until(lambda: program.viewport.drawn_points == (500, total), "fewer points", 5.0)
        await until(lambda: any("500 of" in text for text in program.window.chips.texts()), "the chip", 5.0)
        assert program.viewport._cloud._rows.any(), "they still know whose they are"
        program.actions.trigger("budget_0")
        await until(lambda: program.viewport.drawn_points == (total, total), "all points", 5.0)
        assert not any("500 of" in text for text in program.window.chips.texts())
        assert np.array_equal(program.viewport._cloud._rows, rows)

    play(story, steps=StandInSteps(SCENE))


def test_numbers_stand_between_the_ends_of_a_legend(play):
    async def story(program):
        await opened(program)
        program.actions.trigger("color_objectness")
        legend = program.viewport.dressing.legend
        assert legend.words == ("Objectness", "0.00", "1.00")
        assert legend.ticks == ("0.2", "0.4", "0.6", "0.8")
        program.actions.trigger("color_view")
        assert legend.words[1:] == ("1", "4")
        assert legend.ticks == ("2", "3")

    play(story, steps=StandInSteps(SCENE))


def test_choices_are_remembered_for_the_next_start(play):
    async def choose(program):
        await opened(program)
        for action in ("background_white", "grid", "photo_planes", "smaller_cameras", "budget_250000"):
            program.actions.trigger(action)
        await until(lambda: not program.workflow.busy, "the points", 5.0)

    async def look(program):
        display = program.session.display
        assert (display.background, display.grid, display.photo_planes) == ("white", True, True)
        assert display.frustum_scale == pytest.approx(0.8)
        assert program.viewport.point_budget == 250_000
        assert program.actions.state("budget_250000").checked

    play(choose, steps=StandInSteps(SCENE))
    play(look, steps=StandInSteps(SCENE))


def test_a_first_look_shows_all_whatever_the_window_becomes(play):
    async def story(program):
        await opened(program)
        view = program.viewport.view
        program.window.panels.set_shown("photoDock", False)
        program.window.resize(950, 900)
        await until(lambda: view.width() < 0.7 * view.height(), "a narrow view", 5.0)
        await painted(program)
        points = SCENE.cloud.points[SCENE.cloud.valid][::97]
        inside = [view.rect().contains(on_screen(program, point).toPoint()) for point in points]
        assert np.mean(inside) > 0.95

    play(story, steps=StandInSteps(SCENE))


def test_a_key_copies_the_picture(play):
    async def story(program):
        await opened(program)
        QApplication.clipboard().clear()
        await press(program.window, Qt.Key.Key_F12, Qt.KeyboardModifier.ControlModifier)
        image = QApplication.clipboard().image()
        assert isinstance(image, QImage)
        assert (image.width(), image.height()) == (
            2 * program.viewport.view.width(),
            2 * program.viewport.view.height(),
        )

    play(story, steps=StandInSteps(SCENE))
