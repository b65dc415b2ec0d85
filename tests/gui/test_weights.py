"""Getting weights with real mouse and keys, from a hub on this machine: fetched, stopped, resumed, refused, used."""

import gc
import hashlib
import time
import weakref
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QToolButton

from app.core_steps import CoreSteps
from fast3dis_core.official_weights import OFFICIAL_WEIGHTS, find_weights
from tests.app.standins import StandInQuestions, StandInSteps
from tests.gui.hands import click, until
from tests.gui.test_window import SCENE, button, opened
from tests.model_hub import model_hub, point_to, small_weights

SMALL = OFFICIAL_WEIGHTS[0]
CONTENT = small_weights()


class HubSteps(StandInSteps):
    """Weights are those of the hub and of this machine; what is run is the stand-in scene."""

    look_around, download, arrived = CoreSteps.look_around, CoreSteps.download, CoreSteps.arrived


@pytest.fixture
def hub(tmp_path, monkeypatch):
    with model_hub() as hub:
        point_to(monkeypatch, hub, tmp_path / "home" / "hub")
        hub.publish(SMALL.repository, CONTENT)
        yield hub


def part(program, kind, name):
    found = program.ways_in.weights._dialog.findChild(kind, name)
    assert found is not None, name
    return found


def text(program, name):
    return part(program, QLabel, name).text()


async def dialog_open(program):
    await program.look_around()
    click(button(program, "emptyWeights"))
    dialog = program.ways_in.weights._dialog
    await until(dialog.isVisible, "the dialog")
    return dialog


def test_weights_are_fetched_stopped_resumed_and_used(play, hub):
    async def story(program):
        dialog = await dialog_open(program)
        assert 560 <= dialog.height() <= program.window.height()
        labels = [label.text() for label in dialog.findChildren(QLabel)]
        assert {"DA3-SMALL — size small", "Apache-2.0", "Not here (137 MB)"} <= set(labels)

        hub.speed = 3e5
        click(part(program, QPushButton, "download_DA3-SMALL"))
        await until(lambda: "MB/s" in text(program, "downloadWords"), "the speed")
        assert "of 2.1 MB" in text(program, "downloadWords")
        assert text(program, "downloadWords").endswith("left")
        assert text(program, "downloadStep").startswith("Downloading DA3-SMALL · ")
        assert 0 < part(program, QProgressBar, "downloadBar").value() < 1000
        assert not part(program, QPushButton, "download_DA3-BASE").isEnabled()

        click(part(program, QPushButton, "weightsClose"))  # it goes on, and the window says so
        errand = part_of_window(program, "errandButton")
        await until(lambda: not dialog.isVisible() and errand.isVisible(), "the line in the window")
        assert errand.text().startswith("DA3-SMALL ")
        click(errand)
        await until(dialog.isVisible, "the dialog again")

        click(part(program, QPushButton, "downloadCancel"))
        await until(lambda: program.ways_in.inventory.download is None, "the end of the download", 1.0)
        await until(lambda: not hub.sending, "the end of the sending", 1.0)
        assert not errand.isVisible()
        assert "are kept" in program.window.statusBar().currentMessage()

        hub.speed = None
        click(part(program, QPushButton, "resume_DA3-SMALL"))
        await until(lambda: part(program, QPushButton, "arrivalTake").isVisible(), "the offer")
        assert hub.downloads()[-1].range is not None
        assert hashlib.sha256(find_weights("small").read_bytes()).hexdigest() == hashlib.sha256(CONTENT).hexdigest()
        assert "no FAST3DIS heads for size small" in text(program, "arrivalWords")
        assert part(program, QPushButton, "arrivalTake").text() == "Use it"
        click(part(program, QPushButton, "arrivalTake"))
        assert program.workflow.defaults.size == "small"
        assert not part(program, QPushButton, "used_DA3-SMALL").isEnabled()
        dialog.close()

    play(story, steps=HubSteps(SCENE))


def test_with_photos_what_arrived_runs_at_a_click(play, hub):
    async def story(program):
        await program.look_around()
        await opened(program)
        program.actions.trigger("get_weights")
        dialog = program.ways_in.weights._dialog
        click(part(program, QPushButton, "download_DA3-SMALL"))
        await until(lambda: part(program, QPushButton, "arrivalTake").isVisible(), "the offer")
        assert part(program, QPushButton, "arrivalTake").text() == "Run with it"
        plans = len(program.workflow._steps.plans)
        click(part(program, QPushButton, "arrivalTake"))
        await until(lambda: len(program.workflow._steps.plans) > plans and program.session.activity.idle, "a run")
        assert program.workflow._steps.plans[-1].settings.size == "small"
        assert not dialog.isVisible()

    play(story, steps=HubSteps(SCENE))


def test_a_license_is_read_before_anything_is_sent(play, hub):
    async def story(program):
        dialog = await dialog_open(program)
        click(part(program, QPushButton, "download_DA3-GIANT-1.1"))
        await until(lambda: program.workflow._steps.questions.asked == ["accept CC BY-NC 4.0"], "the question")
        assert hub.asked == [], "not accepted: nothing is sent"
        dialog.close()

    steps = HubSteps(SCENE)
    steps.questions = StandInQuestions(license_answer=False)
    play(story, steps=steps, questions=steps.questions)


def test_closing_the_window_ends_a_download(play, hub):
    async def story(program):
        dialog = await dialog_open(program)
        hub.open.clear()  # the storage says nothing more
        click(part(program, QPushButton, "download_DA3-SMALL"))
        await until(lambda: hub.sending == 1, "a connection")
        dialog.close()
        program.window.close()
        await until(program.closed.is_set, "the end of the program", 5.0)

    play(story, steps=HubSteps(SCENE))
    deadline = time.monotonic() + 2.0
    while hub.sending:
        assert time.monotonic() < deadline, "somebody still listens to the storage"
        time.sleep(0.02)


def part_of_window(program, name):
    found = program.window.findChild(QToolButton, name)
    assert found is not None, name
    return found


def test_a_download_that_failed_keeps_no_window_alive(play, hub):
    """Its error is told, in the window and in the log; the traceback would hold every frame that it came through."""
    hub.lies["model.safetensors"] = CONTENT[:-1] + b"!"  # not what the hub's SHA-256 says
    held = []

    async def story(program):
        dialog = await dialog_open(program)
        click(part(program, QPushButton, "download_DA3-SMALL"))
        await until(lambda: program.window._error is not None, "the error")
        assert program.ways_in.inventory.download is None
        program.window._error.close()
        dialog.close()
        await program.workflow.start(program.workflow.open_folder(Path("/photos/kitchen")))
        await until(lambda: program.session.reconstruction is not None, "a result")
        held.extend(weakref.ref(thing) for thing in (program, program.window, program.viewport, program.session))

    play(story, steps=HubSteps(SCENE))
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    alive = [thing for reference in held if (thing := reference()) is not None]
    assert alive == [], [type(holder) for thing in alive for holder in gc.get_referrers(thing)]
