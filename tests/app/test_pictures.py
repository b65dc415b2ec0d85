"""Pictures, the look of the stage and its point budget, with stand-ins for stage, dialogs, user and preferences."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.actions import Actions
from app.drawing_order import PreparedCloud
from app.presenters.pictures import PicturesPresenter
from app.presenters.point_budget import PointBudgetPresenter
from app.presenters.stage_look import StageChoicesPresenter, StageLookPresenter
from app.session.picture_wish import FilmWish, PictureWish
from app.session.plan import RunSettings
from app.session.session import Origin, Session
from app.worker import Worker
from app.workflow import Workflow
from tests.app.standins import Recorder, StandInQuestions, StandInSteps
from tests.scenes import synthetic_reconstruction

SCENE = synthetic_reconstruction(views=3, height=28, width=42)


class Memory(dict):
    """Preferences."""

    def get(self, key, default):
        return super().get(key, default)

    def set(self, key, value):
        self[key] = value


class StandInStage(Recorder):
    """Pictures of one color; a film brightens with its turn."""

    def size(self, scale):
        return round(60 * scale), round(40 * scale)

    def still(self, scale, *, transparent, notes):
        self.calls.append(("still", scale, transparent, notes))
        return "still"

    def beginning(self):
        return "here"

    def turned(self, pose, share):
        return pose, share

    def frame(self, pose, height, *, notes):
        assert pose[0] == "here"
        return np.full((height, 60, 3), round(255 * pose[1]), np.uint8)


class Desk:
    """A presenter of pictures with everything it needs."""

    def __init__(self, memory=None, **answers):
        self.session, self.actions = Session(), Actions()
        self.steps = StandInSteps(SCENE)
        self.workflow = Workflow(self.session, Worker(), self.steps, RunSettings())
        self.stage, self.dialog, self.questions = StandInStage(), Recorder(), StandInQuestions(**answers)
        self.memory = Memory() if memory is None else memory
        self.copied, self.messages, self.errors = [], [], []
        self.presenter = PicturesPresenter(
            self.session,
            self.workflow,
            self.actions,
            stage=self.stage,
            questions=self.questions,
            memory=self.memory,
            picture_dialog=lambda: self.dialog,
            film_dialog=lambda: self.dialog,
            encode=lambda picture: f"PNG of a {picture}".encode(),
            copy=self.copied.append,
        )
        self.session.messaged.connect(self.messages.append)
        self.session.failed.connect(self.errors.append)

    def open(self):
        self.session.open(SCENE, Origin(folder=Path("/photos/kitchen"), model="nano"))

    async def settle(self):
        while self.workflow.busy:
            await asyncio.sleep(0.002)


def at_the_desk(story, **options):
    async def whole():
        desk = Desk(**options)
        desk.open()
        try:
            return await story(desk)
        finally:
            await desk.workflow.close()

    return asyncio.run(whole())


def test_there_are_no_pictures_before_a_result():
    async def whole():
        desk = Desk()
        names = ("picture", "copy_stage", "turntable")
        assert not any(desk.actions.state(name).enabled for name in names)
        desk.open()
        assert all(desk.actions.state(name).enabled for name in names)
        await desk.workflow.close()

    asyncio.run(whole())


def test_a_picture_is_as_the_dialog_says_and_goes_where_the_user_says(tmp_path):
    target = tmp_path / "mine.png"

    async def story(desk):
        desk.actions.trigger("picture")
        assert desk.dialog.told("set_wish") == PictureWish()
        assert desk.dialog.last["set_preview"] == (("120 × 80 pixels",), {"ready": True})
        desk.presenter.choose_picture("scale", 3)
        desk.presenter.choose_picture("transparent", True)
        desk.presenter.choose_picture("notes", False)
        assert desk.dialog.last["set_preview"][0] == ("180 × 120 pixels",)
        desk.presenter.save_picture()
        await desk.settle()
        assert ("still", 3, True, False) in desk.stage.calls
        assert desk.questions.asked == ["picture kitchen_3d.png"]
        assert target.read_bytes() == b"PNG of a still"
        assert desk.messages == [f"Saved {target}"]
        assert "close" in desk.dialog.calls
        assert desk.memory["picture/scale"] == 3

    at_the_desk(story, save_answer=target)


def test_a_picture_is_written_over_another_only_after_a_yes(tmp_path):
    target = tmp_path / "mine.png"
    target.write_bytes(b"old")

    async def story(desk):
        desk.presenter.save_picture()
        await desk.settle()
        assert desk.questions.asked == ["picture kitchen_3d.png", "overwrite mine.png"]

    at_the_desk(story, save_answer=target)
    assert target.read_bytes() == b"old"
    at_the_desk(story, save_answer=target, overwrite_answer=True)
    assert target.read_bytes() == b"PNG of a still"


def test_what_graphics_cannot_draw_at_once_is_not_offered():
    async def story(desk):
        desk.stage.size = lambda scale: (5000 * scale, 3000 * scale)
        desk.actions.trigger("picture")
        assert desk.dialog.last["set_preview"][1] == {"ready": True}
        desk.presenter.choose_picture("scale", 4)
        assert desk.dialog.last["set_preview"] == (
            ("20,000 × 12,000 pixels are more than graphics draw at once.",),
            {"ready": False},
        )

    at_the_desk(story)


def test_a_copy_is_a_picture_and_says_its_size():
    async def story(desk):
        desk.actions.trigger("copy_stage")
        assert desk.copied == ["still"]
        assert desk.messages == ["Copied a picture of 120 × 80 pixels."]

    at_the_desk(story)


def test_a_film_turns_once_and_goes_where_the_user_says(tmp_path):
    target = tmp_path / "turn.gif"

    async def story(desk):
        desk.actions.trigger("turntable")
        desk.presenter.choose_film("seconds", 2)
        desk.presenter.choose_film("rate", 10)
        desk.presenter.choose_film("height", 360)
        assert desk.dialog.last["set_preview"] == (("20 frames of 540 × 360 pixels",), {"ready": True})
        desk.presenter.save_film()
        await desk.settle()
        assert desk.questions.asked == ["film kitchen_turntable.gif"]
        assert not desk.errors
        assert desk.messages == [f"Saved {target}"]

    at_the_desk(story, save_answer=target)
    with Image.open(target) as film:
        assert (film.n_frames, film.size) == (20, (60, 360))


@pytest.mark.parametrize(
    ("kept", "picture", "film"),
    [
        ({"picture/scale": 4, "film/format": "mp4"}, PictureWish(scale=4), FilmWish(format="mp4")),
        ({"picture/scale": 9, "film/rate": 13}, PictureWish(), FilmWish()),
        ({"film/seconds": 1000}, PictureWish(), FilmWish()),
    ],
)
def test_wishes_are_those_of_the_last_time_where_they_can_be(kept, picture, film):
    async def story(desk):
        desk.actions.trigger("picture")
        assert desk.dialog.told("set_wish") == picture
        desk.actions.trigger("turntable")
        assert desk.dialog.told("set_wish") == film

    at_the_desk(story, memory=Memory(kept))


class Look:
    """Choices and one stage."""

    def __init__(self, memory=None):
        self.session, self.actions = Session(), Actions()
        self.memory = Memory() if memory is None else memory
        self.stage, self.dressing, self.cameras = Recorder(), Recorder(), Recorder()
        self.look = StageLookPresenter(self.session, self.stage, self.dressing, self.cameras)
        self.choices = StageChoicesPresenter(self.session, self.actions, self.memory)

    def open(self):
        self.session.open(SCENE, Origin(folder=Path("/photos/kitchen"), model="nano"))
        return self


def test_every_choice_of_the_menu_reaches_the_stage_and_shows_in_the_menu():
    look = Look().open()
    look.actions.trigger("background_white")
    assert look.stage.told("set_background") == "white"
    assert look.actions.state("background_white").checked
    assert not look.actions.state("background_theme").checked
    for action, method in (("eye_dome", "set_eye_dome"), ("grid", "set_grid")):
        look.actions.trigger(action)
        assert look.dressing.told(method) is True
        assert look.actions.state(action).checked
    look.actions.trigger("axes")
    assert look.dressing.told("set_gauge") is False
    look.actions.trigger("photo_planes")
    look.actions.trigger("cameras")
    look.actions.trigger("larger_cameras")
    assert look.cameras.last["set_look"][1] == {"shown": False, "hung": True, "scale": 1.25}
    look.actions.trigger("up_z")
    look.actions.trigger("flip_up")
    assert look.stage.told("set_up") == ("z", True)
    assert look.actions.state("up_z").checked
    assert look.actions.state("flip_up").checked


def test_cameras_stay_within_sizes_that_can_be_seen():
    look = Look().open()
    for _ in range(40):
        look.actions.trigger("larger_cameras")
    assert look.session.display.frustum_scale == 8.0
    for _ in range(80):
        look.actions.trigger("smaller_cameras")
    assert look.session.display.frustum_scale == pytest.approx(0.1)


def test_lengths_on_stage_are_meters_once_somebody_said_so():
    look = Look().open()
    assert look.dressing.told("set_units") == ("scene units", 1.0)
    look.session.edit("x", replace(look.session.edits, scale=2.5))
    assert look.dressing.told("set_units") == ("m", 2.5)


def test_tastes_are_remembered_and_what_is_up_is_not():
    look = Look().open()
    for action in ("background_gradient", "eye_dome", "up_x", "smaller_cameras"):
        look.actions.trigger(action)
    again = Look(look.memory)
    assert again.session.display.background == "gradient"
    assert again.session.display.eye_dome
    assert again.session.display.frustum_scale == pytest.approx(0.8)
    assert again.session.display.up == "cameras"
    assert again.stage.told("set_background") == "gradient"


def test_a_taste_that_cannot_be_had_is_forgotten():
    look = Look(Memory({"view/background": "plaid", "view/frustum_scale": 1e9}))
    assert look.session.display.background == "theme"
    assert look.session.display.frustum_scale == 8.0


def test_another_budget_is_thinned_on_the_worker_and_shown():
    async def whole():
        session, actions, prepared, memory = Session(), Actions(), PreparedCloud(), Memory()
        workflow = Workflow(session, Worker(), StandInSteps(SCENE), RunSettings(), prepare=prepared.prepare)
        shown = []

        class Stage:
            wish = 0

            def set_point_budget(self, points):
                self.wish = points

            @property
            def point_budget(self):
                return self.wish or 10**6

        budget = PointBudgetPresenter(
            session,
            workflow,
            actions,
            stage=Stage(),
            memory=memory,
            prepared=prepared,
            redraw=lambda: shown.append(prepared.take(SCENE.cloud)),
        )
        assert actions.state("budget_0").checked
        actions.trigger("budget_250000")  # before there is anything to draw
        while workflow.busy:
            await asyncio.sleep(0.002)
        assert not shown
        session.open(SCENE, Origin(folder=Path("/photos/kitchen"), model="nano"))
        budget.choose(100)
        while workflow.busy:
            await asyncio.sleep(0.002)
        assert [len(each.rows) for each in shown] == [100]
        assert memory == {"view/point_budget": 100}
        await workflow.close()

    asyncio.run(whole())
