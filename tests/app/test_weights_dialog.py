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
from fast3dis_core.errors import DownloadError
from fast3dis_core.transfers import Transfer
from tests.app.standins import UNFILTERED, Recorder, StandInQuestions, StandInSteps


class Steps(StandInSteps):
    """A download that waits, and then cannot reach anybody."""

    notice = ""
    left = 0  # bytes of an unfinished download
    arrives = None  # path of a file

    def download(self, name, accept_license, report, watch):
        self._note(f"download {name} {accept_license}")
        while not self.arriving.wait(0.005):
            watch(Transfer(done=200_000_000, total=500_000_000, speed=1e7, notice=self.notice))
            report(f"Downloading {name}", 0.4)
        if self.arrives is not None:
            return self.arrives
        raise DownloadError(f"The weights {name} could not be downloaded: check the connection.")

    def arrived(self, name):
        self._note(f"arrived {name}")
        return self.left


class Desk:
    def __init__(self, **answers):
        self.session, self.steps, worker = Session(UNFILTERED), Steps(), Worker()
        self.steps.arriving = threading.Event()
        self.workflow = Workflow(self.session, worker, self.steps, RunSettings())
        self.failed, self.messages = [], []
        self.session.failed.connect(self.failed.append)
        self.session.messaged.connect(self.messages.append)
        self.inventory = Inventory(worker, self.steps, self.session.fail)
        self.dialog, self.window, self.actions = Recorder(), Recorder(), Actions()
        self.presenter = WeightsPresenter(
            self.session,
            self.workflow,
            self.actions,
            self.inventory,
            dialog=lambda: self.dialog,
            questions=StandInQuestions(**answers),
            window=self.window,
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


def started(desk):
    """A download that is under way and has told so."""
    desk.presenter.download("DA3-BASE")
    return desk.until(lambda: desk.inventory.download is not None and desk.inventory.download.fraction > 0)


async def arrived(desk):
    """A whole download."""
    desk.steps.arrives = Path("/hub/model.safetensors")
    await started(desk)
    desk.steps.arriving.set()
    await desk.until(lambda: desk.inventory.download is None)


def row(desk, name="DA3-BASE"):
    return next(row for row in desk.dialog.told("set_rows") if row[0] == name)


NOTHING = ("", "", 0.0, False)


def test_a_download_that_fails_says_why_and_can_be_tried_again():
    async def story(desk):
        assert row(desk)[-2:] == ("Not here (500 MB)", "download")
        words = "200 MB of 500 MB, 10 MB/s, about 30 s left"
        for attempt in (1, 2):
            await started(desk)
            await desk.until(lambda: words in desk.dialog.told("set_download"))
            assert desk.dialog.told("set_download") == ("Downloading DA3-BASE · 40%", words, 0.4, False)
            assert desk.window.told("set_errand") == ("DA3-BASE 40%", words)
            desk.steps.left = 210_000_000
            desk.steps.arriving.set()
            await desk.until(lambda: desk.inventory.download is None)
            assert len(desk.failed) == attempt
            assert desk.dialog.told("set_download") == NOTHING
            assert desk.window.told("set_errand") == ("", "")
            assert row(desk)[-2:] == ("210 MB of 500 MB are here", "resume")
            desk.steps.arriving.clear()
        assert "check the connection" in str(desk.failed[0])

    drive(story)


def test_what_a_download_waits_for_is_said():
    async def story(desk):
        desk.steps.notice = "503 Busy. Trying again in 4 s (1 of 2)"
        await started(desk)
        await desk.until(lambda: "503 Busy" in desk.dialog.told("set_download")[1])
        assert desk.window.told("set_errand")[0] == "DA3-BASE 40% (waiting)"

    drive(story)


def test_a_cancelled_download_says_what_is_kept_once_its_thread_is_free():
    async def story(desk):
        await started(desk)
        desk.steps.left = 200_000_000
        desk.presenter.cancel_download()
        assert desk.dialog.told("set_download")[0] == "Stopping the download of DA3-BASE"
        assert desk.dialog.told("set_download")[-1] is True
        await desk.until(lambda: desk.inventory.download is None)
        assert desk.steps.calls[-2:] == ["download DA3-BASE False", "arrived DA3-BASE"]
        assert desk.failed == []
        assert desk.messages == ["DA3-BASE was stopped: 200 MB are kept, and the next download goes on from there."]
        assert desk.inventory.find("DA3-BASE").path is None
        assert row(desk)[-1] == "resume"

    drive(story)


def test_what_arrived_is_offered_to_the_next_run():
    async def story(desk):
        await arrived(desk)
        name, words, verb = desk.dialog.told("set_offer")
        assert (name, verb) == ("DA3-BASE", "Use it"), "there are no photos yet"
        assert "no FAST3DIS heads for size base" in words
        assert desk.window.told("set_errand")[0] == "DA3-BASE is here"
        assert row(desk)[-2:] == ("/hub/model.safetensors", "use")
        desk.presenter.take_offer(name)
        assert desk.workflow.defaults.size == "base"
        assert row(desk)[-1] == "used"
        assert desk.dialog.told("set_offer") == ("", "", "")
        assert desk.window.told("set_errand") == ("", "")

    drive(story)


def test_with_photos_what_arrived_runs_at_once():
    async def story(desk):
        ran = []
        desk.actions.bind("run", lambda: ran.append(desk.workflow.defaults.size), enabled=True)
        await arrived(desk)
        assert desk.dialog.told("set_offer")[-1] == "Run with it"
        desk.presenter.take_offer("DA3-BASE")
        assert ran == ["base"]
        assert "close" in desk.dialog.calls

        desk.presenter.download("DA3-BASE")
        assert desk.dialog.told("set_offer") == ("", "", "")

    drive(story)


def test_an_offer_can_wait():
    async def story(desk):
        await arrived(desk)
        desk.presenter.decline_offer()
        assert desk.dialog.told("set_offer") == ("", "", "")
        assert desk.workflow.defaults == RunSettings()

    drive(story)
