"""Progress in words: what is done, what runs, what is to come, and how long the whole of it will take, about."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from app.actions import Actions
from app.presenters.run_panel import RunPanelPresenter, clock_text, duration, step_rows, step_text
from app.session.activity import Activity, ModelFacts, advance, seconds_left, share_done
from app.session.plan import Estimate, Plan, RunSettings
from app.session.session import Session
from app.timetable import Timetable
from app.worker import Worker
from app.workflow import Workflow
from tests.app.standins import UNFILTERED, Recorder, StandInSteps, stand_in_photo

RUN = Activity(
    job="Segmenting kitchen",
    step="Feature pass",
    fraction=0.5,
    finished=(("Reading photos", 1.0), ("Geometry pass", 5.0)),
    job_started=0.0,
    step_started=6.0,
    schedule=(("Reading photos", 1.0), ("Geometry pass", 5.0), ("Feature pass", 3.0), ("Pixel decoder", 1.0)),
    expected_seconds=10.0,
)


def test_every_step_has_a_row_with_its_time():
    assert step_rows(RUN) == [
        ("Reading photos", "done", "1.0 s"),
        ("Geometry pass", "done", "5.0 s"),
        ("Feature pass", "now", "50%"),
        ("Pixel decoder", "later", "about 1 s"),
    ]
    assert step_text(RUN) == "Feature pass (3 of 4)"


def test_steps_that_were_passed_over_are_not_to_come():
    skipped = replace(RUN, finished=(("Reading photos", 1.0),))
    assert [name for name, _, _ in step_rows(skipped)] == ["Reading photos", "Feature pass", "Pixel decoder"]


def test_an_unexpected_step_is_listed_where_it_runs():
    odd = replace(RUN, step="Computing SHA-256", fraction=0.0)
    assert step_rows(odd)[2:] == [
        ("Computing SHA-256", "now", ""),
        ("Feature pass", "later", "about 3 s"),
        ("Pixel decoder", "later", "about 1 s"),
    ]


def test_the_bar_stands_for_the_whole_run():
    assert share_done(RUN) == pytest.approx(0.75)
    assert share_done(replace(RUN, schedule=())) == 0.5


def test_the_time_left_goes_from_expectation_to_pace():
    assert seconds_left(RUN, 7.5) == pytest.approx(2.5)  # as fast as expected
    slow = seconds_left(RUN, 15.0)
    assert slow == pytest.approx(0.75 * 20 + 0.25 * 15 - 15)  # twice as slow: mostly its own pace
    start = replace(RUN, finished=(), step="Reading photos", fraction=0.0)
    assert seconds_left(start, 1.0) == 9.0
    assert seconds_left(replace(start, expected_seconds=0.0), 1.0) is None


def test_the_clock_says_about_and_only_what_it_knows():
    assert clock_text(RUN, 7.5) == "8 s elapsed · about 2 s left"
    ending = replace(RUN, finished=(*RUN.finished, ("Feature pass", 3.0)), step="Pixel decoder", fraction=0.9)
    assert clock_text(ending, 9.9) == "10 s elapsed · nearly done"
    unknown = replace(RUN, expected_seconds=0.0, finished=(), step="Reading photos", fraction=0.0)
    assert clock_text(unknown, 3.0) == "3 s elapsed"
    assert clock_text(Activity(), 100.0) == ""


@pytest.mark.parametrize(("seconds", "text"), [(-1, "0 s"), (7.4, "7 s"), (59.7, "1 min 00 s"), (125, "2 min 05 s")])
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_a_job_of_one_step_has_no_place():
    alone = advance(Activity(job="Writing a.ply"), "Writing", 0.2, 1.0)
    assert step_text(alone) == "Writing"


class TestTimetable:
    plan = Plan(sources=(Path("/k"),), photos=tuple(stand_in_photo(Path(f"/k/{n}.jpg")) for n in range(4)))
    took = (("Reading photos", 1.0), ("Loading the model", 2.0), ("Geometry pass", 8.0), ("Building the cloud", 1.0),
            ("Feature pass", 4.0), ("Pixel decoder", 2.0), ("Decoding queries", 0.1), ("Assembling instances", 1.0),
            ("Measuring overlap", 0.5))  # fmt: skip

    def test_before_any_run_the_estimate_gives_the_seconds(self):
        timetable = Timetable()
        schedule = timetable.schedule(self.plan, loaded=False)
        assert len(schedule) == 9
        assert timetable.seconds(self.plan, schedule) == 0
        assert (
            timetable.seconds(
                replace(self.plan, estimate=Estimate(seconds=30.0, memory_low=0, memory_high=0)), schedule
            )
            == 30
        )

    def test_the_last_run_gives_shares_and_seconds(self):
        timetable = Timetable()
        timetable.learn(self.plan, self.took)
        schedule = timetable.schedule(self.plan, loaded=False)
        assert dict(schedule) == pytest.approx(dict(self.took))
        again = timetable.schedule(self.plan, loaded=True)
        assert timetable.seconds(self.plan, again) == pytest.approx(17.6)

    def test_twice_the_photos_take_twice_the_time_but_for_loading(self):
        timetable = Timetable()
        timetable.learn(self.plan, self.took)
        more = self.plan.with_photos(tuple(stand_in_photo(Path(f"/k/{n}.jpg")) for n in range(8)))
        schedule = dict(timetable.schedule(more, loaded=False))
        assert schedule["Geometry pass"] == pytest.approx(16.0)
        assert schedule["Loading the model"] == pytest.approx(2.0)

    def test_another_model_learns_for_itself(self):
        timetable = Timetable()
        timetable.learn(self.plan, self.took)
        other = self.plan.with_settings(RunSettings(size="small"))
        assert timetable.seconds(other, timetable.schedule(other, loaded=False)) == 0

    def test_what_is_known_to_be_left_out_is_not_listed(self):
        timetable = Timetable()
        alone = [name for name, _ in timetable.schedule(self.plan, loaded=True, geometry_only=True)]
        assert alone == ["Reading photos", "Geometry pass", "Building the cloud"]
        given = self.plan.with_settings(RunSettings(geometry="given"))
        assert "Geometry pass" not in dict(timetable.schedule(given, loaded=False))


def test_unloading_is_offered_with_what_it_frees():
    async def story():
        session, actions, view, worker = Session(UNFILTERED), Actions(), Recorder(), Worker()
        workflow = Workflow(session, worker, StandInSteps(), RunSettings())
        presenter = RunPanelPresenter(session, workflow, actions, view, clock=lambda: 0.0)
        try:
            assert not actions.state("unload").enabled
            session.describe_model(ModelFacts(name="base · CPU", bytes=541_000_000))
            assert actions.state("unload").enabled
            assert "541 MB" in actions.state("unload").tip
            assert "base · CPU" in actions.state("unload").tip
            session.report(RUN)
            assert not actions.state("unload").enabled
            assert actions.state("cancel").enabled
            title, rows, step, fraction, *_ = view.told("set_progress")
            assert (title, len(rows), step, fraction) == (RUN.job, 4, "Feature pass (3 of 4)", pytest.approx(0.75))
            presenter.tick()
        finally:
            await workflow.close()

    asyncio.run(story())
