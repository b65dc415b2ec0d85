"""The large photo with real mouse, wheel and keys: hover, select, walk, zoom, save."""

import numpy as np
from PIL import Image
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtWidgets import QToolButton

from tests.app.standins import StandInQuestions, StandInSteps
from tests.gui.hands import NONE, click, mouse, painted, press, until, wheel
from tests.gui.test_window import SCENE, opened


async def with_photo(program):
    await opened(program)
    program.window.panels.set_shown("photoDock", True)
    photo = program.photos.panel.photo
    await until(photo.isVisible, "the photo")
    await painted(program)
    return photo


def owned_pixel(program, query, view=0):
    height, width = SCENE.images.shape[1:3]
    rows = program._viewport._painting.rows()[view * height * width : (view + 1) * height * width] - 1
    y, x = divmod(int(np.flatnonzero(rows == query)[0]), width)
    return x, y


def test_hover_and_click_in_the_photo_reach_everything(play):
    async def story(program):
        photo = await with_photo(program)
        query = program.session.shown()[0].query
        place = photo.place_of(*owned_pixel(program, query))
        mouse(photo, QEvent.Type.MouseMove, place, NONE, NONE)
        assert program.session.display.hovered == query
        assert f"Instance {query}" in program.photos.panel._facts.text()
        click(photo, place)
        assert program.session.display.selection == {query}
        assert program.table._selection() == {query}

    play(story, steps=StandInSteps(SCENE), window_size=(1560, 900))


def test_keys_walk_the_views_and_toggle_masks(play):
    async def story(program):
        photo = await with_photo(program)
        await press(program.window, Qt.Key.Key_Right)
        assert program.session.display.view == 1
        assert program.photos.panel._title.text().startswith("2 of 4")
        await press(program.window, Qt.Key.Key_Left)
        assert program.session.display.view == 0
        assert photo._overlay is not None
        await press(program.window, Qt.Key.Key_M)
        assert photo._overlay is None
        program.actions.trigger("play_views")
        await until(lambda: program.session.display.view > 0, "the next view")
        program.actions.trigger("play_views")
        assert not program.session.display.playing

    play(story, steps=StandInSteps(SCENE), window_size=(1560, 900))


def test_zoom_keeps_the_pixel_under_the_pointer(play):
    async def story(program):
        photo = await with_photo(program)
        place = QPointF(photo.width() * 0.6, photo.height() * 0.45)
        before = photo.pixel_at(place)
        assert before != (-1, -1)
        scale = photo.transform().m11()
        wheel(photo, place, 4)
        assert photo.transform().m11() > 2 * scale
        assert np.abs(np.subtract(photo.pixel_at(place), before)).max() <= 1
        wheel(photo, place, -12)
        assert photo.transform().m11() == scale, "not smaller than the window"

    play(story, steps=StandInSteps(SCENE), window_size=(1560, 900))


def test_maps_and_anchors_are_shown_and_the_picture_is_saved(play, tmp_path):
    target = tmp_path / "photo.png"

    async def story(program):
        photo = await with_photo(program)
        before = photo._picture.copy()
        program.photos.presenter.choose_layer("depth")
        assert photo._picture != before
        program.photos.presenter.tick("photo_anchors", True)
        assert len(photo._anchors) == len(program.session.curated.shown)
        click(program.photos.panel.findChild(QToolButton, "photoSave"))
        await until(target.exists, "the file")

    play(
        story,
        steps=StandInSteps(SCENE),
        questions=StandInQuestions(save_answer=target),
        window_size=(1560, 900),
    )
    height, width = SCENE.images.shape[1:3]
    with Image.open(target) as picture:
        assert picture.size == (2 * width, 2 * height)
