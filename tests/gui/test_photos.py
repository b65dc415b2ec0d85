"""The large photo with real mouse, wheel and keys: hover, select, walk, zoom, save."""

import numpy as np
from PIL import Image
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QApplication, QLineEdit, QMenu, QToolButton

from app.widgets.instance_rows import NAME
from tests.app.standins import StandInQuestions, StandInSteps
from tests.gui.hands import NONE, click, drag, key, mouse, painted, press, until, wheel
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
        facts = program.photos.panel._facts
        await until(lambda: facts.text().endswith("mask probability 0.75"), "the mask probability")
        other = program.session.shown()[1].query
        mouse(photo, QEvent.Type.MouseMove, photo.place_of(*owned_pixel(program, other)), NONE, NONE)
        assert f"mask probability of Instance {query} 0." in facts.text(), "of the selected one, known already"

    play(story, steps=StandInSteps(SCENE), window_size=(1560, 900))


def strong(photo):
    return [color.getRgb()[:3] for _, _, color, stands_out in photo._outlines if stands_out]


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


def test_the_words_of_all_buttons_can_be_read_in_the_narrowest_panel(qapp, qtbot):
    from PySide6.QtWidgets import QToolButton

    from app.widgets.photo_panel import PhotoPanel
    from app.widgets.theme import apply_theme, choose_theme

    theme = choose_theme(qapp, "dark")
    apply_theme(qapp, theme)
    panel = PhotoPanel(theme)
    qtbot.addWidget(panel)
    panel.show()
    qtbot.waitExposed(panel)
    panel.resize(100, 500)
    for button in (button for button in panel.findChildren(QToolButton) if button.text()):
        assert button.width() >= button.sizeHint().width(), button.objectName()


def right_click(photo, place):
    place = place.toPoint()
    asked = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, photo.mapToGlobal(place))
    QApplication.sendEvent(photo, asked)
    menu = photo.window().findChild(QMenu, "photoMenu")
    assert menu.isVisible()
    return menu, {action.text(): action for action in menu.actions() if action.text()}


def test_the_menu_of_the_photo_acts_on_what_is_under_it(play):
    async def story(program):
        photo = await with_photo(program)
        session = program.session
        first, second = (item.query for item in session.curated.shown[:2])
        place = photo.place_of(*owned_pixel(program, second))
        menu, items = right_click(photo, place)
        assert session.display.selection == {second}
        assert next(iter(items)) == f"Instance {second}"
        assert not items[f"Instance {second}"].isEnabled()
        items["Hide selected"].trigger()
        assert session.edits.hidden == {second}
        menu.close()
        program.actions.trigger("undo")

        menu, items = right_click(photo, photo.place_of(*owned_pixel(program, first)))
        items["Copy name"].trigger()
        assert QApplication.clipboard().text() == f"Instance {first}"
        menu.close()

        program.window.panels.set_shown("instancesDock", False)
        program.table._search.setText("nothing is called this")
        items["Rename"].trigger()
        editor = program.table.view.findChild(QLineEdit, "nameEditor")
        assert editor.isVisible(), "the table is shown and the search ended"
        editor.setText("sofa")
        key(editor, Qt.Key.Key_Return)
        await until(lambda: session.edits.names == {first: "sofa"}, "the name")

        menu, items = right_click(photo, QPointF(2, 2))
        assert "Hide selected" not in items, "beside the photo there is no instance"
        assert "Copy picture of the photo" in items
        menu.close()

    play(story, steps=StandInSteps(SCENE), window_size=(1560, 900))


def test_the_picture_is_copied_as_shown_by_a_key(play):
    async def story(program):
        photo = await with_photo(program)
        clipboard, modifiers = QApplication.clipboard(), Qt.KeyboardModifier
        await press(program.window, Qt.Key.Key_C, modifiers.ControlModifier | modifiers.AltModifier)
        with_masks = clipboard.image()
        assert with_masks == photo.rendered()
        program.photos.presenter.tick("masks", False)
        program.photos.presenter.tick("outlines", False)
        click(program.photos.panel.findChild(QToolButton, "photoCopy"))
        height, width = SCENE.images.shape[1:3]
        plain = clipboard.image()
        assert plain != with_masks
        assert plain.pixelColor(0, 0).getRgb()[:3] == tuple(SCENE.images[0, 0, 0])
        assert (plain.width(), plain.height()) == (2 * width, 2 * height)

    play(story, steps=StandInSteps(SCENE), window_size=(1560, 900))


def test_keys_zoom_around_the_pointer_and_back(play):
    async def story(program):
        photo = await with_photo(program)
        control = Qt.KeyboardModifier.ControlModifier
        place = QPointF(photo.width() * 0.6, photo.height() * 0.45)
        mouse(photo, QEvent.Type.MouseMove, place, NONE, NONE)
        before, scale = photo.pixel_at(place), photo.transform().m11()
        for _ in range(6):
            await press(program.window, Qt.Key.Key_Plus, control)
        assert photo.transform().m11() > 3 * scale
        assert np.abs(np.subtract(photo.pixel_at(place), before)).max() <= 1
        await press(program.window, Qt.Key.Key_Minus, control)
        assert photo.transform().m11() < 3.1 * scale
        await press(program.window, Qt.Key.Key_1, control)
        assert photo.transform().m11() == 1 / photo.devicePixelRatioF()
        await press(program.window, Qt.Key.Key_0, control)
        assert photo.transform().m11() == scale

    play(story, steps=StandInSteps(SCENE), window_size=(1560, 900))


def test_a_photo_that_is_dragged_stays_in_sight(play):
    async def story(program):
        photo = await with_photo(program)
        middle = QPointF(photo.rect().center())
        wheel(photo, middle, 6)
        grabbed = photo.pixel_at(middle)
        await drag(photo, middle, middle + QPointF(30, 20))
        assert photo.pixel_at(middle + QPointF(30, 20)) == grabbed, "it goes with the pointer"
        for _ in range(8):
            await drag(photo, middle, middle + QPointF(photo.width() / 2 - 4, 0))
        assert photo.pixel_at(middle + QPointF(4, 0)) != (-1, -1)
        assert program.session.display.selection == frozenset(), "a drag is no click"

    play(story, steps=StandInSteps(SCENE), window_size=(1560, 900))


def test_left_and_right_walk_whichever_panel_has_the_keys(play):
    async def story(program):
        await with_photo(program)
        for number, panel in enumerate((program.gallery.list, program.table.view), start=1):
            panel.setFocus()
            await press(program.window, Qt.Key.Key_Right)
            assert program.session.display.view == number
        await press(program.window, Qt.Key.Key_Left)
        assert program.session.display.view == 1

    play(story, steps=StandInSteps(SCENE), window_size=(1560, 900))


def test_playing_ends_once_nobody_could_see_it(play):
    async def story(program):
        await with_photo(program)
        program.actions.trigger("play_views")
        program.window.panels.set_shown("viewsDock", False)
        await until(lambda: program.session.display.view > 0, "the next view, in the large photo")
        program.window.panels.set_shown("photoDock", False)
        await until(lambda: not program.session.display.playing, "the end")
        assert program.session.display.view < 3, "not the end of the views"

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
        assert len(photo.anchors.anchors) == len(program.session.curated.shown)
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
