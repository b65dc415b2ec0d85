"""The large photo with real mouse, wheel and keys: hover, select, walk, zoom, save."""

import numpy as np
from PIL import Image
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtWidgets import QApplication, QToolButton

from app.widgets.instance_rows import NAME
from tests.app.standins import StandInQuestions, StandInSteps
from tests.gui.hands import NONE, click, mouse, painted, press, until, wheel
from tests.gui.test_window import SCENE, opened, place_of


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


def strong(photo):
    return [color.getRgb()[:3] for _, color, stands_out in photo._outlines if stands_out]


def leave(widget):
    QApplication.sendEvent(widget, QEvent(QEvent.Type.Leave))


def test_what_is_under_the_pointer_is_marked_in_every_panel(play):
    async def story(program):
        photo = await with_photo(program)
        table, session, painting = program.table.view, program.session, program._viewport._painting
        spots = {item.query: place_of(program, item.query) for item in session.curated.shown}
        query = next(query for query, spot in spots.items() if spot is not None)
        row = program.table.listed().index(query)
        cell = table.visualRect(table.model().index(row, NAME))
        plain = painting.table()[query + 1].tolist()

        def marked():
            brighter = painting.table()[query + 1].tolist() != plain
            return brighter, bool(strong(photo)), table.marked_row().contains(cell.center())

        assert marked() == (False, False, False)
        mouse(table.viewport(), QEvent.Type.MouseMove, cell.center(), NONE, NONE)
        assert session.display.hovered == query
        assert marked() == (True, True, True), "from the table"
        leave(table)
        assert marked() == (False, False, False)

        place = photo.place_of(*owned_pixel(program, query))
        mouse(photo, QEvent.Type.MouseMove, place, NONE, NONE)
        assert marked() == (True, True, True), "from the photo"
        leave(photo)
        assert marked() == (False, False, False)

        view = program.viewport.view
        mouse(view, QEvent.Type.MouseMove, spots[query], NONE, NONE)
        await until(lambda: session.display.hovered == query, "the hover in 3D")
        assert marked() == (True, True, True), "from the 3D view"
        leave(view)
        assert marked() == (False, False, False)

    play(story, steps=StandInSteps(SCENE), window_size=(1560, 900))


def test_the_pointer_over_hidden_rows_lights_up_nothing(play):
    async def story(program):
        await with_photo(program)
        table, query = program.table, program.session.curated.shown[0].query
        program._table.set_hidden(query, True)
        cell = table.view.visualRect(table.view.model().index(table.listed().index(query), NAME))
        mouse(table.view.viewport(), QEvent.Type.MouseMove, cell.center(), NONE, NONE)
        assert program.session.display.hovered is None

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
