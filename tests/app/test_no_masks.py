"""What the program says and offers while there are no masks, and when the memory did not suffice."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from app.presenters.masks_page import MasksPagePresenter, training_command
from app.presenters.ways_out import ways_out
from app.session.plan import Plan, RunSettings
from app.session.session import Session
from app.worker import Worker
from app.workflow import Workflow
from fast3dis_core.errors import CheckpointError
from tests.app.standins import UNFILTERED, Recorder, StandInQuestions, StandInSteps, stand_in_photo


class Panel:
    def __init__(self, questions=None, **steps):
        self.session, self.steps, self.page = Session(UNFILTERED), StandInSteps(**steps), Recorder()
        self.workflow = Workflow(self.session, Worker(), self.steps, RunSettings())
        self.questions = questions or StandInQuestions()
        self.presenter = MasksPagePresenter(self.session, self.workflow, self.page, self.questions)

    async def settle(self):
        while self.workflow.busy:
            await asyncio.sleep(0.002)

    def explained(self):
        args, kwargs = self.page.last["explain"]
        return args[0], kwargs


def drive(story, **given):
    async def play():
        panel = Panel(**given)
        try:
            return await asyncio.wait_for(story(panel), 10)
        finally:
            panel.steps.feature_gate.set()
            await panel.workflow.close()

    asyncio.run(play())


def test_masks_on_their_way_are_announced_and_then_shown():
    async def story(panel):
        await panel.workflow.open_folder(Path("kitchen"))
        assert panel.page.calls[-2:] == ["explain", "show_content"]
        assert panel.explained() == ("Masks are on their way", {})

    drive(story)


def test_a_stopped_run_offers_to_run_again():
    async def story(panel):
        panel.steps.feature_gate.clear()
        running = panel.workflow.start(panel.workflow.open_folder(Path("kitchen")))
        while panel.session.origin is None:
            await asyncio.sleep(0.001)
        panel.workflow.cancel()
        await running
        title, offers = panel.explained()
        assert title == "The run ended before its masks"
        assert offers == {"run": True}
        panel.steps.feature_gate.set()
        panel.presenter.run_again()
        await panel.settle()
        assert panel.page.calls[-1] == "show_content"

    drive(story)


def test_missing_heads_are_explained_with_the_line_that_trains_them():
    async def story(panel):
        await panel.workflow.open_folder(Path("kitchen"))
        title, offers = panel.explained()
        assert title == "No trained heads for nano"
        assert offers["heads"]
        assert offers["command"].startswith("fast3dis train runs/nano --size nano")
        panel.presenter.run_untrained()
        await panel.settle()
        assert panel.page.calls[-1] == "show_content"

    drive(story, geometry_only=True)


def test_heads_are_asked_for_and_run_with():
    async def story(panel):
        await panel.workflow.open_folder(Path("kitchen"))
        panel.presenter.load_heads()
        await panel.settle()
        assert panel.steps.plans[-1].settings.heads == Path("/heads.safetensors")
        assert panel.steps.calls.count("load") == 2

    drive(story, geometry_only=True, questions=StandInQuestions(heads_answer=Path("/heads.safetensors")))


def test_heads_that_do_not_fit_leave_the_settings_as_they_were():
    async def story(panel):
        failed = []
        panel.session.failed.connect(failed.append)
        await panel.workflow.open_folder(Path("kitchen"))

        def refuse(settings, report):
            raise CheckpointError("These heads are of another size.")

        panel.steps.load = refuse
        panel.presenter.load_heads()
        await panel.settle()
        assert [type(error) for error in failed] == [CheckpointError]
        assert panel.session.plan.settings.heads is None
        assert panel.explained()[0] == "No trained heads for nano"

    drive(story, geometry_only=True, questions=StandInQuestions(heads_answer=Path("/heads.safetensors")))


def test_the_training_line_names_the_weights_that_were_given():
    settings = RunSettings(size="small", weights=Path("/w/model.safetensors"))
    assert training_command("small", settings).split()[2:7] == [
        "runs/small", "--size", "small", "--weights", "/w/model.safetensors",
    ]  # fmt: skip


PLAN = Plan(
    sources=(Path("/k"),),
    photos=tuple(stand_in_photo(Path(f"/k/{number}.jpg")) for number in range(10)),
    settings=RunSettings(resolution=504),
)


def test_ways_out_of_memory_each_need_less():
    ways = {way.key: way.settings for way in ways_out(PLAN, "")}
    assert ways == {
        "chunk": replace(PLAN.settings, chunk_views=1),
        "views": replace(PLAN.settings, maximum_views=5),
        "resolution": replace(PLAN.settings, resolution=378),
        "device": replace(PLAN.settings, device="cpu"),
    }


@pytest.mark.parametrize(
    ("plan", "device", "keys"),
    [
        (PLAN, "CPU", ["chunk", "views", "resolution"]),
        (PLAN.with_settings(RunSettings(resolution=504, chunk_views=1)), "CPU", ["views", "resolution"]),
        (PLAN.with_photos(PLAN.photos[:1]).with_settings(RunSettings(resolution=154)), "CPU", []),
        (None, "", []),
    ],
)
def test_no_way_is_offered_that_changes_nothing(plan, device, keys):
    assert [way.key for way in ways_out(plan, device)] == keys
