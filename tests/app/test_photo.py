"""The large photo by itself: played, saved, its maps with their scale."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.actions import Actions
from app.presenters.painting import Painting
from app.presenters.photo import PhotoPresenter
from app.session.plan import RunSettings
from app.session.session import Session
from app.worker import Worker
from app.workflow import Workflow
from tests.app.standins import UNFILTERED, Recorder, StandInQuestions, StandInSteps


class Desk:
    def __init__(self, **answers):
        self.session = Session(UNFILTERED)
        self.workflow = Workflow(self.session, Worker(), StandInSteps(), RunSettings())
        self.panel, self.photo, self.written = Recorder(), Recorder(), []
        self.presenter = PhotoPresenter(
            self.session,
            self.workflow,
            Actions(),
            Painting(self.session),
            panel=self.panel,
            photo=self.photo,
            questions=StandInQuestions(**answers),
            write=lambda picture, path, overwrite: self.written.append((path, overwrite)),
        )

    async def save(self):
        self.presenter.save()
        while self.workflow.busy:
            await asyncio.sleep(0.002)

    def show(self, **changes):
        self.session.show(replace(self.session.display, **changes))


def drive(story, **answers):
    async def play():
        desk = Desk(**answers)
        await desk.workflow.open_folder(Path("/photos/kitchen"))
        try:
            return await asyncio.wait_for(story(desk), 20)
        finally:
            await desk.workflow.close()

    return asyncio.run(play())


def test_playing_ends_at_the_last_view_and_starts_again_from_the_first():
    async def story(desk):
        last = len(desk.session.reconstruction.images) - 1
        desk.presenter.toggle_playing()
        for view in range(1, last + 1):
            desk.presenter.play_on()
            assert (desk.session.display.view, desk.session.display.playing) == (view, True)
        desk.presenter.play_on()
        assert (desk.session.display.view, desk.session.display.playing) == (last, False)
        desk.presenter.toggle_playing()
        assert (desk.session.display.view, desk.session.display.playing) == (0, True)

    drive(story)


@pytest.mark.parametrize(("layer", "unit"), [("depth", True), ("confidence", False)])
def test_the_colors_of_a_map_have_numbers_that_stay_between_views(layer, unit):
    async def story(desk):
        desk.presenter.choose_layer(layer)
        stops, ends = desk.panel.told("set_scale")
        assert stops.shape[1] == 3
        assert all(end.endswith(desk.session.reconstruction.units) for end in ends) == unit
        desk.presenter.step(1)
        assert desk.panel.told("set_scale")[1] == ends
        desk.presenter.choose_layer("photo")
        assert desk.panel.told("set_scale")[0] is None

    drive(story)


def test_a_picture_is_written_over_another_only_after_a_yes(tmp_path):
    target = tmp_path / "picture.png"

    async def story(desk):
        await desk.save()
        target.write_bytes(b"somebody's")
        await desk.save()
        return desk.written

    assert drive(story, save_answer=target) == [(target, False)]
    target.unlink()
    assert drive(story, save_answer=target, overwrite_answer=True) == [(target, False), (target, True)]


def test_a_click_selects_what_is_seen_there_and_beside_everything_nothing():
    async def story(desk):
        rows = desk.presenter._painting.rows().reshape(desk.session.reconstruction.images.shape[:3])
        shown = {item.query for item in desk.session.curated.shown}
        owned = np.argwhere(np.isin(rows[0] - 1, list(shown)))
        y, x = (int(number) for number in owned[0])
        desk.presenter.click(x, y, False)
        assert desk.session.display.selection == {int(rows[0, y, x]) - 1}
        desk.presenter.click(-1, -1, False)
        assert desk.session.display.selection == frozenset()

    drive(story)
