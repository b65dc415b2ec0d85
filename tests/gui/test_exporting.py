"""The export dialog with mouse and keys: choose, write, read back, compare with what was shown."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QLabel, QLineEdit, QMessageBox, QPushButton

from app.coloring import row_table
from fast3dis_core.exports import read_npz, read_npz_labels, read_ply
from fast3dis_core.exports.outputs import write_outputs
from tests.app.standins import StandInQuestions, StandInSteps
from tests.core.test_exports_glb import Glb
from tests.gui.hands import click, press, until
from tests.gui.test_window import SCENE, button, opened

CONTROL = Qt.KeyboardModifier.ControlModifier


class Hands:
    """The dialog as a user takes hold of it."""

    def __init__(self, program):
        self.dialog = program.exports.dialog
        self.preview = self.dialog.findChild(QLabel, "exportPreview")

    def button(self, name):
        return self.dialog.findChild(QPushButton, name)

    def tick(self, *names):
        for name in names:
            box = self.dialog.findChild(QCheckBox, name)
            click(box, QPoint(8, box.height() // 2))

    def pick(self, field, row):
        """A row of a drop-down: opened with the mouse, gone to with keys."""
        combo = self.dialog.findChild(QComboBox, f"export_{field}")
        click(combo)
        view = combo.view()
        click(view.viewport(), view.visualRect(view.model().index(row, 0)).center())

    async def write(self):
        await until(lambda: "point" in self.preview.text(), "the preview")
        click(self.button("exportWrite"))
        await until(self.button("exportShow").isVisible, "the outcome")


async def asked(program):
    """Ctrl+E."""
    await press(program.window, Qt.Key.Key_E, CONTROL)
    await until(lambda: program.exports.dialog is not None and program.exports.dialog.isVisible(), "the dialog")
    assert not program.exports.dialog.isModal()
    return Hands(program)


def places(table):
    return np.stack([table[axis] for axis in "xyz"], axis=1)


def colors(table):
    return np.stack([table[channel] for channel in ("red", "green", "blue")], axis=1)


def test_the_scene_is_written_as_it_is_seen(play, tmp_path):
    """PLY, GLB and NPZ, after renaming, recoloring, hiding, filtering and calibrating."""
    target = tmp_path / "Ausgabe für 椅子"
    steps = StandInSteps(SCENE, world_to_folder=tuple(np.eye(4).ravel()))

    async def story(program):
        await opened(program)
        session = program.session
        hidden, vase, *_ = (item.query for item in session.shown())
        session.edit(
            "x",
            replace(
                session.edits,
                names={vase: "Große Vase/2"},
                colors={vase: (10, 200, 30)},
                confidence_percentile=15.0,
                scale=0.5,
            ),
        )
        program.table.selected.emit(frozenset({hidden}))
        program.actions.trigger("hide")
        program.table.selected.emit(frozenset())
        hands = await asked(program)
        click(hands.button("exportChoose"))
        await until(lambda: str(target) in hands.dialog.findChild(QLineEdit, "exportFolder").text(), "the folder")
        hands.tick("format_scene", "format_glb", "format_npz")
        await hands.write()
        text = hands.dialog.findChild(QLabel, "exportResult").text()
        assert text.startswith(f"Wrote {sum(path.is_file() for path in target.rglob('*'))} files, ")

        curated = session.curated
        shown = {item.query: item for item in curated.shown}
        assert hidden not in shown
        painted = row_table(curated)  # what the 3D view paints, by query + 1
        drawn = painted[program._viewport._painting.rows()][:, 3] > 0

        for query, item in shown.items():
            (path,) = (target / "instances").glob(f"*_{query:03d}.ply")
            file = read_ply(path)
            assert np.allclose(places(file.vertices), 0.5 * SCENE.cloud.points[item.pixels])
            assert (colors(file.vertices) == painted[query + 1, :3]).all()
            assert "units: m" in file.comments
        assert (target / "instances" / f"Große Vase_2_{vase:03d}.ply").exists()

        scene = read_ply(target / "scene.ply")
        assert len(scene.vertices) == drawn.sum()
        assert np.allclose(places(scene.vertices), 0.5 * SCENE.cloud.points[drawn])
        owners = scene.vertices["instance"]
        assert set(owners.tolist()) <= {*shown, -1}
        assert (colors(scene.vertices)[owners >= 0] == painted[owners[owners >= 0] + 1, :3]).all()
        assert f"objectness threshold: {session.edits.objectness_threshold!r}" in scene.comments

        glb = Glb(target / "scene.glb")
        names = [node["name"] for node in glb.document["nodes"]]
        assert "Große Vase/2" in names
        assert glb.document["asset"]["extras"]["units"] == "m"

        archive = target / "reconstruction.npz"
        again, labels = read_npz(archive), read_npz_labels(archive)
        assert again.is_metric
        assert {item.query for item in again.instances} == set(shown)
        for item in again.instances:
            assert np.array_equal(item.pixels, shown[item.query].pixels)
        assert labels.names == {vase: "Große Vase/2"}
        assert labels.colors == {query: item.color for query, item in shown.items()}
        assert [item.name for item in again.filters] == ["depth edge", "confidence percentile", "minimum points"]
        hands.dialog.close()

    play(story, steps=steps, questions=StandInQuestions(folder_answer=target))


def test_frame_lengths_and_colors_are_chosen_with_the_mouse(play, tmp_path):
    turn = (0.0, 0.0, 1.0, 4.0, 0.0, 1.0, 0.0, 5.0, -1.0, 0.0, 0.0, 6.0, 0.0, 0.0, 0.0, 1.0)
    target = tmp_path / "out"

    async def story(program):
        await opened(program)
        item = program.session.shown()[0]
        program.table.selected.emit(frozenset({item.query}))
        hands = await asked(program)
        assert hands.dialog.findChild(QComboBox, "export_lengths").currentText() == "Scene units"
        hands.pick("colors", 2)
        hands.pick("frame", 1)
        hands.pick("lengths", 1)
        assert hands.dialog.scale.isVisible()
        hands.dialog.scale.setValue(3.0)
        click(hands.button("exportChoose"))
        await until(lambda: "1 instance ·" in hands.preview.text(), "the preview")
        await hands.write()
        click(hands.button("exportPath"))
        assert QApplication.clipboard().text() == str(target)
        click(hands.button("exportCommand"))
        call = QApplication.clipboard().text()
        for part in (f"--queries {item.query}", "--frame folder", "--scale 3", "--colors photo", "--claimed-only"):
            assert part in call
        (path,) = (target / "instances").iterdir()
        vertices = read_ply(path).vertices
        way = np.reshape(turn, (4, 4))
        expected = 3 * (SCENE.cloud.points[item.pixels] @ way[:3, :3].T + way[:3, 3])
        assert np.allclose(places(vertices), expected, atol=1e-4)
        assert np.array_equal(colors(vertices), SCENE.cloud.colors[item.pixels])
        hands.dialog.close()

    steps = StandInSteps(SCENE, world_to_folder=turn)
    play(story, steps=steps, questions=StandInQuestions(folder_answer=target))


@pytest.mark.parametrize("where", ["exportCancel", "statusCancel"])
def test_cancel_while_writing_leaves_no_file(play, tmp_path, monkeypatch, where):
    writing = threading.Event()

    def hold(folder, result, **wishes):
        write_outputs(folder, result, **wishes)  # everything is there, under other names
        writing.set()
        while True:
            time.sleep(0.002)
            wishes["report"]("Writing instances", 0.5)

    monkeypatch.setattr("app.exporter.write_outputs", hold)

    async def story(program):
        await opened(program)
        hands = await asked(program)
        click(hands.button("exportChoose"))
        await until(lambda: "point" in hands.preview.text(), "the preview")
        click(hands.button("exportWrite"))
        await until(writing.is_set, "writing")
        assert list(tmp_path.rglob("*.ply"))
        await until(hands.button("exportCancel").isVisible, "the way to cancel")
        assert not hands.button("exportWrite").isEnabled()
        if where == "statusCancel":
            hands.dialog.close()
            click(button(program, where))
        else:
            click(hands.button(where))
        await until(lambda: not program.workflow.busy, "the end", 2.0)
        assert list(tmp_path.glob("out*")) == []
        assert program.window._error is None
        assert "Nothing was written" in program.window.statusBar().currentMessage()
        hands.dialog.close()

    play(story, steps=StandInSteps(SCENE), questions=StandInQuestions(folder_answer=tmp_path / "out"))


def test_existing_files_stay_when_both_are_kept(play, tmp_path):
    """The real question, answered with the mouse."""
    from app.widgets.dialogs import Dialogs

    target = tmp_path / "out"
    target.mkdir()
    (target / "report.json").write_text("precious")

    async def story(program):
        program.exports.presenter._questions = Dialogs(program.window)
        await opened(program)
        hands = await asked(program)
        program.exports.presenter.choose("folder", str(target))
        await until(lambda: "point" in hands.preview.text(), "the preview")
        click(hands.button("exportWrite"))

        def box():
            found = [each for each in QApplication.topLevelWidgets() if isinstance(each, QMessageBox)]
            return next((each for each in found if each.isVisible()), None)

        await until(lambda: box() is not None, "the question")
        assert "out (2)" in box().informativeText()
        click(box().findChild(QPushButton, "existingKeep"))
        await until(hands.button("exportShow").isVisible, "the outcome")
        assert (target / "report.json").read_text() == "precious"
        assert (tmp_path / "out (2)" / "report.json").exists()
        assert [path.name for path in target.iterdir()] == ["report.json"]
        hands.dialog.close()

    play(story, steps=StandInSteps(SCENE))


def test_a_folder_is_typed(play, tmp_path):
    async def story(program):
        await opened(program)
        hands = await asked(program)
        field = hands.dialog.findChild(QLineEdit, "exportFolder")
        assert Path(field.text()).name == "kitchen-export"
        field.setFocus()
        field.selectAll()
        QTest.keyClicks(field, str(tmp_path / "typed"))
        assert field.text() == str(tmp_path / "typed")
        await hands.write()
        assert (tmp_path / "typed" / "report.json").exists()
        program.window.close()  # with the dialog open

    play(story, steps=StandInSteps(SCENE))
