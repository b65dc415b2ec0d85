"""Panels by themselves: the photo beside the 3D view or as a tab over it, arrangements, a narrow strip."""

from itertools import pairwise

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QDockWidget, QLabel, QMainWindow

from app.widgets.center_tabs import CenterTabs
from app.widgets.panels import NARROW_STRIP, Dock, Panels
from app.widgets.parts import SteadyTable, choose_lines

LEFT, RIGHT = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea


class Strip(QLabel):
    narrow = False

    def set_narrow(self, narrow):
        self.narrow = narrow


@pytest.fixture
def stage(qtbot):
    window, strip, photo = QMainWindow(), Strip("strip"), QLabel("photo")
    tabs = CenterTabs(QLabel("3D"))
    window.setCentralWidget(tabs)
    docks = (
        Dock("Views", "viewsDock", strip, LEFT, 204),
        Dock("Photo", "photoDock", photo, RIGHT, 300),
        Dock("Instances", "instancesDock", QLabel("table"), RIGHT, 340),
        Dock("Inspector", "inspectorDock", QLabel("queries"), RIGHT, 340, behind="instancesDock"),
    )
    panels = Panels(window, docks, tabs)
    window.resize(1440, 900)
    window.show()
    qtbot.waitExposed(window)
    panels.set_page("result")
    yield window, panels, tabs, strip, photo
    window.close()
    window.deleteLater()


def test_in_a_narrow_window_the_photo_is_a_tab_and_the_strip_a_column(stage, qtbot):
    window, panels, tabs, strip, photo = stage
    dock = window.findChild(QDockWidget, "photoDock")
    assert dock.isVisible()
    assert not tabs.tabs.isVisible()
    panels.set_narrow(True)
    assert not dock.isVisible()
    assert tabs.tabs.count() == 2
    tabs.tabs.setCurrentIndex(1)
    assert photo.isVisible()
    assert strip.narrow
    column = window.findChild(QDockWidget, "viewsDock")
    qtbot.waitUntil(lambda: column.width() <= NARROW_STRIP + 30, timeout=2000)
    panels.set_narrow(False)
    assert dock.isVisible()
    assert dock.widget() is photo
    assert photo.isVisible()
    assert not strip.narrow


@pytest.mark.parametrize("narrow", [False, True])
def test_explore_hides_the_photo_and_inspect_brings_it_back(stage, narrow):
    _, panels, tabs, _, photo = stage
    panels.set_narrow(narrow)
    panels.arrange("explore")
    assert not photo.isVisible()
    assert not tabs.tabs.isVisible()
    assert not panels.shown("photoDock")
    panels.arrange("inspect")
    assert panels.shown("photoDock")
    assert photo.isVisible() != narrow
    assert tabs.tabs.isVisible() == narrow


def test_a_wide_window_has_room_for_the_columns_of_its_tables(stage, qtbot):
    window, panels, *_ = stage
    table = window.findChild(QDockWidget, "inspectorDock")
    panels.arrange("inspect")
    qtbot.waitUntil(lambda: abs(table.width() - 340) < 12, timeout=2000)
    window.resize(3840, 900)
    panels.arrange("inspect")
    qtbot.waitUntil(lambda: table.width() > 560, timeout=2000)


def test_a_layout_of_a_narrow_window_does_not_squeeze_the_panels_of_a_wide_one(stage, qtbot):
    window, panels, *_ = stage
    strip = window.findChild(QDockWidget, "viewsDock")
    window.resize(1200, 900)
    panels.set_narrow(True)
    qtbot.waitUntil(lambda: strip.width() <= NARROW_STRIP + 30, timeout=2000)
    kept = panels.layout()
    for again in (lambda: panels.set_page("result"), lambda: panels.set_layout(kept)):
        panels.set_page("empty")
        window.resize(2400, 900)
        panels.set_narrow(False)
        panels.set_page("result")
        again()
        qtbot.waitUntil(lambda: strip.width() > 180, timeout=2000)


def test_an_arrangement_brings_what_it_is_for_to_the_front(stage, qtbot):
    window, panels, *_ = stage
    table, inspector = (window.findChild(QDockWidget, name) for name in ("instancesDock", "inspectorDock"))

    def in_front(dock):
        return not dock.widget().visibleRegion().isEmpty()

    for name, front, back in (("inspect", inspector, table), ("explore", table, inspector)):
        panels.arrange(name)
        qtbot.waitUntil(lambda front=front: in_front(front), timeout=2000)
        assert not in_front(back)


def test_a_layout_that_does_not_fit_on_this_screen_gives_way_to_the_usual_one(stage, qtbot):
    window, panels, *_ = stage
    table, photo = (window.findChild(QDockWidget, name) for name in ("instancesDock", "photoDock"))
    least = window.screen().availableGeometry().height() * 6 // 10
    for dock in (table, photo):  # one above the other they are taller than the screen, side by side they are not
        dock.widget().setMinimumHeight(least)
    window.splitDockWidget(table, photo, Qt.Orientation.Vertical)
    tall = panels.layout()
    panels.reset()
    qtbot.waitUntil(lambda: window.minimumSizeHint().height() < 2 * least, timeout=2000)
    assert panels.set_layout(tall)
    assert window.minimumSizeHint().height() < 2 * least
    assert table.isVisible()
    assert photo.isVisible()
    assert photo.geometry().right() < table.x()
    assert window.height() <= window.screen().availableGeometry().height()


def test_a_panel_that_is_aside_for_a_while_has_its_place_in_a_layout_kept_meanwhile(stage, qtbot):
    """Such as the photo while two queries stand side by side: whoever quits then finds it where it was."""
    window, panels, *_ = stage
    photo = window.findChild(QDockWidget, "photoDock")
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, photo)
    window.resizeDocks([photo], [260], Qt.Orientation.Horizontal)
    qtbot.waitUntil(lambda: abs(photo.width() - 260) < 3, timeout=2000)
    panels.set_aside("photoDock", True)
    assert not photo.isVisible()
    assert not panels.shown("photoDock")
    kept = panels.layout()
    panels.reset()
    qtbot.waitUntil(lambda: photo.x() > window.centralWidget().x(), timeout=2000)
    assert panels.set_layout(kept)
    qtbot.waitUntil(lambda: photo.isVisible() and photo.x() < window.centralWidget().x(), timeout=2000)
    qtbot.waitUntil(lambda: abs(photo.width() - 260) < 3, timeout=2000)


def test_a_panel_that_is_aside_comes_back_unless_somebody_decided_otherwise(stage):
    _, panels, *_ = stage
    for decide, comes_back in (
        (lambda: None, True),
        (lambda: panels.arrange("explore"), False),
        (lambda: (panels.set_shown("photoDock", True), panels.set_shown("photoDock", False)), False),
    ):
        panels.set_shown("photoDock", True)
        panels.set_aside("photoDock", True)
        decide()
        panels.set_aside("photoDock", False)
        assert panels.shown("photoDock") == comes_back
    panels.set_aside("photoDock", True)
    panels.set_aside("photoDock", False)
    assert not panels.shown("photoDock"), "it was not there before"


def test_a_narrower_window_gives_the_room_of_the_photo_to_the_3d_view(stage, qtbot):
    window, panels, tabs, *_ = stage
    table = window.findChild(QDockWidget, "instancesDock")
    panels.arrange("inspect")
    qtbot.wait(200)
    wide = table.width()
    panels.set_narrow(True)
    window.resize(1200, 700)
    qtbot.wait(200)
    assert abs(table.width() - wide) < 30
    assert tabs.width() > 600


def test_panels_in_a_pile_scroll_rather_than_make_the_window_taller_than_the_screen(qtbot):
    window = QMainWindow()
    tall = [QLabel(f"panel {number}") for number in range(4)]
    for label in tall:
        label.setMinimumHeight(500)
    docks = [Dock(f"Panel {n}", f"dock{n}", label, RIGHT, 300, scrolls=True) for n, label in enumerate(tall)]
    tabs = CenterTabs(QLabel("3D"))
    window.setCentralWidget(tabs)
    panels = Panels(window, docks, tabs)
    window.resize(1280, 720)
    window.show()
    qtbot.waitExposed(window)
    panels.set_page("result")
    made = [window.findChild(QDockWidget, dock.name) for dock in docks]
    for upper, lower in pairwise(made):
        window.splitDockWidget(upper, lower, Qt.Orientation.Vertical)
    qtbot.wait(200)
    assert window.height() == 720
    for dock, label in zip(made, tall, strict=True):
        assert dock.isVisible()
        area = dock.widget()
        assert label.height() == 500
        assert 90 <= area.height() < 500
        area.verticalScrollBar().setValue(10_000)
        assert area.viewport().rect().bottom() == label.mapTo(area.viewport(), label.rect().bottomLeft()).y()
    window.close()
    window.deleteLater()


def test_pages_without_panels_keep_the_layout(stage):
    window, panels, *_ = stage
    panels.set_shown("viewsDock", False)
    panels.set_page("running")
    assert not window.findChild(QDockWidget, "instancesDock").isVisible()
    kept = panels.layout()
    panels.set_page("result")
    assert not window.findChild(QDockWidget, "viewsDock").isVisible()
    assert window.findChild(QDockWidget, "instancesDock").isVisible()
    panels.reset()
    assert window.findChild(QDockWidget, "viewsDock").isVisible()
    assert panels.set_layout(kept)
    assert not window.findChild(QDockWidget, "viewsDock").isVisible()


def test_a_selected_line_stays_in_sight_when_its_table_gets_less_room(qtbot):
    table, lines = SteadyTable(), QStandardItemModel(100, 1)
    choose_lines(table)
    table.setModel(lines)
    qtbot.addWidget(table)
    table.resize(300, 700)
    table.show()
    qtbot.waitExposed(table)
    table.selectRow(18)
    place = table.visualRect(lines.index(18, 0))
    assert place.bottom() < table.viewport().height()
    table.resize(300, 300)
    qtbot.waitUntil(lambda: table.viewport().height() < 300, timeout=2000)
    place = table.visualRect(lines.index(18, 0))
    assert place.top() >= 0
    assert place.bottom() < table.viewport().height()
