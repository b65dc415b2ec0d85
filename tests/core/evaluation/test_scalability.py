"""The efficiency study: growth that is known, measurements that end badly, and files that say what was measured."""

import csv
import io
import json
import signal
import sys
from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

from fast3dis_core.cli import app
from fast3dis_core.errors import Cancelled, CheckpointError, ConfigError, EvaluationError
from fast3dis_core.evaluation import scalability
from fast3dis_core.evaluation.published import FIGURE_2
from fast3dis_core.evaluation.rooms import photograph_room
from fast3dis_core.evaluation.scalability import BenchmarkSettings, Measurement, measure, run_benchmark
from fast3dis_core.evaluation.scalability_report import (
    benchmark_result,
    chart_text,
    csv_text,
    growth,
    own,
    page_text,
    total,
)

SIZE = (28, 42)
PIXELS = SIZE[0] * SIZE[1]
SETTINGS = BenchmarkSettings(
    photos="", views=(2, 3), weights="random", device="cpu", resolution=42, repeats=2, limit=120.0
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    photograph_room(folder, 1_000_000_000, views=14, size=SIZE)
    return folder


def made_up(line, views, seconds, outcome="done"):
    done = outcome == "done"
    steps = {"Geometry pass": 1.0, "Anchors and queries": seconds} if done else {}
    return Measurement(
        line=line, views=views, outcome=outcome, points=views * 100, clustered=0, runs=1, seconds=steps,
        cpu_seconds={step: 2 * value for step, value in steps.items()},
        peak_memory={step: {"machine": 10**9 * views} for step in steps},
        about={"device": "cpu (test)", "status": "trained"} if done else {},
    )  # fmt: skip


MADE_UP = (
    made_up("fast3dis", 2, 0.2), made_up("clustering", 2, 4.0), made_up("fast3dis", 4, 0.4),
    made_up("clustering", 4, 0, "out of memory"), made_up("fast3dis", 8, 0.8), made_up("clustering", 8, 0, "not run"),
)  # fmt: skip


@pytest.mark.parametrize("exponent", [0.0, 1.0, 1.83, 3.0])
def test_a_power_law_is_found_again(exponent):
    views = (2, 4, 8, 32)
    found = growth(views, [0.7 * count**exponent for count in views])
    assert found["exponent"] == pytest.approx(exponent, abs=1e-9)
    assert found["last"] == pytest.approx(exponent, abs=1e-9)
    assert found["r2"] == pytest.approx(1.0)
    assert (found["points"], found["first_views"], found["last_views"]) == (4, 2, 32)


def test_growth_needs_two_points():
    assert growth((2,), (1.0,)) is None
    assert growth((2, 4), (0.0, 1.0)) is None
    bent = growth((2, 4, 8), (1.0, 2.0, 8.0))
    assert bent["last"] == pytest.approx(2.0)
    assert 1.0 < bent["exponent"] < 2.0
    assert bent["r2"] < 1


def test_linear_cost_is_told_from_fixed_cost():
    views = (2, 4, 8, 16, 32)
    found = growth(views, [0.01 + 0.001 * count for count in views])
    assert found["exponent"] < 0.6  # though it is linear
    assert (found["fixed"], found["per_view"], found["linear_r2"]) == pytest.approx((0.01, 0.001, 1.0))
    square = growth(views, [0.001 * count**2 for count in views])
    assert square["linear_r2"] < 0.97


def test_the_paper_itself_grows_as_the_specification_says():
    ours = FIGURE_2[0].seconds
    assert growth((30, 50), (ours[30], ours[50]))["exponent"] == pytest.approx(1.66, abs=0.01)
    assert growth((50, 350), (ours[50], ours[350]))["exponent"] == pytest.approx(1.86, abs=0.01)


def test_every_file_tells_what_was_measured_and_what_was_not():
    settings = replace(SETTINGS, views=(2, 4, 8))
    result = json.loads(json.dumps(benchmark_result(settings, MADE_UP, clock="cpu", title="A room")))
    assert result["growth"]["fast3dis: Anchors and queries"]["exponent"] == pytest.approx(1.0)
    assert "clustering" not in result["growth"]
    rows = list(csv.DictReader(io.StringIO(csv_text(result))))
    measured = {(row["line"], row["views"], row["step"]): row for row in rows if row["source"] == "measured"}
    assert float(measured["fast3dis", "4", "total"]["cpu_seconds"]) == pytest.approx(2.8)
    assert float(measured["fast3dis", "4", "total"]["seconds"]) == pytest.approx(1.4)
    assert measured["fast3dis", "8", "total"]["peak_machine_bytes"] == "8000000000"
    assert measured["clustering", "4", "total"]["outcome"] == "out of memory"
    assert measured["clustering", "4", "total"]["seconds"] == ""
    reported = {(row["line"], row["views"]): row for row in rows if row["source"] == "reported"}
    assert reported["FAST3DIS", "350"]["seconds"] == "682.7"
    assert all("H200" in row["hardware"] for row in reported.values())
    page = page_text(result, plot="benchmark.svg")
    assert "| 4 | 400 | 2.8 | 0.8 | 4.00 | out of memory | – | – |" in page
    assert "(reported)" in page
    assert "cpu (test)" in page
    chart = chart_text(result)
    assert "out of memory" in chart
    assert "one NVIDIA H200, reported" in chart
    assert "here: cpu (test)" in chart


def test_the_clock_decides_what_is_summed():
    row = benchmark_result(SETTINGS, MADE_UP, clock="wall", title="")["measurements"][0]
    assert (total(row, "wall"), total(row, "cpu"), own(row, "wall")) == pytest.approx((1.2, 2.4, 0.2))


def test_a_measurement_has_every_step_of_its_line(photos):
    begun = []
    settings = replace(SETTINGS, photos=str(photos))
    ours = measure(settings, "fast3dis", 2, begin=lambda: begun.append(1))
    assert len(begun) == ours.runs == 2
    assert (ours.outcome, ours.points, ours.clustered) == ("done", 2 * PIXELS, 0)
    passes = {"Reading photos", "Geometry pass", "Feature pass", "Pixel decoder"}
    assert passes | {"Anchors and queries", "Assembling instances"} <= set(ours.seconds)
    assert set(ours.seconds) == set(ours.cpu_seconds) == set(ours.peak_memory)
    clustered = measure(replace(settings, most_points=300), "clustering", 2)
    assert clustered.clustered == 300
    assert passes | {"Smoothing features", "Clustering features"} <= set(clustered.seconds)
    assert measure(replace(settings, repeats=1), "clustering", 2).clustered == 2 * PIXELS


def test_more_photos_than_one_walk_has_are_all_different(photos):
    contents = {path.read_bytes() for path in photos.iterdir()}
    assert len(contents) == 14


def test_what_cannot_be_measured_is_refused(photos, tmp_path):
    with pytest.raises(ConfigError, match="expected 20 photos, found 14"):
        run_benchmark(replace(SETTINGS, photos=str(photos), views=(2, 20)))
    for wrong in ({"views": ()}, {"views": (0,)}, {"repeats": 0}, {"limit": 0.0}, {"lines": ("other",)}):
        with pytest.raises(ConfigError, match="expected"):
            replace(SETTINGS, **wrong)


def test_a_line_that_was_stopped_is_not_tried_with_more_views(photos, monkeypatch):
    asked = []

    def measured(settings, line, views, report, step):
        asked.append((line, views))
        return made_up(line, views, 1.0, "over time" if (line, views) == ("clustering", 3) else "done")

    monkeypatch.setattr(scalability, "_measured_apart", measured)
    kept = []
    found = run_benchmark(replace(SETTINGS, photos=str(photos), views=(4, 2, 3)), keep=kept.append)
    assert asked == [("fast3dis", 2), ("clustering", 2), ("fast3dis", 3), ("clustering", 3), ("fast3dis", 4)]
    assert [entry.outcome for entry in found] == ["done", "done", "done", "over time", "done", "not run"]
    assert tuple(kept) == found


# --- processes -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_each_measurement_is_a_process_of_its_own(photos):
    found = run_benchmark(replace(SETTINGS, photos=str(photos), views=(2,), lines=("fast3dis",), repeats=1))
    assert [(entry.outcome, entry.runs) for entry in found] == [("done", 1)]
    assert found[0].about["device"].startswith("cpu (")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process cannot be kept from taking memory")
@pytest.mark.parametrize(
    ("change", "outcome"), [({"memory_limit": 120_000_000}, "out of memory"), ({"limit": 1e-3}, "over time")]
)
def test_too_much_memory_or_time_is_a_result(photos, change, outcome):
    settings = replace(SETTINGS, photos=str(photos), views=(14,), lines=("fast3dis",), **change)
    assert [entry.outcome for entry in run_benchmark(settings)] == [outcome]


@pytest.mark.slow
def test_errors_and_cancelling_come_through(photos, tmp_path):
    settings = replace(SETTINGS, photos=str(photos), lines=("fast3dis",))
    with pytest.raises(CheckpointError):
        run_benchmark(replace(settings, weights=str(tmp_path / "none.safetensors")))
    told = []

    def stop(step, fraction):
        told.append(step)
        if len(told) > 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        run_benchmark(settings, report=stop)


@pytest.mark.slow
def test_one_command_from_views_to_plot(photos, tmp_path):
    arguments = ["benchmark", "--photos", photos, "--views", "2,3", "--resolution", 42, "--weights", "random"]
    arguments += ["--device", "cpu", "--line", "fast3dis", "--repeats", 1, "--clock", "cpu", "--out", tmp_path / "out"]
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.stderr
    assert "FAST3DIS grows as views^" in done.stdout
    names = {"benchmark.json", "benchmark.csv", "benchmark.svg", "benchmark.md"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    result = json.loads((tmp_path / "out" / "benchmark.json").read_text())
    assert [row["views"] for row in result["measurements"]] == [2, 3]
    assert result["growth"]["fast3dis"]["points"] == 2


@pytest.mark.skipif(sys.platform == "win32", reason="processes end without signals there")
def test_a_process_that_the_system_ended_ran_out_of_memory():
    class Ended:
        exitcode = -signal.SIGKILL

        def join(self):
            pass

    assert scalability._after_death("clustering", 8, Ended()).outcome == "out of memory"
    Ended.exitcode = -signal.SIGSEGV
    with pytest.raises(EvaluationError, match="ended with code -11"):
        scalability._after_death("clustering", 8, Ended())


def test_views_that_are_no_numbers_are_refused():
    for views in ("two", "0,2", ""):
        done = CliRunner().invoke(app, ["benchmark", "--views", views])
        assert (done.exit_code, "--views: expected numbers" in done.stderr) == (2, True)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_is_waited_for_and_its_memory_measured(photos):
    found = measure(replace(SETTINGS, photos=str(photos), device="cuda"), "fast3dis", 3)
    assert all(peak["device"] > 0 for step, peak in found.peak_memory.items() if step != "Reading photos")
    assert found.about["device"].startswith("cuda")
