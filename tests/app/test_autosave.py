"""What is kept for an accident: whole at every moment, small where little changed, gone after a clean end."""

import asyncio
import json
import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from app.actions import Actions
from app.autosave import Autosave
from app.autosave_files import STATE, AutosaveFolder
from app.presenters.recovery import RecoveryPresenter, offer
from app.session.plan import RunSettings
from app.session.session import Session
from app.worker import Worker
from app.workflow import Workflow
from fast3dis_core.errors import ExportError, SessionError
from fast3dis_core.session_files import read_session
from tests.app.standins import UNFILTERED, Recorder, StandInQuestions, StandInSteps
from tests.app.test_session_files import same_arrays

LAYOUT = b"docks of this program"


class Locks:
    """Locks of programs that share a machine."""

    def __init__(self):
        self.held = set()

    def __call__(self, path):
        return _Lock(self.held, path)


class _Lock:
    def __init__(self, held, path):
        self.held, self.path = held, path

    def take(self):
        taken = self.path not in self.held
        self.held.add(self.path)
        return taken

    def free(self):
        self.held.discard(self.path)


class Desk:
    """A program without a window."""

    def __init__(self, root, locks, steps=None, **answers):
        self.session, self.steps, self.actions, self.bar = (
            Session(UNFILTERED),
            steps or StandInSteps(),
            Actions(),
            Bar(),
        )
        worker = Worker()
        self.workflow = Workflow(self.session, worker, self.steps, RunSettings())
        self.folder = AutosaveFolder(root, locks)
        self.autosave = Autosave(
            self.session,
            self.workflow.keeper,
            self.steps,
            worker,
            folder=self.folder,
            layout=lambda: LAYOUT,
            delay=0.005,
        )
        self.layouts, self.said, self.failed, self.questions = [], [], [], StandInQuestions(**answers)
        self.session.messaged.connect(self.said.append)
        self.session.failed.connect(self.failed.append)
        self.may_go = True
        self.presenter = RecoveryPresenter(
            self.session,
            self.actions,
            self.bar,
            autosave=self.autosave,
            questions=self.questions,
            start=self.workflow.start,
            may_go=self._may_go,
            restore_layout=self.layouts.append,
        )

    async def _may_go(self):
        return self.may_go

    async def settle(self):
        await asyncio.sleep(0)
        while self.workflow.busy or not self.autosave.settled:
            await asyncio.sleep(0.002)

    async def run(self, folder="kitchen"):
        await self.workflow.open_folder(Path(folder))
        await self.settle()

    async def edit(self, **changes):
        self.session.edit("x", replace(self.session.edits, **changes))
        await self.settle()

    async def end(self, *, clean):
        await self.autosave.close(clean=clean)
        await self.workflow.close()


class Bar(Recorder):
    @property
    def offers(self):
        return self.told("set_offers") if "set_offers" in self.last else []


@pytest.fixture
def root(tmp_path):
    return tmp_path / "data" / "autosave"


@pytest.fixture
def live(root):
    """Run `story(desk)` in a program that then dies, or ends as its user wants."""
    locks = Locks()

    def run(story, *, clean=False, **options):
        async def whole():
            desk = Desk(root, locks, **options)
            try:
                return await asyncio.wait_for(story(desk), 20)
            finally:
                await desk.end(clean=clean)

        return asyncio.run(whole())

    return run


def contents(root):
    (folder,) = root.iterdir()
    return {path.name for path in folder.iterdir()}


def state_of(root):
    (folder,) = root.iterdir()
    return json.loads((folder / STATE).read_text())


async def recovered(desk):
    desk.presenter.look()
    await desk.settle()
    (row,) = desk.bar.offers
    desk.presenter.recover(row[0])
    await desk.settle()
    return desk


def test_after_an_accident_everything_comes_back_as_unsaved(live, root):
    async def first(desk):
        await desk.run()
        one, other = (item.query for item in desk.session.shown()[:2])
        await desk.edit(hidden=frozenset({one}), names={other: "Söfa"}, mask_threshold=0.6)
        desk.session.show(replace(desk.session.display, view=1, selection=frozenset({other})))
        await desk.settle()
        return desk.session

    async def second(desk):
        await recovered(desk)
        assert desk.failed == []
        assert desk.layouts == [LAYOUT]
        assert "load" not in desk.steps.calls, "no model is needed"
        assert desk.session.modified
        assert desk.bar.offers == []
        assert not desk.actions.state("recover").enabled
        return desk.session

    before, after = live(first), live(second)
    same_arrays(before.reconstruction, after.reconstruction)
    assert after.edits == before.edits
    assert after.display == before.display
    assert after.origin == before.origin
    # and what was recovered is kept on, in the same place
    assert len(list(root.iterdir())) == 1


def test_a_clean_end_leaves_nothing(live, root):
    async def story(desk):
        await desk.run()
        await desk.edit(names={1: "a"})
        assert STATE in contents(root)

    live(story, clean=True)
    assert list(root.iterdir()) == []


def test_edits_that_need_no_computing_write_no_result_again(live, root):
    async def story(desk):
        await desk.run()
        assert desk.steps.calls.count("write_session") == 1
        for number in range(5):
            await desk.edit(names={0: f"name {number}"})
        assert desk.steps.calls.count("write_session") == 1
        assert state_of(root)["edits"]["names"] == {"0": "name 4"}

    live(story)


def test_results_of_edits_are_written_without_the_features_that_stay(live, root):
    class Features(StandInSteps):
        def features(self, views, encoded, trace):
            anchors = super().features(views, encoded, trace)["trace/anchors"]
            return {"trace/anchors": anchors, "levels/0": anchors + 1}

        def from_features(self, features, reconstruction):
            self.found = dict(features)
            return super().from_features(features, reconstruction)

    async def first(desk):
        await desk.run()
        await desk.edit(mask_threshold=0.7)
        desk.autosave._rest = 0.0  # the next result may be written at once
        await desk.edit(mask_threshold=0.8)
        desk.autosave._rest = 0.0
        await desk.edit(names={0: "last"})

    live(first, steps=Features())
    state = state_of(root)
    assert contents(root) == {STATE, state["result"], state["features"]}
    (folder,) = root.iterdir()
    assert set(read_session(folder / state["features"]).features) == {"trace/anchors", "levels/0"}
    assert set(read_session(folder / state["result"]).features) == {"trace/anchors"}

    async def second(desk):
        await recovered(desk)
        assert set(desk.steps.found) == {"trace/anchors", "levels/0"}
        assert desk.session.origin.answers
        await desk.edit(mask_threshold=0.5)
        assert desk.steps.calls[-3:].count("assemble") == 1

    live(second, steps=Features())


def test_an_edit_whose_result_was_not_written_yet_is_computed_again(live, root):
    async def first(desk):
        await desk.run()
        desk.autosave._rest = float("inf")
        desk.session.edit("x", replace(desk.session.edits, mask_threshold=0.9))
        while state_of(root)["edits"]["mask_threshold"] != 0.9:
            await asyncio.sleep(0.005)
        assert desk.steps.calls.count("write_session") == 1
        return desk.session.reconstruction

    async def second(desk):
        await recovered(desk)
        assert desk.session.edits.mask_threshold == 0.9
        assert desk.steps.mask_thresholds == [0.9]
        return desk.session.reconstruction

    same_arrays(live(first), live(second))


def test_without_features_only_what_the_result_answers_to_comes_back(live, root):
    async def first(desk):
        await desk.run()
        desk.autosave._rest = float("inf")
        desk.session.edit("x", replace(desk.session.edits, mask_threshold=0.9, names={0: "kept"}))
        while state_of(root)["edits"]["mask_threshold"] != 0.9:
            await asyncio.sleep(0.005)

    async def second(desk):
        await recovered(desk)
        assert desk.session.edits.mask_threshold == UNFILTERED.mask_threshold
        assert desk.session.edits.names == {0: "kept"}
        assert not desk.session.origin.answers

    live(first, steps=StandInSteps(features_bytes=1 << 40))
    live(second)


def test_two_programs_leave_each_other_alone(root):
    async def story():
        locks = Locks()
        one, other = Desk(root, locks), Desk(root, locks)
        await one.run("kitchen")
        await other.run("attic")
        assert len(list(root.iterdir())) == 2
        assert await one.autosave.orphans() == ()
        assert await other.autosave.orphans() == ()
        await one.end(clean=True)
        assert [found.scene for found in await other.autosave.orphans()] == []
        assert len(list(root.iterdir())) == 1
        await other.end(clean=True)

    asyncio.run(asyncio.wait_for(story(), 20))


def test_only_one_of_two_windows_recovers(live, root):
    async def first(desk):
        await desk.run()

    live(first)

    async def story():
        locks = Locks()
        one, other = Desk(root, locks), Desk(root, locks)
        for desk in (one, other):
            desk.presenter.look()
            await desk.settle()
        (row,) = one.bar.offers
        one.presenter.recover(row[0])
        await one.settle()
        other.presenter.recover(row[0])
        other.presenter.discard(row[0])
        await other.settle()
        assert other.session.reconstruction is None
        assert "another window" in other.said[-1]
        assert other.bar.offers == []
        assert STATE in contents(root)
        await one.end(clean=False)
        await other.end(clean=False)

    asyncio.run(asyncio.wait_for(story(), 20))


def test_what_a_file_of_the_users_has_is_not_kept(live, root, tmp_path):
    async def story(desk):
        await desk.run()
        await desk.edit(names={0: "a"})
        await desk.workflow.keeper.save(tmp_path / "a.f3d")
        await desk.settle()
        assert list(root.iterdir()) == []
        await desk.edit(names={0: "b"})
        assert state_of(root)["file"] == str(tmp_path / "a.f3d")

    live(story)

    async def second(desk):
        await recovered(desk)
        assert desk.session.origin.file == tmp_path / "a.f3d"
        assert desk.session.modified
        await desk.workflow.keeper.save(tmp_path / "a.f3d", overwrite=True)
        await desk.settle()
        assert not desk.session.modified
        assert list(root.iterdir()) == []

    live(second)
    assert read_session(tmp_path / "a.f3d").names == {0: "b"}


def test_cancelling_a_run_neither_stops_nor_loses_what_is_kept(live, root):
    async def story(desk):
        await desk.run()
        query = desk.session.shown()[0].query
        await desk.edit(names={query: "a"})
        steps = desk.steps
        steps.feature_gate.clear()
        desk.workflow.start(desk.workflow.open_folder(Path("attic")))
        while desk.session.origin.masks != "coming":
            await asyncio.sleep(0.002)
        desk.workflow.cancel()
        await desk.settle()
        steps.feature_gate.set()
        assert desk.session.origin.folder == Path("kitchen")
        assert desk.session.modified
        state = state_of(root)
        assert (state["scene"], state["edits"]["names"]) == ("kitchen", {str(query): "a"})

    live(story)


def test_a_run_that_goes_on_is_not_offered_in_place_of_the_result_before(live, root):
    async def first(desk):
        await desk.run("kitchen")
        desk.steps.feature_gate.clear()
        desk.workflow.start(desk.workflow.open_folder(Path("attic")))
        while desk.session.origin.masks != "coming":
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.05)
        assert state_of(root)["scene"] == "kitchen"

    live(first)


@pytest.mark.parametrize("damage", ["state", "result", "both"])
def test_damage_is_told_and_does_not_block(live, root, damage):
    async def first(desk):
        await desk.run()
        await desk.edit(names={0: "a"})

    live(first)
    (folder,) = root.iterdir()
    if damage != "result":
        (folder / STATE).write_text('{"result": ')
    if damage != "state":
        (result,) = folder.glob("*.f3d")
        result.write_bytes(result.read_bytes()[:1000])

    async def second(desk):
        desk.presenter.look()
        await desk.settle()
        assert desk.failed == []
        (row,) = desk.bar.offers
        if damage == "state":  # the result is whole
            assert row[-1]
            desk.presenter.recover(row[0])
            await desk.settle()
            assert desk.session.reconstruction is not None
            return
        assert not row[-1]
        assert "cannot be recovered" in row[2]
        assert "damaged" in row[2]
        assert str(folder) in row[3]
        assert folder.exists(), "never removed by itself"
        desk.questions.discard_answer = False
        desk.presenter.discard(row[0])
        await desk.settle()
        assert folder.exists()
        desk.questions.discard_answer = True
        desk.presenter.discard(row[0])
        await desk.settle()
        assert not folder.exists()

    live(second)


def test_damage_that_only_shows_on_reading_leaves_everything_where_it_is(live, root):
    async def first(desk):
        await desk.run()

    live(first)
    (folder,) = root.iterdir()
    (result,) = folder.glob("*.f3d")
    content = bytearray(result.read_bytes())
    middle = content.index(b"cloud/confidence.npy") + 200
    content[middle : middle + 40] = bytes(40)
    result.write_bytes(content)

    async def second(desk):
        await desk.run("attic")
        standing = desk.session.reconstruction
        desk.presenter.look()
        await desk.settle()
        (row,) = desk.bar.offers
        desk.presenter.recover(row[0])
        await desk.settle()
        assert [type(error) for error in desk.failed] == [SessionError]
        assert desk.session.reconstruction is standing
        assert result.exists()
        assert desk.actions.state("recover").enabled
        await desk.edit(names={0: "kept on"})
        assert len(list(root.iterdir())) == 2

    live(second)


def test_unsaved_edits_are_asked_about_before_something_is_recovered(live, root):
    async def first(desk):
        await desk.run()

    live(first)

    async def second(desk):
        desk.may_go = False
        desk.presenter.look()
        await desk.settle()
        desk.presenter.recover(desk.bar.offers[0][0])
        await desk.settle()
        assert desk.session.reconstruction is None
        assert len(desk.bar.offers) == 1

    live(second)


def test_a_full_disk_is_told_once_and_asked_again_later(live, root):
    class FullDisk(StandInSteps):
        full = True

        def write_session(self, path, *rest):
            self._note("try")
            if self.full:
                raise ExportError("The disk is full.")
            super().write_session(path, *rest)

    steps = FullDisk()

    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        while not desk.said:
            await asyncio.sleep(0.002)
        for number in range(20):
            desk.session.edit("x", replace(desk.session.edits, names={0: str(number)}))
            await asyncio.sleep(0.01)
        assert steps.calls.count("try") == 1
        assert sum("disk is full" in sentence for sentence in desk.said) == 1
        assert desk.failed == []
        assert desk.session.reconstruction is not None
        steps.full = False
        desk.autosave._wake(0.0)
        while steps.calls.count("try") < 2:
            await asyncio.sleep(0.005)
        await desk.settle()
        assert state_of(root)["edits"]["names"] == {"0": "19"}

    live(story, steps=steps)


def test_a_program_that_dies_in_the_middle_of_writing_leaves_what_was_whole(live, root):
    class Dying(StandInSteps):
        def write_session(self, path, *rest):
            if self.calls.count("write_session"):
                path.with_name(".fast3dis-0.part").write_bytes(b"half a result")
                raise SystemError("killed")
            super().write_session(path, *rest)

    async def first(desk):
        await desk.run()
        desk.autosave._rest = 0.0
        desk.session.edit("x", replace(desk.session.edits, mask_threshold=0.9))
        while not desk.failed:
            await asyncio.sleep(0.002)

    async def second(desk):
        await recovered(desk)
        assert desk.failed == []
        assert desk.session.edits.mask_threshold == 0.9
        assert desk.steps.mask_thresholds == [0.9], "its masks are computed again"
        await desk.autosave.close(clean=True)
        assert list(root.iterdir()) == []

    live(first, steps=Dying())
    live(second)


def test_a_program_that_died_before_it_wrote_leaves_no_offer(live, root):
    old, young = root / "old", root / "young"
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))

    async def story(desk):
        assert await desk.autosave.orphans() == ()
        assert not old.exists()
        assert young.exists(), "perhaps of a program that is just about to write"

    live(story)


def test_an_offer_says_what_when_and_how_much(live, root):
    async def first(desk):
        await desk.run("küche")
        await desk.edit(names={0: "a"})

    async def second(desk):
        (orphan,) = await desk.autosave.orphans()
        return orphan

    live(first, steps=StandInSteps(features_bytes=1 << 40))
    orphan = live(second)
    now = orphan.kept
    _, title, words, tip, picture, whole = offer(orphan, now)
    assert title == "küche"
    assert words == f"kept today at {now:%H:%M} · 3 photos · 5 instances · to be looked at only"
    assert str(orphan.folder) in tip
    assert picture.startswith(b"\x89PNG")
    assert whole
    later = offer(replace(orphan, file=Path("/x/y.f3d")), datetime(2999, 1, 1))
    assert f"kept {now:%d %B %Y}" in later[2]
    assert "of y.f3d" in later[2]


def test_put_off_offers_come_back_from_the_menu(live, root):
    async def first(desk):
        await desk.run()

    live(first)

    async def second(desk):
        desk.presenter.look()
        await desk.settle()
        desk.presenter.put_off()
        assert desk.bar.offers == []
        desk.actions.trigger("recover")
        assert len(desk.bar.offers) == 1

    live(second)
