"""The large photo by itself: played, saved, its maps with their scale."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.actions import Actions
from app.photo_layers import depth_map
from app.presenters.painting import Painting
from app.presenters.photo import PhotoPresenter
from app.presenters.photo_pointer import PhotoPointerPresenter
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
        self.actions, painting = Actions(), Painting(self.session)
        self.pointer = PhotoPointerPresenter(self.session, self.workflow, self.actions, painting, self.panel)
        self.presenter = PhotoPresenter(
            self.session,
            self.workflow,
            self.actions,
            painting,
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


def owned(desk, place=0):
    """Query and pixel (x, y) of view 0 that belongs to it; another query at another place."""
    rows = desk.presenter._painting.rows().reshape(desk.session.reconstruction.images.shape[:3])[0]
    shown = [item.query for item in desk.session.curated.shown if (rows == item.query + 1).any()]
    y, x = (int(number) for number in np.argwhere(rows == shown[place] + 1)[0])
    return shown[place], x, y


def test_a_menu_is_about_what_is_under_it_and_keeps_a_selection_that_has_it():
    async def story(desk):
        (first, *place), (second, *other) = owned(desk), owned(desk, 1)
        assert desk.pointer.menu_for(*place) == f"Instance {first}"
        assert desk.session.display.selection == {first}
        desk.pointer.click(*other, True)
        assert desk.pointer.menu_for(*place) == f"Instance {first} and 1 more"
        assert desk.session.display.selection == {first, second}
        assert desk.pointer.menu_for(-1, -1) == ""
        assert desk.session.display.selection == {first, second}

    drive(story)


def test_lengths_under_the_pointer_and_of_the_map_follow_the_calibration():
    async def story(desk):
        query, x, y = owned(desk)
        desk.presenter.choose_layer("depth")
        desk.pointer.hover(x, y)
        before, ends = desk.panel.told("set_facts")[0], desk.panel.told("set_scale")[1]
        result = desk.session.reconstruction
        depth = depth_map(result, 0)[y, x]
        assert f"depth {depth:.2f} {result.units}" in before
        assert f"confidence {result.cloud.confidence[y * result.images.shape[2] + x]:.2f}" in before
        desk.session.edit("Set the scale", replace(desk.session.edits, scale=2.0, names={query: "sofa"}))
        desk.pointer.hover(x, y)
        after = desk.panel.told("set_facts")[0]
        assert f"depth {2 * depth:.2f} m" in after
        assert f"sofa (query {query})" in after
        assert desk.panel.told("set_scale")[1] != ends
        assert all(end.endswith(" m") for end in desk.panel.told("set_scale")[1])

    drive(story)


def told(desk):
    return desk.panel.told("set_facts")[0]


def test_the_mask_probability_is_of_the_query_under_the_pointer_or_of_the_one_selected():
    async def story(desk):
        query, x, y = owned(desk)
        steps = desk.workflow._steps

        async def hover(*place):
            desk.pointer.hover(*place)
            while desk.workflow.busy:
                await asyncio.sleep(0.002)

        await hover(x, y)
        assert told(desk).endswith("mask probability 0.75")
        asked = steps.calls.count("probability")
        desk.pointer.hover(x, y)
        assert told(desk).endswith("mask probability 0.75"), "known for the whole view"
        assert steps.calls.count("probability") == asked

        other = next(item for item in desk.session.curated.shown if item.query != query)
        desk.show(selection=frozenset({other.query}))  # the pointer did not move
        while desk.workflow.busy:
            await asyncio.sleep(0.002)
        assert f"mask probability of {other.name} 0." in told(desk)
        desk.show(selection=frozenset({other.query, query}))
        await hover(x, y)
        assert told(desk).endswith("mask probability 0.75"), "of several, that under the pointer"
        desk.pointer.hover(-1, -1)
        assert told(desk) == ""

    drive(story)


def test_a_result_without_features_has_no_mask_probability():
    async def story(desk):
        _, x, y = owned(desk)
        desk.workflow._open_scene(None, desk.workflow._state()[1])
        desk.pointer.hover(x, y)
        while desk.workflow.busy:
            await asyncio.sleep(0.002)
        assert "mask probability" not in told(desk)

    drive(story)


def test_a_click_selects_what_is_seen_there_and_beside_everything_nothing():
    async def story(desk):
        _, x, y = owned(desk)
        rows = desk.presenter._painting.rows().reshape(desk.session.reconstruction.images.shape[:3])
        desk.pointer.click(x, y, False)
        assert desk.session.display.selection == {int(rows[0, y, x]) - 1}
        desk.pointer.click(-1, -1, False)
        assert desk.session.display.selection == frozenset()

    drive(story)
