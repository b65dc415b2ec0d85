"""The strip of photos: pictures are made for views in sight only, however many there are."""

import numpy as np
from PySide6.QtCore import Qt

from app.widgets.view_gallery import ViewGallery

SHAPE = (120, 160)


class Painter:
    def __init__(self, shade):
        self.shade, self.views = shade, []

    def __call__(self, view):
        self.views.append(view)
        return np.full((*SHAPE, 3), self.shade, np.uint8)


def shown(qtbot, views):
    gallery, painter = ViewGallery(), Painter(40)
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
