"""The strip of photos: pictures are made for views in sight only, however many there are."""

import numpy as np
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QContextMenuEvent
from PySide6.QtWidgets import QApplication, QMenu

from app.widgets.theme import DARK
from app.widgets.view_gallery import NARROW_WIDTH, PADDING, WIDTH, ViewGallery
from tests.gui.hands import mouse

SHAPE = (120, 160)


class Painter:
    def __init__(self, shade):
        self.shade, self.views = shade, []

    def __call__(self, view, width):
        assert width in (WIDTH, NARROW_WIDTH)
        self.views.append(view)
        return np.full((*SHAPE, 3), self.shade, np.uint8)


def shown(qtbot, views):
    gallery, painter = ViewGallery(DARK), Painter(40)
    qtbot.addWidget(gallery)
    gallery.resize(204, 700)
    gallery.set_views([f"photo {view}" for view in range(views)], SHAPE, painter)
    gallery.show()
    qtbot.waitExposed(gallery)
    qtbot.waitUntil(lambda: 0 in painter.views, timeout=2000)
    return gallery, painter


def test_of_350_views_only_those_in_sight_are_painted(qtbot):
    gallery, first = shown(qtbot, 350)
    assert len(first.views) < 10  # the last is asked for the size of all
    second = Painter(90)
    gallery.set_views([f"photo {view}" for view in range(350)], SHAPE, second)
    qtbot.waitUntil(lambda: 0 in second.views, timeout=2000)
    assert len(second.views) < 10
    gallery.list.scrollToBottom()
    qtbot.waitUntil(lambda: 349 in second.views, timeout=2000)
    assert len(second.views) < 20


def test_new_pictures_are_seen_at_once_and_the_current_view_stays(qtbot):
    gallery, _ = shown(qtbot, 5)
    gallery.set_current(2)
    gallery.set_views([f"photo {view}" for view in range(5)], SHAPE, Painter(200))
    center = gallery.list.visualRect(gallery.list.model().index(0)).center()
    qtbot.waitUntil(
        lambda: gallery.list.viewport().grab().toImage().pixelColor(center).red() == 200,
        timeout=2000,
    )
    assert gallery.list.currentIndex().row() == 2


def test_a_click_and_an_arrow_choose_a_view_and_marking_one_tells_nobody(qtbot):
    gallery, _ = shown(qtbot, 5)
    told = []
    gallery.view_chosen.connect(told.append)
    gallery.set_current(3)
    assert told == []
    spot = gallery.list.visualRect(gallery.list.model().index(1)).center()
    qtbot.mouseClick(gallery.list.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    qtbot.keyClick(gallery.list, Qt.Key.Key_Down)
    assert told == [1, 2]


def test_a_narrow_strip_shows_small_pictures_without_names(qtbot):
    gallery, _ = shown(qtbot, 5)
    gallery.set_narrow(True)
    index = gallery.list.model().index(0)
    assert gallery.list.gridSize().width() <= 88
    assert index.data(Qt.ItemDataRole.DisplayRole) is None
    assert index.data(Qt.ItemDataRole.ToolTipRole) == "photo 0"
    gallery.set_narrow(False)
    assert index.data(Qt.ItemDataRole.DisplayRole) == "photo 0"


def spot(gallery, view):
    return gallery.list.visualRect(gallery.list.model().index(view)).center()


def right_click(gallery, view):
    viewport, place = gallery.list.viewport(), spot(gallery, view)
    right, none = Qt.MouseButton.RightButton, Qt.MouseButton.NoButton
    mouse(viewport, QEvent.Type.MouseButtonPress, place, right, right)
    mouse(viewport, QEvent.Type.MouseButtonRelease, place, right, none)
    asked = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, viewport.mapToGlobal(place))
    QApplication.sendEvent(viewport, asked)
    menu = gallery.findChild(QMenu, "viewMenu")
    return menu, {action.text(): action for action in menu.actions() if action.text()}


def test_the_menu_of_a_view_leaves_the_current_one_alone_until_it_is_asked(qtbot):
    gallery, _ = shown(qtbot, 5)
    gallery.set_current(0)
    told = []
    for name in ("view_chosen", "look_requested", "exclusion_toggled", "name_copied"):
        getattr(gallery, name).connect(lambda value, name=name: told.append((name, value)))
    menu, items = right_click(gallery, 2)
    assert gallery.list.currentIndex().row() == 0
    assert not items["Leave out of the next run"].isEnabled()
    for text in ("Look through its camera", "Copy name", "Go to view 3"):
        items[text].trigger()
    assert told == [("look_requested", 2), ("name_copied", "photo 2"), ("view_chosen", 2)]
    menu.close()
    gallery.set_excluded(frozenset({1}), possible=True)
    menu, items = right_click(gallery, 1)
    assert items["Leave out of the next run"].isChecked()
    items["Leave out of the next run"].trigger()
    assert told[-1] == ("exclusion_toggled", 1)
    menu.close()


def test_number_doubt_exclusion_and_the_current_view_are_seen(qtbot):
    gallery, _ = shown(qtbot, 5)

    def picture(view):
        rect = gallery.list.visualRect(gallery.list.model().index(view))
        return gallery.list.viewport().grab(rect).toImage().copy()

    plain = picture(1)
    assert plain != picture(2), "they differ by their number"
    gallery.set_doubtful({1: "why"})
    doubtful = picture(1)
    assert doubtful != plain
    gallery.set_doubtful({})
    gallery.set_excluded(frozenset({1}), possible=True)
    assert picture(1) not in (plain, doubtful)
    gallery.set_excluded(frozenset(), possible=True)
    assert picture(1) == plain
    gallery.set_current(1)
    accent = QColor(DARK.accent)
    assert any(picture(1).pixelColor(2, y) == accent for y in range(plain.height()))


def test_marks_of_an_anchor_are_told_apart_without_color_in_both_sizes(qtbot):
    """Five sights at the middle of five pictures: each looks different, and all have the color."""
    gallery, _ = shown(qtbot, 5)
    gallery.resize(204, 980)  # all five in sight
    sights = ("visible", "occluded", "unknown", "outside", "behind")
    for narrow in (False, True):
        gallery.set_narrow(narrow)
        gallery.set_marks((200, 30, 160), [(0.5, 0.5, sight) for sight in sights])
        image = gallery.list.viewport().grab().toImage()
        found = []
        for view in range(len(sights)):
            size, whole = gallery.list.iconSize(), gallery.list.visualRect(gallery.list.model().index(view))
            x, y = whole.center().x(), whole.top() + PADDING + size.height() // 2
            area = [[image.pixelColor(x + dx, y + dy).rgb() for dx in range(-9, 10)] for dy in range(-9, 10)]
            colored = [[QColor(pixel).red() > 150 and QColor(pixel).green() < 90 for pixel in row] for row in area]
            assert sum(map(sum, colored)) > 5, sights[view]
            found.append(colored)
        for one in range(len(found)):
            for other in range(one):
                differing = np.count_nonzero(np.array(found[one]) != np.array(found[other]))
                assert differing >= 4, (sights[one], sights[other])
        gallery.set_marks((0, 0, 0), ())
        assert gallery.list.viewport().grab().toImage() != image


def test_a_mark_at_the_frame_is_wholly_in_its_picture(qtbot):
    gallery, _ = shown(qtbot, 2)
    plain = gallery.list.viewport().grab().toImage()
    gallery.set_marks((200, 30, 160), [(1.0, 1.0, "outside"), (0.0, 1.0, "behind")])
    image = gallery.list.viewport().grab().toImage()
    size = gallery.list.iconSize()
    for view in range(2):
        whole = gallery.list.visualRect(gallery.list.model().index(view))
        left, top = whole.center().x() - size.width() // 2, whole.top() + PADDING
        for y in range(whole.top(), whole.bottom()):
            for x in range(whole.left(), whole.right()):
                if image.pixel(x, y) != plain.pixel(x, y):
                    assert left <= x < left + size.width()
                    assert top <= y < top + size.height()
