"""The inspector with mouse and keys: a pair chosen in the matrix, and what is done about it."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QHelpEvent
from PySide6.QtWidgets import QApplication, QCheckBox, QDockWidget, QLabel, QPushButton, QToolTip

from fast3dis_core.curation import curate
from fast3dis_core.evidence import AREA_THRESHOLDS
from fast3dis_core.reconstruction import AnchorOverride
from tests.app.standins import StandInSteps
from tests.app.test_hijacks import CLAIMS, FACTS, RESULT
from tests.app.test_thresholds import AREAS, plain_count
from tests.app.test_what_if import Muting
from tests.gui.hands import click, drag, key, painted, press, until, wheel
from tests.gui.test_window import opened


class Inspected(StandInSteps):
    def measure(self, encoded, trace, mask_threshold, layer, shown, report):
        self._note("measure")
        assert CLAIMS.areas.shape == (len(shown.objectness[-1]), len(AREA_THRESHOLDS))
        return CLAIMS


async def inspect(program, tab):
    dock = program.window.findChild(QDockWidget, "inspectorDock")
    dock.show()
    dock.raise_()
    program.inspector.widget.setCurrentIndex(tab)
    await until(lambda: program.session.inspection is not None, "claims")


def test_a_pair_is_chosen_in_the_matrix_and_the_weaker_one_hidden(play):
    steps = Inspected(RESULT)

    async def story(program):
        await opened(program)
        assert "measure" not in steps.calls, "nobody asked yet"
        await inspect(program, 1)
        panel = program.inspector.hijacks
        victim, thief, _, _ = FACTS.thieves[0]
        row, column = FACTS.order.index(victim), FACTS.order.index(thief)
        click(panel.matrix, panel.matrix.center_of(row, column).toPoint())
        assert program.session.display.selection == {victim, thief}
        assert program.session.display.hovered == victim
        click(panel.findChild(QPushButton, "hijackKeep"))
        weaker = min((victim, thief), key=lambda query: RESULT.objectness[-1, query])
        assert program.session.edits.hidden == {weaker}

    play(story, steps=steps)


def test_a_line_of_the_ledger_selects_and_the_slider_walks_the_layers(play):
    steps = Inspected(RESULT)

    async def story(program):
        await opened(program)
        await inspect(program, 0)
        panel = program.inspector.anchors
        table = panel.table
        click(table.viewport(), table.visualRect(table.model().index(1, 0)).center())
        assert len(program.session.display.selection) == 1
        panel.layer.setValue(0)
        await until(lambda: steps.layers[-1] == 0, "the masks of the generator's output")

    play(story, steps=steps)


def test_evidence_is_asked_by_layer_and_marked_in_the_photo(play):
    steps = Inspected(RESULT)

    async def story(program):
        await opened(program)
        program.window.panels.set_shown("photoDock", True)
        await inspect(program, 2)
        panel, photo = program.inspector.evidence, program.photos.panel.photo
        await until(lambda: program.session.display.tab == "Evidence", "the tab to count as looked at")
        program.session.show(replace(program.session.display, selection=frozenset({RESULT.instances[0].query})))
        assert panel.table.rowCount() == 1 + len(RESULT.names)
        assert photo._crosshairs
        click(panel.table.viewport(), panel.table.visualRect(panel.table.model().index(2, 0)).center())
        assert program.session.display.view == 1
        panel.layer.setCurrentIndex(1)
        assert program.session.display.evidence_layer == 1
        assert len(photo._crosshairs) == 1, "one layer reads at one place"
        click(panel.findChild(QPushButton, "evidenceCopy"))
        assert QGuiApplication.clipboard().text().startswith("query,layer,head,view")

    play(story, steps=steps, window_size=(1560, 900))


def first_fate(session):
    return None if session.difference is None else session.difference.changes[0].fate


def test_what_if_mutes_colors_and_reverts(play):
    steps = Muting(RESULT)
    weaker = RESULT.instances[1].query

    async def story(program):
        await opened(program)
        await inspect(program, 3)
        session, panel = program.session, program.inspector.what_if
        await until(lambda: session.difference is not None, "the difference")
        assert "Nothing" in panel.findChild(QLabel, "whatIfSummary").text()
        session.show(replace(session.display, selection=frozenset({weaker})))
        decodes = steps.calls.count("decode")
        click(panel.findChild(QPushButton, "whatIfQuery"))
        await until(lambda: first_fate(session) == "lost", "the loss")
        assert steps.calls.count("decode") == decodes + 1, "what it is held against was on show just now"
        assert panel.table.item(0, 0).text() == str(weaker)
        assert panel.table.item(0, 1).text() == f"lost to {RESULT.instances[0].query}"
        click(panel.findChild(QCheckBox, "whatIfColor"), panel.findChild(QCheckBox, "whatIfColor").rect().center())
        await painted(program)
        assert session.display.color_mode == "difference"
        assert program.viewport.dressing.legend.isVisible()
        session.edit("x", replace(session.edits, objectness_threshold=0.4))
        await until(lambda: session.difference.curation is session.edits, "the difference under other filters")
        assert steps.calls.count("decode") == decodes + 1, "filters decode nothing"
        click(panel.findChild(QPushButton, "whatIfRevert"))
        await until(lambda: session.difference is not None and session.activity.idle, "the way back")
        assert session.edits.interventions.none
        session.undo()
        assert session.edits.interventions.muted_queries == {weaker}
        await until(lambda: session.difference is not None and session.activity.idle, "the undone revert")

    play(story, steps=steps)


def test_a_drag_can_be_held_against_what_was_before_it(play):
    steps = Muting(RESULT)
    query = RESULT.instances[1].query

    async def story(program):
        await opened(program)
        await inspect(program, 3)
        session, panel = program.session, program.inspector.what_if
        muted = replace(session.edits.interventions, muted_queries=frozenset({query}))
        session.edit("mute", replace(session.edits, interventions=muted))
        moved = AnchorOverride(query=RESULT.instances[0].query, position=(0.0, 0.0, 1.0))
        session.edit("move", replace(session.edits, overrides=(moved,)))
        await until(lambda: first_fate(session) == "lost", "the difference to the untouched result")
        panel.reference.setCurrentIndex(1)
        await until(lambda: first_fate(session) == "same", "that to the result before: the stand-in moves nothing")

    play(story, steps=steps)


def test_thresholds_are_dragged_along_their_curves(play):
    steps = Inspected(RESULT)

    async def story(program):
        await opened(program)
        await inspect(program, 4)
        session, panel = program.session, program.inspector.thresholds
        await until(lambda: panel.objectness._curve and panel.map._counts.size, "curves and map")
        plot = panel.objectness
        await drag(plot, plot.place_of(session.edits.objectness_threshold), plot.place_of(0.6))
        assert session.edits.objectness_threshold == pytest.approx(0.6, abs=0.015)
        assert plot.count_at(session.edits.objectness_threshold) == len(session.shown())
        plot.setFocus()
        before = session.edits.objectness_threshold
        key(plot, Qt.Key.Key_Right)
        assert session.edits.objectness_threshold == pytest.approx(before + 0.01)
        session.undo()
        session.undo()
        assert session.undo_label is None, "a drag is one step, a key another"
        click(panel.map, panel.map.place_of(0.5, 0.7))
        assert session.edits.objectness_threshold == pytest.approx(0.5, abs=0.01)
        assert session.edits.mask_threshold == pytest.approx(0.7, abs=0.01)
        await until(lambda: steps.mask_thresholds[-1] == session.edits.mask_threshold, "masks at the other threshold")
        await until(lambda: session.activity.idle and session.inspection is not None, "their claims")

    play(story, steps=steps)


class Measured(Inspected):
    """Claims whose areas differ between mask thresholds."""

    def measure(self, *arguments):
        return replace(super().measure(*arguments), areas=AREAS)


def tip(widget, place):
    place = QPointF(place).toPoint()
    QApplication.sendEvent(widget, QHelpEvent(QEvent.Type.ToolTip, place, widget.mapToGlobal(place)))
    return QToolTip.text()


def test_counts_under_the_pointer_are_those_of_curating_again(play):
    async def story(program):
        await opened(program)
        await inspect(program, 4)
        session, panel = program.session, program.inspector.thresholds
        await until(lambda: panel.objectness._curve and panel.map._counts.size, "curves and map")
        levels = sorted(item.objectness for item in session.reconstruction.instances)
        for low, high in pairwise([0.1, *levels, 0.99]):
            if high - low < 0.03:
                continue  # nearer than the pointer can tell
            middle = (low + high) / 2
            again = curate(session.reconstruction, replace(session.edits, objectness_threshold=middle))
            count = len(again.shown)
            words = tip(panel.objectness, panel.objectness.place_of(middle))
            assert words.split(" at ")[0] == str(count)
        smallest = session.edits.minimum_points
        for objectness, column in ((0.3, 4), (0.7, 12), (0.5, 17)):
            words = tip(panel.map, panel.map.place_of(objectness, AREA_THRESHOLDS[column]))
            count, place = words.split(" at ")
            assert place == f"objectness {objectness:.2f}, mask threshold {AREA_THRESHOLDS[column]:.2f}"
            assert int(count) == plain_count(objectness, smallest, column)

    play(story, steps=Measured(RESULT))


def test_two_queries_stand_side_by_side_until_escape(play):
    """A line of the list, the button, both halves and photos, the wheel over one photo, another line, Esc."""
    steps = Inspected(RESULT)

    async def story(program):
        await opened(program)
        program.window.panels.set_shown("photoDock", True)
        await inspect(program, 1)
        session, panel = program.session, program.inspector.hijacks
        inspector = program.window.findChild(QDockWidget, "inspectorDock")
        table, button = panel.thefts, panel.findChild(QPushButton, "hijackBeside")
        assert not button.isEnabled()
        click(table.viewport(), table.visualRect(table.model().index(0, 0)).center())
        width = inspector.width()
        click(button)
        await until(lambda: program.comparison.stage.split, "two halves")
        await painted(program)
        victim, thief, _, _ = FACTS.thieves[0]
        pair = sorted((victim, thief), key=lambda query: -RESULT.objectness[-1, query])
        assert session.display.pair == tuple(pair)
        assert button.isChecked()
        assert not program.window.panels.shown("photoDock"), "the pair has photos of its own"
        assert "photoDock" in json.loads(program.window.panels.layout())["shown"], "whoever quits now finds it there"
        assert abs(inspector.width() - width) <= 2, "its room is that of the stage"
        masks = {item.query: set(item.pixels.tolist()) for item in session.reconstruction.instances}
        for viewport, query in zip((program.viewport, program.comparison.second), pair, strict=True):
            drawn = viewport._cloud._drawn
            claimed = np.isin(viewport._cloud._rows, (1, 2))
            kept = set(drawn[session.curated.keep[drawn]].tolist())
            assert set(drawn[claimed].tolist()) == masks[query] & kept
        one, other = program.comparison.photos
        assert one.isVisible()
        assert other.isVisible()
        wheel(one, one.rect().center(), 3)
        assert other._zoom == one._zoom > 0
        assert other._center == one._center
        click(table.viewport(), table.visualRect(table.model().index(1, 0)).center())
        assert set(session.display.pair) == set(FACTS.thieves[1][:2])
        await press(program.window, Qt.Key.Key_Escape)
        await until(lambda: session.display.pair is None, "the end")
        assert not program.comparison.stage.split
        assert not one.isVisible()
        assert program.window.panels.shown("photoDock")
        assert session.display.selection, "Esc leaves one thing at a time"

    play(story, steps=steps, window_size=(1560, 900))


def test_matrix_and_list_are_copied_from_one_button(play):
    async def story(program):
        await opened(program)
        await inspect(program, 1)
        panel = program.inspector.hijacks
        button = panel.findChild(QPushButton, "hijackCopy")
        for name, first in (("hijackCopyMatrix", "query,0,1,2"), ("hijackCopyList", "victim,victim name")):
            click(button)
            menu = button.menu()
            await until(menu.isVisible, "the menu")
            action = next(action for action in menu.actions() if action.objectName() == name)
            click(menu, menu.actionGeometry(action).center())
            await until(lambda first=first: QGuiApplication.clipboard().text().startswith(first), "the table")

    play(story, steps=Inspected(RESULT))
