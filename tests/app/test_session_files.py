"""Sessions to files and back: what is saved is what was open, and nothing unsaved is lost without a question."""

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.actions import Actions
from app.keeper import FEATURES_LIMIT
from app.presenters.session_files import SessionFilesPresenter
from app.session.plan import RunSettings
from app.session.session import Session
from app.worker import Worker
from app.workflow import Workflow
from fast3dis_core.errors import SessionError
from tests.app.standins import UNFILTERED, Recorder, StandInQuestions, StandInSteps


class Frame(Recorder):
    def layout_state(self):
        return b"docks"


class Desk:
    def __init__(self, steps=None, **answers):
        self.session, self.steps = Session(UNFILTERED), steps or StandInSteps()
        self.workflow = Workflow(self.session, Worker(), self.steps, RunSettings())
        self.actions, self.frame, self.questions = Actions(), Frame(), StandInQuestions(**answers)
        self.others, self.closed, self.failed = [], [], []
        self.session.failed.connect(self.failed.append)
        self.presenter = SessionFilesPresenter(
            self.session,
            self.workflow,
            self.actions,
            frame=self.frame,
            questions=self.questions,
            others=self.others.append,
            close=lambda: self.closed.append(True),
        )

    async def settle(self):
        while self.workflow.busy:
            await asyncio.sleep(0.002)

    async def opened(self):
        await self.workflow.open_folder(Path("kitchen"))
        first, second = (item.query for item in self.session.shown()[:2])
        changed = replace(self.session.edits, hidden=frozenset({first}), names={second: "Söfa"}, mask_threshold=0.6)
        self.session.edit("Change", changed)
        await self.settle()
        self.session.show(replace(self.session.display, view=1, selection=frozenset({second})))

    async def do(self, action):
        self.actions.trigger(action)
        await self.settle()


def drive(story, **options):
    async def play():
        desk = Desk(**options)
        try:
            return await asyncio.wait_for(story(desk), 20)
        finally:
            await desk.workflow.close()

    return asyncio.run(play())


def same_arrays(one, other):
    for name in ("images", "intrinsics", "world_to_camera", "anchors", "objectness", "overlap"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    for name in ("points", "colors", "confidence", "valid"):
        left, right = getattr(one.cloud, name), getattr(other.cloud, name)
        assert np.array_equal(left, right, equal_nan=left.dtype.kind == "f"), name
    for left, right in zip(one.instances, other.instances, strict=True):
        assert (left.query, left.objectness) == (right.query, right.objectness)
        assert np.array_equal(left.pixels, right.pixels)


def test_what_is_opened_is_what_was_saved(tmp_path):
    path = tmp_path / "küche.f3d"

    async def save(desk):
        await desk.opened()
        assert desk.session.modified
        await desk.do("save")
        assert desk.questions.asked == ["save session as kitchen.f3d"]
        assert not desk.session.modified
        assert desk.session.origin.file == path
        return desk.session

    async def reopen(desk):
        await desk.do("open_session")
        assert desk.failed == []
        assert desk.frame.told("restore_layout") == b"docks"
        assert desk.session.undo_label is None
        assert not desk.session.modified
        assert "load" not in desk.steps.calls, "no model is needed to look at it"
        return desk.session

    saved, opened = drive(save, save_session_answer=path), drive(reopen, session_answer=path)
    same_arrays(saved.reconstruction, opened.reconstruction)
    assert opened.edits == saved.edits
    assert opened.display == saved.display
    assert replace(opened.origin, answers=True) == saved.origin
    assert [item.name for item in opened.curated.instances] == [item.name for item in saved.curated.instances]


def test_with_features_edits_go_on_and_without_it_is_view_only(tmp_path):
    async def save(desk):
        await desk.opened()
        await desk.do("save" if desk.questions.save_session_answer.name == "large.f3d" else "save_small")

    async def edit(desk):
        await desk.do("open_session")
        answers = desk.session.origin.answers
        desk.steps.calls.clear()
        desk.session.edit("x", replace(desk.session.edits, mask_threshold=0.8))
        await desk.settle()
        return answers, desk.steps.calls

    for name, expected in (("large.f3d", (True, ["assemble"])), ("small.f3d", (False, []))):
        drive(save, save_session_answer=tmp_path / name)
        assert drive(edit, session_answer=tmp_path / name) == expected


def test_features_beyond_the_limit_are_left_out_unless_asked_for_and_the_sizes_are_said(tmp_path):
    path = tmp_path / "big.f3d"

    async def story(desk):
        said = []
        desk.session.messaged.connect(said.append)
        await desk.opened()
        tip = desk.actions.state("save_small").tip
        assert tip.endswith("about 25 kB instead of 419 MB")
        await desk.do("save")
        small, large = desk.questions.kinds
        assert small == "Session to be looked at only, about 25 kB"
        assert large == "Session with features for further edits, about 419 MB"
        assert said[-1].startswith(f"Saved {path}, ")
        assert "kB without features" in said[-1]
        # and the same file is saved the same way, unasked
        desk.session.edit("x", replace(desk.session.edits, names={}))
        await desk.do("save")
        assert "without features" in said[-1]
        desk.questions.save_session_answer, desk.questions.overwrite_answer = (path, 0), True
        await desk.do("save_as")
        assert said[-1].endswith(" with features.")
        desk.session.edit("x", replace(desk.session.edits, names={1: "a"}))
        await desk.do("save")
        assert said[-1].endswith(" with features.")

    drive(story, steps=StandInSteps(features_bytes=FEATURES_LIMIT + 1), save_session_answer=path)


def test_without_features_there_is_one_way_to_save(tmp_path):
    async def save(desk):
        await desk.opened()
        await desk.do("save_small")

    async def again(desk):
        await desk.do("open_session")
        assert not desk.actions.state("save_small").enabled
        await desk.do("save_as")
        assert len(desk.questions.kinds) == 1

    path = tmp_path / "a.f3d"
    drive(save, save_session_answer=path)
    drive(again, session_answer=path, save_session_answer=tmp_path / "b.f3d")
    assert (tmp_path / "b.f3d").exists()


def test_a_file_that_another_window_wrote_meanwhile_is_asked_about(tmp_path):
    path = tmp_path / "a.f3d"

    async def story(desk):
        await desk.opened()
        await desk.do("save")
        desk.session.edit("x", replace(desk.session.edits, names={}))
        path.write_bytes(b"of another window")
        await desk.do("save")
        assert desk.questions.asked[-1] == "changed a.f3d"
        assert path.read_bytes() == b"of another window"
        assert desk.session.modified
        desk.questions.overwrite_answer = True
        await desk.do("save")
        assert not desk.session.modified
        desk.session.edit("x", replace(desk.session.edits, names={1: "a"}))
        path.unlink()
        await desk.do("save")
        assert path.exists()
        assert desk.questions.asked.count("changed a.f3d") == 2

    drive(story, save_session_answer=path)


def test_saving_again_replaces_its_own_file_without_a_question_and_no_other_one(tmp_path):
    path, other = tmp_path / "a.f3d", tmp_path / "b.f3d"
    other.write_bytes(b"precious")

    async def story(desk):
        await desk.opened()
        await desk.do("save")
        size = path.stat().st_size
        desk.session.edit("x", replace(desk.session.edits, names={}))
        await desk.do("save")
        assert desk.questions.asked == ["save session as kitchen.f3d"]
        assert path.stat().st_size != size
        desk.questions.save_session_answer = other
        await desk.do("save_as")
        assert desk.questions.asked[-1] == "overwrite b.f3d"
        assert other.read_bytes() == b"precious"

    drive(story, save_session_answer=path)


def test_a_damaged_file_is_told_and_the_result_stays(tmp_path):
    path = tmp_path / "damaged.f3d"
    path.write_bytes(b"PK\x03\x04 no session at all")

    async def story(desk):
        await desk.opened()
        before, edits = desk.session.reconstruction, desk.session.edits
        desk.presenter.open_paths([str(path)])
        await desk.settle()
        assert [type(error) for error in desk.failed] == [SessionError]
        assert desk.session.reconstruction is before
        assert desk.session.edits == edits

    drive(story)


def test_dropped_photos_are_for_others(tmp_path):
    async def story(desk):
        desk.presenter.open_paths(["/photos/a", "/photos/b"])
        assert desk.others == [["/photos/a", "/photos/b"]]

    drive(story)


@pytest.mark.parametrize(
    ("answer", "closes", "writes"), [("save", 1, True), ("discard", 1, False), ("cancel", 0, False)]
)
def test_closing_asks_about_unsaved_edits(tmp_path, answer, closes, writes):
    path = tmp_path / "a.f3d"

    async def story(desk):
        await desk.opened()
        desk.presenter.close()
        await desk.settle()
        assert desk.questions.asked[0] == "unsaved kitchen"
        assert (len(desk.closed), path.exists()) == (closes, writes)

    drive(story, unsaved_answer=answer, save_session_answer=path)


@pytest.mark.parametrize(("answer", "runs"), [("save", True), ("discard", True), ("cancel", False)])
def test_a_run_that_would_take_the_place_of_unsaved_edits_is_asked_about(tmp_path, answer, runs):
    path = tmp_path / "a.f3d"

    async def story(desk):
        await desk.opened()
        before, edits = desk.session.reconstruction, desk.session.edits
        desk.workflow.start(desk.workflow.open_folder(Path("attic")))
        await desk.settle()
        assert desk.questions.asked[0] == "unsaved kitchen"
        assert desk.failed == []
        assert path.exists() == (answer == "save")
        assert (desk.session.origin.folder == Path("attic")) == runs
        if not runs:
            assert (desk.session.reconstruction, desk.session.edits) == (before, edits)

    drive(story, unsaved_answer=answer, save_session_answer=path)


def test_closing_without_edits_asks_nothing():
    async def story(desk):
        await desk.workflow.open_folder(Path("kitchen"))
        desk.presenter.close()
        assert desk.closed == [True]
        assert desk.questions.asked == []

    drive(story)


def test_the_title_marks_what_is_unsaved():
    async def story(desk):
        await desk.opened()
        assert desk.frame.told("set_modified") is True
        desk.session.undo()
        assert desk.frame.told("set_modified") is False

    drive(story)
