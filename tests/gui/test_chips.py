"""The row of chips over the stage: one height, ellipses, and a list of those without room."""

import asyncio
from dataclasses import replace

import pytest
from PySide6.QtWidgets import QToolButton

from app.widgets.chips import MORE, NARROWEST, SPACING, WIDEST, fitted
from tests.app.standins import StandInSteps
from tests.gui.hands import click, painted, until
from tests.gui.test_window import SCENE, opened


@pytest.mark.parametrize(
    ("wanted", "room", "expected"),
    [
        ([], 500, []),
        ([100, 120], 500, [100, 120]),
        ([900], 500, [WIDEST]),
        ([900], 200, [200]),
        ([300, 300], 506, [250, 250]),
        ([60, 300], 306, [60, 240]),
        ([300] * 4, 4 * NARROWEST + 3 * SPACING, [NARROWEST] * 4),
    ],
)
def test_wide_chips_give_way_first(wanted, room, expected):
    assert fitted(wanted, room) == expected


@pytest.mark.parametrize("room", [60, 200, 333, 500, 800, 1500])
def test_chips_and_the_button_of_the_others_have_room(room):
    wanted = [30, 250, 90, 700, 120, 333, 45, 180]
    widths = fitted(wanted, room)
    taken = sum(widths) + SPACING * (len(widths) - 1)
    folded = len(widths) < len(wanted)
    assert len(widths) >= 1
    assert taken + (MORE + SPACING if folded else 0) <= room
    if folded and len(widths) > 1:
        more = sum(min(width, NARROWEST) for width in wanted[: len(widths) + 1]) + SPACING * len(widths)
        rest = MORE + SPACING if len(widths) + 1 < len(wanted) else 0
        assert more + rest > room, "one more would have had room"


def test_new_chips_leave_the_stage_its_size(play):
    async def story(program):
        await opened(program)
        view = program.viewport.view
        before, paints = view.size(), []
        view.painted.connect(lambda: paints.append(view.size()))
        queries = [item.query for item in program.session.shown()]
        program.session.edit("x", replace(program.session.edits, hidden=frozenset(queries[:1]), scale=2.0))
        await painted(program)
        await asyncio.sleep(0.1)
        assert "1 hidden" in program.window.chips.texts()
        assert view.size() == before
        assert len(paints) == 1, "one change is one frame"

    play(story, steps=StandInSteps(SCENE))


def test_chips_without_room_are_listed_and_undone_there(play):
    async def story(program):
        await opened(program)
        bar = program.window.chips
        hidden = frozenset([program.session.shown()[0].query])
        edits = replace(program.session.edits, scale=2.0, depth_edge=0.01)
        program.session.edit("x", edits)
        program.session.edit("x", replace(edits, hidden=hidden))
        bar.setFixedWidth(300)  # as in a narrow window
        await until(lambda: bar.width() == 300, "a narrow row", 5.0)
        more = bar.findChild(QToolButton, "chipMore")
        assert more.isVisible()
        count = int(more.text().removeprefix("+"))
        shown = [chip for chip in bar._made if chip.isVisible()]
        assert len(shown) + count == len(bar.texts())
        assert all(chip.geometry().right() < more.x() for chip in shown)
        click(more)
        await until(lambda: bar._list is not None and bar._list.isVisible(), "the list", 5.0)
        click(bar._list.findChild(QToolButton, "chipClose_scale"))
        assert program.session.edits.scale is None
        await until(lambda: bar._list is None, "the list to go", 5.0)
        assert not any("scene unit is" in text for text in bar.texts())

    play(story, steps=StandInSteps(SCENE))
