"""A session from one program to the next: the same bits, the same picture, and no model needed."""

import numpy as np
from PySide6.QtCore import Qt

from tests.app.standins import StandInQuestions, StandInSteps
from tests.gui.hands import carry_files, painted, press, until
from tests.gui.test_window import SCENE, SmallCoreSteps, opened

CTRL = Qt.KeyboardModifier.ControlModifier


def painting(program):
    shared = program._viewport._painting
    return shared.rows().copy(), shared.table().copy()


def arrays(result):
    cloud = result.cloud
    parts = [cloud.points, cloud.colors, cloud.confidence, cloud.valid, result.images, result.intrinsics]
    parts += [result.world_to_camera, result.anchors, result.objectness, result.overlap]
    return [part.tobytes() for part in parts] + [item.pixels.tobytes() for item in result.instances]


def test_a_session_comes_back_bit_for_bit_and_answers_edits(play, photos, tmp_path):
    target = tmp_path / "sitzung.f3d"

    async def first(program):
        await program.open(photos)
        await until(lambda: program.session.shown(), "instances")
        query = program.session.shown()[0].query
        program.table.selected.emit(frozenset({query}))
        await press(program.window, Qt.Key.Key_H)
        assert program.session.edits.hidden == {query}
        assert program.window.isWindowModified()
        await press(program.window, Qt.Key.Key_S, CTRL)
        await until(target.exists, "the file")
        await until(lambda: not program.window.isWindowModified(), "the mark to go")
        await painted(program)
        return arrays(program.session.reconstruction), program.session.edits, painting(program)

    class NoModel(SmallCoreSteps):
        def load(self, settings, report):
            raise AssertionError("looking at a session loads no model")

    async def second(program):
        await program.open(target)
        assert program.session.reconstruction is not None
        await painted(program)
        return arrays(program.session.reconstruction), program.session.edits, painting(program)

    before = play(first, steps=SmallCoreSteps(), questions=StandInQuestions(save_session_answer=target))
    after = play(second, steps=NoModel())
    assert before[0] == after[0]
    assert before[1] == after[1]
    for one, other in zip(before[2], after[2], strict=True):
        assert np.array_equal(one, other)

    async def third(program):
        await program.open(target)
        result = program.session.reconstruction
        for _ in range(5):
            program._decoding.set("mask_threshold", program.session.edits.mask_threshold - 0.05)
        await until(lambda: program.session.reconstruction is not result, "masks of another threshold")
        sizes = [sum(len(item.pixels) for item in each.instances) for each in (result, program.session.reconstruction)]
        assert sizes[1] > sizes[0]

    play(third, steps=NoModel())


def test_a_session_is_dropped_on_the_window_which_asks_about_unsaved_edits(play, tmp_path):
    target, questions = tmp_path / "kitchen.f3d", StandInQuestions(save_session_answer=tmp_path / "kitchen.f3d")

    async def hide_one(program, number):
        query = program.session.shown()[number].query
        program.table.selected.emit(frozenset({query}))
        await press(program.window, Qt.Key.Key_H)
        await until(lambda: query in program.session.edits.hidden, "the edit")
        return query

    async def saved(program):
        await opened(program)
        query = await hide_one(program, 0)
        await press(program.window, Qt.Key.Key_S, CTRL)
        await until(lambda: target.exists() and not program.session.modified, "the file")
        return query

    hidden = play(saved, steps=StandInSteps(SCENE), questions=questions)

    async def on_empty(program):
        await carry_files(program.window, [target], program.window.rect().center())
        await until(lambda: program.session.reconstruction is not None, "the session")
        await painted(program)
        assert program.session.edits.hidden == {hidden}
        assert program.session.origin.file == target
        assert not program.session.modified
        assert questions.asked[-1].startswith("save session"), "nothing to ask"

    play(on_empty, steps=StandInSteps(SCENE), questions=questions)

    async def on_edits(program):
        await opened(program)
        shown, other = program.session.reconstruction, await hide_one(program, 1)
        for target_widget, answer in ((program.viewport.view, "cancel"), (program.table.view, "discard")):
            questions.unsaved_answer = answer
            asked = len(questions.asked)
            place = target_widget.mapTo(program.window, target_widget.rect().center())
            await carry_files(program.window, [target], place)
            await until(lambda asked=asked: len(questions.asked) > asked, "the question")
            assert questions.asked[-1] == "unsaved kitchen"
            if answer == "cancel":
                assert program.session.reconstruction is shown
                assert program.session.edits.hidden == {other}
        await until(lambda: program.session.reconstruction is not shown, "the session")
        assert program.session.edits.hidden == {hidden}

    play(on_edits, steps=StandInSteps(SCENE), questions=questions)
