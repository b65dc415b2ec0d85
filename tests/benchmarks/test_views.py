"""Strip and grid of photos: recoloring and scrolling cost what stands in sight, not what there is.

xvfb-run -a python -m pytest tests/benchmarks/test_views.py -m benchmark -rP
"""

import statistics
import time
from functools import partial

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from app.coloring import thumbnail
from app.immortal import make_singletons_immortal
from app.widgets.photo_grid import PhotoGrid
from app.widgets.theme import DARK
from app.widgets.view_gallery import ViewGallery
from tests.gui.conftest import REASON, _has_display
from tests.scenes import synthetic_reconstruction

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.slow,
    pytest.mark.skipif(not _has_display(), reason=REASON),
]

FEW, MANY = 35, 350
SIZE = {"height": 84, "width": 126}
THUMBNAIL = (144, 192, 3)  # of the survey
TIMES = 15
FRAMES, NOTCH = 60, 120  # pixels


@pytest.fixture(autouse=True, scope="module")
def singletons_as_in_the_program():
    """Thousands of tiles are painted here, as in the program, and Qt takes references that it does not own."""
    make_singletons_immortal()


def recolor_seconds(qtbot, views):
    """Processor time from new colors to the painted strip, median."""
    scene = synthetic_reconstruction(views=views, **SIZE)
    rows = np.zeros(len(scene.cloud.points), np.int32)
    gallery = ViewGallery(DARK)
    qtbot.addWidget(gallery)
    gallery.resize(204, 900)
    gallery.show()
    qtbot.waitExposed(gallery)
    spent = []
    for shade in range(TIMES):
        table = np.full((2, 4), 10 * shade, np.uint8)
        picture = partial(thumbnail, scene, rows, table)
        start = time.process_time()
        gallery.set_views(scene.names, (SIZE["height"], SIZE["width"]), picture)
        gallery.list.viewport().repaint()
        QApplication.processEvents()
        spent.append(time.process_time() - start)
    return statistics.median(spent[1:])  # the first also makes the rows of the list


def test_recoloring_costs_what_is_in_sight(qtbot, figure):
    few, many = recolor_seconds(qtbot, FEW), recolor_seconds(qtbot, MANY)
    figure(f"recoloring a strip of {MANY} views", 1000 * many, "ms of one core")
    figure(f"{MANY} views over {FEW}", many / few, "times")
    assert many / few < 3


def scroll_seconds(made):
    """Processor time of a painted frame while photos are scrolled by the wheel, median."""
    view = getattr(made, "list", made)
    bar, spent = view.verticalScrollBar(), []
    QApplication.processEvents()
    for step in range(FRAMES):
        bar.setValue(NOTCH * step % (bar.maximum() + 1))
        start = time.process_time()
        view.viewport().repaint()
        spent.append(time.process_time() - start)
    return statistics.median(spent)


def strip(qtbot, views):
    scene = synthetic_reconstruction(views=views, **SIZE)
    rows, table = np.zeros(len(scene.cloud.points), np.int32), np.full((2, 4), 90, np.uint8)
    gallery = ViewGallery(DARK)
    qtbot.addWidget(gallery)
    gallery.resize(204, 900)
    gallery.show()
    qtbot.waitExposed(gallery)
    gallery.set_views(scene.names, (SIZE["height"], SIZE["width"]), partial(thumbnail, scene, rows, table))
    return gallery


def grid(qtbot, views):
    made = PhotoGrid(DARK)
    qtbot.addWidget(made)
    made.resize(900, 700)
    made.show()
    qtbot.waitExposed(made)
    pictures = np.random.default_rng(0).integers(0, 255, (views, *THUMBNAIL), np.uint8)
    tiles = [(f"{number:03}.jpg", "4032 x 3024", str(number), True, "", pictures[number]) for number in range(views)]
    made.set_photos(tiles)
    return made


@pytest.mark.parametrize("kind", [strip, grid])
def test_scrolling_costs_what_is_in_sight(qtbot, figure, kind):
    few, many = (scroll_seconds(kind(qtbot, views)) for views in (FEW, MANY))
    figure(f"a frame of the {kind.__name__} with {MANY} views", 1000 * many, "ms of one core")
    figure(f"{MANY} views over {FEW}", many / few, "times")
    assert many / few < 3


def test_memory_of_the_grid(qtbot, figure):
    """Pictures are kept for the screen once each; the rest of a tile is words."""
    shown = grid(qtbot, MANY)
    scroll_seconds(shown)
    kept = [pixmap for _, pixmap in shown.photos._pixmaps.values()]
    held = sum(pixmap.width() * pixmap.height() * pixmap.depth() // 8 for pixmap in kept)
    figure(f"pictures of a grid of {MANY} views", held / 1e6, "MB")
    assert len(kept) <= MANY
    assert held <= MANY * THUMBNAIL[0] * THUMBNAIL[1] * 4
