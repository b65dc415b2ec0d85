"""Queries of the user's own in the bundled sample with its network: clicked, exported, kept, reopened, undone."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt

from app.exporter import facts, pack
from app.session.export_wish import ExportWish
from fast3dis_core.exports import read_ply
from tests.gui.hands import click, on_screen, painted, press, until
from tests.gui.real_sample import open_sample
from tests.gui.test_window import place_of

pytestmark = pytest.mark.usefixtures("one_core_for_the_network")


async def settled(program):
    await until(lambda: not program.workflow.busy, "the decoder's answer")
    await painted(program)


def arrays(result):
    """Everything that decoding and assembling gave."""
    masks = [item.pixels.tobytes() for item in result.instances]
    return [getattr(result, name).tobytes() for name in ("anchors", "objectness", "overlap")] + masks


def test_a_clicked_query_lives_through_undo_export_and_a_session_file_to_the_bit(play, tmp_path):
    path, folder = tmp_path / "own.f3d", tmp_path / "out"

    async def story(program):
        session, workflow = program.session, program.workflow
        await open_sample(program)
        before = arrays(session.reconstruction)
        count = len(session.reconstruction.objectness[-1])
        shown = max(session.curated.shown, key=lambda item: len(item.pixels))
        spot = place_of(program, shown.query)
        await press(program.window, Qt.Key.Key_G)
        assert program.viewport.anchor_tool.note.isVisible()
        click(program.viewport.view, spot)
        await until(lambda: session.edits.interventions.prompts, "the new query")
        await settled(program)
        result = session.reconstruction
        assert result.objectness.shape[1] == count + 1
        assert session.display.selection == {count}
        (prompt,) = session.edits.interventions.prompts
        assert (on_screen(program, prompt.position) - spot).manhattanLength() < 12
        assert np.allclose(result.anchors[0, count], prompt.position, atol=1e-5), "A^0 of the new query"
        scores = [float(text.rsplit(" ", 1)[1]) for text in _offers(program)]
        assert len(scores) == 3
        assert scores == sorted(scores, reverse=True)
        assert abs(result.objectness[-1, count] - scores[0]) < 0.006, "what was offered is what came"
        assert "Experiment: 1 new query" in program.window.chips.texts()

        wish = ExportWish(folder=folder, formats=("scene", "report"), scope="visible")
        order = workflow.exporter.order(wish)
        await workflow.exporter.write(order, overwrite=False)
        assert any(f"new query {count}" in line for line in read_ply(folder / "scene.ply").comments)
        told = json.loads((folder / "report.json").read_text())["edits"]["log"]
        assert [entry["edit"] for entry in told] == ["new query"]
        assert facts(order, *pack(order))["edits"]["experiments"]

        kept = arrays(result)
        await workflow.keeper.save(path)
        program.actions.trigger("undo")
        await settled(program)
        assert arrays(session.reconstruction) == before, "undone to the bit"
        await workflow.keeper.open(path)
        await settled(program)
        assert arrays(session.reconstruction) == kept
        assert session.edits.interventions.prompts == (prompt,)
        session.show(_choosing(program, count))
        program.actions.trigger("pin")  # decoded again, with the new query where it was
        await settled(program)
        program.actions.trigger("undo")
        await settled(program)
        assert arrays(session.reconstruction) == kept, "the reopened session answers to the bit"
        program.actions.trigger("remove_query")
        await settled(program)
        assert session.reconstruction.objectness[-1, count] == 0
        assert count not in {item.query for item in session.reconstruction.instances}

    play(story)


def test_two_clicks_split_an_instance_and_the_table_of_changes_tells_what_it_did(play):
    async def story(program):
        session = program.session
        await open_sample(program)
        before = arrays(session.reconstruction)
        count = len(session.reconstruction.objectness[-1])
        whole = max(session.curated.shown, key=lambda item: len(item.pixels))
        session.show(_choosing(program, whole.query))  # in front, so that clicks on it are its own
        await painted(program)
        first = place_of(program, whole.query)
        await press(program.window, Qt.Key.Key_G, Qt.KeyboardModifier.ShiftModifier)
        click(program.viewport.view, first)
        await until(lambda: whole.name in program.viewport.anchor_tool.note.text(), "the second question")
        photo = program.photos.panel.photo
        program.window.panels.set_shown("photoDock", True)
        await until(photo.isVisible, "the photo")
        view, place = divmod(int(whole.pixels[-1]), session.reconstruction.pixels_per_view)
        session.show(replace(session.display, view=view))
        row, column = divmod(place, session.reconstruction.images.shape[2])
        click(photo, photo.place_of(column, row))
        await until(lambda: session.edits.interventions.prompts, "the split")
        await settled(program)
        assert session.display.selection == {count, count + 1}
        assert session.undo_label == f"Split {whole.name} by two anchors"
        result = session.reconstruction
        assert result.objectness[-1, whole.query] == 0
        for number, prompt in enumerate(session.edits.interventions.prompts):
            assert np.allclose(result.anchors[:, count + number], prompt.position, atol=1e-5), "held through all layers"
        program.window.panels.set_shown("inspectorDock", True)
        program.inspector.widget.show_tab("What if")
        await until(lambda: session.difference is not None, "what became of the others")
        fates = {change.query: change.fate for change in session.difference.changes}
        assert fates[whole.query] == "lost"
        program.actions.trigger("undo")
        await settled(program)
        assert arrays(session.reconstruction) == before

    play(story, window_size=(1560, 900))


def _offers(program):
    content = program.inspector.anchors.content
    return [content.itemText(number) for number in range(content.count())]


def _choosing(program, query):
    return replace(program.session.display, selection=frozenset({query}))
