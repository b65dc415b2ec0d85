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
from app.session.session import Activity, Session
from fast3dis_core.errors import ImageFolderError
from tests.app.standins import UNFILTERED, Recorder


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
    for part in ("Python: ", "Memory: ", "PyTorch 2 · CPU", "size: base", "edits.mask_threshold", "Wrote a file"):
        assert part in text
    assert "ImageFolderError: No images in ~/photos" in text
    assert str(Path.home()) not in text
    assert "~/private/mine.safetensors" in text


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
