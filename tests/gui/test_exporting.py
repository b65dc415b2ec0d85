"""The export dialog with mouse and keys: choose, write, read back."""

import numpy as np
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QCheckBox, QPushButton, QRadioButton

from fast3dis_core.exports import read_ply
from tests.app.standins import StandInQuestions, StandInSteps
from tests.gui.hands import click, until
from tests.gui.test_window import SCENE, button, opened


def test_the_scene_is_written_as_it_is_seen(play, tmp_path):
    target = tmp_path / "out"
    questions = StandInQuestions(folder_answer=target)

    async def story(program):
        await opened(program)
        query = program.session.shown()[0].query
        program.table.selected.emit(frozenset({query}))
        program.actions.trigger("hide")
        click(button(program, "toolExportAs"))
        dialog = program.exports.dialog
        await until(dialog.isVisible, "the dialog")
        click(dialog.findChild(QPushButton, "exportChoose"))
        await until(lambda: str(target) in dialog._folder.text(), "the folder")
        scene = dialog.findChild(QCheckBox, "format_scene")
        click(scene, QPoint(8, scene.height() // 2))
        write = dialog.findChild(QPushButton, "exportWrite")
        await until(lambda: "points" in dialog._preview.text(), "the preview")
        click(write)
        await until(lambda: (target / "scene.ply").exists(), "the files")
        await until(lambda: not dialog.isVisible(), "the dialog to go")
        vertices = read_ply(target / "scene.ply").vertices
        assert query not in set(vertices["instance"].tolist())
        shown = {item.query for item in program.session.curated.shown}
        assert set(vertices["instance"].tolist()) <= shown | {-1}
        for item in program.session.curated.shown:
            path = next((target / "instances").glob(f"*{item.query:03d}.ply"))
            points = np.stack([read_ply(path).vertices[axis] for axis in "xyz"], axis=1)
            assert np.array_equal(points, SCENE.cloud.points[item.pixels])
        click(button(program, "toolExportAs"))
        click(dialog.findChild(QRadioButton, "scope_selected"))
        await until(
            lambda: "selected" in dialog._preview.text() or "1 instances" in dialog._preview.text(), "the scope"
        )
        dialog.close()

    play(story, steps=StandInSteps(SCENE), questions=questions)
