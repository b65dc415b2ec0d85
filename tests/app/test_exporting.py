"""Exports: what is seen is what is written, nothing is replaced unasked, and the copied command comes to the same."""

import asyncio
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.actions import Actions
from app.command_text import segment_command
from app.exporter import pack
from app.presenters.exporting import ExportPresenter
from app.session.edits import Edits
from app.session.export_wish import ExportWish
from app.session.plan import Photo, Plan, RunSettings
from app.session.session import Session
from app.worker import Worker
from app.workflow import Workflow
from fast3dis_core.errors import ConfigError, ExportError
from fast3dis_core.exports import read_npz, read_ply
from fast3dis_core.interventions import Interventions
from tests.app.standins import UNFILTERED, Recorder, StandInQuestions, StandInSteps


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
        self.actions.trigger("export_as")
        self.presenter.choose("folder", folder)
        await self.settle()

    async def write(self):
        self.presenter.write()
        await self.settle()


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
        assert ready
        desk.presenter.choose("scope", "selected")
        await desk.settle()
        assert desk.dialog.told("set_preview") == ("No instance is selected.", False)
        for name in ("ply", "report"):
            desk.presenter.toggle_format(name, False)
        assert desk.dialog.told("set_preview") == ("Choose at least one format.", False)

    drive(story)


@pytest.mark.parametrize("agrees", [True, False])
def test_existing_files_are_asked_about(tmp_path, agrees):
    async def story(desk):
        await desk.opened(tmp_path)
        (tmp_path / "report.json").write_text("precious")
        await desk.write()
        assert desk.questions.asked == ["replace 1"]
        assert ((tmp_path / "report.json").read_text() == "precious") != agrees
        assert (tmp_path / "instances").exists() == agrees

    drive(story, overwrite_answer=agrees)


def test_a_folder_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("x")

    async def story(desk):
        await desk.opened(tmp_path / "file" / "out")
        await desk.write()
        assert [type(error) for error in desk.failed] == [ExportError]
        assert sorted(tmp_path.iterdir()) == [tmp_path / "file"]

    drive(story)


def test_scale_and_voxels_are_those_of_the_files(tmp_path):
    async def story(desk):
        await desk.opened(tmp_path)
        curated = desk.session.curated
        query = curated.shown[0].query
        wish = ExportWish(folder=tmp_path, formats=("ply",), scale=2.0, voxel_size=0.2)
        package = pack(curated, frozenset({query}), wish)
        await desk.workflow.exporter.write(wish, overwrite=False)
        path = tmp_path / next(name for name in package.files if f"{query:03d}" in name)
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

    def words(self, wish, edits=UNFILTERED, queries=frozenset({1, 2}), all_shown=True):
        text = segment_command(self.plan, wish, edits, queries, all_shown=all_shown)
        *comments, call = text.split("\n")
        assert all(line.startswith("# not in this call: ") for line in comments)
        return comments, shlex.split(call)

    def test_it_says_what_differs_from_the_defaults(self):
        wish = ExportWish(folder=Path("/out dir"), formats=("ply", "glb"), colors="photo", voxel_size=0.05, scale=2.5)
        comments, words = self.words(wish, replace(Edits(), objectness_threshold=0.45), all_shown=False)
        assert comments == []
        assert words[:3] == ["fast3dis", "segment", "/my photos/küche"]
        options = dict(zip(words[3::2], words[4::2], strict=True))
        assert options == {
            "--out": "/out dir", "--size": "nano", "--resolution": "280", "--geometry": "given", "--max-views": "50",
            "--objectness-threshold": "0.45", "--exports": "ply,glb", "--colors": "photo", "--voxel-size": "0.05",
            "--scale": "2.5", "--queries": "1,2",
        }  # fmt: skip

    def test_what_cannot_be_said_is_said_in_comments(self):
        edits = replace(
            UNFILTERED,
            names={1: "x"},
            merged=((1, 2),),
            hidden=frozenset({4}),
            interventions=Interventions(muted_queries=frozenset({3})),
        )
        comments, _ = self.words(ExportWish(folder=Path("/o"), rest=False), edits)
        assert len(comments) == 5

    @pytest.mark.parametrize(("names", "said"), [(("v2.png", "v10.png"), 0), (("v10.png", "v2.png"), 1)])
    def test_another_order_of_the_photos_is_said(self, names, said):
        photos = tuple(Photo(source=Path("/photos") / name, name=name) for name in names)
        plan = replace(self.plan, photos=photos)
        text = segment_command(plan, ExportWish(folder=Path("/o")), UNFILTERED, frozenset({1}), all_shown=True)
        assert text.count("photos in another order") == said

    def test_no_digit_of_a_threshold_is_lost(self):
        threshold = 0.1 + 0.2  # 0.30000000000000004
        edits = replace(Edits(), objectness_threshold=threshold, confidence_percentile=25.0)
        _, words = self.words(ExportWish(folder=Path("/o"), scale=1 / 3), edits)
        assert float(words[words.index("--objectness-threshold") + 1]) == threshold
        assert float(words[words.index("--scale") + 1]) == 1 / 3
        assert words[words.index("--confidence-percentile") + 1] == "25"

    def test_the_command_line_understands_it(self, monkeypatch):
        from typer.testing import CliRunner

        from fast3dis_core.cli import app

        _, words = self.words(ExportWish(folder=Path("/nowhere/out")))
        result = CliRunner().invoke(app, [*words[1:], "--dry-run"])
        assert "No such option" not in result.output
        assert result.exit_code == 3, result.output  # the photos are not there


@pytest.mark.slow
def test_the_copied_command_writes_the_points_of_the_window(tmp_path):
    """The bundled sample through the window's steps and through the command line."""
    import subprocess
    import sys

    from app.core_steps import CoreSteps

    sample = Path(__file__).parents[2] / "resources" / "samples" / "study"

    async def story():
        session = Session(replace(Edits(), objectness_threshold=0.35))
        workflow = Workflow(session, Worker(), CoreSteps(), RunSettings(geometry="given"))
        try:
            await workflow.open_folder(sample)
            wish = ExportWish(folder=tmp_path / "window", formats=("ply", "scene"))
            await workflow.exporter.write(wish, overwrite=False)
            other = replace(wish, folder=tmp_path / "line")
            queries = workflow.exporter.queries(other)
            return segment_command(session.plan, other, session.edits, queries, all_shown=True)
        finally:
            await workflow.close()

    call = shlex.split(asyncio.run(story()).split("\n")[-1])
    program = "from fast3dis_core.cli import main; main()"
    subprocess.run([sys.executable, "-c", program, *call[1:]], check=True, capture_output=True)
    window, line = tmp_path / "window", tmp_path / "line"
    names = sorted(path.relative_to(window) for path in window.rglob("*.ply"))
    assert names == sorted(path.relative_to(line) for path in line.rglob("*.ply"))
    assert len(names) > 2
    for name in names:
        one, two = read_ply(window / name).vertices, read_ply(line / name).vertices
        assert abs(len(one) - len(two)) <= max(2, 0.002 * len(two)), name  # depth is told from points to rounding
        if len(one) == len(two):
            assert np.array_equal(one["x"], two["x"])
            assert np.array_equal(one["instance"], two["instance"])
