"""Log, report and about without a window."""

import logging
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from app import report
from app.actions import Actions
from app.presenters.records import RecordsPresenter
from app.session.plan import RunSettings
from app.session.session import Activity, Origin, Session
from fast3dis_core.errors import ImageFolderError
from fast3dis_core.interventions import Interventions
from fast3dis_core.reconstruction import AnchorOverride
from tests.app.standins import UNFILTERED, Recorder
from tests.scenes import synthetic_reconstruction


@pytest.fixture
def panel():
    return Recorder()


@pytest.fixture
def told():
    return {}


@pytest.fixture
def presenter(panel, told):
    presenter = RecordsPresenter(
        Session(UNFILTERED),
        Actions(),
        panel,
        settings=lambda: RunSettings(size="base", weights=Path.home() / "private" / "mine.safetensors"),
        copy=lambda text: told.update(copied=text),
        show_about=lambda *shown: told.update(about=shown),
        post=lambda function, *arguments: function(*arguments),
    )
    yield presenter
    presenter.book.detach()


def test_records_of_every_thread_reach_the_panel_and_levels_filter(presenter, panel):
    thread = threading.Thread(target=logging.getLogger("fast3dis_core.images").info, args=("read 3 photos",))
    thread.start()
    thread.join()
    assert "fast3dis_core.images: read 3 photos" in panel.told("add_line")[1]
    logging.getLogger("app.workflow").warning("slow")
    presenter.set_level(logging.WARNING)
    (line,) = panel.told("set_lines")
    assert line[0] == logging.WARNING
    panel.calls.clear()
    logging.getLogger("app").info("quiet")
    assert panel.calls == []
    presenter.clear()
    assert panel.told("set_lines") == []


def test_nothing_is_heard_after_detaching(presenter, panel):
    presenter.book.detach()
    logging.getLogger("app").warning("late")
    assert "add_line" not in panel.calls


def test_the_report_has_what_an_issue_needs_and_no_home(presenter, told):
    session = presenter._session
    session.describe_environment("PyTorch 2 · CPU")
    session.message("Wrote a file")
    session.fail(ImageFolderError(f"No images in {Path.home()}/photos"))
    presenter.copy_report()
    text = told["copied"]
    for part in ("Python: ", "Memory: ", "PyTorch 2 · CPU", "size: base", "mask 0.50", "Wrote a file"):
        assert part in text
    assert "ImageFolderError: No images in ~/photos" in text
    assert str(Path.home()) not in text
    assert "~/private/mine.safetensors" in text


def test_the_report_says_what_is_open_and_in_force_but_no_names(presenter):
    session, result = presenter._session, synthetic_reconstruction()
    session.open(result, Origin(folder=Path.home() / "photos", model="nano · CPU", seconds=2.0))
    first, second, third = (item.query for item in session.shown()[:3])
    edits = replace(
        session.edits,
        objectness_threshold=0.31,
        minimum_points=20,
        hidden=frozenset({first}),
        merged=((second, third),),
        names={second: "grandmother's chair"},
        colors={third: (255, 0, 0)},
        overrides=(AnchorOverride(query=first, position=(0.0, 0.0, 1.0), pinned=True),),
        interventions=Interventions(muted_views=frozenset({1})),
        scale=0.5,
    )
    session.edit("x", edits)
    session.show(replace(session.display, color_mode="depth", palette="safe", layer=1))
    shown = len([item for item in session.curated.instances if item.verdict == "shown"])
    text = presenter.report()
    for line in (
        "result: 3 views of 42 x 28, predicted geometry, 2.0 s",
        "saved: no file, with unsaved changes",
        "thresholds: objectness 0.31, mask 0.50",
        "filters: at least 20 points, least confident 0 %, depth edge off, duplicates off",
        f"shown: {shown} of {len(session.curated.instances)} instances (1 by hidden",
        "colors: depth, safe palette, 1 color of the user's",
        "looked at: view 0, layer 1, selected nothing",
        f"hidden: {first}",
        f"pinned anchors: {first}",
        f"merged: {second}+{third}",
        f"renamed: {second}",
        "scale: 1 scene unit is 0.5 m",
        "muted views: 1",
    ):
        assert f"\n  {line}" in text, line
    assert "grandmother" not in text


def test_about_names_weights_data_and_packages_with_licenses(presenter, told):
    presenter.about()
    title, _, tables = told["about"]
    assert title == "fast3dis-viewer"
    by_name = dict(tables)
    assert {"Weights", "Data", "Packages"} == set(by_name)
    assert any("nano" in row[0] and "Apache-2.0" in row[2] for row in by_name["Weights"])
    assert {"torch", "pyside6-essentials", "vtk"} <= {row[0] for row in by_name["Packages"]}
    assert all(row[1] and row[2] for row in by_name["Packages"])


def test_the_home_directory_is_replaced_everywhere():
    assert report.without_home(f"a {Path.home()}/b c {Path.home()}") == "a ~/b c ~"


def test_finished_steps_are_noted_once(presenter):
    first = Activity(job="Segmenting kitchen", step="Feature pass", finished=(("Geometry pass", 1.25),))
    presenter._session.report(first)
    presenter._session.report(replace(first, fraction=0.5))
    noted = [line.text for line in presenter.book.lines]
    assert noted == ["Segmenting kitchen: Geometry pass took 1.2 s"]
