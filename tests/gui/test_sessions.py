"""A session from one program to the next: the same bits, the same picture, and no model needed."""

import numpy as np
from PySide6.QtCore import Qt

from tests.app.standins import StandInQuestions
from tests.gui.hands import painted, press, until
from tests.gui.test_window import SmallCoreSteps, photos  # noqa: F401 - a fixture

CTRL = Qt.KeyboardModifier.ControlModifier


def painting(program):
    shared = program._viewport._painting
    return shared.rows().copy(), shared.table().copy()


def arrays(result):
    cloud = result.cloud
    parts = [cloud.points, cloud.colors, cloud.confidence, cloud.valid, result.images, result.intrinsics]
    parts += [result.world_to_camera, result.anchors, result.objectness, result.overlap]
    return [part.tobytes() for part in parts] + [item.pixels.tobytes() for item in result.instances]


def test_a_session_comes_back_bit_for_bit_and_answers_edits(play, photos, tmp_path):  # noqa: F811
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
