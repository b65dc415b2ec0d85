"""The strip of photos: a change of colors costs what stands in sight, not what there is.

xvfb-run -a python -m pytest tests/benchmarks/test_views.py -m benchmark -rP
"""

import statistics
import time
from functools import partial

import numpy as np
import pytest
from PySide6.QtWidgets import QApplication

from app.coloring import thumbnail
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
TIMES = 15


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
