"""Weights chosen, fetched and refused: what the next run will use, and what the user is told."""

import asyncio
import threading
from pathlib import Path

from app.actions import Actions
from app.inventory import Inventory
from app.presenters.weights_dialog import WeightsPresenter
from app.session.plan import RunSettings
from app.session.session import Session
from app.worker import Worker
from app.workflow import Workflow
from fast3dis_core.errors import CheckpointError
from tests.app.standins import UNFILTERED, Recorder, StandInQuestions, StandInSteps


class Steps(StandInSteps):
    """A download that waits, and then cannot reach anybody."""

    def download(self, name, accept_license, report):
        self._note(f"download {name} {accept_license}")
        report("Connecting to the hub", 0.0)
        while not self.arriving.wait(0.005):
            report("Downloading", 0.4)
        raise CheckpointError(f"The weights {name} are not on this machine: check the connection.")


class Desk:
    def __init__(self, **answers):
        self.session, self.steps, worker = Session(UNFILTERED), Steps(), Worker()
        self.steps.arriving = threading.Event()
        self.workflow = Workflow(self.session, worker, self.steps, RunSettings())
        self.failed, self.messages = [], []
        self.session.failed.connect(self.failed.append)
        self.session.messaged.connect(self.messages.append)
        self.inventory = Inventory(worker, self.steps, self.session.fail)
        self.dialog = Recorder()
        self.presenter = WeightsPresenter(
            self.session,
            self.workflow,
            Actions(),
            self.inventory,
            dialog=lambda: self.dialog,
            questions=StandInQuestions(**answers),
        )

    async def settle(self):
        while self.workflow.busy:
            await asyncio.sleep(0.002)

    async def until(self, condition):
        while not condition():
            await asyncio.sleep(0.002)


def drive(story, **answers):
    async def play():
        desk = Desk(**answers)
        await desk.inventory.look_around()
        desk.presenter.show()
        try:
            return await asyncio.wait_for(story(desk), 20)
        finally:
            await desk.inventory.close()
            await desk.workflow.close()

    return asyncio.run(play())


def test_a_chosen_file_brings_its_size_with_it():
    async def story(desk):
        desk.presenter.choose("weights")
        await desk.settle()
        assert desk.workflow.defaults == RunSettings(size="base", weights=Path("/files/base.safetensors"))
        assert desk.messages == ["The next run uses base.safetensors, size base."]

    drive(story, heads_answer=Path("/files/base.safetensors"))


def test_a_wrong_file_is_refused_at_once_and_changes_nothing():
    async def story(desk):
        desk.presenter.choose("heads")
        await desk.settle()
        assert desk.workflow.defaults == RunSettings()
        assert "found a web page" in str(desk.failed[0])
        assert desk.messages == []

    drive(story, heads_answer=Path("/files/page.safetensors"))


def test_a_download_that_fails_says_why_and_can_be_tried_again():
    async def story(desk):
        for attempt in (1, 2):
            desk.presenter.download("DA3-BASE")
            await desk.until(lambda: desk.inventory.download is not None and desk.inventory.download.fraction > 0)
            assert desk.dialog.told("set_download") == ("DA3-BASE", "Downloading", 0.4)
            desk.steps.arriving.set()
            await desk.until(lambda: desk.inventory.download is None)
            assert len(desk.failed) == attempt
            assert desk.dialog.told("set_download") == ("", "", 0.0)
            desk.steps.arriving.clear()
        assert "check the connection" in str(desk.failed[0])

    drive(story)


def test_a_download_is_cancelled_without_a_word():
    async def story(desk):
        desk.presenter.download("DA3-BASE")
        await desk.until(lambda: desk.inventory.download is not None and desk.inventory.download.fraction > 0)
        desk.presenter.cancel_download()
        await desk.until(lambda: desk.inventory.download is None)
        assert desk.failed == []
        assert desk.inventory.find("DA3-BASE").path is None

    drive(story)
