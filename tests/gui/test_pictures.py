"""Pictures and films of the stage with real keys and clicks, read back from their files."""

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QCheckBox, QComboBox, QPushButton, QRadioButton, QSpinBox

from tests.app.standins import StandInQuestions, StandInSteps
from tests.gui.hands import click, painted, press, until
from tests.gui.test_window import SCENE, button, opened


async def asked(program, code, name, modifiers=Qt.KeyboardModifier.NoModifier):
    """The dialog that a key opens."""
    await press(program.window, code, modifiers)
    await until(lambda: program.window.findChild(object, name) is not None, name, 5.0)
    dialog = program.window.findChild(object, name)
    await until(dialog.isVisible, name, 5.0)
    return dialog


def part(dialog, kind, name):
    found = dialog.findChild(kind, name)
    assert found is not None, name
    return found


def shrunk(picture, size):
    return np.array(Image.fromarray(picture).resize(size, Image.Resampling.BOX)).astype(int)


def test_a_picture_three_times_as_large_shows_the_same_without_background(play, tmp_path):
    target = tmp_path / "stage.png"
    questions = StandInQuestions(save_answer=target)

    async def story(program):
        await opened(program)
        view, said = program.viewport.view, []
        program.session.messaged.connect(said.append)
        seen = view.screenshot(return_img=True)
        dialog = await asked(program, Qt.Key.Key_F12, "pictureDialog")
        click(part(dialog, QRadioButton, "pictureScale3"))
        for name in ("pictureTransparent", "pictureNotes"):
            part(dialog, QCheckBox, name).click()
        click(part(dialog, QPushButton, "pictureSave"))
        await until(target.exists, "the picture")
        await painted(program)
        with Image.open(target) as file:
            assert file.size == (3 * view.width(), 3 * view.height())
            assert file.mode == "RGBA"
            large = np.array(file)
        there = large[..., 3] > 0
        assert not there[0, 0]
        assert 0.02 < there.mean() < 0.98
        size = view.width(), view.height()
        small = shrunk(np.where(there[..., None], large[..., :3], seen[0, 0]).astype(np.uint8), size)
        assert np.abs(small - seen.astype(int)).mean() < 5, "the same scene, points as large for their surroundings"
        assert np.array_equal(view.screenshot(return_img=True), seen), "the window is as it was"
        await until(lambda: f"Saved {target}" in said, "the message")

    play(story, steps=StandInSteps(SCENE), questions=questions)


def test_notes_are_in_a_picture_on_request(play):
    async def story(program):
        await opened(program)
        program.actions.trigger("color_objectness")
        await painted(program)
        pictures = program.viewport.pictures
        plain, annotated = pictures.still(2, notes=False), pictures.still(2, notes=True)
        assert len({plain.pixel(x, y) for x in range(0, plain.width(), 7) for y in range(0, plain.height(), 7)}) > 50
        differing = [
            (x, y)
            for x in range(0, plain.width(), 3)
            for y in range(0, plain.height(), 3)
            if plain.pixel(x, y) != annotated.pixel(x, y)
        ]
        legend, gauge = program.viewport.dressing.legend.geometry(), program.viewport.dressing.gauge.geometry()
        inside = dict.fromkeys(("legend", "gauge"), 0)
        for x, y in differing:
            for name, place in (("legend", legend), ("gauge", gauge)):
                inside[name] += place.adjusted(-1, -1, 1, 1).contains(x // 2, y // 2)
        assert inside["legend"] > 500
        assert inside["gauge"] > 50
        assert sum(inside.values()) == len(differing), "nothing else is drawn over the scene"

    play(story, steps=StandInSteps(SCENE))


@pytest.mark.parametrize("suffix", ["gif", "mp4"])
def test_a_turntable_film_goes_once_around_and_leaves_the_camera_alone(play, tmp_path, suffix):
    target = tmp_path / f"turn.{suffix}"
    questions = StandInQuestions(save_answer=target)

    async def story(program):
        await opened(program)
        view = program.viewport.view
        camera = view.renderer.GetActiveCamera()
        before = (*camera.GetPosition(), *camera.GetFocalPoint(), *camera.GetViewUp())
        dialog = await asked(program, Qt.Key.Key_F12, "filmDialog", Qt.KeyboardModifier.ShiftModifier)
        part(dialog, QSpinBox, "filmSeconds").setValue(2)
        for name, value in (("filmFormat", suffix), ("filmRate", 10), ("filmHeight", 360)):
            choice = part(dialog, QComboBox, name)
            choice.setCurrentIndex(choice.findData(value))
        click(part(dialog, QPushButton, "filmSave"))
        await until(target.exists, "the film", 50)
        await until(lambda: program.session.activity.idle, "the end", 5.0)
        frames = frames_of(target)
        assert len(frames) == 20
        height, width = frames[0].shape[:2]
        assert height == 360
        assert abs(width / height - view.width() / view.height()) < 0.01
        seen = program.viewport.pictures.still(height / view.height(), notes=False)
        seen = seen.convertToFormat(QImage.Format.Format_RGB888)
        rows = np.frombuffer(seen.constBits(), np.uint8).reshape(seen.height(), -1)[:, : 3 * seen.width()]
        screen = rows.reshape(seen.height(), -1, 3)[:height, :width].astype(int)
        first = frames[0][: screen.shape[0], : screen.shape[1]]
        assert np.mean(np.abs(first - screen)) < 6, "the first frame is what is on screen"
        assert program.viewport.pictures.filming is False
        steps = [np.abs(frames[number] - frames[number - 1]).mean() for number in range(20)]
        assert max(steps) < 3 * np.median(steps), "one even turn, and the first frame follows upon the last"
        assert min(steps) > 0.2
        now = (*camera.GetPosition(), *camera.GetFocalPoint(), *camera.GetViewUp())
        assert np.allclose(now, before)

    play(story, steps=StandInSteps(SCENE), questions=questions)


def frames_of(path):
    if path.suffix == ".gif":
        with Image.open(path) as film:
            found = []
            for number in range(film.n_frames):
                film.seek(number)
                found.append(np.array(film.convert("RGB")).astype(int))
            return found
    import cv2

    film, found = cv2.VideoCapture(str(path)), []
    while True:
        there, frame = film.read()
        if not there:
            film.release()
            return found
        found.append(frame[..., ::-1].astype(int))


def test_a_film_is_stopped_by_the_cancel_of_the_status_bar(play, tmp_path):
    questions = StandInQuestions(save_answer=tmp_path / "turn.gif")

    async def story(program):
        await opened(program)
        program._stage.pictures.choose_film("seconds", 60)
        program._stage.pictures.save_film()
        cancel = button(program, "statusCancel")
        await until(lambda: cancel.isVisible() and program.session.activity.fraction > 0, "progress")
        click(cancel)
        await until(lambda: program.session.activity.idle and not program.workflow.busy, "the end", 3.0)
        assert program.window._error is None
        await painted(program)

    play(story, steps=StandInSteps(SCENE), questions=questions)
    assert not [path for path in tmp_path.iterdir() if path.is_file()]
