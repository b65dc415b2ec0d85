"""Exports: what is seen is what is written, nothing is replaced unasked, and the copied command comes to the same."""

import asyncio
import errno
import json
import os
import shlex
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from app.actions import Actions
from app.command_text import WHOLE_ARCHIVE, segment_command
from app.exporter import Exporter, default_folder, planned
from app.number_colors import point_values
from app.presenters.exporting import ExportPresenter
from app.presenters.painting import Painting
from app.session.edits import Edits
from app.session.export_wish import ExportWish
from app.session.origin import Origin
from app.session.plan import Photo, Plan, RunSettings
from app.session.session import Session
from app.worker import Worker
from app.workflow import Workflow
from fast3dis_core.cli.choosing import parse_anchors
from fast3dis_core.color_scales import scale_colors
from fast3dis_core.errors import ConfigError, ExportError
from fast3dis_core.exports import read_npz, read_npz_labels, read_ply
from fast3dis_core.exports.atomic import atomic_folder
from fast3dis_core.exports.outputs import write_outputs
from fast3dis_core.interventions import AnchorPrompt, Interventions
from fast3dis_core.photo_files import PhotoSource
from fast3dis_core.reconstruction import AnchorOverride
from tests.app.standins import UNFILTERED, Recorder, StandInQuestions, StandInSteps
from tests.scenes import synthetic_reconstruction


class Desk:
    def __init__(self, **answers):
        self.session = Session(UNFILTERED)
        self.workflow = Workflow(self.session, Worker(), StandInSteps(), RunSettings())
        self.actions, self.dialog, self.questions = Actions(), Recorder(), StandInQuestions(**answers)
        self.copied, self.shown, self.failed, self.said = [], [], [], []
        self.session.failed.connect(self.failed.append)
        self.session.messaged.connect(self.said.append)
        self.presenter = ExportPresenter(
            self.session,
            self.workflow,
            self.actions,
            dialog=lambda: self.dialog,
            questions=self.questions,
            copy=self.copied.append,
            show_folder=self.shown.append,
        )

    async def settle(self):
        while self.workflow.busy:
            await asyncio.sleep(0.002)

    async def opened(self, folder):
        await self.workflow.open_folder(Path("/photos/kitchen"))
        self.actions.trigger("export")
        self.presenter.choose("folder", folder)
        await self.settle()

    async def write(self):
        self.presenter.write()
        await self.settle()


def colors(vertices):
    return np.stack([vertices[name] for name in ("red", "green", "blue")], axis=1)


def drive(story, **answers):
    async def play():
        desk = Desk(**answers)
        try:
            return await asyncio.wait_for(story(desk), 20)
        finally:
            await desk.workflow.close()

    return asyncio.run(play())


def test_what_is_visible_is_what_is_written(tmp_path):
    async def story(desk):
        await desk.opened(tmp_path / "out")
        first, second, *others = (item.query for item in desk.session.shown())
        wishes = replace(
            desk.session.edits, hidden=frozenset({first}), names={second: "Große Vase"}, confidence_percentile=30.0
        )
        desk.session.edit("x", wishes)
        for name in ("scene", "npz", "glb", "transforms", "colmap"):
            desk.presenter.toggle_format(name, True)
        await desk.write()
        assert desk.failed == []
        curated, folder = desk.session.curated, tmp_path / "out"
        files = sorted(path.name for path in (folder / "instances").iterdir())
        assert len(files) == len(others) + 1
        assert any(name.startswith("Gro") for name in files)
        for path in (folder / "instances").iterdir():
            vertices = read_ply(path).vertices
            item = curated.find(int(vertices["instance"][0]))
            assert item.query != first
            points = np.stack([vertices[axis] for axis in "xyz"], axis=1)
            assert np.array_equal(points, curated.reconstruction.cloud.points[item.pixels])
            assert curated.keep[item.pixels].all()
        again = read_npz(folder / "reconstruction.npz")
        assert {item.query for item in again.instances} == {second, *others}
        assert read_npz_labels(folder / "reconstruction.npz").names == {second: "Große Vase"}
        assert (folder / "report.json").exists()
        assert desk.said[-1].startswith("Wrote ")
        desk.actions.trigger("show_export")
        assert desk.shown == [folder]

    drive(story)


def test_scopes_are_selected_visible_and_all(tmp_path):
    async def story(desk):
        await desk.opened(tmp_path / "out")
        first, second, *_ = whole = [item.query for item in desk.session.shown()]
        desk.session.edit("x", replace(desk.session.edits, hidden=frozenset({first})))
        desk.session.show(replace(desk.session.display, selection=frozenset({first})))
        queries = desk.workflow.exporter.queries
        assert queries(ExportWish(scope="selected")) == {first}
        assert queries(ExportWish(scope="visible")) == set(whole) - {first}
        assert queries(ExportWish(scope="all")) == set(whole)
        desk.session.show(replace(desk.session.display, isolated=frozenset({second})))
        assert queries(ExportWish(scope="visible")) == {second}

    drive(story)


def test_the_preview_says_what_will_be_written(tmp_path):
    async def story(desk):
        await desk.opened(tmp_path / "out")
        text, ready = desk.dialog.told("set_preview")
        count = len(desk.session.shown())
        assert text.startswith(f"{count} instances · ")
        assert "Left out" not in text
        assert ready
        first, *_ = (item.query for item in desk.session.shown())
        desk.session.edit("x", replace(desk.session.edits, hidden=frozenset({first})))
        await desk.settle()
        assert desk.dialog.told("set_preview")[0].endswith("Left out: 1 hidden by hand.")
        assert desk.dialog.told("set_scopes")["all"] == f"All that pass the filters ({count})"
        desk.dialog.calls.clear()
        desk.session.show(replace(desk.session.display, hovered=first))
        await desk.settle()
        assert "Measuring …" not in str(desk.dialog.calls)
        desk.presenter.choose("scope", "selected")
        await desk.settle()
        assert desk.dialog.told("set_preview") == ("No instance is selected.", False)
        for name in ("ply", "report"):
            desk.presenter.toggle_format(name, False)
        assert desk.dialog.told("set_preview") == ("Choose at least one format.", False)

    drive(story)


def test_it_is_said_that_files_are_of_this_result_while_photos_show_the_other_side(tmp_path):
    async def story(desk):
        await desk.opened(tmp_path / "out")
        desk.presenter.toggle_format("masks", True)
        await desk.workflow.comparing.set_beside("snapshot")
        title = desk.session.comparison.counterpart.title
        first, *others = (item.query for item in desk.session.shown())
        desk.session.edit("x", replace(desk.session.edits, hidden=frozenset({first})))
        await desk.settle()
        assert title not in desk.dialog.told("set_preview")[0], "photos show this result"
        desk.session.show(replace(desk.session.display, other_photos=True))
        await desk.settle()
        said = f"Of this result, not of what the photos show: {title}."
        text, ready = desk.dialog.told("set_preview")
        assert text.splitlines()[0] == said
        assert f"{len(others)} instances · " in text
        assert ready
        desk.actions.trigger("copy_command")
        assert f"about this result, not about what the photos show, {title}" in desk.said[-1]
        await desk.write()
        written = {path.name for path in (tmp_path / "out" / "instances").iterdir()}
        assert len(written) == len(others), "of this result: the other side has one more"
        desk.workflow.comparing.end()
        await desk.settle()
        assert said not in desk.dialog.told("set_preview")[0]
        desk.actions.trigger("copy_command")
        assert title not in desk.said[-1]

    drive(story)


@pytest.mark.parametrize("answer", ["keep", "replace", "cancel"])
def test_existing_files_are_asked_about(tmp_path, answer):
    target = tmp_path / "out"
    target.mkdir()
    (target / "report.json").write_text("precious")
    (tmp_path / "out (2)").mkdir()

    async def story(desk):
        await desk.opened(target)
        await desk.write()
        assert desk.questions.asked == ["1 exist, or out (3)"]
        assert ((target / "report.json").read_text() == "precious") == (answer != "replace")
        assert (target / "instances").exists() == (answer == "replace")
        assert (tmp_path / "out (3)" / "report.json").exists() == (answer == "keep")
        if answer != "cancel":
            desk.actions.trigger("show_export")
            assert desk.shown == [target if answer == "replace" else tmp_path / "out (3)"]
        assert list(tmp_path.rglob("*.part")) == []
        assert not desk.workflow.exporter.queries(ExportWish(scope="selected"))

    drive(story, existing_answer=answer)


def test_looking_for_existing_files_is_left_to_the_worker(tmp_path, monkeypatch):
    threads = []
    monkeypatch.setattr("app.exporter.planned", lambda order: threads.append(threading.get_ident()) or ())

    async def story(desk):
        await desk.opened(tmp_path)
        await desk.write()
        assert threads
        assert threading.get_ident() not in threads

    drive(story)


@pytest.fixture
def held_writing(monkeypatch):
    """Writing that has everything under other names and goes on until it is told to stop; set once it is so far."""
    writing = threading.Event()

    def hold(folder, result, **wishes):
        write_outputs(folder, result, **wishes)
        writing.set()
        while True:
            time.sleep(0.002)
            wishes["report"]("Writing instances", 0.5)

    monkeypatch.setattr("app.exporter.write_outputs", hold)
    return writing


def test_a_cancelled_export_leaves_nothing_and_says_so(tmp_path, held_writing):
    async def story(desk):
        await desk.opened(tmp_path / "out")
        desk.presenter.write()
        while not held_writing.is_set():
            await asyncio.sleep(0.002)
        assert list(tmp_path.rglob("*.ply"))
        desk.presenter.write()  # a second click is none
        assert not desk.session.activity.quiet  # the status bar has a way to cancel
        desk.presenter.cancel()
        await desk.settle()
        assert list(tmp_path.iterdir()) == []
        assert desk.dialog.told("set_outcome") == ("Cancelled. Nothing was written.", "")
        assert desk.failed == []
        text, ready = desk.dialog.told("set_preview")
        assert "instances" in text
        assert ready

    drive(story)


def test_cancelling_too_late_tells_what_was_written(tmp_path, monkeypatch):
    written, go_on = threading.Event(), threading.Event()
    real = atomic_folder

    @contextmanager
    def slow(*given, **wishes):
        with real(*given, **wishes) as staging:
            yield staging
        written.set()
        go_on.wait(10)

    monkeypatch.setattr("app.exporter.atomic_folder", slow)

    async def story(desk):
        await desk.opened(tmp_path / "out")
        desk.presenter.write()
        while not written.is_set():
            await asyncio.sleep(0.002)
        desk.presenter.cancel()
        await asyncio.sleep(0.01)
        go_on.set()
        await desk.settle()
        assert desk.dialog.told("set_outcome")[0].startswith("Wrote ")
        assert (tmp_path / "out" / "report.json").exists()

    drive(story)


def test_progress_is_of_the_whole_export(tmp_path):
    async def story(desk):
        await desk.opened(tmp_path / "out")
        for name in ("scene", "npz", "masks"):
            desk.presenter.toggle_format(name, True)
        await desk.settle()
        told = []
        desk.dialog.set_progress = lambda step, fraction: told.append((step, fraction))
        await desk.write()
        steps = list(dict.fromkeys(step for step, _ in told))
        assert steps[:3] == ["Looking for files", "Waiting for its turn", "Gathering the points"]
        assert steps[3:7] == [f"Writing {name}" for name in ("instances", "scene.ply", "masks", "reconstruction.npz")]
        fractions = [fraction for _, fraction in told]
        assert fractions == sorted(fractions)
        assert fractions[-1] > 0.9

    drive(story)


def test_lengths_follow_the_true_scale_in_every_file(tmp_path):
    turn = (0.0, 0.0, 1.0, 4.0, 0.0, 1.0, 0.0, 5.0, -1.0, 0.0, 0.0, 6.0, 0.0, 0.0, 0.0, 1.0)

    async def story(desk):
        desk.workflow._steps.world_to_folder = turn
        await desk.opened(tmp_path / "out")
        desk.session.edit("x", replace(desk.session.edits, scale=0.5))
        for name in ("scene", "npz", "glb"):
            desk.presenter.toggle_format(name, True)
        field, choices, _ = desk.dialog.told("set_choices")
        assert (field, choices[0]) == ("lengths", ("shown", "Meters, as measured: 0.5 m per scene unit"))
        desk.presenter.choose("frame", "folder")
        await desk.write()
        assert desk.failed == []
        scene = read_ply(tmp_path / "out" / "scene.ply")
        assert "units: m" in scene.comments
        assert any("cameras that came with the photos" in text for text in scene.comments)
        points = np.stack([scene.vertices[axis] for axis in "xyz"], axis=1)
        cloud = desk.session.reconstruction.cloud
        way = np.reshape(turn, (4, 4))
        expected = 0.5 * (cloud.points[cloud.valid] @ way[:3, :3].T + way[:3, 3])
        assert np.allclose(points, expected, atol=1e-5)
        again = read_npz(tmp_path / "out" / "reconstruction.npz")
        assert again.is_metric
        assert np.allclose(again.cloud.points[cloud.valid], points)
        report = json.loads((tmp_path / "out" / "report.json").read_text())
        assert report["result"]["units"] == "m"
        desk.presenter.choose("lengths", "scene")
        assert desk.dialog.told("set_units") == "scene units"

    drive(story)


def test_headers_tell_the_threshold_and_filters_in_force(tmp_path):
    async def story(desk):
        await desk.opened(tmp_path / "out")
        scores = sorted(item.objectness for item in desk.session.shown())
        threshold = (scores[0] + scores[1]) / 2
        desk.session.edit("x", replace(desk.session.edits, objectness_threshold=threshold, confidence_percentile=20.0))
        desk.presenter.toggle_format("scene", True)
        await desk.write()
        assert f"objectness threshold: {threshold!r}" in read_ply(tmp_path / "out" / "scene.ply").comments
        result = json.loads((tmp_path / "out" / "report.json").read_text())["result"]
        assert result["objectness_threshold"] == threshold
        assert [item["name"] for item in result["filters"]][-1] == "confidence percentile"
        assert result["filters"][-1]["removed"] == desk.session.curated.dropped_points["confidence_percentile"]

    drive(story)


@pytest.mark.parametrize("mode", ["instance", "photo"])
def test_colors_are_as_on_screen_unless_asked_otherwise(tmp_path, mode):
    async def story(desk):
        await desk.opened(tmp_path / "out")
        item = desk.session.shown()[0]
        desk.session.edit("x", replace(desk.session.edits, colors={item.query: (1, 2, 3)}, names={item.query: "Vase"}))
        desk.session.show(replace(desk.session.display, color_mode=mode))
        await desk.write()
        (path,) = (tmp_path / "out" / "instances").glob("Vase_*.ply")
        vertices = read_ply(path).vertices
        found = colors(vertices)
        photo = desk.session.reconstruction.cloud.colors[item.pixels]
        assert np.array_equal(found, photo if mode == "photo" else np.broadcast_to((1, 2, 3), found.shape))
        other = "photo" if mode == "instance" else "instance"
        assert desk.workflow.exporter.order(ExportWish(colors=other)).colors == other

    drive(story)


def test_contested_points_are_written_as_seen_and_the_dialog_says_why_others_are_not(tmp_path):
    paper = np.array((250, 240, 230))

    async def story(desk):
        painting = Painting(desk.session)
        painting.set_paper(tuple(paper.tolist()))
        desk.workflow.exporter.findings = painting.for_files
        await desk.opened(tmp_path / "out")
        curated = desk.session.curated
        item = max(desk.session.shown(), key=lambda item: len(item.pixels))
        desk.session.show(
            replace(desk.session.display, color_mode="contested", selection=frozenset({item.query}), hovered=item.query)
        )
        desk.presenter.choose("scope", "visible")
        told = {args[0]: args[1:] for args in desk.dialog.all_told("set_choices")}
        assert told["colors"][0][0] == ("screen", "As on screen: contested points and gaps")
        assert "selection" in told["colors"][1]
        await desk.write()
        (path,) = (tmp_path / "out" / "instances").glob(f"*_{item.query:03d}.ply")
        own = item.pixels[curated.keep[item.pixels]]
        found = colors(read_ply(path).vertices)
        claims = np.zeros(len(curated.keep), int)
        for other in curated.shown:
            claims[other.pixels] += 1
        alone = claims[own] == 1
        assert np.allclose(found[alone], np.rint(paper + 0.25 * (np.array(item.color) - paper)), atol=1)
        both = {tuple(color) for color in found[~alone].tolist()}
        assert item.color in both
        assert 2 <= len(both) <= len(curated.shown)
        assert both <= {other.color for other in curated.shown}
        assert json.loads((tmp_path / "out" / "report.json").read_text())["export"]["colors"] == "contested"
        desk.presenter.copy_command()
        assert "# not in this call: colors of contested points" in desk.copied[-1]
        for changes, word in (({"color_mode": "claims"}, "worked out"), ({"pair": (0, 1)}, "side by side")):
            desk.session.show(replace(desk.session.display, **changes))
            told = {args[0]: args[1:] for args in desk.dialog.all_told("set_choices")}
            assert [key for key, _ in told["colors"][0]] == ["instance", "photo"]
            assert word in told["colors"][1]

    drive(story)


def test_colors_that_stand_for_numbers_are_written_as_seen(tmp_path):
    async def story(desk):
        await desk.opened(tmp_path / "depth")
        item = desk.session.shown()[0]
        desk.session.show(replace(desk.session.display, color_mode="depth"))
        choices = {args[0]: args[1] for args in desk.dialog.all_told("set_choices")}
        assert choices["colors"][0] == ("screen", "As on screen: depth")
        await desk.write()
        cloud = desk.session.reconstruction.cloud
        values, scale = point_values(desk.session.reconstruction, "depth")
        (path,) = (tmp_path / "depth" / "instances").glob(f"*_{item.query:03d}.ply")
        expected = scale_colors(values[item.pixels], scale.low, scale.high)
        assert np.array_equal(colors(read_ply(path).vertices), expected)
        assert not np.array_equal(expected, cloud.colors[item.pixels])
        desk.session.show(replace(desk.session.display, color_mode="objectness"))
        desk.presenter.choose("folder", str(tmp_path / "score"))
        desk.presenter.toggle_format("npz", True)
        await desk.write()
        (path,) = (tmp_path / "score" / "instances").glob(f"*_{item.query:03d}.ply")
        assert (colors(read_ply(path).vertices) == scale_colors(np.array(item.objectness), 0, 1)).all()
        labels = read_npz_labels(tmp_path / "score" / "reconstruction.npz")
        assert labels.colors[item.query] == item.color  # the instance keeps its own
        desk.presenter.copy_command()
        assert desk.copied[-1].startswith("# not in this call: colors of the objectness")
        assert desk.dialog.told("set_outcome")[0].startswith("Copied the command line, without colors of the obj")
        assert "without colors of the objectness" in desk.dialog.told("set_command")[1]
        desk.session.show(replace(desk.session.display, color_mode="contested"))
        choices = {args[0]: args[1] for args in desk.dialog.all_told("set_choices")}
        assert choices["colors"][0] == ("instance", "Of the instances")

    drive(story)


def test_the_dialog_opens_for_the_selection_if_there_is_one(tmp_path):
    async def story(desk):
        await desk.opened(tmp_path / "out")
        assert desk.dialog.told("set_wish").scope == "visible"
        query = desk.session.shown()[0].query
        desk.session.show(replace(desk.session.display, selection=frozenset({query})))
        desk.actions.trigger("export")
        assert desk.dialog.told("set_wish").scope == "selected"
        desk.presenter.toggle_format("scene", True)
        await desk.write()
        assert set(read_ply(tmp_path / "out" / "scene.ply").vertices["instance"]) == {query}
        desk.session.show(replace(desk.session.display, selection=frozenset()))
        desk.actions.trigger("export")
        assert desk.dialog.told("set_wish").scope == "visible"

    drive(story)


def test_another_scene_behind_the_dialog_has_a_folder_of_its_own():
    async def story(desk):
        await desk.workflow.open_folder(Path("/photos/kitchen"))
        desk.actions.trigger("export")
        assert desk.dialog.told("set_wish").folder.name == "kitchen-export"
        await desk.workflow.open_folder(Path("/photos/bath"))
        assert desk.dialog.told("set_wish").folder.name == "bath-export"
        desk.presenter.choose("folder", "/mine")
        await desk.workflow.open_folder(Path("/photos/hall"))
        assert desk.dialog.told("set_wish").folder == Path("/mine")
        await desk.settle()

    drive(story)


def test_a_voxel_too_small_is_told_in_the_preview(tmp_path):
    async def story(desk):
        await desk.opened(tmp_path / "out")
        desk.presenter.choose("voxel_size", 1e-9)
        await desk.settle()
        text, ready = desk.dialog.told("set_preview")
        assert "too small" in text
        assert not ready
        assert desk.failed == []

    drive(story)


def test_a_folder_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("x")

    async def story(desk):
        await desk.opened(tmp_path / "file" / "out")
        await desk.write()
        assert [type(error) for error in desk.failed] == [ExportError]
        assert sorted(tmp_path.iterdir()) == [tmp_path / "file"]

    drive(story)


def test_a_full_disk_is_told_leaves_nothing_and_can_be_tried_again(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "full")

    async def story(desk):
        await desk.opened(tmp_path / "Ausgabe" / "out")
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            await desk.write()
        (error,) = desk.failed
        assert str(tmp_path / "Ausgabe" / "out") in str(error)
        assert "is full" in str(error)
        assert ".part" not in str(error)
        assert list(tmp_path.iterdir()) == []
        assert desk.dialog.told("set_preview")[1]
        await desk.write()
        assert (tmp_path / "Ausgabe" / "out" / "report.json").exists()

    drive(story)


def test_closing_while_writing_leaves_nothing(tmp_path, held_writing):
    async def story(desk):
        await desk.opened(tmp_path / "out")
        desk.presenter.write()
        while not held_writing.is_set():
            await asyncio.sleep(0.002)
        await asyncio.wait_for(desk.workflow.close(), 2)
        assert list(tmp_path.iterdir()) == []
        assert desk.failed == []

    drive(story)


def test_eighty_instances_with_awkward_names_have_files_of_their_own(tmp_path):
    async def story(desk):
        desk.workflow._steps.reconstruction = synthetic_reconstruction(views=2, height=56, width=84, queries=80)
        await desk.opened(tmp_path / "椅子")
        there = [item.query for item in desk.session.shown()]
        awkward = ["N" * 200, "same", "same", "a/b", "../../x", "CON", "椅子", 'a"b:c*?']
        names = dict(zip(there, awkward, strict=False))
        desk.session.edit("x", replace(desk.session.edits, names=names, objectness_threshold=0.0))
        count = len(desk.session.shown())
        await desk.write()
        assert desk.failed == []
        files = list((tmp_path / "椅子" / "instances").iterdir())
        assert len(files) == count > 60
        for path in files:
            (query,) = set(read_ply(path).vertices["instance"].tolist())
            assert path.stem.endswith(f"{query:03d}")
        report = json.loads((tmp_path / "椅子" / "report.json").read_text())
        assert report["names"] == {str(query): name for query, name in names.items()}

    drive(story)


def test_scale_and_voxels_are_those_of_the_files(tmp_path):
    async def story(desk):
        await desk.opened(tmp_path)
        curated = desk.session.curated
        query = curated.shown[0].query
        wish = ExportWish(folder=tmp_path / "out", formats=("ply",), lengths="own", scale=2.0, voxel_size=0.2)
        order = desk.workflow.exporter.order(wish)
        written = await desk.workflow.exporter.write(order, overwrite=False)
        files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
        assert (written.files, written.bytes) == (len(files), sum(path.stat().st_size for path in files))
        path = tmp_path / "out" / next(name for name in planned(order) if f"{query:03d}" in name)
        points = np.stack([read_ply(path).vertices[axis] for axis in "xyz"], axis=1)
        cells = np.floor(points / 0.2).astype(int)
        assert len(np.unique(cells, axis=0)) == len(points) < len(curated.shown[0].pixels)
        whole = curated.reconstruction.cloud.points[curated.shown[0].pixels]
        assert points.max() <= 2 * whole.max() + 1e-5

    drive(story)


def test_impossible_lengths_are_refused():
    with pytest.raises(ConfigError, match="voxel_size"):
        ExportWish(voxel_size=-1)
    with pytest.raises(ConfigError, match="scale"):
        ExportWish(scale=0)


class TestCommand:
    plan = Plan(sources=(Path("/my photos/küche"),), settings=RunSettings(geometry="given", resolution=280))
    result = synthetic_reconstruction()

    def order(self, wish, edits=UNFILTERED, **display):
        session = Session(edits)
        session.open(self.result, Origin(folder=Path("/my photos/küche"), world_to_folder=tuple(np.eye(4).ravel())))
        session.edit("x", edits)
        session.show(replace(session.display, **display))
        return Exporter(session, None).order(wish)

    def words(self, wish, edits=UNFILTERED, plan=None, **display):
        text = segment_command(plan or self.plan, self.order(wish, edits, **display))
        *comments, call = text.split("\n")
        assert all(line.startswith("# not in this call: ") for line in comments)
        return comments, shlex.split(call)

    def test_it_says_what_differs_from_the_defaults(self):
        wish = ExportWish(
            folder=Path("/out dir"), formats=("ply", "glb"), colors="photo", voxel_size=0.05, lengths="own", scale=2.5
        )
        comments, words = self.words(wish, replace(Edits(), objectness_threshold=0.45))
        assert comments == []
        assert words[:3] == ["fast3dis", "segment", "/my photos/küche"]
        options = dict(zip(words[3::2], words[4::2], strict=True))
        assert options == {
            "--out": "/out dir", "--size": "nano", "--resolution": "280", "--geometry": "given", "--max-views": "50",
            "--objectness-threshold": "0.45", "--exports": "ply,glb", "--colors": "photo", "--voxel-size": "0.05",
            "--scale": "2.5",
        }  # fmt: skip

    def test_what_the_user_made_of_instances_is_said(self):
        first, second, third, fourth, *_ = (item.query for item in self.result.instances)
        edits = replace(
            UNFILTERED,
            names={first: "Große Vase"},
            colors={first: (1, 2, 255)},
            merged=((first, second),),
            hidden=frozenset({third}),
            scale=0.25,
        )
        comments, words = self.words(ExportWish(folder=Path("/o"), frame="folder"), edits, palette="safe")
        assert comments == []
        text = shlex.join(words)
        for part in (
            f"--hide {third}", f"--merge {first},{second}", f"--name '{first}=Große Vase'",
            f"--color '{first}=#0102ff'", "--meters 0.25", "--frame folder", "--palette safe",
            "--instance-colors instance",
        ):  # fmt: skip
            assert part in text
        assert "--queries" not in text
        assert "--claimed-only" not in text
        chosen = frozenset({fourth})
        _, words = self.words(ExportWish(folder=Path("/o"), scope="selected"), edits, selection=chosen)
        assert words[words.index("--queries") + 1] == str(fourth)
        assert "--claimed-only" in words
        assert "--name" not in words
        _, words = self.words(ExportWish(folder=Path("/o"), scope="all"), edits)
        assert not {"--hide", "--queries"} & set(words)

    def test_what_cannot_be_said_is_said_in_comments(self):
        edits = replace(UNFILTERED, interventions=Interventions(muted_queries=frozenset({3})))
        comments, _ = self.words(ExportWish(folder=Path("/o")), edits, layer=1)
        assert [line.removeprefix("# not in this call: ") for line in comments] == [
            "experiments inside the decoder",
            "masks of decoder layer 1",
        ]

    def photos(self, *names, folder="/my photos/küche", **values):
        return tuple(Photo(source=PhotoSource(Path(folder) / name), name=name, **values) for name in names)

    def views(self, plan):
        comments, words = self.words(ExportWish(folder=Path("/o")), plan=plan)
        assert comments == []
        assert ("--view" in words) != ("--max-views" in words)
        return words[2], [value for option, value in pairwise(words) if option == "--view"]

    def test_photos_are_named_where_the_choice_or_the_order_is_the_users(self):
        usual = self.photos("v2.png", "v10.png", "v11.png")
        folder = "/my photos/küche"
        assert self.views(replace(self.plan, photos=usual)) == (folder, [])
        assert self.views(replace(self.plan, photos=usual[::-1])) == (folder, ["v11.png", "v10.png", "v2.png"])
        left_out = (usual[0], replace(usual[1], included=False), usual[2])
        assert self.views(replace(self.plan, photos=left_out)) == (folder, ["v2.png", "v11.png"])
        damaged = (replace(usual[0], problem="v2.png is damaged"), *usual[1:])
        assert self.views(replace(self.plan, photos=damaged)) == (folder, ["v10.png", "v11.png"])

    def test_several_sources_and_videos_are_one_scene_by_the_names_of_their_photos(self):
        elsewhere = self.photos("b.png", folder="/other")
        sources = (Path("/my photos/küche"), Path("/other"))
        plan = replace(self.plan, sources=sources, photos=(*self.photos("a.png"), *elsewhere))
        assert self.views(plan) == ("/my photos", ["küche/a.png", "/other/b.png"])
        one = Path("/my photos/küche/a.png")
        assert self.views(replace(self.plan, sources=(one,), photos=self.photos("a.png"))) == (
            "/my photos/küche", ["a.png"],
        )  # fmt: skip
        clip = Path("/clips/walk.mp4")
        frames = tuple(Photo(source=PhotoSource(clip, n), name=f"walk.mp4#{n:06d}") for n in (0, 40))
        plan = replace(self.plan, sources=(clip,), photos=frames)
        assert self.views(plan) == ("/clips/walk.mp4", ["walk.mp4#0", "walk.mp4#40"])

    def test_moved_anchors_are_said_but_for_those_of_new_queries(self):
        moved = (
            AnchorOverride(query=3, position=(-0.1, 1 / 3, 2.0)),
            AnchorOverride(query=0, position=(1.0, 0.0, 4.5), pinned=True),
            AnchorOverride(query=4, position=(0.0, 0.0, 1.0)),
        )
        edits = replace(UNFILTERED, overrides=moved[:2])
        comments, words = self.words(ExportWish(folder=Path("/o")), edits)
        assert comments == []
        anchors = [value for option, value in pairwise(words) if option == "--anchor"]
        assert anchors == ["0=1,0,4.5,pinned", "3=-0.1,0.3333333333333333,2"]
        assert parse_anchors(anchors) == moved[1::-1]
        prompts = (AnchorPrompt(position=(0.0, 0.0, 2.0)),)  # the last of the result's five queries
        edits = replace(UNFILTERED, overrides=moved, interventions=Interventions(prompts=prompts))
        comments, words = self.words(ExportWish(folder=Path("/o")), edits)
        assert len(comments) == 1
        assert len([word for word in words if word == "--anchor"]) == 2

    def test_no_digit_of_a_threshold_is_lost(self):
        threshold = 0.1 + 0.2  # 0.30000000000000004
        edits = replace(Edits(), objectness_threshold=threshold, confidence_percentile=25.0)
        _, words = self.words(ExportWish(folder=Path("/o"), lengths="own", scale=1 / 3), edits)
        assert float(words[words.index("--objectness-threshold") + 1]) == threshold
        assert float(words[words.index("--scale") + 1]) == 1 / 3
        assert words[words.index("--confidence-percentile") + 1] == "25"

    def test_the_command_line_understands_it(self):
        from typer.testing import CliRunner

        from fast3dis_core.cli import app

        first, second, third, *_ = (item.query for item in self.result.instances)
        edits = replace(
            UNFILTERED, names={first: "a=b"}, colors={third: (1, 2, 3)}, merged=((first, second),), scale=2.0
        )
        wish = ExportWish(folder=Path("/nowhere/out"), frame="folder", rest=False)
        _, words = self.words(wish, edits, selection=frozenset({third}), palette="safe")
        result = CliRunner().invoke(app, [*words[1:], "--dry-run"])
        assert "No such option" not in result.output
        assert result.exit_code == 3, result.output  # the photos are not there


@pytest.mark.slow
@pytest.mark.parametrize("wishes", ["plain", "all", "other photos", "predicted"])
def test_the_copied_command_writes_the_files_of_the_window(tmp_path, wishes):
    """The bundled sample through the window's steps and through the command line."""
    import subprocess
    import sys

    from app.core_steps import CoreSteps

    sample = Path(__file__).parents[2] / "resources" / "samples" / "study"
    formats = ("ply", "scene", "masks", "npz", "report")

    async def story():
        session = Session(replace(Edits(), objectness_threshold=0.35))
        geometry = "predicted" if wishes == "predicted" else "given"
        workflow = Workflow(session, Worker(), CoreSteps(), RunSettings(geometry=geometry))
        wish = ExportWish(folder=tmp_path / "window", formats=formats)
        try:
            if wishes in ("other photos", "predicted"):
                session.edit("x", replace(session.edits, objectness_threshold=0.2))
                plan = await workflow.survey([sample])
                first, second, third, fourth, *_ = plan.photos
                await workflow.run(plan.with_photos((fourth, second, replace(third, included=False), first)))
                surest, other = session.shown()[:2]
                place = session.reconstruction.cloud.points[other.pixels].mean(axis=0)
                position = tuple(float(value) for value in place)
                edits = replace(session.edits, overrides=(AnchorOverride(query=surest.query, position=position),))
                session.edit("Move anchor", edits)
                while workflow.busy:
                    await asyncio.sleep(0.01)
                assert session.reconstruction.names == tuple(photo.name for photo in (fourth, second, first))
                assert len(session.shown()) > 1
            else:
                await workflow.open_folder(sample)
            if wishes == "all":
                first, second, third, fourth, *_ = (item.query for item in session.shown())
                edits = replace(
                    session.edits,
                    names={first: "Große Vase/2", fourth: "x" * 200},
                    colors={fourth: (10, 200, 30)},
                    merged=((first, second),),
                    hidden=frozenset({third}),
                    scale=0.75,
                )
                session.edit("x", edits)
                session.show(replace(session.display, palette="safe"))
                wish = replace(wish, frame="folder", rest=False, voxel_size=0.02)
            order = workflow.exporter.order(wish)
            await workflow.exporter.write(order, overwrite=False)
            return segment_command(workflow.ran, replace(order, wish=replace(wish, folder=tmp_path / "line")))
        finally:
            await workflow.close()

    text = asyncio.run(story())
    *comments, text = text.split("\n")
    assert comments == ([] if wishes == "all" else ["# not in this call: " + WHOLE_ARCHIVE])
    program = "from fast3dis_core.cli import main; main()"
    subprocess.run([sys.executable, "-c", program, *shlex.split(text)[1:]], check=True, capture_output=True)
    window, line = tmp_path / "window", tmp_path / "line"
    names = sorted(path.relative_to(window) for path in window.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(line) for path in line.rglob("*") if path.is_file())
    assert len(names) > 4
    for name in (name for name in names if name.suffix == ".ply"):
        one, two = read_ply(window / name), read_ply(line / name)
        assert one.comments == two.comments
        one, two = one.vertices, two.vertices
        assert abs(len(one) - len(two)) <= max(2, 0.002 * len(two)), name  # depth is told from points to rounding
        if len(one) == len(two) and wishes != "all":
            assert np.array_equal(one["x"], two["x"])
            assert np.array_equal(one["instance"], two["instance"])
            assert np.array_equal(one["red"], two["red"])
    labels = [read_npz_labels(folder / "reconstruction.npz") for folder in (window, line)]
    assert labels[0].names == labels[1].names
    assert labels[0].colors.items() <= labels[1].colors.items()
    assert wishes != "all" or labels[0] == labels[1]
    told = [json.loads((folder / "report.json").read_text())["result"] for folder in (window, line)]
    for key in ("units", "frame", "transform", "objectness_threshold", "views"):
        assert told[0].get(key) == told[1].get(key), key
    for one, two in zip(*(result["instances"] for result in told), strict=True):
        assert [one[key] for key in ("query", "name", "color")] == [two[key] for key in ("query", "name", "color")]
        assert one["centroid"] == pytest.approx(two["centroid"], rel=1e-2, abs=1e-2)


def test_the_folder_is_beside_the_photos_but_not_within_the_program(tmp_path):
    assert default_folder(tmp_path / "küche") == tmp_path / "küche-export"
    sample = Path(__file__).parents[2] / "resources" / "samples" / "study"
    assert default_folder(sample) == Path.home() / "study-export"
    assert default_folder(Path("/nowhere/at/all")) == Path.home() / "all-export"
