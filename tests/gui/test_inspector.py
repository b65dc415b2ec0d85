"""The inspector with mouse and keys: a pair chosen in the matrix, and what is done about it."""

from dataclasses import replace

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDockWidget, QPushButton

from fast3dis_core.evidence import AREA_THRESHOLDS
from tests.app.standins import StandInSteps
from tests.app.test_hijacks import CLAIMS, FACTS, RESULT
from tests.gui.hands import click, until
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
