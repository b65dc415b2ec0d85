"""Comparisons with stand-ins: sides, what is kept by itself, stale answers, words, figures, selections both ways."""

import asyncio
import csv
import io
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.actions import Actions
from app.comparison_words import MISTAKES, RELATIONS, figures, summary
from app.drawing_order import PreparedCloud
from app.presenters.comparison import SIDES, ComparisonPresenter
from app.presenters.other_painting import marked_others
from app.presenters.painting import Painting
from app.presenters.photo_pointer import PhotoPointerPresenter
from app.presenters.second_view import NOTHING_YET, SecondViewPresenter
from app.session.kept_counterpart import opened_counterpart, saved_counterpart
from app.session.plan import RunSettings
from app.session.session import Session
from app.worker import Worker
from app.workflow import Workflow
from fast3dis_core.cost import Cost
from fast3dis_core.counterpart import FeatureSettings, labelled_result
from fast3dis_core.errors import DatasetError, SessionError
from fast3dis_core.evaluation.beside import set_beside
from fast3dis_core.evaluation.counterparts import other_result
from fast3dis_core.reconstruction import PointCloud
from tests.app.standins import UNFILTERED, Recorder, StandInQuestions, StandInSteps
from tests.scenes import synthetic_reconstruction

RESULT = synthetic_reconstruction(queries=6)
POINTS = len(RESULT.cloud.points)
AREA = 28 * 42


class ComparedSteps(StandInSteps):
    """Clusters are the halves of every photo; `held` keeps the other process at work."""

    def __post_init__(self):
        super().__post_init__()
        self.held, self.settings = threading.Event(), []
        self.held.set()

    def read(self, plan, report):
        """Every run has a cloud of its own."""
        old = self.reconstruction.cloud
        parts = {name: getattr(old, name).copy() for name in ("points", "colors", "confidence", "valid")}
        self.reconstruction = replace(self.reconstruction, cloud=PointCloud(**parts))
        return super().read(plan, report)

    def feature_inputs(self, encoded, settings):
        self.settings.append(settings)
        return encoded

    def cluster(self, inputs, report):
        self._note("cluster")
        while not self.held.wait(0.005):
            report("Clustering features", 0.5)
        labels = np.zeros((3, 4, 6), np.int32)
        labels[:, :, 3:] = 1
        return labels, Cost(seconds=12.5, memory=2**30), "72 cells were clustered."


class Desk:
    """Session and workflow, the presenters of a comparison, and widgets that remember."""

    def __init__(self, steps):
        self.session, self.steps, worker = Session(UNFILTERED), steps, Worker()
        self.workflow = Workflow(self.session, worker, steps, RunSettings())
        self.actions, self.panel, self.stage, self.view = Actions(), Recorder(), Recorder(), Recorder()
        self.questions, self.copied, self.failed = StandInQuestions(), [], []
        self.presenter = ComparisonPresenter(
            self.session, self.workflow, self.actions, self.panel, self.questions, self.copied.append
        )
        self.painting = Painting(self.session)
        self.second = SecondViewPresenter(
            self.session, self.painting.other, self.stage, lambda: self.view, PreparedCloud()
        )
        self.session.failed.connect(self.failed.append)

    async def settle(self):
        while self.workflow.busy:
            await asyncio.sleep(0.002)

    async def run(self, folder="/photos/kitchen"):
        await self.workflow.open_folder(Path(folder))
        await self.settle()

    async def compare(self, side):
        self.presenter.choose(side)
        self.actions.trigger("compare")
        await self.settle()
        return self.session.comparison


def drive(story, steps=None):
    async def play():
        desk = Desk(steps or ComparedSteps(RESULT))
        try:
            return await asyncio.wait_for(story(desk), 20)
        finally:
            desk.steps.gate.set()
            desk.steps.held.set()
            await desk.workflow.close()

    return asyncio.run(play())


def missing(desk):
    return {side for side, why in desk.workflow.comparing.missing().items() if why}


def test_what_can_be_compared_with_depends_on_what_is_there(tmp_path):
    async def story(desk):
        assert missing(desk) == set(SIDES)
        assert not desk.actions.state("compare").enabled
        (tmp_path / "photos").mkdir()
        await desk.run(tmp_path / "photos")
        assert missing(desk) == {"previous", "truth"}
        (tmp_path / "photos" / "instance").mkdir()
        assert missing(desk) == {"previous"}
        await desk.run(tmp_path / "photos")
        assert missing(desk) == set()
        (tmp_path / "others").mkdir()
        await desk.run(tmp_path / "others")
        assert missing(desk) == {"previous", "truth"}, "the result before is of other photos"

    drive(story)


def test_clusters_are_set_beside_with_figures_lines_and_costs():
    async def story(desk):
        await desk.run()
        desk.presenter.set_number("most_points", 600.0)
        comparison = await desk.compare("clustering")
        assert desk.steps.settings == [FeatureSettings(most_points=600)]
        assert desk.session.display.comparing
        assert comparison.counterpart.cost.seconds == 12.5
        assert comparison.counterpart.own_cost.seconds > 0
        rows = desk.panel.told("set_facts")
        assert rows[:2] == [("", "This result", "HDBSCAN on the same features"), ("Instances", "6", "2")]
        assert rows[2][2] == "12.5 s"
        assert rows[3][2] == "1.1 GB"
        headers, lines = desk.panel.last["set_lines"][0]
        assert headers == ("This result", "Other")
        assert len(lines) == len(comparison.lines)
        assert desk.stage.last["set_second"][0] == ("HDBSCAN on the same features", "2 instances · 12.5 s · 1.1 GB")

    drive(story)


def test_edits_go_on_while_another_process_clusters_and_count_in_the_answer():
    async def story(desk):
        await desk.run()
        desk.steps.held.clear()
        desk.actions.trigger("compare")
        while "cluster" not in desk.steps.calls:
            await asyncio.sleep(0.002)
        desk.session.edit("threshold", replace(desk.session.edits, mask_threshold=0.9))
        while desk.steps.mask_thresholds[-1] != 0.9:
            await asyncio.sleep(0.002)
        desk.steps.held.set()
        await desk.settle()
        assert desk.session.comparison.first is desk.session.curated

    drive(story)


def test_a_cancel_and_a_new_run_end_it():
    async def story(desk):
        await desk.run()
        for end in (desk.workflow.cancel, lambda: desk.workflow.start(desk.workflow.run_again())):
            desk.steps.held.clear()
            desk.steps.calls.clear()
            desk.actions.trigger("compare")
            while "cluster" not in desk.steps.calls:
                await asyncio.sleep(0.002)
            end()
            await desk.settle()
            assert desk.session.comparison is None
            assert not desk.failed

    drive(story)


def test_the_lines_follow_the_filters_and_go_with_the_cloud():
    async def story(desk):
        await desk.run()
        before = await desk.compare("clustering")
        scores = sorted(item.objectness for item in RESULT.instances)
        threshold = (scores[2] + scores[3]) / 2
        desk.session.edit("objectness", replace(desk.session.edits, objectness_threshold=threshold))
        await desk.settle()
        after = desk.session.comparison
        assert after.counterpart is before.counterpart
        assert {line.first for line in after.lines} - {None} == {item.query for item in desk.session.curated.shown}
        assert len(desk.session.curated.shown) == 3
        desk.steps.reconstruction = synthetic_reconstruction(queries=6, seed=1)
        await desk.run()
        assert desk.session.comparison is None
        assert desk.stage.last["set_second"][0][2] == NOTHING_YET

    drive(story)


def test_the_result_before_is_kept_and_what_it_had_alone_is_lost():
    async def story(desk):
        await desk.run()
        dropped = max(item.query for item in RESULT.instances)
        desk.session.edit("hide", replace(desk.session.edits, hidden=frozenset({dropped})))
        again = synthetic_reconstruction(queries=6)
        desk.steps.reconstruction = replace(again, instances=again.instances[:-1])
        await desk.workflow.run_again()
        await desk.settle()
        comparison = await desk.compare("previous")
        assert comparison.counterpart.title == "Previous run · nano · CPU"
        gone = again.instances[-1].query
        found = {(line.verdict, line.first, line.second) for line in comparison.lines}
        assert ("lost", None, gone) in found
        assert ("new", dropped, None) in found, "it was hidden then"
        assert comparison.counterpart.cost.seconds > 0

    drive(story)


def test_two_runs_say_in_what_they_differ_and_whose_weights_they_are(tmp_path):
    """Rows of figures and titles; what is alike is not said."""

    async def story(desk):
        await desk.run()
        desk.session.edit("fewer", replace(desk.session.edits, objectness_threshold=0.4))
        settings = replace(desk.session.plan.settings, weights=tmp_path / "mine.safetensors")
        desk.steps.reconstruction = synthetic_reconstruction(queries=6, views=2)
        await desk.workflow.run_again(settings)
        await desk.settle()
        desk.session.edit("more", replace(desk.session.edits, objectness_threshold=0.1, mask_threshold=0.7))
        await desk.settle()
        comparison = await desk.compare("previous")
        assert comparison.counterpart.title == "Previous run · nano · CPU"
        rows = {name: (own, other) for name, own, other in figures(comparison)}
        assert rows["Weights"] == ("mine.safetensors", "as found")
        assert rows["Views"] == ("2", "3")
        assert rows["Objectness over"] == ("0.10", "0.40")
        assert rows["Mask over"] == ("0.70", "0.50")
        assert not {"Model", "Geometry", "Image", "Smallest", "Moved anchors", "What-ifs"} & set(rows)
        assert desk.stage.last["set_first"][0][0] == "This result · mine.safetensors · nano · CPU"
        await desk.workflow.run_again(replace(settings, weights=None))
        await desk.settle()
        comparison = await desk.compare("previous")
        assert comparison.counterpart.title == "Previous run · mine.safetensors · nano · CPU"

    drive(story)


def test_what_a_run_costs_is_without_waiting_reading_and_loading():
    """Two runs are held against each other: one loaded its model, the other found it loaded."""

    class SlowToLoad(ComparedSteps):
        def load(self, settings, report):
            time.sleep(0.3)
            return super().load(settings, report)

    async def story(desk):
        await desk.run()
        origin = desk.session.origin
        assert origin.seconds > 0.3
        assert 0 < origin.computing < origin.seconds - 0.25
        await desk.workflow.run_again()
        await desk.settle()
        counterpart = (await desk.compare("previous")).counterpart
        assert counterpart.cost == Cost(seconds=origin.computing, memory=origin.memory)
        assert counterpart.own_cost.seconds == desk.session.origin.computing
        assert desk.steps.calls.index("release") > desk.steps.calls.index("load"), (
            "nothing of before hides what it needs"
        )

    drive(story, SlowToLoad(RESULT))


def test_a_result_is_kept_as_it_is_and_held_against_what_follows():
    async def story(desk):
        await desk.run()
        comparison = await desk.compare("snapshot")
        assert {line.verdict for line in comparison.lines} == {"same"}
        gone = comparison.lines[0].first
        desk.session.edit("hide", replace(desk.session.edits, hidden=frozenset({gone})))
        await desk.settle()
        assert ("lost", None, gone) in {
            (line.verdict, line.first, line.second) for line in desk.session.comparison.lines
        }

    drive(story)


@pytest.fixture
def labelled(tmp_path):
    """A folder whose true ids are the instances of the result."""
    ids = np.zeros(POINTS, np.uint16)
    for item in sorted(RESULT.instances, key=lambda item: item.objectness):
        ids[item.pixels] = item.query + 1
    (tmp_path / "instance").mkdir()
    for view, part in enumerate(ids.reshape(3, 28, 42)):
        cv2.imwrite(str(tmp_path / "instance" / f"view_{view:03d}.png"), part)
    return tmp_path


def test_the_truth_brings_precision_and_a_verdict_for_everyone(labelled):
    async def story(desk):
        await desk.run(labelled)
        comparison = await desk.compare("truth")
        assert {line.verdict for line in comparison.lines} <= set(MISTAKES)
        assert {line.first for line in comparison.lines} >= {item.query for item in RESULT.instances}
        own, none = comparison.precision
        assert own.objects > 0
        assert none is None
        assert ("AP25", f"{100 * own.ap25:.1f} %", "–") in desk.panel.told("set_facts")
        assert desk.panel.last["set_lines"][0][0] == ("This result", "Object")
        clusters = await desk.compare("clustering")
        assert clusters.precision[0] == own
        assert clusters.precision[1].objects == own.objects

    drive(story)


def test_true_ids_that_do_not_fit_are_told_and_fatal_only_to_the_truth(labelled):
    cv2.imwrite(str(labelled / "instance" / "view_001.png"), np.zeros((50, 10), np.uint16))
    told = []

    async def story(desk):
        desk.session.messaged.connect(told.append)
        await desk.run(labelled)
        assert (await desk.compare("clustering")).precision == (None, None)
        assert told[-1].startswith("True ids were left out: ")
        desk.workflow.comparing.end()
        assert await desk.compare("truth") is None
        assert isinstance(desk.failed[-1], DatasetError)

    drive(story)


def test_a_saved_session_and_a_damaged_one(tmp_path):
    async def story(desk):
        await desk.run()
        await desk.workflow.keeper.save(tmp_path / "kept.f3d")
        desk.session.edit("hide", replace(desk.session.edits, hidden=frozenset({RESULT.instances[0].query})))
        desk.questions.other_answer = tmp_path / "kept.f3d"
        comparison = await desk.compare("file")
        assert desk.questions.asked == ["other result"]
        assert comparison.counterpart.title.startswith("kept.f3d")
        assert len(comparison.second.shown) == 6
        assert len(comparison.first.shown) == 5
        (tmp_path / "kept.f3d").write_bytes(b"no archive")
        await desk.compare("file")
        assert isinstance(desk.failed[-1], SessionError)
        assert desk.session.comparison is comparison, "what was compared stays"
        desk.questions.other_answer = None
        await desk.compare("file")
        assert len(desk.failed) == 1

    drive(story)


@pytest.mark.parametrize("side", ["clustering", "previous", "snapshot"])
def test_a_comparison_is_saved_and_opened_again_to_the_bit(tmp_path, side):
    """Another window has neither the clusters nor the run before: both come from the file, and edits go on."""
    path = tmp_path / "kept.f3d"

    async def save(desk):
        await desk.run()
        desk.session.edit("x", replace(desk.session.edits, objectness_threshold=0.4, names={1: "Old name"}))
        await desk.workflow.run_again()
        await desk.settle()
        comparison = await desk.compare(side)
        await desk.workflow.keeper.save(path)
        return comparison, figures(comparison)

    before, told = drive(save)

    async def look(desk):
        await desk.workflow.keeper.open(path)
        await desk.settle()
        after = desk.session.comparison
        assert figures(after) == told
        assert after.lines == before.lines
        assert after.colors == before.colors
        one, other = before.counterpart, after.counterpart
        for field in ("kind", "title", "curation", "follows", "cost", "own_cost", "cost_words", "apart", "notes"):
            assert getattr(other, field) == getattr(one, field)
        for ours, theirs in zip(one.reconstruction.instances, other.reconstruction.instances, strict=True):
            assert np.array_equal(ours.pixels, theirs.pixels)
        shared = one.reconstruction.cloud is before.first.reconstruction.cloud
        assert (other.reconstruction.cloud is after.first.reconstruction.cloud) == shared
        gone = next(line.first for line in after.lines if line.first is not None)
        desk.session.edit("hide", replace(desk.session.edits, hidden=frozenset({gone})))
        await desk.settle()
        assert gone not in {line.first for line in desk.session.comparison.lines}
        desk.workflow.comparing.end()
        await desk.workflow.keeper.save(tmp_path / "plain.f3d")
        await desk.workflow.keeper.open(tmp_path / "plain.f3d")
        await desk.settle()
        assert desk.session.comparison is None
        assert desk.failed == []

    drive(look)


def test_rows_of_another_cloud_are_saved_and_nonsense_is_refused(tmp_path):
    """The other run saw two of three photos."""

    async def story(desk):
        desk.steps.reconstruction = synthetic_reconstruction(queries=6, views=2)
        await desk.run()
        await desk.workflow.keeper.save(tmp_path / "two.f3d")
        desk.steps.reconstruction = RESULT
        await desk.run()
        desk.questions.other_answer = tmp_path / "two.f3d"
        before = await desk.compare("file")
        assert before.counterpart.rows is not None
        await desk.workflow.keeper.save(tmp_path / "both.f3d")
        await desk.workflow.keeper.open(tmp_path / "both.f3d")
        await desk.settle()
        after = desk.session.comparison
        assert np.array_equal(after.counterpart.rows, before.counterpart.rows)
        assert after.lines == before.lines
        saved = saved_counterpart(before.counterpart)
        for rows in (before.counterpart.rows[:-1], np.full(POINTS, 3 * AREA, np.int32), np.zeros(POINTS, np.int64)):
            with pytest.raises(SessionError, match="does not fit"):
                opened_counterpart(replace(saved, features={"rows": rows}), RESULT)
        with pytest.raises(SessionError, match="does not fit"):
            opened_counterpart(replace(saved, features={}), RESULT)

    drive(story)


def test_true_ids_that_are_gone_are_told_and_the_session_opens(labelled, tmp_path):
    told = []

    async def story(desk):
        desk.session.messaged.connect(told.append)
        await desk.run(labelled)
        before = await desk.compare("truth")
        await desk.workflow.keeper.save(tmp_path / "true.f3d")
        await desk.workflow.keeper.open(tmp_path / "true.f3d")
        await desk.settle()
        assert desk.session.comparison.precision == before.precision
        shutil.rmtree(labelled / "instance")
        await desk.workflow.keeper.open(tmp_path / "true.f3d")
        await desk.settle()
        assert desk.session.comparison is None
        assert told[-1].startswith("Not compared with")
        assert desk.failed == []

    drive(story)


def compared(desk):
    """The result beside thirds of every photo."""
    labels = np.tile(np.arange(42, dtype=np.int32) // 14, POINTS // 42)
    found = other_result(labelled_result(RESULT, labels), RESULT, title="thirds", kind="file")
    desk.session.show(replace(desk.session.display, comparing=True))
    desk.session.set_beside(set_beside(found, desk.session.curated))
    return desk.session.comparison


def test_selections_go_to_the_partners_and_back():
    async def story(desk):
        await desk.run()
        comparison = compared(desk)
        session = desk.session
        number, line = next(
            (n, each) for n, each in enumerate(comparison.lines) if None not in (each.first, each.second)
        )
        desk.presenter.select(frozenset({number}))
        assert session.display.selection == {line.first}
        assert session.display.others == {line.second}
        assert desk.panel.told("set_selection") == {number}
        session.show(replace(session.display, selection=frozenset({comparison.lines[-1].first})))
        assert session.display.others == frozenset(), "they were chosen beside another selection"
        assert marked_others(comparison, session.display) == comparison.seconds_of(comparison.lines[-1].first)
        pixel = int(comparison.second.find(line.second).pixels[0])
        desk.second.pick(pixel, additive=False)
        assert session.display.others == {line.second}
        assert session.display.selection == comparison.firsts_of(line.second)
        assert desk.panel.told("set_selection") == {
            n for n, x in enumerate(comparison.lines) if x.second == line.second
        }
        session.show(replace(session.display, selection=frozenset(), others=frozenset({line.second})))
        assert session.display.others == {line.second}, "chosen anew, though it is the same"
        desk.second.pick(-1, additive=False)
        assert not session.display.selection | session.display.others

    drive(story, ComparedSteps(RESULT))


def pixel_of(item, view=0):
    """Somewhere in a photo where an instance is, (x, y)."""
    row = int(item.pixels[item.pixels // AREA == view][0])
    return row % 42, row % AREA // 42


def test_the_pointer_in_photos_is_about_the_side_that_is_painted():
    async def story(desk):
        await desk.run()
        comparison, session = compared(desk), desk.session
        panel = Recorder()
        pointer = PhotoPointerPresenter(session, desk.workflow, desk.actions, desk.painting, panel)
        line = next(each for each in comparison.lines if None not in (each.first, each.second))
        other = comparison.second.find(line.second)
        x, y = pixel_of(other)
        pointer.click(x, y, False)
        assert not session.display.others, "photos show this result still"
        desk.presenter.toggle_photos(True)
        pointer.hover(x, y)
        assert session.display.hovered_other == other.query
        assert (
            session.display.hovered
            == max(comparison.lines, key=lambda each: (each.second == other.query, each.iou)).first
        )
        assert f"{other.name} · {len(other.pixels):,} points · thirds · IoU" in panel.told("set_facts")[0]
        red, green, blue, _ = (int(channel) for channel in desk.painting.photo_table()[other.query + 1])
        assert (red, green, blue) != comparison.colors[other.query], "it lights up"
        assert other.query in desk.painting.photo_owners()[2]
        pointer.click(x, y, False)
        assert session.display.others == {other.query}
        assert session.display.selection == comparison.firsts_of(other.query)
        assert pointer.menu_for(x, y) == ""
        third = next(item for item in comparison.second.shown if item.query != other.query)
        pointer.click(*pixel_of(third), True)
        assert session.display.others == {other.query, third.query}
        pointer.click(*pixel_of(third), True)
        assert session.display.others == {other.query}
        pointer.hover(-1, -1)
        assert session.display.hovered is session.display.hovered_other is None
        pointer.click(-1, -1, False)
        assert not session.display.selection | session.display.others

    drive(story)


def test_hovering_goes_to_the_partner_and_back():
    async def story(desk):
        await desk.run()
        comparison, session = compared(desk), desk.session
        line = next(each for each in comparison.lines if None not in (each.first, each.second))
        desk.second.hover(int(comparison.second.find(line.second).pixels[0]))
        assert session.display.hovered_other == line.second
        assert desk.painting.other.lit() == line.second
        session.show(replace(session.display, hovered=None))
        assert session.display.hovered_other is None, "the pointer is elsewhere"
        session.show(replace(session.display, hovered=line.first))
        best = max((each for each in comparison.lines if each.first == line.first), key=lambda each: each.iou)
        assert desk.painting.other.lit() == best.second
        desk.second.hover(-1)
        assert session.display.hovered is None

    drive(story)


def test_photos_show_the_other_side_if_asked_and_are_painted_as_it_is():
    async def story(desk):
        await desk.run()
        comparison = compared(desk)
        own = desk.painting.photo_rows()
        desk.presenter.toggle_photos(True)
        rows, table = desk.painting.photo_rows(), desk.painting.photo_table()
        assert rows is not own
        for item in comparison.second.shown:
            assert (rows[item.pixels] == item.query + 1).all()
            assert tuple(table[item.query + 1, :3]) == comparison.colors[item.query]
        np.testing.assert_array_equal(desk.view.told("set_rows"), rows)
        desk.workflow.comparing.end()
        assert desk.painting.photo_rows() is own

    drive(story)


def test_words_and_csv_have_every_number():
    async def story(desk):
        await desk.run()
        comparison = compared(desk)
        counts = {verdict: sum(line.verdict == verdict for line in comparison.lines) for verdict in RELATIONS}
        for verdict, count in counts.items():
            assert (f"{count} {RELATIONS[verdict][0].lower()}" in summary(comparison)) == (count > 0)
        desk.presenter.copy()
        text = desk.copied[0]
        rows = list(csv.DictReader(io.StringIO("".join(x + "\n" for x in text.splitlines() if not x.startswith("#")))))
        assert len(rows) == len(comparison.lines)
        for row, line in zip(rows, comparison.lines, strict=True):
            assert float(row["iou"]) == pytest.approx(line.iou, abs=1e-6)
            assert row["query"] == ("" if line.first is None else str(line.first))
            assert (int(row["points"]), int(row["other points"])) == line.points
        assert all(" | ".join(row[1:]) in text for row in figures(comparison))

    drive(story)
