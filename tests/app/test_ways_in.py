"""From paths to plans: what leads to the ready page, what runs at once, and what can be decided before a run."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from app.actions import Actions
from app.estimating import Estimator
from app.inventory import Inventory
from app.presenters.opening import OpeningPresenter
from app.presenters.ready_page import ReadyPagePresenter
from app.recents import MOST_RECENT, Recents
from app.session.plan import RunSettings
from app.session.session import Session
from app.worker import Worker
from app.workflow import Workflow
from fast3dis_core.errors import ImageFolderError
from tests.app.standins import UNFILTERED, Recorder, StandInQuestions, StandInSteps

SAMPLE = Path("/samples/room")


class Desk:
    def __init__(self, recents=None, **answers):
        self.session, self.steps, worker = Session(UNFILTERED), StandInSteps(), Worker()
        self.workflow = Workflow(self.session, worker, self.steps, RunSettings())
        self.actions, self.failed = Actions(), []
        self.session.failed.connect(self.failed.append)
        self.inventory = Inventory(worker, self.steps, self.session.fail)
        self.estimator = Estimator(self.session, worker, self.steps, self.session.fail)
        self.recents, self.questions = recents or Recents(), StandInQuestions(**answers)
        self.empty, self.page = Recorder(), Recorder()
        common = (self.session, self.workflow, self.actions, self.inventory, self.recents)
        self.ready = ReadyPagePresenter(*common, page=self.page)
        self.opening = OpeningPresenter(*common, page=self.empty, questions=self.questions, samples=[SAMPLE])

    async def settle(self):
        while self.workflow.busy or self.estimator._tasks:
            await asyncio.sleep(0.002)

    async def look(self, *paths):
        self.opening.open_paths([str(path) for path in paths])
        await self.settle()

    @property
    def names(self):
        return [photo.name for photo in self.session.plan.photos]

    @property
    def chosen(self):
        return [photo.name for photo in self.session.plan.chosen]


def drive(story, **options):
    async def play():
        desk = Desk(**options)
        try:
            return await asyncio.wait_for(story(desk), 20)
        finally:
            await desk.inventory.close()
            await desk.workflow.close()

    return asyncio.run(play())


def test_an_estimate_that_comes_after_the_end_is_told_to_nobody(monkeypatch):
    asked, go_on = threading.Event(), threading.Event()

    async def story(desk):
        estimate = desk.steps.estimate

        def late(plan, report):
            asked.set()
            go_on.wait(10)
            return estimate(plan, report)

        monkeypatch.setattr(desk.steps, "estimate", late)
        looking = asyncio.ensure_future(desk.look("/photos/kitchen"))
        while not asked.is_set():
            await asyncio.sleep(0.002)
        desk.estimator.close()
        go_on.set()
        await looking
        assert desk.session.plan.estimate is None

    drive(story)


def test_photos_of_the_user_are_looked_at_and_nothing_runs_before_the_user_says_so():
    async def story(desk):
        await desk.look("/photos/kitchen")
        assert desk.session.display.setup
        assert "encode" not in desk.steps.calls
        assert len(desk.page.told("set_photos")) == len(desk.names)
        assert desk.recents.recent == (Path("/photos/kitchen"),)
        desk.actions.trigger("run")
        await desk.settle()
        assert desk.session.reconstruction is not None
        assert not desk.session.display.setup
        desk.actions.trigger("setup")
        assert desk.session.display.setup, "photos and settings can be changed after a result, too"

    drive(story)


def test_no_run_begins_while_chosen_weights_are_still_looked_at(monkeypatch):
    go_on = threading.Event()

    async def story(desk):
        await desk.look("/photos/kitchen")
        assert desk.actions.state("run").enabled
        monkeypatch.setattr(desk.steps, "examine", lambda path, size, heads: go_on.wait(10) and "base")
        looking = asyncio.ensure_future(desk.inventory.examine(Path("/files/mine.safetensors"), "nano", heads=False))
        await asyncio.sleep(0)
        assert not desk.actions.state("run").enabled, "it would run with the weights of before"
        assert "Looking at mine.safetensors …" in desk.page.told("set_estimate")
        go_on.set()
        assert await looking == "base"
        assert desk.actions.state("run").enabled
        assert "Looking at mine.safetensors …" not in desk.page.told("set_estimate")

    drive(story)


def test_samples_run_at_once_and_are_no_recent_scenes():
    async def story(desk):
        desk.actions.trigger("sample")
        await desk.settle()
        assert desk.session.reconstruction is not None
        assert desk.session.plan.sample
        assert desk.recents.recent == ()

    drive(story)


def test_photos_are_left_out_sorted_and_moved():
    async def story(desk):
        await desk.look("/photos/kitchen")
        first, second, *rest = desk.names
        desk.ready.set_included(frozenset({first}), False)
        assert desk.chosen == [second, *rest]
        desk.ready.include_all(True)
        desk.ready.move([first], len(desk.names))
        assert desk.names == [second, *rest, first]
        desk.ready.sort("name")
        assert desk.names == [first, second, *rest]
        desk.ready.include_all(False)
        assert not desk.actions.state("run").enabled

    drive(story)


def test_an_estimate_follows_photos_and_settings():
    async def story(desk):
        await desk.look("/photos/kitchen")
        whole = desk.session.plan.estimate.seconds
        desk.ready.set_included(frozenset(desk.names[:1]), False)
        await desk.settle()
        assert desk.session.plan.estimate.seconds == whole - 10
        desk.ready.set_setting("resolution", 280)
        await desk.settle()
        assert desk.session.plan.estimate is not None
        assert desk.steps.calls.count("estimate") == 3

    drive(story)


def test_another_size_forgets_what_belonged_to_the_old_one():
    async def story(desk):
        await desk.look("/photos/kitchen")
        desk.ready.set_setting("resolution", 280)
        desk.ready.set_setting("heads", Path("/heads.safetensors"))
        desk.ready.set_setting("size", "base")
        settings = desk.session.plan.settings
        assert (settings.size, settings.resolution, settings.heads) == ("base", None, None)

    drive(story)


def test_a_dialog_given_up_does_nothing():
    async def story(desk):
        desk.actions.trigger("open")
        desk.actions.trigger("open_files")
        await desk.settle()
        assert desk.questions.asked == ["folder", "photos"]
        assert desk.steps.calls == []

    drive(story)


def test_an_empty_folder_is_told_and_leaves_everything_as_it_was():
    async def story(desk):
        await desk.look("/photos/kitchen")
        before = desk.session.plan
        await desk.look("/photos/empty")
        assert [type(error) for error in desk.failed] == [ImageFolderError]
        assert desk.session.plan is before

    drive(story)


def test_a_recent_scene_that_is_gone_is_told_and_taken_off(tmp_path):
    gone = tmp_path / "gone"
    recents = Recents()
    recents.remember(gone)

    async def story(desk):
        ((path, _, where, there),) = desk.empty.told("set_recent")
        assert (path, there) == (str(gone), False)
        assert where.startswith("Missing")
        desk.opening.open_recent(str(gone))
        assert "taken off the list" in str(desk.failed[0])
        assert recents.recent == ()

    drive(story, recents=recents)


def test_sessions_go_to_whoever_opens_them():
    async def story(desk):
        opened = []

        async def opener(path):
            opened.append(path)

        desk.opening.open_sessions_with(opener)
        await desk.look("/photos/room.f3d")
        assert opened == [Path("/photos/room.f3d")]
        assert desk.session.plan is None

    drive(story)


def test_the_machine_is_described_with_its_weights():
    async def story(desk):
        await desk.workflow.describe_environment()
        await desk.inventory.look_around()
        assert "Weights found: nano" in desk.empty.told("set_environment")

    drive(story)


def test_nano_says_what_it_is_good_for_on_photos_of_the_user_and_not_on_samples():
    async def story(desk):
        await desk.look("/photos/kitchen")
        advice = desk.page.told("set_advice")
        assert "rendered rooms" in str(advice)
        desk.ready.set_setting("size", "base")
        assert "rendered rooms" not in str(desk.page.told("set_advice"))

    drive(story)


class TestRecents:
    def test_the_last_opened_is_first_and_there_is_an_end(self, tmp_path):
        recents = Recents(tmp_path / "deep" / "recent.json")
        for number in range(MOST_RECENT + 3):
            recents.remember(tmp_path / str(number))
        recents.remember(tmp_path / "5")
        again = Recents(tmp_path / "deep" / "recent.json")
        assert again.recent == recents.recent
        assert (len(again.recent), again.recent[0]) == (MOST_RECENT, tmp_path / "5")

    @pytest.mark.parametrize("junk", ["", "[1, 2]", '{"recent": 3}', "\x00"])
    def test_a_damaged_file_is_no_end(self, tmp_path, junk):
        path = tmp_path / "recent.json"
        path.write_text(junk)
        recents = Recents(path)
        assert recents.recent == ()
        recents.remember(tmp_path)
        assert Recents(path).recent == (tmp_path,)

    def test_paces_are_means_that_forget(self, tmp_path):
        recents = Recents(tmp_path / "recent.json")
        assert recents.pace("nano") is None
        recents.note_pace("nano", 2.0)
        recents.note_pace("nano", 4.0)
        assert Recents(tmp_path / "recent.json").pace("nano") == 3.0


def test_settings_of_the_last_plan_are_those_of_the_next():
    async def story(desk):
        await desk.look("/photos/kitchen")
        desk.ready.set_setting("maximum_views", 7)
        await desk.look("/photos/bath")
        assert desk.session.plan.settings == replace(RunSettings(), maximum_views=7)

    drive(story)
